/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes along with a send over the sandbox's own loopback, in control messages: an address of
 * ours to send from, hops, a class, whether times are told (Linux: udp_cmsg_send, ip_cmsg_send,
 * ip6_datagram_send_ctl, sock_cmsg_send). A message that is not understood is an error.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/net_tstamp.h>
#include <string.h>

#include "cred/cred.h"
#include "net/loop_sock.h"
#include "net/net.h"

#define PRIORITY_FREED 6 /* a higher one takes a capability */

/* One message: its data, of `len` bytes. */
struct control {
	int level, type;
	const unsigned char *data;
	size_t len;
};

static bool is_admin(const struct loop_sock *s, const struct caller *c)
{
	const struct user_namespace *ns = s->sk.net->ns.owner;

	return cred_ns_capable(c->cred, ns, CAP_NET_ADMIN) ||
	       cred_ns_capable(c->cred, ns, CAP_NET_RAW);
}

/* An int that is not outside of what is allowed. -EINVAL. */
static int take_int(const struct control *m, int least, int most, int *out)
{
	int v;

	if (m->len != sizeof v)
		return -EINVAL;
	memcpy(&v, m->data, sizeof v);
	if (v < least || v > most)
		return -EINVAL;
	*out = v;
	return 0;
}

/* Times are told without the packet alone (loop_error.c). */
static int take_times(const struct loop_sock *s, const struct control *m, struct loop_sending *out)
{
	int v;

	if (m->len != sizeof v)
		return -EINVAL;
	memcpy(&v, m->data, sizeof v);
	if (v & ~TX_TIMES || (v && !(s->sk.timestamping & SOF_TIMESTAMPING_OPT_TSONLY)))
		return -EINVAL;
	out->times = v;
	return 0;
}

static int take_socket(const struct loop_sock *s, const struct caller *c, const struct control *m,
		       struct loop_sending *out)
{
	int v;

	switch (m->type) {
	case SO_TIMESTAMPING:
	case SO_TIMESTAMPING_NEW: return take_times(s, m, out);
	case SCM_RIGHTS:
	case SCM_CREDENTIALS: return 0; /* of other families: Linux passes them over */
	case SO_MARK: return !is_admin(s, c) ? -EPERM : take_int(m, INT32_MIN, INT32_MAX, &v);
	case SO_PRIORITY:
		if (take_int(m, INT32_MIN, INT32_MAX, &v))
			return -EINVAL;
		return (v >= 0 && v <= PRIORITY_FREED) || is_admin(s, c) ? 0 : -EPERM;
	default: return -EINVAL;
	}
}

/* An address to send from, and an interface; none of either where it is 0. */
static int take_source(const struct loop_sock *s, const struct in6_addr *ip, unsigned index,
		       struct loop_sending *out)
{
	struct in6_addr none4 = { { { [10] = 0xff, 0xff } } };

	if (index && index != LO_INDEX)
		return -ENODEV;
	if (IN6_IS_ADDR_UNSPECIFIED(ip) || IN6_ARE_ADDR_EQUAL(ip, &none4))
		return 0;
	out->from = *ip;
	out->has_from = true;
	if (lo_is_own(loop_lo(s), ip))
		return 0;
	/* Linux: ip_route_output_key_hash_rcu, ip6_datagram_send_ctl */
	uint32_t four = ntohl(ip->s6_addr32[3]);
	bool none = IN6_IS_ADDR_V4MAPPED(ip) && !IN_MULTICAST(four) && four != INADDR_BROADCAST;
	return none ? -ENETUNREACH : -EINVAL;
}

static int take_source_4(const struct loop_sock *s, const struct control *m,
			 struct loop_sending *out)
{
	struct in6_addr ip = { { { [10] = 0xff, 0xff } } };
	struct in_pktinfo info;

	if (m->len != sizeof info)
		return -EINVAL;
	memcpy(&info, m->data, sizeof info);
	memcpy(&ip.s6_addr[12], &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
	return take_source(s, &ip, (unsigned)info.ipi_ifindex, out);
}

/* `mapped`: where IPv4 is sent to by a socket of IPv6. */
static int take_source_6(const struct loop_sock *s, const struct control *m, bool mapped,
			 struct loop_sending *out)
{
	struct in6_pktinfo info;

	if (m->len < sizeof info)
		return -EINVAL;
	memcpy(&info, m->data, sizeof info);
	if (mapped != !!IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr))
		return -EINVAL;
	return take_source(s, &info.ipi6_addr, info.ipi6_ifindex, out);
}

static int take_4(const struct loop_sock *s, const struct control *m, struct loop_sending *out)
{
	switch (m->type) {
	case IP_PKTINFO: return take_source_4(s, m, out);
	case IP_TTL: return take_int(m, 1, 255, &out->hops);
	case IP_TOS:
		if (m->len != 1)
			return take_int(m, 0, 255, &out->class);
		out->class = m->data[0];
		return 0;
	default: return -EINVAL;
	}
}

static int take_6(const struct loop_sock *s, const struct control *m, struct loop_sending *out)
{
	int v = -1;
	int err;

	switch (m->type) {
	case IPV6_2292PKTINFO:
	case IPV6_PKTINFO: return take_source_6(s, m, false, out);
	case IPV6_2292HOPLIMIT:
	case IPV6_HOPLIMIT:
		err = take_int(m, -1, 255, &v);
		out->hops = v >= 0 ? v : out->hops;
		return err;
	case IPV6_TCLASS:
		err = take_int(m, -1, 255, &v);
		out->class = v >= 0 ? v : out->class;
		return err;
	case IPV6_DONTFRAG: return take_int(m, 0, 1, &v);
	default: return -EINVAL;
	}
}

static int take(const struct loop_sock *s, const struct caller *c, const struct control *m,
		bool four, struct loop_sending *out)
{
	if (m->level == SOL_SOCKET)
		return take_socket(s, c, m, out);
	if (loop_is_stream(s))
		return 0;
	if (m->level == IPPROTO_UDP)
		return -EINVAL; /* UDP_SEGMENT: each datagram has a send of its own here */
	if (four && m->level == IPPROTO_IP)
		return take_4(s, m, out);
	if (four && m->level == IPPROTO_IPV6 && s->sk.family == AF_INET6 && m->type == IPV6_PKTINFO)
		return take_source_6(s, m, true, out);
	return !four && m->level == IPPROTO_IPV6 ? take_6(s, m, out) : 0;
}

int loop_take_controls(const struct loop_sock *s, const struct caller *c,
		       const struct socket_msg *m, bool four, struct loop_sending *out)
{
	const unsigned char *at = m->control;
	size_t left = at ? m->control_len : 0;
	struct cmsghdr h;
	int err = 0;

	*out = (struct loop_sending){ .hops = -1,
				      .class = -1,
				      .times = s->sk.timestamping & TX_TIMES };
	while (!err && left >= sizeof h) {
		memcpy(&h, at, sizeof h);
		if (h.cmsg_len < sizeof h || h.cmsg_len > left)
			return -EINVAL;
		err = take(s, c,
			   &(struct control){ h.cmsg_level, h.cmsg_type, at + CMSG_LEN(0),
					      h.cmsg_len - CMSG_LEN(0) },
			   four, out);
		size_t step = CMSG_ALIGN(h.cmsg_len);
		if (step >= left)
			break;
		at += step;
		left -= step;
	}
	return err;
}
