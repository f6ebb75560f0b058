/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of ramfs alone. */
#ifndef HL_FS_RAMFS_INTERNAL_H
#define HL_FS_RAMFS_INTERNAL_H

#include "fs/pipefs/pipe.h"
#include "fs/ramfs/ramfs.h"
#include "mm/pagestore.h"
#include "util/lock.h"
#include "util/rbtree.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20 /* Linux 6.3 */
#endif

/*
 * Locks: ramfs.lock guards all names and attributes; ramfs_inode.data_lock serialises what changes
 * the size and the seals of one file, and is taken first. Guest memory is touched with data_lock
 * alone held.
 */
struct ramfs {
	struct filesystem fs;
	struct arena *arena;
	const struct guest_clock *clock; /* for the times of files */
	struct ramfs_options shown;      /* as it was made */
	struct page_quota quota;
	struct mutex lock;
	uint64_t next_ino, nr_inodes, max_inodes; /* guarded by lock */
	_Atomic uint64_t dir_changes;             /* names of directories made or removed */
};

struct ramfs_dir {
	struct rb_tree by_name, by_pos; /* struct ramfs_entry */
	/* of the next entry; never used twice, so that seekdir(3) is stable */
	int64_t next_pos;
	unsigned entries;
	size_t mark; /* its number among those that are marked (marks.h), from 1 on; 0: it is not */
	struct ramfs_inode *parent; /* a reference, while and after it is linked; the root: NULL */
};

struct ramfs_entry {
	struct rb_node name_node, pos_node;
	struct ramfs_inode *inode; /* a reference */
	int64_t pos;
	char name[];
};

struct ramfs_inode {
	struct inode inode;
	uint64_t ino;
	dev_t rdev;
	/* guarded by ramfs.lock */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	unsigned nlink;
	bool linkable; /* has no name yet, and may get one (O_TMPFILE) */
	struct timespec atime, mtime, ctime, btime;
	struct posix_acl *acl, *default_acl; /* NULL: none */
	struct list xattrs;
	size_t xattr_bytes;
	union {
		struct ramfs_dir dir;
		char *target; /* of a symlink; constant */
		struct fifo fifo;
		struct {
			struct mutex data_lock;
			struct pagestore store;
			struct pagesource source;
			unsigned seals; /* guarded by data_lock */
		};
	};
};

static inline struct ramfs *ramfs_of(struct inode *i)
{
	return container_of(i->fs, struct ramfs, fs);
}
static inline struct ramfs_inode *ramfs_inode(struct inode *i)
{
	return container_of(i, struct ramfs_inode, inode);
}

extern const struct file_ops ramfs_file_ops, ramfs_dir_ops;
extern const struct pagesource_ops ramfs_source_ops;

/* inode.c */
/* New, with one reference, no link, the owner `c` and the group of `dir` where that is setgid.
 * -ENOSPC, -ENOMEM. */
int ramfs_inode_new(struct ramfs *r, struct caller *c, struct ramfs_inode *dir, mode_t mode,
		    dev_t rdev, struct ramfs_inode **out);
void ramfs_touch(struct ramfs_inode *ri, bool modified);    /* ctime, and mtime; ramfs.lock held */
void ramfs_fill(struct ramfs_inode *ri, struct statx *out); /* ramfs.lock held */
int ramfs_open(struct inode *i, struct caller *c, struct dentry *d, int flags, struct file **out);
int ramfs_file_new(struct ramfs_inode *ri, struct dentry *d, int flags, struct file **out);

/* file.c */
/* It was read: notes the time, if its mount says so. */
void ramfs_accessed(struct file *f);
/* `cred`: who changes it; without CAP_FSETID the set-ID bits go. */
int ramfs_set_size(struct ramfs_inode *ri, const struct cred *cred, uint64_t size);

/* dir.c */
struct ramfs_entry *ramfs_find(struct ramfs_inode *dir, const char *name, size_t len);
/* The entry must not exist. -ENOMEM. */
int ramfs_enter(struct ramfs_inode *dir, const char *name, size_t len, struct ramfs_inode *ri);
/* Takes an entry out and frees it; the inode, with the reference the entry held. */
struct ramfs_inode *ramfs_leave(struct ramfs_inode *dir, struct ramfs_entry *e);
void ramfs_set_parent(struct ramfs_inode *ri, struct ramfs_inode *dir);
/* Takes everything out, from the leaves up. */
void ramfs_empty(struct ramfs_inode *dir);
int ramfs_walk(struct inode *dir, struct caller *c, const char *names, size_t len, unsigned flags,
	       struct walk_step *out);
int ramfs_parent(struct inode *dir, struct caller *c, struct dentry **out);
int ramfs_path(struct inode *i, struct dentry *d, char *buf, size_t size);
struct inode *ramfs_place(struct inode *i, const struct dentry *d, char name[NAME_MAX + 1],
			  bool *gone);
int ramfs_readdir(struct file *f, struct caller *c, struct dir_emit *e);

/* names.c */
int ramfs_create_file(struct inode *dir, struct caller *c, const char *name, int flags, mode_t mode,
		      struct file **out, bool *created);
int ramfs_tmpfile(struct inode *dir, struct caller *c, int flags, mode_t mode, struct file **out);
int ramfs_mknod(struct inode *dir, struct caller *c, const char *name, mode_t mode, dev_t dev);
int ramfs_mkdir(struct inode *dir, struct caller *c, const char *name, mode_t mode);
int ramfs_symlink(struct inode *dir, struct caller *c, const char *name, const char *target);
int ramfs_link(struct inode *dir, struct caller *c, const char *name, struct inode *target);
int ramfs_unlink(struct inode *dir, struct caller *c, const char *name);
int ramfs_rmdir(struct inode *dir, struct caller *c, const char *name);

/* rename.c */
/* May `c` take `victim` out of `dir`? Directories' write permission and the sticky bit. */
int ramfs_may_delete(struct ramfs_inode *dir, struct ramfs_inode *victim, struct caller *c);
int ramfs_rename(struct inode *dir, struct caller *c, const char *name, struct inode *newdir,
		 const char *newname, unsigned flags);

/* acl.c: POSIX ACLs; ramfs.lock held, but for setting and freeing */
/* What a new inode has of its directory: the default ACL, or without one the umask. -ENOMEM. */
int ramfs_acl_inherit(struct ramfs_inode *ri, const struct ramfs_inode *dir, mode_t umask);
void ramfs_acl_chmod(struct ramfs_inode *ri); /* the mode was changed */
/* A write or a change of owner takes them away, whoever does it. ramfs.lock held. */
void ramfs_drop_file_caps(struct ramfs_inode *ri);
/* generic_permission() with the ACL. */
int ramfs_may(struct ramfs_inode *ri, const struct cred *cred, int mask);
bool ramfs_acl_is(const char *name); /* of the two attributes */
ssize_t ramfs_acl_get(struct ramfs_inode *ri, const char *name, void *buf, size_t size);
int ramfs_acl_set(struct ramfs_inode *ri, struct caller *c, const char *name, const void *buf,
		  size_t size);
void ramfs_acl_free(struct ramfs_inode *ri);

/* xattr.c */
void ramfs_free_xattrs(struct ramfs_inode *ri);
ssize_t ramfs_getxattr(struct inode *i, struct caller *c, const char *name, void *buf, size_t size);
int ramfs_setxattr(struct inode *i, struct caller *c, const char *name, const void *buf,
		   size_t size, int flags);
ssize_t ramfs_listxattr(struct inode *i, struct caller *c, char *buf, size_t size);
int ramfs_removexattr(struct inode *i, struct caller *c, const char *name);

#endif
