/* SPDX-License-Identifier: Apache-2.0 */
/* madvise(2). Advice that changes nothing a program could see, and that there is nothing to do for
 * here, is taken and done with, as Linux may do. */
#include "mm/advise.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "mm/fault.h"
#include "mm/populate.h"
#include "mm/seal.h"
#include "mm/sync.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

/* What is done for one kind of advice. */
struct advice {
	/* Applied to the part of a vma in the range. NULL: no such advice. */
	int (*fn)(struct mm *mm, struct vma *v, gva_t start, gva_t end, const struct advice *a);
	unsigned refuses;    /* VMA_*: -EINVAL for vmas that have them */
	bool anonymous;      /* -EINVAL for mappings of files */
	bool discards;       /* takes contents away, which a seal may forbid */
	bool stops_at_hole;  /* others go on behind it and report it in the end */
	unsigned set, clear; /* VMA_*, for advise_flags */
	unsigned access;     /* GUEST_*, for advise_populate */
};

static int advise_nothing(struct mm *mm, struct vma *v, gva_t start, gva_t end,
			  const struct advice *a)
{
	return 0;
}

static int advise_willneed(struct mm *mm, struct vma *v, gva_t start, gva_t end,
			   const struct advice *a)
{
	if (v->source && v->prot && mm_ahead_max(v, gva_diff(end, start)) == gva_diff(end, start))
		mm_populate(mm, v, start, end);
	return 0;
}

/* Empties the pages of `b`, which has them alone, where they are: they stay mapped. */
static int empty_pages(struct mm *mm, const struct backing *b)
{
	for (gva_t at = b->start, stop; gva_lt(at, b->end); at = stop) {
		if (mm_killed(mm))
			return -EINTR;
		stop = populate_piece_end(at, b->end);
		arena_discard(mm->host->arena, backing_off(b, at), gva_diff(stop, at));
	}
	return 0;
}

/* Private copies go, what is behind them comes back: zeroes, or the file. The range is cut to
 * measure. */
static int advise_dontneed(struct mm *mm, struct vma *v, gva_t start, gva_t end,
			   const struct advice *a)
{
	struct backing *b, *next;
	int err = 0;

	if (v->flags & (VMA_SHARED | VMA_SPECIAL))
		return 0;
	if (backing_isolate(mm, start, end) < 0)
		return -EAGAIN;
	for (b = backing_find(mm, start); b && gva_lt(b->start, end) && !err; b = next) {
		gva_t from = b->start, to = b->end;

		next = backing_next(b);
		if (!v->source && b->owned && !b->cow) {
			err = empty_pages(mm, b);
		} else if (mm_killed(mm)) {
			err = -EINTR;
		} else {
			mm_unmap_range(mm, from, to);
			backing_drop(mm, from, to);
		}
	}
	backing_merge(mm, start, end);
	return err;
}

static int advise_flags(struct mm *mm, struct vma *v, gva_t start, gva_t end,
			const struct advice *a)
{
	unsigned flags = (v->flags | a->set) & ~a->clear;
	int err;

	if (flags == v->flags)
		return 0;
	err = vma_isolate(mm, start, end);
	if (err)
		return err == -ENOMEM ? -EAGAIN : err;
	v = vma_at(mm, start);
	vma_change(mm, v, v->prot, flags);
	return 0;
}

static int advise_populate(struct mm *mm, struct vma *v, gva_t start, gva_t end,
			   const struct advice *a)
{
	if (!(v->prot & a->access))
		return -EINVAL;
	for (gva_t at = start; gva_lt(at, end); at = gva_add(at, PAGE_SIZE)) {
		struct backing *b = backing_at(mm, at);
		int code, sig;

		if (mm_killed(mm))
			return -EINTR;
		if (b && (a->access == GUEST_READ || !b->cow)) {
			at = gva_sub(b->end, PAGE_SIZE);
			continue;
		}
		if (!arena_room(mm->host->arena, PAGE_SIZE))
			return -ENOMEM;
		sig = mm_fault_locked(mm, at, a->access, false, &code);
		if (sig)
			return sig == -SIGKILL ? -ENOMEM : -EFAULT;
	}
	return mm_bring_in(mm, start, end);
}

