/* SPDX-License-Identifier: Apache-2.0 */
/* epoll(7): level, edge, one-shot, exclusive, nested; descriptors copied and closed. */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include "case.h"

struct epoll_event_packed {
	uint32_t events;
	uint64_t data;
} __attribute__((packed));

static int p[2], ep;

static long epoll_add(int epfd, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event_packed e = { events, data };

	return syscall(SYS_epoll_ctl, epfd, op, fd, &e);
}
#define ADD EPOLL_CTL_ADD
#define MOD EPOLL_CTL_MOD
#define DEL EPOLL_CTL_DEL

static int by_data(const void *a, const void *b)
{
	const struct epoll_event_packed *x = a, *y = b;

	return x->data < y->data ? -1 : x->data > y->data;
}

static void say_ready(const char *what, int epfd, int timeout)
{
	struct epoll_event_packed e[16];
	long n = syscall(SYS_epoll_wait, epfd, e, 16, timeout);

	if (n == -1)
		say("%s: %s\n", what, strerrorname_np(errno));
	else
		say("%s: %ld", what, n);
	if (n > 0)
		qsort(e, n, sizeof *e, by_data);
	for (long i = 0; i < n; i++)
		say(" [%lu %x]", (unsigned long)e[i].data, e[i].events);
	if (n >= 0)
		say("\n");
}

static void start(uint32_t events)
{
	NEED(pipe2(p, O_NONBLOCK));
	ep = (int)NEED(syscall(SYS_epoll_create1, 0));
	NEED(epoll_add(ep, ADD, p[0], events, 7));
}

static void drain(void)
{
	char b[4096];

	while (read(p[0], b, sizeof b) > 0)
		;
}

CASE(create)
{
	V(fcntl((int)R(syscall(SYS_epoll_create1, EPOLL_CLOEXEC)), F_GETFD));
	R(syscall(SYS_epoll_create1, 1));
	R(syscall(SYS_epoll_create, 0));
	R(syscall(SYS_epoll_create, 5));
}

CASE(control_errors)
{
	start(EPOLLIN);
	R(epoll_add(ep, ADD, p[0], EPOLLIN, 0));
	R(epoll_add(ep, MOD, p[1], EPOLLIN, 0));
	R(epoll_add(ep, DEL, p[1], 0, 0));
	R(epoll_add(ep, ADD, 99, EPOLLIN, 0));
	R(epoll_add(99, ADD, p[1], EPOLLIN, 0));
	R(epoll_add(ep, ADD, ep, EPOLLIN, 0));
	R(epoll_add(0, ADD, p[1], EPOLLIN, 0));
	R(epoll_add(ep, 77, p[1], EPOLLIN, 0));
	put_file("f", "");
	R(epoll_add(ep, ADD, (int)NEED(open("f", O_RDONLY)), EPOLLIN, 0));
	R(epoll_add(ep, ADD, (int)NEED(open(".", O_RDONLY)), EPOLLIN, 0));
	R(epoll_add(ep, ADD, (int)NEED(open("/dev/null", O_RDWR)), EPOLLIN, 0));
	struct epoll_event_packed e;
	R(syscall(SYS_epoll_wait, ep, &e, 0, 0));
	R(syscall(SYS_epoll_wait, ep, &e, -1, 0));
	R(syscall(SYS_epoll_wait, 0, &e, 1, 0));
	R(syscall(SYS_epoll_wait, 99, &e, 1, 0));
	R(syscall(SYS_epoll_wait, ep, &e, INT_MAX, 0));
}

CASE(level)
{
	start(EPOLLIN);
	say_ready("empty", ep, 0);
	NEED(write(p[1], "xy", 2));
	say_ready("written", ep, 0);
	say_ready("still", ep, 0);
	char c;
	NEED(read(p[0], &c, 1));
	say_ready("half read", ep, 0);
	drain();
	say_ready("drained", ep, 0);
}

