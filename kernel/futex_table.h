/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of kernel/futex*.c.
 *
 * Waiters hang in buckets by their key. Who changes a word's waiters, or tests the word to wait for
 * it, holds its bucket's lock; two buckets are locked in order of address. A waker leaves the
 * bucket only after the sleeper was woken, and a waiter takes the lock before it leaves: so no
 * waker ever touches a waiter that is gone.
 *
 * Other processes may wait for a bucket, so nothing is waited for with one locked. Who tests or
 * changes a word holds mm->lock for reading from before, and does not fault: where the page is not
 * there, both locks are let go, the fault is taken, and all begins anew.
 *
 * Lock order: mm->lock, bucket, sandbox->lock (to find an owner), pi_lock.
 */
#ifndef HL_KERNEL_FUTEX_TABLE_H
#define HL_KERNEL_FUTEX_TABLE_H

#include <stdatomic.h>

#include "kernel/futex.h"
#include "util/list.h"
#include "util/lock.h"

#define FUTEX_BUCKETS 256
#define FUTEX_ANY     0xffffffffU

struct futex_bucket {
	struct mutex lock;
	struct list waiters; /* struct futex_waiter, longest waiting first */
};

struct futex_table {
	struct futex_bucket buckets[FUTEX_BUCKETS];
	struct mutex pi_lock;
	struct list pi_states;
};

/* A PI futex with waiters. Guarded by its bucket's lock; owner and node also by pi_lock. */
struct pi_state {
	struct list node;
	struct futex_key key;
	struct task *owner;
	unsigned waiters;
};

static inline bool futex_key_equal(const struct futex_key *x, const struct futex_key *y)
{
	return x->a == y->a && x->b == y->b;
}

/* -EINVAL: not aligned; -EFAULT. */
int futex_key_of(struct task *t, struct futex_ref ref, struct futex_key *out);
struct futex_bucket *futex_bucket_of(struct futex_table *ft, const struct futex_key *key);
/* Both buckets, which may be one. Words in `mm` can be used then: guest_try_load32 and its kin
 * (mm/access.h). */
void futex_lock_words(struct mm *mm, struct futex_bucket *x, struct futex_bucket *y);
void futex_unlock_words(struct mm *mm, struct futex_bucket *x, struct futex_bucket *y);
/* Is what was done meanwhile to be done again, since it failed with -EFAULT at this word, which is
 * there now? */
bool futex_try_again(int err, struct mm *mm, gva_t addr, bool write);

/* Keys, then queues on the word if it holds what is wanted. 0, -EAGAIN, -EFAULT, -EINVAL. */
int futex_queue(struct task *t, const struct futex_want *want, struct futex_waiter *w);
/* Sleeps until woken (0), -EINTR or -ETIMEDOUT. */
int futex_sleep(struct task *t, struct futex_waiter *w, uint64_t deadline);
/* The task's own waiter, emptied; or as it was left, still queued, by a call that gave up:
 * *queued. */
struct futex_waiter *futex_waiter_get(struct task *t, bool *queued);
/* Did the sleep that ended with `err` give up for a freeze? Then the waiter stays queued. */
bool futex_stays_queued(struct task *t, int err);
/* Locks whatever bucket the waiter is, or was last, in. */
struct futex_bucket *futex_lock_waiter(struct futex_waiter *w);

/* Bucket lock held. */
struct futex_waiter *futex_top_waiter(struct futex_bucket *b, const struct futex_key *key);
void futex_waiter_wake(struct futex_waiter *w);
void futex_waiter_move(struct futex_waiter *w, struct futex_bucket *from, struct futex_bucket *to,
		       const struct futex_key *key);

/* kernel/futex_pi.c: `w`, which is about to be queued there, waits for a word of `owner`'s. Bucket
 * lock held. -EBADMSG: others who wait know another owner; -ENOMEM. */
int futex_pi_join(struct futex_table *ft, struct futex_waiter *w, struct task *owner);
/* kernel/futex_pi.c: takes the waiter off, whatever it waits for. True: it had been woken. */
bool futex_unqueue(struct task *t, struct futex_waiter *w);
/* kernel/futex_pi.c: all PI futexes of a task that ends go to their next waiters. */
void futex_pi_exit(struct task *t);

#endif
