/* SPDX-License-Identifier: Apache-2.0 */
/* Receives from unix sockets: streams, datagrams, and what comes with the data, such as descriptors
 * (unix(7)). See unix_sock.h for the locks. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "net/unix_sock.h"

/* What goes with the data: the sender's name, credentials, descriptors. */
static void receive_name(struct socket_msg *sm, struct unix_sock *sender)
{
	/* it may get its name now: before or after, either is right */
	const struct unix_addr *a = sender->addr;

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
	return a->has_cred == b->has_cred &&
	       (!a->has_cred || !memcmp(&a->cred, &b->cred, sizeof a->cred));
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
	size_t skip;   /* how much of what comes next a peek passes over (SO_PEEK_OFF) */
	size_t before; /* copied by the same call before it was frozen */
	bool begun;    /* a message was looked at, if only for what goes with it */
	bool stop;
};

/* MSG_PEEK makes new references to files in messages: not while a collection goes on. read_lock is
 * held all along, but for sleeps. */
static void receive_lock(struct receive *r)
{
	if (r->sm->flags & MSG_PEEK)
		mutex_lock(&r->u->domain->gc_lock);
	mutex_lock(&r->u->lock);
}

static void receive_unlock(struct receive *r)
{
	mutex_unlock(&r->u->lock);
	if (r->sm->flags & MSG_PEEK)
		mutex_unlock(&r->u->domain->gc_lock);
}

/* Copies to the guest with the locks given up that senders need: none of them waits for the
 * receiver's memory. A message stays where it is meanwhile, because read_lock is held. */
