/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX ACLs (acl(5)), after Linux's fs/posix_acl.c. The access ACL and the mode of a file tell the
 * same of its owner, its mask (without one: its group) and others: each change of one changes the
 * other. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/ramfs/internal.h"

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

struct ramfs_acl {
	size_t n;
	struct acl_entry e[];
};

_Static_assert(sizeof(struct acl_entry) == sizeof(struct posix_acl_xattr_entry),
	       "an entry is as in the attribute");

#define acl_for_each(x, acl) for (struct acl_entry *x = (acl)->e; x < (acl)->e + (acl)->n; x++)

/* ---- the attribute's value ---- */

/* posix_acl_valid(): owner, users, group, groups, mask, others, in this order; who names anybody
 * has a mask. */
static bool in_order(struct ramfs_acl *acl)
{
	int state = ACL_USER_OBJ;
	bool named = false;

	acl_for_each (x, acl) {
		if (x->perm & ~7)
			return false;
		if (x->tag == ACL_USER_OBJ && state == ACL_USER_OBJ)
			state = ACL_USER;
		else if (x->tag == ACL_GROUP_OBJ && state == ACL_USER)
			state = ACL_GROUP;
		else if ((x->tag == ACL_USER && state == ACL_USER) ||
			 (x->tag == ACL_GROUP && state == ACL_GROUP))
			named = true;
		else if (x->tag == ACL_MASK && state == ACL_GROUP)
			state = ACL_OTHER;
		else if (x->tag == ACL_OTHER &&
			 (state == ACL_OTHER || (state == ACL_GROUP && !named)))
			state = 0;
		else
			return false;
	}
	return state == 0;
}

/* *out: NULL for one without entries, which is none. */
static int parse(const void *buf, size_t size, struct ramfs_acl **out)
{
	const struct posix_acl_xattr_header *h = buf;
	size_t bytes = size - sizeof *h;

	*out = NULL;
	if (size == 0)
		return 0;
	if (size < sizeof *h)
		return -EINVAL;
	if (h->a_version != POSIX_ACL_XATTR_VERSION)
		return -EOPNOTSUPP;
	if (bytes % sizeof(struct acl_entry))
		return -EINVAL;
	if (!bytes)
		return 0;
	struct ramfs_acl *acl = malloc(sizeof *acl + bytes);
	if (!acl)
		return -ENOMEM;
	acl->n = bytes / sizeof(struct acl_entry);
	memcpy(acl->e, h + 1, bytes);
	if (!in_order(acl)) {
		free(acl);
		return -EINVAL;
	}
	acl_for_each (x, acl)
		if (x->tag != ACL_USER && x->tag != ACL_GROUP)
			x->id = (uint32_t)ACL_UNDEFINED_ID;
	*out = acl;
	return 0;
}

static ssize_t format(const struct ramfs_acl *acl, void *buf, size_t size)
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

static struct acl_entry *entry_of(struct ramfs_acl *acl, unsigned tag)
{
	acl_for_each (x, acl)
		if (x->tag == tag)
			return x;
	return NULL;
}

/* What the mode's group bits stand for. */
static struct acl_entry *group_class(struct ramfs_acl *acl)
{
	struct acl_entry *mask = entry_of(acl, ACL_MASK);

	return mask ? mask : entry_of(acl, ACL_GROUP_OBJ);
}

static mode_t acl_mode(struct ramfs_acl *acl)
{
	return (mode_t)(entry_of(acl, ACL_USER_OBJ)->perm << 6 | group_class(acl)->perm << 3 |
			entry_of(acl, ACL_OTHER)->perm);
}

static void acl_set_mode(struct ramfs_acl *acl, mode_t mode)
{
	entry_of(acl, ACL_USER_OBJ)->perm = mode >> 6 & 7;
	group_class(acl)->perm = mode >> 3 & 7;
	entry_of(acl, ACL_OTHER)->perm = mode & 7;
}

/* Owner, group and others are all the mode can say. */
static bool says_no_more_than_mode(const struct ramfs_acl *acl)
{
	return acl->n == 3;
}

