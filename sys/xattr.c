/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes (xattr(7)): of a path, a symlink itself, or an open file. */
#include <linux/limits.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "fs/mount.h"
#include "fs/notify.h"
#include "fs/query.h"
#include "sys/at.h"

/* How the file is named: by a[0], a path (followed or not) or a descriptor. */
enum target { BY_PATH, BY_LINK, BY_FD };

/* The operation on what was found; `a` as the system call got it. */
typedef int64_t xattr_fn(struct task *t, struct caller *c, struct inode *i, const uint64_t *a);

static int64_t on_place(struct task *t, struct caller *c, const struct path *p, const uint64_t *a,
			xattr_fn *fn)
{
	if (mount_is_readonly(p->mnt))
		return -EROFS;
	int64_t r = fn(t, c, p->dentry->inode, a);
	if (!r)
		notify_dentry(p->dentry, IN_ATTRIB);
	return r;
}

static int64_t on_path(struct task *t, const uint64_t *a, bool follow, xattr_fn *fn)
{
	struct path p;
	struct at at;

	int64_t r = at_get(t, AT_FDCWD, GVA(a[0]), false, &at);
	if (r)
		return r;
	r = at_walk(&at, follow ? 0 : AT_SYMLINK_NOFOLLOW, &p);
	if (!r) {
		r = on_place(t, &at.c, &p, a, fn);
		path_put(&p);
	}
	at_put(&at);
	return r;
}

static int64_t on_fd(struct task *t, const uint64_t *a, xattr_fn *fn)
{
	struct caller c = task_caller(t);
	struct file *f = fd_get(t->files, (int)a[0]);
	struct path p;

	if (!f)
		return -EBADF;
	int64_t r = file_path(f, &c, &p);
	if (!r) {
		r = on_place(t, &c, &p, a, fn);
		path_put(&p);
	}
	file_put(f);
	return r;
}

static int64_t on_target(struct task *t, const uint64_t *a, enum target by, xattr_fn *fn)
{
	return by == BY_FD ? on_fd(t, a, fn) : on_path(t, a, by == BY_PATH, fn);
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

/* ---- reading ---- */

static ssize_t query_path(struct task *t, gva_t name, bool follow, struct inode_query *q)
{
	struct at at;
	ssize_t r = at_get(t, AT_FDCWD, name, false, &at);

	if (r)
		return r;
	r = vfs_query(&at.c, at.start, at.name, at_walk_flags(follow ? 0 : AT_SYMLINK_NOFOLLOW), q);
	at_put(&at);
	return r;
}

static ssize_t query_fd(struct task *t, int fd, struct inode_query *q)
{
	struct caller c = task_caller(t);
	struct file *f = fd_get(t->files, fd);
	struct path p;

	if (!f)
		return -EBADF;
	ssize_t r = file_path(f, &c, &p);
	if (!r) {
		r = path_query(&p, &c, q);
		path_put(&p);
	}
	file_put(f);
	return r;
}

/* The answer goes to `buf` in the guest, which has room for q->size bytes. */
static int64_t query_target(struct task *t, gva_t target, enum target by, struct inode_query *q,
			    gva_t buf)
{
	q->buf = malloc(q->size ? q->size : 1);
	if (!q->buf)
		return -ENOMEM;
	int64_t n =
	    by == BY_FD ? query_fd(t, (int)target.v, q) : query_path(t, target, by == BY_PATH, q);
	if (n > 0 && q->size && copy_to_guest(t->mm, buf, q->buf, (size_t)n))
		n = -EFAULT;
	free(q->buf);
	return n;
}

static int64_t get_value(struct task *t, const uint64_t *a, enum target by)
{
	char name[XATTR_NAME_MAX + 1];
	struct inode_query q = { .what = QUERY_GETXATTR,
				 .name = name,
				 .size = a[3] < XATTR_SIZE_MAX ? a[3] : XATTR_SIZE_MAX };
	int err = get_name(t, GVA(a[1]), name);

	return err ? err : query_target(t, GVA(a[0]), by, &q, GVA(a[2]));
}

static int64_t list_names(struct task *t, const uint64_t *a, enum target by)
{
	struct inode_query q = { .what = QUERY_LISTXATTR,
				 .size = a[2] < XATTR_LIST_MAX ? a[2] : XATTR_LIST_MAX };

	return query_target(t, GVA(a[0]), by, &q, GVA(a[1]));
}

/* ---- changing ---- */

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
	return on_target(t, a, BY_PATH, set_value);
}

SYSCALL_DEFINE(lsetxattr)
{
	return on_target(t, a, BY_LINK, set_value);
}

SYSCALL_DEFINE(fsetxattr)
{
	return on_target(t, a, BY_FD, set_value);
}

SYSCALL_DEFINE(getxattr)
{
	return get_value(t, a, BY_PATH);
}

SYSCALL_DEFINE(lgetxattr)
{
	return get_value(t, a, BY_LINK);
}

SYSCALL_DEFINE(fgetxattr)
{
	return get_value(t, a, BY_FD);
}

SYSCALL_DEFINE(listxattr)
{
	return list_names(t, a, BY_PATH);
}

SYSCALL_DEFINE(llistxattr)
{
	return list_names(t, a, BY_LINK);
}

SYSCALL_DEFINE(flistxattr)
{
	return list_names(t, a, BY_FD);
}

SYSCALL_DEFINE(removexattr)
{
	return on_target(t, a, BY_PATH, remove_value);
}

SYSCALL_DEFINE(lremovexattr)
{
	return on_target(t, a, BY_LINK, remove_value);
}

SYSCALL_DEFINE(fremovexattr)
{
	return on_target(t, a, BY_FD, remove_value);
}
