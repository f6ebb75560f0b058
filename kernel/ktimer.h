/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callbacks at points in time: the one mechanism under interval and POSIX timers. One thread a
 * sandbox, started with the first timer, sleeps on a host timerfd for each clock in use: nothing
 * runs while nothing is due, and the host sees to clocks that are set and machines that were
 * suspended.
 *
 * CPU-time timers wait on host CPU timers of the threads concerned, see cputimer.c.
 *
 * Everything is guarded by sandbox->lock; callbacks run with it held.
 */
#ifndef HL_KERNEL_KTIMER_H
#define HL_KERNEL_KTIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "util/rbtree.h"

struct sandbox;
struct ktimer_thread;

struct ktimer {
	struct rb_node node;
	clockid_t clock;  /* CLOCK_REALTIME, CLOCK_MONOTONIC or CLOCK_BOOTTIME */
	uint64_t expires; /* ns of the guest's clock */
	bool armed;
	void (*fire)(struct ktimer *kt); /* disarmed again by then; may re-arm */
};

/* 0, or -EAGAIN: the host gives no thread or descriptors. Never fails again for a clock once it has
 * not. */
int ktimer_prepare(struct sandbox *sb, clockid_t clock);
/* The timer's clock is prepared. Moves it if it is armed. */
void ktimer_arm(struct sandbox *sb, struct ktimer *kt, uint64_t expires);
void ktimer_disarm(struct sandbox *sb, struct ktimer *kt);
/* Ends the thread. No timer is left, no lock held. */
void ktimer_stop(struct sandbox *sb);
/* The host thread that runs callbacks, for host timers that signal it: it then calls
 * cputimer_check. 0: none yet. */
int ktimer_host_tid(struct sandbox *sb);

#endif
