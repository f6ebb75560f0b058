/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of the sandbox's own loopback: how they come about and end, after Linux's
 * net/ipv4/af_inet.c and tcp.c. A connection is there, or refused, when connect(2) has been called
 * once; only where the queue of a listener is full it stays under way. An end (FIN) is acknowledged
 * at once, so that FIN_WAIT1, CLOSING and LAST_ACK are states nobody sees.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "net/loop_sock.h"
#include "net/policy.h"
#include "util/time.h"

/* Ends; loop->lock held */

static void set_closed(struct loop_sock *s)
{
	lock_assert_held(&s->loop->lock);
	s->shutdown = SHUTDOWN_MASK;
	s->state = TCP_CLOSE;
	s->connection = 0;
	if (!s->own_port)
		loop_unbind(s);
}

/* A reset has come (Linux: tcp_reset). */
static void reset(struct loop_sock *s)
{
	lock_assert_held(&s->loop->lock);
	if (s->state == TCP_CLOSE)
		return;
	s->err = s->state == TCP_SYN_SENT     ? ECONNREFUSED
		 : s->state == TCP_CLOSE_WAIT ? EPIPE
					      : ECONNRESET;
	set_closed(s);
	loop_wake(s, 0);
}

static void send_reset(struct loop_sock *s)
{
	loop_wait_end(s->loop, &s->remote, &s->local);
	reset(s->peer);
}

/* The peer sends no more (Linux: tcp_fin). */
static void take_end(struct loop_sock *s)
{
	lock_assert_held(&s->loop->lock);
	if (s->state != TCP_ESTABLISHED && s->state != TCP_FIN_WAIT2)
		return;
	s->done = true;
	if (s->state == TCP_ESTABLISHED) {
		s->shutdown |= RCV_SHUTDOWN;
		s->state = TCP_CLOSE_WAIT;
	} else {
		loop_wait_begin(s, TCP_TIME_WAIT);
		set_closed(s);
	}
	loop_wake(s, 0);
}

static void send_end(struct loop_sock *s)
{
	lock_assert_held(&s->loop->lock);
	s->ended = true;
	if (s->state == TCP_ESTABLISHED) {
		s->state = TCP_FIN_WAIT2;
	} else if (s->state == TCP_CLOSE_WAIT) {
		set_closed(s);
	} else {
		return;
	}
	take_end(s->peer);
	/* one whose file is closed */
	loop_wait_peer_ended(s->loop, &s->remote, &s->local);
}

void loop_tcp_refused(struct loop_sock *s, struct loop_sock *peer)
{
	lock_assert_held(&s->loop->lock);
	if (s->peer != peer)
		return;
	send_reset(s);
	reset(s);
}

/* Whoever waited for a listener that is gone; the embryos are to be put. */
static void refuse_pending(struct loop_sock *listener, struct list *embryos)
{
	lock_assert_held(&listener->loop->lock);
	struct loop_sock *s, *next;

	list_for_each_safe (s, next, &listener->pending, accept_node) {
		list_del(&s->accept_node);
		s->listener = NULL;
		list_add_tail(embryos, &s->embryo->accept_node);
		s->embryo = NULL;
		reset(s);
	}
}

/* A listener listens no more: what was in its queue is to be put. */
static void stop_listening(struct loop_sock *s, struct list *embryos)
{
	lock_assert_held(&s->loop->lock);
	list_splice_tail(embryos, &s->accept_queue);
	s->accept_len = 0;
	refuse_pending(s, embryos);
}

/* One that waited for a listener waits no more. */
static void stop_waiting(struct loop_sock *s, struct list *embryos)
{
	lock_assert_held(&s->loop->lock);
	list_del(&s->accept_node);
	s->listener = NULL;
	list_add_tail(embryos, &s->embryo->accept_node);
	s->embryo = NULL;
}

/* Linux: tcp_disconnect. The peer's reference is the caller's to put, and the embryos. */
static struct loop_sock *disconnect(struct loop_sock *s, struct list *embryos)
{
	lock_assert_held(&s->loop->lock);
	struct loop_sock *peer = s->peer;
	int state = s->state;

