/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces that a sandbox keeps when its tasks have ended, because a reset goes back to them:
 * the mappings stay in the platform, and what was written is overwritten by what the snapshot has.
 *
 * What an address space was when it was loaded is kept beside it: its vmas, and which of its pages
 * the image has. Between two runs of the sandbox nobody else holds it.
 */
#ifndef HL_SNAPSHOT_KEPT_H
#define HL_SNAPSHOT_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/gva.h"
#include "util/saved.h"

struct filesystem;
struct mm;
struct mount;
struct ramfs_marks;
struct sandbox;
struct vma;

struct kept_vma {
	struct vma *v;   /* as it was loaded; not part of the address space */
	uint64_t object; /* the number of what it shows, new in each run; 0: none */
};

/* Pages of the image, in order of their addresses. */
struct kept_run {
	gva_t start, end;
	uint64_t off;
};

struct kept_mm {
	const unsigned char *at; /* where it stands in the metadata */
	struct mm *mm;           /* a reference */
	struct kept_vma *vmas;
	struct kept_run *runs;
	size_t nr_vmas, vma_room, nr_runs, run_room;
};

/* A file system in memory, and how its directories stand in the snapshot. */
struct kept_filesystem {
	struct filesystem *memory; /* borrowed */
	struct ramfs_marks *marks; /* NULL: they cannot be put back */
	uint64_t changes;          /* so often had they been changed */
	uint64_t max_bytes, max_inodes;
};

/* What is mounted by the configuration: mounts_reset.c. */
struct kept_mount {
	uint64_t id;
	/* of its file system */
	unsigned shown;
	bool readonly;
};

struct kept_mounts {
	struct mount *top;       /* a tree that is nowhere, a reference; NULL: not kept yet */
	struct kept_mount *each; /* of those of the tree, in its order */
	size_t nr, room;
	/* of the vfs */
	uint64_t next_id, next_group;
	unsigned next_dev;
};

struct snapshot_kept {
	struct kept_mounts mounts;
	struct kept_filesystem *filesystems;
	size_t nr_filesystems, filesystem_room;
	struct kept_mm **all;
	size_t nr, room;
};

/* The one that stands at `at`; NULL: there is none. */
struct kept_mm *kept_find(const struct snapshot_kept *k, const unsigned char *at);
/* Adds an empty one. NULL: no memory. */
struct kept_mm *kept_add(struct snapshot_kept *k, const unsigned char *at, struct mm *mm);
/* `v` is copied. -ENOMEM. */
int kept_add_vma(struct kept_mm *km, const struct vma *v, uint64_t object);
int kept_add_run(struct kept_mm *km, const struct kept_run *run);
/* Those whose process was ended for its memory have no guest code any more (space_stop): the next
 * load makes others. No task is left. */
void kept_drop_dying(struct snapshot_kept *k);
/* NULL: no effect. */
void kept_free(struct snapshot_kept *k);

/* Once, before the first load. -ENOMEM. */
int mounts_keep(struct sandbox *sb);
/* Is it one of the tree that is kept? */
bool mounts_are_kept(const struct sandbox *sb, const struct mount *m);
/* The first namespace has the mounts of the configuration again, and no others; file systems of the
 * program's go. No task is left. -ENOMEM: nothing has changed. */
int mounts_go_back(struct sandbox *sb);
void mounts_keep_no_more(struct kept_mounts *k);

/* memory_reset.c: makes the address space what it was. The loader has the objects of the new run.
 * On failure it is neither, and of no use. */
int memory_reset(struct loader *l, struct kept_mm *km);
/* The first part of that ahead, for which it needs no memory: what the run has mapped goes. */
int memory_trim(struct kept_mm *km);

#endif
