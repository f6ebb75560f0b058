/* SPDX-License-Identifier: Apache-2.0 */
/* The process that makes the call is an orphan (host/orphan.h). Its result comes through a pipe;
 * for aside_hold, the end of the pipe tells it that it is not needed any longer. */
#include "host/aside.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "host/hostcall.h"
#include "host/orphan.h"

struct aside {
	int fd;     /* the file */
	int pipe;   /* the orphan's end */
	bool holds; /* it is to be kept open, no more */
	long nr, args[3];
};

/* In a forked process of a program with threads: system calls, nothing else. */
static void orphan_main(void *arg)
{
	const struct aside *a = arg;
	char end;
	long r;

	orphan_keep(a->fd, a->pipe);
	if (a->holds) {
		syscall(SYS_read, a->pipe, &end, 1);
	} else {
		r = host_call(a->nr, a->fd, a->args[0], a->args[1], a->args[2]);
		syscall(SYS_write, a->pipe, &r, sizeof r);
	}
}

long aside_call(struct sleeper *s, int fd, long nr, long a, long b, long c)
{
	int pair[2];
	long r = -EIO;

	if (!s || pipe2(pair, O_CLOEXEC) < 0)
		return host_call(nr, fd, a, b, c);
	struct aside as = { .fd = fd, .pipe = pair[1], .nr = nr, .args = { a, b, c } };
	int err = orphan_start(0, orphan_main, &as);
	host_close(pair[1]);
	if (err)
		r = host_call(nr, fd, a, b, c);
	else if (sleeper_wait_readable(s, pair[0]) < 0)
		r = -EINTR;
	else if (read(pair[0], &r, sizeof r) != sizeof r)
		r = -EIO; /* somebody killed it */
	host_close(pair[0]);
	return r;
}

int aside_hold(int fd)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	struct aside as = { .fd = fd, .pipe = pair[0], .holds = true };
	int err = orphan_start(0, orphan_main, &as);
	host_close(pair[0]);
	if (!err)
		return pair[1];
	host_close(pair[1]);
	return err;
}

void aside_close(int fd)
{
	int held = aside_hold(fd);

	host_close(fd);
	if (held >= 0)
		host_close(held);
}
