/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages. A stream is a queue of messages, too: one a send (or a piece of a long one), read as bytes, but never past
 * one that carries descriptors. What is queued is charged to its sender's buffer, as on Linux; a charge is what the
 * message would cost there, so that a program finds about the limits it knows.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net/unix_sock.h"

#define POLL_READ  (POLLIN | POLLRDNORM)
#define POLL_WRITE (POLLOUT | POLLWRNORM | POLLWRBAND)

#define MSG_OVERHEAD   576U   /* Linux: struct sk_buff and struct skb_shared_info */
#define STREAM_PIECE   32768U /* the most of a stream that one message takes */
#define DGRAM_OVERHEAD 32U    /* of sndbuf, not available to data (unix_dgram_sendmsg) */

static unsigned msg_charge(size_t len)
{
	return (unsigned)((len + 63) & ~63UL) + MSG_OVERHEAD;
}

/* Freeing */

static void uncharge(struct unix_msg *m)
{
	struct unix_sock *s = m->sender;
	unsigned before = atomic_fetch_sub(&s->wmem, m->charge);

	if (before * 4 > s->sk.sndbuf && unix_writable(s))
		waitqueue_wake_all(&s->wait, POLL_WRITE);
}

static void msg_free(struct unix_domain *d, struct unix_msg *m)
{
	struct scm arrived = { 0 };

	unix_files_arrive(d, &arrived, &m->scm);
	uncharge(m);
	unix_put(m->sender);
	free(m);
	scm_release(&arrived);
}

static struct unix_msg *next_dead(struct unix_domain *d)
{
	struct unix_msg *m = NULL;

	pthread_mutex_lock(&d->dead_lock);
	if (list_empty(&d->dead)) {
		d->draining = false;
	} else {
		m = list_first(&d->dead, struct unix_msg, node);
		list_del(&m->node);
	}
	pthread_mutex_unlock(&d->dead_lock);
	return m;
}

/* Freeing a message may release a socket whose queue comes here in turn: that call only adds to the list that the
 * outer one is working on. */
void unix_free_messages(struct unix_domain *d, struct list *list)
{
	struct unix_msg *m;

	if (list_empty(list))
		return;
	pthread_mutex_lock(&d->dead_lock);
	list_splice_tail(&d->dead, list);
	bool mine = !d->draining;
	d->draining = true;
	pthread_mutex_unlock(&d->dead_lock);
	while (mine && (m = next_dead(d)))
		msg_free(d, m);
}

static void free_one(struct unix_domain *d, struct unix_msg *m)
{
	struct list one;

	if (!m->scm.files) {
		msg_free(d, m);
		return;
	}
	list_init(&one);
	list_add(&one, &m->node);
	unix_free_messages(d, &one);
}

/* Sending */

/* Waits until the send buffer has room: 0, -EAGAIN, -EINTR, -EPIPE, the socket's error. */
static int wait_buffer(struct unix_sock *u, struct caller *c, bool nonblock, uint64_t deadline)
{
	struct waiter w;
	int err = 0;

	waiter_init(&w, c->sleeper);
	pthread_mutex_lock(&u->lock);
	for (;;) {
		if (u->err) {
			err = -u->err;
			u->err = 0;
		} else if (u->shutdown & SEND_SHUTDOWN) {
			err = -EPIPE;
		}
		if (err || u->wmem < u->sk.sndbuf)
			break;
		err = nonblock ? -EAGAIN : unix_sleep(u, &u->wait, &w, POLL_WRITE, deadline);
		if (err)
			break;
	}
	pthread_mutex_unlock(&u->lock);
	waitqueue_remove(&w);
	return err;
}

/* A message with the next `len` bytes of the call, charged. */
static int msg_new(struct unix_sock *u, struct uio *from, size_t len, struct unix_msg **out)
{
	struct unix_msg *m = malloc(sizeof(*m) + len);

	if (!m)
		return -ENOBUFS;
	*m = (struct unix_msg){ .len = len };
	if (uio_take(from, m->data, len) < len) {
		free(m);
		return -EFAULT;
	}
	list_init(&m->node);
	m->sender = unix_get(u);
	m->charge = msg_charge(len);
	atomic_fetch_add(&u->wmem, m->charge);
	*out = m;
	return 0;
}

