/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU time of a guest thread is that of one host thread or two (kernel/cputime.h). Each host
 * thread that serves a guest thread whose time some timer counts has a host CPU timer, and so has
 * the clock of the address space where the platform has one, which goes as fast as all its guest
 * threads together. A timer that only one of these clocks counts for is set to the very moment.
 * Otherwise each of the n clocks gets 1/n of what is left, the moment after which it may be time at
 * the earliest; whichever goes off first makes us look and divide again. A process that does not
 * run costs nothing.
 *
 * To look costs a host call or two for each thread of a process, so it is left to a thread of its
 * own, which holds the process's threads_lock, and sandbox->lock only to find out what is due. A
 * host timer that goes off signals that thread, and so does whoever arms a timer or changes what a
 * process runs in.
 */
#include "kernel/cputimer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "host/kick.h"
#include "host/thread.h"
#include "kernel/cputime.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "util/minmax.h"
#include "util/time.h"

#define NEVER UINT64_MAX

/* ns: what dividing again and again stops at. The more clocks there are, the more it costs to look;
 * Linux itself looks once a tick. */
#define MIN_STEP           (100 * NSEC_PER_USEC)
#define MIN_STEP_PER_CLOCK (10 * NSEC_PER_USEC)
#define MAX_MIN_STEP       NSEC_PER_MSEC

/* sandbox->lock. */
struct cputimer_thread {
	struct sandbox *sb;
	pthread_t thread;
	bool stop;
	struct list
	    counted; /* processes with timers, process.cpu_node, but those being looked at */
};

/* ---- the host's timers: threads_lock held ---- */

static void host_timer_delete(struct host_cputimer *ht)
{
	if (ht->exists)
		timer_delete(ht->id);
	ht->exists = false;
}

/* When `clock` has gone on by `step`, the calling thread is signalled. */
static void host_timer_set(clockid_t clock, struct host_cputimer *ht, uint64_t step)
{
	struct sigevent sev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = HL_KICK_SIGNAL };
	struct itimerspec it = { .it_value = ns_to_timespec(step ? step : 1) };

	if (step == NEVER)
		return;
	sev._sigev_un._tid = gettid();
	if (!ht->exists)
		ht->exists = timer_create(clock, &sev, &ht->id) == 0;
	if (ht->exists)
		timer_settime(ht->id, 0, &it, NULL);
}

/* ---- one process: its threads_lock held ---- */

/* What the process has used, and what each of its threads has. */
static uint64_t read_clocks(struct process *p)
{
	uint64_t sum = p->dead_threads.utime_ns + p->dead_threads.stime_ns;
	struct task *t;

	lock_assert_may_sleep();
	list_for_each (t, &p->tasks, process_node) {
		t->cpu.used = task_cpu_ns(t);
		sum += t->cpu.used;
	}
	return sum;
}

static void fire_due(struct process *p, uint64_t used)
{
	struct list due;
	struct cputimer *ct, *next;

	list_init(&due);
	list_for_each_safe (ct, next, &p->cpu_timers, node) {
		if (ct->expires > (ct->task ? ct->task->cpu.used : used))
			continue;
		list_del(&ct->node);
		list_add_tail(&due, &ct->node);
	}
	while (!list_empty(&due)) {
		ct = list_first(&due, struct cputimer, node);
		list_del(&ct->node);
		ct->fire(ct, ct->task ? ct->task->cpu.used : used);
	}
}

/* The first moment that a timer of the whole process waits for; of each thread: task->cpu.next. */
static uint64_t find_next(struct process *p)
{
	uint64_t whole = NEVER;
	struct cputimer *ct;
	struct task *t;

	list_for_each (t, &p->tasks, process_node)
		t->cpu.next = NEVER;
	list_for_each (ct, &p->cpu_timers, node) {
		uint64_t *next = ct->task ? &ct->task->cpu.next : &whole;
		*next = min64(*next, ct->expires);
	}
	return whole;
}

/* All threads of a process share its address space. NULL: there is none left. */
static struct mm *space_of(struct process *p)
{
	lock_assert_held(&p->sb->lock);
	return list_empty(&p->tasks) ? NULL : list_first(&p->tasks, struct task, process_node)->mm;
}

/* The clock of the address space, with a reference to that; NULL: it has none. The platform may
 * have to wait for it. */
static struct mm *space_clock_of(struct process *p, clockid_t *out)
{
	sandbox_lock(p->sb);
	struct mm *mm = list_empty(&p->cpu_timers) ? NULL : space_of(p);
	if (mm)
		mm_get(mm);
	sandbox_unlock(p->sb);
	if (mm && p->sb->platform->space_clock(mm->space, out))
		return mm;
	if (mm)
		mm_put(mm);
	return NULL;
}

/* By how much any of `clocks` clocks may go on before we have to look. */
static uint64_t step_to(uint64_t next, uint64_t used, uint64_t clocks)
{
	uint64_t least = max64(MIN_STEP, min64(clocks * MIN_STEP_PER_CLOCK, MAX_MIN_STEP));

	if (next == NEVER)
		return NEVER;
	uint64_t left = next > used ? next - used : 0;
	return clocks == 1 ? left : max64(left / clocks, least);
}

