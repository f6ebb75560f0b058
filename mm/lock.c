/* SPDX-License-Identifier: Apache-2.0 */
/* mlock(2) and its family: the guest's view is kept (VmLck, limits, errors, pages present); the
 * host is not asked to lock anything, as the sandbox has no such right over it. */
#include "mm/lock.h"

#include <errno.h>
#include <sys/mman.h>

#include "mm/map.h"
#include "mm/populate.h"

/* To `locked`, which is VMA_LOCKED or 0. */
static int change_locked(struct mm *mm, struct vma *v, gva_t start, gva_t end, unsigned locked)
{
	if ((v->flags & VMA_LOCKED) == locked || v->flags & VMA_SPECIAL)
		return 0;
	int err = vma_isolate(mm, start, end);
	if (!err) {
		v = vma_at(mm, start);
		vma_change(mm, v, v->prot, v->flags ^ VMA_LOCKED);
	}
	return err;
}

static int mlock_locked(struct mm *mm, gva_t start, gva_t end, bool lock)
{
	uint64_t bytes = mm->locked_bytes + gva_diff(end, start);

	if (lock && mm->limit_memlock == 0)
		return -EPERM;
	/* What is locked already does not count twice. */
	vma_for_range (v, mm, start, end) {
		if (v->flags & VMA_LOCKED)
			bytes -= gva_diff(gva_min(v->end, end), gva_max(v->start, start));
	}
	if (lock && bytes > mm->limit_memlock)
		return -ENOMEM;
	if (gva_le(end, start))
		return gva_lt(end, start) ? -EINVAL : 0;
	return vma_change_range(mm, start, end, change_locked, lock ? VMA_LOCKED : 0);
}

static int lock_range(struct mm *mm, gva_t addr, uint64_t len, bool lock, bool on_fault)
{
	gva_t start = gva_page_down(addr);
	gva_t end = gva_add(start, PAGE_UP(len + gva_diff(addr, start)));
	int err;

	rwlock_wrlock(&mm->lock);
	err = mlock_locked(mm, start, end, lock);
	rwlock_unlock(&mm->lock);
	if (err || !lock || on_fault)
		return err;
	err = mm_populate_now(mm, start, end, false);
	/* Linux's __mlock_posix_error_return */
	return err == -EFAULT ? -ENOMEM : err == -ENOMEM ? -EAGAIN : err;
}

int mm_mlock(struct mm *mm, gva_t addr, uint64_t len, unsigned flags)
{
	return lock_range(mm, addr, len, true, flags & MLOCK_ONFAULT);
}

int mm_munlock(struct mm *mm, gva_t addr, uint64_t len)
{
	return lock_range(mm, addr, len, false, false);
}

static int mlockall_locked(struct mm *mm, int flags)
{
	if (flags && mm->limit_memlock == 0)
		return -EPERM;
	if ((flags & MCL_CURRENT) && mm->total_bytes > mm->limit_memlock)
		return -ENOMEM;
	mm->lock_future = flags & MCL_FUTURE ? (unsigned)flags : 0;
	if (flags && !(flags & MCL_CURRENT))
		return 0;
	for (struct vma *v = vma_first(mm); v; v = vma_next(v)) {
		unsigned changed = flags ? v->flags | VMA_LOCKED : v->flags & ~(unsigned)VMA_LOCKED;

		if (v->flags & VMA_SPECIAL)
			continue;
		vma_change(mm, v, v->prot, changed);
	}
	vma_merge(mm, GVA_NULL, GVA_MAX);
	return 0;
}

int mm_mlockall(struct mm *mm, int flags)
{
	int err;

	rwlock_wrlock(&mm->lock);
	err = mlockall_locked(mm, flags);
	rwlock_unlock(&mm->lock);
	if (!err && (flags & MCL_CURRENT) && !(flags & MCL_ONFAULT))
		mm_populate_now(mm, GVA_NULL, mm_end(mm), true);
	return err;
}
