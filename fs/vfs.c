/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manages the life of the vfs's objects (file systems, inodes, dentries, paths), and implements the
 * walk for those file systems that can only look one name up at a time. See the header; walk.c has
 * the path walk itself.
 */
#include "fs/vfs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cred/user_ns.h"
#include "fs/mount.h"
#include "fs/notify.h"

void filesystem_init(struct filesystem *fs, const struct filesystem_ops *ops, const char *type,
		     unsigned flags)
{
	*fs = (struct filesystem){ .refs = REF_INIT(1), .ops = ops, .type = type, .flags = flags };
}

struct filesystem *filesystem_get(struct filesystem *fs)
{
	ref_get(&fs->refs);
	return fs;
}

void filesystem_put(struct filesystem *fs)
{
	if (!fs || !ref_put(&fs->refs))
		return;
	fs->ended = true;
	free(fs->place);
	struct user_namespace *users = fs->user_ns;
	fs->ops->destroy(fs);
	if (users)
		ns_put(&users->ns);
}

bool fs_checks_access(const struct filesystem *fs, const struct caller *c)
{
	return fs->flags & FS_CHECKS_ACCESS ||
	       (fs->flags & FS_MAPS_OWNERS && cred_overrides_files(c->cred));
}

int fs_check_new_owner(const struct filesystem *fs, const struct caller *c)
{
	const struct user_namespace *users = fs->user_ns;

	if (!users)
		return 0;
	return user_ns_has_uid(users, c->cred->fsuid) && user_ns_has_gid(users, c->cred->fsgid)
		   ? 0
		   : -EOVERFLOW;
}

void inode_init(struct inode *i, struct filesystem *fs, const struct inode_ops *ops, mode_t type)
{
	*i = (struct inode){ .refs = REF_INIT(1), .type = type & S_IFMT, .ops = ops, .fs = fs };
}

struct inode *inode_get(struct inode *i)
{
	ref_get(&i->refs);
	return i;
}

void inode_put(struct inode *i)
{
	if (!i || !ref_put(&i->refs))
		return;
	if (i->watch)
		notify_gone(i);
	i->ops->release(i);
}

void inode_pin(struct inode *i)
{
	filesystem_get(i->fs);
	inode_get(i);
}

void inode_unpin(struct inode *i)
{
	struct filesystem *fs = i->fs;

	inode_put(i);
	filesystem_put(fs);
}

int inode_identify(struct inode *i, struct inode_id *out)
{
	if (i->ops->identify)
		return i->ops->identify(i, out);
	*out =
	    (struct inode_id){ .dev = (uint64_t)(uintptr_t)i->fs, .ino = (uint64_t)(uintptr_t)i };
	return 0;
}

bool inode_same(struct inode *a, struct inode *b)
{
	struct inode_id ia, ib;

	if (a == b || a->fs != b->fs || !a->ops->identify)
		return a == b;
	return !inode_identify(a, &ia) && !inode_identify(b, &ib) && ia.dev == ib.dev &&
	       ia.ino == ib.ino;
}

int inode_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	memset(out, 0, sizeof *out);
	return i->ops->getattr(i, c, mask, out);
}

struct dentry *dentry_new(struct inode *inode, struct inode *dir, const char *name, size_t len)
{
	struct dentry *d = malloc(sizeof *d + len + 1);

	if (!d) {
		inode_put(inode);
		return NULL;
	}
	ref_set(&d->refs, 1);
	d->inode = inode;
	d->dir = dir ? inode_get(dir) : NULL;
	memcpy(d->name, name, len);
	d->name[len] = '\0';
	return d;
}

struct dentry *dentry_get(struct dentry *d)
{
	ref_get(&d->refs);
	return d;
}

void dentry_put(struct dentry *d)
{
	if (!d || !ref_put(&d->refs))
		return;
	inode_put(d->inode);
	inode_put(d->dir);
	free(d);
}

struct path path_get(const struct path *p)
{
	return (struct path){ .mnt = p->mnt ? mount_get(p->mnt) : NULL,
			      .dentry = dentry_get(p->dentry) };
}

void path_put(struct path *p)
{
	dentry_put(p->dentry);
	mount_put(p->mnt);
	*p = (struct path){ NULL, NULL };
}

int name_too_long(struct inode *dir, struct caller *c)
{
	struct statx st;

	return !dir->ops->getattr(dir, c, STATX_NLINK, &st) && !st.stx_nlink ? -ENOENT
									     : -ENAMETOOLONG;
}

static int lookup_one(struct inode *dir, struct caller *c, const char *name, size_t len,
		      lookup_fn *lookup, struct inode **out)
{
	if (!S_ISDIR(dir->type))
		return -ENOTDIR;
	int err = dir->ops->permission(dir, c, X_OK);
	if (err)
		return err;
	return len > NAME_MAX ? name_too_long(dir, c) : lookup(dir, c, name, len, out);
}

int walk_by_lookup(struct inode *dir, struct caller *c, const char *names, size_t len,
		   unsigned flags, lookup_fn *lookup, struct walk_step *out)
{
	struct inode *at = inode_get(dir), *above = NULL, *next;
	size_t start = 0, end = 0;
	int err = 0;

	while (end < len && !S_ISLNK(at->type)) {
		for (start = end; start < len && names[start] == '/';)
			start++;
		for (end = start; end < len && names[end] != '/';)
			end++;
		err = lookup_one(at, c, names + start, end - start, lookup, &next);
		if (err)
			break;
		inode_put(above);
		above = at;
		at = next;
	}
	/* a symlink on the way is followed, whatever is to be done with one at the end */
	if (!err && flags & STEP_DIRECTORY && !S_ISDIR(at->type) &&
	    (!S_ISLNK(at->type) || (flags & STEP_NOFOLLOW && end == len)))
		err = -ENOTDIR;
	if (err) {
		inode_put(at);
	} else {
		*out =
		    (struct walk_step){ .dentry = dentry_new(at, above, names + start, end - start),
					.consumed = end };
		err = out->dentry ? 0 : -ENOMEM;
	}
	inode_put(above);
	return err;
}
