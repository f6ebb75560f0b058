/* SPDX-License-Identifier: Apache-2.0 */
/* link(2), unlink(2), symlink(2), rename(2), mkdir(2), rmdir(2), mknod(2). */
#include <linux/capability.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fs/names.h"
#include "sys/at.h"

static int64_t do_mkdir(struct task *t, int dfd, gva_t name, uint64_t mode)
{
	struct at at;
	int err = at_get(t, dfd, name, false, &at);

	if (err)
		return err;
	err = vfs_mkdir(&at.c, at.start, at.name, (mode_t)mode);
	at_put(&at);
	return err;
}

SYSCALL_DEFINE(mkdir)
{
	return do_mkdir(t, AT_FDCWD, GVA(a[0]), a[1]);
}

SYSCALL_DEFINE(mkdirat)
{
	return do_mkdir(t, (int)a[0], GVA(a[1]), a[2]);
}

static int check_node_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: return 0;
	case S_IFDIR: return -EPERM;
	default: return -EINVAL;
	}
}

/* The kernel's 32-bit device number of mknod(2). */
static dev_t decode_dev(unsigned dev)
{
	return makedev((dev & 0xfff00) >> 8, (dev & 0xff) | ((dev >> 12) & 0xfff00));
}

static int64_t do_mknod(struct task *t, int dfd, gva_t name, uint64_t mode, uint64_t dev)
{
	struct at at;
	mode_t m = (mode_t)mode & 0xffff;

	int err = check_node_type(m);
	if (err)
		return err;
	err = at_get(t, dfd, name, false, &at);
	if (err)
		return err;
	err = vfs_mknod(&at.c, at.start, at.name, m & S_IFMT ? m : m | S_IFREG,
			decode_dev((unsigned)dev));
	at_put(&at);
	return err;
}

SYSCALL_DEFINE(mknod)
{
	return do_mknod(t, AT_FDCWD, GVA(a[0]), a[1], a[2]);
}

SYSCALL_DEFINE(mknodat)
{
	return do_mknod(t, (int)a[0], GVA(a[1]), a[2], a[3]);
}

static int64_t do_symlink(struct task *t, gva_t target, int dfd, gva_t name)
{
	struct at to, at;
	int err = at_get(t, AT_FDCWD, target, false, &to);

	if (err)
		return err;
	err = at_get(t, dfd, name, false, &at);
	if (!err) {
		err = vfs_symlink(&at.c, to.name, at.start, at.name);
		at_put(&at);
	}
	at_put(&to);
	return err;
}

SYSCALL_DEFINE(symlink)
{
	return do_symlink(t, GVA(a[0]), AT_FDCWD, GVA(a[1]));
}

SYSCALL_DEFINE(symlinkat)
{
	return do_symlink(t, GVA(a[0]), (int)a[1], GVA(a[2]));
}

static int64_t do_unlink(struct task *t, int dfd, gva_t name, bool dir)
{
	struct at at;
	int err = at_get(t, dfd, name, false, &at);

	if (err)
		return err;
	err = dir ? vfs_rmdir(&at.c, at.start, at.name) : vfs_unlink(&at.c, at.start, at.name);
	at_put(&at);
	return err;
}

SYSCALL_DEFINE(unlink)
{
	return do_unlink(t, AT_FDCWD, GVA(a[0]), false);
}

SYSCALL_DEFINE(rmdir)
{
	return do_unlink(t, AT_FDCWD, GVA(a[0]), true);
}

SYSCALL_DEFINE(unlinkat)
{
	int flags = (int)a[2];

	return flags & ~AT_REMOVEDIR ? -EINVAL
				     : do_unlink(t, (int)a[0], GVA(a[1]), flags & AT_REMOVEDIR);
}

static int link_to(struct task *t, const struct path *target, int dfd, gva_t name)
{
	struct at at;
	int err = at_get(t, dfd, name, false, &at);

	if (err)
		return err;
	err = vfs_link(&at.c, target, at.start, at.name);
	at_put(&at);
	return err;
}

/* A descriptor that was handed over is not to become a name: who links it has opened it, or may
 * search anywhere. */
static bool may_link(const struct task *t, const struct at *at)
{
	if (!at_is_file(at) || at->file->cred == t->cred)
		return true;
	/* a pipe, say, was opened by nobody */
	const struct user_namespace *ns =
	    at->file->cred ? at->file->cred->user_ns : t->sb->vfs->user_ns;
	return cred_ns_capable(t->cred, ns, CAP_DAC_READ_SEARCH);
}

static int64_t do_link(struct task *t, int olddfd, gva_t old, int newdfd, gva_t new, int flags)
{
	int walk = (flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW) | (flags & AT_EMPTY_PATH);
	struct path target;
	struct at at;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int err = at_get(t, olddfd, old, flags & AT_EMPTY_PATH, &at);
	if (err)
		return err;
	err = may_link(t, &at) ? at_walk(&at, walk, &target) : -ENOENT;
	at_put(&at);
	if (err)
		return err;
	err = link_to(t, &target, newdfd, new);
	path_put(&target);
	return err;
}

SYSCALL_DEFINE(link)
{
	return do_link(t, AT_FDCWD, GVA(a[0]), AT_FDCWD, GVA(a[1]), 0);
}

SYSCALL_DEFINE(linkat)
{
	return do_link(t, (int)a[0], GVA(a[1]), (int)a[2], GVA(a[3]), (int)a[4]);
}

static int64_t do_rename(struct task *t, int olddfd, gva_t old, int newdfd, gva_t new,
			 unsigned flags)
{
	struct at from, to;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) ||
	    (flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)))
		return -EINVAL;
	int err = at_get(t, olddfd, old, false, &from);
	if (err)
		return err;
	err = at_get(t, newdfd, new, false, &to);
	if (err) {
		at_put(&from);
		return err;
	}
	err = vfs_rename(&from.c, from.start, from.name, to.start, to.name, flags);
	at_put(&from);
	at_put(&to);
	return err;
}

SYSCALL_DEFINE(rename)
{
	return do_rename(t, AT_FDCWD, GVA(a[0]), AT_FDCWD, GVA(a[1]), 0);
}

SYSCALL_DEFINE(renameat)
{
	return do_rename(t, (int)a[0], GVA(a[1]), (int)a[2], GVA(a[3]), 0);
}

SYSCALL_DEFINE(renameat2)
{
	return do_rename(t, (int)a[0], GVA(a[1]), (int)a[2], GVA(a[3]), (unsigned)a[4]);
}
