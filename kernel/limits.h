/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandbox may take at most, as whoever starts it says. */
#ifndef HL_KERNEL_LIMITS_H
#define HL_KERNEL_LIMITS_H

#include <stdint.h>

#define CPU_UNIT    1000    /* one CPU in sandbox_limits.cpus */
#define NR_OPEN_MAX 1048576 /* descriptors of a process, as Linux's default of fs.nr_open */

/* 0: no limit of the sandbox's own. */
struct sandbox_limits {
	uint64_t memory; /* bytes: mm/budget.h */
	uint64_t stack;  /* bytes: RLIMIT_STACK of the first program */
	/* processes and threads that run or were not waited for: EAGAIN (cgroups(7), pids.max) */
	uint64_t pids;
	/* open files, ENFILE (proc_sys_fs(5), file-max), and descriptors of a process, EMFILE
	 * (nr_open and RLIMIT_NOFILE) */
	uint64_t files;
	uint64_t disk; /* bytes in files: fs/disk.h */
	uint64_t cpus; /* CPU_UNIT for each CPU */
};

#endif
