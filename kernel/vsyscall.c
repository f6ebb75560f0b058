/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of the vsyscall page, as emulate_vsyscall() of Linux's
 * arch/x86/entry/vsyscall/vsyscall_64.c makes it; see header.
 */
#include "kernel/vsyscall.h"

#include <errno.h>
#include <string.h>

#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "mm/access.h"

static void failed(struct task *t)
{
	struct trap trap = vsyscall_trap();

	signal_force_fault(t, SIGSEGV, SI_KERNEL, GVA_NULL, &trap);
}

/* None of these calls sleeps. What else a system call may leave for task.c to see to, none of them
 * does. */
static void make(struct task *t, const struct vsyscall *call, uint64_t caller,
		 struct cpu_regs *regs)
{
	t->event = (struct event){ .kind = EVENT_SYSCALL,
				   .syscall = { .nr = call->nr, .ip = regs_ip(regs) } };
	memcpy(t->event.syscall.args, call->args, sizeof call->args);
	int64_t r;
	if (seccomp_lets(t, &r))
		r = t->sb->syscall(t);
	if (t->exiting)
		return;
	bool bad = r == -EFAULT;
	if (!bad) {
		regs_set_ip(regs, caller);
		regs_set_sp(regs, call->return_at + sizeof caller);
	}
	regs_set_result(regs, (uint64_t)(bad ? -ENOSYS : r));
	if (t->sb->platform->regs_set(t->context, regs) == -EINVAL || bad)
		failed(t);
}

bool vsyscall_fault(struct task *t)
{
	gva_t addr = t->event.fault.addr;
	struct vsyscall call;
	struct cpu_regs regs;
	uint64_t caller;

	if (t->event.fault.access != GUEST_EXEC || !vsyscall_contains(addr.v))
		return false;
	if (t->sb->platform->regs_get(t->context, &regs))
		return true; /* where it runs is gone: the next run says so */
	if (regs_ip(&regs) != addr.v)
		return false;
	if (!vsyscall_decode(&regs, &call) ||
	    copy_from_guest(t->mm, &caller, GVA(call.return_at), sizeof caller)) {
		failed(t);
	} else if (call.bad_pointer) {
		struct trap trap = trap_page_fault(call.bad_pointer, true, false, false);
		signal_force_fault(t, SIGSEGV, SEGV_MAPERR, GVA(call.bad_pointer), &trap);
	} else {
		make(t, &call, caller, &regs);
	}
	return true;
}
