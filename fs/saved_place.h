/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places of the guest's tree in a snapshot. Where the program has mounted nothing, a place is a
 * name from the root of all: a copy whose configuration mounts something else there finds that.
 * Else it is one of the mounts that the snapshot keeps, by number, and the name in its file system,
 * whatever is mounted over it.
 */
#ifndef HL_FS_SAVED_PLACE_H
#define HL_FS_SAVED_PLACE_H

#include "fs/file.h"
#include "util/saved.h"

/* Why it cannot be found again, as the end of a sentence; NULL: it can. */
const char *place_refused(struct saver *s, const struct path *p);
/* Is it a directory that was removed? */
bool place_is_removed(struct saver *s, const struct path *p);
/* NULL, or one without a name: a place that leads nowhere. */
void place_save(struct saver *s, const struct path *p);

/* One that is not looked for yet. */
struct saved_place {
	struct mount *mnt; /* borrowed; NULL: `name` is from the root of all */
	char *name;        /* owned; NULL: it leads nowhere */
	uint64_t number;   /* of the mount, 0: none */
	/* what no name leads to: a directory that was removed, what is about a process; a
	 * reference. dentry NULL: it is not known yet */
	struct path found;
};

/* Does it lead anywhere? */
static inline bool place_leads(const struct saved_place *p)
{
	return p->name || p->found.dentry;
}
/* Is it a name from the root of all? */
static inline bool place_is_name(const struct saved_place *p)
{
	return p->name && !p->mnt;
}

/* What place_save would write, and writing it. -ENOENT: it has no name. -ENOMEM. */
int place_of(struct saver *s, const struct path *p, struct saved_place *out);
void place_put(struct saver *s, const struct saved_place *p);
/* -EBADMSG: a sentence was said. */
int place_load(struct loader *l, struct saved_place *out);
void place_free(struct saved_place *p);
/* What stands there now: a reference. `flags`: WALK_*. */
int place_walk(struct caller *c, const struct saved_place *p, unsigned flags, struct path *out);
/* place_load and place_walk at once. One that leads nowhere, or to what is not of that type
 * (S_IFMT; 0: any), leaves *out empty. */
int place_find(struct loader *l, mode_t type, struct path *out);
/* As vfs_open of that. */
int place_open(struct caller *c, const struct saved_place *p, int flags, struct file **out);

/* The name of an inode of `fs` in that: as inode_path. The other way round: a reference. */
int place_in(struct filesystem *fs, struct caller *c, const char *name, struct dentry **out);

#endif
