/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of sockets say where there is a loopback and no more: the same in a network
 * namespace with that interface alone, which is what this is compared with. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s: %s\n", what, r < 0 ? strerrorname_np(errno) : "done");
}

static void try_address(const char *text, const struct sockaddr *a, socklen_t len, bool connects)
{
	int tcp = socket(a->sa_family, SOCK_STREAM, 0), udp = socket(a->sa_family, SOCK_DGRAM, 0);

	puts(text);
	if (connects) {
		say("tcp connect", connect(tcp, a, len));
		say("udp connect", connect(udp, a, len));
	}
	say("sendto", sendto(udp, "x", 1, 0, a, len));
	say("send", send(udp, "x", 1, 0));
	if (connects)
		say("fast open", sendto(tcp, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, a, len));
	close(tcp);
	close(udp);
}

static void try_4(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };

	inet_pton(AF_INET, text, &a.sin_addr);
	try_address(text, (struct sockaddr *)&a, sizeof a, true);
}

/* Connecting to this link alone takes an interface. */
static void try_6(const char *text)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(9) };

	inet_pton(AF_INET6, text, &a.sin6_addr);
	try_address(text, (struct sockaddr *)&a, sizeof a, strncmp(text, "fe80", 4) != 0);
}

static void try_groups(void)
{
	struct ip_mreqn four = { .imr_multiaddr.s_addr = htonl(0xe0000005) };
	struct ipv6_mreq six = { .ipv6mr_multiaddr = { { { 0xff, 2, [15] = 5 } } } };
	int s4 = socket(AF_INET, SOCK_DGRAM, 0), s6 = socket(AF_INET6, SOCK_DGRAM, 0);

	say("join", setsockopt(s4, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four, sizeof four));
	say("join 6", setsockopt(s6, IPPROTO_IPV6, IPV6_JOIN_GROUP, &six, sizeof six));
	say("bind to device", setsockopt(s4, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5));
	close(s4);
	close(s6);
}

static void try_interfaces(void)
{
	struct ifreq r = { .ifr_name = "eth0" };
	char buf[4096];
	struct ifconf all = { .ifc_len = sizeof buf, .ifc_buf = buf };
	int s = socket(AF_INET, SOCK_DGRAM, 0), u = socket(AF_UNIX, SOCK_DGRAM, 0);

	say("flags", ioctl(s, SIOCGIFFLAGS, &r));
	say("address", ioctl(s, SIOCGIFADDR, &r));
	say("index", ioctl(u, SIOCGIFINDEX, &r));
	say("list", ioctl(s, SIOCGIFCONF, &all));
	printf("%d bytes\n", all.ifc_len);
	close(s);
	close(u);
}

static void try_unix(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0nonet" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);

	say("unix bind", bind(s, (struct sockaddr *)&a, sizeof a));
	say("unix listen", listen(s, 1));
	say("unix connect", connect(c, (struct sockaddr *)&a, sizeof a));
	say("unix send", send(c, "x", 1, 0));
	close(s);
	close(c);
}

int main(void)
{
	static const char *const four[] = { "127.0.0.1", "192.0.2.1", "169.254.169.254",
					    "224.0.0.1", "255.255.255.255" };
	static const char *const six[] = { "::1", "2001:db8::1", "fe80::1" };

	for (size_t i = 0; i < sizeof four / sizeof *four; i++)
		try_4(four[i]);
	for (size_t i = 0; i < sizeof six / sizeof *six; i++)
		try_6(six[i]);
	try_groups();
	try_interfaces();
	try_unix();
	return 0;
}
