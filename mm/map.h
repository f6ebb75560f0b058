/* SPDX-License-Identifier: Apache-2.0 */
/* mmap(2) and munmap(2), and what the mapping calls share. Addresses and lengths are as the guest
 * gave them, and are checked here. */
#ifndef HL_MM_MAP_H
#define HL_MM_MAP_H

#include <stdint.h>

#include "mm/mm.h"
#include "util/gva.h"

struct mapped_place;

struct mmap_args {
	gva_t addr;
	uint64_t len;
	unsigned prot, flags;      /* PROT_*, MAP_* */
	struct pagesource *source; /* NULL: anonymous memory, /dev/zero. A reference is taken */
	uint64_t offset;
	/* -errno: the file cannot be mapped like that, which is told when all else is right */
	int refused;
	unsigned vma_flags;         /* VMA_MAYWRITE, VMA_MAYEXEC... of the file */
	const char *name;           /* copied; may be NULL */
	struct mapped_place *place; /* a reference is taken; may be NULL */
};
/* The address, or -errno. */
int64_t mm_mmap(struct mm *mm, const struct mmap_args *a);
int mm_munmap(struct mm *mm, gva_t addr, uint64_t len);
/* What is left of the mapping that began at `addr` of a place that `count` counts, as shmdt(2)
 * finds it: the first such vma that would begin there, and those of the same place behind it.
 * -EINVAL: there is none. */
int mm_unmap_counted(struct mm *mm, gva_t addr, void (*count)(struct mapped_place *p, int sign));
/* The place of the mapping that begins at `addr`, from its first byte on, if `count` counts it: a
 * reference. NULL: there is none. */
struct mapped_place *mm_counted_at(struct mm *mm, gva_t addr,
				   void (*count)(struct mapped_place *p, int sign));
/* All that anybody counts. */
void mm_unmap_all_counted(struct mm *mm);

/* ---- for mm/ itself; mm->lock held for writing ---- */

/* An address for `len` bytes as mmap's flags want it, `addr` or another. 0 or -errno. */
int mm_place(struct mm *mm, gva_t addr, uint64_t len, unsigned flags, gva_t *out);
/* Would `len` more bytes of such memory go past a limit? 0 or -ENOMEM. */
int mm_may_expand(struct mm *mm, uint64_t len, unsigned prot, unsigned flags);
/* The part of it that is about promises of memory. */
int mm_may_commit(struct mm_host *h, uint64_t len);
/* The same for locked memory: 0, -EPERM or -EAGAIN. */
int mm_may_lock(struct mm *mm, uint64_t len);
/* Unmaps everything in the range. -ENOMEM, -EINVAL where it may not be cut, -EPERM where it is
 * sealed: nothing visible changed. */
int mm_clear_range(struct mm *mm, gva_t start, gva_t end);
/* The same whatever is sealed. */
int mm_empty_range(struct mm *mm, gva_t start, gva_t end);

#endif
