/* SPDX-License-Identifier: Apache-2.0 */
/* The counter of the CPU that the clocks of the vDSO are lines over (arch/vdso_data.h): user code
 * of guest and host reads it, and it shows both the same. */
#ifndef HL_ARCH_COUNTER_H
#define HL_ARCH_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"

/* Does not read before earlier loads have happened. */
static inline uint64_t counter_read(void);
/* Nor do later instructions begin before it has read. */
static inline uint64_t counter_read_ordered(void);
/* Does the host count time by it? Only then is it known to run evenly, and alike on all CPUs. */
bool counter_is_trusted(void);
/* Can user code read the number of the CPU it is on? */
bool counter_has_cpu_number(void);

#include ARCH_FILE(counter.h)

#endif
