/* SPDX-License-Identifier: Apache-2.0 */
/* socket(2)'s errors, options of sockets, what sockets say of interfaces. */
#include <arpa/inet.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "case.h"

CASE(kinds)
{
	static const int families[] = { -1,         0,          AF_INET, AF_INET6, AF_UNIX,
					AF_NETLINK, AF_MAX - 1, AF_MAX,  100 };
	static const int protocols[] = { -1, 0, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, 263 };
	int v[2];

	for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
		for (int type = 0; type <= 11; type++) {
			/* Raw and packet sockets and those of other netlink families are not for a
			 * guest. */
			if (type == SOCK_RAW || type == SOCK_PACKET)
				continue;
			for (size_t p = 0;
			     p < 6 && (families[f] != AF_NETLINK || protocols[p] <= 1); p++) {
				int r = socket(families[f], type, protocols[p]), err = errno;
				int q = socketpair(families[f], type, protocols[p], v),
				    err2 = errno;
				say("%d %d %d: %s, %s\n", families[f], type, protocols[p],
				    r < 0 ? strerrorname_np(err) : "ok",
				    q < 0 ? strerrorname_np(err2) : "ok");
				if (r >= 0)
					close(r);
				if (q >= 0) {
					close(v[0]);
					close(v[1]);
				}
			}
		}
	}
	R(socket(AF_INET, SOCK_RAW, 0));
	R(socket(AF_INET6, SOCK_RAW, 0));
	R(socket(AF_INET, SOCK_STREAM | 0x10, 0));
}

static void try_option(const char *what, int s, int level, int name, int val)
{
	socklen_t len = sizeof(int);
	int old = 0;
	int g = getsockopt(s, level, name, &old, &len), err = errno;
	int r = setsockopt(s, level, name, &val, sizeof val), err2 = errno;

	say("%s: get %s, set %s\n", what, g < 0 ? strerrorname_np(err) : "ok",
	    r < 0 ? strerrorname_np(err2) : "ok");
	len = sizeof old;
	if (!g && !r && !getsockopt(s, level, name, &old, &len))
		say("  %d, %u bytes\n", old, len);
}

#define OPTION(s, level, name, val) try_option(#s " " #name, s, level, name, val)

static void socket_options(int s)
{
	OPTION(s, SOL_SOCKET, SO_DEBUG, 0);
	OPTION(s, SOL_SOCKET, SO_PRIORITY, 6);
	OPTION(s, SOL_SOCKET, SO_LOCK_FILTER, 0);
	OPTION(s, SOL_SOCKET, SO_DETACH_FILTER, 0);
	OPTION(s, SOL_SOCKET, SO_RXQ_OVFL, 1);
	OPTION(s, SOL_SOCKET, SO_COOKIE, 1);
	OPTION(s, SOL_SOCKET, SO_NO_CHECK, 0);
	OPTION(s, SOL_SOCKET, SO_SNDBUF, 1000000);
	OPTION(s, SOL_SOCKET, SO_RCVBUF, 1000000);
	OPTION(s, SOL_SOCKET, SO_SNDBUF, 1);
	OPTION(s, SOL_SOCKET, SO_RCVBUF, 1);
	OPTION(s, SOL_SOCKET, 12345, 1);
	OPTION(s, SOL_SOCKET, -1, 1);
	OPTION(s, 500, 1, 1);
}

