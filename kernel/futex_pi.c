/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PI futexes: the word is 0, or the owner's tid, with FUTEX_WAITERS when the owner has to come here
 * to unlock.
 *
 * A pi_state stands for a word with waiters and knows the owner. Ownership is handed over: unlock
 * writes the next waiter's tid into the word, and that waiter wakes up as owner. Linux also lends
 * the owner its waiters' priority; guest threads have none here, so waiters are served in order of
 * arrival.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>

#include "kernel/futex.h"
#include "kernel/futex_table.h"
#include "kernel/restart.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/access.h"

/* ---- struct pi_state ---- */

static void state_put(struct futex_table *ft, struct pi_state *s)
{
	lock_assert_held(&futex_bucket_of(ft, &s->key)->lock);
	if (s->waiters)
		return;
	mutex_lock(&ft->pi_lock);
	list_del(&s->node);
	mutex_unlock(&ft->pi_lock);
	free(s);
}

static struct pi_state *state_new(struct futex_table *ft, const struct futex_key *key,
				  struct task *owner)
{
	lock_assert_held(&futex_bucket_of(ft, key)->lock);
	struct pi_state *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->key = *key;
	s->owner = owner;
	mutex_lock(&ft->pi_lock);
	list_add_tail(&ft->pi_states, &s->node);
	mutex_unlock(&ft->pi_lock);
	return s;
}

static void state_join(struct pi_state *s, struct futex_waiter *w)
{
	lock_assert_held(&atomic_load(&w->bucket)->lock);
	w->pi = s;
	s->waiters++;
}

/* The waiter leaves without the lock. */
static void state_leave(struct futex_table *ft, struct futex_waiter *w)
{
	struct pi_state *s = w->pi;

	lock_assert_held(&futex_bucket_of(ft, &s->key)->lock);
	list_del(&w->node);
	s->waiters--;
	state_put(ft, s);
}

/* `w`, a waiter of `s`, is the owner now; the word says so already. */
static void state_hand_over(struct futex_table *ft, struct pi_state *s, struct futex_waiter *w)
{
	lock_assert_held(&futex_bucket_of(ft, &s->key)->lock);
	mutex_lock(&ft->pi_lock);
	s->owner = w->task;
	mutex_unlock(&ft->pi_lock);
	s->waiters--;
	w->owns = true;
	futex_waiter_wake(w);
	state_put(ft, s);
}

int futex_pi_join(struct futex_table *ft, struct futex_waiter *w, struct task *owner)
{
	struct futex_waiter *other;
	struct pi_state *s = NULL;

	list_for_each (other, &atomic_load(&w->bucket)->waiters, node)
		if (other->pi && futex_key_equal(&other->key, &w->key))
			s = other->pi;
	if (s && s->owner != owner)
		return -EBADMSG;
	s = s ? s : state_new(ft, &w->key, owner);
	if (!s)
		return -ENOMEM;
	state_join(s, w);
	return 0;
}

/* ---- taking the word ---- */

/* Which task: `t` reads and writes the word in its memory, `for_task` is to own it. */
struct acquire {
	struct task *t, *for_task;
	struct futex_ref ref;
	struct futex_key key;
	struct futex_bucket *bucket;
	bool set_waiters;
	struct pi_state *state; /* out: where to wait */
};

/* Does the word fit a state that others wait on already? */
static int attach_to_state(struct acquire *a, uint32_t val, struct pi_state *s)
{
	uint32_t tid = val & FUTEX_TID_MASK;

	if (!s)
		return -EINVAL; /* PI and other operations were mixed */
	if (tid != (uint32_t)s->owner->tid && !(val & FUTEX_OWNER_DIED && !tid))
		return -EINVAL;
	a->state = s;
	return 0;
}

/* The owner may be ending: it leaves the word to others, so look again; if it does not change,
 * there is no owner. */
static int owner_gone(struct acquire *a, uint32_t val)
{
	uint32_t now;
	int err = guest_try_load32(a->t->mm, a->ref.addr, &now);

	if (err)
		return err;
	return now == val ? -ESRCH : -EAGAIN;
}

/* The first waiter finds the owner by the tid in the word. */
static int attach_to_owner(struct acquire *a, uint32_t val)
{
	struct sandbox *sb = a->t->sb;

	sandbox_lock(sb);
	struct pid *pid = pid_find(task_pid_ns(a->t), (pid_t)(val & FUTEX_TID_MASK));
	struct task *owner = pid ? pid->task : NULL;
	bool alive = owner && !owner->futex_dead;
	/* With the lock held: a task that ends marks itself dead under it, and then looks for
	 * states. */
	if (alive)
		a->state = state_new(sb->futexes, &a->key, owner);
	sandbox_unlock(sb);
	if (!alive)
		return owner_gone(a, val);
	return a->state ? 0 : -ENOMEM;
}

