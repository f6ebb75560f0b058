/* SPDX-License-Identifier: Apache-2.0 */
/* arm64 has no such page. */
#ifndef HL_ARCH_AARCH64_VSYSCALL_H
#define HL_ARCH_AARCH64_VSYSCALL_H

#define VSYSCALL_PAGE 0UL
#define VSYSCALL_SIZE 0UL

static inline bool vsyscall_contains(uint64_t addr)
{
	return false;
}

#endif
