/* SPDX-License-Identifier: Apache-2.0 */
/* Futexes (futex(2)): threads that wait for a word of guest memory to change. */
#ifndef HL_KERNEL_FUTEX_H
#define HL_KERNEL_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mm/access.h"
#include "util/list.h"

struct futex_bucket;
struct futex_table;
struct pi_state;
struct task;

/* Inside of kernel/futex*.c: one word that a task waits for. */
struct futex_waiter {
	struct list node;                      /* empty: woken */
	_Atomic(struct futex_bucket *) bucket; /* changes under the locks of both */
	struct futex_key key;
	struct task *task;
	gva_t addr; /* of the word it waits for, in task->mm */
	uint32_t bitset;
	atomic_bool woken; /* a hint without the lock */
	/* PI */
	struct pi_state *pi; /* waits to own this one */
	bool owns;           /* woken as owner */
	/* FUTEX_WAIT_REQUEUE_PI: will be moved to pi_key, and can not be woken otherwise */
	bool for_requeue;
	struct futex_key pi_key;
	gva_t pi_addr;
};

#define FUTEX_WAITV_MAX 128 /* words of one futex_waitv(2), as on Linux */

/*
 * The waiters of a task. They are the task's and not on its stack, because a wait that gives up for
 * a freeze (kernel/resume.h) stays queued: it keeps its place, a wake-up finds it and a requeue
 * takes it along. The value it waited for is not compared again.
 */
struct futex_waits {
	struct futex_waiter one;
	struct futex_waiter *many; /* of futex_waitv(2), while it waits or has given up */
	unsigned nr_many;
	bool queued; /* `one` was left queued */
};

/* A call that gave up ended otherwise: takes its waiters off. */
void futex_resume_end(struct task *t);

int futex_table_create(struct futex_table **out);
void futex_table_destroy(struct futex_table *ft);

/* exit and execve: walks the robust list, gives up PI futexes, clears and wakes clear_child_tid,
 * all in the old memory. */
void futex_task_exit(struct task *t);

/* A word as the guest names it. */
struct futex_ref {
	gva_t addr;
	bool shared; /* may be known to other processes */
};

/* What one waits for: the word still holds `val`, and a wake whose bitset meets `bitset`. */
struct futex_want {
	struct futex_ref ref;
	uint32_t val, bitset;
};

/* The calls below return as futex(2): 0 or a count, or -errno. Deadlines are as a sleeper's,
 * DEADLINE_NONE: never. Where a signal ended the wait: -EINTR, the caller knows how to restart. */
int futex_wait(struct task *t, const struct futex_want *want, uint64_t deadline);
/* futex_waitv(2): the index of one that was woken. */
int futex_wait_many(struct task *t, const struct futex_want *want, unsigned n, uint64_t deadline);
int futex_wake(struct task *t, struct futex_ref ref, int nr, uint32_t bitset);
/* Wakes `nr_wake`, moves up to `nr_requeue` others to `to`. `cmpval`: what `from` must hold; NULL:
 * anything. */
int futex_requeue(struct task *t, struct futex_ref from, struct futex_ref to, int nr_wake,
		  int nr_requeue, const uint32_t *cmpval);
int futex_wake_op(struct task *t, struct futex_ref ref, struct futex_ref ref2, int nr_wake,
		  int nr_wake2, uint32_t op);

/* kernel/futex_pi.c: the word holds the owner's tid. There are no priorities to inherit here; the
 * protocol is whole. */
int futex_lock_pi(struct task *t, struct futex_ref ref, uint64_t deadline, bool try_only);
int futex_unlock_pi(struct task *t, struct futex_ref ref);
int futex_wait_requeue_pi(struct task *t, const struct futex_want *want, struct futex_ref to,
			  uint64_t deadline);
int futex_requeue_pi(struct task *t, struct futex_ref from, struct futex_ref to, int nr_wake,
		     int nr_requeue, uint32_t cmpval);

#endif
