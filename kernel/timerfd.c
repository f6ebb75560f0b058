/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/timerfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "mm/mm.h"

#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif

struct timerfd {
	struct file file;
	int fd; /* the host's, not blocking */
	clockid_t clock;
	_Atomic int flags; /* of the last timerfd_settime */
};

static struct timerfd *timerfd_of(struct file *f)
{
	return container_of(f, struct timerfd, file);
}

/* 8, -EAGAIN, -ECANCELED */
static ssize_t read_host(struct timerfd *tf, uint64_t *ticks)
{
	ssize_t n;

	do
		n = read(tf->fd, ticks, sizeof *ticks);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t timerfd_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct timerfd *tf = timerfd_of(f);
	struct pollfd p = { .fd = tf->fd, .events = POLLIN };
	uint64_t ticks;
	ssize_t n;

	if (pos)
		return -ESPIPE;
	if (u->resid < sizeof ticks)
		return -EINVAL;
	while ((n = read_host(tf, &ticks)) == -EAGAIN && !(f->flags & O_NONBLOCK)) {
		int err = sleeper_poll(c->sleeper, &p, 1, DEADLINE_NONE);
		if (err < 0)
			return err;
	}
	if (n < 0)
		return n;
	return uio_put(u, &ticks, sizeof ticks) == sizeof ticks ? n : -EFAULT;
}

static unsigned timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct pollfd p = { .fd = timerfd_of(f)->fd, .events = POLLIN };

	poll_host(pt, p.fd);
	return poll(&p, 1, 0) > 0 ? (unsigned)p.revents : 0;
}

static int64_t timerfd_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			     uint64_t arg)
{
	uint64_t ticks;

	if (cmd != TFD_IOC_SET_TICKS)
		return -ENOTTY;
	if (copy_from_guest(mm, &ticks, GVA(arg), sizeof ticks))
		return -EFAULT;
	return ioctl(timerfd_of(f)->fd, TFD_IOC_SET_TICKS, &ticks) ? -errno : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *tf = timerfd_of(f);

	close(tf->fd);
	free(tf);
}

/* How often it went off cannot be had from the host without taking it: whether it did is what we
 * can say. */
static void timerfd_show_fdinfo(struct file *f, struct text *out)
{
	struct timerfd *tf = timerfd_of(f);
	struct itimerspec it = { { 0, 0 }, { 0, 0 } };

	timerfd_gettime(tf->fd, &it);
	text_printf(out, "clockid: %d\nticks: %d\nsettime flags: 0%o\n", tf->clock,
		    timerfd_poll(f, NULL) & POLLIN ? 1 : 0, (unsigned)tf->flags);
	text_printf(out, "it_value: (%ld, %ld)\nit_interval: (%ld, %ld)\n", it.it_value.tv_sec,
		    it.it_value.tv_nsec, it.it_interval.tv_sec, it.it_interval.tv_nsec);
}

static const struct file_ops timerfd_ops = {
	.no_splice_read = true,
	.show_fdinfo = timerfd_show_fdinfo,
	.read = timerfd_read,
	.lseek_ignored = true,
	.poll = timerfd_poll,
	.ioctl = timerfd_ioctl,
	.release = timerfd_release,
};

int timerfd_new(struct caller *c, clockid_t clock, int flags, struct file **out)
{
	int fd = timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	struct timerfd *tf = calloc(1, sizeof *tf);
	if (!tf) {
		close(fd);
		return -ENOMEM;
	}
	file_init(&tf->file, &timerfd_ops, O_RDWR | (unsigned)(flags & O_NONBLOCK));
	file_set_anon(&tf->file, c, "anon_inode:[timerfd]");
	tf->fd = fd;
	tf->clock = clock;
	*out = &tf->file;
	return 0;
}

int timerfd_set(struct file *f, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	if (f->ops != &timerfd_ops)
		return -EINVAL;
	if (timerfd_settime(timerfd_of(f)->fd, flags, new, old))
		return -errno;
	timerfd_of(f)->flags = flags;
	return 0;
}

int timerfd_get(struct file *f, struct itimerspec *out)
{
	if (f->ops != &timerfd_ops)
		return -EINVAL;
	return timerfd_gettime(timerfd_of(f)->fd, out) ? -errno : 0;
}
