/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file gives out the numbers of processes and threads and finds what they name
 * (pid_namespaces(7)). Numbers rise to pid_max before they are used again, as on Linux, so that a
 * number that somebody still remembers does not soon mean another process.
 */
#include "kernel/pid.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/vfs.h"
#include "host/lazymem.h"

/* As Linux: after a wrap, low numbers are left to those who took them at the start. */
#define PID_RESERVED 300

static void release(struct ns_common *ns)
{
	lazymem_free(container_of(ns, struct pid_namespace, ns), sizeof(struct pid_namespace));
}

struct pid_namespace *pid_ns_new(struct vfs *vfs, unsigned max, unsigned max_tasks)
{
	struct pid_namespace *ns = lazymem_new(sizeof *ns);

	if (!ns)
		return NULL;
	ns_init(&ns->ns, NS_PID, vfs->ns_numbers, vfs->user_ns, release);
	ns->max = max;
	ns->max_tasks = max_tasks;
	return ns;
}

static struct list *bucket(struct pid_namespace *ns, pid_t nr)
{
	struct list *b = &ns->buckets[(unsigned)nr % PID_BUCKETS];

	if (!b->next)
		list_init(b);
	return b;
}

struct pid *pid_find(struct pid_namespace *ns, pid_t nr)
{
	struct pid *p;
	list_for_each (p, bucket(ns, nr), hash_node) {
		if (p->nr == nr)
			return p;
	}
	return NULL;
}

int pid_alloc(struct pid_namespace *ns, struct pid **out)
{
	if (ns->used + PID_RESERVED >= ns->max || ns->tasks >= ns->max_tasks)
		return -EAGAIN;
	struct pid *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	ref_set(&p->refs, 1);
	p->ns = ns;
	ns_get(&ns->ns);
	/* Numbers rise until pid_max and wrap, so that one is reused as late as possible. */
	do {
		ns->last = (unsigned)ns->last + 1 >= ns->max ? PID_RESERVED : ns->last + 1;
	} while (pid_find(ns, ns->last));
	p->nr = ns->last;
	list_init(&p->pgrp);
	list_init(&p->session);
	waitqueue_init(&p->exited);
	p->hashed = p->counted = true;
	ns->tasks++;
	list_add(bucket(ns, p->nr), &p->hash_node);
	ns->used++;
	*out = p;
	return 0;
}

void pid_detach(struct pid *p)
{
	struct pid_namespace *ns = p->ns;

	if (p->counted && !p->task && !p->process && !p->tracee) {
		p->counted = false;
		ns->tasks--;
	}
	if (!p->hashed || p->counted || !list_empty(&p->pgrp) || !list_empty(&p->session))
		return;
	list_del(&p->hash_node);
	p->hashed = false;
	ns->used--;
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
	return p->ns == ns ? p->nr : 0;
}
