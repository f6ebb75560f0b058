/* SPDX-License-Identifier: Apache-2.0 */
/* Makes directories that were removed. See the header. */
#include "fs/removed_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/file.h"
#include "fs/generic.h"
#include "fs/saved.h"
#include "mm/mm.h"

struct removed_dir {
	struct inode inode;
	struct dentry *above; /* reference */
	struct mutex lock;
	struct statx st; /* guarded by lock */
	char name[];
};

static struct removed_dir *removed_of(struct inode *i)
{
	return container_of(i, struct removed_dir, inode);
}

static int lookup(struct inode *dir, struct caller *c, const char *name, size_t len,
		  struct inode **out)
{
	return -ENOENT;
}

static int walk(struct inode *dir, struct caller *c, const char *names, size_t len, unsigned flags,
		struct walk_step *out)
{
	return walk_by_lookup(dir, c, names, len, flags, lookup, out);
}

static int parent(struct inode *dir, struct caller *c, struct dentry **out)
{
	*out = dentry_get(removed_of(dir)->above);
	return 0;
}

static int getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	struct removed_dir *d = removed_of(i);

	mutex_lock(&d->lock);
	*out = d->st;
	mutex_unlock(&d->lock);
	return 0;
}

static void set_time(struct statx_timestamp *t, const struct timespec *to, struct timespec now)
{
	struct timespec ts = { t->tv_sec, t->tv_nsec };

	generic_set_time(&ts, to, now);
	*t = (struct statx_timestamp){ .tv_sec = ts.tv_sec, .tv_nsec = (uint32_t)ts.tv_nsec };
}

static int setattr(struct inode *i, struct caller *c, const struct iattr *change)
{
	struct removed_dir *d = removed_of(i);
	const struct timespec now = guest_clock_realtime(c->mem->clock);
	const struct timespec stamp = now;
	struct iattr a = *change;

	if (a.valid & ATTR_SIZE)
		return -EISDIR;
	mutex_lock(&d->lock);
	int err = generic_setattr_check(&d->st, c->cred, &a);
	if (!err && a.valid & ATTR_UID)
		d->st.stx_uid = a.uid;
	if (!err && a.valid & ATTR_GID)
		d->st.stx_gid = a.gid;
	if (!err && a.valid & ATTR_MODE)
		d->st.stx_mode = (uint16_t)(S_IFDIR | (a.mode & 07777));
	if (!err && a.valid & ATTR_TIMES) {
		set_time(&d->st.stx_atime, &a.atime, now);
		set_time(&d->st.stx_mtime, &a.mtime, now);
	}
	if (!err)
		set_time(&d->st.stx_ctime, &stamp, now);
	mutex_unlock(&d->lock);
	return err;
}

static int permission(struct inode *i, struct caller *c, int mask)
{
	struct statx st;
	int err = getattr(i, c, STATX_BASIC_STATS, &st);

	return err ? err : generic_permission(&st, c->cred, mask);
}

static int statfs_above(struct inode *i, struct caller *c, struct statfs *out)
{
	struct inode *above = removed_of(i)->above->inode;

	return above->ops->statfs(above, c, out);
}

static int name_of(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	size_t len = strlen(removed_of(i)->name);

	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(buf, removed_of(i)->name, len + 1);
	return (int)len;
}

static void release(struct inode *i)
{
	struct removed_dir *d = removed_of(i);

	dentry_put(d->above);
	mutex_destroy(&d->lock);
	free(d);
}

/* ---- opened ---- */

static int file_readdir(struct file *f, struct caller *c, struct dir_emit *e)
{
	return -ENOENT;
}

static int file_fsync(struct file *f, struct caller *c, bool data_only)
{
	return 0;
}

static void file_release(struct file *f)
{
	free(f);
}

static const struct file_ops file_ops = {
	.saved = &file_by_path,
	.read = generic_dir_io,
	.write = generic_dir_io,
	.lseek = generic_dir_lseek,
	.readdir = file_readdir,
	.fsync = file_fsync,
	.release = file_release,
};

static int open_dir(struct inode *i, struct caller *c, struct dentry *d, int flags,
		    struct file **out)
{
	struct file *f = calloc(1, sizeof *f);

	if (!f)
		return -ENOMEM;
	file_init(f, &file_ops, (unsigned)flags);
	*out = f;
	return 0;
}

static const struct inode_ops ops = {
	.walk = walk,
	.parent = parent,
	.getattr = getattr,
	.setattr = setattr,
	.permission = permission,
	.open = open_dir,
	.statfs = statfs_above,
	.path = name_of,
	.release = release,
};

int removed_dir_new(struct vfs *vfs, const struct statx *st, const char *name, struct dentry *above,
		    struct dentry **out)
{
	size_t len = strlen(name);
	struct removed_dir *d = calloc(1, sizeof *d + len + 1);

	if (!d)
		return -ENOMEM;
	inode_init(&d->inode, vfs->removed, &ops, S_IFDIR);
	mutex_init(&d->lock, LOCK_ANON_ATTR);
	d->above = dentry_get(above);
	d->st = *st;
	d->st.stx_mode = (uint16_t)(S_IFDIR | (st->stx_mode & 07777));
	d->st.stx_nlink = 0;
	memcpy(d->name, name, len + 1);
	*out = dentry_new(&d->inode, NULL, "", 0);
	return *out ? 0 : -ENOMEM;
}
