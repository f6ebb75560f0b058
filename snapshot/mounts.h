/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program has mounted. As long as that is nothing, a snapshot says so, and a copy has the
 * mounts of its own configuration. Else it has all trees as they stand, in all namespaces:
 *
 *   file systems  those of the configuration by the place where that mounts them: a copy has its
 *                 own there. Those that the program has made are made anew (saved_tree.c); what is
 *                 in them is in memory (filesystems.c) or in the layers of an overlay
 *   namespaces    with their numbers
 *   mounts        by rising id: what of a file system they show, flags, peers and slaves, and where
 *                 they lie
 *
 * A copy takes down what its configuration has mounted, and builds the trees of all namespaces.
 * What that configuration keeps from a guest stays so: its flags are locked, and where it hides
 * something there is no such copy.
 */
#ifndef HL_SNAPSHOT_MOUNTS_H
#define HL_SNAPSHOT_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/saved.h"

struct filesystem;
struct mnt_namespace;

struct tree_fs {
	struct filesystem *fs; /* loading: a reference, NULL: not made yet */
	bool memory;           /* what is in it, or in its upper layer, is saved */
	/* loading: of an overlay that is not made yet */
	struct decoder layers;
	uint64_t dev;
	unsigned shown;
	bool readonly;
	unsigned locked; /* flags that the configuration's mount of it has for good */
};

/* saver.tree, loader.tree: only where the program has changed something. */
struct saved_tree {
	struct tree_fs *fs; /* by number - 1; what an overlay is made of comes before it */
	size_t nr_fs, fs_room;
	struct mnt_namespace **ns; /* by number - 1, the sandbox's first; loading: references */
	size_t nr_ns, ns_room;
	size_t mount_room;
	bool *expiring;     /* loading: by number - 1, mounts that MNT_EXPIRE has met */
	unsigned first_dev; /* loading: of those that no file system of the configuration has */
};

/* ---- saving ---- */

/* Finds all of it. -ENOTSUP: a sentence says of what it cannot be saved. */
int mounts_find(struct saver *s);
int mounts_save(struct saver *s);
void mounts_free_saver(struct saver *s);
/* The number of a namespace; 0: nothing is mounted in it. */
uint64_t mounts_namespace_number(const struct saver *s, const struct mnt_namespace *ns);

/* ---- loading: in this order ---- */

/* The file systems, but for overlays of the program's. */
int mounts_load_filesystems(struct loader *l, struct decoder *in);
/* When what is in them is there: the rest. */
int mounts_load(struct loader *l, struct decoder *in);
void mounts_free_loader(struct loader *l);
/* A reference. */
int mounts_namespace(struct loader *l, uint64_t number, struct mnt_namespace **out);

#endif
