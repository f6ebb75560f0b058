/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket of sock_diag(7): requests are answered when they are sent, into a queue of ours. A
 * dump that is longer than the queue goes on when the guest has read. The host's socket behind ours
 * gives the port and the options and carries no data.
 *
 * Locks: diag_sock.lock is outside net->lock; what the tables of /proc/net ask takes neither.
 */
#include "net/sock_diag.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>

#include "cred/cred.h"
#include "host/hostcall.h"
#include "mm/mm.h"
#include "net/host_sock.h"
#include "net/inet.h"
#include "net/net.h"
#include "net/netlink.h"
#include "net/route.h"
#include "util/lock.h"
#include "util/saved.h"

#define MAX_REQUEST 65536
#define QUEUE_MAX   SOCKET_BUF_DEFAULT
#define DATAGRAM_MIN                                                                               \
	8192U /* a dump's datagrams; as long as the longest buffer that they were received into */
#define DATAGRAM_MAX      32768U
#define ROUTES_OF_ADDRESS 256U /* bytes of the three messages about them */
#define DUMP_STARTED      1    /* the answer comes with the dump: no acknowledgement */

struct datagram {
	struct list node;
	size_t len;
	unsigned char data[];
};

struct dump {
	bool active;
	int fd;                     /* of the host, whose answers these are; -1: ours */
	const struct own_diag *own; /* whose answers they are, if ours */
	struct nlmsghdr *request;   /* a copy, of ours */
	bool net_admin;             /* had who asked CAP_NET_ADMIN? */
	size_t next, next_ended;    /* how many sockets, and what is left of, were looked at */
};

struct diag_sock {
	struct host_sock host;
	struct waitqueue wait;
	struct mutex lock;
	/* guarded by lock */
	struct list queue; /* struct datagram */
	struct dump dump;
	size_t datagram_size;
	bool lost;                      /* an answer, for want of room: the next receive says so */
	_Atomic unsigned queued, drops; /* bytes; datagrams */
};

static struct diag_sock *diag_of(struct socket *s)
{
	return container_of(host_sock_of(s), struct diag_sock, host);
}

static bool is_net_admin(const struct diag_sock *d, const struct caller *c)
{
	return cred_ns_capable(c->cred, d->host.sk.net->ns.owner, CAP_NET_ADMIN);
}

/* ---- the queue; lock held ---- */

static void enqueue(struct diag_sock *d, const void *data, size_t len)
{
	lock_assert_held(&d->lock);
	struct mm_host *mem = d->host.sk.net->mem;
	struct datagram *g = NULL;

	if (d->queued <= QUEUE_MAX && mm_host_charge(mem, sizeof *g + len)) {
		g = malloc(sizeof *g + len);
		if (!g)
			mm_host_uncharge(mem, sizeof *g + len);
	}
	if (!g) {
		d->lost = true;
		d->drops++;
		return;
	}
	g->len = len;
	memcpy(g->data, data, len);
	list_add_tail(&d->queue, &g->node);
	d->queued += (unsigned)len;
}

static void dequeue(struct diag_sock *d, struct datagram *g)
{
	lock_assert_held(&d->lock);
	list_del(&g->node);
	d->queued -= (unsigned)g->len;
	mm_host_uncharge(d->host.sk.net->mem, sizeof *g + g->len);
	free(g);
}

/* ---- sockets that the monitor has the whole of ---- */

static bool unix_wants(const struct nlmsghdr *request, struct socket *s, struct socket_stat *st)
{
	const struct unix_diag_req *r = nlmsg_body(request);

	if (s->family != AF_UNIX)
		return false;
	s->ops->stat(s, st);
	return !st->embryo && r->udiag_states & 1U << st->state;
}

static void unix_put(struct nlbuf *b, struct socket *s, const struct socket_stat *st,
		     const struct nlmsghdr *request)
{
	const struct unix_diag_req *r = nlmsg_body(request);

	unix_diag_put(b, s, st, r->udiag_show);
}

static const struct own_diag unix_diag = { unix_wants, unix_put, NULL };

