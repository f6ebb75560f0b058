/* SPDX-License-Identifier: Apache-2.0 */
/* brk(2). */
#ifndef HL_MM_BRK_H
#define HL_MM_BRK_H

#include <stdint.h>

#include "util/gva.h"

struct mm;

/* The break that stands afterwards. */
gva_t mm_brk(struct mm *mm, gva_t addr);

#endif
