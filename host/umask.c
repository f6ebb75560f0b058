/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the umask from procfs where that is mounted, because umask(2) cannot read it without
 * changing it. */
#include "host/umask.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/hostcall.h"
#include "host/hostfile.h"

/* umask(2) cannot read without writing: for that moment, files of the process's other threads would
 * be made with any mode they ask for. */
static mode_t read_by_writing(void)
{
	mode_t mask = umask(077);

	umask(mask);
	return mask;
}

/* It stands near the beginning: proc_pid_status(5). */
mode_t host_umask(void)
{
	static const char key[] = "\nUmask:\t";
	char buf[512];

	hostfile_read("/proc/thread-self/status", buf, sizeof buf);
	const char *line = strstr(buf, key);
	return line ? (mode_t)strtoul(line + sizeof key - 1, NULL, 8) : read_by_writing();
}
