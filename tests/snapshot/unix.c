/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets: what waits in them, who is connected to whom, descriptors on their way. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "mark.h"

static void pair(int type, int s[2])
{
	if (socketpair(AF_UNIX, type, 0, s))
		exit(97);
}

static void show(const char *what, int fd)
{
	char buf[64];
	ssize_t n = recv(fd, buf, sizeof buf - 1, MSG_DONTWAIT);
	int e = errno;

	buf[n > 0 ? n : 0] = '\0';
	printf("%s: %zd %s%s\n", what, n, buf, n < 0 ? strerror(e) : "");
}

static void give(int s, const int *fds, int n, char *text)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} c = { 0 };
	struct iovec iov = { text, strlen(text) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &c,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	c.h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&c.h), fds, n * sizeof(int));
	if (sendmsg(s, &m, 0) < 0)
		printf("sendmsg: %s\n", strerror(errno));
}

static int take(int s, int *fds, char *text)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} c = { 0 };
	struct iovec iov = { text, 63 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c
	};
	ssize_t n = recvmsg(s, &m, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	if (n < 0 || !m.msg_controllen)
		return 0;
	memcpy(fds, CMSG_DATA(&c.h), c.h.cmsg_len - CMSG_LEN(0));
	return (int)((c.h.cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

static socklen_t name(struct sockaddr_un *a, const char *text)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path, text, strlen(text));
	if (text[0] == '@')
		a->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text) +
			   (text[0] != '@'));
}

static int bound(int type, const char *text)
{
	struct sockaddr_un a;
	socklen_t len = name(&a, text);
	int s = socket(AF_UNIX, type, 0);

	if (bind(s, (struct sockaddr *)&a, len))
		printf("bind %s: %s\n", text, strerror(errno));
	if (type != SOCK_DGRAM)
		listen(s, 3);
	return s;
}

static int joined(int type, const char *text)
{
	struct sockaddr_un a;
	socklen_t len = name(&a, text);
	int s = socket(AF_UNIX, type, 0);

	if (connect(s, (struct sockaddr *)&a, len))
		printf("connect %s: %s\n", text, strerror(errno));
	return s;
}

static void show_name(const char *what, int s, bool peer)
{
	struct sockaddr_un a = { 0 };
	socklen_t len = sizeof a;
	int r = (peer ? getpeername : getsockname)(s, (struct sockaddr *)&a, &len);

	printf("%s: %d %u %s\n", what, r, r ? 0 : len, r ? "" : a.sun_path + !a.sun_path[0]);
}

static void *receive(void *arg)
{
	char buf[16] = "";
	ssize_t n = recv(*(int *)arg, buf, sizeof buf - 1, 0);

	printf("blocked: %zd %s\n", n, buf);
	return NULL;
}

