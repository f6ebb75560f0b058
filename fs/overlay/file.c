/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files. One has a file of the layer behind it: of a lower one as long as nothing was changed,
 * of the upper one from the moment when somebody does, through whatever descriptor; a lower file
 * that is open for writing is copied with the first write. The position is the overlay's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/generic.h"
#include "fs/overlay/internal.h"
#include "fs/saved.h"

#define KEPT_BY_LAYER (O_APPEND | O_DIRECT | O_NOATIME)

struct ovl_file {
	struct file file;
	struct file *lower;           /* NULL: was opened when there was an upper one */
	_Atomic(struct file *) upper; /* set once */
};

static struct ovl_file *ovl_file(struct file *f)
{
	return container_of(f, struct ovl_file, file);
}

static struct ovl_inode *inode_of(struct file *f)
{
	return ovl_inode(f->path.dentry->inode);
}

/* A file of the upper layer has been made since `f` was opened. */
static int open_upper(struct file *f, const struct caller *c, struct file **out)
{
	struct ovl_inode *oi = inode_of(f);
	struct caller mc = ovl_mounter(overlay_of(&oi->inode), c);
	struct file *none = NULL, *upper;
	int err = ovl_real_open(oi->upper, &mc, (int)f->flags & ~(O_NOATIME | O_NONBLOCK), &upper);

	if (err)
		return err;
	*out = upper;
	if (!atomic_compare_exchange_strong(&ovl_file(f)->upper, &none, upper)) {
		file_put(upper);
		*out = none;
	}
	return 0;
}

/* The file of a layer behind it, borrowed. */
static int real_file(struct file *f, const struct caller *c, struct file **out)
{
	*out = ovl_file(f)->upper;
	if (*out)
		return 0;
	if (inode_of(f)->upper)
		return open_upper(f, c, out);
	*out = ovl_file(f)->lower;
	return 0;
}

/* The same to change it; of its data `size` bytes are wanted. */
static int upper_file(struct file *f, struct caller *c, uint64_t size, struct file **out)
{
	int err = ovl_copy_up(inode_of(f), c, size);

	return err ? err : real_file(f, c, out);
}

static ssize_t transfer(struct file *f, struct caller *c, struct uio *u, int64_t *pos, bool write)
{
	int64_t *at = pos ? pos : &f->pos;
	struct file *real;
	ssize_t n;
	/* which may take long: others who share the position do not wait for that */
	int err = write && u->resid ? ovl_copy_up(inode_of(f), c, UINT64_MAX) : 0;

	if (err)
		return err;
	if (!pos)
		mutex_lock(&f->pos_lock);
	err = real_file(f, c, &real);
	if (err)
		n = err;
	else if (!write)
		n = real->ops->read(real, c, u, at);
	else
		n = u->resid ? real->ops->write(real, c, u, at) : 0;
	/* Where the host has put it, the host knows. */
	if (write && n > 0 && file_appends(f, u) && ovl_on_host(real->path.dentry->inode)) {
		int64_t end = real->ops->lseek(real, c, 0, SEEK_END);
		*at = end >= 0 ? end : *at;
	}
	if (!pos)
		mutex_unlock(&f->pos_lock);
	return n;
}

static ssize_t ovl_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return transfer(f, c, u, pos, false);
}

static ssize_t ovl_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return transfer(f, c, u, pos, true);
}

static int64_t ovl_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	struct statx st = { 0 };
	struct file *real;
	int err = 0;

	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		err = real_file(f, c, &real);
		if (!err)
			off = real->ops->lseek(real, c, off, whence);
		if (err || off < 0)
			return err ? err : off;
		whence = SEEK_SET;
	}
	if (whence == SEEK_END)
		err = ovl_getattr(&inode_of(f)->inode, c, STATX_SIZE, &st);
	return err ? err : generic_lseek(f, off, whence, (int64_t)st.stx_size);
}

static int64_t ovl_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			 uint64_t arg)
{
	struct file *real;
	int err =
	    cmd == FS_IOC_SETFLAGS ? upper_file(f, c, UINT64_MAX, &real) : real_file(f, c, &real);

	if (err)
		return err;
	return real->ops->ioctl ? real->ops->ioctl(real, c, mm, cmd, arg) : -ENOTTY;
}

static int ovl_map_writable(struct file *f, struct caller *c)
{
	return ovl_copy_up(inode_of(f), c, UINT64_MAX);
}

/* A mapping that exists goes on showing the file it was made of, as overlayfs's do. */
static int ovl_pagesource(struct file *f, bool shared_write, struct pagesource **out)
{
	struct ovl_inode *oi = inode_of(f);
	struct caller mc = ovl_mounter(overlay_of(&oi->inode), NULL);
	dev_t dev = oi->inode.fs->dev;
	struct source_id id = { .major = major(dev), .minor = minor(dev) };
	struct file *real;
	int err = shared_write ? upper_file(f, NULL, UINT64_MAX, &real) : real_file(f, NULL, &real);

	if (!err)
		err = ovl_ino(oi, &mc, &id.ino);
	if (!err)
		err = real->ops->pagesource(real, shared_write, out);
	if (!err)
		pagesource_show_as(*out, &id);
	return err;
}

