/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams of the sandbox's own loopback (udp(7)). Each goes into its receiver's queue at once, or
 * is lost there for want of room; one that nobody gets is an error of a connected sender, as the
 * answer "port unreachable" makes it on Linux.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/mm.h"
#include "net/loop_sock.h"
#include "net/policy.h"

#define MAX_4 65507U /* of data: 65535 less the headers of IPv4 and UDP */
#define MAX_6 65527U /* the header of IPv6 does not count */

int loop_dgram_connect(struct socket *sk, struct caller *c, const struct sockaddr *a, unsigned len,
		       bool nonblock)
{
	struct loop_sock *s = loop_of(sk);
	struct loop_name to = { .port = 0 };

	if (len < sizeof a->sa_family)
		return -EINVAL;
	bool ends = a->sa_family == AF_UNSPEC;
	int err = ends ? 0 : loop_parse(s, LOOP_REACH, a, len, &to);
	if (err == -ENETUNREACH)
		net_check(sk->net, c, NET_SEND, a, len);
	if (err)
		return err;
	mutex_lock(&s->loop->lock);
	if (ends) {
		s->state = TCP_CLOSE;
		if (!s->own_port) {
			loop_unhear(s);
			s->local.port = 0;
		}
		/* raw_bind() does not say that the guest has chosen the address */
		s->own_ip = s->own_ip && !loop_is_raw(s);
		to.ip = (struct in6_addr){ { { 0 } } };
		if (sk->family == AF_INET)
			to.ip.s6_addr[10] = to.ip.s6_addr[11] = 0xff;
	} else {
		err = loop_autobind(s, &to);
	}
	if (!err && !s->own_ip)
		s->local.ip = ends ? to.ip : lo_source(loop_lo(s), &to.ip);
	if (!err) {
		s->remote = to;
		s->state = ends ? TCP_CLOSE : TCP_ESTABLISHED;
	}
	mutex_unlock(&s->loop->lock);
	return err;
}

/* Sending */

void loop_deliver(struct loop_sock *to, struct loop_chunk *k)
{
	mutex_lock(&to->lock);
	bool room = list_empty(&to->queue) || to->charged + k->len + LOOP_OVERHEAD <= to->sk.rcvbuf;
	if (room) {
		k->lost = to->drops;
		list_add_tail(&to->queue, &k->node);
		to->queued += k->len;
		to->charged += k->len + LOOP_OVERHEAD;
	}
	mutex_unlock(&to->lock);
	if (room) {
		loop_wake(to, POLL_READ);
	} else {
		to->drops++;
		loop_chunk_free(to, k);
	}
}

/* As much of it as the socket's filter leaves. */
static void take_in(struct loop_sock *to, struct loop_chunk *k)
{
	if (!to->sk.filter || loop_filter_datagram(to, k)) {
		loop_deliver(to, k);
	} else {
		to->drops++;
		loop_chunk_free(to, k);
	}
}

static struct loop_chunk *copy_of(struct loop_sock *s, const struct loop_chunk *k)
{
	struct loop_chunk *copy = loop_chunk_new(s, k->size);

	if (copy)
		memcpy(copy, k, sizeof *k + k->size);
	return copy;
}

/* To everybody who hears it. What cannot be copied for one is lost for that one. */
static void broadcast(struct loop_sock *s, struct loop_chunk *k, unsigned port)
{
	struct loop_name to = { .ip = k->to, .port = (uint16_t)port };
	struct loop *l = s->loop;
	struct loop_chunk *copy;
	struct loop_sock *t;

	mutex_lock(&l->lock);
	list_for_each (t, loop_bucket(l, SOCK_DGRAM, port), bound)
		if (loop_hears(t, &to) && (copy = copy_of(t, k)))
			take_in(t, copy);
	mutex_unlock(&l->lock);
	loop_chunk_free(s, k);
}

bool loop_udp_arrive(struct loop_sock *s, struct loop_chunk *k, unsigned port)
{
	const struct loop_name to = { .ip = k->to, .port = (uint16_t)port };

	if (lo_is_broadcast(loop_lo(s), &to.ip)) {
		broadcast(s, k, port);
		return true;
	}
	mutex_lock(&s->loop->lock);
	struct loop_sock *t = loop_find(s->loop, SOCK_DGRAM, &k->from, &to);
	if (t)
		loop_get(t);
	mutex_unlock(&s->loop->lock);
	if (!t)
		return false;
	take_in(t, k);
	loop_put(t);
	return true;
}

/* To those who watch what goes over lo. */
static unsigned char *show(struct loop_sock *s, const struct loop_chunk *k, unsigned port,
			   size_t *len)
{
	unsigned char *frame = s->loop->watchers ? loop_frame_udp(k, port, len) : NULL;

	if (frame)
		loop_frame_show(s, frame, *len);
	return frame;
}

