/* SPDX-License-Identifier: Apache-2.0 */
/* Making and removing names. Each operation checks and changes under ramfs.lock; inodes are made
 * before it is taken and freed after it is given up. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/device.h"
#include "fs/notify.h"
#include "fs/protect.h"
#include "fs/ramfs/internal.h"

/* Is there room for a name in `dir`? */
static int may_add(struct ramfs_inode *dir, const char *name, size_t len)
{
	lock_assert_held(&ramfs_of(&dir->inode)->lock);
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	if (!dir->nlink)
		return -ENOENT;
	return ramfs_find(dir, name, len) ? -EEXIST : 0;
}

/* Links a new inode into `dir`. */
static int add(struct ramfs_inode *dir, const char *name, struct ramfs_inode *ri)
{
	lock_assert_held(&ramfs_of(&dir->inode)->lock);
	size_t len = strlen(name);
	int err = may_add(dir, name, len);

	if (!err)
		err = ramfs_enter(dir, name, len, ri);
	if (err)
		return err;
	ri->nlink++;
	ri->linkable = false;
	if (S_ISDIR(ri->mode)) {
		ri->nlink++;
		dir->nlink++;
		ramfs_set_parent(ri, dir);
	}
	ramfs_touch(dir, true);
	return 0;
}

static int make(struct inode *dir, struct caller *c, const char *name, mode_t mode, dev_t dev,
		char *target)
{
	struct ramfs *r = ramfs_of(dir);
	struct ramfs_inode *ri;
	int err = ramfs_inode_new(r, c, ramfs_inode(dir), mode, dev, &ri);

	if (err) {
		free(target);
		return err;
	}
	if (target)
		ri->target = target;
	mutex_lock(&r->lock);
	err = add(ramfs_inode(dir), name, ri);
	mutex_unlock(&r->lock);
	if (!err)
		notify_name(dir, name, S_ISDIR(mode), IN_CREATE);
	inode_put(&ri->inode);
	return err;
}

int ramfs_mknod(struct inode *dir, struct caller *c, const char *name, mode_t mode, dev_t dev)
{
	bool device = S_ISCHR(mode) || S_ISBLK(mode);
	bool whiteout = S_ISCHR(mode) && dev == WHITEOUT_DEV;

	if (device && !whiteout && !cred_capable(c->cred, CAP_MKNOD))
		return -EPERM;
	return make(dir, c, name, mode, device ? dev : 0, NULL);
}

int ramfs_mkdir(struct inode *dir, struct caller *c, const char *name, mode_t mode)
{
	return make(dir, c, name, S_IFDIR | mode, 0, NULL);
}

int ramfs_symlink(struct inode *dir, struct caller *c, const char *name, const char *target)
{
	char *copy = strdup(target);

	return copy ? make(dir, c, name, S_IFLNK | 0777, 0, copy) : -ENOMEM;
}

/* What is there already, by that name. */
static int open_existing(struct ramfs_inode *dir, const char *name, int flags,
			 struct ramfs_inode **out)
{
	lock_assert_held(&ramfs_of(&dir->inode)->lock);
	struct ramfs_entry *e = ramfs_find(dir, name, strlen(name));

	if (!e)
		return -ENOENT;
	if (flags & O_EXCL)
		return -EEXIST;
	if (S_ISLNK(e->inode->mode))
		return -ELOOP;
	if (S_ISDIR(e->inode->mode))
		return -EISDIR;
	*out = e->inode;
	inode_get(&e->inode->inode);
	return 0;
}

static int file_in(struct inode *dir, const char *name, struct ramfs_inode *ri, int flags,
		   struct file **out)
{
	struct dentry *d = dentry_new(inode_get(&ri->inode), dir, name, strlen(name));

	if (!d)
		return -ENOMEM;
	int err = ramfs_file_new(ri, d, flags, out);
	dentry_put(d);
	return err;
}

/* Somebody was faster. */
static int open_raced(struct inode *dir, struct caller *c, const char *name, int flags,
		      struct file **out)
{
	struct ramfs *r = ramfs_of(dir);
	struct ramfs_inode *ri;
	int mask = (flags & O_ACCMODE) == O_RDONLY   ? R_OK
		   : (flags & O_ACCMODE) == O_WRONLY ? W_OK
						     : R_OK | W_OK;

