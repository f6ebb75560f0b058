/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file systems in memory that are part of a sandbox's tree: mounted themselves, or what an
 * overlay writes to. Each is known by where it is mounted. A copy has a file system there, too, by
 * its own configuration, and what was in the saved one comes into it.
 */
#ifndef HL_SNAPSHOT_FILESYSTEMS_H
#define HL_SNAPSHOT_FILESYSTEMS_H

#include "util/saved.h"

/* Finds them: s->filesystems, to be freed by filesystems_free. -ENOTSUP: the program has changed
 * what is mounted. */
int filesystems_find(struct saver *s);
int filesystems_save(struct saver *s);
void filesystems_free(struct saver *s);

int filesystems_load(struct loader *l, struct decoder *in);

#endif