static bool receive_copy(struct receive *r, const void *from, size_t n)
{
	receive_unlock(r);
	bool whole = uio_put(r->sm->uio, from, n) == n;
	receive_lock(r);
	return whole;
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
	mutex_unlock(&r->u->read_lock);
	int err = sleeper_wait(r->w.sleeper, r->deadline);
	mutex_lock(&r->u->read_lock);
	receive_lock(r);
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

static void receive_begin(struct receive *r, struct unix_sock *u, struct caller *c,
			  struct socket_msg *sm)
{
	*r = (struct receive){ .u = u, .sm = sm, .deadline = socket_deadline(c, u->sk.rcvtimeo) };
	r->before = c->done;
	r->begun = sm->begun;
	list_init(&r->done);
	waiter_init(&r->w, c->sleeper);
	mutex_lock(&u->read_lock);
	receive_lock(r);
}

static void receive_end(struct receive *r)
{
	struct unix_domain *d = r->u->domain;

	receive_unlock(r);
	mutex_unlock(&r->u->read_lock);
	waitqueue_remove(&r->w);
	unix_files_arrive(d, &r->sm->scm, &r->files);
	while (!list_empty(&r->done)) {
		struct unix_msg *m = list_first(&r->done, struct unix_msg, node);
		list_del(&m->node);
		unix_free_message(d, m);
	}
}

/* Takes the descriptors of a message, or copies of them. */
static int receive_files(struct receive *r, struct unix_msg *m)
{
	lock_assert_held(&r->u->lock);
	if (r->sm->flags & MSG_PEEK)
		return m->scm.files && !r->sm->scm.files ? unix_files_copy(&r->sm->scm, &m->scm)
							 : 0;
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

/* Copies from a message of a stream: 0 or -errno. */
static int stream_copy(struct receive *r, struct unix_msg *m)
{
	lock_assert_held(&r->u->lock);
	struct uio *to = r->sm->uio;
	size_t left = m->len - m->off - r->skip, n = left < to->resid ? left : to->resid;

	r->begun = true;
	if (!receive_copy(r, m->data + m->off + r->skip, n))
		return -EFAULT;
	r->copied += n;
	r->skip = 0;
	socket_move_peek(&r->u->sk, n, r->sm->flags & MSG_PEEK);
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

/* How much of what is unread a call passes over. */
static size_t peek_skip(const struct receive *r)
{
	int off = r->u->sk.peek_off;

	return r->sm->flags & MSG_PEEK && off > 0 ? (size_t)off : 0;
}

/* Reads what is there, up to the end of the buffers or to where one read must end. */
static int stream_read_queue(struct receive *r)
{
	lock_assert_held(&r->u->lock);
	bool passcred = socket_flag(&r->u->sk, SO_PASSCRED);
	struct list *at = r->u->queue.next;
	int err = 0;

	r->skip = peek_skip(r);
	while (at != &r->u->queue) {
		struct unix_msg *m = container_of(at, struct unix_msg, node);
		if (r->skip && r->skip >= m->len - m->off) {
			r->skip -= m->len - m->off;
			at = at->next;
			continue;
		}
		if (r->begun && passcred && !same_cred(&r->sm->scm, &m->scm))
			r->stop = true;
		if (r->stop || err || (r->begun && !r->sm->uio->resid))
			break;
		if (!r->begun) {
			receive_name(r->sm, m->sender);
			receive_cred(r->sm, m);
		}
		err = stream_copy(r, m);
		/* The lock was given up: what comes next may just have been sent. */
		at = r->sm->flags & MSG_PEEK ? m->node.next : r->u->queue.next;
	}
	return err;
}

/* Nothing (more) is in the queue: 1: it may come. 0: the end. */
static int stream_end(struct unix_sock *u)
{
	lock_assert_held(&u->lock);
	int err = -u->err;

	if (err) {
		u->err = 0;
		return err;
	}
	return u->shutdown & RCV_SHUTDOWN ? 0 : 1;
}

/* Fills the buffers, waiting as the flags say: 0 or -errno, which does not matter once something
 * was copied. */
static int stream_receive(struct receive *r)
{
	unsigned flags = r->sm->flags;
	size_t resid = r->sm->uio->resid + r->before,
	       want = flags & MSG_WAITALL ? resid : r->u->sk.rcvlowat;

	if (want > resid)
		want = resid;
	want -= want < r->before ? want : r->before;
	for (;;) {
		bool empty = list_empty(&r->u->queue);
		int err = stream_read_queue(r);
		if (err || r->stop || (!empty && r->copied >= want) ||
		    (r->copied && flags & MSG_PEEK))
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
	if (!r.copied && !r.before)
		/* the end of a stream comes from nobody: with zeros, as Linux gives it */
		sm->scm.has_cred = true;
	return r.copied ? (ssize_t)r.copied : err;
}

/* The message that a call gets, from r->skip on; NULL: none. */
static struct unix_msg *dgram_pick(struct receive *r)
{
	lock_assert_held(&r->u->lock);
	struct unix_msg *m;

	r->skip = peek_skip(r);
	list_for_each (m, &r->u->queue, node) {
		if (!(r->sm->flags & MSG_PEEK) ||
		    !socket_peek_passes(&r->u->sk, m->len, r->skip, m->peeked))
			return m;
		r->skip -= m->len;
	}
	return NULL;
}

/* Waits for a datagram: 1, 0 at the end (nothing will come), -errno. */
static int dgram_wait(struct receive *r)
{
	lock_assert_held(&r->u->lock);
	struct unix_sock *u = r->u;

	for (;;) {
		if (u->err) {
			int err = -u->err;
			u->err = 0;
			return err;
		}
		if (dgram_pick(r))
			return 1;
		if (u->shutdown & RCV_SHUTDOWN &&
		    (!unix_is_dgram(u) || !(r->sm->flags & MSG_DONTWAIT)))
			return 0;
		int err = receive_sleep(r);
		if (err)
			return err;
	}
}

/* A queue that was full has room again. */
static void wake_room(struct unix_sock *u)
{
	lock_assert_held(&u->lock);
	struct unix_sock *s;

	waitqueue_wake_all(&u->room, 0);
	list_for_each (s, &u->senders, sender_node)
		waitqueue_wake_all(&s->wait, POLL_SEND);
}

/* Takes the first message, or looks at the next: its length, or what was copied of it. A message
 * that cannot be copied is lost, as on Linux. */
static ssize_t dgram_take(struct receive *r)
{
	lock_assert_held(&r->u->lock);
	struct unix_msg *m = dgram_pick(r);
	struct socket_msg *sm = r->sm;
	size_t left = m->len - r->skip, n = left < sm->uio->resid ? left : sm->uio->resid;
	int err = receive_copy(r, m->data + r->skip, n) ? 0 : -EFAULT;
	bool was_full = r->u->queue_len > r->u->backlog;

	if (!err)
		err = receive_files(r, m);
	if (!err) {
		receive_name(sm, m->sender);
		receive_cred(sm, m);
		sm->scm.when = m->scm.when;
	}
	if (left > n)
		sm->out_flags |= MSG_TRUNC;
	ssize_t result = sm->flags & MSG_TRUNC ? left : n;
	if (!err)
		socket_move_peek(&r->u->sk, sm->flags & MSG_PEEK ? n : m->len,
				 sm->flags & MSG_PEEK);
	if (sm->flags & MSG_PEEK) {
		m->peeked |= !m->len;
	} else {
		receive_dequeue(r, m);
		if (was_full)
			wake_room(r->u);
	}
	return err ? err : result;
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
	sm->no_message = n == 0;
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
