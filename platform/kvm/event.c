/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a vCPU stopped. Normally it is at an OUT of the shim, and which one says what happened. A vCPU stopped by a kick
 * may be anywhere: in the shim before its OUT, then the event is reported as if the OUT had been reached and the kick
 * stays pending; or behind it on the way back, then the user's registers are where the way back takes them from.
 *
 * Where LSTAR is entered in user mode, user code can reach one OUT of the shim: jumping there is a system call like any
 * other. An OUT of its own to the same port gets what Linux gives.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>

#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif

#define VECTOR_DB 1
#define VECTOR_BP 3
#define VECTOR_OF 4
#define VECTOR_UD 6
#define VECTOR_GP 13
#define VECTOR_PF 14

/* Error code of #PF, SDM vol. 3 4.7. */
#define PF_WRITE 2
#define PF_FETCH 16

#define RIP_SYSCALL      SHIM_BASE
#define RIP_STUBS        (SHIM_BASE + SHIM_STUBS)
#define RIP_USER_SYSCALL (SHIM_BASE + SHIM_USER_SYSCALL)

static bool event_dead(struct context *c, struct event *ev, const char *text)
{
	c->vcpu->dead = true;
	ev->kind = EVENT_DEAD;
	ev->dead = text;
	return true;
}

static bool event_exception(struct event *ev, unsigned vector, uint64_t error)
{
	ev->kind = EVENT_EXCEPTION;
	ev->exception.vector = vector;
	ev->exception.error = error;
	return true;
}

/* At a system call entry: come from a `syscall`, or in user mode from a jump with anything in rcx and r11. */
static bool event_syscall(struct context *c, struct event *ev)
{
	struct cpu_regs *r = &c->regs;

	if (r->rcx > GUEST_TASK_SIZE)
		return event_exception(ev, VECTOR_GP, 0);
	r->rip = r->rcx;
	r->rflags = (r->r11 & RFLAGS_USER) | RFLAGS_FIXED;
	ev->kind = EVENT_SYSCALL;
	ev->syscall.nr = r->rax;
	ev->syscall.args[0] = r->rdi;
	ev->syscall.args[1] = r->rsi;
	ev->syscall.args[2] = r->rdx;
	ev->syscall.args[3] = r->r10;
	ev->syscall.args[4] = r->r8;
	ev->syscall.args[5] = r->r9;
	ev->syscall.ip = r->rip;
	return true;
}

static bool event_page_fault(struct context *c, struct space *s, uint64_t error, struct event *ev)
{
	struct kvm_sregs sregs;
	unsigned access = error & PF_FETCH ? GUEST_EXEC : error & PF_WRITE ? GUEST_WRITE : GUEST_READ;

	if (sregs_get(c->vcpu, &sregs) < 0)
		return event_dead(c, ev, "KVM does not tell the address of a page fault");
	/* Mapped by another thread in the meantime, or a TLB that had fewer rights: once more. */
	if (space_allows(s, sregs.cr2, access))
		return false;
	ev->kind = EVENT_FAULT;
	ev->fault.addr = sregs.cr2;
	ev->fault.access = access;
	return true;
}

/* Where `syscall` arrives in user mode, `int n` does not arrive at all: KVM makes it #UD. Tells what it should be. */
static bool event_undefined(struct context *c, struct space *s, struct event *ev)
{
	const uint8_t *op = space_peek(s, c->regs.rip);
	const uint8_t *n = space_peek(s, c->regs.rip + 1);

	if (atomic_load(&c->m->host->entry) != ENTRY_USER || !op || !n || *op != 0xcd)
		return event_exception(ev, VECTOR_UD, 0);
	if (*n != VECTOR_BP && *n != VECTOR_OF)
		return event_exception(ev, VECTOR_GP, *n * 8UL + 2);
	c->regs.rip += 2;
	return event_exception(ev, *n, 0);
}

static bool event_vector(struct context *c, struct space *s, unsigned vector, struct event *ev)
{
	const struct shim_frame *f = &c->vcpu->block->frame;

	if ((f->cs & 3) != 3)
		return event_dead(c, ev, "an exception in the shim");
	switch (vector) {
	case VECTOR_PF: return event_page_fault(c, s, f->error, ev);
	case VECTOR_UD: return event_undefined(c, s, ev);
	case 10:
	case 11:
	case 12:
	case VECTOR_GP:
	case 17:
	case 21: return event_exception(ev, vector, f->error);
	default: return event_exception(ev, vector, 0);
	}
}

