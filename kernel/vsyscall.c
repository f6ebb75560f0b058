/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of the vsyscall page that came as a page fault becomes an ordinary system call here, with
 * the registers as they are after the return from the page; see header.
 */
#include "kernel/vsyscall.h"

#include <string.h>

#include "kernel/sandbox.h"
#include "kernel/task.h"

bool vsyscall_begin(struct task *t, struct cpu_regs *regs)
{
	uint64_t addr = t->event.fault.addr.v, caller;
	struct vsyscall call;

	if (t->event.fault.access != GUEST_EXEC || !vsyscall_contains(addr))
		return false;
	t->sb->platform->regs_get(t->context, regs);
	if (regs_ip(regs) != addr || !vsyscall_decode(regs, &call) ||
	    copy_from_guest(t->mm, &caller, GVA(call.return_at), sizeof caller))
		return false;
	t->event =
	    (struct event){ .kind = EVENT_SYSCALL, .syscall = { .nr = call.nr, .ip = addr } };
	memcpy(t->event.syscall.args, call.args, sizeof call.args);
	regs_set_ip(regs, caller);
	regs_set_sp(regs, call.return_at + sizeof caller);
	return true;
}
