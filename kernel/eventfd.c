/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An eventfd is a 64-bit counter that writes add to and reads take from, as eventfd(2) says.
 * Readers and writers that block wait on one queue, told apart by the events they wait for.
 */
#include "kernel/eventfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "fs/saved.h"
#include "util/lock.h"

struct eventfd {
	struct file file;
	bool semaphore;
	struct mutex lock;
	uint64_t count; /* guarded by lock; UINT64_MAX is never reached */
	struct waitqueue wait;
};

static struct eventfd *eventfd_of(struct file *f)
{
	return container_of(f, struct eventfd, file);
}

/* Takes what one read takes; 0: nothing is there. */
static uint64_t eventfd_take(struct eventfd *e)
{
	mutex_lock(&e->lock);
	uint64_t n = e->semaphore && e->count ? 1 : e->count;
	e->count -= n;
	mutex_unlock(&e->lock);
	return n;
}

static bool eventfd_add(struct eventfd *e, uint64_t n)
{
	mutex_lock(&e->lock);
	bool fits = n < UINT64_MAX - e->count;
	if (fits)
		e->count += n;
	mutex_unlock(&e->lock);
	return fits;
}

static int eventfd_wait_take(struct eventfd *e, struct sleeper *s, uint64_t *n)
{
	struct waiter w;
	int err = 0;

	waiter_init(&w, s);
	w.events = POLLIN;
	waitqueue_add(&e->wait, &w);
	while (!(*n = eventfd_take(e)) && !err)
		err = sleeper_wait(s, DEADLINE_NONE);
	waitqueue_remove(&w);
	return *n ? 0 : err;
}

static int eventfd_wait_add(struct eventfd *e, struct sleeper *s, uint64_t n)
{
	struct waiter w;
	bool added;
	int err = 0;

	waiter_init(&w, s);
	w.events = POLLOUT;
	waitqueue_add(&e->wait, &w);
	while (!(added = eventfd_add(e, n)) && !err)
		err = sleeper_wait(s, DEADLINE_NONE);
	waitqueue_remove(&w);
	return added ? 0 : err;
}

static ssize_t eventfd_file_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct eventfd *e = eventfd_of(f);

	if (pos)
		return -ESPIPE;
	if (u->resid < sizeof(uint64_t))
		return -EINVAL;
	uint64_t n = eventfd_take(e);
	if (!n) {
		int err = f->flags & O_NONBLOCK ? -EAGAIN : eventfd_wait_take(e, c->sleeper, &n);
		if (err)
			return err;
	}
	waitqueue_wake_all(&e->wait, POLLOUT);
	return uio_put(u, &n, sizeof n) == sizeof n ? (ssize_t)sizeof n : -EFAULT;
}

static ssize_t eventfd_file_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct eventfd *e = eventfd_of(f);
	uint64_t n;

	if (pos)
		return -ESPIPE;
	if (u->resid != sizeof n)
		return -EINVAL;
	if (uio_take(u, &n, sizeof n) < sizeof n)
		return -EFAULT;
	if (n == UINT64_MAX)
		return -EINVAL;
	if (!eventfd_add(e, n)) {
		int err = f->flags & O_NONBLOCK ? -EAGAIN : eventfd_wait_add(e, c->sleeper, n);
		if (err)
			return err;
	}
	waitqueue_wake_all(&e->wait, POLLIN);
	return sizeof n;
}

static unsigned eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = eventfd_of(f);

	poll_wait(pt, &e->wait);
	mutex_lock(&e->lock);
	uint64_t count = e->count;
	mutex_unlock(&e->lock);
	return (count ? POLLIN : 0) | (count < UINT64_MAX - 1 ? POLLOUT : 0);
}

static void eventfd_release(struct file *f)
{
	struct eventfd *e = eventfd_of(f);

	waitqueue_destroy(&e->wait);
	mutex_destroy(&e->lock);
	free(e);
}

static int eventfd_save(struct saver *s, void *object)
{
	struct eventfd *e = eventfd_of(object);

	file_save_state(s, &e->file);
	encode(&s->out, e->semaphore);
	encode(&s->out, e->count);
	return 0;
}

static int eventfd_load(struct loader *l, void **out)
{
	struct file *f;
	int err = eventfd_create(l->caller, 0, 0, &f);

	if (err)
		return err;
	struct eventfd *e = eventfd_of(f);
	err = file_load_state(l, f);
	e->semaphore = decode_bool(&l->in);
	e->count = decode_max(&l->in, UINT64_MAX - 1);
	*out = f;
	if (err)
		file_put(f);
	return err;
}

const struct saved_kind eventfd_saved = {
	.name = "eventfd",
	.save = eventfd_save,
	.load = eventfd_load,
	.put = file_saved_put,
};

static const struct file_ops eventfd_ops = {
	.saved = &eventfd_saved,
	.no_splice_read = true,
	.no_splice_write = true,
	.read = eventfd_file_read,
	.lseek_ignored = true,
	.write = eventfd_file_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
};

bool file_is_eventfd(const struct file *f)
{
	return f->ops == &eventfd_ops;
}

int eventfd_signal(struct file *f)
{
	if (!file_is_eventfd(f))
		return -EINVAL;
	(void)eventfd_add(eventfd_of(f), 1);
	waitqueue_wake_all(&eventfd_of(f)->wait, POLLIN);
	return 0;
}

int eventfd_create(struct caller *c, uint64_t count, int flags, struct file **out)
{
	struct eventfd *e = calloc(1, sizeof *e);

	if (!e)
		return -ENOMEM;
	file_init(&e->file, &eventfd_ops, O_RDWR | (flags & EFD_NONBLOCK));
	file_set_anon(&e->file, c, "anon_inode:[eventfd]");
	mutex_init(&e->lock, LOCK_EVENTFD);
	waitqueue_init(&e->wait);
	e->semaphore = flags & EFD_SEMAPHORE;
	e->count = count;
	*out = &e->file;
	return 0;
}
