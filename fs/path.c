/* SPDX-License-Identifier: Apache-2.0 */
/* From a place in the tree back to its name (d_path() of Linux's fs/d_path.c). */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fs/file.h"
#include "fs/mount.h"

/* A string that grows to the front, at the end of a buffer. */
struct front {
	char *buf, *at;
};

static int prepend(struct front *f, const char *s, size_t len)
{
	if ((size_t)(f->at - f->buf) < len)
		return -ENAMETOOLONG;
	f->at -= len;
	memcpy(f->at, s, len);
	return 0;
}

enum { GOES_ON, ROOT_MET, MOVED_OUT };

/* Prepends the names from the root of `mnt`, or from *root if that lies on it. MOVED_OUT: it is not
 * in what the mount shows any more, and nothing comes before its names. */
static int prepend_in_mount(struct front *f, struct inode *i, struct dentry *d, struct mount *mnt,
			    const struct path *root)
{
	char path[PATH_MAX], above[PATH_MAX];
	const char *names = NULL;

	int n = inode_path(i, d, path);
	if (n >= 0 && mnt == root->mnt) {
		n = inode_path(root->dentry->inode, root->dentry, above);
		names = n < 0 ? NULL : path_strip(path, above);
	}
	bool met = names;
	if (n >= 0 && !met) {
		n = inode_path(mnt->root->inode, mnt->root, above);
		names = n < 0 ? NULL : path_strip(path, above);
	}
	if (n < 0)
		return n;
	int err = names ? prepend(f, names, strlen(names)) : prepend(f, path, strlen(path));
	return err ? err : met ? ROOT_MET : names ? GOES_ON : MOVED_OUT;
}

/* Prepends "/" and the name that a mount covers; nothing where it covers a root. */
static int prepend_over(struct front *f, const struct dentry *over)
{
	int err = over ? prepend(f, over->name, strlen(over->name)) : 0;

	return over && !err ? prepend(f, "/", 1) : err;
}

static int prepend_all(struct front *f, const struct path *p, const struct path *root)
{
	struct mount *m = mount_get(p->mnt), *parent;
	struct dentry *over;
	int met = prepend_in_mount(f, p->dentry->inode, p->dentry, m, root);

	while (met == GOES_ON && mount_point(m, &parent, &over)) {
		met = prepend_over(f, over);
		if (!met)
			met = prepend_in_mount(f, over ? over->dir : parent->root->inode,
					       over ? NULL : parent->root, parent, root);
		dentry_put(over);
		mount_unref(m);
		m = parent;
	}
	mount_unref(m);
	return met;
}

int file_name(struct file *f, const struct path *root, char *buf, size_t size)
{
	int n;

	if (!f->anon_name)
		return f->path.dentry ? path_string(&f->path, root, buf, size) : -ENOENT;
	if (f->anon_name[0] == '/' || strchr(f->anon_name, ':'))
		n = snprintf(buf, size, "%s", f->anon_name);
	else
		n = snprintf(buf, size, "%s:[%lu]", f->anon_name, f->anon_ino);
	return (size_t)n < size ? n : -ENAMETOOLONG;
}

/* Of a file that lies in no directory of the guest's: the dentry has the name where it is known. */
static int internal_name(const struct path *p, char *buf, size_t size)
{
	struct dentry *d = p->dentry;
	size_t len = strlen(d->name);
	bool ours = d->inode->fs == p->mnt->fs || d->inode->fs == p->mnt->vfs->nsfs;

	if (!len && ours)
		return d->inode->ops->path(d->inode, d, buf, size);
	if (!len)
		return -ENOENT;
	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(buf, d->name, len + 1);
	return (int)len;
}

/* 1: it lies below *root; 0: it does not, and `unreachable` stands in front. */
static int put_path(const struct path *p, const struct path *root, const char *unreachable,
		    char *buf, size_t size, size_t *len)
{
	char space[PATH_MAX + 16];
	struct front f = { .buf = space, .at = space + sizeof space - 1 };

	if (!p->mnt->root) {
		int n = internal_name(p, buf, size);
		*len = n < 0 ? 0 : (size_t)n;
		return n < 0 ? n : 0;
	}
	*f.at = '\0';
	int met = prepend_all(&f, p, root);
	if (met == MOVED_OUT)
		met = 0;
	if (met >= 0 && *f.at != '/')
		met = prepend(&f, "/", 1) ? -ENAMETOOLONG : met;
	if (met == 0 && root->mnt && prepend(&f, unreachable, strlen(unreachable)))
		met = -ENAMETOOLONG;
	if (met < 0)
		return met;
	*len = strlen(f.at);
	if (*len >= size)
		return -ENAMETOOLONG;
	memcpy(buf, f.at, *len + 1);
	return met;
}

int path_string(const struct path *p, const struct path *root, char *buf, size_t size)
{
	size_t len;
	int met = put_path(p, root, "", buf, size, &len);

	return met < 0 ? met : (int)len;
}

int path_string_below(const struct path *p, const struct path *root, char *buf, size_t size)
{
	size_t len;
	int met = put_path(p, root, "", buf, size, &len);

	return met ? met : -ENOENT;
}

int path_string_cwd(const struct path *p, const struct path *root, char *buf, size_t size)
{
	size_t len;
	int met = put_path(p, root, "(unreachable)", buf, size, &len);

	return met < 0 ? met : (int)len;
}
