/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rename(2). The checks are those of Linux's do_renameat2() and vfs_rename(), on what the overlay
 * shows; then the upper layer makes the change. A directory that shows lower ones takes them along:
 * its redirect says where they are.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/device.h"
#include "fs/notify.h"
#include "fs/overlay/internal.h"

struct renaming {
	struct ovl_inode *from_dir, *to_dir;
	const char *from_name, *to_name;
	unsigned flags;
	struct caller *c, mc;
	char *old_copy, *new_copy;   /* of the names, for what has moved */
	struct ovl_inode *from, *to; /* references; to: NULL where there is none */
	struct ovl_inode *copy;      /* has to be copied up first; a reference */
};

static bool exchanges(const struct renaming *m)
{
	return m->flags & RENAME_EXCHANGE;
}

/* ---- checks ---- */

static int check_tree(const struct renaming *m)
{
	if (ovl_is_dir(m->from) && ovl_is_below(m->to_dir, m->from))
		return -EINVAL;
	if (m->to && ovl_is_dir(m->to) && ovl_is_below(m->from_dir, m->to))
		return exchanges(m) ? -EINVAL : -ENOTEMPTY;
	return 0;
}

/* What is wrong whoever asks. */
static int find_names(struct renaming *m)
{
	int err = ovl_lookup(m->from_dir, &m->mc, m->from_name, strlen(m->from_name), &m->from);

	if (err)
		return err;
	err = ovl_lookup(m->to_dir, &m->mc, m->to_name, strlen(m->to_name), &m->to);
	if (err && err != -ENOENT)
		return err;
	if (!err && m->flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (err && exchanges(m))
		return -ENOENT;
	return check_tree(m);
}

static int check_target(struct renaming *m)
{
	bool from_dir = ovl_is_dir(m->from), empty = true;

	if (!m->to)
		return m->to_dir->gone ? -ENOENT
				       : ovl_permission(&m->to_dir->inode, m->c, W_OK | X_OK);
	int err = ovl_may_delete(m->to_dir, m->to, m->c);
	if (err || exchanges(m))
		return err;
	if (from_dir != ovl_is_dir(m->to))
		return from_dir ? -ENOTDIR : -EISDIR;
	if (from_dir)
		err = ovl_dir_is_empty(m->to, &m->mc, &empty);
	return err ? err : empty ? 0 : -ENOTEMPTY;
}

/* A directory that changes its parent has its ".." rewritten: that takes the right to write it. */
static int check_new_parent(struct renaming *m)
{
	int err = 0;

	if (m->from_dir == m->to_dir)
		return 0;
	if (ovl_is_dir(m->from))
		err = ovl_permission(&m->from->inode, m->c, W_OK);
	if (!err && exchanges(m) && ovl_is_dir(m->to))
		err = ovl_permission(&m->to->inode, m->c, W_OK);
	return err;
}

static int check_rights(struct renaming *m)
{
	int err = ovl_may_delete(m->from_dir, m->from, m->c);

	if (!err)
		err = check_target(m);
	return err ? err : check_new_parent(m);
}

/* ---- the upper layer ---- */

static struct ovl_inode *must_copy(struct renaming *m)
{
	struct ovl_inode *need[] = { m->from_dir, m->to_dir, m->from, exchanges(m) ? m->to : NULL };

	for (size_t i = 0; i < sizeof need / sizeof *need; i++)
		if (need[i] && !need[i]->upper)
			return need[i];
	return m->to && ovl_must_copy(m->to, &m->mc) ? m->to : NULL;
}

/* 1, 0, -errno. */
static int upper_has(struct renaming *m, struct ovl_inode *dir, const char *name)
{
	struct inode *there;
	int err = ovl_real_lookup(dir->upper, &m->mc, name, strlen(name), &there);

	if (!err)
		inode_put(there);
	return err == -ENOENT ? 0 : err ? err : 1;
}

/* A file that was copied up by another of its names gets this one in the upper layer, too. */
static int link_up(struct renaming *m, struct ovl_inode *dir, const char *name,
		   struct ovl_inode *oi)
{
	struct overlay *o = overlay_of(&oi->inode);
	struct inode *upper = dir->upper;
	char text[16];
	int has = upper_has(m, dir, name);

	if (has)
		return has < 0 ? has : 0;
	snprintf(text, sizeof text, "%d", ovl_extra_links(oi, &m->mc) - 1);
	int err = upper->ops->link(upper, &m->mc, name, oi->upper);
	return err ? err : ovl_set_mark(o, &m->mc, oi->upper, "nlink", text);
}

/* The path of a lower directory from the top of its layer. */
static int layer_path(struct overlay *o, const struct ovl_real *lower, char path[PATH_MAX])
{
	struct inode *top = o->lower[lower->layer].dir, *i = lower->inode;
	char above[PATH_MAX];
	int n = i->ops->path(i, NULL, path, PATH_MAX);

	if (n < 0 || top == top->fs->root)
		return n;
	n = top->ops->path(top, NULL, above, sizeof above);
	if (n >= 0 && (strncmp(path, above, (size_t)n) || path[n] != '/'))
		n = -ESTALE; /* somebody has moved it out of the layer */
	if (n >= 0)
		memmove(path, path + n, strlen(path + n) + 1);
	return n;
}

/* What it shows beneath, it shows at its new place: its own lower directories, or none. */
static int prepare_move(struct renaming *m, struct ovl_inode *oi, struct ovl_inode *to,
			const char *to_name)
{
	struct overlay *o = overlay_of(&oi->inode);
	char path[PATH_MAX];
	int err = 0;

	if (ovl_is_dir(oi) && oi->nr_lower) {
		err = layer_path(o, &oi->lower[0], path);
		err = err < 0 ? err : ovl_set_mark(o, &m->mc, oi->upper, "redirect", path);
	} else if (ovl_is_dir(oi)) {
		int beneath = ovl_beneath(to, &m->mc, to_name);
		err = beneath > 0 ? ovl_set_mark(o, &m->mc, oi->upper, "opaque", "y") : beneath;
	}
	if (!err && ovl_has_other_number(oi, &m->mc))
		err = ovl_set_mark(o, &m->mc, to->upper, "impure", "y");
	return err;
}

static int prepare(struct renaming *m)
{
	int err = link_up(m, m->from_dir, m->from_name, m->from);

	if (!err && exchanges(m))
		err = link_up(m, m->to_dir, m->to_name, m->to);
	if (!err)
		err = prepare_move(m, m->from, m->to_dir, m->to_name);
	if (!err && exchanges(m))
		err = prepare_move(m, m->to, m->from_dir, m->from_name);
	return err;
}

/* The upper layer's rename, which leaves a whiteout behind where a lower layer has the name. */
static int move_hiding(struct renaming *m)
{
	struct overlay *o = overlay_of(&m->from->inode);
	struct inode *from = m->from_dir->upper, *to = m->to_dir->upper;
	int beneath = ovl_beneath(m->from_dir, &m->mc, m->from_name);

	if (beneath < 0)
		return beneath;
	int err = from->ops->rename(from, &m->mc, m->from_name, to, m->to_name,
				    beneath ? RENAME_WHITEOUT : 0);
	if (err != -EINVAL || !beneath)
		return err;
	/* The host's file system has no such rename. */
	err = from->ops->rename(from, &m->mc, m->from_name, to, m->to_name, 0);
	return err ? err : ovl_whiteout(o, &m->mc, from, m->from_name, false);
}

/* A directory can take the place of none but an empty one, of which the upper layer may have
 * whiteouts. */
static int move_directory(struct renaming *m)
{
	struct overlay *o = overlay_of(&m->from->inode);
	char temp[OVL_NAME];
	int aside = ovl_set_aside(o, &m->mc, m->to_dir->upper, m->to_name, temp);

	if (aside && aside != -ENOENT)
		return aside;
	int err = move_hiding(m);
	if (!aside && err)
		ovl_put_back(o, &m->mc, m->to_dir->upper, m->to_name, temp);
	else if (!aside)
		ovl_work_remove(o, &m->mc, temp);
	return err;
}

static void moved_between(struct ovl_inode *oi, struct ovl_inode *from, struct ovl_inode *to)
{
	if (!ovl_is_dir(oi))
		return;
	ovl_add_subdirs(from, -1);
	ovl_add_subdirs(to, 1);
}

static int do_exchange(struct renaming *m)
{
	struct inode *from = m->from_dir->upper, *to = m->to_dir->upper;
	int err = from->ops->rename(from, &m->mc, m->from_name, to, m->to_name, RENAME_EXCHANGE);

	if (err)
		return err;
	moved_between(m->from, m->from_dir, m->to_dir);
	moved_between(m->to, m->to_dir, m->from_dir);
	ovl_set_places((struct ovl_move[]){ { m->from, m->to_dir, m->new_copy },
					    { m->to, m->from_dir, m->old_copy } },
		       2);
	m->old_copy = m->new_copy = NULL;
	return 0;
}

static int do_rename(struct renaming *m)
{
	int linked = m->to ? upper_has(m, m->to_dir, m->to_name) : 0;
	int err = linked < 0 ? linked : ovl_is_dir(m->from) ? move_directory(m) : move_hiding(m);

	if (err)
		return err;
	if (m->to && ovl_is_dir(m->to))
		ovl_add_subdirs(m->to_dir, -1);
	if (m->to)
		ovl_lost_name(m->to, &m->mc, linked);
	moved_between(m->from, m->from_dir, m->to_dir);
	ovl_set_places(&(struct ovl_move){ m->from, m->to_dir, m->new_copy }, 1);
	m->new_copy = NULL;
	return 0;
}

/* tree is held for writing. Nothing is done where m->copy has to be copied first. 1: two names of
 * one file stay as they are, and that takes no rights. */
static int rename_locked(struct renaming *m)
{
	int err = find_names(m);

	if (err || m->to == m->from)
		return err ? err : 1;
	err = check_rights(m);
	if (err)
		return err;
	m->copy = must_copy(m);
	if (m->copy) {
		inode_get(&m->copy->inode);
		return 0;
	}
	err = prepare(m);
	return err ? err : exchanges(m) ? do_exchange(m) : do_rename(m);
}

static void tell(const struct renaming *m)
{
	struct inode *from = &m->from_dir->inode, *to = &m->to_dir->inode;
	struct inode *moved = &m->from->inode, *other = m->to ? &m->to->inode : NULL;

	notify_moved(&(struct notify_move){ from, to, m->from_name, m->to_name, moved,
					    exchanges(m) ? NULL : other });
	if (exchanges(m))
		notify_moved(
		    &(struct notify_move){ to, from, m->to_name, m->from_name, other, NULL });
}

static void put_all(struct renaming *m)
{
	ovl_put(m->copy);
	ovl_put(m->from);
	ovl_put(m->to);
	m->copy = m->from = m->to = NULL;
}

int ovl_rename(struct inode *dir, struct caller *c, const char *name, struct inode *newdir,
	       const char *newname, unsigned flags)
{
	struct overlay *o = overlay_of(dir);
	struct renaming m = { .from_dir = ovl_inode(dir),
			      .to_dir = ovl_inode(newdir),
			      .from_name = name,
			      .to_name = newname,
			      .flags = flags,
			      .c = c,
			      .mc = ovl_mounter(o, c),
			      .old_copy = strdup(name),
			      .new_copy = strdup(newname) };
	int err = 0;

	if (flags & RENAME_WHITEOUT) /* it would not be there */
		err = -EINVAL;
	else if (!m.old_copy || !m.new_copy)
		err = -ENOMEM;
	while (!err) {
		rwlock_wrlock(&o->tree);
		err = rename_locked(&m);
		rwlock_unlock(&o->tree);
		if (!m.copy)
			break;
		err = ovl_copy_up(m.copy, c, UINT64_MAX);
		put_all(&m);
	}
	if (!err)
		tell(&m);
	put_all(&m);
	free(m.old_copy);
	free(m.new_copy);
	return err > 0 ? 0 : err;
}
