/* SPDX-License-Identifier: Apache-2.0 */
/* How threads sleep in System V objects; and what time it is there. */
#include <errno.h>

#include "host/clock.h"
#include "ipc/ipc.h"
#include "mm/mm.h"
#include "util/time.h"

int64_t ipc_now(const struct ipc_namespace *ns)
{
	return (int64_t)(guest_clock_ns(ns->domain->mem->clock, CLOCK_REALTIME) / NSEC_PER_SEC);
}

static bool comes_later(const struct ipc_sleep *a, const struct ipc_sleep *b)
{
	return a->nice != b->nice ? a->nice > b->nice : a->place > b->place;
}

void ipc_sleep_begin(uint64_t *places, struct caller *c, struct list *queue, struct ipc_sleep *s)
{
	struct ipc_sleep *o = container_of(queue->prev, struct ipc_sleep, node);

	s->sleeper = c->sleeper;
	s->status = IPC_ASLEEP;
	s->place = *c->place ? *c->place : ++*places;
	*c->place = 0;
	while (&o->node != queue && comes_later(o, s))
		o = container_of(o->node.prev, struct ipc_sleep, node);
	list_add(&o->node, &s->node);
}

int64_t ipc_sleep_wait(struct mutex *lock, struct caller *c, struct ipc_sleep *s, uint64_t deadline)
{
	mutex_unlock(lock);
	int err = sleeper_wait(s->sleeper, deadline);
	mutex_lock(lock);
	if (s->status != IPC_ASLEEP) {
		sleeper_got(s->sleeper);
		return s->status;
	}
	if (!err)
		return IPC_ASLEEP;
	list_del(&s->node);
	if (s->sleeper->gave_up)
		*c->place = s->place;
	return err;
}

void ipc_sleep_end(struct ipc_sleep *s, int64_t status)
{
	list_del(&s->node);
	s->status = status;
	sleeper_wake(s->sleeper);
}
