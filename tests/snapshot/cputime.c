/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time goes on in a copy: clocks of threads and of the process, timers that count them, and the
 * limit; and an interval timer whose signal waits. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "mark.h"

#define MS 1000000L

static long used(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000 * MS + ts.tv_nsec;
}

static void burn_to(clockid_t clock, long ns)
{
	while (used(clock) < ns)
		;
}

static timer_t make(clockid_t clock, int sig, long ns)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = sig };
	const struct itimerspec it = { .it_value = { ns / (1000 * MS), ns % (1000 * MS) } };
	timer_t id;

	if (timer_create(clock, &ev, &id) || timer_settime(id, TIMER_ABSTIME, &it, NULL))
		exit(97);
	return id;
}

/* Burns CPU time until the signal waits. */
static void await(const char *what, int sig)
{
	const struct timespec now = { 0, 0 };
	sigset_t set;
	siginfo_t si;

	sigemptyset(&set);
	sigaddset(&set, sig);
	while (sigtimedwait(&set, &si, &now) != sig)
		;
	printf("%s\n", what);
}

static bool is_pending(int sig)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, sig);
}

static clockid_t other_clock;
static pthread_barrier_t burnt, over;

static void *other(void *arg)
{
	burn_to(CLOCK_THREAD_CPUTIME_ID, 100 * MS);
	pthread_barrier_wait(&burnt);
	pthread_barrier_wait(&over);
	return NULL;
}

int main(void)
{
	const struct itimerval prof = { .it_value = { 0, 600000 }, .it_interval = { 1000, 0 } };
	const struct itimerval virt = { .it_value = { 500, 0 } };
	const struct itimerval real = { .it_value = { 0, 1000 }, .it_interval = { 0, 300000 } };
	struct rlimit limit = { 1, RLIM_INFINITY };
	struct itimerval left;
	pthread_t thread;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	pthread_barrier_init(&burnt, NULL, 2);
	pthread_barrier_init(&over, NULL, 2);
	pthread_create(&thread, NULL, other, NULL);
	pthread_getcpuclockid(thread, &other_clock);
	pthread_barrier_wait(&burnt);
	setrlimit(RLIMIT_CPU, &limit);
	setitimer(ITIMER_PROF, &prof, NULL);
	setitimer(ITIMER_VIRTUAL, &virt, NULL);
	setitimer(ITIMER_REAL, &real, NULL);
	make(CLOCK_PROCESS_CPUTIME_ID, SIGRTMIN, 700 * MS);
	make(CLOCK_THREAD_CPUTIME_ID, SIGRTMIN + 1, 400 * MS);
	timer_t never = make(other_clock, SIGRTMIN + 2, 1000000 * MS);
	burn_to(CLOCK_THREAD_CPUTIME_ID, 200 * MS);
	while (!is_pending(SIGALRM))
		usleep(1000);
	mark();

	printf("own %d other %d all %d\n", used(CLOCK_THREAD_CPUTIME_ID) >= 200 * MS,
	       used(other_clock) >= 100 * MS && used(other_clock) < 300 * MS,
	       used(CLOCK_PROCESS_CPUTIME_ID) >= 300 * MS);
	/* Linux counts ticks, of which there may have been none */
	getitimer(ITIMER_VIRTUAL, &left);
	printf("virtual: %d\n", left.it_value.tv_sec > 400 && left.it_value.tv_sec <= 500);
	getitimer(ITIMER_REAL, &left);
	printf("real: every %ld\n", left.it_interval.tv_usec);
	await("alarm", SIGALRM);
	await("alarm again", SIGALRM);
	await("thread", SIGRTMIN + 1);
	printf("in time: %d\n", used(CLOCK_THREAD_CPUTIME_ID) >= 400 * MS);
	await("profile", SIGPROF);
	getitimer(ITIMER_PROF, &left);
	printf("every %ld\n", left.it_interval.tv_sec);
	await("process", SIGRTMIN);
	printf("in time: %d\n", used(CLOCK_PROCESS_CPUTIME_ID) >= 700 * MS);
	await("limit", SIGXCPU);
	/* Linux counts ticks for it */
	printf("in time: %d\n", used(CLOCK_PROCESS_CPUTIME_ID) >= 700 * MS);
	struct itimerspec it;
	timer_gettime(never, &it);
	printf("never: %d\n", it.it_value.tv_sec > 900 && it.it_value.tv_sec < 1000);
	pthread_barrier_wait(&over);
	pthread_join(thread, NULL);
	/* the clock ends a moment after the thread was joined */
	do
		timer_gettime(never, &it);
	while (it.it_value.tv_sec);
	printf("gone\n");
	return 0;
}
