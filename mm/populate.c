/* SPDX-License-Identifier: Apache-2.0 */
/* Finds memory for the pages of a vma (anonymous, from a file, or a copy of one), notes it in the
 * tree of backings and tells the platform, so that both always agree. See the header. */
#include "mm/populate.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "host/fixup.h"
#include "mm/filecache.h"
#include "util/minmax.h"

/* One host call gets so much, in which a kick does not interrupt it. */
#define BRING_IN_UNIT (4UL << 20)

/* A private file mapping's page before it is written to. */
static bool is_text(const struct vma *v, const struct backing *b)
{
	return v->source && b->cow && !b->owned && !(v->flags & VMA_SPECIAL);
}

unsigned mm_rights(const struct vma *v, const struct backing *b)
{
	unsigned rights = v->prot;

	if (rights)
		rights |= GUEST_READ;
	if (rights & GUEST_EXEC && !(rights & GUEST_WRITE) && is_text(v, b))
		rights |= GUEST_TEXT;
	return b->cow ? rights & ~(unsigned)GUEST_WRITE : rights;
}

int mm_unmap_range(struct mm *mm, gva_t start, gva_t end)
{
	return mm->host->platform->space_unmap(mm->space, start, gva_diff(end, start));
}

int mm_map_range(struct mm *mm, gva_t start, gva_t end)
{
	lock_assert_held_write(&mm->lock);
	vma_for_range (v, mm, start, end) {
		gva_t low = gva_max(v->start, start), high = gva_min(v->end, end);
		backing_for_range (b, mm, low, high) {
			gva_t from = gva_max(b->start, low), to = gva_min(b->end, high);
			int err;

			if (!v->prot)
				break;
			if (b->left)
				continue;
			err = mm->host->platform->space_map(mm->space, from, gva_diff(to, from),
							    mm_rights(v, b), b->mf,
							    backing_off(b, from));
			if (err)
				return err;
		}
	}
	return 0;
}

int mm_map_left(struct mm *mm, struct backing *b)
{
	gva_t start = b->start, end = b->end;

	b->left = false;
	int err = mm_map_range(mm, start, end);
	backing_merge(mm, start, end);
	return err;
}

static int protect(struct mm *mm, gva_t start, gva_t end, unsigned rights)
{
	if (gva_le(end, start))
		return 0;
	return mm->host->platform->space_protect(mm->space, start, gva_diff(end, start), rights);
}

/* One call for each run of equal rights without a hole: what was never touched costs nothing. */
static int protect_vma(struct mm *mm, const struct vma *v, gva_t low, gva_t high)
{
	gva_t from = low, to = low;
	unsigned rights = 0;

	backing_for_range (b, mm, low, high) {
		gva_t start = gva_max(b->start, low);

		if (b->left)
			continue;
		if (!gva_eq(start, to) || mm_rights(v, b) != rights) {
			int err = gva_lt(from, to) && mm_killed(mm) ? -EINTR
								    : protect(mm, from, to, rights);
			if (err)
				return err;
			from = start;
		}
		rights = mm_rights(v, b);
		to = gva_min(b->end, high);
	}
	return protect(mm, from, to, rights);
}

int mm_protect_range(struct mm *mm, gva_t start, gva_t end)
{
	lock_assert_held_write(&mm->lock);
	vma_for_range (v, mm, start, end) {
		int err = protect_vma(mm, v, gva_max(v->start, start), gva_min(v->end, end));
		if (err)
			return err;
	}
	return 0;
}

/* End of the part of `v` that its file reaches into. */
static gva_t file_end(const struct vma *v)
{
	uint64_t size;

	if (!v->source)
		return v->end;
	size = PAGE_UP(v->source->ops->size(v->source));
	if (size <= v->offset)
		return v->start;
	return gva_add(v->start, min64(size - v->offset, vma_len(v)));
}

static int back_anonymous(struct mm *mm, gva_t start, gva_t end)
{
	struct backing b = {
		.start = start, .end = end, .mf = arena_memfile(mm->host->arena), .owned = true
	};
	int err = arena_alloc(mm->host->arena, gva_diff(end, start), &b.off);

	return err ? err : backing_add(mm, &b);
}

