/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory policies (set_mempolicy(2), mbind(2)) of a machine with one memory node, 0, which all
 * memory comes from whatever a policy says. So a policy is kept for those alone who ask for it:
 * get_mempolicy(2) and /proc/PID/numa_maps.
 */
#ifndef HL_MM_POLICY_H
#define HL_MM_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "util/gva.h"

struct mm;

/* How many nodes a mask may speak of, as in Linux's largest configuration. */
#define MEMPOLICY_NODES 1024

/* All zeroes: MPOL_DEFAULT, which is no policy. */
struct mempolicy {
	uint16_t mode;  /* MPOL_*, its flags among the bits */
	uint64_t nodes; /* that it names: node 0, or with flags that keep them those of the call */
};

static inline bool mempolicy_same(const struct mempolicy *a, const struct mempolicy *b)
{
	return a->mode == b->mode && a->nodes == b->nodes;
}

/* Is there such a mode, with such flags? 0 or -EINVAL. */
int mempolicy_check(int mode);
/* The policy of a mode that was checked. `nodes`: the first 64 bits of the mask, the last one also
 * for all behind it. 0 or -EINVAL. */
int mempolicy_make(int mode, uint64_t nodes, struct mempolicy *out);

/* mbind(2) after its checks; -EFAULT: there is a hole, and the policy is none that may have
 * holes. */
int mm_mbind(struct mm *mm, gva_t start, gva_t end, const struct mempolicy *p);
/* set_mempolicy_home_node(2) to the one that there is: -ENOENT, -EOPNOTSUPP. */
int mm_check_home_node(struct mm *mm, gva_t start, gva_t end);
/* The policy of what is mapped at `addr`; -EFAULT: nothing is. */
int mm_policy_at(struct mm *mm, gva_t addr, struct mempolicy *out);

#endif
