/* SPDX-License-Identifier: Apache-2.0 */
/* The checked entry points to open files. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/anon.h"
#include "fs/mount.h"
#include "fs/notify.h"

/* Linux: rw_verify_area. */
static bool behind_last_offset(const struct uio *u, const int64_t *pos)
{
	return pos && u->resid > (uint64_t)(INT64_MAX - *pos);
}

static bool is_regular(struct file *f)
{
	struct inode *i = file_inode(f);

	return i && S_ISREG(i->type);
}

#define PIECE (1UL << 20)

/* A transfer of gigabytes takes the host seconds and does not look at who is to end. So it goes in
 * pieces, and what is left after one may be left for later. */
static ssize_t transfer(struct file *f, struct caller *c, struct uio *u, int64_t *pos,
			ssize_t (*op)(struct file *f, struct caller *c, struct uio *u,
				      int64_t *pos))
{
	ssize_t total = 0, n;
	size_t len, hidden;

	if (u->resid <= PIECE || !is_regular(f))
		return op(f, c, u, pos);
	do {
		len = u->resid < PIECE ? u->resid : PIECE;
		hidden = u->resid - len;
		u->resid = len;
		n = op(f, c, u, pos);
		u->resid += hidden;
		total += n > 0 ? n : 0;
	} while (n == (ssize_t)len && u->resid && !sleeper_stops(c->sleeper));
	return total ? total : n;
}

ssize_t file_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	if (!file_readable(f))
		return -EBADF;
	if (!f->ops->read || behind_last_offset(u, pos))
		return -EINVAL;
	ssize_t n = transfer(f, c, u, pos, f->ops->read);
	if (n > 0)
		notify_file(f, IN_ACCESS);
	return n;
}

/* Where a write would begin. */
static int64_t write_position(struct file *f, struct caller *c, const struct uio *u,
			      const int64_t *pos)
{
	struct statx st;

	if (file_appends(f, u))
		return inode_getattr(file_inode(f), c, STATX_SIZE, &st) ? 0 : (int64_t)st.stx_size;
	return pos ? *pos : f->ops->lseek(f, c, 0, SEEK_CUR);
}

/* RLIMIT_FSIZE (setrlimit(2)): a write up to the limit is cut short, one behind it fails; the
 * system call layer sends SIGXFSZ. Returns how much of the buffers to hide. */
static ssize_t excess_of_limit(struct file *f, struct caller *c, const struct uio *u,
			       const int64_t *pos)
{
	if (c->fsize_limit == UINT64_MAX || !is_regular(f) || !u->resid)
		return 0;
	int64_t at = write_position(f, c, u, pos);
	if (at < 0)
		return 0;
	if ((uint64_t)at >= c->fsize_limit)
		return -EFSIZE;
	uint64_t room = c->fsize_limit - (uint64_t)at;
	return u->resid > room ? (ssize_t)(u->resid - room) : 0;
}

/* inode_newsize_ok() of Linux's fs/attr.c: only growing is refused. */
int inode_check_size(struct inode *i, struct caller *c, uint64_t size)
{
	struct statx st;

	if (size <= c->fsize_limit)
		return 0;
	int err = inode_getattr(i, c, STATX_SIZE, &st);
	return err ? err : size > st.stx_size ? -EFSIZE : 0;
}

ssize_t file_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	if (!file_writable(f))
		return -EBADF;
	if (!f->ops->write || behind_last_offset(u, pos))
		return -EINVAL;
	ssize_t excess = excess_of_limit(f, c, u, pos);
	if (excess < 0)
		return excess;
	u->resid -= (size_t)excess;
	const struct uio before = *u;
	ssize_t n = transfer(f, c, u, pos, f->ops->write);
	u->resid += (size_t)excess;
	if (n > 0)
		notify_file(f, IN_MODIFY);
	if (n > 0 && f->stdio && c->fs->vfs->written)
		c->fs->vfs->written(c->fs->vfs->written_arg, c, f, &before, (size_t)n);
	return n;
}

ssize_t file_read_kernel(struct file *f, struct caller *c, void *buf, size_t n, int64_t pos)
{
	struct uio u;
	ssize_t r = 1;

	uio_init_kernel(&u, buf, n);
	while (u.resid && r > 0)
		r = file_read(f, c, &u, &pos);
	return r < 0 && u.resid == n ? r : (ssize_t)(n - u.resid);
}

int file_getattr(struct file *f, struct caller *c, unsigned mask, struct statx *out)
{
	int err = 0;

	if (f->path.dentry)
		return path_getattr(&f->path, c, mask, out);
	if (f->ops->getattr)
		err = f->ops->getattr(f, c, mask, out);
	else
		anon_getattr(f, NULL, out);
	if (!err)
		mount_getattr(c->fs->vfs->internal, false, mask, out);
	return err;
}
