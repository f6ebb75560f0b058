/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and removing names. A new file is made in the upper directory by the caller's own hand, so
 * that its owner, group, mode and ACLs are as that layer makes them; a whiteout that is in the way
 * is moved aside for that long. Each change is made with the tree locked, after whatever has to be
 * copied was copied, which may take long.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/notify.h"
#include "fs/overlay/internal.h"

void ovl_add_subdirs(struct ovl_inode *dir, int n)
{
	if (dir->subdirs >= 0)
		dir->subdirs += n;
}

/* ---- making ---- */

/* What is to be made at a name. */
struct making {
	int (*make)(struct making *m, struct inode *upper);
	struct caller *c;
	const char *name, *target;
	mode_t mode;
	dev_t dev;
	int flags;
	struct inode *target_inode; /* gets another name */
	struct file *file;          /* of create */
};

/* A directory that takes the place of something hidden shows none of it. */
static int hide_beneath(struct overlay *o, struct caller *mc, struct inode *upper, const char *name)
{
	struct inode *i;
	int err = ovl_real_lookup(upper, mc, name, strlen(name), &i);

	if (err)
		return err;
	if (S_ISDIR(i->type))
		err = ovl_set_mark(o, mc, i, "opaque", "y");
	inode_put(i);
	if (err)
		upper->ops->rmdir(upper, mc, name);
	return err;
}

/* The name is free in the overlay; what the upper layer has there is a whiteout. */
static int make_over_whiteout(struct overlay *o, struct ovl_inode *dir, struct making *m)
{
	struct caller mc = ovl_mounter(o, m->c);
	struct inode *upper = dir->upper;
	char temp[OVL_NAME];
	int err = ovl_set_aside(o, &mc, upper, m->name, temp);

	if (err)
		return err;
	err = m->make(m, upper);
	if (!err)
		err = hide_beneath(o, &mc, upper, m->name);
	if (err)
		ovl_put_back(o, &mc, upper, m->name, temp);
	else
		ovl_work_remove(o, &mc, temp);
	return err;
}

/* tree is held for writing. */
static int make_locked(struct ovl_inode *dir, struct making *m)
{
	struct overlay *o = overlay_of(&dir->inode);
	struct caller mc = ovl_mounter(o, m->c);
	struct ovl_inode *there;

	if (dir->gone)
		return -ENOENT;
	int err = ovl_lookup(dir, &mc, m->name, strlen(m->name), &there);
	if (!err)
		ovl_put(there);
	if (err != -ENOENT)
		return err ? err : -EEXIST;
	err = m->make(m, dir->upper);
	return err == -EEXIST && dir->nr_lower ? make_over_whiteout(o, dir, m) : err;
}

static int make_name(struct inode *dir, struct making *m)
{
	struct overlay *o = overlay_of(dir);
	int err = ovl_inode(dir)->gone ? -ENOENT : ovl_copy_up(ovl_inode(dir), m->c, UINT64_MAX);

	if (err)
		return err;
	rwlock_wrlock(&o->tree);
	err = make_locked(ovl_inode(dir), m);
	if (!err && S_ISDIR(m->mode))
		ovl_add_subdirs(ovl_inode(dir), 1);
	rwlock_unlock(&o->tree);
	if (err)
		return err;
	if (m->target_inode)
		notify_inode(m->target_inode, IN_ATTRIB);
	notify_name(dir, m->name, S_ISDIR(m->mode), IN_CREATE);
	return 0;
}

static int make_node(struct making *m, struct inode *upper)
{
	return upper->ops->mknod(upper, m->c, m->name, m->mode, m->dev);
}

int ovl_mknod(struct inode *dir, struct caller *c, const char *name, mode_t mode, dev_t dev)
{
	struct making m = { make_node, .c = c, .name = name, .mode = mode, .dev = dev };

	/* It would not be there: overlayfs refuses it, too. */
	if (S_ISCHR(mode) && dev == 0)
		return -EPERM;
	return make_name(dir, &m);
}