static void send_to(struct loop_sock *s, struct loop_chunk *k, const struct loop_name *to,
		    bool connected)
{
	struct lo *lo = loop_lo(s);
	size_t len;
	bool everybody = lo_is_broadcast(lo, &to->ip);

	if (!lo->up || !(everybody || lo_is_own(lo, &to->ip))) {
		loop_chunk_free(s, k);
		return;
	}
	loop_count(s, &to->ip, k->len);
	unsigned char *frame = show(s, k, to->port, &len);
	if (loop_udp_arrive(s, k, to->port)) {
		free(frame);
		return;
	}
	if (frame)
		loop_frame_refuse(s, frame, len);
	free(frame);
	bool asked = IN6_IS_ADDR_V4MAPPED(&to->ip) ? loop_option(s, IPPROTO_IP, IP_RECVERR)
						   : loop_option(s, IPPROTO_IPV6, IPV6_RECVERR);
	if (asked)
		loop_error_unreachable(s, to, k);
	loop_chunk_free(s, k);
	if (connected || asked) {
		s->err = ECONNREFUSED;
		loop_wake(s, 0);
	}
}

int loop_find_way(struct loop_sock *s, const struct socket_msg *m, struct loop_name *from,
		  struct loop_name *to, bool *connected)
{
	int err = 0;

	if (m->name_len)
		err = loop_parse(s, LOOP_SEND, (const struct sockaddr *)&m->name, m->name_len, to);
	if (err)
		return err;
	if (m->name_len && !to->port && s->sk.protocol == IPPROTO_UDP && !loop_is_raw(s))
		return -EINVAL;
	mutex_lock(&s->loop->lock);
	if (!m->name_len) {
		*to = s->remote;
		err = s->state == TCP_ESTABLISHED ? 0 : -EDESTADDRREQ;
	}
	if (!err)
		err = loop_autobind(s, to);
	*connected = s->remote.port == to->port && IN6_ARE_ADDR_EQUAL(&s->remote.ip, &to->ip);
	*from = s->local;
	if (IN6_IS_ADDR_UNSPECIFIED(&from->ip) ||
	    (IN6_IS_ADDR_V4MAPPED(&from->ip) && !from->ip.s6_addr32[3]))
		from->ip = lo_source(loop_lo(s), &to->ip);
	mutex_unlock(&s->loop->lock);
	return err;
}