static int word_update(struct acquire *a, uint32_t from, uint32_t to)
{
	uint32_t old;
	int err = guest_try_cmpxchg32(a->t->mm, a->ref.addr, from, to, &old);

	if (err)
		return err;
	return old == from ? 0 : -EAGAIN;
}

/* 1: for_task owns the word. 0: it has to wait on a->state. -EAGAIN: try again. */
static int acquire(struct acquire *a)
{
	lock_assert_held(&a->bucket->lock);
	uint32_t val, tid = (uint32_t)a->for_task->tid;
	int err = guest_try_load32(a->t->mm, a->ref.addr, &val);

	if (err)
		return err;
	if ((val & FUTEX_TID_MASK) == tid)
		return -EDEADLK;
	struct futex_waiter *top = futex_top_waiter(a->bucket, &a->key);
	if (top)
		return attach_to_state(a, val, top->pi);
	if (!(val & FUTEX_TID_MASK)) {
		err = word_update(
		    a, val, (val & FUTEX_OWNER_DIED) | tid | (a->set_waiters ? FUTEX_WAITERS : 0));
		return err ? err : 1;
	}
	err = word_update(a, val, val | FUTEX_WAITERS);
	return err ? err : attach_to_owner(a, val | FUTEX_WAITERS);
}

/* ---- FUTEX_LOCK_PI, FUTEX_TRYLOCK_PI ---- */

bool futex_unqueue(struct task *t, struct futex_waiter *w)
{
	struct futex_bucket *b = futex_lock_waiter(w);
	bool woken = list_empty(&w->node);

	if (!w->owns && w->pi)
		state_leave(t->sb->futexes, w);
	else
		list_del(&w->node);
	mutex_unlock(&b->lock);
	return woken;
}

/* Sleeps, and takes the waiter off: 0 when it owns the word after all. */
static int lock_sleep(struct task *t, struct futex_waiter *w, uint64_t deadline)
{
	int err = futex_sleep(t, w, deadline);

	if (futex_stays_queued(t, err))
		return -ERESTARTNOINTR;
	futex_unqueue(t, w);
	if (w->owns)
		return 0;
	return err == -EINTR ? -ERESTARTNOINTR : err;
}

static int lock_wait(struct acquire *a, struct futex_waiter *w, uint64_t deadline)
{
	w->bucket = a->bucket;
	w->key = a->key;
	w->task = a->t;
	w->addr = a->ref.addr;
	w->bitset = FUTEX_ANY;
	state_join(a->state, w);
	list_add_tail(&a->bucket->waiters, &w->node);
	futex_unlock_words(a->t->mm, a->bucket, a->bucket);
	return lock_sleep(a->t, w, deadline);
}

int futex_lock_pi(struct task *t, struct futex_ref ref, uint64_t deadline, bool try_only)
{
	struct acquire a = { .t = t, .for_task = t, .ref = ref };
	bool queued;
	struct futex_waiter *w = futex_waiter_get(t, &queued);

	if (queued)
		return lock_sleep(t, w, deadline);
	int r = futex_key_of(t, ref, &a.key);
	if (r)
		return r;
	a.bucket = futex_bucket_of(t->sb->futexes, &a.key);
	for (;;) {
		futex_lock_words(t->mm, a.bucket, a.bucket);
		r = acquire(&a);
		if (r == 0 && !try_only)
			return lock_wait(&a, w, deadline);
		if (r == 0)
			state_put(t->sb->futexes, a.state);
		futex_unlock_words(t->mm, a.bucket, a.bucket);
		if (futex_try_again(r, t->mm, ref.addr, true))
			continue;
		if (r != -EAGAIN)
			break;
		if (sleeper_interrupted(&t->sleeper))
			return -ERESTARTNOINTR;
		sched_yield();
	}
	if (r == 1)
		return 0;
	return r == 0 ? -EWOULDBLOCK : r;
}

/* ---- FUTEX_UNLOCK_PI ---- */

/* -EAGAIN: the word changed meanwhile. */
static int unlock(struct task *t, struct futex_bucket *b, const struct futex_key *key, gva_t addr)
{
	lock_assert_held(&b->lock);
	struct futex_waiter *top = futex_top_waiter(b, key);
	uint32_t val, old, to = 0;
	int err = guest_try_load32(t->mm, addr, &val);

	if (err)
		return err;
	if ((val & FUTEX_TID_MASK) != (uint32_t)t->tid)
		return -EPERM;
	if (top && (!top->pi || top->pi->owner != t))
		return -EINVAL;
	if (top)
		to = (uint32_t)top->task->tid | FUTEX_WAITERS;
	err = guest_try_cmpxchg32(t->mm, addr, val, to, &old);
	if (err)
		return err;
	if (old != val)
		return -EAGAIN;
	if (top)
		state_hand_over(t->sb->futexes, top->pi, top);
	return 0;
}

