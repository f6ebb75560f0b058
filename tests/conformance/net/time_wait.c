/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of a connection that has ended: TIME_WAIT, and FIN_WAIT2 of a closed file. Which
 * ports it keeps busy, for whom, and where it is told. Natively each case has a network of its own,
 * as it has under `hl --net none`: others would take its ports. `make check-loopback` runs it.
 */
#include "case.h"
#include "names.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Under hl there is no other network to have, and this one is nobody else's. */
static void alone(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (unshare(CLONE_NEWNET))
		return;
	int s = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
	NEED(ioctl(s, SIOCSIFFLAGS, &lo));
	close(s);
}

static int port_of(int s)
{
	union name n;
	socklen_t len = sizeof n;

	NEED(getsockname(s, &n.any, &len));
	return ntohs(n.in.sin_port);
}

/* A socket with these of SO_REUSEADDR and SO_REUSEPORT; `port` 0: bound to none. */
static int stream(int family, int reuse)
{
	int s = (int)NEED(socket(family, SOCK_STREAM, 0)), on = 1;

	if (reuse)
		NEED(setsockopt(s, SOL_SOCKET, reuse, &on, sizeof on));
	return s;
}

static int bind_port(int s, int family, int port)
{
	union name n = local(family, port);

	return bind(s, &n.any, name_len(family));
}

static int connect_port(int s, int family, int port)
{
	union name n = local(family, port);

	return connect(s, &n.any, name_len(family));
}

/* A connection: its client, its server, its listener, and their ports. */
struct made {
	int family, c, s, l, c_port, port;
};

static struct made make(int family, int reuse)
{
	struct made m = { .family = family,
			  .l = stream(family, reuse),
			  .c = stream(family, reuse) };

	NEED(bind_port(m.l, family, 0));
	NEED(listen(m.l, 5));
	m.port = port_of(m.l);
	NEED(connect_port(m.c, family, m.port));
	m.c_port = port_of(m.c);
	m.s = (int)NEED(accept(m.l, NULL, NULL));
	return m;
}

static void say_call(const char *what, long r)
{
	say("%s: %s\n", what, r < 0 ? strerrorname_np(errno) : "done");
}

/* The state of the connection between the ports in the table; 0: it is not there. The rest of the
 * line is put into `line`. */
