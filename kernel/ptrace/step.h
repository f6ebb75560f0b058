/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's flag for single steps, which is the program's own unless its tracer has set it
 * (Linux's TIF_FORCED_TF): nobody sees a flag that is the tracer's. */
#ifndef HL_KERNEL_PTRACE_STEP_H
#define HL_KERNEL_PTRACE_STEP_H

#include "kernel/ptrace/tracee.h"

static inline void step_hide(const struct task *t, struct cpu_regs *r)
{
	if (t->tracee && t->tracee->step_forced)
		regs_set_step(r, false);
}

/* The thread itself: these registers become its own, and the flag is not set in them. */
static inline void step_end(struct task *t, struct cpu_regs *r)
{
	step_hide(t, r);
	if (t->tracee)
		t->tracee->step_forced = false;
}

#endif