int futex_unlock_pi(struct task *t, struct futex_ref ref)
{
	struct futex_key key;
	int r = futex_key_of(t, ref, &key);

	if (r)
		return r;
	struct futex_bucket *b = futex_bucket_of(t->sb->futexes, &key);
	do {
		futex_lock_words(t->mm, b, b);
		r = unlock(t, b, &key, ref.addr);
		futex_unlock_words(t->mm, b, b);
	} while (futex_try_again(r, t->mm, ref.addr, true) ||
		 (r == -EAGAIN && !sleeper_interrupted(&t->sleeper)));
	return r == -EAGAIN ? -ERESTARTNOINTR : r;
}

/* ---- FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI ---- */

static int queue_for_requeue(struct task *t, const struct futex_want *want, struct futex_ref to,
			     struct futex_waiter *w)
{
	struct futex_key key;

	if (want->ref.addr.v == to.addr.v || !want->bitset)
		return -EINVAL;
	w->for_requeue = true;
	w->pi_addr = to.addr;
	int err = futex_key_of(t, to, &w->pi_key);
	if (err)
		return err;
	err = futex_key_of(t, want->ref, &key);
	if (!err && futex_key_equal(&key, &w->pi_key))
		err = -EINVAL;
	return err ? err : futex_queue(t, want, w);
}

int futex_wait_requeue_pi(struct task *t, const struct futex_want *want, struct futex_ref to,
			  uint64_t deadline)
{
	bool queued;
	struct futex_waiter *w = futex_waiter_get(t, &queued);
	int err = queued ? 0 : queue_for_requeue(t, want, to, w);

	if (err)
		return err;
	err = futex_sleep(t, w, deadline);
	if (futex_stays_queued(t, err))
		return -ERESTARTNOINTR;
	futex_unqueue(t, w);
	bool moved = w->pi;
	if (w->owns)
		return 0;
	if (err == -EINTR) /* once moved, a restart would only find that the word has changed */
		return moved ? -EWOULDBLOCK : -ERESTARTNOINTR;
	return err;
}

/* May `w` be moved to `a`'s futex? */
static bool requeue_fits(const struct futex_waiter *w, const struct acquire *a)
{
	lock_assert_held(&atomic_load(&w->bucket)->lock);
	lock_assert_held(&a->bucket->lock);
	return w->for_requeue && !w->pi && futex_key_equal(&w->pi_key, &a->key);
}

/* Tries to take the PI futex for the first waiter. 1: woken as owner; 0: none, or it has to wait on
 * a->state. */
static int requeue_first(struct acquire *a, struct futex_waiter *top)
{
	if (!top)
		return 0;
	if (!requeue_fits(top, a))
		return -EINVAL;
	a->for_task = top->task;
	int r = acquire(a);
	if (r == 1) {
		top->owns = true;
		futex_waiter_wake(top);
	}
	return r;
}

static int requeue_one(struct acquire *a, struct futex_waiter *w, struct futex_bucket *from)
{
	if (!requeue_fits(w, a))
		return -EINVAL;
	if (w->task == (a->state ? a->state->owner : a->for_task))
		return -EDEADLK;
	if (!a->state) /* the first waiter has just become the owner */
		a->state = state_new(a->t->sb->futexes, &a->key, a->for_task);
	if (!a->state)
		return -ENOMEM;
	futex_waiter_move(w, from, a->bucket, &a->key);
	w->addr = w->pi_addr;
	state_join(a->state, w);
	return 0;
}

static int requeue_rest(struct acquire *a, struct futex_bucket *from, const struct futex_key *key,
			int max)
{
	struct futex_waiter *w, *next;
	int done = 0;

	list_for_each_safe (w, next, &from->waiters, node) {
		if (done >= max)
			break;
		if (!futex_key_equal(&w->key, key))
			continue;
		int err = requeue_one(a, w, from);
		if (err)
			return err;
		done++;
	}
	return done;
}

static int requeue_locked(struct acquire *a, struct futex_bucket *from, const struct futex_key *key,
			  int nr_requeue)
{
	lock_assert_held(&from->lock);
	struct futex_waiter *top = futex_top_waiter(from, key);
	int woken = requeue_first(a, top);
	if (woken < 0 || !top)
		return woken;
	/* A first waiter that could not get the lock is moved with the others, and counts as the
	 * one to wake. */
	int moved = requeue_rest(a, from, key, nr_requeue + (woken ? 0 : 1));
	if (a->state)
		state_put(a->t->sb->futexes, a->state);
	return moved < 0 ? moved : moved + woken;
}

