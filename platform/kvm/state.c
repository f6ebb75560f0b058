/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User state into and out of a vCPU.
 *
 * A vCPU that left the guest through the shim stands there in supervisor mode and is sent back by
 * the instruction that suits: `sysretq` where rcx and r11 are what it wants, else `iretq` from the
 * frame in the vCPU's block. A vCPU that gets another context or another address space is put into
 * user mode directly, which costs KVM more.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define RFLAGS_RF 0x10000UL

#define CR0_USUAL    0x80050033UL /* PG AM WP NE ET MP PE */
#define CR4_USUAL    0x000406a0UL /* OSXSAVE OSXMMEXCPT OSFXSR PGE PAE */
#define CR4_FSGSBASE (1UL << 16)
#define CR4_SMEP     (1UL << 20)
#define EFER_USUAL   0xd01UL /* NX LMA LME SCE */

#define GPRS_SIZE offsetof(struct cpu_regs, fs_base)

_Static_assert(GPRS_SIZE == sizeof(struct kvm_regs),
	       "arch/x86_64/regs.h: order of struct kvm_regs");

void segments_init(struct segments *segs)
{
	struct kvm_segment null = {
		.limit = 0xffffffff, .type = 3, .dpl = 3, .s = 1, .db = 1, .g = 1, .unusable = 1
	};

	*segs = (struct segments){ null, null, null, null };
}

int sregs_get(struct vcpu *v, struct kvm_sregs *out)
{
	if (!vcpu_interpreted(v))
		return ioctl(v->fd, KVM_GET_SREGS, out) < 0 ? -EIO : 0;
	*out = v->run->s.regs.sregs;
	return 0;
}

int segments_fetch(struct kvm_context *c)
{
	struct kvm_sregs sregs;

	if (c->segs_known)
		return 0;
	if (sregs_get(c->vcpu, &sregs) < 0)
		return -EIO;
	c->segs = (struct segments){ sregs.ds, sregs.es, sregs.fs, sregs.gs };
	c->segs_known = true;
	return 0;
}

void sregs_fill(struct kvm_sregs *sr, const struct kvm_context *c, uint64_t root)
{
	const struct kvm_host *h = c->m->host;
	struct kvm_segment flat = { .limit = 0xffffffff, .dpl = 3, .present = 1, .s = 1, .g = 1 };

	memset(sr, 0, sizeof *sr);
	sr->cs = sr->ss = flat;
	sr->cs.selector = USER_CS;
	sr->cs.type = 11;
	sr->cs.l = 1;
	sr->ss.selector = USER_SS;
	sr->ss.type = 3;
	sr->ss.db = 1;
	sr->ds = c->segs.ds;
	sr->es = c->segs.es;
	sr->fs = c->segs.fs;
	sr->gs = c->segs.gs;
	sr->tr = (struct kvm_segment){ .base = c->vcpu->tss,
				       .limit = SHIM_TSS_SIZE - 1,
				       .selector = 0x40,
				       .type = 11,
				       .present = 1 };
	sr->ldt = (struct kvm_segment){ .type = 2, .unusable = 1 };
	sr->gdt = (struct kvm_dtable){ .base = SHIM_BASE + SHIM_GDT, .limit = SHIM_GDT_SIZE - 1 };
	sr->idt = (struct kvm_dtable){ .base = SHIM_BASE + SHIM_IDT, .limit = SHIM_IDT_SIZE - 1 };
	sr->cr0 = CR0_USUAL;
	sr->cr3 = root;
	sr->cr4 = CR4_USUAL | (h->fsgsbase ? CR4_FSGSBASE : 0) | (h->smep ? CR4_SMEP : 0);
	sr->efer = EFER_USUAL;
	sr->apic_base = 0xfee00900; /* enabled, boot processor: the reset value */
}

/* Everything: another context's state is in the vCPU, or another address space, or other segment
 * bases are due. */