/* What is wrong with several arguments of a call is told of one of them. */
static void errors_of(const char *name, int fd)
{
	void *const bad = (void *)8;
	struct sockaddr_in at = { .sin_family = AF_INET };
	const struct timespec before = { -1, 0 };
	const long huge = -1L, compat = 0x80000000L;
	socklen_t negative = -1;

	say("-- %s\n", name);
	R(syscall(SYS_accept4, fd, bad, bad, 1));
	R(syscall(SYS_bind, fd, bad, 16));
	R(syscall(SYS_bind, fd, bad, -1));
	R(syscall(SYS_connect, fd, bad, 16));
	R(syscall(SYS_connect, fd, bad, -1));
	R(syscall(SYS_connect, fd, &at, 1));
	R(syscall(SYS_getsockname, fd, bad, &negative));
	R(syscall(SYS_getpeername, fd, bad, bad));
	R(syscall(SYS_shutdown, fd, 3));
	R(syscall(SYS_getsockopt, fd, SOL_SOCKET, 9999, bad, &negative));
	R(syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, bad, -1));
	R(syscall(SYS_setsockopt, fd, SOL_SOCKET, 9999, bad, 1));
	R(syscall(SYS_sendto, fd, huge, huge, MSG_NOSIGNAL | MSG_DONTWAIT, bad, 16));
	R(syscall(SYS_sendto, fd, bad, 1, MSG_NOSIGNAL | MSG_DONTWAIT, bad, -1));
	R(syscall(SYS_recvfrom, fd, huge, huge, MSG_DONTWAIT, bad, bad));
	R(syscall(SYS_sendmsg, fd, bad, MSG_NOSIGNAL | MSG_DONTWAIT));
	R(syscall(SYS_sendmsg, fd, bad, compat));
	R(syscall(SYS_recvmsg, fd, bad, compat));
	R(syscall(SYS_sendmmsg, fd, bad, 1, compat));
	R(syscall(SYS_recvmmsg, fd, bad, 1, MSG_DONTWAIT, &before));
	R(syscall(SYS_recvmmsg, fd, bad, 1, compat, bad));
	R(syscall(SYS_recvmmsg, fd, bad, 0, MSG_DONTWAIT, NULL));
}

static void errors_of_pairs(void)
{
	int pair[2] = { -1, -1 };

	R(socketpair(AF_INET, SOCK_STREAM, 0, pair));
	say("%d\n", pair[0] != -1 && pair[1] != -1);
	R(syscall(SYS_socketpair, AF_INET, SOCK_STREAM, 0, 8));
	R(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8));
	R(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | 0x100000, 0, 8));
	R(socket(AF_INET, SOCK_STREAM | 0x100000, -1));
}

CASE(errors_in_order)
{
	struct rlimit most;

	errors_of("none", -1);
	errors_of("device", NEED(open("/dev/null", O_RDWR)));
	errors_of("path", NEED(open("/", O_PATH)));
	errors_of("unix", NEED(socket(AF_UNIX, SOCK_STREAM, 0)));
	errors_of("udp", NEED(socket(AF_INET, SOCK_DGRAM, 0)));
	errors_of_pairs();
	/* no number is free, then one */
	NEED(getrlimit(RLIMIT_NOFILE, &most));
	most.rlim_cur = NEED(dup(0)) + 1;
	NEED(setrlimit(RLIMIT_NOFILE, &most));
	errors_of_pairs();
	R(syscall(SYS_accept4, 0, NULL, NULL, 0));
	R(syscall(SYS_accept4, 0, NULL, NULL, 1));
	R(syscall(SYS_accept4, -1, NULL, NULL, 1));
	NEED(close(most.rlim_cur - 1));
	errors_of_pairs();
}

CASE(levels)
{
	int tcp = (int)NEED(socket(AF_INET, SOCK_STREAM, 0)),
	    udp = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
	int un = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)),
	    tcp6 = (int)NEED(socket(AF_INET6, SOCK_STREAM, 0));

	socket_options(tcp);
	socket_options(udp);
	socket_options(un);
	OPTION(tcp, IPPROTO_UDP, UDP_GRO, 1);
	OPTION(udp, IPPROTO_TCP, TCP_NODELAY, 1);
	OPTION(tcp, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	OPTION(tcp6, IPPROTO_IP, IP_TTL, 7);
	OPTION(un, IPPROTO_TCP, TCP_NODELAY, 1);
	OPTION(tcp, IPPROTO_TCP, 9999, 1);
	OPTION(tcp, IPPROTO_IP, 9999, 1);
}

/* Which error comes first where level, name, length and memory are wrong. */
CASE(bad_memory)
{
	const int sockets[] = {
		socket(AF_INET, SOCK_STREAM, 0),  socket(AF_INET, SOCK_DGRAM, 0),
		socket(AF_INET6, SOCK_STREAM, 0), socket(AF_INET6, SOCK_DGRAM, 0),
		socket(AF_UNIX, SOCK_STREAM, 0),  socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)
	};
	static const int levels[] = { SOL_SOCKET,  IPPROTO_IP,  IPPROTO_IPV6,
				      IPPROTO_TCP, IPPROTO_UDP, SOL_NETLINK,
				      77 };
	void *bad = (void *)8;
	int v = 0;

	for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++)
		for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
			socklen_t below = (socklen_t)-1, len = sizeof v;
			int name = levels[l] == IPPROTO_IPV6 ? IPV6_V6ONLY : 2;
			say("socket %zu, level %d\n", i, levels[l]);
			R(setsockopt(sockets[i], levels[l], name, bad, 4));
			R(setsockopt(sockets[i], levels[l], name, bad, (socklen_t)-1));
			R(getsockopt(sockets[i], levels[l], name, &v, bad));
			R(getsockopt(sockets[i], levels[l], name, &v, &below));
			R(getsockopt(sockets[i], levels[l], name, bad, &len));
		}
}

