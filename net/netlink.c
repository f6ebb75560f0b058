/* SPDX-License-Identifier: Apache-2.0 */
/* The routing netlink of the host (rtnetlink(7)), to look and never to change: what getifaddrs(3) and `ip` ask. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "net/host_sock.h"
#include "net/inet.h"

#define BIT(n) (1UL << (n))

/* To the kernel alone, and to no group. */
static int check_address(const struct sockaddr *a, unsigned len)
{
	const struct sockaddr_nl *nl = (const struct sockaddr_nl *)(const void *)a;

	return len < sizeof(*nl) || nl->nl_family != AF_NETLINK ? -EINVAL : nl->nl_pid || nl->nl_groups ? -EPERM : 0;
}

static int check_control(struct socket_msg *m)
{
	return -EINVAL;
}

static bool only_looks(unsigned type)
{
	switch (type) {
	case NLMSG_NOOP:
	case NLMSG_DONE:
	case RTM_GETLINK:
	case RTM_GETADDR:
	case RTM_GETROUTE:
	case RTM_GETNEIGH:
	case RTM_GETRULE: return true;
	}
	return false;
}

/* Every message in the datagram, walked as the host's kernel does. */
static int check_data(const void *data, size_t len)
{
	struct nlmsghdr h;
	size_t off = 0;

	while (len - off >= sizeof(h)) {
		memcpy(&h, (const char *)data + off, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - off)
			return 0;
		if (!only_looks(h.nlmsg_type))
			return -EPERM;
		if (NLMSG_ALIGN(h.nlmsg_len) > len - off)
			return 0;
		off += NLMSG_ALIGN(h.nlmsg_len);
	}
	return 0;
}

static const struct host_options options[] = {
	{ SOL_SOCKET,
	  BIT(SO_TYPE) | BIT(SO_ERROR) | BIT(SO_SNDBUF) | BIT(SO_RCVBUF) | BIT(SO_PROTOCOL) | BIT(SO_DOMAIN), 0 },
	{ SOL_NETLINK, BIT(NETLINK_PKTINFO) | BIT(NETLINK_EXT_ACK) | BIT(NETLINK_GET_STRICT_CHK) | BIT(NETLINK_CAP_ACK),
	  0 },
	{ -1, 0, 0 },
};

static const struct host_rules netlink_rules = {
	.check_address = check_address,
	.check_control = check_control,
	.check_data = check_data,
	.options = options,
};

int netlink_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags, struct socket **out)
{
	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE)
		return -EPROTONOSUPPORT;
	return host_sock_create(net, c, &netlink_rules, AF_NETLINK, type, protocol, flags, out);
}
