/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file implements the futex operations that concern no owner: wait, wake, requeue and
 * FUTEX_WAKE_OP (futex(2)). Waiters hang in hash buckets by the memory that their word lies in; a
 * wait compares the word and queues itself under the bucket's lock, so that no wake-up between the
 * two is lost. Priority inheritance is in futex_pi.c.
 */
#include "kernel/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>

#include "kernel/futex_table.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

int futex_table_create(struct futex_table **out)
{
	struct futex_table *ft = calloc(1, sizeof *ft);

	if (!ft)
		return -ENOMEM;
	for (int i = 0; i < FUTEX_BUCKETS; i++) {
		mutex_init(&ft->buckets[i].lock, LOCK_FUTEX_BUCKET);
		list_init(&ft->buckets[i].waiters);
	}
	mutex_init(&ft->pi_lock, LOCK_FUTEX_PI);
	list_init(&ft->pi_states);
	*out = ft;
	return 0;
}

void futex_table_destroy(struct futex_table *ft)
{
	for (int i = 0; i < FUTEX_BUCKETS; i++)
		mutex_destroy(&ft->buckets[i].lock);
	mutex_destroy(&ft->pi_lock);
	free(ft);
}

/* ---- keys and buckets ---- */

int futex_key_of(struct task *t, struct futex_ref ref, struct futex_key *out)
{
	if (ref.addr.v % sizeof(uint32_t))
		return -EINVAL;
	return mm_futex_key(t->mm, ref.addr, ref.shared, out);
}

struct futex_bucket *futex_bucket_of(struct futex_table *ft, const struct futex_key *key)
{
	uint64_t h = (key->a ^ (key->b >> 2)) * 0x9e3779b97f4a7c15UL; /* Fibonacci hashing */

	return &ft->buckets[h >> 56];
}

static void lock_two(struct futex_bucket *x, struct futex_bucket *y)
{
	struct futex_bucket *first = x < y ? x : y, *second = x < y ? y : x;

	mutex_lock(&first->lock);
	if (first != second)
		mutex_lock(&second->lock);
}

static void unlock_two(struct futex_bucket *x, struct futex_bucket *y)
{
	mutex_unlock(&x->lock);
	if (x != y)
		mutex_unlock(&y->lock);
}

void futex_lock_words(struct mm *mm, struct futex_bucket *x, struct futex_bucket *y)
{
	mm_access_begin(mm);
	lock_two(x, y);
}

void futex_unlock_words(struct mm *mm, struct futex_bucket *x, struct futex_bucket *y)
{
	unlock_two(x, y);
	mm_access_end(mm);
}

bool futex_try_again(int err, struct mm *mm, gva_t addr, bool write)
{
	return err == -EFAULT && guest_fault32(mm, addr, write) == 0;
}

struct futex_bucket *futex_lock_waiter(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = atomic_load(&w->bucket);
		mutex_lock(&b->lock);
		if (b == atomic_load(&w->bucket))
			return b;
		mutex_unlock(&b->lock);
	}
}

struct futex_waiter *futex_top_waiter(struct futex_bucket *b, const struct futex_key *key)
{
	lock_assert_held(&b->lock);
	struct futex_waiter *w;

	list_for_each (w, &b->waiters, node) {
		if (futex_key_equal(&w->key, key))
			return w;
	}
	return NULL;
}

void futex_waiter_wake(struct futex_waiter *w)
{
	lock_assert_held(&atomic_load(&w->bucket)->lock);
	list_del(&w->node);
	atomic_store(&w->woken, true);
	sleeper_wake(&w->task->sleeper);
}

void futex_waiter_move(struct futex_waiter *w, struct futex_bucket *from, struct futex_bucket *to,
		       const struct futex_key *key)
{
	lock_assert_held(&from->lock);
	lock_assert_held(&to->lock);
	if (from != to) {
		list_del(&w->node);
		list_add_tail(&to->waiters, &w->node);
		atomic_store(&w->bucket, to);
	}
	w->key = *key;
}

/* ---- waiting ---- */

int futex_queue(struct task *t, const struct futex_want *want, struct futex_waiter *w)
{
	uint32_t now;
	int err = futex_key_of(t, want->ref, &w->key);

	list_init(&w->node);
	if (err)
		return err;
	struct futex_bucket *b = futex_bucket_of(t->sb->futexes, &w->key);
	w->bucket = b;
	w->task = t;
	w->addr = want->ref.addr;
	w->bitset = want->bitset;
	w->woken = false;
	do {
		futex_lock_words(t->mm, b, b);
		err = guest_try_load32(t->mm, want->ref.addr, &now);
		if (!err && now != want->val)
			err = -EAGAIN;
		if (!err)
			list_add_tail(&b->waiters, &w->node);
		futex_unlock_words(t->mm, b, b);
	} while (futex_try_again(err, t->mm, want->ref.addr, false));
	return err;
}

