/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX sockets: pairs, streams, datagrams, names, descriptors and credentials passed. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "case.h"

static int s[2];

static void pair(int type)
{
	NEED(socketpair(AF_UNIX, type, 0, s));
}

static struct sockaddr_un name_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strncpy(a.sun_path, path, sizeof a.sun_path - 1);
	return a;
}

static socklen_t name_length(const char *path)
{
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

static int bind_to(int fd, const char *path)
{
	struct sockaddr_un a = name_of(path);

	return bind(fd, (struct sockaddr *)&a, name_length(path));
}

static int connect_to(int fd, const char *path)
{
	struct sockaddr_un a = name_of(path);

	return connect(fd, (struct sockaddr *)&a, name_length(path));
}

CASE(socket_errors)
{
	R(socket(AF_UNIX, SOCK_STREAM, 0));
	R(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	R(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	R(socket(AF_UNIX, 77, 0));
	R(socket(99, SOCK_STREAM, 0));
	R(socket(AF_UNIX, SOCK_STREAM, 5));
	R(socketpair(AF_UNIX, SOCK_RDM, 0, s));
	R(listen(0, 1));
	R(accept(0, NULL, NULL));
	R(listen(99, 1));
	R(shutdown(0, SHUT_RD));
}

CASE(stream_pair)
{
	char b[16] = "";

	pair(SOCK_STREAM);
	R(write(s[0], "one", 3));
	R(send(s[0], "two", 3, 0));
	R(recv(s[1], b, 4, 0));
	say("%s\n", b);
	R(read(s[1], b, 16));
	R(recv(s[1], b, 16, MSG_DONTWAIT));
	R(write(s[1], "back", 4));
	R(recv(s[0], b, 16, MSG_PEEK));
	R(recv(s[0], b, 2, MSG_WAITALL));
	R(recv(s[0], b, 16, MSG_TRUNC));
	close(s[1]);
	R(read(s[0], b, 16));
	handle(SIGPIPE, SIG_IGN, 0);
	R(write(s[0], "x", 1));
}

CASE(sigpipe)
{
	pair(SOCK_STREAM);
	close(s[1]);
	R(send(s[0], "x", 1, MSG_NOSIGNAL));
	pid_t pid = fork();
	if (pid == 0)
		_exit((int)write(s[0], "x", 1));
	reap("child", pid);
}

CASE(datagram_pair)
{
	char b[8] = "";

	pair(SOCK_DGRAM);
	R(send(s[0], "first", 5, 0));
	R(send(s[0], "", 0, 0));
	R(send(s[0], "a long one", 10, 0));
	R(recv(s[1], b, 8, 0));
	R(recv(s[1], b, 8, 0));
	/* What does not fit is lost, but its length can be told. */
	R(recv(s[1], b, 4, MSG_TRUNC));
	R(recv(s[1], b, 4, MSG_DONTWAIT));
	close(s[1]);
	R(send(s[0], "x", 1, MSG_NOSIGNAL));
}

CASE(seqpacket_pair)
{
	char b[8] = "";
	struct iovec v = { b, 3 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	pair(SOCK_SEQPACKET);
	R(send(s[0], "first", 5, MSG_EOR));
	R(send(s[0], "second", 6, 0));
	R(recvmsg(s[1], &m, 0));
	X(m.msg_flags);
	R(read(s[1], b, 8));
	close(s[0]);
	R(read(s[1], b, 8));
}

CASE(shutdown)
{
	char b[4];

	pair(SOCK_STREAM);
	handle(SIGPIPE, SIG_IGN, 0);
	R(write(s[0], "left", 4));
	R(shutdown(s[0], SHUT_WR));
	R(write(s[0], "x", 1));
	R(read(s[1], b, 4));
	R(read(s[1], b, 4));
	R(write(s[1], "y", 1));
	R(read(s[0], b, 4));
	R(shutdown(s[0], SHUT_RD));
	R(write(s[1], "y", 1));
	R(read(s[0], b, 4));
	R(shutdown(s[0], 7));
	R(shutdown(s[0], SHUT_RDWR));
}

CASE(listen_connect_accept)
{
	struct sockaddr_un a;
	socklen_t len = sizeof a;
	struct stat st;
	char b[8] = "";

	int l = (int)R(socket(AF_UNIX, SOCK_STREAM, 0)),
	    c = (int)R(socket(AF_UNIX, SOCK_STREAM, 0));
	R(connect_to(c, "sock"));
	R(bind_to(l, "sock"));
	NEED(stat("sock", &st));
	say("%o\n", st.st_mode);
	R(connect_to(c, "sock"));
	R(listen(l, 5));
	R(connect_to(c, "sock"));
	R(connect_to(c, "sock"));
	int d = (int)R(accept4(l, (struct sockaddr *)&a, &len, SOCK_CLOEXEC));
	say("peer's family %d length %d\n", a.sun_family, len);
	V(fcntl(d, F_GETFD));
	len = sizeof a;
	R(getsockname(d, (struct sockaddr *)&a, &len));
	say("%s %d\n", a.sun_path, len);
	len = sizeof a;
	R(getpeername(c, (struct sockaddr *)&a, &len));
	say("%s %d\n", a.sun_path, len);
	R(write(c, "hi", 2));
	R(read(d, b, 8));
	R(bind_to((int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)), "sock"));
	R(unlink("sock"));
	R(connect_to((int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)), "sock"));
	R(read(l, b, 1));
	R(accept(c, NULL, NULL));
	R(getpeername(l, (struct sockaddr *)&a, &len));
}

CASE(accept_nonblocking)
{
	int l = (int)NEED(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	struct pollfd f = { .fd = l, .events = POLLIN };

	NEED(bind_to(l, "sock"));
	NEED(listen(l, 2));
	R(accept(l, NULL, NULL));
	R(poll(&f, 1, 0));
	int c = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
	R(connect_to(c, "sock"));
	R(poll(&f, 1, 0));
	/* Written before it was accepted. */
	R(write(c, "early", 5));
	close(c);
	int d = (int)R(accept(l, NULL, NULL));
	char b[8];
	R(read(d, b, 8));
	R(read(d, b, 8));
}

CASE(backlog)
{
	int l = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)), c;

	NEED(bind_to(l, "sock"));
	NEED(listen(l, 1));
	for (int i = 0; i < 4; i++) {
		c = (int)NEED(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
		R(connect_to(c, "sock"));
	}
	close(l);
	c = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
	R(connect_to(c, "sock"));
}

CASE(server_process)
{
	int l = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
	char b[64] = "";

	NEED(bind_to(l, "sock"));
	NEED(listen(l, 5));
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 3; i++) {
			int d = (int)NEED(accept(l, NULL, NULL));
			ssize_t n = read(d, b, sizeof b);
			for (ssize_t j = 0; j < n; j++)
				b[j] ^= 0x20;
			NEED(write(d, b, n));
			close(d);
		}
		_exit(0);
	}
	for (int i = 0; i < 3; i++) {
		int c = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
		NEED(connect_to(c, "sock"));
		NEED(write(c, "hello", 5));
		NEED(read(c, b, sizeof b));
		say("%s\n", b);
		close(c);
	}
	reap("server", pid);
}

