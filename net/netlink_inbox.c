/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the host's routing netlink, into which the monitor can put a message of its own: the
 * cookies of mq_notify(2), which Linux's kernel sends through whatever netlink socket it is given.
 * They come out before the host's answers.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "host/hostcall.h"
#include "mm/mm.h"
#include "net/host_sock.h"
#include "net/inet.h"
#include "net/net.h"
#include "net/netlink.h"
#include "net/sock_diag.h"
#include "util/lock.h"
#include "util/saved.h"

struct cookie {
	struct list node;
	unsigned char data[NETLINK_COOKIE];
};

struct netlink_inbox {
	struct waitqueue wait;
	struct mutex lock;
	struct list cookies; /* lock */
};

static struct netlink_inbox *inbox_of(struct socket *s)
{
	return host_sock_of(s)->inbox;
}

static void put_cookie(struct socket *s, const void *data)
{
	struct netlink_inbox *box = inbox_of(s);
	struct mm_host *mem = s->net->mem;
	struct cookie *k = mm_host_charge(mem, sizeof *k) ? malloc(sizeof *k) : NULL;

	if (!k)
		return; /* as Linux drops a message for want of memory */
	memcpy(k->data, data, sizeof k->data);
	mutex_lock(&box->lock);
	list_add_tail(&box->cookies, &k->node);
	mutex_unlock(&box->lock);
	waitqueue_wake_all(&box->wait, POLL_READ);
}

static void free_cookie(struct socket *s, struct cookie *k)
{
	list_del(&k->node);
	mm_host_uncharge(s->net->mem, sizeof *k);
	free(k);
}

void netlink_deliver(struct socket *s, const unsigned char cookie[NETLINK_COOKIE])
{
	if (socket_is_sock_diag(s))
		sock_diag_deliver(s, cookie, NETLINK_COOKIE);
	else if (inbox_of(s))
		put_cookie(s, cookie);
}

static bool has_cookie(struct netlink_inbox *box)
{
	mutex_lock(&box->lock);
	bool has = !list_empty(&box->cookies);
	mutex_unlock(&box->lock);
	return has;
}

/* Its bytes, or -EAGAIN: there is none. */
static ssize_t take_cookie(struct socket *s, struct socket_msg *m)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct netlink_inbox *box = inbox_of(s);
	ssize_t r = -EAGAIN;

	mutex_lock(&box->lock);
	if (!list_empty(&box->cookies)) {
		struct cookie *k = list_first(&box->cookies, struct cookie, node);
		size_t room = m->uio->resid, n = room < sizeof k->data ? room : sizeof k->data;
		r = uio_put(m->uio, k->data, n) < n ? -EFAULT
		    : m->flags & MSG_TRUNC          ? (ssize_t)sizeof k->data
						    : (ssize_t)n;
		memcpy(&m->name, &kernel, sizeof kernel);
		m->name_len = sizeof kernel;
		m->control_len = 0;
		if (n < sizeof k->data)
			m->out_flags |= MSG_TRUNC;
		if (!(m->flags & MSG_PEEK))
			free_cookie(s, k);
	}
	mutex_unlock(&box->lock);
	return r;
}

static ssize_t receive(struct socket *s, struct caller *c, struct socket_msg *m)
{
	unsigned flags = m->flags;
	uint64_t deadline = socket_deadline(c, s->rcvtimeo);
	struct pollfd p = { .fd = host_sock_of(s)->fd, .events = POLLIN };
	struct waiter w;
	ssize_t r;

	if (flags & MSG_OOB)
		return host_sock_recvmsg(s, c, m);
	waiter_init(&w, c->sleeper);
	w.events = POLL_READ;
	waitqueue_add(&inbox_of(s)->wait, &w);
	for (;;) {
		r = take_cookie(s, m);
		if (r == -EAGAIN) {
			m->flags = flags | MSG_DONTWAIT;
			r = host_sock_recvmsg(s, c, m);
			m->flags = flags;
		}
		if (r != -EAGAIN || flags & MSG_DONTWAIT)
			break;
		int ready = sleeper_poll(c->sleeper, &p, 1, deadline);
		if (ready < 0) {
			r = ready == -ETIMEDOUT ? -EAGAIN : ready;
			break;
		}
	}
	waitqueue_remove(&w);
	return r;
}

static unsigned inbox_poll(struct socket *s, struct poll_table *pt)
{
	struct pollfd p = { .fd = host_sock_of(s)->fd,
			    .events = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLWRBAND };
	struct netlink_inbox *box = inbox_of(s);

	poll_wait(pt, &box->wait);
	poll_host(pt, p.fd);
	unsigned events = poll(&p, 1, 0) > 0 ? (unsigned)p.revents : 0;
	return events | (has_cookie(box) ? POLL_READ : 0);
}

static int inbox_shutdown(struct socket *s, int how)
{
	return -EOPNOTSUPP;
}

static void inbox_stat(struct socket *s, struct socket_stat *out)
{
	out->state = TCP_CLOSE;
}

static void inbox_release(struct socket *s)
{
	struct netlink_inbox *box = inbox_of(s);

	while (!list_empty(&box->cookies))
		free_cookie(s, list_first(&box->cookies, struct cookie, node));
	waitqueue_destroy(&box->wait);
	mutex_destroy(&box->lock);
	free(box);
	host_close(host_sock_of(s)->fd);
	free(host_sock_of(s));
}

static const struct socket_ops inbox_ops = {
	.stat = inbox_stat,
	.bind = host_sock_bind,
	.connect = host_sock_connect,
	.getname = host_sock_getname,
	.sendmsg = host_sock_sendmsg,
	.recvmsg = receive,
	.shutdown = inbox_shutdown,
	.poll = inbox_poll,
	.setsockopt = host_sock_setsockopt,
	.getsockopt = host_sock_getsockopt,
	.ioctl = host_sock_ioctl,
	.release = inbox_release,
};

int netlink_add_inbox(struct socket *s)
{
	struct netlink_inbox *box = calloc(1, sizeof *box);

	if (!box)
		return -ENOMEM;
	waitqueue_init(&box->wait);
	mutex_init(&box->lock, LOCK_SOCK_DIAG);
	list_init(&box->cookies);
	host_sock_of(s)->inbox = box;
	s->ops = &inbox_ops;
	return 0;
}

/* ---- in snapshots ---- */

void netlink_inbox_save(struct encoder *out, struct socket *s)
{
	struct netlink_inbox *box = inbox_of(s);
	const struct cookie *k;
	uint64_t nr = 0;

	if (box)
		list_for_each (k, &box->cookies, node)
			nr++;
	encode(out, nr);
	if (box)
		list_for_each (k, &box->cookies, node)
			encode_bytes(out, k->data, sizeof k->data);
}

int netlink_inbox_load(struct loader *l, struct socket *s)
{
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));
	size_t len;

	for (uint64_t i = 0; i < nr; i++) {
		const void *data = decode_bytes(&l->in, &len);
		if (!data || len != NETLINK_COOKIE)
			return -EBADMSG;
		netlink_deliver(s, data);
	}
	return 0;
}