CASE(edge)
{
	start(EPOLLIN | EPOLLET);
	say_ready("empty", ep, 0);
	NEED(write(p[1], "x", 1));
	say_ready("written", ep, 0);
	say_ready("not again", ep, 0);
	NEED(write(p[1], "y", 1));
	say_ready("written again", ep, 0);
	drain();
	say_ready("drained", ep, 0);
	NEED(write(p[1], "z", 1));
	say_ready("after the drain", ep, 0);
	NEED(epoll_add(ep, MOD, p[0], EPOLLIN | EPOLLET, 8));
	say_ready("MOD arms it again", ep, 0);
	close(p[1]);
	say_ready("hangup", ep, 0);
	say_ready("only once", ep, 0);
}

CASE(edge_ready_when_added)
{
	NEED(pipe2(p, O_NONBLOCK));
	NEED(write(p[1], "x", 1));
	ep = (int)NEED(syscall(SYS_epoll_create1, 0));
	NEED(epoll_add(ep, ADD, p[0], EPOLLIN | EPOLLET, 7));
	say_ready("added ready", ep, 0);
	say_ready("once", ep, 0);
}

CASE(edge_out)
{
	static char buf[1 << 20];

	start(0);
	NEED(epoll_add(ep, ADD, p[1], EPOLLOUT | EPOLLET, 9));
	say_ready("writable", ep, 0);
	say_ready("once", ep, 0);
	NEED(write(p[1], buf, sizeof buf));
	say_ready("full", ep, 0);
	drain();
	say_ready("drained", ep, 0);
}

CASE(one_shot)
{
	start(EPOLLIN | EPOLLONESHOT);
	NEED(write(p[1], "x", 1));
	say_ready("written", ep, 0);
	say_ready("disarmed", ep, 0);
	NEED(write(p[1], "y", 1));
	say_ready("still disarmed", ep, 0);
	NEED(epoll_add(ep, MOD, p[0], EPOLLIN | EPOLLONESHOT, 8));
	say_ready("armed", ep, 0);
	say_ready("disarmed", ep, 0);
	close(p[1]);
	say_ready("hangup is not told either", ep, 0);
}

CASE(hangup_and_error_always)
{
	start(0);
	close(p[1]);
	say_ready("writer gone", ep, 0);
	start(0);
	NEED(epoll_add(ep, ADD, p[1], 0, 9));
	close(p[0]);
	say_ready("reader gone", ep, 0);
}

CASE(modify_delete)
{
	start(EPOLLIN);
	NEED(write(p[1], "x", 1));
	NEED(epoll_add(ep, MOD, p[0], 0, 1));
	say_ready("no events", ep, 0);
	NEED(epoll_add(ep, MOD, p[0], EPOLLIN | EPOLLRDNORM, 0xffffffffffffffff));
	say_ready("all again", ep, 0);
	R(epoll_add(ep, DEL, p[0], 0, 0));
	say_ready("deleted", ep, 0);
	R(epoll_add(ep, ADD, p[0], EPOLLIN, 5));
	say_ready("added again", ep, 0);
}

/* The registration belongs to the open file: it lives as long as any copy of the descriptor. */
CASE(duplicated_descriptor)
{
	start(EPOLLIN);
	int d = (int)NEED(dup(p[0]));
	R(epoll_add(ep, ADD, d, EPOLLIN, 8));
	NEED(write(p[1], "x", 1));
	say_ready("both", ep, 0);
	close(p[0]);
	say_ready("one closed", ep, 0);
	R(epoll_add(ep, DEL, p[0], 0, 0));
	close(d);
	say_ready("all closed", ep, 0);
}

CASE(descriptor_number_reused)
{
	int old = 0;

	start(EPOLLIN);
	old = (int)NEED(dup(p[0]));
	close(p[0]);
	int q[2];
	NEED(pipe(q));
	V(q[0] == p[0]);
	/* The old registration is still there under the same number, for another file. */
	R(epoll_add(ep, ADD, q[0], EPOLLIN, 9));
	NEED(write(p[1], "x", 1));
	NEED(write(q[1], "x", 1));
	say_ready("both", ep, 0);
	close(old);
	say_ready("one", ep, 0);
}

CASE(closed_in_child)
{
	start(EPOLLIN);
	pid_t pid = fork();
	if (pid == 0) {
		close(p[0]);
		_exit(0);
	}
	reap("child", pid);
	NEED(write(p[1], "x", 1));
	say_ready("parent", ep, 0);
}

