/* SPDX-License-Identifier: Apache-2.0 */
/* read(2), write(2) and their vectored and positional forms; lseek(2). */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/hostfs/stream.h"
#include "mm/forecast.h"
#include "sys/sys.h"
#include "sys/transfer.h"

/* vfs_read(): access_ok, then the count is cut. */
int transfer_buffer(struct task *t, struct uio *u, gva_t buf, uint64_t len)
{
	if (!gva_range_ok(buf, len))
		return -EFAULT;
	uio_init_guest(u, t->mm, buf, len < MAX_RW_COUNT ? len : MAX_RW_COUNT);
	return 0;
}

/* Linux looks at whether there are positions, then at the descriptor's mode, then at the buffer. */
int transfer_check_mode(const struct file *f, transfer_fn *fn, const int64_t *pos)
{
	if (pos && (!f->ops->lseek || f->ops->lseek_ignored || file_is_stream(f)))
		return -ESPIPE;
	return (fn == file_read ? file_readable(f) : file_writable(f)) ? 0 : -EBADF;
}

int64_t transfer_run(struct task *t, struct file *f, struct caller *c, struct uio *u,
		     transfer_fn *fn, int64_t *pos)
{
	transfer_begin(t, u, pos);
	int64_t r = fn(f, c, u, pos);

	if (t->sleeper.gave_up)
		return r; /* counted when it is whole */
	int64_t all = transfer_end(t, r);
	if (fn == file_read)
		task_count_read(t, all);
	else
		task_count_write(t, all);
	if (f->stdio && fn == file_write && r > 0)
		mm_forecast_over(t->mm);
	return r;
}

static int64_t transfer_one(struct task *t, const uint64_t *a, transfer_fn *fn, int64_t *pos)
{
	struct caller c = task_caller(t);
	struct uio u;

	struct file *f = task_fd(t, (int)a[0]);
	if (!f)
		return -EBADF;
	int64_t r = transfer_check_mode(f, fn, pos);
	if (!r)
		r = transfer_buffer(t, &u, GVA(a[1]), a[2]);
	if (!r)
		r = transfer_run(t, f, &c, &u, fn, pos);
	task_fd_put(t, f);
	return transfer_result(t, &c, r);
}

SYSCALL_DEFINE(read)
{
	return transfer_one(t, a, file_read, NULL);
}

SYSCALL_DEFINE(write)
{
	return transfer_one(t, a, file_write, NULL);
}

SYSCALL_DEFINE(pread64)
{
	int64_t pos = (int64_t)a[3];

	return pos < 0 ? -EINVAL : transfer_one(t, a, file_read, &pos);
}

SYSCALL_DEFINE(pwrite64)
{
	int64_t pos = (int64_t)a[3];

	return pos < 0 ? -EINVAL : transfer_one(t, a, file_write, &pos);
}

static bool ready_now(struct file *f, transfer_fn *fn)
{
	return file_poll(f, NULL) &
	       (fn == file_read ? POLLIN | POLLHUP | POLLERR : POLLOUT | POLLERR);
}

#define RWF_KNOWN (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND)

/* RWF_HIPRI is a hint. */
int transfer_check_flags(struct file *f, transfer_fn *fn, unsigned rwf)
{
	if (rwf & ~(unsigned)RWF_KNOWN)
		return -EOPNOTSUPP;
	if (rwf & RWF_APPEND && rwf & RWF_NOAPPEND)
		return -EINVAL;
	if (rwf & RWF_NOWAIT && !ready_now(f, fn))
		return -EAGAIN;
	return 0;
}

static int64_t transfer_vec(struct task *t, struct file *f, struct caller *c, const uint64_t *a,
			    transfer_fn *fn, int64_t *pos, unsigned rwf)
{
	struct guest_iovec fast[8], *iov;
	struct uio u;

	int n = get_iovec(t, GVA(a[1]), (uint32_t)a[2], fast, &iov);
	if (n < 0)
		return n;
	uio_init_guestv(&u, t->mm, iov, n);
	u.append = rwf & RWF_APPEND;
	u.no_append = rwf & RWF_NOAPPEND;
	int64_t r = n && u.resid ? transfer_run(t, f, c, &u, fn, pos) : 0;
	if (iov != fast)
		free(iov);
	return r;
}

static int64_t transfer_many(struct task *t, const uint64_t *a, transfer_fn *fn, int64_t *pos,
			     unsigned rwf)
{
	struct caller c = task_caller(t);
	struct file *f = task_fd(t, (int)a[0]);

	if (!f)
		return -EBADF;
	int64_t r = transfer_check_mode(f, fn, pos);
	if (!r)
		r = transfer_check_flags(f, fn, rwf);
	if (!r)
		r = transfer_vec(t, f, &c, a, fn, pos, rwf);
	if (r > 0 && fn == file_write && rwf & (RWF_DSYNC | RWF_SYNC) && f->ops->fsync)
		f->ops->fsync(f, &c, !(rwf & RWF_SYNC));
	task_fd_put(t, f);
	return transfer_result(t, &c, r);
}

SYSCALL_DEFINE(readv)
{
	return transfer_many(t, a, file_read, NULL, 0);
}

SYSCALL_DEFINE(writev)
{
	return transfer_many(t, a, file_write, NULL, 0);
}

static int64_t transfer_at(struct task *t, const uint64_t *a, transfer_fn *fn, unsigned rwf)
{
	int64_t pos = (int64_t)a[3];

	return pos < 0 ? -EINVAL : transfer_many(t, a, fn, &pos, rwf);
}

SYSCALL_DEFINE(preadv)
{
	return transfer_at(t, a, file_read, 0);
}

SYSCALL_DEFINE(pwritev)
{
	return transfer_at(t, a, file_write, 0);
}

/* Position -1: the file's own. */
static int64_t transfer_2(struct task *t, const uint64_t *a, transfer_fn *fn)
{
	unsigned rwf = (unsigned)a[5];

	return (int64_t)a[3] == -1 ? transfer_many(t, a, fn, NULL, rwf)
				   : transfer_at(t, a, fn, rwf);
}

SYSCALL_DEFINE(preadv2)
{
	return transfer_2(t, a, file_read);
}

SYSCALL_DEFINE(pwritev2)
{
	return transfer_2(t, a, file_write);
}

SYSCALL_DEFINE(lseek)
{
	struct caller c = task_caller(t);
	int whence = (int)a[2];

	struct file *f = fd_get(t->files, (int)a[0]);
	if (!f)
		return -EBADF;
	int64_t r = -EINVAL;
	if (whence >= SEEK_SET && whence <= SEEK_HOLE)
		r = f->ops->lseek           ? f->ops->lseek(f, &c, (int64_t)a[1], whence)
		    : f->ops->lseek_ignored ? 0
					    : -ESPIPE;
	file_put(f);
	return r;
}
