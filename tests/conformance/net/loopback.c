/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs see of connections and datagrams over a loopback: states, ends, errors, ports. Run
 * over the host's loopback, and by `make check-loopback` over one that nobody else has.
 */
#include "case.h"
#include "names.h"

#include <arpa/inet.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

static union name text_name(const char *text, int port)
{
	union name n = local(strchr(text, ':') ? AF_INET6 : AF_INET, port);

	if (n.any.sa_family == AF_INET)
		NEED(inet_pton(AF_INET, text, &n.in.sin_addr));
	else
		NEED(inet_pton(AF_INET6, text, &n.in6.sin6_addr));
	return n;
}

static int port_of(int s)
{
	union name n;
	socklen_t len = sizeof n;

	NEED(getsockname(s, &n.any, &len));
	return ntohs(n.in.sin_port);
}

static void say_name(const char *what, int r, const union name *n)
{
	char text[64] = "";

	if (r < 0) {
		say("%s: %s\n", what, strerrorname_np(errno));
		return;
	}
	inet_ntop(n->any.sa_family,
		  n->any.sa_family == AF_INET ? (const void *)&n->in.sin_addr
					      : (const void *)&n->in6.sin6_addr,
		  text, sizeof text);
	say("%s: %s port %s\n", what, text, n->in.sin_port ? "set" : "0");
}

static void say_names(int s)
{
	union name n;
	socklen_t len = sizeof n;

	say_name("here", getsockname(s, &n.any, &len), &n);
	len = sizeof n;
	say_name("there", getpeername(s, &n.any, &len), &n);
}

static int listener(int family, int backlog)
{
	int s = (int)NEED(socket(family, SOCK_STREAM, 0));
	union name n = local(family, 0);

	NEED(bind(s, &n.any, name_len(family)));
	NEED(listen(s, backlog));
	return s;
}

static int connect_port(int s, int family, int port)
{
	union name n = local(family, port);

	return connect(s, &n.any, name_len(family));
}

static void pair(int family, int p[2])
{
	int l = listener(family, 5);

	p[0] = (int)NEED(socket(family, SOCK_STREAM, 0));
	NEED(connect_port(p[0], family, port_of(l)));
	p[1] = (int)NEED(accept(l, NULL, NULL));
	close(l);
}

static void say_call(const char *what, long r)
{
	if (r < 0)
		say("%s: %s\n", what, strerrorname_np(errno));
	else
		say("%s: %ld\n", what, r);
}

static void say_poll(const char *what, int s)
{
	struct pollfd p = { .fd = s,
			    .events =
				POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM };

	NEED(poll(&p, 1, 0));
	say("%s: %#x\n", what, p.revents);
}

static void say_state(const char *what, int s)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;

	NEED(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &len));
	say("%s: state %d\n", what, info.tcpi_state);
}

static void say_error(const char *what, int s)
{
	int err = 0;
	socklen_t len = sizeof err;

	NEED(getsockopt(s, SOL_SOCKET, SO_ERROR, &err, &len));
	say("%s: SO_ERROR %s\n", what, err ? strerrorname_np(err) : "0");
}

/* What came of a packet may take a moment natively: until poll(2) says so. */
static void wait_for(int s, short events)
{
	struct pollfd p = { .fd = s, .events = events };

	NEED(poll(&p, 1, 10000));
}

static void say_all(const char *what, int s)
{
	say("%s\n", what);
	say_state("  tcp", s);
	say_poll("  poll", s);
	say_names(s);
}

CASE(states_of_a_connection)
{
	for (size_t i = 0; i < 2; i++) {
		int l = listener(families[i], 5),
		    c = (int)NEED(socket(families[i], SOCK_STREAM, 0));

		say_all("fresh", c);
		say_all("listening", l);
		NEED(connect_port(c, families[i], port_of(l)));
		say_all("connected", c);
		wait_for(l, POLLIN);
		say_poll("to be accepted", l);
		int a = (int)NEED(accept(l, NULL, NULL));
		say_all("accepted", a);
		say_poll("no more to accept", l);
		NEED(shutdown(c, SHUT_WR));
		wait_for(a, POLLIN);
		say_all("its peer sends no more", a);
		say_poll("sends no more", c); /* its end may be acknowledged, or not yet */
		say_names(c);
		NEED(shutdown(a, SHUT_WR));
		wait_for(c, POLLIN);
		say_all("both have ended, first", c);
		wait_for(a, POLLHUP);
		say_all("both have ended, second", a);
		close(a);
		close(c);
		close(l);
	}
}

CASE(half_close)
{
	char buf[16];
	int p[2];

	pair(AF_INET, p);
	say_call("send", send(p[0], "question", 8, 0));
	NEED(shutdown(p[0], SHUT_WR));
	say_call("send after", send(p[0], "x", 1, MSG_NOSIGNAL));
	say_call("recv", recv(p[1], buf, sizeof buf, MSG_WAITALL));
	say_call("recv at the end", recv(p[1], buf, sizeof buf, 0));
	say_call("answer", send(p[1], "answer", 6, 0));
	say_call("recv of the answer", recv(p[0], buf, sizeof buf, 0));
	close(p[1]);
	say_call("end", recv(p[0], buf, sizeof buf, 0));
}

CASE(close_resets_what_is_unread)
{
	char buf[16];
	int p[2];

	pair(AF_INET6, p);
	NEED(send(p[0], "unread", 6, 0));
	wait_for(p[1], POLLIN);
	NEED(send(p[1], "kept", 4, 0));
	wait_for(p[0], POLLIN);
	close(p[1]);
	wait_for(p[0], POLLHUP);
	say_poll("poll", p[0]);
	say_state("tcp", p[0]);
	say_call("recv of what came before", recv(p[0], buf, sizeof buf, 0));
	say_call("recv", recv(p[0], buf, sizeof buf, 0));
	say_call("recv again", recv(p[0], buf, sizeof buf, 0));
	say_call("send", send(p[0], "x", 1, MSG_NOSIGNAL));
	say_names(p[0]);
}

