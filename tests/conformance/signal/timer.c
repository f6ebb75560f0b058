/* SPDX-License-Identifier: Apache-2.0 */
/* alarm, setitimer, POSIX timers, timerfd, signalfd, nanosleep; clocks and the vDSO. */
#include <poll.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>

#include "case.h"

#define NS 1000000000L

static volatile int count;

static void counts(int sig)
{
	count++;
}

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	NEED(clock_gettime(clock, &ts));
	return ts.tv_sec * NS + ts.tv_nsec;
}

CASE(alarm)
{
	handle(SIGALRM, counts, 0);
	V(alarm(100));
	V(alarm(0) > 98);
	V(alarm(0));
	V(alarm(1));
	R(pause());
	V(count);
}

CASE(alarm_kills)
{
	pid_t pid = fork();

	if (pid == 0) {
		ualarm(10000, 0);
		for (;;)
			pause();
	}
	reap("child", pid);
}

CASE(setitimer)
{
	struct itimerval it = { { 0, 5000 }, { 0, 5000 } }, old;
	sigset_t none;

	sigemptyset(&none);
	block(SET(SIGALRM));
	handle(SIGALRM, counts, 0);
	R(setitimer(ITIMER_REAL, &it, NULL));
	while (count < 5)
		sigsuspend(&none);
	it = (struct itimerval){ { 0, 0 }, { 0, 0 } };
	R(setitimer(ITIMER_REAL, &it, &old));
	say("interval %ld, value in range %d\n", (long)old.it_interval.tv_usec,
	    old.it_value.tv_usec <= 5000);
	R(getitimer(ITIMER_REAL, &old));
	say("%ld %ld\n", (long)old.it_interval.tv_usec, (long)old.it_value.tv_usec);
	it.it_value.tv_usec = 1000000;
	R(setitimer(ITIMER_REAL, &it, NULL));
	it.it_value.tv_usec = -1;
	R(setitimer(ITIMER_REAL, &it, NULL));
	R(setitimer(7, &old, NULL));
	R(getitimer(7, &old));
}

CASE(itimer_cpu)
{
	struct itimerval it = { { 0, 0 }, { 0, 20000 } };

	handle(SIGVTALRM, counts, 0);
	handle(SIGPROF, counts, 0);
	NEED(setitimer(ITIMER_VIRTUAL, &it, NULL));
	while (count < 1)
		;
	NEED(setitimer(ITIMER_PROF, &it, NULL));
	while (count < 2)
		;
	V(count);
	V(clock() >= 20000);
}

/* Uses CPU time, without a system call: the clock is the vDSO's. */
static void burn(long ms)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

/* Periods far shorter than it takes to look at the time of so many threads: calls are answered all
 * the same. */
CASE(itimer_cpu_short_periods)
{
	struct itimerval it = { { 0, 1 }, { 0, 1 } };
	struct timespec before, after;
	pthread_t thread;

	block(SET(SIGPROF));
	for (int i = 0; i < 30; i++)
		MUST(pthread_create(&thread, NULL, wait_for_ever, NULL));
	R(setitimer(ITIMER_PROF, &it, NULL));
	burn(400);
	NEED(clock_gettime(CLOCK_MONOTONIC, &before));
	R(kill(getpid(), 0));
	R(setitimer(ITIMER_PROF, &(struct itimerval){ 0 }, NULL));
	NEED(clock_gettime(CLOCK_MONOTONIC, &after));
	V(after.tv_sec - before.tv_sec < 5);
}

CASE(cpu_limit_of_zombie)
{
	struct rlimit r = { 1, 2 }, old = { 0, 0 };
	siginfo_t si;
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0)
		_exit(0);
	NEED(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	R(prlimit(pid, RLIMIT_CPU, &r, NULL));
	R(prlimit(pid, RLIMIT_CPU, NULL, &old));
	say("%ld %ld\n", (long)old.rlim_cur, (long)old.rlim_max);
	reap("child", pid);
}

CASE(posix_timer_signal)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGRTMIN,
			       .sigev_value.sival_int = 42 };
	struct itimerspec it = { { 0, 0 }, { 0, 5000000 } };
	sigset_t set = SET(SIGRTMIN);
	siginfo_t i;
	timer_t t;

	block(set);
	R(timer_create(CLOCK_MONOTONIC, &ev, &t));
	R(timer_settime(t, 0, &it, NULL));
	V(sigwaitinfo(&set, &i) == SIGRTMIN);
	say("code %d value %d overrun %d\n", i.si_code, i.si_value.sival_int, i.si_overrun);
	R(timer_gettime(t, &it));
	say("%ld %ld\n", it.it_value.tv_sec, it.it_value.tv_nsec);
	R(timer_delete(t));
	R(timer_delete(t));
}

