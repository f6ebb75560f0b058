/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the layers: their own operations on one name, with the rights of who mounted them, and the
 * attributes in which the upper layer keeps what belongs to the overlay. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cred/user_ns.h"
#include "fs/device.h"
#include "fs/overlay/internal.h"

struct caller ovl_mounter(struct overlay *o, const struct caller *c)
{
	struct caller mc = c ? *c : (struct caller){ 0 };

	mc.cred = o->mounter;
	mc.fs = &o->no_umask;
	mc.fsize_limit = UINT64_MAX;
	return mc;
}

int ovl_real_lookup(struct inode *dir, struct caller *mc, const char *name, size_t len,
		    struct inode **out)
{
	struct walk_step step = { 0 };
	int err = dir->ops->walk(dir, mc, name, len, STEP_NOFOLLOW, &step);

	if (err)
		return err;
	*out = inode_get(step.dentry->inode);
	dentry_put(step.dentry);
	return 0;
}

/* Whoever uses it may have the overlay's own locks. */
void ovl_take_file(struct file *real)
{
	mutex_destroy(&real->pos_lock);
	mutex_init(&real->pos_lock, LOCK_OVERLAY);
}

int ovl_real_open(struct inode *i, struct caller *mc, int flags, struct file **out)
{
	struct dentry *d = dentry_new(inode_get(i), NULL, "", 0);

	if (!d)
		return -ENOMEM;
	int err = i->ops->open(i, mc, d, flags, out);
	dentry_put(d);
	if (!err)
		ovl_take_file(*out);
	return err;
}

/* The host lets owners open a file with O_NOATIME, and who has CAP_FOWNER there: the guest's root
 * has it here, which is the caller there (cred/user_ns.h). */
bool ovl_hides_reads(const struct overlay *o)
{
	return cred_capable(o->vfs->monitor, CAP_FOWNER) && !o->vfs->user_ns->mapped;
}

/* Reading leaves no trace in a lower layer, where the host lets us. */
int ovl_open_lower(struct overlay *o, struct caller *mc, struct inode *i, struct file **out)
{
	int hidden = ovl_hides_reads(o) ? O_NOATIME : 0;
	int err = ovl_real_open(i, mc, O_RDONLY | hidden, out);

	return err == -EPERM && hidden ? ovl_real_open(i, mc, O_RDONLY, out) : err;
}

bool ovl_is_whiteout(struct inode *i, struct caller *mc)
{
	struct statx st;

	return S_ISCHR(i->type) && inode_getattr(i, mc, STATX_BASIC_STATS, &st) == 0 &&
	       makedev(st.stx_rdev_major, st.stx_rdev_minor) == WHITEOUT_DEV;
}

#define MARK_NAME 64

static void mark_name(struct overlay *o, const char *mark, char name[MARK_NAME])
{
	snprintf(name, MARK_NAME, "%s%s", o->prefix, mark);
}

ssize_t ovl_get_mark(struct overlay *o, struct caller *mc, struct inode *i, const char *mark,
		     char *buf, size_t size)
{
	char name[MARK_NAME];

	mark_name(o, mark, name);
	return i->ops->getxattr ? i->ops->getxattr(i, mc, name, buf, size) : -ENODATA;
}

int ovl_set_mark(struct overlay *o, struct caller *mc, struct inode *i, const char *mark,
		 const char *value)
{
	char name[MARK_NAME];

	mark_name(o, mark, name);
	return i->ops->setxattr(i, mc, name, value, strlen(value), 0);
}

/* Of this overlay, or of another that a lower layer was the upper one of. */
bool ovl_is_private(const char *name)
{
	static const char *const prefixes[] = { "trusted.overlay.", "user.overlay." };

	return strncmp(name, prefixes[0], strlen(prefixes[0])) == 0 ||
	       strncmp(name, prefixes[1], strlen(prefixes[1])) == 0;
}

ssize_t ovl_real_listxattr(struct inode *real, struct caller *c, char **out)
{
	char *list = malloc(XATTR_LIST_MAX);
	ssize_t n = !list                  ? -ENOMEM
		    : real->ops->listxattr ? real->ops->listxattr(real, c, list, XATTR_LIST_MAX)
					   : 0;

	if (n < 0)
		free(list);
	else
		*out = list;
	return n;
}