static void bind_to(int s, const char *name, socklen_t len)
{
	char got[IFNAMSIZ] = "";
	socklen_t size = sizeof got;
	int index = -1;

	say("%.8s, %u bytes\n", name, len);
	R(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, name, len));
	R(getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, got, &size));
	say("  %u bytes: %s\n", size, got);
	size = sizeof index;
	R(getsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &index, &size));
	V(index);
	R(getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, got, &size));
}

static int unbind(void *arg)
{
	int s = *(int *)arg, index = 1, none = 0, bad = -1;

	NEED(setresuid(65534, 65534, 65534));
	R(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
	R(setsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &bad, sizeof bad));
	R(setsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof index));
	R(setsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &none, sizeof none));
	return 0;
}

CASE(bind_to_device)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };

	need_root();
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		int s = (int)NEED(socket(AF_UNIX, types[i], 0)), one = 1;

		bind_to(s, "none-such", 9);
		bind_to(s, "lo", 3);
		bind_to(s, "lo and more", 2);
		in_child("nobody", unbind, &s);
		bind_to(s, "", 0);
		in_child("nobody", unbind, &s);
		R(setsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &one, 3));
	}
}

CASE(inet)
{
	int tcp = (int)NEED(socket(AF_INET, SOCK_STREAM, 0)),
	    udp = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
	int udp6 = (int)NEED(socket(AF_INET6, SOCK_DGRAM, 0));
	struct group_req g = { .gr_interface = 1 };
	struct sockaddr_in *to = (struct sockaddr_in *)&g.gr_group;
	unsigned char byte = 5;

	OPTION(tcp, SOL_SOCKET, SO_PASSCRED, 1);
	OPTION(tcp, SOL_SOCKET, SO_TIMESTAMPING, 0);
	OPTION(tcp, SOL_SOCKET, SO_MAX_PACING_RATE, 1000000);
	OPTION(tcp, SOL_SOCKET, SO_BUSY_POLL, 0);
	OPTION(tcp, IPPROTO_TCP, TCP_INQ, 1);
	OPTION(tcp, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1);
	OPTION(tcp, IPPROTO_TCP, TCP_SAVE_SYN, 1);
	OPTION(tcp, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	OPTION(udp, IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
	OPTION(udp, IPPROTO_IP, IP_MINTTL, 1);
	OPTION(udp6, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1);
	OPTION(udp6, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	OPTION(udp6, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1);
	R(setsockopt(udp, IPPROTO_IP, IP_TTL, &byte, 1));
	OPTION(udp, IPPROTO_IP, IP_TTL, 9);
	to->sin_family = AF_INET;
	to->sin_addr.s_addr = inet_addr("239.1.2.3");
	R(setsockopt(udp, IPPROTO_IP, MCAST_JOIN_GROUP, &g, sizeof g));
	R(setsockopt(udp, IPPROTO_IP, MCAST_JOIN_GROUP, &g, sizeof g));
	R(setsockopt(udp, IPPROTO_IP, MCAST_LEAVE_GROUP, &g, sizeof g));
}

static int nobody_tries(void *arg)
{
	int (*what)(void *) = arg;

	NEED(setresuid(65534, 65534, 65534));
	return what(NULL);
}

/* Options that change nothing that anybody sees over a loopback, or that tell what is not there. */
static void say_quiet(int s)
{
	OPTION(s, SOL_SOCKET, SO_BSDCOMPAT, 1);
	OPTION(s, SOL_SOCKET, SO_WIFI_STATUS, 1);
	OPTION(s, SOL_SOCKET, SO_NOFCS, 7);
	OPTION(s, SOL_SOCKET, SO_BPF_EXTENSIONS, 1);
	OPTION(s, SOL_SOCKET, SO_CNX_ADVICE, 1);
	OPTION(s, SOL_SOCKET, SO_INCOMING_NAPI_ID, 1);
	OPTION(s, SOL_SOCKET, SO_INCOMING_CPU, 3);
	OPTION(s, SOL_SOCKET, SO_PEEK_OFF, 5);
	OPTION(s, SOL_SOCKET, SO_PEEK_OFF, -2);
	OPTION(s, SOL_SOCKET, SO_BUSY_POLL, 0);
	OPTION(s, SOL_SOCKET, SO_BUSY_POLL, -1);
	OPTION(s, SOL_SOCKET, SO_PASSSEC, 1);
	OPTION(s, SOL_SOCKET, SO_DETACH_FILTER, 1);
	OPTION(s, SOL_SOCKET, SO_PEERNAME, 1);
	OPTION(s, IPPROTO_IP, IP_RETOPTS, 1);
	OPTION(s, IPPROTO_TCP, TCP_ULP, 0);
}

static int quiet(void *unused)
{
	int kinds[][2] = { { AF_INET, SOCK_STREAM },
			   { AF_INET, SOCK_DGRAM },
			   { AF_INET6, SOCK_STREAM },
			   { AF_UNIX, SOCK_STREAM },
			   { AF_UNIX, SOCK_DGRAM } };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int s = (int)NEED(socket(kinds[i][0], kinds[i][1], 0));
		char filter[64];
		socklen_t len = 0;

		say("family %d, type %d\n", kinds[i][0], kinds[i][1]);
		say_quiet(s);
		R(getsockopt(s, SOL_SOCKET, SO_GET_FILTER, filter, &len));
		V(len);
		close(s);
	}
	return 0;
}

CASE(without_effect)
{
	quiet(NULL);
	if (!geteuid())
		in_child("nobody", nobody_tries, quiet);
}

static int closed_ones(void *unused)
{
	int tcp = (int)NEED(socket(AF_INET, SOCK_STREAM, 0)),
	    un = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
	unsigned char nop[4] = { 1, 1, 1, 0 }, got[64];
	socklen_t len = sizeof got;

	OPTION(tcp, IPPROTO_TCP, TCP_REPAIR, 0);
	OPTION(un, IPPROTO_TCP, TCP_REPAIR, 0);
	OPTION(un, IPPROTO_IP, IP_TRANSPARENT, 1);
	OPTION(tcp, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
	R(setsockopt(tcp, IPPROTO_TCP, TCP_ULP, "no-such", 7));
	R(setsockopt(tcp, IPPROTO_TCP, TCP_ULP, "", 0));
	len = sizeof got;
	R(getsockopt(tcp, IPPROTO_TCP, TCP_ULP, got, &len));
	V(len);
	len = sizeof got;
	R(getsockopt(tcp, IPPROTO_IP, IP_OPTIONS, got, &len));
	V(len);
	R(setsockopt(tcp, IPPROTO_IP, IP_OPTIONS, nop, 0));
	R(setsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, "no-such", 7));
	return 0;
}

CASE(insides)
{
	closed_ones(NULL);
	if (!geteuid())
		in_child("nobody", nobody_tries, closed_ones);
}

/* What cannot be had on a loopback of hl's own. */
CASE(only_of_the_host)
{
	int tcp = (int)NEED(socket(AF_INET, SOCK_STREAM, 0)),
	    udp = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
	unsigned char nop[4] = { 1, 1, 1, 0 }, got[64];
	struct tcp_md5sig key = { .tcpm_keylen = 3, .tcpm_key = "key" };
	socklen_t len = sizeof got;

	OPTION(tcp, SOL_SOCKET, SO_MAX_PACING_RATE, -1);
	OPTION(tcp, SOL_SOCKET, SO_TIMESTAMPING, 16);
	OPTION(udp, IPPROTO_IP, IP_CHECKSUM, 1);
	OPTION(udp, IPPROTO_IP, IP_NODEFRAG, 1);
	OPTION(udp, IPPROTO_IP, IP_RECVERR_RFC4884, 1);
	R(setsockopt(udp, IPPROTO_IP, IP_OPTIONS, nop, sizeof nop));
	R(getsockopt(udp, IPPROTO_IP, IP_OPTIONS, got, &len));
	say_bytes("  ", got, len);
	((struct sockaddr_in *)&key.tcpm_addr)->sin_family = AF_INET;
	((struct sockaddr_in *)&key.tcpm_addr)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	R(setsockopt(tcp, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof key));
	R(setsockopt(tcp, IPPROTO_TCP, TCP_MD5SIG, &key, 4));
}

CASE(numbers)
{
	int un = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0)),
	    udp = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
	const int s[] = { un, udp };
	static const unsigned long rates[] = { 0, 1000, 0xffffffff, 0x123456789, ~0UL };
	static const int times[] = {
		0, 0x10, 0x18, 1 << 16, 1 << 16 | 1 << 7, 1 << 12, 1 << 12 | 1 << 11, 1 << 28
	};

	for (size_t i = 0; i < 2; i++) {
		for (size_t n = 0; n < sizeof rates / sizeof *rates; n++) {
			unsigned long rate = 0;
			unsigned word = 0;
			socklen_t len = sizeof rate;

			R(setsockopt(s[i], SOL_SOCKET, SO_MAX_PACING_RATE, &rates[n],
				     n & 1 ? 8 : 4));
			R(getsockopt(s[i], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &len));
			say("  %lx, %u bytes\n", rate, len);
			len = sizeof word;
			R(getsockopt(s[i], SOL_SOCKET, SO_MAX_PACING_RATE, &word, &len));
			say("  %x, %u bytes\n", word, len);
		}
		for (size_t n = 0; n < sizeof times / sizeof *times; n++) {
			OPTION(s[i], SOL_SOCKET, SO_TIMESTAMPING, times[n]);
			OPTION(s[i], SOL_SOCKET, SO_TIMESTAMPING_NEW, times[n]);
			OPTION(s[i], SOL_SOCKET, SO_TIMESTAMPING, 0);
		}
	}
}