CASE(abstract_names)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX }, got;
	socklen_t len = sizeof got;
	int l = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)),
	    c = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));

	snprintf(a.sun_path + 1, 60, "conformance-%d", getpid());
	socklen_t n =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a.sun_path + 1));
	R(bind(l, (struct sockaddr *)&a, n));
	R(listen(l, 1));
	R(connect(c, (struct sockaddr *)&a, n - 1));
	R(connect(c, (struct sockaddr *)&a, n));
	R(getsockname(l, (struct sockaddr *)&got, &len));
	V(len == n && memcmp(&a, &got, n) == 0);
	R(bind((int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&a, n));
	close(l);
	R(bind((int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&a, n));
	/* Autobind: five hexadecimal digits. */
	int d = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0));
	R(bind(d, (struct sockaddr *)&a, sizeof(sa_family_t)));
	len = sizeof got;
	R(getsockname(d, (struct sockaddr *)&got, &len));
	V(len);
	R(bind(d, (struct sockaddr *)&a, n));
}

CASE(address_errors)
{
	struct sockaddr_un a = name_of("x");
	int fd = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
	char longest[108];

	R(bind(fd, (struct sockaddr *)&a, 1));
	R(bind(fd, (struct sockaddr *)&a, sizeof a + 1));
	a.sun_family = AF_INET;
	R(bind(fd, (struct sockaddr *)&a, sizeof a));
	R(connect(fd, (struct sockaddr *)&a, sizeof a));
	R(bind_to(fd, "missing/x"));
	put_file("file", "");
	R(connect_to(fd, "file"));
	R(bind_to(fd, "file"));
	memset(longest, 'l', 107);
	longest[107] = 0;
	R(bind_to(fd, longest));
	R(bind_to(fd, "again"));
}

CASE(datagram_names)
{
	struct sockaddr_un a;
	socklen_t len = sizeof a;
	char b[8] = "";
	int x = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0)),
	    y = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0));

	NEED(bind_to(x, "x"));
	NEED(bind_to(y, "y"));
	a = name_of("y");
	R(sendto(x, "hello", 5, 0, (struct sockaddr *)&a, sizeof a));
	R(recvfrom(y, b, 8, 0, (struct sockaddr *)&a, &len));
	say("%s from %s, length %d\n", b, a.sun_path, len);
	R(send(x, "x", 1, 0));
	R(connect_to(x, "y"));
	R(send(x, "x", 1, 0));
	a = name_of("missing");
	R(sendto(x, "x", 1, 0, (struct sockaddr *)&a, sizeof a));
	/* A connected datagram socket takes from its peer only. */
	NEED(connect_to(y, "y2") == -1);
	int z = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0));
	NEED(bind_to(z, "z"));
	R(connect_to(y, "x"));
	a = name_of("y");
	R(sendto(z, "x", 1, 0, (struct sockaddr *)&a, sizeof a));
	R(connect_to((int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)), "y"));
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	R(connect(x, &none, sizeof none));
	R(send(x, "x", 1, 0));
}

