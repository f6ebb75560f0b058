/* SPDX-License-Identifier: Apache-2.0 */
/* Puts memory behind vmas and keeps the platform's space equal to what vmas and backings say.
 * Callers hold mm->lock for writing. Ranges are page-aligned. Errors: -ENOMEM, -EFAULT (behind the
 * end of the file), what a source gave. */
#ifndef HL_MM_POPULATE_H
#define HL_MM_POPULATE_H

#include "mm/backing.h"
#include "mm/vma.h"

/* Private writable file mappings up to this size are copied when they are made: a copy costs less
 * than the copy-on-write faults it saves. */
#define COPY_AT_ONCE_MAX (256 * 1024UL)
/* Private file mappings up to this size are mapped when they are made where copies of the file are
 * kept: they cost no memory of their own. */
#define CACHED_MAP_MAX (4UL << 20)

/* What the platform is to allow on pages of `b` in `v`. */
unsigned mm_rights(const struct vma *v, const struct backing *b);

/* Backs every hole of `v` in [start, end), as far as its file goes, and maps what was added. The
 * first error stops it. */
int mm_populate(struct mm *mm, struct vma *v, gva_t start, gva_t end);
/* What MAP_POPULATE and mlock do: backs what is mapped in the range, and gets the pages now, so
 * that the guest need not wait for one later. Called without mm->lock, which is taken for a piece
 * at a time: others have their turn. Ends at the first vma that fails, or goes on behind it; the
 * first error, -EFAULT for one that cannot be touched at all.
 * -EINTR: the calling thread is to end. */
int mm_populate_now(struct mm *mm, gva_t start, gva_t end, bool go_on);
/* The second half of that, for what stands there. */
int mm_bring_in(struct mm *mm, gva_t start, gva_t end);
/* How much is done at a time. */
#define POPULATE_PIECE (16UL << 20)
static inline gva_t populate_piece_end(gva_t start, gva_t end)
{
	return gva_min(gva_next_unit(start, POPULATE_PIECE), end);
}
/* mm_populate for a private file mapping, with copies of the file's pages. */
int mm_populate_copies(struct mm *mm, struct vma *v, gva_t start, gva_t end);
/* What is best done at once for memory that has just become accessible. Never fails: a fault will
 * find what is wrong. */
void mm_populate_eagerly(struct mm *mm, struct vma *v, gva_t start, gva_t end);
/* Up to how much of `v`, of `want` bytes, may be mapped before it is touched. */
uint64_t mm_ahead_max(const struct vma *v, uint64_t want);
/* The part of the hole around `addr` that is worth filling at once: aligned `unit`, inside `v` and
 * its file. */
void mm_populate_window(struct mm *mm, const struct vma *v, gva_t addr, uint64_t unit, gva_t *start,
			gva_t *end);

/* Maps what stands in the range and is not left: for pages that may not have been mapped. */
int mm_map_range(struct mm *mm, gva_t start, gva_t end);
/* Sets the rights of what stands in the range: for pages that are mapped. */
int mm_protect_range(struct mm *mm, gva_t start, gva_t end);
/* Maps all of a backing that was left. It may be another one then: one that it continues. */
int mm_map_left(struct mm *mm, struct backing *b);
int mm_unmap_range(struct mm *mm, gva_t start, gva_t end);

#endif