static int source_get(const struct vma *v, gva_t start, gva_t end, struct page_run *run)
{
	bool write = (v->flags & VMA_SHARED) && (v->flags & VMA_MAYWRITE);

	int err =
	    v->source->ops->get(v->source, vma_offset(v, start), gva_diff(end, start), write, run);

	/* To our callers -EIO says that the platform's side of the address space is gone. */
	return err == -EIO ? -EFAULT : err;
}

static int back_file(struct mm *mm, const struct vma *v, gva_t start, gva_t end)
{
	while (gva_lt(start, end)) {
		struct backing b = { .start = start, .cow = !(v->flags & VMA_SHARED) };
		struct page_run run;
		int err = source_get(v, start, end, &run);

		if (err)
			return err;
		b.end = gva_add(start, min64(run.len, gva_diff(end, start)));
		b.mf = run.mf;
		b.off = run.off;
		err = backing_add(mm, &b);
		if (err)
			return err;
		start = b.end;
	}
	return 0;
}

static int back_copies(struct mm *mm, const struct vma *v, gva_t start, gva_t end)
{
	struct arena *arena = mm->host->arena;
	struct backing b = {
		.start = start, .end = end, .mf = arena_memfile(arena), .owned = true
	};
	int err = arena_alloc_dirty(arena, gva_diff(end, start), &b.off);

	if (err)
		return err;
	err = pagesource_read(v->source, vma_offset(v, start), gva_diff(end, start),
			      arena_ptr(arena, b.off));
	if (!err)
		return backing_add(mm, &b);
	arena_unref(arena, b.off, gva_diff(end, start));
	return err;
}

/* -EAGAIN: the file is not to be cached; *start tells how far it went. */
static int back_cached(struct mm *mm, const struct vma *v, gva_t *start, gva_t end)
{
	while (gva_lt(*start, end)) {
		struct backing b = { .start = *start, .owned = true, .cow = true };
		struct page_run run;
		int err = filecache_get(mm->host->filecache, v->source, vma_offset(v, *start),
					gva_diff(end, *start), &run);

		if (err)
			return err;
		b.end = gva_add(*start, run.len);
		b.mf = run.mf;
		b.off = run.off;
		err = backing_add(mm, &b);
		if (err)
			return err;
		*start = b.end;
	}
	return 0;
}

/* The first hole in [*start, end): its bounds in *start, *hole_end. False: none. */
static bool next_hole(struct mm *mm, gva_t *start, gva_t end, gva_t *hole_end)
{
	struct backing *b = backing_find(mm, *start);

	while (b && gva_le(b->start, *start)) {
		*start = b->end;
		b = backing_next(b);
	}
	*hole_end = b ? gva_min(b->start, end) : end;
	return gva_lt(*start, end);
}

enum fill { FILL_PLAIN, FILL_COPIES, FILL_CACHED };

static int back_hole(struct mm *mm, const struct vma *v, gva_t start, gva_t end, enum fill how)
{
	if (!v->source)
		return back_anonymous(mm, start, end);
	if (how == FILL_CACHED) {
		int err = back_cached(mm, v, &start, end);

		if (err != -EAGAIN)
			return err;
		/* In-memory files are fine as they are. */
		how = v->source->ops->version ? FILL_COPIES : FILL_PLAIN;
	}
	return how == FILL_COPIES ? back_copies(mm, v, start, end) : back_file(mm, v, start, end);
}

static int fill_hole(struct mm *mm, struct vma *v, gva_t start, gva_t end, enum fill how)
{
	int err = back_hole(mm, v, start, end, how);

	if (mm_map_range(mm, start, end) < 0) {
		mm_unmap_range(mm, start, end);
		backing_isolate(mm, start, end);
		backing_drop(mm, start, end);
		return -ENOMEM;
	}
	return err;
}

static int populate(struct mm *mm, struct vma *v, gva_t start, gva_t end, enum fill how)
{
	gva_t hole_end, stop = gva_min(end, file_end(v));

	for (; next_hole(mm, &start, stop, &hole_end); start = hole_end) {
		int err = fill_hole(mm, v, start, hole_end, how);
		if (err)
			return err;
	}
	return gva_lt(stop, end) ? -EFAULT : 0;
}

/* Does `v` map copies of its file's pages, whatever is done to them? Not the vDSO and its data: the
 * monitor goes on writing there. */
