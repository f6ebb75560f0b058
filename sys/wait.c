/* SPDX-License-Identifier: Apache-2.0 */
/* wait4(2), waitid(2). */
#include "kernel/wait.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "cred/user_ns.h"
#include "kernel/pidfd.h"
#include "sys/resource.h"
#include "sys/sys.h"

/* A reference to the pid, NULL when no such number is in use. */
static struct pid *find_pid(struct task *t, pid_t nr)
{
	sandbox_lock(t->sb);
	struct pid *p = pid_find(task_pid_ns(t), nr);
	if (p)
		pid_get(p);
	sandbox_unlock(t->sb);
	return p;
}

static struct pid *own_pgrp(struct task *t)
{
	sandbox_lock(t->sb);
	struct pid *p = pid_get(t->process->pgrp);
	sandbox_unlock(t->sb);
	return p;
}

SYSCALL_DEFINE(wait4)
{
	pid_t which = (pid_t)a[0];
	unsigned options = (unsigned)a[2];
	struct wait_request rq = { .options = options | WEXITED, .usage = a[3] };
	struct wait_result r;

	if (options &
	    ~(unsigned)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (which == INT32_MIN)
		return -ESRCH;
	if (which > 0 || which < -1) {
		rq.type = which > 0 ? WAIT_PID : WAIT_PGRP;
		rq.pid = find_pid(t, which > 0 ? which : -which);
	} else if (which == 0) {
		rq.type = WAIT_PGRP;
		rq.pid = own_pgrp(t);
	}
	int err = task_wait(t, &rq, &r);
	pid_put(rq.pid);
	if (err)
		return err;
	if (r.pid && a[1] && put_user(t, GVA(a[1]), &r.wait_status))
		return -EFAULT;
	if (r.pid && a[3] && put_rusage(t, GVA(a[3]), &r.usage))
		return -EFAULT;
	return r.pid;
}

/* The process that a pidfd stands for. *f: the file, to be put when the wait is over. */
static int pidfd_target(struct task *t, int fd, struct wait_request *rq, struct file **f)
{
	if (fd < 0)
		return -EINVAL;
	*f = task_fd(t, fd);
	if (!*f)
		return -EBADF;
	rq->type = WAIT_PID;
	rq->pid = pidfd_pid(*f);
	if (!rq->pid)
		return -EBADF;
	pid_get(rq->pid);
	return 0;
}

/* The target of waitid: 0 with a reference in rq->pid (NULL when nothing can match), or -errno. */
static int waitid_target(struct task *t, int type, pid_t id, struct wait_request *rq,
			 struct file **pidfd)
{
	switch (type) {
	case P_ALL: return 0;
	case P_PID:
		rq->type = WAIT_PID;
		rq->pid = id > 0 ? find_pid(t, id) : NULL;
		return id > 0 ? 0 : -EINVAL;
	case P_PGID:
		rq->type = WAIT_PGRP;
		rq->pid = id ? find_pid(t, id) : own_pgrp(t);
		return id >= 0 ? 0 : -EINVAL;
	case P_PIDFD: return pidfd_target(t, id, rq, pidfd);
	}
	return -EINVAL;
}

static int put_wait_info(struct task *t, gva_t addr, const struct wait_result *r)
{
	siginfo_t si;
	memset(&si, 0, sizeof si);
	if (r->pid) {
		siginfo_kernel(&si, SIGCHLD, r->code);
		si.si_pid = r->pid;
		si.si_uid = from_kuid_munged(task_user_ns(t), r->uid);
		si.si_status = r->status;
	}
	/* As Linux: the fields alone, not the rest of the structure. */
	size_t n = offsetof(siginfo_t, si_status) + sizeof si.si_status;
	return copy_to_guest(t->mm, addr, &si, n) ? -EFAULT : 0;
}

static bool waitid_options_ok(unsigned options)
{
	unsigned known =
	    WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;

	return !(options & ~known) && options & (WEXITED | WSTOPPED | WCONTINUED);
}

static int do_waitid(struct task *t, const uint64_t *a, struct wait_result *r)
{
	unsigned options = (unsigned)a[3];
	struct wait_request rq = { .options = options, .usage = a[4] };
	struct file *pidfd = NULL;

	if (!waitid_options_ok(options))
		return -EINVAL;
	int err = waitid_target(t, (int)a[0], (pid_t)a[1], &rq, &pidfd);
	if (!err) {
		bool nonblock = pidfd && pidfd->flags & O_NONBLOCK;
		bool report_again = nonblock && !(options & WNOHANG);
		rq.options |= nonblock ? WNOHANG : 0;
		err = task_wait(t, &rq, r);
		if (!err && report_again && !r->pid)
			err = -EAGAIN;
	}
	pid_put(rq.pid);
	task_fd_put(t, pidfd);
	return err;
}

/* As Linux: the siginfo is written, as one of nobody, even if the call fails. */
SYSCALL_DEFINE(waitid)
{
	struct wait_result r = { 0 };
	int err = do_waitid(t, a, &r);

	if (resume_wanted(t, err)) /* it will be made again, and is not over */
		return err;
	if (!err && a[4] && r.pid && put_rusage(t, GVA(a[4]), &r.usage))
		return -EFAULT;
	if (a[2] && put_wait_info(t, GVA(a[2]), &r))
		return -EFAULT;
	return err;
}