/* A message about a socket of ours, or none when there is no room for all of it. */
static bool put_own(const struct own_diag *own, struct nlbuf *b, struct socket *s,
		    const struct socket_stat *st, const struct nlmsghdr *request,
		    const struct nlmsghdr *like)
{
	size_t start = b->len;
	struct nlmsghdr *h = nlmsg_begin(b, SOCK_DIAG_BY_FAMILY, like);

	own->put(b, s, st, request);
	if (b->full) {
		b->len = start;
		return false;
	}
	h->nlmsg_len = (uint32_t)(b->len - start);
	return true;
}

/* The next datagram of a dump of our own sockets. One that fills more than a datagram is left
 * out. */
static int own_next(struct diag_sock *d, uint32_t port, struct nlbuf *b)
{
	const struct nlmsghdr *request = d->dump.request;
	struct nlmsghdr like = { .nlmsg_flags = NLM_F_MULTI,
				 .nlmsg_seq = request->nlmsg_seq,
				 .nlmsg_pid = port };
	struct net *net = d->host.sk.net;
	const struct own_diag *own = d->dump.own;
	struct socket *s;
	bool full = false;
	size_t at = 0;

	mutex_lock(&net->lock);
	list_for_each (s, &net->sockets, net_node) {
		struct socket_stat st = { 0 };
		if (at++ < d->dump.next)
			continue;
		full = own->wants(request, s, &st) && !put_own(own, b, s, &st, request, &like) &&
		       b->len;
		if (full)
			break;
		b->full = false;
		d->dump.next = at;
	}
	if (!full && own->put_ended)
		own->put_ended(net, &(struct diag_ended){ request, &like, d->dump.net_admin }, b,
			       &d->dump.next_ended);
	mutex_unlock(&net->lock);
	if (b->len)
		return 0;
	struct nlmsghdr *done = nlmsg_begin(b, NLMSG_DONE, &like);
	nlbuf_put(b, sizeof(int));
	done->nlmsg_len = NLMSG_LENGTH(sizeof(int));
	return 1;
}

static int unix_get_one(struct diag_sock *d, const struct nlmsghdr *h, struct nlbuf *b)
{
	struct nlmsghdr like = { .nlmsg_seq = h->nlmsg_seq, .nlmsg_pid = netlink_port(d->host.fd) };
	const struct unix_diag_req *r = nlmsg_body(h);
	struct net *net = d->host.sk.net;
	struct socket *s;
	int err = r->udiag_ino ? -ENOENT : -EINVAL;

	mutex_lock(&net->lock);
	list_for_each (s, &net->sockets, net_node) {
		struct socket_stat st = { 0 };
		if (!r->udiag_ino || (uint32_t)s->file.anon_ino != r->udiag_ino ||
		    s->family != AF_UNIX)
			continue;
		s->ops->stat(s, &st);
		if (st.embryo)
			continue;
		err = !sock_diag_cookie_fits(r->udiag_cookie, s->file.anon_ino) ? -ESTALE
		      : put_own(&unix_diag, b, s, &st, h, &like)                ? 0
										: -EMSGSIZE;
		break;
	}
	mutex_unlock(&net->lock);
	return err;
}

/* The first socket of our own that is the one which is asked for. */
static int loop_get_one(struct diag_sock *d, struct caller *c, const struct nlmsghdr *h,
			struct nlbuf *b)
{
	struct nlmsghdr like = { .nlmsg_seq = h->nlmsg_seq, .nlmsg_pid = netlink_port(d->host.fd) };
	const struct inet_diag_req_v2 *r = nlmsg_body(h);
	struct net *net = d->host.sk.net;
	struct socket *s;
	int err = loop_diag_check(h);

	if (err)
		return err;
	err = -ENOENT;
	mutex_lock(&net->lock);
	list_for_each (s, &net->sockets, net_node) {
		struct socket_stat st = { 0 };
		if (!loop_diag_is(h, s, &st) ||
		    !sock_diag_cookie_fits(r->id.idiag_cookie, s->file.anon_ino))
			continue;
		err = put_own(&loop_diag, b, s, &st, h, &like) ? 0 : -EMSGSIZE;
		break;
	}
	const struct diag_ended ended = { h, &like, is_net_admin(d, c) };
	if (err == -ENOENT && loop_diag_put_ended(net, &ended, b))
		err = 0;
	mutex_unlock(&net->lock);
	return err;
}