void ramfs_acl_chmod(struct ramfs_inode *ri)
{
	if (ri->acl)
		acl_set_mode(ri->acl, ri->mode);
}

static struct ramfs_acl *acl_copy(const struct ramfs_acl *acl)
{
	size_t bytes = sizeof *acl + acl->n * sizeof(struct acl_entry);
	struct ramfs_acl *copy = malloc(bytes);

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
	struct ramfs_acl *acl = acl_copy(dir->default_acl);
	struct ramfs_acl *pass_on = acl && S_ISDIR(ri->mode) ? acl_copy(acl) : NULL;
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

/* posix_acl_permission(): the first entry that fits decides; of groups, any that grants all that is
 * wanted. */
static int acl_permission(struct ramfs_inode *ri, const struct cred *cred, unsigned want)
{
	struct acl_entry *mask = entry_of(ri->acl, ACL_MASK);
	unsigned most = mask ? mask->perm : 7;
	bool in_some_group = false;

	acl_for_each (x, ri->acl) {
		bool grants = (x->perm & most & want) == want;

		if (x->tag == ACL_USER && x->id == cred->fsuid)
			return grants ? 0 : -EACCES;
		if ((x->tag == ACL_GROUP_OBJ && cred_in_group(cred, ri->gid)) ||
		    (x->tag == ACL_GROUP && cred_in_group(cred, x->id))) {
			in_some_group = true;
			if ((x->perm & want) == want)
				return grants ? 0 : -EACCES;
		}
		if (x->tag == ACL_OTHER)
			return !in_some_group && (x->perm & want) == want ? 0 : -EACCES;
	}
	return -EACCES;
}

int ramfs_may(struct ramfs_inode *ri, const struct cred *cred, int mask)
{
	bool asks_acl = ri->acl && cred->fsuid != ri->uid && ri->mode & S_IRWXG;
	struct statx st = { 0 };

	ramfs_fill(ri, &st);
	return generic_permission_acl(&st, cred, mask,
				      asks_acl ? acl_permission(ri, cred, mask & 7) : -EAGAIN);
}

/* ---- as attributes ---- */

bool ramfs_acl_is(const char *name)
{
	return strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS) == 0 ||
	       strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT) == 0;
}

static struct ramfs_acl **acl_of(struct ramfs_inode *ri, const char *name)
{
	return strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT) == 0 ? &ri->default_acl : &ri->acl;
}

ssize_t ramfs_acl_get(struct ramfs_inode *ri, const char *name, void *buf, size_t size)
{
	struct ramfs_acl *acl = *acl_of(ri, name);

	if (S_ISLNK(ri->mode))
		return -EOPNOTSUPP;
	return acl ? format(acl, buf, size) : -ENODATA;
}

/* Puts an access ACL in place: the mode follows; one that says no more than the mode is not
 * kept. */
static void take_access(struct ramfs_inode *ri, const struct cred *cred, struct ramfs_acl **acl)
{
	ri->mode = (ri->mode & ~(mode_t)0777) | acl_mode(*acl);
	if (!cred_in_group(cred, ri->gid) && !cred_capable(cred, CAP_FSETID))
		ri->mode &= ~(mode_t)S_ISGID;
	if (says_no_more_than_mode(*acl)) {
		free(*acl);
		*acl = NULL;
	}
}

static int replace(struct ramfs_inode *ri, const struct cred *cred, const char *name,
		   struct ramfs_acl *acl)
{
	struct ramfs_acl **at = acl_of(ri, name);
	int err = 0;

	if (S_ISLNK(ri->mode))
		err = -EOPNOTSUPP;
	else if (at == &ri->default_acl && !S_ISDIR(ri->mode) && acl)
		err = -EACCES;
	else if (cred->fsuid != ri->uid && !cred_capable(cred, CAP_FOWNER))
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
	struct ramfs_acl *acl;
	int err = arena_room(r->arena, size) ? parse(buf, size, &acl) : -ENOMEM;

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