CASE(sends_to_one_that_is_gone)
{
	char buf[16];
	int p[2];

	pair(AF_INET, p);
	close(p[1]);
	wait_for(p[0], POLLRDHUP);
	say_poll("its end came", p[0]);
	say_call("first send", send(p[0], "x", 1, MSG_NOSIGNAL));
	wait_for(p[0], POLLHUP);
	say_poll("the reset came", p[0]);
	say_error("then", p[0]);
	say_call("second send", send(p[0], "x", 1, MSG_NOSIGNAL));
	say_call("recv", recv(p[0], buf, sizeof buf, 0));
}

CASE(linger_zero_resets)
{
	struct linger now = { .l_onoff = 1 };
	char buf[16];
	int p[2];

	pair(AF_INET, p);
	NEED(setsockopt(p[1], SOL_SOCKET, SO_LINGER, &now, sizeof now));
	close(p[1]);
	wait_for(p[0], POLLHUP);
	say_poll("poll", p[0]);
	say_call("recv", recv(p[0], buf, sizeof buf, 0));
	say_call("recv again", recv(p[0], buf, sizeof buf, 0));
}

CASE(shutdown_of_reading)
{
	char buf[16];
	int p[2];

	pair(AF_INET, p);
	NEED(send(p[1], "before", 6, 0));
	wait_for(p[0], POLLIN);
	NEED(shutdown(p[0], SHUT_RD));
	say_poll("poll", p[0]);
	say_call("recv", recv(p[0], buf, sizeof buf, 0));
	say_call("recv of nothing", recv(p[0], buf, sizeof buf, 0));
	say_call("send to it", send(p[1], "after", 5, MSG_NOSIGNAL));
	say_call("send of its own", send(p[0], "x", 1, MSG_NOSIGNAL));
	say_poll("the peer", p[1]);
}

CASE(shutdown_without_connection)
{
	int s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0)),
	    u = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
	char buf[4];

	say_call("tcp", shutdown(s, SHUT_RDWR));
	say_call("udp", shutdown(u, SHUT_RDWR));
	say_poll("udp poll", u);
	say_call("udp recv", recv(u, buf, sizeof buf, 0));
	say_call("send", send(s, "x", 1, MSG_NOSIGNAL));
	say_call("recv", recv(s, buf, sizeof buf, 0));
	int l = listener(AF_INET, 1);
	say_call("shut listener for writing", shutdown(l, SHUT_WR));
	say_state("still", l);
	say_call("shut listener for reading", shutdown(l, SHUT_RD));
	say_state("then", l);
	say_call("accept", accept(l, NULL, NULL));
	say_call("listen again", listen(l, 1));
	say_state("and", l);
}

CASE(connects_without_waiting)
{
	int l = listener(AF_INET, 5), port = port_of(l);
	int s = (int)NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	say_call("first", connect_port(s, AF_INET, port));
	wait_for(s, POLLOUT);
	say_poll("poll", s);
	say_error("then", s);
	say_call("second", connect_port(s, AF_INET, port));
	say_call("third", connect_port(s, AF_INET, port));
	say_names(s);
	close(l);
}

CASE(is_refused)
{
	int l = listener(AF_INET, 5), port = port_of(l);
	char buf[4];

	close(l);
	int s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));
	say_call("blocking", connect_port(s, AF_INET, port));
	say_names(s);
	say_poll("poll", s);
	say_call("once more", connect_port(s, AF_INET, port));
	int n = (int)NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	say_call("without waiting", connect_port(n, AF_INET, port));
	wait_for(n, POLLOUT);
	say_poll("poll", n);
	say_call("connect again", connect_port(n, AF_INET, port));
	say_poll("poll", n);
	n = (int)NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	say_call("without waiting", connect_port(n, AF_INET, port));
	wait_for(n, POLLOUT);
	say_error("asked", n);
	say_error("asked again", n);
	say_call("recv", recv(n, buf, sizeof buf, 0));
	say_call("send", send(n, "x", 1, MSG_NOSIGNAL));
	say_call("connect again", connect_port(n, AF_INET, port));
}

CASE(disconnects)
{
	union name none = { .any = { .sa_family = AF_UNSPEC } };
	char buf[8];
	int p[2], q[2];

	pair(AF_INET, p);
	say_call("disconnect", connect(p[0], &none.any, sizeof none.any));
	wait_for(p[1], POLLHUP);
	say_call("peer", recv(p[1], buf, sizeof buf, 0));
	say_state("then", p[0]);
	say_names(p[0]);
	say_error("then", p[0]);
	int l = listener(AF_INET, 1);
	say_call("connect elsewhere", connect_port(p[0], AF_INET, port_of(l)));
	int a = (int)NEED(accept(l, NULL, NULL));
	say_call("send", send(p[0], "new", 3, 0));
	say_call("recv", recv(a, buf, sizeof buf, 0));
	say_call("disconnect a listener", connect(l, &none.any, sizeof none.any));
	say_state("then", l);
	pair(AF_INET, q);
	say_call("listen when connected", listen(q[0], 1));
	say_call("bind when connected", bind(q[0], &(union name){ .in = { AF_INET } }.any, 16));
	say_call("accept when connected", accept(q[0], NULL, NULL));
}

