/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces (network_namespaces(7)): a new one has an interface lo of its own, which is
 * down at first, and nothing leads out of it. Each case makes its own. */
#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "case.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static void new_network(void)
{
	need_root();
	NEED(unshare(CLONE_NEWNET));
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

static int sock(int family, int type)
{
	return (int)NEED(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static void say_flags(void)
{
	struct ifreq r = { .ifr_name = "lo" };

	NEED(ioctl(sock(AF_INET, SOCK_DGRAM), SIOCGIFFLAGS, &r));
	say("lo is%s%s%s\n", r.ifr_flags & IFF_LOOPBACK ? " loopback" : "",
	    r.ifr_flags & IFF_UP ? " up" : "", r.ifr_flags & IFF_RUNNING ? " running" : "");
}

static int set_flags(int flags)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = (short)flags };

	return ioctl(sock(AF_INET, SOCK_DGRAM), SIOCSIFFLAGS, &r);
}

static void say_way(const char *ip)
{
	struct sockaddr_in four = { 0 };
	struct sockaddr_in6 six = { 0 };
	const struct sockaddr *a = (struct sockaddr *)&four;
	int family = strchr(ip, ':') ? AF_INET6 : AF_INET;
	socklen_t len = sizeof four;

	if (family == AF_INET6) {
		six = at6(ip, 9);
		a = (struct sockaddr *)&six;
		len = sizeof six;
	} else {
		four = at4(ip, 9);
	}
	say("%s\n", ip);
	R(connect(sock(family, SOCK_STREAM), a, len));
	R(bind(sock(family, SOCK_STREAM), a, len));
	R(sendto(sock(family, SOCK_DGRAM), "x", 1, 0, a, len));
	R(connect(sock(family, SOCK_DGRAM), a, len));
}

static void say_ways(void)
{
	static const char *const to[] = { "127.0.0.1",  "127.1.2.3", "127.255.255.255",
					  "0.0.0.0",    "10.0.0.1",  "224.0.0.1",
					  "::1",        "::",        "::2",
					  "2001:db8::1" };

	for (size_t i = 0; i < sizeof to / sizeof *to; i++)
		say_way(to[i]);
}

static void say_addresses(void)
{
	static const unsigned long asks[] = { SIOCGIFADDR, SIOCGIFNETMASK, SIOCGIFBRDADDR,
					      SIOCGIFDSTADDR };
	int s = sock(AF_INET, SOCK_DGRAM);
	struct ifconf c = { 0 };

	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
		struct ifreq r = { .ifr_name = "lo" };
		if (R(ioctl(s, asks[i], &r)) == 0)
			say_bytes("address", &r.ifr_addr, sizeof(struct sockaddr_in));
	}
	R(ioctl(s, SIOCGIFCONF, &c));
	V(c.ifc_len / (int)sizeof(struct ifreq));
}

CASE(new_one_is_down)
{
	new_network();
	say_flags();
	say_addresses();
	say_ways();
	say_file("/proc/self/net/if_inet6");
}

CASE(up)
{
	new_network();
	R(set_flags(IFF_UP));
	say_flags();
	say_addresses();
	say_ways();
	say_file("/proc/self/net/if_inet6");
	say_file("/proc/thread-self/net/route");
}

/* A connection there and back. */
static void talk(int family, const void *a, socklen_t len)
{
	struct pollfd p = { .fd = sock(family, SOCK_STREAM), .events = POLLIN };
	struct sockaddr_storage name;
	char b[8] = "";

	R(bind(p.fd, a, len));
	R(listen(p.fd, 1));
	socklen_t size = sizeof name;
	NEED(getsockname(p.fd, (struct sockaddr *)&name, &size));
	int c = (int)NEED(socket(family, SOCK_STREAM, 0));
	R(connect(c, (struct sockaddr *)&name, size));
	NEED(poll(&p, 1, -1));
	int s = (int)NEED(accept(p.fd, NULL, NULL));
	R(send(c, "there", 5, 0));
	R(recv(s, b, sizeof b, 0));
	R(send(s, "back", 4, 0));
	R(recv(c, b, sizeof b, 0));
	say("%.4s\n", b);
	close(p.fd);
	close(s);
	close(c);
}

