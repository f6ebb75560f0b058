/* SPDX-License-Identifier: Apache-2.0 */
/* setns(2), the requests of ioctl(2) that make a descriptor of a namespace, and reboot(2), which
 * ends one of processes. */
#include "sys/namespace.h"

#include <linux/capability.h>
#include <linux/nsfs.h>
#include <linux/reboot.h>

#include "cred/cred.h"
#include "cred/user_ns.h"
#include "fs/nsfs.h"
#include "kernel/nsproxy.h"
#include "kernel/pidfd.h"
#include "kernel/ptrace/access.h"
#include "loader/vdso.h"
#include "net/net.h"
#include "net/socket.h"
#include "sys/sys.h"

/* What a call of setns(2) has changed so far, of which nothing can be seen before all is right. */
struct entering {
	struct task *t;
	struct cred *cred; /* other users; NULL: its own */
	struct nsproxy *set;
	struct path root; /* of other mounts; `mnt` NULL: its own */
	bool ipc;         /* it enters one of System V objects */
};

/* The users who are to be allowed: those it enters with, if it does. */
static struct user_namespace *users_of(const struct entering *e)
{
	return e->cred ? e->cred->user_ns : task_user_ns(e->t);
}

static bool is_alone(struct task *t)
{
	sandbox_lock(t->sb);
	bool alone = t->process->nr_tasks == 1;
	sandbox_unlock(t->sb);
	return alone;
}

/* Its own it cannot enter: it could get back what it has given up. */
static int enter_users(struct entering *e, struct user_namespace *ns)
{
	struct task *t = e->t;

	if (ns == task_user_ns(t) || !is_alone(t) || ref_count(&t->fs->refs) != 1)
		return -EINVAL;
	if (!cred_ns_capable(t->cred, ns, CAP_SYS_ADMIN))
		return -EPERM;
	e->cred = cred_copy(t->cred, -1);
	if (!e->cred)
		return -ENOMEM;
	cred_enter(e->cred, ns);
	return 0;
}

/* To the root of the mount namespace. */
static int enter_mounts(struct entering *e, struct mnt_namespace *ns)
{
	if (!cred_ns_capable(e->t->cred, users_of(e), CAP_SYS_CHROOT))
		return -EPERM;
	if (ref_count(&e->t->fs->refs) != 1)
		return -EINVAL;
	e->root = mnt_ns_root(ns);
	return 0;
}

/* What a kind asks besides the capabilities. */
static int check_kind(struct entering *e, struct ns_common *ns)
{
	switch (ns->kind) {
	case NS_MNT: return enter_mounts(e, container_of(ns, struct mnt_namespace, ns));
	/* for the children: its own, or one below */
	case NS_PID:
		return pid_ns_is_within(container_of(ns, struct pid_namespace, ns),
					task_pid_ns(e->t))
			   ? 0
			   : -EINVAL;
	default: return 0;
	}
}

static int enter(struct entering *e, struct ns_common *ns)
{
	struct task *t = e->t;

	if (ns->kind == NS_USER)
		return enter_users(e, container_of(ns, struct user_namespace, ns));
	if (ns->kind == NS_TIME && !is_alone(t))
		return -EUSERS;
	if (!cred_ns_capable(t->cred, ns->owner, CAP_SYS_ADMIN) ||
	    !cred_ns_capable(t->cred, users_of(e), CAP_SYS_ADMIN))
		return -EPERM;
	int err = check_kind(e, ns);
	if (err)
		return err;
	struct nsproxy *old = e->set;
	struct nsproxy *next = nsproxy_with(old, ns);
	if (!next)
		return -ENOMEM;
	e->set = next;
	e->ipc |= ns->kind == NS_IPC;
	nsproxy_put(old);
	return 0;
}

/* The clocks of a space are left for good, which can fail and is no loss where the rest does. */
static int enter_time(struct entering *e)
{
	struct task *t = e->t;

	if (e->set->ns[NS_TIME] == t->nsproxy->ns[NS_TIME])
		return 0;
	int err = vdso_leave_clocks(t->mm);
	if (!err)
		time_ns_join(t->sb, nsproxy_time(e->set));
	return err;
}

static int commit(struct entering *e)
{
	struct task *t = e->t;
	int err = enter_time(e);

	if (err)
		return err;
	if (e->root.mnt) {
		struct path root = path_get(&e->root), cwd = path_get(&e->root);
		fs_struct_set_root(t->fs, &root);
		fs_struct_set_cwd(t->fs, &cwd);
	}
	if (e->ipc)
		task_undo_semaphores(t);
	nsproxy_set(t, nsproxy_get(e->set));
	struct cred *cred = e->cred;
	e->cred = NULL;
	return cred ? task_set_cred(t, cred) : 0;
}

/* One of a process's namespaces, a reference, as setns(2) by a pidfd takes them. */
static struct ns_common *ns_of_task(const struct task *of, enum ns_kind kind)
{
	lock_assert_held(&of->sb->lock);
	switch (kind) {
	case NS_USER: return ns_get(&of->cred->user_ns->ns);
	case NS_PID: return ns_get(&task_pid_ns(of)->ns);
	default: return ns_get(of->nsproxy->ns[kind]);
	}
}

/* All that `flags` name, of a process that the caller may look into. */
static int namespaces_of(struct task *t, const struct pid *pid, unsigned flags,
			 struct ns_common *out[NR_NS_KINDS])
{
	sandbox_lock(t->sb);
	struct task *of = pid->task;
	int err = !of ? -ESRCH : ptrace_may_attach(t, of) ? 0 : -EPERM;
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS && !err; kind++)
		out[kind] = flags & ns_kind_clone_flag(kind) ? ns_of_task(of, kind) : NULL;
	sandbox_unlock(t->sb);
	return err;
}

