/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces of a task, but for its user namespace, which its credentials have. Tasks share one
 * until one of them asks for a namespace of its own (clone(2), unshare(2), setns(2)); a set is
 * never changed.
 */
#ifndef HL_KERNEL_NSPROXY_H
#define HL_KERNEL_NSPROXY_H

#include <sched.h>

#include "fs/mount.h"
#include "ipc/ipc.h"
#include "kernel/pid.h"
#include "kernel/time_ns.h"
#include "kernel/uts.h"
#include "net/namespace.h"
#include "util/ref.h"

struct sandbox;
struct task;

/* The flags of clone(2) that ask for a namespace. */
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define CLONE_NAMESPACES                                                                           \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

struct nsproxy {
	struct ref refs;
	/* References. NS_PID is the one that children are born in, a task's own is that of its pid
	 * (task_pid_ns). NS_USER is NULL. */
	struct ns_common *ns[NR_NS_KINDS];
	/* A reference: the one that children are in, and the task when it executes a program. */
	struct time_namespace *time_for_children;
};

/* The first set of a sandbox: a namespace of each kind, pid_ns among them. NULL: no memory. */
struct nsproxy *nsproxy_new(struct sandbox *sb);
struct nsproxy *nsproxy_get(struct nsproxy *p);
void nsproxy_put(struct nsproxy *p);
/* For a child: the same set, or one with new namespaces where `flags` (clone(2)) ask for them.
 * These belong to the user namespace of `cred`, the child's. `fs` is the child's own: of new
 * mounts its root and working directory become part, once nothing can fail any more. -EINVAL: with
 * flags that exclude each other. -EPERM, -ENOSPC. */
int nsproxy_clone(struct task *t, const struct cred *cred, uint64_t flags, struct fs_struct *fs,
		  struct nsproxy **out);
/* The namespace of pids that a child is born in: the set's own, or with CLONE_NEWPID a new one,
 * which belongs to the users of `cred`. A reference. As nsproxy_clone. */
int nsproxy_new_pids(struct task *t, const struct cred *cred, uint64_t flags,
		     struct pid_namespace **out);
/* A set that has `ns` in place of the one of its kind, of the children as well, one reference.
 * NULL: no memory. */
struct nsproxy *nsproxy_with(const struct nsproxy *old, struct ns_common *ns);
/* The same for the time namespace of the children alone. */
struct nsproxy *nsproxy_with_children_time(const struct nsproxy *old, struct ns_common *ns);
/* Whoever gets *p is a child, or executes a program: *p becomes a set whose time namespace is that
 * of the children. -ENOMEM: *p is as before. */
int nsproxy_enter_time(struct sandbox *sb, struct nsproxy **p);
/* Owner: takes the reference over. */
void nsproxy_set(struct task *t, struct nsproxy *p);

/* Whoever has `old` as root or working directory gets `new` (pivot_root(2)). -ENOMEM. */
int sandbox_switch_roots(struct sandbox *sb, const struct path *old, const struct path *new);

static inline struct mnt_namespace *nsproxy_mnt(const struct nsproxy *p)
{
	return container_of(p->ns[NS_MNT], struct mnt_namespace, ns);
}

/* Of children; a task's own is task_pid_ns. */
static inline struct pid_namespace *nsproxy_pids(const struct nsproxy *p)
{
	return container_of(p->ns[NS_PID], struct pid_namespace, ns);
}

static inline struct ipc_namespace *nsproxy_ipc(const struct nsproxy *p)
{
	return container_of(p->ns[NS_IPC], struct ipc_namespace, ns);
}

static inline struct net *nsproxy_net(const struct nsproxy *p)
{
	return net_of(p->ns[NS_NET]);
}

static inline struct time_namespace *nsproxy_time(const struct nsproxy *p)
{
	return container_of(p->ns[NS_TIME], struct time_namespace, ns);
}

static inline struct uts_namespace *nsproxy_uts(const struct nsproxy *p)
{
	return container_of(p->ns[NS_UTS], struct uts_namespace, ns);
}

#endif
