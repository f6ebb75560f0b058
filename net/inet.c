/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest may do with sockets of the host's network: no filter, no raw sockets, and not
 * every address. */
#include "net/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "host/hostcall.h"
#include "net/dns.h"
#include "net/host_sock.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/policy.h"

/* Linux takes an address without a family for one of IPv4 where datagrams are sent, or a socket of
 * IPv4 is bound (udp_sendmsg(), __inet_bind()); to connect(2) it is the end of a connection. */
static int check_address(const struct host_sock *i, struct caller *c, enum net_use use,
			 const struct sockaddr *a, unsigned len)
{
	struct sockaddr_in four;

	/* Who is alone with a loopback reaches nobody else's. */
	if (i->sk.net->policy->none)
		return 0;
	if (a->sa_family != AF_UNSPEC || i->sk.family != AF_INET || len < sizeof four)
		return net_check(i->sk.net, c, use, a, len);
	memcpy(&four, a, sizeof four);
	four.sin_family = AF_INET;
	return net_check(i->sk.net, c, use, (const struct sockaddr *)&four, sizeof four);
}

/* A link-local address, but of which link? For Linux that comes before any other question
 * (inet6_bind()). */
static bool names_no_link(int fd, const struct sockaddr *a, unsigned len)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)a;
	int link = 0;
	socklen_t size = sizeof link;

	if (len < sizeof *in6 || a->sa_family != AF_INET6 || in6->sin6_scope_id ||
	    !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		return false;
	return !getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &link, &size) && !link;
}

/* The host asks the monitor's credentials about a low port (ip(7)), so the guest's are asked here.
 * The port is at the same place in both families' addresses. */
static int bind_inet(const struct host_sock *i, struct caller *c, const struct sockaddr *a,
		     unsigned len)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;
	bool has_port = len >= sizeof *in &&
			(a->sa_family == AF_INET || a->sa_family == AF_INET6) && in->sin_port;

	if (has_port && !cred_ns_capable(c->cred, i->sk.net->ns.owner, CAP_NET_BIND_SERVICE) &&
	    ntohs(in->sin_port) < net_sysctl("ipv4/ip_unprivileged_port_start", 1024))
		return -EACCES;
	int err = check_address(i, c, NET_LISTEN, a, len);
	if (err == -EACCES && names_no_link(i->fd, a, len))
		return -EINVAL;
	return err ? err : (int)host_call(SYS_bind, i->fd, a, len);
}

static int check_listen(const struct host_sock *i, struct caller *c)
{
	struct sockaddr_storage name = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&name;
	const struct net_policy *p = i->sk.net->policy;
	socklen_t len = sizeof name;

	if (!p->allow.count && !p->block.count)
		return 0;
	/* A port that the host's kernel chose, or is about to choose, was never judged. */
	if (getsockname(i->fd, (struct sockaddr *)&name, &len) || !in->sin_port)
		return p->allow.count ? -EACCES : 0;
	return check_address(i, c, NET_LISTEN, (struct sockaddr *)&name, len);
}

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51 /* Linux 6.3 */
#endif

/* in <linux/in.h> and <linux/in6.h>, which do not go with <netinet/in.h> */
#define IP_PROTOCOL        52
#define IPV6_FLOWINFO      11
#define IPV6_FLOWINFO_SEND 33

#define BIT(n) (1UL << (n))

/* Control messages that are plain data about one message. None that names another destination:
 * source routes and routing headers. */
static const struct host_options controls[] = {
	{ IPPROTO_IP, BIT(IP_TOS) | BIT(IP_TTL) | BIT(IP_PKTINFO), 0 },
	{ IPPROTO_IPV6, BIT(IPV6_PKTINFO) | BIT(IPV6_HOPLIMIT) | BIT(IPV6_DONTFRAG),
	  BIT(IPV6_TCLASS - 64) },
	{ IPPROTO_UDP, 0, BIT(UDP_SEGMENT - 64) },
	{ -1, 0, 0 },
};

/* Does the policy ask what name servers are asked? */
static bool has_names(const struct host_sock *i)
{
	return i->sk.type == SOCK_DGRAM && i->sk.net->policy->learned;
}

/* Does anybody want to see what is asked of name servers, and what they say? */
static bool watches(const struct host_sock *i)
{
	return has_names(i) || (i->sk.type == SOCK_DGRAM && i->sk.net->named);
}

static bool is_dns(const struct sockaddr *a, unsigned len)
{
	return len >= sizeof(struct sockaddr_in) &&
	       ((const struct sockaddr_in *)(const void *)a)->sin_port == htons(DNS_PORT);
}