	if (state == TCP_LISTEN) {
		stop_listening(s, embryos);
	} else if (state == TCP_SYN_SENT) {
		stop_waiting(s, embryos);
		s->err = ECONNRESET;
	} else if (state != TCP_CLOSE) {
		send_reset(s);
		s->err = ECONNRESET;
	}
	set_closed(s);
	s->peer = NULL;
	s->shutdown = 0;
	s->done = false;
	s->remote.port = 0;
	s->remote.ip = (struct in6_addr){ { { 0 } } };
	if (!s->own_ip)
		s->local.ip = s->sk.family == AF_INET
				  ? (struct in6_addr){ { { [10] = 0xff, 0xff } } }
				  : (struct in6_addr){ { { 0 } } };
	s->phase = SS_UNCONNECTED;
	loop_wake(s, 0);
	return peer;
}

/* No lock held: releases them, and resets whoever is connected to them. */
static void put_embryos(struct list *embryos)
{
	struct loop_sock *e, *next;

	list_for_each_safe (e, next, embryos, accept_node) {
		list_del(&e->accept_node);
		file_put(&e->sk.file);
	}
}

/* Linux: __tcp_close. `abort`: by a reset. */
static void close_connection(struct loop_sock *s, bool abort)
{
	lock_assert_held(&s->loop->lock);
	if (!abort)
		send_end(s);
	if (s->state == TCP_FIN_WAIT2 && loop_option(s, IPPROTO_TCP, TCP_LINGER2) >= 0) {
		loop_wait_begin(s, TCP_FIN_WAIT2);
	} else if (s->state != TCP_CLOSE) {
		send_reset(s);
	}
}

static void loop_tcp_release(struct socket *sk)
{
	struct loop_sock *s = loop_of(sk), *peer;
	struct list embryos;

	list_init(&embryos);
	mutex_lock(&s->loop->lock);
	mutex_lock(&s->lock);
	bool unread = s->listener || s->queued || sk->linger == 0;
	mutex_unlock(&s->lock);
	if (s->state == TCP_LISTEN)
		stop_listening(s, &embryos);
	else if (s->state == TCP_SYN_SENT)
		stop_waiting(s, &embryos);
	else if (s->state != TCP_CLOSE)
		close_connection(s, unread);
	s->listener = NULL;
	set_closed(s);
	loop_unbind(s);
	peer = s->peer;
	s->peer = NULL;
	mutex_unlock(&s->loop->lock);
	put_embryos(&embryos);
	loop_put(peer);
	loop_put(s);
}

/* What Linux would still have to send is what the peer has no room for: a close waits until the
 * peer has taken so much (tcp_close() waits until all is acknowledged). */
static int loop_tcp_linger(struct socket *sk, struct caller *c)
{
	struct loop_sock *s = loop_of(sk), *peer = NULL;
	int seconds = sk->linger, err = 0;
	struct waiter w;

	if (seconds <= 0)
		return 0;
	uint64_t deadline = sleeper_deadline(c->sleeper, (uint64_t)seconds * NSEC_PER_SEC);
	mutex_lock(&s->loop->lock);
	uint64_t connection = s->connection;
	mutex_lock(&s->lock);
	bool unread = s->queued;
	mutex_unlock(&s->lock);
	if (connection && s->peer && !unread) {
		peer = loop_get(s->peer);
		send_end(s);
	}
	mutex_unlock(&s->loop->lock);
	if (!peer)
		return 0;
	waiter_init(&w, c->sleeper);
	mutex_lock(&peer->lock);
	while (!err && peer->connection == connection && peer->queued > loop_own_room(peer)) {
		peer->room_at = loop_own_room(peer);
		err = loop_sleep(s, &peer->lock, &w, 0, false, deadline);
	}
	mutex_unlock(&peer->lock);
	waitqueue_remove(&w);
	loop_put(peer);
	return err == -EINTR ? err : 0;
}

static int loop_tcp_shutdown(struct socket *sk, int how)
{
	struct loop_sock *s = loop_of(sk), *peer = NULL;
	unsigned mode = (unsigned)how + 1;
	struct list embryos;
	int err = 0;

	list_init(&embryos);
	mutex_lock(&s->loop->lock);
	if (s->phase == SS_CONNECTING && s->state != TCP_SYN_SENT && s->state != TCP_CLOSE)
		s->phase = SS_CONNECTED;
	switch ((int)s->state) {
	case TCP_LISTEN:
		if (!(mode & RCV_SHUTDOWN))
			break;
		__attribute__((fallthrough));
	case TCP_SYN_SENT: peer = disconnect(s, &embryos); break;
	case TCP_CLOSE: err = -ENOTCONN; __attribute__((fallthrough));
	default:
		s->shutdown |= mode;
		if (mode & SEND_SHUTDOWN)
			send_end(s);
	}
	loop_wake(s, 0);
	mutex_unlock(&s->loop->lock);
	put_embryos(&embryos);
	loop_put(peer);
	return err;
}

