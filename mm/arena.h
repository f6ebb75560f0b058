/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns which pages of the arena. Every page has a reference count: one for each backing of an
 * address space, or one for the in-memory file, that holds it. A page shared by two is copied
 * before it is written (mm/fault.c). Pages whose count drops to 0 go back to the host (hole
 * punched) and their offsets are reused, lowest first, so that the platform's part of the arena
 * stays compact. They are given back late, by a thread of the arena's, and a few megabytes are kept
 * for the next to ask: the host takes longer to bring a page than we to clear one. Thread-safe.
 */
#ifndef HL_MM_ARENA_H
#define HL_MM_ARENA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "platform/physmem.h"

struct arena;
struct budget;

int arena_create(struct physmem *pm, struct arena **out);
void arena_destroy(struct arena *a);
/* `len` bytes (page multiple) of contiguous offsets, reading as zero, each page with count 1.
 * -ENOMEM. */
int arena_alloc(struct arena *a, uint64_t len, uint64_t *off);
/* The same with any contents: the caller overwrites all of it. */
int arena_alloc_dirty(struct arena *a, uint64_t len, uint64_t *off);
/* The same with a copy of the `len` bytes of `mf` from `from` on. -EFAULT: it has not so many. */
int arena_alloc_copy(struct arena *a, struct memfile *mf, uint64_t from, uint64_t len,
		     uint64_t *off);
/* The same with what the pieces at `from` hold, whole pages each, one behind the other. They may
 * be of files that have become shorter. */
int arena_alloc_gather(struct arena *a, const struct iovec *from, unsigned nr, uint64_t *off);
/* The same with clean pages that the host holds no memory for: arena_seek tells which have been
 * touched. */
int arena_alloc_cold(struct arena *a, uint64_t len, uint64_t *off);
/* The first offset in [off, end) that the host holds memory for, or (`hole`) none; `end`: there is
 * none. */
uint64_t arena_seek(struct arena *a, uint64_t off, uint64_t end, bool hole);
void arena_ref(struct arena *a, uint64_t off, uint64_t len);
void arena_unref(struct arena *a, uint64_t off, uint64_t len);
/* The same for pages that the host holds no memory for. */
void arena_unref_cold(struct arena *a, uint64_t off, uint64_t len);
/* The sandbox ends: from here on pages that nobody holds are neither given back to the host nor
 * used again. To give back gigabytes takes the host a while, for which an end by a time limit
 * should not wait. */
void arena_retire(struct arena *a);
/* Is the page at `off` held once only? (Then the holder may write it in place.) */
bool arena_page_exclusive(struct arena *a, uint64_t off);
/* By how many it is held, at least one. */
unsigned arena_page_holders(struct arena *a, uint64_t off);
/* Monitor's pointer to [off, off+len). */
void *arena_ptr(struct arena *a, uint64_t off);
struct memfile *arena_memfile(struct arena *a);
/* Bytes of pages with a count above 0 (address space, not residency). */
uint64_t arena_used(struct arena *a);
/* Bytes of pages that the host has given, whoever holds them. */
uint64_t arena_resident(struct arena *a);
/* Bytes of pages that nobody holds, and that the host may have given all the same. */
uint64_t arena_warm(const struct arena *a);
/* Those go back to the host now; false: there are none. */
bool arena_give_back(struct arena *a);
/* Who bounds the memory of the sandbox; NULL: nobody. Before and after anybody allocates. */
void arena_set_budget(struct arena *a, struct budget *b);
/* May a system call take `len` bytes (mm/budget.h)? Allocating does not ask. */
bool arena_room(struct arena *a, uint64_t len);
/* Drops the contents: the pages read as zero again, unless the arena retires meanwhile. */
void arena_discard(struct arena *a, uint64_t off, uint64_t len);

#endif
