/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors in flight. A socket whose every reference is in messages can still be had by whoever receives them,
 * unless those messages wait in sockets that are in the same case: such a circle is garbage.
 *
 * unix_collect: candidates are the sockets with as many references as are in flight. Of each, those references that
 * wait in candidates' queues are not counted; who keeps one is reached from outside (a queue somebody can read, or a
 * message just being sent or received), and so is all that waits in its queue. The rest can never be had again: their
 * messages with descriptors are freed, which breaks the circles. (As Linux did up to 6.8.)
 *
 * A reference can only be had from a queue under gc_lock (unix_files_arrive, unix_files_copy), so nothing changes
 * hands meanwhile; a message already off its queue still counts as in flight and keeps its files reachable.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/unix_sock.h"

static struct unix_sock *file_unix(struct file *f)
{
	struct socket *s = file_socket(f);

	return s && s->ops == &unix_ops ? unix_of(s) : NULL;
}

/* gc_lock held. */
static void count_inflight(struct unix_domain *d, struct file *f, int by)
{
	struct unix_sock *u = file_unix(f);

	if (!u)
		return;
	u->inflight += by;
	list_del(&u->inflight_node);
	if (u->inflight)
		list_add_tail(&d->inflight, &u->inflight_node);
}

static void count_files(struct unix_domain *d, const struct scm_files *files, int by)
{
	for (unsigned i = 0; i < files->n; i++)
		count_inflight(d, files->files[i], by);
	atomic_fetch_add(&d->nr_files, (unsigned)((int)files->n * by));
}

int unix_files_depart(struct unix_domain *d, struct scm *msg, struct scm *from)
{
	if (!from->files)
		return 0;
	if (d->nr_files > UNIX_MAX_INFLIGHT)
		return -ETOOMANYREFS;
	pthread_mutex_lock(&d->gc_lock);
	msg->files = from->files;
	from->files = NULL;
	count_files(d, msg->files, 1);
	pthread_mutex_unlock(&d->gc_lock);
	return 0;
}

void unix_files_arrive(struct unix_domain *d, struct scm *to, struct scm *msg)
{
	if (!msg->files)
		return;
	pthread_mutex_lock(&d->gc_lock);
	count_files(d, msg->files, -1);
	to->files = msg->files;
	msg->files = NULL;
	pthread_mutex_unlock(&d->gc_lock);
}

int unix_files_copy(struct scm *to, const struct scm *msg)
{
	size_t size = sizeof(*msg->files) + msg->files->n * sizeof(msg->files->files[0]);

	to->files = malloc(size);
	if (!to->files)
		return -ENOMEM;
	memcpy(to->files, msg->files, size);
	for (unsigned i = 0; i < to->files->n; i++)
		file_get(to->files->files[i]);
	return 0;
}

/* Calls fn for each socket in the messages that wait at `u`, embryos' included. gc_lock held. */
typedef void visit_fn(struct unix_sock *child, struct list *out);

static void visit_queue(struct unix_sock *u, visit_fn *fn, struct list *out)
{
	struct unix_msg *m;

	list_for_each (m, &u->queue, node)
		for (unsigned i = 0; m->scm.files && i < m->scm.files->n; i++) {
			struct unix_sock *child = file_unix(m->scm.files->files[i]);
			if (child && child->gc_candidate)
				fn(child, out);
		}
}

static void visit_children(struct unix_sock *u, visit_fn *fn, struct list *out)
{
	struct unix_sock *e;

	pthread_mutex_lock(&u->lock);
	visit_queue(u, fn, out);
	list_for_each (e, &u->accept_queue, accept_node) {
		pthread_mutex_lock(&e->lock);
		visit_queue(e, fn, out);
		pthread_mutex_unlock(&e->lock);
	}
	pthread_mutex_unlock(&u->lock);
}

static void visit_uncount(struct unix_sock *child, struct list *out)
{
	child->gc_refs--;
}

/* Reached: no candidate any more; what waits there is looked at later. */
static void visit_reached(struct unix_sock *child, struct list *out)
{
	child->gc_candidate = false;
	list_del(&child->gc_node);
	list_add_tail(out, &child->gc_node);
}

static void find_candidates(struct unix_domain *d, struct list *candidates)
{
	struct unix_sock *u;

	list_for_each (u, &d->inflight, inflight_node) {
		u->gc_candidate = u->sk.file.refs == u->inflight;
		u->gc_refs = u->inflight;
		if (u->gc_candidate)
			list_add_tail(candidates, &u->gc_node);
	}
}

static void find_reached(struct list *candidates)
{
	struct unix_sock *u, *next;
	struct list reached;

	list_for_each (u, candidates, gc_node)
		visit_children(u, visit_uncount, NULL);
	list_init(&reached);
	list_for_each_safe (u, next, candidates, gc_node)
		if (u->gc_refs)
			visit_reached(u, &reached);
	while (!list_empty(&reached)) {
		u = list_first(&reached, struct unix_sock, gc_node);
		list_del(&u->gc_node);
		visit_children(u, visit_reached, &reached);
	}
}

/* Takes the messages with descriptors off a queue. */
static void take_messages(struct unix_sock *u, struct list *out)
{
	struct unix_msg *m, *next;

	list_for_each_safe (m, next, &u->queue, node) {
		if (!m->scm.files)
			continue;
		list_del(&m->node);
		u->queue_len--;
		u->queue_bytes -= m->len - m->off;
		list_add_tail(out, &m->node);
	}
}

static void take_garbage(struct unix_sock *u, struct list *out)
{
	struct unix_sock *e;

	pthread_mutex_lock(&u->lock);
	take_messages(u, out);
	list_for_each (e, &u->accept_queue, accept_node) {
		pthread_mutex_lock(&e->lock);
		take_messages(e, out);
		pthread_mutex_unlock(&e->lock);
	}
	pthread_mutex_unlock(&u->lock);
}

void unix_collect(struct unix_domain *d)
{
	struct list candidates, garbage;

	if (!d->nr_files)
		return;
	list_init(&candidates);
	list_init(&garbage);
	pthread_mutex_lock(&d->gc_lock);
	find_candidates(d, &candidates);
	find_reached(&candidates);
	while (!list_empty(&candidates)) {
		struct unix_sock *u = list_first(&candidates, struct unix_sock, gc_node);
		list_del(&u->gc_node);
		u->gc_candidate = false;
		take_garbage(u, &garbage);
	}
	pthread_mutex_unlock(&d->gc_lock);
	unix_free_messages(d, &garbage);
}
