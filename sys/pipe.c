/* SPDX-License-Identifier: Apache-2.0 */
/* pipe(2) */
#include <fcntl.h>

#include "fs/pipefs/pipe.h"
#include "sys/sys.h"

int fd_reserve_pair(struct task *t, gva_t addr, int fds[2])
{
	uint64_t limit = process_rlimit(t->process, RLIMIT_NOFILE);
	int err = 0;

	fds[0] = fds[1] = -1;
	for (int i = 0; !err && i < 2; i++) {
		fds[i] = fd_reserve(t->files, limit);
		err = fds[i] < 0 ? fds[i] : 0;
	}
	if (!err && copy_to_guest(t->mm, addr, fds, 2 * sizeof *fds))
		err = -EFAULT;
	if (err)
		fd_unreserve_pair(t, fds);
	return err;
}

void fd_unreserve_pair(struct task *t, const int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			fd_unreserve(t->files, fds[i]);
}

void fd_install_pair(struct task *t, const int fds[2], struct file *const files[2], bool cloexec)
{
	for (int i = 0; i < 2; i++)
		fd_install_reserved(t->files, fds[i], files[i], cloexec);
}

static int64_t do_pipe(struct task *t, gva_t addr, unsigned flags)
{
	struct caller c = task_caller(t);
	struct file *files[2];
	int fds[2];

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	int err = pipe_create(&c, flags, files);
	if (err)
		return err;
	err = fd_reserve_pair(t, addr, fds);
	if (!err) {
		fd_install_pair(t, fds, files, flags & O_CLOEXEC);
		return 0;
	}
	file_put(files[0]);
	file_put(files[1]);
	return err;
}

SYSCALL_DEFINE(pipe)
{
	return do_pipe(t, GVA(a[0]), 0);
}

SYSCALL_DEFINE(pipe2)
{
	return do_pipe(t, GVA(a[0]), a[1]);
}
