/* SPDX-License-Identifier: Apache-2.0 */
/* Shared anonymous memory: a page source of fixed size, kept alive by the mappings of it. */
#ifndef HL_MM_SHMEM_H
#define HL_MM_SHMEM_H

#include "mm/arena.h"
#include "mm/pagesource.h"

struct mapped_place;

/* One reference for the caller. -ENOMEM. */
int shmem_create(struct arena *a, uint64_t size, struct pagesource **out);

/* Its size; bytes of it that have memory. */
uint64_t shmem_size_of(struct pagesource *ps);
uint64_t shmem_held(struct pagesource *ps);
/* Who counts the mappings of it: a snapshot's vmas get it back by this. Borrowed, or NULL; set
 * while nobody maps it. */
void shmem_set_place(struct pagesource *ps, struct mapped_place *place);
struct mapped_place *shmem_place(struct pagesource *ps);

#endif
