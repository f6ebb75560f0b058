/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and UDP over the loopback interface (tcp(7), udp(7), ip(7)); ports are the kernel's
 * choice. */
#include "case.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* A socket bound to a port of its own, whose address is written to *a. */
static int bound(int type, struct sockaddr_in *a)
{
	socklen_t len = sizeof *a;
	int s = (int)NEED(socket(AF_INET, type, 0));

	*a = loopback(0);
	NEED(bind(s, (struct sockaddr *)a, len));
	NEED(getsockname(s, (struct sockaddr *)a, &len));
	return s;
}

static int connect_to(int s, const struct sockaddr_in *a)
{
	return connect(s, (const struct sockaddr *)a, sizeof *a);
}

/* A connection: p[0] the client's end, p[1] the server's. */
static void tcp_pair(int p[2])
{
	struct sockaddr_in a;
	int l = bound(SOCK_STREAM, &a);

	NEED(listen(l, 1));
	p[0] = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));
	NEED(connect_to(p[0], &a));
	p[1] = (int)NEED(accept(l, NULL, NULL));
	close(l);
}

/* Two datagram sockets, connected to each other. */
static void udp_pair(int p[2])
{
	struct sockaddr_in a, b;

	p[0] = bound(SOCK_DGRAM, &a);
	p[1] = bound(SOCK_DGRAM, &b);
	NEED(connect_to(p[0], &b));
	NEED(connect_to(p[1], &a));
}

static void readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	NEED(poll(&p, 1, -1));
}

