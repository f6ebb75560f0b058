/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Breakpoints and watchpoints that the CPU keeps: those of a thread that is or was traced, as its
 * debug registers show them. They are the thread's own: not its children's, gone with execve, and
 * there without a tracer.
 */
#ifndef HL_KERNEL_PTRACE_BREAKS_H
#define HL_KERNEL_PTRACE_BREAKS_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/trap.h"

struct task;
struct tracee;

struct breaks {
	struct hw_break at[HW_BREAKS];
	bool known[HW_BREAKS]; /* it was set once, and has a kind and a length from then on */
	bool on[HW_BREAKS];
	uint64_t status;  /* of the last debug exception: trap.debug, and what a tracer wrote */
	uint64_t control; /* as it was written */
};

/* ---- by the tracer, which holds the thread ---- */

/* Debug register `n`. -EIO, -EINVAL: as ptrace(2); -ENOSPC: the host gives no more of them. */
uint64_t breaks_get_reg(const struct task *o, unsigned n);
int breaks_set_reg(struct task *o, unsigned n, uint64_t value);
/* A debugger outside: these and no others. -ENOSPC, -EINVAL. */
int breaks_set_all(struct task *o, const struct hw_break list[HW_BREAKS]);

/* ---- the thread itself ---- */

/* It has a struct tracee, and raised an exception. */
void breaks_note(struct task *t, const struct trap *trap);
/* A program was executed. */
void breaks_exec(struct task *t);

/* ---- sandbox->lock held ---- */

bool breaks_any(const struct tracee *tr);
/* What a new thread shows of its maker's. */
void breaks_fork(const struct tracee *tr, struct tracee *child);

#endif
