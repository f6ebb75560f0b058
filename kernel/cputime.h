/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time of guest threads: that of the host threads that serve them, and of the host threads that
 * guest code runs in where the platform has such.
 */
#ifndef HL_KERNEL_CPUTIME_H
#define HL_KERNEL_CPUTIME_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct pid;
struct process;
struct sandbox;
struct task;

/* The owner's thread looks at a clock. Where the guest's clocks stand (host/clock.h) that is what
 * its CPU time is shown by; what bounds CPU time goes by the host's. */
void task_looks_at_clock(struct task *t);
/* The host's clock of the thread that serves a running task. */
clockid_t cputime_clock(const struct task *t);
uint64_t cputime_clock_ns(clockid_t clock); /* 0: it is gone */
/* The host's number of a thread of this process that has not ended. */
pid_t cputime_thread_id(pthread_t thread);
/* ns so far. Its process's threads_lock held, unless `t` is the caller's own. */
uint64_t task_cpu_ns(struct task *t);
/* Of all its threads, ended ones too. The host is asked about each of them: the caller has a
 * reference and no lock. */
uint64_t process_cpu_ns(struct process *p);
/* Of what the number names, a thread or a process. No lock held. False: it names none any more. */
bool pid_cpu_ns(struct sandbox *sb, const struct pid *pid, bool thread, uint64_t *ns);

#endif