/* Beginnings */

/* A socket that is accepted is like its listener (Linux: inet_csk_clone_lock). */
static void inherit(struct loop_sock *e, struct loop_sock *listener)
{
	e->sk.family = listener->sk.family;
	e->sk.flags = atomic_load(&listener->sk.flags);
	e->sk.sndbuf = atomic_load(&listener->sk.sndbuf);
	e->sk.rcvbuf = atomic_load(&listener->sk.rcvbuf);
	e->sk.rcvlowat = atomic_load(&listener->sk.rcvlowat);
	e->sk.sndtimeo = atomic_load(&listener->sk.sndtimeo);
	e->sk.rcvtimeo = atomic_load(&listener->sk.rcvtimeo);
	e->sk.linger = atomic_load(&listener->sk.linger);
	e->sk.priority = atomic_load(&listener->sk.priority);
	e->own_buffers = atomic_load(&listener->own_buffers);
	e->sk.peek_off = atomic_load(&listener->sk.peek_off);
	e->sk.busy_poll = atomic_load(&listener->sk.busy_poll);
	e->sk.incoming_cpu = atomic_load(&listener->sk.incoming_cpu);
	for (int i = 0; i < NR_LOOP_OPTIONS; i++)
		e->option[i] = atomic_load(&listener->option[i]);
}

/* Makes the pair; the embryo is not seen by anybody yet, and goes into the listener's queue. */
static void establish(struct loop_sock *s, struct loop_sock *listener, struct loop_sock *e)
{
	lock_assert_held(&s->loop->lock);
	struct loop *l = s->loop;

	inherit(e, listener);
	e->remote = s->local;
	e->own_port = e->own_ip = true;
	struct loop_name at = s->remote;
	loop_wait_end(l, &at, &s->local);
	e->local.ip = at.ip;
	loop_bind_shared(e, at.port);
	s->connection = e->connection = ++l->connections;
	s->peer = loop_get(e);
	e->peer = loop_get(s);
	s->state = e->state = TCP_ESTABLISHED;
	e->phase = SS_CONNECTED;
	e->listener = listener;
	list_add_tail(&listener->accept_queue, &e->accept_node);
	listener->accept_len++;
	waitqueue_wake(&listener->wait, POLL_READ, 1);
}

/* It waits in the list, and has the embryo meanwhile. */
static void wait_in(struct list *list, struct loop_sock *s, struct loop_sock **embryo)
{
	lock_assert_held(&s->loop->lock);
	s->embryo = *embryo;
	*embryo = NULL;
	list_add_tail(list, &s->accept_node);
}

/* Its first packet goes to whoever listens there. Takes the embryo over where it needs one. */
static void meet(struct loop_sock *s, struct loop_sock **embryo)
{
	lock_assert_held(&s->loop->lock);
	if (!loop_lo(s)->up) {
		wait_in(&s->loop->parked, s, embryo);
		return;
	}
	struct loop_sock *listener = loop_find(s->loop, SOCK_STREAM, &s->local, &s->remote);
	if (!listener) {
		reset(s);
	} else if (listener->accept_len > listener->backlog) {
		s->listener = listener;
		wait_in(&listener->pending, s, embryo);
	} else {
		establish(s, listener, *embryo);
		*embryo = NULL;
	}
}

/* Takes the embryo over where the connection needs one. -errno: nothing has begun. */
static int begin(struct loop_sock *s, const struct loop_name *to, struct loop_sock **embryo)
{
	lock_assert_held(&s->loop->lock);
	int err = loop_autobind(s, to);

	if (err)
		return err;
	if (!loop_is_connectable(s, s->local.port, to, !s->own_port))
		return -EADDRNOTAVAIL;
	s->local.ip = loop_name_towards(s, s->local.port, to).ip;
	s->remote = *to;
	loop_wait_end(s->loop, &s->local, &s->remote);
	s->err = 0;
	s->done = s->ended = false;
	s->active = true;
	s->sent = s->received = 0;
	s->pieces_sent = s->pieces_received = 0;
	s->state = TCP_SYN_SENT;
	meet(s, embryo);
	return 0;
}

