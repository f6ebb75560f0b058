/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of connections of the sandbox's own loopback. What is sent goes into the peer's queue
 * in pieces; small ones share a piece. A queue holds what Linux would keep in the buffers of both
 * ends.
 */
#include <errno.h>
#include <string.h>

#include "mm/mm.h"
#include "net/loop_sock.h"

#define BUFFER_OWN 262144U /* of each end, while neither is set: Linux makes them grow as needed */
/* Linux copies a stream in pieces of this size (SKB_FRAG_PAGE_ORDER), each whole or not at all. */
#define PIECE  32768U
#define SMALL  1024U /* is copied once more, into the piece that is there */
#define SHARED (4096U - sizeof(struct loop_chunk))

size_t loop_own_room(const struct loop_sock *to)
{
	return to->own_buffers ? to->sk.rcvbuf : BUFFER_OWN;
}

size_t loop_capacity(const struct loop_sock *to)
{
	return loop_own_room(to) + BUFFER_OWN;
}

/* What a sender may have on its way; `to` is where. */
static size_t room_of(const struct loop_sock *s, const struct loop_sock *to)
{
	size_t most = loop_capacity(to), own = (size_t)s->sk.sndbuf * 2;

	return s->own_buffers && own < most ? own : most;
}

/* The peer, a reference, and the connection's number; NULL: there is none. */
static struct loop_sock *peer_of(struct loop_sock *s, uint64_t *connection)
{
	mutex_lock(&s->loop->lock);
	struct loop_sock *peer = s->peer ? loop_get(s->peer) : NULL;
	*connection = s->connection;
	mutex_unlock(&s->loop->lock);
	return peer;
}

/* Sending */

/* Waits until the connection is there: 0, -errno. */
static int wait_connected(struct loop_sock *s, struct caller *c, bool nonblock, uint64_t deadline)
{
	struct waiter w;
	int err = 0;

	if (s->state != TCP_SYN_SENT)
		return 0;
	waiter_init(&w, c->sleeper);
	mutex_lock(&s->loop->lock);
	while (!err && s->state == TCP_SYN_SENT)
		err = loop_sleep(s, &s->loop->lock, &w, 0, nonblock, deadline);
	mutex_unlock(&s->loop->lock);
	waitqueue_remove(&w);
	return err;
}

/* May more be sent? 0, or what Linux's sk_stream_error() makes of it. */
static int check_sending(struct loop_sock *s)
{
	int state = s->state;

	if (!s->err && !(s->shutdown & SEND_SHUTDOWN) &&
	    (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT))
		return 0;
	return -(atomic_exchange(&s->err, 0) ?: EPIPE);
}

/* A sender that finds no room hears of it when a third of its buffer is free (Linux:
 * sk_stream_write_space). */
static bool has_room(const struct loop_sock *s, struct loop_sock *peer, size_t most)
{
	lock_assert_held(&peer->lock);
	if (peer->queued < most)
		return true;
	peer->room_at = room_of(s, peer) * 2 / 3;
	return false;
}

bool loop_tcp_writable(struct loop_sock *s)
{
	uint64_t connection;
	struct loop_sock *peer = peer_of(s, &connection);

	if (!peer)
		return true;
	mutex_lock(&peer->lock);
	bool room = has_room(s, peer, room_of(s, peer) * 2 / 3 + 1);
	mutex_unlock(&peer->lock);
	loop_put(peer);
	return room;
}

/* Waits until the peer's queue has room. */
static int wait_room(struct loop_sock *s, struct loop_sock *peer, struct caller *c, bool nonblock,
		     uint64_t deadline)
{
	struct waiter w;
	int err;

	waiter_init(&w, c->sleeper);
	mutex_lock(&peer->lock);
	for (;;) {
		err = check_sending(s);
		if (err || has_room(s, peer, room_of(s, peer)))
			break;
		err = loop_sleep(s, &peer->lock, &w, POLL_SEND, nonblock, deadline);
		if (err)
			break;
	}
	mutex_unlock(&peer->lock);
	waitqueue_remove(&w);
	return err;
}

/* Puts bytes into the piece at the end of the queue, if they fit. */
static bool append_small(struct loop_sock *peer, const void *data, size_t len)
{
	lock_assert_held(&peer->lock);
	if (list_empty(&peer->queue))
		return false;
	struct loop_chunk *last = list_last(&peer->queue, struct loop_chunk, node);
	if (last->size - last->len < len)
		return false;
	memcpy(last->data + last->len, data, len);
	last->len += len;
	return true;
}

