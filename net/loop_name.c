/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and ports of the sandbox's own loopback: which may be bound beside each other, and
 * which socket gets what is sent to one (Linux: inet_connection_sock.c, udp.c). See
 * net/loop_sock.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/wait.h"
#include "net/loop_sock.h"

static const struct in6_addr loopback4 = { { { [10] = 0xff, 0xff, 127, 0, 0, 1 } } };
static const struct in6_addr loopback6 = { { { [15] = 1 } } };

static bool is_any4(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a) && !a->s6_addr32[3];
}

bool loop_is_any(const struct in6_addr *a)
{
	return IN6_IS_ADDR_UNSPECIFIED(a) || is_any4(a);
}

/* Takes an interface to mean something. */
static bool is_of_link(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_MC_LINKLOCAL(a);
}

/* A group, or everybody: may be bound, as on Linux, and hears nobody. */
static bool is_group4(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a) &&
	       (IN_MULTICAST(ntohl(a->s6_addr32[3])) || a->s6_addr32[3] == INADDR_BROADCAST);
}

/* Addresses of the guest's */

static bool only_6(const struct loop_sock *s)
{
	return s->sk.family == AF_INET6 && loop_option(s, IPPROTO_IPV6, IPV6_V6ONLY);
}

static int parse_4(struct loop_sock *s, enum loop_use use, const struct sockaddr *a, unsigned len,
		   struct loop_name *out)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;

	if (len < sizeof *in)
		return -EINVAL;
	/* ip(7): an address without a family was allowed once, and is still */
	if (in->sin_family != AF_INET &&
	    (in->sin_family != AF_UNSPEC ||
	     (use == LOOP_BIND ? in->sin_addr.s_addr != 0 : loop_is_stream(s))))
		return -EAFNOSUPPORT;
	out->ip = (struct in6_addr){ { { [10] = 0xff, 0xff } } };
	memcpy(&out->ip.s6_addr[12], &in->sin_addr, 4);
	out->port = ntohs(in->sin_port);
	return 0;
}

static int parse_6(struct loop_sock *s, enum loop_use use, const struct sockaddr *a, unsigned len,
		   struct loop_name *out)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)a;

	bool may_be_4 = use == LOOP_SEND ? s->sk.protocol == IPPROTO_UDP && !loop_is_raw(s)
					 : use == LOOP_REACH && !loop_is_stream(s);
	if (may_be_4 && a->sa_family == AF_INET)
		return only_6(s) ? -ENETUNREACH : parse_4(s, use, a, len, out);
	if (len < offsetof(struct sockaddr_in6, sin6_scope_id))
		return -EINVAL;
	if (in6->sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	out->ip = in6->sin6_addr;
	out->port = ntohs(in6->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&out->ip) && only_6(s))
		return use == LOOP_BIND ? -EINVAL : -ENETUNREACH;
	return 0;
}

/* Before lo has had an address of IPv4 Linux has no table that would say that one is not its own
 * (__inet_dev_addr_type). */
static int check_bind(const struct loop_sock *s, const struct in6_addr *ip)
{
	struct lo *lo = loop_lo(s);

	if (loop_is_any(ip) || lo_is_own(lo, ip) || is_group4(ip) ||
	    (IN6_IS_ADDR_V4MAPPED(ip) && !lo->routes))
		return 0;
	if (IN6_IS_ADDR_MULTICAST(ip) && loop_is_stream(s))
		return -EINVAL;
	return is_of_link(ip) ? -EINVAL : -EADDRNOTAVAIL;
}

/* Is there a way to the address? The one that stands for all becomes the first of lo, to which a
 * datagram may be sent even where lo has it not: nobody gets it. */
static int check_way(const struct loop_sock *s, enum loop_use use, struct in6_addr *ip)
{
	struct lo *lo = loop_lo(s);
	bool any = loop_is_any(ip);

	if (any)
		*ip = IN6_IS_ADDR_V4MAPPED(ip) || s->sk.family == AF_INET ? loopback4 : loopback6;
	bool four = IN6_IS_ADDR_V4MAPPED(ip);
	if (!four && !lo->up)
		return -EADDRNOTAVAIL;
	if (lo_is_broadcast(lo, ip))
		return loop_is_stream(s)                   ? -ENETUNREACH
		       : socket_flag(&s->sk, SO_BROADCAST) ? 0
							   : -EACCES;
	if (lo_is_own(lo, ip) || (any && four && use == LOOP_SEND))
		return 0;
	return is_of_link(ip) && use == LOOP_REACH ? -EINVAL : -ENETUNREACH;
}

int loop_parse(struct loop_sock *s, enum loop_use use, const struct sockaddr *a, unsigned len,
	       struct loop_name *out)
{
	if (len < sizeof a->sa_family)
		return -EINVAL;
	int err =
	    s->sk.family == AF_INET ? parse_4(s, use, a, len, out) : parse_6(s, use, a, len, out);
	if (err)
		return err;
	return use == LOOP_BIND ? check_bind(s, &out->ip) : check_way(s, use, &out->ip);
}

