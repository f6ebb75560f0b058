/* SPDX-License-Identifier: Apache-2.0 */
/* open(2): what is common to all file systems. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cred/cred.h"
#include "fs/device.h"
#include "fs/mount.h"
#include "fs/notify.h"
#include "fs/protect.h"
#include "fs/saved.h"
#include "fs/walk.h"
#include "fs/writers.h"

struct open_arg {
	int flags;
	mode_t mode;
	/* as soon as it is clear that nobody runs the file; then O_TRUNC is not in `flags` */
	bool truncate;
	struct file *file;
	bool created;
};

static bool opens_for_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

/* What permission an open asks for; access mode 3 asks for both, as Linux's ACC_MODE. */
static int open_mask(int flags)
{
	static const int mask[] = { R_OK, W_OK, R_OK | W_OK, R_OK | W_OK };

	return mask[flags & O_ACCMODE] | (flags & O_TRUNC ? W_OK : 0);
}

static int check_type(struct inode *i, int flags)
{
	bool write = opens_for_writing(flags);

	if (flags & O_DIRECTORY && !S_ISDIR(i->type))
		return -ENOTDIR;
	if (S_ISLNK(i->type))
		return -ELOOP;
	if (S_ISDIR(i->type) && (write || flags & O_CREAT))
		return -EISDIR;
	return S_ISSOCK(i->type) ? -ENXIO : 0;
}

static int check_mount(const struct mount *m, struct inode *i, int flags)
{
	bool device = S_ISCHR(i->type) || S_ISBLK(i->type);

	if (device && (m->flags & MOUNT_NODEV || i->fs->flags & FS_NODEV))
		return -EACCES;
	if (mount_is_readonly(m) && opens_for_writing(flags) && !device && !S_ISFIFO(i->type))
		return -EROFS;
	return 0;
}

static int check_noatime(struct inode *i, struct caller *c, int flags)
{
	struct statx st;

	if (!(flags & O_NOATIME) || fs_checks_access(i->fs, c) || cred_capable(c->cred, CAP_FOWNER))
		return 0;
	int err = inode_getattr(i, c, STATX_UID, &st);
	return err ? err : cred_owner_or_capable(c->cred, st.stx_uid) ? 0 : -EPERM;
}

static int open_device(struct inode *i, struct caller *c, int flags, struct file **out)
{
	struct statx st;

	int err = fs_checks_access(i->fs, c) ? i->ops->permission(i, c, open_mask(flags)) : 0;
	if (!err && i->ops->open_device)
		return i->ops->open_device(i, c, flags, out);
	if (!err)
		err = inode_getattr(i, c, STATX_BASIC_STATS, &st);
	if (!err && S_ISBLK(i->type))
		err = -ENXIO;
	if (err)
		return err;
	return device_open(c->fs->vfs->devices, c, makedev(st.stx_rdev_major, st.stx_rdev_minor),
			   flags, out);
}

/* Opens what a walk has found. */
static int open_found(const struct path *p, struct caller *c, int flags, struct file **out)
{
	struct inode *i = p->dentry->inode;

	int err = flags & O_CREAT && flags & O_EXCL ? -EEXIST : check_type(i, flags);
	if (!err)
		err = check_mount(p->mnt, i, flags);
	if (!err && !fs_checks_access(i->fs, c))
		err = i->ops->permission(i, c, open_mask(flags));
	if (!err)
		err = check_noatime(i, c, flags);
	if (err)
		return err;
	if (S_ISCHR(i->type) || S_ISBLK(i->type))
		return open_device(i, c, flags, out);
	return i->ops->open ? i->ops->open(i, c, p->dentry, flags & ~(O_CREAT | O_EXCL), out)
			    : -ENXIO;
}