static ssize_t send_fds(int sock, const int *fds, int n, const char *data, size_t len)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(16 * sizeof(int))];
	} c;
	struct iovec v = { (void *)(uintptr_t)data, len };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = &c,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	memset(&c, 0, sizeof c);
	c.h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&c.h), fds, n * sizeof(int));
	return sendmsg(sock, &m, 0);
}

static int receive_fds(int sock, int *fds, size_t room, int flags)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(16 * sizeof(int))];
	} c;
	char b[16];
	struct iovec v = { b, sizeof b };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = room
	};
	ssize_t n = recvmsg(sock, &m, flags);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int got = h ? (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;

	say("received %zd bytes, flags %x, %d descriptors\n", n, m.msg_flags, got);
	if (h)
		memcpy(fds, CMSG_DATA(h), got * sizeof(int));
	return got;
}

CASE(scm_rights)
{
	int p[2], got[16];
	char b[8] = "";

	pair(SOCK_STREAM);
	NEED(pipe(p));
	NEED(write(p[1], "passed", 6));
	R(send_fds(s[0], p, 2, "x", 1));
	close(p[0]);
	close(p[1]);
	receive_fds(s[1], got, sizeof got, 0);
	say("%d %d\n", got[0], got[1]);
	R(read(got[0], b, 8));
	say("%s\n", b);
	R(fcntl(got[0], F_GETFD));
	R(send_fds(s[0], got, 1, "y", 1));
	receive_fds(s[1], got, sizeof got, MSG_CMSG_CLOEXEC);
	R(fcntl(got[0], F_GETFD));
}

struct sender {
	int fd;
	_Atomic pid_t tid;
	ssize_t sent;
};

static void *send_one(void *arg)
{
	struct sender *w = arg;

	w->tid = gettid();
	w->sent = send_fds(s[0], &w->fd, 1, "x", 1);
	return NULL;
}

/* Reads until descriptors come: one of them, or -1. */
static int receive_until_fd(int sock)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c;
	char b[4096];
	int fd;

	for (;;) {
		struct iovec v = { b, sizeof b };
		struct msghdr m = { .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = &c,
				    .msg_controllen = sizeof c };
		if (recvmsg(sock, &m, 0) <= 0)
			return -1;
		if (!CMSG_FIRSTHDR(&m))
			continue;
		memcpy(&fd, CMSG_DATA(&c.h), sizeof fd);
		return fd;
	}
}

/* A message that waits for room has its descriptors from the start, whatever becomes of them. */
static void close_while_sending(int type)
{
	struct sender w = { .fd = -1 };
	char b[1024] = "";
	pthread_t t;
	int p[2];

	pair(type);
	NEED(pipe(p));
	NEED(write(p[1], "passed", 6));
	while (send(s[0], b, sizeof b, MSG_DONTWAIT) > 0)
		;
	w.fd = p[0];
	NEED(-pthread_create(&t, NULL, send_one, &w));
	while (!w.tid || state_of_thread(w.tid) != 'S')
		sched_yield();
	close(p[0]);
	NEED(open("/dev/null", O_RDONLY));
	for (int looks = 0; looks < 100; looks++)
		state_of_thread(w.tid);
	int got = receive_until_fd(s[1]);
	pthread_join(t, NULL);
	ssize_t n = read(got, b, 8);
	say("sent %zd, read %zd: %.6s\n", w.sent, n, b);
	close(got);
	close(p[0]);
	close(p[1]);
	close(s[0]);
	close(s[1]);
}

CASE(scm_rights_closed)
{
	for (int round = 0; round < 10; round++) {
		close_while_sending(SOCK_DGRAM);
		close_while_sending(SOCK_STREAM);
		close_while_sending(SOCK_SEQPACKET);
	}
}

CASE(scm_rights_to_child)
{
	int p[2], got[16];
	char b[8] = "";

	pair(SOCK_DGRAM);
	pid_t pid = fork();
	if (pid == 0) {
		receive_fds(s[1], got, CMSG_SPACE(64), 0);
		NEED(write(got[0], "child", 5));
		_exit(0);
	}
	NEED(pipe(p));
	NEED(send_fds(s[0], p + 1, 1, "x", 1));
	close(p[1]);
	R(read(p[0], b, 8));
	say("%s\n", b);
	reap("child", pid);
	R(read(p[0], b, 8));
}

