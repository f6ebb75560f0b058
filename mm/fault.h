/* SPDX-License-Identifier: Apache-2.0 */
/* Faults taken by the monitor itself. Callers hold mm->lock for writing. */
#ifndef HL_MM_FAULT_H
#define HL_MM_FAULT_H

#include "mm/vma.h"

/* As mm_fault. `force`: the vma's rights are not asked for, but a private page is still copied
 * before a write. */
int mm_fault_locked(struct mm *mm, gva_t addr, unsigned access, bool force, int *si_code);

#endif