/* Is what comes read by nobody any more? (Linux: tcp_rcv_state_process, after RFC 1122.) */
static bool reads_no_more(const struct loop_sock *peer, uint64_t connection)
{
	return peer->connection != connection ||
	       (peer->shutdown & RCV_SHUTDOWN && peer->state == TCP_FIN_WAIT2);
}

/* Takes bytes off the queue. */
static void consume(struct loop_sock *s, size_t n)
{
	lock_assert_held(&s->lock);
	s->queued -= n;
	s->read_pos += n;
	if (s->read_pos > s->urgent_pos)
		s->urgent = URGENT_NONE;
	while (n) {
		struct loop_chunk *k = list_first(&s->queue, struct loop_chunk, node);
		size_t left = k->len - k->off, part = n < left ? n : left;
		k->off += part;
		n -= part;
		if (k->off < k->len)
			break;
		list_del(&k->node);
		if (k == s->reading)
			s->reading = NULL;
		else
			loop_chunk_free(s, k);
	}
}

bool loop_at_mark(const struct loop_sock *s)
{
	lock_assert_held(&s->lock);
	return s->urgent && s->urgent_pos == s->read_pos;
}

/* The last byte of `len` that were put in the queue is urgent. An earlier one that nobody has read
 * becomes a byte like others, but for one that is next: that one is lost (Linux: tcp_check_urg). */
static void mark_urgent(struct loop_sock *s, unsigned char byte, size_t len)
{
	lock_assert_held(&s->lock);
	if (loop_at_mark(s) && !socket_flag(&s->sk, SO_OOBINLINE) && s->queued > len)
		consume(s, 1);
	s->urgent = URGENT_VALID;
	s->urgent_pos = s->read_pos + s->queued - 1;
	s->urgent_byte = byte;
}

/* The next bytes of a call go out: how many, or -errno. */
static ssize_t send_piece(struct loop_sock *s, struct loop_sock *peer, uint64_t connection,
			  struct socket_msg *m)
{
	size_t want = m->uio->resid < PIECE ? m->uio->resid : PIECE, len;
	unsigned char small[SMALL];
	struct loop_chunk *k = NULL;

	if (want <= SMALL) {
		len = uio_take(m->uio, small, want);
	} else {
		k = loop_chunk_new(peer, want);
		if (!k)
			return -ENOBUFS;
		len = k->len = uio_take(m->uio, k->data, want);
	}
	if (len < want) {
		if (k)
			loop_chunk_free(peer, k);
		return -EFAULT;
	}
	unsigned char last = k ? k->data[len - 1] : small[len - 1];
	mutex_lock(&peer->lock);
	bool refused = reads_no_more(peer, connection);
	bool put = !refused && !k && append_small(peer, small, len);
	if (!refused && !put && !k) {
		k = loop_chunk_new(peer, SHARED > len ? SHARED : len);
		if (k)
			memcpy(k->data, small, k->len = len);
	}
	if (!refused && !put && k) {
		list_add_tail(&peer->queue, &k->node);
		put = true;
	} else if (k) {
		loop_chunk_free(peer, k);
	}
	if (put)
		peer->queued += len;
	/* Linux marks the end of what it sends before it waits for room: tcp_push */
	bool urgent =
	    put && m->flags & MSG_OOB && (!m->uio->resid || peer->queued >= room_of(s, peer));
	if (urgent)
		mark_urgent(peer, last, len);
	mutex_unlock(&peer->lock);
	if (!put && !refused)
		return -ENOBUFS;
	if (put)
		loop_wake(peer, urgent ? POLL_READ | POLLPRI : POLL_READ);
	s->sent += len;
	s->pieces_sent++;
	peer->pieces_received += put;
	loop_count(s, &peer->local.ip, len);
	peer->received += put ? len : 0;
	if (refused) {
		mutex_lock(&s->loop->lock);
		loop_tcp_refused(s, peer);
		mutex_unlock(&s->loop->lock);
	}
	return (ssize_t)len;
}

static ssize_t send_all(struct loop_sock *s, struct caller *c, struct socket_msg *m)
{
	uint64_t deadline = socket_deadline(c, s->sk.sndtimeo), connection;
	bool nonblock = m->flags & MSG_DONTWAIT;
	struct loop_sending sending;
	ssize_t total = 0, n = wait_connected(s, c, nonblock, deadline);

	if (!n)
		n = loop_take_controls(s, c, m, s->sk.family == AF_INET, &sending);
	if (n)
		return n;
	n = check_sending(s);
	struct loop_sock *peer = n ? NULL : peer_of(s, &connection);
	if (!n && !peer)
		n = -EPIPE;
	while (!n && m->uio->resid) {
		n = wait_room(s, peer, c, nonblock, deadline);
		if (!n)
			n = send_piece(s, peer, connection, m);
		if (n <= 0)
			break;
		total += n;
		n = 0;
	}
	loop_put(peer);
	if (total)
		loop_error_times(s, c, sending.times, (size_t)total);
	if (total && loop_sends_zerocopy(s, m))
		loop_error_zerocopy(s);
	return total ? total : n;
}

