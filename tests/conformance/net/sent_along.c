/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes along with a send in control messages, and what the receiver sees of it: of hl's own
 * loopback, which `make check-loopback` runs this over. Of the host's sockets, hl refuses messages
 * that it does not know.
 */
#include "case.h"
#include "names.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static union name name_of(int family, const char *text)
{
	union name n = { .in.sin_family = (sa_family_t)family };

	NEED(inet_pton(family, text,
		       family == AF_INET ? (void *)&n.in.sin_addr : (void *)&n.in6.sin6_addr));
	return n;
}

/* Bound to the address, at any port; *n is its whole name. */
static int bound(int type, int family, const char *text, union name *n)
{
	int s = (int)NEED(socket(family, type, 0));
	socklen_t len = sizeof *n;

	*n = name_of(family, text);
	NEED(bind(s, &n->any, name_len(family)));
	NEED(getsockname(s, &n->any, &len));
	return s;
}

struct along {
	int level, type;
	unsigned len; /* of data; the length that is said is `says` more */
	int says;
	unsigned char data[24];
};

#define INTEGER(v)                                                                                 \
	{                                                                                          \
		(v) & 255, (v) >> 8 & 255, (v) >> 16 & 255, (v) >> 24 & 255                        \
	}

static const struct along along[] = {
	{ IPPROTO_IP, IP_TTL, 4, 0, INTEGER(9) },
	{ IPPROTO_IP, IP_TTL, 4, 0, INTEGER(0) },
	{ IPPROTO_IP, IP_TTL, 4, 0, INTEGER(256) },
	{ IPPROTO_IP, IP_TTL, 1, 0, { 9 } },
	{ IPPROTO_IP, IP_TOS, 4, 0, INTEGER(8) },
	{ IPPROTO_IP, IP_TOS, 1, 0, { 16 } },
	{ IPPROTO_IP, IP_TOS, 2, 0, { 16 } },
	{ IPPROTO_IP, IP_TOS, 4, 0, INTEGER(-1) },
	{ IPPROTO_IP, 99, 4, 0, { 0 } },
	/* struct in_pktinfo: index, source, destination */
	{ IPPROTO_IP, IP_PKTINFO, 12, 0, { 0, 0, 0, 0, 127, 0, 0, 5 } },
	{ IPPROTO_IP, IP_PKTINFO, 12, 0, { 1, 0, 0, 0, 0, 0, 0, 0 } },
	{ IPPROTO_IP, IP_PKTINFO, 12, 0, { 77, 0, 0, 0, 0, 0, 0, 0 } },
	{ IPPROTO_IP, IP_PKTINFO, 12, 0, { 0, 0, 0, 0, 224, 0, 0, 1 } },
	{ IPPROTO_IP, IP_PKTINFO, 8, 0, { 0 } },
	/* struct in6_pktinfo: address, index */
	{ IPPROTO_IPV6, IPV6_PKTINFO, 20, 0, { [15] = 1 } },
	{ IPPROTO_IPV6, IPV6_PKTINFO, 20, 0, { [15] = 0, [16] = 77 } },
	{ IPPROTO_IPV6, IPV6_PKTINFO, 20, 0, { 32, 1, 13, 184, [15] = 1 } },
	{ IPPROTO_IPV6, IPV6_PKTINFO, 20, 0, { [10] = 255, 255, 127, 0, 0, 6 } },
	{ IPPROTO_IPV6, IPV6_PKTINFO, 16, 0, { [15] = 1 } },
	{ IPPROTO_IPV6, IPV6_HOPLIMIT, 4, 0, INTEGER(7) },
	{ IPPROTO_IPV6, IPV6_HOPLIMIT, 4, 0, INTEGER(-1) },
	{ IPPROTO_IPV6, IPV6_HOPLIMIT, 4, 0, INTEGER(256) },
	{ IPPROTO_IPV6, IPV6_TCLASS, 4, 0, INTEGER(12) },
	{ IPPROTO_IPV6, IPV6_TCLASS, 1, 0, { 12 } },
	{ IPPROTO_IPV6, IPV6_DONTFRAG, 4, 0, INTEGER(2) },
	{ IPPROTO_IPV6, 99, 4, 0, { 0 } },
	{ IPPROTO_TCP, 99, 4, 0, { 0 } },
	{ SOL_SOCKET, SCM_RIGHTS, 4, 0, { 0 } },
	{ SOL_SOCKET, 99, 4, 0, { 0 } },
	{ SOL_SOCKET, SO_TIMESTAMPING, 4, 0, INTEGER(1 << 4) },
	{ SOL_SOCKET, SO_TIMESTAMPING, 2, 0, { 0 } },
	{ IPPROTO_IP, IP_TTL, 4, 8, INTEGER(9) },
	{ IPPROTO_IP, IP_TTL, 4, -20, INTEGER(9) },
};

