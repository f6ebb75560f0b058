/* SPDX-License-Identifier: Apache-2.0 */
/* Counts which sleepers of a group still move, and lets a freeze wait until none does. See the
 * header. */
#include "host/freezer.h"

#include "host/wait.h"

void freezer_init(struct freezer *f)
{
	*f = (struct freezer){ .moving = 0 };
	mutex_init(&f->lock, LOCK_FREEZER);
	cond_init(&f->changed);
}

void freezer_destroy(struct freezer *f)
{
	mutex_destroy(&f->lock);
	cond_destroy(&f->changed);
}

static void changed(struct freezer *f)
{
	f->moves++;
	cond_broadcast(&f->changed);
}

void freezer_enter(struct freezer *f, struct sleeper *s)
{
	mutex_lock(&f->lock);
	s->freezer = f;
	s->rest = REST_MOVING;
	f->moving++;
	changed(f);
	mutex_unlock(&f->lock);
}

void freezer_leave(struct freezer *f, struct sleeper *s)
{
	mutex_lock(&f->lock);
	f->moving -= s->rest == REST_MOVING;
	s->freezer = NULL;
	changed(f);
	mutex_unlock(&f->lock);
}

void freezer_set(struct sleeper *s, enum rest how)
{
	struct freezer *f = s->freezer;

	if (!f)
		return;
	mutex_lock(&f->lock);
	if (s->rest != how) {
		f->moving -= s->rest == REST_MOVING;
		f->moving += how == REST_MOVING;
		s->rest = how;
		changed(f);
	}
	mutex_unlock(&f->lock);
}

enum rest freezer_rest_of(struct sleeper *s, bool *woken)
{
	struct freezer *f = s->freezer;

	mutex_lock(&f->lock);
	enum rest rest = s->rest;
	*woken = atomic_load(&s->kick.pending);
	mutex_unlock(&f->lock);
	return rest;
}

uint64_t freezer_wait_still(struct freezer *f)
{
	mutex_lock(&f->lock);
	while (f->moving)
		cond_wait(&f->changed, &f->lock);
	uint64_t moves = f->moves;
	mutex_unlock(&f->lock);
	return moves;
}

void freezer_wait_change(struct freezer *f, uint64_t moves)
{
	mutex_lock(&f->lock);
	while (f->moves == moves)
		cond_wait(&f->changed, &f->lock);
	mutex_unlock(&f->lock);
}
