/* SPDX-License-Identifier: Apache-2.0 */
/* Points, and the parts that changes of trees are made of. See the header. */
#include "fs/mount_tree.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "fs/peers.h"

/* ---- where a mount is to be ---- */

/* The name first: its directory is of the parent's file system, which may go with that. */
void point_put(struct point *p)
{
	dentry_put(p->over);
	mount_put(p->parent);
	*p = (struct point){ .parent = NULL };
}

/* The inode that stands for a directory: that of its mount's or its file system's root where it is
 * one of these, so that a comparison of pointers tells. */
static struct inode *standing_for(const struct path *dir)
{
	struct inode *i = dir->dentry->inode;

	if (inode_same(i, dir->mnt->root->inode))
		i = dir->mnt->root->inode;
	return inode_same(i, dir->mnt->fs->root) ? dir->mnt->fs->root : i;
}

int point_init(struct point *p, const struct path *dir, const char *name)
{
	*p = (struct point){ .parent = mount_get(dir->mnt) };
	if (!name)
		return 0;
	struct inode *in = standing_for(dir);
	int err = mount_place_init(&p->place, dir, name, strlen(name));
	p->place.at_root = in == dir->mnt->fs->root;
	if (!err && !(p->over = dentry_new(NULL, in, name, strlen(name))))
		err = -ENOMEM;
	if (err)
		point_put(p);
	return err;
}

struct mount *point_mount(const struct point *p)
{
	return p->over ? mount_find_locked(&p->place, p->over->name, strlen(p->over->name))
		       : p->parent->cover;
}

void point_settle(struct point *p)
{
	struct mount *m = point_mount(p);

	lock_assert_held(&p->parent->vfs->namespace_lock);
	if (!m)
		return;
	m = mount_get(mount_topmost_locked(m));
	point_put(p);
	p->parent = m;
}

/* The path of a name in its file system. */
static int name_path(const struct dentry *over, char *buf)
{
	int n = inode_path(over->dir, NULL, buf);
	size_t len = strlen(over->name);

	if (n < 0)
		return n;
	n = n == 1 ? 0 : n; /* "/" */
	if ((size_t)n + 1 + len >= PATH_MAX)
		return -ENAMETOOLONG;
	buf[n] = '/';
	memcpy(buf + n + 1, over->name, len + 1);
	return 0;
}

/* Where `p` lies, seen from the root of `other`: 1: below it, 0: there, -ENOENT: elsewhere. */
static int compare_root(const struct point *p, const struct mount *other)
{
	const struct dentry *root = p->parent->root;
	char path[PATH_MAX], above[PATH_MAX];
	int err =
	    p->over ? name_path(p->over, path) : inode_path(root->inode, p->parent->root, path);

	if (err >= 0)
		err = inode_path(other->root->inode, other->root, above);
	if (err < 0)
		return -ENOENT;
	const char *below = path_below(path, above);
	return !below ? -ENOENT : strcmp(path, above) ? 1 : 0;
}

/* Two mounts mostly show the same of their file system; it is asked only about others. */
int point_seen_on(const struct point *p, struct mount *other, struct point *out)
{
	const struct dentry *name = p->over ? p->over : p->parent->root;
	int below = p->over ? 1 : 0;

	if (other->fs != p->parent->fs)
		return 0;
	if (!inode_same(p->parent->root->inode, other->root->inode))
		below =
		    p->over && other->root->inode == other->fs->root ? 1 : compare_root(p, other);
	if (below < 0 || (below && !name->dir))
		return 0;
	const struct path dir = { .mnt = other,
				  .dentry = below ? dentry_new(inode_get(name->dir), NULL, "", 0)
						  : NULL };
	if (below && !dir.dentry)
		return -ENOMEM;
	int err = point_init(out, &dir, below ? name->name : NULL);
	dentry_put(dir.dentry);
	return err ? err : 1;
}

/* ---- trees ---- */

static struct mount *tree_skip(struct mount *m, const struct mount *top)
{
	for (; m != top; m = m->parent) {
		if (m->child_node.next != &m->parent->children)
			return container_of(m->child_node.next, struct mount, child_node);
	}
	return NULL;
}

struct mount *tree_next(struct mount *m, const struct mount *top)
{
	return list_empty(&m->children) ? tree_skip(m, top)
					: list_first(&m->children, struct mount, child_node);
}

static unsigned tree_size(struct mount *top)
{
	unsigned n = 0;

	for (struct mount *m = top; m; m = tree_next(m, top))
		n++;
	return n;
}

