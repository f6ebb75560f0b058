/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd(2), signalfd4(2), timerfd_create(2), timerfd_settime(2), timerfd_gettime(2) */
#include "kernel/signalfd.h"

#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "kernel/timerfd.h"
#include "sys/sys.h"
#include "util/time.h"

static int install(struct task *t, struct file *f, bool cloexec)
{
	return fd_install(t->files, f, 0, cloexec, process_rlimit(t->process, RLIMIT_NOFILE));
}

/* ---- signalfd ---- */

static int64_t new_mask(struct task *t, int fd, ksigset_t mask)
{
	struct file *f = fd_get(t->files, fd);

	if (!f)
		return -EBADF;
	int err = signalfd_set_mask(t, f, mask);
	file_put(f);
	return err ? err : fd;
}

static int64_t do_signalfd(struct task *t, int fd, uint64_t addr, uint64_t size, int flags)
{
	struct file *f;
	ksigset_t mask;
	int err = get_sigset(t, addr, size, &mask);

	if (!err && flags & ~(SFD_CLOEXEC | SFD_NONBLOCK))
		err = -EINVAL;
	if (err)
		return err;
	if (fd != -1)
		return new_mask(t, fd, mask);
	err = signalfd_create(t, mask, flags, &f);
	return err ? err : install(t, f, flags & SFD_CLOEXEC);
}

SYSCALL_DEFINE(signalfd)
{
	return do_signalfd(t, (int)a[0], a[1], a[2], 0);
}

SYSCALL_DEFINE(signalfd4)
{
	return do_signalfd(t, (int)a[0], a[1], a[2], (int)a[3]);
}

/* ---- timerfd ---- */

SYSCALL_DEFINE(timerfd_create)
{
	struct caller c = task_caller(t);
	int flags = (int)a[1];
	struct file *f;

	if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK))
		return -EINVAL;
	int err = timerfd_new(&c, (clockid_t)a[0], flags, &f);
	return err ? err : install(t, f, flags & TFD_CLOEXEC);
}

SYSCALL_DEFINE(timerfd_settime)
{
	struct itimerspec new, old;

	if (get_user(t, &new, a[2]))
		return -EFAULT;
	if ((int)a[1] & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) ||
	    !timespec_valid(&new.it_value) || !timespec_valid(&new.it_interval))
		return -EINVAL;
	struct file *f = fd_get(t->files, (int)a[0]);
	if (!f)
		return -EBADF;
	int err = timerfd_set(f, (int)a[1], &new, &old);
	file_put(f);
	return !err && a[3] ? put_user(t, a[3], &old) : err;
}

SYSCALL_DEFINE(timerfd_gettime)
{
	struct itimerspec now;
	struct file *f = fd_get(t->files, (int)a[0]);

	if (!f)
		return -EBADF;
	int err = timerfd_get(f, &now);
	file_put(f);
	return err ? err : put_user(t, a[1], &now);
}
