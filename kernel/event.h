/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions of guest code that are no page faults: the task gets the signal of arch/trap.h. */
#ifndef HL_KERNEL_EVENT_H
#define HL_KERNEL_EVENT_H

struct task;
struct trap;

void event_exception(struct task *t, const struct trap *trap);

#endif
