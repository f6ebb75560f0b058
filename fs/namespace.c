/* SPDX-License-Identifier: Apache-2.0 */
/* Attaches, detaches and moves trees of mounts, with all that propagates; copies and ends
 * namespaces. See fs/mount.h and fs/mount_tree.h. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fs/mount_tree.h"
#include "cred/user_ns.h"
#include "fs/peers.h"
#include "fs/propagation.h"

/* A tree that is nowhere, or in the namespace of such (open_tree(2)), comes to another one. */
static void join_tree_locked(struct mount *top, struct mnt_namespace *ns)
{
	for (struct mount *m = top; m; m = tree_next(m, top)) {
		if (m->ns == ns)
			continue;
		if (m->ns) {
			list_del(&m->ns_node);
			m->ns->nr_mounts--;
			if (m->ns->root == m)
				m->ns->root = NULL;
		}
		mount_join(m, ns);
	}
}

/* A tree on a shared mount is shared: groups for those that have none yet. */
static void invent_groups(struct mount *top)
{
	for (struct mount *m = top; m; m = tree_next(m, top)) {
		m->invented = !m->group;
		if (m->invented)
			propagation_change(m, PROPAGATION_SHARED);
	}
}

static void forget_groups(struct mount *top)
{
	for (struct mount *m = top; m; m = tree_next(m, top)) {
		if (m->invented)
			m->group = 0;
		m->invented = false;
	}
}

static void drop_copies(struct list *copies, struct list *gone)
{
	struct mount *m, *next;

	list_for_each_safe (m, next, copies, work_node) {
		list_del(&m->work_node);
		m->parent->ns->pending = 0;
		tree_drop(m, gone);
	}
}

/* What the tree is to bring along, and room for all of it. */
static int prepare(struct mount *top, const struct point *p, struct list *copies)
{
	struct mnt_namespace *ns = p->parent->ns;
	size_t n = 1;
	struct mount *m;
	int err = top->ns == ns ? 0 : tree_reserve(ns, top);

	if (!err && mount_is_shared(p->parent)) {
		invent_groups(top);
		err = propagation_attach(top, p, copies);
	}
	list_for_each (m, copies, work_node)
		n++;
	rwlock_wrlock(&top->vfs->mount_lock);
	if (!err)
		err = mount_hash_reserve(top->vfs->mount_hash, n);
	rwlock_unlock(&top->vfs->mount_lock);
	return err;
}

static void hang_locked(struct mount *top, const struct point *p, struct point *from)
{
	mount_unlink(top);
	*from = (struct point){ .parent = top->parent, .over = top->over };
	mount_set_point(top, p);
	mount_link(top);
}

int tree_attach(struct mount *top, const struct point *p, struct point *from, struct list *gone)
{
	struct mnt_namespace *ns = p->parent->ns;
	struct list copies = LIST_INIT(copies);
	struct mount *m, *next;

	lock_assert_held(&ns->vfs->namespace_lock);
	int err = prepare(top, p, &copies);
	if (err) {
		drop_copies(&copies, gone);
		forget_groups(top);
		ns->pending = 0;
		return err;
	}
	rwlock_wrlock(&ns->vfs->mount_lock);
	hang_locked(top, p, from);
	join_tree_locked(top, ns);
	list_for_each (m, &copies, work_node) {
		mount_link(m);
		join_tree_locked(m, m->parent->ns);
		if (m->ns->ns.owner != ns->ns.owner)
			tree_lock(m);
	}
	rwlock_unlock(&ns->vfs->mount_lock);
	ns->pending = 0;
	mnt_ns_changed(ns);
	list_for_each_safe (m, next, &copies, work_node) {
		list_del(&m->work_node);
		m->ns->pending = 0;
		mnt_ns_changed(m->ns);
	}
	return 0;
}

int tree_pivot(struct mount *new, struct mount *root, const struct point *put_old,
	       struct point from[2])
{
	const struct point at = { .parent = root->parent,
				  .over = root->over,
				  .place = root->place };

	rwlock_wrlock(&new->vfs->mount_lock);
	int err = mount_hash_reserve(new->vfs->mount_hash, 2);
	if (!err) {
		mount_unlink(root);
		hang_locked(new, &at, &from[0]);
		hang_locked(root, put_old, &from[1]);
		new->unmovable = root->unmovable;
		root->unmovable = false;
	}
	rwlock_unlock(&new->vfs->mount_lock);
	if (!err)
		mnt_ns_changed(new->ns);
	return err;
}

