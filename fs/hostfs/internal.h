/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of hostfs alone. */
#ifndef HL_FS_HOSTFS_INTERNAL_H
#define HL_FS_HOSTFS_INTERNAL_H

#include <fcntl.h>

#include "cred/user_ns.h"
#include "fs/file.h"
#include "fs/hostfs/hostfs.h"
#include "fs/query.h"
#include "mm/quota.h"

struct hostfs {
	struct filesystem fs;
	const struct user_namespace *users;
	bool contained;
	_Atomic bool whiteouts;
	bool whole;           /* the root is the host's own root: ".." can not lead out */
	_Atomic bool removes; /* a name was removed: an open file may have none left */
	struct disk *disk;    /* fs/hostfs/disk.c */
	struct hostfs_pages *pages;
	struct statcache *statcache; /* NULL: the root is not the host's */
	struct mutex fifo_lock;
	struct list fifos; /* guarded by fifo_lock */
};

struct hostfs_inode {
	struct inode inode;
	int fd;      /* owned: O_PATH, or the open file's own descriptor */
	bool opened; /* it is known to be the latter */
	/* bytes written since the last fsync; large before the first one */
	_Atomic uint64_t unsynced;
	_Atomic bool identified; /* `id` is set */
	struct inode_id id;
	struct disk_file *held;   /* disk.c; NULL: is not counted */
	struct hostfs_fifo *fifo; /* fifo.c; NULL: was never opened */
};

static inline struct hostfs *hostfs_of(struct inode *i)
{
	return container_of(i->fs, struct hostfs, fs);
}
static inline struct hostfs_inode *hostfs_inode(struct inode *i)
{
	return container_of(i, struct hostfs_inode, inode);
}
static inline int hostfs_fd(struct inode *i)
{
	return container_of(i, struct hostfs_inode, inode)->fd;
}

extern const struct file_ops hostfs_file_ops, hostfs_dir_ops;

/* What file systems of host inodes have in common. `flags`: FS_*, beside those that `opt` asks
 * for. 0 or -ENOMEM. */
int hostfs_init(struct hostfs *h, const struct filesystem_ops *ops, const char *type,
		unsigned flags, const struct hostfs_options *opt);
void hostfs_done(struct hostfs *h);
/* An inode and a dentry for it. */
int hostfs_dentry_new(struct hostfs *h, int fd, mode_t type, const char *name, size_t len,
		      struct dentry **out);
/* The same, with its type and number in `st`. */
int hostfs_dentry_of(struct hostfs *h, int fd, const struct statx *st, const char *name, size_t len,
		     struct dentry **out);
/* The same, having asked the host for them. */
int hostfs_dentry_of_fd(struct hostfs *h, int fd, const char *name, size_t len,
			struct dentry **out);
/* The host's calls are the caller's from here on: file system ids and groups. 0 or -errno. */
int hostfs_act_as(struct caller *c);
int hostfs_statx(int fd, const char *name, unsigned mask, struct statx *out);
struct inode_id hostfs_id(const struct statx *st);

/* contain.c: what a private world makes different */
/* Attributes as the guest is to see them. */
void hostfs_show(const struct hostfs *h, struct statx *st);
/* Are the guest's own credentials asked before the host's kernel is? */
bool hostfs_asks_guest(const struct hostfs *h, const struct caller *c);
/* 0 also where the host alone is to be asked. `mask` as for access(2). */
int hostfs_may(struct inode *i, struct caller *c, int mask);
int hostfs_may_remove(struct inode *dir, struct caller *c, const char *name);
int hostfs_may_setattr(struct inode *i, struct caller *c, struct iattr *a);
/* Is there no such attribute for the guest, whatever the host has? 0 or -errno. */
int hostfs_hides_xattr(const struct hostfs *h, const char *name, bool write);
int hostfs_may_xattr(struct inode *i, struct caller *c, const char *name, bool write);
ssize_t hostfs_filter_xattrs(const struct hostfs *h, char *names, ssize_t n);
/* `mode` with its S_IFMT part. */
bool hostfs_allows_mode(const struct hostfs *h, mode_t mode);
/* Before a file is written to by other means than a write, which would do it. 0, or -errno where
 * the bits cannot be taken off. */
