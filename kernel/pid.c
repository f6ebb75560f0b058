/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/pid.h"

#include <errno.h>
#include <stdlib.h>

#define PID_BUCKETS 1024
#define PID_RESERVED                                                                               \
	300 /* as Linux: after a wrap, low numbers are left to those who took them at the start */

struct pid_table {
	struct list buckets[PID_BUCKETS];
	unsigned max; /* numbers are below it */
	unsigned used;
	_Atomic pid_t last; /* read without the lock by pid_last */
};

int pid_table_create(struct pid_table **out, unsigned max)
{
	struct pid_table *t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	for (int i = 0; i < PID_BUCKETS; i++)
		list_init(&t->buckets[i]);
	t->max = max;
	*out = t;
	return 0;
}

void pid_table_destroy(struct pid_table *t)
{
	free(t);
}

static struct list *bucket(struct pid_table *t, pid_t nr)
{
	return &t->buckets[(unsigned)nr % PID_BUCKETS];
}

struct pid *pid_find(struct pid_table *t, pid_t nr)
{
	struct pid *p;
	list_for_each (p, bucket(t, nr), hash_node) {
		if (p->nr == nr)
			return p;
	}
	return NULL;
}

/* Numbers rise until pid_max and wrap, so that a number is reused as late as possible. */
static pid_t next_free(struct pid_table *t)
{
	pid_t nr = t->last;
	do {
		nr = (unsigned)nr + 1 >= t->max ? PID_RESERVED : nr + 1;
	} while (pid_find(t, nr));
	return nr;
}

int pid_alloc(struct pid_table *t, struct pid **out)
{
	if (t->used + PID_RESERVED >= t->max)
		return -EAGAIN;
	struct pid *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	p->refs = 1;
	p->nr = next_free(t);
	t->last = p->nr;
	list_init(&p->pgrp);
	list_init(&p->session);
	waitqueue_init(&p->exited);
	p->hashed = true;
	list_add(bucket(t, p->nr), &p->hash_node);
	t->used++;
	*out = p;
	return 0;
}

void pid_detach(struct pid_table *t, struct pid *p)
{
	if (!p->hashed || p->task || p->process || !list_empty(&p->pgrp) ||
	    !list_empty(&p->session))
		return;
	list_del(&p->hash_node);
	p->hashed = false;
	t->used--;
}

void pid_ended(struct pid *p, unsigned what, int exit_code)
{
	p->exit_code = exit_code;
	atomic_fetch_or(&p->ended, what);
	waitqueue_wake_all(&p->exited, 0);
}

struct pid *pid_get(struct pid *p)
{
	p->refs++;
	return p;
}

void pid_put(struct pid *p)
{
	if (!p || --p->refs)
		return;
	waitqueue_destroy(&p->exited);
	free(p);
}

pid_t pid_last(const struct pid_table *t)
{
	return t->last;
}
