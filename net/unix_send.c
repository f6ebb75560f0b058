/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends to unix sockets: builds messages with their credentials and descriptors, finds the
 * receiver, and waits while its queue or the sender's buffer is full. See unix_sock.h for the
 * locks.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "mm/mm.h"
#include "net/socket_filter.h"
#include "net/unix_sock.h"

#define STREAM_PIECE   32768U /* the most of a stream that one message takes */
#define DGRAM_OVERHEAD 32U    /* of sndbuf, not available to data (unix_dgram_sendmsg) */

/* Waits until the send buffer has room: 0, -EAGAIN, -EINTR, -EPIPE, the socket's error. */
static int wait_buffer(struct unix_sock *u, struct caller *c, bool nonblock, uint64_t deadline)
{
	struct waiter w;
	int err = 0;

	waiter_init(&w, c->sleeper);
	mutex_lock(&u->lock);
	for (;;) {
		if (u->err) {
			err = -u->err;
			u->err = 0;
		} else if (u->shutdown & SEND_SHUTDOWN) {
			err = -EPIPE;
		}
		if (err || u->wmem < u->sk.sndbuf)
			break;
		err = nonblock ? -EAGAIN : unix_sleep(u, &u->wait, &w, POLL_SEND, deadline);
		if (err)
			break;
	}
	mutex_unlock(&u->lock);
	waitqueue_remove(&w);
	return err;
}

/* SO_PASSCRED on either side puts the sender's credentials on a message that has none (Linux:
 * maybe_add_creds). */
static void add_cred(struct unix_msg *m, struct unix_sock *u, struct unix_sock *other,
		     const struct socket_msg *sm, struct caller *c)
{
	m->scm.has_cred = sm->scm.has_cred;
	m->scm.cred = sm->scm.cred;
	if (!m->scm.has_cred &&
	    (socket_flag(&u->sk, SO_PASSCRED) || socket_flag(&other->sk, SO_PASSCRED))) {
		m->scm.has_cred = true;
		m->scm.cred =
		    (struct ucred){ .pid = c->tgid, .uid = c->cred->uid, .gid = c->cred->gid };
	}
}

/* Puts descriptors and credentials on a message for `other`, which is freed where that fails. */
static int msg_address(struct unix_msg *m, struct unix_sock *u, struct unix_sock *other,
		       struct caller *c, struct socket_msg *sm)
{
	add_cred(m, u, other, sm, c);
	if (other->sk.stamp)
		m->scm.when = guest_clock_realtime(c->mem->clock);
	int err = unix_files_depart(other, c, &m->scm, &sm->scm);
	if (err)
		unix_free_message(u->domain, m);
	return err;
}

static void enqueue(struct unix_sock *other, struct unix_msg *m)
{
	lock_assert_held(&other->lock);
	list_add_tail(&other->queue, &m->node);
	other->queue_len++;
	other->queue_bytes += m->len;
}

static int stream_deliver(struct unix_sock *other, struct unix_msg *m)
{
	mutex_lock(&other->lock);
	bool gone = other->dead || other->shutdown & RCV_SHUTDOWN;
	if (!gone)
		enqueue(other, m);
	mutex_unlock(&other->lock);
	if (gone)
		return -EPIPE;
	waitqueue_wake_all(&other->wait, POLL_READ);
	return 0;
}

/* Sends the next piece: bytes or -errno. */
static ssize_t stream_send_piece(struct unix_sock *u, struct unix_sock *peer, struct caller *c,
				 struct socket_msg *sm, uint64_t deadline)
{
	size_t max = u->sk.sndbuf / 2 - 64 < STREAM_PIECE ? u->sk.sndbuf / 2 - 64 : STREAM_PIECE;
	size_t len = sm->uio->resid < max ? sm->uio->resid : max;
	struct unix_msg *m;

	int err = wait_buffer(u, c, sm->flags & MSG_DONTWAIT, deadline);
	if (!err)
		err = unix_msg_new(u, sm->uio, len, &m);
	if (!err)
		err = msg_address(m, u, peer, c, sm);
	if (err)
		return err;
	err = stream_deliver(peer, m);
	if (err)
		unix_free_message(u->domain, m);
	return err ? err : (ssize_t)len;
}

/* The peer of a connected stream, a reference, and whether it may be sent to. */
static int stream_peer(struct unix_sock *u, const struct socket_msg *sm, struct unix_sock **out)
{
	int err = 0;

	mutex_lock(&u->lock);
	if (sm->name_len)
		err = u->state == UNIX_ESTABLISHED ? -EISCONN : -EOPNOTSUPP;
	else if (!u->peer)
		err = -ENOTCONN;
	else if (u->shutdown & SEND_SHUTDOWN)
		err = -EPIPE;
	else
		*out = unix_get(u->peer);
	mutex_unlock(&u->lock);
	return err;
}

