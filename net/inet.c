/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest may do with sockets of the host's network: no filter, no bound device, no raw sockets, and not every
 * address. */
#include "net/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net/host_sock.h"

/* Addresses that are never the guest's: of this link alone, where clouds answer with the machine's own credentials. */
static const struct {
	struct in6_addr addr; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;
} refused[] = {
	{ { { { [10] = 0xff, 0xff, 169, 254 } } }, 96 + 16 },
	{ { { { [10] = 0xff, 0xff, 100, 100, 100, 200 } } }, 128 },
	{ { { { 0xfe, 0x80 } } }, 10 },
	{ { { { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 } } }, 128 },
};

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	return !memcmp(a, b, bytes) && (!rest || !((a[bytes] ^ b[bytes]) >> (8 - rest)));
}

/* What is no address is the host's to refuse. */
static int check_address(const struct sockaddr *a, unsigned len)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)a;
	struct in6_addr to = { { { [10] = 0xff, 0xff } } };

	if (len >= sizeof(*in) && a->sa_family == AF_INET)
		memcpy(&to.s6_addr[12], &in->sin_addr, sizeof(in->sin_addr));
	else if (len >= offsetof(struct sockaddr_in6, sin6_scope_id) && a->sa_family == AF_INET6)
		to = in6->sin6_addr;
	else
		return 0;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (prefix_equal(to.s6_addr, refused[i].addr.s6_addr, refused[i].bits))
			return -EACCES;
	return 0;
}

/* ip(7): the first port that anybody may bind. */
static unsigned unprivileged_port(void)
{
	unsigned port = 1024;
	FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");

	if (f && fscanf(f, "%u", &port) != 1)
		port = 1024;
	if (f)
		fclose(f);
	return port;
}

/* The host asks the monitor's credentials, so the guest's are asked here. The port is at the same place in both. */
static int check_bind(struct caller *c, const struct sockaddr *a, unsigned len)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;

	if (len < sizeof(*in) || (a->sa_family != AF_INET && a->sa_family != AF_INET6) || !in->sin_port)
		return 0;
	if (cred_capable(c->cred, CAP_NET_BIND_SERVICE) || ntohs(in->sin_port) >= unprivileged_port())
		return 0;
	return -EACCES;
}

/* Levels whose control messages are plain data about one message. */
static int check_control(struct socket_msg *m)
{
	struct msghdr h = { .msg_control = m->control, .msg_controllen = m->control_len };

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(&h); cm; cm = CMSG_NXTHDR(&h, cm))
		if (cm->cmsg_level != IPPROTO_IP && cm->cmsg_level != IPPROTO_IPV6 && cm->cmsg_level != IPPROTO_UDP)
			return -EINVAL;
	return 0;
}

#define BIT(n) (1UL << (n))

/* Bit n: option n of the level may be used. */
static const struct host_options options[] = {
	{ SOL_SOCKET,
	  BIT(SO_DEBUG) | BIT(SO_REUSEADDR) | BIT(SO_TYPE) | BIT(SO_ERROR) | BIT(SO_DONTROUTE) | BIT(SO_BROADCAST) |
	      BIT(SO_SNDBUF) | BIT(SO_RCVBUF) | BIT(SO_KEEPALIVE) | BIT(SO_OOBINLINE) | BIT(SO_PRIORITY) |
	      BIT(SO_LINGER) | BIT(SO_REUSEPORT) | BIT(SO_RCVLOWAT) | BIT(SO_SNDLOWAT) | BIT(SO_TIMESTAMP) |
	      BIT(SO_ACCEPTCONN) | BIT(SO_PEEK_OFF) | BIT(SO_PROTOCOL) | BIT(SO_DOMAIN) | BIT(SO_TIMESTAMPNS) |
	      BIT(SO_RXQ_OVFL) | BIT(SO_INCOMING_CPU),
	  0 },
	{ IPPROTO_IP,
	  BIT(IP_TOS) | BIT(IP_TTL) | BIT(IP_RECVOPTS) | BIT(IP_PKTINFO) | BIT(IP_MTU_DISCOVER) | BIT(IP_RECVERR) |
	      BIT(IP_RECVTTL) | BIT(IP_RECVTOS) | BIT(IP_MTU) | BIT(IP_FREEBIND) | BIT(IP_RECVORIGDSTADDR) |
	      BIT(IP_BIND_ADDRESS_NO_PORT) | BIT(IP_MULTICAST_IF) | BIT(IP_MULTICAST_TTL) | BIT(IP_MULTICAST_LOOP) |
	      BIT(IP_ADD_MEMBERSHIP) | BIT(IP_DROP_MEMBERSHIP) | BIT(IP_MULTICAST_ALL) | BIT(IP_UNICAST_IF),
	  0 },
	{ IPPROTO_IPV6,
	  BIT(IPV6_UNICAST_HOPS) | BIT(IPV6_MULTICAST_IF) | BIT(IPV6_MULTICAST_HOPS) | BIT(IPV6_MULTICAST_LOOP) |
	      BIT(IPV6_JOIN_GROUP) | BIT(IPV6_LEAVE_GROUP) | BIT(IPV6_MTU_DISCOVER) | BIT(IPV6_MTU) |
	      BIT(IPV6_RECVERR) | BIT(IPV6_V6ONLY) | BIT(IPV6_RECVPKTINFO) | BIT(IPV6_RECVHOPLIMIT),
	  BIT(IPV6_RECVTCLASS - 64) | BIT(IPV6_TCLASS - 64) },
	{ IPPROTO_TCP,
	  BIT(TCP_NODELAY) | BIT(TCP_MAXSEG) | BIT(TCP_CORK) | BIT(TCP_KEEPIDLE) | BIT(TCP_KEEPINTVL) |
	      BIT(TCP_KEEPCNT) | BIT(TCP_SYNCNT) | BIT(TCP_LINGER2) | BIT(TCP_DEFER_ACCEPT) | BIT(TCP_WINDOW_CLAMP) |
	      BIT(TCP_INFO) | BIT(TCP_QUICKACK) | BIT(TCP_CONGESTION) | BIT(TCP_USER_TIMEOUT) | BIT(TCP_FASTOPEN) |
	      BIT(TCP_NOTSENT_LOWAT),
	  0 },
	{ IPPROTO_UDP, BIT(UDP_CORK), BIT(UDP_SEGMENT - 64) | BIT(UDP_GRO - 64) },
	{ -1, 0, 0 },
};

/* Ioctls (netdevice(7)): what asks about interfaces, with a structure that holds no pointer. */
static unsigned ioctl_size(unsigned cmd)
{
	switch (cmd) {
	case SIOCINQ:
	case SIOCOUTQ:
	case SIOCATMARK: return sizeof(int);
	case SIOCGIFNAME:
	case SIOCGIFFLAGS:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN: return sizeof(struct ifreq);
	}
	return 0;
}

static const struct host_rules inet_rules = {
	.check_bind = check_bind,
	.check_address = check_address,
	.check_control = check_control,
	.options = options,
	.ioctl_size = ioctl_size,
};

static int create(struct net *net, struct caller *c, int family, int type, int protocol, unsigned flags,
		  struct socket **out)
{
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return type == SOCK_RAW ? -EPERM : -ESOCKTNOSUPPORT;
	return host_sock_create(net, c, &inet_rules, family, type, protocol, flags, out);
}

int inet_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags, struct socket **out)
{
	return create(net, c, AF_INET, type, protocol, flags, out);
}

int inet6_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags, struct socket **out)
{
	return create(net, c, AF_INET6, type, protocol, flags, out);
}
