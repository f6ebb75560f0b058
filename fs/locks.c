/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list of locks for each file that has any. POSIX and OFD locks stand in each other's way, flock locks only in
 * their own. What waits sleeps on its file's queue and looks again after every change; the table remembers who waits
 * for whom, so that a POSIX lock that would close a circle is refused (fs/locks.c of Linux does the same, with the same
 * bound).
 */
#include "fs/locks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define BUCKETS            64
#define MAX_DEADLOCK_STEPS 10

struct lock_table {
	pthread_mutex_t lock;
	/* guarded by lock */
	struct list buckets[BUCKETS]; /* struct locked_file */
	struct list waits;            /* struct lock_wait */
	_Atomic unsigned nr_locks;    /* a hint for those who do not hold the lock */
};

struct locked_file {
	struct list node;
	struct inode_id id;
	struct list locks; /* struct held_lock, by owner, then start */
	struct waitqueue changed;
	unsigned waiting; /* threads that use it without a lock of their own */
};

struct held_lock {
	struct list node;
	struct file_lock l;
};

struct lock_wait {
	struct list node;
	const void *owner, *blocker;
};

struct lock_table *lock_table_new(void)
{
	struct lock_table *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	list_init(&t->waits);
	for (int i = 0; i < BUCKETS; i++)
		list_init(&t->buckets[i]);
	return t;
}

static void held_free(struct lock_table *t, struct held_lock *h)
{
	list_del(&h->node);
	free(h);
	t->nr_locks--;
}

static void locked_file_free(struct lock_table *t, struct locked_file *f)
{
	struct held_lock *h, *next;

	list_for_each_safe (h, next, &f->locks, node)
		held_free(t, h);
	list_del(&f->node);
	waitqueue_destroy(&f->changed);
	free(f);
}

