/* SPDX-License-Identifier: Apache-2.0 */
/* splice(2), tee(2), vmsplice(2): data moves by copy, page by page. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fs/pipe_end.h"
#include "sys/sys.h"

#define SPLICE_F_ALL (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

/* One splice(2) in progress. */
struct splice {
	struct file *in, *out;
	struct pipe_end from, to;
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

/* The first slot is waited for, the rest taken while there is one (Linux:
 * splice_from_pipe_next). */
static ssize_t splice_from_pipe(struct splice *s)
{
	size_t total = 0;
	ssize_t r = 1;

	while (r > 0 && total < s->len) {
		struct pipe_buf b;
		r = pipe_end_acquire(&s->from, &s->c, s->nonblock || total || s->c.done, &b);
		if (r <= 0)
			break;
		r = splice_write_buf(s, &b, s->len - total);
		bool partial = b.len > 0;
		pipe_end_release(&s->from, &b);
		if (r > 0)
			total += r;
		if (partial)
			break;
	}
	return total || r > 0 ? (ssize_t)total : r;
}

/* A read of a stream does not have to wait. Files without a poll never do. */
static bool would_read(struct file *f)
{
	return file_poll(f, NULL) & (POLLIN | POLLHUP | POLLERR);
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

	while (total < s->len && ((!total && !s->c.done) || would_read(s->in))) {
		struct pipe_buf b;
		r = pipe_end_reserve(&s->to, &s->c, s->nonblock || total || s->c.done, &b);
		if (r < 0)
			break;
		r = splice_read_buf(s, &b, s->len - total);
		pipe_end_commit(&s->to, &s->c, &b);
		if (r > 0)
			total += r;
		if (r < (ssize_t)PAGE_SIZE)
			break;
	}
	return total || r > 0 ? (ssize_t)total : r;
}

/* One slot from pipe to pipe: bytes, 0 at the end of the data, -errno. */
static ssize_t splice_slot(struct splice *s, size_t len, bool nonblock)
{
	struct pipe_buf b, o;

	int r = pipe_end_reserve(&s->to, &s->c, nonblock, &o);
	if (r < 0)
		return r;
	r = pipe_end_acquire(&s->from, &s->c, nonblock, &b);
	if (r > 0) {
		o.len = b.len < len ? b.len : len;
		o.packet = b.packet;
		memcpy(o.page, b.page + b.off, o.len);
		b.off += o.len;
		b.len -= o.len;
		pipe_end_release(&s->from, &b);
		r = o.len;
	}
	pipe_end_commit(&s->to, &s->c, &o);
	return r;
}

static ssize_t splice_pipes(struct splice *s)
{
	size_t total = 0;
	ssize_t r = 1;

	while (r > 0 && total < s->len) {
		r = splice_slot(s, s->len - total, s->nonblock || total || s->c.done);
		if (r > 0)
			total += r;
	}
	return total || r > 0 ? (ssize_t)total : r;
}

/* The rules on offsets and modes, in Linux's order (do_splice). */
static int splice_check(const struct splice *s, bool off_in, bool off_out)
{
	bool from = pipe_end_is_pipe(&s->from), to = pipe_end_is_pipe(&s->to);

	if (!file_readable(s->in) || !file_writable(s->out))
		return -EBADF;
	if (from && to)
		return pipe_end_same(&s->from, &s->to) ? -EINVAL : 0;
	if (!from && !to)
		return -EINVAL;
	if ((off_out && !s->out->ops->lseek) || (off_in && !s->in->ops->lseek))
		return -EINVAL;
	if (to)
		return 0;
	return s->out->flags & O_APPEND || !s->out->ops->write || s->out->ops->no_splice_write
		   ? -EINVAL
		   : 0;
}

static ssize_t splice_run(struct splice *s)
{
	bool from = pipe_end_is_pipe(&s->from), to = pipe_end_is_pipe(&s->to);

	s->nonblock |= (from && s->in->flags & O_NONBLOCK) || (to && s->out->flags & O_NONBLOCK);
	if (from && to)
		return splice_pipes(s);
	return from ? splice_from_pipe(s) : splice_to_pipe(s);
}

static int64_t do_splice(struct task *t, struct splice *s, gva_t off_in, gva_t off_out)
{
	int64_t pos;

	if ((off_in.v && pipe_end_is_pipe(&s->from)) || (off_out.v && pipe_end_is_pipe(&s->to)))
		return -ESPIPE;
	gva_t off = off_in.v ? off_in : off_out;
	if (off.v && get_user(t, &pos, off))
		return -EFAULT;
	int err = splice_check(s, off_in.v, off_out.v);
	if (err)
		return err;
	if (off.v && pos < 0)
		return -EINVAL;
	s->in_pos = off_in.v ? &pos : NULL;
	s->out_pos = off_out.v ? &pos : NULL;
	ssize_t r = splice_run(s);
	if (r >= 0 && off.v && put_user(t, off, &pos))
		return -EFAULT;
	return r;
}

static void splice_begin(struct splice *s)
{
	pipe_end_init(&s->from, s->in);
	pipe_end_init(&s->to, s->out);
}

static void splice_end(struct splice *s)
{
	pipe_end_done(&s->from);
	pipe_end_done(&s->to);
}

ssize_t splice_file_to_pipe(struct caller *c, struct file *in, int64_t *pos, struct file *out,
			    size_t len)
{
	struct splice s = {
		.in = in,
		.out = out,
		.in_pos = pos,
		.len = len,
		.nonblock = out->flags & O_NONBLOCK,
		.c = *c,
	};

	splice_begin(&s);
	ssize_t r = splice_to_pipe(&s);
	splice_end(&s);
	c->signal = s.c.signal;
	return r;
}

/* What is left to move of `len` bytes; nothing, where a freeze came behind the last of them. */
static size_t clamp_len(struct task *t, uint64_t len)
{
	size_t max = len < MAX_RW_COUNT ? len : MAX_RW_COUNT;

	return t->resume.done < max ? max - t->resume.done : 0;
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
		.len = clamp_len(t, a[4]),
		.nonblock = flags & SPLICE_F_NONBLOCK,
		.c = task_caller(t),
	};
	s.in = task_fd(t, a[0]);
	s.out = task_fd(t, a[2]);
	if (s.in && s.out) {
		splice_begin(&s);
		r = do_splice(t, &s, GVA(a[1]), GVA(a[3]));
		splice_end(&s);
	}
	task_fd_put(t, s.in);
	task_fd_put(t, s.out);
	return transfer_result(t, &s.c, r);
}

