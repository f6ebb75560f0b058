/* SPDX-License-Identifier: Apache-2.0 */
/* membarrier(2): makes every thread that runs guest code pass a full barrier, without their
 * help. */
#ifndef HL_KERNEL_MEMBARRIER_H
#define HL_KERNEL_MEMBARRIER_H

#include <stdbool.h>

struct task;

/* Around each run of the guest: `membarrier_enter` before anything that a fence must come before.
 * True: there was one. */
bool membarrier_enter(struct task *t);
void membarrier_leave(struct task *t);

/* Every other task, of the caller's address space or of the whole sandbox, that is in the guest
 * leaves it once. */
void membarrier_fence(struct task *t, bool whole_sandbox);

#endif