CASE(scm_rights_truncated)
{
	int fds[4] = { 0, 1, 2, 0 }, got[16];

	pair(SOCK_STREAM);
	NEED(send_fds(s[0], fds, 4, "x", 1));
	V(receive_fds(s[1], got, CMSG_LEN(2 * sizeof(int)), 0));
	R(dup(0));
	NEED(send_fds(s[0], fds, 2, "x", 1));
	V(receive_fds(s[1], got, 0, 0));
	R(dup(0));
	fds[1] = 99;
	R(send_fds(s[0], fds, 2, "x", 1));
	fds[1] = -1;
	R(send_fds(s[0], fds, 2, "x", 1));
}

CASE(scm_rights_bounds_messages)
{
	int got[16], zero = 0;
	char b[16];

	/* A stream read does not go past the message that carries descriptors. */
	pair(SOCK_STREAM);
	NEED(write(s[0], "ab", 2));
	NEED(send_fds(s[0], &zero, 1, "cd", 2));
	NEED(write(s[0], "ef", 2));
	receive_fds(s[1], got, CMSG_SPACE(64), 0);
	receive_fds(s[1], got, CMSG_SPACE(64), 0);
	R(recv(s[1], b, 16, MSG_DONTWAIT));
	/* read(2) throws them away. */
	NEED(send_fds(s[0], &zero, 1, "gh", 2));
	R(read(s[1], b, 16));
	R(dup(0));
}

/* A socket that holds the only reference to itself is collected. */
CASE(scm_rights_cycle)
{
	for (int i = 0; i < 50; i++) {
		pair(SOCK_STREAM);
		NEED(send_fds(s[0], s, 2, "x", 1));
		close(s[0]);
		close(s[1]);
	}
	R(dup(0));
}

/* Sockets that hold each other, and files of all kinds with them, when everything ends. */
CASE(scm_rights_cycle_at_end)
{
	int fds[6];

	pair(SOCK_STREAM);
	fds[0] = s[0];
	fds[1] = s[1];
	fds[2] = (int)NEED(open("file", O_RDWR | O_CREAT, 0644));
	fds[3] = (int)NEED(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	fds[4] = (int)NEED(epoll_create1(0));
	fds[5] = (int)NEED(memfd_create("memory", 0));
	R(send_fds(s[0], fds, 6, "x", 1));
	R(send_fds(s[1], fds, 6, "x", 1));
}

CASE(scm_credentials)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} c;
	char b[4];
	struct iovec v = { b, 4 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c
	};
	struct ucred u;
	int on = 1;

	pair(SOCK_STREAM);
	R(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	pid_t pid = fork();
	if (pid == 0)
		_exit(write(s[0], "x", 1) != 1);
	R(recvmsg(s[1], &m, 0));
	say("level %d type %d\n", c.h.cmsg_level == SOL_SOCKET, c.h.cmsg_type == SCM_CREDENTIALS);
	memcpy(&u, CMSG_DATA(&c.h), sizeof u);
	say("pid %d uid %d gid %d\n", u.pid == pid, u.uid, u.gid);
	reap("child", pid);
}

/* What goes with the end of a connection, where credentials are asked for. */
CASE(credentials_at_end)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };
	int on = 1;

	for (int i = 0; i < 3; i++) {
		union {
			struct cmsghdr h;
			char room[CMSG_SPACE(sizeof(struct ucred))];
		} c;
		char b[4];
		struct iovec v = { b, 4 };
		struct msghdr m = { .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = &c,
				    .msg_controllen = sizeof c };
		struct ucred u;

		pair(types[i]);
		NEED(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
		NEED(shutdown(s[1], SHUT_RD));
		R(recvmsg(s[1], &m, 0));
		say("type %d control %zu flags %x\n", types[i], m.msg_controllen, m.msg_flags);
		memcpy(&u, CMSG_DATA(&c.h), sizeof u);
		if (m.msg_controllen)
			say("pid %d uid %d gid %d\n", u.pid, u.uid, u.gid);
		m.msg_control = NULL;
		m.msg_controllen = 0;
		R(recvmsg(s[1], &m, 0));
		X(m.msg_flags);
	}
}

/* A receive that waits for all of it, in a thread of its own. */
struct receiving {
	_Atomic pid_t tid;
	ssize_t n;
	struct msghdr m;
	struct sockaddr_un name;
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	char b[8];
};

static void *receive_all(void *arg)
{
	struct receiving *r = arg;
	struct iovec v = { r->b, sizeof r->b };

	r->m = (struct msghdr){ .msg_name = &r->name,
				.msg_namelen = sizeof r->name,
				.msg_iov = &v,
				.msg_iovlen = 1,
				.msg_control = &r->control,
				.msg_controllen = sizeof r->control };
	r->tid = gettid();
	r->n = recvmsg(s[1], &r->m, MSG_WAITALL);
	return NULL;
}

