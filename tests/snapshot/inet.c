/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP and UDP of the host's network: who listens, who waits to accept, options, datagram sockets
 * with and without a peer, both families. In a copy, in a network namespace of its own, ports are
 * the same; connections are another case (tests/snapshot/sockets).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "mark.h"

union name {
	struct sockaddr a;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static int make(int family, int type, union name *n)
{
	int s = socket(family, type | SOCK_CLOEXEC, 0), one = 1;
	socklen_t len = family == AF_INET ? sizeof n->four : sizeof n->six;

	memset(n, 0, sizeof *n);
	n->a.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		n->four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		n->six.sin6_addr = in6addr_loopback;
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(s, &n->a, len) || getsockname(s, &n->a, &len))
		exit(1);
	return s;
}

static int option(int s, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof v;

	return getsockopt(s, level, name, &v, &len) ? -errno : v;
}

static int same_port(int s, const union name *n)
{
	union name now;
	socklen_t len = sizeof now;

	return getsockname(s, &now.a, &len) == 0 && now.four.sin_port == n->four.sin_port;
}

/* A client comes, and gets its words back. */
static void serve(const char *what, int listener, const union name *n)
{
	char buf[16] = "";
	int c = socket(n->a.sa_family, SOCK_STREAM, 0);

	if (connect(c, &n->a, sizeof *n)) {
		printf("%s: %d\n", what, -errno);
		return;
	}
	int s = accept(listener, NULL, NULL);
	if (write(c, "words", 5) != 5 || read(s, buf, 5) != 5)
		exit(2);
	printf("%s: %s %d\n", what, buf, option(s, IPPROTO_TCP, TCP_NODELAY));
	close(c);
	close(s);
}

int main(void)
{
	union name four, six, box, other, child_name;
	int one = 1, on = 3, st;
	char buf[32];

	int listener = make(AF_INET, SOCK_STREAM, &four), l6 = make(AF_INET6, SOCK_STREAM, &six);
	setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(listener, IPPROTO_TCP, TCP_KEEPCNT, &on, sizeof on);
	listen(listener, 7);
	listen(l6, 1);
	int receiver = make(AF_INET, SOCK_DGRAM, &box), sender = make(AF_INET, SOCK_DGRAM, &other);
	setsockopt(sender, IPPROTO_IP, IP_TTL, &on, sizeof on);
	connect(sender, &box.a, sizeof box);
	int fresh = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &(struct epoll_event){ EPOLLIN, { .u32 = 7 } });

	/* one that waits in accept(2) */
	int theirs = make(AF_INET, SOCK_STREAM, &child_name), go[2];
	listen(theirs, 5);
	if (pipe(go))
		return 3;
	pid_t child = fork();
	if (!child) {
		if (write(go[1], "x", 1) != 1)
			_exit(1);
		int s = accept(theirs, NULL, NULL);
		_exit(s >= 0 && write(s, "hello", 5) == 5 ? 40 : 41);
	}
	if (read(go[0], buf, 1) != 1)
		return 3;

	mark();
	printf("ports %d %d %d\n", same_port(listener, &four), same_port(l6, &six),
	       same_port(receiver, &box));
	printf("options %d %d %d %d %d\n", option(listener, SOL_SOCKET, SO_KEEPALIVE),
	       option(listener, IPPROTO_TCP, TCP_KEEPCNT), option(sender, IPPROTO_IP, IP_TTL),
	       option(listener, SOL_SOCKET, SO_ACCEPTCONN), option(l6, SOL_SOCKET, SO_DOMAIN));
	struct epoll_event e = { 0 };
	printf("nobody %d\n", epoll_wait(ep, &e, 1, 0));
	serve("four", listener, &four);
	serve("six", l6, &six);
	int c = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(c, &four.a, sizeof four.four))
		return 4;
	int n = epoll_wait(ep, &e, 1, -1);
	printf("epoll %d %d\n", n, (int)e.data.u32);
	close(c);

	if (send(sender, "to the peer", 11, 0) != 11)
		perror("send");
	union name from;
	socklen_t len = sizeof from;
	n = (int)recvfrom(receiver, buf, sizeof buf, 0, &from.a, &len);
	printf("datagram %.*s %d\n", n, buf, from.four.sin_port == other.four.sin_port);
	printf("fresh %d %d\n",
	       connect(fresh, &four.a, sizeof four.four) == 0 || errno == EINPROGRESS,
	       fcntl(fresh, F_GETFL) & O_NONBLOCK);

	c = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(c, &child_name.a, sizeof child_name.four))
		return 5;
	n = (int)read(c, buf, sizeof buf);
	printf("child says %.*s\n", n, buf);
	waitpid(child, &st, 0);
	printf("child %d\n", WEXITSTATUS(st));
	return 0;
}
