/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A touched page is missing (no backing yet), or there and copy-on-write, or there with the rights
 * asked for: then another thread was faster.
 *
 * Copy-on-write: a page nobody else holds any more is simply made writable, with its neighbours in
 * the same position. Otherwise a few pages around it are copied together, because a fault costs
 * more than a copy; and, where it is known, all that is going to be written next (mm/forecast.h).
 */
#include "mm/fault.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>

#include "mm/forecast.h"
#include "mm/fork.h"
#include "mm/populate.h"
#include "util/minmax.h"

/* A growing stack takes this much more than was touched, its limit permitting. */
#define STACK_STEP (16 * PAGE_SIZE)
/* Pages held once only are made writable around a fault, in aligned units of this size. */
#define REUSE_UNIT (512 * PAGE_SIZE)

/* May the stack `v` begin at `start`? The rules of Linux's expand_downwards and
 * acct_stack_growth. */
static bool stack_may_start(struct mm *mm, struct vma *v, gva_t start)
{
	const struct vma *prev = vma_prev(v);
	uint64_t more = gva_diff(v->start, start);

	if (start.v < GUEST_MMAP_MIN)
		return false;
	if (prev && gva_lt(start, prev->end))
		return false;
	if (prev && prev->prot && !(prev->flags & VMA_GROWSDOWN) &&
	    gva_diff(start, prev->end) < STACK_GUARD_GAP)
		return false;
	if (gva_diff(v->end, start) > mm->limit_stack || mm->total_bytes + more > mm->limit_as)
		return false;
	return !(v->flags & VMA_LOCKED) || mm->locked_bytes + more <= mm->limit_memlock;
}

/* The vma for an access to `addr`: a stack above it grows to meet it. NULL: none. */
static struct vma *vma_for_access(struct mm *mm, gva_t addr)
{
	struct vma *v = vma_find(mm, addr);
	gva_t start = gva_page_down(addr), step = gva_align_down(addr, STACK_STEP);

	if (!v || gva_le(v->start, addr))
		return v;
	if (!(v->flags & VMA_GROWSDOWN) || gva_le(mm_end(mm), addr))
		return NULL;
	if (stack_may_start(mm, v, step))
		start = step;
	else if (!stack_may_start(mm, v, start))
		return NULL;
	vma_resize(mm, v, start, v->end);
	return v;
}

/* How much is mapped around a missing page, a power of two. Where that has to be little, a process
 * that touches pages all over gets many mappings of the host's, of which there are not many: so it
 * becomes more with their number. */
static uint64_t unit_of(const struct vma *v)
{
	uint64_t unit = v->mm->host->props.fault_map_unit;
	uint64_t max = max64(mm_ahead_max(v, unit), MM_PIECE_MIN << v->mm->pieces / MM_PIECES_STEP);

	if (unit <= max)
		return unit;
	v->mm->pieces++;
	while (unit > max)
		unit /= 2;
	return unit;
}

/* `copy_unit`: bytes to copy around a page that is written. */
static int fault_missing(struct mm *mm, struct vma *v, gva_t page, bool write, uint64_t copy_unit)
{
	bool copy = write && v->source && !(v->flags & VMA_SHARED);
	uint64_t unit = copy ? copy_unit : unit_of(v);
	gva_t start, end;
	int err;

	mm_populate_window(mm, v, page, unit, &start, &end);
	err = copy ? mm_populate_copies(mm, v, start, end) : mm_populate(mm, v, start, end);
	if (backing_at(mm, page))
		return 0;
	/* A neighbour may be what failed. */
	if (err && gva_diff(end, start) > PAGE_SIZE)
		err = mm_populate(mm, v, page, gva_add(page, PAGE_SIZE));
	if (backing_at(mm, page))
		return 0;
	return err ? err : -EFAULT;
}

static void cow_window(const struct vma *v, const struct backing *b, gva_t page, uint64_t unit,
		       gva_t *start, gva_t *end)
{
	*start = gva_max(gva_align_down(page, unit), gva_max(v->start, b->start));
	*end = gva_min(gva_next_unit(page, unit), gva_min(v->end, b->end));
}

