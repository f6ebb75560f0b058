/* SPDX-License-Identifier: Apache-2.0 */
/* Opens files of host directories. Most of the code concerns FIFOs: the monitor must not block in
 * the host's open(2), so it opens them without waiting and waits for the other end itself. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/hostfs/internal.h"
#include "fs/hostfs/stream.h"
#include "host/beneath.h"
#include "host/fdpath.h"
#include "host/fscred.h"
#include "host/hostcall.h"

static int file_of_dentry(struct dentry *d, const struct file_ops *ops, int flags,
			  struct file **out)
{
	struct file *f = malloc(sizeof *f);

	if (!f) {
		dentry_put(d);
		return -ENOMEM;
	}
	file_init(f, ops, (unsigned)flags);
	f->path.dentry = d;
	*out = f;
	return 0;
}

/* Has a writer come since `fd` was opened? It may be there: a read that takes nothing (there is
 * nowhere to put it) tells EAGAIN from the end. It may have left data (EFAULT), or just left again
 * (a hang-up). */
static bool fifo_met_writer(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return host_call(SYS_read, fd, NULL, 1) != 0 || poll(&p, 1, 0) > 0;
}

/* A descriptor that becomes readable when the file behind `fd` is opened; -errno: the host has none
 * to give. */
static int watch_opens(int fd)
{
	int watch = (int)host_ret(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
	int err = watch < 0 ? 0 : fdpath_watch(watch, fd, IN_OPEN);

	if (err < 0) {
		host_close(watch);
		return err;
	}
	return watch;
}

/* What an open of a file that has been found keeps of the flags. */
#define FLAGS_REOPENED (O_ACCMODE | O_TRUNC | O_APPEND | O_DIRECT | O_SYNC | O_DSYNC | O_NOATIME)

#define FIFO_LOOK_NS 20000000 /* how often to look where opens cannot be watched */

/* fifo(7): an open for reading waits for a writer. `fd` is open without waiting and so has let a
 * writer go on that waited for us: it may be gone by now, and an open that waits would wait for the
 * next one. */
static int fifo_wait_writer(struct caller *c, int fd)
{
	if (fifo_met_writer(fd))
		return 0;
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
			       { .fd = watch_opens(fd), .events = POLLIN } };
	unsigned n = p[1].fd < 0 ? 1 : 2;
	char events[256];
	int err = 0;

	while (!fifo_met_writer(fd) && (err >= 0 || err == -ETIMEDOUT)) {
		err = sleeper_poll(c->sleeper, p, n,
				   n == 2 ? DEADLINE_NONE
					  : sleeper_deadline(c->sleeper, FIFO_LOOK_NS));
		if (n == 2)
			host_call(SYS_read, p[1].fd, events, sizeof events);
	}
	host_close(p[1].fd);
	return err < 0 && err != -ETIMEDOUT ? err : 0;
}

/* An open for writing that waits for a reader; -errno or a descriptor. */
static int fifo_wait_reader(struct inode *i, struct caller *c, int flags)
{
	char name[FDPATH_NAME];
	int err = hostfs_act_as(c), kept = (flags & FLAGS_REOPENED) | O_CLOEXEC;

	if (err || fdpath_dir() < 0)
		return err ? err : -EIO;
	fdpath_name(hostfs_fd(i), name);
	int fd = (int)sleeper_call(c->sleeper, SYS_openat, fdpath_dir(), (long)name, kept, 0, 0, 0);
	if (fd != -EINTR)
		return fd;
	/* The reader may have come before the signal. */
	fd = (int)host_call(SYS_openat, fdpath_dir(), name, kept | O_NONBLOCK);
	return fd == -ENXIO ? -EINTR : fd;
}

/* Until then the file of an open for writing has nothing but the place (hostfs_open()). */
static int fifo_open_writer(struct file *f, struct caller *c)
{
	struct dentry *place = f->path.dentry, *opened;
	int fd = fifo_wait_reader(place->inode, c, (int)f->flags);

	if (fd < 0)
		return fd;
	int err = hostfs_dentry_of_fd(hostfs_of(place->inode), fd, place->name, strlen(place->name),
				      &opened);
	if (err)
		return err;
	f->path.dentry = opened;
	dentry_put(place);
	return 0;
}

int hostfs_fifo_meet(struct file *f, struct caller *c)
{
	struct inode *i = file_inode(f);
	int err = 0;

	if (!S_ISFIFO(i->type))
		return 0;
	if (!(f->flags & O_NONBLOCK) && (f->flags & O_ACCMODE) == O_RDONLY)
		err = fifo_wait_writer(c, hostfs_fd(i));
	else if (fcntl(hostfs_fd(i), F_GETFL) & O_PATH)
		err = fifo_open_writer(f, c);
	return err ? err : stream_own(f);
}

/* What the host cut (O_TRUNC by an open that can not write) is cut for the mappings of the file,
 * too. Takes `d` over. */
static int regular_file(struct hostfs *h, struct dentry *d, int flags, struct file **out)
{
	if (flags & O_TRUNC)
		hostfs_pages_truncated(h->pages, d->inode, 0);
	return file_of_dentry(d, &hostfs_file_ops, flags, out);
}

