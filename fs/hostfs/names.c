/* SPDX-License-Identifier: Apache-2.0 */
/* Making, removing and renaming names: each is one host call on a directory that was walked to. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fs/device.h"
#include "fs/hostfs/internal.h"
#include "host/aside.h"
#include "host/beneath.h"
#include "host/fdpath.h"
#include "host/fscred.h"
#include "host/hostcall.h"

static int begin_create(struct caller *c, mode_t *mode)
{
	int err = hostfs_act_as(c);

	if (!err)
		*mode = fscred_umask(*mode, c->fs->umask);
	return err;
}

/* A node of a device would work for other programs of the host, outside of the sandbox. */
int hostfs_mknod(struct inode *dir, struct caller *c, const char *name, mode_t mode, dev_t dev)
{
	struct hostfs *h = hostfs_of(dir);
	bool whiteout = h->whiteouts && S_ISCHR(mode) && dev == WHITEOUT_DEV;
	bool device = (S_ISCHR(mode) || S_ISBLK(mode)) && !whiteout;
	int err = begin_create(c, &mode);

	if (!err && device && (h->contained || S_ISBLK(mode) || !device_harmless(dev)))
		err = -EPERM;
	if (!err && !hostfs_allows_mode(h, mode))
		err = -EPERM;
	return err ? err : (int)host_ret(mknodat(hostfs_fd(dir), name, mode, dev));
}

int hostfs_mkdir(struct inode *dir, struct caller *c, const char *name, mode_t mode)
{
	int err = begin_create(c, &mode);

	return err ? err : (int)host_ret(mkdirat(hostfs_fd(dir), name, mode));
}

int hostfs_symlink(struct inode *dir, struct caller *c, const char *name, const char *target)
{
	int err = hostfs_act_as(c);

	return err ? err : (int)host_ret(symlinkat(target, hostfs_fd(dir), name));
}

/* linkat(2): by descriptor needs CAP_DAC_READ_SEARCH, or Linux 6.10 and our own descriptor; else by
 * its name in /proc, which can not lead to a symlink. */
int hostfs_link(struct inode *dir, struct caller *c, const char *name, struct inode *target)
{
	char from[FDPATH_NAME];
	int err = hostfs_act_as(c);

	if (err)
		return err;
	err = (int)host_ret(linkat(hostfs_fd(target), "", hostfs_fd(dir), name, AT_EMPTY_PATH));
	if (err != -ENOENT || S_ISLNK(target->type) || fdpath_dir() < 0)
		return err;
	fdpath_name(hostfs_fd(target), from);
	return (int)host_ret(linkat(fdpath_dir(), from, hostfs_fd(dir), name, AT_SYMLINK_FOLLOW));
}

/* The file whose name a call is about to remove, where its end is to be seen to. */
struct victim {
	int fd;                 /* -1: there is none */
	bool large;             /* it is not to be freed in the call that removes its only name */
	struct disk_file *held; /* NULL: it is not counted */
};

static struct victim victim_of(struct inode *dir, const char *name)
{
	struct hostfs *h = hostfs_of(dir);
	struct victim v = { .fd = -1, .large = hostfs_is_large(hostfs_fd(dir), name, 1) };

	if (v.large || hostfs_counts(h))
		v.fd = beneath_open(hostfs_fd(dir), name, O_PATH | O_NOFOLLOW, 0);
	if (v.fd >= 0)
		(void)hostfs_disk_hold(h, v.fd, &v.held); /* not had: it is not given back */
	return v;
}

static int name_removed(struct inode *dir, struct victim *v, int err)
{
	if (!err)
		hostfs_of(dir)->removes = true;
	hostfs_disk_drop(v->held, v->fd);
	if (v->large && !err && v->fd >= 0)
		aside_close(v->fd);
	else
		host_close(v->fd);
	return err;
}

static int begin_remove(struct inode *dir, struct caller *c, const char *name)
{
	int err = hostfs_may_remove(dir, c, name);

	return err ? err : hostfs_act_as(c);
}

int hostfs_unlink(struct inode *dir, struct caller *c, const char *name)
{
	int err = begin_remove(dir, c, name);

	if (err)
		return err;
	struct victim victim = victim_of(dir, name);
	err = (int)host_ret(unlinkat(hostfs_fd(dir), name, 0));
	return name_removed(dir, &victim, err);
}

int hostfs_rmdir(struct inode *dir, struct caller *c, const char *name)
{
	int err = begin_remove(dir, c, name);

	return err ? err : (int)host_ret(unlinkat(hostfs_fd(dir), name, AT_REMOVEDIR));
}

/* vfs_rename() of Linux's fs/namei.c, in its order. */
static int begin_rename(struct inode *dir, struct caller *c, const char *name, struct inode *newdir,
			const char *newname, unsigned flags)
{
	/* it leaves a device behind */
	if (flags & RENAME_WHITEOUT && hostfs_of(dir)->contained && !hostfs_of(dir)->whiteouts)
		return -EPERM;
	int err = begin_remove(dir, c, name);
	if (!err)
		err = hostfs_may_remove(newdir, c, newname);
	/* the name is free */
	return err == -ENOENT && hostfs_asks_guest(hostfs_of(dir), c) && !(flags & RENAME_EXCHANGE)
		   ? hostfs_may(newdir, c, W_OK | X_OK)
		   : err;
}

int hostfs_rename(struct inode *dir, struct caller *c, const char *name, struct inode *newdir,
		  const char *newname, unsigned flags)
{
	int err = begin_rename(dir, c, name, newdir, newname, flags);

	if (err)
		return err;
	bool replaces = !(flags & (RENAME_EXCHANGE | RENAME_NOREPLACE));
	struct victim victim = replaces ? victim_of(newdir, newname) : (struct victim){ .fd = -1 };
	err =
	    (int)host_call(SYS_renameat2, hostfs_fd(dir), name, hostfs_fd(newdir), newname, flags);
	return name_removed(newdir, &victim, err);
}
