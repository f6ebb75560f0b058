/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who of a group of sleepers still moves: what a freeze (kernel/freeze.h) waits for.
 *
 * While a freeze is under way each sleeper of the group is moving, asleep or parked, and says so
 * when that changes; at other times nobody counts, and a sleep costs nothing more. A sleeper that
 * counts as asleep may have been woken without having said so yet: its kick is then pending.
 */
#ifndef HL_HOST_FREEZER_H
#define HL_HOST_FREEZER_H

#include <stdbool.h>
#include <stdint.h>

#include "util/lock.h"

struct sleeper;

enum rest { REST_MOVING, REST_ASLEEP, REST_PARKED };

struct freezer {
	struct mutex lock;
	struct cond changed;
	unsigned moving; /* sleepers that are REST_MOVING */
	uint64_t moves;  /* changes so far */
};

void freezer_init(struct freezer *f);
void freezer_destroy(struct freezer *f);
/* From now on `s` counts, as moving, whatever it was before; not any more. */
void freezer_enter(struct freezer *f, struct sleeper *s);
void freezer_leave(struct freezer *f, struct sleeper *s);
/* A sleeper that was resting (or moving) is made to move; the owner says how it rests from now on,
 * or that it moves. No effect when it is so already, or when `s` does not count. No other thread
 * may call freezer_enter or freezer_leave meanwhile. */
void freezer_set(struct sleeper *s, enum rest how);
/* How it rests, and whether a wake-up is on its way to it. */
enum rest freezer_rest_of(struct sleeper *s, bool *woken);
/* Waits until nobody is moving: the number of changes so far. */
uint64_t freezer_wait_still(struct freezer *f);
/* Waits until there have been more than `moves` changes. */
void freezer_wait_change(struct freezer *f, uint64_t moves);

#endif
