/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular files of the host. The position is the host's, so that a descriptor inherited from
 * outside goes on sharing it and O_APPEND is exact. Guest memory is handed to the host call as it
 * is: these calls do not wait for anyone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "fs/generic.h"
#include "fs/hostfs/internal.h"
#include "fs/mount.h"
#include "fs/saved.h"
#include "host/hostcall.h"
#include "mm/access.h"

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

#define PIECES 32

#define HOST_CREATED_QUERY 1028 /* F_CREATED_QUERY */

static int file_fd(struct file *f)
{
	return hostfs_fd(f->path.dentry->inode);
}

static int host_fd(const struct file *f)
{
	return hostfs_fd(f->path.dentry->inode);
}

static struct hostfs_pages *file_pages(struct file *f)
{
	return hostfs_of(f->path.dentry->inode)->pages;
}

static ssize_t host_transfer(int fd, const struct iovec *iov, int n, off_t at, bool write,
			     int flags)
{
	/* The usual case has cheaper calls, and at the end of a file others raise IN_ACCESS
	 * (inotify(7)). */
	if (n == 1 && !flags && at >= 0)
		return host_ret(write ? pwrite(fd, iov->iov_base, iov->iov_len, at)
				      : pread(fd, iov->iov_base, iov->iov_len, at));
	if (n == 1 && !flags)
		return host_call(write ? SYS_write : SYS_read, fd, iov->iov_base, iov->iov_len);
	return host_ret(write ? pwritev2(fd, iov, n, at, flags) : preadv2(fd, iov, n, at, 0));
}

/* One host call's worth. Bytes, -errno; *len: what was asked for. */
static ssize_t transfer_some(int fd, struct uio *u, int64_t *pos, bool write, size_t *len)
{
	struct iovec iov[PIECES];
	int n = uio_pin(u, !write, iov, PIECES, len);

	if (n <= 0) {
		/* No byte is accessible. What comes before that, such as the end of the file, the
		 * host knows. */
		iov[0] = (struct iovec){ NULL, 1 };
		*len = 1;
		n = 1;
	}
	off_t at = pos ? *pos : -1;
	int flags = !write ? 0 : u->append ? RWF_APPEND : u->no_append ? RWF_NOAPPEND : 0;
	ssize_t done = host_transfer(fd, iov, n, at, write, flags);
	uio_unpin(u);
	return done;
}

static ssize_t transfer(int fd, struct uio *u, int64_t *pos, bool write)
{
	ssize_t total = 0;

	while (u->resid) {
		size_t len;
		ssize_t n = transfer_some(fd, u, pos, write, &len);
		if (n < 0)
			return total ? total : n;
		uio_advance(u, (size_t)n);
		total += n;
		if (pos)
			*pos += n;
		if ((size_t)n < len)
			break;
	}
	return total;
}

static ssize_t regular_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return transfer(file_fd(f), u, pos, false);
}

/* Where a write would begin. */
static uint64_t write_offset(struct file *f, const struct uio *u, const int64_t *pos, uint64_t size)
{
	if (u->append || (f->flags & O_APPEND && !u->no_append))
		return size;
	off_t at = pos ? *pos : lseek(file_fd(f), 0, SEEK_CUR);
	return at < 0 ? 0 : (uint64_t)at;
}

/* What does not fit is not written: a short write, or ENOSPC. */
static ssize_t write_within(struct file *f, struct uio *u, int64_t *pos,
			    const struct disk_change *ch)
{
	uint64_t at = write_offset(f, u, pos, ch->size), room = hostfs_disk_room(ch, at);
	size_t all = u->resid, over = all > room ? all - room : 0;

	if (all && !room)
		return hostfs_disk_full(file_fd(f), at);
	u->resid -= over;
	ssize_t n = transfer(file_fd(f), u, pos, true);
	u->resid += over;
	return n;
}

static ssize_t regular_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct disk_change ch;
	int err = hostfs_disk_begin(f->path.dentry->inode, &ch);

	if (err)
		return err;
	ssize_t n = ch.disk ? write_within(f, u, pos, &ch) : transfer(file_fd(f), u, pos, true);
	hostfs_disk_end(&ch);
	if (n > 0)
		atomic_fetch_add_explicit(&hostfs_inode(f->path.dentry->inode)->unsynced,
					  (uint64_t)n, memory_order_relaxed);
	return n;
}

