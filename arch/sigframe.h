/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack frame of a signal handler, bit for bit Linux's. Only layouts and values: what to do
 * with them is kernel/sigdeliver.c's. A frame is made in memory of the monitor's,
 *
 * 	sigframe_place     where it will lie, below an address
 * 	sigframe_fill      everything but the extended state, which the platform writes to
 * 	sigframe_fp
 * 	sigframe_fp_fill   what Linux puts around that
 * 	sigframe_enter     the registers that the handler starts with
 *
 * and what the guest has made of it is taken apart by the functions below, which believe nothing.
 */
#ifndef HL_ARCH_SIGFRAME_H
#define HL_ARCH_SIGFRAME_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "arch/regs.h"
#include "arch/trap.h"

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif

/* The kernel's stack_t. */
struct sigframe_stack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

/* The architecture's: what sigreturn reads of a frame at once, without the extended state. */
struct sigframe;

#include ARCH_FILE(sigframe.h)

struct sigframe_place {
	uint64_t sp; /* its guest address, which becomes the stack pointer */
	size_t size;
	size_t fp; /* offset of the extended state */
};

/* What a frame holds besides the registers. */
struct sigframe_info {
	int sig;
	uint64_t flags; /* SA_* */
	siginfo_t siginfo;
	uint64_t mask; /* to return to */
	struct sigframe_stack altstack;
	struct trap trap;
	uint64_t handler, restorer; /* the code that runs, and that it returns to */
};

/* For a handler without SA_RESTORER: where it returns to, in a vDSO mapped at `vdso`. False: the
 * architecture has nothing of the kind. */
bool sigframe_trampoline(uint64_t vdso, uint64_t *out);

/* `sp`: where the interrupted code may go on to use the stack, or the top of another. */
struct sigframe_place sigframe_place(uint64_t sp, size_t fp_size);
void sigframe_fill(void *image, const struct sigframe_place *pl, const struct cpu_regs *regs,
		   const struct sigframe_info *info);
static inline void *sigframe_fp(void *image, const struct sigframe_place *pl)
{
	return (char *)image + pl->fp;
}
void sigframe_fp_fill(void *image, const struct sigframe_place *pl, size_t fp_size,
		      uint64_t fp_features);
void sigframe_enter(struct cpu_regs *regs, const struct sigframe_place *pl,
		    const struct sigframe_info *info);

/* ---- the way back ---- */

/* Reads `n` bytes of the guest. False: it has no such memory. */
struct sigframe_reader {
	bool (*read)(const struct sigframe_reader *r, void *dst, uint64_t addr, size_t n);
	void *arg;
};

/* The frame of a handler that calls sigreturn with these registers. */
bool sigframe_read(struct sigframe *f, const struct cpu_regs *regs,
		   const struct sigframe_reader *r);
/* The guest address of its signal mask. */
uint64_t sigframe_mask_at(const struct cpu_regs *regs);
uint64_t sigframe_mask(const struct sigframe *f);
struct sigframe_stack sigframe_altstack(const struct sigframe *f);
/* Takes the registers back. False: there is what user code here can not have. */
bool sigframe_restore(const struct sigframe *f, struct cpu_regs *regs);
/* The extended state to load into `fp`, of fp_size zeroed bytes: what the frame leaves out gets its
 * initial value. 1; 0: the frame asks for that of a fresh process; -EFAULT; -EINVAL: it is
 * inconsistent. */
int sigframe_fp_read(const struct sigframe *f, const struct sigframe_reader *r, void *fp,
		     size_t fp_size, uint64_t fp_features);

#endif