int hostfs_file_new(struct hostfs *h, struct caller *c, int fd, const struct statx *st, int flags,
		    const char *name, size_t len, struct file **out)
{
	struct dentry *d;
	int err = st ? hostfs_dentry_of(h, fd, st, name, len, &d)
		     : hostfs_dentry_of_fd(h, fd, name, len, &d);

	if (err)
		return err;
	hostfs_inode(d->inode)->opened = true;
	switch (d->inode->type) {
	case S_IFREG: return regular_file(h, d, flags, out);
	case S_IFDIR: return file_of_dentry(d, &hostfs_dir_ops, flags, out);
	case S_IFIFO: return hostfs_stream_new(d, flags, out); /* and then hostfs_fifo_meet() */
	}
	dentry_put(d);
	return -ENODEV; /* never the host's devices: fs/device.h */
}

/* Opens what a walk has found once more, to use it. */
static int reopen(struct inode *i, int flags)
{
	int kept = flags & FLAGS_REOPENED;

	if (S_ISDIR(i->type))
		return beneath_open(hostfs_fd(i), ".", kept | O_DIRECTORY, 0);
	return fdpath_dir() < 0 ? -EIO : fdpath_reopen(hostfs_fd(i), kept | O_NONBLOCK);
}

/* What access an open asks for, as access(2) has it. */
static int access_mask(int flags)
{
	static const int mask[] = { R_OK, W_OK, R_OK | W_OK, R_OK | W_OK };

	return mask[flags & O_ACCMODE] | (flags & O_TRUNC ? W_OK : 0);
}

static int reopen_as(struct inode *i, struct caller *c, const struct cred *as, int flags)
{
	int err = cred_assume(as);

	return err ? err : reopen(i, flags);
}

/* Whoever has the descriptor may: the file may be one that the host's kernel opens for the caller
 * alone. */
static int reopen_given(struct inode *i, struct caller *c, int flags)
{
	int err = hostfs_granted(i, access_mask(flags));
	int fd = err ? err : reopen_as(i, c, c->fs->vfs->monitor, flags);

	(void)hostfs_act_as(c);
	return fd;
}

static int open_own_fifo(struct inode *i, struct caller *c, int flags, struct file **out)
{
	struct inode_id id;
	int err = hostfs_permission(i, c, access_mask(flags));

	if (!err)
		err = hostfs_identify(i, &id);
	return err ? err : hostfs_fifo_open(i, &id, c, flags, out);
}

int hostfs_open(struct inode *i, struct caller *c, struct dentry *d, int flags, struct file **out)
{
	bool fifo = S_ISFIFO(i->type), given = hostfs_is_given(i);
	bool waits = (flags & O_ACCMODE) == O_WRONLY && !(flags & O_NONBLOCK);

	if (fifo && i->fs->root && hostfs_of(i)->contained)
		return open_own_fifo(i, c, flags, out);
	if (fifo && waits && !given)
		return hostfs_stream_new(dentry_get(d), flags, out);
	int fd = given ? reopen_given(i, c, flags) : reopen_as(i, c, c->cred, flags);
	if (fd < 0)
		return fd;
	return hostfs_file_new(hostfs_of(i), c, fd, NULL, flags, d->name, strlen(d->name), out);
}

/* What walk_open has left: somebody made the name before us. It is opened if the guest may. */
static int open_made(struct caller *c, const struct walk_step *step, int flags, struct file **out)
{
	struct dentry *d = step->dentry;

	if (!d || S_ISLNK(d->inode->type))
		return -ELOOP;
	int err = hostfs_may(d->inode, c, access_mask(flags));
	return err ? err : hostfs_open(d->inode, c, d, flags, out);
}

int hostfs_create_file(struct inode *dir, struct caller *c, const char *name, int flags,
		       mode_t mode, struct file **out, bool *created)
{
	size_t len = strlen(name);
	struct walk_step step;
	/* what exists is not opened before the guest was asked */
	bool asks = hostfs_asks_guest(hostfs_of(dir), c);
	int err = hostfs_may(dir, c, W_OK | X_OK);

	*out = NULL;
	if (!err)
		err = hostfs_walk_open(dir, c, name, len, asks ? flags | O_EXCL : flags, mode, out,
				       &step);
	if (err == -EEXIST && !(flags & O_EXCL))
		err = hostfs_walk(dir, c, name, len, STEP_NOFOLLOW, &step);
	*created = !err && *out;
	if (!err && !*out) {
		err = open_made(c, &step, flags, out);
		dentry_put(step.dentry);
		free(step.link);
	}
	return err;
}

int hostfs_tmpfile(struct inode *dir, struct caller *c, int flags, mode_t mode, struct file **out)
{
	int kept =
	    flags & (O_TMPFILE | O_ACCMODE | O_EXCL | O_APPEND | O_DIRECT | O_SYNC | O_DSYNC);
	int err = hostfs_act_as(c);

	if (!err && !hostfs_allows_mode(hostfs_of(dir), S_IFREG | mode))
		err = -EPERM;
	if (err)
		return err;
	mode = fscred_umask(mode, c->fs->umask);
	int fd = beneath_open(hostfs_fd(dir), ".", kept, mode);
	hostfs_of(dir)->removes = true;
	return fd < 0 ? fd : hostfs_file_new(hostfs_of(dir), c, fd, NULL, flags, "", 0, out);
}
