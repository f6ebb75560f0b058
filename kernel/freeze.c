/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file brings all tasks of a sandbox to rest and lets them go on, in the steps that its header
 * explains. Each step marks every task and then waits until all of them have followed; sandbox.lock
 * is given up while it waits.
 */
#include "kernel/freeze.h"

#include <errno.h>
#include <limits.h>

#include "kernel/park.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

static void for_each_task(struct sandbox *sb, void (*fn)(struct task *t))
{
	struct process *p;
	struct task *t;

	list_for_each (p, &sb->processes, all_node) {
		list_for_each (t, &p->tasks, process_node)
			fn(t);
	}
}

/* ---- what a step asks of each task; sandbox->lock held ---- */

static void still(struct task *t)
{
	freezer_set(&t->sleeper, REST_MOVING);
	atomic_fetch_or(&t->sleeper.work, SLEEPER_FREEZE);
	t->park |= PARK_FREEZE;
	sleeper_wake(&t->sleeper);
}

static void unwind(struct task *t)
{
	bool woken;

	atomic_fetch_or(&t->sleeper.work, SLEEPER_UNWIND);
	if (freezer_rest_of(&t->sleeper, &woken) == REST_PARKED)
		return;
	freezer_set(&t->sleeper, REST_MOVING);
	sleeper_wake(&t->sleeper);
}

static void end_unwinding(struct task *t)
{
	atomic_fetch_and(&t->sleeper.work, ~(uint32_t)SLEEPER_UNWIND);
}

static void sleep_again(struct task *t)
{
	end_unwinding(t);
	if (t->unwound != GAVE_UP_SLEEP)
		return;
	freezer_set(&t->sleeper, REST_MOVING);
	sleeper_wake(&t->sleeper);
}

static void go_on(struct task *t)
{
	atomic_fetch_and(&t->sleeper.work, ~(uint32_t)SLEEPER_FREEZE);
	park_release(t, PARK_FREEZE);
}

/* ---- the end of a step ---- */

/* sandbox->lock held. Asleep is good enough in STILLING alone. */
static bool all_rest(struct sandbox *sb, bool asleep_will_do)
{
	struct process *p;
	struct task *t;
	bool woken;

	list_for_each (p, &sb->processes, all_node) {
		list_for_each (t, &p->tasks, process_node) {
			enum rest rest = freezer_rest_of(&t->sleeper, &woken);
			if (rest == REST_MOVING ||
			    (rest == REST_ASLEEP && (woken || !asleep_will_do)))
				return false;
		}
	}
	return true;
}

/* Gives sandbox->lock up until all rest. A sleeper that was woken, but has not said so yet, will:
 * that is a change. */
static void wait_rest(struct sandbox *sb, bool asleep_will_do)
{
	for (;;) {
		sandbox_unlock(sb);
		uint64_t changes = freezer_wait_still(&sb->freezer);
		sandbox_lock(sb);
		if (all_rest(sb, asleep_will_do))
			return;
		sandbox_unlock(sb);
		freezer_wait_change(&sb->freezer, changes);
		sandbox_lock(sb);
	}
}

static void freeze(struct sandbox *sb)
{
	sandbox_lock(sb);
	sb->freeze = FREEZE_STILLING;
	for_each_task(sb, still);
	wait_rest(sb, true);
	sb->freeze = FREEZE_UNWINDING;
	for_each_task(sb, unwind);
	wait_rest(sb, false);
	sb->freeze = FREEZE_FROZEN;
	sandbox_unlock(sb);
}

/* A task that is alone may sleep again or go on, as it comes. */
static void thaw(struct sandbox *sb)
{
	sandbox_lock(sb);
	if (sb->nr_tasks > 1) {
		sb->freeze = FREEZE_STILLING;
		for_each_task(sb, sleep_again);
		wait_rest(sb, true);
	} else {
		for_each_task(sb, end_unwinding);
	}
	sb->freeze = FREEZE_RUNNING;
	for_each_task(sb, go_on);
	sandbox_unlock(sb);
}

int sandbox_freeze(struct sandbox *sb)
{
	int err = 0;

	mutex_lock(&sb->freeze_lock);
	if (sb->freezes == UINT_MAX)
		err = -EOVERFLOW;
	else if (sb->freezes++ == 0)
		freeze(sb);
	mutex_unlock(&sb->freeze_lock);
	return err;
}

int sandbox_thaw(struct sandbox *sb)
{
	int err = 0;

	mutex_lock(&sb->freeze_lock);
	if (!sb->freezes)
		err = -EINVAL;
	else if (--sb->freezes == 0)
		thaw(sb);
	mutex_unlock(&sb->freeze_lock);
	return err;
}

/* ---- tasks that stay ---- */

static void look_again(struct task *t)
{
	sleeper_wake(&t->sleeper);
}

void sandbox_hold(struct sandbox *sb)
{
	sandbox_lock(sb);
	sb->held = true;
	/* those that are on their way to their end */
	wait_rest(sb, false);
	sandbox_unlock(sb);
}

void sandbox_release(struct sandbox *sb)
{
	sandbox_lock(sb);
	sb->held = false;
	for_each_task(sb, look_again);
	sandbox_unlock(sb);
}

/* ---- tasks that come and go ---- */

void freeze_task_linked(struct task *t)
{
	freezer_enter(&t->sb->freezer, &t->sleeper);
	if (t->sb->freeze >= FREEZE_STILLING)
		still(t);
	if (t->sb->freeze >= FREEZE_UNWINDING)
		unwind(t);
}

void freeze_task_unlinked(struct task *t)
{
	freezer_leave(&t->sb->freezer, &t->sleeper);
}