CASE(talks)
{
	struct sockaddr_in four = at4("127.0.0.1", 0), other = at4("127.9.9.9", 0);
	struct sockaddr_in6 six = at6("::1", 0);

	new_network();
	NEED(set_flags(IFF_UP));
	talk(AF_INET, &four, sizeof four);
	talk(AF_INET, &other, sizeof other);
	talk(AF_INET6, &six, sizeof six);
}

/* What is sent while it is down is lost, and a connection waits. */
CASE(down_again)
{
	struct sockaddr_in a = at4("127.0.0.1", 4444);
	socklen_t len = sizeof a;
	char b[8];
	int err;

	new_network();
	NEED(set_flags(IFF_UP));
	struct pollfd l = { .fd = sock(AF_INET, SOCK_STREAM), .events = POLLIN };
	NEED(bind(l.fd, (struct sockaddr *)&a, sizeof a));
	NEED(listen(l.fd, 1));
	int u = sock(AF_INET, SOCK_DGRAM);
	NEED(bind(u, (struct sockaddr *)&a, sizeof a));
	R(set_flags(0));
	say_flags();
	say_addresses();
	say_file("/proc/self/net/if_inet6");
	R(sendto(sock(AF_INET, SOCK_DGRAM), "lost", 4, 0, (struct sockaddr *)&a, sizeof a));
	R(recv(u, b, sizeof b, 0));
	struct pollfd c = { .fd = sock(AF_INET, SOCK_STREAM), .events = POLLOUT };
	R(connect(c.fd, (struct sockaddr *)&a, sizeof a));
	R(poll(&c, 1, 0));
	R(set_flags(IFF_UP));
	R(poll(&c, 1, -1));
	len = sizeof err;
	R(getsockopt(c.fd, SOL_SOCKET, SO_ERROR, &err, &len));
	V(err);
	R(poll(&l, 1, -1));
	OK(accept(l.fd, NULL, NULL));
	say_file("/proc/self/net/if_inet6");
}

/* ---- rtnetlink(7) ---- */

static char reply[65536] __attribute__((aligned(8)));

struct request {
	struct nlmsghdr h;
	char body[512];
};

static struct request request(int type, int flags, const void *head, size_t len)
{
	struct request q = { .h = { .nlmsg_len = (unsigned)NLMSG_LENGTH(len),
				    .nlmsg_type = (unsigned short)type,
				    .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags),
				    .nlmsg_seq = 7 } };

	memcpy(q.body, head, len);
	return q;
}

