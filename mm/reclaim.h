/* SPDX-License-Identifier: Apache-2.0 */
/* What is mapped ahead of a guest's touch can be had back as long as nobody has touched it. */
#ifndef HL_MM_RECLAIM_H
#define HL_MM_RECLAIM_H

struct mm;

/* Unmaps what of private anonymous memory the host holds no pages for and gives it back to the
 * arena: the next touch faults. Short runs stay, because each one would cost a mapping of the
 * host's. Takes mm->lock. */
void mm_reclaim(struct mm *mm);

#endif