/* The page at `page` is ours alone: so are, perhaps, those around it. */
static int cow_reuse(struct mm *mm, struct vma *v, struct backing *b, gva_t page)
{
	struct arena *arena = mm->host->arena;
	gva_t low, high, start = page, end = gva_add(page, PAGE_SIZE);

	cow_window(v, b, page, REUSE_UNIT, &low, &high);
	while (gva_lt(low, start) &&
	       arena_page_exclusive(arena, backing_off(b, gva_sub(start, PAGE_SIZE))))
		start = gva_sub(start, PAGE_SIZE);
	while (gva_lt(end, high) && arena_page_exclusive(arena, backing_off(b, end)))
		end = gva_add(end, PAGE_SIZE);
	if (backing_isolate(mm, start, end) < 0)
		return -ENOMEM;
	backing_at(mm, start)->cow = false;
	backing_merge(mm, start, end);
	return mm_protect_range(mm, start, end);
}

/* Exactly [start, end) of the backing there has its copy at `off` of the arena from now on; without
 * memory nothing changes, and the copy goes. */
static int cow_replace(struct mm *mm, gva_t start, gva_t end, uint64_t off)
{
	struct arena *arena = mm->host->arena;
	uint64_t len = gva_diff(end, start);
	int err = backing_isolate(mm, start, end);

	if (err) {
		arena_unref(arena, off, len);
		return err;
	}
	struct backing *b = backing_at(mm, start), old = *b;
	*b = (struct backing){ b->node, start, end, arena_memfile(arena), off, .owned = true };
	err = mm_map_range(mm, start, end);
	backing_account(mm, &old, false);
	backing_account(mm, b, true);
	if (old.owned)
		arena_unref(arena, old.off, len);
	backing_merge(mm, start, end);
	return err;
}

/* Replaces [start, end) of the backing there by copies. -EFAULT: the file ends before. */
static int cow_copy_range(struct mm *mm, gva_t start, gva_t end)
{
	const struct backing *b = backing_at(mm, start);
	struct arena *arena = mm->host->arena;
	uint64_t len = gva_diff(end, start), from = backing_off(b, start), off;
	const void *seen = memfile_viewed(b->mf, from, len);
	const struct iovec piece = { (void *)(uintptr_t)seen, len };
	int err = seen ? arena_alloc_gather(arena, &piece, 1, &off)
		       : arena_alloc_copy(arena, b->mf, from, len, &off);

	return err ? err : cow_replace(mm, start, end, off);
}

static int cow_break(struct mm *mm, struct vma *v, gva_t page, uint64_t copy_unit)
{
	struct backing *b = backing_at(mm, page);
	gva_t start, end;
	int err;

	mm->faults_cow++;
	fork_note_write(mm, page);
	if (b->owned && arena_page_exclusive(mm->host->arena, backing_off(b, page)))
		return cow_reuse(mm, v, b, page);
	cow_window(v, b, page, copy_unit, &start, &end);
	err = cow_copy_range(mm, start, end);
	if (err == -EFAULT && gva_diff(end, start) > PAGE_SIZE)
		err = cow_copy_range(mm, page, gva_add(page, PAGE_SIZE));
	return err;
}

/* ---- ahead ---- */

/* Pages between two that are expected are copied, too, rather than left to another mapping. */
#define FORECAST_GAP 3

/* Is a page of `v` with this backing (NULL: none) copied from what others have when it is written?
 */
static bool is_copied(const struct vma *v, const struct backing *b)
{
	return !(v->flags & (VMA_SHARED | VMA_SPECIAL)) &&
	       (b ? b->cow && !b->owned : v->source != NULL);
}

/* Copies that can be made by one host call. */
_Static_assert(FORECAST_MAX <= IOV_MAX, "pwritev(2)");
struct ahead {
	gva_t start[FORECAST_MAX];
	struct iovec from[FORECAST_MAX];
	unsigned nr;
};

/* [start, end) of `b`, or (NULL) of a hole of `v`. */
static int copy_piece_ahead(struct ahead *a, struct vma *v, const struct backing *b, gva_t start,
			    gva_t end)
{
	uint64_t len = gva_diff(end, start);

	if (!b)
		return mm_populate_copies(v->mm, v, start, end);
	const void *from = memfile_viewed(b->mf, backing_off(b, start), len);
	if (!from || a->nr == FORECAST_MAX)
		return cow_copy_range(v->mm, start, end);
	a->start[a->nr] = start;
	a->from[a->nr++] = (struct iovec){ (void *)(uintptr_t)from, len };
	return 0;
}

