/* SPDX-License-Identifier: Apache-2.0 */
/* The file systems of a tree that the program has changed: snapshot/mounts.h. */
#ifndef HL_SNAPSHOT_SAVED_TREE_H
#define HL_SNAPSHOT_SAVED_TREE_H

#include "snapshot/mounts.h"

struct dentry;
struct inode;

/* The memory behind a file system: its own, or that of its upper layer. NULL: there is none. Both
 * are borrowed. */
struct filesystem *memory_of(struct filesystem *fs);

/* Enters a file system, and those that it needs. */
int tree_add_fs(struct saver *s, struct filesystem *fs);
int tree_save_fs(struct saver *s);

/* Makes all but overlays, which tree_make_overlays does. */
int tree_load_fs(struct loader *l);
int tree_make_overlays(struct loader *l);

/* A directory, or file, of one of them; loading gives a reference to the latter.
 * -EBADMSG, -ENOENT. */
void tree_save_inode(struct saver *s, struct filesystem *fs, struct inode *i, struct dentry *d);
int tree_load_inode(struct loader *l, struct tree_fs **fs, struct dentry **out);

#endif
