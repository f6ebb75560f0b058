/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arch/x86/include/uapi/asm/sigcontext.h, ucontext.h:
 *
 * 	higher  | interrupted stack, 128 bytes of red zone   (or the top of the alternate stack)
 * 	        | magic2                                     behind the XSAVE area
 * 	fp      | XSAVE area, standard format, aligned to 64; Linux's own words in bytes 464..511
 * 	        | padding
 * 	        | siginfo                                    the handler's second argument
 * 	        | ucontext                                   its third
 * 	sp      | return address: sa_restorer                sp + 8 is a multiple of 16
 *
 * Platforms give and take the extended state in the same format, the standard (non-compacted) one
 * of XSAVE (Intel SDM vol. 1, 13.4); its features are XCR0's. What they take is checked: reserved
 * bits, XSTATE_BV within XCR0, MXCSR.
 */
#ifndef HL_ARCH_X86_64_SIGFRAME_H
#define HL_ARCH_X86_64_SIGFRAME_H

/* What leaf functions keep below the stack pointer. */
#define SIGFRAME_RED_ZONE 128
/* The least size of an alternate stack: the kernel's MINSIGSTKSZ. */
#define SIGFRAME_MIN_ALTSTACK 2048

struct sigframe_context {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate; /* guest address of the XSAVE area; 0: none */
	uint64_t reserved[8];
};

struct sigframe {
	uint64_t restorer;
	uint64_t uc_flags, uc_link;
	struct sigframe_stack uc_stack;
	struct sigframe_context uc_mcontext;
	uint64_t uc_sigmask;
	siginfo_t info;
};

#endif