int hostfs_drop_set_id(struct inode *i);
/* Is it what the caller gave by an inherited descriptor? */
bool hostfs_is_given(struct inode *i);
/* Was so much access given with it? 0 or -EACCES. */
int hostfs_granted(struct inode *i, int mask);

/* fifo.c */
/* What the caller may is not asked. */
int hostfs_fifo_open(struct inode *i, const struct inode_id *id, struct caller *c, int flags,
		     struct file **out);
void hostfs_fifo_put(struct hostfs_inode *hi);

/* disk.c: a change of a file's size or blocks, counted */
struct disk_file;
struct disk_change {
	struct disk *disk; /* NULL: nothing is counted */
	struct disk_file *file;
	int fd;
	uint64_t before, size; /* what the file counts as, and its size */
};
/* A lock is held until the end. 0 or -errno; then there is no end. */
int hostfs_disk_begin(struct inode *i, struct disk_change *ch);
/* How many bytes there may be from offset `from` on. */
uint64_t hostfs_disk_room(const struct disk_change *ch, uint64_t from);
/* Blocks were reserved up to `end`, whatever the size; the file was set to this size. */
/* Why the byte at `last` cannot be had where there is no room: -EFBIG, no file of its file system
 * is so large, or -ENOSPC. */
int hostfs_disk_full(int fd, uint64_t last);
void hostfs_disk_reserved(struct disk_change *ch, uint64_t end);
void hostfs_disk_cut(struct disk_change *ch, uint64_t size);
void hostfs_disk_end(struct disk_change *ch);
bool hostfs_counts(const struct hostfs *h);
/* disk.c: who has a file open. The last to drop one that has no name any more gives it back. */
/* Of the file behind `fd`, which is to be closed after the drop. 0, with NULL where nothing is
 * counted, or -errno. */
int hostfs_disk_hold(struct hostfs *h, int fd, struct disk_file **out);
struct disk_file *hostfs_disk_share(struct disk_file *file); /* NULL: none */
void hostfs_disk_drop(struct disk_file *file, int fd);       /* NULL: none */
/* The caller gave the inode by a descriptor: what is written by it is not counted. */
void hostfs_inherit(struct inode *i);

/* large.c */
/* Is `name` in `fd` ("": `fd` itself) a regular file of many bytes that has at most so many
 * names? */
bool hostfs_is_large(int fd, const char *name, unsigned max_links);
/* 0 or -errno; -EINTR where the caller is to end. */
int hostfs_ftruncate(int fd, struct caller *c, uint64_t size);
int hostfs_truncate(int fd, struct caller *c, uint64_t size); /* of an O_PATH descriptor */
int hostfs_fallocate(int fd, struct caller *c, int mode, int64_t off, int64_t len);
int hostfs_fsync(struct inode *i, struct caller *c, bool data_only);

/* walk.c */
int hostfs_walk(struct inode *dir, struct caller *c, const char *names, size_t len, unsigned flags,
		struct walk_step *out);
int hostfs_walk_getattr(struct inode *dir, struct caller *c, const char *names, size_t len,
			unsigned flags, unsigned mask, struct statx *st, bool *done,
			struct walk_step *out);
int hostfs_walk_query(struct inode *dir, struct caller *c, const char *names, size_t len,
		      unsigned flags, struct inode_query *q, bool *done, struct walk_step *out);
int hostfs_walk_open(struct inode *dir, struct caller *c, const char *names, size_t len, int oflags,
		     mode_t mode, struct file **file, struct walk_step *out);
int hostfs_parent(struct inode *dir, struct caller *c, struct dentry **out);
int hostfs_path(struct inode *i, struct dentry *d, char *buf, size_t size);

/* statcache.c */
#define STATCACHE_MASK (STATX_TYPE | STATX_INO | STATX_MNT_ID) /* what it must be told of a path */
struct statcache *statcache_new(void);
void statcache_free(struct statcache *s);
/* `path`, from the root, leads to `st` without a symlink on the way. */
void statcache_add(struct statcache *s, const char *path, size_t len, const struct statx *st);
bool statcache_has(struct statcache *s, const char *path, size_t len);
/* Does it lead where it led then? */
bool statcache_confirms(struct statcache *s, const char *path, size_t len, const struct statx *st);