static pid_t send_from_child(const char *text)
{
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0)
		_exit(write(s[0], text, strlen(text)) != (ssize_t)strlen(text));
	NEED(waitpid(pid, NULL, 0));
	return pid;
}

/* Half of it has been received, and the thread sleeps. */
static void until_half_is_there(struct receiving *r)
{
	int left = 1;

	while (left || !r->tid || state_of_thread(r->tid) != 'S') {
		NEED(ioctl(s[1], FIONREAD, &left));
		sched_yield();
	}
	for (int looks = 0; looks < 100; looks++)
		state_of_thread(r->tid);
}

static void connect_named(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "server" },
			   b = { .sun_family = AF_UNIX, .sun_path = "client" };
	int on = 1, l = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));

	s[0] = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
	NEED(bind(l, (void *)&a, sizeof a));
	NEED(listen(l, 1));
	NEED(bind(s[0], (void *)&b, sizeof b));
	NEED(connect(s[0], (void *)&a, sizeof a));
	s[1] = (int)NEED(accept(l, NULL, NULL));
	NEED(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	close(l);
	NEED(unlink("server"));
	NEED(unlink("client"));
}

static void say_received(struct receiving *r, pid_t sender)
{
	struct ucred u;

	memcpy(&u, CMSG_DATA(&r->control.h), sizeof u);
	say("%zd bytes, name %u %s, control %zu of the sender: %d, flags %x\n", r->n,
	    r->m.msg_namelen, r->name.sun_path, r->m.msg_controllen, u.pid == sender,
	    r->m.msg_flags);
}

/* What came first says whom it is from, and ends before what another one sent. */
CASE(all_of_two_senders)
{
	for (int round = 0; round < 10; round++) {
		struct receiving r = { 0 };
		pthread_t t;
		char rest[8];

		connect_named();
		pid_t first = send_from_child("abcd");
		NEED(-pthread_create(&t, NULL, receive_all, &r));
		until_half_is_there(&r);
		send_from_child("efgh");
		pthread_join(t, NULL);
		say_received(&r, first);
		R(recv(s[1], rest, sizeof rest, MSG_DONTWAIT));
		close(s[0]);
		close(s[1]);
	}
}

/* And so it does when nothing follows. */
CASE(all_of_one_who_leaves)
{
	for (int round = 0; round < 10; round++) {
		struct receiving r = { 0 };
		pthread_t t;

		connect_named();
		pid_t first = send_from_child("abcd");
		NEED(-pthread_create(&t, NULL, receive_all, &r));
		until_half_is_there(&r);
		close(s[0]);
		pthread_join(t, NULL);
		say_received(&r, first);
		close(s[1]);
	}
}

/* And when an error does. */
CASE(all_within_time)
{
	for (int round = 0; round < 3; round++) {
		struct timeval patience = { .tv_usec = 200000 };
		struct receiving r = { 0 };

		connect_named();
		NEED(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
		pid_t first = send_from_child("abcd");
		receive_all(&r);
		say_received(&r, first);
		close(s[0]);
		close(s[1]);
	}
}

CASE(peer_credentials)
{
	struct ucred u = { 0 };
	socklen_t len = sizeof u;

	pair(SOCK_STREAM);
	R(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, &len));
	say("own pid %d uid %d gid %d\n", u.pid == getpid(), u.uid, u.gid);
}

CASE(options)
{
	static const int opts[] = { SO_TYPE,       SO_DOMAIN,   SO_PROTOCOL, SO_ERROR,
				    SO_ACCEPTCONN, SO_PASSCRED, SO_RCVLOWAT };
	int v;
	socklen_t len;

	pair(SOCK_STREAM);
	for (size_t i = 0; i < sizeof opts / sizeof *opts; i++) {
		v = -1;
		len = sizeof v;
		int r = getsockopt(s[0], SOL_SOCKET, opts[i], &v, &len);
		say("option %d: %d value %d length %d\n", opts[i], r, v, len);
	}
	v = 10000;
	R(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof v));
	len = sizeof v;
	R(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, &len));
	V(v);
	R(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, 2));
	R(getsockopt(s[0], SOL_SOCKET, 9999, &v, &len));
	R(setsockopt(s[0], SOL_SOCKET, 9999, &v, sizeof v));
	R(getsockopt(s[0], 77, SO_TYPE, &v, &len));
	len = 2;
	R(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, &len));
	V(len);
}

