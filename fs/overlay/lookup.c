/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to inodes. A directory that was used lately is found in memory; any other name is asked for
 * in the upper layer and then in the lower ones, from the top.
 *
 * Where the directory has no upper counterpart and one lower directory, the last name of a path is
 * given to that layer's own short cuts: to open or to stat a lower file is the one host call there
 * that it would be without an overlay.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/generic.h"
#include "fs/overlay/internal.h"

/* ---- what the layers have ---- */

static bool is_marked(struct overlay *o, struct caller *mc, struct inode *i, const char *mark)
{
	char value[2];

	return ovl_get_mark(o, mc, i, mark, value, sizeof value) == 1 && value[0] == 'y';
}

/* A lower layer may have been made by anyone's overlayfs. */
static bool is_opaque_lower(struct caller *mc, struct inode *i)
{
	static const char *const names[] = { "trusted.overlay.opaque", "user.overlay.opaque" };
	char value[2];

	for (size_t n = 0; i->ops->getxattr && n < sizeof names / sizeof *names; n++)
		if (i->ops->getxattr(i, mc, names[n], value, sizeof value) == 1 && value[0] == 'y')
			return true;
	return false;
}

static bool same_id(const struct inode_id *a, const struct inode_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->of_host == b->of_host;
}

/* What is written would come up in itself (ovl_lookup_trap_inode() of overlayfs). */
static int check_trap(const struct overlay *o, struct inode *i)
{
	struct inode_id id;
	int err = o->traps && S_ISDIR(i->type) ? inode_identify(i, &id) : 0;

	if (err || !o->traps || !S_ISDIR(i->type))
		return err;
	return same_id(&id, &o->upper_id) || same_id(&id, &o->work_id) ? -ELOOP : 0;
}

/* Takes what a lower layer has at the name. 1: the layers beneath may have more; 0: they are
 * hidden; -errno. */
static int add_lower(struct overlay *o, struct caller *mc, struct ovl_inode *oi,
		     const struct ovl_real *dir, const char *name, size_t len)
{
	struct inode *i;
	int err = ovl_real_lookup(dir->inode, mc, name, len, &i);

	if (err)
		return err == -ENOENT ? 1 : err;
	err = check_trap(o, i);
	if (err) {
		inode_put(i);
		return err;
	}
	bool found = oi->upper || oi->nr_lower;
	bool fits = !ovl_is_whiteout(i, mc) && (!found || S_ISDIR(i->type));
	if (!fits) {
		inode_put(i);
		return 0;
	}
	oi->lower[oi->nr_lower++] = (struct ovl_real){ i, dir->layer };
	return S_ISDIR(i->type) && !(dir->layer + 1 < o->nr_lower && is_opaque_lower(mc, i));
}

static int add_lowers(struct overlay *o, struct caller *mc, struct ovl_inode *oi,
		      const struct ovl_inode *dir, const char *name, size_t len)
{
	int more = 1;

	for (unsigned i = 0; more > 0 && i < dir->nr_lower; i++)
		more = add_lower(o, mc, oi, &dir->lower[i], name, len);
	return more < 0 ? more : 0;
}

/* One layer's directory at a path that an attribute told, which anybody may have written. */
static int find_redirected(struct caller *mc, struct inode *root, const char *path,
			   struct inode **out)
{
	struct inode *at = inode_get(root), *next;
	int err = *path == '/' ? 0 : -EIO;

	while (!err && *(path += strspn(path, "/"))) {
		size_t len = strcspn(path, "/");
		bool dots = path[0] == '.' && (len == 1 || (len == 2 && path[1] == '.'));
		err = dots || len > NAME_MAX ? -EIO : ovl_real_lookup(at, mc, path, len, &next);
		if (err)
			break;
		inode_put(at);
		at = next;
		path += len;
		if (!S_ISDIR(at->type))
			err = -ENOENT;
	}
	if (err)
		inode_put(at);
	else
		*out = at;
	return err;
}

