/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the signal frame of arm64 in memory of the monitor, and reads it back for rt_sigreturn(2),
 * after setup_rt_frame() and restore_sigframe() of Linux's arch/arm64/kernel/signal.c. A frame that
 * is read back is the guest's own writing and is checked. See the header for its layout.
 */
#include "arch/sigframe.h"

#include <asm/hwcap.h>
#include <asm/sigcontext.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

#include "vdso_symbols.h"

_Static_assert(offsetof(struct sigframe, uc_mcontext) == 128 + 176, "struct ucontext");
_Static_assert(offsetof(struct sigframe_context, records) == 288, "struct sigcontext");
_Static_assert(sizeof(struct sigframe) == 4688, "struct rt_sigframe");

struct record {
	uint32_t magic, size;
};

struct fpsimd_record {
	struct record head;
	struct fpsimd_state state;
};
_Static_assert(sizeof(struct fpsimd_record) == 528, "struct fpsimd_context");

struct esr_record {
	struct record head;
	uint64_t esr;
};

/* Above the frame, for unwinders. */
struct frame_record {
	uint64_t fp, lr;
};

/* Bits of PSTATE that no code of ours can have: AArch32, another level, masked interrupts. */
#define PSTATE_FOREIGN 0x3dfUL

bool sigframe_trampoline(uint64_t vdso, uint64_t *out)
{
	*out = vdso + VDSO_SIGRETURN;
	return vdso != 0;
}

struct sigframe_place sigframe_place(uint64_t sp, size_t fp_size)
{
	uint64_t record = (sp - sizeof(struct frame_record)) & ~15UL;

	return (struct sigframe_place){
		.sp = record - sizeof(struct sigframe),
		.size = sizeof(struct sigframe) + sizeof(struct frame_record),
		.fp = offsetof(struct sigframe, uc_mcontext.records) +
		      offsetof(struct fpsimd_record, state),
	};
}

void sigframe_fill(void *image, const struct sigframe_place *pl, const struct cpu_regs *r,
		   const struct sigframe_info *info)
{
	struct sigframe *f = image;
	struct frame_record unwind = { r->x[REG_FP], r->x[REG_LR] };

	f->info = info->siginfo;
	f->uc_stack = info->altstack;
	f->uc_sigmask = info->mask;
	f->uc_mcontext.fault_address = info->trap.addr;
	memcpy(f->uc_mcontext.x, r->x, sizeof r->x);
	f->uc_mcontext.sp = r->sp;
	f->uc_mcontext.pc = r->pc;
	f->uc_mcontext.pstate = r->pstate;
	if (info->trap.error) {
		struct esr_record esr = { { ESR_MAGIC, sizeof esr }, info->trap.error };

		memcpy(f->uc_mcontext.records + sizeof(struct fpsimd_record), &esr, sizeof esr);
	}
	memcpy((char *)image + sizeof *f, &unwind, sizeof unwind);
}

void sigframe_fp_fill(void *image, const struct sigframe_place *pl, size_t fp_size,
		      uint64_t fp_features)
{
	struct sigframe *f = image;
	const struct record head = { FPSIMD_MAGIC, sizeof(struct fpsimd_record) };

	memcpy(f->uc_mcontext.records, &head, sizeof head);
}

void sigframe_enter(struct cpu_regs *r, const struct sigframe_place *pl,
		    const struct sigframe_info *info)
{
	r->x[0] = (uint64_t)info->sig;
	if (info->flags & SA_SIGINFO) {
		r->x[1] = pl->sp + offsetof(struct sigframe, info);
		r->x[2] = pl->sp + offsetof(struct sigframe, uc_flags);
	}
	r->x[REG_FP] = pl->sp + sizeof(struct sigframe);
	r->x[REG_LR] = info->restorer;
	r->sp = pl->sp;
	r->pc = info->handler;
	r->pstate &= ~(PSTATE_TCO | PSTATE_BTYPE);
	/* as if it had been called through a register (BTYPE_C) */
	if (getauxval(AT_HWCAP2) & HWCAP2_BTI)
		r->pstate |= 2UL << 10;
}

/* ---- the way back ---- */

bool sigframe_read(struct sigframe *f, const struct cpu_regs *regs, const struct sigframe_reader *r)
{
	return regs->sp % 16 == 0 && r->read(r, f, regs->sp, sizeof *f);
}

uint64_t sigframe_mask_at(const struct cpu_regs *regs)
{
	return regs->sp + offsetof(struct sigframe, uc_sigmask);
}

uint64_t sigframe_mask(const struct sigframe *f)
{
	return f->uc_sigmask;
}

struct sigframe_stack sigframe_altstack(const struct sigframe *f)
{
	return f->uc_stack;
}

bool sigframe_restore(const struct sigframe *f, struct cpu_regs *r)
{
	const struct sigframe_context *c = &f->uc_mcontext;

	if (c->pstate & PSTATE_FOREIGN)
		return false;
	memcpy(r->x, c->x, sizeof r->x);
	r->sp = c->sp;
	r->pc = c->pc;
	r->pstate = c->pstate & PSTATE_USER;
	return true;
}

/* parse_user_sigframe(): one record of the state, which may have no other size; no record twice,
 * and none that this machine does not write. */
int sigframe_fp_read(const struct sigframe *f, const struct sigframe_reader *r, void *fp,
		     size_t fp_size, uint64_t fp_features)
{
	const unsigned char *records = f->uc_mcontext.records;
	const size_t room = sizeof f->uc_mcontext.records;
	bool found = false;

	for (size_t at = 0; at + sizeof(struct record) <= room;) {
		struct record head;

		memcpy(&head, records + at, sizeof head);
		if (head.magic == 0 && head.size == 0)
			return found ? 1 : -EINVAL;
		if (head.size < sizeof head || head.size % 16 || head.size > room - at)
			return -EINVAL;
		if (head.magic == FPSIMD_MAGIC) {
			if (found || head.size != sizeof(struct fpsimd_record) ||
			    fp_size != sizeof(struct fpsimd_state))
				return -EINVAL;
			memcpy(fp, records + at + sizeof head, fp_size);
			found = true;
		} else if (head.magic != ESR_MAGIC) {
			return -EINVAL;
		}
		at += head.size;
	}
	return -EINVAL;
}
