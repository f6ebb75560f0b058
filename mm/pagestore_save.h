/* SPDX-License-Identifier: Apache-2.0 */
/* The contents of a file in memory, in a snapshot: its pages lie in the image, and are copied when
 * they are loaded. What was never written takes no room. */
#ifndef HL_MM_PAGESTORE_SAVE_H
#define HL_MM_PAGESTORE_SAVE_H

#include "util/saved.h"

struct pagesource;
struct pagestore;

int pagestore_save(struct saver *s, struct pagestore *store);
/* Into one that is empty. */
int pagestore_load(struct loader *l, struct pagestore *store);

/* Shared anonymous memory: struct pagesource. */
extern const struct saved_kind shmem_saved;

#endif