CASE(shared_across_fork)
{
	start(EPOLLIN);
	pid_t pid = fork();
	if (pid == 0) {
		NEED(epoll_add(ep, MOD, p[0], EPOLLIN, 99));
		_exit(0);
	}
	reap("child", pid);
	NEED(write(p[1], "x", 1));
	say_ready("the child's change", ep, 0);
}

CASE(nested)
{
	start(EPOLLIN);
	int outer = (int)NEED(syscall(SYS_epoll_create1, 0));
	R(epoll_add(outer, ADD, ep, EPOLLIN, 1));
	say_ready("outer", outer, 0);
	NEED(write(p[1], "x", 1));
	say_ready("outer", outer, 0);
	say_ready("inner", ep, 0);
	drain();
	say_ready("outer drained", outer, 0);
	R(epoll_add(ep, ADD, outer, EPOLLIN, 1));
}

CASE(nested_too_deep)
{
	int e[8];

	for (int i = 0; i < 8; i++) {
		e[i] = (int)NEED(syscall(SYS_epoll_create1, 0));
		if (i)
			say("%d: %s\n", i,
			    epoll_add(e[i], ADD, e[i - 1], EPOLLIN, 0) ? strerrorname_np(errno)
								       : "ok");
	}
}

CASE(nested_edge)
{
	start(EPOLLIN);
	int outer = (int)NEED(syscall(SYS_epoll_create1, 0));
	NEED(epoll_add(outer, ADD, ep, EPOLLIN | EPOLLET, 1));
	NEED(write(p[1], "x", 1));
	say_ready("outer", outer, 0);
	say_ready("once", outer, 0);
	NEED(write(p[1], "y", 1));
	say_ready("again", outer, 0);
}

