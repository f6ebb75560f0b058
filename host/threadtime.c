/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the CPU time of another process's thread from schedstat and stat under
 * /proc/PID/task/TID. */
#include "host/threadtime.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/hostfile.h"

#define TICK_NS 10000000UL /* USER_HZ is 100 */

static bool read_file(pid_t pid, pid_t tid, const char *name, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
	return hostfile_read(path, buf, size) > 0;
}

uint64_t thread_run_ns(pid_t pid, pid_t tid)
{
	unsigned long ns;
	char buf[128];

	if (!read_file(pid, tid, "schedstat", buf, sizeof buf) || sscanf(buf, "%lu", &ns) != 1)
		return 0;
	return ns;
}

uint64_t thread_system_ns(pid_t pid, pid_t tid)
{
	unsigned long ticks;
	char buf[1024];

	if (!read_file(pid, tid, "stat", buf, sizeof buf))
		return 0;
	const char *name_end = strrchr(buf, ')'); /* the name before it may hold anything */
	if (!name_end ||
	    sscanf(name_end, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %lu", &ticks) != 1)
		return 0;
	return ticks * TICK_NS;
}