static int add_redirected(struct overlay *o, struct caller *mc, struct ovl_inode *oi,
			  const char *path)
{
	int err = 0;

	for (unsigned i = 0; !err && i < o->nr_lower; i++) {
		struct inode *found;
		err = find_redirected(mc, o->lower[i].dir, path, &found);
		if (!err)
			oi->lower[oi->nr_lower++] = (struct ovl_real){ found, i };
		else if (err == -ENOENT)
			err = 0;
		if (!err && oi->nr_lower && i + 1 < o->nr_lower &&
		    is_opaque_lower(mc, oi->lower[oi->nr_lower - 1].inode))
			break;
	}
	return err;
}

/* The lower directories of one that the upper layer has. */
static int add_beneath_upper(struct overlay *o, struct caller *mc, struct ovl_inode *oi,
			     const struct ovl_inode *dir, const char *name, size_t len)
{
	char path[PATH_MAX];

	ssize_t n = ovl_get_mark(o, mc, oi->upper, "redirect", path, sizeof path - 1);
	if (n > 0) {
		path[n] = '\0';
		return add_redirected(o, mc, oi, path);
	}
	if (!dir->nr_lower || is_marked(o, mc, oi->upper, "opaque"))
		return 0;
	int err = add_lowers(o, mc, oi, dir, name, len);
	/* The upper directory hides a file. */
	if (!err && oi->nr_lower && !S_ISDIR(oi->lower[0].inode->type)) {
		inode_put(oi->lower[0].inode);
		oi->nr_lower = 0;
	}
	return err;
}

int ovl_index_name(struct overlay *o, struct caller *mc, const struct ovl_real *lower,
		   char name[OVL_NAME * 3])
{
	struct statx st, root;
	int err = inode_getattr(lower->inode, mc, STATX_BASIC_STATS, &st);

	if (!err)
		err = inode_getattr(o->lower[lower->layer].dir, mc, STATX_BASIC_STATS, &root);
	if (err)
		return err;
	/* The device of a layer may have another number the next time. */
	bool same =
	    st.stx_dev_major == root.stx_dev_major && st.stx_dev_minor == root.stx_dev_minor;
	snprintf(name, OVL_NAME * 3, "%x-%x:%x-%lx", lower->layer, same ? 0 : st.stx_dev_major,
		 same ? 0 : st.stx_dev_minor, (unsigned long)st.stx_ino);
	return 0;
}

/* A lower file by one of several names may have been copied up by another one. */
static int find_indexed(struct overlay *o, struct caller *mc, struct ovl_inode *oi)
{
	char name[OVL_NAME * 3];
	struct statx st;
	struct inode *upper;

	if (!o->indexed || S_ISDIR(oi->lower[0].inode->type))
		return 0;
	int err = inode_getattr(oi->lower[0].inode, mc, STATX_NLINK, &st);
	if (err || st.stx_nlink < 2)
		return err;
	err = ovl_index_name(o, mc, &oi->lower[0], name);
	if (!err)
		err = ovl_real_lookup(o->index, mc, name, strlen(name), &upper);
	if (!err && upper->type == oi->lower[0].inode->type)
		oi->upper = upper;
	else if (!err)
		inode_put(upper);
	return err == -ENOENT ? 0 : err;
}

static int find_in_layers(struct overlay *o, struct caller *mc, struct ovl_inode *oi,
			  struct ovl_inode *dir, const char *name, size_t len)
{
	struct inode *upper = NULL;
	int err = dir->upper ? ovl_real_lookup(dir->upper, mc, name, len, &upper) : -ENOENT;

	if (!err) {
		oi->upper = upper;
		if (ovl_is_whiteout(upper, mc))
			return -ENOENT;
		return S_ISDIR(upper->type) ? add_beneath_upper(o, mc, oi, dir, name, len) : 0;
	}
	if (err != -ENOENT)
		return err;
	err = add_lowers(o, mc, oi, dir, name, len);
	if (!err && !oi->nr_lower)
		err = -ENOENT;
	return err ? err : find_indexed(o, mc, oi);
}