void loop_link_up(struct loop *l)
{
	struct list embryos;

	list_init(&embryos);
	mutex_lock(&l->lock);
	while (!list_empty(&l->parked)) {
		struct loop_sock *s = list_first(&l->parked, struct loop_sock, accept_node);
		struct loop_sock *e = s->embryo;
		list_del(&s->accept_node);
		s->embryo = NULL;
		meet(s, &e);
		if (e)
			list_add_tail(&embryos, &e->accept_node);
		loop_wake(s, 0);
	}
	mutex_unlock(&l->lock);
	put_embryos(&embryos);
}

/* Waits for a connection that is under way: 0, or why it is not there. */
static int finish(struct loop_sock *s, struct caller *c, bool nonblock, int under_way)
{
	lock_assert_held(&s->loop->lock);
	uint64_t deadline = socket_deadline(c, s->sk.sndtimeo);
	struct waiter w;
	int err = 0;

	waiter_init(&w, c->sleeper);
	while (!err && s->state == TCP_SYN_SENT)
		err = loop_sleep(s, &s->loop->lock, &w, 0, nonblock, deadline);
	waitqueue_remove(&w);
	return err == -EAGAIN ? under_way : err;
}

static int try_connect(struct loop_sock *s, struct caller *c, const struct loop_name *to,
		       int parsed, bool nonblock, struct loop_sock **embryo)
{
	lock_assert_held(&s->loop->lock);
	int under_way = -EALREADY;

	if (s->phase == SS_CONNECTED || (s->phase == SS_UNCONNECTED && s->state != TCP_CLOSE))
		return -EISCONN;
	if (s->phase == SS_UNCONNECTED) {
		int err = parsed ? parsed : begin(s, to, embryo);
		if (err)
			return err;
		s->phase = SS_CONNECTING;
		under_way = -EINPROGRESS;
		if (nonblock)
			return under_way;
	}
	return finish(s, c, nonblock, under_way);
}

int loop_tcp_connect(struct socket *sk, struct caller *c, const struct sockaddr *a, unsigned len,
		     bool nonblock)
{
	struct loop_sock *s = loop_of(sk), *embryo, *peer = NULL;
	struct loop_name to;
	struct list embryos;

	if (len < sizeof a->sa_family)
		return -EINVAL;
	list_init(&embryos);
	int err = loop_new(sk->net, c, sk->family, SOCK_STREAM, IPPROTO_TCP, 0, &embryo);
	if (err)
		return err;
	bool ends = a->sa_family == AF_UNSPEC;
	int parsed = ends ? 0 : loop_parse(s, LOOP_REACH, a, len, &to);
	mutex_lock(&s->loop->lock);
	if (!ends)
		err = try_connect(s, c, &to, parsed, nonblock, &embryo);
	bool failed = !err && !ends && s->state == TCP_CLOSE;
	if (failed)
		err = -(atomic_exchange(&s->err, 0) ?: ECONNABORTED);
	if (failed || ends)
		peer = disconnect(s, &embryos);
	else if (!err)
		s->phase = SS_CONNECTED;
	mutex_unlock(&s->loop->lock);
	if (embryo)
		file_put(&embryo->sk.file);
	put_embryos(&embryos);
	if (ends)
		loop_purge(s);
	loop_put(peer);
	if (parsed == -ENETUNREACH && err == parsed)
		net_check(sk->net, c, NET_CONNECT, a, len);
	return err;
}

static int loop_tcp_listen(struct socket *sk, struct caller *c, unsigned backlog)
{
	struct loop_sock *s = loop_of(sk);
	unsigned most = net_sysctl("core/somaxconn", SOCKET_SOMAXCONN);
	int err = 0;

	mutex_lock(&s->loop->lock);
	if (s->phase != SS_UNCONNECTED || (s->state != TCP_CLOSE && s->state != TCP_LISTEN))
		err = -EINVAL;
	if (!err && s->state == TCP_CLOSE) {
		err = loop_autobind(s, NULL) ? -EADDRINUSE : 0;
		s->state = TCP_LISTEN;
		if (!err)
			err = loop_check_listen(s);
		if (err)
			s->state = TCP_CLOSE;
	}
	if (!err)
		s->backlog = backlog < most ? backlog : most;
	mutex_unlock(&s->loop->lock);
	return err;
}