static int make_directory(struct making *m, struct inode *upper)
{
	return upper->ops->mkdir(upper, m->c, m->name, m->mode & 07777);
}

int ovl_mkdir(struct inode *dir, struct caller *c, const char *name, mode_t mode)
{
	struct making m = { make_directory, .c = c, .name = name, .mode = S_IFDIR | mode };

	return make_name(dir, &m);
}

static int make_symlink(struct making *m, struct inode *upper)
{
	return upper->ops->symlink(upper, m->c, m->name, m->target);
}

int ovl_symlink(struct inode *dir, struct caller *c, const char *name, const char *target)
{
	struct making m = { make_symlink, .c = c, .name = name, .target = target, .mode = S_IFLNK };

	return make_name(dir, &m);
}

static int make_link(struct making *m, struct inode *upper)
{
	return upper->ops->link(upper, m->c, m->name, ovl_inode(m->target_inode)->upper);
}

int ovl_link(struct inode *dir, struct caller *c, const char *name, struct inode *target)
{
	struct overlay *o = overlay_of(dir);
	struct ovl_inode *oi = ovl_inode(target);
	struct making m = { make_link, .c = c, .name = name, .mode = target->type,
			    .target_inode = target };
	struct caller mc = ovl_mounter(o, c);
	char *place = strdup(name);
	int err = place ? ovl_copy_up(oi, c, UINT64_MAX) : -ENOMEM;

	if (!err)
		err = make_name(dir, &m);
	if (err) {
		free(place);
		return err;
	}
	if (ovl_has_other_number(oi, &mc))
		(void)ovl_set_mark(o, &mc, ovl_inode(dir)->upper, "impure", "y");
	if (oi->gone) { /* it had no name yet (O_TMPFILE) */
		oi->gone = false;
		ovl_set_places(&(struct ovl_move){ oi, ovl_inode(dir), place }, 1);
	} else {
		free(place);
	}
	return 0;
}

/* ---- files ---- */

static int make_file(struct making *m, struct inode *upper)
{
	bool created;

	return upper->ops->create(upper, m->c, m->name, m->flags | O_CREAT | O_EXCL, m->mode,
				  &m->file, &created);
}

/* An open file of the overlay for one of the upper layer, which is taken over. `gone`: it has no
 * name. */
static int wrap(struct ovl_inode *dir, const char *name, bool gone, int flags, struct file *real,
		struct file **out)
{
	struct overlay *o = overlay_of(&dir->inode);
	struct ovl_inode *oi = ovl_new(o);
	char *copy = strdup(name);

	if (!oi || !copy) {
		free(copy);
		ovl_discard(oi);
		file_put(real);
		return -ENOMEM;
	}
	oi->name = copy;
	oi->dir = ovl_inode(inode_get(&dir->inode));
	oi->upper = inode_get(real->path.dentry->inode);
	oi->gone = gone;
	oi = ovl_enter(o, oi);
	struct dentry *d = oi ? dentry_new(&oi->inode, &dir->inode, name, strlen(name)) : NULL;
	if (!d) {
		file_put(real);
		return -ENOMEM;
	}
	int err = ovl_file_new(oi, d, flags, real, true, out);
	dentry_put(d);
	return err;
}

/* Somebody was faster. */
static int open_existing(struct inode *dir, struct caller *c, const char *name, int flags,
			 struct file **out)
{
	int mask = (flags & O_ACCMODE) == O_RDONLY   ? R_OK
		   : (flags & O_ACCMODE) == O_WRONLY ? W_OK
						     : R_OK | W_OK;
	struct walk_step step = { 0 };

	if (flags & O_EXCL)
		return -EEXIST;
	int err = ovl_walk(dir, c, name, strlen(name), STEP_NOFOLLOW, &step);
	if (err)
		return err;
	struct inode *i = step.dentry->inode;
	if (S_ISLNK(i->type))
		err = -ELOOP;
	else if (S_ISDIR(i->type))
		err = -EISDIR;
	else
		err = ovl_permission(i, c, mask);
	if (!err)
		err = ovl_open(i, c, step.dentry, flags & ~(O_CREAT | O_TRUNC), out);
	if (!err && !(*out)->path.dentry)
		(*out)->path.dentry = dentry_get(step.dentry);
	dentry_put(step.dentry);
	return err;
}

