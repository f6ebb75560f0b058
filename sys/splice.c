/* SPDX-License-Identifier: Apache-2.0 */
/* splice(2), tee(2), vmsplice(2): data moves by copy, page by page. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fs/pipefs/pipe.h"
#include "sys/sys.h"

#define SPLICE_F_ALL (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

/* One splice(2) in progress. */
struct splice {
	struct file *in, *out;
	struct pipe *from, *to; /* NULL: not a pipe */
	int64_t *in_pos, *out_pos;
	size_t len;
	bool nonblock;
	struct caller c;
};

/* Writes out what is in `b`, up to `len` bytes. */
static ssize_t splice_write_buf(struct splice *s, struct pipe_buf *b, size_t len)
{
	struct uio u;
	size_t n = b->len < len ? b->len : len;

	uio_init_kernel(&u, b->page + b->off, n);
	ssize_t r = file_write(s->out, &s->c, &u, s->out_pos);
	if (r > 0) {
		b->off += r;
		b->len -= r;
	}
	return r;
}

/* The first slot is waited for, the rest taken while there is one (Linux: splice_from_pipe_next). */
static ssize_t splice_from_pipe(struct splice *s)
{
	size_t total = 0;
	ssize_t r = 1;

	while (r > 0 && total < s->len) {
		struct pipe_buf b;
		r = pipe_borrow(s->from, &s->c, s->nonblock || total, &b);
		if (r <= 0)
			break;
		r = splice_write_buf(s, &b, s->len - total);
		bool partial = b.len > 0;
		pipe_unborrow(s->from, &b);
		if (r > 0)
			total += r;
		if (partial)
			break;
	}
	return total ? (ssize_t)total : r;
}

/* Would the next read of a stream have to wait? Files without a poll never do. */
static bool splice_in_ready(struct splice *s)
{
	return file_poll(s->in, NULL) & (POLLIN | POLLHUP | POLLERR);
}

static ssize_t splice_read_buf(struct splice *s, struct pipe_buf *b, size_t len)
{
	struct inode *i = file_inode(s->in);
	struct uio u;

	if (s->in->ops->no_splice_read || (i && S_ISDIR(i->type)))
		return -EINVAL;
	uio_init_kernel(&u, b->page, len < PAGE_SIZE ? len : PAGE_SIZE);
	ssize_t r = file_read(s->in, &s->c, &u, s->in_pos);
	b->len = r > 0 ? r : 0;
	return r;
}

static ssize_t splice_to_pipe(struct splice *s)
{
	size_t total = 0;
	ssize_t r = 1;

	while (total < s->len && (!total || splice_in_ready(s))) {
		struct pipe_buf b;
		r = pipe_promise(s->to, &s->c, s->nonblock || total, &b);
		if (r < 0)
			break;
		r = splice_read_buf(s, &b, s->len - total);
		pipe_fulfil(s->to, &b);
		if (r > 0)
			total += r;
		if (r < (ssize_t)PAGE_SIZE)
			break;
	}
	return total ? (ssize_t)total : r;
}

/* One slot from pipe to pipe: bytes, 0 at the end of the data, -errno. */
static ssize_t splice_slot(struct splice *s, size_t len, bool nonblock)
{
	struct pipe_buf b, o;

	int r = pipe_promise(s->to, &s->c, nonblock, &o);
	if (r < 0)
		return r;
	r = pipe_borrow(s->from, &s->c, nonblock, &b);
	if (r > 0) {
		o.len = b.len < len ? b.len : len;
		o.packet = b.packet;
		memcpy(o.page, b.page + b.off, o.len);
		b.off += o.len;
		b.len -= o.len;
		pipe_unborrow(s->from, &b);
		r = o.len;
	}
	pipe_fulfil(s->to, &o);
	return r;
}

static ssize_t splice_pipes(struct splice *s)
{
	size_t total = 0;
	ssize_t r = 1;

	while (r > 0 && total < s->len) {
		r = splice_slot(s, s->len - total, s->nonblock || total);
		if (r > 0)
			total += r;
	}
	return total ? (ssize_t)total : r;
}

/* The rules on offsets and modes, in Linux's order (do_splice). */
static int splice_check(const struct splice *s, bool off_in, bool off_out)
{
	if (!file_readable(s->in) || !file_writable(s->out))
		return -EBADF;
	if (s->from && s->to)
		return s->from == s->to ? -EINVAL : 0;
	if (!s->from && !s->to)
		return -EINVAL;
	if (s->from && off_out && !s->out->ops->lseek)
		return -EINVAL;
	if (s->to && off_in && !s->in->ops->lseek)
		return -EINVAL;
	if (s->to)
		return 0;
	return s->out->flags & O_APPEND || !s->out->ops->write || s->out->ops->no_splice_write ? -EINVAL : 0;
}

static ssize_t splice_run(struct splice *s)
{
	if (s->from && s->to)
		return splice_pipes(s);
	return s->from ? splice_from_pipe(s) : splice_to_pipe(s);
}

