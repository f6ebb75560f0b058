/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/anon_inode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/anon.h"
#include "fs/file.h"

struct anon_inode {
	struct inode inode;
	struct file *file; /* a reference */
};

static struct file *file_of(struct inode *i)
{
	return container_of(i, struct anon_inode, inode)->file;
}

static int anon_inode_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	return file_getattr(file_of(i), c, mask, out);
}

static int anon_inode_permission(struct inode *i, struct caller *c, int mask)
{
	struct statx st;
	int err = file_getattr(file_of(i), c, STATX_BASIC_STATS, &st);
	return err ? err : generic_permission(&st, c->cred, mask);
}

static int anon_inode_open(struct inode *i, struct caller *c, struct dentry *d, int flags, struct file **out)
{
	struct file *f = file_of(i);
	return f->ops->reopen ? f->ops->reopen(f, c, flags, out) : -ENXIO;
}

static int anon_inode_path(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	struct file *f = file_of(i);
	const char *name = f->anon_name;
	int n =
	    strchr(name, ':') ? snprintf(buf, size, "%s", name) : snprintf(buf, size, "%s:[%lu]", name, f->anon_ino);
	return (size_t)n < size ? n : -ENAMETOOLONG;
}

static void anon_inode_release(struct inode *i)
{
	struct anon_inode *a = container_of(i, struct anon_inode, inode);
	file_put(a->file);
	free(a);
}

static const struct inode_ops anon_inode_ops = {
	.getattr = anon_inode_getattr,
	.permission = anon_inode_permission,
	.open = anon_inode_open,
	.path = anon_inode_path,
	.release = anon_inode_release,
};

int anon_dentry(struct filesystem *fs, struct caller *c, struct file *f, struct dentry **out)
{
	struct statx st;
	int err = file_getattr(f, c, STATX_BASIC_STATS, &st);
	if (err)
		return err;
	struct anon_inode *a = calloc(1, sizeof *a);
	if (!a)
		return -ENOMEM;
	/* Anonymous inodes have no type at all on Linux; the vfs would not know what to do with that. */
	inode_init(&a->inode, fs, &anon_inode_ops, st.stx_mode & S_IFMT ? st.stx_mode & S_IFMT : S_IFREG);
	a->file = file_get(f);
	*out = dentry_new(&a->inode, NULL, "", 0);
	return *out ? 0 : -ENOMEM;
}
