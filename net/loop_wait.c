/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of a connection of the sandbox's own loopback when the end that ended it first has
 * no use for it any more (Linux: net/ipv4/tcp_minisocks.c). In TIME_WAIT it keeps its port busy for
 * a minute. In FIN_WAIT2 its file was closed, and the peer has not ended yet: for so long as
 * TCP_LINGER2 says, after which the peer's end leads nowhere.
 *
 * No timer ends one. Whose time is over is passed by, and freed when the next one begins, or its
 * peer ends; both kinds together are bounded in number, as Linux's are.
 */
#include <stdlib.h>
#include <string.h>

#include "host/wait.h"
#include "mm/mm.h"
#include "net/loop_sock.h"
#include "net/net.h"
#include "util/time.h"

#define TIMEWAIT_LEN   (60 * NSEC_PER_SEC) /* Linux: TCP_TIMEWAIT_LEN */
#define MAX_WAITS      8192 /* net.ipv4.tcp_max_tw_buckets, where it cannot be read */
#define MAX_WAITS_FOR  1024 /* so many more may come before it is read again */
#define REUSE_DELAY_MS 1000 /* net.ipv4.tcp_tw_reuse_delay of older kernels */

static int compare_names(const struct loop_name *a, const struct loop_name *b)
{
	return a->port != b->port ? (int)a->port - b->port : memcmp(&a->ip, &b->ip, sizeof a->ip);
}

/* By our own port first: those that have one stand beside each other. */
static int compare(const struct loop_wait *w, const struct loop_name *local,
		   const struct loop_name *remote)
{
	if (w->local.port != local->port)
		return (int)w->local.port - local->port;
	int r = compare_names(&w->remote, remote);
	return r ? r : compare_names(&w->local, local);
}

static struct loop_wait *find(struct loop *l, const struct loop_name *local,
			      const struct loop_name *remote)
{
	lock_assert_held(&l->lock);
	struct rb_node *n = l->waits.root;

	while (n) {
		struct loop_wait *w = rb_entry(n, struct loop_wait, node);
		int r = compare(w, local, remote);
		if (!r)
			return w;
		n = r > 0 ? n->left : n->right;
	}
	return NULL;
}

static void drop(struct loop *l, struct loop_wait *w)
{
	lock_assert_held(&l->lock);
	rb_erase(&l->waits, &w->node);
	list_del(&w->age);
	l->nr_waits--;
	mm_host_uncharge(l->mem, sizeof *w);
	free(w);
}

static void drop_old(struct loop *l, uint64_t now)
{
	lock_assert_held(&l->lock);
	while (!list_empty(&l->ending)) {
		struct loop_wait *w = list_first(&l->ending, struct loop_wait, age);
		if (w->until > now)
			return;
		drop(l, w);
	}
}

static bool has_room(struct loop *l)
{
	lock_assert_held(&l->lock);
	if (l->nr_waits >= l->waits_read) {
		unsigned most = net_sysctl("ipv4/tcp_max_tw_buckets", MAX_WAITS);
		unsigned next = l->nr_waits + MAX_WAITS_FOR;
		l->waits_read = next < most ? next : most;
	}
	return l->nr_waits < l->waits_read;
}

/* NULL: there is no room for another. */
static struct loop_wait *new_wait(struct loop *l)
{
	lock_assert_held(&l->lock);
	if (!has_room(l) || !mm_host_charge(l->mem, sizeof(struct loop_wait)))
		return NULL;
	struct loop_wait *w = malloc(sizeof *w);
	if (!w)
		mm_host_uncharge(l->mem, sizeof *w);
	return w;
}

static void insert(struct loop *l, struct loop_wait *new)
{
	lock_assert_held(&l->lock);
	struct rb_node **link = &l->waits.root, *parent = NULL;

	while (*link) {
		parent = *link;
		struct loop_wait *w = rb_entry(parent, struct loop_wait, node);
		link = compare(w, &new->local, &new->remote) > 0 ? &parent->left : &parent->right;
	}
	rb_insert(&l->waits, &new->node, parent, link);
	l->nr_waits++;
}

