/* SPDX-License-Identifier: Apache-2.0 */
/* rename(2): all checks first, in the order of Linux's do_renameat2() and vfs_rename(), then the
 * change. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/device.h"
#include "fs/notify.h"
#include "fs/ramfs/internal.h"

static int permits(struct ramfs_inode *ri, struct caller *c, int mask)
{
	return ramfs_may(ri, c->cred, mask);
}

int ramfs_may_delete(struct ramfs_inode *dir, struct ramfs_inode *victim, struct caller *c)
{
	int err = permits(dir, c, W_OK | X_OK);

	if (err)
		return err;
	bool owns = c->cred->fsuid == dir->uid || cred_owner_or_capable(c->cred, victim->uid);
	return dir->mode & S_ISVTX && !owns ? -EPERM : 0;
}

struct renaming {
	struct ramfs_inode *from_dir, *to_dir;
	struct ramfs_entry *from, *to; /* to: NULL when there is none */
	const char *to_name;
	unsigned flags;
	struct ramfs_inode *whiteout; /* RENAME_WHITEOUT: a new device node */
	/* References: what moved, and what stood by the new name: it lost that, or took the old
	 * one. */
	struct ramfs_inode *moved, *other;
};

static bool is_below(const struct ramfs_inode *ri, const struct ramfs_inode *dir)
{
	while (ri && ri != dir)
		ri = ri->dir.parent;
	return ri;
}

