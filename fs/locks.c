/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each file that has locks has a list of their owners, and each owner a tree of ranges, which never
 * overlap and are joined where they touch: what one owner does costs the logarithm of what he
 * holds, and one look at each other owner. POSIX and OFD locks stand in each other's way, flock
 * locks only in their own. What waits sleeps on its file's queue and looks again after every
 * change; the table remembers who waits for whom, so that a POSIX lock that would close a circle is
 * refused (fs/locks.c of Linux does the same, with the same bound).
 */
#include "fs/locks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "host/lazymem.h"
#include "util/lock.h"
#include "util/rbtree.h"

#define BUCKETS            1024
#define MAX_DEADLOCK_STEPS 10

struct lock_table {
	struct mutex lock;
	/* guarded by lock */
	struct list waits;         /* struct lock_wait */
	_Atomic unsigned nr_locks; /* a hint for those who do not hold the lock */
	/* struct locked_file; zeroes: none was ever there */
	struct list buckets[BUCKETS];
};

struct locked_file {
	struct list node;
	struct inode_id id;
	struct list owners; /* struct lock_owner, the oldest first */
	struct waitqueue changed;
	unsigned waiting; /* threads that use it without a lock of their own */
};

struct lock_owner {
	struct list node;
	enum lock_kind kind;
	const void *owner;
	struct rb_tree locks; /* struct held_lock, by start; empty: about to be freed */
};

struct held_lock {
	struct rb_node node;
	struct file_lock l;
};

struct lock_wait {
	struct list node;
	const void *owner, *blocker;
};

struct lock_table *lock_table_new(void)
{
	struct lock_table *t = lazymem_new(sizeof *t);

	if (!t)
		return NULL;
	mutex_init(&t->lock, LOCK_FILE_LOCKS);
	list_init(&t->waits);
	return t;
}

static struct held_lock *held_of(struct rb_node *n)
{
	return n ? rb_entry(n, struct held_lock, node) : NULL;
}

static void held_free(struct lock_table *t, struct lock_owner *o, struct held_lock *h)
{
	rb_erase(&o->locks, &h->node);
	free(h);
	t->nr_locks--;
}

static void owner_free(struct lock_table *t, struct lock_owner *o)
{
	while (o->locks.root)
		held_free(t, o, held_of(o->locks.root));
	list_del(&o->node);
	free(o);
}

static void locked_file_free(struct lock_table *t, struct locked_file *f)
{
	struct lock_owner *o, *next;

	list_for_each_safe (o, next, &f->owners, node)
		owner_free(t, o);
	list_del(&f->node);
	waitqueue_destroy(&f->changed);
	free(f);
}

void lock_table_free(struct lock_table *t)
{
	struct locked_file *f, *next;

	if (!t)
		return;
	for (int i = 0; i < BUCKETS; i++) {
		if (!t->buckets[i].next)
			continue;
		list_for_each_safe (f, next, &t->buckets[i], node)
			locked_file_free(t, f);
	}
	mutex_destroy(&t->lock);
	lazymem_free(t, sizeof *t);
}

static struct list *bucket_of(struct lock_table *t, const struct inode_id *id)
{
	struct list *b = &t->buckets[(id->ino ^ id->dev) % BUCKETS];

	if (!b->next)
		list_init(b);
	return b;
}

static struct locked_file *find_file(struct lock_table *t, const struct inode_id *id)
{
	lock_assert_held(&t->lock);
	struct locked_file *f;

	list_for_each (f, bucket_of(t, id), node)
		if (f->id.ino == id->ino && f->id.dev == id->dev)
			return f;
	return NULL;
}

static struct locked_file *get_file(struct lock_table *t, const struct inode_id *id)
{
	lock_assert_held(&t->lock);
	struct locked_file *f = find_file(t, id);

	if (f)
		return f;
	f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->id = *id;
	list_init(&f->owners);
	waitqueue_init(&f->changed);
	list_add(bucket_of(t, id), &f->node);
	return f;
}

static void drop_if_unused(struct lock_table *t, struct locked_file *f)
{
	if (list_empty(&f->owners) && !f->waiting)
		locked_file_free(t, f);
}

static bool owns(const struct lock_owner *o, const struct file_lock *l)
{
	return o->kind == l->kind && o->owner == l->owner;
}