int futex_sleep(struct task *t, struct futex_waiter *w, uint64_t deadline)
{
	int err = 0;

	while (!err && !atomic_load(&w->woken))
		err = sleeper_wait(&t->sleeper, deadline);
	return err;
}

struct futex_waiter *futex_waiter_get(struct task *t, bool *queued)
{
	struct futex_waits *f = &t->futex;

	*queued = f->queued;
	f->queued = false;
	if (!*queued)
		f->one = (struct futex_waiter){ .owns = false };
	return &f->one;
}

bool futex_stays_queued(struct task *t, int err)
{
	return t->futex.queued = err == -EINTR && t->sleeper.gave_up;
}

int futex_wait(struct task *t, const struct futex_want *want, uint64_t deadline)
{
	bool queued;
	struct futex_waiter *w = futex_waiter_get(t, &queued);

	if (!want->bitset)
		return -EINVAL;
	int err = queued ? 0 : futex_queue(t, want, w);
	if (err)
		return err;
	err = futex_sleep(t, w, deadline);
	if (futex_stays_queued(t, err))
		return err;
	return futex_unqueue(t, w) ? 0 : err;
}

/* The index of one that was woken, -1: none. */
static int unqueue_many(struct task *t, struct futex_waiter *w, unsigned n)
{
	int woken = -1;

	for (unsigned i = 0; i < n; i++) {
		if (futex_unqueue(t, &w[i]))
			woken = (int)i;
	}
	return woken;
}

static bool any_woken(struct futex_waiter *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (atomic_load(&w[i].woken))
			return true;
	}
	return false;
}

static int queue_many(struct task *t, const struct futex_want *want, unsigned n)
{
	struct futex_waits *f = &t->futex;
	struct futex_key key;
	int err = 0;

	/* None is waited for where one is bad. */
	for (unsigned i = 0; i < n && !err; i++)
		err = futex_key_of(t, want[i].ref, &key);
	if (err)
		return err;
	f->many = calloc(n, sizeof *f->many);
	if (!f->many)
		return -ENOMEM;
	while (!err && f->nr_many < n) {
		err = futex_queue(t, &want[f->nr_many], &f->many[f->nr_many]);
		f->nr_many += !err;
	}
	return err;
}

/* The index of one that was woken, -1: none, or none was waited for. */
static int end_many(struct task *t)
{
	struct futex_waits *f = &t->futex;
	int woken = unqueue_many(t, f->many, f->nr_many);

	free(f->many);
	f->many = NULL;
	f->nr_many = 0;
	return woken;
}

int futex_wait_many(struct task *t, const struct futex_want *want, unsigned n, uint64_t deadline)
{
	struct futex_waits *f = &t->futex;
	int err = f->many ? 0 : queue_many(t, want, n);

	while (!err && !any_woken(f->many, f->nr_many))
		err = sleeper_wait(&t->sleeper, deadline);
	if (err == -EINTR && t->sleeper.gave_up)
		return err;
	int woken = end_many(t);
	return woken >= 0 ? woken : err;
}

void futex_resume_end(struct task *t)
{
	struct futex_waits *f = &t->futex;

	if (f->many)
		end_many(t);
	if (f->queued)
		futex_unqueue(t, &f->one);
	f->queued = false;
}

/* ---- waking ---- */

/* At least one is woken even if `nr` asks for none, as Linux does. */
static int wake_key(struct futex_bucket *b, const struct futex_key *key, int nr, uint32_t bitset)
{
	lock_assert_held(&b->lock);
	struct futex_waiter *w, *next;
	int woken = 0;

	list_for_each_safe (w, next, &b->waiters, node) {
		if (!futex_key_equal(&w->key, key))
			continue;
		if (w->pi || w->for_requeue)
			return -EINVAL;
		if (!(w->bitset & bitset))
			continue;
		futex_waiter_wake(w);
		if (++woken >= nr)
			break;
	}
	return woken;
}

int futex_wake(struct task *t, struct futex_ref ref, int nr, uint32_t bitset)
{
	struct futex_key key;

	if (!bitset)
		return -EINVAL;
	int r = futex_key_of(t, ref, &key);
	if (r)
		return r;
	struct futex_bucket *b = futex_bucket_of(t->sb->futexes, &key);
	mutex_lock(&b->lock);
	r = wake_key(b, &key, nr, bitset);
	mutex_unlock(&b->lock);
	return r;
}

