/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of CPU time: whose threads count, how signals and overruns follow, what execve and the end
 * of a thread do to them. A timer may go off late, never early: cases compare the clock, and wait
 * for the signal. */
#include <pthread.h>
#include <semaphore.h>
#include <sys/time.h>
#include <time.h>

#include "case.h"

#define NS 1000000000L
#define MS 1000000L

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	NEED(clock_gettime(clock, &ts));
	return ts.tv_sec * NS + ts.tv_nsec;
}

static void burn(clockid_t clock, int64_t ns)
{
	int64_t until = now(clock) + ns;

	while (now(clock) < until)
		;
}

/* Linux looks at a timer only when a tick finds somebody at work whose time it counts. */
static void burn_until_pending(int sig)
{
	sigset_t pending;

	do
		NEED(sigpending(&pending));
	while (!sigismember(&pending, sig));
}

static timer_t timer_of(clockid_t clock)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	timer_t t = NULL;

	NEED(timer_create(clock, &ev, &t));
	return t;
}

static void arm(timer_t t, int64_t first, int64_t interval)
{
	struct itimerspec it = { { interval / NS, interval % NS }, { first / NS, first % NS } };

	NEED(timer_settime(t, 0, &it, NULL));
}

static _Atomic bool enough;

static void *burns(void *arg)
{
	while (!enough)
		;
	return NULL;
}

static void *sleeps(void *arg)
{
	sem_wait(arg);
	return NULL;
}

/* Threads that run and threads that sleep; some begin to run while the timer is set, some end. */
CASE(prof_counts_all_threads)
{
	struct itimerval it = { .it_value = { 0, 60000 } }, left;
	sigset_t set = SET(SIGPROF, SIGRTMIN);
	timer_t t = timer_of(CLOCK_PROCESS_CPUTIME_ID);
	pthread_t burner[3], sleeper[20];
	sem_t end;
	int sig;

	block(set);
	sem_init(&end, 0, 0);
	for (int i = 0; i < 20; i++)
		MUST(pthread_create(&sleeper[i], NULL, sleeps, &end));
	int64_t start = now(CLOCK_PROCESS_CPUTIME_ID);
	R(setitimer(ITIMER_PROF, &it, NULL));
	arm(t, 60 * MS, 0);
	for (int i = 0; i < 3; i++)
		MUST(pthread_create(&burner[i], NULL, burns, NULL));
	for (int i = 0; i < 10; i++)
		sem_post(&end);
	for (int i = 0; i < 2; i++)
		MUST(sigwait(&set, &sig));
	V(now(CLOCK_PROCESS_CPUTIME_ID) - start >= 60 * MS);
	R(getitimer(ITIMER_PROF, &left));
	say("left %ld.%06ld\n", (long)left.it_value.tv_sec, (long)left.it_value.tv_usec);
	enough = true;
	for (int i = 0; i < 3; i++)
		MUST(pthread_join(burner[i], NULL));
	for (int i = 0; i < 10; i++)
		sem_post(&end);
	for (int i = 0; i < 20; i++)
		MUST(pthread_join(sleeper[i], NULL));
}

/* What passes while the signal is blocked counts as overruns. */
CASE(overruns)
{
	timer_t t = timer_of(CLOCK_PROCESS_CPUTIME_ID);
	sigset_t set = SET(SIGRTMIN);
	siginfo_t si;

	block(set);
	int64_t start = now(CLOCK_PROCESS_CPUTIME_ID);
	arm(t, 10 * MS, 10 * MS);
	burn(CLOCK_PROCESS_CPUTIME_ID, 100 * MS);
	burn_until_pending(SIGRTMIN);
	int64_t before = now(CLOCK_PROCESS_CPUTIME_ID);
	V(sigwaitinfo(&set, &si) == SIGRTMIN && si.si_code == SI_TIMER);
	int64_t after = now(CLOCK_PROCESS_CPUTIME_ID);
	/* `start` is before the timer was set, and the first burn() ended after that. */
	V(si.si_overrun + 1 <= (after - start) / (10 * MS));
	V(si.si_overrun + 1 >= 9 && before > start);
	V(timer_getoverrun(t) == si.si_overrun);
	/* it goes on */
	V(sigtimedwait(&set, &si, &(struct timespec){ 0, 0 }) == -1 || si.si_code == SI_TIMER);
	burn_until_pending(SIGRTMIN);
	V(sigwaitinfo(&set, &si) == SIGRTMIN && si.si_code == SI_TIMER);
	R(timer_delete(t));
}

