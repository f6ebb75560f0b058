/* SPDX-License-Identifier: Apache-2.0 */
/* sendfile(2), copy_file_range(2): from file to file through a buffer of ours. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/pipe_end.h"
#include "sys/sys.h"

#define CHUNK 131072

/* One copy in progress. Positions NULL: the file's own (for `in` it is then kept here and set at
 * the end). */
struct copy {
	struct caller c;
	struct file *in, *out;
	int64_t in_pos;
	int64_t *out_pos;
};

/* Bytes moved by one round, 0: the end. A short read is none; *cut: a write was, and nothing more
 * goes. */
static ssize_t copy_some(struct copy *x, char *buf, size_t n, bool *cut)
{
	struct uio u;
	int64_t pos = x->in_pos;

	uio_init_kernel(&u, buf, n);
	ssize_t got = file_read(x->in, &x->c, &u, &pos);
	if (got <= 0)
		return got;
	uio_init_kernel(&u, buf, (size_t)got);
	ssize_t put = file_write(x->out, &x->c, &u, x->out_pos);
	if (put > 0)
		x->in_pos += put;
	*cut = put < got;
	return put;
}

static ssize_t copy_all(struct copy *x, size_t len)
{
	size_t size = len < CHUNK ? len : CHUNK;
	char *buf = malloc(size ? size : 1);
	size_t total = 0;
	bool cut = false;
	ssize_t n = 0;

	if (!buf)
		return -ENOMEM;
	while (total < len && !cut) {
		size_t want = len - total < size ? len - total : size;
		n = copy_some(x, buf, want, &cut);
		if (n <= 0)
			break;
		total += (size_t)n;
		if (total < len && sleeper_stops(x->c.sleeper))
			break;
	}
	free(buf);
	return total ? (ssize_t)total : n;
}

/* An offset argument: the guest's variable, or the file's position. Both are written back when a
 * call is frozen in the middle, and so what is left of the length is all that it has to know when
 * it is made again. */
static int get_offset(struct task *t, struct caller *c, struct file *f, gva_t addr, int64_t *pos)
{
	if (addr.v && get_user(t, pos, addr))
		return -EFAULT;
	if (!addr.v)
		*pos = f->ops->lseek ? f->ops->lseek(f, c, 0, SEEK_CUR) : -ESPIPE;
	return *pos < 0 ? (addr.v ? -EINVAL : (int)*pos) : 0;
}

static int put_offset(struct task *t, struct caller *c, struct file *f, gva_t addr, int64_t pos)
{
	if (addr.v)
		return put_user(t, addr, &pos);
	f->ops->lseek(f, c, pos, SEEK_SET);
	return 0;
}

static size_t left_of(struct task *t, size_t len)
{
	size_t max = len < MAX_RW_COUNT ? len : MAX_RW_COUNT;

	return t->resume.done < max ? max - t->resume.done : 0;
}

static bool is_pipe(struct file *f)
{
	struct pipe_end e;

	pipe_end_init(&e, f);
	return pipe_end_is_pipe(&e);
}

static int64_t sendfile_files(struct task *t, struct copy *x, gva_t off, size_t count)
{
	struct inode *i = file_inode(x->in);

	if (!file_readable(x->in) || !file_writable(x->out))
		return -EBADF;
	if (!x->in->ops->lseek || x->in->ops->no_splice_read || x->out->ops->no_splice_write)
		return -EINVAL;
	if ((i && S_ISDIR(i->type)) || x->out->flags & O_APPEND)
		return -EINVAL;
	int err = get_offset(t, &x->c, x->in, off, &x->in_pos);
	if (err)
		return err;
	count = left_of(t, count);
	ssize_t n = is_pipe(x->out) ? splice_file_to_pipe(&x->c, x->in, &x->in_pos, x->out, count)
				    : copy_all(x, count);
	err = n >= 0 ? put_offset(t, &x->c, x->in, off, x->in_pos) : 0;
	return err ? err : n;
}

/* /proc/PID/io counts it when it is whole. */
static void copy_count(struct task *t, int64_t r)
{
	if (t->sleeper.gave_up)
		return;
	task_count_read(t, transfer_end(t, r));
	task_count_write(t, transfer_end(t, r));
}

SYSCALL_DEFINE(sendfile)
{
	struct copy x = { .c = task_caller(t) };

	x.in = task_fd(t, (int)a[1]);
	x.out = task_fd(t, (int)a[0]);
	int64_t r = x.in && x.out ? 0 : -EBADF;

	if (!r && (int64_t)a[3] < 0)
		r = -EINVAL;
	if (!r)
		r = sendfile_files(t, &x, GVA(a[2]), a[3]);
	copy_count(t, r);
	task_fd_put(t, x.in);
	task_fd_put(t, x.out);
	return transfer_result(t, &x.c, r);
}

static int check_regular(struct file *f)
{
	struct inode *i = file_inode(f);

	return i && S_ISDIR(i->type) ? -EISDIR : i && S_ISREG(i->type) ? 0 : -EINVAL;
}

static bool overlaps(const struct copy *x, int64_t out_pos, size_t len)
{
	bool same = inode_same(file_inode(x->in), file_inode(x->out));

	return same && out_pos < x->in_pos + (int64_t)len && x->in_pos < out_pos + (int64_t)len;
}

static int check_copy(struct copy *x)
{
	int err = check_regular(x->in);

	if (!err)
		err = check_regular(x->out);
	if (!err && (!file_readable(x->in) || !file_writable(x->out) || x->out->flags & O_APPEND))
		err = -EBADF;
	return err;
}

/* generic_copy_file_checks(): what lies behind the end of the file now is not copied, even if the
 * copy makes it longer. */
static int clamp_to_size(struct copy *x, size_t *len)
{
	struct statx st;
	int err = file_getattr(x->in, &x->c, STATX_SIZE, &st);

	if (err)
		return err;
	uint64_t left = (int64_t)st.stx_size > x->in_pos ? st.stx_size - (uint64_t)x->in_pos : 0;
	if (*len > left)
		*len = left;
	return 0;
}

static int64_t copy_range(struct task *t, struct copy *x, const uint64_t *a)
{
	size_t len = left_of(t, a[4]);
	int64_t out_pos;

	int err = check_copy(x);
	if (!err)
		err = get_offset(t, &x->c, x->in, GVA(a[1]), &x->in_pos);
	if (!err)
		err = get_offset(t, &x->c, x->out, GVA(a[3]), &out_pos);
	if (!err && (x->in_pos > INT64_MAX - (int64_t)len || out_pos > INT64_MAX - (int64_t)len))
		err = -EOVERFLOW;
	if (!err)
		err = clamp_to_size(x, &len);
	if (!err && overlaps(x, out_pos, len))
		err = -EINVAL;
	if (err)
		return err;
	x->out_pos = &out_pos;
	ssize_t n = copy_all(x, len);
	if (n > 0)
		err = put_offset(t, &x->c, x->in, GVA(a[1]), x->in_pos);
	if (n > 0 && !err)
		err = put_offset(t, &x->c, x->out, GVA(a[3]), out_pos);
	return err ? err : n;
}

SYSCALL_DEFINE(copy_file_range)
{
	struct copy x = { .c = task_caller(t) };

	x.in = task_fd(t, (int)a[0]);
	x.out = task_fd(t, (int)a[2]);
	int64_t r = !x.in || !x.out ? -EBADF : a[5] ? -EINVAL : copy_range(t, &x, a);

	copy_count(t, r);
	task_fd_put(t, x.in);
	task_fd_put(t, x.out);
	return io_result(t, r);
}
