/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of rtnetlink(7) where there is the interface lo alone, with its addresses and the routes
 * that Linux makes for them: what getifaddrs(3), `ip address` and `ip route` ask.
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

struct answer {
	struct net *net;
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
	const struct lo *lo = &a->net->lo;
	const char *qdisc = lo->been_up ? "noqueue" : "noop";
	uint64_t packets, bytes;
	net_traffic(a->net, &packets, &bytes);
	struct rtnl_link_stats64 counters = {
		.rx_packets = packets, .tx_packets = packets, .rx_bytes = bytes, .tx_bytes = bytes
	};
	struct nlmsghdr *h = begin(a, RTM_NEWLINK);
	struct ifinfomsg *i = nlbuf_put(a->b, sizeof *i);

	if (i)
		*i = (struct ifinfomsg){ .ifi_type = ARPHRD_LOOPBACK,
					 .ifi_index = LO_INDEX,
					 .ifi_flags = lo_flags(lo) | (lo->up ? IFF_LOWER_UP : 0) };
	nlbuf_attr_copy(a->b, IFLA_IFNAME, LO_NAME, sizeof LO_NAME);
	put_number(a->b, IFLA_TXQLEN, LO_QUEUE);
	put_byte(a->b, IFLA_OPERSTATE, lo->up ? IF_OPER_UNKNOWN : IF_OPER_DOWN);
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
	nlbuf_attr_copy(a->b, IFLA_QDISC, qdisc, strlen(qdisc) + 1);
	end(a, h);
}

static void put_address(struct answer *a, const struct lo_address *lo)
{
	struct ifa_cacheinfo forever = { .ifa_prefered = UINT32_MAX, .ifa_valid = UINT32_MAX };
	uint32_t flags = IFA_F_PERMANENT | (lo->secondary ? IFA_F_SECONDARY : 0);
	struct nlmsghdr *h = begin(a, RTM_NEWADDR);
	struct ifaddrmsg *m = nlbuf_put(a->b, sizeof *m);
	in_addr_t four = lo_ipv4(&lo->ip);

	if (m)
		*m = (struct ifaddrmsg){ .ifa_family = lo_address_is_4(lo) ? AF_INET : AF_INET6,
					 .ifa_prefixlen = (uint8_t)lo->bits,
					 .ifa_flags = (uint8_t)flags,
					 .ifa_scope = lo->scope,
					 .ifa_index = LO_INDEX };
	if (lo_address_is_4(lo)) {
		nlbuf_attr_copy(a->b, IFA_ADDRESS, &four, sizeof four);
		nlbuf_attr_copy(a->b, IFA_LOCAL, &four, sizeof four);
		if (lo->broadcast)
			nlbuf_attr_copy(a->b, IFA_BROADCAST, &lo->broadcast, sizeof lo->broadcast);
		nlbuf_attr_copy(a->b, IFA_LABEL, lo->label, strlen(lo->label) + 1);
	} else {
		nlbuf_attr_copy(a->b, IFA_ADDRESS, &lo->ip, sizeof lo->ip);
	}
	nlbuf_attr_copy(a->b, IFA_CACHEINFO, &forever, sizeof forever);
	put_number(a->b, IFA_FLAGS, flags);
	end(a, h);
}

static void put_addresses(struct answer *a, int family)
{
	struct lo *lo = &a->net->lo;
	const struct lo_address *i;

	mutex_lock(&lo->lock);
	list_for_each (i, &lo->addresses, node)
		if (lo_address_is_4(i) == (family == AF_INET))
			put_address(a, i);
	mutex_unlock(&lo->lock);
}

/* To a network of IPv4, and which address of ours speaks there. */
struct route {
	in_addr_t to, from;
	unsigned bits, type;
};

static void put_route_4(struct answer *a, const struct route *r)
{
	bool local = r->type == RTN_LOCAL;
	struct nlmsghdr *h = begin(a, RTM_NEWROUTE);
	struct rtmsg *m = nlbuf_put(a->b, sizeof *m);

	if (m)
		*m = (struct rtmsg){ .rtm_family = AF_INET,
				     .rtm_dst_len = (uint8_t)r->bits,
				     .rtm_table = RT_TABLE_LOCAL,
				     .rtm_protocol = RTPROT_KERNEL,
				     .rtm_scope = local ? RT_SCOPE_HOST : RT_SCOPE_LINK,
				     .rtm_type = (uint8_t)r->type };
	put_number(a->b, RTA_TABLE, RT_TABLE_LOCAL);
	nlbuf_attr_copy(a->b, RTA_DST, &r->to, sizeof r->to);
	nlbuf_attr_copy(a->b, RTA_PREFSRC, &r->from, sizeof r->from);
	put_number(a->b, RTA_OIF, LO_INDEX);
	end(a, h);
}

