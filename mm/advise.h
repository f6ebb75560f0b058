/* SPDX-License-Identifier: Apache-2.0 */
/* madvise(2). */
#ifndef HL_MM_ADVISE_H
#define HL_MM_ADVISE_H

#include <stdint.h>

#include "util/gva.h"

struct mm;

int mm_madvise(struct mm *mm, gva_t addr, uint64_t len, int advice);

#endif
