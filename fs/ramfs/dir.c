/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Implements the directories of ramfs. Each has two trees of its entries: by name for lookups, and
 * by position for getdents(2), so that a reader goes on at the right place whatever was added or
 * removed meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/generic.h"
#include "fs/ramfs/internal.h"

#define FIRST_POS 2 /* behind "." and ".." */
#define BATCH     64

static int compare(const char *name, size_t len, const struct ramfs_entry *e)
{
	int r = strncmp(name, e->name, len);

	return r ? r : e->name[len] ? -1 : 0;
}

struct ramfs_entry *ramfs_find(struct ramfs_inode *dir, const char *name, size_t len)
{
	struct rb_node *n = dir->dir.by_name.root;

	while (n) {
		struct ramfs_entry *e = rb_entry(n, struct ramfs_entry, name_node);
		int r = compare(name, len, e);
		if (!r)
			return e;
		n = r < 0 ? n->left : n->right;
	}
	return NULL;
}

static void insert_name(struct ramfs_dir *d, struct ramfs_entry *e)
{
	struct rb_node **link = &d->by_name.root, *parent = NULL;
	size_t len = strlen(e->name);

	while (*link) {
		parent = *link;
		int r = compare(e->name, len, rb_entry(parent, struct ramfs_entry, name_node));
		link = r < 0 ? &parent->left : &parent->right;
	}
	rb_insert(&d->by_name, &e->name_node, parent, link);
}

/* Positions only grow: the new entry is the last. */
static void insert_pos(struct ramfs_dir *d, struct ramfs_entry *e)
{
	struct rb_node *last = rb_last(&d->by_pos);

	e->pos = d->next_pos++;
	rb_insert(&d->by_pos, &e->pos_node, last, last ? &last->right : &d->by_pos.root);
}

/* A name of `ri` has come or gone. */
static void count_change(struct ramfs_inode *ri)
{
	if (S_ISDIR(ri->mode))
		ramfs_of(&ri->inode)->dir_changes++;
}

int ramfs_enter(struct ramfs_inode *dir, const char *name, size_t len, struct ramfs_inode *ri)
{
	struct ramfs_dir *d = &dir->dir;
	struct ramfs_entry *e = malloc(sizeof *e + len + 1);

	if (!e)
		return -ENOMEM;
	memcpy(e->name, name, len);
	e->name[len] = '\0';
	e->inode = ri;
	inode_get(&ri->inode);
	if (d->next_pos < FIRST_POS)
		d->next_pos = FIRST_POS;
	insert_name(d, e);
	insert_pos(d, e);
	d->entries++;
	count_change(ri);
	return 0;
}

struct ramfs_inode *ramfs_leave(struct ramfs_inode *dir, struct ramfs_entry *e)
{
	struct ramfs_inode *ri = e->inode;

	rb_erase(&dir->dir.by_name, &e->name_node);
	rb_erase(&dir->dir.by_pos, &e->pos_node);
	dir->dir.entries--;
	count_change(ri);
	free(e);
	return ri;
}

void ramfs_set_parent(struct ramfs_inode *ri, struct ramfs_inode *dir)
{
	if (ri->dir.parent)
		inode_put(&ri->dir.parent->inode);
	ri->dir.parent = dir;
	inode_get(&dir->inode);
}

void ramfs_empty(struct ramfs_inode *root)
{
	struct ramfs_inode *dir = root;

	/* Down to a leaf, take it out, and go on from its parent: no recursion, however deep a
	 * guest has built. */
	for (;;) {
		struct rb_node *n = rb_first(&dir->dir.by_name);
		struct ramfs_entry *e = n ? rb_entry(n, struct ramfs_entry, name_node) : NULL;
		if (e && S_ISDIR(e->inode->mode) && e->inode->dir.entries) {
			dir = e->inode;
		} else if (e) {
			inode_put(&ramfs_leave(dir, e)->inode);
		} else if (dir == root) {
			return;
		} else {
			dir = dir->dir.parent;
		}
	}
}

static int lookup(struct inode *dir, struct caller *c, const char *name, size_t len,
		  struct inode **out)
{
	struct ramfs *r = ramfs_of(dir);

	mutex_lock(&r->lock);
	struct ramfs_entry *e = ramfs_find(ramfs_inode(dir), name, len);
	if (e)
		*out = inode_get(&e->inode->inode);
	mutex_unlock(&r->lock);
	return e ? 0 : -ENOENT;
}

int ramfs_walk(struct inode *dir, struct caller *c, const char *names, size_t len, unsigned flags,
	       struct walk_step *out)
{
	return walk_by_lookup(dir, c, names, len, flags, lookup, out);
}

int ramfs_parent(struct inode *dir, struct caller *c, struct dentry **out)
{
	struct ramfs *r = ramfs_of(dir);

	int err = dir->ops->permission(dir, c, 1 /* X_OK */);
	if (err)
		return err;
	mutex_lock(&r->lock);
	struct inode *up = inode_get(&ramfs_inode(dir)->dir.parent->inode);
	mutex_unlock(&r->lock);
	*out = dentry_new(up, NULL, "", 0);
	return *out ? 0 : -ENOMEM;
}

static const char *name_in(struct ramfs_inode *dir, const struct ramfs_inode *ri)
{
	for (struct rb_node *n = rb_first(&dir->dir.by_name); n; n = rb_next(n)) {
		struct ramfs_entry *e = rb_entry(n, struct ramfs_entry, name_node);
		if (e->inode == ri)
			return e->name;
	}
	return NULL;
}