static void program(struct process *p, uint64_t used, uint64_t next, const clockid_t *space_clock)
{
	unsigned more = space_clock != NULL;
	uint64_t whole = step_to(next, used, (uint64_t)p->nr_tasks + more), space = whole;
	struct task *t;

	list_for_each (t, &p->tasks, process_node) {
		uint64_t step = min64(whole, step_to(t->cpu.next, t->cpu.used, 1 + more));
		space = min64(space, step);
		host_timer_set(cputime_clock(t), &t->cpu.host, step);
	}
	if (space_clock)
		host_timer_set(*space_clock, &p->space_timer, space);
}

/* ---- the thread ---- */

static void count(struct process *p)
{
	lock_assert_held(&p->sb->lock);
	if (list_empty(&p->cpu_node))
		list_add_tail(&p->sb->cputimers->counted, &p->cpu_node);
}

/* Fires what is due, and sees to it that we look again in time. Where the process has changed its
 * address space meanwhile, that is about to be: cputimer_space_changed(). */
static void look(struct process *p)
{
	clockid_t clock;
	struct mm *mm = space_clock_of(p, &clock);

	mutex_lock(&p->threads_lock);
	uint64_t used = read_clocks(p);
	sandbox_lock(p->sb);
	fire_due(p, used);
	bool armed = !list_empty(&p->cpu_timers);
	uint64_t next = find_next(p);
	bool space_clock = mm && mm == space_of(p);
	if (armed)
		count(p);
	sandbox_unlock(p->sb);
	if (armed)
		program(p, used, next, space_clock ? &clock : NULL);
	mutex_unlock(&p->threads_lock);
	if (mm)
		mm_put(mm);
}

static void *cputimer_main(void *arg)
{
	struct cputimer_thread *ctt = arg;
	struct sandbox *sb = ctt->sb;
	sigset_t none;
	struct list now;

	sigfillset(&none);
	sigdelset(&none, HL_KICK_SIGNAL);
	list_init(&now);
	sandbox_lock(sb);
	while (!ctt->stop) {
		sandbox_unlock(sb);
		/* The signal is let in here only, so none is missed. */
		(void)ppoll(NULL, 0, NULL, &none);
		sandbox_lock(sb);
		list_splice_tail(&now, &ctt->counted);
		while (!list_empty(&now)) {
			struct process *p = list_first(&now, struct process, cpu_node);
			list_del(&p->cpu_node);
			process_get(p);
			sandbox_unlock(sb);
			look(p);
			process_put(p);
			sandbox_lock(sb);
		}
	}
	sandbox_unlock(sb);
	return NULL;
}

int cputimer_prepare(struct sandbox *sb)
{
	lock_assert_held(&sb->lock);
	if (sb->cputimers)
		return 0;
	struct cputimer_thread *ctt = calloc(1, sizeof *ctt);
	if (!ctt)
		return -EAGAIN;
	ctt->sb = sb;
	list_init(&ctt->counted);
	if (host_thread_start(&ctt->thread, 0, 0, cputimer_main, ctt)) {
		free(ctt);
		return -EAGAIN;
	}
	sb->cputimers = ctt;
	return 0;
}

void cputimer_stop(struct sandbox *sb)
{
	struct cputimer_thread *ctt = sb->cputimers;

	if (!ctt)
		return;
	sandbox_lock(sb);
	ctt->stop = true;
	sandbox_unlock(sb);
	pthread_kill(ctt->thread, HL_KICK_SIGNAL);
	pthread_join(ctt->thread, NULL);
	free(ctt);
	sb->cputimers = NULL;
}

/* The timers of `p` have changed, or its clocks. Where a timer has gone off, the thread is about to
 * divide again by itself. */
static void changed(struct process *p)
{
	if (list_empty(&p->cpu_timers))
		return;
	count(p);
	if (!pthread_equal(p->sb->cputimers->thread, pthread_self()))
		pthread_kill(p->sb->cputimers->thread, HL_KICK_SIGNAL);
}

/* ---- arming ---- */

void cputimer_arm(struct cputimer *ct, uint64_t expires)
{
	lock_assert_held(&ct->process->sb->lock);
	list_del(&ct->node);
	ct->expires = expires;
	list_add_tail(&ct->process->cpu_timers, &ct->node);
	changed(ct->process);
}

/* A timer that was never armed has no process. */
void cputimer_disarm(struct cputimer *ct)
{
	if (list_empty(&ct->node))
		return;
	lock_assert_held(&ct->process->sb->lock);
	list_del(&ct->node);
}

void cputimer_task_started(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	changed(t->process);
}

void cputimer_space_changed(struct process *p)
{
	lock_assert_held(&p->threads_lock);
	lock_assert_held(&p->sb->lock);
	host_timer_delete(&p->space_timer);
	changed(p);
}

void cputimer_task_ended(struct task *t)
{
	lock_assert_held(&t->process->threads_lock);
	lock_assert_held(&t->sb->lock);
	struct process *p = t->process;
	struct cputimer *ct, *next;
	bool last = p->nr_tasks == 1;

	host_timer_delete(&t->cpu.host);
	list_for_each_safe (ct, next, &p->cpu_timers, node) {
		/* Timers of other processes may count this one's time. */
		if (ct->task == t || last) {
			list_del(&ct->node);
			ct->task = NULL;
		}
	}
	if (last) {
		host_timer_delete(&p->space_timer);
		list_del(&p->cpu_node);
	}
}