static char control_room[512];

static struct msghdr receive_controls(int s)
{
	static char data[64];
	static struct iovec iov = { data, sizeof data };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control_room,
			    .msg_controllen = sizeof control_room };

	NEED(recvmsg(s, &m, MSG_DONTWAIT));
	return m;
}

/* The control messages of one message, without what differs from run to run. */
static void say_controls(int s)
{
	struct msghdr m = receive_controls(s);

	say("flags %x\n", m.msg_flags);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		unsigned long words[6] = { 0 };
		size_t len = c->cmsg_len - CMSG_LEN(0);

		memcpy(words, CMSG_DATA(c), len < sizeof words ? len : sizeof words);
		say("  level %d, type %d, %zu bytes:", c->cmsg_level, c->cmsg_type, len);
		for (int i = 0; i < 6; i += 2)
			say(" %d", words[i] != 0);
		say("\n");
	}
}

CASE(times)
{
	static const int flags[] = { 0, 0x18, 0x10, 0x08 };
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	int on = 1, none = 0, un[2], udp = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(udp, (struct sockaddr *)&a, sizeof a));
	NEED(getsockname(udp, (struct sockaddr *)&a, &len));
	NEED(connect(udp, (struct sockaddr *)&a, sizeof a));
	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, un));
	for (int stamp = 0; stamp < 2; stamp++) {
		for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
			/* with a time of its own alone, it depends on what others ask for */
			if (!stamp && flags[i] == 0x10)
				continue;
			say("SO_TIMESTAMP %d, SO_TIMESTAMPING %x\n", stamp, flags[i]);
			for (int n = 0; n < 2; n++) {
				int in = n ? udp : un[1], out = n ? udp : un[0];
				NEED(setsockopt(in, SOL_SOCKET, SO_TIMESTAMP, stamp ? &on : &none,
						sizeof on));
				NEED(setsockopt(in, SOL_SOCKET, SO_TIMESTAMPING, &flags[i],
						sizeof flags[i]));
				/* the kernel begins to write times down some time after it is
				 * asked for the first */
				do {
					NEED(send(out, "x", 1, MSG_DONTWAIT));
					NEED(send(out, "y", 1, MSG_DONTWAIT));
				} while (n && flags[i] == 0x18 &&
					 !receive_controls(in).msg_controllen &&
					 recv(in, control_room, 1, 0));
				say_controls(in);
				while (recv(in, control_room, 1, MSG_DONTWAIT) > 0)
					;
			}
		}
	}
}

