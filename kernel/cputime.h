/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time of guest threads: that of the host threads that serve them, and of the host threads that
 * guest code runs in where the platform has such.
 */
#ifndef HL_KERNEL_CPUTIME_H
#define HL_KERNEL_CPUTIME_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

struct process;
struct task;

/* The host's clock of the thread that serves a running task. */
clockid_t cputime_clock(const struct task *t);
uint64_t cputime_clock_ns(clockid_t clock); /* 0: it is gone */
/* The host's number of a thread of this process that has not ended. */
pid_t cputime_thread_id(pthread_t thread);
/* ns so far. sandbox->lock held, unless `t` is the caller's own. */
uint64_t task_cpu_ns(struct task *t);
/* Of all its threads, ended ones too. The caller has a reference and no lock; or, for timers that
 * are set and fire under it, sandbox->lock. */
uint64_t process_cpu_ns(struct process *p);
uint64_t process_cpu_ns_locked(struct process *p);

#endif
