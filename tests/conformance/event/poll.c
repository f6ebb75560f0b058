/* SPDX-License-Identifier: Apache-2.0 */
/* poll, ppoll, select, pselect. */
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "case.h"

static int p[2];

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

CASE(nothing_ready)
{
	struct pollfd f = { .events = POLLIN, .revents = 0x7f };
	int64_t before = now_ms();

	NEED(pipe(p));
	f.fd = p[0];
	R(poll(&f, 1, 0));
	X(f.revents);
	R(poll(&f, 1, 30));
	V(now_ms() - before >= 30);
	R(poll(NULL, 0, 10));
	R(ppoll(&f, 1, &(struct timespec){ 0, 1000000 }, NULL));
}

CASE(special_descriptors)
{
	struct pollfd f[4];

	put_file("f", "");
	f[0] = (struct pollfd){ .fd = -1, .events = POLLIN, .revents = 1 };
	f[1] = (struct pollfd){ .fd = 99, .events = POLLIN };
	f[2] = (struct pollfd){ .fd = (int)NEED(open("f", O_RDONLY)),
				.events = POLLIN | POLLOUT | POLLPRI };
	f[3] = (struct pollfd){ .fd = (int)NEED(open("/dev/null", O_RDWR)),
				.events = POLLIN | POLLOUT };
	R(poll(f, 4, -1));
	for (int i = 0; i < 4; i++)
		X(f[i].revents);
	f[0] = (struct pollfd){ .fd = (int)NEED(open(".", O_RDONLY)),
				.events = POLLIN | POLLOUT | POLLRDNORM };
	f[1] = (struct pollfd){ .fd = (int)NEED(open("f", O_PATH)), .events = POLLIN };
	R(poll(f, 2, 0));
	X(f[0].revents);
	X(f[1].revents);
}

CASE(only_revents_is_written)
{
	struct pollfd f[2] = { { .fd = -5, .events = 0x1234 }, { .events = POLLIN } };

	NEED(pipe(p));
	f[1].fd = p[0];
	NEED(write(p[1], "x", 1));
	R(poll(f, 2, 0));
	say("%d %x %x, %d %x %x\n", f[0].fd, f[0].events, f[0].revents, f[1].fd - p[0], f[1].events,
	    f[1].revents);
}

CASE(too_many)
{
	static struct pollfd f[2000];
	struct rlimit r = { 50, 4096 };

	need_descriptors(4096);
	for (int i = 0; i < 2000; i++)
		f[i].fd = -1;
	R(poll(f, 1024, 0));
	R(poll(f, 1025, 0));
	NEED(setrlimit(RLIMIT_NOFILE, &r));
	R(poll(f, 50, 0));
	R(poll(f, 51, 0));
	R(syscall(SYS_poll, f, -1, 0));
}

static void *writes_later(void *arg)
{
	take(arg);
	NEED(write(p[1], "x", 1));
	return NULL;
}

CASE(woken_by_write)
{
	struct baton b = baton_new();
	pthread_t t;
	struct pollfd f = { .events = POLLIN };

	NEED(pipe(p));
	f.fd = p[0];
	MUST(pthread_create(&t, NULL, writes_later, &b));
	give(&b);
	R(poll(&f, 1, -1));
	X(f.revents);
	Z(pthread_join(t, NULL));
}

CASE(woken_by_hangup)
{
	struct pollfd f = { .events = 0 };

	NEED(pipe(p));
	f.fd = p[0];
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	close(p[1]);
	R(poll(&f, 1, -1));
	X(f.revents);
	reap("child", pid);
}

CASE(timeouts_invalid)
{
	struct timespec ts = { 0, 1000000000 }, neg = { -1, 0 };
	struct timeval tv = { 0, 1000000 }, tneg = { -1, 0 }, tmax = { LONG_MAX, 2000000 };
	struct pollfd f = { .fd = -1 };

	R(syscall(SYS_ppoll, &f, 1, &ts, NULL, 8));
	R(syscall(SYS_ppoll, &f, 1, &neg, NULL, 8));
	R(select(0, NULL, NULL, NULL, &tneg));
	R(syscall(SYS_select, 0, NULL, NULL, NULL, &tmax));
	R(syscall(SYS_select, 0, NULL, NULL, NULL, &tv));
	R(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL));
}

