/* SPDX-License-Identifier: Apache-2.0 */
/* The queues of calls between program and host. See the header. */
#include "kernel/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct calls *calls_new(void)
{
	struct calls *cs = calloc(1, sizeof *cs);

	if (!cs)
		return NULL;
	mutex_init(&cs->lock, LOCK_CALLS);
	cond_init(&cs->answered);
	cond_init(&cs->asked);
	waitqueue_init(&cs->to_guest);
	list_init(&cs->for_guest);
	list_init(&cs->for_host);
	return cs;
}

void calls_free(struct calls *cs)
{
	if (!cs)
		return;
	waitqueue_destroy(&cs->to_guest);
	cond_destroy(&cs->asked);
	cond_destroy(&cs->answered);
	mutex_destroy(&cs->lock);
	free(cs);
}

struct call *call_new(const char *name, size_t name_len, size_t len)
{
	struct call *c = calloc(1, sizeof *c + name_len + 1 + len);

	if (!c)
		return NULL;
	ref_set(&c->refs, 1);
	list_init(&c->node);
	c->name_len = name_len;
	c->len = name_len + 1 + len;
	memcpy(c->text, name, name_len);
	return c;
}

void call_put(struct call *c)
{
	if (!ref_put(&c->refs))
		return;
	free(c->answer);
	free(c);
}

/* It waits in no queue any more. The queue's reference, where it was in one, goes. The lock is
 * held. */
static void unqueue(struct call *c)
{
	if (list_empty(&c->node))
		return;
	list_del(&c->node);
	list_init(&c->node);
	call_put(c);
}

/* A reference for the queue. The lock is held. */
static void enqueue(struct list *queue, struct call *c)
{
	ref_get(&c->refs);
	list_add_tail(queue, &c->node);
}

/* The first one with the queue's reference; NULL: there is none. The lock is held. */
static struct call *dequeue(struct list *queue)
{
	if (list_empty(queue))
		return NULL;
	struct call *c = list_first(queue, struct call, node);
	list_del(&c->node);
	list_init(&c->node);
	return c;
}

/* ---- the program ---- */

void calls_begin(struct calls *cs)
{
	if (!cs)
		return;
	mutex_lock(&cs->lock);
	cs->ended = false;
	mutex_unlock(&cs->lock);
}

void calls_end(struct calls *cs)
{
	struct call *c;

	if (!cs)
		return;
	mutex_lock(&cs->lock);
	if (!cs->ended) {
		cs->ended = true;
		cs->run++;
		cs->under_way = 0;
		while ((c = dequeue(&cs->for_guest)))
			call_put(c);
		cond_broadcast(&cs->answered);
	}
	mutex_unlock(&cs->lock);
}

void calls_state(struct calls *cs, bool *ready, bool *busy)
{
	mutex_lock(&cs->lock);
	*ready = cs->waiting > 0;
	*busy = cs->under_way > 0;
	mutex_unlock(&cs->lock);
}

/* ---- calls of the host ---- */

int calls_ask(struct calls *cs, struct call *c)
{
	mutex_lock(&cs->lock);
	bool ended = cs->ended;
	if (!ended) {
		c->of_host = true;
		c->run = cs->run;
		cs->under_way++;
		enqueue(&cs->for_guest, c);
	}
	mutex_unlock(&cs->lock);
	if (!ended)
		waitqueue_wake_all(&cs->to_guest, 0);
	return ended ? -ESRCH : 0;
}

int calls_wait(struct calls *cs, struct call *c, uint64_t deadline)
{
	int err = 0;

	mutex_lock(&cs->lock);
	while (!c->answered && c->run == cs->run && !err)
		err = cond_wait_until(&cs->answered, &cs->lock, deadline);
	bool over = c->run != cs->run;
	if (!c->answered && !over) {
		cs->under_way--;
		unqueue(c);
		c->run = cs->run - 1; /* an answer that comes late counts for nothing */
	}
	err = c->answered ? 0 : over ? -ESRCH : err;
	mutex_unlock(&cs->lock);
	return err;
}

