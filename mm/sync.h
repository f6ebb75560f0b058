/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HL_MM_SYNC_H
#define HL_MM_SYNC_H

#include "mm/mm.h"

/* MADV_REMOVE: makes holes in the files mapped shared in the range. Without mm->lock. */
int mm_remove(struct mm *mm, gva_t start, gva_t end);

#endif
