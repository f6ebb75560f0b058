/* SPDX-License-Identifier: Apache-2.0 */
/* Where the page is: ten MiB below the end of the address space (see
 * arch/vsyscall.h). */
#ifndef HL_ARCH_X86_64_VSYSCALL_H
#define HL_ARCH_X86_64_VSYSCALL_H

#define VSYSCALL_PAGE 0xffffffffff600000UL
#define VSYSCALL_SIZE 4096UL

static inline bool vsyscall_contains(uint64_t addr)
{
	return addr - VSYSCALL_PAGE < VSYSCALL_SIZE;
}

#endif
