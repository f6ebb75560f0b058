/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file systems in memory that are part of a sandbox's tree: mounted themselves, or what an
 * overlay writes to. Each is known by where it is mounted. A copy has a file system there, too, by
 * its own configuration, and what was in the saved one comes into it.
 */
#ifndef HL_SNAPSHOT_FILESYSTEMS_H
#define HL_SNAPSHOT_FILESYSTEMS_H

#include <stdbool.h>

#include "util/saved.h"

struct sandbox;

/* Finds them: s->filesystems, to be freed by filesystems_free. */
int filesystems_find(struct saver *s);
int filesystems_save(struct saver *s);
void filesystems_free(struct saver *s);

/* After a load: notes how directories stand. A reset makes files anew, but no directories.
 * -ENOMEM. */
int filesystems_mark(struct loader *l);
/* Can it go back to that? Not where the copy has a file system in memory that the snapshot has not,
 * nor where directories of an overlay in memory have changed. */
bool filesystems_can_go_back(const struct sandbox *sb);
/* Then: directories stand as they did. Nobody uses them. -ENOMEM. */
int filesystems_go_back(const struct sandbox *sb);

int filesystems_load(struct loader *l, struct decoder *in);

#endif