/* ---- dumps ---- */

static void end_dump(struct diag_sock *d)
{
	if (d->dump.active)
		host_close(d->dump.fd);
	free(d->dump.request);
	d->dump = (struct dump){ .fd = -1 };
}

/* Adds the next datagram of the dump to the queue. 0 or what is wrong with the dump. */
static int dump_some(struct diag_sock *d)
{
	lock_assert_held(&d->lock);
	uint32_t port = netlink_port(d->host.fd);
	struct nlbuf b = { .data = malloc(d->datagram_size), .size = d->datagram_size };
	int r = -ENOMEM;

	if (b.data)
		r = d->dump.fd < 0 ? own_next(d, port, &b)
				   : inet_diag_next(d->host.sk.net, d->dump.fd, port, &b);
	if (r >= 0 && b.len)
		enqueue(d, b.data, b.len);
	free(b.data);
	if (r)
		end_dump(d);
	return r < 0 ? r : 0;
}

/* As much of a dump as the queue takes. One that fails on its way ends without its end, and the
 * receiver learns it. */
static void dump_more(struct diag_sock *d)
{
	while (d->dump.active && d->queued <= QUEUE_MAX / 2)
		if (dump_some(d))
			d->lost = true;
}

/* Who answers a request about sockets of our own; NULL: the host. */
static const struct own_diag *own_diag_of(const struct diag_sock *d, const struct nlmsghdr *h)
{
	const struct sock_diag_req *r = nlmsg_body(h);

	return r->sdiag_family == AF_UNIX ? &unix_diag : d->host.sk.net->loop ? &loop_diag : NULL;
}

static int start_dump(struct diag_sock *d, struct caller *c, const struct nlmsghdr *h)
{
	lock_assert_held(&d->lock);
	struct dump dump = {
		.active = true, .fd = -1, .own = own_diag_of(d, h), .net_admin = is_net_admin(d, c)
	};
	int err = 0;

	if (d->dump.active)
		return -EBUSY;
	if (!dump.own) {
		err = dump.fd = inet_diag_ask(d->host.sk.net, c, h);
	} else {
		err = dump.own == &loop_diag ? loop_diag_check(h) : 0;
		dump.request = err ? NULL : malloc(h->nlmsg_len);
		if (!err && !dump.request)
			err = -ENOMEM;
	}
	if (err < 0)
		return err;
	if (dump.request)
		memcpy(dump.request, h, h->nlmsg_len);
	d->dump = dump;
	err = dump_some(d);
	return err ? err : DUMP_STARTED;
}

/* ---- requests; lock held. 0, DUMP_STARTED or -errno, which the answer tells ---- */

static int inet_get_one(struct diag_sock *d, struct caller *c, const struct nlmsghdr *h,
			struct nlbuf *b)
{
	lock_assert_held(&d->lock);
	int fd = inet_diag_ask(d->host.sk.net, c, h);

	if (fd < 0)
		return fd;
	int err = inet_diag_next(d->host.sk.net, fd, netlink_port(d->host.fd), b);
	host_close(fd);
	return err ? err : b->len ? 0 : -ENOENT;
}

static int get_one(struct diag_sock *d, struct caller *c, const struct nlmsghdr *h)
{
	lock_assert_held(&d->lock);
	struct nlbuf b = { .data = malloc(DATAGRAM_MAX), .size = DATAGRAM_MAX };

	if (!b.data)
		return -ENOMEM;
	const struct own_diag *own = own_diag_of(d, h);
	int err = own == &unix_diag ? unix_get_one(d, h, &b)
		  : own             ? loop_get_one(d, c, h, &b)
				    : inet_get_one(d, c, h, &b);
	if (!err)
		enqueue(d, b.data, b.len);
	free(b.data);
	return err;
}

