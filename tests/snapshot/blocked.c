/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait in every way there is, before and after. */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "mark.h"

static int p[2], end[2], full[2], ev, ep, tfd;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t go_mutex = PTHREAD_MUTEX_INITIALIZER;
static bool go; /* go_mutex: a broadcast between the test and the wait would be lost */
static sem_t sem;
static uint32_t word;
static struct timespec due;

static long in_read(void)
{
	char c;
	return read(p[0], &c, 1);
}

static long in_write(void)
{
	static char big[100000];
	return write(full[1], big, sizeof big);
}

static long in_eventfd(void)
{
	uint64_t n;
	return read(ev, &n, sizeof n);
}

static long in_poll(void)
{
	struct pollfd fds[2] = { { ev, POLLIN, 0 }, { p[0], POLLPRI, 0 } };
	return poll(fds, 2, -1);
}

static long in_poll_time(void)
{
	return poll(NULL, 0, 1500);
}

static long in_select(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(ev, &set);
	return select(ev + 1, &set, NULL, NULL, &(struct timeval){ 3000, 0 });
}

static long in_epoll(void)
{
	struct epoll_event e;
	return epoll_wait(ep, &e, 1, -1);
}

static long in_timerfd(void)
{
	uint64_t n;
	return read(tfd, &n, sizeof n);
}

static long in_nanosleep(void)
{
	return nanosleep(&(struct timespec){ 1, 200000000 }, NULL);
}

static long in_clock_nanosleep(void)
{
	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

static long in_mutex(void)
{
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	return 0;
}

static long in_cond(void)
{
	pthread_mutex_lock(&go_mutex);
	while (!go)
		pthread_cond_wait(&cond, &go_mutex);
	pthread_mutex_unlock(&go_mutex);
	return 0;
}

static long in_sem(void)
{
	return sem_wait(&sem);
}

static long in_futex_time(void)
{
	long r = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &(struct timespec){ 1, 0 });
	return r < 0 ? -errno : r;
}

static long in_sigwait(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigwaitinfo(&set, NULL);
}

static long in_wait(void)
{
	pid_t child = fork();
	if (!child) {
		char c;
		/* until all others have closed it */
		close(end[1]);
		_exit(read(end[0], &c, 1) == 0 ? 9 : 8);
	}
	int status = 0;
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

static const struct wait {
	const char *name;
	long (*fn)(void);
} waits[] = {
	{ "read", in_read },
	{ "write", in_write },
	{ "eventfd", in_eventfd },
	{ "poll", in_poll },
	{ "poll with a time", in_poll_time },
	{ "select", in_select },
	{ "epoll", in_epoll },
	{ "timerfd", in_timerfd },
	{ "nanosleep", in_nanosleep },
	{ "clock_nanosleep", in_clock_nanosleep },
	{ "mutex", in_mutex },
	{ "condition", in_cond },
	{ "semaphore", in_sem },
	{ "futex with a time", in_futex_time },
	{ "sigwait", in_sigwait },
	{ "wait", in_wait },
};
#define NR_WAITS (sizeof waits / sizeof *waits)

static long result[NR_WAITS];
static pthread_barrier_t ready;

static void *waiter(void *arg)
{
	const struct wait *w = arg;

	pthread_barrier_wait(&ready);
	result[w - waits] = w->fn();
	return NULL;
}

int main(void)
{
	pthread_t thread[NR_WAITS];
	sigset_t set;

	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ev = eventfd(0, 0);
	ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, ev, &(struct epoll_event){ EPOLLIN, { 0 } });
	tfd = timerfd_create(CLOCK_MONOTONIC, 0);
	timerfd_settime(tfd, 0, &(struct itimerspec){ { 0, 0 }, { 1, 0 } }, NULL);
	clock_gettime(CLOCK_MONOTONIC, &due);
	due.tv_sec += 1;
	sem_init(&sem, 0, 0);
	if (pipe(p) || pipe(end) || pipe(full))
		return 1;
	pthread_mutex_lock(&mutex);
	pthread_barrier_init(&ready, NULL, NR_WAITS + 1);
	for (size_t i = 0; i < NR_WAITS; i++)
		pthread_create(&thread[i], NULL, waiter, (void *)(uintptr_t)&waits[i]);
	pthread_barrier_wait(&ready);
	puts("A");
	mark();

	pthread_mutex_lock(&go_mutex);
	go = true;
	pthread_mutex_unlock(&go_mutex);
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	sem_post(&sem);
	kill(getpid(), SIGUSR2);
	for (int left = 100000; left;) {
		static char buf[4096];
		left -= (int)read(full[0], buf, left < 4096 ? (size_t)left : 4096);
	}
	/* one takes it, the others see it: until all have, there is another */
	for (size_t i = 0; i < NR_WAITS; i++) {
		if (waits[i].fn == in_read && write(p[1], "x", 1) != 1)
			return 1;
		while (waits[i].fn != in_wait && pthread_tryjoin_np(thread[i], NULL) == EBUSY) {
			eventfd_write(ev, 1);
			usleep(1000);
		}
	}
	close(end[1]);
	for (size_t i = 0; i < NR_WAITS; i++) {
		if (waits[i].fn == in_wait)
			pthread_join(thread[i], NULL);
		printf("%s: %ld\n", waits[i].name, result[i]);
	}
	return 0;
}
