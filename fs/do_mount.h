/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mount(2) and its kin do, with the rules that Linux has for them (fs/namespace.c there). The
 * caller may mount: it has CAP_SYS_ADMIN over `ns`, the mount namespace it lives in; the paths are
 * walked to already. 0 or -errno.
 */
#ifndef HL_FS_DO_MOUNT_H
#define HL_FS_DO_MOUNT_H

#include "fs/mount.h"
#include "fs/peers.h"

/* Is it the root of a mount? */
bool path_is_mount(const struct path *p);

/* Attaches `m`, a new mount, at a path. */
int do_new_mount(struct caller *c, struct mnt_namespace *ns, const struct path *at,
		 struct mount *m);
/* MS_BIND: shows `from` at `at`, too. */
int do_bind(struct caller *c, struct mnt_namespace *ns, const struct path *from,
	    const struct path *at, bool recursive);
/* MS_MOVE, move_mount(2): `from` is a mount of `ns`, or the root of an anonymous namespace. */
int do_move(struct caller *c, struct mnt_namespace *ns, const struct path *from,
	    const struct path *to);
/* MS_SHARED and its kin. */
int do_change_type(struct mnt_namespace *ns, const struct path *at, enum propagation to,
		   bool recursive);
/* MOVE_MOUNT_SET_GROUP: `to` joins the groups that `from` is in. */
int do_set_group(struct mnt_namespace *ns, const struct path *from, const struct path *to);
/* Flags of mounts (MOUNT_*): those in `clear` go, then those in `set` come; all or none. `to`: as
 * for do_change_type, NULL: it stays. */
int do_set_flags(struct mnt_namespace *ns, const struct path *at, unsigned set, unsigned clear,
		 const enum propagation *to, bool recursive);
/* umount2(2); takes the path over. */
int do_umount(struct caller *c, struct mnt_namespace *ns, struct path *at, int flags);
/* pivot_root(2). Whose root or working directory was the caller's root is not told here. */
int do_pivot_root(struct caller *c, struct mnt_namespace *ns, const struct path *new,
		  const struct path *put_old);
/* OPEN_TREE_CLONE: a descriptor of a copy of what is at `from`, which no namespace has yet. */
int do_open_tree(struct caller *c, struct mnt_namespace *ns, const struct path *from,
		 bool recursive, struct file **out);
/* The same of a new mount (fsmount(2)). */
int do_fsmount(struct mnt_namespace *ns, struct mount *m, struct file **out);

#endif
