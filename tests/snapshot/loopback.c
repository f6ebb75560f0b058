/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and UDP of a loopback of hl's own: what waits in sockets, who is connected to whom, who waits
 * for a connection. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "mark.h"

static int check(int r)
{
	if (r < 0) {
		printf("failed: %s\n", strerror(errno));
		exit(97);
	}
	return r;
}

static struct sockaddr_in6 name_of(int s)
{
	struct sockaddr_in6 a = { 0 };
	socklen_t len = sizeof a;

	check(getsockname(s, (struct sockaddr *)&a, &len));
	return a;
}

/* Of IPv6, bound to a port of the kernel's choice. */
static int bound(int type)
{
	int s = check(socket(AF_INET6, type, 0));
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	check(bind(s, (struct sockaddr *)&a, sizeof a));
	return s;
}

static int try_connect(int to, int flags)
{
	struct sockaddr_in6 a = name_of(to);
	int s = check(socket(AF_INET6, SOCK_STREAM | flags, 0));

	if (connect(s, (struct sockaddr *)&a, sizeof a))
		printf("connect: %s\n", strerror(errno));
	return s;
}

/* What comes, and whether more than that does. */
static void show(const char *what, int fd, int flags)
{
	char buf[64];
	ssize_t n = recv(fd, buf, sizeof buf - 1, flags);
	int e = errno;

	buf[n > 0 ? n : 0] = '\0';
	printf("%s: %zd %s%s\n", what, n, buf, n < 0 ? strerror(e) : "");
}

static void give(int fd, const char *text, int flags)
{
	ssize_t n = send(fd, text, strlen(text), flags | MSG_NOSIGNAL);

	if (n != (ssize_t)strlen(text))
		printf("send: %zd %s\n", n, strerror(errno));
}

static int value_of(int s, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof v;

	check(getsockopt(s, level, name, &v, &len));
	return v;
}

static void set(int s, int level, int name, int v)
{
	check(setsockopt(s, level, name, &v, sizeof v));
}

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	check(poll(&p, 1, -1));
}

static _Atomic int served;

/* Waits in accept(2) at the mark. */
static void *serve(void *arg)
{
	int s = check(accept(*(int *)arg, NULL, NULL));

	give(s, "served", 0);
	served = s;
	return NULL;
}

/* A connection with data both ways, one that is not accepted, one whose other end is gone, half of
 * one with urgent data. */
struct streams {
	int l, a, b, left, c, d;
};

static void make_streams(struct streams *s)
{
	s->l = bound(SOCK_STREAM);
	check(listen(s->l, 8));
	s->a = try_connect(s->l, 0);
	s->b = check(accept(s->l, NULL, NULL));
	give(s->a, "to the server", 0);
	give(s->b, "to the client", 0);
	s->left = try_connect(s->l, 0);
	int gone = check(accept(s->l, NULL, NULL));
	give(gone, "the last words", 0);
	close(gone);
	s->c = try_connect(s->l, 0);
	s->d = check(accept(s->l, NULL, NULL));
	give(s->c, "ab!", MSG_OOB);
	give(s->c, "cd", 0);
	check(shutdown(s->c, SHUT_WR));
	wait_for(s->d, POLLRDHUP);
	wait_for(s->left, POLLRDHUP);
	give(try_connect(s->l, 0), "before anybody accepts", 0);
	set(s->l, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(s->a, IPPROTO_TCP, TCP_KEEPIDLE, 33);
	set(s->a, SOL_SOCKET, SO_SNDBUF, 5000);
}

static void use_streams(const struct streams *s)
{
	struct sockaddr_in6 at = name_of(s->l);
	int mark_at = -1;

	show("server", s->b, 0);
	show("client", s->a, 0);
	give(s->a, "again", 0);
	show("server", s->b, 0);
	show("the other end is gone", s->left, 0);
	show("and then", s->left, 0);
	give(s->left, "to nobody", 0);
	wait_for(s->left, 0);
	printf("reset: %s\n", strerror(value_of(s->left, SOL_SOCKET, SO_ERROR)));
	check(ioctl(s->d, SIOCATMARK, &mark_at));
	printf("mark %d\n", mark_at);
	show("urgent", s->d, MSG_OOB);
	show("up to the mark", s->d, 0);
	show("behind it", s->d, 0);
	show("the end", s->d, 0);
	give(s->d, "still open", 0);
	show("other half", s->c, 0);
	show("not accepted before", check(accept(s->l, NULL, NULL)), 0);
	printf("options %d %d %d\n", value_of(s->l, SOL_SOCKET, SO_KEEPALIVE),
	       value_of(s->a, IPPROTO_TCP, TCP_KEEPIDLE), value_of(s->a, SOL_SOCKET, SO_SNDBUF));
	int again = check(socket(AF_INET6, SOCK_STREAM, 0));
	printf("bind: %s\n",
	       bind(again, (struct sockaddr *)&at, sizeof at) ? strerror(errno) : "done");
}

/* A queue that is full: who comes next waits for room. */
static void use_queue(int small, int first, int second)
{
	int f = check(accept(small, NULL, NULL));

	give(first, "first", 0);
	show("first", f, 0);
	wait_for(second, POLLOUT);
	give(second, "second", 0);
	show("second", check(accept(small, NULL, NULL)), 0);
}

static void use_datagrams(int u, int v)
{
	printf("options %d %d\n", value_of(u, IPPROTO_IPV6, IPV6_UNICAST_HOPS),
	       value_of(u, SOL_SOCKET, SO_PEEK_OFF));
	show("peek", u, MSG_PEEK);
	show("datagram", u, 0);
	show("datagram", u, 0);
	show("datagram", u, 0);
	show("none", u, MSG_DONTWAIT);
	give(v, "four", 0);
	show("datagram", u, 0);
}

int main(void)
{
	int small = bound(SOCK_STREAM), asked = bound(SOCK_STREAM), u = bound(SOCK_DGRAM);
	int v = check(socket(AF_INET6, SOCK_DGRAM, 0)), ep = check(epoll_create1(0));
	struct sockaddr_in6 at = name_of(u);
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = 7 };
	struct streams s;
	pthread_t thread;

	make_streams(&s);
	check(listen(small, 0));
	int first = try_connect(small, 0), second = try_connect(small, SOCK_NONBLOCK);
	set(u, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9);
	set(u, SOL_SOCKET, SO_PEEK_OFF, 2);
	check(connect(v, (struct sockaddr *)&at, sizeof at));
	give(v, "one", 0);
	give(v, "", 0);
	give(v, "three", 0);
	/* a datagram that came back */
	int lost = check(socket(AF_INET6, SOCK_DGRAM, 0)), closed = bound(SOCK_DGRAM);
	at = name_of(closed);
	close(closed);
	set(lost, IPPROTO_IPV6, IPV6_RECVERR, 1);
	check(sendto(lost, "to nobody", 9, 0, (struct sockaddr *)&at, sizeof at));
	wait_for(lost, 0);
	check(listen(asked, 1));
	check(epoll_ctl(ep, EPOLL_CTL_ADD, asked, &ev));
	pthread_create(&thread, NULL, serve, &asked);
	mark();

	use_streams(&s);
	use_queue(small, first, second);
	use_datagrams(u, v);
	show("came back", lost, MSG_ERRQUEUE);
	show("nothing more", lost, MSG_ERRQUEUE);
	int client = try_connect(asked, 0);
	pthread_join(thread, NULL);
	show("from the thread", client, 0);
	close(served);
	show("the end", client, 0);
	client = try_connect(asked, 0);
	printf("events %d\n", check(epoll_wait(ep, &ev, 1, -1)));
	return 0;
}
