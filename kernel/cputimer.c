/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU time of a guest thread is that of one host thread or two (kernel/cputime.h). Each host
 * thread that serves a guest thread whose time some timer counts has a host CPU timer, and so has
 * the clock of the address space where the platform has one, which goes as fast as all its guest
 * threads together. A timer that only one of these clocks counts for is set to the very moment.
 * Otherwise each of the n clocks gets 1/n of what is left, the moment after which it may be time at
 * the earliest; whichever goes off first makes us look and divide again. A process that does not
 * run costs nothing.
 */
#include "kernel/cputimer.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "host/kick.h"
#include "kernel/cputime.h"
#include "kernel/ktimer.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "util/minmax.h"
#include "util/time.h"

#define MIN_STEP 100000UL /* ns: what dividing again and again stops at */

int cputimer_prepare(struct sandbox *sb)
{
	return ktimer_prepare(sb, CLOCK_MONOTONIC);
}

/* ---- the host's timers ---- */

static bool host_timer_create(struct sandbox *sb, clockid_t clock, struct host_cputimer *ht)
{
	struct sigevent sev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = HL_KICK_SIGNAL };

	if (ht->exists)
		return true;
	sev._sigev_un._tid = ktimer_host_tid(sb);
	ht->exists = timer_create(clock, &sev, &ht->id) == 0;
	return ht->exists;
}

static void host_timer_delete(struct host_cputimer *ht)
{
	if (ht->exists)
		timer_delete(ht->id);
	ht->exists = false;
}

/* When `clock` has gone on by `step`; UINT64_MAX: never. */
static void host_timer_set(struct sandbox *sb, clockid_t clock, struct host_cputimer *ht,
			   uint64_t step)
{
	uint64_t at = cputime_clock_ns(clock) + step;
	struct itimerspec it = {
		.it_value = ns_to_timespec(at),
	};

	if (step != UINT64_MAX && host_timer_create(sb, clock, ht))
		timer_settime(ht->id, TIMER_ABSTIME, &it, NULL);
}

/* ---- what is due ---- */

static uint64_t clock_of(const struct cputimer *ct)
{
	return ct->task ? task_cpu_ns(ct->task) : process_cpu_ns_locked(ct->process);
}

/* By how much any of the clocks that count for `ct` may go on before we have to look. */
static uint64_t step_of(const struct cputimer *ct, bool space_clock)
{
	uint64_t now = clock_of(ct), left = ct->expires > now ? ct->expires - now : 0;
	uint64_t clocks =
	    (ct->task || ct->process->nr_tasks < 1 ? 1 : (uint64_t)ct->process->nr_tasks) +
	    space_clock;

	if (clocks == 1)
		return left;
	return left / clocks > MIN_STEP ? left / clocks : MIN_STEP;
}

/* All threads of a process share its address space. */
static bool space_clock_of(struct process *p, clockid_t *out)
{
	if (list_empty(&p->tasks))
		return false;
	struct mm *mm = list_first(&p->tasks, struct task, process_node)->mm;
	return mm && p->sb->platform->space_clock(mm->space, out);
}

static void program(struct process *p)
{
	uint64_t space_step = UINT64_MAX;
	clockid_t clock = 0;
	bool space_clock = space_clock_of(p, &clock);
	struct cputimer *ct;
	struct task *t;

	list_for_each (t, &p->tasks, process_node)
		t->cpu_step = UINT64_MAX;
	list_for_each (ct, &p->cpu_timers, node) {
		uint64_t step = step_of(ct, space_clock);
		space_step = min64(space_step, step);
		list_for_each (t, &p->tasks, process_node) {
			if (!ct->task || ct->task == t)
				t->cpu_step = min64(t->cpu_step, step);
		}
	}
	list_for_each (t, &p->tasks, process_node) {
		if (t->host_tid)
			host_timer_set(p->sb, cputime_clock(t), &t->cpu_timer, t->cpu_step);
	}
	if (space_clock)
		host_timer_set(p->sb, clock, &p->space_timer, space_step);
}

static bool fire_one(struct process *p)
{
	struct cputimer *ct;

	list_for_each (ct, &p->cpu_timers, node) {
		if (clock_of(ct) < ct->expires)
			continue;
		list_del(&ct->node);
		ct->fire(ct);
		return true;
	}
	return false;
}

void cputimer_check(struct sandbox *sb)
{
	lock_assert_held(&sb->lock);
	struct process *p, *next;

	list_for_each_safe (p, next, &sb->processes, all_node) {
		while (fire_one(p))
			;
		if (!list_empty(&p->cpu_timers))
			program(p);
	}
}

/* ---- arming ---- */

void cputimer_arm(struct cputimer *ct, uint64_t expires)
{
	lock_assert_held(&ct->process->sb->lock);
	list_del(&ct->node);
	ct->expires = expires;
	list_add_tail(&ct->process->cpu_timers, &ct->node);
	program(ct->process);
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
	if (!list_empty(&t->process->cpu_timers))
		program(t->process);
}

void cputimer_space_changed(struct process *p)
{
	lock_assert_held(&p->sb->lock);
	host_timer_delete(&p->space_timer);
	if (!list_empty(&p->cpu_timers))
		program(p);
}

void cputimer_task_ended(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	struct cputimer *ct, *next;

	host_timer_delete(&t->cpu_timer);
	if (t->process->nr_tasks == 1)
		host_timer_delete(&t->process->space_timer);
	list_for_each_safe (ct, next, &t->process->cpu_timers, node) {
		/* Timers of other processes may count this one's time. */
		if (ct->task == t || t->process->nr_tasks == 1) {
			list_del(&ct->node);
			ct->task = NULL;
		}
	}
}