static ssize_t stream_send(struct unix_sock *u, struct caller *c, struct socket_msg *sm)
{
	uint64_t deadline = socket_deadline(c, u->sk.sndtimeo);
	struct unix_sock *peer;
	ssize_t total = 0, n = stream_peer(u, sm, &peer);

	if (n)
		return n;
	while (n >= 0 && sm->uio->resid) {
		n = stream_send_piece(u, peer, c, sm, deadline);
		if (n > 0)
			total += n;
	}
	unix_put(peer);
	return total ? total : n;
}

/* To whom a datagram goes, a reference. */
static int dgram_target(struct unix_sock *u, struct caller *c, const struct socket_msg *sm,
			struct unix_sock **out)
{
	if (unix_is_dgram(u) && sm->name_len)
		return unix_find(u->sk.net, c, (const struct sockaddr_un *)(const void *)&sm->name,
				 sm->name_len, SOCK_DGRAM, out);
	mutex_lock(&u->lock);
	*out = u->peer ? unix_get(u->peer) : NULL;
	mutex_unlock(&u->lock);
	return *out ? 0 : -ENOTCONN;
}

/* May the message go in now? 1: the queue is full. */
static int dgram_admit(struct unix_sock *u, struct unix_sock *other)
{
	lock_assert_held(&other->lock);
	if (!unix_may_send(u, other))
		return -EPERM;
	if (other->dead)
		return unix_is_dgram(u) ? -ECONNREFUSED : -EPIPE;
	if (other->shutdown & RCV_SHUTDOWN)
		return -EPIPE;
	return unix_queue_full(u, other);
}

static int dgram_deliver(struct unix_sock *u, struct unix_sock *other, struct caller *c,
			 struct unix_msg *m, bool nonblock, uint64_t deadline)
{
	struct waiter w;
	int err;

	waiter_init(&w, c->sleeper);
	mutex_lock(&other->lock);
	for (;;) {
		err = dgram_admit(u, other);
		if (err <= 0)
			break;
		err = nonblock ? -EAGAIN : unix_sleep(other, &other->room, &w, 0, deadline);
		if (err)
			break;
	}
	if (!err)
		enqueue(other, m);
	mutex_unlock(&other->lock);
	waitqueue_remove(&w);
	if (!err)
		waitqueue_wake_all(&other->wait, POLL_READ);
	return err;
}

static int dgram_send_to(struct unix_sock *u, struct unix_sock *other, struct caller *c,
			 struct socket_msg *sm, struct unix_msg *m, uint64_t deadline)
{
	int err = msg_address(m, u, other, c, sm);

	if (err)
		return err;
	/* what a filter does not let through is lost, and nobody learns it */
	if (!socket_filter_passes(&other->sk,
				  &(struct filter_packet){ .data = m->data, .len = m->len }, 1,
				  &m->len)) {
		unix_free_message(u->domain, m);
		return 0;
	}
	err = dgram_deliver(u, other, c, m, sm->flags & MSG_DONTWAIT, deadline);
	if (err) {
		/* The caller may try again, with the same descriptors. */
		unix_files_arrive(u->domain, &sm->scm, &m->scm);
		unix_free_message(u->domain, m);
	}
	if (err == -ECONNREFUSED && !sm->name_len)
		unix_dgram_disconnect(u);
	return err;
}

/* The message is made before its receiver is looked for, as in Linux: errors have that order. */
static ssize_t dgram_send(struct unix_sock *u, struct caller *c, struct socket_msg *sm)
{
	uint64_t deadline = socket_deadline(c, u->sk.sndtimeo);
	size_t len = sm->uio->resid;
	struct unix_sock *other;
	struct unix_msg *m;
	int err = 0;

	if (unix_is_dgram(u) && sm->name_len)
		err = unix_check_addr((const struct sockaddr *)&sm->name, sm->name_len);
	if (!err && socket_flag(&u->sk, SO_PASSCRED) && !u->addr && unix_is_dgram(u))
		err = unix_autobind(u);
	if (!err && len > u->sk.sndbuf - DGRAM_OVERHEAD)
		err = -EMSGSIZE;
	if (!err)
		err = wait_buffer(u, c, sm->flags & MSG_DONTWAIT, deadline);
	if (!err)
		err = unix_msg_new(u, sm->uio, len, &m);
	if (err)
		return err;
	err = dgram_target(u, c, sm, &other);
	if (err) {
		unix_free_message(u->domain, m);
		return err;
	}
	err = dgram_send_to(u, other, c, sm, m, deadline);
	unix_put(other);
	return err ? err : (ssize_t)len;
}

ssize_t unix_sendmsg(struct socket *s, struct caller *c, struct socket_msg *sm)
{
	struct unix_sock *u = unix_of(s);

	if (sm->flags & MSG_OOB)
		return -EOPNOTSUPP;
	return unix_is_stream(u) ? stream_send(u, c, sm) : dgram_send(u, c, sm);
}
