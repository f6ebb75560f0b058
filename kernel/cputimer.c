/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each thread whose time some timer counts has a host CPU timer of its own, which signals the timer thread. For a timer
 * of a thread it is set to the very moment. For one of a process of n threads, to the moment after which the process
 * may be there at the earliest: every thread's timer gets 1/n of what is left, and whichever goes off first makes us
 * look and divide again. A process that does not run costs nothing.
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

#define NSEC_PER_SEC 1000000000UL
#define MIN_STEP     100000UL /* ns: what dividing again and again stops at */

int cputimer_prepare(struct sandbox *sb)
{
	return ktimer_prepare(sb, CLOCK_MONOTONIC);
}

/* ---- the host's timer of one thread ---- */

static bool host_timer_create(struct task *t)
{
	struct sigevent sev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = HL_KICK_SIGNAL };

	if (t->has_cpu_timer)
		return true;
	sev._sigev_un._tid = ktimer_host_tid(t->sb);
	t->has_cpu_timer = timer_create(cputime_clock(t), &sev, &t->cpu_timer) == 0;
	return t->has_cpu_timer;
}

static void host_timer_set(struct task *t, uint64_t at)
{
	struct itimerspec it = {
		.it_value = { (time_t)(at / NSEC_PER_SEC), (long)(at % NSEC_PER_SEC) },
	};

	if (at != UINT64_MAX && t->host_tid && host_timer_create(t))
		timer_settime(t->cpu_timer, TIMER_ABSTIME, &it, NULL);
}

/* ---- what is due ---- */

static uint64_t clock_of(const struct cputimer *ct)
{
	return ct->task ? task_cpu_ns(ct->task) : process_cpu_ns(ct->process);
}

/* When, in its own CPU time, `t` has to be looked at for `ct`. */
static uint64_t next_look(const struct cputimer *ct, struct task *t)
{
	uint64_t now = clock_of(ct), left = ct->expires > now ? ct->expires - now : 0;

	if (ct->task)
		return ct->task == t ? ct->expires : UINT64_MAX;
	uint64_t step = left / (uint64_t)(ct->process->nr_tasks > 0 ? ct->process->nr_tasks : 1);
	return task_cpu_ns(t) + (step > MIN_STEP ? step : MIN_STEP);
}

static void program_task(struct task *t)
{
	uint64_t at = UINT64_MAX;
	struct cputimer *ct;

	list_for_each (ct, &t->process->cpu_timers, node) {
		uint64_t look = next_look(ct, t);
		if (look < at)
			at = look;
	}
	host_timer_set(t, at);
}

static void program(struct process *p)
{
	struct task *t;

	if (list_empty(&p->cpu_timers))
		return;
	list_for_each (t, &p->tasks, process_node)
		program_task(t);
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
	struct process *p, *next;

	list_for_each_safe (p, next, &sb->processes, all_node) {
		while (fire_one(p))
			;
		program(p);
	}
}

/* ---- arming ---- */

void cputimer_arm(struct cputimer *ct, uint64_t expires)
{
	list_del(&ct->node);
	ct->expires = expires;
	list_add_tail(&ct->process->cpu_timers, &ct->node);
	program(ct->process);
}

void cputimer_disarm(struct cputimer *ct)
{
	list_del(&ct->node);
}

void cputimer_task_started(struct task *t)
{
	if (!list_empty(&t->process->cpu_timers))
		program(t->process);
}

void cputimer_task_ended(struct task *t)
{
	struct cputimer *ct, *next;

	if (t->has_cpu_timer)
		timer_delete(t->cpu_timer);
	t->has_cpu_timer = false;
	list_for_each_safe (ct, next, &t->process->cpu_timers, node) {
		/* Timers of other processes may count this one's time. */
		if (ct->task == t || t->process->nr_tasks == 1) {
			list_del(&ct->node);
			ct->task = NULL;
		}
	}
}
