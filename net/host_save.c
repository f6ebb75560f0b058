/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saves and loads TCP and UDP sockets of the host.
 *
 * A copy makes a socket like it, with its options and at its address: one that listens listens
 * again, and a datagram socket has its peer. Connections are not a copy's: one that was there reads
 * as reset. What waits to be read is lost, as it is of any socket whose machine has gone.
 *
 * All that is set here goes by the same checks as when a guest asks for it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "fs/saved.h"
#include "host/hostcall.h"
#include "net/host_sock.h"
#include "net/inet.h"
#include "net/net.h"

/* What a copy's socket is to become. */
enum state { UNCONNECTED, LISTENS, HAS_PEER, WAS_CONNECTED, NR_STATES };

/* Options whose value is a number and that last; a socket has those of its family. */
static const struct option {
	int level, name;
} kept[] = {
	{ SOL_SOCKET, SO_REUSEADDR },
	{ SOL_SOCKET, SO_REUSEPORT },
	{ SOL_SOCKET, SO_KEEPALIVE },
	{ SOL_SOCKET, SO_BROADCAST },
	{ SOL_SOCKET, SO_OOBINLINE },
	{ SOL_SOCKET, SO_RCVLOWAT },
	{ SOL_SOCKET, SO_DONTROUTE },
	{ SOL_SOCKET, SO_BINDTOIFINDEX },
	{ SOL_SOCKET, SO_PRIORITY },
	{ SOL_SOCKET, SO_MARK },
	{ SOL_SOCKET, SO_NO_CHECK },
	{ SOL_SOCKET, SO_TIMESTAMP },
	{ SOL_SOCKET, SO_TIMESTAMPNS },
	{ SOL_SOCKET, SO_TIMESTAMPING },
	{ SOL_SOCKET, SO_RXQ_OVFL },
	{ SOL_SOCKET, SO_PEEK_OFF },
	{ SOL_SOCKET, SO_BUSY_POLL },
	{ SOL_SOCKET, SO_SELECT_ERR_QUEUE },
	{ SOL_SOCKET, SO_MAX_PACING_RATE },
	{ SOL_SOCKET, SO_INCOMING_CPU },
	{ SOL_SOCKET, SO_WIFI_STATUS },
	{ SOL_SOCKET, SO_NOFCS },
	{ SOL_SOCKET, SO_PASSCRED },
	{ IPPROTO_IP, IP_TOS },
	{ IPPROTO_IP, IP_TTL },
	{ IPPROTO_IP, IP_RECVERR },
	{ IPPROTO_IP, IP_PKTINFO },
	{ IPPROTO_IP, IP_MTU_DISCOVER },
	{ IPPROTO_IP, IP_FREEBIND },
	{ IPPROTO_IP, IP_MULTICAST_TTL },
	{ IPPROTO_IP, IP_MULTICAST_LOOP },
	{ IPPROTO_IP, IP_MULTICAST_ALL },
	{ IPPROTO_IP, IP_RECVTTL },
	{ IPPROTO_IP, IP_RECVTOS },
	{ IPPROTO_IP, IP_RECVOPTS },
	{ IPPROTO_IP, IP_RETOPTS },
	{ IPPROTO_IP, IP_RECVORIGDSTADDR },
	{ IPPROTO_IP, IP_MINTTL },
	{ IPPROTO_IP, IP_TRANSPARENT },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT },
	{ IPPROTO_IP, IP_CHECKSUM },
	{ IPPROTO_IP, IP_NODEFRAG },
	{ IPPROTO_IP, IP_UNICAST_IF },
	{ IPPROTO_IPV6, IPV6_V6ONLY },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS },
	{ IPPROTO_IPV6, IPV6_RECVERR },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO },
	{ IPPROTO_IPV6, IPV6_TCLASS },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
	{ IPPROTO_IPV6, IPV6_RECVPATHMTU },
	{ IPPROTO_IPV6, IPV6_RECVORIGDSTADDR },
	{ IPPROTO_IPV6, IPV6_FREEBIND },
	{ IPPROTO_IPV6, IPV6_TRANSPARENT },
	{ IPPROTO_IPV6, IPV6_AUTOFLOWLABEL },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER },
	{ IPPROTO_IPV6, IPV6_DONTFRAG },
	{ IPPROTO_IPV6, IPV6_MINHOPCOUNT },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS },
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP },
	{ IPPROTO_IPV6, IPV6_MULTICAST_ALL },
	{ IPPROTO_IPV6, IPV6_UNICAST_IF },
	{ IPPROTO_TCP, TCP_NODELAY },
	{ IPPROTO_TCP, TCP_KEEPIDLE },
	{ IPPROTO_TCP, TCP_KEEPINTVL },
	{ IPPROTO_TCP, TCP_KEEPCNT },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT },
	{ IPPROTO_TCP, TCP_SYNCNT },
	{ IPPROTO_TCP, TCP_LINGER2 },
	{ IPPROTO_TCP, TCP_CORK },
	{ IPPROTO_TCP, TCP_MAXSEG },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT },
	{ IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS },
	{ IPPROTO_TCP, TCP_THIN_DUPACK },
	{ IPPROTO_TCP, TCP_SAVE_SYN },
	{ IPPROTO_TCP, TCP_FASTOPEN },
	{ IPPROTO_TCP, TCP_FASTOPEN_CONNECT },
	{ IPPROTO_TCP, TCP_INQ },
	{ IPPROTO_TCP, TCP_TX_DELAY },
	{ IPPROTO_UDP, UDP_CORK },
	{ IPPROTO_UDP, UDP_SEGMENT },
	{ IPPROTO_UDP, UDP_GRO },
};
#define NR_KEPT (sizeof kept / sizeof *kept)