int ovl_beneath(struct ovl_inode *dir, struct caller *mc, const char *name)
{
	struct overlay *o = overlay_of(&dir->inode);
	struct ovl_inode *probe = ovl_new(o);

	if (!probe)
		return -ENOMEM;
	int err = add_lowers(o, mc, probe, dir, name, strlen(name));
	bool there = probe->nr_lower;
	ovl_discard(probe);
	return err ? err : there;
}

/* A candidate at the name. */
static struct ovl_inode *new_at(struct ovl_inode *dir, const char *name, size_t len)
{
	struct ovl_inode *oi = ovl_new(overlay_of(&dir->inode));
	char *copy = oi ? strndup(name, len) : NULL;

	if (!copy) {
		ovl_discard(oi);
		return NULL;
	}
	oi->name = copy;
	oi->dir = ovl_inode(inode_get(&dir->inode));
	return oi;
}

int ovl_lookup(struct ovl_inode *dir, struct caller *mc, const char *name, size_t len,
	       struct ovl_inode **out)
{
	struct overlay *o = overlay_of(&dir->inode);

	if (dir->gone)
		return -ENOENT;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	if ((*out = ovl_cached(o, dir, name, len)))
		return 0;
	struct ovl_inode *oi = new_at(dir, name, len);
	int err = oi ? find_in_layers(o, mc, oi, dir, name, len) : -ENOMEM;
	if (err) {
		ovl_discard(oi);
		return err;
	}
	*out = ovl_enter(o, oi);
	return *out ? 0 : -ENOMEM;
}

/* ---- walks ---- */

static int lookup(struct inode *dir, struct caller *c, const char *name, size_t len,
		  struct inode **out)
{
	struct overlay *o = overlay_of(dir);
	struct ovl_inode *oi = ovl_cached(o, ovl_inode(dir), name, len);
	struct caller mc;
	int err = 0;

	if (!oi) {
		mc = ovl_mounter(o, c);
		rwlock_rdlock(&o->tree);
		err = ovl_lookup(ovl_inode(dir), &mc, name, len, &oi);
		rwlock_unlock(&o->tree);
	}
	if (!err)
		*out = &oi->inode;
	return err;
}

int ovl_walk(struct inode *dir, struct caller *c, const char *names, size_t len, unsigned flags,
	     struct walk_step *out)
{
	return walk_by_lookup(dir, c, names, len, flags, lookup, out);
}

/* The last name of a run, and the directory it is in. */
struct last {
	struct ovl_inode *dir; /* a reference */
	const char *name;
	size_t len;
};

/* 1: found; 0: *out has what the walk met before; -errno. */
static int walk_to_last(struct inode *dir, struct caller *c, const char *names, size_t len,
			struct last *last, struct walk_step *out)
{
	const char *slash = memrchr(names, '/', len);
	size_t above = slash ? (size_t)(slash - names) : 0;

	while (above && names[above - 1] == '/')
		above--;
	last->name = slash ? slash + 1 : names;
	last->len = len - (size_t)(last->name - names);
	if (above) {
		int err = walk_by_lookup(dir, c, names, above, STEP_DIRECTORY, lookup, out);
		if (err || out->consumed < above || !S_ISDIR(out->dentry->inode->type))
			return err;
		last->dir = ovl_inode(inode_get(out->dentry->inode));
		dentry_put(out->dentry);
		*out = (struct walk_step){ 0 };
	} else {
		last->dir = ovl_inode(inode_get(dir));
	}
	int err = ovl_permission(&last->dir->inode, c, X_OK);
	if (!err && last->len > NAME_MAX)
		err = name_too_long(&last->dir->inode, c);
	if (err)
		ovl_put(last->dir);
	return err ? err : 1;
}

/* The one lower directory that may have the name; NULL: it is to be looked up. tree is held. */
static struct inode *only_lower(const struct last *l, struct caller *mc)
{
	struct ovl_inode *dir = l->dir;
	struct inode *upper;

	if (dir->nr_lower != 1 || dir->gone)
		return NULL;
	if (dir->upper) {
		int err = ovl_real_lookup(dir->upper, mc, l->name, l->len, &upper);
		if (!err)
			inode_put(upper);
		if (err != -ENOENT)
			return NULL;
	}
	return dir->lower[0].inode;
}

