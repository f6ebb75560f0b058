/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems in memory, in a snapshot.
 *
 * A file is an object (util/saved.h), because it may have several names or none: memfd_create(2),
 * O_TMPFILE, a file that was removed and is open. Directories are kept as they lie in the tree. A
 * copy has file systems of its own by then, made by its configuration: each gets what the saved one
 * had, and keeps its directories, on which others may be mounted.
 */
#ifndef HL_FS_RAMFS_SAVE_H
#define HL_FS_RAMFS_SAVE_H

#include <stdbool.h>

#include "util/saved.h"

struct filesystem;
struct pagesource;

#define FILE_IN_MEMORY    "file in memory"
#define FILE_WITHOUT_NAME "file without a name"
extern const struct saved_kind ramfs_inode_saved; /* struct ramfs_inode, no directory */
extern const struct saved_kind memfd_saved;       /* an open file without a name */

bool filesystem_is_ramfs(const struct filesystem *fs);
/* All names of it, and what directories are. It is one of s->filesystems. */
int ramfs_save(struct saver *s, struct filesystem *fs);
/* Makes `fs` what ramfs_save wrote. */
int ramfs_load(struct loader *l, struct filesystem *fs);
/* How often a directory got a name or lost one. */
uint64_t ramfs_dir_changes(struct filesystem *fs);
/* The pages of a regular file, borrowed; NULL: it is none. */
struct pagesource *ramfs_source_of(void *object);

#endif