/* What covers the root of `m`, which goes, and does not go itself comes to lie where the topmost of
 * those lay that go. */
static void slide_locked(struct mount *m, struct list *slid)
{
	struct mount *cover = m->cover, *above = m;

	if (!cover || cover->marked)
		return;
	while (above->parent->marked)
		above = above->parent;
	const struct point at = { .parent = above->parent,
				  .over = above->over,
				  .place = above->place };
	mount_unlink(cover);
	mount_put(m); /* which the list of those that go still holds */
	mount_set_point(cover, &at);
	list_add_tail(slid, &cover->work_node);
}

void tree_detach(struct mount *top, struct list *gone)
{
	struct list more = LIST_INIT(more), slid = LIST_INIT(slid);
	struct mount *m, *next;

	propagation_detach(top, &more);
	for (m = top; m; m = tree_next(m, top))
		propagation_leave(m);
	mnt_ns_changed(top->ns);
	list_for_each (m, &more, work_node) {
		propagation_leave(m);
		mnt_ns_changed(m->ns);
	}
	rwlock_wrlock(&top->vfs->mount_lock);
	list_for_each (m, &more, work_node)
		slide_locked(m, &slid);
	tree_dissolve(top, gone);
	list_for_each_safe (m, next, &more, work_node) {
		list_del(&m->work_node);
		mount_leave(m, gone);
		if (!m->parent->marked || !mount_keep(m))
			mount_unlink(m);
	}
	list_for_each_safe (m, next, &slid, work_node) {
		list_del(&m->work_node);
		mount_link(m);
	}
	rwlock_unlock(&top->vfs->mount_lock);
	list_for_each (m, gone, ns_node)
		m->marked = false;
}

/* ---- one mount, by who knows what he does ---- */

int mount_attach(struct mount *m, const struct path *dir, const char *name)
{
	struct list gone = LIST_INIT(gone);
	struct point p, from = { .parent = NULL };
	int err = point_init(&p, dir, name);

	if (err)
		return err;
	mutex_lock(&m->vfs->namespace_lock);
	point_settle(&p);
	err = p.parent->ns ? tree_attach(m, &p, &from, &gone) : -EINVAL;
	if (!err)
		mount_get(m); /* the tree's */
	mutex_unlock(&m->vfs->namespace_lock);
	tree_put_gone(&gone);
	point_put(&p);
	return err;
}

int mount_detach(struct mount *m, bool busy_ok, unsigned refs)
{
	struct list gone = LIST_INIT(gone);
	int err = 0;

	mutex_lock(&m->vfs->namespace_lock);
	if (!m->ns || !m->parent)
		err = -EINVAL;
	else if (!busy_ok && (!list_empty(&m->children) || ref_count(&m->refs) > refs + 1 ||
			      propagation_busy(m)))
		err = -EBUSY;
	else
		tree_detach(m, &gone);
	mutex_unlock(&m->vfs->namespace_lock);
	tree_put_gone(&gone);
	return err;
}

int mount_move(struct mount *m, const struct path *dir, const char *name)
{
	struct list gone = LIST_INIT(gone);
	struct point to, from = { .parent = NULL };
	int err = point_init(&to, dir, name);

	if (err)
		return err;
	mutex_lock(&m->vfs->namespace_lock);
	point_settle(&to);
	if (!m->ns || !m->parent || m->ns != to.parent->ns)
		err = -EINVAL;
	else if (mount_lies_on(to.parent, m))
		err = -ELOOP;
	else
		err = tree_attach(m, &to, &from, &gone);
	mutex_unlock(&m->vfs->namespace_lock);
	tree_put_gone(&gone);
	point_put(&from);
	point_put(&to);
	return err;
}

/* ---- namespaces ---- */

