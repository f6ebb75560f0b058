/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of file pages in the arena, shared copy-on-write by all private mappings of a sandbox: for
 * machines that are slow at mapping the file itself (machine_props.copy_files). A copy is good as
 * long as its source says that the file has not changed (pagesource_ops.version). Files used
 * longest ago go when there is too much. Thread-safe; called with mm->lock held.
 */
#ifndef HL_MM_FILECACHE_H
#define HL_MM_FILECACHE_H

#include <stdint.h>

#include "mm/arena.h"
#include "mm/pagesource.h"

struct filecache;

int filecache_create(struct arena *a, struct filecache **out);
/* No mapping has to be gone; page sources are let go. */
void filecache_destroy(struct filecache *c);
/* Copied pages of file bytes from `off` (page-aligned), at most `len`: the longest run at hand,
 * each page with a count of the arena for the caller. What is missing is copied in larger units.
 * -EAGAIN: this file is not to be cached now. As pagesource_ops.get otherwise. */
int filecache_get(struct filecache *c, struct pagesource *ps, uint64_t off, uint64_t len,
		  struct page_run *out);

#endif