CASE(posix_timer_periodic)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec it = { { 0, 2000000 }, { 0, 2000000 } }, old;
	sigset_t set = SET(SIGUSR1);
	timer_t t;

	block(set);
	NEED(timer_create(CLOCK_REALTIME, &ev, &t));
	NEED(timer_settime(t, 0, &it, NULL));
	for (int i = 0; i < 5; i++)
		NEED(sigwaitinfo(&set, NULL));
	R(timer_gettime(t, &old));
	V(old.it_interval.tv_nsec);
	V(timer_getoverrun(t) >= 0);
	it = (struct itimerspec){ { 0, 0 }, { 0, 0 } };
	R(timer_settime(t, 0, &it, &old));
	V(old.it_interval.tv_nsec);
}

CASE(posix_timer_overrun)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec it = { { 0, 1000000 }, { 0, 1000000 } };
	sigset_t set = SET(SIGUSR1);
	struct timespec ts = { 0, 30000000 };
	timer_t t;
	siginfo_t i;

	/* One signal stands for many expirations. */
	block(set);
	NEED(timer_create(CLOCK_MONOTONIC, &ev, &t));
	NEED(timer_settime(t, 0, &it, NULL));
	nanosleep(&ts, NULL);
	NEED(sigwaitinfo(&set, &i));
	V(i.si_overrun >= 20);
	V(timer_getoverrun(t) == i.si_overrun);
}

CASE(posix_timer_none)
{
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	struct itimerspec it = { { 0, 0 }, { 1000, 0 } };
	timer_t t;

	R(timer_create(CLOCK_MONOTONIC, &ev, &t));
	R(timer_settime(t, 0, &it, NULL));
	R(timer_gettime(t, &it));
	V(it.it_value.tv_sec == 999);
	ev.sigev_notify = 99;
	R(timer_create(CLOCK_MONOTONIC, &ev, &t));
	ev = (struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99 };
	R(timer_create(CLOCK_MONOTONIC, &ev, &t));
	R(timer_create(99, NULL, &t));
	it.it_value.tv_nsec = NS;
	R(timer_settime(t, 0, &it, NULL));
}

CASE(posix_timer_default_and_thread)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	struct itimerspec it = { { 0, 0 }, { 0, 1 } };
	sigset_t set = SET(SIGALRM, SIGUSR2);
	timer_t t;
	siginfo_t i;

	block(set);
	R(timer_create(CLOCK_REALTIME, NULL, &t));
	R(timer_settime(t, 0, &it, NULL));
	R(sigwaitinfo(&set, &i));
	V(i.si_code);
	ev._sigev_un._tid = gettid();
	R(timer_create(CLOCK_MONOTONIC, &ev, &t));
	R(timer_settime(t, 0, &it, NULL));
	R(sigwaitinfo(&set, &i));
	it.it_value = (struct timespec){ 1, 0 };
	/* An absolute time in the past is due at once. */
	R(timer_settime(t, TIMER_ABSTIME, &it, NULL));
	R(sigwaitinfo(&set, &i));
}

CASE(timerfd)
{
	struct itimerspec it = { { 0, 2000000 }, { 0, 2000000 } }, old;
	uint64_t n = 0;
	int fd = (int)R(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));

	V(fcntl(fd, F_GETFD));
	R(timerfd_settime(fd, 0, &it, NULL));
	R(read(fd, &n, 8));
	V(n >= 1);
	struct timespec ts = { 0, 20000000 };
	nanosleep(&ts, NULL);
	R(read(fd, &n, 8));
	V(n >= 5);
	R(timerfd_gettime(fd, &old));
	V(old.it_interval.tv_nsec);
	it = (struct itimerspec){ { 0, 0 }, { 0, 0 } };
	R(timerfd_settime(fd, 0, &it, NULL));
	NEED(fcntl(fd, F_SETFL, O_NONBLOCK));
	R(read(fd, &n, 8));
	R(read(fd, &n, 4));
	R(write(fd, &n, 8));
}

