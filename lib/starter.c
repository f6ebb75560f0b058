/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that does what it is asked for. See header. */
#include "lib/starter.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>

#include "host/thread.h"

struct starter {
	pthread_t thread;
	sem_t asked, told;    /* it has something to do; the caller has */
	int (*fn)(void *arg); /* NULL: it is to end */
	void *arg;
	int ret;
	void (*back)(void *arg); /* NULL: fn has returned */
	void *back_arg;
	bool begun; /* of the caller: nobody has waited yet */
};

static void await(sem_t *s)
{
	while (sem_wait(s) < 0)
		;
}

static void *starter_main(void *arg)
{
	struct starter *st = arg;

	for (await(&st->asked); st->fn; await(&st->asked)) {
		st->ret = st->fn(st->arg);
		sem_post(&st->told);
	}
	return NULL;
}

int starter_new(struct starter **out)
{
	struct starter *st = calloc(1, sizeof *st);

	if (!st)
		return -ENOMEM;
	sem_init(&st->asked, 0, 0);
	sem_init(&st->told, 0, 0);
	int err = host_thread_start(&st->thread, 0, THREAD_KICKED, starter_main, st);
	if (err) {
		free(st);
		return err;
	}
	*out = st;
	return 0;
}

static void settle(struct starter *st)
{
	if (st->begun)
		await(&st->told);
	st->begun = false;
}

void starter_begin(struct starter *st, int (*fn)(void *arg), void *arg)
{
	settle(st);
	st->fn = fn;
	st->arg = arg;
	st->begun = true;
	sem_post(&st->asked);
}

int starter_call(struct starter *st, int (*fn)(void *arg), void *arg)
{
	settle(st);
	st->fn = fn;
	st->arg = arg;
	sem_post(&st->asked);
	for (await(&st->told); st->back; await(&st->told)) {
		st->back(st->back_arg);
		st->back = NULL;
		sem_post(&st->asked);
	}
	return st->ret;
}

void starter_call_back(struct starter *st, void (*fn)(void *arg), void *arg)
{
	st->back = fn;
	st->back_arg = arg;
	sem_post(&st->told);
	await(&st->asked);
}

void starter_free(struct starter *st)
{
	if (!st)
		return;
	settle(st);
	st->fn = NULL;
	sem_post(&st->asked);
	pthread_join(st->thread, NULL);
	sem_destroy(&st->asked);
	sem_destroy(&st->told);
	free(st);
}
