/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues: one with messages, one whose name is gone, one of a namespace that only a
 * child is in; receivers that wait in an order; who is told by a signal, and by a thread of the C
 * library's. Limits and what is mounted are as they were.
 */
#include <errno.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "mark.h"

#define NR_WAITERS 3

static mqd_t empty;
static _Atomic int came;
static int order[NR_WAITERS];
static _Atomic pid_t tids[NR_WAITERS];
static int told[2];

static mqd_t queue_of(const char *name, long max)
{
	struct mq_attr a = { .mq_maxmsg = max, .mq_msgsize = 64 };
	mqd_t q = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0640, &a);

	if (q < 0)
		exit(91);
	return q;
}

static void say_queue(const char *what, mqd_t q)
{
	struct mq_attr a;
	unsigned priority;
	char text[64];
	ssize_t n;

	if (mq_getattr(q, &a))
		exit(92);
	printf("%s: %ld of %ld of %ld bytes, flags %lo\n", what, a.mq_curmsgs, a.mq_maxmsg,
	       a.mq_msgsize, a.mq_flags);
	while ((n = mq_receive(q, text, sizeof text, &priority)) >= 0)
		printf("  %u \"%.*s\"\n", priority, (int)n, text);
}

static void *receives(void *arg)
{
	char text[64];
	int i = (int)(intptr_t)arg;

	tids[i] = (pid_t)syscall(SYS_gettid);
	if (mq_receive(empty, text, sizeof text, NULL) != 4)
		exit(93);
	order[came++] = i;
	return NULL;
}

static void on_signal(int sig, siginfo_t *si, void *context)
{
	char c = (char)('0' + si->si_value.sival_int);

	if (write(told[1], &c, 1) != 1)
		_exit(94);
}

static void on_thread(union sigval v)
{
	char c = (char)('0' + v.sival_int);

	if (write(told[1], &c, 1) != 1)
		_exit(94);
}

static void say_told(void)
{
	char c;

	printf("told: %zd", read(told[0], &c, 1));
	printf(" %c\n", c);
}

/* A process in a namespace of its own, which ends when the pipe does. */
static void elsewhere(int from)
{
	struct stat st;
	char c;

	if (unshare(CLONE_NEWIPC))
		_exit(95);
	mqd_t q = queue_of("/elsewhere", 2);
	mq_send(q, "there", 5, 1);
	while (read(from, &c, 1) == 1)
		;
	say_queue("of the child", q);
	printf("unlink %d, ", mq_unlink("/elsewhere"));
	printf("again %d, %d\n", mq_unlink("/elsewhere"), fstat(q, &st) ? -1 : (int)st.st_nlink);
	fflush(stdout);
	_exit(0);
}

static void limit(const char *name, const char *value)
{
	char path[64], text[32] = "";

	snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", name);
	int fd = open(path, O_RDWR);
	if (value && write(fd, value, strlen(value)) < 0)
		exit(96);
	if (!value && pread(fd, text, sizeof text - 1, 0) > 0)
		printf("%s: %s", name, text);
	close(fd);
}

int main(void)
{
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigevent by_signal = { .sigev_notify = SIGEV_SIGNAL,
				      .sigev_signo = SIGUSR1,
				      .sigev_value.sival_int = 1 };
	struct sigevent by_thread = { .sigev_notify = SIGEV_THREAD,
				      .sigev_notify_function = on_thread,
				      .sigev_value.sival_int = 2 };
	pthread_t threads[NR_WAITERS];
	int pipes[2];

	if (unshare(CLONE_NEWIPC) || pipe(pipes) || pipe(told))
		return 97;
	sigaction(SIGUSR1, &act, NULL);
	limit("msg_max", "20");
	mqd_t kept = queue_of("/kept", 5), gone = queue_of("/gone", 3);
	mqd_t signals = queue_of("/signals", 2), thread = queue_of("/thread", 2);
	mq_send(kept, "low", 3, 1);
	mq_send(kept, "high", 4, 7);
	mq_send(kept, "low too", 7, 1);
	mq_send(gone, "still", 5, 0);
	mq_unlink("/gone");
	queue_of("/empty", 2);
	empty = mq_open("/empty", O_RDWR);
	mq_notify(signals, &by_signal);
	mq_notify(thread, &by_thread);
	pid_t other = fork();
	if (!other) {
		close(pipes[1]);
		elsewhere(pipes[0]);
	}
	for (int i = 0; i < NR_WAITERS; i++) {
		pthread_create(&threads[i], NULL, receives, (void *)(intptr_t)i);
		await_state(&tids[i], "S");
	}
	mark();
	say_queue("kept", kept);
	say_queue("gone", gone);
	printf("gone: %d, empty: %d\n", mq_open("/gone", O_RDWR), mq_unlink("/empty"));
	for (int i = 0; i < NR_WAITERS; i++) {
		mq_send(empty, "wake", 4, 0);
		while (came == i)
			usleep(1000);
		printf("%d", order[i]);
	}
	printf("\n");
	for (int i = 0; i < NR_WAITERS; i++)
		pthread_join(threads[i], NULL);
	mq_send(signals, "x", 1, 0);
	say_told();
	mq_send(thread, "x", 1, 0);
	say_told();
	limit("msg_max", NULL);
	fflush(stdout);
	close(pipes[1]);
	waitpid(other, NULL, 0);
	return 0;
}
