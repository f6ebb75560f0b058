/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of what a descriptor, O_PATH or not, is open on. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "fs/device.h"
#include "fs/hostfs/internal.h"
#include "host/fdpath.h"
#include "host/hostcall.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

int hostfs_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	int err = hostfs_statx(hostfs_fd(i), "", mask, out);

	if (!err)
		hostfs_show(hostfs_of(i), out);
	return err;
}

int hostfs_permission(struct inode *i, struct caller *c, int mask)
{
	if (hostfs_is_given(i))
		return hostfs_granted(i, mask);
	int err = hostfs_may(i, c, mask);
	if (!err)
		err = hostfs_act_as(c);
	if (err)
		return err;
	return (int)host_call(SYS_faccessat2, hostfs_fd(i), "", mask, AT_EACCESS | AT_EMPTY_PATH);
}

ssize_t hostfs_readlink(struct inode *i, struct caller *c, char *buf, size_t size)
{
	ssize_t n = host_ret(readlinkat(hostfs_fd(i), "", buf, size));

	return n == -ENOENT ? -EINVAL : n;
}

static int set_owner(struct inode *i, const struct iattr *a)
{
	const struct user_namespace *users = hostfs_of(i)->users;
	uid_t uid;
	gid_t gid;
	int err = user_ns_host_uid(users, a->valid & ATTR_UID ? a->uid : (uid_t)-1, &uid);

	if (!err)
		err = user_ns_host_gid(users, a->valid & ATTR_GID ? a->gid : (gid_t)-1, &gid);
	return err ? err : (int)host_ret(fchownat(hostfs_fd(i), "", uid, gid, AT_EMPTY_PATH));
}

/* Linux 6.6 has a chmod for O_PATH descriptors; before, the descriptor's name in /proc is the
 * way. */
static int set_mode(int fd, mode_t mode)
{
	char name[FDPATH_NAME];
	long r = host_call(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH);

	if (r != -ENOSYS)
		return (int)r;
	if (fdpath_dir() < 0)
		return -EOPNOTSUPP;
	fdpath_name(fd, name);
	return (int)host_ret(fchmodat(fdpath_dir(), name, mode, 0));
}

/* A contained guest's calls are made without the right to keep the set-group-ID bit of a group one
 * is not in; a directory may have it. */
static int set_mode_as(struct inode *i, struct caller *c, mode_t mode)
{
	bool setgid = S_ISDIR(i->type) && mode & S_ISGID;
	int err = setgid ? cred_assume_for_setgid(c->cred) : 0;

	if (!err)
		err = set_mode(hostfs_fd(i), mode);
	if (setgid)
		(void)hostfs_act_as(c);
	return err;
}

static int set_size(struct inode *i, struct caller *c, uint64_t size)
{
	if (S_ISDIR(i->type))
		return -EISDIR;
	if (!S_ISREG(i->type))
		return -EINVAL;
	struct disk_change ch;
	int err = hostfs_disk_begin(i, &ch);
	if (err)
		return err;
	err = size > ch.size && !hostfs_disk_room(&ch, size - 1)
		  ? hostfs_disk_full(hostfs_fd(i), size - 1)
		  : hostfs_truncate(hostfs_fd(i), c, size);
	if (!err)
		hostfs_disk_cut(&ch, size);
	hostfs_disk_end(&ch);
	if (!err)
		hostfs_pages_truncated(hostfs_of(i)->pages, i, size);
	return err;
}

static bool is_device(const struct inode *i)
{
	return S_ISCHR(i->type) || S_ISBLK(i->type);
}

/* The host's devices are not the guest's to change: neither one it was started with as its stdin
 * (the file system of inherited descriptors has no root) nor any that mknod would not make for
 * it. */
static bool is_foreign_device(struct inode *i)
{
	struct statx st;

	if (!is_device(i))
		return false;
	if (!i->fs->root || hostfs_of(i)->contained || S_ISBLK(i->type) ||
	    hostfs_statx(hostfs_fd(i), "", STATX_TYPE, &st))
		return true;
	return !device_harmless(makedev(st.stx_rdev_major, st.stx_rdev_minor));
}

/* Of what the caller gave by a descriptor, the contents alone may be the guest's to change. */
static int check_given(struct inode *i, const struct iattr *a)
{
	if (!hostfs_is_given(i))
		return 0;
	return a->valid & ~(unsigned)ATTR_SIZE ? -EPERM : hostfs_granted(i, W_OK);
}