CASE(backlog)
{
	int l = listener(AF_INET, 1), port = port_of(l), c[4], ready = 0;

	for (int i = 0; i < 4; i++) {
		c[i] = (int)NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
		connect_port(c[i], AF_INET, port);
		struct pollfd p = { .fd = c[i], .events = POLLOUT };
		ready += poll(&p, 1, 100) == 1;
	}
	say("%d are connected\n", ready);
	for (int i = 0; i < 4; i++) {
		int a = (int)NEED(accept(l, NULL, NULL));
		close(a);
	}
	for (int i = 0; i < 4; i++)
		wait_for(c[i], POLLOUT);
	say("all have been accepted\n");
}

CASE(a_listener_that_goes_resets)
{
	int l = listener(AF_INET, 5), c = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));
	char buf[4];

	NEED(connect_port(c, AF_INET, port_of(l)));
	wait_for(l, POLLIN);
	close(l);
	wait_for(c, POLLHUP);
	say_call("recv", recv(c, buf, sizeof buf, 0));
	say_poll("poll", c);
}

static int try_bind(int family, int type, const char *text, int port, int reuse, int only6)
{
	int s = (int)NEED(socket(family, type, 0)), on = 1;
	union name n = text_name(text, port);

	if (reuse)
		NEED(setsockopt(s, SOL_SOCKET, reuse, &on, sizeof on));
	if (only6)
		NEED(setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));
	int r = bind(s, &n.any, name_len(family));
	if (r) {
		say("  %s: %s\n", text, strerrorname_np(errno));
		close(s);
		return -1;
	}
	say("  %s: bound\n", text);
	return s;
}

CASE(ports_beside_each_other)
{
	static const struct {
		const char *first, *second;
		int reuse, only6;
	} pairs[] = {
		{ "127.0.0.1", "127.0.0.1", 0, 0 },
		{ "127.0.0.1", "127.0.0.2", 0, 0 },
		{ "0.0.0.0", "127.0.0.1", 0, 0 },
		{ "127.0.0.1", "0.0.0.0", 0, 0 },
		{ "127.0.0.1", "::1", 0, 0 },
		{ "0.0.0.0", "::", 0, 0 },
		{ "0.0.0.0", "::", 0, 1 },
		{ "::", "0.0.0.0", 0, 1 },
		{ "::", "127.0.0.1", 0, 0 },
		{ "::1", "::", 0, 0 },
		{ "::ffff:127.0.0.1", "127.0.0.1", 0, 0 },
		{ "::ffff:127.0.0.1", "::1", 0, 0 },
		{ "127.0.0.1", "127.0.0.1", SO_REUSEADDR, 0 },
		{ "0.0.0.0", "127.0.0.1", SO_REUSEADDR, 0 },
		{ "127.0.0.1", "127.0.0.1", SO_REUSEPORT, 0 },
	};

	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
			int f1 = strchr(pairs[i].first, ':') ? AF_INET6 : AF_INET;
			int f2 = strchr(pairs[i].second, ':') ? AF_INET6 : AF_INET;
			say("%s, option %d%s\n", type == SOCK_STREAM ? "tcp" : "udp",
			    pairs[i].reuse, pairs[i].only6 ? ", IPv6 only" : "");
			int a = try_bind(f1, type, pairs[i].first, 0, pairs[i].reuse,
					 pairs[i].only6 && f1 == AF_INET6);
			int b = try_bind(f2, type, pairs[i].second, port_of(a), pairs[i].reuse,
					 pairs[i].only6 && f2 == AF_INET6);
			if (type == SOCK_STREAM && b >= 0) {
				say_call("  first listens", listen(a, 1));
				say_call("  second listens", listen(b, 1));
			}
			close(a);
			close(b);
		}
	}
}

CASE(addresses_to_bind)
{
	static const char *const names[] = { "127.0.0.1",
					     "127.1.2.3",
					     "127.255.255.255",
					     "0.0.0.0",
					     "192.0.2.1",
					     "224.0.0.1",
					     "::1",
					     "::",
					     "2001:db8::1",
					     "fe80::1",
					     "ff02::1",
					     "::ffff:127.0.0.1",
					     "::ffff:192.0.2.1",
					     "::ffff:0.0.0.0" };

	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++)
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			close(try_bind(strchr(names[i], ':') ? AF_INET6 : AF_INET, type, names[i],
				       0, 0, 0));
	int s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0)),
	    s6 = (int)NEED(socket(AF_INET6, SOCK_STREAM, 0));
	union name n = local(AF_INET, 0), n6 = local(AF_INET6, 0);
	say_call("short", bind(s, &n.any, 15));
	say_call("short 6", bind(s6, &n6.any, 23));
	say_call("IPv4 for IPv6", bind(s6, &n.any, sizeof n));
	say_call("IPv6 for IPv4", bind(s, &n6.any, sizeof n6));
	n.any.sa_family = AF_UNSPEC;
	say_call("no family", bind(s, &n.any, sizeof n));
	n.in.sin_addr.s_addr = 0;
	say_call("no family, any address", bind(s, &n.any, sizeof n));
	say_call("twice", bind(s, &n.any, sizeof n));
	say_call("listen unbound", listen(s6, 1));
	say_names(s6);
}