/* The last name does not exist and O_CREAT is given. */
static int create_last(struct walk *w, const char *name, size_t len, struct walk_step *step)
{
	struct open_arg *a = w->arg;
	struct inode *dir = w->path.dentry->inode;
	char last[NAME_MAX + 1];

	if (len > NAME_MAX)
		return name_too_long(dir, w->c);
	memcpy(last, name, len);
	last[len] = '\0';
	if (dir->fs->flags & FS_KNOWS_NAMES)
		return -ENOENT;
	if (mount_is_readonly(w->path.mnt))
		return -EROFS;
	if (!dir->ops->create)
		return -EACCES;
	int err = fs_check_new_owner(dir->fs, w->c);
	if (!err)
		err = dir->ops->create(dir, w->c, last, a->flags, a->mode, &a->file, &a->created);
	if (!err)
		w->done = true;
	/* Someone made a symlink of that name meanwhile: -ELOOP stays, as if it had been there with
	 * O_NOFOLLOW. */
	return err;
}

static size_t parent_len(const char *names, size_t len)
{
	while (len && names[len - 1] != '/')
		len--;
	while (len && names[len - 1] == '/')
		len--;
	return len;
}

/* What O_CREAT has found, on a file system that leaves the check to us. A symlink that is followed
 * is not what is opened. */
static int may_open_found(struct caller *c, struct inode *dir, int flags, struct walk_step *step)
{
	struct statx parent, found;

	if (!step->dentry || fs_checks_access(dir->fs, c) ||
	    (S_ISLNK(step->dentry->inode->type) && !(flags & O_NOFOLLOW)))
		return 0;
	int err = dir->ops->getattr(dir, c, STATX_MODE | STATX_UID, &parent);
	if (!err && parent.stx_mode & S_ISVTX)
		err = step->dentry->inode->ops->getattr(step->dentry->inode, c,
							STATX_TYPE | STATX_UID, &found);
	if (!err && parent.stx_mode & S_ISVTX)
		err = protect_sticky(c, &parent, &found);
	if (err) {
		dentry_put(step->dentry);
		step->dentry = NULL;
	}
	return err;
}

/* One name at a time, where the file system has no short cut: the run up to its last name, then
 * that. */
static int finish_by_steps(struct walk *w, const char *names, size_t len, unsigned flags,
			   struct walk_step *step)
{
	struct open_arg *a = w->arg;
	struct inode *dir = w->path.dentry->inode;
	size_t parent = parent_len(names, len);

	if (parent)
		return dir->ops->walk(dir, w->c, names, parent, STEP_DIRECTORY, step);
	if (names[len] == '/' && a->flags & O_CREAT)
		return -EISDIR;
	int err = dir->ops->walk(dir, w->c, names, len, flags, step);
	if (err == -ENOENT && a->flags & O_CREAT)
		return create_last(w, names, len, step);
	if (!err && a->flags & O_CREAT && a->flags & O_EXCL) {
		dentry_put(step->dentry);
		step->dentry = NULL;
		err = -EEXIST;
	}
	if (!err && a->flags & O_CREAT)
		err = may_open_found(w->c, dir, a->flags, step);
	return err;
}

static int open_finish(struct walk *w, const char *names, size_t len, unsigned flags,
		       struct walk_step *step)
{
	struct open_arg *a = w->arg;
	struct inode *dir = w->path.dentry->inode;
	bool rdonly =
	    mount_is_readonly(w->path.mnt) && (opens_for_writing(a->flags) || a->flags & O_CREAT);
	bool slash = names[len] == '/';
	int oflags =
	    slash ? (a->flags & ~O_NOFOLLOW) | O_DIRECTORY : a->flags | (a->truncate ? O_TRUNC : 0);

	if (!dir->ops->walk_open || rdonly || (slash && a->flags & O_CREAT) ||
	    !(dir->fs->flags & FS_CHECKS_OPENS || fs_checks_access(dir->fs, w->c)))
		return finish_by_steps(w, names, len, flags, step);
	int err = dir->ops->walk_open(dir, w->c, names, len, oflags, a->mode, &a->file, step);
	if (err > 0)
		return finish_by_steps(w, names, len, flags, step);
	w->done = !err && a->file;
	a->created = w->done && step->created;
	return err;
}

