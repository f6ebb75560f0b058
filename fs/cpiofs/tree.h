/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the index of an archive (index.h) from its entries in their order, as Linux unpacks them
 * into a file system (init/initramfs.c):
 *
 * 	- of two entries with one name the last counts; but a directory that is not empty stays
 * 	- names of hard links are those with the same device, inode number and type, and more than
 *    one link; attributes and contents are those of the last entry, and of the last with contents
 * 	- symlinks on the way to a name are followed
 * 	- what Linux could not unpack, because a file is in the way, is left out
 *
 * Unlike there, a directory that is missing on the way is made, and an entry that replaces one of
 * several hard links leaves the others as they are.
 *
 * Takes time n log n in the names, and memory in proportion to them.
 */
#ifndef HL_FS_CPIOFS_TREE_H
#define HL_FS_CPIOFS_TREE_H

#include <stddef.h>
#include <sys/types.h>

#include "fs/cpiofs/index.h"
#include "fs/cpiofs/newc.h"

struct budget;
struct cpio_tree;

/* The target of the symlink whose header is at `header`, cut to PATH_MAX - 1, with a NUL behind
 * it. Length or -errno. */
typedef ssize_t cpio_target_fn(void *arg, uint64_t header, char target[PATH_MAX]);

/* `target` may be NULL: symlinks are not followed. `budget` bounds the memory; NULL: nothing does.
 * NULL: no memory. */
struct cpio_tree *cpio_tree_new(cpio_target_fn *target, void *arg, struct budget *budget);
void cpio_tree_free(struct cpio_tree *t);
/* `path`: names separated by single slashes, none of them "." or ".." or too long; "" is the root.
 * 0; 1: it was left out; -ENOMEM; -EOVERFLOW: too many names; -ELOOP: too many symlinks on the way,
 * of this entry and those before. */
int cpio_tree_add(struct cpio_tree *t, const char *path, const struct newc *h, uint64_t header);
/* An archive ends: inode numbers of the next one are its own. */
void cpio_tree_end_archive(struct cpio_tree *t);
/* Nodes, then names, in one piece of memory (ix->made). ix->archive_size is the caller's.
 * -ENOMEM; -ETIMEDOUT after `deadline` (monotonic_ns(); 0: never). */
int cpio_tree_index(struct cpio_tree *t, uint64_t deadline, struct index *ix);

#endif