CASE(both_families_by_one_socket)
{
	int l = (int)NEED(socket(AF_INET6, SOCK_STREAM, 0)), off = 0;
	union name any = { .in6 = { .sin6_family = AF_INET6 } };

	NEED(setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off));
	NEED(bind(l, &any.any, sizeof any.in6));
	NEED(listen(l, 5));
	for (size_t i = 0; i < 2; i++) {
		int c = (int)NEED(socket(families[i], SOCK_STREAM, 0));
		NEED(connect_port(c, families[i], port_of(l)));
		int a = (int)NEED(accept(l, NULL, NULL));
		say_names(c);
		say_names(a);
		close(c);
		close(a);
	}
	int c = (int)NEED(socket(AF_INET6, SOCK_STREAM, 0));
	union name mapped = text_name("::ffff:127.0.0.1", port_of(l));
	NEED(connect(c, &mapped.any, sizeof mapped.in6));
	say_names(c);
	int on = 1;
	say_call("too late", setsockopt(c, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));
	c = (int)NEED(socket(AF_INET6, SOCK_STREAM, 0));
	NEED(setsockopt(c, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));
	say_call("only 6", connect(c, &mapped.any, sizeof mapped.in6));
	say_call("IPv4 address", connect_port(c, AF_INET, port_of(l)));
}

