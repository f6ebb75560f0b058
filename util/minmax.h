/* SPDX-License-Identifier: Apache-2.0 */
/* The smaller and the larger of two numbers of 64 bits. */
#ifndef HL_UTIL_MINMAX_H
#define HL_UTIL_MINMAX_H

#include <stdint.h>

static inline uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