/* A page that may be used, and one behind it that may not. */
static char *half_bad(size_t good)
{
	char *m =
	    mmap(NULL, good + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(m == MAP_FAILED ? -1 : 0);
	NEED(mprotect(m + good, 4096, PROT_NONE));
	return m;
}

static long cpu_ms(void)
{
	struct rusage r;

	NEED(getrusage(RUSAGE_SELF, &r));
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 +
	       (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

CASE(udp_recv_after_shutdown)
{
	char b[8];
	int p[2];

	udp_pair(p);
	R(send(p[1], "last", 4, 0));
	readable(p[0]);
	R(shutdown(p[0], SHUT_RD));
	R(recv(p[0], b, sizeof b, 0));
	R(recv(p[0], b, sizeof b, 0));
	R(recv(p[0], b, sizeof b, MSG_DONTWAIT));
	R(read(p[0], b, sizeof b));
}

static void *shut_down(void *fd)
{
	usleep(50000); /* whether the reader sleeps already or not, it has to end */
	R(shutdown(*(int *)fd, SHUT_RD));
	return NULL;
}

CASE(udp_shutdown_ends_a_wait)
{
	struct sockaddr_in a;
	int s = bound(SOCK_DGRAM, &a);
	pthread_t t;
	char b[8];

	MUST(pthread_create(&t, NULL, shut_down, &s));
	long n = recv(s, b, sizeof b, 0);
	MUST(pthread_join(t, NULL));
	V(n);
}

/* An error queue nobody reads makes the socket "ready" for ever; a call that waits for data sleeps
 * all the same. */
CASE(wait_beside_unread_errors)
{
	struct timeval tv = { .tv_usec = 500000 };
	struct sockaddr_in closed;
	int on = 1, s = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
	char b[8];

	close(bound(SOCK_DGRAM, &closed));
	NEED(setsockopt(s, IPPROTO_IP, IP_RECVERR, &on, sizeof on));
	NEED(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
	NEED(connect_to(s, &closed));
	R(send(s, "x", 1, 0));
	/* the answer may come later */
	NEED(poll(&(struct pollfd){ .fd = s }, 1, -1));
	R(recv(s, b, sizeof b, 0));
	long before = cpu_ms();
	R(recv(s, b, sizeof b, 0));
	V(cpu_ms() - before < 250);
	R(recv(s, b, sizeof b, MSG_ERRQUEUE));
}

/* The same where a peek starts behind what is there. */
CASE(peek_past_the_end)
{
	struct timeval tv = { .tv_usec = 500000 };
	int p[2], off = 0;
	char b[8];

	udp_pair(p);
	NEED(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
	NEED(setsockopt(p[0], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off));
	R(send(p[1], "four", 4, 0));
	R(recv(p[0], b, sizeof b, MSG_PEEK));
	long before = cpu_ms();
	R(recv(p[0], b, sizeof b, MSG_PEEK));
	V(cpu_ms() - before < 250);
	R(recv(p[0], b, sizeof b, 0));
}

CASE(connect_after_refusal)
{
	struct sockaddr_in a;
	int l = bound(SOCK_STREAM, &a), s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));

	R(connect_to(s, &a));
	R(connect_to(s, &a));
	NEED(listen(l, 1));
	R(connect_to(s, &a));
	R(connect_to(s, &a));
	R(connect_to(s, &a));
}

CASE(connect_without_waiting)
{
	struct sockaddr_in a;
	int l = bound(SOCK_STREAM, &a),
	    s = (int)NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)), err = -1;
	struct pollfd p = { .fd = s, .events = POLLOUT };
	socklen_t len = sizeof err;

	R(connect_to(s, &a));
	NEED(poll(&p, 1, -1));
	R(connect_to(s, &a));
	NEED(listen(l, 1));
	R(connect_to(s, &a));
	NEED(poll(&p, 1, -1));
	R(getsockopt(s, SOL_SOCKET, SO_ERROR, &err, &len));
	V(err);
	R(connect_to(s, &a));
	R(connect_to(s, &a));
}

/* ---- a close that lingers ---- */

static struct sockaddr_in linger_address;
static int linger_about[2];

static void note(int sig)
{
	(void)sig;
}

/* Fills a connection that lingers, whose other end reads nothing yet; tells how much that is. */
static int fill_lingering(void)
{
	struct linger on = { .l_onoff = 1, .l_linger = 1000 };
	static char data[65536];
	size_t total = 0;
	ssize_t n;

	int s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));
	handle(SIGUSR1, note, SA_RESTART);
	NEED(connect_to(s, &linger_address));
	NEED(setsockopt(s, SOL_SOCKET, SO_LINGER, &on, sizeof on));
	while ((n = send(s, data, sizeof data, MSG_DONTWAIT)) > 0)
		total += (size_t)n;
	NEED(write(linger_about[1], &total, sizeof total));
	return s;
}

static int close_lingering(void *arg)
{
	(void)arg;
	return close(fill_lingering());
}

static int exit_lingering(void *arg)
{
	(void)arg;
	return fill_lingering() < 0;
}

/* A child at one end of a connection, the other end, and how much is in between. */
static int start_lingering(int (*fn)(void *), pid_t *pid, size_t *total)
{
	int l = bound(SOCK_STREAM, &linger_address);

	NEED(listen(l, 1));
	NEED(pipe(linger_about));
	*pid = child(fn, NULL);
	NEED(read(linger_about[0], total, sizeof *total));
	return (int)NEED(accept(l, NULL, NULL));
}

static void until_sleeps(pid_t pid)
{
	char path[64], line[512], *state;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	do {
		int fd = (int)NEED(open(path, O_RDONLY));
		ssize_t n = NEED(read(fd, line, sizeof line - 1));
		close(fd);
		line[n] = 0;
		state = strrchr(line, ')');
	} while (state[2] != 'S');
}

CASE(close_lingers_until_signal)
{
	size_t total;
	pid_t pid;

	start_lingering(close_lingering, &pid, &total);
	until_sleeps(pid);
	NEED(kill(pid, SIGUSR1));
	reap("closed", pid);
}

CASE(close_lingers_until_read)
{
	char buf[65536];
	size_t total;
	ssize_t n;
	pid_t pid;

	int s = start_lingering(close_lingering, &pid, &total);
	until_sleeps(pid);
	while ((n = NEED(read(s, buf, sizeof buf))) > 0)
		total -= (size_t)n;
	V(total);
	reap("closed", pid);
}

