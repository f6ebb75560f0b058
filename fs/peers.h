/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mounts follow which others (mount_namespaces(7), "Shared subtrees";
 * Documentation/filesystems/sharedsubtree.rst).
 *
 *   peers    show each other's changes: what is mounted on one of them appears on all
 *   slaves   follow a group of peers, which does not follow them; a slave may have peers of its
 *            own, which follow together, and slaves
 *
 * All of it needs vfs.namespace_lock. What follows from it is in fs/propagation.h.
 */
#ifndef HL_FS_PEERS_H
#define HL_FS_PEERS_H

#include "fs/mount.h"

enum propagation {
	PROPAGATION_SHARED,
	PROPAGATION_PRIVATE,
	PROPAGATION_SLAVE,
	PROPAGATION_UNBINDABLE,
};

/* How a copy of a mount is made, and a copy of a tree (fs/mount_tree.h). */
enum {
	COPY_SHARED = 1,     /* the copies are shared, if they are no peers of theirs already */
	COPY_SLAVE = 2,      /* each is a slave of what it was copied from */
	COPY_UNBINDABLE = 4, /* unbindable ones are copied, too */
	COPY_ALONE = 8,      /* without what is mounted below */
};

static inline bool mount_is_shared(const struct mount *m)
{
	return m->group;
}

static inline struct mount *mount_next_peer(const struct mount *m)
{
	return container_of(m->peers.next, struct mount, peers);
}

/* What the copy `m` of `old` is to others. `how`: COPY_*. */
void propagation_inherit(struct mount *m, struct mount *old, unsigned how);
/* MS_SHARED and its kin, of this mount alone. */
void propagation_change(struct mount *m, enum propagation to);
/* The mount leaves its tree: it has neither peers nor masters nor slaves any more. */
void propagation_leave(struct mount *m);
/* The group of the nearest master that a process with that root sees (propagate_from in
 * mountinfo); 0: of none. */
uint64_t propagation_dominating(const struct mount *m, const struct path *root);

#endif
