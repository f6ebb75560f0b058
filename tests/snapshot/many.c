/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of 50 processes, and 500 threads, which wait in seven ways. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "mark.h"

enum { THREADS = 500, ROOTS = 5, CHILDREN = 9 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t sem;
static int go[2], event, released;
static _Thread_local int own;
static _Atomic int waiting, kinds[7];

static void *thread(void *arg)
{
	int n = (int)(long)arg, kind = n % 7;
	struct epoll_event e = { .events = EPOLLIN };
	char c;

	own = n;
	waiting++;
	switch (kind) {
	case 0:
		pthread_mutex_lock(&mutex);
		while (!released)
			pthread_cond_wait(&cond, &mutex);
		pthread_mutex_unlock(&mutex);
		break;
	case 1: sem_wait(&sem); break;
	case 2: (void)!read(go[0], &c, 1); break;
	case 3: poll(&(struct pollfd){ event, POLLIN, 0 }, 1, -1); break;
	case 4:
		pthread_rwlock_rdlock(&rw);
		pthread_rwlock_unlock(&rw);
		break;
	case 5: {
		int ep = epoll_create1(0);
		epoll_ctl(ep, EPOLL_CTL_ADD, event, &e);
		epoll_wait(ep, &e, 1, -1);
		close(ep);
		break;
	}
	case 6: pthread_barrier_wait(&barrier); break;
	}
	kinds[kind]++;
	return (void *)(long)own;
}

static void wait_for_parent(int up)
{
	char c;

	if (read(up, &c, 1) != 1)
		_exit(2);
}

static void leaf(int *shared, int up, int share)
{
	wait_for_parent(up);
	__atomic_fetch_add(shared, share, __ATOMIC_SEQ_CST);
	_exit(share);
}

/* It has children, which go when it is told to go, and add their shares. */
static void branch(int *shared, int up, int share)
{
	int down[2], st, sum = share;

	close(go[0]);
	close(go[1]);
	if (pipe(down))
		_exit(1);
	for (int i = 0; i < CHILDREN; i++)
		if (fork() == 0)
			leaf(shared, down[0], share + i);
	wait_for_parent(up);
	for (int i = 0; i < CHILDREN; i++)
		if (write(down[1], "g", 1) != 1)
			_exit(3);
	while (wait(&st) > 0)
		sum += WEXITSTATUS(st);
	__atomic_fetch_add(shared, share, __ATOMIC_SEQ_CST);
	_exit(sum & 0xff);
}

int main(void)
{
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_t threads[THREADS];
	pthread_attr_t attr;
	int tree[2], st, sum = 0;
	long owned = 0;

	if (pipe(tree) || pipe(go))
		return 1;
	for (int i = 0; i < ROOTS; i++)
		if (fork() == 0)
			branch(shared, tree[0], 10 * i);
	event = eventfd(0, 0);
	sem_init(&sem, 0, 0);
	pthread_barrier_init(&barrier, NULL, THREADS / 7 + 1);
	pthread_rwlock_wrlock(&rw);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], &attr, thread, (void *)i))
			return 2;
	while (waiting < THREADS)
		sched_yield();

	mark();
	pthread_mutex_lock(&mutex);
	released = 1;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < THREADS; i++)
		sem_post(&sem);
	close(go[1]);
	eventfd_write(event, 1);
	pthread_rwlock_unlock(&rw);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++) {
		void *r;
		pthread_join(threads[i], &r);
		owned += (long)r;
	}
	printf("threads %ld:", owned);
	for (int i = 0; i < 7; i++)
		printf(" %d", kinds[i]);
	for (int i = 0; i < ROOTS; i++)
		if (write(tree[1], "g", 1) != 1)
			return 3;
	while (wait(&st) > 0)
		sum += WEXITSTATUS(st);
	printf("\nprocesses %d %d\n", sum, *shared);
	return 0;
}
