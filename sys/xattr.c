/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes (xattr(7)): of a path, a symlink itself, or an open file. */
#include <linux/limits.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "fs/mount.h"
#include "fs/notify.h"
#include "fs/query.h"
#include "sys/at.h"

/* How the file is named: by a path from `dfd`, or, with AT_EMPTY_PATH and none, by that itself. */
struct target {
	int dfd;
	gva_t path;
	unsigned flags; /* AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH */
};

#define BY_PATH ((struct target){ AT_FDCWD, GVA(a[0]), 0 })
#define BY_LINK ((struct target){ AT_FDCWD, GVA(a[0]), AT_SYMLINK_NOFOLLOW })
#define BY_FD   ((struct target){ (int)a[0], GVA_NULL, AT_EMPTY_PATH })
#define BY_AT   ((struct target){ (int)a[0], GVA(a[1]), (unsigned)a[2] })

/* Linux 6.13 */
struct xattr_args {
	uint64_t value; /* address */
	uint32_t size, flags;
};

/* What is to be done to an attribute of it. */
struct change {
	char name[XATTR_NAME_MAX + 1];
	char *value; /* NULL: it goes away */
	size_t size;
	int flags; /* XATTR_CREATE, XATTR_REPLACE */
};

static int apply(struct caller *c, const struct path *p, const struct change *x)
{
	struct inode *i = p->dentry->inode;
	int err;

	if (mount_is_readonly(p->mnt))
		return -EROFS;
	if (x->value)
		err = i->ops->setxattr
			  ? i->ops->setxattr(i, c, x->name, x->value, x->size, x->flags)
			  : -EOPNOTSUPP;
	else
		err = i->ops->removexattr ? i->ops->removexattr(i, c, x->name) : -EOPNOTSUPP;
	if (!err)
		notify_dentry(p->dentry, IN_ATTRIB);
	return err;
}

/* The path of a target, to be freed; NULL: it is the descriptor. (getname_maybe_null()) */
static int get_target(struct task *t, const struct target *to, char **name)
{
	bool may_be_empty = to->flags & AT_EMPTY_PATH;

	*name = NULL;
	if (may_be_empty && !to->path.v)
		return 0;
	int err = get_path(t, to->path, may_be_empty, name);
	if (!err && !**name) {
		free(*name);
		*name = NULL;
	}
	return err;
}

static int change_path(struct task *t, const struct target *to, char *name, const struct change *x)
{
	struct path p;
	struct at at;
	int err = at_begin(t, to->dfd, name, &at);

	if (err)
		return err;
	err = at_walk(&at, (int)to->flags, &p);
	if (!err) {
		err = apply(&at.c, &p, x);
		path_put(&p);
	}
	at_put(&at);
	return err;
}

static int change_fd(struct task *t, int fd, const struct change *x)
{
	struct caller c = task_caller(t);
	struct file *f = fd_get(t->files, fd);
	struct path p;

	if (!f)
		return -EBADF;
	int err = file_path(f, &c, &p);
	if (!err) {
		err = apply(&c, &p, x);
		path_put(&p);
	}
	file_put(f);
	return err;
}

static int change_target(struct task *t, const struct target *to, const struct change *x)
{
	char *path;
	int err = get_target(t, to, &path);

	if (err)
		return err;
	return path ? change_path(t, to, path, x) : change_fd(t, to->dfd, x);
}

static int get_name(struct task *t, gva_t addr, char name[XATTR_NAME_MAX + 1])
{
	long n = copy_string_from_guest(t->mm, name, addr, XATTR_NAME_MAX + 1);

	return n == 0 || n == -ENAMETOOLONG ? -ERANGE : n < 0 ? (int)n : 0;
}

/* The calls that name a directory have their value in a struct. Their flags, and then that. */
static int check_at(const struct target *to)
{
	return to->flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -EINVAL : 0;
}

static int get_args(struct task *t, gva_t addr, uint64_t size, struct xattr_args *x)
{
	if (size < sizeof *x)
		return -EINVAL;
	return size > PAGE_SIZE ? -E2BIG : get_struct(t, addr, size, x, sizeof *x);
}

