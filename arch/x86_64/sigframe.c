/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the signal frame of x86-64 in memory of the monitor, and reads it back for
 * rt_sigreturn(2), after Linux's arch/x86/kernel/signal_64.c and fpu/signal.c. A frame that is read
 * back is the guest's own writing and is checked. See the header for its layout.
 */
#include "arch/sigframe.h"

#include <errno.h>
#include <string.h>

_Static_assert(sizeof(struct sigframe_context) == 256, "struct sigcontext");
_Static_assert(offsetof(struct sigframe_context, fpstate) == 184, "struct sigcontext");
_Static_assert(offsetof(struct sigframe, uc_mcontext) == 48, "struct ucontext");
_Static_assert(offsetof(struct sigframe, info) == 312 && sizeof(struct sigframe) == 440,
	       "struct rt_sigframe");

enum { UC_FP_XSTATE = 1, UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4 };

/* CF PF AF ZF SF TF DF OF RF AC: what sigreturn may set. */
#define RFLAGS_SIGRETURN 0x50dd5UL
#define RFLAGS_DF        0x400UL
#define RFLAGS_RF        0x10000UL

#define XSTATE_FP    1UL
#define XSTATE_SSE   2UL
#define XSAVE_HEADER 64 /* bytes behind the legacy part; its first word is XSTATE_BV */
#define FP_MAGIC1    0x46505853U

/* Linux's words in the last 48 bytes of the legacy part (struct _fpx_sw_bytes). */
struct sw_bytes {
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size, padding[7];
};
#define SW_OFFSET 464
_Static_assert(sizeof(struct sw_bytes) == 48, "struct _fpx_sw_bytes");

/* Linux's own word behind the XSAVE area: all of it is there. */
#define FP_MAGIC2 0x46505845U
#define FP_TAIL   sizeof(uint32_t)
/* The legacy part, which every frame has. */
#define FP_HEAD 512

bool sigframe_trampoline(uint64_t vdso, uint64_t *out)
{
	return false;
}

struct sigframe_place sigframe_place(uint64_t sp, size_t fp_size)
{
	uint64_t fp = (sp - (fp_size + FP_TAIL)) & ~63UL;
	struct sigframe_place p = { .sp = ((fp - sizeof(struct sigframe)) & ~15UL) - 8 };

	p.fp = fp - p.sp;
	p.size = p.fp + fp_size + FP_TAIL;
	return p;
}

void sigframe_fill(void *image, const struct sigframe_place *pl, const struct cpu_regs *r,
		   const struct sigframe_info *info)
{
	struct sigframe *f = image;

	f->restorer = info->restorer;
	f->uc_flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	f->uc_mcontext = (struct sigframe_context){
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.rdi = r->rdi,
		.rsi = r->rsi,
		.rbp = r->rbp,
		.rbx = r->rbx,
		.rdx = r->rdx,
		.rax = r->rax,
		.rcx = r->rcx,
		.rsp = r->rsp,
		.rip = r->rip,
		.rflags = r->rflags,
		.cs = USER_CS,
		.ss = USER_SS,
		.err = info->trap.error,
		.trapno = info->trap.nr,
		.oldmask = info->mask,
		.cr2 = info->trap.addr,
		.fpstate = pl->sp + pl->fp,
	};
	f->uc_stack = info->altstack;
	f->uc_sigmask = info->mask;
	f->info = info->siginfo;
}

static uint64_t header_get(const void *fp)
{
	uint64_t xstate_bv;

	memcpy(&xstate_bv, (const char *)fp + FP_HEAD, sizeof xstate_bv);
	return xstate_bv;
}

static void header_set(void *fp, uint64_t xstate_bv)
{
	memcpy((char *)fp + FP_HEAD, &xstate_bv, sizeof xstate_bv);
}

void sigframe_fp_fill(void *image, const struct sigframe_place *pl, size_t fp_size,
		      uint64_t fp_features)
{
	char *fp = sigframe_fp(image, pl);
	const uint32_t magic2 = FP_MAGIC2;
	struct sw_bytes sw = {
		.magic1 = FP_MAGIC1,
		.extended_size = (uint32_t)(fp_size + FP_TAIL),
		.xfeatures = fp_features,
		.xstate_size = (uint32_t)fp_size,
	};

	memcpy(fp + SW_OFFSET, &sw, sizeof sw);
	memcpy(fp + fp_size, &magic2, sizeof magic2);
	/* Old programs change the legacy part and know no header: it always counts as valid. */
	header_set(fp, header_get(fp) | XSTATE_FP | XSTATE_SSE);
}