static void begin_time_wait(struct loop *l, struct loop_wait *w, uint64_t now)
{
	lock_assert_held(&l->lock);
	w->state = TCP_TIME_WAIT;
	w->since = now;
	w->until = now + TIMEWAIT_LEN;
	list_add_tail(&l->ending, &w->age);
}

void loop_wait_begin(struct loop_sock *s, int state)
{
	struct loop *l = s->loop;

	lock_assert_held(&l->lock);
	uint64_t now = monotonic_ns();
	drop_old(l, now);
	loop_wait_end(l, &s->local, &s->remote);
	struct loop_wait *w = new_wait(l);
	if (!w)
		return;
	*w = (struct loop_wait){
		.local = s->local,
		.remote = s->remote,
		.family = s->sk.family,
		.bound_if = s->sk.bound_if,
		.mark = (uint32_t)s->sk.mark,
		.state = state,
		.own_port = s->own_port,
		.reuse_addr = socket_flag(&s->sk, SO_REUSEADDR),
		.reuse_port = socket_flag(&s->sk, SO_REUSEPORT),
		.number = ++l->waits_made,
		.since = now,
		.until = now + (uint64_t)loop_option(s, IPPROTO_TCP, TCP_LINGER2) * NSEC_PER_SEC,
	};
	list_init(&w->age);
	insert(l, w);
	if (state == TCP_TIME_WAIT)
		begin_time_wait(l, w, now);
}

void loop_wait_peer_ended(struct loop *l, const struct loop_name *local,
			  const struct loop_name *remote)
{
	struct loop_wait *w = find(l, local, remote);
	uint64_t now = monotonic_ns();

	if (!w || w->state != TCP_FIN_WAIT2)
		return;
	if (w->until > now)
		begin_time_wait(l, w, now);
	else
		drop(l, w);
}

void loop_wait_end(struct loop *l, const struct loop_name *local, const struct loop_name *remote)
{
	struct loop_wait *w = find(l, local, remote);

	if (w)
		drop(l, w);
}

/* The first from a node on whose time is not over. */
static struct loop_wait *still_waits(struct rb_node *n, uint64_t now)
{
	while (n && rb_entry(n, struct loop_wait, node)->until <= now)
		n = rb_next(n);
	return n ? rb_entry(n, struct loop_wait, node) : NULL;
}

struct loop_wait *loop_wait_first(struct loop *l, unsigned port, uint64_t now)
{
	lock_assert_held(&l->lock);
	struct rb_node *n = l->waits.root, *found = NULL;

	while (n) {
		bool before = rb_entry(n, struct loop_wait, node)->local.port < port;
		found = before ? found : n;
		n = before ? n->right : n->left;
	}
	return still_waits(found, now);
}

struct loop_wait *loop_wait_next(const struct loop_wait *w, uint64_t now)
{
	return still_waits(rb_next(&w->node), now);
}

/* Linux: tcp_twsk_unique. Timestamps tell packets of the old connection from those of the new one,
 * to which they do no harm. Where the port is ours to choose, one is left alone for a second. */
bool loop_wait_refuses(struct loop *l, const struct loop_name *local,
		       const struct loop_name *remote, bool choosing)
{
	const struct loop_wait *w = find(l, local, remote);
	uint64_t now = monotonic_ns();

	if (!w || w->until <= now)
		return false;
	if (w->state != TCP_TIME_WAIT || !net_sysctl("ipv4/tcp_timestamps", 1))
		return true;
	if (!choosing)
		return false;
	uint64_t delay = net_sysctl("ipv4/tcp_tw_reuse_delay", REUSE_DELAY_MS);
	return !net_sysctl("ipv4/tcp_tw_reuse", 2) || now - w->since < delay * NSEC_PER_MSEC;
}

unsigned loop_waits(struct loop *l)
{
	mutex_lock(&l->lock);
	uint64_t now = monotonic_ns();
	unsigned n = 0;
	for (struct loop_wait *w = loop_wait_first(l, 0, now); w; w = loop_wait_next(w, now))
		n++;
	mutex_unlock(&l->lock);
	return n;
}

void loop_waits_free(struct loop *l)
{
	mutex_lock(&l->lock);
	while (l->waits.root)
		drop(l, rb_entry(l->waits.root, struct loop_wait, node));
	mutex_unlock(&l->lock);
}