static struct lock_owner *owner_find(struct locked_file *f, const struct file_lock *l)
{
	struct lock_owner *o;

	list_for_each (o, &f->owners, node)
		if (owns(o, l))
			return o;
	return NULL;
}

static struct lock_owner *owner_get(struct locked_file *f, const struct file_lock *l)
{
	struct lock_owner *o = owner_find(f, l);

	if (o)
		return o;
	o = calloc(1, sizeof *o);
	if (!o)
		return NULL;
	o->kind = l->kind;
	o->owner = l->owner;
	list_add_tail(&f->owners, &o->node);
	return o;
}

/* The first of the owner's locks that ends at `pos` or behind. */
static struct held_lock *first_from(struct lock_owner *o, int64_t pos)
{
	struct rb_node *n = o->locks.root, *found = NULL;

	while (n) {
		bool behind = held_of(n)->l.end >= pos;
		if (behind)
			found = n;
		n = behind ? n->left : n->right;
	}
	return held_of(found);
}

static struct held_lock *next_of(struct held_lock *h)
{
	return held_of(rb_next(&h->node));
}

static struct held_lock *find_conflict(struct locked_file *f, const struct file_lock *l)
{
	struct lock_owner *o;

	list_for_each (o, &f->owners, node) {
		if ((o->kind == LOCK_FLOCK) != (l->kind == LOCK_FLOCK) || owns(o, l))
			continue;
		for (struct held_lock *h = first_from(o, l->start); h && h->l.start <= l->end;
		     h = next_of(h))
			if (h->l.type == F_WRLCK || l->type == F_WRLCK)
				return h;
	}
	return NULL;
}

/* Would `owner` wait for itself in the end? */
static bool would_deadlock(struct lock_table *t, const void *owner, const void *blocker)
{
	lock_assert_held(&t->lock);
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

static void insert(struct lock_table *t, struct lock_owner *o, struct held_lock *n)
{
	lock_assert_held(&t->lock);
	struct rb_node **link = &o->locks.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = n->l.start < held_of(parent)->l.start ? &parent->left : &parent->right;
	}
	rb_insert(&o->locks, &n->node, parent, link);
	t->nr_locks++;
}

/* Takes [l->start, l->end] out of the owner's locks. *spare is used up when one is cut in two. */
static void cut_out(struct lock_table *t, struct lock_owner *o, const struct file_lock *l,
		    struct held_lock **spare)
{
	lock_assert_held(&t->lock);
	struct held_lock *h, *next;

	for (h = first_from(o, l->start); h && h->l.start <= l->end; h = next) {
		bool left = h->l.start < l->start;
		bool right = h->l.end > l->end;
		next = next_of(h);
		if (left && right) {
			(*spare)->l = h->l;
			(*spare)->l.start = l->end + 1;
			insert(t, o, *spare);
			*spare = NULL;
		}
		if (left)
			h->l.end = l->start - 1;
		else if (right)
			h->l.start = l->end + 1;
		else
			held_free(t, o, h);
	}
}

/* Joins the new lock with its neighbours where they touch and are of its type. */
static void merge(struct lock_table *t, struct lock_owner *o, struct held_lock *n)
{
	lock_assert_held(&t->lock);
	struct held_lock *below = held_of(rb_prev(&n->node)), *above = next_of(n);

	if (below && below->l.type == n->l.type && below->l.end + 1 == n->l.start) {
		n->l.start = below->l.start;
		held_free(t, o, below);
	}
	if (above && above->l.type == n->l.type && n->l.end + 1 == above->l.start) {
		n->l.end = above->l.end;
		held_free(t, o, above);
	}
}

static void unlock(struct lock_table *t, struct locked_file *f, const struct file_lock *l,
		   struct held_lock **spare)
{
	struct lock_owner *o = owner_find(f, l);

	if (!o)
		return;
	cut_out(t, o, l, spare);
	if (!o->locks.root)
		owner_free(t, o);
}

/* False: no memory, nothing is changed. */
static bool lock(struct lock_table *t, struct locked_file *f, const struct file_lock *l,
		 struct held_lock **spare)
{
	struct held_lock *n = malloc(sizeof *n);
	struct lock_owner *o = n ? owner_get(f, l) : NULL;

