/* SPDX-License-Identifier: Apache-2.0 */
/* process_madvise(2), process_mrelease(2) */
#include <sys/uio.h>

#include "map.h"

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

static long advise(int fd, const struct iovec *v, size_t n, int advice)
{
	return syscall(SYS_process_madvise, fd, v, n, advice, 0);
}

static int own_pidfd(void)
{
	return (int)NEED(syscall(SYS_pidfd_open, getpid(), 0));
}

CASE(of_oneself)
{
	char *p = map_anon(4, PROT_READ | PROT_WRITE);
	struct iovec v[3] = { { p, PAGE }, { p + 2 * PAGE, PAGE }, { p + 3 * PAGE, 1 } };
	int fd = own_pidfd();

	memset(p, 1, 4 * PAGE);
	R(advise(fd, v, 3, MADV_DONTNEED));
	V(p[0] + 10 * p[PAGE] + 100 * p[2 * PAGE] + 1000 * p[3 * PAGE]);
	R(advise(fd, v, 2, MADV_COLD));
	R(advise(fd, v, 0, MADV_COLD));
	R(advise(fd, v, 2, 77));
	NEED(munmap(p + 2 * PAGE, PAGE));
	R(advise(fd, v, 3, MADV_DONTNEED));
	R(advise(fd, v + 1, 1, MADV_DONTNEED));
	v[0].iov_base = p + 1;
	R(advise(fd, v, 1, MADV_DONTNEED));
}

static int waits(void *arg)
{
	take(arg);
	return 0;
}

CASE(of_another)
{
	struct baton b = baton_new();
	char *p = map_anon(1, PROT_READ | PROT_WRITE);
	struct iovec v = { p, PAGE };

	need_root();
	p[0] = 1;
	pid_t pid = child(waits, &b);
	int fd = (int)NEED(syscall(SYS_pidfd_open, pid, 0));
	R(advise(fd, &v, 1, MADV_COLD));
	R(advise(fd, &v, 1, MADV_PAGEOUT));
	R(advise(fd, &v, 1, MADV_WILLNEED));
	R(advise(fd, &v, 1, MADV_DONTNEED));
	R(advise(fd, &v, 1, 77));
	R(syscall(SYS_process_mrelease, fd, 0));
	pid_t user = (pid_t)NEED(fork());
	if (user == 0) {
		NEED(setresuid(1234, 1234, 1234));
		V(advise(fd, &v, 1, MADV_COLD) == -1);
		_exit(0);
	}
	reap("user", user);
	give(&b);
	siginfo_t si;
	NEED(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	R(advise(fd, &v, 1, MADV_COLD));
	R(syscall(SYS_process_mrelease, fd, 0));
	reap("child", pid);
	R(advise(fd, &v, 1, MADV_COLD));
	R(syscall(SYS_process_mrelease, fd, 0));
}

CASE(arguments)
{
	struct iovec v = { (void *)8, PAGE };
	int fd = own_pidfd();

	R(syscall(SYS_process_madvise, fd, &v, 1, MADV_COLD, 1));
	R(advise(-1, &v, 1, MADV_COLD));
	R(advise(0, &v, 1, MADV_COLD));
	R(advise(fd, NULL, 1, MADV_COLD));
	R(advise(fd, &v, 1025, MADV_COLD));
	R(syscall(SYS_process_mrelease, fd, 1));
	R(syscall(SYS_process_mrelease, -1, 0));
	R(syscall(SYS_process_mrelease, 0, 0));
	R(syscall(SYS_process_mrelease, fd, 0));
}