static void say_received(int s)
{
	char buf[8], room[256], text[64] = "nobody";
	union name n = { 0 };
	struct iovec iov = { buf, sizeof buf };
	struct msghdr m = { .msg_name = &n,
			    .msg_namelen = sizeof n,
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = room,
			    .msg_controllen = sizeof room };

	NEED(recvmsg(s, &m, 0));
	if (m.msg_namelen)
		inet_ntop(n.any.sa_family,
			  n.any.sa_family == AF_INET ? (const void *)&n.in.sin_addr
						     : (const void *)&n.in6.sin6_addr,
			  text, sizeof text);
	say("  from %s", text);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		say(", level %d type %d: %d", c->cmsg_level, c->cmsg_type, *CMSG_DATA(c));
	say("\n");
}

static void send_along(int s, int to, const union name *n, const struct along *a)
{
	union {
		struct cmsghdr h;
		char room[64];
	} u = { .h = { .cmsg_len = CMSG_LEN(a->len) + (size_t)a->says,
		       .cmsg_level = a->level,
		       .cmsg_type = a->type } };
	struct iovec iov = { (char[]){ 'x' }, 1 };
	struct msghdr m = { .msg_name = (void *)(uintptr_t)(n ? &n->any : NULL),
			    .msg_namelen = n ? name_len(n->any.sa_family) : 0,
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &u,
			    .msg_controllen = CMSG_SPACE(a->len) };

	memcpy(CMSG_DATA(&u.h), a->data, a->len);
	say("level %d type %d, %u bytes: ", a->level, a->type, a->len);
	ssize_t r = sendmsg(s, &m, MSG_NOSIGNAL);
	say("%s\n", r < 0 ? strerrorname_np(errno) : "sent");
	if (r > 0)
		say_received(to);
}

static const struct {
	int family;
	const char *address;
} kinds[] = { { AF_INET, "127.0.0.1" }, { AF_INET6, "::1" }, { AF_INET6, "::ffff:127.0.0.1" } };

CASE(datagrams)
{
	const int on = 1;

	for (size_t k = 0; k < 3; k++) {
		int family = kinds[k].family;
		union name n;
		int to = bound(SOCK_DGRAM, family, kinds[k].address, &n),
		    s = (int)NEED(socket(family, SOCK_DGRAM, 0));
		NEED(setsockopt(to, IPPROTO_IP, IP_RECVTTL, &on, sizeof on));
		NEED(setsockopt(to, IPPROTO_IP, IP_RECVTOS, &on, sizeof on));
		if (family == AF_INET6) {
			NEED(setsockopt(to, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on));
			NEED(setsockopt(to, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on));
		}
		say("to %s\n", kinds[k].address);
		for (size_t i = 0; i < sizeof along / sizeof *along; i++)
			send_along(s, to, &n, &along[i]);
		close(to);
		close(s);
	}
}

CASE(streams)
{
	for (size_t k = 0; k < 2; k++) {
		union name n;
		int l = bound(SOCK_STREAM, kinds[k].family, kinds[k].address, &n),
		    s = (int)NEED(socket(kinds[k].family, SOCK_STREAM, 0));
		NEED(listen(l, 1));
		NEED(connect(s, &n.any, name_len(kinds[k].family)));
		int to = (int)NEED(accept(l, NULL, NULL));
		say("to %s\n", kinds[k].address);
		for (size_t i = 0; i < sizeof along / sizeof *along; i++)
			send_along(s, to, NULL, &along[i]);
	}
}
