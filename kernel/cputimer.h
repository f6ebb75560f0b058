/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks when a guest process or thread has used so much CPU time. sandbox->lock held
 * throughout. */
#ifndef HL_KERNEL_CPUTIMER_H
#define HL_KERNEL_CPUTIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "util/list.h"

struct process;
struct sandbox;
struct task;

/* A CPU timer of the host's. */
struct host_cputimer {
	bool exists;
	timer_t id;
};

struct cputimer {
	struct list node; /* of the process's; unlinked: not armed */
	struct process *process;
	struct task *task;                 /* whose time it counts; NULL: the whole process's */
	uint64_t expires;                  /* ns of that clock */
	void (*fire)(struct cputimer *ct); /* disarmed again by then; may re-arm */
};

/* Before the first: as ktimer_prepare. */
int cputimer_prepare(struct sandbox *sb);
void cputimer_arm(struct cputimer *ct, uint64_t expires);
void cputimer_disarm(struct cputimer *ct);
/* A host timer has gone off: fires what is due. */
void cputimer_check(struct sandbox *sb);
/* The thread `t` now runs, or ends: its time counts, or stops counting. */
void cputimer_task_started(struct task *t);
void cputimer_task_ended(struct task *t);
/* The process runs in another address space from now on. */
void cputimer_space_changed(struct process *p);

#endif
