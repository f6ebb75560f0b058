/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on names: what every file system has in common. Who comes first when several things
 * are wrong at once follows Linux's fs/namei.c.
 */
#include "fs/names.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/notify.h"
#include "fs/protect.h"
#include "fs/readdir.h"

/* A last name in its directory. */
struct place {
	struct path dir;
	char last[NAME_MAX + 1];
	enum last_type type;
	bool slash;
};

static int place_find(struct caller *c, const struct path *start, const char *name, struct place *p)
{
	return path_walk_parent(c, start, name, 0, &p->dir, p->last, &p->type, &p->slash);
}

static struct inode *place_inode(const struct place *p)
{
	return p->dir.dentry->inode;
}

/* What is mounted at the name, a reference; NULL: nothing. */
static struct mount *place_mount(const struct place *p)
{
	return p->type == LAST_NORM ? mount_at(&p->dir, p->last, strlen(p->last)) : NULL;
}

/* Is something mounted at the name, so that it must stay? */
static bool place_covered(const struct place *p, struct caller *c)
{
	return p->type == LAST_NORM && mount_covers(&p->dir, c->mnt_ns, p->last, strlen(p->last));
}

/* What the directory itself has at the name, symlinks not followed; a reference. */
static int place_lookup_under(const struct place *p, struct caller *c, struct dentry **out)
{
	struct inode *dir = place_inode(p);
	struct walk_step step;
	int err = dir->ops->walk(dir, c, p->last, strlen(p->last), STEP_NOFOLLOW, &step);

	*out = err ? NULL : step.dentry;
	return err;
}

/* What the name stands for now. */
static int place_lookup(const struct place *p, struct caller *c, struct dentry **out)
{
	struct mount *m = place_mount(p);

	if (!m)
		return place_lookup_under(p, c, out);
	*out = dentry_get(m->root);
	mount_put(m);
	return 0;
}

/* What a rename takes for the name: not what is mounted there, unless there is nothing else. */
static int place_lookup_renamed(const struct place *p, struct caller *c, struct dentry **out)
{
	int err = place_lookup_under(p, c, out);

	return err == -ENOENT ? place_lookup(p, c, out) : err;
}

static bool place_exists(const struct place *p, struct caller *c)
{
	struct dentry *d;
	int err = place_lookup(p, c, &d);

	dentry_put(d);
	return err == 0;
}

static bool read_only(const struct place *p)
{
	return mount_is_readonly(p->dir.mnt);
}

/* The right to change the directory, where the file system leaves that to us. */
static int may_change_dir(const struct place *p, struct caller *c)
{
	struct inode *dir = place_inode(p);

	return fs_checks_access(dir->fs, c) ? 0 : dir->ops->permission(dir, c, W_OK | X_OK);
}

/* filename_create(): is the name free, and none of a file system that has all it can have?
 * `dir_wanted`: a slash behind it is fine. */
static int check_free(const struct place *p, struct caller *c, bool dir_wanted)
{
	if (p->type != LAST_NORM)
		return -EEXIST;
	bool check =
	    read_only(p) || (p->slash && !dir_wanted) || !fs_checks_access(place_inode(p)->fs, c);
	if (place_covered(p, c) || (check && place_exists(p, c)))
		return -EEXIST;
	if ((p->slash && !dir_wanted) || place_inode(p)->fs->flags & FS_KNOWS_NAMES)
		return -ENOENT;
	return read_only(p) ? -EROFS : 0;
}

static int may_create(const struct place *p, struct caller *c, bool dir_wanted)
{
	int err = check_free(p, c, dir_wanted);

	if (!err)
		err = fs_check_new_owner(place_inode(p)->fs, c);
	return err ? err : may_change_dir(p, c);
}

/* Where a new name goes, and whether it may: *p, whose directory is to be put. */
static int create_at(struct caller *c, const struct path *start, const char *name, bool dir,
		     struct place *p)
{
	int err = place_find(c, start, name, p);

	if (err)
		return err;
	err = may_create(p, c, dir);
	if (err)
		path_put(&p->dir);
	return err;
}