/* How many did not get in is told with the next that does. */
CASE(overflow)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	static char data[1000];
	int on = 1, least = 1, udp = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(udp, (struct sockaddr *)&a, sizeof a));
	NEED(getsockname(udp, (struct sockaddr *)&a, &len));
	NEED(connect(udp, (struct sockaddr *)&a, sizeof a));
	NEED(setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &least, sizeof least));
	NEED(setsockopt(udp, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on));
	for (int i = 0; i < 20; i++)
		NEED(send(udp, data, sizeof data, 0));
	while (recv(udp, data, sizeof data, MSG_DONTWAIT) > 0)
		;
	NEED(send(udp, data, 1, 0));
	say_controls(udp);
}

CASE(tcp_info)
{
	struct {
		struct tcp_info i;
		char more[512];
	} b;
	socklen_t len = sizeof b;
	int s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));

	R(getsockopt(s, IPPROTO_TCP, TCP_INFO, &b, &len));
	V(len);
	V(b.i.tcpi_state);
}

static int privileged(void *unused)
{
	int tcp = (int)NEED(socket(AF_INET, SOCK_STREAM, 0)),
	    udp = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
	int un = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)),
	    udp6 = (int)NEED(socket(AF_INET6, SOCK_DGRAM, 0));

	OPTION(tcp, SOL_SOCKET, SO_MARK, 7);
	OPTION(un, SOL_SOCKET, SO_MARK, 7);
	OPTION(tcp, SOL_SOCKET, SO_DEBUG, 1);
	OPTION(un, SOL_SOCKET, SO_DEBUG, 1);
	OPTION(tcp, SOL_SOCKET, SO_PRIORITY, 7);
	OPTION(un, SOL_SOCKET, SO_PRIORITY, -1);
	OPTION(tcp, SOL_SOCKET, SO_SNDBUFFORCE, 9000000);
	OPTION(un, SOL_SOCKET, SO_RCVBUFFORCE, 9000000);
	OPTION(un, SOL_SOCKET, SO_RCVBUF, 4000);
	OPTION(udp, SOL_SOCKET, SO_BUSY_POLL, 50);
	OPTION(udp, IPPROTO_IP, IP_TRANSPARENT, 1);
	OPTION(udp6, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
	R(setsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, "nosuchdevice", 12));
	R(setsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
	R(setsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
	return 0;
}

CASE(privileges)
{
	need_root();
	privileged(NULL);
	NEED(setresuid(65534, 65534, 65534));
	privileged(NULL);
}

CASE(bound_device)
{
	int s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0)), index = 0;
	char name[IF_NAMESIZE] = "";
	socklen_t len = sizeof name;

	R(getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	V(len);
	R(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	len = sizeof name;
	R(getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	say("%u bytes: %s\n", len, name);
	len = sizeof index;
	R(getsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &index, &len));
	V(index);
}

CASE(interface_names)
{
	char name[IF_NAMESIZE] = "";

	V(if_nametoindex("lo"));
	OK(if_nametoindex("nosuchdevice") ? 0 : -1);
	say("%s\n", if_indextoname(1, name) ? name : "-");
}

/* Any socket answers about interfaces; about addresses, those that have some. */
CASE(interface_requests)
{
	static const struct {
		unsigned long cmd;
		const char *name;
	} asks[] = {
		{ SIOCGIFINDEX, "index" },     { SIOCGIFFLAGS, "flags" },
		{ SIOCGIFMTU, "mtu" },         { SIOCGIFHWADDR, "hwaddr" },
		{ SIOCGIFADDR, "addr" },       { SIOCGIFNETMASK, "netmask" },
		{ SIOCGIFMETRIC, "metric" },   { SIOCGIFTXQLEN, "txqlen" },
		{ SIOCGIFMAP, "map" },         { SIOCGIFBRDADDR, "brd" },
		{ SIOCGIFDSTADDR, "dstaddr" },
	};
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

	for (int f = 0; f < 4; f++) {
		int s = (int)NEED(socket(families[f], SOCK_DGRAM, 0));
		for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
			struct ifreq r = { .ifr_name = "lo" },
				     none = { .ifr_name = "nosuchdevice" };
			say("%d %s\n", families[f], asks[i].name);
			if (!R(ioctl(s, asks[i].cmd, &r)))
				say_bytes("  ", &r, sizeof r);
			R(ioctl(s, asks[i].cmd, &none));
			R(ioctl(s, asks[i].cmd, (void *)8));
		}
		close(s);
	}
}

