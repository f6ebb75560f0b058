/* SPDX-License-Identifier: Apache-2.0 */
/* Manages the life of a unix socket and its connections (unix(7)), after Linux's
 * net/unix/af_unix.c. See unix_sock.h for the locks, and for what is in the other files. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "net/unix_sock.h"
#include "cred/user_ns.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

void unix_put(struct unix_sock *u)
{
	if (!u || !ref_put(&u->refs))
		return;
	unix_addr_put(u->addr);
	waitqueue_destroy(&u->wait);
	waitqueue_destroy(&u->room);
	mutex_destroy(&u->read_lock);
	mutex_destroy(&u->lock);
	free(u);
}

/* Locks two sockets, which may be the same. */
static void unix_lock_two(struct unix_sock *a, struct unix_sock *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		mutex_lock(a < b ? &b->lock : &a->lock);
}

static void unix_unlock_two(struct unix_sock *a, struct unix_sock *b)
{
	mutex_unlock(&a->lock);
	if (a != b)
		mutex_unlock(&b->lock);
}

int unix_sleep(struct unix_sock *u, struct waitqueue *q, struct waiter *w, unsigned events,
	       uint64_t deadline)
{
	if (!w->queue)
		w->events = events;
	int err = waiter_sleep_unlocked(w, q, &u->lock, deadline);
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

/* Linux: unix_writable. */
bool unix_writable(const struct unix_sock *u)
{
	return u->state != UNIX_LISTEN && u->wmem * 4 <= u->sk.sndbuf;
}

bool unix_queue_full(const struct unix_sock *u, const struct unix_sock *other)
{
	lock_assert_held(&other->lock);
	return u != other && other->peer != u && other->queue_len > other->backlog;
}

static struct ucred unix_cred(struct caller *c)
{
	return (struct ucred){ .pid = c->tgid, .uid = c->cred->euid, .gid = c->cred->egid };
}

/* Life */

/* A new socket of the type, not connected; its file has one reference. */
static int unix_new(struct net *net, struct caller *c, int type, unsigned flags,
		    struct unix_sock **out)
{
	struct unix_sock *u = calloc(1, sizeof *u);

	if (!u)
		return -ENOMEM;
	socket_init(&u->sk, c, net, &unix_ops, AF_UNIX, type, 0, flags);
	ref_set(&u->refs, 1);
	u->domain = net->unix_domain;
	u->backlog = UNIX_MAX_QLEN;
	u->peer_cred = (struct ucred){ .pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	mutex_init(&u->read_lock, LOCK_UNIX_READ);
	mutex_init(&u->lock, LOCK_UNIX_SOCK);
	waitqueue_init(&u->wait);
	waitqueue_init(&u->room);
	list_init(&u->queue);
	list_init(&u->accept_queue);
	list_init(&u->senders);
	list_init(&u->accept_node);
	list_init(&u->sender_node);
	list_init(&u->name_node);
	list_init(&u->inflight_node);
	list_init(&u->gc_node);
	socket_publish(&u->sk);
	*out = u;
	return 0;
}

static int check_type(int *type, int protocol)
{
	if (protocol && protocol != PF_UNIX)
		return -EPROTONOSUPPORT;
	if (*type == SOCK_RAW) /* BSD's way to say it (Linux: unix_create) */
		*type = SOCK_DGRAM;
	return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET
		   ? 0
		   : -ESOCKTNOSUPPORT;
}

int unix_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		struct socket **out)
{
	struct unix_sock *u;
	int err = check_type(&type, protocol);

	if (!err)
		err = unix_new(net, c, type, flags, &u);
	if (!err)
		*out = &u->sk;
	return err;
}

int unix_create_pair(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		     struct socket *out[2])
{
	struct unix_sock *u[2];
	int err = check_type(&type, protocol);

	if (!err)
		err = unix_new(net, c, type, flags, &u[0]);
	if (err)
		return err;
	err = unix_new(net, c, type, flags, &u[1]);
	if (err) {
		file_put(&u[0]->sk.file);
		return err;
	}
	for (int i = 0; i < 2; i++) {
		u[i]->peer = unix_get(u[!i]);
		u[i]->state = UNIX_ESTABLISHED;
		u[i]->cred = u[i]->peer_cred = unix_cred(c);
		out[i] = &u[i]->sk;
	}
	return 0;
}

/* The other end of a connection learns that this one is gone. `reset`: what it sent was not
 * read. */
static void hang_up(struct unix_sock *peer, bool reset)
{
	mutex_lock(&peer->lock);
	peer->shutdown = SHUTDOWN_MASK;
	if (reset)
		peer->err = ECONNRESET;
	mutex_unlock(&peer->lock);
	waitqueue_wake_all(&peer->wait, 0);
}

void unix_dgram_disconnect(struct unix_sock *u)
{
	mutex_lock(&u->lock);
	struct unix_sock *peer = u->peer;
	u->peer = NULL;
	mutex_unlock(&u->lock);
	if (!peer)
		return;
	mutex_lock(&peer->lock);
	list_del(&u->sender_node);
	mutex_unlock(&peer->lock);
	unix_put(peer);
}

/* Those who are connected to a datagram socket that is gone: their next send fails. */
static void wake_senders(struct unix_sock *u)
{
	struct unix_sock *s;

	mutex_lock(&u->lock);
	list_for_each (s, &u->senders, sender_node)
		waitqueue_wake_all(&s->wait, POLL_SEND);
	mutex_unlock(&u->lock);
}

static void drop_peer(struct unix_sock *u, bool reset)
{
	if (unix_is_dgram(u)) {
		unix_dgram_disconnect(u);
		wake_senders(u);
		return;
	}
	mutex_lock(&u->lock);
	struct unix_sock *peer = u->peer;
	u->peer = NULL;
	mutex_unlock(&u->lock);
	if (peer)
		hang_up(peer, reset);
	unix_put(peer);
}

static void unix_release(struct socket *s)
{
	struct unix_sock *u = unix_of(s), *e;
	struct unix_domain *d = u->domain;
	struct list queue, accepted;

	unix_unbind(u);
	list_init(&queue);
	list_init(&accepted);
	mutex_lock(&u->lock);
	bool reset = u->embryo || !list_empty(&u->queue);
	u->dead = true;
	u->state = UNIX_CLOSE;
	u->shutdown = SHUTDOWN_MASK;
	list_splice_tail(&queue, &u->queue);
	list_splice_tail(&accepted, &u->accept_queue);
	mutex_unlock(&u->lock);

	waitqueue_wake_all(&u->room, 0);
	drop_peer(u, reset);
	while (!list_empty(&accepted)) {
		e = list_first(&accepted, struct unix_sock, accept_node);
		list_del(&e->accept_node);
		mutex_lock(&e->lock);
		e->listener = NULL;
		mutex_unlock(&e->lock);
		file_put(&e->sk.file);
	}
	unix_free_messages(d, &queue);
	unix_put(u);
	unix_collect(d);
}

struct unix_domain *unix_domain_new(struct mm_host *mem)
{
	struct unix_domain *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->mem = mem;
	mutex_init(&d->names_lock, LOCK_UNIX_NAMES);
	mutex_init(&d->gc_lock, LOCK_UNIX_GC);
	mutex_init(&d->dead_lock, LOCK_UNIX_DEAD);
	for (int i = 0; i < UNIX_NAME_BUCKETS; i++)
		list_init(&d->names[i]);
	list_init(&d->inflight);
	list_init(&d->dead);
	return d;
}

void unix_domain_free(struct unix_domain *d)
{
	unix_collect(d);
	mutex_destroy(&d->names_lock);
	mutex_destroy(&d->gc_lock);
	mutex_destroy(&d->dead_lock);
	free(d);
}

/* Names and connections */

static int unix_bind(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len)
{
	struct unix_sock *u = unix_of(s);

	if (len == offsetof(struct sockaddr_un, sun_path) && a->sa_family == AF_UNIX)
		return unix_autobind(u);
	int err = unix_check_addr(a, len);
	if (err)
		return err;
	mutex_lock(&u->lock);
	bool bound = u->addr;
	mutex_unlock(&u->lock);
	return bound ? -EINVAL
		     : unix_bind_name(u, c, (const struct sockaddr_un *)(const void *)a, len);
}

static int unix_listen(struct socket *s, struct caller *c, unsigned backlog)
{
	unsigned most = net_sysctl("core/somaxconn", SOCKET_SOMAXCONN);
	struct unix_sock *u = unix_of(s);
	int err = 0;

	if (unix_is_dgram(u))
		return -EOPNOTSUPP;
	mutex_lock(&u->lock);
	if (!u->addr || u->state == UNIX_ESTABLISHED)
		err = -EINVAL;
	bool more = !err && u->state == UNIX_LISTEN && backlog > u->backlog;
	if (!err) {
		u->backlog = backlog < most ? backlog : most;
		u->state = UNIX_LISTEN;
		u->cred = u->peer_cred = unix_cred(c);
	}
	mutex_unlock(&u->lock);
	if (more)
		waitqueue_wake_all(&u->room, 0);
	return err;
}

/* Makes the pair. The embryo is not seen by anybody yet. */
static void establish(struct unix_sock *u, struct unix_sock *listener, struct unix_sock *embryo,
		      struct caller *c)
{
	lock_assert_held(&u->lock);
	lock_assert_held(&listener->lock);
	embryo->embryo = true;
	embryo->state = UNIX_ESTABLISHED;
	embryo->peer = unix_get(u);
	embryo->addr = unix_addr_get(listener->addr);
	embryo->listener = listener;
	embryo->cred = listener->cred;
	embryo->peer_cred = u->cred = unix_cred(c);
	embryo->sk.flags = listener->sk.flags & 1UL << SO_PASSCRED;
	u->peer = unix_get(embryo);
	u->peer_cred = listener->cred;
	u->state = UNIX_ESTABLISHED;
	list_add_tail(&listener->accept_queue, &embryo->accept_node);
	listener->accept_len++;
}

/* One try: 0; -errno; 1: the listener's queue was full, and has room now, or things have changed
 * (Linux: unix_wait_for_peer). */
static int try_connect(struct unix_sock *u, struct unix_sock *listener, struct unix_sock *embryo,
		       struct caller *c, bool nonblock, uint64_t deadline)
{
	struct waiter w;
	int err = 0;

	unix_lock_two(u, listener);
	if (u->state != UNIX_CLOSE) {
		err = u->state == UNIX_LISTEN ? -EINVAL : -EISCONN;
	} else if (listener->state != UNIX_LISTEN || listener->shutdown & RCV_SHUTDOWN) {
		err = -ECONNREFUSED;
	} else if (listener->accept_len > listener->backlog) {
		mutex_unlock(&u->lock);
		waiter_init(&w, c->sleeper);
		err = nonblock ? -EAGAIN : unix_sleep(listener, &listener->room, &w, 0, deadline);
		mutex_unlock(&listener->lock);
		waitqueue_remove(&w);
		return err ? err : 1;
	} else {
		establish(u, listener, embryo, c);
	}
	unix_unlock_two(u, listener);
	if (!err)
		waitqueue_wake(&listener->wait, POLL_READ, 1);
	return err;
}

static int connect_stream(struct unix_sock *u, struct caller *c, const struct sockaddr_un *a,
			  unsigned len, bool nonblock)
{
	uint64_t deadline = socket_deadline(c, u->sk.sndtimeo);
	struct unix_sock *listener, *embryo;

	int r = unix_new(u->sk.net, c, u->sk.type, 0, &embryo);
	if (r)
		return r;
	do {
		r = unix_find(u->sk.net, c, a, len, u->sk.type, &listener);
		if (r)
			break;
		r = try_connect(u, listener, embryo, c, nonblock, deadline);
		unix_put(listener);
	} while (r > 0); /* looks for the listener again: it may be another one */
	if (r)
		file_put(&embryo->sk.file);
	return r;
}

/* What a socket that changes its peer has received is not from the new one (Linux:
 * unix_dgram_disconnected). */
static void purge_queue(struct unix_sock *u)
{
	struct list queue;

	list_init(&queue);
	mutex_lock(&u->read_lock);
	mutex_lock(&u->lock);
	list_splice_tail(&queue, &u->queue);
	u->queue_len = 0;
	u->queue_bytes = 0;
	mutex_unlock(&u->lock);
	mutex_unlock(&u->read_lock);
	unix_free_messages(u->domain, &queue);
}

static int connect_dgram(struct unix_sock *u, struct caller *c, const struct sockaddr_un *a,
			 unsigned len)
{
	struct unix_sock *other;
	int err = unix_find(u->sk.net, c, a, len, SOCK_DGRAM, &other);
	if (err)
		return err;
	mutex_lock(&other->lock);
	if (!unix_may_send(u, other))
		err = -EPERM;
	mutex_unlock(&other->lock);
	if (err) {
		unix_put(other);
		return err;
	}
	mutex_lock(&u->lock);
	bool had_peer = u->peer && u->peer != other;
	mutex_unlock(&u->lock);
	unix_dgram_disconnect(u);
	if (had_peer)
		purge_queue(u);
	unix_lock_two(u, other);
	if (!u->peer) {
		u->peer = unix_get(other);
		list_add_tail(&other->senders, &u->sender_node);
	}
	unix_unlock_two(u, other);
	unix_put(other);
	return 0;
}

static int unix_connect(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len,
			bool nonblock)
{
	struct unix_sock *u = unix_of(s);
	const struct sockaddr_un *name = (const struct sockaddr_un *)(const void *)a;

	if (len < sizeof a->sa_family)
		return -EINVAL;
	if (unix_is_dgram(u) && a->sa_family == AF_UNSPEC) {
		unix_dgram_disconnect(u);
		purge_queue(u);
		return 0;
	}
	int err = unix_check_addr(a, len);
	if (!err && socket_flag(s, SO_PASSCRED) && !u->addr)
		err = unix_autobind(u);
	if (err)
		return err;
	return unix_is_dgram(u) ? connect_dgram(u, c, name, len)
				: connect_stream(u, c, name, len, nonblock);
}

/* Takes the oldest connection. Waits for one exclusively. */
static int wait_embryo(struct unix_sock *u, struct waiter *w, bool nonblock, uint64_t deadline)
{
	lock_assert_held(&u->lock);
	for (;;) {
		if (u->state != UNIX_LISTEN)
			return -EINVAL;
		if (!list_empty(&u->accept_queue))
			return 0;
		if (u->shutdown & RCV_SHUTDOWN)
			return -EINVAL;
		if (nonblock)
			return -EAGAIN;
		int err = unix_sleep(u, &u->wait, w, POLL_READ, deadline);
		if (err)
			return err;
	}
}

static int put_addr(const struct unix_addr *a, struct sockaddr_storage *out)
{
	if (!a) {
		out->ss_family = AF_UNIX;
		return sizeof out->ss_family;
	}
	memcpy(out, a->bytes, a->len);
	return a->len;
}

static int unix_getname(struct socket *s, bool peer, struct sockaddr_storage *out)
{
	struct unix_sock *u = unix_of(s), *of = unix_get(u);

	if (peer) {
		mutex_lock(&u->lock);
		of = u->peer ? unix_get(u->peer) : NULL;
		mutex_unlock(&u->lock);
		unix_put(u);
	}
	if (!of)
		return -ENOTCONN;
	mutex_lock(&of->lock);
	int len = put_addr(of->addr, out);
	mutex_unlock(&of->lock);
	unix_put(of);
	return len;
}

static int unix_accept(struct socket *s, struct caller *c, bool nonblock,
		       struct sockaddr_storage *peer, struct socket **out)
{
	struct unix_sock *u = unix_of(s), *e = NULL;
	uint64_t deadline = socket_deadline(c, s->rcvtimeo);
	struct waiter w;

	if (unix_is_dgram(u))
		return -EOPNOTSUPP;
	waiter_init(&w, c->sleeper);
	w.exclusive = true;
	mutex_lock(&u->lock);
	int err = wait_embryo(u, &w, nonblock, deadline);
	if (!err) {
		e = list_first(&u->accept_queue, struct unix_sock, accept_node);
		list_del(&e->accept_node);
		u->accept_len--;
	}
	bool more = w.queue && !list_empty(&u->accept_queue);
	mutex_unlock(&u->lock);
	waitqueue_remove(&w);
	if (more)
		waitqueue_wake(&u->wait, POLL_READ, 1);
	if (err)
		return err;
	waitqueue_wake_all(&u->room, 0);
	mutex_lock(&e->lock);
	e->embryo = false;
	e->listener = NULL;
	mutex_unlock(&e->lock);
	*out = &e->sk;
	return unix_getname(&e->sk, true, peer);
}

static int unix_shutdown(struct socket *s, int how)
{
	struct unix_sock *u = unix_of(s), *peer = NULL;
	unsigned mode = how + 1; /* SHUT_RD, SHUT_WR, SHUT_RDWR as bits */

	mutex_lock(&u->lock);
	u->shutdown |= mode;
	if (u->peer && !unix_is_dgram(u))
		peer = unix_get(u->peer);
	mutex_unlock(&u->lock);
	waitqueue_wake_all(&u->wait, 0);
	if (!peer)
		return 0;
	mutex_lock(&peer->lock);
	peer->shutdown |=
	    (mode & RCV_SHUTDOWN ? SEND_SHUTDOWN : 0) | (mode & SEND_SHUTDOWN ? RCV_SHUTDOWN : 0);
	mutex_unlock(&peer->lock);
	waitqueue_wake_all(&peer->wait, 0);
	unix_put(peer);
	return 0;
}

/* A connected datagram socket is writable when its peer would take a message, too. */
static bool peer_has_room(struct unix_sock *u)
{
	bool room = true;

	mutex_lock(&u->lock);
	struct unix_sock *peer = u->peer ? unix_get(u->peer) : NULL;
	mutex_unlock(&u->lock);
	if (peer) {
		mutex_lock(&peer->lock);
		room = !unix_queue_full(u, peer);
		mutex_unlock(&peer->lock);
		unix_put(peer);
	}
	return room;
}

static unsigned unix_poll(struct socket *s, struct poll_table *pt)
{
	struct unix_sock *u = unix_of(s);
	unsigned events = 0;

	poll_wait(pt, &u->wait);
	mutex_lock(&u->lock);
	if (u->err)
		events |= POLLERR;
	if (u->shutdown == SHUTDOWN_MASK)
		events |= POLLHUP;
	if (u->shutdown & RCV_SHUTDOWN)
		events |= POLLRDHUP | POLL_READ;
	if (!list_empty(&u->queue) || !list_empty(&u->accept_queue))
		events |= POLL_READ;
	if (!unix_is_dgram(u) && u->state == UNIX_CLOSE)
		events |= POLLHUP;
	bool writable = unix_writable(u);
	mutex_unlock(&u->lock);
	if (writable && (!unix_is_dgram(u) || peer_has_room(u)))
		events |= POLL_SEND;
	return events;
}

static void unix_stat(struct socket *s, struct socket_stat *out)
{
	struct unix_sock *u = unix_of(s);

	mutex_lock(&u->lock);
	out->state = u->state == UNIX_LISTEN ? TCP_LISTEN : u->peer ? TCP_ESTABLISHED : TCP_CLOSE;
	out->embryo = u->embryo;
	out->refs = ref_count(&u->refs) + 1; /* Linux counts its table of sockets as one */
	out->rx = u->state == UNIX_LISTEN ? u->accept_len : (unsigned)u->queue_bytes;
	mutex_unlock(&u->lock);
	out->tx = u->wmem;
}

static int unix_take_error(struct socket *s)
{
	struct unix_sock *u = unix_of(s);

	mutex_lock(&u->lock);
	int err = u->err;
	u->err = 0;
	mutex_unlock(&u->lock);
	return err;
}

static int unix_getsockopt(struct socket *s, struct caller *c, int level, int name, void *buf,
			   unsigned size)
{
	struct unix_sock *u = unix_of(s);
	struct ucred cred;
	int val;

	if (level != SOL_SOCKET)
		return SOCKET_GENERIC;
	mutex_lock(&u->lock);
	cred = u->peer_cred;
	val = u->state == UNIX_LISTEN;
	mutex_unlock(&u->lock);
	if (name == SO_PEERCRED) {
		if (cred.uid != (uid_t)-1)
			cred.uid = from_kuid_munged(c->cred->user_ns, cred.uid);
		if (cred.gid != (gid_t)-1)
			cred.gid = from_kgid_munged(c->cred->user_ns, cred.gid);
		size = size < sizeof cred ? size : sizeof cred;
		memcpy(buf, &cred, size);
	} else if (name == SO_ACCEPTCONN) {
		size = size < sizeof val ? size : sizeof val;
		memcpy(buf, &val, size);
	} else {
		return SOCKET_GENERIC;
	}
	return size;
}

const struct socket_ops unix_ops = {
	.stat = unix_stat,
	.bind = unix_bind,
	.connect = unix_connect,
	.listen = unix_listen,
	.accept = unix_accept,
	.getname = unix_getname,
	.sendmsg = unix_sendmsg,
	.recvmsg = unix_recvmsg,
	.shutdown = unix_shutdown,
	.poll = unix_poll,
	.getsockopt = unix_getsockopt,
	.take_error = unix_take_error,
	.ioctl = unix_ioctl,
	.saved = &unix_saved,
	.filters = true,
	.release = unix_release,
};
