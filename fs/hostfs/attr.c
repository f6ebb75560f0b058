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
	if (mask == F_OK)
		return 0;
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

/* Linux 6.13 has calls that take a directory and a name. */
#ifndef SYS_setxattrat
#define SYS_setxattrat  463
#define SYS_getxattrat  464
#define SYS_listxattrat 465
#endif

struct host_xattr_args {
	uint64_t value;
	uint32_t size, flags;
};

static _Atomic bool no_xattrat; /* the host is older */

/* Extended attributes of O_PATH descriptors go by their name in /proc alone. A symlink can only
 * have trusted.* and security.* ones: they are out of reach but by its name (hostfs_answer). */
#define XATTR_PATH (sizeof "/proc/self/fd/" + FDPATH_NAME)

static void xattr_path(int fd, char path[XATTR_PATH])
{
	snprintf(path, XATTR_PATH, "/proc/self/fd/%d", fd);
}

/* One of the calls that take a name, for what `fd` is open on; -ENOSYS: there is none. */
static long xattr_by_link(long nr, int fd, const char *name, struct host_xattr_args *args)
{
	char link[FDPATH_NAME];
	int dir = no_xattrat ? -1 : fdpath_dir();

	if (dir < 0)
		return -ENOSYS;
	fdpath_name(fd, link);
	long r = name ? host_call(nr, dir, link, 0, name, args, sizeof *args)
		      : host_call(nr, dir, link, 0, args->value, args->size);
	if (r == -ENOSYS)
		no_xattrat = true;
	return r;
}

static ssize_t get_xattr(int fd, bool opened, const char *name, void *buf, size_t size)
{
	struct host_xattr_args args = { (uintptr_t)buf, (uint32_t)size, 0 };
	char path[XATTR_PATH];

	if (opened)
		return host_ret(fgetxattr(fd, name, buf, size));
	long r = xattr_by_link(SYS_getxattrat, fd, name, &args);
	if (r != -ENOSYS)
		return r;
	xattr_path(fd, path);
	return host_ret(getxattr(path, name, buf, size));
}

ssize_t hostfs_getxattr(struct inode *i, struct caller *c, const char *name, void *buf, size_t size)
{
	int err = S_ISLNK(i->type) ? -ENODATA : hostfs_may_xattr(i, c, name, false);

	if (!err)
		err = hostfs_act_as(c);
	return err ? err : get_xattr(hostfs_fd(i), hostfs_inode(i)->opened, name, buf, size);
}

int hostfs_setxattr(struct inode *i, struct caller *c, const char *name, const void *buf,
		    size_t size, int flags)
{
	struct host_xattr_args args = { (uintptr_t)buf, (uint32_t)size, (uint32_t)flags };
	char path[XATTR_PATH];
	int fd = hostfs_fd(i);
	int err = S_ISLNK(i->type) || is_device(i) ? -EPERM : hostfs_may_xattr(i, c, name, true);

	if (!err)
		err = hostfs_act_as(c);
	if (err)
		return err;
	if (hostfs_inode(i)->opened)
		return (int)host_ret(fsetxattr(fd, name, buf, size, flags));
	long r = xattr_by_link(SYS_setxattrat, fd, name, &args);
	if (r != -ENOSYS)
		return (int)r;
	xattr_path(fd, path);
	return (int)host_ret(setxattr(path, name, buf, size, flags));
}

static ssize_t list_xattrs(int fd, bool opened, char *buf, size_t size)
{
	struct host_xattr_args args = { (uintptr_t)buf, (uint32_t)size, 0 };
	char path[XATTR_PATH];

	if (opened)
		return host_ret(flistxattr(fd, buf, size));
	long r = xattr_by_link(SYS_listxattrat, fd, NULL, &args);
	if (r != -ENOSYS)
		return r;
	xattr_path(fd, path);
	return host_ret(listxattr(path, buf, size));
}

/* Of all names, as `n` says and `all` holds them, those that are shown. Takes `all` over. */
static ssize_t give_shown(const struct hostfs *h, char *all, ssize_t n, char *buf, size_t size)
{
	if (n > 0)
		n = hostfs_filter_xattrs(h, all, n);
	if (n > 0 && size && (size_t)n > size)
		n = -ERANGE;
	if (n > 0 && size)
		memcpy(buf, all, (size_t)n);
	free(all);
	return n;
}

