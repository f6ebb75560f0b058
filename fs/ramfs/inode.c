/* SPDX-License-Identifier: Apache-2.0 */
/* Creates the inodes of ramfs and keeps their attributes. Directories are in dir.c, the contents of
 * regular files in file.c. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/generic.h"
#include "fs/ramfs/internal.h"

#define DIRENT_SIZE 20 /* what tmpfs counts for a directory entry */

static void release(struct inode *i)
{
	struct ramfs_inode *ri = ramfs_inode(i);
	struct ramfs *r = ramfs_of(i);

	if (S_ISREG(i->type)) {
		pagestore_destroy(&ri->store);
		pagesource_destroy(&ri->source);
		mutex_destroy(&ri->data_lock);
	} else if (S_ISLNK(i->type)) {
		free(ri->target);
	} else if (S_ISFIFO(i->type)) {
		fifo_destroy(&ri->fifo);
	} else if (S_ISDIR(i->type) && ri->dir.parent) {
		inode_put(&ri->dir.parent->inode);
	}
	ramfs_free_xattrs(ri);
	mutex_lock(&r->lock);
	r->nr_inodes--;
	mutex_unlock(&r->lock);
	free(ri);
}

static const struct inode_ops ramfs_inode_ops;

static struct ramfs_inode *inode_alloc(struct ramfs *r, mode_t mode)
{
	struct ramfs_inode *ri = calloc(1, sizeof *ri);

	if (!ri)
		return NULL;
	inode_init(&ri->inode, &r->fs, &ramfs_inode_ops, mode);
	list_init(&ri->xattrs);
	if (S_ISREG(mode)) {
		mutex_init(&ri->data_lock, LOCK_RAMFS_DATA);
		pagestore_init(&ri->store, r->arena, &r->quota);
		pagesource_init(&ri->source, &ramfs_source_ops);
		ri->seals = F_SEAL_SEAL;
	} else if (S_ISFIFO(mode)) {
		fifo_init(&ri->fifo);
	}
	return ri;
}

/* inode_init_owner() of Linux's fs/inode.c. */
static void set_owner(struct ramfs_inode *ri, const struct cred *cred,
		      const struct ramfs_inode *dir, mode_t mode)
{
	ri->uid = cred->fsuid;
	ri->gid = cred->fsgid;
	if (dir && dir->mode & S_ISGID) {
		ri->gid = dir->gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
		else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
			 !generic_may_set_gid(cred, dir->uid, dir->gid))
			mode &= ~(mode_t)S_ISGID;
	}
	ri->mode = mode;
}

int ramfs_inode_new(struct ramfs *r, struct caller *c, struct ramfs_inode *dir, mode_t mode,
		    dev_t rdev, struct ramfs_inode **out)
{
	if (!arena_room(r->arena, PAGE_SIZE))
		return -ENOMEM;
	mutex_lock(&r->lock);
	bool full = r->nr_inodes >= r->max_inodes;
	uint64_t ino = r->next_ino + 1;
	if (!full) {
		r->nr_inodes++;
		r->next_ino = ino;
	}
	mutex_unlock(&r->lock);
	if (full)
		return -ENOSPC;
	struct ramfs_inode *ri = inode_alloc(r, mode);
	if (!ri) {
		mutex_lock(&r->lock);
		r->nr_inodes--;
		mutex_unlock(&r->lock);
		return -ENOMEM;
	}
	ri->ino = ino;
	ri->rdev = rdev;
	set_owner(ri, c->cred, dir, mode);
	ri->atime = ri->mtime = ri->ctime = ri->btime = guest_clock_realtime(r->clock);
	mutex_lock(&r->lock);
	int err = dir ? ramfs_acl_inherit(ri, dir, c->fs ? c->fs->umask : 0) : 0;
	mutex_unlock(&r->lock);
	if (err)
		inode_put(&ri->inode);
	else
		*out = ri;
	return err;
}

