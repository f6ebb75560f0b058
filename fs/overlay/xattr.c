/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes are those of the upper inode, or of the lower one; those that the overlay
 * keeps for itself are not the guest's to see. */
#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/generic.h"
#include "fs/overlay/internal.h"

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static int may_access(struct inode *i, struct caller *c, const char *name, bool write)
{
	struct statx st;
	int err = ovl_getattr(i, c, STATX_MODE | STATX_UID | STATX_GID, &st);

	if (err)
		return err;
	if (has_prefix(name, "system.posix_acl_")) {
		if (S_ISLNK(i->type))
			return -EOPNOTSUPP;
		return !write || cred_owner_or_capable(c->cred, st.stx_uid) ? 0 : -EPERM;
	}
	err = generic_xattr_check(&st, c->cred, name, write);
	return err > 0 ? ovl_permission(i, c, write ? W_OK : R_OK) : err;
}

ssize_t ovl_getxattr(struct inode *i, struct caller *c, const char *name, void *buf, size_t size)
{
	struct caller mc = ovl_mounter(overlay_of(i), c);
	struct inode *real = ovl_real(ovl_inode(i));

	if (ovl_is_private(name) || !real->ops->getxattr)
		return -EOPNOTSUPP;
	int err = may_access(i, c, name, false);
	return err ? err : real->ops->getxattr(real, &mc, name, buf, size);
}

static int begin_change(struct inode *i, struct caller *c, const char *name)
{
	struct ovl_inode *oi = ovl_inode(i);
	/* Nothing is copied in vain; the upper layer has the last word. */
	int err = ovl_is_private(name) ? -EOPNOTSUPP : oi->upper ? 0 : may_access(i, c, name, true);

	return err ? err : ovl_copy_up(oi, c, UINT64_MAX);
}

int ovl_setxattr(struct inode *i, struct caller *c, const char *name, const void *buf, size_t size,
		 int flags)
{
	int err = begin_change(i, c, name);
	if (err)
		return err;
	struct inode *upper = ovl_inode(i)->upper;
	return upper->ops->setxattr(upper, c, name, buf, size, flags);
}

int ovl_removexattr(struct inode *i, struct caller *c, const char *name)
{
	int err = begin_change(i, c, name);
	if (err)
		return err;
	struct inode *upper = ovl_inode(i)->upper;
	return upper->ops->removexattr(upper, c, name);
}

ssize_t ovl_listxattr(struct inode *i, struct caller *c, char *buf, size_t size)
{
	size_t total = 0;
	char *list;

	ssize_t n = ovl_real_listxattr(ovl_real(ovl_inode(i)), c, &list);
	if (n < 0)
		return n;
	for (const char *name = list; name < list + n; name += strlen(name) + 1) {
		size_t len = strlen(name) + 1;
		if (ovl_is_private(name))
			continue;
		if (size && total + len <= size)
			memcpy(buf + total, name, len);
		total += len;
	}
	free(list);
	return size && total > size ? -ERANGE : (ssize_t)total;
}
