/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data goes through a buffer of ours, because guest memory must not stay pinned while a host call
 * waits. How much of the guest's buffer is good is found before, so that nothing is read that
 * cannot be delivered.
 */
#include "fs/hostfs/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>

#include "fs/hostfs/internal.h"
#include "fs/saved.h"
#include "host/fdpath.h"
#include "host/hostcall.h"
#include "mm/access.h"

#define CHUNK     65536
#define PIPE_ATOM 4096 /* PIPE_BUF: what a writable pipe takes without waiting */

struct stream {
	struct file file;
	const struct stream_tty_ops *tty; /* NULL: nobody asks */
	void *tty_arg;
	bool own; /* the description is ours alone, with O_NONBLOCK as the guest has it */
};

static struct stream *stream_of(struct file *f)
{
	return container_of(f, struct stream, file);
}

static int stream_fd(struct file *f)
{
	return hostfs_fd(f->path.dentry->inode);
}

static long call(struct caller *c, long nr, long fd, long a, long b)
{
	return c->sleeper ? sleeper_call(c->sleeper, nr, fd, a, b, 0, 0, 0)
			  : host_call(nr, fd, a, b);
}

static bool ready_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) > 0;
}

static long wait_ready(struct caller *c, int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return call(c, SYS_ppoll, (long)&p, 1, 0);
}

/* A FIFO does not take RWF_NOWAIT: asks through a description of our own. */
static long look_anew(long nr, int fd, void *buf, size_t n)
{
	int mode = nr == SYS_read ? O_RDONLY : O_WRONLY;
	int own = fdpath_reopen(fd, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (own < 0)
		return own;
	long r = nr == SYS_read ? host_ret(read(own, buf, n)) : host_ret(write(own, buf, n));
	host_close(own);
	return r;
}

long stream_move_at_once(long nr, int fd, void *buf, size_t n)
{
	struct iovec v = { .iov_base = buf, .iov_len = n };
	long r = host_ret(nr == SYS_read ? preadv2(fd, &v, 1, -1, RWF_NOWAIT)
					 : pwritev2(fd, &v, 1, -1, RWF_NOWAIT));

	return r == -EOPNOTSUPP ? look_anew(nr, fd, buf, n) : r;
}

/* What a read or write that was interrupted can do at once: the event it waited for may have come
 * before the signal. */
static long last_look(struct caller *c, long nr, int fd, void *buf, size_t n)
{
	long r = stream_move_at_once(nr, fd, buf, n);

	if (r < 0)
		return -EINTR;
	if (c->sleeper)
		sleeper_got(c->sleeper);
	return r;
}

/* One read or write of the host, waiting or not as the guest's flags say. */
static long try_to_move(struct file *f, struct caller *c, long nr, void *buf, size_t n)
{
	int fd = stream_fd(f);
	short events = nr == SYS_read ? POLLIN : POLLOUT;

	if (stream_of(f)->own)
		return call(c, nr, fd, (long)buf, (long)n);
	if (f->flags & O_NONBLOCK && !ready_now(fd, events))
		return -EAGAIN;
	for (;;) {
		long r = call(c, nr, fd, (long)buf, (long)n);
		if (r != -EAGAIN || f->flags & O_NONBLOCK)
			return r;
		r = wait_ready(c, fd, events);
		if (r < 0)
			return r;
	}
}

static long move(struct file *f, struct caller *c, long nr, void *buf, size_t n)
{
	long r = try_to_move(f, c, nr, buf, n);

	return r == -EINTR ? last_look(c, nr, stream_fd(f), buf, n) : r;
}

static int check_tty(struct file *f, struct caller *c, bool write)
{
	struct stream *s = stream_of(f);

	return s->tty ? s->tty->check(s->tty_arg, c, write) : 0;
}

static ssize_t stream_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	int err = check_tty(f, c, false);

	if (pos)
		return -ESPIPE;
	if (err || !u->resid)
		return err;
	size_t room = uio_front(u, true, CHUNK);
	char *buf = room ? malloc(room) : NULL;
	if (!buf)
		return room ? -ENOMEM : -EFAULT;
	long n = move(f, c, SYS_read, buf, room);
	if (n > 0 && uio_put(u, buf, (size_t)n) < (size_t)n)
		n = -EFAULT;
	free(buf);
	return n;
}

