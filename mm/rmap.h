/* SPDX-License-Identifier: Apache-2.0 */
/* The way back from a file to the address spaces that map it: what its file system calls when pages
 * of it are gone. */
#ifndef HL_MM_RMAP_H
#define HL_MM_RMAP_H

#include <stdbool.h>
#include <stdint.h>

struct mm;
struct pagesource;

/* The file now ends at `size`: every mapped page wholly behind it is unmapped everywhere, private
 * copies included; the tail of the last page of private copies is left alone, as Linux leaves it.
 * Call without any mm lock, after ops->get stopped giving the pages and before their memory is
 * given away. */
void pagesource_truncated(struct pagesource *ps, uint64_t size);
/* The pages of [off, off+len) were replaced (hole punched): drop every mapping of them, copies
 * excepted. Same rules. */
void pagesource_invalidate(struct pagesource *ps, uint64_t off, uint64_t len);
/* After EVENT_LOST_PAGE: unmaps every page of a file that is behind the file's end by now. True:
 * some were, run on. */
bool mm_drop_lost_pages(struct mm *mm);

#endif