int loop_take_message(struct loop_sock *s, struct caller *c, struct socket_msg *m,
		      const struct loop_name *from, const struct in6_addr *to,
		      const struct loop_sending *with, struct loop_chunk **out)
{
	bool four = IN6_IS_ADDR_V4MAPPED(to);
	int ttl = four ? loop_option(s, IPPROTO_IP, IP_TTL)
		       : loop_option(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
	size_t len = m->uio->resid;
	struct loop_chunk *k = loop_chunk_new(s, len);

	if (!k)
		return -ENOBUFS;
	k->len = len;
	if (uio_take(m->uio, k->data, len) < len) {
		loop_chunk_free(s, k);
		return -EFAULT;
	}
	k->from = *from;
	if (with->has_from)
		k->from.ip = with->from;
	k->to = *to;
	k->ttl = with->hops >= 0 ? with->hops : ttl < 0 ? 64 : ttl;
	k->tos = with->class >= 0 ? with->class
		 : four           ? loop_option(s, IPPROTO_IP, IP_TOS)
				  : loop_option(s, IPPROTO_IPV6, IPV6_TCLASS);
	k->when = guest_clock_realtime(c->mem->clock);
	*out = k;
	return 0;
}

static ssize_t loop_udp_sendmsg(struct socket *sk, struct caller *c, struct socket_msg *m)
{
	struct loop_sock *s = loop_of(sk);
	struct loop_name from, to;
	struct loop_sending with;
	size_t len = m->uio->resid;
	struct loop_chunk *k;
	bool connected;

	if (len > UINT16_MAX)
		return -EMSGSIZE;
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	int err = loop_find_way(s, m, &from, &to, &connected);
	if (err == -ENETUNREACH)
		net_check(sk->net, c, NET_SEND, (const struct sockaddr *)&m->name, m->name_len);
	if (!err)
		err = loop_take_controls(s, c, m, IN6_IS_ADDR_V4MAPPED(&to.ip), &with);
	if (!err && len > (IN6_IS_ADDR_V4MAPPED(&to.ip) ? MAX_4 : MAX_6))
		err = -EMSGSIZE;
	if (!err)
		err = -atomic_exchange(&s->err, 0);
	if (!err && s->shutdown & SEND_SHUTDOWN)
		err = -EPIPE;
	if (!err)
		err = loop_take_message(s, c, m, &from, &to.ip, &with, &k);
	if (err)
		return err;
	loop_error_times(s, c, with.times, 1);
	send_to(s, k, &to, connected);
	if (loop_sends_zerocopy(s, m))
		loop_error_zerocopy(s);
	return (ssize_t)len;
}

/* Receiving */

/* When it came, and how many did not get in before it (socket(7): SO_TIMESTAMP, SO_RXQ_OVFL). */
static void put_socket_controls(const struct loop_sock *s, struct socket_msg *m, size_t *used,
				const struct loop_chunk *k)
{
	struct socket_time t[2];
	unsigned n = socket_times(&s->sk, k->when, false, t);

	for (unsigned i = 0; i < n; i++)
		loop_put_control(m, used, SOL_SOCKET, t[i].type, t[i].at, t[i].len);
	if (socket_flag(&s->sk, SO_RXQ_OVFL) && k->lost)
		loop_put_control(m, used, SOL_SOCKET, SO_RXQ_OVFL, &k->lost, sizeof k->lost);
}

/* What goes with a datagram that the receiver asked for (ip(7), ipv6(7)). */
static void put_controls(struct loop_sock *s, struct socket_msg *m, const struct loop_chunk *k)
{
	bool four = IN6_IS_ADDR_V4MAPPED(&k->to);
	unsigned char tos = (unsigned char)k->tos;
	struct in6_pktinfo info6 = { .ipi6_addr = k->to, .ipi6_ifindex = 1 };
	struct in_pktinfo info = { .ipi_ifindex = 1 };
	struct sockaddr_storage at = { 0 };
	struct loop_name name = { k->to, s->local.port };
	size_t used = 0;

	if (!m->control)
		m->control_len = 0;
	put_socket_controls(s, m, &used, k);
	if (s->sk.family == AF_PACKET) {
		loop_packet_controls(s, k, m, &used);
		m->control_len = used;
		return;
	}
	memcpy(&info.ipi_addr, &k->to.s6_addr[12], sizeof info.ipi_addr);
	info.ipi_spec_dst = info.ipi_addr;
	if (four && loop_option(s, IPPROTO_IP, IP_PKTINFO))
		loop_put_control(m, &used, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
	if (four && loop_option(s, IPPROTO_IP, IP_RECVTTL))
		loop_put_control(m, &used, IPPROTO_IP, IP_TTL, &k->ttl, sizeof k->ttl);
	if (four && loop_option(s, IPPROTO_IP, IP_RECVTOS))
		loop_put_control(m, &used, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
	if (four && loop_option(s, IPPROTO_IP, IP_RECVORIGDSTADDR))
		loop_put_control(m, &used, IPPROTO_IP, IP_RECVORIGDSTADDR, &at,
				 (size_t)loop_put_name(AF_INET, &name, &at));
	if (s->sk.family == AF_INET6 && loop_option(s, IPPROTO_IPV6, IPV6_RECVPKTINFO))
		loop_put_control(m, &used, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof info6);
	if (!four && loop_option(s, IPPROTO_IPV6, IPV6_RECVHOPLIMIT))
		loop_put_control(m, &used, IPPROTO_IPV6, IPV6_HOPLIMIT, &k->ttl, sizeof k->ttl);
	if (!four && loop_option(s, IPPROTO_IPV6, IPV6_RECVTCLASS))
		loop_put_control(m, &used, IPPROTO_IPV6, IPV6_TCLASS, &k->tos, sizeof k->tos);
	m->control_len = used;
}

/* The datagram that a call gets, from *off on (Linux: __skb_try_recv_from_queue); NULL: none. */
static struct loop_chunk *pick(struct loop_sock *s, unsigned flags, size_t *off)
{
	lock_assert_held(&s->lock);
	struct loop_chunk *k;

	*off = flags & MSG_PEEK && s->sk.peek_off > 0 ? (size_t)s->sk.peek_off : 0;
	list_for_each (k, &s->queue, node) {
		if (!(flags & MSG_PEEK) || !socket_peek_passes(&s->sk, k->len, *off, k->peeked))
			return k;
		*off -= k->len;
	}
	return NULL;
}

/* Waits for a datagram: 1; 0: none will come; -errno. */
static int wait_datagram(struct loop_sock *s, struct waiter *w, unsigned flags, uint64_t deadline)
{
	bool nonblock = flags & MSG_DONTWAIT;
	size_t off;

	lock_assert_held(&s->lock);
	for (;;) {
		int err = atomic_exchange(&s->err, 0);
		if (err)
			return -err;
		if (pick(s, flags, &off))
			return 1;
		if (s->shutdown & RCV_SHUTDOWN && !nonblock)
			return 0;
		err = loop_sleep(s, &s->lock, w, POLL_READ, nonblock, deadline);
		if (err)
			return err;
	}
}

/* The datagram, off the queue; for a peek a copy of it. NULL: no memory. */
static struct loop_chunk *take_off(struct loop_sock *s, struct loop_chunk *k, bool peek)
{
	lock_assert_held(&s->lock);
	if (peek) {
		struct loop_chunk *copy = loop_chunk_new(s, k->len);
		if (!copy)
			return NULL;
		size_t size = copy->size;
		*copy = *k;
		copy->size = size;
		memcpy(copy->data, k->data, k->len);
		k->peeked |= !k->len;
		return copy;
	}
	list_del(&k->node);
	s->queued -= k->len;
	s->charged -= k->len + LOOP_OVERHEAD;
	return k;
}

/* Copies the first one, which is lost where it cannot be copied. The lock is given up meanwhile: no
 * sender waits for the receiver's memory. */
static ssize_t take(struct loop_sock *s, struct socket_msg *m)
{
	lock_assert_held(&s->lock);
	size_t off, n = m->uio->resid;
	bool peek = m->flags & MSG_PEEK;
	struct loop_chunk *k = pick(s, m->flags, &off);

	if (n > k->len - off)
		n = k->len - off;
	else if (n < k->len)
		m->out_flags |= MSG_TRUNC;
	ssize_t r = m->flags & MSG_TRUNC ? (ssize_t)k->len : (ssize_t)n;
	k = take_off(s, k, peek);
	if (!k)
		return -ENOBUFS;
	m->name_len =
	    (unsigned)(s->sk.family == AF_PACKET ? loop_packet_name(s, k, &m->name)
						 : loop_put_name(s->sk.family, &k->from, &m->name));
	m->scm.when = k->when;
	put_controls(s, m, k);
	mutex_unlock(&s->lock);
	bool put = uio_put(m->uio, k->data + off, n) == n;
	loop_chunk_free(s, k);
	mutex_lock(&s->lock);
	if (put)
		socket_move_peek(&s->sk, (size_t)r, peek);
	return put ? r : -EFAULT;
}

ssize_t loop_dgram_recvmsg(struct socket *sk, struct caller *c, struct socket_msg *m)
{
	struct loop_sock *s = loop_of(sk);
	uint64_t deadline = socket_deadline(c, sk->rcvtimeo);
	size_t room = m->control_len;
	struct waiter w;

	if (m->flags & MSG_ERRQUEUE)
		return loop_error_recvmsg(s, m);
	waiter_init(&w, c->sleeper);
	mutex_lock(&s->lock);
	ssize_t r = wait_datagram(s, &w, m->flags, deadline);
	m->no_message = r == 0;
	m->control_len = 0;
	if (r > 0) {
		m->control_len = room;
		r = take(s, m);
		m->control_len = m->control ? m->control_len : 0;
	}
	mutex_unlock(&s->lock);
	waitqueue_remove(&w);
	return r;
}

int loop_dgram_shutdown(struct socket *sk, int how)
{
	struct loop_sock *s = loop_of(sk);

	mutex_lock(&s->loop->lock);
	s->shutdown |= (unsigned)how + 1;
	int err = s->state == TCP_ESTABLISHED ? 0 : -ENOTCONN;
	mutex_unlock(&s->loop->lock);
	loop_wake(s, 0);
	return err;
}

/* Linux: datagram_poll. */
unsigned loop_dgram_poll(struct socket *sk, struct poll_table *pt)
{
	struct loop_sock *s = loop_of(sk);
	unsigned events = POLL_SEND, ended = s->shutdown;

	poll_wait(pt, &s->wait);
	if (s->err || loop_has_errors(s))
		events |= POLLERR | (socket_flag(sk, SO_SELECT_ERR_QUEUE) ? POLLPRI : 0);
	if (ended == SHUTDOWN_MASK)
		events |= POLLHUP;
	if (ended & RCV_SHUTDOWN)
		events |= POLL_READ | POLLRDHUP;
	mutex_lock(&s->lock);
	if (!list_empty(&s->queue))
		events |= POLL_READ;
	mutex_unlock(&s->lock);
	return events;
}

void loop_dgram_release(struct socket *sk)
{
	struct loop_sock *s = loop_of(sk);

	mutex_lock(&s->loop->lock);
	loop_unhear(s);
	mutex_unlock(&s->loop->lock);
	loop_put(s);
}

const struct socket_ops loop_udp_ops = {
	.bind = loop_bind,
	.connect = loop_dgram_connect,
	.getname = loop_getname,
	.sendmsg = loop_udp_sendmsg,
	.recvmsg = loop_dgram_recvmsg,
	.shutdown = loop_dgram_shutdown,
	.poll = loop_dgram_poll,
	.setsockopt = loop_setsockopt,
	.getsockopt = loop_getsockopt,
	.stat = loop_stat,
	.take_error = loop_take_error,
	.ioctl = loop_ioctl,
	.saved = &loop_saved,
	.filters = true,
	.release = loop_dgram_release,
};
