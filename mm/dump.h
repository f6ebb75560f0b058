/* SPDX-License-Identifier: Apache-2.0 */
/* What a core file has of an address space. */
#ifndef HL_MM_DUMP_H
#define HL_MM_DUMP_H

#include <stddef.h>
#include <stdint.h>

#include "util/gva.h"

struct mm;
struct vma;

/* Kinds of mappings that /proc/PID/coredump_filter names (core(5)). */
enum {
	DUMP_ANON_PRIVATE = 1 << 0,
	DUMP_ANON_SHARED = 1 << 1,
	DUMP_FILE_PRIVATE = 1 << 2,
	DUMP_FILE_SHARED = 1 << 3,
	DUMP_ELF_HEADERS = 1 << 4,
};

/* How many bytes of a vma, from its start, the filter wants. mm->lock held for reading. */
uint64_t vma_dump_size(const struct vma *v, unsigned filter);
/* Copies what comes next of the memory from *at to `end`, whatever the guest may do with it: at
 * most `size` bytes, whole pages all. *at is moved to where they were, and what was never there is
 * passed over without a look. 0: nothing comes, *at is `end`. */
size_t mm_dump(struct mm *mm, gva_t *at, gva_t end, void *buf, size_t size);

#endif
