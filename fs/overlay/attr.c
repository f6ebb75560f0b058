/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: those of the upper inode, or of the lower one while there is no upper; numbers and
 * links are the overlay's own. Who may do what is told from them, with the caller's credentials. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/acl.h"
#include "fs/generic.h"
#include "fs/overlay/internal.h"

void ovl_set_identity(struct overlay *o, struct statx *st, uint64_t ino)
{
	st->stx_ino = ino;
	st->stx_dev_major = major(o->fs.dev);
	st->stx_dev_minor = minor(o->fs.dev);
}

/* Lower layers do not change, and are asked once. */
static int lower_attr(struct ovl_inode *oi, struct caller *mc, struct statx *out)
{
	struct overlay *o = overlay_of(&oi->inode);
	unsigned mask = STATX_BASIC_STATS | STATX_BTIME;
	int err = 0;

	if (!oi->attr_known) {
		err = inode_getattr(oi->lower[0].inode, mc, mask, out);
		if (err)
			return err;
		mutex_lock(&o->table_lock);
		if (!oi->attr_known)
			oi->attr = *out;
		oi->attr_known = true;
		mutex_unlock(&o->table_lock);
	}
	*out = oi->attr;
	return 0;
}

int ovl_extra_links(struct ovl_inode *oi, struct caller *mc)
{
	char text[16];
	ssize_t n =
	    ovl_get_mark(overlay_of(&oi->inode), mc, oi->upper, "nlink", text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	return atoi(text);
}

/* A directory has a link for each one in it, whichever layers they are in. */
static int count_links(struct ovl_inode *oi, struct caller *mc, struct statx *st)
{
	struct overlay *o = overlay_of(&oi->inode);
	int n = oi->subdirs;

	if (!ovl_is_dir(oi)) {
		if (st->stx_nlink > 1 || (st->stx_nlink && o->indexed))
			st->stx_nlink += (unsigned)ovl_extra_links(oi, mc);
		return 0;
	}
	if (!oi->nr_lower)
		return 0;
	if (n < 0) {
		rwlock_rdlock(&o->tree);
		n = ovl_count_subdirs(oi, mc);
		if (n >= 0)
			oi->subdirs = n;
		rwlock_unlock(&o->tree);
	}
	if (n < 0)
		return n;
	st->stx_nlink = 2 + (unsigned)n;
	return 0;
}

int ovl_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	struct overlay *o = overlay_of(i);
	struct ovl_inode *oi = ovl_inode(i);
	uint64_t ino;
	int err = 0;

	if (!c && mask == STATX_INO && oi->ino_known) { /* of what is watched: with locks held */
		out->stx_mask = STATX_INO;
		ovl_set_identity(o, out, oi->ino);
		return 0;
	}
	struct caller mc = ovl_mounter(o, c);
	struct inode *upper = oi->upper;
	if (upper)
		err = inode_getattr(upper, &mc, mask | STATX_NLINK | STATX_TYPE, out);
	else
		err = lower_attr(oi, &mc, out);
	if (!err && oi->gone && (ovl_is_dir(oi) || !upper))
		out->stx_nlink = 0;
	else if (!err && mask & STATX_NLINK && upper)
		err = count_links(oi, &mc, out);
	if (!err)
		err = ovl_ino(oi, &mc, &ino);
	if (!err)
		ovl_set_identity(o, out, ino);
	return err;
}

static int read_acl(struct inode *real, struct caller *mc, struct posix_acl **out)
{
	char *buf = malloc(XATTR_SIZE_MAX);
	ssize_t n =
	    buf && real->ops->getxattr
		? real->ops->getxattr(real, mc, XATTR_NAME_POSIX_ACL_ACCESS, buf, XATTR_SIZE_MAX)
		: 0;
	int err = !buf ? -ENOMEM : posix_acl_parse(buf, n > 0 ? (size_t)n : 0, out);

	free(buf);
	return err;
}

/* generic_permission() with the ACL of an inode whose file system would ask the host. */
static int check_access(struct inode *real, struct caller *mc, const struct statx *st,
			struct caller *c, int mask)
{
	struct posix_acl *acl = NULL;
	int said = -EAGAIN, err = 0;

	if (c->cred->fsuid != st->stx_uid && st->stx_mode & S_IRWXG)
		err = read_acl(real, mc, &acl);
	if (!err && acl)
		said = posix_acl_permits(acl, st->stx_gid, c->cred, (unsigned)mask & 7);
	free(acl);
	return err ? err : generic_permission_acl(st, c->cred, mask, said);
}

/* The upper layer knows about its ACLs. Of a lower file an ACL is asked for where it may decide. */
int ovl_permission(struct inode *i, struct caller *c, int mask)
{
	struct ovl_inode *oi = ovl_inode(i);
	struct inode *real = ovl_real(oi);
	struct statx st;

	/* Needs no attributes: see generic_permission. */
	if (cred_capable(c->cred, CAP_DAC_OVERRIDE) && (S_ISDIR(i->type) || !(mask & X_OK)))
		return 0;
	if (!ovl_on_host(real))
		return real->ops->permission(real, c, mask);
	int err = ovl_getattr(i, c, STATX_MODE | STATX_UID | STATX_GID, &st);
	struct caller mc = ovl_mounter(overlay_of(i), c);
	return err ? err : check_access(real, &mc, &st, c, mask);
}

/* Would the change be refused? So that nothing is copied in vain. */
static int may_set(struct inode *i, struct caller *c, const struct iattr *a)
{
	struct iattr change = *a;
	struct statx st;

	if (a->valid & ATTR_MODE && S_ISLNK(i->type))
		return -EOPNOTSUPP;
	if (a->valid & ATTR_SIZE && !S_ISREG(i->type))
		return S_ISDIR(i->type) ? -EISDIR : -EINVAL;
	int err = ovl_getattr(i, c, STATX_BASIC_STATS & ~STATX_NLINK, &st);
	return err ? err : generic_setattr_check(&st, c->cred, &change);
}

int ovl_setattr(struct inode *i, struct caller *c, const struct iattr *a)
{
	struct ovl_inode *oi = ovl_inode(i);
	int err = oi->upper ? 0 : may_set(i, c, a);

	if (!err)
		err = ovl_copy_up(oi, c, a->valid & ATTR_SIZE ? a->size : UINT64_MAX);
	if (err)
		return err;
	struct inode *upper = oi->upper;
	return upper->ops->setattr(upper, c, a);
}

ssize_t ovl_readlink(struct inode *i, struct caller *c, char *buf, size_t size)
{
	struct caller mc = ovl_mounter(overlay_of(i), c);
	struct inode *real = ovl_real(ovl_inode(i));

	if (!S_ISLNK(i->type))
		return -EINVAL;
	return real->ops->readlink(real, &mc, buf, size);
}

int ovl_statfs(struct inode *i, struct caller *c, struct statfs *out)
{
	struct overlay *o = overlay_of(i);
	struct caller mc = ovl_mounter(o, c);
	int err = o->upper.dir->ops->statfs(o->upper.dir, &mc, out);

	out->f_type = OVERLAYFS_SUPER_MAGIC;
	return err;
}