/* All of an answer is one datagram. */
static int answer_route(struct diag_sock *d, struct caller *c, const struct nlmsghdr *h)
{
	lock_assert_held(&d->lock);
	const size_t size = DATAGRAM_MIN + d->host.sk.net->lo.nr * ROUTES_OF_ADDRESS;
	struct nlbuf b = { .data = malloc(size), .size = size };

	if (!b.data)
		return -ENOMEM;
	int r = route_answer(d->host.sk.net, &b, h, netlink_port(d->host.fd), is_net_admin(d, c));
	if (r >= 0 && b.len)
		enqueue(d, b.data, b.len);
	free(b.data);
	return r;
}

/* Linux: sock_diag_rcv_msg and the handlers of the families. */
static int answer(struct diag_sock *d, struct caller *c, const struct nlmsghdr *h)
{
	const struct sock_diag_req *r = nlmsg_body(h);

	if (d->host.sk.protocol == NETLINK_ROUTE)
		return answer_route(d, c, h);
	if (h->nlmsg_type == SOCK_DESTROY)
		return is_net_admin(d, c) ? -EOPNOTSUPP : -EPERM;
	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return -EINVAL;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof *r) || r->sdiag_family >= AF_MAX)
		return -EINVAL;
	bool is_unix = r->sdiag_family == AF_UNIX;
	if (!is_unix && r->sdiag_family != AF_INET && r->sdiag_family != AF_INET6)
		return -ENOENT;
	if (is_unix && h->nlmsg_len < NLMSG_LENGTH(sizeof(struct unix_diag_req)))
		return -EINVAL;
	return h->nlmsg_flags & NLM_F_DUMP ? start_dump(d, c, h) : get_one(d, c, h);
}

/* Linux: netlink_ack. An error comes with the whole request unless the socket does not want it. */
static void acknowledge(struct diag_sock *d, const struct nlmsghdr *h, int err)
{
	int capped = 0;
	socklen_t len = sizeof capped;

	getsockopt(d->host.fd, SOL_NETLINK, NETLINK_CAP_ACK, &capped, &len);
	size_t body = err && !capped ? h->nlmsg_len - sizeof *h : 0;
	struct nlbuf b = { .size = NLMSG_SPACE(sizeof(struct nlmsgerr)) + NLMSG_ALIGN(body) };
	b.data = malloc(b.size);
	if (!b.data) {
		d->lost = true;
		return;
	}
	const struct nlmsghdr like = { .nlmsg_flags = err && !capped ? 0 : NLM_F_CAPPED,
				       .nlmsg_seq = h->nlmsg_seq,
				       .nlmsg_pid = netlink_port(d->host.fd) };
	struct nlmsghdr *reply = nlmsg_begin(&b, NLMSG_ERROR, &like);
	struct nlmsgerr *e = nlbuf_put(&b, sizeof *e);
	e->error = err;
	e->msg = *h;
	if (body)
		memcpy(nlbuf_put(&b, body), h + 1, body);
	reply->nlmsg_len = (uint32_t)b.len;
	enqueue(d, b.data, b.len);
	free(b.data);
}

/* Linux: netlink_rcv_skb. */
static void answer_all(struct diag_sock *d, struct caller *c, const unsigned char *data, size_t len)
{
	for (size_t at = 0; len - at >= sizeof(struct nlmsghdr);) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)(data + at);
		if (h->nlmsg_len < sizeof *h || h->nlmsg_len > len - at)
			break;
		bool asks = h->nlmsg_flags & NLM_F_REQUEST && h->nlmsg_type >= NLMSG_MIN_TYPE;
		int err = asks ? answer(d, c, h) : 0;
		if (err < 0 || (!err && h->nlmsg_flags & NLM_F_ACK))
			acknowledge(d, h, err);
		size_t step = NLMSG_ALIGN(h->nlmsg_len);
		at += step < len - at ? step : len - at;
	}
}

/* ---- the socket ---- */

