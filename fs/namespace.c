/* SPDX-License-Identifier: Apache-2.0 */
/* Mount namespaces, and what changes them. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fs/mount.h"

struct mount **mnt_ns_list(struct mnt_namespace *ns, size_t *n)
{
	struct mount **list, *m;

	*n = 0;
	rwlock_rdlock(&ns->vfs->mount_lock);
	list = calloc(ns->nr_mounts + 1, sizeof *list);
	list_for_each (m, &ns->mounts, ns_node) {
		if (list)
			list[(*n)++] = mount_get(m);
	}
	rwlock_unlock(&ns->vfs->mount_lock);
	return list;
}

/* ---- where a mount is to be ---- */

/* Prepared without the lock, for it may take a host call to tell which directory it is. */
struct point {
	struct mount *parent; /* reference */
	struct dentry *over;  /* reference; NULL: the root of the parent */
	struct mount_place place;
};

/* The name first: its directory is of the parent's file system, which may go with that. */
static void point_put(struct point *p)
{
	dentry_put(p->over);
	mount_put(p->parent);
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

static int point_init(struct point *p, const struct path *dir, const char *name)
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

/* The topmost mount at a point; NULL: nothing is mounted there yet. */
static struct mount *point_top_locked(const struct point *p)
{
	struct mount *m = p->over
			      ? mount_find_locked(&p->place, p->over->name, strlen(p->over->name))
			      : p->parent;

	return m ? mount_topmost_locked(m) : NULL;
}

/* Hangs `m` there; the references of the point go over to it. There is room in the hash. */
static void hang_locked(struct mount *m, struct point *p)
{
	struct mount *top = point_top_locked(p);

	lock_assert_held_write(&m->vfs->mount_lock);
	m->parent = top ? mount_get(top) : mount_get(p->parent);
	list_add_tail(&m->parent->children, &m->child_node);
	if (top) {
		atomic_store_explicit(&top->cover, m, memory_order_release);
	} else {
		m->over = dentry_get(p->over);
		m->place = p->place;
		mount_hash_insert(m->vfs->mount_hash, m);
	}
}

/* The references that it held to its place stay in m->parent and m->over. */
static void unhang_locked(struct mount *m)
{
	if (m->over)
		mount_hash_remove(m->vfs->mount_hash, m);
	else if (m->parent)
		m->parent->cover = NULL;
	list_del(&m->child_node);
}

/* ---- changes ---- */

static void join_locked(struct mount *m, struct mnt_namespace *ns)
{
	m->ns = ns;
	list_add_tail(&ns->mounts, &mount_get(m)->ns_node);
	ns->nr_mounts++;
}

int mount_attach(struct mount *m, const struct path *dir, const char *name)
{
	struct vfs *vfs = m->vfs;
	struct point p;
	int err = point_init(&p, dir, name);

	if (err)
		return err;
	rwlock_wrlock(&vfs->mount_lock);
	struct mnt_namespace *ns = dir->mnt->ns;
	if (!ns)
		err = -EINVAL;
	else if (ns->nr_mounts >= MOUNT_MAX)
		err = -ENOSPC;
	else
		err = mount_hash_reserve(vfs->mount_hash, 1);
	if (!err) {
		hang_locked(m, &p);
		join_locked(m, ns);
	}
	rwlock_unlock(&vfs->mount_lock);
	point_put(&p);
	return err;
}

/* The mount after `m` of those below `top`, each after its parent; NULL: that was the last one. */
static struct mount *next_below(struct mount *m, const struct mount *top)
{
	if (!list_empty(&m->children))
		return list_first(&m->children, struct mount, child_node);
	for (; m != top; m = m->parent) {
		if (m->child_node.next != &m->parent->children)
			return container_of(m->child_node.next, struct mount, child_node);
	}
	return NULL;
}

/* Takes `top` and all below it out of the namespace, into `gone`. */
static void leave_locked(struct mount *top, struct list *gone)
{
	struct mount *m;

	lock_assert_held_write(&top->vfs->mount_lock);
	for (m = top; m; m = next_below(m, top)) {
		list_del(&m->ns_node);
		list_add_tail(gone, &m->ns_node);
	}
	list_for_each (m, gone, ns_node) {
		unhang_locked(m);
		m->ns->nr_mounts--;
		m->ns = NULL;
	}
}

/* Drops the references that such mounts held to their places, and the namespace's to them. Nobody
 * looks at the place of a mount that is in no namespace. */
static void put_gone(struct list *gone)
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

int mount_detach(struct mount *m, bool busy_ok, unsigned refs)
{
	struct list gone = LIST_INIT(gone);
	struct vfs *vfs = m->vfs;
	int err = 0;

	rwlock_wrlock(&vfs->mount_lock);
	if (!m->ns || !m->parent)
		err = -EINVAL;
	else if (!busy_ok && (!list_empty(&m->children) || ref_count(&m->refs) > refs + 1))
		err = -EBUSY;
	else
		leave_locked(m, &gone);
	rwlock_unlock(&vfs->mount_lock);
	put_gone(&gone);
	return err;
}

/* Does `m` lie on `above`, or is it that? */
static bool lies_on_locked(const struct mount *m, const struct mount *above)
{
	while (m && m != above)
		m = m->parent;
	return m;
}

int mount_move(struct mount *m, const struct path *dir, const char *name)
{
	struct point to, from = { .parent = NULL };
	int err = point_init(&to, dir, name);

	if (err)
		return err;
	rwlock_wrlock(&m->vfs->mount_lock);
	struct mount *top = point_top_locked(&to);
	if (!m->ns || !m->parent || m->ns != dir->mnt->ns)
		err = -EINVAL;
	else if (lies_on_locked(top ? top : dir->mnt, m))
		err = -ELOOP;
	else
		err = mount_hash_reserve(m->vfs->mount_hash, 1);
	if (!err) {
		unhang_locked(m);
		from = (struct point){ .parent = m->parent, .over = m->over };
		m->over = NULL;
		hang_locked(m, &to);
	}
	rwlock_unlock(&m->vfs->mount_lock);
	point_put(&from);
	point_put(&to);
	return err;
}

static void mnt_ns_release(struct ns_common *common)
{
	struct mnt_namespace *ns = container_of(common, struct mnt_namespace, ns);
	struct list gone = LIST_INIT(gone);

	rwlock_wrlock(&ns->vfs->mount_lock);
	if (ns->root)
		leave_locked(ns->root, &gone);
	rwlock_unlock(&ns->vfs->mount_lock);
	put_gone(&gone);
	free(ns);
}

struct mnt_namespace *mnt_ns_new(struct vfs *vfs, struct user_namespace *owner)
{
	struct mnt_namespace *ns = calloc(1, sizeof *ns);

	if (!ns)
		return NULL;
	ns_init(&ns->ns, NS_MNT, vfs->ns_numbers, owner, mnt_ns_release);
	ns->vfs = vfs;
	list_init(&ns->mounts);
	return ns;
}

/* ---- what the monitor mounts ---- */

static void mount_root(struct mnt_namespace *ns, struct mount *m)
{
	rwlock_wrlock(&ns->vfs->mount_lock);
	join_locked(m, ns);
	ns->root = m;
	rwlock_unlock(&ns->vfs->mount_lock);
}

/* Mounts at a name, below which nothing has to be. */
static int mount_at_name(struct mnt_namespace *ns, const char *where, struct mount *m)
{
	struct caller c = { .cred = ns->vfs->monitor,
			    .fs = fs_struct_new(ns),
			    .fsize_limit = UINT64_MAX };
	char last[NAME_MAX + 1];
	enum last_type type;
	struct path dir;
	bool slash;
	int err = c.fs ? path_walk_parent(&c, NULL, where, 0, &dir, last, &type, &slash) : -ENOMEM;

	if (!err) {
		err = type == LAST_NORM ? mount_attach(m, &dir, last) : -EBUSY;
		path_put(&dir);
	}
	fs_struct_put(c.fs);
	return err;
}

int mnt_ns_mount(struct mnt_namespace *ns, const char *where, struct filesystem *fs, unsigned flags,
		 const char *source)
{
	struct mount *m = mount_new(ns->vfs, fs, NULL, flags, source);
	int err = 0;

	if (!m)
		return -ENOMEM;
	if (ns->root)
		err = mount_at_name(ns, where, m);
	else
		mount_root(ns, m);
	mount_put(m);
	return err;
}