ssize_t loop_tcp_sendmsg(struct socket *sk, struct caller *c, struct socket_msg *m)
{
	struct loop_sock *s = loop_of(sk);

	if (m->flags & MSG_FASTOPEN && m->name_len && s->phase != SS_CONNECTED) {
		const struct sockaddr *a = (const struct sockaddr *)&m->name;
		int err = a->sa_family == AF_UNSPEC
			      ? -EOPNOTSUPP
			      : loop_tcp_connect(sk, c, a, m->name_len, m->flags & MSG_DONTWAIT);
		if (err)
			return err;
	}
	return send_all(s, c, m);
}

/* Receiving */

/* Where a read stands in the queue: at a byte of a piece. */
struct place {
	struct loop_chunk *k; /* NULL: at the end */
	size_t at;
	uint64_t pos; /* in the stream */
};

/* Goes on by so many bytes, which may lead into a later piece. */
static void go_on(struct loop_sock *s, struct place *p, size_t n)
{
	lock_assert_held(&s->lock);
	p->at += n;
	p->pos += n;
	while (p->k && p->at >= p->k->len) {
		p->at -= p->k->len;
		p->k = p->k->node.next == &s->queue
			   ? NULL
			   : list_first(&p->k->node, struct loop_chunk, node);
		p->at += p->k ? p->k->off : 0;
	}
}

/* The next byte that is unread, or that a peek has not seen. */
static struct place first_place(struct loop_sock *s, bool peek)
{
	lock_assert_held(&s->lock);
	struct place p = { .pos = s->read_pos };
	int off = s->sk.peek_off;

	if (!list_empty(&s->queue))
		p.k = list_first(&s->queue, struct loop_chunk, node);
	p.at = p.k ? p.k->off : 0;
	go_on(s, &p, peek && off > 0 ? (size_t)off : 0);
	return p;
}

/* A read is done with so many bytes: a peek goes past them, others take them off the queue. */
static void pass(struct loop_sock *s, struct place *p, size_t n, bool peek)
{
	lock_assert_held(&s->lock);
	if (peek) {
		go_on(s, p, n);
		return;
	}
	consume(s, p->pos + n - s->read_pos);
	*p = first_place(s, false);
}

/* Copies bytes of a piece to the guest, all or not, with the lock given up that senders need: none
 * of them waits for the receiver's memory. Other reads wait for read_lock meanwhile. True: the
 * piece is still in the queue. It is not when the connection was given up, or when an urgent byte
 * that was all of it is not urgent any more. */
static bool copy_out(struct loop_sock *s, struct socket_msg *m, const struct place *p, size_t n,
		     bool *whole)
{
	lock_assert_held(&s->read_lock);
	s->reading = p->k;
	mutex_unlock(&s->lock);
	*whole = uio_put(m->uio, p->k->data + p->at, n) == n;
	mutex_lock(&s->lock);
	bool there = s->reading;
	s->reading = NULL;
	if (!there)
		loop_chunk_free(s, p->k);
	return there;
}

/* Copies what is there, up to the urgent byte if that is not the first: bytes, or -EFAULT. Where it
 * is the first, it is left out, unless it is wanted among the others (SO_OOBINLINE). `some`: bytes
 * were copied before. */
static ssize_t copy_pieces(struct loop_sock *s, struct socket_msg *m, bool some)
{
	lock_assert_held(&s->lock);
	const bool peek = m->flags & MSG_PEEK;
	struct place p = first_place(s, peek);
	bool there = true, whole = true;
	size_t total = 0;

	while (there && m->uio->resid && p.k) {
		size_t left = p.k->len - p.at, n = left < m->uio->resid ? left : m->uio->resid;

		if (s->urgent && s->urgent_pos == p.pos) {
			if (some || total)
				break;
			if (!socket_flag(&s->sk, SO_OOBINLINE)) {
				pass(s, &p, 1, peek);
				continue;
			}
		} else if (s->urgent && s->urgent_pos > p.pos && s->urgent_pos - p.pos < n) {
			n = (size_t)(s->urgent_pos - p.pos);
		}
		if (m->flags & MSG_TRUNC)
			uio_advance(m->uio, n);
		else
			there = copy_out(s, m, &p, n, &whole);
		if (!whole)
			return total ? (ssize_t)total : -EFAULT;
		total += n;
		socket_move_peek(&s->sk, n, peek);
		if (there)
			pass(s, &p, n, peek);
	}
	return (ssize_t)total;
}

