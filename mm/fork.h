/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address space of fork(2)'s child, and which pages are written soon after a fork: copied when
 * the next one comes, they cost no faults. A process keeps the list; it and its children add to it
 * when they meet a copy-on-write page.
 */
#ifndef HL_MM_FORK_H
#define HL_MM_FORK_H

#include "mm/mm.h"
#include "util/ref.h"

/* The child's copy of `parent` at this moment. `hints`: addresses that both will write to at once
 * (0: none), the stack pointer and the thread pointer. */
#define FORK_HINTS 2
int mm_fork(struct mm *parent, const gva_t hints[FORK_HINTS], struct mm **out);

/* Pages are looked at in aligned units of this size. */
#define FORK_UNIT  (4 * PAGE_SIZE)
#define FORK_PAGES 12
/* So many writes of each side count. */
#define FORK_SOON 8

struct fork_pages {
	struct ref refs;
	_Atomic uint32_t next;            /* modulo FORK_PAGES, the unit that is replaced next */
	_Atomic(gva_t) units[FORK_PAGES]; /* GVA_NULL: none */
};

/* A page of `mm` was met copy-on-write by a write. */
void fork_note_write(struct mm *mm, gva_t page);
void fork_pages_put(struct fork_pages *p);

#endif
