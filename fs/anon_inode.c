/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inodes of files that no directory holds (pipes, sockets, eventfds...). Most programs never
 * name such a file by a path, so its inode is made when one does: by /proc/PID/fd/N, or by an empty
 * path with AT_EMPTY_PATH. It stands for the file and holds a reference to it.
 */
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/anon.h"
#include "fs/mount.h"

struct anon_inode {
	struct inode inode;
	struct file *file; /* a reference */
};

static struct file *file_of(struct inode *i)
{
	return container_of(i, struct anon_inode, inode)->file;
}

static int getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	return file_getattr(file_of(i), c, mask, out);
}

static int setattr(struct inode *i, struct caller *c, const struct iattr *a)
{
	struct file *f = file_of(i);

	if (a->valid & ATTR_SIZE)
		return -EINVAL;
	return f->ops->setattr ? f->ops->setattr(f, c, a) : -EOPNOTSUPP;
}

static int permission(struct inode *i, struct caller *c, int mask)
{
	struct statx st;
	int err = file_getattr(file_of(i), c, STATX_BASIC_STATS, &st);

	return err ? err : generic_permission(&st, c->cred, mask);
}

static int reopen(struct inode *i, struct caller *c, struct dentry *d, int flags, struct file **out)
{
	struct file *f = file_of(i);

	return f->ops->reopen ? f->ops->reopen(f, c, flags, out) : -ENXIO;
}

/* simple_statfs() of the file system that has such files on Linux. */
static int statfs_anon(struct inode *i, struct caller *c, struct statfs *out)
{
	const char *name = file_of(i)->anon_name;
	bool pipe = strcmp(name, "pipe") == 0, socket = strcmp(name, "socket") == 0;

	*out = (struct statfs){
		.f_type = pipe     ? PIPEFS_MAGIC
			  : socket ? SOCKFS_MAGIC
				   : ANON_INODE_FS_MAGIC,
		.f_bsize = 4096,
		.f_frsize = 4096,
		.f_namelen = NAME_MAX,
		.f_flags = 0x20, /* ST_VALID */
	};
	return 0;
}

static ssize_t getxattr_none(struct inode *i, struct caller *c, const char *name, void *buf,
			     size_t size)
{
	return -ENODATA;
}

static int setxattr_denied(struct inode *i, struct caller *c, const char *name, const void *buf,
			   size_t size, int flags)
{
	return -EPERM;
}

static int removexattr_denied(struct inode *i, struct caller *c, const char *name)
{
	return -EPERM;
}

static int name_of(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	const struct path none = { NULL, NULL };

	return file_name(file_of(i), &none, buf, size);
}

static void release(struct inode *i)
{
	struct anon_inode *a = container_of(i, struct anon_inode, inode);

	file_put(a->file);
	free(a);
}

/* User attributes are for regular files and directories alone (xattr(7)). */
static const struct inode_ops anon_inode_ops = {
	.getattr = getattr,
	.setattr = setattr,
	.permission = permission,
	.open = reopen,
	.statfs = statfs_anon,
	.getxattr = getxattr_none,
	.setxattr = setxattr_denied,
	.removexattr = removexattr_denied,
	.path = name_of,
	.release = release,
};

static void destroy(struct filesystem *fs)
{
	free(fs);
}

static const struct filesystem_ops anonfs_ops = { .destroy = destroy };

struct filesystem *anonfs_new(const char *type)
{
	struct filesystem *fs = malloc(sizeof *fs);

	if (fs)
		filesystem_init(fs, &anonfs_ops, type, 0);
	return fs;
}

static int inode_new(struct filesystem *fs, struct caller *c, struct file *f, struct inode **out)
{
	struct statx st;
	int err = file_getattr(f, c, STATX_BASIC_STATS, &st);

	if (err)
		return err;
	struct anon_inode *a = calloc(1, sizeof *a);
	if (!a)
		return -ENOMEM;
	/* Anonymous inodes have no type at all on Linux; the vfs would not know what to do with
	 * that. */
	inode_init(&a->inode, fs, &anon_inode_ops,
		   st.stx_mode & S_IFMT ? st.stx_mode & S_IFMT : S_IFREG);
	a->file = file_get(f);
	*out = &a->inode;
	return 0;
}

int file_path(struct file *f, struct caller *c, struct path *out)
{
	struct path made = { .mnt = c->fs->vfs->internal };
	struct inode *i;

	if (f->path.dentry) {
		*out = path_get(&f->path);
		return 0;
	}
	int err = inode_new(made.mnt->fs, c, f, &i);
	if (err)
		return err;
	made.dentry = dentry_new(i, NULL, "", 0);
	if (!made.dentry)
		return -ENOMEM;
	*out = path_get(&made);
	dentry_put(made.dentry);
	return 0;
}