/* SO_PASSCRED on either side puts the sender's credentials on a message that has none (Linux: maybe_add_creds). */
static void add_cred(struct unix_msg *m, struct unix_sock *u, struct unix_sock *other, const struct socket_msg *sm,
		     struct caller *c)
{
	m->scm.has_cred = sm->scm.has_cred;
	m->scm.cred = sm->scm.cred;
	if (!m->scm.has_cred && (socket_flag(&u->sk, SO_PASSCRED) || socket_flag(&other->sk, SO_PASSCRED))) {
		m->scm.has_cred = true;
		m->scm.cred = (struct ucred){ .pid = c->tgid, .uid = c->cred->uid, .gid = c->cred->gid };
	}
}

/* Builds the next message of a call, with its descriptors and credentials. */
static int msg_build(struct unix_sock *u, struct unix_sock *other, struct caller *c, struct socket_msg *sm, size_t len,
		     struct unix_msg **out)
{
	int err = msg_new(u, sm->uio, len, out);

	if (err)
		return err;
	add_cred(*out, u, other, sm, c);
	err = unix_files_depart(u->domain, &(*out)->scm, &sm->scm);
	if (err)
		free_one(u->domain, *out);
	return err;
}

static void enqueue(struct unix_sock *other, struct unix_msg *m)
{
	/* other->lock held */
	list_add_tail(&other->queue, &m->node);
	other->queue_len++;
	other->queue_bytes += m->len;
}

static int stream_deliver(struct unix_sock *other, struct unix_msg *m)
{
	pthread_mutex_lock(&other->lock);
	bool gone = other->dead || other->shutdown & RCV_SHUTDOWN;
	if (!gone)
		enqueue(other, m);
	pthread_mutex_unlock(&other->lock);
	if (gone)
		return -EPIPE;
	waitqueue_wake_all(&other->wait, POLL_READ);
	return 0;
}

/* Sends the next piece: bytes or -errno. */
static ssize_t stream_send_piece(struct unix_sock *u, struct unix_sock *peer, struct caller *c, struct socket_msg *sm,
				 uint64_t deadline)
{
	size_t max = u->sk.sndbuf / 2 - 64 < STREAM_PIECE ? u->sk.sndbuf / 2 - 64 : STREAM_PIECE;
	size_t len = sm->uio->resid < max ? sm->uio->resid : max;
	struct unix_msg *m;

	int err = wait_buffer(u, c, sm->flags & MSG_DONTWAIT, deadline);
	if (!err)
		err = msg_build(u, peer, c, sm, len, &m);
	if (err)
		return err;
	err = stream_deliver(peer, m);
	if (err)
		free_one(u->domain, m);
	return err ?: (ssize_t)len;
}

/* The peer of a connected stream, a reference, and whether it may be sent to. */
static int stream_peer(struct unix_sock *u, const struct socket_msg *sm, struct unix_sock **out)
{
	int err = 0;

	pthread_mutex_lock(&u->lock);
	if (sm->name_len)
		err = u->state == UNIX_ESTABLISHED ? -EISCONN : -EOPNOTSUPP;
	else if (!u->peer)
		err = -ENOTCONN;
	else if (u->shutdown & SEND_SHUTDOWN)
		err = -EPIPE;
	else
		*out = unix_get(u->peer);
	pthread_mutex_unlock(&u->lock);
	return err;
}

static ssize_t stream_send(struct unix_sock *u, struct caller *c, struct socket_msg *sm)
{
	uint64_t deadline = socket_deadline(u->sk.sndtimeo);
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
	return total ?: n;
}

bool unix_queue_full(const struct unix_sock *u, const struct unix_sock *other)
{
	return u != other && other->peer != u && other->queue_len > other->backlog;
}

/* To whom a datagram goes, a reference. */
static int dgram_target(struct unix_sock *u, struct caller *c, struct socket_msg *sm, struct unix_sock **out)
{
	const struct sockaddr *name = (const struct sockaddr *)&sm->name;

	if (unix_is_dgram(u) && sm->name_len) {
		int err = unix_check_addr(name, sm->name_len);
		if (err)
			return err;
		return unix_find(u->domain, c, (const struct sockaddr_un *)(const void *)name, sm->name_len, SOCK_DGRAM,
				 out);
	}
	pthread_mutex_lock(&u->lock);
	*out = u->peer ? unix_get(u->peer) : NULL;
	pthread_mutex_unlock(&u->lock);
	return *out ? 0 : -ENOTCONN;
}