/* tee(2) where the host has one of the pipes: the data in front is copied and then left where it
 * was. */
static ssize_t tee_slot(struct splice *s)
{
	struct pipe_buf b, o;
	int r = pipe_end_acquire(&s->from, &s->c, s->nonblock, &b);

	if (r <= 0)
		return r;
	r = pipe_end_reserve(&s->to, &s->c, s->nonblock, &o);
	if (r == 0) {
		o.len = b.len < s->len ? b.len : s->len;
		o.packet = b.packet;
		r = (int)o.len;
		memcpy(o.page, b.page + b.off, o.len);
		pipe_end_commit(&s->to, &s->c, &o);
	}
	pipe_end_release(&s->from, &b);
	return r;
}

static int64_t do_tee(struct splice *s)
{
	if (!file_readable(s->in) || !file_writable(s->out))
		return -EBADF;
	if (!pipe_end_is_pipe(&s->from) || !pipe_end_is_pipe(&s->to) ||
	    pipe_end_same(&s->from, &s->to))
		return -EINVAL;
	s->nonblock |= s->in->flags & O_NONBLOCK || s->out->flags & O_NONBLOCK;
	if (s->from.pipe && s->to.pipe)
		return pipe_tee(s->from.pipe, s->to.pipe, &s->c, s->nonblock, s->len);
	return tee_slot(s);
}

SYSCALL_DEFINE(tee)
{
	int64_t r = -EBADF;

	if (a[3] & ~(uint64_t)SPLICE_F_ALL)
		return -EINVAL;
	if (!a[2])
		return 0;
	struct splice s = {
		.len = clamp_len(t, a[2]),
		.nonblock = a[3] & SPLICE_F_NONBLOCK,
		.c = task_caller(t),
	};
	s.in = task_fd(t, a[0]);
	s.out = task_fd(t, a[1]);
	if (s.in && s.out) {
		splice_begin(&s);
		r = do_tee(&s);
		splice_end(&s);
	}
	task_fd_put(t, s.in);
	task_fd_put(t, s.out);
	return transfer_result(t, &s.c, r);
}

/* Into the pipe, page by page. Room is waited for once: then the pipe is filled (Linux:
 * vmsplice_to_pipe). */
static ssize_t vmsplice_in(struct pipe_end *p, struct caller *c, struct uio *u, bool nonblock)
{
	size_t total = 0;
	ssize_t r = 0;

	while (u->resid) {
		struct pipe_buf b;
		r = pipe_end_reserve(p, c, nonblock || total || c->done, &b);
		if (r < 0)
			break;
		b.len = uio_take(u, b.page, uio_page_left(u)); /* a slot is a page of the guest's */
		total += b.len;
		r = b.len ? 0 : -EFAULT;
		pipe_end_commit(p, c, &b);
		if (r < 0)
			break;
	}
	return total ? (ssize_t)total : r;
}

static int64_t do_vmsplice(struct task *t, struct file *f, struct caller *c, const uint64_t *a)
{
	bool nonblock = a[3] & SPLICE_F_NONBLOCK || f->flags & O_NONBLOCK;
	struct guest_iovec fast[8], *iov;
	struct pipe_end p;
	struct uio u;

	pipe_end_init(&p, f);
	if (!pipe_end_is_pipe(&p))
		return -EBADF;
	int n = get_iovec(t, GVA(a[1]), (uint32_t)a[2], fast, &iov);
	if (n < 0)
		return n;
	uio_init_guestv(&u, t->mm, iov, n);
	transfer_begin(t, &u, NULL);
	int64_t r = 0;
	if (u.resid && file_writable(f))
		r = vmsplice_in(&p, c, &u, nonblock);
	else if (u.resid)
		r = nonblock && !would_read(f) ? -EAGAIN : file_read(f, c, &u, NULL);
	if (iov != fast)
		free(iov);
	return r;
}

SYSCALL_DEFINE(vmsplice)
{
	if (a[3] & ~(uint64_t)SPLICE_F_ALL)
		return -EINVAL;
	struct caller c = task_caller(t);
	struct file *f = task_fd(t, a[0]);
	int64_t r = f ? do_vmsplice(t, f, &c, a) : -EBADF;
	task_fd_put(t, f);
	return transfer_result(t, &c, r);
}
