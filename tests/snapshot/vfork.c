/* SPDX-License-Identifier: Apache-2.0 */
/* A vfork whose child has not given the memory back, in a tree with another one; and mutexes with
 * priority inheritance that several threads wait for. */
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "mark.h"

static pthread_mutex_t mutex;
static int inside, order[4];
static _Atomic int began;

static void *waits(void *arg)
{
	began++;
	if (pthread_mutex_lock(&mutex))
		exit(3);
	order[inside++] = 1;
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void *gives_up(void *arg)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += 500000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	began++;
	return (void *)(long)pthread_mutex_timedlock(&mutex, &at);
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_t threads[4];
	void *r;
	volatile int in_child = 0;
	int st;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&mutex, &attr);
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, i < 3 ? waits : gives_up, NULL);
	while (began < 4)
		sched_yield();

	pid_t pid = vfork();
	if (!pid) {
		in_child = 5;
		mark();
		in_child++;
		execl("/bin/sh", "sh", "-c", "exit 7", NULL);
		_exit(8);
	}
	printf("the parent goes on %d\n", in_child);
	waitpid(pid, &st, 0);
	printf("child %d\n", WEXITSTATUS(st));
	pthread_join(threads[3], &r);
	printf("gave up %d\n", (int)(long)r == ETIMEDOUT);
	printf("still ours %d %d\n", inside, pthread_mutex_trylock(&mutex) != 0);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	printf("all had it %d %d\n", inside, order[0] + order[1] + order[2]);
	return 0;
}