CASE(select_basic)
{
	fd_set r, w, e;
	struct timeval tv = { 0, 0 };

	NEED(pipe(p));
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(p[0], &r), FD_SET(p[1], &w), FD_SET(p[0], &e);
	R(select(p[1] + 1, &r, &w, &e, &tv));
	say("%d %d %d\n", FD_ISSET(p[0], &r), FD_ISSET(p[1], &w), FD_ISSET(p[0], &e));
	NEED(write(p[1], "x", 1));
	FD_SET(p[0], &r);
	R(select(p[1] + 1, &r, &w, NULL, NULL));
	say("%d %d\n", FD_ISSET(p[0], &r), FD_ISSET(p[1], &w));
	/* Descriptors at or above nfds are left alone. */
	FD_ZERO(&r);
	FD_SET(p[0], &r), FD_SET(p[1], &r);
	R(select(p[1], &r, NULL, NULL, &tv));
	V(FD_ISSET(p[1], &r));
	FD_ZERO(&r);
	FD_SET(20, &r);
	R(select(21, &r, NULL, NULL, &tv));
	R(select(-1, NULL, NULL, NULL, &tv));
	R(select(0, NULL, NULL, NULL, &tv));
	close(p[1]);
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	R(select(p[0] + 1, &r, NULL, NULL, &tv));
}

CASE(select_leaves_remaining_time)
{
	struct timeval tv = { 50, 0 };
	fd_set r;

	NEED(pipe(p));
	NEED(write(p[1], "x", 1));
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	R(select(p[0] + 1, &r, NULL, NULL, &tv));
	V(tv.tv_sec >= 49);
	tv = (struct timeval){ 0, 20000 };
	FD_ZERO(&r);
	R(select(1, &r, NULL, NULL, &tv));
	say("%ld %ld\n", (long)tv.tv_sec, (long)tv.tv_usec);
}

static volatile int handled;

static void on_signal(int sig)
{
	handled++;
}

CASE(ppoll_mask)
{
	struct pollfd f = { .events = POLLIN };
	sigset_t none, now;

	NEED(pipe(p));
	f.fd = p[0];
	handle(SIGUSR1, on_signal, 0);
	block(SET(SIGUSR1));
	raise(SIGUSR1);
	sigemptyset(&none);
	R(ppoll(&f, 1, NULL, &none));
	V(handled);
	sigprocmask(SIG_BLOCK, NULL, &now);
	V(sigismember(&now, SIGUSR1));
	/* What is ready comes before the signal. */
	raise(SIGUSR1);
	NEED(write(p[1], "x", 1));
	R(ppoll(&f, 1, NULL, &none));
	V(handled);
	sigset_t pending;
	sigpending(&pending);
	V(sigismember(&pending, SIGUSR1));
}

CASE(pselect_mask)
{
	struct timespec ts = { 10, 0 };
	sigset_t none;
	fd_set r;

	handle(SIGUSR1, on_signal, 0);
	block(SET(SIGUSR1));
	raise(SIGUSR1);
	sigemptyset(&none);
	FD_ZERO(&r);
	R(pselect(0, &r, NULL, NULL, &ts, &none));
	V(handled);
}

CASE(interrupted)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };
	struct pollfd f = { .fd = -1 };
	struct timeval tv = { 100, 0 };

	handle(SIGALRM, on_signal, 0);
	NEED(setitimer(ITIMER_REAL, &it, NULL));
	R(poll(&f, 1, 100000));
	R(poll(&f, 1, -1));
	R(select(0, NULL, NULL, NULL, &tv));
	V(tv.tv_sec == 99);
}

CASE(socket_states)
{
	int s[2];
	struct pollfd f = { .events = POLLIN | POLLOUT | POLLRDHUP };

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	f.fd = s[0];
	R(poll(&f, 1, 0));
	X(f.revents);
	NEED(write(s[1], "x", 1));
	R(poll(&f, 1, 0));
	X(f.revents);
	NEED(shutdown(s[1], SHUT_WR));
	R(poll(&f, 1, 0));
	X(f.revents);
	close(s[1]);
	R(poll(&f, 1, 0));
	X(f.revents);
}

CASE(same_descriptor_twice)
{
	struct pollfd f[2];

	NEED(pipe(p));
	NEED(write(p[1], "x", 1));
	f[0] = f[1] = (struct pollfd){ .fd = p[0], .events = POLLIN };
	R(poll(f, 2, 0));
}

static void *closes_pipe(void *arg)
{
	take(arg);
	close(p[1]);
	return NULL;
}

CASE(many_descriptors)
{
	struct pollfd f[300];
	struct baton b = baton_new();
	pthread_t t;

	need_descriptors(1024);
	for (int i = 0; i < 300; i++) {
		int q[2];
		NEED(pipe(q));
		f[i] = (struct pollfd){ .fd = q[0], .events = POLLIN };
		p[1] = q[1];
	}
	R(poll(f, 300, 0));
	MUST(pthread_create(&t, NULL, closes_pipe, &b));
	give(&b);
	R(poll(f, 300, -1));
	V(f[299].revents);
	Z(pthread_join(t, NULL));
}