void sigframe_enter(struct cpu_regs *r, const struct sigframe_place *pl,
		    const struct sigframe_info *info)
{
	r->rdi = (uint64_t)info->sig;
	r->rsi = pl->sp + offsetof(struct sigframe, info);
	r->rdx = pl->sp + offsetof(struct sigframe, uc_flags);
	r->rax = 0;
	r->rsp = pl->sp;
	r->rip = info->handler;
	r->rflags &= ~(RFLAGS_TF | RFLAGS_DF | RFLAGS_RF);
}

/* ---- the way back ---- */

/* The handler's return has taken the restorer's address from the stack. */
static uint64_t frame_at(const struct cpu_regs *r)
{
	return r->rsp - sizeof(uint64_t);
}

bool sigframe_read(struct sigframe *f, const struct cpu_regs *regs, const struct sigframe_reader *r)
{
	return r->read(r, f, frame_at(regs), offsetof(struct sigframe, info));
}

uint64_t sigframe_mask_at(const struct cpu_regs *regs)
{
	return frame_at(regs) + offsetof(struct sigframe, uc_sigmask);
}

uint64_t sigframe_mask(const struct sigframe *f)
{
	return f->uc_sigmask;
}

struct sigframe_stack sigframe_altstack(const struct sigframe *f)
{
	return f->uc_stack;
}

/* Privilege bits are forced, as Linux does; a 32-bit code segment is not offered. */
static bool selectors_ok(const struct sigframe *f)
{
	bool strict = f->uc_flags & UC_STRICT_RESTORE_SS;

	return (f->uc_mcontext.cs | 3) == USER_CS &&
	       (!strict || (f->uc_mcontext.ss | 3) == USER_SS);
}

bool sigframe_restore(const struct sigframe *f, struct cpu_regs *r)
{
	const struct sigframe_context *c = &f->uc_mcontext;

	if (!selectors_ok(f))
		return false;
	r->r8 = c->r8;
	r->r9 = c->r9;
	r->r10 = c->r10;
	r->r11 = c->r11;
	r->r12 = c->r12;
	r->r13 = c->r13;
	r->r14 = c->r14;
	r->r15 = c->r15;
	r->rdi = c->rdi;
	r->rsi = c->rsi;
	r->rbp = c->rbp;
	r->rbx = c->rbx;
	r->rdx = c->rdx;
	r->rax = c->rax;
	r->rcx = c->rcx;
	r->rsp = c->rsp;
	r->rip = c->rip;
	r->rflags = (r->rflags & ~RFLAGS_SIGRETURN) | (c->rflags & RFLAGS_SIGRETURN);
	return true;
}

/* How many bytes of the area claim to be there, by Linux's words in its legacy part. */
static size_t fp_claim(const char *fp, size_t fp_size)
{
	struct sw_bytes sw;

	memcpy(&sw, fp + SW_OFFSET, sizeof sw);
	if (sw.magic1 != FP_MAGIC1 || sw.xstate_size < FP_HEAD + XSAVE_HEADER ||
	    sw.xstate_size > fp_size || sw.xstate_size > sw.extended_size)
		return FP_HEAD;
	return sw.xstate_size;
}

int sigframe_fp_read(const struct sigframe *f, const struct sigframe_reader *r, void *fp,
		     size_t fp_size, uint64_t fp_features)
{
	uint64_t addr = f->uc_mcontext.fpstate;
	uint32_t magic2 = 0;
	struct sw_bytes sw;

	if (addr == 0)
		return 0;
	if (addr & 63 || !r->read(r, fp, addr, FP_HEAD))
		return -EFAULT;
	size_t claim = fp_claim(fp, fp_size);
	if (claim > FP_HEAD && !r->read(r, &magic2, addr + claim, sizeof magic2))
		return -EFAULT;
	if (magic2 != FP_MAGIC2)
		claim = FP_HEAD;
	if (claim > FP_HEAD && !r->read(r, (char *)fp + FP_HEAD, addr + FP_HEAD, claim - FP_HEAD))
		return -EFAULT;
	memcpy(&sw, (char *)fp + SW_OFFSET, sizeof sw);
	memset((char *)fp + SW_OFFSET, 0, sizeof sw);
	if (claim == FP_HEAD) {
		header_set(fp, XSTATE_FP | XSTATE_SSE);
		return 1;
	}
	uint64_t present = header_get(fp);
	if (present & ~fp_features)
		return -EINVAL;
	header_set(fp, present & sw.xfeatures);
	return 1;
}
