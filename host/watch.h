/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short look before a sleep. Who waits for a thread that is at work on another CPU, and done in
 * some microseconds, loses less by looking at memory for so long than by a sleep and a wake-up,
 * which cost about as much. Where it was in vain, as it is when that thread has no CPU, the next
 * waits do without: the more of them, the more often it was in vain.
 */
#ifndef HL_HOST_WATCH_H
#define HL_HOST_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>

/* Zeroed before its first use. Any thread. */
struct watch {
	_Atomic unsigned misses, skip;
};

/* True: `flag` is set. False: it was not for a while, or was not looked at for long. */
bool watch_for(struct watch *w, const _Atomic bool *flag);

#endif