static void put(struct request *q, int type, const void *value, size_t len)
{
	struct rtattr *a = (void *)((char *)q + NLMSG_ALIGN(q->h.nlmsg_len));

	a->rta_type = (unsigned short)type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), value, len);
	q->h.nlmsg_len = (unsigned)(NLMSG_ALIGN(q->h.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

static int routing(void)
{
	return (int)NEED(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
}

static void acknowledged(const char *what, struct request q)
{
	int s = routing();

	q.h.nlmsg_flags |= NLM_F_ACK;
	NEED(send(s, &q, q.h.nlmsg_len, 0));
	NEED(recv(s, reply, sizeof reply, 0));
	const struct nlmsghdr *h = (void *)reply;
	const struct nlmsgerr *e = NLMSG_DATA(h);
	say("%s: %s\n", what,
	    h->nlmsg_type != NLMSG_ERROR ? "?"
	    : e->error                   ? strerrorname_np(-e->error)
					 : "ok");
	close(s);
}

static void set_link(const char *what, int type, int flags, int index, unsigned mask, unsigned up,
		     const char *name)
{
	struct ifinfomsg i = { .ifi_index = index, .ifi_flags = up, .ifi_change = mask };
	struct request q = request(type, flags, &i, sizeof i);

	if (name)
		put(&q, IFLA_IFNAME, name, strlen(name) + 1);
	acknowledged(what, q);
}

static void set_address(const char *what, int type, int flags, const char *ip, unsigned bits,
			unsigned scope, int index)
{
	int family = strchr(ip, ':') ? AF_INET6 : AF_INET;
	struct ifaddrmsg m = { .ifa_family = (unsigned char)family,
			       .ifa_prefixlen = (unsigned char)bits,
			       .ifa_scope = (unsigned char)scope,
			       .ifa_index = (unsigned)index };
	struct request q = request(type, flags, &m, sizeof m);
	struct in6_addr a;

	NEED(inet_pton(family, ip, &a) == 1 ? 0 : -1);
	put(&q, IFA_LOCAL, &a, family == AF_INET ? 4 : 16);
	put(&q, IFA_ADDRESS, &a, family == AF_INET ? 4 : 16);
	acknowledged(what, q);
}

static void say_ip(const char *what, const struct rtattr *a)
{
	char text[INET6_ADDRSTRLEN];
	int family = RTA_PAYLOAD(a) == 4 ? AF_INET : AF_INET6;

	say(" %s %s", what, inet_ntop(family, RTA_DATA(a), text, sizeof text));
}

static void say_link(const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);
	int len = (int)IFLA_PAYLOAD(h);

	say("link %d 0x%x", i->ifi_index, i->ifi_flags);
	for (const struct rtattr *a = IFLA_RTA(i); RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		if (a->rta_type == IFLA_IFNAME || a->rta_type == IFLA_QDISC)
			say(" %s", (char *)RTA_DATA(a));
		if (a->rta_type == IFLA_OPERSTATE)
			say(" state %d", *(unsigned char *)RTA_DATA(a));
	}
	say("\n");
}

static void say_address(const struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	int len = (int)IFA_PAYLOAD(h);

	say("address /%u scope %u of %u", m->ifa_prefixlen, m->ifa_scope, m->ifa_index);
	for (const struct rtattr *a = IFA_RTA(m); RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		if (a->rta_type == IFA_ADDRESS || a->rta_type == IFA_LOCAL)
			say_ip(a->rta_type == IFA_LOCAL ? "local" : "is", a);
		if (a->rta_type == IFA_LABEL)
			say(" %s", (char *)RTA_DATA(a));
		if (a->rta_type == IFA_FLAGS)
			say(" 0x%x", *(unsigned *)RTA_DATA(a));
	}
	say("\n");
}

static void say_route(const struct nlmsghdr *h)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	int len = (int)RTM_PAYLOAD(h);

	say("route /%u type %u scope %u table %u", m->rtm_dst_len, m->rtm_type, m->rtm_scope,
	    m->rtm_table);
	for (const struct rtattr *a = RTM_RTA(m); RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == RTA_DST || a->rta_type == RTA_PREFSRC)
			say_ip(a->rta_type == RTA_DST ? "to" : "from", a);
	say("\n");
}

static void dump(int type, unsigned family, void (*fn)(const struct nlmsghdr *h))
{
	struct {
		struct nlmsghdr h;
		struct rtmsg m; /* the longest */
	} q = { .h = { .nlmsg_len = sizeof q,
		       .nlmsg_type = (unsigned short)type,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	int s = routing();
	bool end = false;

	q.m.rtm_family = (unsigned char)family;
	NEED(send(s, &q, sizeof q, 0));
	while (!end) {
		int n = (int)NEED(recv(s, reply, sizeof reply, 0));
		for (struct nlmsghdr *h = (void *)reply; NLMSG_OK(h, (unsigned)n);
		     h = NLMSG_NEXT(h, n)) {
			end |= h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
			if (!end)
				fn(h);
		}
	}
	close(s);
}

static void say_all(void)
{
	dump(RTM_GETLINK, AF_UNSPEC, say_link);
	dump(RTM_GETADDR, AF_UNSPEC, say_address);
	dump(RTM_GETROUTE, AF_INET, say_route);
	dump(RTM_GETROUTE, AF_INET6, say_route);
}

CASE(netlink_up_and_down)
{
	new_network();
	say_all();
	set_link("no change", RTM_NEWLINK, 0, 1, 0, 0, NULL);
	say_flags();
	set_link("up", RTM_NEWLINK, 0, 1, IFF_UP, IFF_UP, NULL);
	say_all();
	set_link("down", RTM_SETLINK, 0, 0, IFF_UP, 0, "lo");
	say_all();
	set_link("all flags", RTM_NEWLINK, 0, 1, 0, IFF_UP, NULL);
	say_flags();
}

CASE(netlink_refusals)
{
	new_network();
	set_link("by another number", RTM_NEWLINK, 0, 77, IFF_UP, IFF_UP, NULL);
	set_link("by another name", RTM_NEWLINK, 0, 0, IFF_UP, IFF_UP, "eth0");
	set_link("of another name", RTM_SETLINK, 0, 0, IFF_UP, IFF_UP, "eth0");
	set_link("of none", RTM_NEWLINK, 0, 0, 0, 0, NULL);
	set_link("of none, set", RTM_SETLINK, 0, 0, 0, 0, NULL);
	set_link("of a number below 0", RTM_NEWLINK, 0, -1, IFF_UP, IFF_UP, NULL);
	set_link("exclusive", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP, IFF_UP, "lo");
	set_link("made", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0, 0, "other");
	set_link("removed", RTM_DELLINK, 0, 1, 0, 0, NULL);
	set_link("removed, another", RTM_DELLINK, 0, 0, 0, 0, "eth0");
	set_address("of another link", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "10.0.0.1", 8, 0,
		    77);
	set_address("too many bits", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "10.0.0.1", 33, 0, 1);
	set_address("none to remove", RTM_DELADDR, 0, "10.0.0.1", 8, 0, 1);

	struct ifinfomsg i = { .ifi_index = 1 };
	struct request q = request(RTM_NEWLINK, 0, &i, sizeof i);
	int before = (int)NEED(open("/proc/self/ns/net", O_RDONLY));
	NEED(unshare(CLONE_NEWNET));
	put(&q, IFLA_NET_NS_FD, &before, sizeof before);
	acknowledged("elsewhere", q);
	say_flags();
}

/* As bubblewrap does it: an address first. */
CASE(netlink_addresses)
{
	const int new = NLM_F_CREATE | NLM_F_EXCL;
	struct sockaddr_in to = at4("10.1.2.3", 0), far = at4("10.1.2.77", 0);

	new_network();
	set_address("first", RTM_NEWADDR, new, "127.0.0.1", 8, RT_SCOPE_HOST, 1);
	say_all();
	say_way("127.0.0.1");
	say_way("127.0.0.2");
	set_link("up", RTM_NEWLINK, 0, 1, IFF_UP, IFF_UP, NULL);
	set_address("again", RTM_NEWADDR, new, "127.0.0.1", 8, RT_SCOPE_HOST, 1);
	set_address("of all", RTM_NEWADDR, new, "10.1.2.3", 24, RT_SCOPE_UNIVERSE, 1);
	set_address("second there", RTM_NEWADDR, new, "10.1.2.4", 24, RT_SCOPE_UNIVERSE, 1);
	set_address("of another scope", RTM_NEWADDR, new, "10.1.2.5", 24, RT_SCOPE_HOST, 1);
	set_address("alone", RTM_NEWADDR, new, "10.9.9.9", 32, RT_SCOPE_UNIVERSE, 1);
	say_all();
	talk(AF_INET, &to, sizeof to);
	talk(AF_INET, &far, sizeof far);
	set_address("first goes", RTM_DELADDR, 0, "10.1.2.3", 24, 0, 1);
	dump(RTM_GETADDR, AF_INET, say_address);
	say_way("10.1.2.3");
	say_way("10.9.9.9");
}

/* Which of ours a packet comes from. */
static void say_source(const char *ip)
{
	struct sockaddr_in to = at4(ip, 9), from;
	socklen_t len = sizeof from;
	int s = sock(AF_INET, SOCK_DGRAM);

	if (R(connect(s, (struct sockaddr *)&to, sizeof to)) == 0) {
		NEED(getsockname(s, (struct sockaddr *)&from, &len));
		say("%s from %s\n", ip, inet_ntoa(from.sin_addr));
	}
}

CASE(sources)
{
	const int new = NLM_F_CREATE | NLM_F_EXCL;

	new_network();
	NEED(set_flags(IFF_UP));
	set_address("a network", RTM_NEWADDR, new, "10.1.2.3", 24, 0, 1);
	set_address("second there", RTM_NEWADDR, new, "10.1.2.4", 24, 0, 1);
	set_address("within it", RTM_NEWADDR, new, "10.1.2.65", 26, 0, 1);
	say_source("127.0.0.9");
	say_source("10.1.2.3");
	say_source("10.1.2.4");
	say_source("10.1.2.30");
	say_source("10.1.2.66");
	say_source("10.1.3.1");
}

/* ---- each its own ---- */

static struct sockaddr_un name_of(const char *name, socklen_t *len)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, name[0] == '@' ? "" : name, 1);
	strcpy(a.sun_path + 1, name + 1);
	*len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + (name[0] != '@'));
	return a;
}