void ramfs_touch(struct ramfs_inode *ri, bool modified)
{
	lock_assert_held(&ramfs_of(&ri->inode)->lock);
	ri->ctime = guest_clock_realtime(ramfs_of(&ri->inode)->clock);
	if (modified)
		ri->mtime = ri->ctime;
}

static struct statx_timestamp statx_time(const struct timespec *ts)
{
	return (struct statx_timestamp){ .tv_sec = ts->tv_sec, .tv_nsec = (uint32_t)ts->tv_nsec };
}

void ramfs_fill(struct ramfs_inode *ri, struct statx *out)
{
	lock_assert_held(&ramfs_of(&ri->inode)->lock);
	out->stx_mask = STATX_BASIC_STATS;
	/* never set */
	out->stx_attributes_mask = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
	out->stx_blksize = PAGE_SIZE;
	out->stx_nlink = ri->nlink;
	out->stx_uid = ri->uid;
	out->stx_gid = ri->gid;
	out->stx_mode = (uint16_t)ri->mode;
	out->stx_ino = ri->ino;
	out->stx_atime = statx_time(&ri->atime);
	out->stx_mtime = statx_time(&ri->mtime);
	out->stx_ctime = statx_time(&ri->ctime);
	out->stx_dev_major = major(ri->inode.fs->dev);
	out->stx_dev_minor = minor(ri->inode.fs->dev);
	out->stx_rdev_major = major(ri->rdev);
	out->stx_rdev_minor = minor(ri->rdev);
	if (S_ISDIR(ri->mode))
		out->stx_size = (2 + ri->dir.entries) * DIRENT_SIZE;
	else if (S_ISLNK(ri->mode))
		out->stx_size = strlen(ri->target);
}

static int ramfs_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	struct ramfs_inode *ri = ramfs_inode(i);
	struct ramfs *r = ramfs_of(i);

	mutex_lock(&r->lock);
	ramfs_fill(ri, out);
	mutex_unlock(&r->lock);
	if (mask & STATX_BTIME) {
		out->stx_mask |= STATX_BTIME;
		out->stx_btime = statx_time(&ri->btime); /* never changes */
	}
	if (S_ISREG(i->type)) {
		out->stx_size = pagestore_size(&ri->store);
		out->stx_blocks = pagestore_blocks(&ri->store);
	}
	return 0;
}

static int ramfs_permission(struct inode *i, struct caller *c, int mask)
{
	struct ramfs *r = ramfs_of(i);

	mutex_lock(&r->lock);
	int err = ramfs_may(ramfs_inode(i), c->cred, mask);
	mutex_unlock(&r->lock);
	return err;
}

static void apply(struct ramfs_inode *ri, const struct iattr *a)
{
	if (a->valid & ATTR_CHOWN && !S_ISDIR(ri->mode))
		ramfs_drop_file_caps(ri);
	if (a->valid & ATTR_UID)
		ri->uid = a->uid;
	if (a->valid & ATTR_GID)
		ri->gid = a->gid;
	if (a->valid & ATTR_MODE) {
		ri->mode = (ri->mode & S_IFMT) | (a->mode & 07777);
		ramfs_acl_chmod(ri);
	}
	ramfs_touch(ri, false);
	if (a->valid & ATTR_TIMES) {
		generic_set_time(&ri->atime, &a->atime, ri->ctime);
		generic_set_time(&ri->mtime, &a->mtime, ri->ctime);
	}
}

