/* SPDX-License-Identifier: Apache-2.0 */
/* The vsyscall page, which only x86 has: three old system calls at fixed addresses of the kernel's
 * half (Linux: vsyscall_64.c). */
#ifndef HL_ARCH_VSYSCALL_H
#define HL_ARCH_VSYSCALL_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "arch/regs.h"
#include "arch/trap.h"

/* VSYSCALL_PAGE is its address; 0: the architecture has none, and no address lies in it. */
static inline bool vsyscall_contains(uint64_t addr);

/* The call that a jump into the page makes. */
struct vsyscall {
	uint64_t nr, args[6];
	uint64_t return_at;   /* guest address of the address that it returns to, a word */
	uint64_t bad_pointer; /* an argument that no program may have as a pointer; 0: none is */
};
/* False: there is no call at the address. */
bool vsyscall_decode(const struct cpu_regs *r, struct vsyscall *out);
/* What becomes of a caller that can not get what it asks for. */
struct trap vsyscall_trap(void);

#include ARCH_FILE(vsyscall.h)

#endif
