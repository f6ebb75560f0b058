/* SPDX-License-Identifier: Apache-2.0 */
/* Host system calls with the house's result: >= 0 or -errno. */
#ifndef HL_HOST_HOSTCALL_H
#define HL_HOST_HOSTCALL_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline long host_ret(long r)
{
	return r < 0 ? -errno : r;
}

#define host_call(...) host_ret(syscall(__VA_ARGS__))

/* close(2) once, never retried; errno stays. */
static inline void host_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

#endif
