/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time and clocks as system calls name them. */
#ifndef HL_SYS_TIME_H
#define HL_SYS_TIME_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct task;

/* The sleeper's deadline (host/wait.h) that a point in time of the task's CLOCK_REALTIME or
 * CLOCK_MONOTONIC is; 1 at the least (0 means "do not wait" to many), saturates to
 * DEADLINE_NONE. */
uint64_t deadline_at(const struct task *t, clockid_t clock, const struct timespec *abs);

/* Until then, on the clock that the sleeper's deadlines are of; 0 at the least. */
struct timespec time_left(const struct task *t, uint64_t deadline);

/* A CPU clock of the guest: one of its threads or processes. */
struct cpu_clock {
	bool thread;
	int tid; /* thread, or process; the guest's number, never 0 */
};
/* Is `clock` a CPU clock? 1, 0, or -EINVAL when it names nobody, or a thread of another process. */
int cpu_clock_of(struct task *t, clockid_t clock, struct cpu_clock *out);
/* Its time in ns; -EINVAL: nobody has the number any more. */
int cpu_clock_read(struct task *t, const struct cpu_clock *c, uint64_t *ns);

#endif
