/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of the CPU in AT_HWCAP: see arch/features.h. */
#ifndef HL_ARCH_AARCH64_FEATURES_H
#define HL_ARCH_AARCH64_FEATURES_H

#include <sys/auxv.h>

static inline void cpu_features(uint64_t out[CPU_FEATURE_WORDS])
{
	out[0] = getauxval(AT_HWCAP);
	out[1] = getauxval(AT_HWCAP2);
	out[2] = out[3] = 0;
}

#endif