static int state_in_table(int family, int from, int to, char line[256])
{
	FILE *f = fopen(family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6", "re");
	int found = 0;
	char text[512];

	NEED(f ? 0 : -1);
	while (fgets(text, sizeof text, f)) {
		unsigned a, b, state;
		int at = 0;
		if (sscanf(text, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %x%n", &a, &b, &state, &at) !=
			3 ||
		    a != (unsigned)from || b != (unsigned)to)
			continue;
		found = (int)state;
		snprintf(line, 256, "%s", text + at);
	}
	fclose(f);
	return found;
}

/* Natively what a packet brings may take a moment. */
static void say_state(const char *what, const struct made *m, bool client, int awaited)
{
	char line[256] = "";
	int from = client ? m->c_port : m->port, to = client ? m->port : m->c_port, state;

	for (int i = 0; i < 2000; i++) {
		state = state_in_table(m->family, from, to, line);
		if (state == awaited)
			break;
		poll(NULL, 0, 5);
	}
	say("%s: %d\n", what, state);
}

static void wait_for(int s, short events)
{
	struct pollfd p = { .fd = s, .events = events };

	NEED(poll(&p, 1, 10000));
}

static void end_by_client(struct made *m)
{
	close(m->c);
	wait_for(m->s, POLLIN);
	close(m->s);
}

CASE(states)
{
	alone();
	for (size_t i = 0; i < 2; i++) {
		struct made m = make(families[i], 0);
		char line[256];

		close(m.c);
		say_state("closed", &m, true, TCP_FIN_WAIT2);
		say_state("its peer", &m, false, TCP_CLOSE_WAIT);
		close(m.s);
		say_state("both closed", &m, true, TCP_TIME_WAIT);
		say_state("its peer", &m, false, 0);

		/* no queue, the timer, no owner, no inode, three references */
		unsigned ticks, timer, refs;
		state_in_table(families[i], m.c_port, m.port, line);
		int n = sscanf(line, " 00000000:00000000 %x:%x 00000000 0 0 0 %u", &timer, &ticks,
			       &refs);
		say("%d: timer %u, a minute %d, references %u, length %zu\n", n, timer,
		    ticks > 4000 && ticks <= 6000, refs, strlen(line));
	}
}

CASE(shut_down_by_the_client)
{
	alone();
	struct made m = make(AF_INET, 0);
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;

	NEED(shutdown(m.c, SHUT_WR));
	wait_for(m.s, POLLIN);
	NEED(shutdown(m.s, SHUT_WR));
	wait_for(m.c, POLLIN);
	say_state("both have ended", &m, true, TCP_TIME_WAIT);
	NEED(getsockopt(m.c, IPPROTO_TCP, TCP_INFO, &info, &len));
	say("the socket: %d\n", info.tcpi_state);
	close(m.c);
	say_state("closed", &m, true, TCP_TIME_WAIT);
}

CASE(closed_after_a_shutdown)
{
	alone();
	struct made m = make(AF_INET, 0);

	NEED(shutdown(m.c, SHUT_WR));
	wait_for(m.s, POLLIN);
	close(m.c);
	say_state("closed", &m, true, TCP_FIN_WAIT2);
	close(m.s);
	say_state("both closed", &m, true, TCP_TIME_WAIT);
}

CASE(resets)
{
	alone();
	const struct linger at_once = { 1, 0 };
	struct made m = make(AF_INET, 0);

	NEED(setsockopt(m.c, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
	end_by_client(&m);
	say_state("by the first", &m, true, 0);

	m = make(AF_INET, 0);
	NEED(send(m.c, "abc", 3, 0));
	wait_for(m.s, POLLIN);
	end_by_client(&m);
	say_state("by the second", &m, true, 0);

	m = make(AF_INET, 0);
	close(m.c);
	wait_for(m.s, POLLIN);
	say_state("closed", &m, true, TCP_FIN_WAIT2);
	NEED(send(m.s, "abc", 3, MSG_NOSIGNAL));
	say_state("by what it sent", &m, true, 0);

	m = make(AF_INET, 0);
	int now = -1;
	NEED(setsockopt(m.c, IPPROTO_TCP, TCP_LINGER2, &now, sizeof now));
	NEED(shutdown(m.c, SHUT_WR));
	wait_for(m.s, POLLIN);
	/* the end is acknowledged when the state says so */
	say_state("sends no more", &m, true, TCP_FIN_WAIT2);
	close(m.c);
	wait_for(m.s, POLLHUP);
	say_state("without FIN_WAIT2", &m, true, 0);
	say_call("send", send(m.s, "x", 1, MSG_NOSIGNAL));

	m = make(AF_INET, 0);
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	close(m.c);
	wait_for(m.s, POLLIN);
	NEED(connect(m.s, &none, sizeof none));
	say_state("by a disconnection", &m, true, 0);
}

/* Who may bind to a port that is kept, asked for by name or with all addresses. */
CASE(binds)
{
	alone();
	static const int reuse[] = { 0, SO_REUSEADDR, SO_REUSEPORT };
	static const char *const name[] = { "none", "SO_REUSEADDR", "SO_REUSEPORT" };

	for (size_t f = 0; f < 2; f++)
		for (size_t i = 0; i < 3; i++) {
			struct made m = make(families[f], reuse[i]);
			end_by_client(&m);
			say_state(name[i], &m, true, TCP_TIME_WAIT);
			for (size_t k = 0; k < 3; k++) {
				union name any = local(families[f], m.c_port), other = any;
				int s = stream(families[f], reuse[k]),
				    t = stream(families[f], reuse[k]);
				say("  with %s\n", name[k]);
				say_call("    bind", bind_port(s, families[f], m.c_port));
				say_call("    listen", listen(s, 1));
				close(s);
				memset(families[f] == AF_INET ? (void *)&any.in.sin_addr
							      : (void *)&any.in6.sin6_addr,
				       0, families[f] == AF_INET ? 4 : 16);
				say_call("    to all", bind(t, &any.any, name_len(families[f])));
				close(t);
				if (families[f] != AF_INET)
					continue;
				other.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
				t = stream(AF_INET, reuse[k]);
				say_call("    to another", bind(t, &other.any, sizeof other.in));
				close(t);
			}
			close(m.l);
		}
}

/* A server that ends the connection first keeps its own port. */
CASE(of_a_server)
{
	alone();
	for (int reuse = 0; reuse <= 1; reuse++) {
		struct made m = make(AF_INET, reuse ? SO_REUSEADDR : 0);
		close(m.s);
		wait_for(m.c, POLLIN);
		close(m.c);
		close(m.l);
		say_state("server", &m, false, TCP_TIME_WAIT);
		int l = stream(AF_INET, 0);
		say_call("bind", bind_port(l, AF_INET, m.port));
		close(l);
		l = stream(AF_INET, SO_REUSEADDR);
		say_call("bind with SO_REUSEADDR", bind_port(l, AF_INET, m.port));
		say_call("listen", listen(l, 1));
		if (!reuse)
			continue;
		/* the client's port is free, and the connection may come again at once */
		int c = stream(AF_INET, 0);
		say_call("client's bind", bind_port(c, AF_INET, m.c_port));
		say_call("connect", connect_port(c, AF_INET, m.port));
		say_state("server", &m, false, TCP_ESTABLISHED);
		close(c);
		close(l);
	}
}

/* The same connection comes again, from the end that keeps it. */
CASE(connects_again)
{
	alone();
	for (size_t i = 0; i < 2; i++) {
		struct made m = make(families[i], SO_REUSEADDR);
		end_by_client(&m);
		say_state("client", &m, true, TCP_TIME_WAIT);
		int c = stream(families[i], SO_REUSEADDR);
		NEED(bind_port(c, families[i], m.c_port));
		say_call("connect", connect_port(c, families[i], m.port));
		say_state("client", &m, true, TCP_ESTABLISHED);
		m.s = (int)NEED(accept(m.l, NULL, NULL));
		m.c = c;
		end_by_client(&m);
		say_state("client", &m, true, TCP_TIME_WAIT);
		close(m.l);
	}
}

/* Two sockets of one port cannot both be connected to one place. */
CASE(twice)
{
	alone();
	struct made m = make(AF_INET, SO_REUSEADDR);
	int c = stream(AF_INET, SO_REUSEADDR), d = stream(AF_INET, SO_REUSEADDR);

	NEED(bind_port(c, AF_INET, 0));
	NEED(bind_port(d, AF_INET, port_of(c)));
	say_call("first", connect_port(c, AF_INET, m.port));
	say_call("second", connect_port(d, AF_INET, m.port));
	union name n;
	socklen_t len = sizeof n;
	say_call("peer", getpeername(d, &n.any, &len));
}

static unsigned tw_of_sockstat(void)
{
	FILE *f = fopen("/proc/net/sockstat", "re");
	unsigned tw = ~0U;
	char text[256];

	NEED(f ? 0 : -1);
	while (fgets(text, sizeof text, f))
		sscanf(text, "TCP: inuse %*u orphan %*u tw %u", &tw);
	fclose(f);
	return tw;
}

/* So many more. */
CASE(sockstat)
{
	alone();
	struct made m[4];
	unsigned before = tw_of_sockstat();

	for (int i = 0; i < 4; i++)
		m[i] = make(families[i % 2], 0);
	for (int i = 0; i < 4; i++) {
		end_by_client(&m[i]);
		say_state("ended", &m[i], true, TCP_TIME_WAIT);
	}
	say("%d more\n", (int)(tw_of_sockstat() - before));
}

/* Asks sock_diag about connections from a port: all, or one by its whole name. */
static void say_diag(const struct made *m, bool exact, unsigned states)
{
	int d = (int)NEED(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} q = { .h = { .nlmsg_len = sizeof q,
		       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		       .nlmsg_flags = NLM_F_REQUEST | (exact ? 0 : NLM_F_DUMP) },
		.r = { .sdiag_family = (uint8_t)m->family,
		       .sdiag_protocol = IPPROTO_TCP,
		       .idiag_states = states,
		       .id.idiag_sport = htons((uint16_t)m->c_port),
		       .id.idiag_dport = htons((uint16_t)m->port),
		       .id.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } } };
	static char reply[65536] __attribute__((aligned(8)));
	union name n = local(m->family, 0);

	memcpy(q.r.id.idiag_src,
	       m->family == AF_INET ? (void *)&n.in.sin_addr : (void *)&n.in6.sin6_addr,
	       m->family == AF_INET ? 4 : 16);
	memcpy(q.r.id.idiag_dst, q.r.id.idiag_src, sizeof q.r.id.idiag_dst);
	NEED(send(d, &q, sizeof q, 0));
	for (bool end = exact;;) {
		int len = (int)NEED(recv(d, reply, sizeof reply, 0));
		for (struct nlmsghdr *h = (void *)reply; NLMSG_OK(h, (unsigned)len);
		     h = NLMSG_NEXT(h, len)) {
			struct inet_diag_msg *g = NLMSG_DATA(h);
			end = end || h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
			if (h->nlmsg_type == NLMSG_ERROR)
				say("error %s\n",
				    strerrorname_np(-((struct nlmsgerr *)NLMSG_DATA(h))->error));
			if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
				continue;
			say("length %u: family %u state %u timer %u retrans %u, a minute %d, "
			    "queues %u %u, uid %u inode %u, ports %d %d, cookie %d\n",
			    h->nlmsg_len, g->idiag_family, g->idiag_state, g->idiag_timer,
			    g->idiag_retrans, g->idiag_expires > 40000 && g->idiag_expires <= 60000,
			    g->idiag_rqueue, g->idiag_wqueue, g->idiag_uid, g->idiag_inode,
			    g->id.idiag_sport == q.r.id.idiag_sport,
			    g->id.idiag_dport == q.r.id.idiag_dport,
			    g->id.idiag_cookie[0] || g->id.idiag_cookie[1]);
		}
		if (end)
			break;
	}
	close(d);
}

CASE(sock_diag)
{
	alone();
	for (size_t i = 0; i < 2; i++) {
		struct made m = make(families[i], 0);

		close(m.c);
		say_state("closed", &m, true, TCP_FIN_WAIT2);
		say_diag(&m, false, 1 << TCP_FIN_WAIT2);
		say_diag(&m, false, 1 << TCP_TIME_WAIT);
		close(m.s);
		say_state("both closed", &m, true, TCP_TIME_WAIT);
		say_diag(&m, false, 1 << TCP_FIN_WAIT2);
		say_diag(&m, false, 1 << TCP_TIME_WAIT);
		say_diag(&m, true, ~0U);
		m.c_port ^= 1;
		say_diag(&m, false, ~0U);
		say_diag(&m, true, ~0U);
	}
}
