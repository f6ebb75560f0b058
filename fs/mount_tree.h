/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How trees of mounts are changed: what the files share that do it (fs/namespace.c,
 * fs/propagation.c, fs/do_mount.c). All of it needs vfs.namespace_lock.
 *
 * A change is prepared while others may still walk, which takes memory and host calls and may
 * fail; then it is made under vfs.mount_lock, where nothing fails. What it takes out of a tree is
 * collected in a list, and its references are dropped when no lock is held any more, because the
 * last one may end a file system.
 *
 * Each mount of a tree is referenced by it once, whether the tree is in a namespace yet or not.
 */
#ifndef HL_FS_MOUNT_TREE_H
#define HL_FS_MOUNT_TREE_H

#include "fs/mount.h"

/* Where a mount is to be. */
struct point {
	struct mount *parent; /* reference */
	struct dentry *over;  /* reference; NULL: the root of the parent */
	struct mount_place place;
};

/* `name` in `dir`, or the root of `dir.mnt`. Needs no lock. */
int point_init(struct point *p, const struct path *dir, const char *name);
void point_put(struct point *p);
/* What is mounted there, below all that covers it; NULL: nothing. */
struct mount *point_mount(const struct point *p);
/* From there to the root of what is mounted topmost there. */
void point_settle(struct point *p);
/* The same point as it is seen on `other`, a mount of the same file system: 1; 0: it does not lie
 * there. -ENOMEM. */
int point_seen_on(const struct point *p, struct mount *other, struct point *out);

/* The mount after `m` of those below `top`, each after its parent; NULL: that was the last one. */
struct mount *tree_next(struct mount *m, const struct mount *top);
/* A copy of `top` that shows `root`, and of what is mounted below that (`how`: COPY_* of
 * fs/peers.h); mount.copy of each original becomes its copy. -EINVAL: `top` is unbindable.
 * -ENOMEM. */
int tree_copy(struct mount *top, struct dentry *root, unsigned how, struct mount **out);
/* Does something lie on the part of `top` that `root` shows which may not be taken from there? */
bool tree_hides(const struct mount *top, const struct dentry *root);
/* Linux's lock_mnt_tree(): the tree is to be in a mount namespace of fewer rights than the one it
 * comes from. What lies below its top stays there, and what the flags forbid stays forbidden. */
void tree_lock(struct mount *top);
/* Gives up a tree that is nowhere. */
void tree_drop(struct mount *top, struct list *gone);

/* Will there be room in the namespace for `top` and what is below it? -ENOSPC. */
int tree_reserve(struct mnt_namespace *ns, struct mount *top);
/* Makes `top`, which is nowhere, the root of a new namespace. */
void tree_settle(struct mount *top, struct mnt_namespace *ns);
/* The steps of a change; vfs.mount_lock is held for writing. */
/* The place that `m` is to have: takes references. Any lock state. */
void mount_set_point(struct mount *m, const struct point *p);
/* Links `m` at the place it has. What is mounted there comes to lie on it. There is room in the
 * hash. */
void mount_link(struct mount *m);
/* Takes it out there; the references to its place stay in m->parent and m->over. */
void mount_unlink(struct mount *m);
/* Enters its namespace's list, by its number. */
void mount_join(struct mount *m, struct mnt_namespace *ns);
/* From there to `gone`. */
void mount_leave(struct mount *m, struct list *gone);
/* Detached with its parent: if it is unmovable, it goes on lying there, out of every list, so that
 * nothing is uncovered for those who are there. The parent has the reference then, and `parent` is
 * none. */
bool mount_keep(struct mount *m);
/* Takes `top` and all below it apart, into `gone`. */
void tree_dissolve(struct mount *top, struct list *gone);

/* Without any lock: drops the references that such mounts held to their places, and their trees'
 * to them. */
void tree_put_gone(struct list *gone);

/* A change of the namespace is complete: whoever polls is told. */
void mnt_ns_changed(struct mnt_namespace *ns);

/* ---- whole changes: fs/namespace.c ---- */

/* Hangs a tree at a point, and copies of it where that propagates to; `p` is settled, and in a
 * namespace. It is moved if it is in one already; the place that it had comes to *from, to be put
 * without locks. -ENOSPC, -ENOMEM: nothing is changed. What is left over goes to `gone`. */
int tree_attach(struct mount *top, const struct point *p, struct point *from, struct list *gone);
/* Takes a tree out of its namespace, and what propagation takes out with it. */
void tree_detach(struct mount *top, struct list *gone);
/* `new` takes the place of `root`, which goes to *put_old, without propagation; the places they had
 * come to `from`. */
int tree_pivot(struct mount *new, struct mount *root, const struct point *put_old,
	       struct point from[2]);

#endif