void lock_table_free(struct lock_table *t)
{
	struct locked_file *f, *next;

	if (!t)
		return;
	for (int i = 0; i < BUCKETS; i++)
		list_for_each_safe (f, next, &t->buckets[i], node)
			locked_file_free(t, f);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static struct list *bucket_of(struct lock_table *t, const struct inode_id *id)
{
	return &t->buckets[(id->ino ^ id->dev) % BUCKETS];
}

static struct locked_file *find_file(struct lock_table *t, const struct inode_id *id)
{
	struct locked_file *f;

	list_for_each (f, bucket_of(t, id), node)
		if (f->id.ino == id->ino && f->id.dev == id->dev)
			return f;
	return NULL;
}

static struct locked_file *get_file(struct lock_table *t, const struct inode_id *id)
{
	struct locked_file *f = find_file(t, id);

	if (f)
		return f;
	f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->id = *id;
	list_init(&f->locks);
	waitqueue_init(&f->changed);
	list_add(bucket_of(t, id), &f->node);
	return f;
}

static void drop_if_unused(struct lock_table *t, struct locked_file *f)
{
	if (list_empty(&f->locks) && !f->waiting)
		locked_file_free(t, f);
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
	return a->kind == b->kind && a->owner == b->owner;
}

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool conflict(const struct file_lock *a, const struct file_lock *b)
{
	return (a->kind == LOCK_FLOCK) == (b->kind == LOCK_FLOCK) && !same_owner(a, b) && overlap(a, b) &&
	       (a->type == F_WRLCK || b->type == F_WRLCK);
}

static struct held_lock *find_conflict(struct locked_file *f, const struct file_lock *l)
{
	struct held_lock *h;

	list_for_each (h, &f->locks, node)
		if (conflict(&h->l, l))
			return h;
	return NULL;
}

/* Would `owner` wait for itself in the end? */
static bool would_deadlock(struct lock_table *t, const void *owner, const void *blocker)
{
	for (int i = 0; i < MAX_DEADLOCK_STEPS && blocker; i++) {
		const void *next = NULL;
		struct lock_wait *w;
		if (blocker == owner)
			return true;
		list_for_each (w, &t->waits, node)
			if (w->owner == blocker)
				next = w->blocker;
		blocker = next;
	}
	return false;
}

static void insert(struct lock_table *t, struct locked_file *f, struct held_lock *n)
{
	struct held_lock *h;

	list_for_each (h, &f->locks, node)
		if (same_owner(&h->l, &n->l) && h->l.start > n->l.start)
			break;
	/* In front of h, or of the head: at the end. */
	list_add_tail(&h->node, &n->node);
	t->nr_locks++;
}

/* Takes [l->start, l->end] out of the owner's locks. *spare is used up when one is cut in two. */
static void cut_out(struct lock_table *t, struct locked_file *f, const struct file_lock *l, struct held_lock **spare)
{
	struct held_lock *h, *next;

	list_for_each_safe (h, next, &f->locks, node) {
		if (!same_owner(&h->l, l) || !overlap(&h->l, l))
			continue;
		bool left = h->l.start<l->start, right = h->l.end> l->end;
		if (left && right) {
			(*spare)->l = h->l;
			(*spare)->l.start = l->end + 1;
			insert(t, f, *spare);
			*spare = NULL;
		}
		if (left)
			h->l.end = l->start - 1;
		else if (right)
			h->l.start = l->end + 1;
		else
			held_free(t, h);
	}
}

/* Joins the new lock with neighbours of its owner and type. */
static void merge(struct lock_table *t, struct locked_file *f, struct held_lock *n)
{
	struct held_lock *h, *next;

	list_for_each_safe (h, next, &f->locks, node) {
		if (h == n || !same_owner(&h->l, &n->l) || h->l.type != n->l.type)
			continue;
		if (h->l.end != INT64_MAX && h->l.end + 1 == n->l.start)
			n->l.start = h->l.start;
		else if (n->l.end != INT64_MAX && n->l.end + 1 == h->l.start)
			n->l.end = h->l.end;
		else
			continue;
		held_free(t, h);
	}
}

/* Past this point nothing fails: both nodes are there. */
static int apply(struct lock_table *t, struct locked_file *f, const struct file_lock *l)
{
	struct held_lock *spare = malloc(sizeof *spare), *n = NULL;

	if (l->type != F_UNLCK)
		n = malloc(sizeof *n);
	if (!spare || (l->type != F_UNLCK && !n)) {
		free(spare);
		free(n);
		return -ENOLCK;
	}
	cut_out(t, f, l, &spare);
	if (n) {
		n->l = *l;
		insert(t, f, n);
		merge(t, f, n);
	}
	free(spare);
	waitqueue_wake_all(&f->changed, 0);
	return 0;
}

/* flock(2): changing the type first gives the old lock up; somebody else may get it. */
static void give_up_other_type(struct lock_table *t, struct locked_file *f, const struct file_lock *l)
{
	struct held_lock *h, *next;

	list_for_each_safe (h, next, &f->locks, node)
		if (same_owner(&h->l, l) && h->l.type != l->type) {
			held_free(t, h);
			waitqueue_wake_all(&f->changed, 0);
		}
}

/* Sleeps until the file's locks changed. The table's lock is held on entry and exit. */
static int wait_change(struct lock_table *t, struct caller *c, struct locked_file *f, const struct file_lock *l,
		       const struct held_lock *blocker)
{
	struct lock_wait wait = { .owner = l->owner, .blocker = blocker->l.owner };
	struct waiter w;

	if (l->kind == LOCK_POSIX) {
		if (would_deadlock(t, l->owner, blocker->l.owner))
			return -EDEADLK;
		list_add(&t->waits, &wait.node);
	}
	waiter_init(&w, c->sleeper);
	waitqueue_add(&f->changed, &w);
	f->waiting++;
	pthread_mutex_unlock(&t->lock);
	int err = sleeper_wait(c->sleeper, DEADLINE_NONE);
	waitqueue_remove(&w);
	pthread_mutex_lock(&t->lock);
	f->waiting--;
	if (l->kind == LOCK_POSIX)
		list_del(&wait.node);
	return err;
}

static int set_locked(struct lock_table *t, struct caller *c, struct locked_file *f, const struct file_lock *l,
		      bool wait)
{
	struct held_lock *blocker;
	int err = 0;

	if (l->kind == LOCK_FLOCK && l->type != F_UNLCK)
		give_up_other_type(t, f, l);
	while (!err && l->type != F_UNLCK && (blocker = find_conflict(f, l)))
		err = wait ? wait_change(t, c, f, l, blocker) : -EAGAIN;
	return err ? err : apply(t, f, l);
}

int lock_set(struct lock_table *t, struct caller *c, const struct inode_id *id, const struct file_lock *l, bool wait)
{
	int err = -ENOLCK;

	pthread_mutex_lock(&t->lock);
	struct locked_file *f = get_file(t, id);
	if (f) {
		err = set_locked(t, c, f, l, wait);
		drop_if_unused(t, f);
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

void lock_test(struct lock_table *t, const struct inode_id *id, struct file_lock *l)
{
	pthread_mutex_lock(&t->lock);
	struct locked_file *f = find_file(t, id);
	struct held_lock *h = f ? find_conflict(f, l) : NULL;
	if (h)
		*l = h->l;
	else
		l->type = F_UNLCK;
	pthread_mutex_unlock(&t->lock);
}

void lock_release(struct lock_table *t, const struct inode_id *id, enum lock_kind kind, const void *owner)
{
	struct file_lock all = { .kind = kind, .type = F_UNLCK, .end = INT64_MAX, .owner = owner };

	if (!lock_table_used(t))
		return;
	pthread_mutex_lock(&t->lock);
	struct locked_file *f = find_file(t, id);
	if (f) {
		cut_out(t, f, &all, NULL); /* nothing is left of a lock: none is cut in two */
		waitqueue_wake_all(&f->changed, 0);
		drop_if_unused(t, f);
	}
	pthread_mutex_unlock(&t->lock);
}

bool lock_table_used(struct lock_table *t)
{
	return t->nr_locks;
}

void lock_for_each(struct lock_table *t, void (*fn)(const struct file_lock *l, const struct inode_id *id, void *arg),
		   void *arg)
{
	struct locked_file *f;
	struct held_lock *h;

	pthread_mutex_lock(&t->lock);
	for (int i = 0; i < BUCKETS; i++)
		list_for_each (f, &t->buckets[i], node)
			list_for_each (h, &f->locks, node)
				fn(&h->l, &f->id, arg);
	pthread_mutex_unlock(&t->lock);
}
