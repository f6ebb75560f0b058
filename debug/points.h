/* SPDX-License-Identifier: Apache-2.0 */
/* The part of debug/target.h that is about address spaces, for target.c alone. */
#ifndef HL_DEBUG_POINTS_H
#define HL_DEBUG_POINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/trap.h"

struct mm;
struct points;

/* NULL: no memory. */
struct points *points_new(struct mm *mm);
struct points *points_get(struct points *s);
void points_put(struct points *s); /* NULL: no effect */
/* `to` is a copy of `from`'s memory: it has the same breakpoints. */
int points_copy_breakpoints(struct points *to, const struct points *from);
/* Takes all breakpoints and watchpoints out. */
void points_clear(struct points *s);
bool points_has_breakpoint(const struct points *s, uint64_t addr);
bool points_has_watch(const struct points *s, uint64_t addr);
/* What the CPU is to keep, and which of that it says it has hit (trap.debug). */
void points_hardware(const struct points *s, struct hw_break list[HW_BREAKS]);
bool points_hit(const struct points *s, unsigned hit, struct hw_break *out);
/* HW_BREAK_*. 0 or -errno; twice is once. */
int points_watch(struct points *s, uint8_t kind, uint64_t addr, uint64_t len, bool insert);
/* The CPU does not take it: the threads are to be stepped, or it is gone: -ENOSPC, -EFAULT. */
int points_step_for(struct points *s, uint8_t kind, uint64_t addr, uint64_t len);
/* Are the threads to be stepped? */
bool points_is_watched(const struct points *s);
/* Has what is watched changed since it was asked last? Its address then. */
bool points_watch_changed(struct points *s, uint64_t *addr);

#endif
