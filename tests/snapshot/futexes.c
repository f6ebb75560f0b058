/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Futexes with an order and with owners: who has waited longest is woken first; waits for several
 * words; conditions whose mutex has priority inheritance, requeued before the save and after it;
 * one that another process has requeued to a word which the waiter has not mapped.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "mark.h"

#ifndef FUTEX_32
#define FUTEX_32 2
#endif
#define NR_FIFO 4

static uint32_t fifo, words[3], quiet, cond, lock;
static _Atomic pid_t tids[16];
static _Atomic int turn = -1, came;
static int arrived[16];

static long futex(uint32_t *word, int op, uint32_t val, void *time, uint32_t *word2, uint32_t val3)
{
	long r = syscall(SYS_futex, word, op, val, time, word2, val3);
	return r < 0 ? -errno : r;
}

static void enter(int i)
{
	while (turn != i)
		;
	tids[i] = (pid_t)syscall(SYS_gettid);
}

static void *in_fifo(void *arg)
{
	int i = (int)(intptr_t)arg;

	enter(i);
	futex(&fifo, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	arrived[came] = i;
	came++;
	return NULL;
}

struct waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

static void *in_waitv(void *arg)
{
	struct waitv w[3] = { 0 };
	struct timespec *time = NULL, due;
	int i = (int)(intptr_t)arg;

	for (int k = 0; k < 3; k++)
		w[k] = (struct waitv){ .uaddr = (uintptr_t)&words[k],
				       .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG };
	if (i == 5) { /* the time runs out */
		for (int k = 0; k < 3; k++)
			w[k].uaddr = (uintptr_t)&quiet;
		clock_gettime(CLOCK_MONOTONIC, &due);
		due.tv_sec += 2;
		time = &due;
	}
	enter(i);
	long r = syscall(SYS_futex_waitv, w, 3, 0, time, CLOCK_MONOTONIC);
	arrived[i] = r < 0 ? -errno : (int)r;
	return NULL;
}

static void owns(int i)
{
	arrived[came] = i;
	came++;
	futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
}

static void *in_cond(void *arg)
{
	int i = (int)(intptr_t)arg;

	enter(i);
	long r = futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &lock, 0);
	if (r)
		printf("%d: %ld\n", i, r);
	owns(i);
	return NULL;
}

static void *in_lock(void *arg)
{
	int i = (int)(intptr_t)arg;

	enter(i);
	futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	owns(i);
	return NULL;
}

static void begin(pthread_t *thread, int i, void *(*fn)(void *))
{
	pthread_create(thread, NULL, fn, (void *)(intptr_t)i);
}

static void go(int i)
{
	turn = i;
	await_state(&tids[i], "S");
}

static void requeue_one(void)
{
	printf("requeue %ld\n", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, NULL, &lock, 0));
}

/* ---- another process's word ---- */

static pid_t child;
static uint32_t *other_word;

static void requeue_away(void)
{
	uint32_t *shared =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	child = fork();
	if (!child)
		_exit(futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 5 : 6);
	other_word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	while (futex(shared, FUTEX_REQUEUE, 0, (void *)1, other_word, 0) != 1)
		usleep(1000);
}

int main(void)
{
	static const int order[NR_FIFO] = { 2, 0, 3, 1 };
	pthread_t thread[9];
	int status = 0;

	requeue_away();
	for (int i = 0; i < NR_FIFO; i++)
		begin(&thread[i], i, in_fifo);
	for (int i = 0; i < NR_FIFO; i++)
		go(order[i]);
	for (int i = 4; i < 6; i++) {
		begin(&thread[i], i, in_waitv);
		go(i);
	}
	futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	begin(&thread[6], 6, in_cond);
	go(6);
	begin(&thread[7], 7, in_cond);
	go(7);
	requeue_one();
	begin(&thread[8], 8, in_lock);
	go(8);
	mark();

	for (int i = 0; i < NR_FIFO; i++) {
		futex(&fifo, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		while (came <= i)
			usleep(1000);
		printf("woken: %d\n", arrived[i]);
	}
	futex(&words[1], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	for (int i = 4; i < 6; i++) {
		pthread_join(thread[i], NULL);
		printf("waitv: %d\n", arrived[i]);
	}
	came = 0;
	requeue_one();
	futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	for (int i = 6; i < 9; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 3; i++)
		printf("owner: %d\n", arrived[i]);
	printf("lock %x\n", lock);
	printf("other %ld\n", futex(other_word, FUTEX_WAKE, 1, NULL, NULL, 0));
	waitpid(child, &status, 0);
	printf("child %d\n", WEXITSTATUS(status));
	return 0;
}
