/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the registers of a crashed thread, and holds the machine code of the smallest loop of
 * system calls, which hl uses to measure what one costs. See arch/regs.h. */
#include "arch/regs.h"

#include <stdio.h>

/* svc #0; b back */
static const uint32_t loop[] = { 0xd4000001, 0x17ffffff };
const struct machine_code syscall_loop = { loop, sizeof loop };

#define PER_LINE 4

bool regs_describe(const struct cpu_regs *r, unsigned line, char *buf, size_t size)
{
	const unsigned first = line * PER_LINE, lines = NR_REGS / PER_LINE;
	const uint64_t *x = r->x + first;

	if (line < lines) {
		snprintf(buf, size, "x%-2u %016lx  x%-2u %016lx  x%-2u %016lx  x%-2u %016lx", first,
			 x[0], first + 1, x[1], first + 2, x[2], first + 3, x[3]);
		return true;
	}
	if (line == lines) {
		snprintf(buf, size, "x28 %016lx  fp  %016lx  lr  %016lx  sp  %016lx", r->x[28],
			 r->x[REG_FP], r->x[REG_LR], r->sp);
		return true;
	}
	if (line == lines + 1) {
		snprintf(buf, size, "pc  %016lx  pstate %08lx  tpidr %016lx", r->pc, r->pstate,
			 r->tpidr);
		return true;
	}
	return false;
}