/* Those of which the host tells twice what was set. */
static const int buffers[] = { SO_SNDBUF, SO_RCVBUF };
#define NR_BUFFERS (sizeof buffers / sizeof *buffers)

/* ---- saving ---- */

static enum state state_of(const struct host_sock *i, unsigned *backlog)
{
	struct tcp_info info = { 0 };
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;

	*backlog = 0;
	if (i->sk.type != SOCK_STREAM)
		return getpeername(i->fd, (struct sockaddr *)&peer, &len) ? UNCONNECTED : HAS_PEER;
	len = sizeof info;
	getsockopt(i->fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	switch (info.tcpi_state) {
	case TCP_LISTEN: *backlog = info.tcpi_sacked; return LISTENS;
	case TCP_CLOSE: return UNCONNECTED;
	/* whoever waits in connect(2) makes the call again */
	case TCP_SYN_SENT: return i->sk.file.flags & O_NONBLOCK ? WAS_CONNECTED : UNCONNECTED;
	default: return WAS_CONNECTED;
	}
}

static void save_name(struct encoder *out, int fd, bool peer)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof name;
	int r = peer ? getpeername(fd, (struct sockaddr *)&name, &len)
		     : getsockname(fd, (struct sockaddr *)&name, &len);

	encode_bytes(out, &name, r ? 0 : len);
}

/* False: the socket has no such option. */
static bool number_of(int fd, const struct option *o, int *value)
{
	socklen_t len = sizeof *value;

	*value = 0;
	return getsockopt(fd, o->level, o->name, value, &len) == 0;
}

/* What a new one has by itself is not told: `fresh` is one, or -1. */
static void save_numbers(struct encoder *out, int fd, int fresh)
{
	size_t place = encode_place(out);
	uint64_t nr = 0;
	int value, before;

	for (size_t k = 0; k < NR_KEPT; k++) {
		if (!number_of(fd, &kept[k], &value) ||
		    (number_of(fresh, &kept[k], &before) && before == value))
			continue;
		encode(out, k);
		encode_signed(out, value);
		nr++;
	}
	encode_at(out, place, nr);
}

static void save_options(struct saver *s, const struct host_sock *i)
{
	const struct socket *so = &i->sk;
	struct encoder *out = &s->out;
	struct linger linger = { 0 };
	socklen_t len = sizeof linger;
	int value, fresh = host_sock_make(so->net, s->caller, so->family, so->type, so->protocol);

	save_numbers(out, i->fd, fresh);
	host_close(fresh);
	for (size_t k = 0; k < NR_BUFFERS; k++) {
		value = 0;
		len = sizeof value;
		getsockopt(i->fd, SOL_SOCKET, buffers[k], &value, &len);
		encode_signed(out, value / 2);
	}
	len = sizeof linger;
	getsockopt(i->fd, SOL_SOCKET, SO_LINGER, &linger, &len);
	encode(out, linger.l_onoff != 0);
	encode_signed(out, linger.l_linger);
}