CASE(receive_timeout)
{
	struct timeval tv = { 0, 20000 };
	char b;

	pair(SOCK_STREAM);
	R(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
	R(read(s[0], &b, 1));
}

CASE(nonblocking_full)
{
	static char buf[1 << 20];
	int n = 0;

	pair(SOCK_STREAM);
	ssize_t a = send(s[0], buf, sizeof buf, MSG_DONTWAIT);
	V(a > 0 && a < (ssize_t)sizeof buf);
	R(send(s[0], buf, sizeof buf, MSG_DONTWAIT) == -1);
	R(ioctl(s[1], FIONREAD, &n));
	V(n == a);
	struct pollfd f = { .fd = s[0], .events = POLLOUT };
	R(poll(&f, 1, 0));
	while (recv(s[1], buf, sizeof buf, MSG_DONTWAIT) > 0)
		;
	R(poll(&f, 1, 0));
}

CASE(message_vectors)
{
	char a[2], b[8] = "";
	struct iovec out[] = { { (void *)(uintptr_t) "ab", 2 },
			       { NULL, 0 },
			       { (void *)(uintptr_t) "cdef", 4 } };
	struct iovec in[] = { { a, 2 }, { b, 8 } };
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 3 },
		      n = { .msg_iov = in, .msg_iovlen = 2 };
	struct mmsghdr many[3];

	pair(SOCK_DGRAM);
	R(sendmsg(s[0], &m, 0));
	R(recvmsg(s[1], &n, 0));
	say("%.2s %s flags %x\n", a, b, n.msg_flags);
	for (int i = 0; i < 3; i++)
		many[i].msg_hdr = m;
	R(sendmmsg(s[0], many, 3, 0));
	V(many[2].msg_len);
	for (int i = 0; i < 3; i++)
		many[i].msg_hdr = n;
	R(recvmmsg(s[1], many, 3, MSG_DONTWAIT, NULL));
	V(many[2].msg_len);
	m.msg_iovlen = 2000;
	R(sendmsg(s[0], &m, 0));
}

CASE(large_stream)
{
	static char buf[100000];
	size_t sum = 0;
	ssize_t n;
	long bad = 0;

	pair(SOCK_STREAM);
	pid_t pid = fork();
	if (pid == 0) {
		close(s[1]);
		for (int i = 0; i < 10; i++) {
			memset(buf, 'a' + i, sizeof buf);
			if (write(s[0], buf, sizeof buf) != sizeof buf)
				_exit(1);
		}
		_exit(0);
	}
	close(s[0]);
	while ((n = read(s[1], buf, sizeof buf)) > 0)
		for (ssize_t i = 0; i < n; i++, sum++)
			bad += buf[i] != (char)('a' + sum / 100000);
	V(sum);
	V(bad);
	reap("writer", pid);
}

CASE(inherited_by_exec)
{
	char role[] = "role:answers", *argv[] = { case_self, role, NULL }, b[8] = "";

	pair(SOCK_STREAM);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(s[1], 0);
		close(s[0]);
		execv(case_self, argv);
		_exit(1);
	}
	close(s[1]);
	R(write(s[0], "ping", 4));
	R(read(s[0], b, 8));
	say("%s\n", b);
	reap("child", pid);
}

ROLE(answers)
{
	char b[8] = "";

	NEED(read(0, b, 8));
	NEED(write(0, "pong", 4));
}

CASE(listener_peercred)
{
	struct sockaddr_un a = { AF_UNIX, "listener" };
	struct ucred c = { 0 };
	socklen_t len = sizeof c;
	int l = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));

	NEED(bind(l, (struct sockaddr *)&a, sizeof a));
	NEED(getsockopt(l, SOL_SOCKET, SO_PEERCRED, &c, &len));
	V(c.pid);
	NEED(listen(l, 1));
	NEED(getsockopt(l, SOL_SOCKET, SO_PEERCRED, &c, &len));
	V(c.pid == getpid());
}

/* Sends "one" with `n` descriptors, then "two". */
static void send_rights(int n)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { (char[]){ "one" }, 3 };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *cm = (struct cmsghdr *)control;

	h.msg_controllen = CMSG_SPACE(n * sizeof(int));
	*cm = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(n * sizeof(int)) };
	memcpy(CMSG_DATA(cm), &(int){ STDIN_FILENO }, n * sizeof(int));
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	NEED(sendmsg(s[0], &h, 0));
	NEED(send(s[0], "two", 3, 0));
}

CASE(no_descriptors)
{
	char b[16];

	send_rights(0);
	R(recv(s[1], b, sizeof b, 0));
}

static void say_peek(const char *what, size_t n, int flags)
{
	char b[16] = "";
	ssize_t r = recv(s[1], b, n, flags | MSG_DONTWAIT);
	int off = -7;
	socklen_t len = sizeof off;

	NEED(getsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len));
	say("%s: %zd %s '%.*s', then at %d\n", what, r, r < 0 ? strerrorname_np(errno) : "",
	    r > 0 ? (int)(r < (ssize_t)n ? r : (ssize_t)n) : 0, b, off);
}

