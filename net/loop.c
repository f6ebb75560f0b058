/* SPDX-License-Identifier: Apache-2.0 */
/* What TCP and UDP of the sandbox's own loopback share: the life of a socket, its names, the pieces
 * in its queue. See net/loop_sock.h. */
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cred/cred.h"
#include "host/wait.h"
#include "mm/mm.h"
#include "net/loop_sock.h"
#include "util/words.h"

#define UNPRIVILEGED_PORT 1024  /* net.ipv4.ip_unprivileged_port_start, as Linux starts */
#define FIRST_PORT        32768 /* net.ipv4.ip_local_port_range, the same */
#define LAST_PORT         60999

struct loop *loop_network_new(struct mm_host *mem)
{
	const struct guest_clock *gc = mem->clock;
	bool room = mm_host_charge(mem, sizeof(struct loop));
	struct loop *l = room ? calloc(1, sizeof *l) : NULL;

	if (!l) {
		if (room)
			mm_host_uncharge(mem, sizeof *l);
		return NULL;
	}
	l->mem = mem;
	mutex_init(&l->lock, LOCK_LOOP);
	list_init(&l->ending);
	list_init(&l->parked);
	if (gc && gc->steps)
		random_stream_fix(&l->random, (uint64_t)gc->realtime, RANDOM_OF_SANDBOX);
	list_init(&l->raws);
	list_init(&l->taps);
	for (int p = 0; p < 3; p++)
		for (int i = 0; i < LOOP_BUCKETS; i++)
			list_init(&l->ports[p][i]);
	l->first_port = FIRST_PORT;
	l->last_port = LAST_PORT;
	return l;
}

void loop_network_free(struct loop *l)
{
	if (!l)
		return;
	loop_waits_free(l);
	mutex_destroy(&l->lock);
	mm_host_uncharge(l->mem, sizeof *l);
	free(l);
}

/* The buffers that a socket of TCP starts with: the middle one of three numbers (tcp(7)). */
static unsigned tcp_buffer(const char *name, unsigned otherwise)
{
	char text[64];

	net_sysctl_text(name, text, sizeof text);
	const char *middle = word_at(text, 1);
	return *middle ? (unsigned)strtoul(middle, NULL, 10) : otherwise;
}

int loop_new(struct net *net, struct caller *c, int family, int type, int protocol, unsigned flags,
	     struct loop_sock **out)
{
	struct loop_sock *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	bool dgram = type == SOCK_DGRAM && protocol == IPPROTO_UDP;
	const struct socket_ops *ops = type == SOCK_STREAM   ? &loop_tcp_ops
				       : family == AF_PACKET ? &loop_packet_ops
				       : dgram               ? &loop_udp_ops
							     : &loop_raw_ops;
	socket_init(&s->sk, c, net, ops, family, type, protocol, flags);
	ref_set(&s->refs, 1);
	s->loop = net->loop;
	s->state = TCP_CLOSE;
	/* Linux: INET_PROTOSW_REUSE */
	if (ops == &loop_raw_ops)
		s->sk.flags |= 1UL << SO_REUSEADDR;
	s->checksum = type == SOCK_RAW && protocol == IPPROTO_ICMPV6 ? 2 : -1;
	if (type == SOCK_STREAM) {
		s->sk.sndbuf = tcp_buffer("ipv4/tcp_wmem", 16384);
		s->sk.rcvbuf = tcp_buffer("ipv4/tcp_rmem", 131072);
	}
	if (family == AF_INET)
		s->local.ip = s->remote.ip = (struct in6_addr){ { { [10] = 0xff, 0xff } } };
	mutex_init(&s->read_lock, LOCK_LOOP_READ);
	mutex_init(&s->lock, LOCK_LOOP_SOCK);
	waitqueue_init(&s->wait);
	list_init(&s->bound);
	list_init(&s->accept_node);
	list_init(&s->accept_queue);
	list_init(&s->pending);
	list_init(&s->queue);
	list_init(&s->errors);
	loop_options_init(s);
	socket_publish(&s->sk);
	*out = s;
	return 0;
}

