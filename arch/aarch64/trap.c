/* SPDX-License-Identifier: Apache-2.0 */
/* The syndrome register, ESR_EL1 (Arm ARM, D17.2.37): bits 31..26 the class, 24..0 its own. */
#include "arch/trap.h"

#include <signal.h>

enum {
	EC_FPAC = 0x1c,
	EC_INSN_ABORT = 0x20,
	EC_PC_ALIGN = 0x22,
	EC_DATA_ABORT = 0x24,
	EC_SP_ALIGN = 0x26,
	EC_FP_EXCEPTION = 0x2c,
	EC_BREAKPOINT = 0x30,
	EC_STEP = 0x32,
	EC_WATCHPOINT = 0x34,
	EC_BRK = 0x3c,
};

#define ESR_EC_SHIFT 26
#define ESR_IL       (1U << 25) /* the instruction has 32 bits */
#define ESR_WNR      (1U << 6)  /* of a data abort: it was a write */
/* Fault status of an abort; both of the last level of tables. */
#define FSC_TRANSLATION 0x07
#define FSC_PERMISSION  0x0f
#define FSC_ALIGNMENT   0x21
#define FSC_MASK        0x3f

void trap_remember(struct trap *last, const struct trap *now)
{
	*last = *now;
}

struct trap trap_page_fault(uint64_t addr, bool write, bool exec, bool present)
{
	uint64_t ec = exec ? EC_INSN_ABORT : EC_DATA_ABORT;

	return (struct trap){
		.nr = ec,
		.error = ec << ESR_EC_SHIFT | ESR_IL | (write ? ESR_WNR : 0U) |
			 (present ? FSC_PERMISSION : FSC_TRANSLATION),
		.addr = addr,
	};
}

/* arch/arm64/kernel/traps.c, debug-monitors.c, entry-common.c; of aborts the address space has no
 * word on, fault_info[] of arch/arm64/mm/fault.c. */
struct trap_signal trap_signal(const struct trap *t, uint64_t ip)
{
	switch (t->nr) {
	case EC_BRK:
	case EC_BREAKPOINT:
	case EC_WATCHPOINT:
		return (struct trap_signal){ SIGTRAP, t->nr == EC_BRK ? TRAP_BRKPT : TRAP_HWBKPT,
					     t->nr == EC_WATCHPOINT ? t->addr : ip };
	case EC_STEP: return (struct trap_signal){ SIGTRAP, TRAP_TRACE, ip };
	case EC_PC_ALIGN:
	case EC_SP_ALIGN: return (struct trap_signal){ SIGBUS, BUS_ADRALN, t->addr };
	case EC_INSN_ABORT:
	case EC_DATA_ABORT:
		if ((t->error & FSC_MASK) == FSC_ALIGNMENT)
			return (struct trap_signal){ SIGBUS, BUS_ADRALN, t->addr };
		return (struct trap_signal){ SIGBUS, BUS_OBJERR, t->addr };
	case EC_FP_EXCEPTION: return (struct trap_signal){ SIGFPE, FPE_FLTUNK, ip };
	case EC_FPAC: return (struct trap_signal){ SIGILL, ILL_ILLOPN, ip };
	/* an instruction that the guest does not have, a branch to where none may go */
	default: return (struct trap_signal){ SIGILL, ILL_ILLOPC, ip };
	}
}

bool trap_is_floating_point(const struct trap *t)
{
	return t->nr == EC_FP_EXCEPTION;
}

/* The syndrome says what happened, where TFV says that it does (do_fpsimd_exc). */
int trap_floating_point_code(const struct trap *t, const void *fp)
{
	enum { IOF = 1, DZF = 2, OFF = 4, UFF = 8, IXF = 16, TFV = 1 << 23 };

	if (!(t->error & TFV))
		return FPE_FLTUNK;
	return t->error & IOF   ? FPE_FLTINV
	       : t->error & DZF ? FPE_FLTDIV
	       : t->error & OFF ? FPE_FLTOVF
	       : t->error & UFF ? FPE_FLTUND
	       : t->error & IXF ? FPE_FLTRES
				: FPE_FLTUNK;
}

bool trap_is_debug(const struct trap *t)
{
	return t->nr == EC_BREAKPOINT || t->nr == EC_STEP || t->nr == EC_WATCHPOINT;
}
