/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the mount at a name. Two questions, for two prices:
 *
 *   Could there be a mount at a name of this spelling in this file system? A path walk asks this
 *   for every name it passes, before it knows the directory. The answer takes no lock: it comes
 *   from a set of 64-bit hashes in a table whose memory is never given back while the hash lives. A
 *   change makes `seq` odd while it lasts; whoever reads in the meantime gets "yes".
 *
 *   Which mount is at this name of this directory of this mount? The answer comes from an ordinary
 *   hash table, under the lock that guards the mounts (fs/mount.h).
 *
 * Both tables grow with the number of mounts, so that neither answer depends on it.
 */
#ifndef HL_FS_MOUNT_HASH_H
#define HL_FS_MOUNT_HASH_H

#include "fs/vfs.h"

struct name_set;

struct mount_hash {
	_Atomic uint32_t seq;             /* odd: a change of the set is going on */
	_Atomic(struct name_set *) names; /* the newest; it owns those it replaced */
	struct mount **buckets;
	size_t nr_buckets; /* a power of 2 */
	size_t used;
};

/* A name in a directory, as the hash knows it. */
struct mount_place {
	struct mount *parent;
	struct inode_id dir; /* of the directory */
	uint64_t name;       /* mount_hash_name() */
	bool at_root;        /* the directory is the root of its file system */
};

/* NULL: no memory. */
struct mount_hash *mount_hash_new(void);
void mount_hash_free(struct mount_hash *h);
uint64_t mount_hash_name(const char *name, size_t len);
/* Can be a name with this hash be covered, in the root of `fs` (`at_root`) or in another directory
 * of it? Any lock state. "Yes" may be wrong, "no" never is. */
bool mount_hash_may_hold(const struct mount_hash *h, const struct filesystem *fs, uint64_t name,
			 bool at_root);
/* The lock that guards the mounts is held below: for writing to insert and to remove. */
/* Makes room for `n` more mounts: inserting them cannot fail then. 0 or -ENOMEM. */
int mount_hash_reserve(struct mount_hash *h, size_t n);
void mount_hash_insert(struct mount_hash *h, struct mount *m);
void mount_hash_remove(struct mount_hash *h, struct mount *m);
/* The first mount in the bucket of a place; the others follow by mount.hash_next. */
struct mount *mount_hash_bucket(const struct mount_hash *h, const struct mount_place *place);

#endif
