/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time of the stub thread behind a context, from when it became that. A context goes through
 * several threads (execve gives it another space), each of which is asked a last time before it
 * ends. One that is killed without notice keeps what was last seen of it.
 */
#include "host/hostcall.h"
#include "host/threadtime.h"
#include "platform/process/process.h"

#define TICK_NS 10000000UL /* what system time is counted in: nothing of it is to be seen before */
/* So much later its part is asked for again. That takes as long as all else that is asked. */
#define SPLIT_NS (TICK_NS / 10)

/* A thread that is asked this often keeps the file open that tells, if so many do not yet. */
#define LOOKS_OFTEN 8
#define RUN_FDS_MAX 64

/* How often the thread has run until now; 0: it runs. */
static uint64_t runs_until_now(const struct process_context *c)
{
	uint64_t runs = c->runs;
	return c->state == THREAD_CALLED || c->state == THREAD_REPORTED ? runs : 0;
}

static void run_fd_open(struct thread_clock *k, struct process_machine *m)
{
	if (atomic_fetch_add(&m->run_fds, 1) < RUN_FDS_MAX)
		k->run_fd = thread_run_open(k->pid, k->tid);
	if (k->run_fd < 0)
		atomic_fetch_sub(&m->run_fds, 1);
}

static void run_fd_close(struct thread_clock *k, struct process_machine *m)
{
	if (k->run_fd < 0)
		return;
	host_close(k->run_fd);
	k->run_fd = -1;
	atomic_fetch_sub(&m->run_fds, 1);
}

static uint64_t clock_run_ns(struct thread_clock *k, struct process_machine *m)
{
	if (k->run_fd < 0 && ++k->looks % LOOKS_OFTEN == 0)
		run_fd_open(k, m);
	return k->run_fd >= 0 ? thread_run_read(k->run_fd) : thread_run_ns(k->pid, k->tid);
}

/* The system time comes in ticks, the sum in ns: neither part of it may ever go back. Asking the
 * host takes long (files in /proc), so it is not asked again of a thread that has not run since. */
static void clock_look(struct thread_clock *k)
{
	struct process_context *c = container_of(k, struct process_context, clock);
	uint64_t runs = runs_until_now(c);

	lock_assert_held(&k->lock);
	if (!k->tid || (runs && runs == k->runs_seen))
		return;
	k->runs_seen = runs;
	uint64_t sum = clock_run_ns(k, c->m);
	if (sum <= k->thread.user_ns + k->thread.system_ns)
		return;
	if (sum >= TICK_NS && sum - k->split_ns >= SPLIT_NS) {
		k->split_system_ns = thread_system_ns(k->pid, k->tid);
		k->split_ns = sum;
	}
	uint64_t system = k->split_system_ns;
	if (system < sum && sum - system > k->thread.user_ns)
		k->thread.user_ns = sum - system;
	k->thread.system_ns = sum - k->thread.user_ns;
}

void clock_init(struct thread_clock *k)
{
	mutex_init(&k->lock, LOCK_THREAD_CLOCK);
	k->run_fd = -1;
}

static struct process_machine *machine_of(struct thread_clock *k)
{
	return container_of(k, struct process_context, clock)->m;
}

void clock_destroy(struct thread_clock *k)
{
	run_fd_close(k, machine_of(k));
	mutex_destroy(&k->lock);
}

void clock_start(struct thread_clock *k, pid_t pid, pid_t tid, const struct cpu_time *used)
{
	mutex_lock(&k->lock);
	run_fd_close(k, machine_of(k));
	k->pid = pid;
	k->tid = tid;
	k->runs_seen = k->split_ns = k->split_system_ns = 0;
	k->looks = 0;
	k->thread = k->base = *used;
	mutex_unlock(&k->lock);
}

void clock_stop(struct thread_clock *k)
{
	mutex_lock(&k->lock);
	clock_look(k);
	run_fd_close(k, machine_of(k));
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