/* `run` was walked to its last name, which is looked up as any other. */
static int step_last(struct last *l, struct caller *c, size_t run, unsigned flags,
		     struct walk_step *out)
{
	int err = walk_by_lookup(&l->dir->inode, c, l->name, l->len, flags, lookup, out);

	out->consumed = run;
	return err;
}

/* Is it the lower file that the name stands for, as long as nothing of it was copied up? */
static bool getattr_lower(struct overlay *o, struct last *l, struct caller *mc, unsigned mask,
			  struct statx *st)
{
	struct inode *lower = only_lower(l, mc);
	struct walk_step step = { 0 };
	bool done = false;

	if (!lower || !lower->ops->walk_getattr)
		return false;
	int err = lower->ops->walk_getattr(lower, mc, l->name, l->len, STEP_NOFOLLOW,
					   mask | STATX_BASIC_STATS, st, &done, &step);
	dentry_put(step.dentry);
	free(step.link);
	if (err || !done || (o->indexed && st->stx_nlink > 1 && !S_ISDIR(st->stx_mode)))
		return false;
	uint64_t dev = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
	ovl_set_identity(o, st, ovl_shown_ino(o, dev, st->stx_ino));
	return !S_ISCHR(st->stx_mode); /* which may be a whiteout */
}

int ovl_walk_getattr(struct inode *dir, struct caller *c, const char *names, size_t len,
		     unsigned flags, unsigned mask, struct statx *st, bool *done,
		     struct walk_step *out)
{
	struct overlay *o = overlay_of(dir);
	struct last l;

	*out = (struct walk_step){ 0 };
	int err = walk_to_last(dir, c, names, len, &l, out);
	if (err <= 0)
		return err;
	struct caller mc = ovl_mounter(o, c);
	struct ovl_inode *oi = ovl_cached(o, l.dir, l.name, l.len);
	bool found = false;
	if (!oi) {
		rwlock_rdlock(&o->tree);
		found = getattr_lower(o, &l, &mc, mask, st);
		rwlock_unlock(&o->tree);
	}
	ovl_put(oi);
	*done = found && !(S_ISLNK(st->stx_mode) && !(flags & STEP_NOFOLLOW));
	if (*done)
		err = flags & STEP_DIRECTORY && !S_ISDIR(st->stx_mode) ? -ENOTDIR : 0;
	else
		err = step_last(&l, c, len, flags, out);
	ovl_put(l.dir);
	return err;
}

/* Opens the lower file that the name stands for: 1. 0: it is not so simple. tree is held. */
static int open_lower(struct overlay *o, struct last *l, struct caller *c, struct file **out)
{
	struct caller mc = ovl_mounter(o, c);
	struct inode *lower = only_lower(l, &mc);
	struct walk_step step = { 0 };
	struct file *real = NULL;

	if (!lower || !lower->ops->walk_open)
		return 0;
	/* O_NONBLOCK: it may be a FIFO, whose other end nobody is to wait for. */
	int flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW;
	if (ovl_hides_reads(o))
		flags |= O_NOATIME;
	int err = lower->ops->walk_open(lower, &mc, l->name, l->len, flags, 0, &real, &step);
	dentry_put(step.dentry);
	free(step.link);
	if (err || !real)
		return 0;
	struct inode *i = real->path.dentry->inode;
	struct ovl_inode *oi = S_ISREG(i->type) ? new_at(l->dir, l->name, l->len) : NULL;
	if (oi) {
		oi->lower[0] = (struct ovl_real){ inode_get(i), l->dir->lower[0].layer };
		oi->nr_lower = 1;
		err = find_indexed(o, &mc, oi);
		oi = ovl_enter(o, oi);
	}
	struct dentry *d =
	    oi ? dentry_new(inode_get(&oi->inode), &l->dir->inode, l->name, l->len) : NULL;
	if (!d || err || oi->upper) {
		file_put(real);
	} else {
		err = ovl_permission(&oi->inode, c, R_OK);
		if (!err)
			err = ovl_file_new(oi, d, O_RDONLY, real, false, out);
		else
			file_put(real);
		err = err ? err : 1;
	}
	dentry_put(d);
	ovl_put(oi);
	return err;
}

