/* SPDX-License-Identifier: Apache-2.0 */
/* CPU exceptions of guest code and the signals Linux makes of them (arch/x86/kernel/traps.c
 * behaviour). */
#ifndef HL_KERNEL_EVENT_H
#define HL_KERNEL_EVENT_H

#include <stdint.h>

struct task;

void event_exception(struct task *t, unsigned vector, uint64_t error);

#endif
