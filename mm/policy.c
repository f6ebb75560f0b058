/* SPDX-License-Identifier: Apache-2.0 */
/* Memory policies, after Linux's mm/mempolicy.c. */
#include "mm/policy.h"

#include <errno.h>
#include <linux/mempolicy.h>

#include "mm/vma.h"

#define KEEPS_NODES (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)
/* Linux 6.9 */
#define MODE_WEIGHTED_INTERLEAVE 6U

static unsigned mode_of(unsigned mode)
{
	return mode & ~(unsigned)MPOL_MODE_FLAGS;
}

int mempolicy_check(int mode)
{
	unsigned flags = (unsigned)mode & MPOL_MODE_FLAGS, bare = mode_of((unsigned)mode);

	if (bare > MODE_WEIGHTED_INTERLEAVE || (flags & KEEPS_NODES) == KEEPS_NODES)
		return -EINVAL;
	if (flags & MPOL_F_NUMA_BALANCING && bare != MPOL_BIND && bare != MPOL_PREFERRED_MANY)
		return -EINVAL;
	return 0;
}

int mempolicy_make(int mode, uint64_t nodes, struct mempolicy *out)
{
	unsigned keeps = (unsigned)mode & KEEPS_NODES, bare = mode_of((unsigned)mode);

	*out = (struct mempolicy){ 0 };
	if (bare == MPOL_DEFAULT)
		return nodes ? -EINVAL : 0;
	if (bare == MPOL_LOCAL || (bare == MPOL_PREFERRED && !nodes)) {
		out->mode = MPOL_LOCAL;
		return nodes || keeps ? -EINVAL : 0;
	}
	/* Relative nodes are counted round those that there are, which is node 0 each time. */
	if (!nodes || (!(nodes & 1) && !(keeps & MPOL_F_RELATIVE_NODES)))
		return -EINVAL;
	out->mode = (uint16_t)mode;
	out->nodes = (unsigned)mode & MPOL_MODE_FLAGS ? nodes : 1;
	return 0;
}

/* The range of one vma alone gets the policy. */
static int set_policy(struct mm *mm, struct vma *v, gva_t start, gva_t end,
		      const struct mempolicy *p)
{
	if (mempolicy_same(&v->policy, p))
		return 0;
	int err = vma_isolate(mm, start, end);
	if (!err)
		vma_at(mm, start)->policy = *p;
	return err;
}

/* A vma that has the policy already is left whole, also where it goes on behind the range. */
static int set_policies(struct mm *mm, gva_t start, gva_t end, const struct mempolicy *p)
{
	struct vma *v;
	int err = 0;

	while (!err && gva_lt(start, end) && (v = vma_find(mm, start)) && gva_lt(v->start, end)) {
		gva_t to = gva_min(v->end, end);
		err = set_policy(mm, v, gva_max(v->start, start), to, p);
		start = to;
	}
	return err;
}

/* Is all of the range mapped, or, where holes do not matter, any of it? */
static bool range_is_mapped(struct mm *mm, gva_t start, gva_t end, bool all)
{
	uint64_t bytes = vma_bytes(mm, start, end);

	return all ? bytes == gva_diff(end, start) : bytes > 0;
}

int mm_mbind(struct mm *mm, gva_t start, gva_t end, const struct mempolicy *p)
{
	int err = 0;

	rwlock_wrlock(&mm->lock);
	if (!range_is_mapped(mm, start, end, p->mode != MPOL_DEFAULT))
		err = -EFAULT;
	if (!err)
		err = set_policies(mm, start, end, p);
	vma_merge(mm, start, end);
	rwlock_unlock(&mm->lock);
	return err;
}

int mm_check_home_node(struct mm *mm, gva_t start, gva_t end)
{
	int err = -ENOENT;

	rwlock_rdlock(&mm->lock);
	vma_for_range (v, mm, start, end) {
		unsigned mode = mode_of(v->policy.mode);

		if (mode == MPOL_DEFAULT)
			continue;
		err = mode == MPOL_BIND || mode == MPOL_PREFERRED_MANY ? 0 : -EOPNOTSUPP;
		if (err)
			break;
	}
	rwlock_unlock(&mm->lock);
	return err;
}

int mm_policy_at(struct mm *mm, gva_t addr, struct mempolicy *out)
{
	rwlock_rdlock(&mm->lock);
	const struct vma *v = vma_at(mm, addr);
	if (v)
		*out = v->policy;
	rwlock_unlock(&mm->lock);
	return v ? 0 : -EFAULT;
}
