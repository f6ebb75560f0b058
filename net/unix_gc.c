/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors in flight. A socket whose every reference is in messages can still be had by whoever
 * receives them, unless those messages wait in sockets that are in the same case: such a circle is
 * garbage.
 *
 * unix_collect: candidates are the sockets with as many references as are in flight. Of each, those
 * references that wait in candidates' queues are not counted; who keeps one is reached from outside
 * (a queue somebody can read, or a message just being sent or received), and so is all that waits
 * in its queue. The rest can never be had again: their messages with descriptors are freed, which
 * breaks the circles. (As Linux did up to 6.8.)
 *
 * A circle needs a socket that is in flight when something is sent to it: while none was
 * (maybe_cyclic), there is nothing to collect, and closing sockets costs nothing however many
 * descriptors are on their way. After a collection the graph of what waits where is peeled from
 * those sockets that wait in no other's queue; if all of it goes, there is no circle.
 *
 * A reference can only be had from a queue under gc_lock (unix_files_arrive, unix_files_copy), so
 * nothing changes hands meanwhile; a message already off its queue still counts as in flight and
 * keeps its files reachable.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "cred/user.h"
#include "net/unix_sock.h"

static struct unix_sock *file_unix(struct file *f)
{
	struct socket *s = file_socket(f);

	return s && s->ops == &unix_ops ? unix_of(s) : NULL;
}

static void count_inflight(struct unix_domain *d, struct file *f, int by)
{
	lock_assert_held(&d->gc_lock);
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
}

/* Linux: too_many_unix_fds. */
static bool too_many(const struct user *u, const struct caller *c)
{
	return u->count[USER_FILES_INFLIGHT] > c->nofile_limit &&
	       !cred_capable(c->cred, CAP_SYS_RESOURCE) && !cred_capable(c->cred, CAP_SYS_ADMIN);
}

int unix_files_depart(struct unix_sock *to, struct caller *c, struct scm *msg, struct scm *from)
{
	struct unix_domain *d = to->domain;

	if (!from->files)
		return 0;
	struct user *u = user_get(c->fs->vfs->users, c->cred->uid);
	if (!u || too_many(u, c)) {
		user_put(u);
		return u ? -ETOOMANYREFS : -ENOMEM;
	}
	user_charge(u, USER_FILES_INFLIGHT, from->files->n, UINT64_MAX);
	mutex_lock(&d->gc_lock);
	msg->files = from->files;
	msg->files->user = u;
	from->files = NULL;
	count_files(d, msg->files, 1);
	mutex_lock(&to->lock);
	d->maybe_cyclic |= to->listener ? to->listener->inflight : to->inflight;
	mutex_unlock(&to->lock);
	mutex_unlock(&d->gc_lock);
	return 0;
}

int unix_files_loaded(struct unix_sock *to, struct caller *c, uid_t uid, struct scm *msg)
{
	struct unix_domain *d = to->domain;
	struct user *u = user_get(c->fs->vfs->users, uid);

	if (!u)
		return -ENOMEM;
	user_charge(u, USER_FILES_INFLIGHT, msg->files->n, UINT64_MAX);
	mutex_lock(&d->gc_lock);
	msg->files->user = u;
	count_files(d, msg->files, 1);
	d->maybe_cyclic = true;
	mutex_unlock(&d->gc_lock);
	return 0;
}

void unix_files_arrive(struct unix_domain *d, struct scm *to, struct scm *msg)
{
	if (!msg->files)
		return;
	mutex_lock(&d->gc_lock);
	count_files(d, msg->files, -1);
	to->files = msg->files;
	msg->files = NULL;
	mutex_unlock(&d->gc_lock);
	user_uncharge(to->files->user, USER_FILES_INFLIGHT, to->files->n);
	user_put(to->files->user);
	to->files->user = NULL;
}

int unix_files_copy(struct scm *to, const struct scm *msg)
{
	size_t size = sizeof *msg->files + msg->files->n * sizeof msg->files->files[0];

	to->files = malloc(size);
	if (!to->files)
		return -ENOMEM;
	memcpy(to->files, msg->files, size);
	to->files->user = NULL;
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

	mutex_lock(&u->lock);
	visit_queue(u, fn, out);
	list_for_each (e, &u->accept_queue, accept_node) {
		mutex_lock_inner(&e->lock);
		visit_queue(e, fn, out);
		mutex_unlock(&e->lock);
	}
	mutex_unlock(&u->lock);
}

static void visit_count(struct unix_sock *child, struct list *out)
{
	child->gc_refs++;
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
		u->gc_candidate = ref_count(&u->sk.file.refs) == u->inflight;
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

	mutex_lock(&u->lock);
	take_messages(u, out);
	list_for_each (e, &u->accept_queue, accept_node) {
		mutex_lock_inner(&e->lock);
		take_messages(e, out);
		mutex_unlock(&e->lock);
	}
	mutex_unlock(&u->lock);
}

/* Peeled: it waits in no queue of what is left. */
static void visit_peel(struct unix_sock *child, struct list *out)
{
	if (--child->gc_refs)
		return;
	list_del(&child->gc_node);
	list_add_tail(out, &child->gc_node);
}

/* Is there a circle among the sockets in flight, collectable or not? */
static bool find_circle(struct unix_domain *d)
{
	lock_assert_held(&d->gc_lock);
	struct unix_sock *u, *next;
	struct list left, peeled;
	unsigned n = 0;

	list_init(&left);
	list_init(&peeled);
	list_for_each (u, &d->inflight, inflight_node) {
		u->gc_candidate = true;
		u->gc_refs = 0;
		list_add_tail(&left, &u->gc_node);
		n++;
	}
	list_for_each (u, &left, gc_node)
		visit_children(u, visit_count, NULL);
	list_for_each_safe (u, next, &left, gc_node)
		if (!u->gc_refs) {
			list_del(&u->gc_node);
			list_add_tail(&peeled, &u->gc_node);
		}
	while (!list_empty(&peeled)) {
		u = list_first(&peeled, struct unix_sock, gc_node);
		list_del(&u->gc_node);
		visit_children(u, visit_peel, &peeled);
		n--;
	}
	list_for_each_safe (u, next, &left, gc_node)
		list_del(&u->gc_node);
	list_for_each (u, &d->inflight, inflight_node)
		u->gc_candidate = false;
	return n;
}

/* Takes the messages of all garbage. */
static void collect(struct unix_domain *d, struct list *garbage)
{
	struct list candidates;

	list_init(&candidates);
	mutex_lock(&d->gc_lock);
	if (d->maybe_cyclic) {
		find_candidates(d, &candidates);
		find_reached(&candidates);
		while (!list_empty(&candidates)) {
			struct unix_sock *u = list_first(&candidates, struct unix_sock, gc_node);
			list_del(&u->gc_node);
			u->gc_candidate = false;
			take_garbage(u, garbage);
		}
		d->maybe_cyclic = !list_empty(garbage) || find_circle(d);
	}
	mutex_unlock(&d->gc_lock);
}

void unix_collect(struct unix_domain *d)
{
	struct list garbage;

	mutex_lock(&d->dead_lock);
	bool later = d->draining;
	d->collect_pending |= later;
	mutex_unlock(&d->dead_lock);
	list_init(&garbage);
	if (!later)
		collect(d, &garbage);
	unix_free_messages(d, &garbage);
}