int vfs_mkdir(struct caller *c, const struct path *start, const char *name, mode_t mode)
{
	struct place p;
	int err = create_at(c, start, name, true, &p);

	if (err)
		return err;
	struct inode *dir = place_inode(&p);
	err = dir->ops->mkdir ? dir->ops->mkdir(dir, c, p.last, mode & 01777) : -EPERM;
	path_put(&p.dir);
	return err;
}

int vfs_mknod(struct caller *c, const struct path *start, const char *name, mode_t mode, dev_t dev)
{
	struct place p;
	int err = create_at(c, start, name, false, &p);

	if (err)
		return err;
	struct inode *dir = place_inode(&p);
	mode &= S_IFMT | 07777;
	err = dir->ops->mknod ? dir->ops->mknod(dir, c, p.last, mode, dev) : -EPERM;
	path_put(&p.dir);
	return err;
}

int vfs_symlink(struct caller *c, const char *target, const struct path *start, const char *name)
{
	struct place p;
	int err = create_at(c, start, name, false, &p);

	if (err)
		return err;
	struct inode *dir = place_inode(&p);
	err = dir->ops->symlink ? dir->ops->symlink(dir, c, p.last, target) : -EPERM;
	path_put(&p.dir);
	return err;
}

static int link_at(struct caller *c, const struct path *target, const struct place *p)
{
	struct inode *dir = place_inode(p), *i = target->dentry->inode;
	int err = check_free(p, c, false);

	if (!err && target->mnt != p->dir.mnt)
		err = -EXDEV;
	if (!err && !fs_checks_access(i->fs, c))
		err = protect_hardlink(c, i);
	if (!err)
		err = fs_check_new_owner(i->fs, c);
	if (!err)
		err = may_change_dir(p, c);
	if (err)
		return err;
	if (S_ISDIR(i->type) || !dir->ops->link)
		return -EPERM;
	return dir->ops->link(dir, c, p->last, i);
}

int vfs_link(struct caller *c, const struct path *target, const struct path *start,
	     const char *name)
{
	struct place p;
	int err = place_find(c, start, name, &p);

	if (err)
		return err;
	err = link_at(c, target, &p);
	path_put(&p.dir);
	return err;
}

/* A slash behind the name of something to unlink. */
static int slash_error(const struct place *p, struct caller *c)
{
	struct dentry *d;
	int err = place_lookup(p, c, &d);

	if (!err)
		err = S_ISDIR(d->inode->type) ? -EISDIR : -ENOTDIR;
	dentry_put(d);
	return err;
}

/* The file system removes nothing: -EPERM, but for what unlink(2) and rmdir(2) find wrong
 * before. */
static int removal_error(const struct place *p, struct caller *c, bool dir, int otherwise)
{
	struct dentry *d;
	int err = place_lookup(p, c, &d);

	if (!err)
		err = may_change_dir(p, c);
	if (!err && S_ISDIR(d->inode->type) != dir)
		err = dir ? -ENOTDIR : -EISDIR;
	dentry_put(d);
	return err ? err : otherwise;
}

/* A mount covers the name, which need not exist. */
static int covered_error(const struct place *p, struct caller *c, bool dir)
{
	int err = removal_error(p, c, dir, -EBUSY);

	return err == -ENOENT ? -EBUSY : err;
}

static int unlink_at(struct caller *c, const struct place *p)
{
	struct inode *dir = place_inode(p);

	if (p->type != LAST_NORM)
		return -EISDIR;
	if (read_only(p))
		return -EROFS;
	if (p->slash)
		return slash_error(p, c);
	if (place_covered(p, c))
		return covered_error(p, c, false);
	return dir->ops->unlink ? dir->ops->unlink(dir, c, p->last)
				: removal_error(p, c, false, -EPERM);
}

/* Is it a directory that is empty but for names of mounts, which its file system does not know? */
static bool holds_mounts(const struct place *p, struct caller *c)
{
	struct inode *dir = place_inode(p);
	struct walk_step step = { .consumed = 0 };
	struct vfs *vfs = c->fs->vfs;

	rwlock_rdlock(&vfs->mount_lock);
	bool any = !list_empty(&p->dir.mnt->children);
	rwlock_unlock(&vfs->mount_lock);
	if (!any ||
	    dir->ops->walk(dir, c, p->last, strlen(p->last), STEP_DIRECTORY | STEP_NOFOLLOW, &step))
		return false;
	const struct path found = { p->dir.mnt, step.dentry };
	bool holds = found.dentry && S_ISDIR(found.dentry->inode->type) && dir_shows_mounts(&found);
	dentry_put(step.dentry);
	free(step.link);
	return holds;
}