/* Ports */

struct list *loop_bucket(struct loop *l, int type, unsigned port)
{
	return &l->ports[type - SOCK_STREAM][port % LOOP_BUCKETS];
}

/* Is anything that reaches `ip` for the socket, as far as addresses say? 0: no; else how well the
 * socket fits (Linux: compute_score). */
static int fits(const struct loop_sock *s, const struct in6_addr *ip)
{
	bool four = IN6_IS_ADDR_V4MAPPED(ip);

	if (is_any4(&s->local.ip) && four)
		return s->sk.family == AF_INET ? 2 : 1;
	if (IN6_IS_ADDR_UNSPECIFIED(&s->local.ip))
		return four ? !only_6(s) : 2;
	return IN6_ARE_ADDR_EQUAL(&s->local.ip, ip) ? 4 : 0;
}

bool loop_hears(const struct loop_sock *s, const struct loop_name *to)
{
	return s->local.port == to->port && fits(s, &to->ip);
}

/* Is there an address that both would get? */
static bool overlap(const struct loop_sock *s, const struct loop_sock *t)
{
	if (IN6_IS_ADDR_UNSPECIFIED(&s->local.ip))
		return IN6_IS_ADDR_V4MAPPED(&t->local.ip) ? !only_6(s) : true;
	if (is_any4(&s->local.ip))
		return IN6_IS_ADDR_V4MAPPED(&t->local.ip) ||
		       (IN6_IS_ADDR_UNSPECIFIED(&t->local.ip) && !only_6(t));
	return fits(t, &s->local.ip);
}

static bool may_share(const struct loop_sock *s, const struct loop_sock *t)
{
	if (socket_flag(&s->sk, SO_REUSEADDR) && socket_flag(&t->sk, SO_REUSEADDR) &&
	    t->state != TCP_LISTEN)
		return true;
	return socket_flag(&s->sk, SO_REUSEPORT) && socket_flag(&t->sk, SO_REUSEPORT) &&
	       s->sk.attr.uid == t->sk.attr.uid;
}

/* Is the port kept by a connection that has ended? */
static bool kept(struct loop_sock *s, unsigned port)
{
	uint64_t now = monotonic_ns();

	for (struct loop_wait *w = loop_wait_first(s->loop, port, now); w && w->local.port == port;
	     w = loop_wait_next(w, now)) {
		bool shared = (w->reuse_addr && socket_flag(&s->sk, SO_REUSEADDR)) ||
			      (w->reuse_port && socket_flag(&s->sk, SO_REUSEPORT));
		if (!shared && fits(s, &w->local.ip))
			return true;
	}
	return false;
}

/* Is the port taken for the socket, which has its address already? */
static bool taken(struct loop_sock *s, unsigned port)
{
	lock_assert_held(&s->loop->lock);
	struct loop_sock *t;

	list_for_each (t, loop_bucket(s->loop, loop_table(s), port), bound)
		if (t != s && t->local.port == port && !may_share(s, t) &&
		    (loop_is_ping(s) || overlap(s, t)))
			return true;
	return loop_is_stream(s) && kept(s, port);
}

static void put_port(struct loop_sock *s, unsigned port)
{
	s->local.port = (uint16_t)port;
	list_add_tail(loop_bucket(s->loop, loop_table(s), port), &s->bound);
}

/* A port that `usable` likes, from a place that nobody can guess; 0: none. */
static unsigned choose_port(struct loop_sock *s, const struct loop_name *to,
			    bool (*usable)(struct loop_sock *s, unsigned port,
					   const struct loop_name *to))
{
	struct loop *l = s->loop;
	unsigned range = l->last_port - l->first_port + 1, start = 0;

	if (random_bytes(&l->random, &start, sizeof start))
		start = l->next_port++;
	for (unsigned i = 0; i < range; i++) {
		unsigned port = l->first_port + (start + i) % range;
		if (usable(s, port, to))
			return port;
	}
	return 0;
}

static bool is_free(struct loop_sock *s, unsigned port, const struct loop_name *to)
{
	return !taken(s, port);
}

static bool same_name(const struct loop_name *a, const struct loop_name *b)
{
	return a->port == b->port && IN6_ARE_ADDR_EQUAL(&a->ip, &b->ip);
}

struct loop_name loop_name_towards(const struct loop_sock *s, unsigned port,
				   const struct loop_name *to)
{
	return (struct loop_name){ s->own_ip ? s->local.ip : lo_source(loop_lo(s), &to->ip),
				   (uint16_t)port };
}