	if (!o) {
		free(n);
		return false;
	}
	cut_out(t, o, l, spare);
	n->l = *l;
	insert(t, o, n);
	merge(t, o, n);
	return true;
}

static int apply(struct lock_table *t, struct locked_file *f, const struct file_lock *l)
{
	lock_assert_held(&t->lock);
	struct held_lock *spare = malloc(sizeof *spare);
	bool done = spare;

	if (done && l->type == F_UNLCK)
		unlock(t, f, l, &spare);
	else if (done)
		done = lock(t, f, l, &spare);
	free(spare);
	if (done)
		waitqueue_wake_all(&f->changed, 0);
	return done ? 0 : -ENOLCK;
}

/* flock(2): changing the type first gives the old lock up; somebody else may get it. */
static void give_up_other_type(struct lock_table *t, struct locked_file *f,
			       const struct file_lock *l)
{
	struct lock_owner *o = owner_find(f, l);

	if (!o || held_of(o->locks.root)->l.type == l->type)
		return;
	owner_free(t, o);
	waitqueue_wake_all(&f->changed, 0);
}

/* Sleeps until the file's locks changed. */
static int wait_change(struct lock_table *t, struct caller *c, struct locked_file *f,
		       const struct file_lock *l, const struct held_lock *blocker)
{
	lock_assert_held(&t->lock);
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
	mutex_unlock(&t->lock);
	int err = sleeper_wait(c->sleeper, DEADLINE_NONE);
	waitqueue_remove(&w);
	mutex_lock(&t->lock);
	f->waiting--;
	if (l->kind == LOCK_POSIX)
		list_del(&wait.node);
	return err;
}

static int set_locked(struct lock_table *t, struct caller *c, struct locked_file *f,
		      const struct file_lock *l, bool wait)
{
	lock_assert_held(&t->lock);
	struct held_lock *blocker;
	int err = 0;

	if (l->kind == LOCK_FLOCK && l->type != F_UNLCK)
		give_up_other_type(t, f, l);
	while (!err && l->type != F_UNLCK && (blocker = find_conflict(f, l)))
		err = wait ? wait_change(t, c, f, l, blocker) : -EAGAIN;
	return err ? err : apply(t, f, l);
}

int lock_set(struct lock_table *t, struct caller *c, const struct inode_id *id,
	     const struct file_lock *l, bool wait)
{
	int err = -ENOLCK;

	mutex_lock(&t->lock);
	struct locked_file *f = get_file(t, id);
	if (f) {
		err = set_locked(t, c, f, l, wait);
		drop_if_unused(t, f);
	}
	mutex_unlock(&t->lock);
	return err;
}

void lock_test(struct lock_table *t, const struct inode_id *id, struct file_lock *l)
{
	mutex_lock(&t->lock);
	struct locked_file *f = find_file(t, id);
	struct held_lock *h = f ? find_conflict(f, l) : NULL;
	if (h)
		*l = h->l;
	else
		l->type = F_UNLCK;
	mutex_unlock(&t->lock);
}

void lock_release(struct lock_table *t, const struct inode_id *id, enum lock_kind kind,
		  const void *owner)
{
	struct file_lock all = { .kind = kind, .type = F_UNLCK, .end = INT64_MAX, .owner = owner };

	if (!lock_table_used(t))
		return;
	mutex_lock(&t->lock);
	struct locked_file *f = find_file(t, id);
	if (f) {
		unlock(t, f, &all, NULL); /* nothing is left of a lock: none is cut in two */
		waitqueue_wake_all(&f->changed, 0);
		drop_if_unused(t, f);
	}
	mutex_unlock(&t->lock);
}

bool lock_table_used(struct lock_table *t)
{
	return t->nr_locks;
}

void lock_for_each(struct lock_table *t,
		   void (*fn)(const struct file_lock *l, const struct inode_id *id, void *arg),
		   void *arg)
{
	struct locked_file *f;
	struct lock_owner *o;

	mutex_lock(&t->lock);
	for (int i = 0; i < BUCKETS && t->nr_locks; i++) {
		if (!t->buckets[i].next)
			continue;
		list_for_each (f, &t->buckets[i], node)
			list_for_each (o, &f->owners, node)
				for (struct rb_node *n = rb_first(&o->locks); n; n = rb_next(n))
					fn(&held_of(n)->l, &f->id, arg);
	}
	mutex_unlock(&t->lock);
}