CASE(timerfd_errors)
{
	struct itimerspec it = { { 0, 0 }, { 0, NS } };
	int fd = (int)NEED(timerfd_create(CLOCK_REALTIME, 0));

	R(timerfd_create(99, 0));
	R(timerfd_create(CLOCK_MONOTONIC, 0x10));
	R(timerfd_settime(fd, 0, &it, NULL));
	R(timerfd_settime(fd, 0x10, &it, NULL));
	R(timerfd_settime(0, 0, &it, NULL));
	R(timerfd_settime(999, 0, &it, NULL));
	R(timerfd_gettime(0, &it));
	R(lseek(fd, 0, SEEK_SET));
	R(timerfd_create(CLOCK_THREAD_CPUTIME_ID, 0));
}

CASE(timerfd_poll_absolute)
{
	int fd = (int)NEED(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };
	int64_t at = now(CLOCK_MONOTONIC) + 20000000;
	struct itimerspec it = { { 0, 0 }, { at / NS, at % NS } };
	uint64_t n = 0;

	R(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
	R(poll(&pfd, 1, 0));
	R(poll(&pfd, 1, 10000));
	X(pfd.revents);
	V(now(CLOCK_MONOTONIC) >= at);
	R(read(fd, &n, 8));
	V(n);
	R(poll(&pfd, 1, 0));
}

CASE(signalfd)
{
	sigset_t set = SET(SIGUSR1, SIGRTMIN);
	struct signalfd_siginfo i[3];
	int fd = (int)R(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	block(set);
	R(read(fd, i, sizeof i));
	R(poll(&pfd, 1, 0));
	kill(getpid(), SIGUSR1);
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 6 });
	R(poll(&pfd, 1, 0));
	R(read(fd, i, sizeof i));
	say("%u code %d own %d\n", i[0].ssi_signo, i[0].ssi_code, (pid_t)i[0].ssi_pid == getpid());
	say("%d code %d value %d\n", (int)i[1].ssi_signo == SIGRTMIN, i[1].ssi_code, i[1].ssi_int);
	R(poll(&pfd, 1, 0));
	R(read(fd, i, 10));
}

CASE(signalfd_changes)
{
	sigset_t set = SET(SIGUSR1), other = SET(SIGUSR2);
	struct signalfd_siginfo i;
	int fd = (int)NEED(signalfd(-1, &set, SFD_NONBLOCK));

	block(SET(SIGUSR1, SIGUSR2));
	raise(SIGUSR2);
	R(read(fd, &i, sizeof i));
	V(signalfd(fd, &other, 0) == fd);
	R(read(fd, &i, sizeof i));
	V(i.ssi_signo);
	R(signalfd(0, &set, 0));
	R(signalfd(999, &set, 0));
	R(signalfd(-1, &set, 0x10));
	R(write(fd, &i, sizeof i));
}

CASE(signalfd_blocking)
{
	sigset_t set = SET(SIGCHLD);
	struct signalfd_siginfo i;
	int fd = (int)NEED(signalfd(-1, &set, 0));

	block(set);
	pid_t pid = fork();
	if (pid == 0)
		_exit(6);
	R(read(fd, &i, sizeof i));
	say("signo %u code %d status %d pid %d\n", i.ssi_signo, i.ssi_code, i.ssi_status,
	    (pid_t)i.ssi_pid == pid);
	reap("child", pid);
}

CASE(nanosleep)
{
	struct timespec ts = { 0, 20000000 };
	int64_t a = now(CLOCK_MONOTONIC), b;

	R(nanosleep(&ts, NULL));
	b = now(CLOCK_MONOTONIC);
	V(b - a >= 20000000);
	ts = (struct timespec){ 0, NS };
	R(nanosleep(&ts, NULL));
	ts = (struct timespec){ -1, 0 };
	R(nanosleep(&ts, NULL));
	ts = (struct timespec){ 0, 0 };
	R(nanosleep(&ts, NULL));
	b += 20000000;
	ts = (struct timespec){ b / NS, b % NS };
	Z(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
	V(now(CLOCK_MONOTONIC) >= b);
	Z(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
	Z(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL));
	Z(clock_nanosleep(99, 0, &ts, NULL));
	ts = (struct timespec){ 0, 1000000 };
	Z(clock_nanosleep(CLOCK_REALTIME, 0, &ts, NULL));
	Z(clock_nanosleep(CLOCK_BOOTTIME, 0, &ts, NULL));
}

CASE(clocks)
{
	static const clockid_t clocks[] = {
		CLOCK_REALTIME,          CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME,      CLOCK_TAI
	};
	struct timespec ts, res;

	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		int64_t a = now(clocks[i]), b = now(clocks[i]);
		NEED(clock_getres(clocks[i], &res));
		say("clock %d: goes forward %d, resolution %ld\n", clocks[i], b >= a && a > 0,
		    res.tv_nsec);
	}
	R(clock_gettime(99, &ts));
	R(clock_gettime(-1, &ts));
	R(clock_getres(99, &ts));
	R(clock_settime(CLOCK_MONOTONIC, &ts));
	R(syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts));
}