bool loop_is_connectable(struct loop_sock *s, unsigned port, const struct loop_name *to,
			 bool choosing)
{
	lock_assert_held(&s->loop->lock);
	struct loop_name from = loop_name_towards(s, port, to);
	struct loop_sock *t;

	list_for_each (t, loop_bucket(s->loop, SOCK_STREAM, port), bound)
		if (t != s && t->state != TCP_CLOSE && same_name(&t->local, &from) &&
		    same_name(&t->remote, to))
			return false;
	return !loop_wait_refuses(s->loop, &from, to, choosing);
}

/* Connections to several places may have one port of ours, but none that was asked for by name
 * (Linux: __inet_hash_connect). */
static bool is_free_for(struct loop_sock *s, unsigned port, const struct loop_name *to)
{
	uint64_t now = monotonic_ns();
	struct loop_sock *t;

	list_for_each (t, loop_bucket(s->loop, SOCK_STREAM, port), bound)
		if (t->local.port == port && (t->own_port || !t->remote.port))
			return false;
	for (struct loop_wait *w = loop_wait_first(s->loop, port, now); w && w->local.port == port;
	     w = loop_wait_next(w, now))
		if (w->own_port)
			return false;
	return loop_is_connectable(s, port, to, true);
}

int loop_bind_name(struct loop_sock *s, const struct loop_name *n)
{
	lock_assert_held(&s->loop->lock);
	struct in6_addr before = s->local.ip;

	s->local.ip = n->ip;
	unsigned port = n->port ? n->port : choose_port(s, NULL, is_free);
	if (!port || taken(s, port)) {
		s->local.ip = before;
		return -EADDRINUSE;
	}
	put_port(s, port);
	return 0;
}

int loop_autobind(struct loop_sock *s, const struct loop_name *to)
{
	lock_assert_held(&s->loop->lock);
	if (loop_is_bound(s) || loop_is_raw(s))
		return 0;
	bool connects = to && loop_is_stream(s);
	unsigned port = choose_port(s, to, connects ? is_free_for : is_free);
	if (!port)
		return connects ? -EADDRNOTAVAIL : -EAGAIN;
	put_port(s, port);
	return 0;
}

void loop_bind_shared(struct loop_sock *s, unsigned port)
{
	lock_assert_held(&s->loop->lock);
	put_port(s, port);
}

void loop_unbind(struct loop_sock *s)
{
	lock_assert_held(&s->loop->lock);
	list_del(&s->bound);
}

void loop_hear(struct loop_sock *s)
{
	struct loop *l = s->loop;

	mutex_lock(&l->lock);
	list_add_tail(s->sk.family == AF_PACKET ? &l->taps : &l->raws, &s->bound);
	l->watchers++;
	if (s->sk.family != AF_PACKET)
		s->local.port = (uint16_t)s->sk.protocol;
	mutex_unlock(&l->lock);
}

void loop_unhear(struct loop_sock *s)
{
	lock_assert_held(&s->loop->lock);
	if (loop_is_bound(s) && (loop_is_raw(s) || s->sk.family == AF_PACKET))
		s->loop->watchers--;
	loop_unbind(s);
}

int loop_check_listen(struct loop_sock *s)
{
	lock_assert_held(&s->loop->lock);
	return taken(s, s->local.port) ? -EADDRINUSE : 0;
}

/* How well what comes `from` there fits the socket; 0: it is not for it. */
static int score(const struct loop_sock *s, const struct loop_name *from,
		 const struct loop_name *to)
{
	int n = loop_hears(s, to) ? fits(s, &to->ip) : 0;

	if (!n)
		return 0;
	if (loop_is_stream(s))
		return s->state == TCP_LISTEN ? n : 0;
	if (!s->remote.port)
		return n;
	return s->remote.port == from->port && IN6_ARE_ADDR_EQUAL(&s->remote.ip, &from->ip) ? n + 8
											    : 0;
}

struct loop_sock *loop_find(struct loop *l, int type, const struct loop_name *from,
			    const struct loop_name *to)
{
	lock_assert_held(&l->lock);
	struct list *b = loop_bucket(l, type, to->port);
	struct loop_sock *s, *found = NULL;
	unsigned nr = 0;
	int best = 0;

	list_for_each (s, b, bound) {
		int n = score(s, from, to);
		nr = n > best ? 1 : nr + (n && n == best);
		best = n > best ? n : best;
	}
	/* Those that share a port (SO_REUSEPORT) have a share of what comes each; of others with
	 * the same claim the last one has it all, as on Linux. */
	unsigned pick = 0, turn = nr ? l->turn++ % nr : 0;
	list_for_each (s, b, bound) {
		if (!best || score(s, from, to) != best)
			continue;
		if (pick++ == turn || !found || !socket_flag(&s->sk, SO_REUSEPORT))
			found = s;
		if (pick > turn && socket_flag(&found->sk, SO_REUSEPORT))
			break;
	}
	return found;
}