/* other->lock held: may the message go in now? 1: the queue is full. */
static int dgram_admit(struct unix_sock *u, struct unix_sock *other)
{
	if (!unix_may_send(u, other))
		return -EPERM;
	if (other->dead)
		return unix_is_dgram(u) ? -ECONNREFUSED : -EPIPE;
	if (other->shutdown & RCV_SHUTDOWN)
		return -EPIPE;
	return unix_queue_full(u, other);
}

static int dgram_deliver(struct unix_sock *u, struct unix_sock *other, struct caller *c, struct unix_msg *m,
			 bool nonblock, uint64_t deadline)
{
	struct waiter w;
	int err;

	waiter_init(&w, c->sleeper);
	pthread_mutex_lock(&other->lock);
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
	pthread_mutex_unlock(&other->lock);
	waitqueue_remove(&w);
	if (!err)
		waitqueue_wake_all(&other->wait, POLL_READ);
	return err;
}

static ssize_t dgram_send_to(struct unix_sock *u, struct unix_sock *other, struct caller *c, struct socket_msg *sm)
{
	uint64_t deadline = socket_deadline(u->sk.sndtimeo);
	bool nonblock = sm->flags & MSG_DONTWAIT;
	size_t len = sm->uio->resid;
	struct unix_msg *m;

	int err = wait_buffer(u, c, nonblock, deadline);
	if (!err)
		err = msg_build(u, other, c, sm, len, &m);
	if (err)
		return err;
	err = dgram_deliver(u, other, c, m, nonblock, deadline);
	if (err)
		free_one(u->domain, m);
	if (err == -ECONNREFUSED && !sm->name_len)
		unix_dgram_disconnect(u);
	return err ?: (ssize_t)len;
}

static ssize_t dgram_send(struct unix_sock *u, struct caller *c, struct socket_msg *sm)
{
	struct unix_sock *other;

	if (socket_flag(&u->sk, SO_PASSCRED) && !u->addr && unix_is_dgram(u)) {
		int err = unix_autobind(u);
		if (err)
			return err;
	}
	if (sm->uio->resid > u->sk.sndbuf - DGRAM_OVERHEAD)
		return -EMSGSIZE;
	int err = dgram_target(u, c, sm, &other);
	if (err)
		return err;
	ssize_t n = dgram_send_to(u, other, c, sm);
	unix_put(other);
	return n;
}

ssize_t unix_sendmsg(struct socket *s, struct caller *c, struct socket_msg *sm)
{
	struct unix_sock *u = unix_of(s);

	if (sm->flags & MSG_OOB)
		return -EOPNOTSUPP;
	return unix_is_stream(u) ? stream_send(u, c, sm) : dgram_send(u, c, sm);
}

/* Receiving */

/* What goes with the data: the sender's name, credentials, descriptors. */
static void receive_name(struct socket_msg *sm, struct unix_sock *sender)
{
	const struct unix_addr *a = sender->addr; /* set once, before or after: either is right */

	if (!a)
		return;
	memcpy(&sm->name, a->bytes, a->len);
	sm->name_len = a->len;
}

static void receive_cred(struct socket_msg *sm, const struct unix_msg *m)
{
	sm->scm.has_cred = m->scm.has_cred;
	sm->scm.cred = m->scm.cred;
}

static bool same_cred(const struct scm *a, const struct scm *b)
{
	return a->has_cred == b->has_cred && (!a->has_cred || !memcmp(&a->cred, &b->cred, sizeof(a->cred)));
}

/* One receive in progress. */
struct receive {
	struct unix_sock *u;
	struct socket_msg *sm;
	struct waiter w;
	uint64_t deadline;
	struct scm files; /* taken off a message, still counted as in flight */
	struct list done; /* messages used up, to be freed without the lock */
	size_t copied;
	bool stop;
};

/* MSG_PEEK makes new references to files in messages: not while a collection goes on. */
static void receive_lock(struct receive *r)
{
	if (r->sm->flags & MSG_PEEK)
		pthread_mutex_lock(&r->u->domain->gc_lock);
	pthread_mutex_lock(&r->u->lock);
}

static void receive_unlock(struct receive *r)
{
	pthread_mutex_unlock(&r->u->lock);
	if (r->sm->flags & MSG_PEEK)
		pthread_mutex_unlock(&r->u->domain->gc_lock);
}

