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

void ipc_sleep_begin(struct ipc_namespace *ns, struct caller *c, struct list *queue,
		     struct ipc_sleep *s)
{
	lock_assert_held(&ns->lock);
	struct ipc_sleep *o = container_of(queue->prev, struct ipc_sleep, node);

	s->sleeper = c->sleeper;
	s->status = IPC_ASLEEP;
	s->place = *c->place ? *c->place : ++ns->places;
	*c->place = 0;
	while (&o->node != queue && o->place > s->place)
		o = container_of(o->node.prev, struct ipc_sleep, node);
	list_add(&o->node, &s->node);
}

int64_t ipc_sleep_wait(struct ipc_namespace *ns, struct caller *c, struct ipc_sleep *s,
		       uint64_t deadline)
{
	ipc_unlock(ns);
	int err = sleeper_wait(s->sleeper, deadline);
	ipc_lock(ns);
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
