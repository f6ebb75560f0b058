/* SPDX-License-Identifier: Apache-2.0 */
/* The time stamp counter (Intel SDM vol. 3, 18.17). */
#ifndef HL_ARCH_X86_64_COUNTER_H
#define HL_ARCH_X86_64_COUNTER_H

static inline uint64_t counter_read(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static inline uint64_t counter_read_ordered(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

#endif
