/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which CPUs see accesses to memory that guest and monitor share without a lock: what
 * C's atomics do not say of accesses that are none. */
#ifndef HL_ARCH_BARRIER_H
#define HL_ARCH_BARRIER_H

#include "arch/arch.h"

/* Loads before it happen before loads after it. */
static inline void barrier_load(void);
/* All accesses before it happen before all accesses after it. */
static inline void barrier_full(void);
/* In a loop that waits for another CPU. */
static inline void cpu_pause(void);

#include ARCH_FILE(barrier.h)

#endif