static int rmdir_at(struct caller *c, const struct place *p)
{
	static const int special[] = {
		[LAST_ROOT] = -EBUSY, [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY
	};
	struct inode *dir = place_inode(p);

	if (p->type != LAST_NORM)
		return special[p->type];
	if (read_only(p))
		return -EROFS;
	if (place_covered(p, c))
		return covered_error(p, c, true);
	if (holds_mounts(p, c))
		return -ENOTEMPTY;
	return dir->ops->rmdir ? dir->ops->rmdir(dir, c, p->last)
			       : removal_error(p, c, true, -EPERM);
}

static int remove_name(struct caller *c, const struct path *start, const char *name,
		       int (*remove)(struct caller *c, const struct place *p))
{
	struct place p;
	int err = place_find(c, start, name, &p);

	if (err)
		return err;
	err = remove(c, &p);
	path_put(&p.dir);
	return err;
}

int vfs_unlink(struct caller *c, const struct path *start, const char *name)
{
	return remove_name(c, start, name, unlink_at);
}

int vfs_rmdir(struct caller *c, const struct path *start, const char *name)
{
	return remove_name(c, start, name, rmdir_at);
}

/* Slashes behind names that are to be renamed are for directories alone; "new/" becomes what "old"
 * is. */
static bool slashes_fit(const struct place *from, const struct dentry *old, const struct place *to,
			const struct dentry *new, unsigned flags)
{
	bool exchange = flags & RENAME_EXCHANGE, old_dir = S_ISDIR(old->inode->type);

	return (!from->slash || old_dir) &&
	       (!to->slash || (exchange ? S_ISDIR(new->inode->type) : old_dir));
}

/* Are the names there that have to be, and none that must not, and do their slashes fit? */
static int check_names(struct caller *c, const struct place *from, const struct place *to,
		       unsigned flags)
{
	struct dentry *old, *new = NULL;
	int err = place_lookup(from, c, &old);

	if (err)
		return err;
	err = place_lookup(to, c, &new);
	if (err == -ENOENT && !(flags & RENAME_EXCHANGE))
		err = 0;
	else if (!err && flags & RENAME_NOREPLACE)
		err = -EEXIST;
	if (!err && !slashes_fit(from, old, to, new, flags))
		err = -ENOTDIR;
	dentry_put(old);
	dentry_put(new);
	return err;
}

/* The new name that a file system which renames nothing is asked for. */
static int check_new_name(const struct place *to, struct caller *c, const struct dentry *old,
			  unsigned flags, bool *same)
{
	struct dentry *d;
	int err = place_lookup(to, c, &d);

	if (err == -ENOENT && !(flags & RENAME_EXCHANGE) &&
	    !(place_inode(to)->fs->flags & FS_KNOWS_NAMES))
		return 0;
	if (!err && flags & RENAME_NOREPLACE)
		err = -EEXIST;
	*same = !err && inode_same(old->inode, d->inode);
	dentry_put(d);
	return err;
}

/* The file system renames nothing: -EPERM, but for what rename(2) finds wrong before; two names of
 * one file are fine. */
static int rename_nothing(struct caller *c, const struct place *from, const struct place *to,
			  unsigned flags)
{
	struct dentry *old;
	bool same = false;
	int err = place_lookup(from, c, &old);

	if (!err)
		err = check_new_name(to, c, old, flags, &same);
	dentry_put(old);
	if (err || same)
		return err;
	err = may_change_dir(from, c);
	if (!err)
		err = may_change_dir(to, c);
	return err ? err : -EPERM;
}

/* Does the directory of the one place lie in what the other names? */
static bool is_inside(const struct place *dir, const struct dentry *d)
{
	return d && S_ISDIR(d->inode->type) && inode_is_below(place_inode(dir), d->inode);
}

/* One of the names is a mount point: -EBUSY, but for what rename(2) finds wrong before; two names
 * of one file are fine. */
static int rename_covered(struct caller *c, const struct place *from, const struct place *to,
			  unsigned flags)
{
	struct dentry *old, *new = NULL;
	bool exchange = flags & RENAME_EXCHANGE;
	int err = place_lookup_renamed(from, c, &old);

	if (err)
		return err;
	err = place_lookup_renamed(to, c, &new);
	if (err == -ENOENT)
		err = 0;
	bool same = new &&inode_same(old->inode, new->inode);
	if (!err && is_inside(to, old))
		err = -EINVAL;
	else if (!err && is_inside(from, new))
		err = exchange ? -EINVAL : -ENOTEMPTY;
	if (!err && !same)
		err = may_change_dir(from, c);
	if (!err && !same)
		err = may_change_dir(to, c);
	if (!err && !same) {
		bool from_dir = S_ISDIR(old->inode->type);
		bool fits = !new || exchange || from_dir == S_ISDIR(new->inode->type);
		err = fits ? -EBUSY : from_dir ? -ENOTDIR : -EISDIR;
	}
	dentry_put(old);
	dentry_put(new);
	return err;
}

static int rename_at(struct caller *c, const struct place *from, const struct place *to,
		     unsigned flags)
{
	struct inode *dir = place_inode(from), *newdir = place_inode(to);

	if (from->dir.mnt != to->dir.mnt)
		return -EXDEV;
	if (from->type != LAST_NORM)
		return -EBUSY;
	if (to->type != LAST_NORM)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (read_only(from))
		return -EROFS;
	bool mount = place_covered(from, c) || place_covered(to, c);
	/* The directory of the host that is to be replaced looks empty to the host alone. */
	bool full = !(flags & (RENAME_EXCHANGE | RENAME_NOREPLACE)) && holds_mounts(to, c);
	/* The file system looks at plain names itself. */
	int err = from->slash || to->slash || mount || full || !dir->ops->rename
		      ? check_names(c, from, to, flags)
		      : 0;
	if (err)
		return err;
	if (mount)
		return rename_covered(c, from, to, flags);
	if (!dir->ops->rename)
		return rename_nothing(c, from, to, flags);
	if (full) {
		err = rename_covered(c, from, to, flags);
		return err == -EBUSY ? -ENOTEMPTY : err;
	}
	return dir->ops->rename(dir, c, from->last, newdir, to->last, flags);
}

int vfs_rename(struct caller *c, const struct path *start, const char *name,
	       const struct path *newstart, const char *newname, unsigned flags)
{
	struct place from, to;

	int err = place_find(c, start, name, &from);
	if (err)
		return err;
	err = place_find(c, newstart, newname, &to);
	if (!err) {
		err = rename_at(c, &from, &to, flags);
		if (!err)
			inotify_renamed(c->fs->vfs->inotify, &from.dir, from.last, &to.dir, to.last,
					flags & RENAME_EXCHANGE);
		path_put(&to.dir);
	}
	path_put(&from.dir);
	return err;
}

int vfs_setattr(struct caller *c, const struct path *p, const struct iattr *a)
{
	struct inode *i = p->dentry->inode;

	if (mount_is_readonly(p->mnt))
		return -EROFS;
	int err = i->ops->setattr ? i->ops->setattr(i, c, a) : -EPERM;
	if (!err)
		notify_changed(p->dentry, a);
	return err;
}

int vfs_access(struct caller *c, const struct path *p, int mask)
{
	struct inode *i = p->dentry->inode;
	bool noexec = p->mnt->flags & MOUNT_NOEXEC;
	bool rdonly = mount_is_readonly(p->mnt);

	if (mask & X_OK && S_ISREG(i->type) && noexec)
		return -EACCES;
	int err = i->ops->permission(i, c, mask); /* of F_OK too: a proc may hide it */
	if (err)
		return err;
	if (mask & W_OK && rdonly && (S_ISREG(i->type) || S_ISDIR(i->type) || S_ISLNK(i->type)))
		return -EROFS;
	return 0;
}