int calls_next(struct calls *cs, struct sleeper *s, bool block, struct call **out)
{
	struct waiter w;
	int err = 0;

	waiter_init(&w, s);
	waitqueue_add(&cs->to_guest, &w);
	mutex_lock(&cs->lock);
	cs->waiting++;
	while (!(*out = dequeue(&cs->for_guest)) && !err) {
		mutex_unlock(&cs->lock);
		err = block ? sleeper_wait(s, DEADLINE_NONE) : -EAGAIN;
		mutex_lock(&cs->lock);
	}
	cs->waiting--;
	mutex_unlock(&cs->lock);
	waitqueue_remove(&w);
	return *out ? 0 : err;
}

/* ---- calls of the guest ---- */

int calls_ask_host(struct calls *cs, struct call *c)
{
	mutex_lock(&cs->lock);
	bool serves = cs->serves && !cs->closed;
	if (serves) {
		enqueue(&cs->for_host, c);
		cs->any_for_host = true;
		if (!cs->watched)
			cond_signal(&cs->asked);
	}
	mutex_unlock(&cs->lock);
	return serves ? 0 : -EOPNOTSUPP;
}

int calls_wait_host(struct calls *cs, struct call *c, struct sleeper *s)
{
	int err = 0;

	(void)watch_for(&cs->answering, &c->answered);
	mutex_lock(&cs->lock);
	c->sleeper = s;
	while (!c->answered && !err) {
		mutex_unlock(&cs->lock);
		err = sleeper_wait_killable(s);
		mutex_lock(&cs->lock);
	}
	c->sleeper = NULL;
	if (c->answered)
		err = 0;
	else if (!s->gave_up)
		unqueue(c);
	mutex_unlock(&cs->lock);
	return err;
}

void calls_drop(struct calls *cs, struct call *c)
{
	mutex_lock(&cs->lock);
	unqueue(c);
	mutex_unlock(&cs->lock);
	call_put(c);
}

/* The lock is held. */
static struct call *dequeue_for_host(struct calls *cs)
{
	struct call *c = dequeue(&cs->for_host);

	cs->any_for_host = !list_empty(&cs->for_host);
	return c;
}

/* One thread looks for the next call before it sleeps, and is not woken for it. The lock is held,
 * and given up meanwhile. */
static void watch_calls(struct calls *cs)
{
	if (cs->watched || cs->any_for_host || cs->closed)
		return;
	cs->watched = true;
	mutex_unlock(&cs->lock);
	(void)watch_for(&cs->asking, &cs->any_for_host);
	mutex_lock(&cs->lock);
	cs->watched = false;
}

struct call *calls_take(struct calls *cs, unsigned *idle)
{
	struct call *c;

	mutex_lock(&cs->lock);
	++*idle;
	watch_calls(cs);
	while (!(c = dequeue_for_host(cs)) && !cs->closed)
		cond_wait(&cs->asked, &cs->lock);
	--*idle;
	if (cs->any_for_host)
		cond_signal(&cs->asked); /* of these nobody was told */
	mutex_unlock(&cs->lock);
	return c;
}

void calls_close(struct calls *cs)
{
	struct call *c;

	mutex_lock(&cs->lock);
	cs->closed = true;
	while ((c = dequeue_for_host(cs)))
		call_put(c);
	cond_broadcast(&cs->asked);
	mutex_unlock(&cs->lock);
}

/* ---- both ---- */

void calls_answer(struct calls *cs, struct call *c, int error, char *answer, size_t len)
{
	mutex_lock(&cs->lock);
	BUG_ON(c->answered);
	c->answered = true;
	c->error = error;
	c->answer = answer;
	c->answer_len = len;
	if (c->of_host && c->run == cs->run)
		cs->under_way--;
	if (c->sleeper)
		sleeper_wake(c->sleeper);
	cond_broadcast(&cs->answered);
	mutex_unlock(&cs->lock);
	call_put(c);
}
