/* SPDX-License-Identifier: Apache-2.0 */
/* What reaches through a mapping to its file. */
#ifndef HL_MM_SYNC_H
#define HL_MM_SYNC_H

#include <stdint.h>

#include "util/gva.h"

struct mm;

int mm_msync(struct mm *mm, gva_t addr, uint64_t len, int flags);
/* MADV_REMOVE: makes holes in the files mapped shared in the range. Without mm->lock. */
int mm_remove(struct mm *mm, gva_t start, gva_t end);

#endif
