/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file makes, shares and replaces the sets of namespaces that tasks have. A change of one
 * namespace makes a new set, because other tasks may share the old one.
 */
#include "kernel/nsproxy.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>

#include "fs/ramfs/ramfs.h"
#include "kernel/observer.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "net/net.h"
#include "net/policy.h"

/* Below all that is mounted lies an empty file system, as on Linux, which nobody sees: because of
 * it the root can be exchanged (pivot_root(2)). */
static struct ns_common *first_mounts(struct sandbox *sb)
{
	const struct ramfs_options opt = { .type = "rootfs", .mode = 0755 };
	struct mnt_namespace *ns = mnt_ns_new(sb->vfs, sb->vfs->user_ns);
	struct filesystem *fs;

	if (!ns)
		return NULL;
	if (ramfs_create(&sb->mem, vfs_new_dev(sb->vfs), &opt, &fs) == 0 &&
	    mnt_ns_mount(ns, "/", fs, 0, "rootfs") == 0)
		return &ns->ns;
	ns_put(&ns->ns);
	return NULL;
}

static struct ns_common *first_ipc(struct sandbox *sb)
{
	struct ipc_namespace *ns;

	return ipc_ns_new(&sb->ipc, sb->vfs->user_ns, NULL, &ns) ? NULL : &ns->ns;
}

/* The one that the sandbox's policy is about, and whose refusals are told. */
static struct ns_common *first_net(struct sandbox *sb)
{
	struct net *net;

	if (net_new(&sb->nets, sb->net_policy, true, sb->vfs->user_ns, &net))
		return NULL;
	if (sb->observer)
		observer_of_net(sb->observer, net);
	return &net->ns;
}

static struct ns_common *first_of(enum ns_kind kind, struct sandbox *sb)
{
	struct time_namespace *time;
	struct uts_namespace *uts;

	switch (kind) {
	case NS_TIME:
		time = time_ns_new(sb, NULL, sb->vfs->user_ns);
		return time ? &time->ns : NULL;
	case NS_MNT: return first_mounts(sb);
	case NS_UTS: uts = uts_ns_new(sb); return uts ? &uts->ns : NULL;
	case NS_IPC: return first_ipc(sb);
	case NS_NET: return first_net(sb);
	case NS_PID: return ns_get(&sb->pid_ns->ns);
	default: return ns_new(kind, sb->vfs->ns_numbers, sb->vfs->user_ns);
	}
}

static void set_time_for_children(struct nsproxy *p, struct time_namespace *ns)
{
	struct time_namespace *old = p->time_for_children;

	p->time_for_children = ns;
	ns_get(&ns->ns);
	if (old)
		ns_put(&old->ns);
}

struct nsproxy *nsproxy_new(struct sandbox *sb)
{
	struct nsproxy *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	ref_set(&p->refs, 1);
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++) {
		if (kind == NS_USER)
			continue;
		p->ns[kind] = first_of(kind, sb);
		if (!p->ns[kind]) {
			nsproxy_put(p);
			return NULL;
		}
	}
	set_time_for_children(p, nsproxy_time(p));
	return p;
}

struct nsproxy *nsproxy_get(struct nsproxy *p)
{
	ref_get(&p->refs);
	return p;
}

void nsproxy_put(struct nsproxy *p)
{
	if (!p || !ref_put(&p->refs))
		return;
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++)
		ns_put(p->ns[kind]);
	if (p->time_for_children)
		ns_put(&p->time_for_children->ns);
	free(p);
}

static struct nsproxy *nsproxy_copy(const struct nsproxy *old)
{
	struct nsproxy *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	ref_set(&p->refs, 1);
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++) {
		if (old->ns[kind])
			p->ns[kind] = ns_get(old->ns[kind]);
	}
	set_time_for_children(p, old->time_for_children);
	return p;
}

/* Takes the place of the one of its kind, and counts. */
static int replace(struct nsproxy *p, struct ns_common *ns)
{
	ns_put(p->ns[ns->kind]);
	p->ns[ns->kind] = ns;
	return ns_count(ns);
}

static int copy_uts(struct nsproxy *p, const struct cred *cred)
{
	struct uts_namespace *uts;
	int err = uts_ns_copy(nsproxy_uts(p), cred->user_ns, &uts);

	return err ? err : replace(p, &uts->ns);
}

static int copy_ipc(struct nsproxy *p, const struct cred *cred)
{
	struct ipc_namespace *ipc;
	int err = ipc_ns_new(nsproxy_ipc(p)->domain, cred->user_ns, cred, &ipc);

	return err ? err : replace(p, &ipc->ns);
}

static int copy_net(struct nsproxy *p, const struct cred *cred)
{
	struct net *net;
	int err = net_new(nsproxy_net(p)->domain, &net_policy_none, false, cred->user_ns, &net);

	return err ? err : replace(p, &net->ns);
}

/* All tasks are in the one control group that a sandbox shows, which is the root of the first
 * namespace: it is the root of any other one as well. */
static int copy_cgroup(struct nsproxy *p, struct ns_numbers *numbers, const struct cred *cred)
{
	struct ns_common *ns = ns_new(NS_CGROUP, numbers, cred->user_ns);

	return ns ? replace(p, ns) : -ENOMEM;
}

