/* SPDX-License-Identifier: Apache-2.0 */
/* What ptrace(2) shows and sets of a thread's CPU state, in the order of corefile.h, and what only
 * one architecture has of it. */
#ifndef HL_ARCH_PTRACE_H
#define HL_ARCH_PTRACE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "arch/corefile.h"
#include "arch/memory.h"
#include "arch/trap.h"

/* What lies at an offset of the USER area (<sys/user.h>). */
enum user_slot {
	USER_NOTHING,  /* it ends before, or the offset is no word's */
	USER_REGISTER, /* *i is its number */
	USER_DEBUG,    /* a debug register */
	USER_REST,     /* what nobody can know or set */
};
static inline enum user_slot user_slot(uint64_t offset, unsigned *i);

/* Sets the register `i`. `call`: the number of the system call that the thread is in, -1: none.
 * -EIO: it cannot have that value. */
static inline int ptrace_set_reg(struct cpu_regs *r, int64_t *call, unsigned i, uint64_t value);
/* The arguments of the call that the registers are those of. */
static inline void ptrace_call_args(const struct cpu_regs *r, uint64_t args[6]);
/* Does the instruction that begins so load the flag for steps (regs.h)? */
#define PTRACE_CODE_MAX 15
static inline bool ptrace_loads_step(const uint8_t *code, size_t n);
/* Takes extended state of `type` (NT_*) that a tracer gives, of `n` bytes, over into that of the
 * platform. -EINVAL. */
static inline int ptrace_set_fp(uint32_t type, void *fp, const void *in, size_t n);

/* Of those that have debug registers: kind and length of breakpoint `i`, and whether it is on, as
 * the control register has them. -EINVAL: there is no such kind. */
static inline int debug_decode(uint64_t control, unsigned i, struct hw_break *b, bool *on);
/* May user code be stopped there? 0 or -EINVAL. */
static inline int debug_check(const struct hw_break *b);

#include ARCH_FILE(ptrace.h)

#endif