static int64_t do_splice(struct task *t, struct splice *s, uint64_t off_in, uint64_t off_out)
{
	int64_t pos;

	s->from = file_pipe(s->in);
	s->to = file_pipe(s->out);
	if ((s->from && off_in) || (s->to && off_out))
		return -ESPIPE;
	uint64_t off = off_in ?: off_out;
	if (off && get_user(t, &pos, off))
		return -EFAULT;
	int err = splice_check(s, off_in, off_out);
	if (err)
		return err;
	if (off && pos < 0)
		return -EINVAL;
	s->in_pos = off_in ? &pos : NULL;
	s->out_pos = off_out ? &pos : NULL;
	if (s->from && s->in->flags & O_NONBLOCK)
		s->nonblock = true;
	if (s->to && s->out->flags & O_NONBLOCK)
		s->nonblock = true;
	ssize_t r = splice_run(s);
	if (r >= 0 && off && put_user(t, off, &pos))
		return -EFAULT;
	return r;
}

ssize_t splice_file_to_pipe(struct caller *c, struct file *in, int64_t *pos, struct file *out, size_t len)
{
	struct splice s = {
		.in = in,
		.out = out,
		.to = file_pipe(out),
		.in_pos = pos,
		.len = len,
		.nonblock = out->flags & O_NONBLOCK,
		.c = *c,
	};
	ssize_t r = splice_to_pipe(&s);

	c->signal = s.c.signal;
	return r;
}

static size_t clamp_len(uint64_t len)
{
	return len < MAX_RW_COUNT ? len : MAX_RW_COUNT;
}

SYSCALL_DEFINE(splice)
{
	unsigned flags = a[5];
	int64_t r = -EBADF;

	if (!a[4])
		return 0;
	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	struct splice s = {
		.in = fd_get(t->files, a[0]),
		.out = fd_get(t->files, a[2]),
		.len = clamp_len(a[4]),
		.nonblock = flags & SPLICE_F_NONBLOCK,
		.c = task_caller(t),
	};
	if (s.in && s.out)
		r = do_splice(t, &s, a[1], a[3]);
	file_put(s.in);
	file_put(s.out);
	return transfer_result(t, &s.c, r);
}

static int64_t do_tee(struct task *t, struct file *in, struct file *out, size_t len, unsigned flags)
{
	struct pipe *from = file_pipe(in), *to = file_pipe(out);
	struct caller c = task_caller(t);

	if (!file_readable(in) || !file_writable(out))
		return -EBADF;
	if (!from || !to || from == to)
		return -EINVAL;
	bool nonblock = flags & SPLICE_F_NONBLOCK || in->flags & O_NONBLOCK || out->flags & O_NONBLOCK;
	return pipe_tee(from, to, &c, nonblock, len);
}

SYSCALL_DEFINE(tee)
{
	int64_t r = -EBADF;

	if (a[3] & ~(uint64_t)SPLICE_F_ALL)
		return -EINVAL;
	if (!a[2])
		return 0;
	struct file *in = fd_get(t->files, a[0]);
	struct file *out = fd_get(t->files, a[1]);
	if (in && out)
		r = do_tee(t, in, out, clamp_len(a[2]), a[3]);
	file_put(in);
	file_put(out);
	return io_result(t, r);
}

/* Into the pipe, page by page. Room is waited for once: then the pipe is filled (Linux: vmsplice_to_pipe). */
static ssize_t vmsplice_in(struct pipe *p, struct caller *c, struct uio *u, bool nonblock)
{
	size_t total = 0;
	ssize_t r = 0;

	while (u->resid) {
		struct pipe_buf b;
		r = pipe_promise(p, c, nonblock || total, &b);
		if (r < 0)
			break;
		b.len = uio_take(u, b.page, uio_page_left(u)); /* a slot is a page of the guest's */
		total += b.len;
		r = b.len ? 0 : -EFAULT;
		pipe_fulfil(p, &b);
		if (r < 0)
			break;
	}
	return total ? (ssize_t)total : r;
}

static int64_t do_vmsplice(struct task *t, struct file *f, struct caller *c, const uint64_t *a)
{
	struct pipe *p = file_pipe(f);
	struct iovec fast[8], *iov;
	struct uio u;

	if (!p)
		return -EBADF;
	int n = get_iovec(t, a[1], a[2], fast, &iov);
	if (n < 0)
		return n;
	uio_init_guestv(&u, t->mm, iov, a[2]);
	int64_t r = 0;
	if (u.resid && file_writable(f))
		r = vmsplice_in(p, c, &u, a[3] & SPLICE_F_NONBLOCK || f->flags & O_NONBLOCK);
	else if (u.resid)
		r = file_read(f, c, &u, NULL);
	if (iov != fast)
		free(iov);
	return r;
}

SYSCALL_DEFINE(vmsplice)
{
	if (a[3] & ~(uint64_t)SPLICE_F_ALL)
		return -EINVAL;
	struct caller c = task_caller(t);
	struct file *f = fd_get(t->files, a[0]);
	int64_t r = f ? do_vmsplice(t, f, &c, a) : -EBADF;
	file_put(f);
	return transfer_result(t, &c, r);
}