/* For the children. */
static int copy_time(struct nsproxy *p, struct sandbox *sb, const struct cred *cred)
{
	struct time_namespace *ns = time_ns_new(sb, p->time_for_children, cred->user_ns);

	if (!ns)
		return -ENOMEM;
	set_time_for_children(p, ns);
	int err = ns_count(&ns->ns);
	ns_put(&ns->ns);
	return err;
}

static int copy_mnt(struct nsproxy *p, const struct cred *cred, struct fs_struct *fs)
{
	struct mnt_namespace *mnt;
	int err = mnt_ns_copy(nsproxy_mnt(p), cred->user_ns, fs, &mnt);

	return err ? err : replace(p, &mnt->ns);
}

int nsproxy_new_pids(struct task *t, const struct cred *cred, uint64_t flags,
		     struct pid_namespace **out)
{
	struct pid_namespace *now = nsproxy_pids(t->nsproxy);

	if (!(flags & CLONE_NEWPID)) {
		*out = now;
		ns_get(&now->ns);
		return 0;
	}
	if (!cred_own_capable(cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (now != task_pid_ns(t))
		return -EINVAL;
	if (!budget_room(t->sb->mem.budget, sizeof *now))
		return -ENOMEM;
	int err = pid_ns_below(now, t->sb->vfs, cred->user_ns, out);
	if (!err && (err = ns_count(&(*out)->ns)))
		ns_put(&(*out)->ns);
	return err;
}

int nsproxy_clone(struct task *t, const struct cred *cred, uint64_t flags, struct fs_struct *fs,
		  struct nsproxy **out)
{
	const uint64_t asked = flags & CLONE_NAMESPACES & ~(uint64_t)(CLONE_NEWUSER | CLONE_NEWPID);
	int err = 0;

	if (asked && !cred_own_capable(cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & CLONE_NEWIPC && flags & CLONE_SYSVSEM)
		return -EINVAL;
	if (!asked) {
		*out = nsproxy_get(t->nsproxy);
		return 0;
	}
	struct nsproxy *p = nsproxy_copy(t->nsproxy);
	if (!p)
		return -ENOMEM;
	if (flags & CLONE_NEWUTS)
		err = copy_uts(p, cred);
	if (!err && flags & CLONE_NEWIPC)
		err = copy_ipc(p, cred);
	if (!err && flags & CLONE_NEWNET)
		err = copy_net(p, cred);
	if (!err && flags & CLONE_NEWCGROUP)
		err = copy_cgroup(p, t->sb->vfs->ns_numbers, cred);
	if (!err && flags & CLONE_NEWTIME)
		err = copy_time(p, t->sb, cred);
	if (!err && flags & CLONE_NEWNS)
		err = copy_mnt(p, cred, fs);
	if (err)
		nsproxy_put(p);
	else
		*out = p;
	return err;
}

void nsproxy_set(struct task *t, struct nsproxy *p)
{
	sandbox_lock(t->sb);
	struct nsproxy *old = t->nsproxy;
	t->nsproxy = p;
	sandbox_unlock(t->sb);
	nsproxy_put(old);
}

struct nsproxy *nsproxy_with(const struct nsproxy *old, struct ns_common *ns)
{
	struct nsproxy *p = nsproxy_copy(old);

	if (!p)
		return NULL;
	ns_put(p->ns[ns->kind]);
	p->ns[ns->kind] = ns_get(ns);
	if (ns->kind == NS_TIME)
		set_time_for_children(p, nsproxy_time(p));
	return p;
}

struct nsproxy *nsproxy_with_children_time(const struct nsproxy *old, struct ns_common *ns)
{
	struct nsproxy *p = nsproxy_copy(old);

	if (p)
		set_time_for_children(p, container_of(ns, struct time_namespace, ns));
	return p;
}

int nsproxy_enter_time(struct sandbox *sb, struct nsproxy **p)
{
	struct nsproxy *old = *p;
	struct time_namespace *time = old->time_for_children;

	if (time == nsproxy_time(old))
		return 0;
	struct nsproxy *next = nsproxy_with(old, &time->ns);
	if (!next)
		return -ENOMEM;
	time_ns_join(sb, time);
	nsproxy_put(old);
	*p = next;
	return 0;
}

/* References to what the tasks of a sandbox have, some more than once; *n of them. */
static struct fs_struct **list_fs_structs(struct sandbox *sb, size_t *n)
{
	struct fs_struct **list;
	struct process *p;
	struct task *t;
	size_t max = 1;

	*n = 0;
	sandbox_lock(sb);
	list_for_each (p, &sb->processes, all_node)
		max += (size_t)p->nr_tasks;
	list = calloc(max, sizeof(struct fs_struct *));
	list_for_each (p, &sb->processes, all_node) {
		list_for_each (t, &p->tasks, process_node) {
			bool again = *n && list && list[*n - 1] == t->fs;
			if (list && t->fs && !again && *n < max)
				list[(*n)++] = fs_struct_get(t->fs);
		}
	}
	sandbox_unlock(sb);
	return list;
}

int sandbox_switch_roots(struct sandbox *sb, const struct path *old, const struct path *new)
{
	size_t n;
	struct fs_struct **list = list_fs_structs(sb, &n);

	for (size_t i = 0; i < n; i++) {
		fs_struct_switch(list[i], old, new);
		fs_struct_put(list[i]);
	}
	free(list);
	return list ? 0 : -ENOMEM;
}