CASE(much_data_without_loss)
{
	enum { TOTAL = 8 << 20 };
	char *out = malloc(TOTAL), *in = malloc(65536);
	unsigned sum = 0, want = 0;
	int p[2];

	for (int i = 0; i < TOTAL; i++)
		want = want * 31 + (unsigned char)(out[i] = (char)(i * 7 + i / 251));
	pair(AF_INET, p);
	pid_t child = (pid_t)NEED(fork());
	if (!child) {
		close(p[1]);
		for (int sent = 0, n; sent < TOTAL; sent += n) {
			n = (int)send(p[0], out + sent, sent % 3 ? 1 + sent % 70000 : 100, 0);
			if (n > TOTAL - sent)
				_exit(1);
			if (n < 0)
				_exit(2);
			if (sent + 70001 > TOTAL) {
				sent += n;
				while (sent < TOTAL &&
				       (n = (int)send(p[0], out + sent, (size_t)(TOTAL - sent),
						      0)) > 0)
					sent += n;
				_exit(0);
			}
		}
		_exit(0);
	}
	close(p[0]);
	ssize_t n;
	long total = 0;
	while ((n = recv(p[1], in, 65536, 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + (unsigned char)in[i];
		total += n;
	}
	int status;
	NEED(waitpid(child, &status, 0));
	say("%ld bytes, %s, sender %d\n", total, sum == want ? "the same" : "others", status);
}

CASE(a_full_connection)
{
	int p[2], small = 4096;
	char buf[65536] = { 0 };
	long sent = 0, got = 0, n;

	pair(AF_INET, p);
	NEED(setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small));
	while ((n = send(p[0], buf, sizeof buf, MSG_DONTWAIT)) > 0)
		sent += n;
	say_call("full", n);
	say_poll("poll", p[0]);
	struct timeval tv = { .tv_usec = 10000 };
	NEED(setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
	say_call("with a time limit", send(p[0], buf, 1, 0));
	NEED(shutdown(p[0], SHUT_WR));
	while ((n = recv(p[1], buf, sizeof buf, 0)) > 0)
		got += n;
	say("%s\n", sent == got ? "all came" : "some is lost");
}

CASE(flags_of_receiving)
{
	char buf[16] = "";
	int p[2], lowat = 4;

	pair(AF_INET, p);
	NEED(send(p[0], "abcdefgh", 8, 0));
	wait_for(p[1], POLLIN);
	say_call("peek", recv(p[1], buf, 3, MSG_PEEK));
	say("%.3s\n", buf);
	int n = 0;
	NEED(ioctl(p[1], FIONREAD, &n));
	say_call("FIONREAD", n);
	say_call("dropped", recv(p[1], NULL, 2, MSG_TRUNC));
	say_call("recv", recv(p[1], buf, sizeof buf, 0));
	say("%.6s\n", buf);
	say_call("nothing", recv(p[1], buf, sizeof buf, MSG_DONTWAIT));
	NEED(setsockopt(p[1], SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof lowat));
	NEED(send(p[0], "ab", 2, 0));
	say_poll("too little", p[1]);
	say_call("recv of too little", recv(p[1], buf, sizeof buf, MSG_DONTWAIT));
	NEED(send(p[0], "abcd", 4, 0));
	wait_for(p[1], POLLIN);
	say_poll("enough", p[1]);
	say_call("no room", recv(p[1], buf, 0, 0));
	say_call("error queue", recv(p[1], buf, sizeof buf, MSG_ERRQUEUE));
	say_call("bad address", recv(p[1], (void *)8, 8, MSG_DONTWAIT));
	say_call("still there", recv(p[1], buf, sizeof buf, MSG_DONTWAIT));
	say_call("send from a bad address", send(p[0], (void *)8, 8, 0));
	struct timeval tv = { .tv_usec = 10000 };
	NEED(setsockopt(p[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
	say_call("with a time limit", recv(p[1], buf, sizeof buf, 0));
}

static void say_read(const char *what, int s, size_t n, int flags)
{
	char b[16] = "";
	ssize_t r = recv(s, b, n, flags | MSG_DONTWAIT);

	say_call(what, r);
	if (r > 0)
		say("  %.*s\n", (int)r, b);
}

static void say_mark(int s)
{
	int at = -1, n = -1;

	NEED(ioctl(s, SIOCATMARK, &at));
	NEED(ioctl(s, FIONREAD, &n));
	say("at the mark %d, %d before it or the end\n", at, n);
}

static _Atomic int urgent_signals;
static void on_urgent(int sig)
{
	urgent_signals++;
}

/* What is sent is there at once: no case waits. */
CASE(urgent_data)
{
	struct pollfd pfd = { .events = POLLIN | POLLPRI | POLLRDBAND };
	int p[2], on = 1;

	signal(SIGURG, on_urgent);
	for (int inl = 0; inl < 2; inl++) {
		say("SO_OOBINLINE %d\n", inl);
		pair(AF_INET, p);
		NEED(fcntl(p[1], F_SETOWN, getpid()));
		NEED(setsockopt(p[1], SOL_SOCKET, SO_OOBINLINE, &inl, sizeof inl));
		NEED(setsockopt(p[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
		pfd.fd = p[1];
		say_mark(p[1]);
		say_call("first", send(p[0], "ab!", 3, MSG_OOB));
		NEED(poll(&pfd, 1, -1));
		while (!urgent_signals)
			sched_yield();
		urgent_signals = 0;
		say_poll("poll", p[1]);
		say_mark(p[1]);
		say_call("more", send(p[0], "cd", 2, 0));
		say_read("peek urgent", p[1], 4, MSG_OOB | MSG_PEEK);
		say_read("peek", p[1], 10, MSG_PEEK);
		say_read("one", p[1], 1, 0);
		say_mark(p[1]);
		say_read("to the mark", p[1], 10, MSG_WAITALL);
		say_mark(p[1]);
		say_read("peek behind", p[1], 10, MSG_PEEK);
		say_read("urgent", p[1], 4, MSG_OOB);
		say_poll("poll", p[1]);
		say_mark(p[1]);
		say_read("rest", p[1], 10, 0);
		say_mark(p[1]);
		say_read("urgent again", p[1], 4, MSG_OOB);
		/* a newer one takes the place of one that is next, or of one that is not */
		say_call("second", send(p[0], "X", 1, MSG_OOB));
		say_call("third", send(p[0], "Y", 1, MSG_OOB));
		say_call("fourth", send(p[0], "zZ", 2, MSG_OOB));
		say_read("normal", p[1], 10, 0);
		say_read("urgent", p[1], 0, MSG_OOB);
		say_read("normal", p[1], 10, 0);
		say_call("alone", send(p[0], "", 0, MSG_OOB));
		say_read("urgent", p[1], 1, MSG_OOB);
		close(p[0]);
		say_read("urgent at the end", p[1], 1, MSG_OOB);
		close(p[1]);
		while (!urgent_signals)
			sched_yield();
		urgent_signals = 0;
	}
}

/* A socket that is bound to one address of IPv6 hears of no other family. */
CASE(bound_to_one_family)
{
	for (int mapped = 0; mapped < 3; mapped++) {
		int s = (int)NEED(socket(AF_INET6, SOCK_STREAM, 0)), only = -1;
		union name n = local(AF_INET6, 0);
		socklen_t len = sizeof only;

		if (mapped == 1)
			NEED(inet_pton(AF_INET6, "::ffff:127.0.0.1", &n.in6.sin6_addr));
		if (mapped == 2)
			n.in6.sin6_addr = in6addr_any;
		NEED(bind(s, &n.any, sizeof n.in6));
		NEED(getsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len));
		V(only);
		NEED(listen(s, 1));
		n = local(AF_INET, port_of(s));
		R(connect((int)NEED(socket(AF_INET, SOCK_STREAM, 0)), &n.any, sizeof n.in));
	}
}

CASE(offsets_of_peeks)
{
	int off = -1, bad = -2, p[2], u = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
	union name n = local(AF_INET, 0);
	socklen_t len = sizeof off;

	R(setsockopt(u, SOL_SOCKET, SO_PEEK_OFF, &bad, sizeof bad));
	NEED(getsockopt(u, SOL_SOCKET, SO_PEEK_OFF, &off, &len));
	V(off);
	NEED(bind(u, &n.any, sizeof n.in));
	n = local(AF_INET, port_of(u));
	NEED(connect(u, &n.any, sizeof n.in));
	NEED(send(u, "first", 5, 0));
	NEED(send(u, "", 0, 0));
	NEED(send(u, "third", 5, 0));
	off = 0;
	NEED(setsockopt(u, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off));
	for (int i = 0; i < 6; i++)
		say_read("peek", u, 3, MSG_PEEK);
	say_read("read", u, 3, 0);
	say_read("peek", u, 3, MSG_PEEK);
	say_read("peek, whole length", u, 3, MSG_PEEK | MSG_TRUNC);
	NEED(getsockopt(u, SOL_SOCKET, SO_PEEK_OFF, &off, &len));
	V(off);
	pair(AF_INET, p);
	off = 2;
	R(setsockopt(p[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off));
	NEED(send(p[0], "0123456789", 10, 0));
	say_read("peek", p[1], 3, MSG_PEEK);
	say_read("peek", p[1], 3, MSG_PEEK);
	say_read("read", p[1], 4, 0);
	say_read("peek", p[1], 3, MSG_PEEK);
	say_read("peek", p[1], 3, MSG_PEEK);
	NEED(getsockopt(p[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len));
	V(off);
}

CASE(edges)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	int p[2], ep = (int)NEED(epoll_create1(0));

	pair(AF_INET, p);
	NEED(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &e));
	say_call("first", epoll_wait(ep, &e, 1, 0));
	say("%#x\n", e.events);
	say_call("no change", epoll_wait(ep, &e, 1, 0));
	NEED(send(p[0], "x", 1, 0));
	say_call("data", epoll_wait(ep, &e, 1, 10000));
	say("%#x\n", e.events);
	NEED(send(p[0], "x", 1, 0));
	say_call("more data", epoll_wait(ep, &e, 1, 10000));
	close(p[0]);
	say_call("end", epoll_wait(ep, &e, 1, 10000));
	say("%#x\n", e.events);
}

static int udp(int family)
{
	int s = (int)NEED(socket(family, SOCK_DGRAM, 0));
	union name n = local(family, 0);

	NEED(bind(s, &n.any, name_len(family)));
	return s;
}

CASE(datagrams)
{
	char buf[16];

	for (size_t i = 0; i < 2; i++) {
		int a = udp(families[i]), b = (int)NEED(socket(families[i], SOCK_DGRAM, 0));
		union name n = local(families[i], port_of(a));
		socklen_t len = name_len(families[i]);

		say_poll("fresh", a);
		say_call("without a name", send(b, "x", 1, 0));
		say_call("sendto", sendto(b, "hello", 5, 0, &n.any, len));
		say_names(b);
		say_call("empty", sendto(b, "", 0, 0, &n.any, len));
		wait_for(a, POLLIN);
		say_poll("come", a);
		say_call("cut", recv(a, buf, 2, MSG_TRUNC));
		union name from;
		socklen_t flen = sizeof from;
		say_call("empty", recvfrom(a, buf, sizeof buf, 0, &from.any, &flen));
		say_name("from", 0, &from);
		say_call("none", recv(a, buf, sizeof buf, MSG_DONTWAIT));
		NEED(connect(b, &n.any, len));
		say_names(b);
		say_call("send", send(b, "x", 1, 0));
		close(a);
		say_call("nobody there", send(b, "x", 1, 0));
		wait_for(b, POLLERR);
		say_poll("poll", b);
		say_call("recv", recv(b, buf, sizeof buf, MSG_DONTWAIT));
		say_call("port 0", (n.in.sin_port = 0, sendto(b, "x", 1, 0, &n.any, len)));
		union name none = { .any = { .sa_family = AF_UNSPEC } };
		say_call("disconnect", connect(b, &none.any, sizeof none.any));
		say_names(b);
	}
}

CASE(sizes_of_datagrams)
{
	static char big[70000];

	for (size_t i = 0; i < 2; i++) {
		int a = udp(families[i]);
		union name n = local(families[i], port_of(a));
		for (size_t len = 65500; len <= 65540; len += 1 + (len == 65508) * 10)
			if (sendto(a, big, len, MSG_DONTWAIT, &n.any, name_len(families[i])) < 0) {
				say("%zu: %s\n", len, strerrorname_np(errno));
				break;
			} else {
				recv(a, big, sizeof big, 0);
			}
	}
}

CASE(connected_datagrams_are_from_the_peer)
{
	int a = udp(AF_INET), b = udp(AF_INET), c = udp(AF_INET);
	char buf[8];

	NEED(connect_port(a, AF_INET, port_of(b)));
	union name n = local(AF_INET, port_of(a));
	say_call("stranger", sendto(c, "stranger", 8, 0, &n.any, sizeof n.in));
	say_call("peer", sendto(b, "peer", 4, 0, &n.any, sizeof n.in));
	wait_for(a, POLLIN);
	say_call("recv", recv(a, buf, sizeof buf, 0));
	say_call("none", recv(a, buf, sizeof buf, MSG_DONTWAIT));
}

CASE(what_goes_with_datagrams)
{
	char buf[8], control[256];
	int a = udp(AF_INET), on = 1, ttl = 77, tos = 16;
	struct iovec iov = { buf, sizeof buf };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };
	union name n = local(AF_INET, port_of(a));

	NEED(setsockopt(a, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
	NEED(setsockopt(a, IPPROTO_IP, IP_RECVTTL, &on, sizeof on));
	NEED(setsockopt(a, IPPROTO_IP, IP_RECVTOS, &on, sizeof on));
	NEED(setsockopt(a, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl));
	NEED(setsockopt(a, IPPROTO_IP, IP_TOS, &tos, sizeof tos));
	NEED(sendto(a, "x", 1, 0, &n.any, sizeof n.in));
	NEED(recvmsg(a, &m, 0));
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(&m); cm; cm = CMSG_NXTHDR(&m, cm)) {
		say("type %d, %zu bytes", cm->cmsg_type, cm->cmsg_len);
		for (size_t i = 0; i < cm->cmsg_len - CMSG_LEN(0); i++)
			say(" %02x", CMSG_DATA(cm)[i]);
		say("\n");
	}
}

CASE(where_nothing_leads)
{
	static const char *const names[] = { "255.255.255.255", "127.255.255.255",
					     "::ffff:127.0.0.1" };
	int l = listener(AF_INET, 1), port = port_of(l);

	close(l);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		union name n = text_name(names[i], port);
		int family = n.any.sa_family;
		int t = (int)NEED(socket(family, SOCK_STREAM, 0)),
		    u = (int)NEED(socket(family, SOCK_DGRAM, 0));
		say("%s\n", names[i]);
		say_call("  tcp", connect(t, &n.any, name_len(family)));
		say_call("  udp", connect(u, &n.any, name_len(family)));
	}
	int s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));
	union name n = local(AF_INET, 1);
	say_call("short", connect(s, &n.any, 15));
	n.any.sa_family = AF_INET6;
	say_call("family", connect(s, &n.any, sizeof n));
	say_call("urgent", send(s, "x", 1, MSG_OOB | MSG_NOSIGNAL) < 0 ? 0 : 1);
}

static void *read_later(void *arg)
{
	char buf[4];

	say_call("reader", recv(*(int *)arg, buf, sizeof buf, 0));
	return NULL;
}

CASE(another_thread_ends_a_wait)
{
	pthread_t t;
	int p[2];

	pair(AF_INET, p);
	NEED(pthread_create(&t, NULL, read_later, &p[0]) ? -1 : 0);
	usleep(20000);
	NEED(shutdown(p[0], SHUT_RD));
	pthread_join(t, NULL);
}

static void on_alarm(int sig)
{
	(void)sig;
}

CASE(a_signal_ends_a_wait)
{
	struct itimerval soon = { .it_value.tv_usec = 20000 };
	struct sigaction sa = { .sa_handler = on_alarm };
	int l = listener(AF_INET, 1), u = udp(AF_INET), p[2];
	char buf[4];

	pair(AF_INET, p);
	NEED(sigaction(SIGALRM, &sa, NULL));
	NEED(setitimer(ITIMER_REAL, &soon, NULL));
	say_call("recv", recv(p[0], buf, sizeof buf, 0));
	NEED(setitimer(ITIMER_REAL, &soon, NULL));
	say_call("accept", accept(l, NULL, NULL));
	NEED(setitimer(ITIMER_REAL, &soon, NULL));
	say_call("udp recv", recv(u, buf, sizeof buf, 0));
}

/* TCP_INFO with what <netinet/tcp.h> does not have of it (linux/tcp.h). */
struct tcp_counters {
	struct tcp_info info;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
};

/* What a connection counts; all that was sent is acknowledged first. */
static void say_counters(const char *what, int s)
{
	struct tcp_counters i = { 0 };
	socklen_t len = sizeof i;
	int left = 1;

	while (left) {
		NEED(ioctl(s, TIOCOUTQ, &left));
		sched_yield();
	}
	NEED(getsockopt(s, IPPROTO_TCP, TCP_INFO, &i, &len));
	say("%s: state %d, sent %lu, acknowledged %lu, received %lu, pieces %u %u, delivered %u\n",
	    what, i.info.tcpi_state, i.bytes_sent, i.bytes_acked, i.bytes_received, i.data_segs_out,
	    i.data_segs_in, i.delivered);
}

CASE(counters)
{
	char b[100] = "";
	int p[2];

	for (int family = 0; family < 2; family++) {
		pair(family ? AF_INET6 : AF_INET, p);
		say_counters("one that connected", p[0]);
		say_counters("one that was accepted", p[1]);
		NEED(send(p[0], b, 10, 0));
		NEED(recv(p[1], b, sizeof b, 0));
		say_counters("sent", p[0]);
		NEED(send(p[0], b, 5, 0));
		NEED(recv(p[1], b, sizeof b, 0));
		NEED(send(p[1], b, 7, 0));
		NEED(recv(p[0], b, sizeof b, 0));
		say_counters("talked", p[0]);
		say_counters("talked", p[1]);
		NEED(shutdown(p[1], SHUT_WR));
		NEED(recv(p[0], b, sizeof b, 0));
		say_counters("half ended", p[0]);
		close(p[0]);
		close(p[1]);
	}
}

/* ---- queues of errors ---- */

#define MORE_THAN_COMES_BACK 2000

/* What a receive of the queue gives; addresses are all of the loopback. */
static void say_queue(const char *what, int s)
{
	static char data[4096];
	char room[512];
	union name n = { 0 };
	struct iovec iov = { data, sizeof data };
	struct msghdr m = { .msg_name = &n,
			    .msg_namelen = sizeof n,
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = room,
			    .msg_controllen = sizeof room };
	struct pollfd p = { .fd = s, .events = POLLPRI };
	int left = -1;
	socklen_t len = sizeof left;

	NEED(poll(&p, 1, 0));
	ssize_t r = recvmsg(s, &m, MSG_ERRQUEUE);
	say("%s: events %x; %zd %s, flags %x\n", what, p.revents, r,
	    r < 0 ? strerrorname_np(errno) : "", m.msg_flags);
	if (r < 0)
		return;
	say_bytes("  data ", data, r < 8 ? (size_t)r : 8);
	say("  name of %u bytes, family %d, port %d\n", m.msg_namelen,
	    m.msg_namelen ? n.any.sa_family : 0, m.msg_namelen && n.in.sin_port);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		say("  level %d, type %d\n", c->cmsg_level, c->cmsg_type);
		if (c->cmsg_level != SOL_SOCKET)
			say_bytes("    ", CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	}
	NEED(getsockopt(s, SOL_SOCKET, SO_ERROR, &left, &len));
	V(left);
}

/* It comes at once, or some time after what was sent. */
static void wait_for_error(int s)
{
	NEED(poll(&(struct pollfd){ .fd = s }, 1, -1));
}

static void try_unreachable(int family, int level, int option, int to_family)
{
	static char data[MORE_THAN_COMES_BACK] = "abcdefgh";
	int s = (int)NEED(socket(family, SOCK_DGRAM, 0)), on = 1, off = 0;
	int closed = (int)NEED(socket(to_family, SOCK_DGRAM, 0));
	union name to = local(to_family, 0);
	size_t size = to_family == AF_INET ? sizeof to.in : sizeof to.in6;

	say("family %d to family %d\n", family, to_family);
	NEED(bind(closed, &to.any, (socklen_t)size));
	to = local(to_family, port_of(closed));
	close(closed);
	NEED(sendto(s, data, 5, 0, &to.any, (socklen_t)size));
	say_queue("not asked for", s);
	R(setsockopt(s, level, option, &on, sizeof on));
	NEED(sendto(s, data, 5, 0, &to.any, (socklen_t)size));
	wait_for_error(s);
	say_call("the next send", sendto(s, data, 0, 0, &to.any, (socklen_t)size));
	say_queue("what came back", s);
	NEED(sendto(s, data, sizeof data, 0, &to.any, (socklen_t)size));
	wait_for_error(s);
	say_call("receive", recv(s, data, 1, MSG_DONTWAIT));
	say_queue("of what is long", s);
	say_queue("none", s);
	NEED(setsockopt(s, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on));
	NEED(connect(s, &to.any, (socklen_t)size));
	NEED(send(s, data, 3, 0));
	wait_for_error(s);
	say_queue("connected", s);
	NEED(send(s, data, 3, 0));
	wait_for_error(s);
	R(setsockopt(s, level, option, &off, sizeof off));
	say_queue("thrown away", s);
	say_call("error", recv(s, data, 1, MSG_DONTWAIT));
	close(s);
}

CASE(unreachable)
{
	try_unreachable(AF_INET, IPPROTO_IP, IP_RECVERR, AF_INET);
	try_unreachable(AF_INET6, IPPROTO_IPV6, IPV6_RECVERR, AF_INET6);
}

/* What was sent is its sender's again at once, or when the network is done with it. */
static void say_returned(const char *what, int s)
{
	wait_for_error(s);
	say_queue(what, s);
}

CASE(zerocopy)
{
	int on = 1, two = 2, p[2], u = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0)), got = -1;
	union name n = local(AF_INET, 0);
	socklen_t len = sizeof got;
	static char big[50000];

	R(setsockopt(u, SOL_SOCKET, SO_ZEROCOPY, &two, sizeof two));
	R(setsockopt((int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)), SOL_SOCKET, SO_ZEROCOPY, &on,
		     sizeof on));
	NEED(bind(u, &n.any, sizeof n.in));
	n = local(AF_INET, port_of(u));
	NEED(connect(u, &n.any, sizeof n.in));
	NEED(send(u, "abc", 3, MSG_ZEROCOPY));
	say_queue("not asked for", u);
	if (R(setsockopt(u, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on)))
		return; /* and nothing would ever be told */
	NEED(getsockopt(u, SOL_SOCKET, SO_ZEROCOPY, &got, &len));
	V(got);
	NEED(send(u, "abc", 3, 0));
	NEED(send(u, "", 0, MSG_ZEROCOPY));
	NEED(send(u, "defg", 4, MSG_ZEROCOPY));
	for (int i = 0; i < 4; i++)
		NEED(recv(u, big, sizeof big, 0));
	say_returned("a datagram", u);
	pair(AF_INET6, p);
	R(setsockopt(p[0], SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on));
	NEED(send(p[0], big, sizeof big, MSG_ZEROCOPY));
	NEED(recv(p[1], big, sizeof big, MSG_WAITALL));
	say_returned("a stream", p[0]);
}

/* When something was sent, `n` times told. */
static void say_times(const char *what, int s, int n)
{
	for (int i = 0; i < n; i++)
		say_returned(what, s);
	say_poll("no more", s);
}

static void set_times(int s, int flags)
{
	say("flags %#x\n", flags);
	R(setsockopt(s, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags));
}

#define TOLD                                                                                       \
	(SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY)
#define NUMBERED (TOLD | SOF_TIMESTAMPING_OPT_ID)

static void times_of_datagrams(int family)
{
	int to = (int)NEED(socket(family, SOCK_DGRAM, 0)),
	    s = (int)NEED(socket(family, SOCK_DGRAM, 0)), on = 1;
	union name n = local(family, 0);

	NEED(bind(to, &n.any, name_len(family)));
	n = local(family, port_of(to));
	NEED(connect(s, &n.any, name_len(family)));
	set_times(s, TOLD);
	NEED(send(s, "abc", 3, 0));
	NEED(send(s, "", 0, 0));
	say_times("without a number", s, 2);
	set_times(s, NUMBERED | SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_ACK);
	NEED(send(s, "abc", 3, 0));
	NEED(send(s, "def", 3, 0));
	say_times("numbered", s, 4);
	/* numbers go on until they are switched off */
	set_times(s, SOF_TIMESTAMPING_OPT_ID);
	NEED(send(s, "abc", 3, 0));
	set_times(s, NUMBERED & ~SOF_TIMESTAMPING_SOFTWARE);
	NEED(send(s, "abc", 3, 0));
	say_times("not told when", s, 1);
	set_times(s, 0);
	set_times(s, NUMBERED);
	NEED(setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on));
	NEED(send(s, "abc", 3, 0));
	say_times("anew", s, 1);
	set_times(s, 0);
	NEED(send(s, "abc", 3, 0));
	say_times("none", s, 0);
	close(to);
	close(s);
}