/* How much one write may be: not more than is sure to be taken at once, when the guest does not
 * want to wait. */
static size_t write_chunk(struct file *f, const struct uio *u)
{
	size_t max = f->flags & O_NONBLOCK && !stream_of(f)->own ? PIPE_ATOM : CHUNK;

	return u->resid < max ? u->resid : max;
}

static ssize_t write_some(struct file *f, struct caller *c, struct uio *u, char *buf)
{
	struct uio ahead = *u;
	size_t n = uio_take(&ahead, buf, write_chunk(f, u));

	if (!n)
		return -EFAULT;
	long r = move(f, c, SYS_write, buf, n);
	if (r > 0)
		uio_advance(u, (size_t)r);
	return r;
}

static ssize_t stream_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	int err = check_tty(f, c, true);
	ssize_t total = 0, n = 0;

	if (pos)
		return -ESPIPE;
	if (err || !u->resid)
		return err;
	char *buf = malloc(write_chunk(f, u));
	if (!buf)
		return -ENOMEM;
	while (u->resid) {
		n = write_some(f, c, u, buf);
		if (n <= 0)
			break;
		total += n;
	}
	free(buf);
	if (n == -EPIPE && S_ISFIFO(file_inode(f)->type))
		c->signal = SIGPIPE;
	return total ? total : n;
}

static unsigned stream_poll(struct file *f, struct poll_table *pt)
{
	struct pollfd p = { .fd = stream_fd(f),
			    .events =
				POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDHUP };

	if (poll_host_alone(pt, p.fd))
		return 0;
	return poll(&p, 1, 0) > 0 ? (unsigned)p.revents : 0;
}

/* Requests whose argument is a plain structure (ioctl_tty(2)), of either direction. */
enum { TO_GUEST = 1, FROM_GUEST = 2, BY_VALUE = 0 };
#define KERNEL_TERMIOS_SIZE  36
#define KERNEL_TERMIOS2_SIZE 44

static const struct stream_ioctl {
	unsigned cmd;
	uint8_t dir, size;
} ioctls[] = {
	{ TCGETS, TO_GUEST, KERNEL_TERMIOS_SIZE },
	{ TCSETS, FROM_GUEST, KERNEL_TERMIOS_SIZE },
	{ TCSETSW, FROM_GUEST, KERNEL_TERMIOS_SIZE },
	{ TCSETSF, FROM_GUEST, KERNEL_TERMIOS_SIZE },
	{ 0x802c542a /* TCGETS2 */, TO_GUEST, KERNEL_TERMIOS2_SIZE },
	{ 0x402c542b /* TCSETS2 */, FROM_GUEST, KERNEL_TERMIOS2_SIZE },
	{ 0x402c542c /* TCSETSW2 */, FROM_GUEST, KERNEL_TERMIOS2_SIZE },
	{ 0x402c542d /* TCSETSF2 */, FROM_GUEST, KERNEL_TERMIOS2_SIZE },
	{ TCGETA, TO_GUEST, sizeof(struct termio) },
	{ TCSETA, FROM_GUEST, sizeof(struct termio) },
	{ TCSETAW, FROM_GUEST, sizeof(struct termio) },
	{ TCSETAF, FROM_GUEST, sizeof(struct termio) },
	{ TIOCGWINSZ, TO_GUEST, sizeof(struct winsize) },
	{ TIOCSWINSZ, FROM_GUEST, sizeof(struct winsize) },
	{ TIOCOUTQ, TO_GUEST, sizeof(int) },
	{ FIONREAD, TO_GUEST, sizeof(int) },
	{ TCSBRK, BY_VALUE, 0 },
	{ TCSBRKP, BY_VALUE, 0 },
	{ TCFLSH, BY_VALUE, 0 },
	{ TCXONC, BY_VALUE, 0 },
};

static int64_t host_ioctl(struct file *f, struct caller *c, struct mm *mm,
			  const struct stream_ioctl *d, uint64_t arg)
{
	char buf[64] = { 0 };

	if (d->dir == FROM_GUEST && copy_from_guest(mm, buf, GVA(arg), d->size))
		return -EFAULT;
	long val = d->dir == BY_VALUE ? (long)(int)arg : (long)buf;
	long r = call(c, SYS_ioctl, stream_fd(f), (long)d->cmd, val);
	if (r >= 0 && d->dir == TO_GUEST && copy_to_guest(mm, GVA(arg), buf, d->size))
		return -EFAULT;
	return r;
}