static ssize_t diag_sendmsg(struct socket *s, struct caller *c, struct socket_msg *m)
{
	struct diag_sock *d = diag_of(s);
	size_t len = m->uio->resid;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	int err = m->control_len ? -EINVAL : !len ? -ENODATA : 0;
	if (!err && m->name_len)
		err = host_check_address(&d->host, c, NET_SEND, (const struct sockaddr *)&m->name,
					 m->name_len);
	if (!err)
		err = d->host.rules->prepare_send(d->host.fd, c);
	if (err)
		return err;
	unsigned char *data = len > MAX_REQUEST ? NULL : malloc(len + 1);
	if (!data)
		return len > MAX_REQUEST ? -EMSGSIZE : -ENOBUFS;
	if (uio_take(m->uio, data, len) < len) {
		free(data);
		return -EFAULT;
	}
	mutex_lock(&d->lock);
	answer_all(d, c, data, len);
	dump_more(d);
	mutex_unlock(&d->lock);
	free(data);
	waitqueue_wake_all(&d->wait, POLL_READ);
	return (ssize_t)len;
}

/* Takes the first datagram. */
static ssize_t take(struct diag_sock *d, struct socket_msg *m)
{
	lock_assert_held(&d->lock);
	struct datagram *g = list_first(&d->queue, struct datagram, node);
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	size_t resid = m->uio->resid, n = g->len < resid ? g->len : resid;
	ssize_t result = m->flags & MSG_TRUNC ? (ssize_t)g->len : (ssize_t)n;

	if (resid > d->datagram_size)
		d->datagram_size = resid < DATAGRAM_MAX ? resid : DATAGRAM_MAX;
	if (uio_put(m->uio, g->data, n) < n)
		result = -EFAULT;
	memcpy(&m->name, &kernel, sizeof kernel);
	m->name_len = sizeof kernel;
	if (g->len > n)
		m->out_flags |= MSG_TRUNC;
	if (!(m->flags & MSG_PEEK)) {
		dequeue(d, g);
		dump_more(d);
	}
	return result;
}

/* Waits until there is a datagram: 0 or -errno. */
static int wait_for_datagram(struct diag_sock *d, struct waiter *w, unsigned flags,
			     uint64_t deadline)
{
	lock_assert_held(&d->lock);
	for (;;) {
		if (d->lost) {
			d->lost = false;
			return -ENOBUFS;
		}
		if (!list_empty(&d->queue))
			return 0;
		if (flags & MSG_DONTWAIT)
			return -EAGAIN;
		if (!w->queue) {
			w->events = POLL_READ;
			waitqueue_add(&d->wait, w);
		}
		mutex_unlock(&d->lock);
		int err = sleeper_wait(w->sleeper, deadline);
		mutex_lock(&d->lock);
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : err;
	}
}

static ssize_t diag_recvmsg(struct socket *s, struct caller *c, struct socket_msg *m)
{
	struct diag_sock *d = diag_of(s);
	struct waiter w;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	m->control_len = 0;
	waiter_init(&w, c->sleeper);
	mutex_lock(&d->lock);
	ssize_t r = wait_for_datagram(d, &w, m->flags, socket_deadline(c, s->rcvtimeo));
	if (!r)
		r = take(d, m);
	mutex_unlock(&d->lock);
	waitqueue_remove(&w);
	return r;
}

static unsigned diag_poll(struct socket *s, struct poll_table *pt)
{
	struct diag_sock *d = diag_of(s);

	poll_wait(pt, &d->wait);
	mutex_lock(&d->lock);
	unsigned events =
	    POLL_SEND | (list_empty(&d->queue) ? 0 : POLL_READ) | (d->lost ? POLLERR : 0);
	mutex_unlock(&d->lock);
	return events;
}

static void diag_stat(struct socket *s, struct socket_stat *out)
{
	out->state = TCP_CLOSE;
	out->rx = diag_of(s)->queued;
	out->drops = diag_of(s)->drops;
}

static void diag_release(struct socket *s)
{
	struct diag_sock *d = diag_of(s);

	end_dump(d);
	while (!list_empty(&d->queue))
		dequeue(d, list_first(&d->queue, struct datagram, node));
	waitqueue_destroy(&d->wait);
	mutex_destroy(&d->lock);
	host_close(d->host.fd);
	free(d);
}

static int diag_shutdown(struct socket *s, int how)
{
	return -EOPNOTSUPP;
}

