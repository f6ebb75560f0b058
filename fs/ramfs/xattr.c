/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes (xattr(7)): user., trusted., security.; ACLs are in acl.c. */
#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fs/generic.h"
#include "fs/ramfs/internal.h"

#define MAX_BYTES 131072 /* names and values of one inode together */

struct ramfs_xattr {
	struct list node;
	char *name;
	size_t size;
	char value[];
};

static void xattr_free(struct ramfs_inode *ri, struct ramfs_xattr *x)
{
	list_del(&x->node);
	ri->xattr_bytes -= x->size + strlen(x->name);
	free(x->name);
	free(x);
}

void ramfs_free_xattrs(struct ramfs_inode *ri)
{
	struct ramfs_xattr *x, *next;

	list_for_each_safe (x, next, &ri->xattrs, node)
		xattr_free(ri, x);
	ramfs_acl_free(ri);
}

static int may_access(struct ramfs_inode *ri, struct caller *c, const char *name, bool write)
{
	struct statx st = { 0 };

	ramfs_fill(ri, &st);
	int err = generic_xattr_check(&st, c->cred, name, write);
	return err > 0 ? ramfs_may(ri, c->cred, write ? W_OK : R_OK) : err;
}

static struct ramfs_xattr *find(struct ramfs_inode *ri, const char *name)
{
	struct ramfs_xattr *x;

	list_for_each (x, &ri->xattrs, node)
		if (strcmp(x->name, name) == 0)
			return x;
	return NULL;
}

void ramfs_drop_file_caps(struct ramfs_inode *ri)
{
	lock_assert_held(&ramfs_of(&ri->inode)->lock);
	struct ramfs_xattr *x = find(ri, XATTR_NAME_CAPS);

	if (x)
		xattr_free(ri, x);
}

/* Linux's cap_convert_nscap(): one of the layouts of today, with capabilities for 64 bits. */
static bool caps_valid(const void *buf, size_t size)
{
	uint32_t magic = 0;

	if (size >= sizeof magic)
		memcpy(&magic, buf, sizeof magic);
	switch (le32toh(magic) & VFS_CAP_REVISION_MASK) {
	case VFS_CAP_REVISION_2: return size == XATTR_CAPS_SZ_2;
	case VFS_CAP_REVISION_3: return size == XATTR_CAPS_SZ_3;
	default: return false;
	}
}

static ssize_t get_locked(struct ramfs_inode *ri, struct caller *c, const char *name, void *buf,
			  size_t size)
{
	int err = may_access(ri, c, name, false);
	struct ramfs_xattr *x = err ? NULL : find(ri, name);

	if (!x)
		return err ? err : -ENODATA;
	if (size && size < x->size)
		return -ERANGE;
	if (size)
		memcpy(buf, x->value, x->size);
	return (ssize_t)x->size;
}

ssize_t ramfs_getxattr(struct inode *i, struct caller *c, const char *name, void *buf, size_t size)
{
	struct ramfs *r = ramfs_of(i);

	mutex_lock(&r->lock);
	ssize_t n = ramfs_acl_is(name) ? ramfs_acl_get(ramfs_inode(i), name, buf, size)
				       : get_locked(ramfs_inode(i), c, name, buf, size);
	mutex_unlock(&r->lock);
	return n;
}

static struct ramfs_xattr *xattr_new(const char *name, const void *buf, size_t size)
{
	struct ramfs_xattr *x = malloc(sizeof *x + size);
	char *copy = strdup(name);

	if (!x || !copy) {
		free(x);
		free(copy);
		return NULL;
	}
	x->name = copy;
	x->size = size;
	memcpy(x->value, buf, size);
	return x;
}

static int set_locked(struct ramfs_inode *ri, struct caller *c, struct ramfs_xattr *new, int flags)
{
	int err = may_access(ri, c, new->name, true);
	if (err)
		return err;
	struct ramfs_xattr *old = find(ri, new->name);
	if (old && flags & XATTR_CREATE)
		return -EEXIST;
	if (!old && flags & XATTR_REPLACE)
		return -ENODATA;
	if (ri->xattr_bytes + new->size + strlen(new->name) > MAX_BYTES)
		return -ENOSPC;
	if (old)
		xattr_free(ri, old);
	list_add_tail(&ri->xattrs, &new->node);
	ri->xattr_bytes += new->size + strlen(new->name);
	ramfs_touch(ri, false);
	return 0;
}

int ramfs_setxattr(struct inode *i, struct caller *c, const char *name, const void *buf,
		   size_t size, int flags)
{
	struct ramfs *r = ramfs_of(i);

	if (ramfs_acl_is(name))
		return ramfs_acl_set(ramfs_inode(i), c, name, buf, size);
	if (size && strcmp(name, XATTR_NAME_CAPS) == 0 && !caps_valid(buf, size))
		return -EINVAL;
	struct ramfs_xattr *x = arena_room(r->arena, size) ? xattr_new(name, buf, size) : NULL;

	if (!x)
		return -ENOMEM;
	mutex_lock(&r->lock);
	int err = set_locked(ramfs_inode(i), c, x, flags);
	mutex_unlock(&r->lock);
	if (err) {
		free(x->name);
		free(x);
	}
	return err;
}

static void list_name(const char *name, char *buf, size_t size, size_t *total)
{
	size_t len = strlen(name) + 1;

	if (size && *total + len <= size)
		memcpy(buf + *total, name, len);
	*total += len;
}

ssize_t ramfs_listxattr(struct inode *i, struct caller *c, char *buf, size_t size)
{
	struct ramfs_inode *ri = ramfs_inode(i);
	struct ramfs *r = ramfs_of(i);
	struct ramfs_xattr *x;
	size_t total = 0;

	mutex_lock(&r->lock);
	if (ri->acl)
		list_name(XATTR_NAME_POSIX_ACL_ACCESS, buf, size, &total);
	if (ri->default_acl)
		list_name(XATTR_NAME_POSIX_ACL_DEFAULT, buf, size, &total);
	list_for_each (x, &ri->xattrs, node) {
		if (strncmp(x->name, "trusted.", 8) != 0 || cred_capable(c->cred, CAP_SYS_ADMIN))
			list_name(x->name, buf, size, &total);
	}
	mutex_unlock(&r->lock);
	return size && total > size ? -ERANGE : (ssize_t)total;
}

int ramfs_removexattr(struct inode *i, struct caller *c, const char *name)
{
	struct ramfs *r = ramfs_of(i);
	struct ramfs_inode *ri = ramfs_inode(i);

	if (ramfs_acl_is(name))
		return ramfs_acl_set(ri, c, name, NULL, 0);
	mutex_lock(&r->lock);
	int err = may_access(ri, c, name, true);
	struct ramfs_xattr *x = err ? NULL : find(ri, name);
	if (x) {
		xattr_free(ri, x);
		ramfs_touch(ri, false);
	} else if (!err) {
		err = -ENODATA;
	}
	mutex_unlock(&r->lock);
	return err;
}
