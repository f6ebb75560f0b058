/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at an address space: its vmas, and what of it is in memory. */
#ifndef HL_MM_MAPS_H
#define HL_MM_MAPS_H

#include <stdint.h>

#include "util/gva.h"

struct memfile;
struct mm;
struct vma;

/* Walks the vmas under the read lock (for /proc/PID/maps, core files). Stops when
 * fn returns non-zero. */
int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma *v, void *arg), void *arg);
/* Bytes backed by arena pages that this mm holds: an estimate of VmRSS. */
uint64_t mm_resident(struct mm *mm);
/* The same with what others may have mapped, too, as Linux counts it. */
uint64_t mm_mapped_memory(const struct mm *mm);
/* How many of these the host has given pages for, about; all, when somebody else works on the mm
 * now. Does not wait. */
uint64_t mm_touched(struct mm *mm);
/* Is the page at `addr` in memory? 0; -EFAULT: nothing is mapped there, -ENOENT: it is not. */
int mm_page_present(struct mm *mm, gva_t addr);
int mm_mincore(struct mm *mm, gva_t addr, uint64_t len, gva_t vec);

/* Bytes of [off, off + len) of a memory file that the host has given; once *steps is used up, all
 * that is left. A step is a hole and at most 4 MiB behind it. */
#define USAGE_STEPS 10000
uint64_t usage_data_bytes(struct memfile *mf, uint64_t off, uint64_t len, unsigned *steps);

#endif