static int host_save(struct saver *s, void *object)
{
	struct host_sock *i = host_sock_of(file_socket(object));
	struct encoder *out = &s->out;
	unsigned backlog;
	enum state state = state_of(i, &backlog);

	encode_signed(out, i->sk.family);
	encode_signed(out, i->sk.type);
	encode_signed(out, i->sk.protocol);
	socket_save(s, &i->sk);
	save_options(s, i);
	encode(out, state);
	encode(out, backlog);
	save_name(out, i->fd, false);
	save_name(out, i->fd, true);
	return 0;
}

/* ---- loading ---- */

struct name {
	struct sockaddr_storage a;
	unsigned len; /* 0: none */
};

static struct sockaddr *address(struct name *n)
{
	return (struct sockaddr *)&n->a;
}

/* The port is at the same place in both families' addresses. */
static in_port_t *port_of(struct name *n)
{
	return &((struct sockaddr_in *)(void *)&n->a)->sin_port;
}

static int load_name(struct loader *l, const struct socket *so, struct name *n)
{
	size_t len, least = so->family == AF_INET6 ? sizeof(struct sockaddr_in6)
						   : sizeof(struct sockaddr_in);
	const void *data = decode_bytes(&l->in, &len);

	if (!data || len > sizeof n->a || (len && len < least))
		return loader_damaged(l, "the address of a socket");
	memset(n, 0, sizeof *n);
	memcpy(&n->a, data, len);
	n->len = (unsigned)len;
	return !len || n->a.ss_family == so->family ? 0
						    : loader_damaged(l, "the address of a socket");
}

/* An option that this host has not, or that the copy may not set, stays as it is. */
static void set(struct loader *l, struct socket *so, int level, int name, const void *val,
		unsigned len)
{
	(void)host_sock_setsockopt(so, l->caller, level, name, val, len);
}

