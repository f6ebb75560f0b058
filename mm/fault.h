/* SPDX-License-Identifier: Apache-2.0 */
/* Page faults, of the guest and of the monitor's copies. */
#ifndef HL_MM_FAULT_H
#define HL_MM_FAULT_H

#include <stdbool.h>

#include "util/gva.h"

struct mm;

/* The guest touched `addr`. 0: run on, or find out by running that the platform's side of the
 * address space is gone (its host process may have been killed for memory). Else -SIGSEGV or
 * -SIGBUS with *si_code (SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR), or -SIGKILL when memory is
 * exhausted. A GROWSDOWN vma grows for any access between its guard gap and its limit, wherever
 * the stack pointer is, as Linux's does. */
int mm_fault(struct mm *mm, gva_t addr, unsigned access, int *si_code);
/* A fault taken by the monitor itself, with mm->lock held for writing; -EIO as well: the platform's
 * side is gone. `force`: the vma's rights are not asked for, but a private page is still copied
 * before a write. */
int mm_fault_locked(struct mm *mm, gva_t addr, unsigned access, bool force, int *si_code);

#endif
