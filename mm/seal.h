/* SPDX-License-Identifier: Apache-2.0 */
/* mseal(2): memory whose mapping stays as it is until the program ends or executes another. */
#ifndef HL_MM_SEAL_H
#define HL_MM_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "util/gva.h"

struct mm;
struct vma;

int mm_mseal(struct mm *mm, gva_t addr, uint64_t len);
/* Is any of it sealed? mm->lock held. */
bool range_sealed(struct mm *mm, gva_t start, gva_t end);

/* Is it sealed, and memory of no file that the guest could not write over either? Then its contents
 * stay as well. (Linux's can_madvise_modify) */
bool vma_keeps_contents(const struct vma *v);

#endif
