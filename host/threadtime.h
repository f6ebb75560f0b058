/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of a thread of another process, which no clock of clock_gettime(2) gives: from procfs
 * (proc(5)). */
#ifndef HL_HOST_THREADTIME_H
#define HL_HOST_THREADTIME_H

#include <stdint.h>
#include <sys/types.h>

/* ns on a CPU, exact for a thread that is not on one. 0: gone, or there is no procfs. */
uint64_t thread_run_ns(pid_t pid, pid_t tid);
/* The part of it spent in the host's kernel, in whole ticks of 10 ms. */
uint64_t thread_system_ns(pid_t pid, pid_t tid);

#endif
