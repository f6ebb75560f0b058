/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of the overlay: one for each file that is in use, however it is found. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/notify.h"
#include "fs/overlay/internal.h"

static const struct inode_ops ovl_inode_ops;

struct ovl_inode *ovl_new(struct overlay *o)
{
	struct ovl_inode *oi =
	    calloc(1, sizeof *oi + (size_t)o->nr_lower * sizeof(struct ovl_real));

	if (!oi)
		return NULL;
	inode_init(&oi->inode, &o->fs, &ovl_inode_ops, 0);
	list_init(&oi->watch_node);
	oi->subdirs = -1;
	return oi;
}

static void free_inode(struct ovl_inode *oi)
{
	ovl_copy_drop(oi);
	inode_put(oi->upper);
	for (unsigned i = 0; i < oi->nr_lower; i++)
		inode_put(oi->lower[i].inode);
	if (S_ISFIFO(oi->inode.type))
		fifo_destroy(&oi->fifo);
	free(oi->name);
	free(oi);
}

void ovl_discard(struct ovl_inode *oi)
{
	if (!oi)
		return;
	ovl_put(oi->dir);
	free_inode(oi);
}

/* ---- the three trees; table_lock is held ---- */

static int compare_name(const struct ovl_inode *dir, const char *name, size_t len,
			const struct ovl_inode *oi)
{
	if (dir != oi->dir)
		return (uintptr_t)dir < (uintptr_t)oi->dir ? -1 : 1;
	int r = strncmp(name, oi->name, len);
	return r ? r : oi->name[len] ? -1 : 0;
}

static struct ovl_inode *search_name(struct overlay *o, struct ovl_inode *dir, const char *name,
				     size_t len, struct rb_node **parent, struct rb_node ***link)
{
	lock_assert_held(&o->table_lock);
	*parent = NULL;
	for (*link = &o->by_name.root; **link;) {
		struct ovl_inode *oi = rb_entry(**link, struct ovl_inode, name_node);
		int r = compare_name(dir, name, len, oi);
		if (!r)
			return oi;
		*parent = **link;
		*link = r < 0 ? &(*parent)->left : &(*parent)->right;
	}
	return NULL;
}

static void insert_name(struct overlay *o, struct ovl_inode *oi)
{
	struct rb_node *parent, **link;

	search_name(o, oi->dir, oi->name, strlen(oi->name), &parent, &link);
	rb_insert(&o->by_name, &oi->name_node, parent, link);
	oi->in_names = true;
}

static struct ovl_inode *search_upper(struct overlay *o, const struct inode_id *id,
				      struct rb_node **parent, struct rb_node ***link)
{
	lock_assert_held(&o->table_lock);
	*parent = NULL;
	for (*link = &o->by_upper.root; **link;) {
		struct ovl_inode *oi = rb_entry(**link, struct ovl_inode, upper_node);
		int r = inode_id_compare(id, &oi->upper_id);
		if (!r)
			return oi;
		*parent = **link;
		*link = r < 0 ? &(*parent)->left : &(*parent)->right;
	}
	return NULL;
}

static struct ovl_inode *search_lower(struct overlay *o, const struct inode_id *id,
				      struct rb_node **parent, struct rb_node ***link)
{
	lock_assert_held(&o->table_lock);
	*parent = NULL;
	for (*link = &o->by_lower.root; **link;) {
		struct ovl_inode *oi = rb_entry(**link, struct ovl_inode, lower_node);
		int r = inode_id_compare(id, &oi->lower_id);
		if (!r)
			return oi;
		*parent = **link;
		*link = r < 0 ? &(*parent)->left : &(*parent)->right;
	}
	return NULL;
}

static void take_out(struct overlay *o, struct ovl_inode *oi)
{
	lock_assert_held(&o->table_lock);
	if (oi->in_names)
		rb_erase(&o->by_name, &oi->name_node);
	if (oi->in_uppers)
		rb_erase(&o->by_upper, &oi->upper_node);
	if (oi->in_lowers)
		rb_erase(&o->by_lower, &oi->lower_node);
	oi->in_names = oi->in_uppers = oi->in_lowers = false;
}

/* A reference to what a search has found. One whose last reference is gone makes room. */
static struct ovl_inode *revive(struct overlay *o, struct ovl_inode *oi)
{
	if (!oi)
		return NULL;
	if (ref_tryget(&oi->inode.refs))
		return oi;
	take_out(o, oi);
	return NULL;
}

struct ovl_inode *ovl_cached(struct overlay *o, struct ovl_inode *dir, const char *name, size_t len)
{
	struct rb_node *parent, **link;

