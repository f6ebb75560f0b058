/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time of the stub thread behind a context, from when it became that. A context goes through
 * several threads (execve gives it another space), each of which is asked a last time before it
 * ends. One that is killed without notice keeps what was last seen of it.
 */
#include "host/threadtime.h"
#include "platform/process/process.h"

#define TICK_NS 10000000UL /* what system time is counted in: nothing of it is to be seen before */

/* How often the thread has run until now; 0: it runs. */
static uint64_t runs_until_now(const struct process_context *c)
{
	uint64_t runs = c->runs;
	return c->state == THREAD_CALLED || c->state == THREAD_REPORTED ? runs : 0;
}

/* The system time comes in ticks, the sum in ns: neither part of it may ever go back. Asking the
 * host takes long (files in /proc), so it is not asked again of a thread that has not run since. */
static void clock_look(struct thread_clock *k)
{
	lock_assert_held(&k->lock);
	uint64_t runs = runs_until_now(container_of(k, struct process_context, clock));
	if (!k->tid || (runs && runs == k->runs_seen))
		return;
	k->runs_seen = runs;
	uint64_t sum = thread_run_ns(k->pid, k->tid);
	if (sum <= k->thread.user_ns + k->thread.system_ns)
		return;
	uint64_t system = sum >= TICK_NS ? thread_system_ns(k->pid, k->tid) : 0;
	if (system < sum && sum - system > k->thread.user_ns)
		k->thread.user_ns = sum - system;
	k->thread.system_ns = sum - k->thread.user_ns;
}

void clock_start(struct thread_clock *k, pid_t pid, pid_t tid, const struct cpu_time *used)
{
	mutex_lock(&k->lock);
	k->pid = pid;
	k->tid = tid;
	k->runs_seen = 0;
	k->thread = k->base = *used;
	mutex_unlock(&k->lock);
}

void clock_stop(struct thread_clock *k)
{
	mutex_lock(&k->lock);
	clock_look(k);
	k->before.user_ns += k->thread.user_ns - k->base.user_ns;
	k->before.system_ns += k->thread.system_ns - k->base.system_ns;
	if (k->tid)
		k->last = k->thread;
	k->thread = k->base = (struct cpu_time){ 0 };
	k->tid = 0;
	mutex_unlock(&k->lock);
}

struct cpu_time clock_last(struct thread_clock *k)
{
	mutex_lock(&k->lock);
	struct cpu_time last = k->last;
	mutex_unlock(&k->lock);
	return last;
}

bool process_cpu_time(struct context *context, struct cpu_time *out)
{
	struct process_context *c = to_process_context(context);
	struct thread_clock *k = &c->clock;

	mutex_lock(&k->lock);
	clock_look(k);
	out->user_ns = k->before.user_ns + k->thread.user_ns - k->base.user_ns;
	out->system_ns = k->before.system_ns + k->thread.system_ns - k->base.system_ns;
	mutex_unlock(&k->lock);
	return true;
}

/* The stub's clock, as clock_getcpuclockid(3) makes it: ~pid, of all threads, scheduler time. */