static sem_t said, go_on;
static clockid_t of_thread;

static void *burns_when_told(void *arg)
{
	MUST(pthread_getcpuclockid(pthread_self(), &of_thread));
	sem_post(&said);
	sem_wait(&go_on);
	return burns(NULL);
}

/* The clock of another thread: its own time counts alone, and the timer outlives it. */
CASE(clock_of_a_thread)
{
	struct itimerspec it = { .it_value = { 0, 20 * MS } };
	sigset_t set = SET(SIGRTMIN);
	pthread_t thread;
	siginfo_t si;

	block(set);
	sem_init(&said, 0, 0);
	sem_init(&go_on, 0, 0);
	MUST(pthread_create(&thread, NULL, burns_when_told, NULL));
	sem_wait(&said);
	timer_t t = timer_of(of_thread);
	int64_t start = now(of_thread);
	arm(t, 20 * MS, 0);
	burn(CLOCK_THREAD_CPUTIME_ID, 60 * MS);
	R(sigtimedwait(&set, &si, &(struct timespec){ 0, 0 }));
	R(timer_gettime(t, &it));
	V(it.it_value.tv_sec == 0 && it.it_value.tv_nsec > 0 && it.it_value.tv_nsec <= 20 * MS);
	sem_post(&go_on);
	V(sigwaitinfo(&set, &si) == SIGRTMIN && si.si_code == SI_TIMER);
	V(now(of_thread) - start >= 20 * MS);
	enough = true;
	MUST(pthread_join(thread, NULL));
	/* What joins it sees the thread's memory cleared, shortly before its number is free. */
	while (clock_gettime(of_thread, &it.it_value) == 0)
		;
	R(timer_settime(t, 0, &(struct itimerspec){ .it_value = { 1, 0 } }, NULL));
	R(timer_delete(t));
}

/* The clock of a child. */
CASE(clock_of_a_child)
{
	sigset_t set = SET(SIGRTMIN);
	siginfo_t si;
	clockid_t clock;
	int p[2];

	block(set);
	NEED(pipe(p));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		char c;
		if (read(p[0], &c, 1) == 1)
			burns(NULL);
		_exit(2);
	}
	Z(clock_getcpuclockid(pid, &clock));
	timer_t t = timer_of(clock);
	int64_t start = now(clock);
	arm(t, 20 * MS, 0);
	burn(CLOCK_THREAD_CPUTIME_ID, 30 * MS);
	R(sigtimedwait(&set, &si, &(struct timespec){ 0, 0 }));
	R(write(p[1], "x", 1));
	V(sigwaitinfo(&set, &si) == SIGRTMIN && si.si_code == SI_TIMER);
	V(now(clock) - start >= 20 * MS);
	R(kill(pid, SIGKILL));
	reap("child", pid);
	R(timer_settime(t, 0, &(struct itimerspec){ .it_value = { 1, 0 } }, NULL));
	R(timer_delete(t));
}

ROLE(goes_on)
{
	struct itimerval left;

	R(getitimer(ITIMER_PROF, &left));
	V(left.it_value.tv_sec || left.it_value.tv_usec);
	for (;;)
		;
}

/* execve gives the process another address space, and it keeps its interval timers. */
CASE(prof_and_execve)
{
	struct itimerval it = { .it_value = { 0, 500000 } };
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0) {
		NEED(setitimer(ITIMER_PROF, &it, NULL));
		execl(case_self, case_self, "role:goes_on", NULL);
		_exit(1);
	}
	reap("child", pid);
}

static _Atomic int taken;

static void takes(int sig)
{
	taken++;
}

static void *sets_and_deletes(void *arg)
{
	timer_t t = arg;
	struct itimerspec it = { .it_value = { 0, 1 }, .it_interval = { 0, 1 } };

	for (int i = 0; i < 300 || taken < 5; i++) {
		(void)timer_settime(t, 0, &it, NULL);
		(void)timer_gettime(t, &it);
		timer_t own = timer_of(CLOCK_THREAD_CPUTIME_ID);
		arm(own, 1, 1);
		NEED(timer_delete(own));
	}
	return NULL;
}

/* Four threads set and delete timers that go off all the time, while signals are taken. Linux looks
 * at them once a tick. */
CASE(storm_of_timers)
{
	pthread_t thread[4];

	handle(SIGRTMIN, takes, SA_RESTART);
	timer_t t = timer_of(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&thread[i], NULL, sets_and_deletes, t));
	for (int i = 0; i < 4; i++)
		MUST(pthread_join(thread[i], NULL));
	R(timer_delete(t));
}
