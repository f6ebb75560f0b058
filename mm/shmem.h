/* SPDX-License-Identifier: Apache-2.0 */
/* Shared anonymous memory: a page source of fixed size, kept alive by the mappings of it. */
#ifndef HL_MM_SHMEM_H
#define HL_MM_SHMEM_H

#include "mm/arena.h"
#include "mm/pagesource.h"

/* One reference for the caller. -ENOMEM. */
int shmem_create(struct arena *a, uint64_t size, struct pagesource **out);

#endif
