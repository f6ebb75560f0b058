/* SPDX-License-Identifier: Apache-2.0 */
/* mseal(2), after Linux's mm/mseal.c. */
#include "mm/seal.h"

#include <errno.h>

#include "mm/vma.h"

static int seal_part(struct mm *mm, struct vma *v, gva_t start, gva_t end, unsigned flag)
{
	/* What stays in one piece (VMA_SPECIAL) is sealed only as a whole. */
	int err = v->flags & flag ? 0 : vma_isolate(mm, start, end);

	if (!err && !(v->flags & flag)) {
		v = vma_at(mm, start);
		vma_change(mm, v, v->prot, v->flags | flag);
	}
	return err;
}

int mm_mseal(struct mm *mm, gva_t addr, uint64_t len)
{
	gva_t end = gva_add(addr, PAGE_UP(len));
	int err;

	if (!gva_page_aligned(addr) || (len && !PAGE_UP(len)) || gva_lt(end, addr))
		return -EINVAL;
	rwlock_wrlock(&mm->lock);
	if (vma_bytes(mm, addr, end) < gva_diff(end, addr))
		err = -ENOMEM;
	else
		err = vma_change_range(mm, addr, end, seal_part, VMA_SEALED);
	rwlock_unlock(&mm->lock);
	return err;
}

bool vma_keeps_contents(const struct vma *v)
{
	return v->flags & VMA_SEALED && !v->source && !(v->prot & GUEST_WRITE);
}

bool range_sealed(struct mm *mm, gva_t start, gva_t end)
{
	vma_for_range (v, mm, start, end) {
		if (v->flags & VMA_SEALED)
			return true;
	}
	return false;
}
