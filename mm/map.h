/* SPDX-License-Identifier: Apache-2.0 */
/* What the mapping calls share. Callers hold mm->lock for writing. */
#ifndef HL_MM_MAP_H
#define HL_MM_MAP_H

#include "mm/mm.h"

/* An address for `len` bytes as mmap's flags want it, `addr` or another. 0 or -errno. */
int mm_place(struct mm *mm, gva_t addr, uint64_t len, unsigned flags, gva_t *out);
/* Would `len` more bytes of such memory go past a limit? 0 or -ENOMEM. */
int mm_may_expand(struct mm *mm, uint64_t len, unsigned prot, unsigned flags);
/* The part of it that is about promises of memory. */
int mm_may_commit(const struct mm_host *h, uint64_t len);
/* The same for locked memory: 0, -EPERM or -EAGAIN. */
int mm_may_lock(struct mm *mm, uint64_t len);
/* Unmaps everything in the range. -ENOMEM, or -EINVAL where it may not be cut: nothing visible
 * changed. */
int mm_clear_range(struct mm *mm, gva_t start, gva_t end);

#endif