static int listener(const char *name)
{
	socklen_t len;
	struct sockaddr_un a = name_of(name, &len);
	int s = sock(AF_UNIX, SOCK_STREAM);

	R(bind(s, (struct sockaddr *)&a, len));
	R(listen(s, 3));
	return s;
}

static void reach(const char *name)
{
	socklen_t len;
	struct sockaddr_un a = name_of(name, &len);

	say("%s\n", name);
	R(connect(sock(AF_UNIX, SOCK_STREAM), (struct sockaddr *)&a, len));
}

static int elsewhere(void *arg)
{
	new_network();
	reach("@one");
	reach("path");
	listener("@one");
	reach("@one");
	return 0;
}

CASE(unix_names)
{
	need_root();
	listener("@one");
	listener("path");
	in_child("new network", elsewhere, NULL);
	reach("@one");
}

static unsigned count_lines(const char *path, const char *with)
{
	FILE *f = fopen(path, "r");
	char line[512];
	unsigned n = 0;

	NEED(f ? 0 : -1);
	while (fgets(line, sizeof line, f))
		n += strstr(line, with) != NULL;
	fclose(f);
	return n;
}

static ino_t network_of(const char *path)
{
	struct stat st;

	NEED(stat(path, &st));
	return st.st_ino;
}

static ino_t network_of_socket(int s)
{
	struct stat st;
	int fd = (int)NEED(ioctl(s, SIOCGSKNS));

	NEED(fstat(fd, &st));
	close(fd);
	return st.st_ino;
}

