/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID's leaves 1, 7 and 0x80000001: see arch/features.h. */
#ifndef HL_ARCH_X86_64_FEATURES_H
#define HL_ARCH_X86_64_FEATURES_H

#include <cpuid.h>

/* A hypervisor, and the operating system's use of XSAVE: no instructions. */
#define FEATURES_IGNORED (1U << 31 | 1U << 27)

static inline void cpu_features(uint64_t out[CPU_FEATURE_WORDS])
{
	unsigned a, b, c, d;

	out[0] = out[1] = out[2] = out[3] = 0;
	if (__get_cpuid(1, &a, &b, &c, &d))
		out[0] = (uint64_t)(c & ~FEATURES_IGNORED) << 32 | d;
	/* not edx, which is about mitigations for the most part */
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		out[1] = (uint64_t)b << 32 | c;
	if (__get_cpuid_count(7, 1, &a, &b, &c, &d))
		out[2] = a;
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		out[3] = (uint64_t)c << 32 | d;
}

#endif