/* File systems may name the dentry of what they opened (they must when the walk did not get as
 * far); the mount is the walk's. */
static void file_set_place(struct file *f, const struct path *p)
{
	struct path place = { .mnt = p->mnt,
			      .dentry = f->path.dentry ? f->path.dentry : p->dentry };
	struct dentry *own = f->path.dentry;

	if (f->path.mnt || f->anon_name)
		return;
	f->path = path_get(&place);
	dentry_put(own);
}

static int open_walk(struct caller *c, const struct path *start, const char *name,
		     unsigned walk_flags, struct open_arg *a)
{
	struct walk w;
	int err = walk_begin(&w, c, start, name, walk_flags);

	if (err)
		return err;
	w.finish = open_finish;
	w.arg = a;
	err = walk_run(&w);
	if (!err && !w.done)
		err = open_found(&w.path, c, a->flags, &a->file);
	if (!err)
		file_set_place(a->file, &w.path);
	walk_end(&w);
	return err;
}

/* What may be executed but not read is read all the same, by the kernel: with the monitor's own
 * rights. */
int vfs_open_unreadable(struct caller *c, const struct path *start, const char *name,
			unsigned walk_flags, struct file **out)
{
	struct caller kernel = *c;
	struct path p;
	int err = path_walk(c, start, name, walk_flags, &p);

	if (err)
		return err;
	struct inode *i = p.dentry->inode;
	kernel.cred = c->fs->vfs->monitor;
	err = S_ISREG(i->type) ? i->ops->permission(i, c, X_OK) : -EACCES;
	if (!err)
		err = i->ops->open(i, &kernel, p.dentry, O_RDONLY, out);
	(void)cred_assume(c->cred);
	if (!err) {
		file_set_place(*out, &p);
		notify_opened(*out);
	}
	path_put(&p);
	return err;
}

/* O_PATH (open(2)): a file that is nothing but its place. */
static void path_file_release(struct file *f)
{
	free(f);
}

static ssize_t path_file_io(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return -EBADF;
}

static const struct file_ops path_file_ops = {
	.saved = &file_by_path,
	.read = path_file_io,
	.write = path_file_io,
	.release = path_file_release,
};

static int open_path(struct path *p, int flags, struct file **out)
{
	struct file *f = malloc(sizeof *f);

	if (!f) {
		path_put(p);
		return -ENOMEM;
	}
	file_init(f, &path_file_ops, (unsigned)flags);
	f->path = *p;
	*out = f;
	return 0;
}

static int open_tmpfile(struct path *dir, struct caller *c, int flags, mode_t mode,
			struct file **out)
{
	struct inode *i = dir->dentry->inode;
	struct file *f;
	int err = 0;

	if (!dir->mnt->root)
		err = -ENOENT;
	else if (mount_is_readonly(dir->mnt))
		err = -EROFS;
	else if (!fs_checks_access(i->fs, c))
		err = i->ops->permission(i, c, W_OK | X_OK);
	if (!err)
		err = i->ops->tmpfile ? i->ops->tmpfile(i, c, flags, mode, &f) : -EOPNOTSUPP;
	if (!err)
		file_set_place(f, dir);
	path_put(dir);
	if (!err)
		*out = f;
	return err;
}

static unsigned open_walk_flags(int flags)
{
	unsigned w = 0;

	if (flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL))
		w |= WALK_NOFOLLOW;
	if (flags & O_DIRECTORY)
		w |= WALK_DIRECTORY;
	return w;
}

#define FLAGS_WITH_PATH (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static bool is_regular(struct file *f)
{
	struct inode *i = file_inode(f);

	return i && S_ISREG(i->type);
}

/* handle_truncate(). An open that may not write has left it to the file system. */
static int truncate_opened(struct file *f, struct caller *c)
{
	int err = file_writable(f) && f->ops->truncate ? f->ops->truncate(f, c, 0) : 0;

	if (!err)
		notify_dentry(f->path.dentry, IN_MODIFY);
	return err;
}

