/* SPDX-License-Identifier: Apache-2.0 */
/* What arch/barrier.h promises, by the instructions of x86. */
#ifndef HL_ARCH_X86_64_BARRIER_H
#define HL_ARCH_X86_64_BARRIER_H

/* The CPU keeps loads in order (Intel SDM vol. 3, 9.2.2); the compiler is to, as well. */
static inline void barrier_load(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void barrier_full(void)
{
	__asm__ volatile("mfence" ::: "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause");
}

#endif