static int check_datagram(const struct host_sock *i, struct caller *c, const struct sockaddr *a,
			  unsigned len, const void *data, size_t size)
{
	struct net_refusal r = { .addr = a, .len = len };
	struct sockaddr_storage peer = { 0 };
	char name[NET_NAME_MAX + 1] = "";

	if (!has_names(i))
		return 0;
	if (!len) {
		len = sizeof peer;
		a = (struct sockaddr *)&peer;
		if (getpeername(i->fd, (struct sockaddr *)&peer, &len))
			return 0; /* the host says what is wrong */
		r.addr = a;
		r.len = len;
	}
	if (!is_dns(a, len))
		return 0;
	r.err = dns_check_question(i->sk.net->policy, a, len, data, size);
	dns_question(data, size, name);
	r.name = name;
	return r.err ? net_refuse(i->sk.net, c, &r) : 0;
}

/* Whom a rule blocks sends nothing to a port that is open to all. */
static bool judges_senders(const struct host_sock *i)
{
	const struct net_policy *p = i->sk.net->policy;

	return i->sk.type == SOCK_DGRAM && !p->none && (p->block.count || p->allow.count);
}

static bool refuses_sender(const struct host_sock *i, const struct sockaddr *a, unsigned len)
{
	return net_policy_check(i->sk.net->policy, NET_ACCEPT, a, len) != 0;
}

static void take_datagram(const struct host_sock *i, const struct sockaddr *a, unsigned len,
			  const void *data, size_t size)
{
	if (is_dns(a, len))
		dns_take_answer(i->sk.net->policy, a, len, data, size, i->sk.net->named,
				i->sk.net->told);
}

/* The host would make several datagrams of one, of which the policy has seen none. */
static bool is_segmentation(int level, int name)
{
	return level == IPPROTO_UDP && name == UDP_SEGMENT;
}

static int check_control(const struct host_sock *i, struct socket_msg *m)
{
	struct msghdr h = { .msg_control = m->control, .msg_controllen = m->control_len };

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(&h); cm; cm = CMSG_NXTHDR(&h, cm))
		if (!host_option_listed(controls, cm->cmsg_level, cm->cmsg_type) ||
		    (has_names(i) && is_segmentation(cm->cmsg_level, cm->cmsg_type)))
			return -EINVAL;
	return 0;
}

/* Not here: what loads modules (TCP_ULP); source routes; MSG_ZEROCOPY, whose pages the host would
 * keep; a connection's inside (TCP_REPAIR), which is the host's. */
