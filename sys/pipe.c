/* SPDX-License-Identifier: Apache-2.0 */
/* pipe(2) */
#include <fcntl.h>

#include "fs/pipefs/pipe.h"
#include "sys/sys.h"

/* Linux's order: both descriptors exist before the numbers are written; when that fails they are
 * closed again. */
int64_t fd_return_pair(struct task *t, struct file *files[2], bool cloexec, gva_t addr)
{
	struct caller c = task_caller(t);
	int fds[2];

	fds[0] = fd_return(t, files[0], cloexec);
	if (fds[0] < 0) {
		file_put(files[1]);
		return fds[0];
	}
	fds[1] = fd_return(t, files[1], cloexec);
	int err = fds[1] < 0 ? fds[1] : put_user(t, addr, &fds);
	if (!err)
		return 0;
	fd_close(t->files, &c, fds[0]);
	if (fds[1] >= 0)
		fd_close(t->files, &c, fds[1]);
	return err;
}

static int64_t do_pipe(struct task *t, gva_t addr, unsigned flags)
{
	struct caller c = task_caller(t);
	struct file *files[2];

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	int err = pipe_create(&c, flags, files);
	if (err)
		return err;
	return fd_return_pair(t, files, flags & O_CLOEXEC, addr);
}

SYSCALL_DEFINE(pipe)
{
	return do_pipe(t, GVA(a[0]), 0);
}

SYSCALL_DEFINE(pipe2)
{
	return do_pipe(t, GVA(a[0]), a[1]);
}
