/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arch/arm64/include/uapi/asm/sigcontext.h, ucontext.h:
 *
 * 	higher  | interrupted stack                          (or the top of the alternate stack)
 * 	        | frame record: x29 and x30 of the interrupted code, for unwinders
 * 	        | ucontext                                   the handler's third argument
 * 	        |   ... that ends with 4096 bytes of records: a magic word, a size, contents
 * 	sp      | siginfo                                    its second; a multiple of 16
 *
 * The records are the SIMD and floating-point state, the syndrome of the last trap where there was
 * one, and an end. The platforms' state has no more than that, so it always fits.
 */
#ifndef HL_ARCH_AARCH64_SIGFRAME_H
#define HL_ARCH_AARCH64_SIGFRAME_H

/* Nothing is kept below the stack pointer. */
#define SIGFRAME_RED_ZONE 0
/* The least size of an alternate stack: the kernel's MINSIGSTKSZ. */
#define SIGFRAME_MIN_ALTSTACK 5120

struct sigframe_context {
	uint64_t fault_address;
	uint64_t x[31], sp, pc, pstate;
	uint64_t pad;
	unsigned char records[4096];
};

struct sigframe {
	siginfo_t info;
	uint64_t uc_flags, uc_link;
	struct sigframe_stack uc_stack;
	uint64_t uc_sigmask;
	unsigned char uc_unused[128];
	struct sigframe_context uc_mcontext;
};

/* Extended state as a platform gives and takes it: what the record has behind its head. There are
 * no features. */
struct fpsimd_state {
	uint32_t fpsr, fpcr;
	unsigned char v[32][16];
};

#endif
