/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes (xattr(7)): of a path, a symlink itself, or an open file. */
#include <linux/limits.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "fs/mount.h"
#include "fs/notify.h"
#include "sys/at.h"

/* How the file is named: by a[0], a path (followed or not) or a descriptor. */
enum target { BY_PATH, BY_LINK, BY_FD };

/* The operation on what was found; `a` as the system call got it. */
typedef int64_t xattr_fn(struct task *t, struct caller *c, struct inode *i, const uint64_t *a);

static int64_t on_place(struct task *t, struct caller *c, const struct path *p, const uint64_t *a,
			bool write, xattr_fn *fn)
{
	if (write && mount_is_readonly(p->mnt))
		return -EROFS;
	int64_t r = fn(t, c, p->dentry->inode, a);
	if (write && !r)
		notify_dentry(p->dentry, IN_ATTRIB);
	return r;
}

static int64_t on_path(struct task *t, const uint64_t *a, bool follow, bool write, xattr_fn *fn)
{
	struct path p;
	struct at at;

	int64_t r = at_get(t, AT_FDCWD, GVA(a[0]), false, &at);
	if (r)
		return r;
	r = at_walk(&at, follow ? 0 : AT_SYMLINK_NOFOLLOW, &p);
	if (!r) {
		r = on_place(t, &at.c, &p, a, write, fn);
		path_put(&p);
	}
	at_put(&at);
	return r;
}

static int64_t on_fd(struct task *t, const uint64_t *a, bool write, xattr_fn *fn)
{
	struct caller c = task_caller(t);
	struct file *f = fd_get(t->files, (int)a[0]);
	struct path p;

	if (!f)
		return -EBADF;
	int64_t r = file_path(f, &c, &p);
	if (!r) {
		r = on_place(t, &c, &p, a, write, fn);
		path_put(&p);
	}
	file_put(f);
	return r;
}

static int64_t on_target(struct task *t, const uint64_t *a, enum target by, bool write,
			 xattr_fn *fn)
{
	return by == BY_FD ? on_fd(t, a, write, fn) : on_path(t, a, by == BY_PATH, write, fn);
}

static int get_name(struct task *t, gva_t addr, char name[XATTR_NAME_MAX + 1])
{
	long n = copy_string_from_guest(t->mm, name, addr, XATTR_NAME_MAX + 1);

	return n == 0 || n == -ENAMETOOLONG ? -ERANGE : n < 0 ? (int)n : 0;
}

static int64_t set_value(struct task *t, struct caller *c, struct inode *i, const uint64_t *a)
{
	char name[XATTR_NAME_MAX + 1];
	uint64_t size = a[3];

	if (a[4] & ~(uint64_t)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	int err = get_name(t, GVA(a[1]), name);
	if (err)
		return err;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (!i->ops->setxattr)
		return -EOPNOTSUPP;
	char *value = malloc(size ? size : 1);
	if (!value)
		return -ENOMEM;
	err = copy_from_guest(t->mm, value, GVA(a[2]), size)
		  ? -EFAULT
		  : i->ops->setxattr(i, c, name, value, size, (int)a[4]);
	free(value);
	return err;
}

static int64_t get_value(struct task *t, struct caller *c, struct inode *i, const uint64_t *a)
{
	char name[XATTR_NAME_MAX + 1];
	size_t size = a[3] < XATTR_SIZE_MAX ? a[3] : XATTR_SIZE_MAX;

	int err = get_name(t, GVA(a[1]), name);
	if (err)
		return err;
	if (!i->ops->getxattr)
		return -EOPNOTSUPP;
	char *value = malloc(size ? size : 1);
	if (!value)
		return -ENOMEM;
	int64_t n = i->ops->getxattr(i, c, name, value, size);
	if (n > 0 && size && copy_to_guest(t->mm, GVA(a[2]), value, (size_t)n))
		n = -EFAULT;
	free(value);
	return n;
}

static int64_t list_names(struct task *t, struct caller *c, struct inode *i, const uint64_t *a)
{
	size_t size = a[2] < XATTR_LIST_MAX ? a[2] : XATTR_LIST_MAX;

	if (!i->ops->listxattr)
		return 0;
	char *list = malloc(size ? size : 1);
	if (!list)
		return -ENOMEM;
	int64_t n = i->ops->listxattr(i, c, list, size);
	if (n > 0 && size && copy_to_guest(t->mm, GVA(a[1]), list, (size_t)n))
		n = -EFAULT;
	free(list);
	return n;
}

static int64_t remove_value(struct task *t, struct caller *c, struct inode *i, const uint64_t *a)
{
	char name[XATTR_NAME_MAX + 1];
	int err = get_name(t, GVA(a[1]), name);

	if (err)
		return err;
	return i->ops->removexattr ? i->ops->removexattr(i, c, name) : -EOPNOTSUPP;
}

SYSCALL_DEFINE(setxattr)
{
	return on_target(t, a, BY_PATH, true, set_value);
}

SYSCALL_DEFINE(lsetxattr)
{
	return on_target(t, a, BY_LINK, true, set_value);
}

SYSCALL_DEFINE(fsetxattr)
{
	return on_target(t, a, BY_FD, true, set_value);
}

SYSCALL_DEFINE(getxattr)
{
	return on_target(t, a, BY_PATH, false, get_value);
}

SYSCALL_DEFINE(lgetxattr)
{
	return on_target(t, a, BY_LINK, false, get_value);
}

SYSCALL_DEFINE(fgetxattr)
{
	return on_target(t, a, BY_FD, false, get_value);
}

SYSCALL_DEFINE(listxattr)
{
	return on_target(t, a, BY_PATH, false, list_names);
}

SYSCALL_DEFINE(llistxattr)
{
	return on_target(t, a, BY_LINK, false, list_names);
}

SYSCALL_DEFINE(flistxattr)
{
	return on_target(t, a, BY_FD, false, list_names);
}

SYSCALL_DEFINE(removexattr)
{
	return on_target(t, a, BY_PATH, true, remove_value);
}

SYSCALL_DEFINE(lremovexattr)
{
	return on_target(t, a, BY_LINK, true, remove_value);
}

SYSCALL_DEFINE(fremovexattr)
{
	return on_target(t, a, BY_FD, true, remove_value);
}