	mutex_lock(&o->table_lock);
	struct ovl_inode *oi = revive(o, search_name(o, dir, name, len, &parent, &link));
	mutex_unlock(&o->table_lock);
	return oi;
}

/* It is kept in the place of the one that was kept the longest, a reference to which is
 * the caller's to drop. */
static struct ovl_inode *keep(struct overlay *o, struct ovl_inode *oi)
{
	lock_assert_held(&o->table_lock);
	struct ovl_inode **slot = &o->recent[o->next_recent++ % OVL_RECENT], *old = *slot;

	*slot = ovl_inode(inode_get(&oi->inode));
	return old;
}

static struct ovl_inode *enter_dir(struct overlay *o, struct ovl_inode *oi, struct ovl_inode **old)
{
	struct rb_node *parent, **link;
	struct ovl_inode *there =
	    revive(o, search_name(o, oi->dir, oi->name, strlen(oi->name), &parent, &link));

	if (there)
		return there;
	insert_name(o, oi);
	*old = keep(o, oi);
	return oi;
}

static struct ovl_inode *enter_file(struct overlay *o, struct ovl_inode *oi)
{
	struct rb_node *parent, **link;
	struct ovl_inode *there = NULL;

	if (oi->nr_lower)
		there = revive(o, search_lower(o, &oi->lower_id, &parent, &link));
	if (!there && oi->upper)
		there = revive(o, search_upper(o, &oi->upper_id, &parent, &link));
	if (there)
		return there;
	if (oi->nr_lower) {
		search_lower(o, &oi->lower_id, &parent, &link);
		rb_insert(&o->by_lower, &oi->lower_node, parent, link);
		oi->in_lowers = true;
	}
	if (oi->upper) {
		search_upper(o, &oi->upper_id, &parent, &link);
		rb_insert(&o->by_upper, &oi->upper_node, parent, link);
		oi->in_uppers = true;
	}
	return oi;
}

void ovl_keep(struct ovl_inode *oi)
{
	struct overlay *o = overlay_of(&oi->inode);

	mutex_lock(&o->table_lock);
	struct ovl_inode *old = keep(o, oi);
	mutex_unlock(&o->table_lock);
	ovl_put(old);
}

struct ovl_inode *ovl_enter(struct overlay *o, struct ovl_inode *oi)
{
	struct inode *upper = oi->upper;
	struct ovl_inode *old = NULL, *is;

	oi->inode.type = ovl_real(oi)->type;
	if (S_ISFIFO(oi->inode.type))
		fifo_init(&oi->fifo);
	if (!ovl_is_dir(oi) &&
	    ((upper && inode_identify(upper, &oi->upper_id)) ||
	     (oi->nr_lower && inode_identify(oi->lower[0].inode, &oi->lower_id)))) {
		ovl_discard(oi);
		return NULL;
	}
	mutex_lock(&o->table_lock);
	is = ovl_is_dir(oi) ? enter_dir(o, oi, &old) : enter_file(o, oi);
	mutex_unlock(&o->table_lock);
	if (is != oi)
		ovl_discard(oi);
	ovl_put(old);
	return is;
}

/* What is in the tree of names goes out of it, or back into it. */
static void hide_name(struct overlay *o, struct ovl_inode *oi)
{
	if (oi->in_names)
		rb_erase(&o->by_name, &oi->name_node);
}

static void show_name(struct overlay *o, struct ovl_inode *oi)
{
	if (oi->in_names)
		insert_name(o, oi);
}

void ovl_set_places(struct ovl_move *moves, unsigned n)
{
	struct overlay *o = overlay_of(&moves[0].inode->inode);
	unsigned i;

	mutex_lock(&o->table_lock);
	for (i = 0; i < n; i++)
		hide_name(o, moves[i].inode);
	for (i = 0; i < n; i++) {
		struct ovl_move *m = &moves[i], old = { m->inode, m->inode->dir, m->inode->name };
		m->inode->dir = ovl_inode(inode_get(&m->dir->inode));
		m->inode->name = m->name;
		show_name(o, m->inode);
		*m = old;
	}
	mutex_unlock(&o->table_lock);
	for (i = 0; i < n; i++) {
		ovl_put(moves[i].dir);
		free(moves[i].name);
	}
}

bool ovl_is_below(struct ovl_inode *oi, const struct ovl_inode *dir)
{
	struct overlay *o = overlay_of(&oi->inode);

	mutex_lock(&o->table_lock);
	while (oi && oi != dir)
		oi = oi->dir;
	mutex_unlock(&o->table_lock);
	return oi;
}