/* open.c */
/* Makes a file of a descriptor just opened (taken over). `st`: its type and number; NULL: the host
 * is to be asked. -ENODEV for devices. */
int hostfs_file_new(struct hostfs *h, struct caller *c, int fd, const struct statx *st, int flags,
		    const char *name, size_t len, struct file **out);
int hostfs_open(struct inode *i, struct caller *c, struct dentry *d, int flags, struct file **out);
/* file_ops.meet of streams, those that are no FIFOs included. */
int hostfs_fifo_meet(struct file *f, struct caller *c);
int hostfs_create_file(struct inode *dir, struct caller *c, const char *name, int flags,
		       mode_t mode, struct file **out, bool *created);
int hostfs_tmpfile(struct inode *dir, struct caller *c, int flags, mode_t mode, struct file **out);

/* names.c */
int hostfs_mknod(struct inode *dir, struct caller *c, const char *name, mode_t mode, dev_t dev);
int hostfs_mkdir(struct inode *dir, struct caller *c, const char *name, mode_t mode);
int hostfs_symlink(struct inode *dir, struct caller *c, const char *name, const char *target);
int hostfs_link(struct inode *dir, struct caller *c, const char *name, struct inode *target);
int hostfs_unlink(struct inode *dir, struct caller *c, const char *name);
int hostfs_rmdir(struct inode *dir, struct caller *c, const char *name);
int hostfs_rename(struct inode *dir, struct caller *c, const char *name, struct inode *newdir,
		  const char *newname, unsigned flags);

/* attr.c */
int hostfs_identify(struct inode *i, struct inode_id *out);
int hostfs_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out);
int hostfs_setattr(struct inode *i, struct caller *c, const struct iattr *a);
int hostfs_permission(struct inode *i, struct caller *c, int mask);
ssize_t hostfs_readlink(struct inode *i, struct caller *c, char *buf, size_t size);
ssize_t hostfs_getxattr(struct inode *i, struct caller *c, const char *name, void *buf,
			size_t size);
int hostfs_setxattr(struct inode *i, struct caller *c, const char *name, const void *buf,
		    size_t size, int flags);
ssize_t hostfs_listxattr(struct inode *i, struct caller *c, char *buf, size_t size);
int hostfs_removexattr(struct inode *i, struct caller *c, const char *name);
/* Of `file` in `dirfd`, which is not followed; "": of `dirfd`, an O_PATH descriptor. By name the
 * host may have no such call (xattrs, before Linux 6.13): false, or -ENOSYS. */
bool hostfs_answers_by_name(const struct inode_query *q);
ssize_t hostfs_answer(const struct hostfs *h, int dirfd, const char *file,
		      const struct inode_query *q);
int hostfs_watch(struct inode *i, struct caller *c, int inotify, uint32_t mask);
int hostfs_statfs(struct inode *i, struct caller *c, struct statfs *out);

/* pages.c: page sources, one for each file that is mapped */
/* `mapped` counts them, NULL: nothing does; -ENFILE where there are too many. */
struct hostfs_pages *hostfs_pages_new(struct physmem *pm, struct file_count *mapped);
void hostfs_pages_free(struct hostfs_pages *p);
/* The source of the file behind `i`, whose descriptor was opened for reading (and writing if
 * `writable`). */
int hostfs_pages_get(struct hostfs_pages *p, struct inode *i, bool writable,
		     struct pagesource **out);
/* The same of a file without an inode, whose descriptor stays the caller's. */
int hostfs_pages_borrow(struct hostfs_pages *p, struct filesystem *fs, const struct inode_id *id,
			int fd, struct pagesource **out);
/* The file's size was changed by the guest, or a range of it was replaced. */
void hostfs_pages_truncated(struct hostfs_pages *p, struct inode *i, uint64_t size);
void hostfs_pages_invalidate(struct hostfs_pages *p, struct inode *i, uint64_t off, uint64_t len);

#endif
