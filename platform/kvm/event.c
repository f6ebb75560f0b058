/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a vCPU stopped. Normally it is at an OUT of the shim, and which one says what happened. A
 * vCPU stopped by a kick may be anywhere: in the shim before its OUT, then the event is reported as
 * if the OUT had been reached and the kick stays pending; or behind it on the way back, then the
 * user's registers are where the way back takes them from.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>

#include "arch/x86_64/vectors.h"

#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif

#define RIP_SYSCALL SHIM_BASE
#define RIP_STUBS   (SHIM_BASE + SHIM_STUBS)

static bool event_dead(struct kvm_context *c, struct event *ev, const char *text)
{
	c->vcpu->dead = true;
	ev->kind = EVENT_DEAD;
	ev->dead = text;
	return true;
}

static bool event_exception(struct event *ev, unsigned vector, uint64_t error)
{
	ev->kind = EVENT_EXCEPTION;
	ev->exception = (struct trap){ .nr = vector, .error = error };
	return true;
}

static bool event_syscall(struct kvm_context *c, struct event *ev)
{
	struct cpu_regs *r = &c->regs;

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

/* In user mode at the system call entry: a system call that arrived so, or a jump there. rcx may be
 * anything then, and if it can be an address the jump is a system call like any other. */
static bool at_user_entry(const struct kvm_context *c)
{
	return c->regs.rip == RIP_SYSCALL && c->regs.rcx <= GUEST_TASK_SIZE;
}

static bool event_page_fault(struct kvm_context *c, struct kvm_space *s, uint64_t error,
			     struct event *ev)
{
	struct kvm_sregs sregs;
	unsigned access = error & PF_FETCH   ? GUEST_EXEC
			  : error & PF_WRITE ? GUEST_WRITE
					     : GUEST_READ;

	if (error & PF_FETCH && at_user_entry(c)) {
		c->vcpu->window = vcpu_interpreted(c->vcpu);
		return event_syscall(c, ev);
	}
	if (sregs_get(c->vcpu, &sregs) < 0)
		return event_dead(c, ev, "KVM does not tell the address of a page fault");
	/* Mapped by another thread in the meantime, or a TLB that had fewer rights: once more. */
	if (kvm_space_allows(s, sregs.cr2, access))
		return false;
	ev->kind = EVENT_FAULT;
	ev->fault.addr = GVA(sregs.cr2);
	ev->fault.access = access;
	return true;
}

/* A host that interprets makes #UD of `int n`. Tells what it should be. */
static bool event_undefined(struct kvm_context *c, struct kvm_space *s, struct event *ev)
{
	uint8_t op, n;

	if (!vcpu_interpreted(c->vcpu) || !kvm_space_peek(s, c->regs.rip, &op) || op != 0xcd ||
	    !kvm_space_peek(s, c->regs.rip + 1, &n))
		return event_exception(ev, VECTOR_UD, 0);
	if (n != VECTOR_BP && n != VECTOR_OF)
		return event_exception(ev, VECTOR_GP, n * 8UL + 2);
	c->regs.rip += 2;
	return event_exception(ev, n, 0);
}

static bool event_debug(struct kvm_context *c, struct event *ev)
{
	unsigned step = c->regs.rflags & RFLAGS_TF ? TRAP_DEBUG_STEP : 0;

	event_exception(ev, VECTOR_DB, 0);
	ev->exception.debug = c->breaks_on ? vcpu_breaks_hit(c) | step : TRAP_DEBUG_STEP;
	return true;
}

static bool event_vector(struct kvm_context *c, struct kvm_space *s, unsigned vector,
			 struct event *ev)
{
	const struct shim_frame *f = &c->vcpu->block->frame;

	if ((f->cs & 3) != 3)
		return event_dead(c, ev, "an exception in the shim");
	switch (vector) {
	case VECTOR_PF: return event_page_fault(c, s, f->error, ev);
	case VECTOR_UD: return event_undefined(c, s, ev);
	case VECTOR_DB: return event_debug(c, ev);
	case VECTOR_BP: c->vcpu->stray = true; return event_exception(ev, vector, 0);
	case VECTOR_TS:
	case VECTOR_NP:
	case VECTOR_SS:
	case VECTOR_GP:
	case VECTOR_AC:
	case VECTOR_CP: return event_exception(ev, vector, f->error);
	default: return event_exception(ev, vector, 0);
	}
}

static bool event_out(struct kvm_context *c, struct kvm_space *s, struct event *ev)
{
	struct vcpu *v = c->vcpu;

	if (v->stop == STOP_FRAME)
		return event_vector(c, s, v->run->io.port - SHIM_PORT_VECTOR, ev);
	/* A host that interprets lets a system call arrive in supervisor mode when the stack
	 * pointer is no user address. */
	if (c->regs.rsp <= GUEST_TASK_SIZE)
		v->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	return event_syscall(c, ev);
}

/* Stopped before the shim's first OUT. */
static bool at_system_call(const struct kvm_context *c)
{
	return c->vcpu->run->s.regs.regs.rip == RIP_SYSCALL &&
	       (c->vcpu->stop == STOP_SYSCALL || at_user_entry(c));
}

/* The interrupt window was open. KVM opens it only when no exception is on its way. One that is no
 * system call's tells that the guest does other things now: not worth another such exit, and on a
 * host that has been taken for the wrong kind the first of them without end. */
static bool event_window(struct kvm_context *c, struct event *ev)
{
	if (at_system_call(c))
		return event_syscall(c, ev);
	c->vcpu->window = false;
	c->runs--; /* an exit of KVM's own, which would not have come here */
	return false;
}

/* A host that interprets may be stopped between a trap and its way through the IDT. The user's rip
 * is behind the instruction then, so that it will not trap again, and what KVM was about to deliver
 * is lost with the next registers it gets. It tells of a #DB; of an `int3` no more than that one
 * was the last exception, which is cleared behind each (v->stray). */
static bool event_queued(struct kvm_context *c, struct kvm_space *s, struct event *ev)
{
	const struct kvm_vcpu_events *e = &c->vcpu->run->s.regs.events;
	uint8_t op;

	if (!vcpu_interpreted(c->vcpu) || c->vcpu->stop != STOP_USER)
		return false;
	if (e->exception.nr == VECTOR_DB && (e->exception.injected || e->exception.pending))
		return event_debug(c, ev);
	return e->exception.nr == VECTOR_BP && kvm_space_peek(s, c->regs.rip - 1, &op) &&
	       op == 0xcc && event_exception(ev, VECTOR_BP, 0);
}

/* A kick. */
static bool event_stopped(struct kvm_context *c, struct kvm_space *s, struct event *ev)
{
	uint64_t rip = c->vcpu->run->s.regs.regs.rip;

	c->vcpu->stray = true;
	if (at_system_call(c))
		return event_syscall(c, ev);
	if (c->vcpu->stop == STOP_FRAME && (rip - RIP_STUBS) % SHIM_STUB_SIZE == 0)
		return event_vector(c, s, (unsigned)(rip - RIP_STUBS) / SHIM_STUB_SIZE, ev);
	if (event_queued(c, s, ev))
		return true;
	ev->kind = EVENT_INTERRUPTED;
	return true;
}

/* Supervisor mode is where the shim is. Having done an OUT is proof, else user code may be just
 * about to fault there. */
static enum stop stop_find(struct vcpu *v, bool out)
{
	uint64_t rip = v->run->s.regs.regs.rip;
	struct kvm_sregs sregs;

	if (rip - SHIM_BASE >= SHIM_CODE_END)
		return STOP_USER;
	if (!out && sregs_get(v, &sregs) == 0 && sregs.cs.dpl == 3)
		return STOP_USER;
	return rip < RIP_STUBS ? STOP_SYSCALL : STOP_FRAME;
}

static bool event_broken(struct kvm_context *c, struct event *ev)
{
	const struct kvm_run *run = c->vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN: return event_dead(c, ev, "KVM reports a triple fault");
	case KVM_EXIT_FAIL_ENTRY: return event_dead(c, ev, "KVM cannot enter the guest");
	case KVM_EXIT_INTERNAL_ERROR:
		if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION &&
		    c->vcpu->stop == STOP_USER)
			return event_exception(ev, VECTOR_UD, 0);
		return event_dead(c, ev, "KVM reports an internal error");
	default: return event_dead(c, ev, "KVM stopped for a reason nobody asked for");
	}
}

bool event_decode(struct kvm_context *c, struct kvm_space *s, long result, struct event *ev)
{
	struct vcpu *v = c->vcpu;
	bool out = result == 0 && v->run->exit_reason == KVM_EXIT_IO;

	v->stray = false;
	v->stop = stop_find(v, out);
	state_store(c);
	if (out && v->stop != STOP_USER)
		return event_out(c, s, ev);
	if (result == -EINTR)
		return event_stopped(c, s, ev);
	if (result == 0 && v->run->exit_reason == KVM_EXIT_IRQ_WINDOW_OPEN)
		return event_window(c, ev);
	if (result == -EAGAIN)
		return false;
	if (result == -EFAULT || v->run->exit_reason == KVM_EXIT_MEMORY_FAULT) {
		ev->kind = EVENT_LOST_PAGE;
		return true;
	}
	return event_broken(c, ev);
}