/* The host's socket is of another protocol, and in no group. */
static int diag_getsockopt(struct socket *s, struct caller *c, int level, int name, void *buf,
			   unsigned size)
{
	if (level != SOL_SOCKET || name != SO_PROTOCOL)
		return host_sock_getsockopt(s, c, level, name, buf, size);
	size = size < sizeof s->protocol ? size : sizeof s->protocol;
	memcpy(buf, &s->protocol, size);
	return (int)size;
}

/* What is told to the groups of routes never happens on a loopback of the sandbox's own. */
static int diag_setsockopt(struct socket *s, struct caller *c, int level, int name, const void *val,
			   unsigned len)
{
	unsigned group;

	if (s->protocol != NETLINK_ROUTE || level != SOL_NETLINK || len < sizeof group ||
	    (name != NETLINK_ADD_MEMBERSHIP && name != NETLINK_DROP_MEMBERSHIP))
		return host_sock_setsockopt(s, c, level, name, val, len);
	memcpy(&group, val, sizeof group);
	return group && group <= RTNLGRP_MAX ? 0 : -EINVAL;
}

static const struct socket_ops diag_ops = {
	.stat = diag_stat,
	.bind = host_sock_bind,
	.connect = host_sock_connect,
	.getname = host_sock_getname,
	.sendmsg = diag_sendmsg,
	.recvmsg = diag_recvmsg,
	.shutdown = diag_shutdown,
	.poll = diag_poll,
	.setsockopt = diag_setsockopt,
	.getsockopt = diag_getsockopt,
	.ioctl = host_sock_ioctl,
	.release = diag_release,
};

int sock_diag_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		     struct socket **out)
{
	int fd = (int)host_ret(
	    socket(AF_NETLINK, type | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
	if (fd < 0)
		return fd;
	struct diag_sock *d = calloc(1, sizeof *d);
	if (!d) {
		host_close(fd);
		return -ENOMEM;
	}
	socket_init(&d->host.sk, c, net, &diag_ops, AF_NETLINK, type, protocol, flags);
	d->host.rules = protocol == NETLINK_ROUTE ? &netlink_route_rules : &netlink_diag_rules;
	d->host.fd = fd;
	waitqueue_init(&d->wait);
	mutex_init(&d->lock, LOCK_SOCK_DIAG);
	list_init(&d->queue);
	d->dump.fd = -1;
	d->datagram_size = DATAGRAM_MIN;
	socket_publish(&d->host.sk);
	*out = &d->host.sk;
	return 0;
}

/* ---- in snapshots ---- */

bool socket_is_sock_diag(const struct socket *s)
{
	return s->ops == &diag_ops;
}

void sock_diag_deliver(struct socket *s, const void *data, size_t len)
{
	struct diag_sock *d = diag_of(s);

	mutex_lock(&d->lock);
	enqueue(d, data, len);
	mutex_unlock(&d->lock);
	waitqueue_wake_all(&d->wait, POLL_READ);
}

bool sock_diag_dumps(struct socket *s)
{
	return diag_of(s)->dump.active;
}

void sock_diag_save(struct encoder *out, struct socket *s)
{
	const struct diag_sock *d = diag_of(s);
	const struct datagram *g;
	uint64_t nr = 0;

	list_for_each (g, &d->queue, node)
		nr++;
	encode(out, nr);
	list_for_each (g, &d->queue, node)
		encode_bytes(out, g->data, g->len);
	encode(out, d->datagram_size);
	encode(out, d->lost);
	encode(out, d->drops);
}

int sock_diag_load(struct loader *l, struct socket *s)
{
	struct diag_sock *d = diag_of(s);
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));

	for (uint64_t i = 0; i < nr; i++) {
		size_t len;
		const void *data = decode_bytes(&l->in, &len);

		if (!data)
			break;
		mutex_lock(&d->lock);
		enqueue(d, data, len);
		mutex_unlock(&d->lock);
	}
	d->datagram_size = (size_t)decode_between(&l->in, DATAGRAM_MIN, DATAGRAM_MAX);
	d->lost |= decode_bool(&l->in);
	d->drops += (unsigned)decode_max(&l->in, UINT32_MAX);
	return 0;
}
