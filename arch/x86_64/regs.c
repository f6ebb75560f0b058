/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the registers of a crashed thread, and holds the machine code of the smallest loop of
 * system calls, which hl uses to measure what one costs. See arch/regs.h. */
#include "arch/regs.h"

#include <stdio.h>

/* syscall; jmp back */
static const unsigned char loop[] = { 0x0f, 0x05, 0xeb, 0xfc };
const struct machine_code syscall_loop = { loop, sizeof loop };

bool regs_describe(const struct cpu_regs *r, unsigned line, char *buf, size_t size)
{
	switch (line) {
	case 0:
		snprintf(buf, size, "rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", r->rax,
			 r->rbx, r->rcx, r->rdx);
		return true;
	case 1:
		snprintf(buf, size, "rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx", r->rsi,
			 r->rdi, r->rbp, r->rsp);
		return true;
	case 2:
		snprintf(buf, size, "r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx", r->r8, r->r9,
			 r->r10, r->r11);
		return true;
	case 3:
		snprintf(buf, size, "r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx", r->r12,
			 r->r13, r->r14, r->r15);
		return true;
	case 4:
		snprintf(buf, size, "rip %016lx  rflags %08lx  fs %016lx  gs %016lx", r->rip,
			 r->rflags, r->fs_base, r->gs_base);
		return true;
	default: return false;
	}
}