static int ramfs_setattr(struct inode *i, struct caller *c, const struct iattr *a)
{
	struct ramfs_inode *ri = ramfs_inode(i);
	struct ramfs *r = ramfs_of(i);
	struct iattr change = *a;
	struct statx st = { 0 };

	if (a->valid & ATTR_MODE && S_ISLNK(i->type))
		return -EOPNOTSUPP;
	if (a->valid & ATTR_MODE && S_ISREG(i->type) && ri->seals & F_SEAL_EXEC &&
	    (a->mode ^ ri->mode) & 0111)
		return -EPERM;
	if (a->valid & ATTR_SIZE && !S_ISREG(i->type))
		return S_ISDIR(i->type) ? -EISDIR : -EINVAL;
	mutex_lock(&r->lock);
	ramfs_fill(ri, &st);
	int err = generic_setattr_check(&st, c->cred, &change);
	if (!err && !(a->valid & ATTR_SIZE))
		apply(ri, &change);
	mutex_unlock(&r->lock);
	if (!err && a->valid & ATTR_SIZE)
		err = ramfs_set_size(ri, c->cred, a->size);
	return err;
}

static ssize_t ramfs_readlink(struct inode *i, struct caller *c, char *buf, size_t size)
{
	if (!S_ISLNK(i->type))
		return -EINVAL;
	const char *target = ramfs_inode(i)->target;
	size_t len = strlen(target);
	len = len < size ? len : size;
	memcpy(buf, target, len);
	return (ssize_t)len;
}

static int ramfs_statfs(struct inode *i, struct caller *c, struct statfs *out)
{
	struct ramfs *r = ramfs_of(i);
	uint64_t used = r->quota.used, left = quota_left(&r->quota);

	memset(out, 0, sizeof *out);
	out->f_type = TMPFS_MAGIC;
	out->f_bsize = out->f_frsize = PAGE_SIZE;
	out->f_namelen = NAME_MAX;
	out->f_flags = 0x20; /* ST_VALID, which only the kernel's headers know */
	if (left < INT64_MAX) {
		out->f_blocks = (used + left) / PAGE_SIZE;
		out->f_bfree = out->f_bavail = left / PAGE_SIZE;
	}
	if (r->max_inodes != UINT64_MAX) {
		out->f_files = r->max_inodes;
		mutex_lock(&r->lock);
		out->f_ffree = r->max_inodes - r->nr_inodes;
		mutex_unlock(&r->lock);
	}
	return 0;
}

int ramfs_file_new(struct ramfs_inode *ri, struct dentry *d, int flags, struct file **out)
{
	struct file *f = malloc(sizeof *f);

	if (!f)
		return -ENOMEM;
	file_init(f, S_ISDIR(ri->inode.type) ? &ramfs_dir_ops : &ramfs_file_ops, (unsigned)flags);
	f->path.dentry = dentry_get(d);
	*out = f;
	return 0;
}

int ramfs_open(struct inode *i, struct caller *c, struct dentry *d, int flags, struct file **out)
{
	struct ramfs_inode *ri = ramfs_inode(i);

	if (S_ISFIFO(i->type))
		return fifo_open(&ri->fifo, c, flags, out);
	if (S_ISREG(i->type) && flags & O_TRUNC) {
		int err = ramfs_set_size(ri, c->cred, 0);
		if (err)
			return err;
	}
	return ramfs_file_new(ri, d, flags, out);
}

static const struct inode_ops ramfs_inode_ops = {
	.walk = ramfs_walk,
	.parent = ramfs_parent,
	.getattr = ramfs_getattr,
	.setattr = ramfs_setattr,
	.permission = ramfs_permission,
	.readlink = ramfs_readlink,
	.open = ramfs_open,
	.create = ramfs_create_file,
	.tmpfile = ramfs_tmpfile,
	.mknod = ramfs_mknod,
	.mkdir = ramfs_mkdir,
	.symlink = ramfs_symlink,
	.link = ramfs_link,
	.unlink = ramfs_unlink,
	.rmdir = ramfs_rmdir,
	.rename = ramfs_rename,
	.getxattr = ramfs_getxattr,
	.setxattr = ramfs_setxattr,
	.listxattr = ramfs_listxattr,
	.removexattr = ramfs_removexattr,
	.statfs = ramfs_statfs,
	.path = ramfs_path,
	.place = ramfs_place,
	.release = release,
};