CASE(exclusive)
{
	start(0);
	NEED(epoll_add(ep, DEL, p[0], 0, 0));
	R(epoll_add(ep, ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE, 3));
	NEED(write(p[1], "x", 1));
	say_ready("exclusive", ep, 0);
	R(epoll_add(ep, MOD, p[0], EPOLLIN | EPOLLEXCLUSIVE, 3));
	R(epoll_add(ep, MOD, p[0], EPOLLIN, 3));
	R(epoll_add(ep, ADD, p[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT, 3));
	R(epoll_add(ep, ADD, (int)NEED(syscall(SYS_epoll_create1, 0)), EPOLLIN | EPOLLEXCLUSIVE,
		    3));
}

CASE(max_events)
{
	struct epoll_event_packed e[4];
	int fds[5], seen = 0;

	ep = (int)NEED(syscall(SYS_epoll_create1, 0));
	for (int i = 0; i < 5; i++) {
		fds[i] = (int)NEED(eventfd(1, 0));
		NEED(epoll_add(ep, ADD, fds[i], EPOLLIN, 1U << i));
	}
	/* No event starves: level-triggered ones go to the end of the list. */
	for (int i = 0; i < 3; i++) {
		long n = R(syscall(SYS_epoll_wait, ep, e, 2, 0));
		for (long j = 0; j < n; j++)
			seen |= (int)e[j].data;
	}
	X(seen);
}

static void *writes_later(void *arg)
{
	take(arg);
	NEED(write(p[1], "x", 1));
	return NULL;
}

CASE(wakes_waiter)
{
	struct baton b = baton_new();
	pthread_t t;

	start(EPOLLIN);
	MUST(pthread_create(&t, NULL, writes_later, &b));
	give(&b);
	say_ready("woken", ep, -1);
	Z(pthread_join(t, NULL));
}

static void *adds_later(void *arg)
{
	take(arg);
	NEED(epoll_add(ep, ADD, p[0], EPOLLIN, 5));
	return NULL;
}

/* A descriptor added while another thread waits. */
CASE(added_while_waiting)
{
	struct baton b = baton_new();
	pthread_t t;

	NEED(pipe(p));
	NEED(write(p[1], "x", 1));
	ep = (int)NEED(syscall(SYS_epoll_create1, 0));
	MUST(pthread_create(&t, NULL, adds_later, &b));
	give(&b);
	say_ready("woken", ep, -1);
	Z(pthread_join(t, NULL));
}

CASE(timeout)
{
	struct timespec a, b, ts = { 0, 20000000 }, bad = { 0, 1000000000 };
	struct epoll_event_packed e;

	start(EPOLLIN);
	clock_gettime(CLOCK_MONOTONIC, &a);
	say_ready("timeout", ep, 30);
	clock_gettime(CLOCK_MONOTONIC, &b);
	V((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec >= 30000000);
	R(syscall(SYS_epoll_pwait2, ep, &e, 1, &ts, NULL, 8));
	R(syscall(SYS_epoll_pwait2, ep, &e, 1, &bad, NULL, 8));
}

static volatile int handled;

static void on_signal(int sig)
{
	handled++;
}

CASE(pwait_mask)
{
	struct epoll_event_packed e;
	sigset_t none, now;

	start(EPOLLIN);
	handle(SIGUSR1, on_signal, SA_RESTART);
	block(SET(SIGUSR1));
	raise(SIGUSR1);
	sigemptyset(&none);
	R(syscall(SYS_epoll_pwait, ep, &e, 1, -1, &none, 8));
	V(handled);
	sigprocmask(SIG_BLOCK, NULL, &now);
	V(sigismember(&now, SIGUSR1));
	R(syscall(SYS_epoll_pwait, ep, &e, 1, 0, &none, 4));
}

CASE(socket_events)
{
	int s[2];

	NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
	ep = (int)NEED(syscall(SYS_epoll_create1, 0));
	NEED(epoll_add(ep, ADD, s[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 1));
	say_ready("fresh", ep, 0);
	NEED(write(s[1], "x", 1));
	say_ready("data", ep, 0);
	NEED(shutdown(s[1], SHUT_WR));
	say_ready("half closed", ep, 0);
	close(s[1]);
	say_ready("closed", ep, 0);
}

CASE(eventfd_edge)
{
	uint64_t one = 1;
	int fd = (int)NEED(eventfd(0, EFD_NONBLOCK));

	ep = (int)NEED(syscall(SYS_epoll_create1, 0));
	NEED(epoll_add(ep, ADD, fd, EPOLLIN | EPOLLET, 1));
	say_ready("zero", ep, 0);
	NEED(write(fd, &one, 8));
	say_ready("one", ep, 0);
	NEED(write(fd, &one, 8));
	/* Every write is an edge, read or not. */
	say_ready("two", ep, 0);
	say_ready("quiet", ep, 0);
}

CASE(hundreds)
{
	struct epoll_event_packed e[500];
	int n;

	need_descriptors(1024);
	ep = (int)NEED(syscall(SYS_epoll_create1, 0));
	for (int i = 0; i < 400; i++)
		NEED(epoll_add(ep, ADD, (int)NEED(eventfd(i % 2, 0)), EPOLLIN, i));
	n = (int)syscall(SYS_epoll_wait, ep, e, 500, 0);
	V(n);
	int odd = 0;
	for (int i = 0; i < n; i++)
		odd += e[i].data % 2;
	V(odd);
}

CASE(polled_itself)
{
	start(EPOLLIN);
	R(read(ep, handled ? NULL : p, 4));
	struct timespec ts = { 0, 0 };
	struct {
		int fd;
		short events, revents;
	} f = { ep, 1, 0 };
	R(syscall(SYS_ppoll, &f, 1, &ts, NULL, 8));
	NEED(write(p[1], "x", 1));
	R(syscall(SYS_ppoll, &f, 1, &ts, NULL, 8));
	X(f.revents);
}

/* An instance that nobody waits in does not use an event up. */
CASE(exclusive_without_a_waiter)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE }, got;
	int p[2], ep[3];

	NEED(pipe(p));
	for (int i = 0; i < 3; i++) {
		ep[i] = (int)NEED(epoll_create1(0));
		NEED(epoll_ctl(ep[i], EPOLL_CTL_ADD, p[0], &ev));
	}
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		R(epoll_wait(ep[1], &got, 1, 5000));
		_exit(0);
	}
	NEED(write(p[1], "x", 1));
	reap("waiter", pid);
}

#define MANY_SOCKETS 80

