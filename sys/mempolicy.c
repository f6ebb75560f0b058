/* SPDX-License-Identifier: Apache-2.0 */
/* Memory policies and moves of pages between memory nodes (numa(7)), of which there is one. */
#include <linux/capability.h>
#include <linux/mempolicy.h>
#include <limits.h>

#include "kernel/ptrace/access.h"
#include "mm/maps.h"
#include "mm/policy.h"
#include "sys/sys.h"

#define NODE_ONLY 1UL /* the mask of the nodes that there are */

/* A mask of `max` - 1 nodes, as mempolicy_make wants it. Bits behind those that a mask may have
 * must be 0. (Linux's get_nodes) */
static int get_nodes(struct task *t, gva_t addr, uint64_t max, uint64_t *out)
{
	uint64_t bits = max - 1;

	*out = 0;
	if (!bits || !addr.v)
		return 0;
	if (bits > PAGE_SIZE * CHAR_BIT)
		return -EINVAL;
	for (uint64_t at = 0; at < bits; at += 64) {
		uint64_t word;
		if (get_user(t, &word, gva_add(addr, at / CHAR_BIT)))
			return -EFAULT;
		if (bits - at < 64)
			word &= (1UL << (bits - at)) - 1;
		if (word && at >= MEMPOLICY_NODES)
			return -EINVAL;
		*out |= at ? (uint64_t) !!word << 63 : word;
	}
	return 0;
}

/* The policy that the arguments of set_mempolicy(2) and mbind(2) describe. */
static int get_policy(struct task *t, int mode, gva_t mask, uint64_t max, uint64_t *nodes)
{
	int err = mempolicy_check(mode);

	return err ? err : get_nodes(t, mask, max, nodes);
}

SYSCALL_DEFINE(set_mempolicy)
{
	struct mempolicy p;
	uint64_t nodes;
	int err = get_policy(t, (int)a[0], GVA(a[1]), a[2], &nodes);

	if (!err)
		err = mempolicy_make((int)a[0], nodes, &p);
	if (err)
		return err;
	sandbox_lock(t->sb);
	t->mempolicy = p;
	sandbox_unlock(t->sb);
	return 0;
}

/* What get_mempolicy(2) says in place of the mode. */
static int policy_value(struct task *t, const struct mempolicy *p, unsigned flags, gva_t addr)
{
	unsigned mode = p->mode & ~(unsigned)MPOL_MODE_FLAGS;
	char byte;

	if (!(flags & MPOL_F_NODE))
		return p->mode;
	if (flags & MPOL_F_ADDR) /* the page there comes in */
		return copy_from_guest(t->mm, &byte, addr, 1) ? -EFAULT : 0;
	return mode == MPOL_INTERLEAVE || mode == MPOL_PREFERRED_MANY + 1 ? 0 : -EINVAL;
}

static int put_nodes(struct task *t, gva_t addr, uint64_t max, uint64_t nodes)
{
	const char zeroes[64] = { 0 };
	uint64_t bytes = ((max - 1 + 63) & ~63UL) / CHAR_BIT;

	if (bytes > PAGE_SIZE)
		return -EINVAL;
	for (uint64_t at = sizeof nodes; at < bytes; at += sizeof zeroes) {
		uint64_t n = bytes - at < sizeof zeroes ? bytes - at : sizeof zeroes;
		if (copy_to_guest(t->mm, gva_add(addr, at), zeroes, n))
			return -EFAULT;
	}
	return bytes && put_user(t, addr, &nodes) ? -EFAULT : 0;
}