int ovl_create(struct inode *dir, struct caller *c, const char *name, int flags, mode_t mode,
	       struct file **out, bool *created)
{
	struct making m = { make_file, .c = c, .name = name, .mode = mode,
			    .flags = flags & ~(O_TRUNC | O_NONBLOCK) };
	int err = ovl_permission(dir, c, W_OK | X_OK);

	if (!err)
		err = make_name(dir, &m);
	*created = !err;
	if (err == -EEXIST)
		return open_existing(dir, c, name, flags, out);
	return err ? err : wrap(ovl_inode(dir), name, false, flags, m.file, out);
}

int ovl_tmpfile(struct inode *dir, struct caller *c, int flags, mode_t mode, struct file **out)
{
	struct ovl_inode *oi = ovl_inode(dir);
	struct file *real;
	struct statx st;
	char name[24];

	if (oi->gone)
		return -ENOENT;
	int err = ovl_copy_up(oi, c, UINT64_MAX);
	if (err)
		return err;
	struct inode *upper = oi->upper;
	if (!upper->ops->tmpfile)
		return -EOPNOTSUPP;
	err = upper->ops->tmpfile(upper, c, flags, mode, &real);
	if (err)
		return err;
	err = inode_getattr(real->path.dentry->inode, c, STATX_INO, &st);
	if (err) {
		file_put(real);
		return err;
	}
	snprintf(name, sizeof name, "#%lu", (unsigned long)st.stx_ino);
	return wrap(oi, name, true, flags, real, out);
}

/* ---- removing ---- */

int ovl_may_delete(struct ovl_inode *dir, struct ovl_inode *victim, struct caller *c)
{
	struct statx above, st;
	unsigned mask = STATX_MODE | STATX_UID | STATX_TYPE;
	int err = ovl_permission(&dir->inode, c, W_OK | X_OK);

	if (!err)
		err = ovl_getattr(&dir->inode, c, mask, &above);
	if (err || !(above.stx_mode & S_ISVTX) || above.stx_uid == c->cred->fsuid)
		return err;
	err = ovl_getattr(&victim->inode, c, mask, &st);
	return err ? err : cred_owner_or_capable(c->cred, st.stx_uid) ? 0 : -EPERM;
}

/* The index holds a link that no name is behind. */
static void unindex(struct ovl_inode *oi, struct caller *mc)
{
	struct overlay *o = overlay_of(&oi->inode);
	char name[OVL_NAME * 3];
	ssize_t n = ovl_get_mark(o, mc, oi->upper, "index", name, sizeof name - 1);

	if (n <= 0)
		return;
	name[n] = '\0';
	if (!strchr(name, '/'))
		o->index->ops->unlink(o->index, mc, name);
}

void ovl_lost_name(struct ovl_inode *oi, struct caller *mc, bool linked)
{
	struct overlay *o = overlay_of(&oi->inode);
	struct inode *upper = oi->upper;
	struct statx st = { 0 };
	char text[16];
	int extra = 0;

	if (upper && !ovl_is_dir(oi) && inode_getattr(upper, mc, STATX_NLINK, &st))
		return;
	if (st.stx_nlink)
		extra = ovl_extra_links(oi, mc);
	if (st.stx_nlink && !linked) {
		snprintf(text, sizeof text, "%d", --extra);
		(void)ovl_set_mark(o, mc, upper, "nlink", text);
	}
	if (st.stx_nlink && (int)st.stx_nlink + extra <= 0) {
		unindex(oi, mc);
		st.stx_nlink = 0;
	}
	if (!st.stx_nlink)
		ovl_set_gone(oi);
}

bool ovl_must_copy(struct ovl_inode *oi, struct caller *mc)
{
	struct statx st;

	return !oi->upper && !ovl_is_dir(oi) &&
	       inode_getattr(oi->lower[0].inode, mc, STATX_NLINK, &st) == 0 && st.stx_nlink > 1;
}

