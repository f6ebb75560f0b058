/* SPDX-License-Identifier: Apache-2.0 */
/* mprotect(2). */
#ifndef HL_MM_PROTECT_H
#define HL_MM_PROTECT_H

#include <stdint.h>

#include "util/gva.h"

struct mm;

int mm_mprotect(struct mm *mm, gva_t addr, uint64_t len, unsigned prot);

#endif