static void free_errors(struct loop_sock *s)
{
	struct loop_chunk *k, *next;

	list_for_each_safe (k, next, &s->errors, node)
		loop_chunk_free(s, k);
}

void loop_put(struct loop_sock *s)
{
	if (!s || !ref_put(&s->refs))
		return;
	loop_purge(s);
	free_errors(s);
	waitqueue_destroy(&s->wait);
	mutex_destroy(&s->lock);
	mutex_destroy(&s->read_lock);
	free(s);
}

/* Whom net.ipv4.ping_group_range lets ping without rights (icmp(7)): nobody, unless told to. */
static bool may_ping(struct net *net, const struct cred *cred)
{
	uint64_t range = net->ping_groups;
	gid_t least = (gid_t)(range >> 32), most = (gid_t)range;

	if (cred->egid >= least && cred->egid <= most)
		return true;
	for (int i = 0; i < cred->nr_groups; i++)
		if (cred->groups[i] >= least && cred->groups[i] <= most)
			return true;
	return false;
}

int loop_create(struct net *net, struct caller *c, int family, int type, int protocol,
		unsigned flags, struct socket **out)
{
	int own = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	bool ping =
	    type == SOCK_DGRAM && protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	struct loop_sock *s;

	if (ping && !may_ping(net, c->cred))
		return -EACCES;
	if (type == SOCK_RAW && !cred_ns_capable(c->cred, net->ns.owner, CAP_NET_RAW))
		return -EPERM;
	if (protocol && protocol != own && !ping && type != SOCK_RAW)
		return -EPROTONOSUPPORT;
	if (ping || type == SOCK_RAW)
		own = protocol;
	int err = loop_new(net, c, family, type, own, flags, &s);
	if (err)
		return err;
	if (type == SOCK_RAW)
		loop_hear(s);
	*out = &s->sk;
	return 0;
}

/* What comes with a message */

void loop_put_control(struct socket_msg *m, size_t *used, int level, int type, const void *data,
		      size_t len)
{
	struct cmsghdr *cm = (struct cmsghdr *)(void *)((char *)m->control + *used);

	if (m->control_len - *used < CMSG_SPACE(len)) {
		m->out_flags |= MSG_CTRUNC;
		return;
	}
	memset(cm, 0, CMSG_SPACE(len));
	*cm = (struct cmsghdr){ .cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type };
	memcpy(CMSG_DATA(cm), data, len);
	*used += CMSG_SPACE(len);
}

/* Pieces */

struct loop_chunk *loop_chunk_new(struct loop_sock *s, size_t size)
{
	struct mm_host *mem = s->sk.net->mem;
	struct loop_chunk *k;

	if (!mm_host_charge(mem, sizeof *k + size))
		return NULL;
	k = malloc(sizeof *k + size);
	if (k)
		*k = (struct loop_chunk){ .size = size };
	else
		mm_host_uncharge(mem, sizeof *k + size);
	return k;
}

void loop_chunk_free(struct loop_sock *s, struct loop_chunk *k)
{
	mm_host_uncharge(s->sk.net->mem, sizeof *k + k->size);
	free(k);
}

void loop_purge(struct loop_sock *s)
{
	struct loop_chunk *k, *next;
	struct list queue;

	list_init(&queue);
	mutex_lock(&s->lock);
	if (s->reading)
		list_del(&s->reading->node);
	s->reading = NULL;
	list_splice_tail(&queue, &s->queue);
	s->queued = s->charged = 0;
	s->urgent = URGENT_NONE;
	mutex_unlock(&s->lock);
	list_for_each_safe (k, next, &queue, node)
		loop_chunk_free(s, k);
}

/* Waiting */

void loop_wake(struct loop_sock *s, unsigned events)
{
	waitqueue_wake_all(&s->wait, events);
}