/* MADV_FREE frees as late as one likes, which is never; only what it applies to is checked. */
static const struct advice advice_table[] = {
	[MADV_NORMAL] = { .fn = advise_nothing },
	[MADV_RANDOM] = { .fn = advise_nothing },
	[MADV_SEQUENTIAL] = { .fn = advise_nothing },
	[MADV_WILLNEED] = { .fn = advise_willneed },
	[MADV_DONTNEED] = { .fn = advise_dontneed, .discards = true, .refuses = VMA_LOCKED },
	[MADV_FREE] = { .fn = advise_nothing,
			.discards = true,
			.refuses = VMA_LOCKED,
			.anonymous = true },
	[MADV_DONTFORK] = { .fn = advise_flags, .discards = true, .set = VMA_DONTFORK },
	[MADV_DOFORK] = { .fn = advise_flags, .clear = VMA_DONTFORK },
	[MADV_MERGEABLE] = { .fn = advise_nothing },
	[MADV_UNMERGEABLE] = { .fn = advise_nothing },
	[MADV_HUGEPAGE] = { .fn = advise_nothing },
	[MADV_NOHUGEPAGE] = { .fn = advise_nothing },
	[MADV_DONTDUMP] = { .fn = advise_flags, .set = VMA_DONTDUMP },
	[MADV_DODUMP] = { .fn = advise_flags, .refuses = VMA_SPECIAL, .clear = VMA_DONTDUMP },
	[MADV_WIPEONFORK] = { .fn = advise_flags,
			      .anonymous = true,
			      .discards = true,
			      .set = VMA_WIPEONFORK },
	[MADV_KEEPONFORK] = { .fn = advise_flags, .clear = VMA_WIPEONFORK },
	[MADV_COLD] = { .fn = advise_nothing, .refuses = VMA_LOCKED },
	[MADV_PAGEOUT] = { .fn = advise_nothing, .refuses = VMA_LOCKED },
	[MADV_POPULATE_READ] = { .fn = advise_populate,
				 .refuses = VMA_SPECIAL,
				 .stops_at_hole = true,
				 .access = GUEST_READ },
	[MADV_POPULATE_WRITE] = { .fn = advise_populate,
				  .refuses = VMA_SPECIAL,
				  .stops_at_hole = true,
				  .access = GUEST_WRITE },
	[MADV_DONTNEED_LOCKED] = { .fn = advise_dontneed, .discards = true },
};

static int advise_part(struct mm *mm, struct vma *v, gva_t start, gva_t end, const struct advice *a)
{
	if (a->discards && vma_keeps_contents(v))
		return -EPERM;
	if (v->flags & a->refuses || (a->anonymous && v->source))
		return -EINVAL;
	return a->fn(mm, v, start, end, a);
}

static int advise_locked(struct mm *mm, gva_t start, gva_t end, const struct advice *a)
{
	gva_t at = start;
	int unmapped = 0, err = 0;

	while (!err && gva_lt(at, end)) {
		struct vma *v = vma_find(mm, at);
		gva_t high;

		if (!v || gva_lt(at, v->start)) {
			unmapped = -ENOMEM;
			if (!v || gva_le(end, v->start) || a->stops_at_hole)
				break;
			at = v->start;
		}
		high = gva_min(v->end, end);
		err = advise_part(mm, v, at, high, a);
		at = high;
	}
	vma_merge(mm, start, at);
	return err ? err : unmapped;
}

/* As mm_populate_now, a piece at a time. */
static int advise_by_pieces(struct mm *mm, gva_t start, gva_t end, const struct advice *a)
{
	int err = 0;

	for (gva_t stop; !err && gva_lt(start, end); start = stop) {
		if (mm_killed(mm))
			return -EINTR;
		stop = populate_piece_end(start, end);
		rwlock_wrlock(&mm->lock);
		err = advise_locked(mm, start, stop, a);
		rwlock_unlock(&mm->lock);
	}
	return err;
}

int mm_madvise(struct mm *mm, gva_t addr, uint64_t len, int advice)
{
	unsigned n = sizeof advice_table / sizeof advice_table[0];
	const struct advice *a = (unsigned)advice < n ? &advice_table[advice] : NULL;
	gva_t end = gva_add(addr, PAGE_UP(len));
	int err;

	if (advice != MADV_REMOVE && (!a || !a->fn))
		return -EINVAL;
	if (!gva_page_aligned(addr) || (len && !PAGE_UP(len)) || gva_lt(end, addr))
		return -EINVAL;
	if (gva_eq(end, addr))
		return 0;
	if (advice == MADV_REMOVE)
		return mm_remove(mm, addr, end);
	if (a->fn == advise_populate)
		return advise_by_pieces(mm, addr, end, a);
	rwlock_wrlock(&mm->lock);
	err = advise_locked(mm, addr, end, a);
	rwlock_unlock(&mm->lock);
	return err;
}