static uint64_t cookie_of(int s)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	NEED(getsockopt(s, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len));
	return cookie;
}

/* A socket is of the network that it was made in. */
CASE(sockets_stay)
{
	struct sockaddr_in a = at4("127.0.0.1", 5555);
	struct sockaddr_in6 b = at6("::1", 5555);
	uint64_t cookie;
	socklen_t len = 4;

	new_network();
	NEED(set_flags(IFF_UP));
	ino_t first = network_of("/proc/self/ns/net");
	int s = sock(AF_INET, SOCK_STREAM);
	NEED(unshare(CLONE_NEWNET));
	int t = sock(AF_INET, SOCK_STREAM);
	V(network_of_socket(s) == first);
	V(network_of_socket(t) == first);
	V(network_of_socket(t) == network_of("/proc/self/ns/net"));
	V(cookie_of(s) == cookie_of(t));
	R(getsockopt(s, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len));
	R(connect(s, (struct sockaddr *)&a, sizeof a));
	R(connect(t, (struct sockaddr *)&a, sizeof a));
	R(bind(s, (struct sockaddr *)&a, sizeof a));
	R(listen(s, 1));
	V(count_lines("/proc/self/net/tcp", ":15B3"));
	NEED(set_flags(IFF_UP));
	R(bind(t, (struct sockaddr *)&a, sizeof a));
	R(listen(t, 1));
	V(count_lines("/proc/self/net/tcp", ":15B3"));
	R(bind(sock(AF_INET6, SOCK_STREAM), (struct sockaddr *)&b, sizeof b));
}

/* By a descriptor, and by a file that it is bound to, as ip-netns(8) has them. */
static int enters(void *arg)
{
	int fd = *(int *)arg;

	R(setns(fd, CLONE_NEWUTS));
	R(setns(fd, CLONE_NEWNET));
	say_flags();
	return 0;
}