static int load_all(struct kvm_context *c, uint64_t root)
{
	struct vcpu *v = c->vcpu;
	struct kvm_sync_regs *sync = &v->run->s.regs;

	if (segments_fetch(c) < 0)
		return -EIO;
	sregs_fill(&sync->sregs, c, root);
	memset(&sync->events, 0, sizeof sync->events);
	memcpy(&sync->regs, &c->regs, GPRS_SIZE);
	v->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
	v->stop = STOP_USER;
	v->root = root;
	return 0;
}

/* The test Linux makes before it dares SYSRET. With TF set, SYSRET would trap one instruction
 * early. */
static bool sysret_fits(const struct cpu_regs *r)
{
	return r->rcx == r->rip && r->r11 == r->rflags && !(r->rflags & (RFLAGS_TF | RFLAGS_RF));
}

int state_load(struct kvm_context *c, uint64_t root)
{
	struct vcpu *v = c->vcpu;
	struct kvm_regs *out = &v->run->s.regs.regs;
	const struct cpu_regs *r = &c->regs;

	if (v->root != root || c->segs_dirty || (v->stop != STOP_USER && vcpu_interpreted(v)))
		return load_all(c, root);
	memcpy(out, r, GPRS_SIZE);
	v->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	if (v->stray) {
		memset(&v->run->s.regs.events, 0, sizeof v->run->s.regs.events);
		v->run->kvm_dirty_regs |= KVM_SYNC_X86_EVENTS;
	}
	if (v->stop == STOP_SYSCALL && sysret_fits(r)) {
		out->rip = SHIM_BASE + SHIM_SYSRET;
		out->rflags = 2;
	} else if (v->stop != STOP_USER) { /* back by IRET, from a frame in the vCPU's block */
		v->block->frame = (struct shim_frame){ .rip = r->rip,
						       .cs = USER_CS,
						       .rflags = r->rflags,
						       .rsp = r->rsp,
						       .ss = USER_SS };
		out->rip = SHIM_BASE + SHIM_STUBS + SHIM_STUB_IRET;
		out->rsp = v->tss + offsetof(struct shim_block, frame.rip);
		out->rflags = 2;
	}
	return 0;
}

/* After the vCPU stopped: the user's registers, and where it stands. */
void state_store(struct kvm_context *c)
{
	struct vcpu *v = c->vcpu;
	struct cpu_regs *r = &c->regs;

	memcpy(r, &v->run->s.regs.regs, GPRS_SIZE);
	switch (v->stop) {
	case STOP_USER: break;
	case STOP_SYSCALL:
		r->rip = r->rcx;
		r->rflags = r->r11;
		break;
	case STOP_FRAME:
		r->rip = v->block->frame.rip;
		r->rflags = v->block->frame.rflags;
		r->rsp = v->block->frame.rsp;
		break;
	}
	r->rflags = (r->rflags & RFLAGS_USER) | RFLAGS_FIXED;
}

/* The legacy area of a new process: x87 control word and MXCSR at their defaults. */
void fp_init(void *buf)
{
	struct xsave_head *x = buf;

	memset(buf, 0, XSAVE_BUFFER);
	x->fcw = 0x37f;
	x->mxcsr = 0x1f80;
}

int fp_fetch(struct kvm_context *c, void *buf)
{
	struct xsave_head *x = buf;

	if (ioctl(c->vcpu->fd, KVM_GET_XSAVE, buf) < 0)
		return -EIO;
	/* KVM may know parts that this machine does not offer, and puts a note into the software
	 * bytes. */
	x->parts &= c->m->host->xcr0;
	memset(x->software, 0, sizeof x->software);
	return 0;
}

/* Where the SSE part is absent, which means initial, XRSTOR still takes MXCSR from the buffer. KVM
 * does not, so it gets that part as it is. */
int fp_load(struct kvm_context *c, void *buf)
{
	struct xsave_head *x = buf;

	if (!(x->parts & XSAVE_SSE)) {
		memset(x->xmm, 0, sizeof x->xmm);
		x->parts |= XSAVE_SSE;
	}
	c->vcpu->used = true;
	return ioctl(c->vcpu->fd, KVM_SET_XSAVE, buf) < 0 ? -EIO : 0;
}