CASE(interface_list)
{
	struct ifreq all[64] = { 0 };
	struct ifconf c = { 0 };
	int s = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0));

	R(ioctl(s, SIOCGIFCONF, &c));
	int whole = c.ifc_len;
	V(whole % (int)sizeof(struct ifreq));
	c = (struct ifconf){ .ifc_len = sizeof all, .ifc_req = all };
	R(ioctl(s, SIOCGIFCONF, &c));
	V(c.ifc_len == whole);
	for (size_t i = 0; i < c.ifc_len / sizeof *all; i++)
		say("%s %s\n", all[i].ifr_name,
		    inet_ntoa(((struct sockaddr_in *)&all[i].ifr_addr)->sin_addr));
	c = (struct ifconf){ .ifc_len = sizeof *all, .ifc_req = all };
	R(ioctl(s, SIOCGIFCONF, &c));
	V(c.ifc_len);
	c = (struct ifconf){ .ifc_len = 10, .ifc_req = all };
	R(ioctl(s, SIOCGIFCONF, &c));
	V(c.ifc_len);
	c = (struct ifconf){ .ifc_len = sizeof all, .ifc_buf = (void *)8 };
	R(ioctl(s, SIOCGIFCONF, &c));
	R(ioctl(s, SIOCGIFCONF, (void *)8));
}