static int64_t host_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	return host_ret(lseek(file_fd(f), off, whence));
}

static int64_t put_int(struct mm *mm, uint64_t arg, int value)
{
	return copy_to_guest(mm, GVA(arg), &value, sizeof value) ? -EFAULT : 0;
}

static int64_t get_inode_flags(struct file *f, struct mm *mm, uint64_t arg)
{
	int flags = 0;
	int err = (int)host_ret(ioctl(file_fd(f), FS_IOC_GETFLAGS, &flags));

	return err ? err : put_int(mm, arg, flags);
}

static int64_t set_inode_flags(struct file *f, struct mm *mm, uint64_t arg)
{
	int flags;

	if (copy_from_guest(mm, &flags, GVA(arg), sizeof flags))
		return -EFAULT;
	return host_ret(ioctl(file_fd(f), FS_IOC_SETFLAGS, &flags));
}

/* As a change of the attributes of what the file shows. */
static int may_set_flags(struct file *f, struct caller *c)
{
	struct inode *i = f->path.dentry->inode;
	struct iattr flags = { .valid = ATTR_TIMES }; /* which the owner alone sets */

	if (f->path.mnt->flags & MOUNT_RDONLY)
		return -EROFS;
	return hostfs_is_given(i) ? -EPERM : hostfs_may_setattr(i, c, &flags);
}

static int64_t host_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			  uint64_t arg)
{
	int err = cmd == FS_IOC_SETFLAGS ? may_set_flags(f, c) : 0;

	if (!err)
		err = hostfs_act_as(c);
	if (err)
		return err;
	switch (cmd) {
	case FS_IOC_GETFLAGS: return get_inode_flags(f, mm, arg);
	case FS_IOC_SETFLAGS: return set_inode_flags(f, mm, arg);
	default: return -ENOTTY;
	}
}

static int regular_pagesource(struct file *f, bool shared_write, struct pagesource **out)
{
	int err = shared_write ? hostfs_drop_set_id(f->path.dentry->inode) : 0;

	if (err)
		return err;
	return hostfs_pages_get(file_pages(f), f->path.dentry->inode, shared_write, out);
}

bool hostfs_know(struct filesystem *fs, struct file *f, struct hostfs_known *out)
{
	struct inode *i = file_inode(f);

	if (f->ops != &hostfs_file_ops || i->fs != fs || hostfs_identify(i, &out->id))
		return false;
	out->fd = hostfs_fd(i);
	return true;
}

static int host_fsync(struct file *f, struct caller *c, bool data_only)
{
	return hostfs_fsync(f->path.dentry->inode, c, data_only);
}

static bool fallocate_grows(int mode)
{
	return !(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE));
}

