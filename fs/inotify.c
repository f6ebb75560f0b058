/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/inotify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include "host/hostcall.h"

/* As much as one read is given at a time: several hundred events. */
#define READ_MAX 65536

struct inotify {
	struct file file;
	int fd;
};

static struct inotify *inotify_of(struct file *f)
{
	return container_of(f, struct inotify, file);
}

static ssize_t inotify_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	size_t room = uio_front(u, true, READ_MAX);

	if (pos)
		return -ESPIPE;
	if (!room && u->resid)
		return -EFAULT;
	char *buf = malloc(room + 1);
	if (!buf)
		return -ENOMEM;
	ssize_t n = sleeper_call(c->sleeper, SYS_read, inotify_of(f)->fd, (long)buf, (long)room, 0, 0, 0);
	if (n > 0 && uio_put(u, buf, (size_t)n) < (size_t)n)
		n = -EFAULT;
	free(buf);
	return n;
}

static unsigned inotify_poll(struct file *f, struct poll_table *pt)
{
	struct pollfd p = { .fd = inotify_of(f)->fd, .events = POLLIN | POLLRDNORM };

	poll_host(pt, p.fd);
	return poll(&p, 1, 0) > 0 ? (unsigned)p.revents : 0;
}

static int64_t inotify_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd, uint64_t arg)
{
	int n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	if (ioctl(inotify_of(f)->fd, FIONREAD, &n) < 0)
		return -errno;
	return copy_to_guest(mm, GVA(arg), &n, sizeof n) ? -EFAULT : 0;
}

static int inotify_setfl(struct file *f, unsigned flags)
{
	return (int)host_ret(fcntl(inotify_of(f)->fd, F_SETFL, flags & O_NONBLOCK));
}

/* The host's lines about its watches, which are ours: the inode numbers in them are those stat(2) gives. */
static void inotify_show_fdinfo(struct file *f, struct text *out)
{
	char path[64], line[256];

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", inotify_of(f)->fd);
	FILE *host = fopen(path, "re");
	while (host && fgets(line, sizeof line, host))
		if (strncmp(line, "inotify ", 8) == 0)
			text_puts(out, line);
	if (host)
		fclose(host);
}

static void inotify_release(struct file *f)
{
	host_close(inotify_of(f)->fd);
	free(inotify_of(f));
}

static const struct file_ops inotify_ops = {
	.no_splice_read = true,
	.read = inotify_read,
	.lseek_ignored = true,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.setfl = inotify_setfl,
	.show_fdinfo = inotify_show_fdinfo,
	.release = inotify_release,
};

int inotify_create(struct caller *c, int flags, struct file **out)
{
	struct inotify *in = calloc(1, sizeof *in);

	if (!in)
		return -ENOMEM;
	in->fd = inotify_init1(IN_CLOEXEC | (flags & IN_NONBLOCK));
	if (in->fd < 0) {
		int err = -errno;
		free(in);
		return err;
	}
	file_init(&in->file, &inotify_ops, O_RDONLY | (unsigned)(flags & IN_NONBLOCK));
	file_set_anon(&in->file, c, "anon_inode:inotify");
	*out = &in->file;
	return 0;
}

bool file_is_inotify(const struct file *f)
{
	return f->ops == &inotify_ops;
}

int inotify_watch(struct file *f, struct caller *c, struct inode *i, uint32_t mask)
{
	return i->ops->watch ? i->ops->watch(i, c, inotify_of(f)->fd, mask) : -ENOSYS;
}

int inotify_unwatch(struct file *f, int wd)
{
	return (int)host_ret(inotify_rm_watch(inotify_of(f)->fd, wd));
}
