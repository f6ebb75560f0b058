/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callbacks at points in time: the one mechanism under interval timers, POSIX timers and timerfds.
 * One thread a sandbox, started with the first timer, sleeps on a host timerfd for each clock in
 * use: nothing runs while nothing is due, and the host sees to clocks that are set and machines
 * that were suspended.
 *
 * Timers of CPU time are others: see cputimer.h.
 *
 * Everything is guarded by sandbox->lock; callbacks run with it held.
 */
#ifndef HL_KERNEL_KTIMER_H
#define HL_KERNEL_KTIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "util/list.h"
#include "util/rbtree.h"

struct sandbox;
struct ktimer_thread;

struct ktimer {
	struct rb_node node;
	clockid_t clock;  /* CLOCK_REALTIME, CLOCK_MONOTONIC or CLOCK_BOOTTIME */
	uint64_t expires; /* ns of the guest's clock */
	bool armed;
	void (*fire)(struct ktimer *kt); /* disarmed again by then; may re-arm */
	void (*clock_set)(struct ktimer *kt);
	struct list set_node;
};

/* Which clock a timer of a guest's clock is of. One of CLOCK_REALTIME that was set to go off after
 * a time does not care when that clock is set: it is of CLOCK_MONOTONIC. */
clockid_t ktimer_clock(clockid_t clock, bool absolute);

/* For timers of a guest's clock: 0, or -EAGAIN: the host gives no thread or descriptors. Never
 * fails again for a clock once it has not. */
int ktimer_prepare(struct sandbox *sb, clockid_t clock);
/* The timer's clock is prepared. Moves it if it is armed. */
void ktimer_arm(struct sandbox *sb, struct ktimer *kt, uint64_t expires);
void ktimer_disarm(struct sandbox *sb, struct ktimer *kt);
/* Calls `clock_set`, like `fire`, whenever somebody has set CLOCK_REALTIME, which is prepared.
 * NULL: no longer. `kt->set_node` is initialised. */
void ktimer_watch_clock(struct sandbox *sb, struct ktimer *kt,
			void (*clock_set)(struct ktimer *kt));
/* Runs at once what is due, for who cannot bear that the thread may be late. No lock held. */
void ktimer_run_due(struct sandbox *sb);
/* Ends the thread. No timer is left, no lock held. */
void ktimer_stop(struct sandbox *sb);

#endif
