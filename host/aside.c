/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child that shares our memory forks the process that makes the call and ends; that one is an
 * orphan from the start. It has a copy of our memory, so there is nothing to be freed behind it.
 * Its result comes through a pipe; for aside_hold, the end of the pipe tells it that it is not
 * needed any longer.
 */
#include "host/aside.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "host/child.h"
#include "host/hostcall.h"

struct aside {
	int fd;     /* the file */
	int pipe;   /* the orphan's end */
	bool holds; /* it is to be kept open, no more */
	long nr, args[3];
};

/* Everything but the two: the host's pipes and terminals must not be kept open by what is left
 * behind. */
static void keep_two(unsigned a, unsigned b)
{
	unsigned low = a < b ? a : b, high = a < b ? b : a;

	if (low > 0)
		syscall(SYS_close_range, 0, low - 1, 0);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0U, 0);
}

/* In a forked process of a program with threads: system calls, nothing else. */
static void orphan_main(const struct aside *a)
{
	char end;
	long r;

	keep_two((unsigned)a->fd, (unsigned)a->pipe);
	syscall(SYS_setsid);
	if (a->holds) {
		syscall(SYS_read, a->pipe, &end, 1);
	} else {
		r = host_call(a->nr, a->fd, a->args[0], a->args[1], a->args[2]);
		syscall(SYS_write, a->pipe, &r, sizeof r);
	}
	syscall(SYS_exit_group, 0);
}

/* -errno: there is no such process. */
static int fork_orphan(void *arg)
{
	struct aside *a = arg;
	long pid = host_call(SYS_clone, 0, 0, 0, 0, 0);

	if (pid == 0)
		orphan_main(a);
	return pid < 0 ? (int)pid : 0;
}

long aside_call(struct sleeper *s, int fd, long nr, long a, long b, long c)
{
	int pair[2];
	long r = -EIO;

	if (!s || pipe2(pair, O_CLOEXEC) < 0)
		return host_call(nr, fd, a, b, c);
	struct aside as = { .fd = fd, .pipe = pair[1], .nr = nr, .args = { a, b, c } };
	int err = host_child(0, fork_orphan, &as);
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
	int err = host_child(0, fork_orphan, &as);
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
