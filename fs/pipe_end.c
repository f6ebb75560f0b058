/* SPDX-License-Identifier: Apache-2.0 */
/* Gives splice(2) and its relatives one interface to the monitor's pipes and to those of the host.
 * See the header. */
#include "fs/pipe_end.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/hostfs/stream.h"
#include "host/hostcall.h"

void pipe_end_init(struct pipe_end *e, struct file *f)
{
	*e = (struct pipe_end){ .pipe = file_pipe(f), .scratch = { -1, -1 } };
	if (file_is_stream(f) && S_ISFIFO(file_inode(f)->type))
		e->host = f;
}

void pipe_end_done(struct pipe_end *e)
{
	host_close(e->scratch[0]);
	host_close(e->scratch[1]);
}

bool pipe_end_is_pipe(const struct pipe_end *e)
{
	return e->pipe || e->host;
}

bool pipe_end_same(const struct pipe_end *a, const struct pipe_end *b)
{
	if (a->host && b->host)
		return inode_same(file_inode(a->host), file_inode(b->host));
	return a->pipe && a->pipe == b->pipe;
}

/* ---- the host's ---- */

static int host_fd(const struct pipe_end *e)
{
	return stream_host_fd(e->host);
}

/* Waits for one of `events` or an error: what there is now, -EINTR. */
static int host_wait(const struct pipe_end *e, struct caller *c, short events)
{
	struct pollfd p = { .fd = host_fd(e), .events = events };
	int r;

	while ((r = sleeper_poll(c->sleeper, &p, 1, DEADLINE_NONE)) == 0)
		;
	return r < 0 ? r : p.revents;
}

static int host_scratch(struct pipe_end *e)
{
	return e->scratch[0] >= 0 ? 0 : (int)host_ret(pipe2(e->scratch, O_CLOEXEC | O_NONBLOCK));
}

/* Copies what is in front into `page`: bytes, 0 at the end of the data, -EAGAIN, -EINTR. */
static ssize_t host_peek(struct pipe_end *e, struct caller *c, bool nonblock, void *page)
{
	for (;;) {
		ssize_t n = host_ret(tee(host_fd(e), e->scratch[1], PAGE_SIZE, SPLICE_F_NONBLOCK));
		if (n > 0)
			return host_ret(read(e->scratch[0], page, (size_t)n));
		if (n != -EAGAIN || nonblock)
			return n;
		int r = host_wait(e, c, POLLIN);
		if (r < 0)
			return r;
	}
}

static int host_acquire(struct pipe_end *e, struct caller *c, bool nonblock, struct pipe_buf *b)
{
	int err = host_scratch(e);

	*b = (struct pipe_buf){ .page = err ? NULL : malloc(PAGE_SIZE) };
	if (!b->page)
		return err ? err : -ENOMEM;
	ssize_t n = host_peek(e, c, nonblock, b->page);
	if (n <= 0) {
		free(b->page);
		return (int)n;
	}
	b->len = (unsigned)n;
	return 1;
}

/* What is in front of b->off was used and is taken out of the pipe. */
static void host_release(struct pipe_end *e, struct pipe_buf *b)
{
	ssize_t n = 1;

	for (unsigned left = b->off; left && n > 0; left -= (unsigned)n) {
		n = splice(host_fd(e), NULL, e->scratch[1], NULL, left, SPLICE_F_NONBLOCK);
		if (n > 0)
			n = read(e->scratch[0], b->page, (size_t)n);
	}
	free(b->page);
}

static int host_reserve(struct pipe_end *e, struct caller *c, bool nonblock, struct pipe_buf *b)
{
	struct pollfd p = { .fd = host_fd(e), .events = POLLOUT };
	int r = poll(&p, 1, 0) > 0 ? p.revents : nonblock ? -EAGAIN : host_wait(e, c, POLLOUT);

	if (r < 0)
		return r;
	if (r & POLLERR) {
		c->signal = SIGPIPE;
		return -EPIPE;
	}
	*b = (struct pipe_buf){ .page = malloc(PAGE_SIZE) };
	return b->page ? 0 : -ENOMEM;
}

/* A page had room a moment ago. If others have filled it meanwhile the write waits for the next.
 * Who interrupts it does not undo it: the data may have left another pipe already. */
static void host_commit(struct pipe_end *e, struct caller *c, struct pipe_buf *b)
{
	long r = b->len ? -EAGAIN : 0;

	while (r == -EAGAIN) {
		r = sleeper_call(c->sleeper, SYS_write, host_fd(e), (long)b->page + b->off, b->len,
				 0, 0, 0);
		if (r == -EAGAIN && host_wait(e, c, POLLOUT) < 0)
			r = -EINTR;
	}
	if (r == -EINTR)
		(void)stream_move_at_once(SYS_write, host_fd(e), b->page + b->off, b->len);
	free(b->page);
}

/* ---- either ---- */

int pipe_end_acquire(struct pipe_end *e, struct caller *c, bool nonblock, struct pipe_buf *b)
{
	return e->pipe ? pipe_buf_acquire(e->pipe, c, nonblock, b)
		       : host_acquire(e, c, nonblock, b);
}

void pipe_end_release(struct pipe_end *e, struct pipe_buf *b)
{
	if (e->pipe)
		pipe_buf_release(e->pipe, b);
	else
		host_release(e, b);
}

int pipe_end_reserve(struct pipe_end *e, struct caller *c, bool nonblock, struct pipe_buf *b)
{
	return e->pipe ? pipe_buf_reserve(e->pipe, c, nonblock, b)
		       : host_reserve(e, c, nonblock, b);
}

void pipe_end_commit(struct pipe_end *e, struct caller *c, struct pipe_buf *b)
{
	if (e->pipe)
		pipe_buf_commit(e->pipe, b);
	else
		host_commit(e, c, b);
}

/* Nobody accounts for the memory of the host's pipes: no guest makes them larger than an ordinary
 * user of the host. */
static int64_t host_set_size(const struct pipe_end *e, uint64_t size)
{
	if ((unsigned)size > 1U << 31)
		return -EINVAL;
	if ((unsigned)size > PIPE_MAX_SIZE)
		return -EPERM;
	return host_ret(fcntl(host_fd(e), F_SETPIPE_SZ, (unsigned)size));
}

int64_t pipe_end_fcntl(struct file *f, struct caller *c, int cmd, uint64_t arg)
{
	struct pipe_end e;

	pipe_end_init(&e, f);
	if (!e.host)
		return pipe_fcntl(f, c, cmd, arg);
	return cmd == F_SETPIPE_SZ ? host_set_size(&e, arg)
				   : host_ret(fcntl(host_fd(&e), F_GETPIPE_SZ));
}
