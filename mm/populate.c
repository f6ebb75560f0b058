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

unsigned mm_rights(const struct vma *v, const struct backing *b)
{
	unsigned rights = v->prot;

	if (rights)
		rights |= GUEST_READ;
	return b->cow ? rights & ~(unsigned)GUEST_WRITE : rights;
}

int mm_unmap_range(struct mm *mm, uint64_t start, uint64_t end)
{
	return mm->host->platform->space_unmap(mm->space, GVA(start), end - start);
}

int mm_map_range(struct mm *mm, uint64_t start, uint64_t end)
{
	lock_assert_held_write(&mm->lock);
	vma_for_range (v, mm, start, end) {
		uint64_t low = max64(v->start, start), high = min64(v->end, end);
		backing_for_range (b, mm, low, high) {
			uint64_t from = max64(b->start, low), to = min64(b->end, high);
			int err;

			if (!v->prot)
				break;
			err = mm->host->platform->space_map(mm->space, GVA(from), to - from,
							    mm_rights(v, b), b->mf,
							    backing_off(b, from));
			if (err)
				return err;
		}
	}
	return 0;
}

static int protect(struct mm *mm, uint64_t start, uint64_t end, unsigned rights)
{
	if (start >= end)
		return 0;
	return mm->host->platform->space_protect(mm->space, GVA(start), end - start, rights);
}

/* One call for each run of equal rights without a hole: what was never touched costs nothing. */
static int protect_vma(struct mm *mm, const struct vma *v, uint64_t low, uint64_t high)
{
	uint64_t from = low, to = low;
	unsigned rights = 0;

	backing_for_range (b, mm, low, high) {
		uint64_t start = max64(b->start, low);

		if (start != to || mm_rights(v, b) != rights) {
			int err =
			    from < to && mm_killed(mm) ? -EINTR : protect(mm, from, to, rights);
			if (err)
				return err;
			from = start;
		}
		rights = mm_rights(v, b);
		to = min64(b->end, high);
	}
	return protect(mm, from, to, rights);
}

int mm_protect_range(struct mm *mm, uint64_t start, uint64_t end)
{
	lock_assert_held_write(&mm->lock);
	vma_for_range (v, mm, start, end) {
		int err = protect_vma(mm, v, max64(v->start, start), min64(v->end, end));
		if (err)
			return err;
	}
	return 0;
}

/* End of the part of `v` that its file reaches into. */
static uint64_t file_end(const struct vma *v)
{
	uint64_t size;

	if (!v->source)
		return v->end;
	size = PAGE_UP(v->source->ops->size(v->source));
	if (size <= v->offset)
		return v->start;
	return min64(v->end, v->start + min64(size - v->offset, v->end - v->start));
}

static int back_anonymous(struct mm *mm, uint64_t start, uint64_t end)
{
	struct backing b = {
		.start = start, .end = end, .mf = arena_memfile(mm->host->arena), .owned = true
	};
	int err = arena_alloc(mm->host->arena, end - start, &b.off);

	return err ? err : backing_add(mm, &b);
}

static int source_get(const struct vma *v, uint64_t start, uint64_t end, struct page_run *run)
{
	bool write = (v->flags & VMA_SHARED) && (v->flags & VMA_MAYWRITE);

	return v->source->ops->get(v->source, v->offset + (start - v->start), end - start, write,
				   run);
}

static int back_file(struct mm *mm, const struct vma *v, uint64_t start, uint64_t end)
{
	while (start < end) {
		struct backing b = { .start = start, .cow = !(v->flags & VMA_SHARED) };
		struct page_run run;
		int err = source_get(v, start, end, &run);

		if (err)
			return err;
		b.end = start + min64(run.len, end - start);
		b.mf = run.mf;
		b.off = run.off;
		err = backing_add(mm, &b);
		if (err)
			return err;
		start = b.end;
	}
	return 0;
}

uint64_t memfile_read(struct memfile *mf, uint64_t off, void *dst, uint64_t len)
{
	const void *src = memfile_ptr(mf, off, len);

	return src ? fixup_copy(dst, src, len) : len;
}

int memfile_read_zero(struct memfile *mf, uint64_t off, void *dst, uint64_t len)
{
	const void *src = memfile_ptr(mf, off, len);
	uint64_t left;

	if (!src)
		return -ENOMEM;
	left = fixup_copy(dst, src, len);
	memset((char *)dst + (len - left), 0, left);
	return 0;
}

static int copy_file(struct mm *mm, const struct vma *v, uint64_t start, uint64_t end, uint64_t dst)
{
	while (start < end) {
		struct page_run run;
		int err = source_get(v, start, end, &run);

		if (err)
			return err;
		run.len = min64(run.len, end - start);
		if (memfile_read_zero(run.mf, run.off, arena_ptr(mm->host->arena, dst), run.len) <
		    0)
			return -ENOMEM;
		start += run.len;
		dst += run.len;
	}
	return 0;
}