/* A socket that gets what it sends. */
static int self_connected(void)
{
	struct sockaddr_in a = { AF_INET, 0, { htonl(INADDR_LOOPBACK) }, { 0 } };
	int fd = (int)NEED(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	socklen_t len = sizeof a;

	NEED(bind(fd, (struct sockaddr *)&a, sizeof a));
	NEED(getsockname(fd, (struct sockaddr *)&a, &len));
	NEED(connect(fd, (struct sockaddr *)&a, sizeof a));
	return fd;
}

static void say_count(const char *what, int max)
{
	static struct epoll_event_packed e[2 * MANY_SOCKETS];
	bool seen[MANY_SOCKETS] = { false };
	int different = 0;
	long n = NEED(syscall(SYS_epoll_wait, ep, e, max, 0));

	for (long i = 0; i < n; i++) {
		different += !seen[e[i].data];
		seen[e[i].data] = true;
	}
	say("%s: %ld, %d different\n", what, n, different);
}

/* All that stay ready are told of, each once a call, and in turn where there is no room for all. */
CASE(many_internet_sockets)
{
	int fds[MANY_SOCKETS];
	bool told[MANY_SOCKETS] = { false };
	struct epoll_event_packed e[8];
	char c;

	ep = (int)NEED(syscall(SYS_epoll_create1, 0));
	for (int i = 0; i < MANY_SOCKETS; i++) {
		fds[i] = self_connected();
		NEED(epoll_add(ep, ADD, fds[i], i % 4 ? EPOLLIN : EPOLLIN | EPOLLET, i));
	}
	say_count("none", 2 * MANY_SOCKETS);
	for (int i = 0; i < MANY_SOCKETS; i++)
		NEED(send(fds[i], "x", 1, 0));
	say_count("all", 2 * MANY_SOCKETS);
	say_count("but for edges", 2 * MANY_SOCKETS);
	for (int i = 0; i < MANY_SOCKETS; i += 2)
		NEED(recv(fds[i], &c, 1, 0));
	say_count("odd ones", 2 * MANY_SOCKETS);
	for (int round = 0, n; round < 5; round++) {
		n = (int)NEED(syscall(SYS_epoll_wait, ep, e, 8, 0));
		for (int i = 0; i < n; i++)
			told[e[i].data] = true;
	}
	int all = 0;
	for (int i = 0; i < MANY_SOCKETS; i++)
		all += told[i];
	say("in turn: %d\n", all);
}

CASE(internet_socket)
{
	struct pollfd self = { .events = POLLIN };
	int fd = self_connected(), twin = (int)NEED(dup(fd));
	char c;

	ep = (int)NEED(syscall(SYS_epoll_create1, 0));
	self.fd = ep;
	NEED(epoll_add(ep, ADD, fd, EPOLLIN, 1));
	NEED(epoll_add(ep, ADD, twin, EPOLLIN | EPOLLOUT | EPOLLONESHOT, 2));
	say_ready("writable", ep, 0);
	say_ready("nothing", ep, 0);
	NEED(send(fd, "x", 1, 0));
	say("polled: %d\n", poll(&self, 1, 0));
	say_ready("readable", ep, -1);
	say_ready("still", ep, -1);
	NEED(epoll_add(ep, MOD, twin, EPOLLIN | EPOLLONESHOT, 3));
	say_ready("armed again", ep, 0);
	NEED(epoll_add(ep, MOD, fd, EPOLLIN | EPOLLET, 4));
	say_ready("edge", ep, 0);
	say_ready("no edge", ep, 0);
	NEED(epoll_add(ep, MOD, fd, EPOLLOUT, 5));
	say_ready("out", ep, 0);
	NEED(epoll_add(ep, MOD, fd, 0, 6));
	say_ready("not wanted", ep, 0);
	NEED(epoll_add(ep, MOD, fd, EPOLLIN, 7));
	say("polled: %d\n", poll(&self, 1, 0));
	NEED(recv(fd, &c, 1, 0));
	say("polled: %d\n", poll(&self, 1, 0));
	say_ready("taken", ep, 0);
	NEED(epoll_add(ep, DEL, fd, 0, 0));
	NEED(send(fd, "x", 1, 0));
	say_ready("removed", ep, 0);
}