static void mnt_ns_release(struct ns_common *common)
{
	struct mnt_namespace *ns = container_of(common, struct mnt_namespace, ns);
	struct list gone = LIST_INIT(gone);

	mutex_lock(&ns->vfs->namespace_lock);
	if (ns->root)
		tree_drop(ns->root, &gone);
	mutex_unlock(&ns->vfs->namespace_lock);
	tree_put_gone(&gone);
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

bool mnt_ns_has(struct mnt_namespace *ns, const struct mount *m)
{
	rwlock_rdlock(&ns->vfs->mount_lock);
	bool has = m->ns == ns;
	rwlock_unlock(&ns->vfs->mount_lock);
	return has;
}

static bool shows_all(const struct mount *m)
{
	const struct mount *child;

	if (!inode_same(m->root->inode, m->fs->root) || m->locked & MOUNT_RDONLY)
		return false;
	list_for_each (child, &m->children, child_node) {
		if (child->unmovable)
			return false;
	}
	return true;
}

bool mnt_ns_shows(struct mnt_namespace *ns, const char *type)
{
	const struct mount *m;
	bool shows = user_ns_is_first(ns->ns.owner);

	mutex_lock(&ns->vfs->namespace_lock);
	list_for_each (m, &ns->mounts, ns_node)
		shows = shows || (strcmp(m->fs->type, type) == 0 && shows_all(m));
	mutex_unlock(&ns->vfs->namespace_lock);
	return shows;
}

/* The same place in the copy of its namespace; *old is to be put without locks. */
static void switch_path(struct path *p, const struct mnt_namespace *from, struct path *old)
{
	if (p->mnt->ns != from)
		return;
	*old = *p;
	*p = (struct path){ .mnt = mount_get(old->mnt->copy), .dentry = dentry_get(old->dentry) };
}

static int copy_into(struct mnt_namespace *ns, struct mnt_namespace *new, struct fs_struct *fs,
		     struct path old[2])
{
	struct mount *top;
	bool foreign = new->ns.owner != ns->ns.owner;
	int err =
	    tree_copy(ns->root, ns->root->root, COPY_UNBINDABLE | (foreign ? COPY_SLAVE : 0), &top);

	if (err)
		return err;
	if (foreign)
		tree_lock(top);
	tree_settle(top, new);
	mutex_lock(&fs->lock);
	switch_path(&fs->root, ns, &old[0]);
	switch_path(&fs->cwd, ns, &old[1]);
	mutex_unlock(&fs->lock);
	return 0;
}

int mnt_ns_copy(struct mnt_namespace *ns, struct user_namespace *owner, struct fs_struct *fs,
		struct mnt_namespace **out)
{
	struct mnt_namespace *new = mnt_ns_new(ns->vfs, owner);
	struct path old[2] = { { .mnt = NULL } };

	if (!new)
		return -ENOMEM;
	mutex_lock(&ns->vfs->namespace_lock);
	int err = copy_into(ns, new, fs, old);
	mutex_unlock(&ns->vfs->namespace_lock);
	path_put(&old[0]);
	path_put(&old[1]);
	if (err)
		ns_put(&new->ns);
	else
		*out = new;
	return err;
}

/* ---- what the monitor mounts ---- */

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
		err = type == LAST_NORM   ? mount_attach(m, &dir, last)
		      : type == LAST_ROOT ? mount_attach(m, &dir, NULL)
					  : -EBUSY;
		path_put(&dir);
	}
	fs_struct_put(c.fs);
	return err;
}

static void mount_first(struct mnt_namespace *ns, struct mount *m)
{
	mutex_lock(&ns->vfs->namespace_lock);
	tree_settle(mount_get(m), ns);
	mutex_unlock(&ns->vfs->namespace_lock);
}

static int note_place(struct mnt_namespace *ns, struct filesystem *fs, const char *where)
{
	const struct mount *m;

	list_for_each (m, &ns->mounts, ns_node)
		fs->place_nr += m->fs->place && strcmp(m->fs->place, where) == 0;
	fs->place = strdup(where);
	return fs->place ? 0 : -ENOMEM;
}

int mnt_ns_mount(struct mnt_namespace *ns, const char *where, struct filesystem *fs, unsigned flags,
		 const char *source)
{
	struct mount *m = mount_new(ns->vfs, fs, NULL, flags, source);
	int err = 0;

	if (!m)
		return -ENOMEM;
	err = note_place(ns, fs, where);
	if (err) {
		mount_put(m);
		return err;
	}
	if (ns->root)
		err = mount_at_name(ns, where, m);
	else
		mount_first(ns, m);
	mount_put(m);
	return err;
}
