/* SPDX-License-Identifier: Apache-2.0 */
/* Host system calls with the house's result: >= 0 or -errno. */
#ifndef HL_HOST_HOSTCALL_H
#define HL_HOST_HOSTCALL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline long host_ret(long r)
{
	return r < 0 ? -errno : r;
}

#define host_call(...) host_ret(syscall(__VA_ARGS__))

/* A number that the host cannot tell of is taken for one: what uses it finds out why. */
static inline bool host_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
}

/* Wakes whoever waits for an eventfd, which has room for it. Whatever the host says against it is
 * over at the next try: a wake-up that is lost is one that somebody waits for without end. */
static inline void host_wake(int eventfd)
{
	const uint64_t one = 1;

	while (write(eventfd, &one, sizeof one) < 0 && errno != EBADF && errno != EAGAIN)
		;
}

/* close(2) once, never retried; errno stays. */
static inline void host_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

#endif