static int requeue_keys(struct futex_bucket *from, const struct futex_key *key,
			struct futex_bucket *to, const struct futex_key *key2, int nr_wake,
			int nr_requeue)
{
	lock_assert_held(&from->lock);
	lock_assert_held(&to->lock);
	struct futex_waiter *w, *next;
	int done = 0;

	list_for_each_safe (w, next, &from->waiters, node) {
		if (done - nr_wake >= nr_requeue)
			break;
		if (!futex_key_equal(&w->key, key))
			continue;
		if (w->pi || w->for_requeue)
			return -EINVAL;
		if (++done <= nr_wake)
			futex_waiter_wake(w);
		else
			futex_waiter_move(w, from, to, key2);
	}
	return done;
}

int futex_requeue(struct task *t, struct futex_ref from, struct futex_ref to, int nr_wake,
		  int nr_requeue, const uint32_t *cmpval)
{
	struct futex_key key, key2;
	uint32_t now;

	if (nr_wake < 0 || nr_requeue < 0)
		return -EINVAL;
	int r = futex_key_of(t, from, &key);
	if (!r)
		r = futex_key_of(t, to, &key2);
	if (r)
		return r;
	struct futex_bucket *b = futex_bucket_of(t->sb->futexes, &key);
	struct futex_bucket *b2 = futex_bucket_of(t->sb->futexes, &key2);
	do {
		futex_lock_words(t->mm, b, b2);
		r = cmpval ? guest_try_load32(t->mm, from.addr, &now) : 0;
		if (!r && cmpval && now != *cmpval)
			r = -EAGAIN;
		if (!r)
			r = requeue_keys(b, &key, b2, &key2, nr_wake, nr_requeue);
		futex_unlock_words(t->mm, b, b2);
	} while (futex_try_again(r, t->mm, from.addr, false));
	return r;
}

/* ---- FUTEX_WAKE_OP ---- */

static int32_t sign_extend12(uint32_t v)
{
	return (int32_t)(v << 20) >> 20;
}

static int op_apply(struct mm *mm, gva_t addr, unsigned op, uint32_t arg, uint32_t *old)
{
	switch (op) {
	case FUTEX_OP_SET: return guest_try_atomic32(mm, addr, GUEST_XCHG, arg, old);
	case FUTEX_OP_ADD: return guest_try_atomic32(mm, addr, GUEST_ADD, arg, old);
	case FUTEX_OP_OR: return guest_try_atomic32(mm, addr, GUEST_OR, arg, old);
	case FUTEX_OP_ANDN: return guest_try_atomic32(mm, addr, GUEST_AND, ~arg, old);
	case FUTEX_OP_XOR: return guest_try_atomic32(mm, addr, GUEST_XOR, arg, old);
	default: return -ENOSYS;
	}
}

static int op_compare(unsigned cmp, int32_t old, int32_t arg)
{
	switch (cmp) {
	case FUTEX_OP_CMP_EQ: return old == arg;
	case FUTEX_OP_CMP_NE: return old != arg;
	case FUTEX_OP_CMP_LT: return old < arg;
	case FUTEX_OP_CMP_LE: return old <= arg;
	case FUTEX_OP_CMP_GT: return old > arg;
	case FUTEX_OP_CMP_GE: return old >= arg;
	default: return -ENOSYS;
	}
}

/* Changes the word as `code` says (futex(2), FUTEX_WAKE_OP): 1 or 0 as the comparison with the old
 * value, or -errno. */
static int op_run(struct mm *mm, gva_t addr, uint32_t code)
{
	uint32_t arg = (uint32_t)sign_extend12(code >> 12 & 0xfff), old;

	if (code >> 28 & FUTEX_OP_OPARG_SHIFT)
		arg = 1U << (arg & 31);
	int err = op_apply(mm, addr, code >> 28 & 7, arg, &old);
	return err ? err : op_compare(code >> 24 & 15, (int32_t)old, sign_extend12(code & 0xfff));
}

int futex_wake_op(struct task *t, struct futex_ref ref, struct futex_ref ref2, int nr_wake,
		  int nr_wake2, uint32_t op)
{
	struct futex_key key, key2;
	int r = futex_key_of(t, ref, &key);

	if (!r)
		r = futex_key_of(t, ref2, &key2);
	if (r)
		return r;
	struct futex_bucket *b = futex_bucket_of(t->sb->futexes, &key);
	struct futex_bucket *b2 = futex_bucket_of(t->sb->futexes, &key2);
	do {
		futex_lock_words(t->mm, b, b2);
		int cond = op_run(t->mm, ref2.addr, op);
		r = cond < 0 ? cond : wake_key(b, &key, nr_wake, FUTEX_ANY);
		if (r >= 0 && cond > 0) {
			int r2 = wake_key(b2, &key2, nr_wake2, FUTEX_ANY);
			r = r2 < 0 ? r2 : r + r2;
		}
		futex_unlock_words(t->mm, b, b2);
	} while (futex_try_again(r, t->mm, ref2.addr, true));
	return r;
}
