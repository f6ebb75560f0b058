/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a guest thread is scheduled (sched(7), ioprio_set(2)), as the guest set it. Each guest thread
 * is a host thread, and the host's scheduler does the work; but what the guest asked for is kept
 * here, and is all the guest ever sees.
 *
 * Of it, the host's thread gets what costs nobody but the guest: lower priority than the monitor
 * was started with. Real-time policies, nice values below the monitor's own and I/O priorities
 * above best effort stay in the record, unless the sandbox was started with sandbox.host_priority.
 * Which CPUs a thread may use is the host's alone to keep.
 */
#ifndef HL_KERNEL_SCHED_H
#define HL_KERNEL_SCHED_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sandbox;
struct task;

/* struct sched_attr of sched_setattr(2), which the C libraries have in different headers or not at
 * all. */
struct sched_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
#define SCHED_ATTRIBUTES_MIN 48 /* SCHED_ATTR_SIZE_VER0: up to util_min */

enum {
	SCHED_ATTRIBUTE_RESET_ON_FORK = 1,
	SCHED_ATTRIBUTE_KEEP_POLICY = 8,
	SCHED_ATTRIBUTE_KEEP_PARAMS = 16,
	SCHED_ATTRIBUTE_UTIL_MIN = 32,
	SCHED_ATTRIBUTE_UTIL_MAX = 64,
	SCHED_ATTRIBUTES_KNOWN = 127,
};

struct sched {
	int policy;         /* SCHED_*, without SCHED_RESET_ON_FORK */
	int priority;       /* 1 to 99 with SCHED_FIFO and SCHED_RR, else 0 */
	int nice;           /* -20 to 19; kept while a real-time policy does not use it */
	bool reset_on_fork; /* children start with an ordinary policy and without negative nice */
	uint64_t slice_ns;  /* wished for by sched_setattr(2); 0: the host's choice */
	uint16_t ioprio;    /* IOPRIO_PRIO_VALUE; 0: follows policy and nice */
};

static inline bool sched_is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

/* What the calling host thread has. */
void sched_of_host(struct sched *out);
/* What a child of a thread with `parent` starts with (sched(7), "Resetting scheduling policy for
 * child processes"). */
void sched_fork(struct sched *child, const struct sched *parent);
/* The I/O priority that counts: ioprio, or what policy and nice make of it. */
int sched_ioprio(const struct sched *s);

/* The calls below: sandbox->lock held, which keeps the task's host thread alive. */
/* The task has this from now on. 0, or what the host says where it was to be asked and refused;
 * nothing changed then. */
int sched_set(struct task *t, const struct sched *s);
/* The task's host thread has just been made: `inherited` is what its maker's has of the host. */
void sched_start(struct task *t, const struct sched *inherited);
/* Where guest code runs in threads of the platform's, they are to be scheduled as the task's host
 * thread is now. */
void sched_follow(struct task *t);

#endif