int hostfs_setattr(struct inode *i, struct caller *c, const struct iattr *a)
{
	struct iattr change = *a;
	struct timespec times[2] = { a->atime, a->mtime };
	int err = is_foreign_device(i) ? -EPERM : check_given(i, a);

	if (!err)
		err = hostfs_may_setattr(i, c, &change);
	if (!err)
		err = hostfs_act_as(c);
	if (!err && a->valid & ATTR_CHOWN)
		err = set_owner(i, a);
	if (!err && a->valid & ATTR_MODE)
		err = set_mode_as(i, c, change.mode & 07777);
	if (!err && a->valid & ATTR_TIMES)
		err = (int)host_call(SYS_utimensat, hostfs_fd(i), "", times, AT_EMPTY_PATH);
	if (!err && a->valid & ATTR_SIZE)
		err = set_size(i, c, a->size);
	return err;
}

int hostfs_statfs(struct inode *i, struct caller *c, struct statfs *out)
{
	return (int)host_ret(fstatfs(hostfs_fd(i), out));
}

/* Extended attributes of O_PATH descriptors go by their name in /proc alone, which does not lead to
 * a symlink. A symlink can only have trusted.* and security.* ones: they stay out of reach. */
#define XATTR_PATH (sizeof "/proc/self/fd/" + FDPATH_NAME)

static int xattr_path(struct inode *i, struct caller *c, char path[XATTR_PATH])
{
	snprintf(path, XATTR_PATH, "/proc/self/fd/%d", hostfs_fd(i));
	return hostfs_act_as(c);
}

ssize_t hostfs_getxattr(struct inode *i, struct caller *c, const char *name, void *buf, size_t size)
{
	char path[XATTR_PATH];
	int err = S_ISLNK(i->type) ? -ENODATA : hostfs_may_xattr(i, c, name, false);

	if (!err)
		err = xattr_path(i, c, path);
	return err ? err : host_ret(getxattr(path, name, buf, size));
}

int hostfs_setxattr(struct inode *i, struct caller *c, const char *name, const void *buf,
		    size_t size, int flags)
{
	char path[XATTR_PATH];
	int err = S_ISLNK(i->type) || is_device(i) ? -EPERM : hostfs_may_xattr(i, c, name, true);

	if (!err)
		err = xattr_path(i, c, path);
	return err ? err : (int)host_ret(setxattr(path, name, buf, size, flags));
}

/* All names, whatever room the guest has: those that are not shown need none. */
static ssize_t list_shown(const struct hostfs *h, const char *path, char *buf, size_t size)
{
	char *all = malloc(XATTR_LIST_MAX);
	ssize_t n = all ? host_ret(listxattr(path, all, XATTR_LIST_MAX)) : -ENOMEM;

	if (n > 0)
		n = hostfs_filter_xattrs(h, all, n);
	if (n > 0 && size && (size_t)n > size)
		n = -ERANGE;
	if (n > 0 && size)
		memcpy(buf, all, (size_t)n);
	free(all);
	return n;
}

ssize_t hostfs_listxattr(struct inode *i, struct caller *c, char *buf, size_t size)
{
	char path[XATTR_PATH];
	int err = S_ISLNK(i->type) ? 0 : xattr_path(i, c, path);

	if (err || S_ISLNK(i->type))
		return err;
	return hostfs_of(i)->contained ? list_shown(hostfs_of(i), path, buf, size)
				       : host_ret(listxattr(path, buf, size));
}

int hostfs_removexattr(struct inode *i, struct caller *c, const char *name)
{
	char path[XATTR_PATH];
	int err = S_ISLNK(i->type) || is_device(i) ? -EPERM : hostfs_may_xattr(i, c, name, true);

	if (!err)
		err = xattr_path(i, c, path);
	return err ? err : (int)host_ret(removexattr(path, name));
}

int hostfs_watch(struct inode *i, struct caller *c, int inotify, uint32_t mask)
{
	int err = hostfs_may(i, c, R_OK);

	if (!err)
		err = hostfs_act_as(c);
	return err ? err : fdpath_watch(inotify, hostfs_fd(i), mask & ~IN_DONT_FOLLOW);
}