CASE(offsets_of_peeks)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int zero = 0, two = 2;

	for (size_t i = 0; i < 3; i++) {
		say("type %d\n", types[i]);
		pair(types[i]);
		say_peek("before", 4, MSG_PEEK);
		R(setsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof zero));
		say_peek("nothing there", 4, MSG_PEEK);
		NEED(send(s[0], "first", 5, 0));
		NEED(types[i] == SOCK_DGRAM ? send(s[0], "", 0, 0) : 0);
		NEED(send(s[0], "third one", 9, 0));
		for (int n = 0; n < 7; n++)
			say_peek("peek", 3, MSG_PEEK);
		say_peek("read", 2, 0);
		say_peek("peek", 4, MSG_PEEK);
		R(setsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &two, sizeof two));
		say_peek("whole length", 3, MSG_PEEK | MSG_TRUNC);
		say_peek("read", 9, 0);
		say_peek("peek", 9, MSG_PEEK);
		say_peek("read", 9, 0);
		close(s[0]);
		say_peek("at the end", 9, MSG_PEEK);
		close(s[1]);
	}
}

/* A peek beyond what is there waits for more. */
CASE(peek_past_the_end)
{
	char b[8] = "";
	int three = 3;

	pair(SOCK_STREAM);
	NEED(send(s[0], "abc", 3, 0));
	NEED(setsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &three, sizeof three));
	pid_t pid = (pid_t)NEED(fork());
	if (!pid) {
		NEED(recv(s[1], b, sizeof b, MSG_PEEK));
		say("%.3s\n", b);
		_exit(0);
	}
	NEED(send(s[0], "def", 3, 0));
	NEED(waitpid(pid, NULL, 0));
}

CASE(descriptors_without_data)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, b[16];
	struct msghdr h = { .msg_control = control, .msg_controllen = sizeof control };

	send_rights(1);
	R(recvmsg(s[1], &h, 0));
	V(h.msg_controllen);
	X(h.msg_flags);
	R(recv(s[1], b, sizeof b, 0));
	NEED(send(s[0], "x", 1, 0));
	R(recv(s[1], b, 0, 0));
	R(read(s[1], b, 0));
}

/* What a message says of the time it was sent: which kind, and that it is about now. */
static void say_time(int fd)
{
	char control[256], b[16];
	struct iovec v = { b, sizeof b };
	struct msghdr h = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };

	R(recvmsg(fd, &h, 0));
	X(h.msg_flags);
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(&h); cm; cm = CMSG_NXTHDR(&h, cm)) {
		struct timespec when;
		memcpy(&when, CMSG_DATA(cm), sizeof when);
		say("  type %d, %zu bytes, %d\n", cm->cmsg_type, cm->cmsg_len,
		    cm->cmsg_type != SCM_RIGHTS && labs(time(NULL) - when.tv_sec) < 5);
	}
}

static void timestamps(int type)
{
	static const int kinds[] = { SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMP_NEW };
	int on = 1, off = 0, got;
	socklen_t len = sizeof got;

	NEED(socketpair(AF_UNIX, type, 0, s));
	NEED(send(s[0], "before", 6, 0));
	for (int i = 0; i < 3; i++) {
		R(setsockopt(s[1], SOL_SOCKET, kinds[i], &on, sizeof on));
		for (int k = 0; k < 3; k++) {
			NEED(getsockopt(s[1], SOL_SOCKET, kinds[k], &got, &len));
			V(got);
		}
		NEED(send(s[0], "after", 5, 0));
		say_time(s[1]);
	}
	say_time(s[1]);
	struct msghdr bare = { 0 };
	NEED(send(s[0], "x", 1, 0));
	R(recvmsg(s[1], &bare, 0));
	X(bare.msg_flags);
	R(setsockopt(s[1], SOL_SOCKET, SO_TIMESTAMP, &off, sizeof off));
	NEED(send(s[0], "off", 3, 0));
	say_time(s[1]);
}

CASE(timestamps)
{
	timestamps(SOCK_DGRAM);
	timestamps(SOCK_SEQPACKET);
	/* A stream has no messages. */
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	R(setsockopt(s[1], SOL_SOCKET, SO_TIMESTAMP, &(int){ 1 }, sizeof(int)));
	NEED(send(s[0], "x", 1, 0));
	say_time(s[1]);
}

/* ---- several readers of one end, whose buffers are not mapped yet ---- */

#define READERS      4
#define ROUNDS       300
#define STREAM_BYTES (4 << 20)

static int shared_end[2];
static _Atomic unsigned seen[ROUNDS];
static _Atomic size_t stream_got;
static _Atomic unsigned torn;

static size_t length_of(unsigned round)
{
	return sizeof round + round * 97 % 30000;
}

static void check_datagram(const unsigned char *buf, size_t n)
{
	unsigned round;

	memcpy(&round, buf, sizeof round);
	bool whole = round < ROUNDS && n == length_of(round);
	for (size_t i = sizeof round; whole && i < n; i++)
		whole = buf[i] == (unsigned char)(round + i);
	torn += !whole;
	if (whole)
		seen[round]++;
}