static int regular_fallocate(struct file *f, struct caller *c, int mode, int64_t off, int64_t len)
{
	struct disk_change ch;
	int err = hostfs_act_as(c);

	if (!err)
		err = hostfs_disk_begin(f->path.dentry->inode, &ch);
	if (err)
		return err;
	bool grows = fallocate_grows(mode);
	bool fits = !grows || hostfs_disk_room(&ch, (uint64_t)off) >= (uint64_t)len;
	err = fits ? hostfs_fallocate(file_fd(f), c, mode, off, len)
		   : hostfs_disk_full(file_fd(f), (uint64_t)off + (uint64_t)len - 1);
	/* a part of it where the host's disk is full; perhaps later where we did not wait */
	bool some = fits && (!err || err == -ENOSPC || err == -EINTR);
	if (some && grows && mode & FALLOC_FL_KEEP_SIZE)
		hostfs_disk_reserved(&ch, (uint64_t)off + (uint64_t)len);
	hostfs_disk_end(&ch);
	if (!err && mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
		hostfs_pages_invalidate(file_pages(f), f->path.dentry->inode, (uint64_t)off,
					UINT64_MAX);
	return err;
}

static int regular_truncate(struct file *f, struct caller *c, uint64_t size)
{
	struct disk_change ch;
	int err = hostfs_act_as(c);

	if (!err)
		err = hostfs_disk_begin(f->path.dentry->inode, &ch);
	if (err)
		return err;
	err = size > ch.size && !hostfs_disk_room(&ch, size - 1)
		  ? hostfs_disk_full(file_fd(f), size - 1)
		  : hostfs_ftruncate(file_fd(f), c, size);
	if (!err)
		hostfs_disk_cut(&ch, size);
	hostfs_disk_end(&ch);
	if (!err)
		hostfs_pages_truncated(file_pages(f), f->path.dentry->inode, size);
	return err;
}

/* A mount without times has every file opened so (fs/open.c). Where the host does not allow that,
 * because the file is another user's, its times are the host's. */
static int host_setfl(struct file *f, unsigned flags)
{
	const bool never =
	    f->path.mnt && mount_atime(f->path.mnt, S_ISDIR(file_inode(f)->type)) == ATIME_NEVER;
	int now = fcntl(file_fd(f), F_GETFL);

	if (now < 0)
		return -errno;
	now &= ~(O_APPEND | O_DIRECT | O_NOATIME);
	now |= (int)flags & (O_APPEND | O_DIRECT | O_NOATIME);
	if (never && fcntl(file_fd(f), F_SETFL, now | O_NOATIME) == 0)
		return 0;
	return (int)host_ret(fcntl(file_fd(f), F_SETFL, now));
}

/* The host knows, of the very open that the guest made; not before Linux 6.12: -EINVAL, as
 * there. */
static int regular_created(struct file *f)
{
	return (int)host_ret(fcntl(file_fd(f), HOST_CREATED_QUERY));
}

static void release(struct file *f)
{
	free(f);
}

const struct file_ops hostfs_file_ops = {
	.saved = &file_by_path,
	.saved_unnamed = &file_removed,
	.created = regular_created,
	.read = regular_read,
	.write = regular_write,
	.lseek = host_lseek,
	.ioctl = host_ioctl,
	.pagesource = regular_pagesource,
	.fsync = host_fsync,
	.fallocate = regular_fallocate,
	.truncate = regular_truncate,
	.setfl = host_setfl,
	.host_fd = host_fd,
	.release = release,
};

struct host_dirent {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
};

#define DIR_BUF 32768

/* Hands on what the host gave. Where the reader had enough, the host's position is put back in
 * front of that entry. */
static int emit_all(int fd, struct dir_emit *e, const char *buf, long n, int64_t before)
{
	for (long at = 0; at < n;) {
		const struct host_dirent *d = (const struct host_dirent *)(const void *)(buf + at);
		if (!e->emit(e, d->d_name, strlen(d->d_name), d->d_ino, d->d_off, d->d_type)) {
			lseek(fd, before, SEEK_SET);
			return 1;
		}
		before = d->d_off;
		at += d->d_reclen;
	}
	return 0;
}

static int dir_readdir(struct file *f, struct caller *c, struct dir_emit *e)
{
	int fd = file_fd(f), full = 0;
	char *buf = malloc(DIR_BUF);
	/* A reader that names its room never stops early: it is given no more than that, and
	 * entries are of one size on both sides. */
	bool named = e->room;
	size_t room = named && e->room < DIR_BUF ? e->room : DIR_BUF;

	if (!buf)
		return -ENOMEM;
	while (!full) {
		int64_t before = named ? 0 : lseek(fd, 0, SEEK_CUR);
		long n = host_call(SYS_getdents64, fd, buf, room);
		full = n <= 0 ? (int)n : emit_all(fd, e, buf, n, before);
		if (n <= 0 || named)
			break;
	}
	free(buf);
	return full < 0 ? full : 0;
}

const struct file_ops hostfs_dir_ops = {
	.saved = &file_by_path,
	.read = generic_dir_io,
	.write = generic_dir_io,
	.lseek = host_lseek,
	.ioctl = host_ioctl,
	.readdir = dir_readdir,
	.fsync = host_fsync,
	.setfl = host_setfl,
	.host_fd = host_fd,
	.release = release,
};