static int64_t sys_now(clockid_t clock)
{
	struct timespec ts;

	NEED(syscall(SYS_clock_gettime, clock, &ts));
	return ts.tv_sec * NS + ts.tv_nsec;
}

/* The vDSO's time lies between two answers of the system call. */
CASE(vdso_agrees_with_syscall)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };

	for (int i = 0; i < 3; i++) {
		int bad = 0;
		for (int j = 0; j < 100; j++) {
			int64_t a = sys_now(clocks[i]), b = now(clocks[i]), c = sys_now(clocks[i]);
			bad += b < a || c < b;
		}
		V(bad);
	}
	struct timeval tv;
	int64_t before = sys_now(CLOCK_REALTIME);
	NEED(gettimeofday(&tv, NULL));
	int64_t us = tv.tv_sec * NS + tv.tv_usec * 1000;
	V(us + 999 >= before && us <= sys_now(CLOCK_REALTIME));
	/* time(2) is the coarse clock: behind by a tick at most. */
	before = sys_now(CLOCK_REALTIME);
	time_t t = time(NULL);
	V(t >= before / NS - 1 && t <= sys_now(CLOCK_REALTIME) / NS);
}

/* Nor does a coarse clock go back from one to the other, over many of its ticks. */
CASE(coarse_clocks_agree)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE };

	for (int i = 0; i < 2; i++) {
		int64_t start = now(CLOCK_MONOTONIC);
		int bad = 0;
		while (now(CLOCK_MONOTONIC) - start < NS / 20) {
			int64_t a = sys_now(clocks[i]), b = now(clocks[i]), c = sys_now(clocks[i]);
			bad += b < a || c < b;
		}
		V(bad);
	}
}

CASE(monotonic_across_processes)
{
	int64_t a = now(CLOCK_MONOTONIC), b = 0;
	int p[2];

	NEED(pipe(p));
	pid_t pid = fork();
	if (pid == 0) {
		b = now(CLOCK_MONOTONIC);
		_exit(write(p[1], &b, 8) != 8);
	}
	reap("child", pid);
	NEED(read(p[0], &b, 8));
	V(a <= b && b <= now(CLOCK_MONOTONIC));
}

CASE(cpu_clocks)
{
	int64_t start = now(CLOCK_THREAD_CPUTIME_ID), sleeping;
	struct timespec ts = { 0, 50000000 };

	sleeping = now(CLOCK_PROCESS_CPUTIME_ID);
	nanosleep(&ts, NULL);
	V(now(CLOCK_PROCESS_CPUTIME_ID) - sleeping < 40000000);
	while (now(CLOCK_THREAD_CPUTIME_ID) - start < 20000000)
		;
	V(now(CLOCK_PROCESS_CPUTIME_ID) >= 20000000);
	clockid_t of_child;
	Z(clock_getcpuclockid(0, &of_child));
	V(now(of_child) >= 20000000);
	Z(clock_getcpuclockid(0x3ffffff, &of_child));
	struct tms t;
	V(times(&t) != -1);
	V(t.tms_utime + t.tms_stime >= 1);
}

CASE(timer_and_fork)
{
	struct itimerval it = { { 0, 0 }, { 100, 0 } };
	int fd = (int)NEED(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	struct itimerspec its = { { 0, 0 }, { 0, 1 } };
	uint64_t n;

	NEED(setitimer(ITIMER_REAL, &it, NULL));
	pid_t pid = fork();
	if (pid == 0) {
		getitimer(ITIMER_REAL, &it);
		say("child's itimer %ld\n", (long)it.it_value.tv_sec);
		NEED(timerfd_settime(fd, 0, &its, NULL));
		_exit(0);
	}
	reap("child", pid);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	/* The timerfd is shared. */
	R(poll(&pfd, 1, 10000));
	R(read(fd, &n, 8));
}

CASE(adjtimex_reads)
{
	struct timex t = { .modes = 0 };

	V(adjtimex(&t) >= 0);
	V(t.tick);
}
