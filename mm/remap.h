/* SPDX-License-Identifier: Apache-2.0 */
/* mremap(2). */
#ifndef HL_MM_REMAP_H
#define HL_MM_REMAP_H

#include <stdint.h>

#include "util/gva.h"

struct mm;

/* The address of what moved, or -errno. */
int64_t mm_mremap(struct mm *mm, gva_t old, uint64_t old_len, uint64_t new_len, unsigned flags,
		  gva_t new_addr);

#endif
