/* SPDX-License-Identifier: Apache-2.0 */
/* Identity of processes: pids, process groups, sessions (credentials(7)). */
#include "kernel/process.h"

#include "kernel/tty/tty.h"
#include "sys/sys.h"

SYSCALL_DEFINE(getpid)
{
	return pid_nr(t->process->pid, task_pid_ns(t));
}

SYSCALL_DEFINE(gettid)
{
	return t->tid;
}

SYSCALL_DEFINE(getppid)
{
	sandbox_lock(t->sb);
	pid_t nr = t->process->parent ? pid_nr(t->process->parent->pid, task_pid_ns(t)) : 0;
	sandbox_unlock(t->sb);
	return nr;
}

/* The process of `pid`, or the caller's for 0; NULL: ESRCH. */
static struct process *target(struct task *t, pid_t pid)
{
	lock_assert_held(&t->sb->lock);
	struct pid *p = pid ? pid_find(task_pid_ns(t), pid) : t->process->pid;

	return p ? p->process : NULL;
}

SYSCALL_DEFINE(getpgid)
{
	sandbox_lock(t->sb);
	struct process *p = target(t, (pid_t)a[0]);
	pid_t nr = p && p->pgrp ? pid_nr(p->pgrp, task_pid_ns(t)) : -ESRCH;
	sandbox_unlock(t->sb);
	return nr;
}

SYSCALL_DEFINE(getpgrp)
{
	return sys_getpgid(t, (const uint64_t[6]){ 0 });
}

SYSCALL_DEFINE(getsid)
{
	sandbox_lock(t->sb);
	struct process *p = target(t, (pid_t)a[0]);
	pid_t nr = p && p->session ? pid_nr(p->session, task_pid_ns(t)) : -ESRCH;
	sandbox_unlock(t->sb);
	return nr;
}

/* setpgid(2), ERRORS, in the order of Linux's. */
static int check_setpgid(struct task *t, struct process *p)
{
	if (!p)
		return -ESRCH;
	if (p != t->process) {
		if (p->parent != t->process)
			return -ESRCH;
		if (p->session != t->process->session)
			return -EPERM;
		if (p->did_exec)
			return -EACCES;
	}
	return p->session_leader ? -EPERM : 0;
}

static int setpgid_locked(struct task *t, pid_t pid, pid_t pgid)
{
	struct process *p = target(t, pid);
	int err = check_setpgid(t, p);
	if (err)
		return err;
	struct pid *group = p->pid;
	if (pgid && pgid != task_pid_nr(t, p->pid)) {
		group = pid_find(task_pid_ns(t), pgid);
		if (!group || list_empty(&group->pgrp) ||
		    list_first(&group->pgrp, struct process, pgrp_node)->session != p->session)
			return -EPERM;
	}
	if (p->pgrp != group)
		process_set_pgrp(p, group);
	process_end_inits(t->sb);
	return 0;
}

SYSCALL_DEFINE(setpgid)
{
	pid_t pid = (pid_t)a[0], pgid = (pid_t)a[1];
	if ((pgid ? pgid : pid) < 0)
		return -EINVAL;
	sandbox_lock(t->sb);
	int err = setpgid_locked(t, pid, pgid);
	sandbox_unlock(t->sb);
	return err;
}

/* setsid(2): not for a process group leader, nor when a group of that number exists. */
static pid_t setsid_locked(struct process *p)
{
	if (p->session_leader || !list_empty(&p->pid->pgrp))
		return -EPERM;
	process_set_pgrp(p, p->pid);
	process_set_session(p, p->pid);
	process_end_inits(p->sb);
	p->session_leader = true;
	if (p->tty)
		tty_put(p->tty);
	p->tty = NULL;
	return pid_nr(p->pid, p->pid->ns);
}

SYSCALL_DEFINE(setsid)
{
	sandbox_lock(t->sb);
	int r = setsid_locked(t->process);
	sandbox_unlock(t->sb);
	return r;
}
