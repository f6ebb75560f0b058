/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts and mount namespaces (mount_namespaces(7)).
 *
 * A mount shows a directory (or a file) of a file system at a place in the tree: over a name in a
 * directory of its parent, another mount, or over the root of its parent. The directory is told by
 * its identity, so that renaming what lies above does not uncover anything; the guest can neither
 * rename nor remove the name itself (-EBUSY). The name need not exist.
 *
 * A mount namespace is a tree of mounts. All namespaces of a sandbox share one lock
 * (vfs.mount_lock) and one hash: a mount belongs to one namespace at most, so that its parent and
 * the name tell which mount is meant.
 *
 *   mount_new       in no namespace: a reference is all that holds it
 *   attached        its namespace holds a reference, and it holds one to its parent
 *   detached        by umount2(2), or because its namespace has ended: it has neither parent nor
 *                   namespace any more, but whoever has a path on it goes on using it
 *   freed           with the last reference
 *
 * The lock is the innermost: no other is taken under it, and nothing waits there. References are
 * dropped without it.
 */
#ifndef HL_FS_MOUNT_H
#define HL_FS_MOUNT_H

#include "fs/mount_hash.h"
#include "cred/ns_common.h"
#include "util/ref.h"

struct mount {
	struct ref refs;
	/* constant */
	struct vfs *vfs;
	struct filesystem *fs;
	struct dentry *root; /* NULL: the internal mount */
	uint64_t id;         /* never used again */
	char *source;        /* as in /proc/mounts */
	_Atomic unsigned flags;

	/* vfs.mount_lock */
	struct list all_node;     /* vfs.mounts */
	struct mnt_namespace *ns; /* NULL: attached nowhere */
	struct list ns_node;      /* mnt_namespace.mounts */
	struct mount *parent;     /* reference; NULL: a namespace's root, or attached nowhere */
	struct list children;     /* mounts on this one */
	struct list child_node;   /* parent->children */
	struct dentry *over;      /* the name covered; NULL: the root of the parent, or nothing */
	struct mount_place place; /* of `over`, where there is one, for the hash */
	struct mount *hash_next;  /* in its bucket */
	/* what covers the root of this one; whoever finds NULL needs no lock */
	_Atomic(struct mount *) cover;
};

struct mnt_namespace {
	struct ns_common ns;
	struct vfs *vfs;
	struct mount *root; /* NULL before the first mount; constant once it is set */

	/* vfs.mount_lock */
	struct list mounts; /* in the order they were attached; a reference to each */
	unsigned nr_mounts;
};

/* Most mounts of a namespace: Linux's default of /proc/sys/fs/mount-max. */
#define MOUNT_MAX 100000

/* ---- mounts ---- */

/* A mount of `fs` (reference taken over, also on failure). `root`: what of it is shown, NULL: its
 * root. NULL: no memory. */
struct mount *mount_new(struct vfs *vfs, struct filesystem *fs, struct dentry *root, unsigned flags,
			const char *source);
struct mount *mount_get(struct mount *m);
void mount_put(struct mount *m);

/* Could there be a mount at `name` in a directory `depth` levels below `dir`? Takes no lock; "no"
 * is certain. */
bool mount_may_be_at(const struct path *dir, unsigned depth, const char *name, size_t len);
/* The topmost mount at `name` in `dir`, a reference; NULL: there is none. */
struct mount *mount_at(const struct path *dir, const char *name, size_t len);
/* Is something of the namespace of `dir` mounted at `name` there, through whatever mount of the
 * directory? */
bool mount_covers(const struct path *dir, const char *name, size_t len);
/* The topmost mount over the root of `m`, a reference; NULL: nothing covers it. */
struct mount *mount_top(struct mount *m);
/* What `m` is mounted on: false where that is nothing. *over (a reference) is the name it covers,
 * in over->dir; NULL where it covers the root of *parent (a reference). */
bool mount_point(struct mount *m, struct mount **parent, struct dentry **over);

/* Between fs/mount.c and fs/namespace.c. */
/* All but `at_root` of a place; 0 or -errno. */
int mount_place_init(struct mount_place *p, const struct path *dir, const char *name, size_t len);
/* The lock is held: the mount at a place, NULL: none; and what lies topmost on its root. */
struct mount *mount_find_locked(const struct mount_place *p, const char *name, size_t len);
struct mount *mount_topmost_locked(struct mount *m);

/* ---- namespaces ---- */

/* Without mounts yet; with its last reference (ns_put) all it has are detached. NULL: no memory. */
struct mnt_namespace *mnt_ns_new(struct vfs *vfs, struct user_namespace *owner);
/* Mounts `fs` (reference taken over, also on failure) at an absolute name in the namespace; "/"
 * first. The name need not exist. No guest asks for this: the monitor's rights count. 0 or
 * -errno. */
int mnt_ns_mount(struct mnt_namespace *ns, const char *where, struct filesystem *fs, unsigned flags,
		 const char *source);

/* All its mounts, in the order they were attached: an array of references, malloc'd; *n of them.
 * NULL: no memory. */
struct mount **mnt_ns_list(struct mnt_namespace *ns, size_t *n);

/* ---- changes of a namespace; what the caller may is not asked ---- */

/* Attaches `m` at `name` in `dir`, or over the root of `dir.mnt` where `name` is NULL, on top of
 * what is mounted there already. -EINVAL: `dir` is attached nowhere. -ENOSPC: MOUNT_MAX. */
int mount_attach(struct mount *m, const struct path *dir, const char *name);
/* Detaches `m` and all that is mounted below it. `busy_ok` (MNT_DETACH): also where it is in use.
 * `refs`: how many references of the caller's are no use. -EINVAL: it is attached nowhere, or its
 * namespace's root. -EBUSY. */
int mount_detach(struct mount *m, bool busy_ok, unsigned refs);
/* Moves `m` with all that is mounted below it. -EINVAL: as above. -ELOOP: the place lies below
 * it. */
int mount_move(struct mount *m, const struct path *dir, const char *name);
/* A mount of what `from` is, to be attached. NULL: no memory. */
struct mount *mount_clone(const struct path *from);

#endif
