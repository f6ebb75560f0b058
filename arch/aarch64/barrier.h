/* SPDX-License-Identifier: Apache-2.0 */
/* What arch/barrier.h promises, by the instructions of arm64. */
#ifndef HL_ARCH_AARCH64_BARRIER_H
#define HL_ARCH_AARCH64_BARRIER_H

static inline void barrier_load(void)
{
	__asm__ volatile("dmb ishld" ::: "memory");
}

static inline void barrier_full(void)
{
	__asm__ volatile("dmb ish" ::: "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("yield");
}

#endif
