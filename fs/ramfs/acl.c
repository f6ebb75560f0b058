/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX ACLs (acl(5)), after Linux's fs/posix_acl.c. The access ACL and the mode of a file tell the
 * same of its owner, its mask (without one: its group) and others: each change of one changes the
 * other. */
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/acl.h"
#include "fs/generic.h"
#include "fs/ramfs/internal.h"

static ssize_t format(const struct posix_acl *acl, void *buf, size_t size)
{
	const struct posix_acl_xattr_header h = { .a_version = POSIX_ACL_XATTR_VERSION };
	size_t bytes = acl->n * sizeof(struct acl_entry);

	if (size && size < sizeof h + bytes)
		return -ERANGE;
	if (size) {
		memcpy(buf, &h, sizeof h);
		memcpy((char *)buf + sizeof h, acl->e, bytes);
	}
	return (ssize_t)(sizeof h + bytes);
}

/* ---- mode and ACL ---- */

/* What the mode's group bits stand for. */
static struct acl_entry *group_class(struct posix_acl *acl)
{
	struct acl_entry *mask = posix_acl_entry(acl, ACL_MASK);

	return mask ? mask : posix_acl_entry(acl, ACL_GROUP_OBJ);
}

static mode_t acl_mode(struct posix_acl *acl)
{
	return (mode_t)(posix_acl_entry(acl, ACL_USER_OBJ)->perm << 6 |
			group_class(acl)->perm << 3 | posix_acl_entry(acl, ACL_OTHER)->perm);
}

static void acl_set_mode(struct posix_acl *acl, mode_t mode)
{
	posix_acl_entry(acl, ACL_USER_OBJ)->perm = mode >> 6 & 7;
	group_class(acl)->perm = mode >> 3 & 7;
	posix_acl_entry(acl, ACL_OTHER)->perm = mode & 7;
}

/* Owner, group and others are all the mode can say. */
static bool says_no_more_than_mode(const struct posix_acl *acl)
{
	return acl->n == 3;
}

void ramfs_acl_chmod(struct ramfs_inode *ri)
{
	if (ri->acl)
		acl_set_mode(ri->acl, ri->mode);
}

static struct posix_acl *acl_copy(const struct posix_acl *acl)
{
	size_t bytes = sizeof *acl + acl->n * sizeof(struct acl_entry);
	struct posix_acl *copy = malloc(bytes);

	return copy ? memcpy(copy, acl, bytes) : NULL;
}

int ramfs_acl_inherit(struct ramfs_inode *ri, const struct ramfs_inode *dir, mode_t umask)
{
	if (S_ISLNK(ri->mode))
		return 0;
	if (!dir->default_acl) {
		ri->mode &= ~umask;
		return 0;
	}
	struct posix_acl *acl = acl_copy(dir->default_acl);
	struct posix_acl *pass_on = acl && S_ISDIR(ri->mode) ? acl_copy(acl) : NULL;
	if (!acl || (S_ISDIR(ri->mode) && !pass_on)) {
		free(acl);
		return -ENOMEM;
	}
	ri->mode &= ~(mode_t)0777 | acl_mode(acl);
	acl_set_mode(acl, ri->mode);
	ri->default_acl = pass_on;
	if (says_no_more_than_mode(acl))
		free(acl);
	else
		ri->acl = acl;
	return 0;
}

/* ---- permission ---- */

int ramfs_may(struct ramfs_inode *ri, const struct cred *cred, int mask)
{
	bool asks_acl = ri->acl && cred->fsuid != ri->uid && ri->mode & S_IRWXG;
	struct statx st = { 0 };

	ramfs_fill(ri, &st);
	return generic_permission_acl(
	    &st, cred, mask,
	    asks_acl ? posix_acl_permits(ri->acl, ri->gid, cred, (unsigned)mask & 7) : -EAGAIN);
}

/* ---- as attributes ---- */

bool ramfs_acl_is(const char *name)
{
	return strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS) == 0 ||
	       strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT) == 0;
}

static struct posix_acl **acl_of(struct ramfs_inode *ri, const char *name)
{
	return strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT) == 0 ? &ri->default_acl : &ri->acl;
}

ssize_t ramfs_acl_get(struct ramfs_inode *ri, const char *name, void *buf, size_t size)
{
	struct posix_acl *acl = *acl_of(ri, name);

	if (S_ISLNK(ri->mode))
		return -EOPNOTSUPP;
	return acl ? format(acl, buf, size) : -ENODATA;
}

/* Puts an access ACL in place: the mode follows; one that says no more than the mode is not
 * kept. */
static void take_access(struct ramfs_inode *ri, const struct cred *cred, struct posix_acl **acl)
{
	ri->mode = (ri->mode & ~(mode_t)0777) | acl_mode(*acl);
	if (!generic_may_set_gid(cred, ri->uid, ri->gid))
		ri->mode &= ~(mode_t)S_ISGID;
	if (says_no_more_than_mode(*acl)) {
		free(*acl);
		*acl = NULL;
	}
}

static int replace(struct ramfs_inode *ri, const struct cred *cred, const char *name,
		   struct posix_acl *acl)
{
	struct posix_acl **at = acl_of(ri, name);
	int err = 0;

	if (S_ISLNK(ri->mode))
		err = -EOPNOTSUPP;
	else if (at == &ri->default_acl && !S_ISDIR(ri->mode) && acl)
		err = -EACCES;
	else if (!cred_owner_or_capable(cred, ri->uid))
		err = -EPERM;
	if (err) {
		free(acl);
		return err;
	}
	if (acl && at == &ri->acl)
		take_access(ri, cred, &acl);
	free(*at);
	*at = acl;
	ramfs_touch(ri, false);
	return 0;
}

int ramfs_acl_set(struct ramfs_inode *ri, struct caller *c, const char *name, const void *buf,
		  size_t size)
{
	struct ramfs *r = ramfs_of(&ri->inode);
	struct posix_acl *acl;
	int err = arena_room(r->arena, size) ? posix_acl_parse(buf, size, &acl) : -ENOMEM;

	if (err)
		return err;
	mutex_lock(&r->lock);
	err = replace(ri, c->cred, name, acl);
	mutex_unlock(&r->lock);
	return err;
}

void ramfs_acl_free(struct ramfs_inode *ri)
{
	free(ri->acl);
	free(ri->default_acl);
}