SYSCALL_DEFINE(get_mempolicy)
{
	struct mempolicy p = t->mempolicy;
	unsigned flags = (unsigned)a[4];
	int mode = 0, err = 0;

	if (a[1] && !a[2])
		return -EINVAL;
	if (a[4] & ~(uint64_t)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (flags & MPOL_F_MEMS_ALLOWED) {
		p = (struct mempolicy){ .nodes = NODE_ONLY };
		err = flags & (MPOL_F_NODE | MPOL_F_ADDR) ? -EINVAL : 0;
	} else {
		if (flags & MPOL_F_ADDR)
			err = mm_policy_at(t->mm, GVA(a[3]), &p);
		else if (a[3])
			err = -EINVAL;
		mode = err ? err : policy_value(t, &p, flags, GVA(a[3]));
		err = mode < 0 ? mode : 0;
	}
	if (!err && a[0])
		err = put_user(t, GVA(a[0]), &mode);
	if (!err && a[1])
		err = put_nodes(t, GVA(a[1]), a[2], p.nodes);
	return err;
}

/* The range of a call, in whole pages. 1: there is something in it. */
static int get_range(gva_t start, uint64_t len, gva_t *end)
{
	*end = gva_add(start, PAGE_UP(len));
	if (!gva_page_aligned(start) || gva_lt(*end, start))
		return -EINVAL;
	return !gva_eq(*end, start);
}

SYSCALL_DEFINE(mbind)
{
	struct mempolicy p;
	unsigned flags = (unsigned)a[5];
	uint64_t nodes;
	gva_t end;
	int err = get_policy(t, (int)a[2], GVA(a[3]), a[4], &nodes);

	if (err)
		return err;
	if (flags & ~(unsigned)MPOL_MF_VALID)
		return -EINVAL;
	if (flags & MPOL_MF_MOVE_ALL && !cred_capable(t->cred, CAP_SYS_NICE))
		return -EPERM;
	err = get_range(GVA(a[0]), a[1], &end);
	if (err <= 0)
		return err;
	err = mempolicy_make((int)a[2], nodes, &p);
	return err ? err : mm_mbind(t->mm, GVA(a[0]), end, &p);
}

SYSCALL_DEFINE(set_mempolicy_home_node)
{
	gva_t end;

	if (!gva_page_aligned(GVA(a[0])) || a[3] || a[2])
		return -EINVAL;
	int err = get_range(GVA(a[0]), a[1], &end);
	return err <= 0 ? err : mm_check_home_node(t->mm, GVA(a[0]), end);
}

/* The address space of a process whose pages are to move; 0: the caller's own. A reference. */
static int get_mm(struct task *t, pid_t nr, struct mm **out)
{
	int err = 0;

	sandbox_lock(t->sb);
	struct pid *pid = nr ? pid_find(task_pid_ns(t), nr) : t->pid;
	struct task *o = pid ? pid->task : NULL;
	if (!o)
		err = -ESRCH;
	else if (!ptrace_may_attach(t, o))
		err = -EPERM;
	else if (!o->mm)
		err = -EINVAL;
	else
		*out = mm_get(o->mm);
	sandbox_unlock(t->sb);
	return err;
}

SYSCALL_DEFINE(migrate_pages)
{
	uint64_t from, to;
	struct mm *mm;
	int err = get_nodes(t, GVA(a[2]), a[1], &from);

	if (!err)
		err = get_nodes(t, GVA(a[3]), a[1], &to);
	if (!err)
		err = get_mm(t, (pid_t)a[0], &mm);
	if (err)
		return err;
	mm_put(mm);
	if (to & ~NODE_ONLY && !cred_capable(t->cred, CAP_SYS_NICE))
		return -EPERM;
	return to & NODE_ONLY ? 0 : -EINVAL;
}

/* Where the page at the i-th address of `pages` is, and is to be: its node, or -errno of itself.
 * *err: of the call. */
static int page_status(struct task *t, struct mm *mm, const uint64_t *a, uint64_t i, int *err)
{
	uint64_t page;
	int node = 0;

	*err = get_user(t, &page, GVA(a[2] + i * sizeof page));
	if (!*err && a[3])
		*err = get_user(t, &node, GVA(a[3] + i * sizeof node));
	if (!*err && node)
		*err = -ENODEV;
	return *err ? 0 : mm_page_present(mm, GVA(page));
}

SYSCALL_DEFINE(move_pages)
{
	struct mm *mm;

	if (a[5] & ~(uint64_t)(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if (a[5] & MPOL_MF_MOVE_ALL && !cred_capable(t->cred, CAP_SYS_NICE))
		return -EPERM;
	int err = get_mm(t, (pid_t)a[0], &mm);
	if (err)
		return err;
	for (uint64_t i = 0; !err && i < a[1]; i++) {
		int status = page_status(t, mm, a, i, &err);
		if (!err)
			err = put_user(t, GVA(a[4] + i * sizeof status), &status);
		if (sleeper_killed(&t->sleeper))
			err = -EINTR;
	}
	mm_put(mm);
	return err;
}
