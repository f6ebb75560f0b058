/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A monitor that does what its guest says: hl, linked with a sys_dispatch of ours in front of its
 * own (ld's --wrap). System call TRY with the number of a trial makes it in the monitor's thread,
 * as somebody would who has taken the monitor over.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/task.h"
#include "tests/jail/trials.h"

int64_t __real_sys_dispatch(struct task *t);
int64_t __wrap_sys_dispatch(struct task *t);

static const char world_file[] = "/tmp/hl-jail/world/file";
static char page[4096] __attribute__((aligned(4096)));

/* A host's own network and one that nobody has (RFC 5737). */
static const struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = 0x3930 };
static const struct sockaddr_in abroad = { .sin_family = AF_INET,
					   .sin_port = 0x5000,
					   .sin_addr.s_addr = 0x010200c0 };

static const char *name_of(int pid, const char *file)
{
	static char name[64];

	snprintf(name, sizeof name, "/proc/%d/%s", pid, file);
	return name;
}

/* As far as it gets: some files can be opened by anybody, and read by few. */
static long read_of(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, &byte, 1);
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return n < 0 ? -1 : 0;
}

/* 0: none that lets it do what no monitor does. */
static long needless_capabilities(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	const uint32_t needless = 1U << CAP_SYS_MODULE | 1U << CAP_SYS_PTRACE | 1U << CAP_SYS_BOOT |
				  1U << CAP_SYS_TIME | 1U << CAP_SYS_RAWIO | 1U << CAP_SYS_CHROOT |
				  1U << CAP_SYS_ADMIN | 1U << CAP_SETPCAP;

	return syscall(SYS_capget, &h, d) ? -1 : (long)(d[0].permitted & needless);
}

static int has_line(const char *path, const char *line)
{
	char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, line) != NULL;
}

/* How many of our threads have no filter, or could get new privileges. */
static long threads_outside(void)
{
	DIR *d = opendir("/proc/self/task");
	char path[300];
	long outside = 0, all = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
		all++;
		outside += !has_line(path, "Seccomp:\t2") || !has_line(path, "NoNewPrivs:\t1");
	}
	if (d)
		closedir(d);
	return all < 2 ? 1000 : outside;
}

static long lose_memory(void)
{
	char *volatile lost = malloc(4711);

	lost[0] = 'x';
	lost = NULL;
	return 0;
}

static long try(unsigned which, int pid)
{
	switch (which) {
#define TRIAL(name, meets, call)                                                                   \
	case TRY_##name:                                                                           \
		return call;
#include "tests/jail/trials.def"
#undef TRIAL
	default: errno = ENOSYS; return -1;
	}
}

int64_t __wrap_sys_dispatch(struct task *t)
{
	const uint64_t *args = t->event.syscall.args;

	if (t->event.syscall.nr != TRY)
		return __real_sys_dispatch(t);
	errno = 0;
	long r = try((unsigned)args[0], (int)args[1]);
	return r == -1 && errno ? -errno : r;
}
