/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack frame of a signal handler on x86-64, bit for bit Linux's
 * (arch/x86/include/uapi/asm/sigcontext.h, ucontext.h).
 *
 * 	higher  | interrupted stack, 128 bytes of red zone   (or the top of the alternate stack)
 * 	        | magic2                                     behind the XSAVE area
 * 	fp      | XSAVE area, standard format, aligned to 64; Linux's own words in bytes 464..511
 * 	        | padding
 * 	        | siginfo                                    the handler's second argument
 * 	        | ucontext                                   its third
 * 	sp      | return address: sa_restorer                sp + 8 is a multiple of 16
 *
 * Only layouts and values: what to do with them is kernel/sigdeliver.c's.
 */
#ifndef HL_ARCH_X86_64_SIGFRAME_H
#define HL_ARCH_X86_64_SIGFRAME_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/regs.h"

#define SIGFRAME_RED_ZONE 128

struct sigframe_context {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate; /* guest address of the XSAVE area; 0: none */
	uint64_t reserved[8];
};

struct sigframe_stack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

struct sigframe {
	uint64_t restorer;
	uint64_t uc_flags, uc_link;
	struct sigframe_stack uc_stack;
	struct sigframe_context uc_mcontext;
	uint64_t uc_sigmask;
	siginfo_t info;
};

/* Where a frame below `top` lies. */
struct sigframe_place {
	uint64_t sp; /* of struct sigframe */
	uint64_t fp; /* of the XSAVE area */
	size_t size; /* of everything, from sp */
};
struct sigframe_place sigframe_place(uint64_t top, size_t fp_size);

/* Fills in the machine's part of a frame: uc_flags, uc_mcontext but for err, trapno and cr2. */
void sigframe_save(struct sigframe *f, const struct cpu_regs *regs, uint64_t fp);
/* The registers a handler starts with. */
void sigframe_enter(struct cpu_regs *regs, uint64_t sp, int sig, uint64_t handler);
/* Takes the registers back. False: code or stack selectors that user code here can not have. */
bool sigframe_restore(const struct sigframe *f, struct cpu_regs *regs);

/* Marks the XSAVE area of a frame as Linux does; `fp` has room for fp_size + SIGFRAME_FP_TAIL
 * bytes. */
#define SIGFRAME_FP_TAIL 4
void sigframe_fp_save(void *fp, size_t fp_size, uint64_t xcr0);
/* Reading a frame's area back starts with its first SIGFRAME_FP_HEAD bytes: how many bytes of it
 * claim to be there (SIGFRAME_FP_HEAD: the legacy part alone). The magic word behind them must be
 * SIGFRAME_FP_MAGIC2 when there are more. */
#define SIGFRAME_FP_HEAD   512
#define SIGFRAME_FP_MAGIC2 0x46505845U
size_t sigframe_fp_claim(const void *head, size_t fp_size);
/* The whole state to load, from `claim` bytes in `fp` (room for fp_size): what the frame leaves out
 * gets its initial value. False: the area is inconsistent. */
bool sigframe_fp_restore(void *fp, size_t claim, size_t fp_size, uint64_t xcr0);

/* AT_MINSIGSTKSZ: the most a frame can take. */
static inline size_t sigframe_max_size(size_t fp_size)
{
	size_t n = sizeof(struct sigframe) + 15 + fp_size + SIGFRAME_FP_TAIL + 63;

	return (n + 15) & ~(size_t)15;
}

#endif