/* Sleeps, with the locks given up, until something may have come. */
static int receive_sleep(struct receive *r)
{
	if (r->sm->flags & MSG_DONTWAIT)
		return -EAGAIN;
	if (!r->w.queue) {
		r->w.events = POLL_READ;
		waitqueue_add(&r->u->wait, &r->w);
	}
	receive_unlock(r);
	int err = sleeper_wait(r->w.sleeper, r->deadline);
	receive_lock(r);
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

static void receive_begin(struct receive *r, struct unix_sock *u, struct caller *c, struct socket_msg *sm)
{
	*r = (struct receive){ .u = u, .sm = sm, .deadline = socket_deadline(u->sk.rcvtimeo) };
	list_init(&r->done);
	waiter_init(&r->w, c->sleeper);
	receive_lock(r);
}

static void receive_end(struct receive *r)
{
	struct unix_domain *d = r->u->domain;

	receive_unlock(r);
	waitqueue_remove(&r->w);
	unix_files_arrive(d, &r->sm->scm, &r->files);
	while (!list_empty(&r->done)) {
		struct unix_msg *m = list_first(&r->done, struct unix_msg, node);
		list_del(&m->node);
		free_one(d, m);
	}
}

/* Takes the descriptors of a message, or copies of them. Lock held. */
static int receive_files(struct receive *r, struct unix_msg *m)
{
	if (r->sm->flags & MSG_PEEK)
		return m->scm.files && !r->sm->scm.files ? unix_files_copy(&r->sm->scm, &m->scm) : 0;
	if (m->scm.files) {
		r->files.files = m->scm.files;
		m->scm.files = NULL;
	}
	return 0;
}

/* Takes a message off the queue; it is freed at the end. */
static void receive_dequeue(struct receive *r, struct unix_msg *m)
{
	list_del(&m->node);
	r->u->queue_len--;
	r->u->queue_bytes -= m->len - m->off;
	list_add_tail(&r->done, &m->node);
}

/* Copies from a message of a stream: 0 or -errno. Lock held. */
static int stream_copy(struct receive *r, struct unix_msg *m)
{
	struct uio *to = r->sm->uio;
	size_t left = m->len - m->off, n = left < to->resid ? left : to->resid;

	if (uio_put(to, m->data + m->off, n) < n)
		return -EFAULT;
	r->copied += n;
	r->stop = m->scm.files;
	int err = receive_files(r, m);
	if (err || r->sm->flags & MSG_PEEK)
		return err;
	m->off += n;
	r->u->queue_bytes -= n;
	if (m->off == m->len)
		receive_dequeue(r, m);
	return 0;
}

/* Reads what is there, up to the end of the buffers or to where one read must end. Lock held. */
static int stream_read_queue(struct receive *r)
{
	bool passcred = socket_flag(&r->u->sk, SO_PASSCRED);
	struct unix_msg *m, *next;
	int err = 0;

	list_for_each_safe (m, next, &r->u->queue, node) {
		if (r->copied && passcred && !same_cred(&r->sm->scm, &m->scm))
			r->stop = true;
		if (r->stop || err || !r->sm->uio->resid)
			break;
		if (!r->copied) {
			receive_name(r->sm, m->sender);
			receive_cred(r->sm, m);
		}
		err = stream_copy(r, m);
	}
	return err;
}

/* Nothing (more) is in the queue: 1: it may come. 0: the end. Lock held. */
static int stream_end(struct unix_sock *u)
{
	int err = -u->err;

	if (err) {
		u->err = 0;
		return err;
	}
	return u->shutdown & RCV_SHUTDOWN ? 0 : 1;
}

/* Fills the buffers, waiting as the flags say: 0 or -errno, which does not matter once something was copied. */
static int stream_receive(struct receive *r)
{
	unsigned flags = r->sm->flags;
	size_t resid = r->sm->uio->resid, want = flags & MSG_WAITALL ? resid : r->u->sk.rcvlowat;

	if (want > resid)
		want = resid;
	for (;;) {
		bool empty = list_empty(&r->u->queue);
		int err = stream_read_queue(r);
		if (err || r->stop || (!empty && r->copied >= want) || (r->copied && flags & MSG_PEEK))
			return err;
		err = stream_end(r->u);
		if (err <= 0)
			return err;
		err = receive_sleep(r);
		if (err)
			return err;
	}
}

static ssize_t stream_recv(struct unix_sock *u, struct caller *c, struct socket_msg *sm)
{
	struct receive r;

	receive_begin(&r, u, c, sm);
	int err = u->state == UNIX_ESTABLISHED ? stream_receive(&r) : -EINVAL;
	receive_end(&r);
	return r.copied ? (ssize_t)r.copied : err;
}

/* Waits for a datagram: 1, 0 at the end (nothing will come), -errno. Lock held. */
static int dgram_wait(struct receive *r)
{
	struct unix_sock *u = r->u;

	for (;;) {
		if (u->err) {
			int err = -u->err;
			u->err = 0;
			return err;
		}
		if (!list_empty(&u->queue))
			return 1;
		if (u->shutdown & RCV_SHUTDOWN && (!unix_is_dgram(u) || !(r->sm->flags & MSG_DONTWAIT)))
			return 0;
		int err = receive_sleep(r);
		if (err)
			return err;
	}
}

/* A queue that was full has room again. Lock held. */
static void wake_room(struct unix_sock *u)
{
	struct unix_sock *s;

	waitqueue_wake_all(&u->room, 0);
	list_for_each (s, &u->senders, sender_node)
		waitqueue_wake_all(&s->wait, POLL_WRITE);
}

/* Takes the first message: its length, or what was copied of it. A message that cannot be copied is lost, as on Linux.
 * Lock held. */
static ssize_t dgram_take(struct receive *r)
{
	struct unix_msg *m = list_first(&r->u->queue, struct unix_msg, node);
	struct socket_msg *sm = r->sm;
	size_t n = m->len < sm->uio->resid ? m->len : sm->uio->resid;
	bool was_full = r->u->queue_len > r->u->backlog;

	int err = uio_put(sm->uio, m->data, n) < n ? -EFAULT : 0;
	if (!err)
		err = receive_files(r, m);
	if (!err) {
		receive_name(sm, m->sender);
		receive_cred(sm, m);
	}
	if (m->len > n)
		sm->out_flags |= MSG_TRUNC;
	ssize_t result = sm->flags & MSG_TRUNC ? m->len : n;
	if (!(sm->flags & MSG_PEEK)) {
		receive_dequeue(r, m);
		if (was_full)
			wake_room(r->u);
	}
	return err ?: result;
}

static ssize_t dgram_recv(struct unix_sock *u, struct caller *c, struct socket_msg *sm)
{
	struct receive r;
	ssize_t n;

	receive_begin(&r, u, c, sm);
	if (!unix_is_dgram(u) && u->state != UNIX_ESTABLISHED)
		n = -ENOTCONN;
	else
		n = dgram_wait(&r);
	if (n > 0)
		n = dgram_take(&r);
	receive_end(&r);
	return n;
}

ssize_t unix_recvmsg(struct socket *s, struct caller *c, struct socket_msg *sm)
{
	struct unix_sock *u = unix_of(s);

	if (sm->flags & MSG_OOB)
		return unix_is_stream(u) ? -EINVAL : -EOPNOTSUPP;
	return unix_is_stream(u) ? stream_recv(u, c, sm) : dgram_recv(u, c, sm);
}

/* Bytes a read would find: of a datagram socket, in the first message. */
static int readable_bytes(struct unix_sock *u)
{
	size_t n = 0;

	pthread_mutex_lock(&u->lock);
	if (!unix_is_dgram(u))
		n = u->queue_bytes;
	else if (!list_empty(&u->queue))
		n = list_first(&u->queue, struct unix_msg, node)->len;
	bool listening = u->state == UNIX_LISTEN;
	pthread_mutex_unlock(&u->lock);
	return listening ? -EINVAL : (int)n;
}

int64_t unix_ioctl(struct socket *s, struct caller *c, struct mm *mm, unsigned cmd, uint64_t arg)
{
	struct unix_sock *u = unix_of(s);
	int n;

	switch (cmd) {
	case SIOCINQ: n = readable_bytes(u); break;
	case SIOCOUTQ: n = u->wmem; break;
	default: return -ENOTTY;
	}
	if (n < 0)
		return n;
	return copy_to_guest(mm, GVA(arg), &n, sizeof(n)) ? -EFAULT : 0;
}
