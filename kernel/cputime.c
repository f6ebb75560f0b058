/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU time of a guest thread is that of the host thread that serves it, read from the host's
 * clock of that thread, plus what the platform knows of guest code that ran in threads of its own.
 * Clock numbers are made here the way the C library makes them, because it has no call for another
 * thread by number.
 */
#include "kernel/cputime.h"

#include <time.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "util/time.h"

/* The clock of a thread of the calling process, as clock_getcpuclockid(3) makes it: ~tid, per
 * thread, scheduler time. */
clockid_t cputime_clock(const struct task *t)
{
	return (clockid_t)(~(unsigned)t->host_tid << 3 | 6);
}

/* Nothing else that a C library offers names the thread. It has not ended. */
pid_t cputime_thread_id(pthread_t thread)
{
	clockid_t clock;

	return pthread_getcpuclockid(thread, &clock) ? 0 : ~(clock >> 3);
}

uint64_t cputime_clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		return 0;
	return timespec_to_ns(&ts);
}

uint64_t task_cpu_ns(struct task *t)
{
	struct cpu_time guest;
	uint64_t ns = t->host_tid ? cputime_clock_ns(cputime_clock(t)) : 0;

	if (t->sb->platform->cpu_time(t->context, &guest))
		ns += guest.user_ns + guest.system_ns;
	return ns;
}

static uint64_t sum_cpu_ns(struct process *p)
{
	uint64_t sum = p->dead_threads.utime_ns + p->dead_threads.stime_ns;
	struct task *t;

	list_for_each (t, &p->tasks, process_node)
		sum += task_cpu_ns(t);
	return sum;
}

uint64_t process_cpu_ns(struct process *p)
{
	mutex_lock(&p->threads_lock);
	uint64_t sum = sum_cpu_ns(p);
	mutex_unlock(&p->threads_lock);
	return sum;
}

uint64_t process_cpu_ns_locked(struct process *p)
{
	lock_assert_held(&p->sb->lock);
	return sum_cpu_ns(p);
}
