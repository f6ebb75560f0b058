/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of rtnetlink(7) that change the interface lo of a network of our own: what `ip link` and
 * `ip address` send. There are no other interfaces, and no routes but those that follow from its
 * addresses. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "net/net.h"
#include "net/route.h"

#define ATTRS 64 /* of a request are looked at: types from 0 on */

struct attrs {
	const struct nlattr *of[ATTRS];
};

/* What follows the request's own head of `head` bytes. -EINVAL. */
static int parse(const struct nlmsghdr *h, size_t head, struct attrs *out)
{
	size_t at = NLMSG_ALIGN(head), left = h->nlmsg_len - NLMSG_HDRLEN;

	memset(out, 0, sizeof *out);
	if (left < head)
		return -EINVAL;
	while (left >= at + NLA_HDRLEN) {
		const struct nlattr *n =
		    (const struct nlattr *)(const void *)((const char *)nlmsg_body(h) + at);
		if (n->nla_len < NLA_HDRLEN || n->nla_len > left - at)
			return -EINVAL;
		if ((n->nla_type & NLA_TYPE_MASK) < ATTRS)
			out->of[n->nla_type & NLA_TYPE_MASK] = n;
		at += NLA_ALIGN(n->nla_len);
	}
	return 0;
}

static size_t length(const struct nlattr *a)
{
	return (size_t)a->nla_len - NLA_HDRLEN;
}

static bool is_lo(const struct nlattr *a)
{
	const char *name = (const char *)(a + 1);

	return strnlen(name, length(a)) == strlen(LO_NAME) &&
	       !memcmp(name, LO_NAME, strlen(LO_NAME));
}

static int find_link(const struct nlmsghdr *h, struct attrs *attrs)
{
	const struct ifinfomsg *i = nlmsg_body(h);
	int err = parse(h, sizeof *i, attrs);
	const struct nlattr *name = attrs->of[IFLA_IFNAME];

	if (err)
		return err;
	if (i->ifi_index)
		return i->ifi_index == LO_INDEX ? 0 : -ENODEV;
	return !name ? -EINVAL : is_lo(name) ? 0 : -ENODEV;
}

int route_find_link(const struct nlmsghdr *h)
{
	struct attrs attrs;

	return find_link(h, &attrs);
}

/* Linux: rtnl_newlink, do_setlink. lo stays in its namespace, and is what it is. */
static int change_link(struct net *net, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = nlmsg_body(h);
	struct attrs a;
	int err = parse(h, sizeof *i, &a);

	if (err || i->ifi_index < 0)
		return -EINVAL;
	err = find_link(h, &a);
	if (err && h->nlmsg_type == RTM_NEWLINK)
		return h->nlmsg_flags & NLM_F_CREATE ? -EOPNOTSUPP : -ENODEV;
	if (err)
		return err;
	if (h->nlmsg_type == RTM_NEWLINK && h->nlmsg_flags & NLM_F_EXCL)
		return -EEXIST;
	if (a.of[IFLA_NET_NS_PID] || a.of[IFLA_NET_NS_FD])
		return -EINVAL;
	for (unsigned n = 1; n < ATTRS; n++)
		if (a.of[n] && n != IFLA_IFNAME && n != IFLA_EXT_MASK)
			return -EOPNOTSUPP;
	if (a.of[IFLA_IFNAME] && !is_lo(a.of[IFLA_IFNAME]))
		return -EOPNOTSUPP;
	unsigned mask = i->ifi_change ? i->ifi_change : i->ifi_flags ? UINT32_MAX : 0;
	if (i->ifi_flags & mask & LO_FLAGS_UNKNOWN)
		return -EOPNOTSUPP;
	return mask & IFF_UP ? net_set_up(net, i->ifi_flags & IFF_UP) : 0;
}

static int delete_link(const struct nlmsghdr *h)
{
	return route_find_link(h) ?: -EOPNOTSUPP;
}