	mutex_lock(&r->lock);
	int err = open_existing(ramfs_inode(dir), name, flags, &ri);
	mutex_unlock(&r->lock);
	if (err)
		return err;
	err = ri->inode.ops->permission(&ri->inode, c, mask | (flags & O_TRUNC ? W_OK : 0));
	struct dentry *d = err ? NULL : dentry_new(inode_get(&ri->inode), dir, name, strlen(name));
	if (d)
		err = ramfs_open(&ri->inode, c, d, flags, out);
	dentry_put(d);
	inode_put(&ri->inode);
	return err ? err : d ? 0 : -ENOMEM;
}

int ramfs_create_file(struct inode *dir, struct caller *c, const char *name, int flags, mode_t mode,
		      struct file **out, bool *created)
{
	struct ramfs *r = ramfs_of(dir);
	struct ramfs_inode *ri;
	int err = dir->ops->permission(dir, c, W_OK | X_OK);

	if (!err)
		err = ramfs_inode_new(r, c, ramfs_inode(dir), S_IFREG | mode, 0, &ri);
	if (err)
		return err;
	mutex_lock(&r->lock);
	err = add(ramfs_inode(dir), name, ri);
	mutex_unlock(&r->lock);
	*created = !err;
	if (!err)
		notify_name(dir, name, false, IN_CREATE);
	if (!err)
		err = file_in(dir, name, ri, flags, out);
	else if (err == -EEXIST)
		err = open_raced(dir, c, name, flags, out);
	inode_put(&ri->inode);
	return err;
}

int ramfs_tmpfile(struct inode *dir, struct caller *c, int flags, mode_t mode, struct file **out)
{
	struct ramfs_inode *ri;
	char name[24];
	int err = ramfs_inode_new(ramfs_of(dir), c, ramfs_inode(dir), S_IFREG | mode, 0, &ri);

	if (err)
		return err;
	ri->linkable = !(flags & O_EXCL);
	snprintf(name, sizeof name, "#%lu", ri->ino);
	err = file_in(dir, name, ri, flags, out);
	inode_put(&ri->inode);
	return err;
}

static int link_locked(struct ramfs_inode *dir, const char *name, struct ramfs_inode *ri)
{
	lock_assert_held(&ramfs_of(&dir->inode)->lock);
	if (!ri->nlink && !ri->linkable)
		return -ENOENT;
	int err = add(dir, name, ri);
	if (!err)
		ramfs_touch(ri, false);
	return err;
}

int ramfs_link(struct inode *dir, struct caller *c, const char *name, struct inode *target)
{
	struct ramfs *r = ramfs_of(dir);

	mutex_lock(&r->lock);
	int err = link_locked(ramfs_inode(dir), name, ramfs_inode(target));
	mutex_unlock(&r->lock);
	if (err)
		return err;
	notify_inode(target, IN_ATTRIB);
	notify_name(dir, name, false, IN_CREATE);
	return 0;
}

/* Takes the name out; the inode it stood for, with the entry's reference, in *victim. */
static int remove_locked(struct ramfs_inode *dir, struct caller *c, const char *name, bool want_dir,
			 struct ramfs_inode **victim)
{
	lock_assert_held(&ramfs_of(&dir->inode)->lock);
	struct ramfs_entry *e = ramfs_find(dir, name, strlen(name));

	if (!e)
		return strlen(name) > NAME_MAX ? -ENAMETOOLONG : -ENOENT;
	struct ramfs_inode *ri = e->inode;
	int err = ramfs_may_delete(dir, ri, c);
	if (err)
		return err;
	if (S_ISDIR(ri->mode) != want_dir)
		return want_dir ? -ENOTDIR : -EISDIR;
	if (want_dir && ri->dir.entries)
		return -ENOTEMPTY;
	ri->nlink -= want_dir ? 2 : 1;
	dir->nlink -= want_dir ? 1 : 0;
	ramfs_touch(ri, false);
	ramfs_touch(dir, true);
	*victim = ramfs_leave(dir, e);
	return 0;
}

static int remove_name(struct inode *dir, struct caller *c, const char *name, bool want_dir)
{
	struct ramfs *r = ramfs_of(dir);
	struct ramfs_inode *victim = NULL;

	mutex_lock(&r->lock);
	int err = remove_locked(ramfs_inode(dir), c, name, want_dir, &victim);
	mutex_unlock(&r->lock);
	if (err)
		return err;
	if (!want_dir)
		notify_inode(&victim->inode, IN_ATTRIB);
	inode_put(&victim->inode);
	notify_name(dir, name, want_dir, IN_DELETE);
	return 0;
}

int ramfs_unlink(struct inode *dir, struct caller *c, const char *name)
{
	return remove_name(dir, c, name, false);
}

int ramfs_rmdir(struct inode *dir, struct caller *c, const char *name)
{
	return remove_name(dir, c, name, true);
}