/* The end of a process does not wait. */
CASE(exit_does_not_linger)
{
	size_t total;
	pid_t pid;

	start_lingering(exit_lingering, &pid, &total);
	reap("ended", pid);
}

/* What a client that gave up had as its address is still known. */
CASE(accept_after_reset)
{
	struct sockaddr_in a, of, from = { 0 };
	struct linger hard = { .l_onoff = 1 };
	socklen_t len = sizeof of;
	int l = bound(SOCK_STREAM, &a), c = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));

	NEED(listen(l, 1));
	NEED(connect_to(c, &a));
	NEED(getsockname(c, (struct sockaddr *)&of, &len));
	NEED(setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof hard));
	close(c);
	len = sizeof from;
	int s = accept(l, (struct sockaddr *)&from, &len);
	V(s >= 0);
	V(len);
	V(from.sin_port == of.sin_port);
	/* the reset may come later than the connection */
	NEED(poll(&(struct pollfd){ .fd = s }, 1, -1));
	R(send(s, "x", 1, MSG_NOSIGNAL));
	R(getpeername(s, (struct sockaddr *)&from, &len));
}

CASE(accept_inherits_timeouts)
{
	struct timeval tv = { .tv_sec = 3 }, got = { 0 };
	struct sockaddr_in a;
	socklen_t len = sizeof got;
	int l = bound(SOCK_STREAM, &a), c = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));

	NEED(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
	NEED(listen(l, 1));
	NEED(connect_to(c, &a));
	R(getsockopt(accept(l, NULL, NULL), SOL_SOCKET, SO_RCVTIMEO, &got, &len));
	V(got.tv_sec);
}

CASE(accept_into_a_bad_address)
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	int l = bound(SOCK_STREAM, &a), c = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));

	NEED(listen(l, 1));
	NEED(connect_to(c, &a));
	R(accept(l, (struct sockaddr *)8, &len));
	NEED(fcntl(l, F_SETFL, O_NONBLOCK));
	R(accept(l, NULL, NULL));
}

/* A connection that there is no descriptor for is not lost. */
CASE(accept_without_a_descriptor)
{
	struct sockaddr_in a;
	struct rlimit r;
	char c = 0;
	int l = bound(SOCK_STREAM, &a), s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));

	NEED(listen(l, 1));
	NEED(connect_to(s, &a));
	NEED(getrlimit(RLIMIT_NOFILE, &r));
	rlim_t all = r.rlim_cur;
	r.rlim_cur = (rlim_t)s + 1;
	NEED(setrlimit(RLIMIT_NOFILE, &r));
	R(accept(l, NULL, NULL));
	R(accept(-1, NULL, NULL));
	r.rlim_cur = all;
	NEED(setrlimit(RLIMIT_NOFILE, &r));
	int got = (int)NEED(accept(l, NULL, NULL));
	NEED(write(got, "x", 1));
	R(read(s, &c, 1));
	V(c);
	NEED(fcntl(l, F_SETFL, O_NONBLOCK));
	R(accept(l, NULL, NULL));
	say("next: %d\n", dup(got) - got);
}

CASE(discard)
{
	char b[20] = "..........";
	int p[2];

	tcp_pair(p);
	NEED(send(p[0], "0123456789", 10, 0));
	readable(p[1]);
	R(recv(p[1], NULL, 2, MSG_TRUNC | MSG_PEEK));
	R(recv(p[1], NULL, 3, MSG_TRUNC));
	R(recv(p[1], b, 2, MSG_TRUNC));
	V(b[0]);
	R(recv(p[1], (char *)8, 1, MSG_TRUNC));
	R(recv(p[1], b, 10, 0));
	V(b[0]);
	close(p[0]);
	R(recv(p[1], NULL, 3, MSG_TRUNC));
}

