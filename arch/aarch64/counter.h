/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual counter of the generic timer (Arm ARM, D12.1), which Linux lets user code read. */
#ifndef HL_ARCH_AARCH64_COUNTER_H
#define HL_ARCH_AARCH64_COUNTER_H

static inline uint64_t counter_read(void)
{
	uint64_t count;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count)::"memory");
	return count;
}

static inline uint64_t counter_read_ordered(void)
{
	uint64_t count;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(count)::"memory");
	return count;
}

#endif
