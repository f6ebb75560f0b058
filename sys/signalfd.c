/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd(2), signalfd4(2) */
#include "kernel/signalfd.h"

#include <sys/signalfd.h>

#include "sys/sys.h"

static int64_t new_mask(struct task *t, int fd, ksigset_t mask)
{
	struct file *f = fd_get(t->files, fd);

	if (!f)
		return -EBADF;
	int err = signalfd_set_mask(t, f, mask);
	file_put(f);
	return err ? err : fd;
}

static int64_t do_signalfd(struct task *t, int fd, gva_t addr, uint64_t size, int flags)
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
	return err ? err : fd_return(t, f, flags & SFD_CLOEXEC);
}

SYSCALL_DEFINE(signalfd)
{
	return do_signalfd(t, (int)a[0], GVA(a[1]), a[2], 0);
}

SYSCALL_DEFINE(signalfd4)
{
	return do_signalfd(t, (int)a[0], GVA(a[1]), a[2], (int)a[3]);
}