/* `m`, with all that covers it, is to cover the topmost of another stack. */
static void stack_join(struct mount *below, struct mount *m)
{
	struct mount *lowest = below->stack_end, *top = m->stack_end;

	lowest->stack_end = top;
	top->stack_end = lowest;
}

/* `m` covers a root, and is to do so no more. Mostly it is the topmost. */
static void stack_split(struct mount *m)
{
	struct mount *below = m->parent, *lowest = m->cover ? below : m->stack_end;

	while (!mount_is_lowest_locked(lowest))
		lowest = lowest->parent;
	m->stack_end = m->cover ? lowest->stack_end : m;
	m->stack_end->stack_end = m;
	lowest->stack_end = below;
	below->stack_end = lowest;
}

/* Links `m` at the place it has already, of which it holds the references. What is mounted there
 * comes to lie on it. There is room in the hash. */
void mount_link(struct mount *m)
{
	const struct point at = { .parent = m->parent, .over = m->over, .place = m->place };
	struct mount *there = point_mount(&at);

	lock_assert_held_write(&m->vfs->mount_lock);
	if (there) {
		struct mount *top = mount_topmost_locked(m);
		if (there->over)
			mount_hash_remove(m->vfs->mount_hash, there);
		else
			stack_split(there);
		stack_join(top, there);
		list_del(&there->child_node);
		/* `m` holds both as well: neither goes. */
		mount_put(there->parent);
		dentry_put(there->over);
		there->over = NULL;
		there->parent = mount_get(top);
		list_add_tail(&top->children, &there->child_node);
		atomic_store_explicit(&top->cover, there, memory_order_release);
	}
	list_add_tail(&m->parent->children, &m->child_node);
	if (m->over) {
		mount_hash_insert(m->vfs->mount_hash, m);
	} else {
		stack_join(m->parent, m);
		atomic_store_explicit(&m->parent->cover, m, memory_order_release);
	}
}

void mount_set_point(struct mount *m, const struct point *p)
{
	m->parent = mount_get(p->parent);
	m->over = p->over ? dentry_get(p->over) : NULL;
	m->place = p->place;
}

/* The references that it held to its place stay in m->parent and m->over. */
void mount_unlink(struct mount *m)
{
	lock_assert_held_write(&m->vfs->mount_lock);
	if (list_empty(&m->child_node))
		return; /* nobody's child: a root, or prepared and no more than that */
	if (m->over) {
		mount_hash_remove(m->vfs->mount_hash, m);
	} else {
		stack_split(m);
		m->parent->cover = NULL;
	}
	list_del(&m->child_node);
}

/* By its number: behind those that are older. */
void mount_join(struct mount *m, struct mnt_namespace *ns)
{
	struct list *before = ns->mounts.prev;

	while (before != &ns->mounts && container_of(before, struct mount, ns_node)->id > m->id)
		before = before->prev;
	m->ns = ns;
	list_add(before, &m->ns_node);
	ns->nr_mounts++;
}

void mount_leave(struct mount *m, struct list *gone)
{
	struct mnt_namespace *ns = m->ns;

	list_del(&m->ns_node);
	list_add_tail(gone, &m->ns_node);
	if (ns) {
		ns->nr_mounts--;
		m->ns = NULL;
	}
	if (ns && ns->root == m)
		ns->root = NULL;
}

bool mount_keep(struct mount *m)
{
	if (!m->unmovable)
		return false;
	list_del(&m->ns_node);
	mount_put(m->parent); /* which goes as well, and has a reference until no lock is held */
	return true;
}

/* Takes `top` and all below it apart, into `gone`. */
void tree_dissolve(struct mount *top, struct list *gone)
{
	struct list leaving = LIST_INIT(leaving);
	struct mount *m;

	for (m = top; m; m = tree_next(m, top))
		mount_leave(m, &leaving);
	/* the topmost of a stack first */
	for (struct list *at = leaving.prev, *prev; at != &leaving; at = prev) {
		prev = at->prev;
		m = container_of(at, struct mount, ns_node);
		if (m == top || !mount_keep(m))
			mount_unlink(m);
	}
	list_splice_tail(gone, &leaving);
}

void tree_drop(struct mount *top, struct list *gone)
{
	for (struct mount *m = top; m; m = tree_next(m, top))
		propagation_leave(m);
	rwlock_wrlock(&top->vfs->mount_lock);
	tree_dissolve(top, gone);
	rwlock_unlock(&top->vfs->mount_lock);
}

