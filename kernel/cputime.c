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

void task_looks_at_clock(struct task *t)
{
	if (!t->sb->clock.steps)
		return;
	guest_clock_look(&t->sb->clock);
	t->clock_looks++;
}

uint64_t task_cpu_ns(struct task *t)
{
	struct cpu_time guest;
	uint64_t ns = t->before.utime_ns + t->before.stime_ns;

	if (t->host_tid)
		ns += cputime_clock_ns(cputime_clock(t));
	if (t->sb->platform->cpu_time(t->context, &guest))
		ns += guest.user_ns + guest.system_ns;
	return ns;
}

uint64_t process_cpu_ns(struct process *p)
{
	struct task *t;

	mutex_lock(&p->threads_lock);
	lock_assert_may_sleep();
	uint64_t sum = p->dead_threads.utime_ns + p->dead_threads.stime_ns;
	list_for_each (t, &p->tasks, process_node)
		sum += task_cpu_ns(t);
	mutex_unlock(&p->threads_lock);
	return sum;
}

/* A thread cannot leave its process while threads_lock is held. */
static bool thread_cpu_ns(struct process *p, const struct pid *pid, uint64_t *ns)
{
	mutex_lock(&p->threads_lock);
	sandbox_lock(p->sb);
	struct task *t = pid->task && pid->task->process == p ? pid->task : NULL;
	sandbox_unlock(p->sb);
	if (t)
		*ns = task_cpu_ns(t);
	mutex_unlock(&p->threads_lock);
	return t;
}

bool pid_cpu_ns(struct sandbox *sb, const struct pid *pid, bool thread, uint64_t *ns)
{
	sandbox_lock(sb);
	struct process *p = !thread ? pid->process : pid->task ? pid->task->process : NULL;
	if (p)
		process_get(p);
	sandbox_unlock(sb);
	if (!p)
		return false;
	bool found = true;
	if (thread)
		found = thread_cpu_ns(p, pid, ns);
	else
		*ns = process_cpu_ns(p);
	process_put(p);
	return found;
}