static int enter_those_of(struct entering *e, const struct pid *pid, unsigned flags)
{
	/* the users first: whoever enters them may enter the others */
	static const enum ns_kind order[] = { NS_USER, NS_MNT,    NS_UTS, NS_IPC,
					      NS_PID,  NS_CGROUP, NS_NET, NS_TIME };
	struct ns_common *all[NR_NS_KINDS] = { 0 };
	int err = !flags || flags & ~(unsigned)CLONE_NAMESPACES ? -EINVAL : 0;

	if (!err)
		err = namespaces_of(e->t, pid, flags, all);
	for (unsigned i = 0; i < NR_NS_KINDS && !err; i++)
		err = all[order[i]] ? enter(e, all[order[i]]) : 0;
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++)
		ns_put(all[kind]);
	return err;
}

SYSCALL_DEFINE(setns)
{
	struct entering e = { .t = t, .set = nsproxy_get(t->nsproxy) };
	struct file *f = fd_get(t->files, (int)a[0]);
	struct ns_common *ns = f ? ns_of_file(f) : NULL;
	struct pid *pid = f && !ns ? pidfd_pid(f) : NULL;
	unsigned flags = (unsigned)a[1];
	int err;

	if (!f)
		err = -EBADF;
	else if (pid)
		err = enter_those_of(&e, pid, flags);
	else
		err = !ns || (flags && flags != ns_kind_clone_flag(ns->kind)) ? -EINVAL
									      : enter(&e, ns);
	if (!err)
		err = commit(&e);
	if (e.root.mnt)
		path_put(&e.root);
	cred_put(e.cred);
	nsproxy_put(e.set);
	if (f)
		file_put(f);
	return err;
}

static int64_t descriptor_of(struct task *t, struct ns_common *ns)
{
	struct file *f;
	int err = ns_file(t->sb->vfs, ns, &f);

	return err ? err : fd_return(t, f, true);
}

int64_t ns_of_socket_descriptor(struct task *t, const struct socket *s)
{
	struct ns_common *ns = &s->net->ns;

	return cred_ns_capable(t->cred, ns->owner, CAP_NET_ADMIN) ? descriptor_of(t, ns) : -EPERM;
}

/* Nothing above the caller's own user namespace is shown. */
int64_t ns_owner_descriptor(struct task *t, const struct ns_common *ns)
{
	if (!ns->owner || !user_ns_is_within(ns->owner, task_user_ns(t)))
		return -EPERM;
	return descriptor_of(t, &ns->owner->ns);
}

int64_t ns_parent_descriptor(struct task *t, struct ns_common *ns)
{
	if (ns->kind == NS_USER)
		return ns_owner_descriptor(t, ns);
	if (ns->kind != NS_PID)
		return -EINVAL;
	struct pid_namespace *parent = container_of(ns, struct pid_namespace, ns)->parent;
	return parent && pid_ns_is_within(parent, task_pid_ns(t)) ? descriptor_of(t, &parent->ns)
								  : -EPERM;
}

/* NS_GET_TGID_FROM_PIDNS and its kin: `nr` there and here. */
int64_t ns_translate_pid(struct task *t, struct ns_common *ns, unsigned cmd, pid_t nr)
{
	struct pid_namespace *pids = container_of(ns, struct pid_namespace, ns);
	bool from = cmd == NS_GET_PID_FROM_PIDNS || cmd == NS_GET_TGID_FROM_PIDNS;
	bool process = cmd == NS_GET_TGID_FROM_PIDNS || cmd == NS_GET_TGID_IN_PIDNS;

	if (ns->kind != NS_PID)
		return -EINVAL;
	sandbox_lock(t->sb);
	const struct pid *pid = pid_find(from ? pids : task_pid_ns(t), nr);
	if (pid && pid->task && process)
		pid = pid->task->process->pid;
	else if (pid && !pid->task && !pid->process)
		pid = NULL;
	pid_t shown = pid ? pid_nr(pid, from ? task_pid_ns(t) : pids) : 0;
	sandbox_unlock(t->sb);
	return shown ? shown : -ESRCH;
}

/* ---- reboot(2) ---- */

static bool is_magic(unsigned a, unsigned b)
{
	return a == LINUX_REBOOT_MAGIC1 && (b == LINUX_REBOOT_MAGIC2 || b == LINUX_REBOOT_MAGIC2A ||
					    b == LINUX_REBOOT_MAGIC2B || b == LINUX_REBOOT_MAGIC2C);
}

/* What the init of a namespace is then said to have died of; 0: nothing that one can do. */
static int signal_of_command(unsigned cmd)
{
	switch (cmd) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2: return SIGHUP;
	case LINUX_REBOOT_CMD_POWER_OFF:
	case LINUX_REBOOT_CMD_HALT: return SIGINT;
	default: return 0;
	}
}

/* The machine itself is not the guest's to reboot, whatever it may do otherwise. */
SYSCALL_DEFINE(reboot)
{
	struct pid_namespace *ns = task_pid_ns(t);
	int sig = signal_of_command((unsigned)a[2]);

	if (!cred_ns_capable(t->cred, ns->ns.owner, CAP_SYS_BOOT))
		return -EPERM;
	if (!is_magic((unsigned)a[0], (unsigned)a[1]))
		return -EINVAL;
	if (!ns->parent)
		return -EPERM;
	if (!sig)
		return -EINVAL;
	sandbox_lock(t->sb);
	ns->reboot = sig;
	if (ns->init)
		process_kill_locked(ns->init, SIGKILL);
	sandbox_unlock(t->sb);
	task_exit_self(t, 0);
	return 0;
}
