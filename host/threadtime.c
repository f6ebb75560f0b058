/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what is known of a thread from schedstat, stat and status under /proc/PID/task/TID. */
#include "host/threadtime.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/hostfile.h"
#include "util/words.h"

#define TICK_NS 10000000UL /* USER_HZ is 100 */

static bool read_file(pid_t pid, pid_t tid, const char *name, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
	return hostfile_read(path, buf, size) > 0;
}

uint64_t thread_run_ns(pid_t pid, pid_t tid)
{
	char buf[128];

	return read_file(pid, tid, "schedstat", buf, sizeof buf) ? strtoul(buf, NULL, 10) : 0;
}

int thread_run_open(pid_t pid, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
	return hostfile_open(path);
}

uint64_t thread_run_read(int fd)
{
	char buf[128];
	ssize_t n = pread(fd, buf, sizeof buf - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return strtoul(buf, NULL, 10);
}

uint64_t thread_system_ns(pid_t pid, pid_t tid)
{
	char buf[1024];

	if (!read_file(pid, tid, "stat", buf, sizeof buf))
		return 0;
	const char *name_end = strrchr(buf, ')'); /* the name before it may hold anything */
	return name_end ? strtoul(word_at(name_end, 13), NULL, 10) * TICK_NS : 0;
}

bool thread_sleeps(pid_t pid, pid_t tid, uint64_t *times)
{
	char buf[4096];

	*times = 0;
	if (!read_file(pid, tid, "status", buf, sizeof buf))
		return true;
	const char *state = strstr(buf, "\nState:\t");
	const char *switches = strstr(buf, "\nvoluntary_ctxt_switches:\t");
	if (switches)
		*times = strtoul(strchr(switches, '\t'), NULL, 10);
	return !state || state[strlen("\nState:\t")] == 'S';
}