static const struct host_options options[] = {
	{ SOL_SOCKET, HOST_SOCKET_OPTIONS, HOST_SOCKET_OPTIONS_HIGH },
	{ IPPROTO_IP,
	  BIT(IP_TOS) | BIT(IP_TTL) | BIT(IP_HDRINCL) | BIT(IP_OPTIONS) | BIT(IP_ROUTER_ALERT) |
	      BIT(IP_RECVOPTS) | BIT(IP_RETOPTS) | BIT(IP_PKTOPTIONS) | BIT(IP_PASSSEC) |
	      BIT(IP_NODEFRAG) | BIT(IP_CHECKSUM) | BIT(IP_RECVERR_RFC4884) | BIT(IP_PROTOCOL) |
	      BIT(IP_PKTINFO) | BIT(IP_MTU_DISCOVER) | BIT(IP_RECVERR) | BIT(IP_RECVTTL) |
	      BIT(IP_RECVTOS) | BIT(IP_MTU) | BIT(IP_FREEBIND) | BIT(IP_TRANSPARENT) |
	      BIT(IP_RECVORIGDSTADDR) | BIT(IP_MINTTL) | BIT(IP_RECVFRAGSIZE) |
	      BIT(IP_BIND_ADDRESS_NO_PORT) | BIT(IP_MULTICAST_IF) | BIT(IP_MULTICAST_TTL) |
	      BIT(IP_MULTICAST_LOOP) | BIT(IP_ADD_MEMBERSHIP) | BIT(IP_DROP_MEMBERSHIP) |
	      BIT(IP_UNBLOCK_SOURCE) | BIT(IP_BLOCK_SOURCE) | BIT(IP_ADD_SOURCE_MEMBERSHIP) |
	      BIT(IP_DROP_SOURCE_MEMBERSHIP) | BIT(MCAST_JOIN_GROUP) | BIT(MCAST_BLOCK_SOURCE) |
	      BIT(MCAST_UNBLOCK_SOURCE) | BIT(MCAST_LEAVE_GROUP) | BIT(MCAST_JOIN_SOURCE_GROUP) |
	      BIT(MCAST_LEAVE_SOURCE_GROUP) | BIT(IP_MULTICAST_ALL) | BIT(IP_UNICAST_IF) |
	      BIT(IP_LOCAL_PORT_RANGE),
	  0 },
	{ IPPROTO_IPV6,
	  BIT(IPV6_2292PKTINFO) | BIT(IPV6_2292HOPOPTS) | BIT(IPV6_2292DSTOPTS) |
	      BIT(IPV6_2292RTHDR) | BIT(IPV6_2292HOPLIMIT) | BIT(IPV6_FLOWINFO) |
	      BIT(IPV6_RECVERR_RFC4884) | BIT(IPV6_FLOWINFO_SEND) | BIT(IPV6_RECVHOPOPTS) |
	      BIT(IPV6_RECVRTHDR) | BIT(IPV6_RECVDSTOPTS) | BIT(IPV6_UNICAST_HOPS) |
	      BIT(IPV6_MULTICAST_IF) | BIT(IPV6_MULTICAST_HOPS) | BIT(IPV6_MULTICAST_LOOP) |
	      BIT(IPV6_JOIN_GROUP) | BIT(IPV6_LEAVE_GROUP) | BIT(IPV6_MTU_DISCOVER) |
	      BIT(IPV6_MTU) | BIT(IPV6_RECVERR) | BIT(IPV6_V6ONLY) | BIT(IPV6_MULTICAST_ALL) |
	      BIT(MCAST_JOIN_GROUP) | BIT(MCAST_BLOCK_SOURCE) | BIT(MCAST_UNBLOCK_SOURCE) |
	      BIT(MCAST_LEAVE_GROUP) | BIT(MCAST_JOIN_SOURCE_GROUP) |
	      BIT(MCAST_LEAVE_SOURCE_GROUP) | BIT(IPV6_RECVPKTINFO) | BIT(IPV6_RECVHOPLIMIT) |
	      BIT(IPV6_RECVPATHMTU) | BIT(IPV6_DONTFRAG),
	  BIT(IPV6_RECVTCLASS - 64) | BIT(IPV6_TCLASS - 64) | BIT(IPV6_AUTOFLOWLABEL - 64) |
	      BIT(IPV6_ADDR_PREFERENCES - 64) | BIT(IPV6_MINHOPCOUNT - 64) |
	      BIT(IPV6_RECVORIGDSTADDR - 64) | BIT(IPV6_TRANSPARENT - 64) |
	      BIT(IPV6_UNICAST_IF - 64) | BIT(IPV6_RECVFRAGSIZE - 64) | BIT(IPV6_FREEBIND - 64) },
	{ IPPROTO_TCP,
	  BIT(TCP_NODELAY) | BIT(TCP_MAXSEG) | BIT(TCP_CORK) | BIT(TCP_KEEPIDLE) |
	      BIT(TCP_KEEPINTVL) | BIT(TCP_KEEPCNT) | BIT(TCP_SYNCNT) | BIT(TCP_LINGER2) |
	      BIT(TCP_DEFER_ACCEPT) | BIT(TCP_WINDOW_CLAMP) | BIT(TCP_INFO) | BIT(TCP_QUICKACK) |
	      BIT(TCP_CONGESTION) | BIT(TCP_THIN_LINEAR_TIMEOUTS) | BIT(TCP_THIN_DUPACK) |
	      BIT(TCP_USER_TIMEOUT) | BIT(TCP_FASTOPEN) | BIT(TCP_TIMESTAMP) |
	      BIT(TCP_NOTSENT_LOWAT) | BIT(TCP_CC_INFO) | BIT(TCP_SAVE_SYN) | BIT(TCP_SAVED_SYN) |
	      BIT(TCP_MD5SIG) | BIT(TCP_MD5SIG_EXT) | BIT(TCP_ULP) | BIT(TCP_REPAIR) |
	      BIT(TCP_FASTOPEN_CONNECT) | BIT(TCP_FASTOPEN_NO_COOKIE) | BIT(TCP_INQ),
	  0 },
	{ IPPROTO_UDP, BIT(UDP_CORK),
	  BIT(UDP_NO_CHECK6_TX - 64) | BIT(UDP_NO_CHECK6_RX - 64) | BIT(UDP_SEGMENT - 64) |
	      BIT(UDP_GRO - 64) },
	{ -1, 0, 0 },
};

/* A socket that is bound to an interface stays there, unless one of CAP_NET_RAW lets it go (Linux:
 * sock_bindtoindex). */
static int check_rebind(const struct net *net, int fd, struct caller *c)
{
	socklen_t len = sizeof(int);
	int index = 0;

	getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, &len);
	return index && !cred_ns_capable(c->cred, net->ns.owner, CAP_NET_RAW) ? -EPERM : 0;
}

