/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps: what the CPU says of an exception that user code has raised, and the signals Linux makes
 * of them (arch/x86/kernel/traps.c, arch/arm64/kernel/traps.c).
 */
#ifndef HL_ARCH_TRAP_H
#define HL_ARCH_TRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"

struct trap {
	uint64_t nr;    /* the kind: x86's vector, arm64's exception class */
	uint64_t error; /* the CPU's word on it: x86's error code, arm64's syndrome register */
	uint64_t addr;  /* of a fault: the address that was accessed */
	unsigned debug; /* of a debug exception: TRAP_DEBUG_STEP, bit n: breakpoint n was hit */
};

/* A breakpoint or watchpoint that the CPU keeps. */
enum { HW_BREAK_NONE, HW_BREAK_EXEC, HW_BREAK_WRITE, HW_BREAK_ACCESS };
struct hw_break {
	uint64_t addr;
	uint8_t kind, len; /* len: bytes */
};
#define HW_BREAKS       4
#define TRAP_DEBUG_STEP 0x4000 /* as in DR6 */

/* Is it a debug exception? */
bool trap_is_debug(const struct trap *t);

/* What signal frames of a thread show, of the last trap and of those before it, as Linux keeps
 * it. */
void trap_remember(struct trap *last, const struct trap *now);

/* An access of user code that its address space does not allow. `present`: there is a page, which
 * lacks the right. */
struct trap trap_page_fault(uint64_t addr, bool write, bool exec, bool present);

struct trap_signal {
	int sig, code;
	uint64_t addr; /* si_addr */
};

/* The signal for a trap that is no page fault, of the instruction at `ip`. */
struct trap_signal trap_signal(const struct trap *t, uint64_t ip);
/* Does si_code depend on the floating-point state? */
bool trap_is_floating_point(const struct trap *t);
/* Then this is it. `fp` as platform->fp_get gives it. */
int trap_floating_point_code(const struct trap *t, const void *fp);

#endif
