/* SPDX-License-Identifier: Apache-2.0 */
/* No address is in the page, so nobody has a call or a trap of it. */
#include "arch/vsyscall.h"

bool vsyscall_decode(const struct cpu_regs *r, struct vsyscall *out)
{
	return false;
}

struct trap vsyscall_trap(void)
{
	return (struct trap){ 0 };
}