static int check_tree(const struct renaming *m)
{
	bool exchange = m->flags & RENAME_EXCHANGE;

	if (S_ISDIR(m->from->inode->mode) && is_below(m->to_dir, m->from->inode))
		return -EINVAL;
	if (m->to && S_ISDIR(m->to->inode->mode) && is_below(m->from_dir, m->to->inode))
		return exchange ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int check_target(const struct renaming *m, struct caller *c)
{
	bool from_dir = S_ISDIR(m->from->inode->mode);

	if (!m->to)
		return m->to_dir->nlink ? permits(m->to_dir, c, W_OK | X_OK) : -ENOENT;
	int err = ramfs_may_delete(m->to_dir, m->to->inode, c);
	if (err || m->flags & RENAME_EXCHANGE)
		return err;
	if (from_dir != S_ISDIR(m->to->inode->mode))
		return from_dir ? -ENOTDIR : -EISDIR;
	return from_dir && m->to->inode->dir.entries ? -ENOTEMPTY : 0;
}

/* A directory that changes its parent has its ".." rewritten: that takes the right to write it. */
static int check_new_parent(const struct renaming *m, struct caller *c)
{
	if (m->from_dir == m->to_dir)
		return 0;
	int err = S_ISDIR(m->from->inode->mode) ? permits(m->from->inode, c, W_OK) : 0;
	if (!err && m->flags & RENAME_EXCHANGE && S_ISDIR(m->to->inode->mode))
		err = permits(m->to->inode, c, W_OK);
	return err;
}

/* What is wrong whoever asks. */
static int check_names(const struct renaming *m)
{
	if (!m->from)
		return -ENOENT;
	if (m->to && m->flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (!m->to && m->flags & RENAME_EXCHANGE)
		return -ENOENT;
	if (strlen(m->to_name) > NAME_MAX)
		return -ENAMETOOLONG;
	return check_tree(m);
}

static int check_rights(const struct renaming *m, struct caller *c)
{
	int err = ramfs_may_delete(m->from_dir, m->from->inode, c);

	if (!err)
		err = check_target(m, c);
	return err ? err : check_new_parent(m, c);
}

static void move_parent(struct ramfs_inode *ri, struct ramfs_inode *from, struct ramfs_inode *to)
{
	if (!S_ISDIR(ri->mode) || from == to)
		return;
	from->nlink--;
	to->nlink++;
	ramfs_set_parent(ri, to);
}

static void exchange(struct renaming *m)
{
	struct ramfs_inode *a = m->from->inode, *b = m->to->inode;

	m->from->inode = b;
	m->to->inode = a;
	move_parent(a, m->from_dir, m->to_dir);
	move_parent(b, m->to_dir, m->from_dir);
	ramfs_touch(b, false);
}

/* The file that lost its name; its reference is the caller's to drop. */
static struct ramfs_inode *replace(struct renaming *m)
{
	struct ramfs_inode *ri = m->from->inode, *victim = m->to->inode;

	m->to->inode = ri;
	victim->nlink -= S_ISDIR(victim->mode) ? 2 : 1;
	m->to_dir->nlink -= S_ISDIR(victim->mode) ? 1 : 0;
	ramfs_touch(victim, false);
	return victim;
}

/* The name was entered with a reference of its own: drop the old name's. */
static void take_old_name_out(struct renaming *m)
{
	struct ramfs_inode *ri = m->from->inode;

	if (m->whiteout) {
		m->from->inode = m->whiteout;
		m->whiteout->nlink = 1;
		m->whiteout = NULL;
	} else {
		ramfs_leave(m->from_dir, m->from);
	}
	move_parent(ri, m->from_dir, m->to_dir);
}

static int rename_locked(struct renaming *m, struct caller *c, struct ramfs_inode **victim)
{
	lock_assert_held(&ramfs_of(&m->from_dir->inode)->lock);
	int err = check_names(m);

	/* One file by two names stays as it is, and that takes no rights. */
	if (err || (m->to && m->to->inode == m->from->inode))
		return err;
	err = check_rights(m, c);
	if (err)
		return err;
	struct ramfs_inode *ri = m->from->inode;
	m->moved = ramfs_inode(inode_get(&ri->inode));
	m->other = m->to ? ramfs_inode(inode_get(&m->to->inode->inode)) : NULL;
	if (S_ISDIR(ri->mode) || (m->to && S_ISDIR(m->to->inode->mode)))
		ramfs_of(&ri->inode)->dir_changes++;
	if (m->flags & RENAME_EXCHANGE) {
		exchange(m);
	} else {
		if (m->to) {
			*victim = replace(m);
		} else {
			err = ramfs_enter(m->to_dir, m->to_name, strlen(m->to_name), ri);
			if (err)
				return err;
			*victim =
			    ri; /* entering took a reference, the old name's is one too many */
		}
		take_old_name_out(m);
	}
	ramfs_touch(ri, false);
	ramfs_touch(m->from_dir, true);
	ramfs_touch(m->to_dir, true);
	return 0;
}

static int make_whiteout(struct ramfs *r, struct caller *c, struct renaming *m)
{
	if (!(m->flags & RENAME_WHITEOUT))
		return 0;
	return ramfs_inode_new(r, c, m->from_dir, S_IFCHR, WHITEOUT_DEV, &m->whiteout);
}

static void tell(const struct renaming *m, const char *name)
{
	struct inode *from = &m->from_dir->inode, *to = &m->to_dir->inode,
		     *moved = &m->moved->inode;
	struct inode *other = m->other ? &m->other->inode : NULL;
	bool exchanged = m->flags & RENAME_EXCHANGE;

	notify_moved(
	    &(struct notify_move){ from, to, name, m->to_name, moved, exchanged ? NULL : other });
	if (exchanged)
		notify_moved(&(struct notify_move){ to, from, m->to_name, name, other, NULL });
}

static void put(struct ramfs_inode *ri)
{
	inode_put(ri ? &ri->inode : NULL);
}

int ramfs_rename(struct inode *dir, struct caller *c, const char *name, struct inode *newdir,
		 const char *newname, unsigned flags)
{
	struct ramfs *r = ramfs_of(dir);
	struct renaming m = { .from_dir = ramfs_inode(dir),
			      .to_dir = ramfs_inode(newdir),
			      .to_name = newname,
			      .flags = flags };
	struct ramfs_inode *victim = NULL;

	int err = make_whiteout(r, c, &m);
	if (err)
		return err;
	mutex_lock(&r->lock);
	m.from = ramfs_find(m.from_dir, name, strlen(name));
	m.to = ramfs_find(m.to_dir, newname, strlen(newname));
	err = rename_locked(&m, c, &victim);
	mutex_unlock(&r->lock);
	if (!err && m.moved)
		tell(&m, name);
	put(victim);
	put(m.whiteout);
	put(m.moved);
	put(m.other);
	return err;
}