int main(void)
{
	int s[2], d[2], q[2], w[2], gone[2], reset[2], shut[2], circle[2], pipes[2], fds[4];
	int one = 1, abstract = bound(SOCK_STREAM, "@abstract-of-snapshot"), path, lost;
	char text[64];
	pthread_t t;

	pair(SOCK_STREAM, s);
	send(s[0], "stream", 6, 0);
	send(s[0], " more", 5, 0);
	recv(s[1], text, 3, 0);
	pair(SOCK_DGRAM, d);
	send(d[0], "one", 3, 0);
	send(d[0], "", 0, 0);
	send(d[0], "two", 3, 0);
	pair(SOCK_SEQPACKET, q);
	send(q[1], "packet", 6, 0);
	pair(SOCK_STREAM, w);
	pair(SOCK_STREAM, gone);
	send(gone[0], "left", 4, 0);
	close(gone[0]);
	pair(SOCK_STREAM, reset);
	send(reset[0], "unread", 6, 0);
	close(reset[1]);
	pair(SOCK_STREAM, shut);
	shutdown(shut[0], SHUT_WR);

	/* descriptors on their way: of a pipe with bytes in it, and a socket in itself */
	if (pipe(pipes))
		return 97;
	if (write(pipes[1], "piped", 5) != 5)
		return 97;
	give(s[1], pipes, 2, strcpy(text, "fds"));
	close(pipes[0]);
	close(pipes[1]);
	pair(SOCK_STREAM, circle);
	give(circle[0], &circle[1], 1, strcpy(text, "self"));

	/* connections that wait, with bytes; one whose other end is gone */
	path = bound(SOCK_STREAM, "socket");
	lost = bound(SOCK_DGRAM, "lost");
	unlink("lost");
	int c1 = joined(SOCK_STREAM, "@abstract-of-snapshot"), c2 = joined(SOCK_STREAM, "socket");
	send(c1, "early", 5, 0);
	send(c2, "bird", 4, 0);
	int c3 = joined(SOCK_STREAM, "socket");
	send(c3, "dead", 4, 0);
	close(c3);
	int dgram = bound(SOCK_DGRAM, "@dgram-of-snapshot"),
	    c4 = joined(SOCK_DGRAM, "@dgram-of-snapshot");
	send(c4, "hello", 5, 0);
	setsockopt(c1, SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
	setsockopt(c1, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 3, 500000 },
		   sizeof(struct timeval));

	int ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, d[1], &(struct epoll_event){ EPOLLIN, { .u32 = 7 } });
	epoll_ctl(ep, EPOLL_CTL_ADD, w[0], &(struct epoll_event){ EPOLLIN, { .u32 = 8 } });
	pthread_create(&t, NULL, receive, &w[1]);
	mark();

	struct epoll_event ev[4];
	int n = epoll_wait(ep, ev, 4, 0);
	printf("epoll: %d %u\n", n, n > 0 ? ev[0].data.u32 : 0);
	show("stream", s[1]);
	n = take(s[0], fds, text);
	printf("taken: %d %s\n", n, text);
	if (n == 2) {
		n = (int)read(fds[0], text, sizeof text);
		printf("pipe: %.*s %zd\n", n, text, write(fds[1], "x", 1));
	}
	show("empty", s[1]);
	send(s[1], "back", 4, 0);
	show("back", s[0]);
	for (int i = 0; i < 4; i++)
		show("dgram", d[1]);
	show("packet", q[0]);
	show("gone", gone[1]);
	show("gone", gone[1]);
	n = (int)send(gone[1], "x", 1, MSG_NOSIGNAL);
	printf("to nobody: %d %s\n", n, strerror(errno));
	show("reset", reset[0]);
	show("shut", shut[1]);
	n = take(circle[1], fds, text);
	printf("circle: %d %s\n", n, text);
	show_name("listener", abstract, false);
	show_name("peer", c1, true);
	show_name("path", path, false);
	show_name("lost", lost, false);
	struct ucred cred;
	socklen_t len = sizeof cred;
	getsockopt(c1, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	printf("cred: %d %d\n", cred.pid == getpid(), cred.uid == getuid());
	struct timeval tv;
	len = sizeof tv;
	getsockopt(c1, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	printf("timeout: %ld %ld\n", tv.tv_sec, tv.tv_usec);
	int a1 = accept(abstract, NULL, NULL), a2 = accept(path, NULL, NULL),
	    a3 = accept(path, NULL, NULL);
	show("early", a1);
	show("bird", a2);
	show("dead", a3);
	show("dead", a3);
	send(a1, "answer", 6, 0);
	show("answer", c1);
	show("to a name", dgram);
	send(c4, "again", 5, 0);
	show("to a name", dgram);
	int c5 = joined(SOCK_STREAM, "@abstract-of-snapshot"), c6 = joined(SOCK_STREAM, "socket");
	int a5 = accept(abstract, NULL, NULL), a6 = accept(path, NULL, NULL);
	send(c5, "new", 3, 0);
	send(c6, "newer", 5, 0);
	show("later", a5);
	show("later", a6);
	send(w[0], "wake", 4, 0);
	pthread_join(t, NULL);
	close(s[0]);
	show("end", s[1]);
	return 0;
}
