/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of rtnetlink(7) where there is the interface lo alone, with its two addresses and the
 * routes that Linux makes for them: what getifaddrs(3), `ip address` and `ip route` ask. Nothing of
 * it ever changes, so that there are no events to tell either.
 */
#include "net/route.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/net.h"

#define LO_INDEX 1
#define LO_MTU   65536
#define LO_QUEUE 1000
#define NAME     "lo"

struct answer {
	const struct net *net;
	struct nlbuf *b;
	uint32_t seq, port;
	unsigned flags;
};

static struct nlmsghdr *begin(struct answer *a, unsigned type)
{
	struct nlmsghdr *h = nlbuf_put(a->b, sizeof *h);

	if (h)
		*h = (struct nlmsghdr){ .nlmsg_type = (uint16_t)type,
					.nlmsg_flags = (uint16_t)a->flags,
					.nlmsg_seq = a->seq,
					.nlmsg_pid = a->port };
	return h;
}

static void end(struct answer *a, struct nlmsghdr *h)
{
	if (h)
		h->nlmsg_len = (uint32_t)((char *)a->b->data + a->b->len - (char *)h);
}

static void put_number(struct nlbuf *b, unsigned type, uint32_t n)
{
	nlbuf_attr_copy(b, type, &n, sizeof n);
}

static void put_byte(struct nlbuf *b, unsigned type, uint8_t n)
{
	nlbuf_attr_copy(b, type, &n, sizeof n);
}

static void put_link(struct answer *a)
{
	static const char mac[6];
	uint64_t packets, bytes;
	net_traffic(a->net->policy, a->net, &packets, &bytes);
	struct rtnl_link_stats64 counters = {
		.rx_packets = packets, .tx_packets = packets, .rx_bytes = bytes, .tx_bytes = bytes
	};
	struct nlmsghdr *h = begin(a, RTM_NEWLINK);
	struct ifinfomsg *i = nlbuf_put(a->b, sizeof *i);

	if (i)
		*i = (struct ifinfomsg){ .ifi_type = ARPHRD_LOOPBACK,
					 .ifi_index = LO_INDEX,
					 .ifi_flags =
					     IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_LOWER_UP };
	nlbuf_attr_copy(a->b, IFLA_IFNAME, NAME, sizeof NAME);
	put_number(a->b, IFLA_TXQLEN, LO_QUEUE);
	put_byte(a->b, IFLA_OPERSTATE, IF_OPER_UNKNOWN);
	put_byte(a->b, IFLA_LINKMODE, 0);
	put_number(a->b, IFLA_MTU, LO_MTU);
	put_number(a->b, IFLA_GROUP, 0);
	put_number(a->b, IFLA_PROMISCUITY, 0);
	put_number(a->b, IFLA_NUM_TX_QUEUES, 1);
	put_number(a->b, IFLA_NUM_RX_QUEUES, 1);
	put_byte(a->b, IFLA_CARRIER, 1);
	nlbuf_attr_copy(a->b, IFLA_ADDRESS, mac, sizeof mac);
	nlbuf_attr_copy(a->b, IFLA_BROADCAST, mac, sizeof mac);
	nlbuf_attr_copy(a->b, IFLA_STATS64, &counters, sizeof counters);
	nlbuf_attr_copy(a->b, IFLA_QDISC, "noqueue", sizeof "noqueue");
	end(a, h);
}

static const struct in_addr lo4 = { 0x0100007f }, net4 = { 0x0000007f }, all4 = { 0xffffff7f };
static const struct in6_addr lo6 = { { { [15] = 1 } } };

static void put_address(struct answer *a, int family)
{
	struct ifa_cacheinfo forever = { .ifa_prefered = UINT32_MAX, .ifa_valid = UINT32_MAX };
	struct nlmsghdr *h = begin(a, RTM_NEWADDR);
	struct ifaddrmsg *m = nlbuf_put(a->b, sizeof *m);

	if (m)
		*m = (struct ifaddrmsg){ .ifa_family = (uint8_t)family,
					 .ifa_prefixlen = family == AF_INET ? 8 : 128,
					 .ifa_flags = IFA_F_PERMANENT,
					 .ifa_scope = RT_SCOPE_HOST,
					 .ifa_index = LO_INDEX };
	if (family == AF_INET) {
		nlbuf_attr_copy(a->b, IFA_ADDRESS, &lo4, sizeof lo4);
		nlbuf_attr_copy(a->b, IFA_LOCAL, &lo4, sizeof lo4);
		nlbuf_attr_copy(a->b, IFA_LABEL, NAME, sizeof NAME);
	} else {
		nlbuf_attr_copy(a->b, IFA_ADDRESS, &lo6, sizeof lo6);
	}
	nlbuf_attr_copy(a->b, IFA_CACHEINFO, &forever, sizeof forever);
	put_number(a->b, IFA_FLAGS, IFA_F_PERMANENT);
	end(a, h);
}