/* The name it was found by or, renamed within its directory since, the new one; NULL: none. */
static const char *name_now(struct ramfs_inode *dir, const struct ramfs_inode *ri,
			    const struct dentry *d)
{
	lock_assert_held(&ramfs_of(&dir->inode)->lock);
	struct ramfs_entry *e = ramfs_find(dir, d->name, strlen(d->name));

	return e && e->inode == ri ? e->name : name_in(dir, ri);
}

/* A file that moved to another directory while it was open is not found: its directory is known by
 * the dentry alone. */
struct inode *ramfs_place(struct inode *i, const struct dentry *d, char name[NAME_MAX + 1],
			  bool *gone)
{
	struct ramfs *r = ramfs_of(i);
	struct ramfs_inode *ri = ramfs_inode(i), *dir;

	mutex_lock(&r->lock);
	dir = S_ISDIR(i->type) ? ri->dir.parent : d->dir ? ramfs_inode(d->dir) : NULL;
	const char *now = dir ? name_now(dir, ri, d) : NULL;
	*gone = dir && !now;
	if (*gone && (ri->nlink || !*d->name))
		dir = NULL;
	if (dir) {
		snprintf(name, NAME_MAX + 1, "%s", now ? now : d->name);
		inode_get(&dir->inode);
	}
	mutex_unlock(&r->lock);
	return dir ? &dir->inode : NULL;
}

/* Upwards by the parents; the name of the file itself is the dentry's. */
static int path_locked(struct ramfs_inode *dir, const char *last, char *buf, char **at)
{
	int err = last ? generic_prepend(buf, at, last) : 0;

	while (!err && dir->dir.parent) {
		const char *name = name_in(dir->dir.parent, dir);
		err = generic_prepend(buf, at, name ? name : "(deleted)");
		dir = dir->dir.parent;
	}
	return err;
}

int ramfs_path(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	struct ramfs *r = ramfs_of(i);
	struct ramfs_inode *ri = ramfs_inode(i);
	char space[PATH_MAX], *at = space + sizeof space - 1;
	const char *last = NULL;

	*at = '\0';
	if (!S_ISDIR(i->type) && !(d && d->dir))
		return -ENOENT;
	mutex_lock(&r->lock);
	/* The name it was found by is looked at first: a directory may hold many. One that is gone
	 * has no other any more. */
	bool by_name = d && d->dir;
	struct ramfs_inode *dir = !by_name                        ? ri
				  : S_ISDIR(i->type) && ri->nlink ? ri->dir.parent
								  : ramfs_inode(d->dir);
	if (by_name)
		last = name_now(dir, ri, d) ?: d->name;
	int err = path_locked(dir, last, space, &at);
	bool gone = ri->nlink == 0;
	mutex_unlock(&r->lock);
	size_t len = strlen(at);
	if (err || len + sizeof " (deleted)" > size)
		return -ENAMETOOLONG;
	memcpy(buf, at, len + 1);
	if (gone)
		strcpy(buf + len, " (deleted)");
	return (int)strlen(buf);
}

/* One entry, copied out, because emit must not run under the lock. */
struct copied {
	char name[NAME_MAX + 1];
	uint64_t ino;
	int64_t pos;
	unsigned char type;
};

static struct ramfs_entry *first_from(struct ramfs_dir *d, int64_t pos)
{
	struct rb_node *n = d->by_pos.root;
	struct ramfs_entry *best = NULL;

	while (n) {
		struct ramfs_entry *e = rb_entry(n, struct ramfs_entry, pos_node);
		if (e->pos >= pos)
			best = e;
		n = e->pos >= pos ? n->left : n->right;
	}
	return best;
}

static void copy_entry(struct copied *to, const char *name, const struct ramfs_inode *ri,
		       int64_t pos)
{
	strcpy(to->name, name);
	to->ino = ri->ino;
	to->pos = pos;
	to->type = IFTODT(ri->mode);
}

/* Up to BATCH entries from `pos` on; -ENOENT: the directory was removed. */
static int copy_batch(struct ramfs_inode *dir, int64_t pos, struct copied *to)
{
	struct ramfs *r = ramfs_of(&dir->inode);
	int n = 0;

	mutex_lock(&r->lock);
	if (!dir->nlink) {
		mutex_unlock(&r->lock);
		return -ENOENT;
	}
	if (pos <= 0)
		copy_entry(&to[n++], ".", dir, 0);
	if (pos <= 1)
		copy_entry(&to[n++], "..", dir->dir.parent ? dir->dir.parent : dir, 1);
	struct ramfs_entry *e = first_from(&dir->dir, pos);
	while (e && n < BATCH) {
		copy_entry(&to[n++], e->name, e->inode, e->pos);
		struct rb_node *next = rb_next(&e->pos_node);
		e = next ? rb_entry(next, struct ramfs_entry, pos_node) : NULL;
	}
	mutex_unlock(&r->lock);
	return n;
}

static bool emit_batch(struct dir_emit *e, const struct copied *batch, int n, int64_t *pos)
{
	for (int i = 0; i < n; i++) {
		const struct copied *b = &batch[i];
		if (!e->emit(e, b->name, strlen(b->name), b->ino, b->pos + 1, b->type))
			return false;
		*pos = b->pos + 1;
	}
	return true;
}

int ramfs_readdir(struct file *f, struct caller *c, struct dir_emit *e)
{
	struct ramfs_inode *dir = ramfs_inode(f->path.dentry->inode);
	struct copied *batch = malloc(BATCH * sizeof *batch);
	int n;

	if (!batch)
		return -ENOMEM;
	mutex_lock(&f->pos_lock);
	do {
		n = copy_batch(dir, f->pos, batch);
	} while (n > 0 && emit_batch(e, batch, n, &f->pos));
	mutex_unlock(&f->pos_lock);
	ramfs_accessed(f);
	free(batch);
	return n < 0 ? n : 0;
}
