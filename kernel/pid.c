/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file gives out the numbers of processes and threads and finds what they name
 * (pid_namespaces(7)). Numbers rise to pid_max before they are used again, as on Linux, so that a
 * number that somebody still remembers does not soon mean another process.
 */
#include "kernel/pid.h"

#include <errno.h>
#include <stdlib.h>

#include "cred/user_ns.h"
#include "fs/vfs.h"
#include "host/lazymem.h"

/* As Linux: after a wrap, low numbers are left to those who took them at the start. */
#define PID_RESERVED 300

static void release(struct ns_common *ns)
{
	struct pid_namespace *p = container_of(ns, struct pid_namespace, ns);
	struct pid_namespace *parent = p->parent;

	lazymem_free(p, sizeof *p);
	if (parent)
		ns_put(&parent->ns);
}

static struct pid_namespace *pid_ns_alloc(struct vfs *vfs, struct user_namespace *owner)
{
	struct pid_namespace *ns = lazymem_new(sizeof *ns);

	if (ns) {
		ns_init(&ns->ns, NS_PID, vfs->ns_numbers, owner, release);
		list_init(&ns->work_node);
	}
	return ns;
}

struct pid_namespace *pid_ns_new(struct vfs *vfs, unsigned max, unsigned max_tasks)
{
	struct pid_namespace *ns = pid_ns_alloc(vfs, vfs->user_ns);

	if (ns) {
		ns->max = max;
		ns->max_tasks = max_tasks;
	}
	return ns;
}

int pid_ns_below(struct pid_namespace *parent, struct vfs *vfs, struct user_namespace *owner,
		 struct pid_namespace **out)
{
	if (!user_ns_is_within(owner, parent->ns.owner))
		return -EINVAL;
	if (parent->level >= PID_NS_DEPTH)
		return -ENOSPC;
	*out = pid_ns_alloc(vfs, owner);
	if (!*out)
		return -ENOMEM;
	ns_get(&parent->ns);
	(*out)->parent = parent;
	(*out)->level = parent->level + 1;
	(*out)->max = parent->max;
	(*out)->max_tasks = parent->max_tasks;
	return 0;
}

bool pid_ns_is_within(const struct pid_namespace *ns, const struct pid_namespace *above)
{
	while (ns && ns->level > above->level)
		ns = ns->parent;
	return ns == above;
}

static struct list *bucket(struct pid_namespace *ns, pid_t nr)
{
	struct list *b = &ns->buckets[(unsigned)nr % PID_BUCKETS];

	if (!b->next)
		list_init(b);
	return b;
}

/* The pid that an entry of a namespace's table belongs to. */
static struct pid *pid_of(struct upid *u)
{
	return container_of(u - u->ns->level, struct pid, numbers[0]);
}

struct pid *pid_find(struct pid_namespace *ns, pid_t nr)
{
	struct upid *u;
	list_for_each (u, bucket(ns, nr), hash_node) {
		if (u->nr == nr)
			return pid_of(u);
	}
	return NULL;
}

/* Numbers rise until pid_max and wrap, so that one is reused as late as possible. */
static int choose(struct pid_namespace *ns, pid_t *out)
{
	if (ns->used + PID_RESERVED >= ns->max)
		return -EAGAIN;
	do {
		ns->last = (unsigned)ns->last + 1 >= ns->max ? PID_RESERVED : ns->last + 1;
	} while (pid_find(ns, ns->last));
	*out = ns->last;
	return 0;
}

static int check_wish(struct pid_namespace *ns, pid_t nr)
{
	if (nr < 1 || (unsigned)nr >= ns->max || (nr != 1 && !ns->init))
		return -EINVAL;
	return pid_find(ns, nr) ? -EEXIST : 0;
}

/* From the innermost namespace on. */
static int number(struct pid *p, const pid_t *wish, unsigned n)
{
	struct pid_namespace *ns = p->ns;
	int err = 0;

	for (unsigned i = 0; ns && !err; i++, ns = ns->parent) {
		struct upid *u = &p->numbers[ns->level];
		u->ns = ns;
		u->nr = i < n ? wish[i] : 0;
		err = ns->closed ? -ENOMEM : i < n ? check_wish(ns, u->nr) : choose(ns, &u->nr);
	}
	return err;
}

