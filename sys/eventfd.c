/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2) */
#include <sys/eventfd.h>

#include "kernel/eventfd.h"
#include "sys/sys.h"

static int64_t do_eventfd(struct task *t, unsigned count, int flags)
{
	struct caller c = task_caller(t);
	struct file *f;

	if (flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	int err = eventfd_create(&c, count, flags, &f);
	return err ? err : fd_return(t, f, flags & EFD_CLOEXEC);
}

SYSCALL_DEFINE(eventfd)
{
	return do_eventfd(t, a[0], 0);
}

SYSCALL_DEFINE(eventfd2)
{
	return do_eventfd(t, a[0], a[1]);
}
