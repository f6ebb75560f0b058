/* SPDX-License-Identifier: Apache-2.0 */
/* Which instructions this CPU has, as far as programs choose their code by it: a program that was
 * saved on one CPU runs on another that has all of these. */
#ifndef HL_ARCH_FEATURES_H
#define HL_ARCH_FEATURES_H

#include <stdint.h>

#include "arch/arch.h"

#define CPU_FEATURE_WORDS 4

#include ARCH_FILE(features.h)

/* Has this CPU all of them? */
static inline int cpu_has_features(const uint64_t wanted[CPU_FEATURE_WORDS])
{
	uint64_t here[CPU_FEATURE_WORDS];

	cpu_features(here);
	for (int i = 0; i < CPU_FEATURE_WORDS; i++)
		if (wanted[i] & ~here[i])
			return 0;
	return 1;
}

#endif