/* What of [start, end) is copied when it is written. */
static int copy_range_ahead(struct ahead *a, struct mm *mm, gva_t start, gva_t end)
{
	int err = 0;

	while (gva_lt(start, end) && !err) {
		struct vma *v = vma_find(mm, start);
		struct backing *b = backing_find(mm, start);

		if (!v || gva_le(end, v->start))
			break;
		start = gva_max(start, v->start);
		bool hole = !b || gva_lt(start, b->start);
		gva_t to = gva_min(end, v->end);
		if (b)
			to = gva_min(to, hole ? b->start : b->end);
		if (hole)
			b = NULL;
		if (gva_lt(start, to) && v->prot & GUEST_WRITE && is_copied(v, b))
			err = copy_piece_ahead(a, v, b, start, to);
		start = to;
	}
	return err;
}

static void copy_gathered(const struct ahead *a, struct mm *mm)
{
	uint64_t off;
	int err = a->nr ? arena_alloc_gather(mm->host->arena, a->from, a->nr, &off) : 0;

	for (unsigned i = 0; i < a->nr && !err; i++) {
		uint64_t len = a->from[i].iov_len;
		(void)cow_replace(mm, a->start[i], gva_add(a->start[i], len), off);
		off += len;
	}
}

/* What cannot be copied now is when it is written. */
static void copy_ahead(struct mm *mm, unsigned wave)
{
	const struct platform *pf = mm->host->platform;
	uint64_t page[FORECAST_MAX];
	unsigned nr = forecast_pages(mm->forecast, wave, page);
	struct ahead ahead;

	ahead.nr = 0;
	if (pf->space_gather && pf->space_gather(mm->space) < 0)
		return;
	for (unsigned i = 0, next; i < nr; i = next) {
		for (next = i + 1; next < nr && page[next] - page[next - 1] <= FORECAST_GAP;)
			next++;
		if (copy_range_ahead(&ahead, mm, GVA(page[i] << PAGE_SHIFT),
				     GVA((page[next - 1] + 1) << PAGE_SHIFT)) < 0)
			break;
	}
	copy_gathered(&ahead, mm);
	if (pf->space_flush)
		pf->space_flush(mm->space);
}

int mm_fault_locked(struct mm *mm, gva_t addr, unsigned access, bool force, int *si_code)
{
	lock_assert_held_write(&mm->lock);
	struct vma *v = vma_for_access(mm, addr);
	gva_t page = gva_page_down(addr);
	bool write = access == GUEST_WRITE;
	uint64_t copy_unit = mm->host->props.cow_copy_pages * PAGE_SIZE;
	struct backing *b;
	int err;

	if (!v || !(force ? vma_allows_force(v, access) : vma_allows(v, access))) {
		*si_code = v ? SEGV_ACCERR : SEGV_MAPERR;
		return -SIGSEGV;
	}
	b = backing_at(mm, page);
	bool learned = write && is_copied(v, b) && mm_forecast_write(mm, page);
	if (learned)
		copy_unit = PAGE_SIZE;
	if (!write && (b ? b->left : v->source != NULL))
		mm_forecast_touch(mm, page);
	if (!b)
		err = fault_missing(mm, v, page, write, copy_unit);
	else if (b->left && !learned)
		err = mm_map_left(mm, b);
	else if (!write || !b->cow)
		/* Nothing to do, except where the platform had no memory to map it with before. */
		err = mm_map_range(mm, page, gva_add(page, PAGE_SIZE));
	else
		err = 0;
	b = backing_at(mm, page);
	if (!err && write && b->cow)
		err = cow_break(mm, v, page, copy_unit);
	if (!err)
		return 0;
	*si_code = BUS_ADRERR;
	return err == -EIO ? -EIO : err == -ENOMEM ? -SIGKILL : -SIGBUS;
}

/* The guest itself makes a copy of a page: its program is at work now. True: the page is among
 * those that have been copied ahead. */
static bool forecast_comes_true(struct mm *mm, gva_t addr)
{
	const struct vma *v = vma_find(mm, addr);
	const struct backing *b = backing_at(mm, addr);

	if (!v || gva_lt(addr, v->start) || !(v->prot & GUEST_WRITE) || !is_copied(v, b))
		return false;
	int wave = mm_forecast_wave(mm, gva_page_down(addr));
	if (wave < 0)
		return false;
	copy_ahead(mm, (unsigned)wave);
	b = backing_at(mm, addr);
	return b && b->owned && !b->cow;
}

int mm_fault(struct mm *mm, gva_t addr, unsigned access, int *si_code)
{
	int r;

	rwlock_wrlock(&mm->lock);
	mm->faults_minor++;
	bool ahead = access == GUEST_WRITE && mm->forecast && forecast_comes_true(mm, addr);
	r = ahead ? 0 : mm_fault_locked(mm, addr, access, false, si_code);
	rwlock_unlock(&mm->lock);
	return r == -EIO ? 0 : r;
}
