/* SPDX-License-Identifier: Apache-2.0 */
/* brk(2): the heap is anonymous memory between brk_start and brk. Answers the break that stands
 * afterwards. */
#include "mm/brk.h"

#include <sys/mman.h>

#include "mm/map.h"
#include "mm/populate.h"

static int brk_grow(struct mm *mm, gva_t from, gva_t to)
{
	const struct vma like = {
		.start = from,
		.end = to,
		.prot = GUEST_READ | GUEST_WRITE,
		.flags = VMA_MAYWRITE | VMA_MAYEXEC | (mm->lock_future ? VMA_LOCKED : 0),
		.name = (char *)(uintptr_t) "[heap]",
	};
	struct vma *v;

	/* Room for one page more, as Linux leaves it. */
	if (gva_lt(mm_end(mm), gva_add(to, PAGE_SIZE)) ||
	    !vma_range_free(mm, from, gva_add(to, PAGE_SIZE)))
		return -1;
	if (mm_may_expand(mm, gva_diff(to, from), like.prot, like.flags) < 0)
		return -1;
	if (mm->lock_future && mm_may_lock(mm, gva_diff(to, from)) < 0)
		return -1;
	v = mm->nr_vmas < VMA_MAX_COUNT ? vma_new(mm, &like) : NULL;
	if (!v)
		return -1;
	vma_insert(mm, v);
	mm_populate_eagerly(mm, v, from, to);
	vma_merge(mm, from, to);
	return 0;
}

static bool brk_allowed(const struct mm *mm, gva_t addr)
{
	uint64_t data = gva_diff(mm->end_data, mm->start_data);

	if (gva_lt(addr, mm->brk_start) || gva_lt(mm_end(mm), addr))
		return false;
	return mm->limit_data == UINT64_MAX ||
	       gva_diff(addr, mm->brk_start) + data <= mm->limit_data;
}

gva_t mm_brk(struct mm *mm, gva_t addr)
{
	gva_t from, to, brk;
	int err = 0;
	bool now;

	rwlock_wrlock(&mm->lock);
	from = gva_page_up(mm->brk);
	to = gva_page_up(addr);
	if (!brk_allowed(mm, addr))
		err = -1;
	else if (gva_lt(to, from))
		err = mm_clear_range(mm, to, from);
	else if (gva_lt(from, to))
		err = brk_grow(mm, from, to);
	if (!err)
		mm->brk = addr;
	brk = mm->brk;
	now = !err && mm->lock_future && !(mm->lock_future & MCL_ONFAULT);
	rwlock_unlock(&mm->lock);
	if (now)
		mm_populate_now(mm, from, to, true);
	return brk;
}
