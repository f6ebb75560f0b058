/* SPDX-License-Identifier: Apache-2.0 */
/* Gives an inode of the upper layer the attributes of another one. */
#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/overlay/internal.h"

static struct timespec time_of(const struct statx_timestamp *t)
{
	return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

int ovl_set_times(struct inode *i, struct caller *mc, const struct statx *st)
{
	struct iattr a = { .valid = ATTR_TIMES,
			   .atime = time_of(&st->stx_atime),
			   .mtime = time_of(&st->stx_mtime) };

	return i->ops->setattr(i, mc, &a);
}

/* What the upper layer cannot keep is left behind, as overlayfs does with attributes that are not
 * supported there. */
static int copy_one(struct caller *mc, struct inode *from, struct inode *to, const char *name,
		    char *value)
{
	ssize_t n = from->ops->getxattr(from, mc, name, value, XATTR_SIZE_MAX);
	int err = n < 0 ? (int)n : to->ops->setxattr(to, mc, name, value, (size_t)n, 0);

	return err == -EOPNOTSUPP || err == -ENODATA ? 0 : err;
}

static int copy_xattrs(struct caller *mc, struct inode *from, struct inode *to)
{
	char *list, *value = malloc(XATTR_SIZE_MAX);
	ssize_t n = value ? ovl_real_listxattr(from, mc, &list) : -ENOMEM;
	int err = n < 0 && n != -EOPNOTSUPP ? (int)n : 0;

	for (const char *name = n > 0 ? list : NULL; !err && name && name < list + n;
	     name += strlen(name) + 1)
		if (!ovl_is_private(name))
			err = copy_one(mc, from, to, name, value);
	if (n >= 0)
		free(list);
	free(value);
	return err;
}

/* On a file system of the host no file gets a set-ID bit, and what the monitor may not give away
 * stays its own. */
static int set_mode(struct caller *mc, struct inode *i, mode_t mode)
{
	struct iattr a = { .valid = ATTR_MODE, .mode = mode & 07777 };
	int err = i->ops->setattr(i, mc, &a);

	if (err != -EPERM || !ovl_on_host(i) || !(mode & (S_ISUID | S_ISGID)))
		return err;
	a.mode &= ~(mode_t)(S_ISUID | S_ISGID);
	return i->ops->setattr(i, mc, &a);
}

/* The owner first: a change of it takes set-user-ID bits and file capabilities away. */
int ovl_copy_attributes(struct overlay *o, struct caller *mc, struct inode *from,
			const struct statx *st, struct inode *to)
{
	struct iattr owner = { .valid = ATTR_UID | ATTR_GID | ATTR_CHOWN,
			       .uid = st->stx_uid,
			       .gid = st->stx_gid };
	int err = to->ops->setattr(to, mc, &owner);

	if ((err == -EPERM || err == -EINVAL) && ovl_on_host(to))
		err = 0;
	if (!err)
		err = copy_xattrs(mc, from, to);
	if (!err && !S_ISLNK(to->type))
		err = set_mode(mc, to, st->stx_mode);
	return err ? err : ovl_set_times(to, mc, st);
}
