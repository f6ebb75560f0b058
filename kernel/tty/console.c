/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's terminal does what terminals do (echo, editing, modes, size); who of the guest is in
 * its foreground is kept here. To the host all of the guest is one process, in the foreground or
 * not; the signals of its keys reach that process, and come here through tty_signal.
 */
#include "kernel/tty/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "fs/file.h"
#include "fs/hostfs/stream.h"
#include "kernel/tty/pty.h"
#include "kernel/restart.h"
#include "kernel/sandbox.h"
#include "kernel/tty/tty.h"

struct console {
	struct tty tty;
	struct dentry *dentry; /* of the file it was found by; reference */
	const char *name;      /* as in /proc/PID/fd; lives in the dentry */
	uint64_t ino;
	int fd; /* the host's; borrowed from the dentry's inode */
};

static struct console *console_of(struct tty *tty)
{
	return container_of(tty, struct console, tty);
}

static int console_check(void *arg, struct caller *c, bool write)
{
	return write ? tty_check_write(arg, c) : tty_check_read(arg, c);
}

static int64_t console_ioctl(void *arg, struct file *f, struct caller *c, struct mm *mm,
			     unsigned cmd, uint64_t val)
{
	return tty_ioctl(arg, f, c, mm, cmd, val);
}

static const struct stream_tty_ops console_stream_ops = {
	.check = console_check,
	.ioctl = console_ioctl,
};

static int console_open(struct tty *tty, struct caller *c, int flags, struct file **out)
{
	struct console *con = console_of(tty);
	int err = hostfs_stream_new(dentry_get(con->dentry), flags, out);

	if (err)
		return err;
	(*out)->anon_name = con->name;
	(*out)->anon_ino = con->ino;
	stream_set_tty(*out, &console_stream_ops, tty);
	return 0;
}

static bool console_tostop(struct tty *tty)
{
	struct termios t;

	return tcgetattr(console_of(tty)->fd, &t) == 0 && t.c_lflag & TOSTOP;
}

static struct inode *console_inode(struct tty *tty)
{
	return console_of(tty)->dentry->inode;
}

static void console_release(struct tty *tty)
{
	struct console *con = console_of(tty);

	dentry_put(con->dentry);
	free(con);
}

static const struct tty_ops console_ops = {
	.open = console_open,
	.tostop = console_tostop,
	.inode = console_inode,
	.release = console_release,
};

static dev_t terminal_of(struct file *f)
{
	struct statx st;

	if (!f || !stream_is_tty(f) ||
	    f->path.dentry->inode->ops->getattr(f->path.dentry->inode, NULL, STATX_TYPE, &st))
		return 0;
	return makedev(st.stx_rdev_major, st.stx_rdev_minor);
}

static int console_new(struct sandbox *sb, struct file *f, dev_t dev)
{
	struct console *con = calloc(1, sizeof *con);

	if (!con)
		return -ENOMEM;
	tty_init(&con->tty, &console_ops, sb, dev);
	con->dentry = dentry_get(f->path.dentry);
	con->name = f->anon_name;
	con->ino = f->anon_ino;
	con->fd = stream_host_fd(f);
	sb->console = &con->tty;
	return 0;
}

/* Reading and writing are needed for /dev/tty: a file open for both is the better one to be known
 * by. */
static struct file *best_terminal(struct file *const stdio[3])
{
	struct file *best = NULL;

	for (int fd = 0; fd < 3; fd++) {
		if (!terminal_of(stdio[fd]))
			continue;
		if ((stdio[fd]->flags & O_ACCMODE) == O_RDWR)
			return stdio[fd];
		best = best ? best : stdio[fd];
	}
	return best;
}

int console_attach(struct sandbox *sb, struct file *const stdio[3], bool *controlling)
{
	struct file *f = best_terminal(stdio);

	*controlling = false;
	if (!f)
		return 0;
	dev_t dev = terminal_of(f);
	int err = console_new(sb, f, dev);
	if (err)
		return err;
	for (int fd = 0; fd < 3; fd++)
		if (terminal_of(stdio[fd]) == dev)
			stream_set_tty(stdio[fd], &console_stream_ops, sb->console);
	err = sb->ptys ? pty_add_console(sb->ptys) : 0;
	pid_t session = tcgetsid(stream_host_fd(f));
	*controlling = session > 0 && session == getsid(0);
	return err;
}