static bool copies_files(const struct vma *v)
{
	return v->mm->host->filecache && v->source && !(v->flags & (VMA_SHARED | VMA_SPECIAL));
}

int mm_populate(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	lock_assert_held_write(&mm->lock);
	return populate(mm, v, start, end, copies_files(v) ? FILL_CACHED : FILL_PLAIN);
}

static int bring_in(struct mm *mm, const struct backing *b, gva_t from, gva_t to)
{
	bool arena = b->mf == arena_memfile(mm->host->arena);

	while (gva_lt(from, to)) {
		uint64_t len = min64(gva_diff(to, from), BRING_IN_UNIT);

		if (mm_killed(mm))
			return -EINTR;
		void *p = memfile_ptr(b->mf, backing_off(b, from), len);

		if (arena && !arena_room(mm->host->arena, len))
			return -ENOMEM;
		if (p && madvise(p, len, arena ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) == 0)
			from = gva_add(from, len);
		else if (!p || errno != EINTR)
			return arena ? -ENOMEM : -EFAULT;
	}
	return 0;
}

int mm_bring_in(struct mm *mm, gva_t start, gva_t end)
{
	lock_assert_held_write(&mm->lock);
	backing_for_range (b, mm, start, end) {
		int err = bring_in(mm, b, gva_max(b->start, start), gva_min(b->end, end));

		if (err)
			return err;
	}
	return 0;
}

/* The first piece of [*start, end); *start is behind it then, or behind the vma that fails. */
static int populate_piece(struct mm *mm, gva_t *start, gva_t end)
{
	struct vma *v = vma_find(mm, *start);
	gva_t from;
	int err, r;

	if (!v || gva_le(end, v->start)) {
		*start = end;
		return 0;
	}
	from = gva_max(v->start, *start);
	end = gva_min(v->end, end);
	*start = end;
	if (v->flags & VMA_SPECIAL)
		return 0;
	if (!v->prot)
		return -EFAULT;
	*start = populate_piece_end(from, end);
	err = mm_populate(mm, v, from, *start);
	r = mm_bring_in(mm, from, *start);
	if (err || r)
		*start = end;
	return err ? err : r;
}

int mm_populate_now(struct mm *mm, gva_t start, gva_t end, bool go_on)
{
	int first = 0;

	while (gva_lt(start, end) && (!first || go_on)) {
		int err;

		if (mm_killed(mm))
			return -EINTR;
		rwlock_wrlock(&mm->lock);
		err = populate_piece(mm, &start, end);
		rwlock_unlock(&mm->lock);
		first = first ? first : err;
	}
	return first;
}

int mm_populate_copies(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	lock_assert_held_write(&mm->lock);
	return populate(mm, v, start, end, FILL_COPIES);
}

/* What is behind a file of the host is the host's to keep. */
uint64_t mm_ahead_max(const struct vma *v, uint64_t want)
{
	bool takes_memory = !v->source || !v->source->ops->version;

	return takes_memory ? budget_ahead(v->mm->host->budget, want) : want;
}

void mm_populate_eagerly(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	lock_assert_held_write(&mm->lock);
	bool private_file = v->source && !(v->flags & VMA_SHARED);
	uint64_t max = mm->host->props.eager_map_max;

	if (copies_files(v) && max < CACHED_MAP_MAX)
		max = CACHED_MAP_MAX;
	if (!v->prot || gva_diff(end, start) > max ||
	    gva_diff(end, start) > mm_ahead_max(v, gva_diff(end, start)))
		return;
	if (private_file && (v->prot & GUEST_WRITE) && gva_diff(end, start) <= COPY_AT_ONCE_MAX)
		mm_populate_copies(mm, v, start, end);
	else
		mm_populate(mm, v, start, end);
}

void mm_populate_window(struct mm *mm, const struct vma *v, gva_t addr, uint64_t unit, gva_t *start,
			gva_t *end)
{
	gva_t low = gva_max(gva_align_down(addr, unit), v->start);
	gva_t high = gva_min(gva_next_unit(addr, unit), v->end);
	struct backing *above = backing_find(mm, addr), *below = backing_prev(mm, above);

	*start = below ? gva_max(below->end, low) : low;
	*end = above ? gva_min(above->start, high) : high;
}
