/* SPDX-License-Identifier: Apache-2.0 */
/* madvise(2). Advice that changes nothing a program could see, and that there is nothing to do for
 * here, is taken and done with, as Linux may do. */
#include "mm/advise.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "mm/fault.h"
#include "mm/populate.h"
#include "mm/sync.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

/* Applied to the part of a vma in the range. */
typedef int advise_fn(struct mm *mm, struct vma *v, gva_t start, gva_t end);

static int advise_nothing(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return 0;
}

static int advise_unlocked(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return v->flags & VMA_LOCKED ? -EINVAL : 0;
}

/* Lazy freeing may come as late as one likes; only what it applies to is checked. */
static int advise_free(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return v->source ? -EINVAL : advise_unlocked(mm, v, start, end);
}

static int advise_willneed(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	if (v->source && v->prot)
		mm_populate(mm, v, start, end);
	return 0;
}

/* Are all pages of [from, to) of `b` ours alone? Then they can be emptied where they are, and stay
 * mapped. */
static bool all_exclusive(struct mm *mm, const struct backing *b, gva_t from, gva_t to)
{
	if (!b->owned)
		return false;
	for (gva_t at = from; gva_lt(at, to); at = gva_add(at, PAGE_SIZE)) {
		if (!arena_page_exclusive(mm->host->arena, backing_off(b, at)))
			return false;
	}
	return true;
}

/* Private copies go, what is behind them comes back: zeroes, or the file. The range is cut to
 * measure. */
static int drop_private(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	struct backing *b, *next;

	if (backing_isolate(mm, start, end) < 0)
		return -EAGAIN;
	for (b = backing_find(mm, start); b && gva_lt(b->start, end); b = next) {
		gva_t from = b->start, to = b->end;

		if (mm_killed(mm))
			return -EINTR;
		next = backing_next(b);
		if (!v->source && all_exclusive(mm, b, from, to)) {
			arena_discard(mm->host->arena, b->off, gva_diff(to, from));
			continue;
		}
		mm_unmap_range(mm, from, to);
		backing_drop(mm, from, to);
	}
	backing_merge(mm, start, end);
	return 0;
}

static int advise_dontneed_locked(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	if ((v->flags & VMA_SHARED) || (v->flags & VMA_SPECIAL))
		return 0;
	return drop_private(mm, v, start, end);
}

static int advise_dontneed(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return v->flags & VMA_LOCKED ? -EINVAL : advise_dontneed_locked(mm, v, start, end);
}

