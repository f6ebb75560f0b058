/* SPDX-License-Identifier: Apache-2.0 */
/* mlock(2) and its family. */
#ifndef HL_MM_LOCK_H
#define HL_MM_LOCK_H

#include <stdint.h>

#include "util/gva.h"

struct mm;

int mm_mlock(struct mm *mm, gva_t addr, uint64_t len, unsigned flags); /* MLOCK_ONFAULT */
int mm_munlock(struct mm *mm, gva_t addr, uint64_t len);
int mm_mlockall(struct mm *mm, int flags); /* MCL_*; 0: munlockall */

#endif
