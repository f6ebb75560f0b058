/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces in a snapshot: their vmas, and where in the image the contents are.
 *
 * What a file shows unchanged is not saved but named, by the path it is mapped from, with its size
 * and the time of its last change. What is the program's own is in the image, in order of the
 * addresses. A copy has the image's pages as backings that are copied before they are written
 * (mm/backing.h): loading costs by the number of runs, whatever their size.
 */
#ifndef HL_SNAPSHOT_MEMORY_H
#define HL_SNAPSHOT_MEMORY_H

#include "util/gva.h"
#include "util/saved.h"

struct mm;
struct vma;

extern const struct saved_kind memory_kind; /* struct mm */

/* What a vma shows. */
enum vma_source {
	SOURCE_NONE, /* anonymous memory */
	SOURCE_VDSO,
	SOURCE_FILE,   /* by its path */
	SOURCE_OBJECT, /* shared memory, a file in memory without a name */
	NR_VMA_SOURCES
};

/* memory_load.c */
int memory_load(struct loader *l, void **out);

/* memory_vma.c */
/* The source of a vma that shows object number `n`. */
int memory_attach_object(struct loader *l, struct vma *v, uint64_t n);
/* A vma of the address space, which whoever counts the mappings of its object hears of. */
void memory_count_vma(struct vma *v);
/* Maps at once what is mapped at once when it is loaded; mm->lock held for writing. */
void memory_populate(struct mm *mm, struct vma *v, gva_t start, gva_t end);

#endif