int loop_sleep(struct loop_sock *on, struct mutex *held, struct waiter *w, unsigned events,
	       bool nonblock, uint64_t deadline)
{
	if (nonblock)
		return -EAGAIN;
	if (!w->queue) {
		w->events = events;
		waitqueue_add(&on->wait, w);
		return 0; /* what changed before is seen by the next look */
	}
	mutex_unlock(held);
	int err = sleeper_wait(w->sleeper, deadline);
	mutex_lock(held);
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

int loop_take_error(struct socket *s)
{
	return atomic_exchange(&loop_of(s)->err, 0);
}

/* Names */

int loop_put_name(int family, const struct loop_name *n, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;

	if (family == AF_INET) {
		*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(n->port) };
		memcpy(&in->sin_addr, &n->ip.s6_addr[12], sizeof in->sin_addr);
		return sizeof *in;
	}
	*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
				      .sin6_port = htons(n->port),
				      .sin6_addr = n->ip };
	return sizeof *in6;
}

int loop_getname(struct socket *sk, bool peer, struct sockaddr_storage *out)
{
	struct loop_sock *s = loop_of(sk);

	mutex_lock(&s->loop->lock);
	bool connected = s->remote.port && (!loop_is_stream(s) ||
					    (s->state != TCP_CLOSE && s->state != TCP_SYN_SENT));
	struct loop_name n = peer ? s->remote : s->local;
	mutex_unlock(&s->loop->lock);
	return peer && !connected ? -ENOTCONN : loop_put_name(sk->family, &n, out);
}

int loop_bind(struct socket *sk, struct caller *c, const struct sockaddr *a, unsigned len)
{
	struct loop_sock *s = loop_of(sk);
	struct loop_name n;

	int err = loop_parse(s, LOOP_BIND, a, len, &n);
	if (err)
		return err;
	if (loop_is_raw(s)) {
		mutex_lock(&s->loop->lock);
		err = s->state != TCP_CLOSE ? -EINVAL : 0;
		if (!err) {
			s->local.ip = n.ip;
			s->own_ip = !loop_is_any(&n.ip);
		}
		mutex_unlock(&s->loop->lock);
		return err;
	}
	if (n.port && n.port < UNPRIVILEGED_PORT && !loop_is_ping(s) &&
	    !cred_ns_capable(c->cred, sk->net->ns.owner, CAP_NET_BIND_SERVICE))
		return -EACCES;
	mutex_lock(&s->loop->lock);
	err = loop_is_bound(s) || s->state != TCP_CLOSE ? -EINVAL : loop_bind_name(s, &n);
	if (!err) {
		s->own_port = n.port != 0;
		s->own_ip = !loop_is_any(&n.ip);
		/* Linux: inet6_bind */
		if (s->own_ip && !IN6_IS_ADDR_V4MAPPED(&n.ip))
			loop_set_option(s, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	}
	mutex_unlock(&s->loop->lock);
	return err;
}

void loop_stat(struct socket *sk, struct socket_stat *out)
{
	struct loop_sock *s = loop_of(sk);

	mutex_lock(&s->loop->lock);
	out->state = (unsigned)s->state;
	out->hidden = loop_is_stream(s) ? s->state == TCP_CLOSE : !loop_is_bound(s);
	out->embryo = s->listener && s->state != TCP_SYN_SENT;
	out->rx = s->accept_len;
	mutex_unlock(&s->loop->lock);
	mutex_lock(&s->lock);
	if (out->state != TCP_LISTEN)
		out->rx = (unsigned)(loop_is_stream(s) ? s->queued : s->charged);
	mutex_unlock(&s->lock);
	out->drops = s->drops;
	out->refs = ref_count(&s->refs);
}

void loop_each_wait(struct loop *l, int family, loop_wait_fn *fn, void *arg)
{
	mutex_lock(&l->lock);
	uint64_t now = monotonic_ns();
	for (struct loop_wait *w = loop_wait_first(l, 0, now); w; w = loop_wait_next(w, now)) {
		struct loop_ended e = { .state = (unsigned)w->state, .left = w->until - now };
		if (w->family != family)
			continue;
		loop_put_name(family, &w->local, &e.own);
		loop_put_name(family, &w->remote, &e.peer);
		fn(arg, &e);
	}
	mutex_unlock(&l->lock);
}
