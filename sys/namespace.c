/* SPDX-License-Identifier: Apache-2.0 */
/* setns(2), and the requests of ioctl(2) that make a descriptor of a namespace. */
#include "sys/namespace.h"

#include <linux/capability.h>
#include <linux/nsfs.h>

#include "cred/cred.h"
#include "cred/user_ns.h"
#include "fs/nsfs.h"
#include "kernel/nsproxy.h"
#include "net/net.h"
#include "net/socket.h"
#include "sys/sys.h"

/* Into the mount namespace: to its root. */
static int enter_mounts(struct task *t, struct mnt_namespace *ns)
{
	if (!cred_own_capable(t->cred, CAP_SYS_CHROOT))
		return -EPERM;
	if (ref_count(&t->fs->refs) != 1)
		return -EINVAL;
	struct path root = mnt_ns_root(ns), cwd = path_get(&root);
	fs_struct_set_root(t->fs, &root);
	fs_struct_set_cwd(t->fs, &cwd);
	return 0;
}

static bool is_alone(struct task *t)
{
	sandbox_lock(t->sb);
	bool alone = t->process->nr_tasks == 1;
	sandbox_unlock(t->sb);
	return alone;
}

/* Its own it cannot enter: it could get back what it has given up. */
static int enter_users(struct task *t, struct user_namespace *ns)
{
	if (ns == task_user_ns(t) || !is_alone(t) || ref_count(&t->fs->refs) != 1)
		return -EINVAL;
	if (!cred_ns_capable(t->cred, ns, CAP_SYS_ADMIN))
		return -EPERM;
	struct cred *cred = cred_copy(t->cred, -1);
	if (!cred)
		return -ENOMEM;
	cred_enter(cred, ns);
	return task_set_cred(t, cred);
}

/* For the children: its own, or one below. */
static int check_pids(struct task *t, struct ns_common *ns)
{
	return ns->kind == NS_PID &&
		       !pid_ns_is_within(container_of(ns, struct pid_namespace, ns), task_pid_ns(t))
		   ? -EINVAL
		   : 0;
}

static int enter(struct task *t, struct ns_common *ns)
{
	if (ns->kind == NS_USER)
		return enter_users(t, container_of(ns, struct user_namespace, ns));
	if (ns->kind == NS_TIME && !is_alone(t))
		return -EUSERS;
	if (!cred_ns_capable(t->cred, ns->owner, CAP_SYS_ADMIN) ||
	    !cred_own_capable(t->cred, CAP_SYS_ADMIN))
		return -EPERM;
	int err = check_pids(t, ns);
	if (err)
		return err;
	struct nsproxy *next = nsproxy_with(t->nsproxy, ns);
	err = next ? 0 : -ENOMEM;
	if (!err && ns->kind == NS_MNT)
		err = enter_mounts(t, container_of(ns, struct mnt_namespace, ns));
	if (err)
		nsproxy_put(next);
	if (!err && ns->kind == NS_IPC)
		task_undo_semaphores(t);
	if (!err)
		nsproxy_set(t, next);
	return err;
}

SYSCALL_DEFINE(setns)
{
	struct file *f = fd_get(t->files, (int)a[0]);

	if (!f)
		return -EBADF;
	struct ns_common *ns = ns_of_file(f);
	int err = !ns || (a[1] && (unsigned)a[1] != ns_kind_clone_flag(ns->kind)) ? -EINVAL
										  : enter(t, ns);
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