static int64_t set_value(struct task *t, struct target to, gva_t name, const struct xattr_args *v)
{
	struct change x = { .size = v->size, .flags = (int)v->flags };

	if (v->flags & ~(unsigned)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	int err = get_name(t, name, x.name);
	if (err)
		return err;
	if (x.size > XATTR_SIZE_MAX)
		return -E2BIG;
	x.value = malloc(x.size ? x.size : 1);
	if (!x.value)
		return -ENOMEM;
	err = copy_from_guest(t->mm, x.value, GVA(v->value), x.size) ? -EFAULT
								     : change_target(t, &to, &x);
	free(x.value);
	return err;
}

static int64_t remove_value(struct task *t, struct target to, gva_t name)
{
	struct change x = { .value = NULL };
	int err = get_name(t, name, x.name);

	return err ? err : change_target(t, &to, &x);
}

/* ---- reading ---- */

static ssize_t query_path(struct task *t, const struct target *to, char *name,
			  struct inode_query *q)
{
	struct at at;
	ssize_t r = at_begin(t, to->dfd, name, &at);

	if (r)
		return r;
	r = vfs_query(&at.c, at.start, at.name, at_walk_flags((int)to->flags), q);
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
static int64_t query_target(struct task *t, const struct target *to, struct inode_query *q,
			    gva_t buf)
{
	char *path;
	int64_t n = get_target(t, to, &path);

	if (n)
		return n;
	q->buf = malloc(q->size ? q->size : 1);
	if (!q->buf) {
		free(path);
		return -ENOMEM;
	}
	n = path ? query_path(t, to, path, q) : query_fd(t, to->dfd, q);
	if (n > 0 && q->size && copy_to_guest(t->mm, buf, q->buf, (size_t)n))
		n = -EFAULT;
	free(q->buf);
	return n;
}

static int64_t get_value(struct task *t, struct target to, gva_t name, gva_t value, uint64_t size)
{
	char text[XATTR_NAME_MAX + 1];
	struct inode_query q = { .what = QUERY_GETXATTR,
				 .name = text,
				 .size = size < XATTR_SIZE_MAX ? size : XATTR_SIZE_MAX };
	int err = get_name(t, name, text);

	return err ? err : query_target(t, &to, &q, value);
}

static int64_t list_names(struct task *t, struct target to, gva_t list, uint64_t size)
{
	struct inode_query q = { .what = QUERY_LISTXATTR,
				 .size = size < XATTR_LIST_MAX ? size : XATTR_LIST_MAX };

	return query_target(t, &to, &q, list);
}

/* ---- the calls ---- */

#define SET_VALUE(by)                                                                              \
	set_value(t, by, GVA(a[1]),                                                                \
		  &(struct xattr_args){ a[2], a[3] > UINT32_MAX ? UINT32_MAX : (uint32_t)a[3],     \
					(uint32_t)a[4] })

SYSCALL_DEFINE(setxattr)
{
	return SET_VALUE(BY_PATH);
}

SYSCALL_DEFINE(lsetxattr)
{
	return SET_VALUE(BY_LINK);
}

SYSCALL_DEFINE(fsetxattr)
{
	return SET_VALUE(BY_FD);
}

SYSCALL_DEFINE(setxattrat)
{
	struct xattr_args x;
	struct target to = BY_AT;
	int err = get_args(t, GVA(a[4]), a[5], &x);

	if (!err)
		err = check_at(&to);
	return err ? err : set_value(t, to, GVA(a[3]), &x);
}

SYSCALL_DEFINE(getxattr)
{
	return get_value(t, BY_PATH, GVA(a[1]), GVA(a[2]), a[3]);
}

SYSCALL_DEFINE(lgetxattr)
{
	return get_value(t, BY_LINK, GVA(a[1]), GVA(a[2]), a[3]);
}

SYSCALL_DEFINE(fgetxattr)
{
	return get_value(t, BY_FD, GVA(a[1]), GVA(a[2]), a[3]);
}

SYSCALL_DEFINE(getxattrat)
{
	struct xattr_args x;
	struct target to = BY_AT;
	int err = get_args(t, GVA(a[4]), a[5], &x);

	if (!err)
		err = x.flags ? -EINVAL : check_at(&to);
	return err ? err : get_value(t, to, GVA(a[3]), GVA(x.value), x.size);
}

SYSCALL_DEFINE(listxattr)
{
	return list_names(t, BY_PATH, GVA(a[1]), a[2]);
}

SYSCALL_DEFINE(llistxattr)
{
	return list_names(t, BY_LINK, GVA(a[1]), a[2]);
}

SYSCALL_DEFINE(flistxattr)
{
	return list_names(t, BY_FD, GVA(a[1]), a[2]);
}

SYSCALL_DEFINE(listxattrat)
{
	struct target to = BY_AT;
	int err = check_at(&to);

	return err ? err : list_names(t, to, GVA(a[3]), a[4]);
}

SYSCALL_DEFINE(removexattr)
{
	return remove_value(t, BY_PATH, GVA(a[1]));
}

SYSCALL_DEFINE(lremovexattr)
{
	return remove_value(t, BY_LINK, GVA(a[1]));
}

SYSCALL_DEFINE(fremovexattr)
{
	return remove_value(t, BY_FD, GVA(a[1]));
}

SYSCALL_DEFINE(removexattrat)
{
	struct target to = BY_AT;
	int err = check_at(&to);

	return err ? err : remove_value(t, to, GVA(a[3]));
}