void ovl_set_upper(struct ovl_inode *oi, struct inode *upper)
{
	struct overlay *o = overlay_of(&oi->inode);
	struct rb_node *parent, **link;

	mutex_lock(&o->table_lock);
	if (!ovl_is_dir(oi) && inode_identify(upper, &oi->upper_id) == 0 &&
	    !search_upper(o, &oi->upper_id, &parent, &link)) {
		rb_insert(&o->by_upper, &oi->upper_node, parent, link);
		oi->in_uppers = true;
	}
	oi->upper = upper;
	mutex_unlock(&o->table_lock);
}

/* Nobody keeps it any more but who uses it. */
void ovl_set_gone(struct ovl_inode *oi)
{
	struct overlay *o = overlay_of(&oi->inode);
	unsigned kept_lately = 0;

	oi->gone = true;
	mutex_lock(&o->table_lock);
	for (unsigned i = 0; i < OVL_RECENT; i++)
		if (o->recent[i] == oi) {
			o->recent[i] = NULL;
			kept_lately++;
		}
	if (oi->in_names)
		rb_erase(&o->by_name, &oi->name_node);
	oi->in_names = false;
	bool kept = !list_empty(&oi->watch_node);
	list_del(&oi->watch_node);
	mutex_unlock(&o->table_lock);
	while (kept_lately--)
		ovl_put(oi);
	if (kept)
		ovl_put(oi);
}

/* The directories above may have been held by what lies in them alone. A guest can make many, so
 * they go one after another. */
static void release(struct inode *i)
{
	struct overlay *o = overlay_of(i);
	struct ovl_inode *oi = ovl_inode(i);

	for (;;) {
		mutex_lock(&o->table_lock);
		take_out(o, oi);
		mutex_unlock(&o->table_lock);
		struct ovl_inode *dir = oi->dir;
		free_inode(oi);
		if (!dir || !ref_put(&dir->inode.refs))
			break;
		if (dir->inode.watch)
			notify_gone(&dir->inode);
		oi = dir;
	}
}

/* Keeps it, and gives up one of those that are kept the longest if nobody watches that any more: a
 * reference for the caller to drop. */
static struct ovl_inode *keep_watched(struct overlay *o, struct ovl_inode *oi)
{
	lock_assert_held(&o->table_lock);
	struct ovl_inode *oldest =
	    list_empty(&o->watched) ? NULL
				    : container_of(o->watched.next, struct ovl_inode, watch_node);

	if (oldest) {
		list_del(&oldest->watch_node);
		if (oldest->inode.watch || oldest == oi) {
			list_add_tail(&o->watched, &oldest->watch_node);
			oldest = NULL;
		}
	}
	if (!oi->gone && list_empty(&oi->watch_node)) {
		inode_get(&oi->inode);
		list_add_tail(&o->watched, &oi->watch_node);
	}
	return oldest;
}

/* What is watched stays until its last name goes, or nobody watches it any more. */
static int watched(struct inode *i, struct caller *c)
{
	struct overlay *o = overlay_of(i);
	struct caller mc = ovl_mounter(o, c);
	uint64_t ino;

	int err = ovl_ino(ovl_inode(i), &mc, &ino); /* whoever asks for it later holds locks */
	if (err)
		return err;
	for (int n = 0; n < 2; n++) {
		mutex_lock(&o->table_lock);
		struct ovl_inode *unused = keep_watched(o, ovl_inode(i));
		mutex_unlock(&o->table_lock);
		ovl_put(unused);
	}
	return 0;
}

static const struct inode_ops ovl_inode_ops = {
	.walk = ovl_walk,
	.walk_getattr = ovl_walk_getattr,
	.walk_open = ovl_walk_open,
	.parent = ovl_parent,
	.getattr = ovl_getattr,
	.setattr = ovl_setattr,
	.permission = ovl_permission,
	.readlink = ovl_readlink,
	.open = ovl_open,
	.create = ovl_create,
	.tmpfile = ovl_tmpfile,
	.mknod = ovl_mknod,
	.mkdir = ovl_mkdir,
	.symlink = ovl_symlink,
	.link = ovl_link,
	.unlink = ovl_unlink,
	.rmdir = ovl_rmdir,
	.rename = ovl_rename,
	.getxattr = ovl_getxattr,
	.setxattr = ovl_setxattr,
	.listxattr = ovl_listxattr,
	.removexattr = ovl_removexattr,
	.statfs = ovl_statfs,
	.watched = watched,
	.path = ovl_path,
	.place = ovl_place,
	.release = release,
};