static void times_of_bytes(int family)
{
	int p[2], s = (int)NEED(socket(family, SOCK_STREAM, 0));
	char buf[16];

	set_times(s, TOLD);
	set_times(s, NUMBERED);
	pair(family, p);
	NEED(send(p[0], "before", 6, 0));
	NEED(recv(p[1], buf, 6, MSG_WAITALL));
	set_times(p[0], NUMBERED | SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_ACK);
	NEED(send(p[0], "abc", 3, 0));
	NEED(recv(p[1], buf, 3, MSG_WAITALL));
	say_times("three bytes", p[0], 3);
	set_times(p[0], SOF_TIMESTAMPING_OPT_ID);
	NEED(send(p[0], "four", 4, 0));
	NEED(recv(p[1], buf, 4, MSG_WAITALL));
	set_times(p[0], NUMBERED);
	NEED(send(p[0], "five!", 5, 0));
	NEED(recv(p[1], buf, 5, MSG_WAITALL));
	say_times("five more", p[0], 1);
	say_call("send to one that is closed", (close(p[1]), send(p[0], "x", 1, MSG_NOSIGNAL)));
	close(p[0]);
	close(s);
}

CASE(times_of_sending)
{
	for (size_t i = 0; i < 2; i++) {
		times_of_datagrams(families[i]);
		times_of_bytes(families[i]);
	}
}
