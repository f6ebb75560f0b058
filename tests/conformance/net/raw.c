/* SPDX-License-Identifier: Apache-2.0 */
/* Raw, ping and packet sockets (raw(7), icmp(7), packet(7)), and filters of sockets, over a lo that
 * nobody else has. Each case makes its own network. */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <grp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "case.h"

#define ICMP_FILTER 1 /* <linux/icmp.h> */

static void set_up(bool up)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0 };
	int s = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0));

	NEED(ioctl(s, SIOCSIFFLAGS, &r));
	close(s);
}

static void new_network(void)
{
	need_root();
	NEED(unshare(CLONE_NEWNET));
	set_up(true);
}

static int sock(int family, int type, int protocol)
{
	return (int)NEED(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

static struct sockaddr_in at4(const char *ip, unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	NEED(inet_pton(AF_INET, ip, &a.sin_addr) == 1 ? 0 : -1);
	return a;
}

static struct sockaddr_in6 at6(const char *ip, unsigned port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

	NEED(inet_pton(AF_INET6, ip, &a.sin6_addr) == 1 ? 0 : -1);
	return a;
}

static const struct sockaddr *any(const void *a)
{
	return a;
}

static uint16_t sum(const void *data, size_t len)
{
	const uint16_t *w = data;
	uint32_t n = 0;

	for (; len > 1; len -= 2)
		n += *w++;
	while (n >> 16)
		n = (n & 0xffff) + (n >> 16);
	return (uint16_t)~n;
}

/* An echo request with four bytes of data. */
static size_t echo4(unsigned char p[12], unsigned id)
{
	const unsigned char e[12] = {
		ICMP_ECHO, 0,   0,   0,  (unsigned char)(id >> 8), (unsigned char)id, 0, 7,
		'd',       'a', 't', 'a'
	};

	memcpy(p, e, sizeof e);
	uint16_t s = sum(p, 12);
	memcpy(p + 2, &s, 2);
	return 12;
}

/* All that has come: of IPv4 packets the number and the sum are not told. */
static void say_received(const char *who, int s, bool has_ip)
{
	unsigned char p[4096];
	struct sockaddr_storage from;
	ssize_t n;

	for (;;) {
		socklen_t len = sizeof from;
		memset(&from, 0xee, sizeof from);
		n = recvfrom(s, p, sizeof p, 0, (struct sockaddr *)&from, &len);
		if (n == -1)
			break;
		if (has_ip && n >= 20) {
			memset(p + 4, 0, 2);
			memset(p + 10, 0, 2);
		}
		/* the same of a packet that one of these quotes */
		if (has_ip && n >= 48 && p[9] == IPPROTO_ICMP && p[20] == ICMP_DEST_UNREACH) {
			memset(p + 22, 0, 2);
			memset(p + 32, 0, 2);
			memset(p + 38, 0, 2);
		}
		/* of IPv6 the label of the flow that is quoted, and so the sum */
		if (!has_ip && n >= 48 && p[0] == ICMP6_DST_UNREACH && p[8] >> 4 == 6)
			memset(p + 2, 0, 2), memset(p + 9, 0, 3);
		say("%s: %zd bytes\n", who, n);
		say_bytes(who, p, (size_t)n);
		say_bytes("from", &from, len);
	}
	say("%s: %s\n", who, strerrorname_np(errno));
}

static void say_name(int s)
{
	unsigned char a[64];
	socklen_t len = sizeof a;

	if (R(getsockname(s, (struct sockaddr *)a, &len)) == 0)
		say_bytes("name", a, len);
	len = sizeof a;
	if (R(getpeername(s, (struct sockaddr *)a, &len)) == 0)
		say_bytes("peer", a, len);
}

CASE(kinds)
{
	static const int kinds[][3] = {
		{ AF_INET, SOCK_RAW, 0 },
		{ AF_INET, SOCK_RAW, IPPROTO_ICMP },
		{ AF_INET, SOCK_RAW, IPPROTO_RAW },
		{ AF_INET, SOCK_RAW, 200 },
		{ AF_INET, SOCK_RAW, 256 },
		{ AF_INET, SOCK_RAW, -1 },
		{ AF_INET, SOCK_DGRAM, IPPROTO_ICMP },
		{ AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6 },
		{ AF_INET, SOCK_STREAM, IPPROTO_ICMP },
		{ AF_INET6, SOCK_RAW, 0 },
		{ AF_INET6, SOCK_RAW, IPPROTO_ICMPV6 },
		{ AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6 },
		{ AF_INET6, SOCK_DGRAM, IPPROTO_ICMP },
		{ AF_PACKET, SOCK_RAW, 0 },
		{ AF_PACKET, SOCK_DGRAM, 0 },
		{ AF_PACKET, SOCK_STREAM, 0 },
		{ AF_PACKET, SOCK_SEQPACKET, 0 },
	};

	new_network();
	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
			int s = socket(kinds[i][0], kinds[i][1], kinds[i][2]);
			say("%d %d %d: %s\n", kinds[i][0], kinds[i][1], kinds[i][2],
			    s < 0 ? strerrorname_np(errno) : "ok");
			if (s >= 0)
				close(s);
		}
		if (!turn)
			NEED(setresuid(65534, 65534, 65534));
	}
}

