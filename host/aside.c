/* SPDX-License-Identifier: Apache-2.0 */
/* The process that makes the call is an orphan (host/orphan.h). Its result comes through a pipe.
 * The end of a pipe tells one that only holds something that it is not needed any longer. */
#include "host/aside.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "host/hostcall.h"
#include "host/kick.h"
#include "host/orphan.h"

/* hostcall.S, of the architecture */
long host_call_raw(struct kick *k, long nr, long a, long b, long c, long d, long e, long f);
_Noreturn void host_unmap_and_exit(void *addr, size_t len);

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

/* One end of a pipe is the orphan's; the other one is returned. */
static int hold(int fd)
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

struct memory {
	int fd, pipe;
	void *addr;
	size_t len;
};

/* It has the memory, and the thread pointer, of threads that go on: libc, whose errno is theirs,
 * must not be called, nor what a sanitizer puts in. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static int memory_main(void *arg)
{
	const struct memory *m = arg;
	unsigned low = (unsigned)(m->fd < m->pipe ? m->fd : m->pipe),
		 high = (unsigned)(m->fd < m->pipe ? m->pipe : m->fd);
	struct kick never = { .pending = 0 };
	char end;

	host_call_raw(&never, SYS_setsid, 0, 0, 0, 0, 0, 0);
	if (low > 0)
		host_call_raw(&never, SYS_close_range, 0, low - 1, 0, 0, 0, 0);
	if (high > low + 1)
		host_call_raw(&never, SYS_close_range, low + 1, high - 1, 0, 0, 0, 0);
	host_call_raw(&never, SYS_close_range, high + 1, ~0U, 0, 0, 0, 0);
	host_call_raw(&never, SYS_read, m->pipe, (long)&end, 1, 0, 0, 0);
	host_unmap_and_exit(m->addr, m->len);
}

int aside_hold_memory(int fd, void *addr, size_t len)
{
	char *end = (char *)addr + len, *stack = end - ASIDE_STACK;
	struct memory *m = (struct memory *)(void *)end - 1;
	int pair[2];

	if (mmap(stack, ASIDE_STACK, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ||
	    pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	*m = (struct memory){ .fd = fd, .pipe = pair[0], .addr = addr, .len = len };
	int err = orphan_start_sharing(m, memory_main, m);
	host_close(pair[0]);
	if (!err)
		return pair[1];
	host_close(pair[1]);
	return err;
}

void aside_close(int fd)
{
	int held = hold(fd);

	host_close(fd);
	if (held >= 0)
		host_close(held);
}
