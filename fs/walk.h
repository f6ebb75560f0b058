/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a path walk: shared by fs/walk.c and the operations that finish a walk in their own
 * way. */
#ifndef HL_FS_WALK_H
#define HL_FS_WALK_H

#include "fs/vfs.h"

struct walk {
	struct caller *c;
	unsigned flags;         /* WALK_* */
	struct path root, path; /* references; path: where the walk stands */
	const char *rest;       /* still to go */
	char *owned;            /* what `rest` points into once a symlink was followed */
	unsigned links;         /* symlinks followed */
	bool slash;             /* the name ended in a slash */
	bool done;              /* `finish` did the work */
	bool probe;             /* only asks whether the name exists in the sysroot */
	/* The last run of names: as inode_ops.walk (which NULL stands for), or does the work of the
	 * system call with it and sets done; then *step may stay empty. `arg` is its own. */
	int (*finish)(struct walk *w, const char *names, size_t len, unsigned step_flags,
		      struct walk_step *step);
	void *arg;
	/* Walks that stop before the last name: where it begins, its length and kind */
	bool parent_only;
	const char *last;
	size_t last_len;
	enum last_type last_type;
};

/* Prepares *w; 0 or -errno. walk_end is due only after 0. */
int walk_begin(struct walk *w, struct caller *c, const struct path *start, const char *name,
	       unsigned flags);
/* Walks to the end. w->path is the result. */
int walk_run(struct walk *w);
void walk_end(struct walk *w);

#endif
