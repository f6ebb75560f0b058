/* SPDX-License-Identifier: Apache-2.0 */
/* The process makes system calls and nothing else (host/orphan.h), with what is on its stack. See
 * the header. */
#include "snapshot/namer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/hostcall.h"
#include "host/orphan.h"

struct names {
	char aside[PATH_MAX], path[PATH_MAX];
};

/* The rename is on disk when the directory is; some file systems cannot. */
static void sync_directory(char *path)
{
	char *slash = strrchr(path, '/');
	const char *dir = slash ? path : ".";

	if (slash)
		slash[slash == path] = '\0';
	long fd = syscall(SYS_openat, AT_FDCWD, dir, O_RDONLY | O_DIRECTORY);
	if (fd >= 0)
		syscall(SYS_fsync, fd);
}

static void namer_main(void *arg)
{
	int fd = *(const int *)arg, result = 0;
	struct names n;
	char byte;

	orphan_keep(fd, fd);
	if (syscall(SYS_read, fd, &n, sizeof n) != sizeof n)
		return;
	bool done = syscall(SYS_read, fd, &byte, 1) == 1;
	if (done && syscall(SYS_renameat2, AT_FDCWD, n.aside, AT_FDCWD, n.path, 0) < 0)
		result = -errno;
	if (!done || result)
		syscall(SYS_unlinkat, AT_FDCWD, n.aside, 0);
	else
		sync_directory(n.path);
	syscall(SYS_write, fd, &result, sizeof result);
}

int namer_start(const char *aside, const char *path)
{
	struct names n;
	int pair[2];

	if (strlen(aside) >= sizeof n.aside || strlen(path) >= sizeof n.path)
		return -ENAMETOOLONG;
	memset(&n, 0, sizeof n);
	strcpy(n.aside, aside);
	strcpy(n.path, path);
	int err = (int)host_ret(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	if (err)
		return err;
	err = orphan_start_alone(0, namer_main, &pair[1], sizeof pair[1]);
	host_close(pair[1]);
	if (!err && send(pair[0], &n, sizeof n, MSG_NOSIGNAL) != sizeof n)
		err = -EIO;
	if (err)
		host_close(pair[0]);
	return err ? err : pair[0];
}

int namer_finish(int fd)
{
	int result;

	if (send(fd, "", 1, MSG_NOSIGNAL) != 1)
		return -EIO;
	return read(fd, &result, sizeof result) == sizeof result ? result : -EIO;
}