struct removal {
	struct inode *dir;
	struct caller *c, mc;
	const char *name;
	bool want_dir;
	struct ovl_inode *victim; /* a reference */
	struct ovl_inode *copy;   /* is to be copied up first; a reference */
};

static int may_remove(struct removal *r)
{
	struct ovl_inode *dir = ovl_inode(r->dir), *victim = r->victim;
	bool empty = true;

	int err = ovl_may_delete(dir, victim, r->c);
	if (!err && ovl_is_dir(victim) != r->want_dir)
		err = r->want_dir ? -ENOTDIR : -EISDIR;
	if (!err && r->want_dir)
		err = ovl_dir_is_empty(victim, &r->mc, &empty);
	return err ? err : empty ? 0 : -ENOTEMPTY;
}

/* Takes the name out of the upper directory, in a way that lower layers do not show it. */
static int take_out(struct removal *r, bool *linked)
{
	struct overlay *o = overlay_of(r->dir);
	struct inode *upper = ovl_inode(r->dir)->upper, *there;
	char temp[OVL_NAME];

	int beneath = ovl_beneath(ovl_inode(r->dir), &r->mc, r->name);
	if (beneath < 0)
		return beneath;
	int err = ovl_real_lookup(upper, &r->mc, r->name, strlen(r->name), &there);
	if (err && err != -ENOENT)
		return err;
	*linked = !err;
	if (!err)
		inode_put(there);
	if (beneath)
		return ovl_whiteout(o, &r->mc, upper, r->name, *linked);
	if (!r->want_dir)
		return upper->ops->unlink(upper, &r->mc, r->name);
	err = upper->ops->rmdir(upper, &r->mc, r->name);
	if (err != -ENOTEMPTY)
		return err;
	err = ovl_set_aside(o, &r->mc, upper, r->name, temp); /* of whiteouts alone */
	if (!err)
		ovl_work_remove(o, &r->mc, temp);
	return err;
}

/* tree is held for writing. -EAGAIN: r->copy has to be copied first. */
static int remove_locked(struct removal *r)
{
	struct ovl_inode *dir = ovl_inode(r->dir);
	bool linked;

	int err = ovl_lookup(dir, &r->mc, r->name, strlen(r->name), &r->victim);
	if (err)
		return err;
	err = may_remove(r);
	if (err)
		return err;
	if (!dir->upper || ovl_must_copy(r->victim, &r->mc)) {
		r->copy = ovl_inode(inode_get(dir->upper ? &r->victim->inode : r->dir));
		return -EAGAIN;
	}
	err = take_out(r, &linked);
	if (err)
		return err;
	if (r->want_dir)
		ovl_add_subdirs(dir, -1);
	ovl_lost_name(r->victim, &r->mc, linked);
	return 0;
}

static int remove_name(struct inode *dir, struct caller *c, const char *name, bool want_dir)
{
	struct overlay *o = overlay_of(dir);
	struct removal r = {
		.dir = dir, .c = c, .mc = ovl_mounter(o, c), .name = name, .want_dir = want_dir
	};
	int err;

	do {
		rwlock_wrlock(&o->tree);
		err = remove_locked(&r);
		rwlock_unlock(&o->tree);
		if (err != -EAGAIN || !r.copy)
			break;
		err = ovl_copy_up(r.copy, c, UINT64_MAX);
		ovl_put(r.copy);
		ovl_put(r.victim);
		r.copy = r.victim = NULL;
	} while (!err);
	if (!err && !want_dir)
		notify_inode(&r.victim->inode, IN_ATTRIB);
	ovl_put(r.victim);
	if (!err)
		notify_name(dir, name, want_dir, IN_DELETE);
	return err;
}

int ovl_unlink(struct inode *dir, struct caller *c, const char *name)
{
	return remove_name(dir, c, name, false);
}

int ovl_rmdir(struct inode *dir, struct caller *c, const char *name)
{
	return remove_name(dir, c, name, true);
}