/* There is room in the queue: those who wait for it get in. */
static void let_in(struct loop_sock *listener)
{
	lock_assert_held(&listener->loop->lock);
	while (!list_empty(&listener->pending) && listener->accept_len <= listener->backlog) {
		struct loop_sock *s = list_first(&listener->pending, struct loop_sock, accept_node);
		struct loop_sock *e = s->embryo;
		list_del(&s->accept_node);
		s->listener = s->embryo = NULL;
		establish(s, listener, e);
		loop_wake(s, 0);
	}
}

static int wait_embryo(struct loop_sock *s, struct waiter *w, bool nonblock, uint64_t deadline)
{
	lock_assert_held(&s->loop->lock);
	for (;;) {
		if (s->state != TCP_LISTEN)
			return -EINVAL;
		if (!list_empty(&s->accept_queue))
			return 0;
		if (nonblock)
			return -EAGAIN;
		w->events = POLL_READ;
		int err = waiter_sleep_unlocked(w, &s->wait, &s->loop->lock, deadline);
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : err;
	}
}

static int loop_tcp_accept(struct socket *sk, struct caller *c, bool nonblock,
			   struct sockaddr_storage *peer, struct socket **out)
{
	struct loop_sock *s = loop_of(sk), *e = NULL;
	uint64_t deadline = socket_deadline(c, sk->rcvtimeo);
	struct waiter w;

	waiter_init(&w, c->sleeper);
	w.exclusive = true;
	mutex_lock(&s->loop->lock);
	int err = wait_embryo(s, &w, nonblock, deadline);
	if (!err) {
		e = list_first(&s->accept_queue, struct loop_sock, accept_node);
		list_del(&e->accept_node);
		e->listener = NULL;
		s->accept_len--;
		let_in(s);
		err = loop_put_name(sk->family, &e->remote, peer);
	}
	bool more = w.queue && !list_empty(&s->accept_queue);
	mutex_unlock(&s->loop->lock);
	waitqueue_remove(&w);
	if (more)
		waitqueue_wake(&s->wait, POLL_READ, 1);
	if (e)
		*out = &e->sk;
	return err;
}

/* Linux: tcp_poll. */
static unsigned loop_tcp_poll(struct socket *sk, struct poll_table *pt)
{
	struct loop_sock *s = loop_of(sk);
	unsigned events = 0, lowat = sk->rcvlowat;

	poll_wait(pt, &s->wait);
	mutex_lock(&s->loop->lock);
	int state = s->state;
	unsigned ended = s->shutdown;
	bool waiting = !list_empty(&s->accept_queue);
	mutex_unlock(&s->loop->lock);
	if (state == TCP_LISTEN)
		return waiting ? POLL_READ : 0;
	if (ended == SHUTDOWN_MASK || state == TCP_CLOSE)
		events |= POLLHUP;
	if (ended & RCV_SHUTDOWN)
		events |= POLL_READ | POLLRDHUP;
	if (state != TCP_SYN_SENT) {
		mutex_lock(&s->lock);
		if (loop_at_mark(s) && !socket_flag(sk, SO_OOBINLINE))
			lowat++;
		if (s->queued >= lowat || s->queued * 2 >= loop_capacity(s))
			events |= s->queued ? POLL_READ : 0;
		events |= s->urgent == URGENT_VALID ? POLLPRI : 0;
		mutex_unlock(&s->lock);
		if (ended & SEND_SHUTDOWN || loop_tcp_writable(s))
			events |= POLL_WRITE;
	}
	return s->err || loop_has_errors(s) ? events | POLLERR : events;
}

const struct socket_ops loop_tcp_ops = {
	.bind = loop_bind,
	.connect = loop_tcp_connect,
	.listen = loop_tcp_listen,
	.accept = loop_tcp_accept,
	.getname = loop_getname,
	.sendmsg = loop_tcp_sendmsg,
	.recvmsg = loop_tcp_recvmsg,
	.shutdown = loop_tcp_shutdown,
	.poll = loop_tcp_poll,
	.setsockopt = loop_setsockopt,
	.getsockopt = loop_getsockopt,
	.stat = loop_stat,
	.take_error = loop_take_error,
	.ioctl = loop_ioctl,
	.linger = loop_tcp_linger,
	.saved = &loop_saved,
	.release = loop_tcp_release,
};
