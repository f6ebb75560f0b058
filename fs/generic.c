/* SPDX-License-Identifier: Apache-2.0 */
/* Checks permissions and changes of attributes for file systems that live in the monitor, after
 * Linux's fs/namei.c and fs/attr.c. See the header. */
#include "fs/generic.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/xattr.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/file.h"

/* acl_permission_check() and generic_permission() of Linux's fs/namei.c. */
static bool mode_permits(const struct statx *st, const struct cred *cred, int mask)
{
	unsigned mode = st->stx_mode;

	if (cred->fsuid == st->stx_uid)
		mode >>= 6;
	else if (cred_in_group(cred, st->stx_gid))
		mode >>= 3;
	return ((unsigned)mask & ~mode & 7) == 0;
}

static bool capable_of(const struct statx *st, const struct cred *cred, int cap)
{
	return cred_file_capable(cred, st->stx_uid, st->stx_gid, cap);
}

int generic_permission(const struct statx *st, const struct cred *cred, int mask)
{
	return generic_permission_acl(st, cred, mask, -EAGAIN);
}

int generic_permission_acl(const struct statx *st, const struct cred *cred, int mask, int acl)
{
	bool dir = S_ISDIR(st->stx_mode);

	if (acl == -EAGAIN ? mode_permits(st, cred, mask) : acl == 0)
		return 0;
	if (capable_of(st, cred, CAP_DAC_OVERRIDE) &&
	    (dir || !(mask & X_OK) || st->stx_mode & 0111))
		return 0;
	if (capable_of(st, cred, CAP_DAC_READ_SEARCH) && (mask == R_OK || (dir && !(mask & W_OK))))
		return 0;
	return -EACCES;
}

static bool may_chown(const struct statx *st, const struct cred *cred, const struct iattr *a)
{
	bool owner = cred->fsuid == st->stx_uid;

	if (capable_of(st, cred, CAP_CHOWN))
		return true;
	if (a->valid & ATTR_UID && !(owner && a->uid == st->stx_uid))
		return false;
	return !(a->valid & ATTR_GID) ||
	       (owner && (a->gid == st->stx_gid || cred_in_group(cred, a->gid)));
}

/* utimensat(2): who may write may set both times to now. */
static int may_set_times(const struct statx *st, const struct cred *cred, const struct iattr *a)
{
	bool now = a->atime.tv_nsec == UTIME_NOW && a->mtime.tv_nsec == UTIME_NOW;

	if (cred_owner_or_capable(cred, st->stx_uid) ||
	    (a->atime.tv_nsec == UTIME_OMIT && a->mtime.tv_nsec == UTIME_OMIT))
		return 0;
	return now ? generic_permission(st, cred, W_OK) : -EPERM;
}

bool generic_may_set_gid(const struct cred *cred, uid_t uid, gid_t gid)
{
	return cred_in_group(cred, gid) || cred_file_capable(cred, uid, gid, CAP_FSETID);
}

mode_t generic_drop_set_id(const struct statx *st, const struct cred *cred)
{
	mode_t mode = st->stx_mode;

	if (S_ISDIR(mode))
		return mode;
	if (mode & S_IXGRP || !generic_may_set_gid(cred, st->stx_uid, st->stx_gid))
		mode &= ~(mode_t)S_ISGID;
	return mode & ~(mode_t)S_ISUID;
}

int generic_setattr_check(const struct statx *st, const struct cred *cred, struct iattr *a)
{
	mode_t left = a->valid & ATTR_CHOWN ? generic_drop_set_id(st, cred) : st->stx_mode;

	if (left != st->stx_mode) {
		a->valid |= ATTR_MODE;
		a->mode = left & 07777;
	}
	if (a->valid & (ATTR_UID | ATTR_GID) && !may_chown(st, cred, a))
		return -EPERM;
	if (a->valid & ATTR_MODE) {
		if (!cred_owner_or_capable(cred, st->stx_uid))
			return -EPERM;
		gid_t gid = a->valid & ATTR_GID ? a->gid : st->stx_gid;
		if (!generic_may_set_gid(cred, st->stx_uid, gid))
			a->mode &= ~(mode_t)S_ISGID;
	}
	if (a->valid & ATTR_SIZE) {
		int err = generic_permission(st, cred, W_OK);
		if (err)
			return err;
	}
	return a->valid & ATTR_TIMES ? may_set_times(st, cred, a) : 0;
}

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

int generic_xattr_check(const struct statx *st, const struct cred *cred, const char *name,
			bool write)
{
	bool admin = cred_capable(cred, CAP_SYS_ADMIN);
	bool plain = S_ISREG(st->stx_mode) || S_ISDIR(st->stx_mode);

	if (has_prefix(name, "trusted."))
		return admin ? 0 : write ? -EPERM : -ENODATA;
	if (strcmp(name, XATTR_NAME_CAPS) == 0)
		return write && !capable_of(st, cred, CAP_SETFCAP) ? -EPERM : 0;
	if (has_prefix(name, "security."))
		return write && !admin ? -EPERM : 0;
	if (!has_prefix(name, "user."))
		return -EOPNOTSUPP;
	if (!plain)
		return write ? -EPERM : -ENODATA;
	if (write && S_ISDIR(st->stx_mode) && st->stx_mode & S_ISVTX &&
	    !cred_owner_or_capable(cred, st->stx_uid))
		return -EPERM;
	return 1;
}

void generic_set_time(struct timespec *t, const struct timespec *to, struct timespec now)
{
	if (to->tv_nsec == UTIME_NOW)
		*t = now;
	else if (to->tv_nsec != UTIME_OMIT)
		*t = *to;
}

int64_t generic_lseek(struct file *f, int64_t off, int whence, int64_t size)
{
	int64_t base, to;

	mutex_lock(&f->pos_lock);
	base = whence == SEEK_SET   ? 0
	       : whence == SEEK_CUR ? f->pos
	       : whence == SEEK_END ? size
				    : -1;
	if (base < 0 || __builtin_add_overflow(base, off, &to) || to < 0)
		to = -EINVAL;
	else
		f->pos = to;
	mutex_unlock(&f->pos_lock);
	return to;
}

int64_t generic_dir_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	return whence == SEEK_END ? -EINVAL : generic_lseek(f, off, whence, 0);
}

ssize_t generic_dir_io(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return -EISDIR;
}

int generic_prepend(char *buf, char **at, const char *name)
{
	size_t len = strlen(name) + 1;

	if ((size_t)(*at - buf) < len)
		return -ENAMETOOLONG;
	*at -= len;
	**at = '/';
	memcpy(*at + 1, name, len - 1);
	return 0;
}
