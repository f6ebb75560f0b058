/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/vsyscall.h"

#include <sys/syscall.h>

#include "kernel/sandbox.h"
#include "kernel/task.h"

#define ENTRY_SIZE 1024

static const unsigned numbers[] = { SYS_gettimeofday, SYS_time, SYS_getcpu };

bool vsyscall_begin(struct task *t, struct cpu_regs *regs)
{
	uint64_t addr = t->event.fault.addr, entry = addr - VSYSCALL_PAGE, caller;

	if (t->event.fault.access != GUEST_EXEC || !vsyscall_contains(addr))
		return false;
	if (entry % ENTRY_SIZE || entry / ENTRY_SIZE >= sizeof numbers / sizeof *numbers)
		return false;
	t->sb->platform->regs_get(t->context, regs);
	if (regs->rip != addr || copy_from_guest(t->mm, &caller, GVA(regs->rsp), sizeof caller))
		return false;
	t->event = (struct event){
		.kind = EVENT_SYSCALL,
		.syscall = { .nr = numbers[entry / ENTRY_SIZE],
			     .args = { regs->rdi, regs->rsi },
			     .ip = addr },
	};
	regs->rip = caller;
	regs->rsp += sizeof caller;
	return true;
}
