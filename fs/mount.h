/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts and mount namespaces (mount_namespaces(7)).
 *
 * A mount shows a directory (or a file) of a file system at a place in the tree: over a name in a
 * directory of its parent, another mount, or over the root of its parent. The directory is told by
 * its identity, so that renaming what lies above does not uncover anything; the guest can neither
 * rename nor remove the name itself (-EBUSY). The name need not exist.
 *
 * A mount namespace is a tree of mounts. All namespaces of a sandbox share their locks and one
 * hash: a mount belongs to one namespace at most, so that its parent and the name tell which mount
 * is meant.
 *
 *   mount_new       in no namespace: a reference is all that holds it
 *   attached        its namespace holds a reference, and it holds one to its parent
 *   detached        by umount2(2), or because its namespace has ended: it has neither parent nor
 *                   namespace any more, but whoever has a path on it goes on using it
 *   freed           with the last reference
 *
 * Two locks guard the trees, as on Linux. Whoever changes them holds vfs.namespace_lock, under
 * which the host may be asked where a directory lies, and takes vfs.mount_lock for writing while it
 * moves the pointers; either one is enough to read them. Path walks take mount_lock alone. It is
 * the innermost: no other is taken under it, and nothing waits there. References are dropped
 * without any of them.
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
	size_t number;       /* among those that a snapshot keeps (fs/saved.h); 0: it keeps none */
	char *source;        /* as in /proc/mounts */
	/* flags that nobody takes away: FS_OF_HOST, or as `unmovable`; once it is in a namespace,
	 * namespace_lock */
	unsigned locked;

	_Atomic unsigned flags;   /* MOUNT_*; who changes them holds namespace_lock */
	_Atomic unsigned writers; /* see mount_begin_write */
	_Atomic bool expiring;    /* MNT_EXPIRE of umount2(2) has met it, and nobody since */

	/* vfs.mount_lock or vfs.namespace_lock; for writing both */
	struct list all_node;     /* vfs.mounts; mount_lock alone */
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
	/* Mounts that cover each other's roots are a stack. The lowest one knows the topmost, and
	 * that the lowest: thousands are found the end of at once. Of others it means nothing. */
	struct mount *stack_end;

	/* vfs.namespace_lock: fs/peers.h */
	uint64_t group;         /* of its peers; 0: it is not shared */
	struct list peers;      /* the others of its group */
	struct mount *master;   /* whose slave it is; NULL: nobody's */
	struct list slaves;     /* its own */
	struct list slave_node; /* master->slaves */
	bool unbindable;
	bool internal; /* the monitor's own, which is in no tree and in no snapshot; constant */
	/* Linux's MNT_LOCKED: it came with a tree from a mount namespace of more rights, and hides
	 * what lies below it */
	bool unmovable;
	/* the same, while a change is being prepared: fs/mount_tree.h */
	struct mount *copy;
	struct list work_node;
	bool marked, visited, invented;
};

struct mnt_namespace {
	struct ns_common ns;
	struct vfs *vfs;
	bool anonymous; /* of a tree that open_tree(2) or fsmount(2) made: nobody lives there */

	/* as the trees */
	struct mount *root; /* NULL before the first mount, and after the last one */
	struct list mounts; /* by rising id; a reference to each */
	unsigned nr_mounts;
	unsigned pending; /* that a change being prepared will add; namespace_lock */
	/* of vfs.mount_event, when it was last changed: for poll(2) of /proc/PID/mounts */
	_Atomic uint64_t event;
};

/* Most mounts of a namespace: Linux's default of /proc/sys/fs/mount-max. */
#define MOUNT_MAX 100000

/* ---- mounts ---- */

/* A mount of `fs` (reference taken over, also on failure). `root`: what of it is shown, NULL: its
 * root. Flags that keep something from the host's files are locked. NULL: no memory. */
struct mount *mount_new(struct vfs *vfs, struct filesystem *fs, struct dentry *root, unsigned flags,
			const char *source);
struct mount *mount_get(struct mount *m);
void mount_put(struct mount *m);
/* The same by who was not there: it may still expire (MNT_EXPIRE). */
void mount_unref(struct mount *m);

/* Could there be a mount at `name` in a directory `depth` levels below `dir`? Takes no lock; "no"
 * is certain. */
bool mount_may_be_at(const struct path *dir, unsigned depth, const char *name, size_t len);
/* The topmost mount at `name` in `dir`, a reference; NULL: there is none. */
struct mount *mount_at(const struct path *dir, const char *name, size_t len);
/* Is something mounted at `name` in `dir`, there, or through whatever mount of the directory in
 * `ns`? NULL: there alone. */
bool mount_covers(const struct path *dir, const struct mnt_namespace *ns, const char *name,
		  size_t len);
/* The topmost mount over the root of `m`, a reference; NULL: nothing covers it. */
struct mount *mount_top(struct mount *m);
/* Its number that was never another's, for statx(2), statmount(2) and listmount(2). */
uint64_t mount_unique_id(const struct mount *m);