/* The host keeps the times of access of its files, unless it is told not to: by the monitor, as the
 * mount is nothing that the owner of the file was asked about. */
static void spare_atime(struct file *f, struct caller *c)
{
	struct inode *i = file_inode(f);

	if (!i || !(i->fs->flags & FS_OF_HOST) || !f->ops->setfl ||
	    !(S_ISREG(i->type) || S_ISDIR(i->type)) ||
	    mount_atime(f->path.mnt, S_ISDIR(i->type)) != ATIME_NEVER)
		return;
	(void)cred_assume(c->fs->vfs->monitor);
	(void)f->ops->setfl(f, f->flags);
	(void)cred_assume(c->cred);
}

#define O_LARGEFILE_BIT 0100000 /* F_GETFL of a 64-bit program always shows it */

/* What F_GETFL may show of what was asked. */
static int kept_flags(int flags)
{
	return flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
}

/* build_open_flags() of Linux's fs/open.c. */
int vfs_check_open(int flags)
{
	if (flags & O_PATH)
		flags &= FLAGS_WITH_PATH;
	if ((flags & O_TMPFILE) == O_TMPFILE && (flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	if ((flags & O_TMPFILE) == O_TMPFILE && flags & O_CREAT)
		return -EINVAL;
	if ((flags & (O_TMPFILE & ~O_DIRECTORY)) && !(flags & O_DIRECTORY))
		return -EINVAL;
	return (flags & O_CREAT) && (flags & O_DIRECTORY) ? -EINVAL : 0;
}

int vfs_open_begin(struct caller *c, const struct path *start, const char *name, int flags,
		   mode_t mode, unsigned walk_flags, struct file **out)
{
	/* An open that may not write leaves it to the file system. */
	bool truncate = flags & O_TRUNC && (flags & O_ACCMODE) != O_RDONLY;
	struct open_arg a = { .flags = truncate ? flags & ~O_TRUNC : flags,
			      .truncate = truncate,
			      .mode = mode & 07777 };
	struct path p;

	if (flags & O_PATH)
		a.flags = flags &= FLAGS_WITH_PATH;
	int err = vfs_check_open(flags);
	if (err)
		return err;
	walk_flags |= open_walk_flags(flags);
	if (flags & O_PATH || (flags & O_TMPFILE) == O_TMPFILE) {
		err = path_walk(c, start, name, walk_flags, &p);
		if (err)
			return err;
		return flags & O_PATH ? open_path(&p, kept_flags(flags), out)
				      : open_tmpfile(&p, c, flags, a.mode, out);
	}
	err = open_walk(c, start, name, walk_flags, &a);
	if (err)
		return err;
	a.file->flags = (unsigned)kept_flags(flags) | O_LARGEFILE_BIT;
	a.file->created = a.created;
	*out = a.file;
	return 0;
}

int vfs_open_end(struct file *f, struct caller *c, int flags)
{
	bool regular = is_regular(f), truncates = flags & O_TRUNC && !f->created;

	if (flags & O_PATH)
		return 0;
	int err = f->ops->meet ? f->ops->meet(f, c) : 0;
	if (!err && regular && file_writable(f))
		err = file_begin_write(f);
	if (!err && regular && file_writable(f))
		err = file_get_write_access(f, c->fs->vfs->writers);
	if (err)
		return err;
	spare_atime(f, c);
	notify_opened(f);
	return regular && truncates && (flags & O_TMPFILE) != O_TMPFILE ? truncate_opened(f, c) : 0;
}

int vfs_open(struct caller *c, const struct path *start, const char *name, int flags, mode_t mode,
	     unsigned walk_flags, struct file **out)
{
	struct file *f;
	int err = vfs_open_begin(c, start, name, flags, mode, walk_flags, &f);

	if (err)
		return err;
	err = vfs_open_end(f, c, flags);
	if (err)
		file_put(f);
	else
		*out = f;
	return err;
}
