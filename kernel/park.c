/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task rests here for as long as anything asks it to; the header has the rule. The last thread of
 * a process that comes to rest for a stop completes that stop, which is what wait(2) and SIGCHLD
 * tell the parent.
 */
#include "kernel/park.h"

#include <assert.h>

#include "kernel/bandwidth.h"
#include "kernel/process.h"
#include "kernel/ptrace/stop.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

void park_request(struct task *t, enum park_reason reason)
{
	t->park |= reason;
	sleeper_interrupt(&t->sleeper);
}

void park_release(struct task *t, enum park_reason reason)
{
	t->park &= ~(unsigned)reason;
	signal_recalc(t);
	sleeper_wake(&t->sleeper);
}

/* A group stop is over when the last task of the process has come to rest. */
static void count_as_stopped(struct task *t, bool stopped)
{
	struct process *p = t->process;
	struct observer *o = t->sb->observer;

	if (stopped == t->stopped)
		return;
	if (stopped && o && p->nr_stopped + 1 == p->nr_tasks) {
		int sig = p->stop_sig;
		sandbox_unlock(t->sb); /* meanwhile the stop may end */
		o->ops->stopped(o, t, sig);
		sandbox_lock(t->sb);
	}
	t->stopped = stopped;
	p->nr_stopped += stopped ? 1 : -1;
	if (stopped)
		process_stop_completed(p);
}

/* A call that gave up its sleep is made again as soon as it may sleep, and before its task ends: it
 * has something to clean up. */
static bool has_to_rest(const struct task *t)
{
	if (t->sb->held && t->park & PARK_FREEZE)
		return true;
	if (ptrace_keeps(t))
		return true;
	if (t->group_exiting)
		return false;
	if (t->unwound == GAVE_UP_SLEEP && !(atomic_load(&t->sleeper.work) & SLEEPER_UNWIND))
		return false;
	return t->park;
}

void task_park(struct task *t)
{
	assert(!t->in_event && !t->sleeper.nr_waiters);
	while (has_to_rest(t)) {
		t->resting = true;
		if (t->tracee)
			ptrace_rests(t);
		count_as_stopped(t, t->park & PARK_STOP || ptrace_group_stopped(t));
		if (t->park & PARK_THROTTLE)
			bandwidth_task_parks(t->sb);
		freezer_set(&t->sleeper, REST_PARKED);
		sandbox_unlock(t->sb);
		sleeper_pause(&t->sleeper);
		sandbox_lock(t->sb);
	}
	if (!t->resting)
		return;
	t->resting = false;
	count_as_stopped(t, false);
	if (t->tracee)
		ptrace_moves(t);
	freezer_set(&t->sleeper, REST_MOVING);
}