/* What one read gives is in one piece, whatever others read meanwhile. */
static void check_stream(const unsigned char *buf, size_t n)
{
	for (size_t i = 1; i < n; i++)
		torn += buf[i] != (buf[i - 1] + 1) % 251;
	stream_got += n;
}

static void *reads_into_fresh_memory(void *arg)
{
	void (*check)(const unsigned char *, size_t) = arg;
	ssize_t n;

	do {
		unsigned char *buf =
		    mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		NEED(buf == MAP_FAILED ? -1 : 0);
		(void)!recv(shared_end[0], buf + 32768, 100, MSG_PEEK | MSG_DONTWAIT);
		n = recv(shared_end[0], buf, 65536, 0);
		if (n > 0)
			check(buf, (size_t)n);
		NEED(munmap(buf, 65536));
	} while (n > 0);
	return NULL;
}

static void readers_run(pthread_t *readers, void (*check)(const unsigned char *, size_t))
{
	for (int i = 0; i < READERS; i++)
		MUST(pthread_create(&readers[i], NULL, reads_into_fresh_memory, check));
}

static void readers_join(pthread_t *readers)
{
	for (int i = 0; i < READERS; i++)
		MUST(pthread_join(readers[i], NULL));
	V(torn);
}

CASE(readers_of_datagrams)
{
	static unsigned char message[65536];
	pthread_t readers[READERS];
	unsigned once = 0;

	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, shared_end));
	readers_run(readers, check_datagram);
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t n = length_of(round);
		for (size_t i = 0; i < n; i++)
			message[i] = (unsigned char)(round + i);
		memcpy(message, &round, sizeof round);
		NEED(send(shared_end[1], message, n, 0));
	}
	for (int i = 0; i < READERS; i++)
		NEED(send(shared_end[1], "", 0, 0));
	readers_join(readers);
	for (int i = 0; i < ROUNDS; i++)
		once += seen[i] == 1;
	V(once == ROUNDS);
}

CASE(readers_of_stream)
{
	static unsigned char bytes[251 * 100];
	pthread_t readers[READERS];
	size_t sent = 0;

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, shared_end));
	readers_run(readers, check_stream);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i % 251);
	while (sent < STREAM_BYTES) {
		NEED(send(shared_end[1], bytes, sizeof bytes, 0));
		sent += sizeof bytes;
	}
	NEED(close(shared_end[1]));
	readers_join(readers);
	V(stream_got == sent);
}

/* Which error comes first where several things are wrong with a datagram: its memory, its length,
 * its name, its peer. */
CASE(errors_of_datagrams_in_order)
{
	static char much[1 << 20];
	void *const bad[] = { much, (void *)8 };
	int bound = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0)),
	    alone = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0)),
	    stream = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)), on = 1;
	struct sockaddr_un there = name_of("here"), nowhere = name_of("nowhere"),
			   other = name_of("stream"), odd = { .sun_family = AF_INET };
	const struct {
		const char *what;
		const struct sockaddr_un *name;
		socklen_t len;
	} names[] = { { "there", &there, sizeof there },
		      { "nowhere", &nowhere, sizeof nowhere },
		      { "a stream's", &other, sizeof other },
		      { "of another family", &odd, sizeof odd },
		      { "short", &there, 1 } };

	NEED(bind_to(bound, "here"));
	NEED(bind_to(stream, "stream"));
	for (int pass = 0; pass <= 1; pass++) {
		if (pass)
			NEED(setsockopt(alone, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
		for (size_t n = 0; n < sizeof names / sizeof *names; n++)
			for (size_t m = 0; m < 2; m++) {
				say("%s, memory %zu\n", names[n].what, m);
				R(sendto(alone, bad[m], 4, MSG_DONTWAIT,
					 (const struct sockaddr *)names[n].name, names[n].len));
				R(sendto(alone, bad[m], sizeof much, MSG_DONTWAIT,
					 (const struct sockaddr *)names[n].name, names[n].len));
			}
	}
	NEED(shutdown(alone, SHUT_WR));
	R(sendto(alone, bad[1], 4, MSG_DONTWAIT, (struct sockaddr *)&nowhere, sizeof nowhere));
	/* one that is connected to nobody any more */
	pair(SOCK_DGRAM);
	close(s[1]);
	R(send(s[0], bad[1], 4, MSG_NOSIGNAL));
	R(send(s[0], bad[0], 4, MSG_NOSIGNAL));
	R(send(s[0], bad[1], 4, MSG_NOSIGNAL));
	pair(SOCK_SEQPACKET);
	close(s[1]);
	R(send(s[0], bad[1], 4, MSG_NOSIGNAL));
	R(send(s[0], bad[0], 4, MSG_NOSIGNAL));
}
