/* SPDX-License-Identifier: Apache-2.0 */
/* timerfd_create(2): what is read, what waits, and what /proc says without taking anything. */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>

#include "case.h"

#define NS 1000000000L
#define MS 1000000L

#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	NEED(clock_gettime(clock, &ts));
	return ts.tv_sec * NS + ts.tv_nsec;
}

static struct timespec at_ns(int64_t ns)
{
	return (struct timespec){ ns / NS, ns % NS };
}

static void sleep_ns(int64_t ns)
{
	struct timespec ts = at_ns(ns);

	while (nanosleep(&ts, &ts) < 0)
		;
}

/* After `first` ns and then every `period`. */
static void set_rel(int fd, int64_t first, int64_t period)
{
	struct itimerspec it = { .it_value = at_ns(first), .it_interval = at_ns(period) };

	NEED(timerfd_settime(fd, 0, &it, NULL));
}

static int new_timer(int flags)
{
	return (int)NEED(timerfd_create(CLOCK_MONOTONIC, flags));
}

static void show_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDNORM };

	NEED(poll(&p, 1, 0));
	X(p.revents);
}

/* Lines of fdinfo, without times that are counted down. */
static void show_fdinfo(int fd)
{
	char path[64], line[128];

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	FILE *f = fopen(path, "r");
	NEED(f ? 0 : -1);
	while (fgets(line, sizeof line, f)) {
		long sec, ns;

		if (sscanf(line, "it_value: (%ld, %ld)", &sec, &ns) == 2)
			say("it_value: %s\n", sec || ns ? "left" : "(0, 0)");
		else if (strncmp(line, "ino:", 4) && strncmp(line, "mnt_id:", 7))
			say("%s", line);
	}
	fclose(f);
}

