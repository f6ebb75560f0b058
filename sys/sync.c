/* SPDX-License-Identifier: Apache-2.0 */
/* fsync(2), sync(2), fallocate(2), fadvise(2), readahead(2). */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>

#include "fs/notify.h"
#include "fs/pipefs/pipe.h"
#include "sys/sys.h"

static int64_t do_fsync(struct task *t, int fd, bool data_only)
{
	struct file *f = fd_get(t->files, fd);

	if (!f)
		return -EBADF;
	struct caller c = task_caller(t);
	int err = f->ops->fsync ? f->ops->fsync(f, &c, data_only) : -EINVAL;
	file_put(f);
	return err;
}

SYSCALL_DEFINE(fsync)
{
	return do_fsync(t, (int)a[0], false);
}

SYSCALL_DEFINE(fdatasync)
{
	return do_fsync(t, (int)a[0], true);
}

SYSCALL_DEFINE(sync)
{
	struct caller c = task_caller(t);

	vfs_sync(t->fs->vfs, &c);
	return 0;
}

SYSCALL_DEFINE(syncfs)
{
	struct file *f = fd_get(t->files, (int)a[0]);

	if (!f)
		return -EBADF;
	struct caller c = task_caller(t);
	struct inode *i = file_inode(f);
	int err = i && i->fs->ops->sync ? i->fs->ops->sync(i->fs, &c) : 0;
	file_put(f);
	return err;
}

/* Pipes have no place to speak of, as sockets. */
static int check_seekable(struct file *f)
{
	struct inode *i = file_inode(f);

	return !f->ops->lseek || (i && S_ISFIFO(i->type)) ? -ESPIPE : 0;
}

/* Linux's sync_file_range() takes what has pages: files, directories, block devices, and
 * symlinks. */
static int check_ranges(struct file *f)
{
	struct inode *i = file_inode(f);

	return i && (S_ISREG(i->type) || S_ISDIR(i->type) || S_ISBLK(i->type)) ? 0 : -ESPIPE;
}

SYSCALL_DEFINE(sync_file_range)
{
	struct caller c = task_caller(t);
	int64_t off = (int64_t)a[1], len = (int64_t)a[2];

	if (a[3] & ~(uint64_t)(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
			       SYNC_FILE_RANGE_WAIT_AFTER) ||
	    off < 0 || len < 0 || off > INT64_MAX - len)
		return -EINVAL;
	struct file *f = fd_get(t->files, (int)a[0]);
	if (!f)
		return -EBADF;
	/* More than was asked for, never less. */
	int err = check_ranges(f);
	if (!err && f->ops->fsync)
		err = f->ops->fsync(f, &c, true);
	file_put(f);
	return err;
}

/* Advice is checked, and may be ignored (posix_fadvise(2)). */
SYSCALL_DEFINE(fadvise64)
{
	struct file *f = fd_get(t->files, (int)a[0]);

	if (!f)
		return -EBADF;
	int err = check_seekable(f);
	if (!err && ((int64_t)a[2] < 0 || (unsigned)a[3] > POSIX_FADV_NOREUSE))
		err = -EINVAL;
	file_put(f);
	return err;
}

SYSCALL_DEFINE(readahead)
{
	struct file *f = fd_get(t->files, (int)a[0]);

	if (!f)
		return -EBADF;
	struct inode *i = file_inode(f);
	int err = !file_readable(f) ? -EBADF : i && S_ISREG(i->type) ? 0 : -EINVAL;
	file_put(f);
	return err;
}

/* vfs_fallocate() of Linux's fs/open.c. */
static int check_fallocate(struct file *f, struct caller *c, int mode, int64_t off, int64_t len)
{
	struct inode *i = file_inode(f);

	if (off < 0 || len <= 0)
		return -EINVAL;
	if (mode & FALLOC_FL_PUNCH_HOLE && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!file_writable(f))
		return -EBADF;
	if (f->flags & O_APPEND && mode & ~FALLOC_FL_KEEP_SIZE)
		return -EPERM;
	if (file_pipe(f) || (i && S_ISFIFO(i->type)))
		return -ESPIPE;
	if (i && S_ISDIR(i->type))
		return -EISDIR;
	if (!i || !S_ISREG(i->type))
		return -ENODEV;
	if (off > INT64_MAX - len)
		return -EFBIG;
	if (!f->ops->fallocate)
		return -EOPNOTSUPP;
	return mode & FALLOC_FL_KEEP_SIZE ? 0 : inode_check_size(i, c, (uint64_t)(off + len));
}

SYSCALL_DEFINE(fallocate)
{
	struct caller c = task_caller(t);
	int64_t off = (int64_t)a[2], len = (int64_t)a[3];

	struct file *f = fd_get(t->files, (int)a[0]);
	if (!f)
		return -EBADF;
	int err = check_fallocate(f, &c, (int)a[1], off, len);
	if (!err)
		err = f->ops->fallocate(f, &c, (int)a[1], off, len);
	if (!err)
		notify_file(f, IN_MODIFY);
	file_put(f);
	return io_result(t, err);
}