#define BY_STEPS 1 /* see inode_ops.walk_open */

int ovl_walk_open(struct inode *dir, struct caller *c, const char *names, size_t len, int oflags,
		  mode_t mode, struct file **file, struct walk_step *out)
{
	struct overlay *o = overlay_of(dir);
	int plain = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_LARGEFILE | 0100000;
	unsigned flags = oflags & O_NOFOLLOW ? STEP_NOFOLLOW : 0;
	struct last l;

	*out = (struct walk_step){ 0 };
	if (oflags & ~plain)
		return BY_STEPS;
	int err = walk_to_last(dir, c, names, len, &l, out);
	if (err <= 0)
		return err;
	struct ovl_inode *oi = ovl_cached(o, l.dir, l.name, l.len);
	err = 0;
	if (!oi) {
		rwlock_rdlock(&o->tree);
		err = open_lower(o, &l, c, file);
		rwlock_unlock(&o->tree);
	}
	ovl_put(oi);
	if (!err)
		err = step_last(&l, c, len, flags, out);
	else if (err > 0)
		err = 0;
	ovl_put(l.dir);
	return err;
}

/* ---- and back ---- */

int ovl_parent(struct inode *dir, struct caller *c, struct dentry **out)
{
	struct overlay *o = overlay_of(dir);
	int err = ovl_permission(dir, c, X_OK);

	if (err)
		return err;
	mutex_lock(&o->table_lock);
	struct inode *up = inode_get(&ovl_inode(dir)->dir->inode);
	mutex_unlock(&o->table_lock);
	*out = dentry_new(up, NULL, "", 0);
	return *out ? 0 : -ENOMEM;
}

/* Does the name still stand for the file? */
static bool stands_for(struct inode *dir, const char *name, struct ovl_inode *oi)
{
	struct overlay *o = overlay_of(&oi->inode);
	struct caller mc = ovl_mounter(o, NULL);
	struct ovl_inode *found;

	rwlock_rdlock(&o->tree);
	int err = ovl_lookup(ovl_inode(dir), &mc, name, strlen(name), &found);
	rwlock_unlock(&o->tree);
	if (err)
		return false;
	ovl_put(found);
	return found == oi;
}

/* The place of a directory is known. A file that was found by one of several names may have lost
 * that one, or be known by a new one. */
struct inode *ovl_place(struct inode *i, const struct dentry *d, char name[NAME_MAX + 1],
			bool *gone)
{
	struct overlay *o = overlay_of(i);
	struct ovl_inode *oi = ovl_inode(i);
	struct inode *dir = NULL;

	*gone = oi->gone;
	if (!S_ISDIR(i->type) && d && d->dir && *d->name && !oi->gone &&
	    stands_for(d->dir, d->name, oi)) {
		strcpy(name, d->name);
		return inode_get(d->dir);
	}
	mutex_lock(&o->table_lock);
	if (oi->dir) {
		dir = inode_get(&oi->dir->inode);
		snprintf(name, NAME_MAX + 1, "%s", oi->name);
	}
	mutex_unlock(&o->table_lock);
	return dir;
}

int ovl_path(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	struct overlay *o = overlay_of(i);
	char space[PATH_MAX], name[NAME_MAX + 1], *at = space + sizeof space - 1;
	bool gone;
	int err;

	*at = '\0';
	struct inode *dir = ovl_place(i, d, name, &gone);
	if (!dir)
		return -ENOENT;
	err = generic_prepend(space, &at, name);
	mutex_lock(&o->table_lock);
	for (struct ovl_inode *up = ovl_inode(dir); !err && up->dir; up = up->dir)
		err = generic_prepend(space, &at, up->name);
	mutex_unlock(&o->table_lock);
	inode_put(dir);
	size_t len = strlen(at);
	if (err || len + sizeof " (deleted)" > size)
		return -ENAMETOOLONG;
	memcpy(buf, at, len + 1);
	if (gone)
		strcpy(buf + len, " (deleted)");
	return (int)strlen(buf);
}