static int change_interface(void *unused)
{
	struct ifreq r = { .ifr_name = "lo" };

	NEED(setresuid(65534, 65534, 65534));
	R(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFMTU, &r));
	R(ioctl(socket(AF_UNIX, SOCK_DGRAM, 0), SIOCSIFFLAGS, &r));
	return 0;
}

CASE(interface_changes)
{
	need_root();
	in_child("nobody", change_interface, NULL);
}

static unsigned port_of(int s)
{
	struct sockaddr_nl a = { 0 };
	socklen_t len = sizeof a;

	NEED(getsockname(s, (struct sockaddr *)&a, &len));
	return a.nl_pid;
}

static unsigned bound_port(int s, unsigned port)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_pid = port };

	R(bind(s, (struct sockaddr *)&a, sizeof a));
	return port_of(s);
}

/* A port of the kernel's choice is the process's number, or for the next one, a number that is no
 * process's. */
CASE(netlink_ports)
{
	struct {
		struct nlmsghdr h;
		struct rtgenmsg g;
	} ask = { { .nlmsg_len = sizeof ask,
		    .nlmsg_type = RTM_GETLINK,
		    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		  { .rtgen_family = AF_UNSPEC } };
	static char b[65536];
	int s[4];

	for (int i = 0; i < 4; i++)
		s[i] = (int)NEED(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	V(port_of(s[0]));
	V(bound_port(s[0], 0) == (unsigned)getpid());
	V((int)bound_port(s[1], 0) < 0);
	V(bound_port(s[0], 0) == (unsigned)getpid());
	V(bound_port(s[2], 0x7ffff123));
	close(s[0]);
	NEED(send(s[3], &ask, sizeof ask, 0));
	V(port_of(s[3]) == (unsigned)getpid());
	NEED(recv(s[3], b, sizeof b, 0));
	V(((struct nlmsghdr *)b)->nlmsg_pid == (unsigned)getpid());
}

/* A request that would change something is answered with an error; send(2) itself does not fail. */
static int change_by_netlink(void *unused)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} ask = { { .nlmsg_len = sizeof ask,
		    .nlmsg_type = RTM_NEWLINK,
		    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		    .nlmsg_seq = 7 },
		  { .ifi_family = AF_UNSPEC, .ifi_index = 1, .ifi_change = 1 } };
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char more[512];
	} answer = { 0 };
	int s = (int)NEED(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));

	NEED(setresuid(65534, 65534, 65534));
	R(send(s, &ask, sizeof ask, 0));
	R(recv(s, &answer, sizeof answer, 0) > 0);
	V(answer.h.nlmsg_type);
	V(answer.h.nlmsg_seq);
	say("%s\n", strerrorname_np(-answer.e.error));
	return 0;
}

CASE(netlink_changes)
{
	need_root();
	in_child("nobody", change_by_netlink, NULL);
}