/* All names, whatever room the guest has: those that are not shown need none. */
static ssize_t list_shown(const struct hostfs *h, int fd, bool opened, char *buf, size_t size)
{
	if (!h->contained)
		return list_xattrs(fd, opened, buf, size);
	char *all = malloc(XATTR_LIST_MAX);
	return all ? give_shown(h, all, list_xattrs(fd, opened, all, XATTR_LIST_MAX), buf, size)
		   : -ENOMEM;
}

ssize_t hostfs_listxattr(struct inode *i, struct caller *c, char *buf, size_t size)
{
	int err = S_ISLNK(i->type) ? 0 : hostfs_act_as(c);

	if (err || S_ISLNK(i->type))
		return err;
	return list_shown(hostfs_of(i), hostfs_fd(i), hostfs_inode(i)->opened, buf, size);
}

int hostfs_removexattr(struct inode *i, struct caller *c, const char *name)
{
	char path[XATTR_PATH];
	int err = S_ISLNK(i->type) || is_device(i) ? -EPERM : hostfs_may_xattr(i, c, name, true);

	if (!err)
		err = hostfs_act_as(c);
	if (err)
		return err;
	if (hostfs_inode(i)->opened)
		return (int)host_ret(fremovexattr(hostfs_fd(i), name));
	xattr_path(hostfs_fd(i), path);
	return (int)host_ret(removexattr(path, name));
}

/* ---- what is asked by name ---- */

bool hostfs_answers_by_name(const struct inode_query *q)
{
	return !no_xattrat || (q->what != QUERY_GETXATTR && q->what != QUERY_LISTXATTR);
}

static ssize_t getxattr_at(int dirfd, const char *file, const struct inode_query *q)
{
	struct host_xattr_args args = { (uintptr_t)q->buf, (uint32_t)q->size, 0 };

	return *file ? host_call(SYS_getxattrat, dirfd, file, AT_SYMLINK_NOFOLLOW, q->name, &args,
				 sizeof args)
		     : get_xattr(dirfd, false, q->name, q->buf, q->size);
}

static ssize_t names_at(int dirfd, const char *file, char *buf, size_t size)
{
	return host_call(SYS_listxattrat, dirfd, file, AT_SYMLINK_NOFOLLOW, buf, size);
}

static ssize_t listxattr_at(const struct hostfs *h, int dirfd, const char *file,
			    const struct inode_query *q)
{
	if (!*file)
		return list_shown(h, dirfd, false, q->buf, q->size);
	if (!h->contained)
		return names_at(dirfd, file, q->buf, q->size);
	char *all = malloc(XATTR_LIST_MAX);
	return all ? give_shown(h, all, names_at(dirfd, file, all, XATTR_LIST_MAX), q->buf, q->size)
		   : -ENOMEM;
}

static ssize_t access_at(int dirfd, const char *file, int mask)
{
	int flags = AT_EACCESS | AT_SYMLINK_NOFOLLOW | (*file ? 0 : AT_EMPTY_PATH);

	return mask == F_OK ? 0 : host_call(SYS_faccessat2, dirfd, file, mask, flags);
}

static ssize_t readlink_at(int dirfd, const char *file, const struct inode_query *q)
{
	ssize_t n = host_ret(readlinkat(dirfd, file, q->buf, q->size));

	return n == -ENOENT && !*file ? -EINVAL : n;
}

ssize_t hostfs_answer(const struct hostfs *h, int dirfd, const char *file,
		      const struct inode_query *q)
{
	ssize_t n = -EINVAL;

	switch (q->what) {
	case QUERY_ACCESS: n = access_at(dirfd, file, q->mask); break;
	case QUERY_READLINK: n = readlink_at(dirfd, file, q); break;
	case QUERY_GETXATTR:
		n = hostfs_hides_xattr(h, q->name, false);
		if (!n)
			n = getxattr_at(dirfd, file, q);
		break;
	case QUERY_LISTXATTR: n = listxattr_at(h, dirfd, file, q); break;
	}
	if (n == -ENOSYS)
		no_xattrat = true;
	return n;
}

int hostfs_watch(struct inode *i, struct caller *c, int inotify, uint32_t mask)
{
	int err = hostfs_may(i, c, R_OK);

	if (!err)
		err = hostfs_act_as(c);
	return err ? err : fdpath_watch(inotify, hostfs_fd(i), mask & ~IN_DONT_FOLLOW);
}
