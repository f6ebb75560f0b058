/* SPDX-License-Identifier: Apache-2.0 */
/* The integer register file of a guest thread. Field order up to `rflags` is that of struct
 * kvm_regs. */
#ifndef HL_ARCH_X86_64_REGS_H
#define HL_ARCH_X86_64_REGS_H

#include <stdint.h>

struct cpu_regs {
	uint64_t rax, rbx, rcx, rdx;
	uint64_t rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11;
	uint64_t r12, r13, r14, r15;
	uint64_t rip, rflags;
	uint64_t fs_base, gs_base;
};

/* RFLAGS bits user code may own (popf at CPL 3, plus RF): everything else is forced when registers
 * are set. */
#define RFLAGS_USER  0x254dd5UL /* CF PF AF ZF SF TF DF OF NT RF AC ID */
#define RFLAGS_FIXED 0x202UL    /* bit 1, IF */

/* Segment selectors of a 64-bit Linux user thread. */
#define USER_CS 0x33
#define USER_SS 0x2b

#endif
