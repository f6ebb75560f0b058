/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub of a process that has ended, or has another program now, is kept for the next one: to
 * empty it takes the host less than to end it and to fork another. It keeps its helper, its mapper
 * and one guest thread.
 *
 * It is as good as a new one. Its guest thread stands in the kernel and comes back from there as a
 * new thread does (stub_thread_renew); all its guest's memory is unmapped. That may take long, and
 * nobody waits for it: as long as no thread of it runs guest code, the memory may be others'
 * already. Who takes the stub waits.
 */
#include <sys/syscall.h>

#include "platform/process/process.h"

#define USED_MAX 4

/* Most programs start no other: the stub of one that is the machine's only one is not wanted any
 * more. */
static bool is_wanted(struct process_machine *m)
{
	mutex_lock(&m->lock);
	bool room = m->nr_used < USED_MAX;
	mutex_unlock(&m->lock);
	return room && atomic_load(&m->spares_taken) > 1;
}

/* Alive, has run guest code, and none of that is left but a thread that waits. */
static bool is_fit(struct process_space *s)
{
	mutex_lock(&s->lock);
	bool fit = s->stub.pidfd >= 0 && !s->stub.dead && !s->stopped && !s->batch &&
		   list_empty(&s->contexts) && s->nr_parked == 1;
	mutex_unlock(&s->lock);
	return fit;
}

static int empty(struct process_space *s)
{
	const struct step all[] = {
		{ SYS_munmap, { 0, STUB_TEXT }, 0 },
		{ SYS_munmap, { STUB_SITES, SITES_CODE_SIZE }, STEP_LAST },
	};

	mutex_lock(&s->stub.lock);
	stub_hand_over(&s->stub, false);
	int err = stub_begin(&s->stub, all, 2, NULL, 0);
	mutex_unlock(&s->stub.lock);
	return err;
}

bool used_keep(struct process_space *s)
{
	struct process_machine *m = s->m;

	if (!is_fit(s) || !is_wanted(m) || stub_thread_renew(s) < 0 || empty(s) < 0)
		return false;
	mutex_lock(&m->lock);
	list_add_tail(&m->used, &s->node);
	m->nr_used++;
	mutex_unlock(&m->lock);
	return true;
}

/* The one that was emptied first; NULL: there is none. */
static struct process_space *used_first(struct process_machine *m)
{
	struct process_space *u = NULL;

	mutex_lock(&m->lock);
	if (m->nr_used) {
		u = list_first(&m->used, struct process_space, node);
		list_del(&u->node);
		m->nr_used--;
	}
	mutex_unlock(&m->lock);
	return u;
}

static bool is_empty(struct process_space *u)
{
	mutex_lock(&u->stub.lock);
	int err = stub_end(&u->stub);
	stub_hand_over(&u->stub, true);
	mutex_unlock(&u->stub.lock);
	return err == 0;
}

/* Its stub becomes that of `s`. */
static void hand_over(struct process_space *u, struct process_space *s)
{
	s->stub.pid = u->stub.pid;
	s->stub.pidfd = u->stub.pidfd;
	s->stub.socket = u->stub.socket;
	s->stub.page = u->stub.page;
	s->stub.slot = u->stub.slot;
	s->stub.mapper = u->stub.mapper;
	s->stub.mapper_id = u->stub.mapper_id;
	s->stub.nr_commands = u->stub.nr_commands;
	u->stub.pidfd = u->stub.socket = u->stub.mapper = -1;
	u->stub.slot = UINT32_MAX;
	s->stacks = u->stacks;
	u->stacks = (struct slot_set){ 0 };
	list_splice_tail(&s->parked, &u->parked);
	s->nr_parked = u->nr_parked;
	u->nr_parked = 0;
	space_put(u);
}

static void discard(struct process_space *u)
{
	stub_kill(&u->stub);
	u->stub.dead = true;
	stub_threads_forget(u);
	space_put(u);
}

bool used_take(struct process_space *s)
{
	struct process_space *u;

	lock_assert_held(&s->lock);
	while ((u = used_first(s->m))) {
		if (is_empty(u)) {
			hand_over(u, s);
			return true;
		}
		discard(u);
	}
	return false;
}

void used_destroy(struct process_machine *m)
{
	struct process_space *u;

	while ((u = used_first(m)))
		discard(u);
}
