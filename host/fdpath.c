/* SPDX-License-Identifier: Apache-2.0 */
/* Reaches files by their descriptors through /proc/self/fd. See the header for why. */
#include "host/fdpath.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "host/hostcall.h"

#define ABSOLUTE_NAME (sizeof "/proc/self/fd/" + FDPATH_NAME)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int dir = -ENOENT; /* of this process, of no sandbox; written once */

static void open_dir(void)
{
	dir = (int)host_ret(open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

int fdpath_init(void)
{
	pthread_once(&once, open_dir);
	return dir < 0 ? dir : 0;
}

int fdpath_dir(void)
{
	fdpath_init();
	return dir;
}

void fdpath_name(int fd, char name[FDPATH_NAME])
{
	snprintf(name, FDPATH_NAME, "%d", fd);
}

ssize_t fdpath_read(int fd, char *buf, size_t size)
{
	char name[FDPATH_NAME];

	if (fdpath_dir() < 0)
		return dir;
	fdpath_name(fd, name);
	ssize_t n = host_ret(readlinkat(dir, name, buf, size));
	if (n >= 0 && (size_t)n == size)
		return -ENAMETOOLONG;
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

int fdpath_reopen(int fd, int flags)
{
	char name[FDPATH_NAME];

	if (fdpath_dir() < 0)
		return dir;
	fdpath_name(fd, name);
	return (int)host_ret(openat(dir, name, flags | O_CLOEXEC | O_NOCTTY));
}

/* For calls that know no directory descriptors. */
static void absolute_name(int fd, char path[ABSOLUTE_NAME])
{
	snprintf(path, ABSOLUTE_NAME, "/proc/self/fd/%d", fd);
}

int fdpath_watch(int inotify, int fd, uint32_t mask)
{
	char path[ABSOLUTE_NAME];

	absolute_name(fd, path);
	return (int)host_ret(inotify_add_watch(inotify, path, mask));
}

int fdpath_truncate(int fd, uint64_t size)
{
	char path[ABSOLUTE_NAME];

	absolute_name(fd, path);
	return (int)host_ret(truncate(path, (off_t)size));
}
