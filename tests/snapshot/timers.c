/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX timers: that run, rest, went off while their signal was blocked, and are off; CPU time of
 * the process. */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "mark.h"

static timer_t make(clockid_t clock, int notify, int sig, int value)
{
	struct sigevent ev = { .sigev_notify = notify, .sigev_signo = sig };
	timer_t id;

	ev.sigev_value.sival_int = value;
	if (notify == SIGEV_THREAD_ID)
		ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(clock, &ev, &id))
		exit(97);
	return id;
}

static void set(timer_t id, int flags, long sec, long ns, long interval)
{
	const struct itimerspec it = { { interval, 0 }, { sec, ns } };

	if (timer_settime(id, flags, &it, NULL))
		exit(96);
}

/* How it stands, in what does not depend on when one looks. */
static void show(const char *what, timer_t id, long most)
{
	struct itimerspec it;

	if (timer_gettime(id, &it))
		exit(95);
	printf("%s: %s %ld\n", what,
	       !it.it_value.tv_sec && !it.it_value.tv_nsec ? "off"
	       : it.it_value.tv_sec <= most                ? "runs"
							   : "too long",
	       it.it_interval.tv_sec);
}

static void await(const char *what, int sig)
{
	const struct timespec most = { 20, 0 };
	sigset_t s;
	siginfo_t si;

	sigemptyset(&s);
	sigaddset(&s, sig);
	int got = sigtimedwait(&s, &si, &most);
	printf("%s: %d of %d, %d\n", what, got == sig, si.si_code == SI_TIMER,
	       si.si_value.sival_int);
}

#define BURNT 300000000L

/* CPU time of the process, ns. */
static long used(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

int main(void)
{
	struct timespec now;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	timer_t gap = make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
	timer_t long_one = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 1);
	timer_t due = make(CLOCK_REALTIME, SIGEV_SIGNAL, SIGRTMIN + 1, 2);
	timer_t went = make(CLOCK_BOOTTIME, SIGEV_SIGNAL, SIGRTMIN + 2, 3);
	timer_t quiet = make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
	timer_t off = make(CLOCK_REALTIME, SIGEV_SIGNAL, SIGRTMIN, 4);
	timer_t thread = make(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGRTMIN + 3, 5);
	timer_t again = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 4, 6);

	timer_delete(gap);
	set(long_one, 0, 1000, 0, 7);
	clock_gettime(CLOCK_REALTIME, &now);
	set(due, TIMER_ABSTIME, now.tv_sec + 1, now.tv_nsec, 0);
	set(went, 0, 0, 1, 0);
	set(quiet, 0, 2000, 0, 9);
	set(thread, 0, 0, 1, 0);
	set(again, 0, 0, 1, 3000);
	/* the signals of those that are due have come */
	for (sigset_t pending;;) {
		sigpending(&pending);
		if (sigismember(&pending, SIGRTMIN + 2) && sigismember(&pending, SIGRTMIN + 3) &&
		    sigismember(&pending, SIGRTMIN + 4))
			break;
	}
	while (used() < BURNT)
		;
	mark();

	printf("used: %d\n", used() >= BURNT);
	show("long", long_one, 1000);
	show("quiet", quiet, 2000);
	show("off", off, 0);
	await("due", SIGRTMIN + 1);
	await("went", SIGRTMIN + 2);
	show("went", went, 0);
	await("thread", SIGRTMIN + 3);
	await("again", SIGRTMIN + 4);
	show("again", again, 3000);
	printf("overrun %d\n", timer_getoverrun(again));
	set(off, 0, 0, 1000000, 0);
	await("set", SIGRTMIN);
	printf("gone %d, next %d\n", timer_delete(gap),
	       make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0) != quiet);
	return 0;
}
