/* SPDX-License-Identifier: Apache-2.0 */
/* epoll_create(2), epoll_ctl(2), epoll_wait(2) and their variants */
#include "kernel/epoll.h"
#include "kernel/ktimer.h"
#include "sys/sys.h"

#define EPOLL_MAX_EVENTS (INT32_MAX / (int)sizeof(struct epoll_event))

static int64_t do_epoll_create(struct task *t, int flags)
{
	struct caller c = task_caller(t);
	struct file *f;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	int err = epoll_create_file(&c, t->sb, &f);
	return err ? err : fd_return(t, f, flags & EPOLL_CLOEXEC);
}

SYSCALL_DEFINE(epoll_create)
{
	return (int)a[0] <= 0 ? -EINVAL : do_epoll_create(t, 0);
}

SYSCALL_DEFINE(epoll_create1)
{
	return do_epoll_create(t, a[0]);
}

SYSCALL_DEFINE(epoll_ctl)
{
	struct epoll_event event = { 0 };
	int op = a[1], fd = a[2], err = -EBADF;

	if (op != EPOLL_CTL_DEL && get_user(t, &event, GVA(a[3])))
		return -EFAULT;
	struct file *ep = fd_get(t->files, a[0]);
	struct file *f = fd_get(t->files, fd);
	if (ep && f)
		err = epoll_control(ep, op, f, fd, &event);
	file_put(f);
	file_put(ep);
	return err;
}

static int64_t do_epoll_wait(struct task *t, const uint64_t *a, uint64_t deadline)
{
	int max = a[2];
	struct uio out;

	if (max <= 0 || max > EPOLL_MAX_EVENTS)
		return -EINVAL;
	if (!gva_range_ok(GVA(a[1]), max * sizeof(struct epoll_event)))
		return -EFAULT;
	struct file *ep = task_fd(t, a[0]);
	if (!ep)
		return -EBADF;
	uio_init_guest(&out, t->mm, GVA(a[1]), max * sizeof(struct epoll_event));
	/* Of a timerfd that has gone off, it is the timer that tells. */
	ktimer_run_due(t->sb);
	int64_t r =
	    file_is_epoll(ep) ? epoll_collect(ep, &t->sleeper, &out, max, deadline) : -EINVAL;
	task_fd_put(t, ep);
	return r;
}

SYSCALL_DEFINE(epoll_wait)
{
	return do_epoll_wait(t, a, deadline_after_ms(t, (int)a[3]));
}

static int64_t do_epoll_pwait(struct task *t, const uint64_t *a, uint64_t deadline)
{
	ksigset_t mask;

	if (a[4]) {
		int err = get_sigset(t, GVA(a[4]), a[5], &mask);
		if (err)
			return err;
		signal_set_temporary_mask(t, mask);
	}
	return do_epoll_wait(t, a, deadline);
}

SYSCALL_DEFINE(epoll_pwait)
{
	return do_epoll_pwait(t, a, deadline_after_ms(t, (int)a[3]));
}

SYSCALL_DEFINE(epoll_pwait2)
{
	uint64_t deadline = DEADLINE_NONE;
	struct timespec ts;

	if (a[3]) {
		int err = get_timespec(t, GVA(a[3]), &ts);
		if (err)
			return err;
		deadline = ts.tv_sec || ts.tv_nsec ? deadline_after(t, &ts) : 0;
	}
	return do_epoll_pwait(t, a, deadline);
}