/* An OUT or IN of the program's own, through the one port that is open. KVM has already stepped over it. */
static bool event_user_io(struct context *c, struct space *s, struct event *ev)
{
	struct cpu_regs *r = &c->regs;
	const uint8_t *imm = space_peek(s, r->rip - 2), *dx = space_peek(s, r->rip - 1);

	if (imm && dx && (*imm == 0xe6 || *imm == 0xe4) && *dx == SHIM_PORT_SYSCALL)
		r->rip -= 2;
	else if (dx && *dx >= 0xec && *dx <= 0xef)
		r->rip -= 1;
	return event_exception(ev, VECTOR_GP, 0);
}

static bool event_io(struct context *c, struct space *s, struct event *ev)
{
	const struct kvm_run *run = c->vcpu->run;
	uint64_t rip = run->s.regs.regs.rip;
	unsigned port = run->io.port;

	if (c->vcpu->stop == STOP_FRAME)
		return event_vector(c, s, port - SHIM_PORT_VECTOR, ev);
	if (c->vcpu->stop == STOP_SYSCALL || rip == RIP_USER_SYSCALL || rip == RIP_USER_SYSCALL + 2)
		return event_syscall(c, ev);
	return event_user_io(c, s, ev);
}

/* A kick. */
static bool event_stopped(struct context *c, struct space *s, struct event *ev)
{
	uint64_t rip = c->vcpu->run->s.regs.regs.rip;

	c->vcpu->stray = true;
	if ((c->vcpu->stop == STOP_SYSCALL && rip == RIP_SYSCALL) || rip == RIP_USER_SYSCALL)
		return event_syscall(c, ev);
	if (c->vcpu->stop == STOP_FRAME && (rip - RIP_STUBS) % SHIM_STUB_SIZE == 0)
		return event_vector(c, s, (unsigned)(rip - RIP_STUBS) / SHIM_STUB_SIZE, ev);
	ev->kind = EVENT_INTERRUPTED;
	return true;
}

static bool in_user_mode(struct vcpu *v)
{
	struct kvm_sregs sregs;
	return sregs_get(v, &sregs) == 0 && sregs.cs.dpl == 3;
}

/* On hardware, supervisor mode is where the shim's supervisor code is; an exit by OUT from there is proof, else user
 * code may be just about to fault there. A host that interprets may deliver a `syscall` in either mode, and has told.
 */
static enum stop stop_find(struct vcpu *v, bool out)
{
	uint64_t rip = v->run->s.regs.regs.rip;
	bool shim = rip - SHIM_BASE < SHIM_STUBS + SHIM_VECTORS * SHIM_STUB_SIZE;

	if (sregs_shared(v) ? in_user_mode(v) : !shim || (!out && in_user_mode(v)))
		return STOP_USER;
	return shim && rip >= RIP_STUBS ? STOP_FRAME : STOP_SYSCALL;
}

static bool event_broken(struct context *c, struct event *ev)
{
	const struct kvm_run *run = c->vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN: return event_dead(c, ev, "KVM reports a triple fault");
	case KVM_EXIT_FAIL_ENTRY: return event_dead(c, ev, "KVM cannot enter the guest");
	case KVM_EXIT_INTERNAL_ERROR:
		if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && c->vcpu->stop == STOP_USER)
			return event_exception(ev, VECTOR_UD, 0);
		return event_dead(c, ev, "KVM reports an internal error");
	default: return event_dead(c, ev, "KVM stopped for a reason nobody asked for");
	}
}

bool event_decode(struct context *c, struct space *s, long result, struct event *ev)
{
	struct vcpu *v = c->vcpu;
	bool out = result == 0 && v->run->exit_reason == KVM_EXIT_IO;

	v->stray = false;
	v->stop = stop_find(v, out);
	state_store(c);
	if (out)
		return event_io(c, s, ev);
	if (result == -EINTR)
		return event_stopped(c, s, ev);
	if (result == -EAGAIN)
		return false;
	if (result == -EFAULT || v->run->exit_reason == KVM_EXIT_MEMORY_FAULT) {
		ev->kind = EVENT_LOST_PAGE;
		return true;
	}
	return event_broken(c, ev);
}