int futex_requeue_pi(struct task *t, struct futex_ref from, struct futex_ref to, int nr_wake,
		     int nr_requeue, uint32_t cmpval)
{
	struct acquire a = { .t = t, .ref = to, .set_waiters = nr_requeue > 0 };
	struct futex_key key;
	uint32_t now;

	if (nr_wake != 1 || nr_requeue < 0 || from.addr.v == to.addr.v)
		return -EINVAL;
	int r = futex_key_of(t, from, &key);
	if (!r)
		r = futex_key_of(t, to, &a.key);
	if (!r && futex_key_equal(&key, &a.key))
		r = -EINVAL;
	if (r)
		return r;
	struct futex_bucket *b = futex_bucket_of(t->sb->futexes, &key);
	a.bucket = futex_bucket_of(t->sb->futexes, &a.key);
	bool again;
	do {
		futex_lock_words(t->mm, b, a.bucket);
		int err = guest_try_load32(t->mm, from.addr, &now);
		if (!err)
			r = now == cmpval ? requeue_locked(&a, b, &key, nr_requeue) : -EAGAIN;
		futex_unlock_words(t->mm, b, a.bucket);
		again = err ? futex_try_again(r = err, t->mm, from.addr, false)
			    : futex_try_again(r, t->mm, to.addr, true);
	} while (again);
	return r;
}

/* ---- the owner ends ---- */

static bool find_owned(struct futex_table *ft, struct task *t, struct futex_key *key)
{
	struct pi_state *s;
	bool found = false;

	mutex_lock(&ft->pi_lock);
	list_for_each (s, &ft->pi_states, node) {
		if (s->owner == t) {
			*key = s->key;
			found = true;
			break;
		}
	}
	mutex_unlock(&ft->pi_lock);
	return found;
}

/* Other waiters of the same word, which mixed operations put there, do not become owners. */
static struct futex_waiter *find_next_owner(struct futex_bucket *b, struct task *t,
					    const struct futex_key *key)
{
	struct futex_waiter *w;

	list_for_each (w, &b->waiters, node) {
		if (w->pi && w->pi->owner == t && futex_key_equal(&w->key, key))
			return w;
	}
	return NULL;
}

/* The word shall say that `w` owns it. */
static int write_owner(const struct futex_waiter *w)
{
	struct mm *mm = w->task->mm;
	uint32_t val, old, to = (uint32_t)w->task->tid | FUTEX_WAITERS | FUTEX_OWNER_DIED;
	int err = guest_try_load32(mm, w->addr, &val);

	while (!err && !(err = guest_try_cmpxchg32(mm, w->addr, val, to, &old)) && old != val)
		val = old;
	return err;
}

/* Makes the next waiter the owner of what `t` owns. The word is written through the waiter's own
 * mapping, because the dead task's may be gone; one that cannot be written makes no difference to
 * who is next. While it is queued, a waiter keeps its address space. */
static void pass_ownership(struct futex_table *ft, struct task *t, const struct futex_key *key)
{
	struct futex_bucket *b = futex_bucket_of(ft, key);
	bool writable = true;

	for (;;) {
		mutex_lock(&b->lock);
		struct futex_waiter *next = find_next_owner(b, t, key);
		struct mm *mm = next ? mm_get(next->task->mm) : NULL;
		gva_t addr = next ? next->addr : GVA_NULL;
		mutex_unlock(&b->lock);
		if (!mm)
			return;
		int err = -EAGAIN; /* another waiter is the next one now */
		futex_lock_words(mm, b, b);
		next = find_next_owner(b, t, key);
		if (next && next->task->mm == mm && gva_eq(next->addr, addr)) {
			err = writable ? write_owner(next) : 0;
			if (!err)
				state_hand_over(ft, next->pi, next);
		}
		futex_unlock_words(mm, b, b);
		if (err == -EFAULT)
			writable = guest_fault32(mm, addr, true) == 0;
		mm_put(mm);
		if (!err)
			return;
	}
}

void futex_pi_exit(struct task *t)
{
	struct futex_table *ft = t->sb->futexes;
	struct futex_key key;

	sandbox_lock(t->sb);
	t->futex_dead = true;
	sandbox_unlock(t->sb);
	while (find_owned(ft, t, &key))
		pass_ownership(ft, t, &key);
	sandbox_lock(t->sb);
	t->futex_dead = t->exiting; /* execve goes on */
	sandbox_unlock(t->sb);
}