/* Nobody looks at the place of a mount that is in no namespace. */
void tree_put_gone(struct list *gone)
{
	struct mount *m, *next;

	list_for_each_safe (m, next, gone, ns_node) {
		struct point from = { .parent = m->parent, .over = m->over };
		list_del(&m->ns_node);
		m->parent = NULL;
		m->over = NULL;
		point_put(&from);
		mount_put(m);
	}
}

/* ---- copies ---- */

static int copy_one(struct mount *old, struct dentry *root, unsigned how, struct mount **out)
{
	const struct path from = { .mnt = old, .dentry = root };
	struct mount *m = mount_clone(&from);

	if (!m)
		return -ENOMEM;
	propagation_inherit(m, old, how);
	old->copy = m;
	*out = m;
	return 0;
}

/* The copy of a mount below the top, on the copy of its parent. */
static int copy_below(struct mount *old, unsigned how)
{
	struct mount *m;
	int err = copy_one(old, old->root, how, &m);

	if (err)
		return err;
	struct point at = { .parent = old->parent->copy, .over = old->over, .place = old->place };
	at.place.parent = at.parent;
	mount_set_point(m, &at);
	rwlock_wrlock(&m->vfs->mount_lock);
	err = mount_hash_reserve(m->vfs->mount_hash, 1);
	if (!err)
		mount_link(m);
	rwlock_unlock(&m->vfs->mount_lock);
	if (err) {
		struct list gone = LIST_INIT(gone);
		list_add(&gone, &m->ns_node);
		propagation_leave(m);
		tree_put_gone(&gone);
	}
	return err;
}

/* Does what is mounted directly on the copied mount lie in the part that is shown? */
static bool is_shown(const struct mount *m, const struct dentry *root)
{
	return inode_is_below(m->over ? m->over->dir : m->parent->root->inode, root->inode);
}

static int copy_children(struct mount *top, const struct dentry *root, unsigned how)
{
	struct mount *m = tree_next(top, top);
	int err = 0;

	while (!err && m) {
		bool skip = (m->unbindable && !(how & COPY_UNBINDABLE)) ||
			    (m->parent == top && !is_shown(m, root));
		/* without it, what it hides would be seen */
		if (skip && m->unbindable && m->unmovable)
			return -EPERM;
		if (!skip)
			err = copy_below(m, how);
		m = skip ? tree_skip(m, top) : tree_next(m, top);
	}
	return err;
}

bool tree_hides(const struct mount *top, const struct dentry *root)
{
	const struct mount *m;

	if (!top->vfs->has_unmovable) /* there may be 100,000 to look at */
		return false;
	list_for_each (m, &top->children, child_node) {
		if (m->unmovable && is_shown(m, root))
			return true;
	}
	return false;
}

void tree_lock(struct mount *top)
{
	for (struct mount *m = top; m; m = tree_next(m, top)) {
		m->locked |=
		    MOUNT_LOCK_ATIME |
		    (m->flags & (MOUNT_RDONLY | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC));
		if (m != top)
			m->unmovable = m->vfs->has_unmovable = true;
	}
}

int tree_copy(struct mount *top, struct dentry *root, unsigned how, struct mount **out)
{
	lock_assert_held(&top->vfs->namespace_lock);
	if (top->unbindable && !(how & COPY_UNBINDABLE))
		return -EINVAL;
	int err = copy_one(top, root, how, out);
	if (err)
		return err;
	if (!(how & COPY_ALONE))
		err = copy_children(top, root, how);
	if (err) {
		struct list gone = LIST_INIT(gone);
		tree_drop(*out, &gone);
		tree_put_gone(&gone);
	}
	return err;
}

/* ---- namespaces ---- */

void mnt_ns_changed(struct mnt_namespace *ns)
{
	ns->event = ++ns->vfs->mount_event;
	waitqueue_wake_all(&ns->vfs->mount_changed, POLLERR | POLLPRI);
}

int tree_reserve(struct mnt_namespace *ns, struct mount *top)
{
	unsigned n = tree_size(top);

	if (ns->nr_mounts + ns->pending + n > MOUNT_MAX)
		return -ENOSPC;
	ns->pending += n;
	return 0;
}

void tree_settle(struct mount *top, struct mnt_namespace *ns)
{
	rwlock_wrlock(&ns->vfs->mount_lock);
	for (struct mount *m = top; m; m = tree_next(m, top))
		mount_join(m, ns);
	ns->root = top;
	rwlock_unlock(&ns->vfs->mount_lock);
	mnt_ns_changed(ns);
}