CASE(names)
{
	struct sockaddr_in to = at4("127.0.0.1", 0), none = { .sin_family = AF_UNSPEC };

	new_network();
	int s = sock(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	say_name(s);
	R(bind(s, any(&to), sizeof to));
	R(bind(s, any(&to), sizeof to));
	say_name(s);
	to = at4("127.0.0.5", 77);
	R(connect(s, any(&to), sizeof to));
	say_name(s);
	R(shutdown(s, SHUT_WR));
	R(send(s, "x", 1, MSG_NOSIGNAL));
	R(connect(s, any(&none), sizeof none));
	say_name(s);
	R(listen(s, 1));
	R(accept(s, NULL, NULL));
	to = at4("10.1.1.1", 0);
	R(bind(s, any(&to), sizeof to));
	R(sendto(s, "x", 1, 0, any(&to), sizeof to));
	R(send(s, "x", 1, 0));
	R(shutdown(sock(AF_INET, SOCK_RAW, 99), SHUT_RDWR));
}

CASE(echo_4)
{
	struct sockaddr_in to = at4("127.0.0.1", 0);
	unsigned char p[12];

	new_network();
	int s = sock(AF_INET, SOCK_RAW, IPPROTO_ICMP), other = sock(AF_INET, SOCK_RAW, 99);
	int one = 1, ttl = 9;
	R(setsockopt(s, IPPROTO_IP, IP_RECVTTL, &one, sizeof one));
	R(setsockopt(s, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl));
	R(sendto(s, p, echo4(p, 0x1234), 0, any(&to), sizeof to));
	struct pollfd poll_in = { s, POLLIN | POLLOUT, 0 };
	R(poll(&poll_in, 1, 1000));
	X(poll_in.revents);
	say_received("icmp", s, true);
	say_received("other", other, true);
	p[2] ^= 1;
	R(sendto(s, p, 12, 0, any(&to), sizeof to));
	say_received("wrong sum", s, true);
	R(sendto(s, p, 3, 0, any(&to), sizeof to));
	say_received("short", s, true);
	R(sendto(s, p, 12, MSG_OOB, any(&to), sizeof to));
	R(sendto(s, p, 12, 0, any(&to), 4));
	to.sin_family = AF_INET6;
	R(sendto(s, p, 12, 0, any(&to), sizeof to));
}

CASE(echo_6)
{
	struct sockaddr_in6 to = at6("::1", 0);
	unsigned char p[12] = { ICMP6_ECHO_REQUEST, 0, 0, 0, 1, 2, 3, 4, 'd', 'a', 't', 'a' };
	struct icmp6_filter f;
	socklen_t len = sizeof f;
	int offset = 2;

	new_network();
	int s = sock(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	say_name(s);
	R(sendto(s, p, sizeof p, 0, any(&to), sizeof to));
	say_received("icmp", s, false);
	ICMP6_FILTER_SETBLOCKALL(&f);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &f);
	R(setsockopt(s, IPPROTO_ICMPV6, ICMP6_FILTER, &f, sizeof f));
	R(getsockopt(s, IPPROTO_ICMPV6, ICMP6_FILTER, &f, &len));
	say_bytes("filter", &f, len);
	R(sendto(s, p, sizeof p, 0, any(&to), sizeof to));
	say_received("filtered", s, false);
	R(setsockopt(s, IPPROTO_IPV6, IPV6_CHECKSUM, &offset, sizeof offset));
	to.sin6_port = htons(17);
	R(sendto(s, p, sizeof p, 0, any(&to), sizeof to));
	to = at6("2001:db8::1", 0);
	R(sendto(s, p, sizeof p, 0, any(&to), sizeof to));
	s = sock(AF_INET6, SOCK_RAW, 99);
	R(setsockopt(s, IPPROTO_IPV6, IPV6_CHECKSUM, &offset, sizeof offset));
	to = at6("::1", 0);
	R(sendto(s, p, sizeof p, 0, any(&to), sizeof to));
	say_received("with a sum", s, false);
	offset = 3;
	R(setsockopt(s, IPPROTO_IPV6, IPV6_CHECKSUM, &offset, sizeof offset));
	offset = 20;
	R(setsockopt(s, IPPROTO_RAW, IPV6_CHECKSUM, &offset, sizeof offset));
	R(sendto(s, p, sizeof p, 0, any(&to), sizeof to));
}

CASE(icmp_filter)
{
	struct sockaddr_in to = at4("127.0.0.1", 0);
	unsigned char p[12];
	uint32_t hide = ~(1U << ICMP_ECHOREPLY), got = 0;
	socklen_t len = sizeof got;

	new_network();
	int s = sock(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	R(setsockopt(s, SOL_RAW, ICMP_FILTER, &hide, sizeof hide));
	R(getsockopt(s, SOL_RAW, ICMP_FILTER, &got, &len));
	X(got);
	R(sendto(s, p, echo4(p, 1), 0, any(&to), sizeof to));
	say_received("filtered", s, true);
	s = sock(AF_INET, SOCK_RAW, 99);
	R(setsockopt(s, SOL_RAW, ICMP_FILTER, &hide, sizeof hide));
}

CASE(whole_packets)
{
	struct sockaddr_in to = at4("127.0.0.1", 0), port = at4("127.0.0.1", 5555);
	struct {
		struct iphdr ip;
		struct udphdr udp;
		char data[4];
	} p = { .ip = { .version = 4,
			.ihl = 5,
			.ttl = 33,
			.protocol = IPPROTO_UDP,
			.daddr = htonl(INADDR_LOOPBACK) },
		.udp = { .source = htons(1111), .dest = htons(5555), .len = htons(12) },
		.data = "data" };
	int one = 1;

	new_network();
	int s = sock(AF_INET, SOCK_RAW, IPPROTO_RAW), u = sock(AF_INET, SOCK_DGRAM, 0);
	int icmp = sock(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	R(bind(u, any(&port), sizeof port));
	R(sendto(s, &p, sizeof p, 0, any(&to), sizeof to));
	say_received("udp", u, false);
	p.udp.dest = htons(5556);
	R(sendto(s, &p, sizeof p, 0, any(&to), sizeof to));
	say_received("unreachable", icmp, true);
	p.ip.protocol = 123;
	R(sendto(s, &p, sizeof p, 0, any(&to), sizeof to));
	say_received("no such protocol", icmp, true);
	R(sendto(s, &p, 10, 0, any(&to), sizeof to));
	p.ip.ihl = 15;
	R(sendto(s, &p, 30, 0, any(&to), sizeof to));
	int t = sock(AF_INET, SOCK_RAW, 123);
	R(setsockopt(t, IPPROTO_IP, IP_HDRINCL, &one, sizeof one));
	R(setsockopt(u, IPPROTO_IP, IP_HDRINCL, &one, sizeof one));
	p.ip.ihl = 5;
	R(sendto(t, &p, sizeof p, 0, any(&to), sizeof to));
	say_received("raw", t, true);
}

/* What ordinary datagrams are for raw sockets. */
CASE(datagrams)
{
	struct sockaddr_in to = at4("127.0.0.1", 5555);
	struct sockaddr_in6 to6 = at6("::1", 5555);

	new_network();
	int udp = sock(AF_INET, SOCK_RAW, IPPROTO_UDP),
	    icmp = sock(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	int udp6 = sock(AF_INET6, SOCK_RAW, IPPROTO_UDP);
	int icmp6 = sock(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	int u = sock(AF_INET, SOCK_DGRAM, 0), v = sock(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in from = at4("127.0.0.2", 4444);
	struct sockaddr_in6 from6 = at6("::1", 4444);
	R(bind(u, any(&from), sizeof from));
	R(bind(v, any(&from6), sizeof from6));
	R(sendto(u, "data", 4, 0, any(&to), sizeof to));
	say_received("udp", udp, true);
	say_received("icmp", icmp, true);
	R(sendto(v, "data", 4, 0, any(&to6), sizeof to6));
	say_received("udp6", udp6, false);
	say_received("icmp6", icmp6, false);
	R(connect(udp, any(&to), sizeof to));
	R(sendto(u, "data", 4, 0, any(&to), sizeof to));
	say_received("of another", udp, true);
}

/* Datagrams that are made by hand: the ports are in the data, and none is in the address. */
CASE(datagrams_by_hand)
{
	const unsigned char data[] = { 0x11, 0x5c, 0x15, 0xb3, 0, 12, 0, 0, 'd', 'a', 't', 'a' };
	struct sockaddr_in to = at4("127.0.0.1", 0), at = at4("127.0.0.1", 5555);
	struct sockaddr_in6 to6 = at6("::1", 0);
	char b[16];

	new_network();
	int udp = sock(AF_INET, SOCK_RAW, IPPROTO_UDP),
	    udp6 = sock(AF_INET6, SOCK_RAW, IPPROTO_UDP);
	int u = sock(AF_INET, SOCK_DGRAM, 0);
	R(bind(u, any(&at), sizeof at));
	R(sendto(udp, data, sizeof data, 0, any(&to), sizeof to));
	say_received("udp", udp, true);
	R(recv(u, b, sizeof b, 0));
	R(sendto(udp6, data, sizeof data, 0, any(&to6), sizeof to6));
	R(sendto(u, data, sizeof data, 0, any(&to), sizeof to));
	R(connect(udp, any(&to), sizeof to));
	R(send(udp, data, sizeof data, 0));
	R(recv(u, b, sizeof b, 0));
}

static void allow_ping(const char *range)
{
	int fd = (int)NEED(open("/proc/sys/net/ipv4/ping_group_range", O_RDWR));
	char text[64] = "";

	say("%s: %s\n", range, write(fd, range, strlen(range)) < 0 ? strerrorname_np(errno) : "ok");
	NEED(pread(fd, text, sizeof text - 1, 0));
	say("%s", text);
	close(fd);
}

CASE(ping_group_range)
{
	new_network();
	allow_ping("1 0");
	R(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
	allow_ping("5 3");
	allow_ping("5");
	allow_ping("x");
	allow_ping("-1 3");
	allow_ping("1 2147483648");
	allow_ping("1 4294967294");
	allow_ping("1 4294967295");
	allow_ping("1 4294967296");
	allow_ping("100 200");
	R(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
	gid_t groups[] = { 150 };
	NEED(setgroups(1, groups));
	OK(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
	NEED(setgroups(0, NULL));
	NEED(setegid(200));
	OK(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6));
}

CASE(ping_4)
{
	struct sockaddr_in to = at4("127.0.0.1", 0), own = at4("127.0.0.1", 0x1234);
	unsigned char p[12];

	new_network();
	allow_ping("0 0");
	int s = sock(AF_INET, SOCK_DGRAM, IPPROTO_ICMP),
	    t = sock(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	say_name(s);
	R(bind(s, any(&own), sizeof own));
	R(bind(t, any(&own), sizeof own));
	own.sin_port = htons(7);
	R(bind(s, any(&own), sizeof own));
	say_name(s);
	R(sendto(s, p, echo4(p, 0x9999), 0, any(&to), sizeof to));
	say_received("ping", s, false);
	say_received("other", t, false);
	R(sendto(s, p, 7, 0, any(&to), sizeof to));
	p[0] = ICMP_ECHOREPLY;
	R(sendto(s, p, 12, 0, any(&to), sizeof to));
	p[0] = ICMP_ECHO;
	p[1] = 1;
	R(sendto(s, p, 12, 0, any(&to), sizeof to));
	p[1] = 0;
	R(connect(s, any(&to), sizeof to));
	R(send(s, p, 12, 0));
	say_received("connected", s, false);
	say_file("/proc/self/net/raw");
	to = at4("127.255.255.255", 0);
	R(sendto(t, p, 12, 0, any(&to), sizeof to));
}

CASE(ping_6)
{
	struct sockaddr_in6 to = at6("::1", 0), own = at6("::1", 0x1234);
	unsigned char p[12] = { ICMP6_ECHO_REQUEST, 0, 0, 0, 1, 2, 3, 4, 'd', 'a', 't', 'a' };

	new_network();
	allow_ping("0 0");
	int s = sock(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6);
	R(bind(s, any(&own), sizeof own));
	R(sendto(s, p, sizeof p, 0, any(&to), sizeof to));
	say_received("ping", s, false);
	say_name(s);
}

/* ---- packet sockets ---- */

static struct sockaddr_ll link_at(unsigned protocol)
{
	return (struct sockaddr_ll){ .sll_family = AF_PACKET,
				     .sll_protocol = htons((uint16_t)protocol),
				     .sll_ifindex = 1 };
}

static void say_frames(const char *who, int s, size_t ip)
{
	unsigned char p[4096];
	struct sockaddr_ll from;
	ssize_t n;

	for (;;) {
		socklen_t len = sizeof from;
		memset(&from, 0xee, sizeof from);
		n = recvfrom(s, p, sizeof p, MSG_TRUNC, (struct sockaddr *)&from, &len);
		if (n == -1)
			break;
		if (p[ip] >> 4 == 4) {
			memset(p + ip + 4, 0, 2);
			memset(p + ip + 10, 0, 2);
		}
		say("%s: %zd bytes, type %d\n", who, n, from.sll_pkttype);
		say_bytes(who, p, (size_t)n);
		say_bytes("from", &from, len);
	}
	say("%s: %s\n", who, strerrorname_np(errno));
}

CASE(packet_names)
{
	new_network();
	int s = sock(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
	struct sockaddr_ll a = link_at(ETH_P_ALL);
	say_name(s);
	R(bind(s, any(&a), sizeof a));
	say_name(s);
	R(bind(s, any(&a), sizeof a - 1));
	a.sll_ifindex = 77;
	R(bind(s, any(&a), sizeof a));
	a.sll_family = AF_INET;
	R(bind(s, any(&a), sizeof a));
	R(connect(s, any(&a), sizeof a));
	R(listen(s, 1));
	R(shutdown(s, SHUT_RD));
	R(send(sock(AF_PACKET, SOCK_RAW, 0), "x", 1, 0));
	set_up(false);
	a = link_at(ETH_P_IP);
	R(bind(s, any(&a), sizeof a));
	R(recv(s, &a, sizeof a, 0));
	R(recv(s, &a, sizeof a, 0));
	R(sendto(s, "xxxxxxxxxxxxxxxxxxxxxxx", 20, 0, any(&a), sizeof a));
}

CASE(packets)
{
	struct sockaddr_in to = at4("127.0.0.1", 5555), from = at4("127.0.0.2", 4444);
	struct sockaddr_ll a = link_at(ETH_P_ALL);

	new_network();
	int all = sock(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	int cooked = sock(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
	int six = sock(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IPV6));
	R(bind(all, any(&a), sizeof a));
	int u = sock(AF_INET, SOCK_DGRAM, 0), v = sock(AF_INET, SOCK_DGRAM, 0);
	R(bind(u, any(&from), sizeof from));
	R(bind(v, any(&to), sizeof to));
	R(sendto(u, "data", 4, 0, any(&to), sizeof to));
	say_frames("all", all, 14);
	say_frames("cooked", cooked, 0);
	say_frames("six", six, 0);
	struct tpacket_stats stats;
	socklen_t len = sizeof stats;
	R(getsockopt(all, SOL_PACKET, PACKET_STATISTICS, &stats, &len));
	V(stats.tp_packets);
	V(stats.tp_drops);
	len = sizeof stats;
	R(getsockopt(all, SOL_PACKET, PACKET_STATISTICS, &stats, &len));
	V(stats.tp_packets);
}

CASE(packets_sent)
{
	struct sockaddr_in port = at4("127.0.0.1", 5555);
	struct sockaddr_ll a = link_at(ETH_P_IP);
	unsigned char p[14 + 20 + 8 + 4] = {
		[12] = 8, [14] = 0x45, [17] = 32, [22] = 64, [23] = IPPROTO_UDP,
		127,      0,           0,         3,         127,
		0,        0,           1,         0x11,      0x11,
		0x15,     0xb3,        0,         12,        0,
		0,        'd',         'a',       't',       'a'
	};

	/* the addresses are behind the sum */
	memmove(p + 26, p + 24, sizeof p - 26);
	p[24] = p[25] = 0;
	uint16_t check = sum(p + 14, 20);
	memcpy(p + 24, &check, 2);
	new_network();
	int u = sock(AF_INET, SOCK_DGRAM, 0);
	R(bind(u, any(&port), sizeof port));
	int s = sock(AF_PACKET, SOCK_RAW, 0), t = sock(AF_PACKET, SOCK_DGRAM, 0);
	R(sendto(s, p, sizeof p, 0, any(&a), sizeof a));
	say_received("raw", u, false);
	a.sll_halen = 6;
	R(sendto(t, p + 14, sizeof p - 14, 0, any(&a), sizeof a));
	say_received("cooked", u, false);
	p[24] ^= 1;
	R(sendto(s, p, sizeof p, 0, any(&a), sizeof a));
	say_received("wrong sum", u, false);
	a.sll_ifindex = 9;
	R(sendto(s, p, sizeof p, 0, any(&a), sizeof a));
	R(sendto(s, p, sizeof p, 0, any(&a), 4));
	R(send(s, p, sizeof p, 0));
	unsigned char q[40 + 8 + 4] = {
		0x60, [5] = 12, [6] = IPPROTO_UDP, [7] = 64, [23] = 1, [39] = 1
	};
	struct udphdr udp = { .source = htons(1), .dest = htons(5555), .len = htons(12) };
	memcpy(q + 40, &udp, sizeof udp);
	memcpy(q + 48, "data", 4);
	/* the sum over the addresses, the length, the protocol and the data */
	uint32_t all = 12 + IPPROTO_UDP;
	for (size_t i = 8; i < sizeof q; i += 2)
		all += (uint32_t)(q[i] << 8 | q[i + 1]);
	while (all >> 16)
		all = (all & 0xffff) + (all >> 16);
	q[46] = (unsigned char)(~all >> 8);
	q[47] = (unsigned char)~all;
	struct sockaddr_in6 port6 = at6("::1", 5555);
	int v = sock(AF_INET6, SOCK_DGRAM, 0);
	R(bind(v, any(&port6), sizeof port6));
	a = link_at(ETH_P_IPV6);
	R(sendto(t, q, sizeof q, 0, any(&a), sizeof a));
	say_received("cooked 6", v, false);
}

CASE(memberships)
{
	struct packet_mreq r = { .mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC };

	new_network();
	int s = sock(AF_PACKET, SOCK_RAW, 0);
	R(setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &r, sizeof r));
	R(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof r));
	R(setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &r, sizeof r));
	R(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, 4));
	r.mr_ifindex = 9;
	R(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof r));
}

/* ---- filters ---- */

#define ATTACH(s, ...)                                                                             \
	({                                                                                         \
		struct sock_filter prog_[] = { __VA_ARGS__ };                                      \
		struct sock_fprog f_ = { sizeof prog_ / sizeof *prog_, prog_ };                    \
		int r_ = setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &f_, sizeof f_);              \
		say("attach %d: %s\n", f_.len, r_ ? strerrorname_np(errno) : "ok");                \
		r_;                                                                                \
	})

CASE(filter_checks)
{
	int pair[2], zero = 0, one = 1, fd = 99;
	struct sock_filter got[8];

	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	int s = pair[0];
	R(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof zero));
	ATTACH(s, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0));
	ATTACH(s, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_STMT(BPF_RET | BPF_A, 0));
	ATTACH(s, BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 0), BPF_STMT(BPF_RET | BPF_A, 0));
	ATTACH(s, BPF_STMT(BPF_LD | BPF_MEM, 1), BPF_STMT(BPF_RET | BPF_A, 0));
	ATTACH(s, BPF_JUMP(BPF_JMP | BPF_JA, 5, 0, 0), BPF_STMT(BPF_RET | BPF_A, 0));
	ATTACH(s, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + 0x800),
	       BPF_STMT(BPF_RET | BPF_A, 0));
	socklen_t len = 0;
	R(getsockopt(s, SOL_SOCKET, SO_GET_FILTER, NULL, &len));
	V(len);
	len = 1;
	R(getsockopt(s, SOL_SOCKET, SO_GET_FILTER, got, &len));
	len = 8;
	R(getsockopt(s, SOL_SOCKET, SO_GET_FILTER, got, &len));
	V(len);
	X(got[0].code);
	X(got[1].code);
	R(setsockopt(s, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof one));
	R(setsockopt(s, SOL_SOCKET, SO_LOCK_FILTER, &zero, sizeof zero));
	R(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof zero));
	ATTACH(s, BPF_STMT(BPF_RET | BPF_K, 1));
	R(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof fd));
	R(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_BPF, &pair[1], sizeof fd));
	struct sock_fprog f = { 3, (void *)8 };
	R(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof f));
	R(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof f - 1));
	f.len = 0;
	R(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof f));
	f = (struct sock_fprog){ 1, NULL };
	R(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof f));
}

