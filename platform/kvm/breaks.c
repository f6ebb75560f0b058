/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Breakpoints and watchpoints by the debug registers of vCPUs (Intel SDM vol. 3, 17.2).
 *
 * A KVM that is nested or emulated may take the registers and never look at them. So a vCPU is sent
 * to a breakpoint first, in the shim; where page tables are shadowed that would not tell, because
 * the shim may be interpreted by what knows breakpoints.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/x86_64/vectors.h"

#define DR6_NOTHING 0xffff0ff0UL
#define DR7_ALWAYS  0x400UL
#define RFLAGS_RF   0x10000UL

static uint64_t control(const struct hw_break list[HW_BREAKS])
{
	static const uint8_t kinds[] = { [HW_BREAK_WRITE] = 1, [HW_BREAK_ACCESS] = 3 };
	uint64_t dr7 = DR7_ALWAYS;

	for (unsigned i = 0; i < HW_BREAKS; i++) {
		const struct hw_break *b = &list[i];
		if (b->kind == HW_BREAK_NONE)
			continue;
		uint64_t len = b->len == 8 ? 2 : b->len - 1U;
		dr7 |= 1UL << 2 * i | (kinds[b->kind] | len << 2) << (16 + 4 * i);
	}
	return dr7;
}

/* It stands at the system call entry, in supervisor mode, where there is a breakpoint. */
static bool meets_breakpoint(struct kvm_machine *m, struct vcpu *v)
{
	struct kvm_debugregs d = { .db[0] = SHIM_BASE, .dr6 = DR6_NOTHING, .dr7 = DR7_ALWAYS | 1 };
	struct kvm_context c = { .m = m, .vcpu = v };
	struct kvm_sync_regs *sync = &v->run->s.regs;
	int err;

	segments_init(&c.segs);
	sregs_fill(&sync->sregs, &c, m->shim_root);
	sync->sregs.cs.selector = SHIM_CS;
	sync->sregs.ss.selector = SHIM_CS + 8;
	sync->sregs.cs.dpl = sync->sregs.ss.dpl = 0;
	sync->regs = (struct kvm_regs){ .rip = SHIM_BASE, .rflags = RFLAGS_FIXED };
	v->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	if (ioctl(v->fd, KVM_SET_DEBUGREGS, &d) < 0)
		return false;
	do
		err = ioctl(v->fd, KVM_RUN, 0);
	while (err < 0 && errno == EINTR);
	return !err && v->run->exit_reason == KVM_EXIT_IO &&
	       v->run->io.port == SHIM_PORT_VECTOR + VECTOR_DB;
}

static bool breaks_work(struct kvm_machine *m)
{
	struct kvm_host *h = m->host;
	struct vcpu *v;

	if (h->breaks == BREAKS_UNKNOWN && h->tdp && vcpu_make(m, &v) == 0) {
		h->breaks = meets_breakpoint(m, v) ? BREAKS_WORK : BREAKS_FAIL;
		vcpu_free(v);
	}
	return h->breaks == BREAKS_WORK;
}

int kvm_breaks_set(struct context *context, struct space *space,
		   const struct hw_break list[HW_BREAKS])
{
	struct kvm_context *c = to_kvm_context(context);
	bool any = control(list) != DR7_ALWAYS, none = any && !breaks_work(c->m);

	if (none)
		memset(c->breaks, 0, sizeof c->breaks);
	else
		memcpy(c->breaks, list, sizeof c->breaks);
	c->breaks_dirty |= c->breaks_on || (any && !none);
	c->breaks_on = any && !none;
	return none ? -ENOSPC : 0;
}

int vcpu_breaks_load(struct kvm_context *c)
{
	struct kvm_debugregs d = { .dr6 = DR6_NOTHING, .dr7 = control(c->breaks) };

	for (unsigned i = 0; i < HW_BREAKS; i++)
		d.db[i] = c->breaks[i].addr;
	if (ioctl(c->vcpu->fd, KVM_SET_DEBUGREGS, &d) < 0)
		return -EIO;
	c->vcpu->breaks = c->breaks_on;
	c->breaks_dirty = false;
	return 0;
}

/* The CPU also notes those that are off, and takes none of its notes back. Before an instruction it
 * would stop again and again: the flag is for that. */
unsigned vcpu_breaks_hit(struct kvm_context *c)
{
	struct kvm_debugregs d;
	unsigned hit = 0;

	if (ioctl(c->vcpu->fd, KVM_GET_DEBUGREGS, &d) < 0)
		return 0;
	for (unsigned i = 0; i < HW_BREAKS; i++) {
		if (!(d.dr6 >> i & 1) || c->breaks[i].kind == HW_BREAK_NONE)
			continue;
		hit |= 1U << i;
		if (c->breaks[i].kind == HW_BREAK_EXEC)
			c->regs.rflags |= RFLAGS_RF;
	}
	c->breaks_dirty = true;
	return hit;
}