static int64_t stream_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			    uint64_t arg)
{
	struct stream *s = stream_of(f);
	int64_t r = s->tty ? s->tty->ioctl(s->tty_arg, f, c, mm, cmd, arg) : -ENOIOCTLCMD;

	if (r != -ENOIOCTLCMD)
		return r;
	for (size_t i = 0; i < sizeof ioctls / sizeof *ioctls; i++)
		if (ioctls[i].cmd == cmd)
			return host_ioctl(f, c, mm, &ioctls[i], arg);
	return -ENOTTY;
}

static int stream_fsync(struct file *f, struct caller *c, bool data_only)
{
	return (int)host_ret(data_only ? fdatasync(stream_fd(f)) : fsync(stream_fd(f)));
}

static void stream_release(struct file *f)
{
	free(stream_of(f));
}

/* Devices such as /dev/null may have a position; pipes and terminals say -ESPIPE. */
static int64_t stream_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	return host_ret(lseek(stream_fd(f), off, whence));
}

static int set_host_nonblock(int fd, bool on)
{
	int now = fcntl(fd, F_GETFL);

	if (now < 0)
		return -errno;
	return (int)host_ret(fcntl(fd, F_SETFL, on ? now | O_NONBLOCK : now & ~O_NONBLOCK));
}

static int stream_setfl(struct file *f, unsigned flags)
{
	return stream_of(f)->own ? set_host_nonblock(stream_fd(f), flags & O_NONBLOCK) : 0;
}

int stream_own(struct file *f)
{
	stream_of(f)->own = true;
	return stream_setfl(f, f->flags);
}

/* A FIFO has its name; what is in it is the host's, and stays there. */
static const char *stream_refused(struct saver *s, void *object)
{
	struct file *f = object;
	int waits = 0;

	if (!stream_of(f)->own || !S_ISFIFO(file_inode(f)->type))
		return "which a snapshot cannot hold yet";
	const char *why = file_by_path.refused(s, f);
	if (why)
		return why;
	if (ioctl(stream_fd(f), FIONREAD, &waits) == 0 && waits > 0)
		return "a FIFO with bytes in it, which are the host's: a snapshot cannot hold them";
	return NULL;
}

static int stream_save(struct saver *s, void *object)
{
	return file_by_path.save(s, object);
}

static int stream_load(struct loader *l, void **out)
{
	return file_by_path.load(l, out);
}

const struct saved_kind host_stream_saved = {
	.name = "descriptor of the host",
	.save = stream_save,
	.load = stream_load,
	.put = file_saved_put,
	.refused = stream_refused,
};

static const struct file_ops stream_ops = {
	.saved = &host_stream_saved,
	.fasync = true,
	.read = stream_read,
	.write = stream_write,
	.meet = hostfs_fifo_meet,
	.lseek = stream_lseek,
	.poll = stream_poll,
	.ioctl = stream_ioctl,
	.fsync = stream_fsync,
	.setfl = stream_setfl,
	.release = stream_release,
};

int hostfs_stream_new(struct dentry *d, int flags, struct file **out)
{
	struct stream *s = calloc(1, sizeof *s);

	if (!s) {
		dentry_put(d);
		return -ENOMEM;
	}
	file_init(&s->file, &stream_ops, (unsigned)flags);
	s->file.path.dentry = d;
	*out = &s->file;
	return 0;
}

bool file_is_stream(const struct file *f)
{
	return f->ops == &stream_ops;
}

int stream_host_fd(struct file *f)
{
	return stream_fd(f);
}

bool stream_is_tty(struct file *f)
{
	return f->ops == &stream_ops && S_ISCHR(f->path.dentry->inode->type) &&
	       isatty(stream_fd(f));
}

void stream_set_tty(struct file *f, const struct stream_tty_ops *ops, void *arg)
{
	stream_of(f)->tty = ops;
	stream_of(f)->tty_arg = arg;
}
