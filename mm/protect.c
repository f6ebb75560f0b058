/* SPDX-License-Identifier: Apache-2.0 */
/* mprotect(2), after Linux's do_mprotect_pkey: what comes before the first vma that refuses has
 * been changed. */
#include "mm/protect.h"

#include <errno.h>
#include <sys/mman.h>

#include "mm/map.h"
#include "mm/populate.h"

#define PROT_RIGHTS (unsigned)(PROT_READ | PROT_WRITE | PROT_EXEC)
#define PROT_SEM    0x8u

static int check_rights(struct mm *mm, const struct vma *v, uint64_t len, unsigned prot)
{
	if ((prot & PROT_WRITE) && !(v->flags & VMA_MAYWRITE))
		return -EACCES;
	if ((prot & PROT_EXEC) && !(v->flags & VMA_MAYEXEC))
		return -EACCES;
	if (v->flags & VMA_SEALED)
		return -EPERM;
	if ((prot & PROT_WRITE) && !(v->prot & PROT_WRITE) && !(v->flags & VMA_SHARED)) {
		if (vma_is_data(prot, v->flags) && mm->data_bytes + len > mm->limit_data)
			return -ENOMEM;
		if (vma_is_accountable(prot, v->flags) && mm_may_commit(mm->host, len) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* `v` has been cut to measure. */
static int set_rights(struct mm *mm, struct vma *v, unsigned prot)
{
	unsigned old = v->prot;

	vma_change(mm, v, prot, v->flags);
	if (prot && old)
		return mm_protect_range(mm, v->start, v->end);
	if (old)
		return backing_find(mm, v->start) ? mm_unmap_range(mm, v->start, v->end) : 0;
	mm_populate_eagerly(mm, v, v->start, v->end);
	return mm_map_range(mm, v->start, v->end);
}

static int change_rights(struct mm *mm, struct vma *v, gva_t start, gva_t end, unsigned prot)
{
	int err = check_rights(mm, v, gva_diff(end, start), prot);

	if (err || v->prot == prot)
		return err;
	err = vma_isolate(mm, start, end);
	return err ? err : set_rights(mm, vma_at(mm, start), prot);
}

static int protect_from(struct mm *mm, gva_t start, gva_t end, unsigned prot)
{
	struct vma *v = vma_find(mm, start);

	if (!v)
		return -ENOMEM;
	if (prot & PROT_GROWSDOWN) {
		if (gva_le(end, v->start))
			return -ENOMEM;
		if (!(v->flags & VMA_GROWSDOWN))
			return -EINVAL;
		start = v->start;
	} else if (gva_lt(start, v->start)) {
		return -ENOMEM;
	} else if (prot & PROT_GROWSUP) {
		return -EINVAL;
	}
	return vma_change_range(mm, start, end, change_rights, prot & PROT_RIGHTS);
}

int mm_mprotect(struct mm *mm, gva_t addr, uint64_t len, unsigned prot)
{
	const unsigned grows = PROT_GROWSDOWN | PROT_GROWSUP;
	gva_t start = addr, end = gva_add(start, PAGE_UP(len));
	int err;

	if ((prot & grows) == grows || !gva_page_aligned(start))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (gva_le(end, start))
		return -ENOMEM;
	if (prot & ~(PROT_RIGHTS | PROT_SEM | grows))
		return -EINVAL;
	rwlock_wrlock(&mm->lock);
	err = protect_from(mm, start, end, prot);
	rwlock_unlock(&mm->lock);
	return err;
}