CASE(urgent_data)
{
	struct pollfd pfd = { .events = POLLPRI };
	char b[8];
	int p[2];

	tcp_pair(p);
	pfd.fd = p[1];
	R(recv(p[1], b, 1, MSG_OOB));
	NEED(send(p[0], "ab!", 3, MSG_OOB));
	NEED(poll(&pfd, 1, -1));
	R(recv(p[1], b, 1, MSG_OOB));
	V(b[0]);
	R(recv(p[1], b, 1, MSG_OOB));
	R(recv(p[1], b, 8, 0));
}

CASE(stream_receives_into_bad_memory)
{
	char *m = half_bad(4096);
	int p[2];

	tcp_pair(p);
	R(recv(p[1], (char *)8, 4, MSG_DONTWAIT));
	NEED(send(p[0], "0123456789", 10, 0));
	readable(p[1]);
	R(recv(p[1], (char *)8, 4, 0));
	R(recv(p[1], m + 4092, 8, 0));
	R(recv(p[1], m, 8, 0));
	close(p[0]);
	R(recv(p[1], (char *)8, 4, 0));
}

CASE(datagram_receives_into_bad_memory)
{
	char *m = half_bad(4096);
	struct iovec v[70];
	struct msghdr h = { .msg_iov = v, .msg_iovlen = 70 };
	int p[2];

	udp_pair(p);
	R(recv(p[1], (char *)8, 4, MSG_DONTWAIT));
	NEED(send(p[0], "0123456789", 10, 0));
	R(recv(p[1], m + 4092, 8, 0)); /* it is lost */
	NEED(send(p[0], "012", 3, 0));
	R(recv(p[1], m + 4092, 8, 0)); /* it fits */
	NEED(send(p[0], m, 70, 0));
	for (int i = 0; i < 70; i++)
		v[i] = (struct iovec){ m + 2 * i, 1 };
	R(recvmsg(p[1], &h, 0)); /* more buffers than one host call of a monitor might take */
	X(h.msg_flags);
	R(recv(p[1], m, 8, MSG_DONTWAIT));
}

/* A stream takes memory in pieces of 32 KiB: of one that cannot be read whole nothing goes out. */
CASE(send_from_bad_memory)
{
	static const size_t good[] = { 1, 4096, 20000, 200000 };
	static char sink[1 << 18];
	char *m = half_bad(1 << 18);
	int p[2];

	tcp_pair(p);
	for (int i = 0; i < 4; i++) {
		char *from = m + (1 << 18) - good[i];
		struct iovec v[2] = { { from, good[i] }, { m + (1 << 18), 100 } };
		struct msghdr h = { .msg_iov = v, .msg_iovlen = 2 };
		long n = sendmsg(p[0], &h, 0);
		int err = errno;
		say("%zu good bytes: %s, some sent %d\n", good[i],
		    n < 0 ? strerrorname_np(err) : "ok", n > 65536);
		for (long got = 0; got < n;)
			got += NEED(recv(p[1], sink, sizeof sink, 0));
	}
}

static int bind_low(void *type)
{
	struct sockaddr_in a = loopback(463);
	struct sockaddr_in6 b = { .sin6_family = AF_INET6,
				  .sin6_port = htons(463),
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	NEED(setresuid(65534, 65534, 65534));
	R(bind(socket(AF_INET, *(int *)type, 0), (struct sockaddr *)&a, sizeof a));
	R(bind(socket(AF_INET6, *(int *)type, 0), (struct sockaddr *)&b, sizeof b));
	a.sin_port = 0;
	R(bind(socket(AF_INET, *(int *)type, 0), (struct sockaddr *)&a, sizeof a));
	return 0;
}

CASE(low_ports_are_privileged)
{
	need_root();
	in_child("streams", bind_low, &(int){ SOCK_STREAM });
	in_child("datagrams", bind_low, &(int){ SOCK_DGRAM });
}