static int back_copies(struct mm *mm, const struct vma *v, uint64_t start, uint64_t end)
{
	struct arena *arena = mm->host->arena;
	struct backing b = {
		.start = start, .end = end, .mf = arena_memfile(arena), .owned = true
	};
	int err = arena_alloc_dirty(arena, end - start, &b.off);

	if (err)
		return err;
	err = copy_file(mm, v, start, end, b.off);
	if (!err)
		return backing_add(mm, &b);
	arena_unref(arena, b.off, end - start);
	return err;
}

/* -EAGAIN: the file is not to be cached; *start tells how far it went. */
static int back_cached(struct mm *mm, const struct vma *v, uint64_t *start, uint64_t end)
{
	while (*start < end) {
		struct backing b = { .start = *start, .owned = true, .cow = true };
		struct page_run run;
		int err = filecache_get(mm->host->filecache, v->source,
					v->offset + (*start - v->start), end - *start, &run);

		if (err)
			return err;
		b.end = *start + run.len;
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
static bool next_hole(struct mm *mm, uint64_t *start, uint64_t end, uint64_t *hole_end)
{
	struct backing *b = backing_find(mm, *start);

	while (b && b->start <= *start) {
		*start = b->end;
		b = backing_next(b);
	}
	*hole_end = b ? min64(b->start, end) : end;
	return *start < end;
}

enum fill { FILL_PLAIN, FILL_COPIES, FILL_CACHED };

static int back_hole(struct mm *mm, const struct vma *v, uint64_t start, uint64_t end,
		     enum fill how)
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

static int fill_hole(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, enum fill how)
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

static int populate(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, enum fill how)
{
	uint64_t hole_end, stop = min64(end, file_end(v));

	for (; next_hole(mm, &start, stop, &hole_end); start = hole_end) {
		int err = fill_hole(mm, v, start, hole_end, how);
		if (err)
			return err;
	}
	return stop < end ? -EFAULT : 0;
}

/* Does `v` map copies of its file's pages, whatever is done to them? Not the vDSO and its data: the
 * monitor goes on writing there. */
static bool copies_files(const struct vma *v)
{
	return v->mm->host->filecache && v->source && !(v->flags & (VMA_SHARED | VMA_SPECIAL));
}

int mm_populate(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	lock_assert_held_write(&mm->lock);
	return populate(mm, v, start, end, copies_files(v) ? FILL_CACHED : FILL_PLAIN);
}

static int bring_in(struct mm *mm, const struct backing *b, uint64_t from, uint64_t to)
{
	bool arena = b->mf == arena_memfile(mm->host->arena);

	while (from < to) {
		uint64_t len = min64(to - from, BRING_IN_UNIT);

		if (mm_killed(mm))
			return -EINTR;
		void *p = memfile_ptr(b->mf, backing_off(b, from), len);

		if (arena && !arena_room(mm->host->arena, len))
			return -ENOMEM;
		if (p && madvise(p, len, arena ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) == 0)
			from += len;
		else if (!p || errno != EINTR)
			return arena ? -ENOMEM : -EFAULT;
	}
	return 0;
}

int mm_bring_in(struct mm *mm, uint64_t start, uint64_t end)
{
	lock_assert_held_write(&mm->lock);
	backing_for_range (b, mm, start, end) {
		int err = bring_in(mm, b, max64(b->start, start), min64(b->end, end));

		if (err)
			return err;
	}
	return 0;
}

/* The first piece of [*start, end); *start is behind it then, or behind the vma that fails. */
static int populate_piece(struct mm *mm, uint64_t *start, uint64_t end)
{
	struct vma *v = vma_find(mm, *start);
	uint64_t from;
	int err, r;

	if (!v || v->start >= end) {
		*start = end;
		return 0;
	}
	from = max64(v->start, *start);
	end = min64(v->end, end);
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

int mm_populate_now(struct mm *mm, uint64_t start, uint64_t end, bool go_on)
{
	int first = 0;

	while (start < end && (!first || go_on)) {
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

int mm_populate_copies(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	lock_assert_held_write(&mm->lock);
	return populate(mm, v, start, end, FILL_COPIES);
}

void mm_populate_eagerly(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	lock_assert_held_write(&mm->lock);
	bool private_file = v->source && !(v->flags & VMA_SHARED);
	uint64_t max = mm->host->props.eager_map_max;

	if (copies_files(v) && max < CACHED_MAP_MAX)
		max = CACHED_MAP_MAX;
	if (!v->prot || end - start > max)
		return;
	if (private_file && (v->prot & GUEST_WRITE) && end - start <= COPY_AT_ONCE_MAX)
		mm_populate_copies(mm, v, start, end);
	else
		mm_populate(mm, v, start, end);
}

void mm_populate_window(struct mm *mm, const struct vma *v, uint64_t addr, uint64_t unit,
			uint64_t *start, uint64_t *end)
{
	uint64_t low = max64(addr & ~(unit - 1), v->start),
		 high = min64((addr | (unit - 1)) + 1, v->end);

	struct backing *above = backing_find(mm, addr), *below = backing_prev(mm, above);

	*start = below ? max64(below->end, low) : low;
	*end = above ? min64(above->start, high) : high;
}
