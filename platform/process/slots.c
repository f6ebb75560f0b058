/* SPDX-License-Identifier: Apache-2.0 */
/* Hands out numbers of pages and stacks in the control file. Giving one back cannot fail, because
 * the room for it is reserved when it is taken. */
#include "platform/process/process.h"

#include <errno.h>
#include <stdlib.h>

void slots_init(struct slots *s, uint32_t max)
{
	*s = (struct slots){ .max = max };
	mutex_init(&s->lock, LOCK_SLOTS);
}

void slots_destroy(struct slots *s)
{
	mutex_destroy(&s->lock);
	free(s->free);
}

/* A slot given out has room on the free list already, so that giving it back can not fail: room for
 * one more than `used`, and at least `least`. */
static int reserve(uint32_t **free_list, uint32_t *room, uint32_t used, uint32_t least)
{
	if (used < *room)
		return 0;
	uint32_t larger = *room ? *room * 2 : least;
	uint32_t *more = realloc(*free_list, larger * sizeof *more);
	if (!more)
		return -ENOMEM;
	*free_list = more;
	*room = larger;
	return 0;
}

int slots_take(struct slots *s, uint32_t *out)
{
	int err = 0;
	mutex_lock(&s->lock);
	if (s->nr_free)
		*out = s->free[--s->nr_free];
	else if (s->next == s->max)
		err = -EAGAIN;
	else if (!(err = reserve(&s->free, &s->room, s->next, 64)))
		*out = s->next++;
	mutex_unlock(&s->lock);
	return err;
}

void slots_give(struct slots *s, uint32_t slot)
{
	mutex_lock(&s->lock);
	s->free[s->nr_free++] = slot;
	mutex_unlock(&s->lock);
}

/* ---- those of one stub ---- */

static int slot_set_reserve(struct slot_set *set)
{
	return reserve(&set->free, &set->room, set->nr, 8);
}

int slot_set_take(struct slot_set *set, struct slots *from, uint32_t *out, bool *fresh)
{
	*fresh = !set->nr_free;
	if (!*fresh) {
		*out = set->free[--set->nr_free];
		return 0;
	}
	int err = slot_set_reserve(set);
	if (!err)
		err = slots_take(from, out);
	if (!err)
		set->nr++;
	return err;
}

int slot_set_adopt(struct slot_set *set)
{
	int err = slot_set_reserve(set);
	if (!err)
		set->nr++;
	return err;
}

void slot_set_give(struct slot_set *set, uint32_t slot)
{
	set->free[set->nr_free++] = slot;
}
