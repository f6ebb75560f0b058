/* SPDX-License-Identifier: Apache-2.0 */
/* inotify(7) */
#include "fs/inotify.h"

#include <sys/inotify.h>

#include "sys/at.h"

#define MASK_BITS                                                                                  \
	(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW |   \
	 IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE | IN_ISDIR | IN_ONESHOT)

static int64_t do_inotify_init(struct task *t, int flags)
{
	struct caller c = task_caller(t);
	struct file *f;

	if (flags & ~(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	int err = inotify_create(&c, flags, &f);
	return err ? err : fd_return(t, f, flags & IN_CLOEXEC);
}

SYSCALL_DEFINE(inotify_init)
{
	return do_inotify_init(t, 0);
}

SYSCALL_DEFINE(inotify_init1)
{
	return do_inotify_init(t, (int)a[0]);
}

static int get_inotify(struct task *t, uint64_t fd, struct file **out)
{
	struct file *f = fd_get(t->files, (int)fd);

	if (!f)
		return -EBADF;
	if (!file_is_inotify(f)) {
		file_put(f);
		return -EINVAL;
	}
	*out = f;
	return 0;
}

static int64_t watch_at(struct task *t, struct file *f, gva_t name, uint32_t mask)
{
	struct path p;
	struct at at;
	int err = at_get(t, AT_FDCWD, name, false, &at);

	if (err)
		return err;
	err = at_walk(&at, mask & IN_DONT_FOLLOW ? AT_SYMLINK_NOFOLLOW : 0, &p);
	if (!err) {
		err = inotify_watch(f, &at.c, &p, mask);
		path_put(&p);
	}
	at_put(&at);
	return err;
}

SYSCALL_DEFINE(inotify_add_watch)
{
	uint32_t mask = (uint32_t)a[2];
	struct file *f;

	if (!(mask & MASK_BITS))
		return -EINVAL;
	int64_t r = get_inotify(t, a[0], &f);
	if (r)
		return r;
	r = watch_at(t, f, GVA(a[1]), mask);
	file_put(f);
	return r;
}

SYSCALL_DEFINE(inotify_rm_watch)
{
	struct file *f;
	int64_t r = get_inotify(t, a[0], &f);

	if (r)
		return r;
	r = inotify_unwatch(f, (int)a[1]);
	file_put(f);
	return r;
}