/* The same when no other read is at it. */
static ssize_t copy_queue(struct loop_sock *s, struct socket_msg *m, bool some)
{
	lock_assert_held(&s->lock);
	if (list_empty(&s->queue))
		return 0;
	mutex_unlock(&s->lock);
	mutex_lock(&s->read_lock);
	mutex_lock(&s->lock);
	ssize_t n = copy_pieces(s, m, some);
	mutex_unlock(&s->read_lock);
	return n;
}

/* Linux: tcp_recv_urg. */
static ssize_t receive_urgent(struct loop_sock *s, struct socket_msg *m)
{
	mutex_lock(&s->lock);
	bool there = s->urgent == URGENT_VALID && !socket_flag(&s->sk, SO_OOBINLINE);
	unsigned char byte = s->urgent_byte;
	if (there && !(m->flags & MSG_PEEK))
		s->urgent = URGENT_READ;
	mutex_unlock(&s->lock);
	if (!there)
		return -EINVAL;
	m->out_flags |= MSG_OOB;
	if (!m->uio->resid) {
		m->out_flags |= MSG_TRUNC;
		return 0;
	}
	if (!(m->flags & MSG_TRUNC) && uio_put(m->uio, &byte, 1) < 1)
		return -EFAULT;
	return 1;
}

/* Nothing more is there: 1: it may come; 0: the end; -errno. `some`: bytes were copied before. */
static int stream_end(struct loop_sock *s, bool some)
{
	lock_assert_held(&s->lock);
	if (some)
		return !(s->err || s->state == TCP_CLOSE || s->shutdown & RCV_SHUTDOWN);
	if (s->done)
		return 0;
	if (s->err)
		return -atomic_exchange(&s->err, 0);
	if (s->shutdown & RCV_SHUTDOWN)
		return 0;
	return s->state == TCP_CLOSE || s->state == TCP_LISTEN ? -ENOTCONN : 1;
}

/* How many bytes a call waits for. */
static size_t wanted(const struct loop_sock *s, const struct socket_msg *m, size_t before)
{
	size_t all = m->uio->resid + before;
	size_t want = m->flags & MSG_WAITALL ? all : s->sk.rcvlowat;

	want = want < all ? want : all;
	return want > before ? want - before : 0;
}

/* Is there room now for a sender who found none? It is told once. */
static bool takes_room(struct loop_sock *s)
{
	lock_assert_held(&s->lock);
	if (!s->room_at || s->queued > s->room_at)
		return false;
	s->room_at = 0;
	return true;
}

/* Whoever waits for room in our queue has it. */
static void tell_room(struct loop_sock *s)
{
	uint64_t connection;
	struct loop_sock *peer = peer_of(s, &connection);

	if (peer)
		loop_wake(peer, POLL_SEND);
	loop_put(peer);
}

ssize_t loop_tcp_recvmsg(struct socket *sk, struct caller *c, struct socket_msg *m)
{
	struct loop_sock *s = loop_of(sk);
	uint64_t deadline = socket_deadline(c, sk->rcvtimeo);
	size_t want = wanted(s, m, c->done), copied = 0;
	struct waiter w;
	ssize_t r;

	if (m->flags & MSG_ERRQUEUE)
		return loop_error_recvmsg(s, m);
	m->control_len = 0;
	if (m->flags & MSG_OOB)
		return s->state == TCP_LISTEN ? -ENOTCONN : receive_urgent(s, m);
	waiter_init(&w, c->sleeper);
	mutex_lock(&s->lock);
	for (;;) {
		r = copy_queue(s, m, copied || c->done);
		if (r > 0)
			copied += (size_t)r;
		if (r < 0 || (copied >= want && (copied || c->done || !m->uio->resid)) ||
		    (copied && (m->flags & MSG_PEEK || loop_at_mark(s))))
			break;
		r = stream_end(s, copied);
		if (r <= 0)
			break;
		if (takes_room(s)) {
			mutex_unlock(&s->lock);
			tell_room(s);
			mutex_lock(&s->lock);
			continue;
		}
		r = loop_sleep(s, &s->lock, &w, POLL_READ, m->flags & MSG_DONTWAIT, deadline);
		if (r)
			break;
	}
	bool room = takes_room(s);
	mutex_unlock(&s->lock);
	waitqueue_remove(&w);
	if (room)
		tell_room(s);
	return copied ? (ssize_t)copied : r;
}
