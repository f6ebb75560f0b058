/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time namespaces (time_namespaces(7)): in each the monotonic clocks and those of the time since
 * the boot are ahead of the sandbox's own (host/clock.h) by constant distances.
 *
 * What the kernel keeps is the sandbox's time, whoever named it: a system call adds the distance of
 * its caller's namespace to what it tells, and takes it from an absolute time that it is given. So
 * deadlines, timers and start times pass between namespaces as they are.
 *
 * A task has two: the one that it is in, and the one that its children will be in, itself as well
 * when it executes a program. The vDSO leaves the clocks that are moved to the system call
 * (loader/vdso.h).
 */
#ifndef HL_KERNEL_TIME_NS_H
#define HL_KERNEL_TIME_NS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "cred/ns_common.h"

struct sandbox;
struct task;

struct time_namespace {
	struct ns_common ns;
	/* ns ahead of the sandbox's; sandbox->lock while nobody is in it, constant from then on */
	int64_t monotonic, boottime;
	bool joined; /* somebody was in it; sandbox->lock */
};

/* One more, with the distances of `from`; NULL: the first of a sandbox. NULL: no memory. */
struct time_namespace *time_ns_new(struct sandbox *sb, struct time_namespace *from,
				   struct user_namespace *owner);
/* Somebody is in it from now on. */
void time_ns_join(struct sandbox *sb, struct time_namespace *ns);

/* A distance to be set: of CLOCK_MONOTONIC or CLOCK_BOOTTIME. */
struct time_offset {
	clockid_t clock;
	int64_t sec;
	uint32_t nsec;
};
/* -ERANGE: the clock would be negative now, or near the end of its range; -EACCES: somebody was in
 * it. All are set, or none. */
int time_ns_set(struct sandbox *sb, struct time_namespace *ns, const struct time_offset *offsets,
		unsigned nr);

/* By how much `clock` is ahead of the sandbox's where `t` is, ns; 0 for those that are not moved.
 * NULL: nobody's, the sandbox's own. */
int64_t task_clock_ahead(const struct task *t, clockid_t clock);
/* The sandbox's time of a point in time that `t` names: 1 ns at the least, saturates to
 * CLOCK_NS_MAX. */
uint64_t task_time_to_sandbox(const struct task *t, clockid_t clock, uint64_t at);

#endif
