/* SPDX-License-Identifier: Apache-2.0 */
/* The one place from which the host's own files are opened by name while guests run. */
#include "host/hostfile.h"

#include <fcntl.h>
#include <unistd.h>

#include "host/hostcall.h"

int hostfile_open(const char *path)
{
	return (int)host_ret(open(path, O_RDONLY | O_CLOEXEC));
}

FILE *hostfile_stream(const char *path)
{
	return fopen(path, "re");
}

ssize_t hostfile_read(const char *path, char *buf, size_t size)
{
	int fd = hostfile_open(path);
	ssize_t n = fd < 0 ? fd : host_ret(read(fd, buf, size - 1));

	host_close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

bool hostfile_exists(const char *path)
{
	return access(path, F_OK) == 0;
}