static void load_options(struct loader *l, struct socket *so)
{
	int value;

	uint64_t nr = decode_count(&l->in, 2 * sizeof(uint64_t));
	for (uint64_t i = 0; i < nr && !l->in.failed; i++) {
		const struct option *o = &kept[decode_max(&l->in, NR_KEPT - 1)];
		value = (int)decode_between(&l->in, INT32_MIN, INT32_MAX);
		if (!l->in.failed)
			set(l, so, o->level, o->name, &value, sizeof value);
	}
	for (size_t k = 0; k < NR_BUFFERS; k++) {
		value = (int)decode_between(&l->in, 0, INT32_MAX);
		if (!l->in.failed)
			set(l, so, SOL_SOCKET, buffers[k], &value, sizeof value);
	}
	struct linger linger = { .l_onoff = decode_bool(&l->in) };
	linger.l_linger = (int)decode_between(&l->in, 0, INT32_MAX);
	if (!l->in.failed)
		set(l, so, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static int cannot_bind(struct loader *l, struct name *n, int err)
{
	char text[INET6_ADDRSTRLEN] = "?";
	const void *from = n->a.ss_family == AF_INET6
			       ? (const void *)&((struct sockaddr_in6 *)(void *)&n->a)->sin6_addr
			       : (const void *)&((struct sockaddr_in *)(void *)&n->a)->sin_addr;

	inet_ntop(n->a.ss_family, from, text, sizeof text);
	return errmsg_set(l->errmsg, -err,
			  "the program has a socket at %s port %u, which this copy cannot have: %s",
			  text, ntohs(*port_of(n)), strerror(-err));
}

/* A port that the host's kernel may have chosen is another one where this one is taken. */
static int bind_again(struct loader *l, struct socket *so, struct name *n, bool listens)
{
	if (!n->len || !*port_of(n))
		return 0;
	int err = host_sock_bind(so, l->caller, address(n), n->len);
	if (err == -EADDRINUSE && !listens &&
	    ntohs(*port_of(n)) >= net_sysctl("ipv4/ip_local_port_range", 32768)) {
		*port_of(n) = 0;
		err = host_sock_bind(so, l->caller, address(n), n->len);
	}
	return err ? cannot_bind(l, n, err) : 0;
}

/* A listening socket of the monitor's own on the loopback: a descriptor or -errno; *at: where. */
static int listen_on_loopback(struct loader *l, struct socket *so, struct name *at)
{
	int fd = host_sock_make(so->net, l->caller, so->family, SOCK_STREAM, 0);
	socklen_t len = sizeof at->a;

	if (fd < 0)
		return fd;
	*at = (struct name){ .len = so->family == AF_INET6 ? sizeof(struct sockaddr_in6)
							   : sizeof(struct sockaddr_in) };
	at->a.ss_family = (sa_family_t)so->family;
	if (so->family == AF_INET6)
		((struct sockaddr_in6 *)(void *)&at->a)->sin6_addr = in6addr_loopback;
	else
		((struct sockaddr_in *)(void *)&at->a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int err = (int)host_call(SYS_bind, fd, address(at), at->len);
	if (!err)
		err = (int)host_call(SYS_listen, fd, 1);
	if (!err && getsockname(fd, address(at), &len))
		err = -errno;
	if (err)
		host_close(fd);
	return err ? err : fd;
}

#define RESET_MS 1000

/* Gives it a connection whose other end resets it. Where that cannot be it has none. */
static void make_reset(struct loader *l, struct socket *so)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct name at;
	int own = host_sock_of(so)->fd, fd = listen_on_loopback(l, so, &at);

	if (fd < 0)
		return;
	int err = (int)host_call(SYS_connect, own, address(&at), at.len);
	struct pollfd p = { fd, POLLIN, 0 };
	if ((!err || err == -EINPROGRESS) && poll(&p, 1, RESET_MS) > 0) {
		int end = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		p = (struct pollfd){ own, POLLOUT, 0 };
		poll(&p, 1, RESET_MS);
		if (end >= 0)
			setsockopt(end, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
		host_close(end);
	}
	host_close(fd);
}

static int become(struct loader *l, struct socket *so)
{
	enum state state = (enum state)decode_max(&l->in, NR_STATES - 1);
	unsigned backlog = (unsigned)decode_max(&l->in, INT32_MAX);
	struct name local, peer;
	int err = load_name(l, so, &local);

	if (!err)
		err = load_name(l, so, &peer);
	if (!err && (l->in.failed || (state == HAS_PEER && !peer.len) ||
		     (state == HAS_PEER) != (so->type == SOCK_DGRAM && peer.len)))
		err = loader_damaged(l, "a socket");
	if (!err && state != WAS_CONNECTED)
		err = bind_again(l, so, &local, state == LISTENS);
	if (err)
		return err;
	if (state == LISTENS) {
		err = so->ops->listen ? so->ops->listen(so, l->caller, backlog) : -EOPNOTSUPP;
		return err ? cannot_bind(l, &local, err) : 0;
	}
	/* the network may know no way there any more: it has no peer then */
	if (state == HAS_PEER)
		(void)host_sock_connect(so, l->caller, address(&peer), peer.len, true);
	else if (state == WAS_CONNECTED && so->type == SOCK_STREAM)
		make_reset(l, so);
	return 0;
}

static int create(struct loader *l, struct socket **out)
{
	int family = (int)decode_between(&l->in, 0, AF_MAX);
	int type = (int)decode_between(&l->in, 0, SOCK_PACKET);
	int protocol = (int)decode_between(&l->in, 0, IPPROTO_MAX);
	void *net;
	int err = l->net(l, &net);

	if (err)
		return err;
	if (l->in.failed || (family != AF_INET && family != AF_INET6))
		return loader_damaged(l, "a socket");
	err = family == AF_INET ? inet_create(net, l->caller, type, protocol, 0, out)
				: inet6_create(net, l->caller, type, protocol, 0, out);
	return err == -EINVAL || err == -EPERM ? loader_damaged(l, "a socket") : err;
}

static int host_load(struct loader *l, void **out)
{
	struct socket *so;
	int err = create(l, &so);

	if (err)
		return err;
	if (so->ops->saved != &host_saved)
		err = errmsg_set(l->errmsg, ENOTSUP,
				 "the program has sockets of the host's network, which this "
				 "configuration has not");
	if (!err)
		err = socket_load(l, so);
	if (!err) {
		load_options(l, so);
		err = become(l, so);
	}
	if (err)
		file_put(&so->file);
	else
		*out = &so->file;
	return err;
}

const struct saved_kind host_saved = {
	.name = "socket",
	.save = host_save,
	.load = host_load,
	.put = file_saved_put,
};
