/* SPDX-License-Identifier: Apache-2.0 */
/* What procfs alone tells of a thread (proc(5)): the CPU time of one of another process, which no
 * clock of clock_gettime(2) gives, and whether it sleeps. */
#ifndef HL_HOST_THREADTIME_H
#define HL_HOST_THREADTIME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* ns on a CPU, exact for a thread that is not on one. 0: gone, or there is no procfs. */
uint64_t thread_run_ns(pid_t pid, pid_t tid);
/* For a thread that is asked often: a descriptor, or -errno; and what thread_run_ns says, by it. */
int thread_run_open(pid_t pid, pid_t tid);
uint64_t thread_run_read(int fd);
/* The part of it spent in the host's kernel, in whole ticks of 10 ms. */
uint64_t thread_system_ns(pid_t pid, pid_t tid);
/* Does it sleep until something happens? One that was woken does not, even if it has no CPU yet.
 * *times: how often it went to sleep. Without procfs true. */
bool thread_sleeps(pid_t pid, pid_t tid, uint64_t *times);

#endif