/* Is nothing to be written there, because of the mount or of its file system? */
static inline bool mount_is_readonly(const struct mount *m)
{
	return m->flags & MOUNT_RDONLY || m->fs->readonly;
}
/* The user namespace that a file system belongs to. */
static inline struct user_namespace *filesystem_users(const struct filesystem *fs,
						      const struct vfs *vfs)
{
	return fs->user_ns ? fs->user_ns : vfs->user_ns;
}
/* When a time of access is to be kept of what is read there. */
enum atime { ATIME_NEVER, ATIME_RELATIVE, ATIME_ALWAYS };
enum atime mount_atime(const struct mount *m, bool dir);

/* Files that are open for writing keep their mount from becoming read-only (-EBUSY), between these
 * two. -EROFS: it is already. */
int mount_begin_write(struct mount *m);
void mount_end_write(struct mount *m);
/* Makes the mount, or all of a file system, read-only: 0, or -EBUSY where files are open for
 * writing. namespace_lock is held. */
int mount_make_readonly(struct mount *m);
int filesystem_make_readonly(struct vfs *vfs, struct filesystem *fs);

/* What `m` is mounted on: false where that is nothing. *over (a reference) is the name it covers,
 * in over->dir; NULL where it covers the root of *parent (a reference). */
bool mount_point(struct mount *m, struct mount **parent, struct dentry **over);

/* A lock of the trees is held. Is `m` mounted on `above`, through however many others, or is it
 * that? */
bool mount_lies_on(const struct mount *m, const struct mount *above);
/* Does one come down from `root` to the directory `at` of `m`? namespace_lock is held. */
bool mount_is_reachable(struct mount *m, struct inode *at, const struct path *root);

/* Between the files that find mounts and those that change the trees. */
/* All but `at_root` of a place; 0 or -errno. */
int mount_place_init(struct mount_place *p, const struct path *dir, const char *name, size_t len);
/* A lock of the trees is held: the mount at a place, NULL: none; and what lies topmost on its
 * root. */
struct mount *mount_find_locked(const struct mount_place *p, const char *name, size_t len);
struct mount *mount_topmost_locked(struct mount *m);
/* Does it cover no other's root? */
bool mount_is_lowest_locked(const struct mount *m);

/* ---- namespaces ---- */

/* Is `ns` one of mounts? NULL: it is not. */
static inline struct mnt_namespace *mnt_ns_of(struct ns_common *ns)
{
	return ns->kind == NS_MNT ? container_of(ns, struct mnt_namespace, ns) : NULL;
}
/* Without mounts yet; with its last reference (ns_put) all it has are detached. NULL: no memory. */
struct mnt_namespace *mnt_ns_new(struct vfs *vfs, struct user_namespace *owner);
/* Mounts `fs` (reference taken over, also on failure) at an absolute name in the namespace; "/"
 * first. The name need not exist. No guest asks for this: the monitor's rights count. 0 or
 * -errno. */
int mnt_ns_mount(struct mnt_namespace *ns, const char *where, struct filesystem *fs, unsigned flags,
		 const char *source);
/* A copy of all its mounts, as clone(2) with CLONE_NEWNS makes it: each is a peer of what it was
 * copied from, if that is shared. Root and working directory of `fs`, which is the caller's own,
 * become those in the copy. -ENOMEM, -ENOSPC. */
int mnt_ns_copy(struct mnt_namespace *ns, struct user_namespace *owner, struct fs_struct *fs,
		struct mnt_namespace **out);
/* Where a process begins that enters the namespace: references. */
struct path mnt_ns_root(struct mnt_namespace *ns);
/* Does it show all of a file system of this type already, so that another mount of one reveals
 * nothing? Always, where it belongs to the first users: Linux's mount_too_revealing(). */
bool mnt_ns_shows(struct mnt_namespace *ns, const char *type);
/* Is the mount attached in it now? Takes mount_lock. */
bool mnt_ns_has(struct mnt_namespace *ns, const struct mount *m);

/* ---- changes of a namespace; what the caller may is not asked (fs/do_mount.h does) ---- */

/* Attaches `m` at `name` in `dir`, or over the root of `dir.mnt` where `name` is NULL, on top of
 * what is mounted there already; and copies of it where that propagates to. -EINVAL: `dir` is
 * attached nowhere. -ENOSPC: MOUNT_MAX. */
int mount_attach(struct mount *m, const struct path *dir, const char *name);
/* Detaches `m` and all that is mounted below it, and what propagation says besides. `busy_ok`
 * (MNT_DETACH): also where it is in use. `refs`: how many references of the caller's are no use.
 * -EINVAL: it is attached nowhere, or its namespace's root. -EBUSY. */
int mount_detach(struct mount *m, bool busy_ok, unsigned refs);
/* Moves `m` with all that is mounted below it. -EINVAL: as above. -ELOOP: the place lies below
 * it. */
int mount_move(struct mount *m, const struct path *dir, const char *name);
/* A mount of what `from` is, to be attached. NULL: no memory. */
struct mount *mount_clone(const struct path *from);

#endif