CASE(entered)
{
	struct sockaddr_in a = at4("127.0.0.1", 6666);

	need_root();
	int first = (int)NEED(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	new_network();
	NEED(set_flags(IFF_UP));
	int l = sock(AF_INET, SOCK_STREAM);
	NEED(bind(l, (struct sockaddr *)&a, sizeof a));
	NEED(listen(l, 1));
	ino_t second = network_of("/proc/self/ns/net");
	NEED(unshare(CLONE_NEWNS));
	NEED(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	put_file("name", "");
	R(mount("/proc/self/ns/net", "name", NULL, MS_BIND, NULL));
	NEED(setns(first, 0));
	V(network_of("/proc/self/ns/net") == second);
	V(network_of("name") == second);
	int fd = (int)NEED(open("name", O_RDONLY | O_CLOEXEC));
	in_child("child", enters, &fd);
	R(setns(fd, CLONE_NEWNET));
	R(connect(sock(AF_INET, SOCK_STREAM), (struct sockaddr *)&a, sizeof a) == 0 ||
	  errno == EINPROGRESS);
	R(umount2("name", MNT_DETACH));
}

/* /proc/PID/net is that process's; /sys is of who mounted it. */
CASE(seen_from_outside)
{
	struct baton ready = baton_new(), end = baton_new();
	char path[64];

	need_root();
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		new_network();
		listener("@seen");
		give(&ready);
		take(&end);
		_exit(0);
	}
	take(&ready);
	snprintf(path, sizeof path, "/proc/%d/net/unix", pid);
	V(count_lines(path, "@seen"));
	V(count_lines("/proc/net/unix", "@seen"));
	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	V(network_of(path) == network_of("/proc/self/ns/net"));
	give(&end);
	reap("child", pid);
}

CASE(sysfs)
{
	new_network();
	NEED(unshare(CLONE_NEWNS));
	NEED(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	NEED(mkdir("sys", 0755));
	R(mount("sysfs", "sys", "sysfs", 0, NULL));
	say_file("sys/class/net/lo/flags");
	say_file("sys/class/net/lo/operstate");
	NEED(set_flags(IFF_UP));
	say_file("sys/class/net/lo/flags");
	say_file("sys/class/net/lo/operstate");
	NEED(unshare(CLONE_NEWNET));
	say_file("sys/class/net/lo/flags");
	NEED(mkdir("other", 0755));
	R(mount("sysfs", "other", "sysfs", 0, NULL));
	say_file("other/class/net/lo/flags");
	NEED(umount2("other", MNT_DETACH));
	NEED(umount2("sys", MNT_DETACH));
}

static int ordinary(void *arg)
{
	int fd = (int)NEED(open("/proc/self/ns/net", O_RDONLY));
	int s = sock(AF_INET, SOCK_STREAM);

	NEED(setresuid(1234, 1234, 1234));
	R(unshare(CLONE_NEWNET));
	R(setns(fd, CLONE_NEWNET));
	R(set_flags(IFF_UP));
	R(ioctl(s, SIOCGSKNS));
	set_link("up", RTM_NEWLINK, 0, 1, IFF_UP, IFF_UP, NULL);
	set_address("address", RTM_NEWADDR, NLM_F_CREATE, "10.0.0.1", 8, 0, 1);
	say_flags();
	return 0;
}

CASE(rights)
{
	new_network();
	in_child("ordinary user", ordinary, NULL);
	R(syscall(SYS_clone, CLONE_NEWNET | CLONE_THREAD | SIGCHLD, 0, 0, 0, 0));
	R(ioctl(STDIN_FILENO, SIOCGSKNS));
}

/* With clone(2), and what the child's end leaves. */
CASE(cloned)
{
	int p[2];
	char c;

	need_root();
	NEED(pipe(p));
	pid_t pid = (pid_t)NEED(syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0));
	if (pid == 0) {
		say_flags();
		listener("@child");
		NEED(write(p[1], "x", 1));
		_exit(0);
	}
	NEED(read(p[0], &c, 1));
	reap("child", pid);
	reach("@child");
}