static struct pid *new_pid(struct pid_namespace *ns)
{
	struct pid *p = calloc(1, sizeof *p + (ns->level + 1) * sizeof(struct upid));

	if (!p)
		return NULL;
	ref_set(&p->refs, 1);
	p->ns = ns;
	ns_get(&ns->ns);
	list_init(&p->pgrp);
	list_init(&p->session);
	waitqueue_init(&p->exited);
	return p;
}

static struct pid_namespace *first_of(struct pid_namespace *ns)
{
	while (ns->parent)
		ns = ns->parent;
	return ns;
}

static void enter(struct pid *p)
{
	p->hashed = true;
	for (unsigned i = 0; i <= p->ns->level; i++) {
		struct upid *u = &p->numbers[i];
		list_add(bucket(u->ns, u->nr), &u->hash_node);
		u->ns->used++;
	}
}

int pid_alloc_wished(struct pid_namespace *ns, const pid_t *wish, unsigned n, struct pid **out)
{
	struct pid_namespace *first = first_of(ns);

	if (first->tasks >= first->max_tasks)
		return -EAGAIN;
	struct pid *p = new_pid(ns);
	if (!p)
		return -ENOMEM;
	int err = number(p, wish, n);
	if (err) {
		pid_put(p);
		return err;
	}
	p->nr = p->numbers[0].nr;
	p->counted = true;
	first->tasks++;
	enter(p);
	*out = p;
	return 0;
}

struct pid *pid_new_unused(struct pid_namespace *ns, const struct pid_numbers *numbers)
{
	struct pid *p = new_pid(ns);

	for (unsigned i = 0; p && ns; i++, ns = ns->parent)
		p->numbers[ns->level] = (struct upid){ .nr = numbers->nr[i], .ns = ns };
	if (p)
		p->nr = p->numbers[0].nr;
	return p;
}

int pid_enter(struct pid *p)
{
	if (p->hashed)
		return 0;
	for (unsigned i = 0; i <= p->ns->level; i++)
		if (pid_find(p->numbers[i].ns, p->numbers[i].nr))
			return -EEXIST;
	enter(p);
	return 0;
}

int pid_alloc(struct pid_namespace *ns, struct pid **out)
{
	return pid_alloc_wished(ns, NULL, 0, out);
}

void pid_detach(struct pid *p)
{
	if (p->counted && !p->task && !p->process && !p->tracee) {
		p->counted = false;
		p->numbers[0].ns->tasks--;
	}
	if (!p->hashed || p->counted || !list_empty(&p->pgrp) || !list_empty(&p->session))
		return;
	for (unsigned i = 0; i <= p->ns->level; i++) {
		list_del(&p->numbers[i].hash_node);
		p->numbers[i].ns->used--;
	}
	p->hashed = false;
}

void pid_ended(struct pid *p, unsigned what, int exit_code)
{
	p->exit_code = exit_code;
	atomic_fetch_or(&p->ended, what);
	waitqueue_wake_all(&p->exited, 0);
}

struct pid *pid_get(struct pid *p)
{
	ref_get(&p->refs);
	return p;
}

void pid_put(struct pid *p)
{
	if (!p || !ref_put(&p->refs))
		return;
	waitqueue_destroy(&p->exited);
	ns_put(p->users);
	ns_put(&p->ns->ns);
	free(p);
}

pid_t pid_last(const struct pid_namespace *ns)
{
	return ns->last;
}

void pid_set_last(struct pid_namespace *ns, pid_t nr)
{
	ns->last = nr;
}

pid_t pid_nr(const struct pid *p, const struct pid_namespace *ns)
{
	if (!p || ns->level > p->ns->level)
		return 0;
	if (!ns->level)
		return p->nr;
	return p->numbers[ns->level].ns == ns ? p->numbers[ns->level].nr : 0;
}

pid_t pid_nr_of(struct pid_namespace *first, pid_t nr, const struct pid_namespace *ns)
{
	return ns == first ? nr : pid_nr(pid_find(first, nr), ns);
}