static int change_flags(struct mm *mm, struct vma *v, gva_t start, gva_t end, unsigned flags)
{
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

static int advise_dontfork(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return change_flags(mm, v, start, end, v->flags | VMA_DONTFORK);
}

static int advise_dofork(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return change_flags(mm, v, start, end, v->flags & ~(unsigned)VMA_DONTFORK);
}

static int advise_wipeonfork(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return v->source ? -EINVAL : change_flags(mm, v, start, end, v->flags | VMA_WIPEONFORK);
}

static int advise_keeponfork(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return change_flags(mm, v, start, end, v->flags & ~(unsigned)VMA_WIPEONFORK);
}

static int advise_dontdump(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return change_flags(mm, v, start, end, v->flags | VMA_DONTDUMP);
}

static int advise_dodump(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	if (v->flags & VMA_SPECIAL)
		return -EINVAL;
	return change_flags(mm, v, start, end, v->flags & ~(unsigned)VMA_DONTDUMP);
}

static int populate_access(struct mm *mm, struct vma *v, gva_t start, gva_t end, unsigned access)
{
	if (!(v->prot & access) || (v->flags & VMA_SPECIAL))
		return -EINVAL;
	for (gva_t at = start; gva_lt(at, end); at = gva_add(at, PAGE_SIZE)) {
		struct backing *b = backing_at(mm, at);
		int code, sig;

		if (b && (access == GUEST_READ || !b->cow)) {
			at = gva_sub(b->end, PAGE_SIZE);
			continue;
		}
		if (!arena_room(mm->host->arena, PAGE_SIZE))
			return -ENOMEM;
		sig = mm_fault_locked(mm, at, access, false, &code);
		if (sig)
			return sig == -SIGKILL ? -ENOMEM : -EFAULT;
	}
	return mm_bring_in(mm, start, end);
}

static int advise_populate_read(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return populate_access(mm, v, start, end, GUEST_READ);
}

static int advise_populate_write(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	return populate_access(mm, v, start, end, GUEST_WRITE);
}

static const struct {
	advise_fn *fn;
	bool stops_at_hole; /* others go on behind it and report it in the end */
} advice_table[] = {
	[MADV_NORMAL] = { .fn = advise_nothing },
	[MADV_RANDOM] = { .fn = advise_nothing },
	[MADV_SEQUENTIAL] = { .fn = advise_nothing },
	[MADV_WILLNEED] = { .fn = advise_willneed },
	[MADV_DONTNEED] = { .fn = advise_dontneed },
	[MADV_FREE] = { .fn = advise_free },
	[MADV_DONTFORK] = { .fn = advise_dontfork },
	[MADV_DOFORK] = { .fn = advise_dofork },
	[MADV_MERGEABLE] = { .fn = advise_nothing },
	[MADV_UNMERGEABLE] = { .fn = advise_nothing },
	[MADV_HUGEPAGE] = { .fn = advise_nothing },
	[MADV_NOHUGEPAGE] = { .fn = advise_nothing },
	[MADV_DONTDUMP] = { .fn = advise_dontdump },
	[MADV_DODUMP] = { .fn = advise_dodump },
	[MADV_WIPEONFORK] = { .fn = advise_wipeonfork },
	[MADV_KEEPONFORK] = { .fn = advise_keeponfork },
	[MADV_COLD] = { .fn = advise_unlocked },
	[MADV_PAGEOUT] = { .fn = advise_unlocked },
	[MADV_POPULATE_READ] = { .fn = advise_populate_read, .stops_at_hole = true },
	[MADV_POPULATE_WRITE] = { .fn = advise_populate_write, .stops_at_hole = true },
	[MADV_DONTNEED_LOCKED] = { .fn = advise_dontneed_locked },
};

static int advise_locked(struct mm *mm, gva_t start, gva_t end, unsigned advice)
{
	gva_t at = start;
	int unmapped = 0, err = 0;

	while (!err && gva_lt(at, end)) {
		struct vma *v = vma_find(mm, at);
		gva_t high;

		if (!v || gva_lt(at, v->start)) {
			unmapped = -ENOMEM;
			if (!v || gva_le(end, v->start) || advice_table[advice].stops_at_hole)
				break;
			at = v->start;
		}
		high = gva_min(v->end, end);
		err = advice_table[advice].fn(mm, v, at, high);
		at = high;
	}
	vma_merge(mm, start, at);
	return err ? err : unmapped;
}

static bool advice_known(unsigned advice)
{
	if (advice == MADV_REMOVE)
		return true;
	return advice < sizeof advice_table / sizeof *advice_table && advice_table[advice].fn;
}

/* As mm_populate_now, a piece at a time. */
static int advise_by_pieces(struct mm *mm, gva_t start, gva_t end, unsigned advice)
{
	int err = 0;

	for (gva_t stop; !err && gva_lt(start, end); start = stop) {
		if (mm_killed(mm))
			return -EINTR;
		stop = populate_piece_end(start, end);
		rwlock_wrlock(&mm->lock);
		err = advise_locked(mm, start, stop, advice);
		rwlock_unlock(&mm->lock);
	}
	return err;
}

int mm_madvise(struct mm *mm, gva_t addr, uint64_t len, int advice)
{
	gva_t start = addr, end = gva_add(start, PAGE_UP(len));
	int err;

	if (!advice_known((unsigned)advice) || !gva_page_aligned(start))
		return -EINVAL;
	if ((len && !PAGE_UP(len)) || gva_lt(end, start))
		return -EINVAL;
	if (gva_eq(end, start))
		return 0;
	if (advice == MADV_REMOVE)
		return mm_remove(mm, start, end);
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return advise_by_pieces(mm, start, end, (unsigned)advice);
	rwlock_wrlock(&mm->lock);
	err = advise_locked(mm, start, end, (unsigned)advice);
	rwlock_unlock(&mm->lock);
	return err;
}
