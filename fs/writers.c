/* SPDX-License-Identifier: Apache-2.0 */
/* Counts, for each file, the opens for writing against the programs that run from it (Linux's
 * i_writecount), so that either can refuse the other with ETXTBSY. See the header. */
#include "fs/writers.h"

#include <errno.h>
#include <stdlib.h>

#include "util/lock.h"

#define BUCKETS 64

struct writers {
	struct mutex lock;
	struct list buckets[BUCKETS]; /* struct writecount; guarded by lock */
};

/* Linux's i_writecount: how many write, or, negative, how many deny it. */
struct writecount {
	struct list node;
	struct inode_id id;
	int count;
};

struct writers *writers_new(void)
{
	struct writers *w = malloc(sizeof *w);

	if (!w)
		return NULL;
	mutex_init(&w->lock, LOCK_WRITERS);
	for (int i = 0; i < BUCKETS; i++)
		list_init(&w->buckets[i]);
	return w;
}

void writers_free(struct writers *w)
{
	struct writecount *c, *next;

	if (!w)
		return;
	for (int i = 0; i < BUCKETS; i++)
		list_for_each_safe (c, next, &w->buckets[i], node)
			free(c);
	mutex_destroy(&w->lock);
	free(w);
}

static struct list *bucket_of(struct writers *w, const struct inode_id *id)
{
	return &w->buckets[(id->ino ^ id->dev ^ id->ino >> 7) % BUCKETS];
}

static struct writecount *find(struct writers *w, const struct inode_id *id)
{
	struct writecount *c;

	list_for_each (c, bucket_of(w, id), node)
		if (c->id.ino == id->ino && c->id.dev == id->dev)
			return c;
	return NULL;
}

/* `by`: 1 or -1. */
static int take_locked(struct writers *w, const struct inode_id *id, int by)
{
	lock_assert_held(&w->lock);
	struct writecount *c = find(w, id);

	if (c && (c->count > 0) != (by > 0))
		return -ETXTBSY;
	if (!c) {
		c = calloc(1, sizeof *c);
		if (!c)
			return -ENOMEM;
		c->id = *id;
		list_add(bucket_of(w, id), &c->node);
	}
	c->count += by;
	return 0;
}

static int take(struct file *f, struct writers *w, int by)
{
	int err = file_identify(f, &f->writecount_id);

	if (err)
		return err;
	mutex_lock(&w->lock);
	err = take_locked(w, &f->writecount_id, by);
	mutex_unlock(&w->lock);
	if (!err) {
		f->writers = w;
		f->writecount = by;
	}
	return err;
}

int file_get_write_access(struct file *f, struct writers *w)
{
	return take(f, w, 1);
}

int file_deny_write_access(struct file *f, struct writers *w)
{
	return take(f, w, -1);
}

int writers_check(struct writers *w, struct inode *i)
{
	struct inode_id id;
	int err = inode_identify(i, &id);

	if (err)
		return err;
	mutex_lock(&w->lock);
	struct writecount *c = find(w, &id);
	err = c && c->count < 0 ? -ETXTBSY : 0;
	mutex_unlock(&w->lock);
	return err;
}

bool file_get_write_access_again(const struct file *f)
{
	struct writers *w = f->writers;

	if (!w || f->writecount < 0)
		return false;
	mutex_lock(&w->lock);
	find(w, &f->writecount_id)->count++;
	mutex_unlock(&w->lock);
	return true;
}

void writers_put(struct writers *w, const struct inode_id *id, int writecount)
{
	mutex_lock(&w->lock);
	struct writecount *c = find(w, id);
	c->count -= writecount;
	if (!c->count) {
		list_del(&c->node);
		free(c);
	}
	mutex_unlock(&w->lock);
}

void file_put_write_access(struct file *f)
{
	if (f->writers)
		writers_put(f->writers, &f->writecount_id, f->writecount);
}