static void put_route_6(struct answer *a, const struct in6_addr *to)
{
	struct nlmsghdr *h = begin(a, RTM_NEWROUTE);
	struct rtmsg *m = nlbuf_put(a->b, sizeof *m);

	if (m)
		*m = (struct rtmsg){ .rtm_family = AF_INET6,
				     .rtm_dst_len = 128,
				     .rtm_table = RT_TABLE_LOCAL,
				     .rtm_protocol = RTPROT_KERNEL,
				     .rtm_type = RTN_LOCAL };
	put_number(a->b, RTA_TABLE, RT_TABLE_LOCAL);
	nlbuf_attr_copy(a->b, RTA_DST, to, sizeof *to);
	put_number(a->b, RTA_PRIORITY, 0);
	put_number(a->b, RTA_OIF, LO_INDEX);
	put_byte(a->b, RTA_PREF, 0);
	end(a, h);
}

/* What an address of IPv4 makes (net/lo.h), from the first of its network. */
static size_t routes_of(struct lo *lo, const struct lo_address *a, struct route r[3])
{
	in_addr_t ip = lo_ipv4(&a->ip), network = lo_network(a);
	in_addr_t from = lo_ipv4(&lo_primary(lo, a)->ip);
	size_t n = 0;

	r[n++] = (struct route){ ip, from, 32, RTN_LOCAL };
	if (a->secondary || !network)
		return n;
	if (a->network_is_local && (network != ip || a->bits < 32))
		r[n++] = (struct route){ network, from, a->bits, RTN_LOCAL };
	if (lo->up && a->bits < 31)
		r[n++] = (struct route){ lo_last(a), from, 32, RTN_BROADCAST };
	return n;
}

static int by_target(const void *x, const void *y)
{
	const struct route *a = x, *b = y;
	uint32_t m = ntohl(a->to), n = ntohl(b->to);

	return m != n ? (m < n ? -1 : 1) : (int)b->bits - (int)a->bits;
}

static int put_routes_4(struct answer *a)
{
	struct lo *lo = &a->net->lo;
	const struct lo_address *i;
	struct route *r = NULL;
	size_t n = 0;

	mutex_lock(&lo->lock);
	if (lo->nr)
		r = calloc(lo->nr, 3 * sizeof *r);
	int err = lo->nr && !r ? -ENOMEM : 0;
	list_for_each (i, &lo->addresses, node)
		if (r && lo_address_is_4(i))
			n += routes_of(lo, i, r + n);
	mutex_unlock(&lo->lock);
	if (n)
		qsort(r, n, sizeof *r, by_target);
	for (size_t k = 0; k < n; k++)
		put_route_4(a, &r[k]);
	free(r);
	return err;
}

static int put_routes(struct answer *a, int family)
{
	struct lo *lo = &a->net->lo;
	const struct lo_address *i;

	if (family == AF_INET)
		return put_routes_4(a);
	mutex_lock(&lo->lock);
	list_for_each (i, &lo->addresses, node)
		if (!lo_address_is_4(i))
			put_route_6(a, &i->ip);
	mutex_unlock(&lo->lock);
	return 0;
}

static int get_link(struct answer *a, const struct nlmsghdr *h)
{
	int err = route_find_link(h);

	if (!err)
		put_link(a);
	return err;
}

static int dump(struct answer *a, const struct nlmsghdr *h, int family)
{
	int err = 0;

	switch (h->nlmsg_type) {
	case RTM_GETLINK: put_link(a); break;
	case RTM_GETADDR:
	case RTM_GETROUTE:
		for (int f = AF_INET; f <= AF_INET6; f += AF_INET6 - AF_INET) {
			if (family != AF_UNSPEC && family != f)
				continue;
			if (h->nlmsg_type == RTM_GETADDR)
				put_addresses(a, f);
			else
				err = err ? err : put_routes(a, f);
		}
		break;
	case RTM_GETNEIGH: break; /* lo has none */
	default: return -EOPNOTSUPP;
	}
	struct nlmsghdr *done = begin(a, NLMSG_DONE);
	nlbuf_put(a->b, sizeof(int));
	end(a, done);
	return err ? err : 1;
}

int route_answer(struct net *net, struct nlbuf *b, const struct nlmsghdr *h, uint32_t port,
		 bool admin)
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
		return admin && net_is_own(net) ? route_change(net, h) : -EPERM;
	if (dumps)
		a.flags = NLM_F_MULTI;
	err = dumps                          ? dump(&a, h, g->rtgen_family)
	      : h->nlmsg_type == RTM_GETLINK ? get_link(&a, h)
					     : -EOPNOTSUPP;
	return err < 0 ? err : b->full ? -EMSGSIZE : err;
}
