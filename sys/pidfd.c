/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file has the system calls on pidfds: pidfd_open(2), pidfd_send_signal(2) and pidfd_getfd(2).
 * A directory /proc/PID serves as a pidfd for signals, as on Linux.
 */
#include "kernel/pidfd.h"
#include "kernel/ptrace/access.h"

#include <fcntl.h>

#include "proc/proc.h"
#include "sys/sys.h"

#define PIDFD_SIGNAL_THREAD        1
#define PIDFD_SIGNAL_THREAD_GROUP  2
#define PIDFD_SIGNAL_PROCESS_GROUP 4

/* ---- pidfd_open(2) ---- */

/* The pid with a reference; a thread that leads no process can only be had by PIDFD_THREAD. */
static int find_pid(struct task *t, pid_t nr, unsigned flags, struct pid **out)
{
	int err = 0;

	sandbox_lock(t->sb);
	struct pid *pid = pid_find(task_pid_ns(t), nr);
	if (!pid || (!pid->task && !pid->process))
		err = -ESRCH;
	else if (!pid->process && !(flags & PIDFD_THREAD))
		err = -ENOENT;
	else
		*out = pid_get(pid);
	sandbox_unlock(t->sb);
	return err;
}

SYSCALL_DEFINE(pidfd_open)
{
	pid_t nr = (pid_t)a[0];
	unsigned flags = (unsigned)a[1];
	struct pid *pid;

	if (flags & ~(unsigned)(O_NONBLOCK | PIDFD_THREAD) || nr <= 0)
		return -EINVAL;
	int err = find_pid(t, nr, flags, &pid);
	if (err)
		return err;
	int fd = pidfd_install(t, pid, flags);
	pid_put(pid);
	return fd;
}

/* ---- pidfd_send_signal(2) ---- */

enum target { TARGET_THREAD, TARGET_PROCESS, TARGET_GROUP };

struct signal_request {
	struct pid *pid;
	enum target target;
	int sig;
	siginfo_t si;
};

/* Whom `f` names: a pidfd, or /proc/PID as a directory. */
static int target_of(unsigned flags, struct file *f, struct pid **pid, enum target *out)
{
	*pid = pidfd_pid(f) ? pidfd_pid(f) : proc_pid_of_file(f);
	if (!*pid)
		return -EBADF;
	switch (flags) {
	case 0:
		*out = pidfd_pid(f) && pidfd_is_thread(f) ? TARGET_THREAD : TARGET_PROCESS;
		return 0;
	case PIDFD_SIGNAL_THREAD: *out = TARGET_THREAD; return 0;
	case PIDFD_SIGNAL_THREAD_GROUP: *out = TARGET_PROCESS; return 0;
	case PIDFD_SIGNAL_PROCESS_GROUP: *out = TARGET_GROUP; return 0;
	default: return -EINVAL;
	}
}

/* Nobody can pretend to be the kernel, or kill(2), to others. */
static int fetch_siginfo(struct task *t, gva_t addr, struct signal_request *rq)
{
	if (!addr.v) {
		siginfo_kernel(&rq->si, rq->sig, rq->target == TARGET_THREAD ? SI_TKILL : SI_USER);
		rq->si.si_pid = task_pid_nr(t, t->process->pid);
		rq->si.si_uid = t->cred->uid;
		return 0;
	}
	int given, err = get_user(t, &given, gva_add(addr, offsetof(siginfo_t, si_signo)));
	if (!err)
		err = get_siginfo(t, addr, rq->sig, &rq->si);
	if (err)
		return err;
	if (given != rq->sig)
		return -EINVAL;
	bool self = rq->pid == t->pid && rq->target != TARGET_GROUP;
	return !self && (rq->si.si_code >= 0 || rq->si.si_code == SI_TKILL) ? -EPERM : 0;
}

static int send_process(struct task *t, struct process *p, const struct signal_request *rq)
{
	int err = rq->sig < 0 || rq->sig > NSIGNALS ? -EINVAL : signal_may_send(t, p, rq->sig);

	if (err || !rq->sig)
		return err;
	if (rq->target != TARGET_THREAD)
		return signal_send_process(p, rq->sig, &rq->si);
	return rq->pid->task ? signal_send_task(rq->pid->task, rq->sig, &rq->si) : 0;
}

static int send_group(struct task *t, const struct signal_request *rq)
{
	struct process *p, *next;
	int ret = -ESRCH;

	list_for_each_safe (p, next, &rq->pid->pgrp, pgrp_node) {
		int err = send_process(t, p, rq);
		if (ret)
			ret = err;
	}
	return ret;
}

static int send_locked(struct task *t, const struct signal_request *rq)
{
	struct pid *pid = rq->pid;

	if (rq->target == TARGET_GROUP)
		return send_group(t, rq);
	if (rq->target == TARGET_PROCESS)
		return pid->process ? send_process(t, pid->process, rq) : -ESRCH;
	struct process *p = pid->task ? pid->task->process : pid->process;
	return p ? send_process(t, p, rq) : -ESRCH;
}

SYSCALL_DEFINE(pidfd_send_signal)
{
	struct signal_request rq = { .sig = (int)a[1] };
	struct file *f;
	int err = (unsigned)a[3] & ~7U ? -EINVAL : 0;

	if (err)
		return err;
	f = fd_get(t->files, (int)a[0]);
	if (!f)
		return -EBADF;
	err = target_of((unsigned)a[3], f, &rq.pid, &rq.target);
	if (!err)
		err = fetch_siginfo(t, GVA(a[2]), &rq);
	if (!err) {
		sandbox_lock(t->sb);
		err = send_locked(t, &rq);
		sandbox_unlock(t->sb);
	}
	file_put(f);
	return err;
}

/* ---- pidfd_getfd(2) ---- */

static int files_of(struct task *t, struct pid *pid, struct fdtable **out)
{
	int err = -ESRCH;

	sandbox_lock(t->sb);
	struct task *o = pid->task;
	if (o && o->files) {
		err = ptrace_may_attach(t, o) ? 0 : -EPERM;
		if (!err)
			*out = fdtable_get(o->files);
	}
	sandbox_unlock(t->sb);
	return err;
}

static int64_t take_fd(struct task *t, struct pid *pid, int fd)
{
	struct caller c = task_caller(t);
	struct fdtable *files;
	int err = files_of(t, pid, &files);

	if (err)
		return err;
	struct file *f = fd_get_path(files, fd);
	fdtable_put(files, &c);
	if (!f)
		return -EBADF;
	return fd_return(t, f, true);
}

SYSCALL_DEFINE(pidfd_getfd)
{
	if ((unsigned)a[2])
		return -EINVAL;
	struct file *f = fd_get(t->files, (int)a[0]);
	if (!f)
		return -EBADF;
	struct pid *pid = pidfd_pid(f);
	int64_t r = pid ? take_fd(t, pid, (int)a[1]) : -EBADF;
	file_put(f);
	return r;
}
