/* SPDX-License-Identifier: Apache-2.0 */
/* arch_prctl(2): what a thread asks of its CPU. Only x86 has the call. */
#ifndef HL_ARCH_PRCTL_H
#define HL_ARCH_PRCTL_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "arch/regs.h"

/* ARCH_PRCTL_OPS(N) is the list of what can be asked, for tables of names. */
#include ARCH_FILE(prctl.h)

/* What its caller has to do where the result is 0. */
struct arch_prctl_effect {
	bool set_regs; /* the registers have changed */
	bool put;      /* `value` goes to the address that was passed */
	uint64_t value;
};
/* `fp_features` as platform->fp_size gives them. 0 or more, or -errno. */
int64_t arch_prctl(struct cpu_regs *r, int op, uint64_t arg, uint64_t fp_features,
		   struct arch_prctl_effect *out);
/* Is the argument where to put a value? */
bool arch_prctl_puts(int op);

#endif