static void put_route(struct answer *a, const struct rtmsg *r, const void *to, size_t len)
{
	struct nlmsghdr *h = begin(a, RTM_NEWROUTE);
	struct rtmsg *m = nlbuf_put(a->b, sizeof *m);

	if (m)
		*m = *r;
	put_number(a->b, RTA_TABLE, r->rtm_table);
	nlbuf_attr_copy(a->b, RTA_DST, to, len);
	if (r->rtm_family == AF_INET)
		nlbuf_attr_copy(a->b, RTA_PREFSRC, &lo4, sizeof lo4);
	else
		put_number(a->b, RTA_PRIORITY, 0);
	put_number(a->b, RTA_OIF, LO_INDEX);
	if (r->rtm_family == AF_INET6)
		put_byte(a->b, RTA_PREF, 0);
	end(a, h);
}

static void put_routes(struct answer *a, int family)
{
	struct rtmsg r = { .rtm_family = (uint8_t)family,
			   .rtm_dst_len = 8,
			   .rtm_table = RT_TABLE_LOCAL,
			   .rtm_protocol = RTPROT_KERNEL,
			   .rtm_scope = RT_SCOPE_HOST,
			   .rtm_type = RTN_LOCAL };

	if (family == AF_INET6) {
		r.rtm_dst_len = 128;
		r.rtm_scope = RT_SCOPE_UNIVERSE;
		put_route(a, &r, &lo6, sizeof lo6);
		return;
	}
	put_route(a, &r, &net4, sizeof net4);
	r.rtm_dst_len = 32;
	put_route(a, &r, &lo4, sizeof lo4);
	r.rtm_scope = RT_SCOPE_LINK;
	r.rtm_type = RTN_BROADCAST;
	put_route(a, &r, &all4, sizeof all4);
}

/* One that is asked for by number or by name. */
static int get_link(struct answer *a, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = nlmsg_body(h);
	size_t at = NLMSG_ALIGN(sizeof *i), left = h->nlmsg_len - NLMSG_HDRLEN;
	bool named = false;

	if (left < sizeof *i)
		return -EINVAL;
	while (left >= at + NLA_HDRLEN) {
		const struct nlattr *n =
		    (const struct nlattr *)(const void *)((const char *)(const void *)i + at);
		if (n->nla_len < NLA_HDRLEN || n->nla_len > left - at)
			return -EINVAL;
		const char *name = (const char *)(n + 1);
		size_t len = n->nla_len - NLA_HDRLEN;
		if (n->nla_type == IFLA_IFNAME) {
			if (strnlen(name, len) != strlen(NAME) || memcmp(name, NAME, strlen(NAME)))
				return -ENODEV;
			named = true;
		}
		at += NLA_ALIGN(n->nla_len);
	}
	if (i->ifi_index ? i->ifi_index != LO_INDEX : !named)
		return i->ifi_index ? -ENODEV : -EINVAL;
	put_link(a);
	return 0;
}

static int dump(struct answer *a, const struct nlmsghdr *h, int family)
{
	switch (h->nlmsg_type) {
	case RTM_GETLINK: put_link(a); break;
	case RTM_GETADDR:
	case RTM_GETROUTE:
		for (int f = AF_INET; f <= AF_INET6; f += AF_INET6 - AF_INET) {
			if (family != AF_UNSPEC && family != f)
				continue;
			if (h->nlmsg_type == RTM_GETADDR)
				put_address(a, f);
			else
				put_routes(a, f);
		}
		break;
	case RTM_GETNEIGH: break; /* lo has none */
	default: return -EOPNOTSUPP;
	}
	struct nlmsghdr *done = begin(a, NLMSG_DONE);
	nlbuf_put(a->b, sizeof(int));
	end(a, done);
	return 1;
}

int route_answer(const struct net *net, struct nlbuf *b, const struct nlmsghdr *h, uint32_t port)
{
	struct answer a = { .net = net, .b = b, .seq = h->nlmsg_seq, .port = port };
	bool dumps = (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	const struct rtgenmsg *g = nlmsg_body(h);
	int err;

	if (h->nlmsg_type > RTM_MAX)
		return -EOPNOTSUPP;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof *g))
		return 0;
	/* three in four numbers are for changes: a new one, none, and what is */
	if ((h->nlmsg_type & 3) != 2)
		return -EPERM;
	if (dumps)
		a.flags = NLM_F_MULTI;
	err = dumps                          ? dump(&a, h, g->rtgen_family)
	      : h->nlmsg_type == RTM_GETLINK ? get_link(&a, h)
					     : -EOPNOTSUPP;
	return err < 0 ? err : b->full ? -EMSGSIZE : err;
}
