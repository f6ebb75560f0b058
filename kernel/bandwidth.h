/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of a CPU: how much CPU time the tasks of a sandbox may use together, where its limit of
 * CPUs (sandbox_limits.cpus) is no whole number. Whole ones are bound by kernel/cpus.h alone.
 *
 * As Linux's bandwidth control (cgroups(7), cpu.max): in each period of 100 ms the sandbox has a
 * quota. When it is used up, all tasks that want to run guest code rest until a later period; what
 * was used beyond the quota is paid back then, so that the share holds over time. Who sleeps in a
 * system call sleeps on, and rests when the call is over. Nobody who has to end is held up.
 *
 * This is the monitor's own work, and not cpu.max of a control group of the host's, because that
 * takes rights over the host's groups which an ordinary user does not have, and leaves groups
 * behind when the monitor is killed.
 *
 *	RUNNING ── quota used up ──▶ THROTTLED ── a period with quota left ──▶ RUNNING
 *	RUNNING ── nobody ran in a period ──▶ IDLE ── a task is to run ──▶ RUNNING
 *
 * A thread looks at the clocks of all tasks, as soon as the quota could be used up, until it is or
 * the period ends. In IDLE it sleeps: each task has a reason to park (kernel/park.h), and the first
 * that comes to do so wakes it.
 */
#ifndef HL_KERNEL_BANDWIDTH_H
#define HL_KERNEL_BANDWIDTH_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/rusage.h"

#define CPU_PERIOD_US 100000 /* Linux's default */

struct sandbox;
struct task;

/* As cpu.stat tells it. */
struct bandwidth_stat {
	uint64_t periods, throttled, throttled_ns;
	struct rusage_sum used; /* by all that run and ran */
};

/* sandbox->lock held: from here on the limit is kept, if it needs it. 0 or -EAGAIN. */
int bandwidth_prepare(struct sandbox *sb);
/* No task runs any more, no lock held. */
void bandwidth_stop(struct sandbox *sb);

/* sandbox->lock held: a task is about to run; one that has used so much is about to be unlinked. */
void bandwidth_task_linked(struct task *t);
void bandwidth_task_ended(struct task *t, const struct rusage_sum *used);
/* sandbox->lock held: a task has come to rest because of PARK_THROTTLE. */
void bandwidth_task_parks(struct sandbox *sb);
/* No lock held. */
void bandwidth_stat(struct sandbox *sb, struct bandwidth_stat *out);

#endif