/* Is it among the words of a file in /proc/sys/net? */
static bool sysctl_names(const char *file, const char *name, unsigned len)
{
	char words[512], *save = NULL;

	len = (unsigned)strnlen(name, len);
	net_sysctl_text(file, words, sizeof words);
	for (char *a = strtok_r(words, " \n", &save); a; a = strtok_r(NULL, " \n", &save))
		if (strlen(a) == len && !memcmp(a, name, len))
			return true;
	return false;
}

/* Without CAP_NET_ADMIN, one of the algorithms that the host lets anybody use (tcp(7)). */
static int check_congestion(const struct net *net, struct caller *c, const char *name, unsigned len)
{
	if (cred_ns_capable(c->cred, net->ns.owner, CAP_NET_ADMIN) ||
	    sysctl_names("ipv4/tcp_allowed_congestion_control", name, len))
		return 0;
	return sysctl_names("ipv4/tcp_available_congestion_control", name, len) ? -EPERM : -ENOENT;
}

/* Options of IP that let others route the packet: it would pass by who is not its destination. */
static int check_ip_options(const unsigned char *o, unsigned len)
{
	for (unsigned i = 0; i < len && o[i] != IPOPT_EOL;) {
		if (o[i] == IPOPT_LSRR || o[i] == IPOPT_SSRR)
			return -EPERM;
		i += o[i] == IPOPT_NOP ? 1 : i + 1 < len && o[i + 1] ? o[i + 1] : len;
	}
	return 0;
}

/* What is inside of a connection is the host's (TCP_REPAIR), and no protocol is put over one: the
 * host would load a module for it (TCP_ULP). */
static int check_tcp_option(const struct net *net, struct caller *c, int name, const void *val,
			    unsigned len)
{
	int v = 0;

	memcpy(&v, val, len < sizeof v ? len : sizeof v);
	switch (name) {
	case TCP_CONGESTION: return check_congestion(net, c, val, len);
	case TCP_ULP: return len ? -ENOENT : -EINVAL;
	case TCP_REPAIR: return v == TCP_REPAIR_ON ? -ENOPROTOOPT : 0;
	default: return 0;
	}
}

static int check_option(const struct host_sock *i, struct caller *c, int level, int name,
			const void *val, unsigned len)
{
	if (level == SOL_SOCKET && (name == SO_BINDTODEVICE || name == SO_BINDTOIFINDEX))
		return check_rebind(i->sk.net, i->fd, c);
	if (i->sk.net->policy->learned && is_segmentation(level, name))
		return -ENOPROTOOPT;
	if (level == IPPROTO_IP && name == IP_OPTIONS)
		return check_ip_options(val, len);
	return level == IPPROTO_TCP && i->sk.type == SOCK_STREAM
		   ? check_tcp_option(i->sk.net, c, name, val, len)
		   : 0;
}

/* Ioctls about the socket itself. */
static unsigned ioctl_size(const struct net *net, unsigned cmd)
{
	switch (cmd) {
	case SIOCINQ:
	case SIOCOUTQ:
	case SIOCOUTQNSD:
	case SIOCATMARK: return sizeof(int);
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK: return net->policy->none ? 0 : sizeof(struct ifreq);
	}
	return 0;
}

static const struct host_rules inet_rules = {
	.bind = bind_inet,
	.check_listen = check_listen,
	.check_address = check_address,
	.watches = watches,
	.check_datagram = check_datagram,
	.judges_senders = judges_senders,
	.refuses_sender = refuses_sender,
	.take_datagram = take_datagram,
	.check_control = check_control,
	.check_option = check_option,
	.options = options,
	.ioctl_size = ioctl_size,
};

/* Raw sockets of the host's are not the guest's, with any capability (Linux: inet_create). */
static int create(struct net *net, struct caller *c, int family, int type, int protocol,
		  unsigned flags, struct socket **out)
{
	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return -EINVAL;
	if (type == SOCK_RAW && (!protocol || !net->loop))
		return protocol ? -EPERM : -EPROTONOSUPPORT;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_RAW)
		return -ESOCKTNOSUPPORT;
	if (net->loop)
		return loop_create(net, c, family, type, protocol, flags, out);
	return host_sock_create(net, c, &inet_rules, family, type, protocol, flags, out);
}

int inet_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		struct socket **out)
{
	return create(net, c, AF_INET, type, protocol, flags, out);
}

int inet6_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		 struct socket **out)
{
	return create(net, c, AF_INET6, type, protocol, flags, out);
}