CASE(fdinfo_takes_nothing)
{
	int fd = new_timer(TFD_NONBLOCK);
	uint64_t n = 0;

	show_fdinfo(fd);
	set_rel(fd, 100 * NS, 5 * NS + 6);
	show_fdinfo(fd);
	set_rel(fd, 1, 1000 * NS);
	sleep_ns(5 * MS);
	show_fdinfo(fd);
	show_fdinfo(fd);
	show_ready(fd);
	R(read(fd, &n, sizeof n));
	V(n);
	show_fdinfo(fd);
	struct itimerspec it = { .it_value = { 1, 0 } };
	R(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
	show_fdinfo(fd);
	int real = (int)NEED(timerfd_create(CLOCK_REALTIME, 0));
	it.it_value = at_ns(now(CLOCK_REALTIME) + 100 * NS);
	R(timerfd_settime(real, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &it, NULL));
	show_fdinfo(real);
	int boot = (int)NEED(timerfd_create(CLOCK_BOOTTIME, 0));
	show_fdinfo(boot);
}

CASE(rests_until_it_is_read)
{
	int fd = new_timer(TFD_NONBLOCK);
	struct itimerspec it;
	uint64_t n = 0;

	set_rel(fd, MS, MS);
	sleep_ns(20 * MS);
	/* Periods are counted when somebody asks, and reading takes them all. */
	show_fdinfo(fd);
	NEED(timerfd_gettime(fd, &it));
	V(it.it_value.tv_sec == 0 && it.it_value.tv_nsec <= MS);
	V(it.it_interval.tv_nsec);
	sleep_ns(10 * MS);
	R(read(fd, &n, sizeof n));
	V(n >= 25 && n < 1000);
}

CASE(one_shot_that_is_over)
{
	int fd = new_timer(TFD_NONBLOCK);
	struct itimerspec it = { { 1, 2 }, { 3, 4 } };
	uint64_t n = 0;

	set_rel(fd, MS, 0);
	sleep_ns(5 * MS);
	R(timerfd_gettime(fd, &it));
	V(it.it_value.tv_sec + it.it_value.tv_nsec + it.it_interval.tv_sec);
	show_ready(fd);
	R(read(fd, &n, sizeof n));
	V(n);
	R(read(fd, &n, sizeof n));
	show_ready(fd);
	R(timerfd_gettime(fd, &it));
	V(it.it_value.tv_sec + it.it_value.tv_nsec);
}

CASE(setting_anew_forgets)
{
	int fd = new_timer(TFD_NONBLOCK);
	struct itimerspec off = { { 0, 0 }, { 0, 0 } }, old;
	uint64_t n = 0;

	set_rel(fd, MS, 7 * NS);
	sleep_ns(5 * MS);
	show_ready(fd);
	set_rel(fd, 100 * NS, 3 * NS);
	show_ready(fd);
	R(read(fd, &n, sizeof n));
	R(timerfd_settime(fd, 0, &off, &old));
	V(old.it_value.tv_sec);
	V(old.it_interval.tv_sec);
	set_rel(fd, 1, 2 * NS);
	sleep_ns(5 * MS);
	R(timerfd_settime(fd, 0, &off, &old));
	/* It had gone off and was going on. */
	V(old.it_value.tv_sec);
	V(old.it_interval.tv_sec);
	R(read(fd, &n, sizeof n));
	R(timerfd_settime(fd, 0, &off, &old));
	V(old.it_value.tv_sec + old.it_value.tv_nsec);
}

CASE(times_of_the_past_and_the_end)
{
	int fd = (int)NEED(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	struct itimerspec it = { .it_value = { 0, 1 }, .it_interval = { INT64_MAX, 0 } };
	uint64_t n = 0;

	R(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
	show_ready(fd);
	R(read(fd, &n, sizeof n));
	V(n);
	it = (struct itimerspec){ .it_value = { INT64_MAX, 999999999 } };
	R(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
	show_ready(fd);
	R(timerfd_settime(fd, 0, &it, NULL));
	show_ready(fd);
	it.it_value.tv_nsec = NS;
	R(timerfd_settime(fd, 0, &it, NULL));
	it.it_value = (struct timespec){ -1, 0 };
	R(timerfd_settime(fd, 0, &it, NULL));
	it.it_value = (struct timespec){ 1, 0 };
	it.it_interval = (struct timespec){ 0, -1 };
	R(timerfd_settime(fd, 0, &it, NULL));
	/* It is as it was. */
	R(timerfd_gettime(fd, &it));
	V(it.it_value.tv_sec > 1000);
}

static void count_to(clockid_t clock, const char *name)
{
	int fd = (int)NEED(timerfd_create(clock, 0));
	int64_t at = now(clock) + 3 * MS;
	struct itimerspec it = { .it_value = at_ns(at), .it_interval = at_ns(MS) };
	uint64_t n = 0, total = 0;

	NEED(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
	while (total < 5) {
		NEED(read(fd, &n, sizeof n));
		total += n;
		if (now(clock) < at + (int64_t)(total - 1) * MS)
			say("too early\n");
	}
	say("%s: on time\n", name);
	NEED(close(fd));
}

CASE(blocking_reads_are_never_early)
{
	count_to(CLOCK_MONOTONIC, "monotonic");
	count_to(CLOCK_REALTIME, "realtime");
	count_to(CLOCK_BOOTTIME, "boottime");
}

static int shared_fd;

static void *reader(void *arg)
{
	uint64_t n = 0;

	*(ssize_t *)arg = read(shared_fd, &n, sizeof n) == sizeof n ? (ssize_t)n : -1;
	return NULL;
}

/* A thread that waits learns of what another sets. */
CASE(set_while_others_wait)
{
	ssize_t got = 0;
	pthread_t th;

	shared_fd = new_timer(0);
	NEED(pthread_create(&th, NULL, reader, &got));
	sleep_ns(5 * MS);
	set_rel(shared_fd, MS, 0);
	NEED(pthread_join(th, NULL));
	V(got);
	set_rel(shared_fd, 100 * NS, 0);
	NEED(pthread_create(&th, NULL, reader, &got));
	sleep_ns(5 * MS);
	uint64_t ticks = 42;
	/* Where checkpoints can be restored. */
	if (ioctl(shared_fd, TFD_IOC_SET_TICKS, &ticks) < 0)
		set_rel(shared_fd, MS, 0);
	NEED(pthread_join(th, NULL));
	V(got == 42 || got == 1);
}

CASE(poll_and_select_wait)
{
	int a = new_timer(TFD_NONBLOCK), b = new_timer(TFD_NONBLOCK);
	struct pollfd p[2] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN } };
	uint64_t n = 0;

	set_rel(a, 100 * NS, 0);
	set_rel(b, 10 * MS, 0);
	int64_t start = now(CLOCK_MONOTONIC);
	R(poll(p, 2, 10000));
	V(now(CLOCK_MONOTONIC) - start >= 10 * MS);
	X(p[0].revents);
	X(p[1].revents);
	R(read(b, &n, sizeof n));
	set_rel(a, 10 * MS, 0);
	fd_set in;
	FD_ZERO(&in);
	FD_SET(a, &in);
	FD_SET(b, &in);
	R(select(a > b ? a + 1 : b + 1, &in, NULL, NULL, NULL));
	V(FD_ISSET(a, &in) != 0);
	V(FD_ISSET(b, &in) != 0);
}

static void show_events(int ep, int timeout)
{
	struct epoll_event ev[4] = { { 0 } };
	int n = (int)NEED(epoll_wait(ep, ev, 4, timeout));

	say("%d events", n);
	for (int i = 0; i < n; i++)
		say(" 0x%x of %lu", ev[i].events, (unsigned long)ev[i].data.u64);
	say("\n");
}

CASE(epoll_level)
{
	int ep = (int)NEED(epoll_create1(0)), fd = new_timer(TFD_NONBLOCK);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT, .data.u64 = 7 };
	uint64_t n = 0;

	NEED(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	show_events(ep, 0);
	set_rel(fd, 5 * MS, 1000 * NS);
	show_events(ep, 0);
	show_events(ep, 10000);
	show_events(ep, 0);
	R(read(fd, &n, sizeof n));
	show_events(ep, 0);
}

/* An edge is a time that it goes off; between two of them it must have been read, to go on. */
CASE(epoll_edge)
{
	int ep = (int)NEED(epoll_create1(0)), fd = new_timer(TFD_NONBLOCK);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = 8 };
	uint64_t n = 0;

	set_rel(fd, MS, 0);
	sleep_ns(5 * MS);
	NEED(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	show_events(ep, 1000);
	show_events(ep, 20);
	set_rel(fd, MS, 0);
	show_events(ep, 10000);
	show_events(ep, 20);
	set_rel(fd, 10 * MS, 10 * MS);
	show_events(ep, 10000);
	show_events(ep, 50);
	R(read(fd, &n, sizeof n));
	show_events(ep, 10000);
}

/* One that has gone off is seen at once by who slept as long by another clock. */
CASE(gone_off_is_seen_at_once)
{
	int ep = (int)NEED(epoll_create1(0)), late = 0;
	struct epoll_event ev = { .events = EPOLLIN };

	for (int i = 0; i < 50; i++) {
		int fd = new_timer(TFD_NONBLOCK);
		struct itimerspec it = { .it_value = at_ns(now(CLOCK_MONOTONIC) + 200000) };

		NEED(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
		NEED(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
		while (now(CLOCK_MONOTONIC) <= it.it_value.tv_sec * NS + it.it_value.tv_nsec)
			;
		late += epoll_wait(ep, &ev, 1, 0) != 1;
		late += poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) != 1;
		NEED(close(fd));
	}
	V(late);
}

/* Each goes off once for each time it was set, however many are set on. */
CASE(many_that_are_moved)
{
	enum { N = 64 };
	int ep = (int)NEED(epoll_create1(0)), fd[N], seen = 0;
	uint64_t n;

	for (int i = 0; i < N; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u64 = (uint64_t)i };

		fd[i] = new_timer(TFD_NONBLOCK);
		NEED(epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &ev));
		set_rel(fd[i], (i % 7 + 1) * MS, 0);
	}
	for (int i = 0; i < N; i += 2)
		set_rel(fd[i], (20 - i % 5) * MS, 0);
	while (seen < N) {
		struct epoll_event ev;

		if (epoll_wait(ep, &ev, 1, 5000) != 1)
			break;
		NEED(read(fd[ev.data.u64], &n, sizeof n));
		seen += (int)n;
	}
	V(seen);
	show_events(ep, 30);
}

CASE(ticks_that_are_set)
{
	int fd = new_timer(TFD_NONBLOCK);
	uint64_t ticks = 0, n = 0;

	/* ENOTTY where the kernel cannot restore checkpoints. */
	if (ioctl(fd, TFD_IOC_SET_TICKS, &ticks) < 0 && errno == ENOTTY) {
		say("none\n");
		return;
	}
	R(ioctl(fd, TFD_IOC_SET_TICKS, &ticks));
	R(ioctl(fd, TFD_IOC_SET_TICKS, NULL));
	ticks = 1UL << 40;
	R(ioctl(fd, TFD_IOC_SET_TICKS, &ticks));
	show_fdinfo(fd);
	R(read(fd, &n, sizeof n));
	V(n == ticks);
	R(ioctl(fd, 0x5401, &n));
}

CASE(alarm_clocks)
{
	static const clockid_t clocks[] = {
		CLOCK_REALTIME_ALARM,   CLOCK_BOOTTIME_ALARM,     CLOCK_TAI, CLOCK_MONOTONIC_RAW,
		CLOCK_MONOTONIC_COARSE, CLOCK_PROCESS_CPUTIME_ID, -1
	};

	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++)
		OK(timerfd_create(clocks[i], TFD_NONBLOCK));
}

/* What a thread that ends with its process waits for is taken away from under nobody. */
CASE(process_ends_while_it_waits)
{
	pid_t pid = fork();

	if (pid == 0) {
		uint64_t n;
		int fd = new_timer(0);

		alarm(1);
		set_rel(fd, 100 * NS, 0);
		read(fd, &n, sizeof n);
		_exit(0);
	}
	reap("child", pid);
}
