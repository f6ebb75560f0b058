/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks when a guest process or thread has used so much CPU time. sandbox->lock is held
 * throughout, in the callbacks as well. */
#ifndef HL_KERNEL_CPUTIMER_H
#define HL_KERNEL_CPUTIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "util/list.h"

struct process;
struct sandbox;
struct task;

/* A CPU timer of the host's. process.threads_lock. */
struct host_cputimer {
	bool exists;
	timer_t id;
};

/* Of a guest thread. process.threads_lock. */
struct thread_cputimer {
	struct host_cputimer host;
	uint64_t used; /* what its clock said when it was looked at last; ns */
	uint64_t next; /* the first moment that a timer of it alone waits for; UINT64_MAX: none */
};

struct cputimer {
	struct list node; /* of the process's; unlinked: not armed */
	struct process *process;
	struct task *task; /* whose time it counts; NULL: the whole process's */
	uint64_t expires;  /* ns of that clock */
	/* disarmed again by then; may re-arm itself. `used`: what that clock says */
	void (*fire)(struct cputimer *ct, uint64_t used);
};

/* Before the first: 0, or -EAGAIN: the host gives no thread. */
int cputimer_prepare(struct sandbox *sb);
/* Ends the thread. No timer is left, no lock held. */
void cputimer_stop(struct sandbox *sb);
void cputimer_arm(struct cputimer *ct, uint64_t expires);
void cputimer_disarm(struct cputimer *ct);
/* The thread `t` now runs: its time counts. */
void cputimer_task_started(struct task *t);
/* It ends: its time stops counting. threads_lock held, too. */
void cputimer_task_ended(struct task *t);
/* The process runs in another address space from now on. threads_lock held, too. */
void cputimer_space_changed(struct process *p);

#endif
