/* SPDX-License-Identifier: Apache-2.0 */
/* What threads and processes have used of CPU time and other things (getrusage(2)). */
#ifndef HL_KERNEL_RUSAGE_H
#define HL_KERNEL_RUSAGE_H

#include <stdint.h>

struct process;
struct task;

struct rusage_sum {
	uint64_t utime_ns, stime_ns;
	uint64_t minflt, majflt, nvcsw, nivcsw, inblock, oublock;
	uint64_t rchar, wchar, syscr, syscw; /* proc_pid_io(5) */
	uint64_t maxrss_kb;
};

/* One thread so far. sandbox->lock or its process's threads_lock held, unless `t` is the caller's
 * own. */
void task_rusage(struct task *t, struct rusage_sum *out);
/* A process: its threads so far, and those that ended. The caller has a reference and no lock. */
void process_rusage(struct process *p, struct rusage_sum *out);
void rusage_add(struct rusage_sum *to, const struct rusage_sum *from);

#endif