/* An address of the family in an attribute. -EINVAL: of another length. */
static int get_ip(const struct nlattr *a, int family, struct in6_addr *out)
{
	in_addr_t four;

	if (length(a) < (family == AF_INET ? sizeof four : sizeof *out))
		return -EINVAL;
	if (family == AF_INET6) {
		memcpy(out, a + 1, sizeof *out);
		return IN6_IS_ADDR_V4MAPPED(out) ? -EADDRNOTAVAIL : 0;
	}
	memcpy(&four, a + 1, sizeof four);
	*out = lo_mapped(four);
	return 0;
}

/* Linux: rtm_to_ifaddr, inet6_rtm_newaddr. The address of a peer, and one that does not stay, are
 * not ours to know. */
static int get_address(const struct nlmsghdr *h, struct lo_address *out)
{
	const struct ifaddrmsg *m = nlmsg_body(h);
	struct in6_addr other;
	struct attrs a;
	int err = parse(h, sizeof *m, &a);
	int family = err ? AF_UNSPEC : m->ifa_family;

	if (err)
		return err;
	if (family != AF_INET && family != AF_INET6)
		return -EOPNOTSUPP;
	const struct nlattr *local = a.of[IFA_LOCAL], *address = a.of[IFA_ADDRESS];
	if (m->ifa_prefixlen > (family == AF_INET ? 32 : 128) ||
	    (family == AF_INET ? !local : !local && !address))
		return -EINVAL;
	if (m->ifa_index != LO_INDEX)
		return -ENODEV;
	*out = (struct lo_address){ .bits = m->ifa_prefixlen, .scope = m->ifa_scope };
	err = get_ip(local ? local : address, family, &out->ip);
	if (!err && address)
		err = get_ip(address, family, &other);
	if (err)
		return err;
	if (address && !IN6_ARE_ADDR_EQUAL(&other, &out->ip))
		return -EOPNOTSUPP;
	strcpy(out->label, LO_NAME);
	if (a.of[IFA_LABEL]) {
		size_t len = length(a.of[IFA_LABEL]);
		len = len < sizeof out->label ? len : sizeof out->label - 1;
		memset(out->label, 0, sizeof out->label);
		memcpy(out->label, a.of[IFA_LABEL] + 1, len);
	}
	if (family == AF_INET && a.of[IFA_BROADCAST]) {
		err = get_ip(a.of[IFA_BROADCAST], family, &other);
		out->broadcast = lo_ipv4(&other);
	}
	return err;
}

static int lasts(const struct nlmsghdr *h)
{
	struct ifa_cacheinfo life;
	struct attrs a;
	int err = parse(h, sizeof(struct ifaddrmsg), &a);

	if (err || !a.of[IFA_CACHEINFO])
		return err;
	if (length(a.of[IFA_CACHEINFO]) < sizeof life)
		return -EINVAL;
	memcpy(&life, a.of[IFA_CACHEINFO] + 1, sizeof life);
	return life.ifa_valid == UINT32_MAX && life.ifa_prefered == UINT32_MAX ? 0 : -EOPNOTSUPP;
}

/* Of IPv6 the scope follows from the address, and each network is its own. */
static int add_address(struct net *net, const struct nlmsghdr *h)
{
	struct lo_address a;
	int err = get_address(h, &a);

	if (!err)
		err = lasts(h);
	if (err)
		return err;
	if (!lo_address_is_4(&a))
		a.scope = IN6_IS_ADDR_LOOPBACK(&a.ip)    ? RT_SCOPE_HOST
			  : IN6_IS_ADDR_LINKLOCAL(&a.ip) ? RT_SCOPE_LINK
							 : RT_SCOPE_UNIVERSE;
	err = lo_add(&net->lo, &a);
	return err == -EEXIST && h->nlmsg_flags & NLM_F_REPLACE && !(h->nlmsg_flags & NLM_F_EXCL)
		   ? 0
		   : err;
}

static int remove_address(struct net *net, const struct nlmsghdr *h)
{
	struct lo_address a;
	int err = get_address(h, &a);

	return err ? err : lo_remove(&net->lo, &a.ip, a.bits);
}

int route_change(struct net *net, const struct nlmsghdr *h)
{
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_SETLINK: return change_link(net, h);
	case RTM_DELLINK: return delete_link(h);
	case RTM_NEWADDR: return add_address(net, h);
	case RTM_DELADDR: return remove_address(net, h);
	default: return -EOPNOTSUPP;
	}
}