static int ovl_fsync(struct file *f, struct caller *c, bool data_only)
{
	struct file *real;
	int err = inode_of(f)->upper ? real_file(f, c, &real) : 0;

	if (err || !inode_of(f)->upper)
		return err;
	return real->ops->fsync(real, c, data_only);
}

static int ovl_fallocate(struct file *f, struct caller *c, int mode, int64_t off, int64_t len)
{
	struct file *real;
	int err = upper_file(f, c, UINT64_MAX, &real);

	return err ? err : real->ops->fallocate(real, c, mode, off, len);
}

static int ovl_truncate(struct file *f, struct caller *c, uint64_t size)
{
	struct file *real;
	int err = upper_file(f, c, size, &real);

	return err ? err : real->ops->truncate(real, c, size);
}

static int set_flags(struct file *real, unsigned flags)
{
	unsigned new = (real->flags & ~(unsigned)KEPT_BY_LAYER) | (flags & KEPT_BY_LAYER);
	int err = real->ops->setfl ? real->ops->setfl(real, new) : 0;

	if (!err)
		real->flags = new;
	return err;
}

static int ovl_setfl(struct file *f, unsigned flags)
{
	struct file *upper = ovl_file(f)->upper;

	return upper ? set_flags(upper, flags) : 0;
}

static int host_fd(const struct file *f)
{
	struct ovl_file *of = ovl_file((struct file *)(uintptr_t)f);
	struct file *real = of->upper ? of->upper : of->lower;

	return real->ops->host_fd ? real->ops->host_fd(real) : -1;
}

static void release(struct file *f)
{
	struct ovl_file *of = ovl_file(f);

	file_put(of->lower);
	file_put(of->upper);
	free(of);
}

static const struct file_ops ovl_file_ops = {
	.saved = &file_by_path,
	.saved_unnamed = &file_removed,
	.read = ovl_read,
	.write = ovl_write,
	.lseek = ovl_lseek,
	.ioctl = ovl_ioctl,
	.pagesource = ovl_pagesource,
	.map_writable = ovl_map_writable,
	.fsync = ovl_fsync,
	.fallocate = ovl_fallocate,
	.truncate = ovl_truncate,
	.setfl = ovl_setfl,
	.host_fd = host_fd,
	.release = release,
};

int ovl_file_new(struct ovl_inode *oi, struct dentry *d, int flags, struct file *real, bool upper,
		 struct file **out)
{
	struct ovl_file *of = malloc(sizeof *of);

	if (!of) {
		file_put(real);
		return -ENOMEM;
	}
	ovl_take_file(real);
	file_init(&of->file, &ovl_file_ops, (unsigned)flags);
	of->file.path.dentry = dentry_get(d);
	of->lower = upper ? NULL : real;
	of->upper = upper ? real : NULL;
	*out = &of->file;
	return 0;
}

/* An open that may not write but cuts. It is the caller who changes the file, so that set-id bits
 * which the caller may not keep go. */
static int cut(struct ovl_inode *oi, struct caller *c)
{
	const struct iattr a = { .valid = ATTR_SIZE, .size = 0 };
	int err = ovl_copy_up(oi, c, 0);
	struct inode *upper = oi->upper;

	return err ? err : upper->ops->setattr(upper, c, &a);
}

static int open_regular(struct ovl_inode *oi, struct caller *c, struct dentry *d, int flags,
			struct file **out)
{
	struct overlay *o = overlay_of(&oi->inode);
	struct caller mc = ovl_mounter(o, c);
	struct file *real;
	int err = flags & O_TRUNC ? cut(oi, c) : 0;

	if (err)
		return err;
	flags &= ~O_TRUNC;
	struct inode *upper = oi->upper;
	if (upper)
		err = ovl_real_open(upper, &mc, flags & ~O_NONBLOCK, &real);
	else
		err = ovl_open_lower(o, &mc, oi->lower[0].inode, &real);
	return err ? err : ovl_file_new(oi, d, flags, real, upper, out);
}

int ovl_open(struct inode *i, struct caller *c, struct dentry *d, int flags, struct file **out)
{
	struct ovl_inode *oi = ovl_inode(i);

	switch (i->type) {
	case S_IFREG: return open_regular(oi, c, d, flags, out);
	case S_IFDIR: return ovl_dir_open(d, flags, out);
	case S_IFIFO: return fifo_open(&oi->fifo, c, flags, out);
	default: return -ENXIO;
	}
}
