/* SPDX-License-Identifier: Apache-2.0 */
/* Recognises calls into the vsyscall page, as emulate_vsyscall() of Linux's
 * arch/x86/entry/vsyscall/vsyscall_64.c does. See arch/vsyscall.h. */
#include "arch/vsyscall.h"

#include <sys/syscall.h>

#include "arch/memory.h"
#include "arch/x86_64/vectors.h"

#define ENTRY_SIZE 1024

static const unsigned numbers[] = { SYS_gettimeofday, SYS_time, SYS_getcpu };

bool vsyscall_decode(const struct cpu_regs *r, struct vsyscall *out)
{
	uint64_t entry = r->rip - VSYSCALL_PAGE;

	if (entry % ENTRY_SIZE || entry / ENTRY_SIZE >= sizeof numbers / sizeof *numbers)
		return false;
	*out = (struct vsyscall){
		.nr = numbers[entry / ENTRY_SIZE],
		.args = { r->rdi, r->rsi },
		.return_at = r->rsp,
	};
	if (r->rdi > ARCH_TASK_SIZE)
		out->bad_pointer = r->rdi;
	else if (r->rsi > ARCH_TASK_SIZE && out->nr != SYS_time)
		out->bad_pointer = r->rsi;
	return true;
}

struct trap vsyscall_trap(void)
{
	return (struct trap){ .nr = VECTOR_GP };
}