/* What begins with an `a`, and of that three bytes. */
static void only_a(int s, unsigned at)
{
	ATTACH(s, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at),
	       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1), BPF_STMT(BPF_RET | BPF_K, at + 3),
	       BPF_STMT(BPF_RET | BPF_K, 0));
}

static void say_messages(int s)
{
	char b[64];
	ssize_t n;

	while ((n = recv(s, b, sizeof b, MSG_DONTWAIT)) >= 0)
		say("got %zd: %.*s\n", n, (int)n, b);
	say("%s\n", strerrorname_np(errno));
}

CASE(filter_unix)
{
	for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type += type == SOCK_DGRAM ? 3 : 1) {
		int pair[2];
		say("type %d\n", type);
		NEED(socketpair(AF_UNIX, type, 0, pair));
		only_a(pair[1], 0);
		R(send(pair[0], "abcdef", 6, 0));
		R(send(pair[0], "bcdefg", 6, 0));
		R(send(pair[0], "a", 1, 0));
		R(send(pair[0], "", 0, 0));
		say_messages(pair[1]);
		close(pair[0]);
		close(pair[1]);
	}
}

CASE(filter_udp)
{
	struct sockaddr_in to = at4("127.0.0.1", 5555);

	new_network();
	int s = sock(AF_INET, SOCK_DGRAM, 0), u = sock(AF_INET, SOCK_DGRAM, 0);
	R(bind(s, any(&to), sizeof to));
	only_a(s, 8);
	R(sendto(u, "abcdef", 6, 0, any(&to), sizeof to));
	R(sendto(u, "bcdefg", 6, 0, any(&to), sizeof to));
	R(sendto(u, "", 0, 0, any(&to), sizeof to));
	say_messages(s);
	/* by the header of IP: from another address nothing comes */
	ATTACH(s, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_NET_OFF + 12),
	       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, INADDR_LOOPBACK + 1, 0, 1),
	       BPF_STMT(BPF_RET | BPF_K, 1), BPF_STMT(BPF_RET | BPF_K, 0));
	R(sendto(u, "one", 3, 0, any(&to), sizeof to));
	struct sockaddr_in two = at4("127.0.0.2", 0);
	int v = sock(AF_INET, SOCK_DGRAM, 0);
	R(bind(v, any(&two), sizeof two));
	R(sendto(v, "two", 3, 0, any(&to), sizeof to));
	say_messages(s);
	/* the length, X and the words of memory */
	ATTACH(s, BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, SKF_NET_OFF),
	       BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_ST, 3),
	       BPF_STMT(BPF_MISC | BPF_TXA, 0), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 8),
	       BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LD | BPF_MEM, 3),
	       BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 100),
	       BPF_STMT(BPF_RET | BPF_A, 0));
	R(sendto(u, "12345678", 8, 0, any(&to), sizeof to));
	R(sendto(u, "1234567890123456", 16, 0, any(&to), sizeof to));
	say_messages(s);
	ATTACH(s, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL),
	       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 3),
	       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_IFINDEX),
	       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_RET | BPF_K, 100),
	       BPF_STMT(BPF_RET | BPF_K, 0));
	R(sendto(u, "ancillary", 9, 0, any(&to), sizeof to));
	say_messages(s);
}

CASE(filter_packets)
{
	struct sockaddr_in to = at4("127.0.0.1", 5555);
	struct sockaddr_ll a = link_at(ETH_P_ALL);

	new_network();
	int s = sock(AF_PACKET, SOCK_RAW, 0), u = sock(AF_INET, SOCK_DGRAM, 0);
	int v = sock(AF_INET, SOCK_DGRAM, 0);
	R(bind(v, any(&to), sizeof to));
	/* what comes in, of UDP, cut behind the header of IP */
	ATTACH(s, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE),
	       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 3),
	       BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
	       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 1),
	       BPF_STMT(BPF_RET | BPF_K, 34), BPF_STMT(BPF_RET | BPF_K, 0));
	R(bind(s, any(&a), sizeof a));
	R(sendto(u, "data", 4, 0, any(&to), sizeof to));
	say_frames("filtered", s, 14);
	struct tpacket_stats stats;
	socklen_t len = sizeof stats;
	R(getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &stats, &len));
	V(stats.tp_packets);
}
