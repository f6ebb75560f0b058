/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of mount(2), umount2(2), pivot_root(2), move_mount(2) and open_tree(2). They follow
 * Linux's fs/namespace.c, in the order in which it finds things wrong.
 */
#include "fs/do_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cred/cred.h"
#include "fs/file.h"
#include "fs/mount_tree.h"
#include "fs/nsfs.h"
#include "fs/propagation.h"
#include "fs/saved.h"
#include "fs/saved_place.h"

bool path_is_mount(const struct path *p)
{
	return p->mnt->root && inode_same(p->dentry->inode, p->mnt->root->inode);
}

/* ---- names ---- */

static bool is_deleted(struct caller *c, const struct path *p)
{
	struct statx st;

	return path_getattr(p, c, STATX_NLINK, &st) == 0 && st.stx_nlink == 0;
}

/* The directory `path`, from the root of a file system. */
static int find_directory(struct vfs *vfs, struct caller *c, struct filesystem *fs,
			  const char *path, size_t len, struct inode **out)
{
	struct caller monitor = *c;
	struct walk_step step = { .consumed = len };

	monitor.cred = vfs->monitor;
	path += path[0] == '/';
	len -= len > 0;
	if (!len) {
		*out = inode_get(fs->root);
		return 0;
	}
	int err = fs->root->ops->walk(fs->root, &monitor, path, len, STEP_DIRECTORY, &step);
	(void)cred_assume(c->cred);
	if (!err && (!step.dentry || step.consumed < len))
		err = -ENOENT;
	*out = err ? NULL : inode_get(step.dentry->inode);
	dentry_put(step.dentry);
	free(step.link);
	return err;
}

/*
 * The name that a place has in its directory now. What a walk has found knows it, but for what
 * lies where the walk began, and for file systems that do not keep it: those are asked for the
 * path.
 * NULL: it is the root of its file system.
 */
static int find_name(struct caller *c, const struct path *p, struct dentry **out)
{
	struct inode *i = p->dentry->inode, *dir;
	char path[PATH_MAX];

	*out = NULL;
	if (i == i->fs->root || (i->fs->root && inode_same(i, i->fs->root)))
		return 0;
	if (is_deleted(c, p))
		return -ENOENT;
	int n = inode_path(i, p->dentry, path);
	const char *slash = n > 0 ? strrchr(path, '/') : NULL;
	if (!slash)
		return n < 0 ? n : -EINVAL;
	if (p->dentry->dir && strcmp(p->dentry->name, slash + 1) == 0) {
		*out = dentry_get(p->dentry);
		return 0;
	}
	int err = find_directory(c->fs->vfs, c, i->fs, path, (size_t)(slash - path), &dir);
	if (err)
		return err;
	*out = dentry_new(inode_get(i), dir, slash + 1, strlen(slash + 1));
	inode_put(dir);
	return *out ? 0 : -ENOMEM;
}

/* A point of the tree of mounts. Takes namespace_lock, also on failure. */
static int lock_point(struct caller *c, const struct path *at, struct point *p)
{
	struct dentry *name = NULL;
	int err = !at->mnt->root ? -EINVAL : path_is_mount(at) ? 0 : find_name(c, at, &name);

	*p = (struct point){ .parent = NULL };
	if (!err && name) {
		const struct path dir = { .mnt = at->mnt,
					  .dentry = dentry_new(inode_get(name->dir), NULL, "", 0) };
		err = dir.dentry ? point_init(p, &dir, name->name) : -ENOMEM;
		dentry_put(dir.dentry);
	} else if (!err) {
		err = point_init(p, at, NULL);
	}
	dentry_put(name);
	mutex_lock(&c->fs->vfs->namespace_lock);
	if (!err && !at->mnt->ns)
		err = -ENOENT;
	if (!err)
		point_settle(p);
	return err;
}

/* The same, where something is to be mounted: not on what has lost its name since it was bound. */
static int lock_target(struct caller *c, const struct path *at, struct point *p)
{
	bool deleted = at->mnt->root && path_is_mount(at) && is_deleted(c, at);
	int err = lock_point(c, at, p);

	return !err && deleted ? -ENOENT : err;
}

static bool is_dir(const struct path *p)
{
	return S_ISDIR(p->dentry->inode->type);
}

/* Ends a change. */
static void unlock(struct vfs *vfs, struct point *p, struct point *from, struct list *gone)
{
	mutex_unlock(&vfs->namespace_lock);
	tree_put_gone(gone);
	point_put(p);
	if (from)
		point_put(from);
}

/* ---- coming ---- */

/* The tree's own reference to `top` goes over, also on failure. */
static int graft(struct mnt_namespace *ns, struct mount *top, const struct point *p, bool dir,
		 struct list *gone)
{
	struct point from;
	int err = p->parent->ns != ns ? -EINVAL : 0;

	if (!err && S_ISDIR(top->root->inode->type) != dir)
		err = -ENOTDIR;
	if (!err)
		err = tree_attach(top, p, &from, gone);
	if (err)
		tree_drop(top, gone);
	return err;
}

int do_new_mount(struct caller *c, struct mnt_namespace *ns, const struct path *at, struct mount *m)
{
	struct list gone = LIST_INIT(gone);
	struct point p;
	int err = lock_target(c, at, &p);

	if (!err && p.parent->ns != ns)
		err = -EINVAL;
	/* The same once more. */
	if (!err && p.parent->fs == m->fs && !p.over &&
	    inode_same(p.parent->root->inode, m->root->inode))
		err = -EBUSY;
	if (!err)
		err = graft(ns, mount_get(m), &p, is_dir(at), &gone);
	unlock(ns->vfs, &p, NULL, &gone);
	return err;
}

/* A copy of what is at `from`; namespace_lock is held. `name`: find_name()'s. */
static int copy_from(struct mnt_namespace *ns, const struct path *from, struct dentry *name,
		     bool recursive, struct mount **out)
{
	const struct mount *m = from->mnt;
	bool may = m->ns == ns || (m->ns && m->ns->anonymous && m->ns->ns.owner == ns->ns.owner);

	if (m->unbindable || !may)
		return -EINVAL;
	if (!recursive && tree_hides(m, name ? name : from->dentry))
		return -EINVAL;
	int err = tree_copy(from->mnt, name ? name : from->dentry, recursive ? 0 : COPY_ALONE, out);
	if (!err)
		(*out)->unmovable = false;
	return err;
}

/* A file that stands for a namespace is bound by itself. A mount namespace is not where it could
 * hold itself: only in one that is older (mnt_ns_loop()). */
static int copy_namespace(struct mnt_namespace *ns, const struct path *from,
			  const struct ns_common *bound, struct mount **out)
{
	if (bound->kind == NS_MNT && bound->inum <= ns->ns.inum)
		return -EINVAL;
	struct filesystem *fs = filesystem_get(from->dentry->inode->fs);
	*out = mount_new(ns->vfs, fs, from->dentry, MOUNT_STRICTATIME, "nsfs");
	return *out ? 0 : -ENOMEM;
}

int do_bind(struct caller *c, struct mnt_namespace *ns, const struct path *from,
	    const struct path *at, bool recursive)
{
	struct list gone = LIST_INIT(gone);
	struct dentry *name = NULL;
	struct mount *copy;
	struct point p;
	const struct ns_common *bound = ns_of_inode(from->dentry->inode);
	int named = bound ? 0 : from->mnt->root ? find_name(c, from, &name) : -EINVAL;
	int err = lock_target(c, at, &p);

	if (!err)
		err = named;
	if (!err)
		err = bound ? copy_namespace(ns, from, bound, &copy)
			    : copy_from(ns, from, name, recursive, &copy);
	if (!err)
		err = graft(ns, copy, &p, is_dir(at), &gone);
	unlock(ns->vfs, &p, NULL, &gone);
	dentry_put(name);
	return err;
}

/* ---- moving ---- */

static bool has_unbindable(struct mount *top)
{
	for (struct mount *m = top; m; m = tree_next(m, top)) {
		if (m->unbindable)
			return true;
	}
	return false;
}

static int may_move(const struct mnt_namespace *ns, struct mount *m, const struct point *to)
{
	if (m->ns == ns) {
		if (!m->parent || mount_is_shared(m->parent) || to->parent->ns != ns)
			return -EINVAL;
	} else if (!m->ns || !m->ns->anonymous || m->parent || m->ns == to->parent->ns ||
		   to->parent->ns != ns) {
		return -EINVAL;
	}
	if (m->unmovable || (mount_is_shared(to->parent) && has_unbindable(m)))
		return -EINVAL;
	return mount_lies_on(to->parent, m) ? -ELOOP : 0;
}

int do_move(struct caller *c, struct mnt_namespace *ns, const struct path *from,
	    const struct path *to)
{
	struct list gone = LIST_INIT(gone);
	struct point p, old = { .parent = NULL };

	if (!path_is_mount(from) || is_dir(from) != is_dir(to))
		return -EINVAL;
	int err = lock_target(c, to, &p);
	if (!err)
		err = may_move(ns, from->mnt, &p);
	if (!err)
		err = tree_attach(from->mnt, &p, &old, &gone);
	unlock(ns->vfs, &p, &old, &gone);
	return err;
}

/* ---- changing ---- */

static struct mount *next_of(struct mount *m, struct mount *top, bool recursive)
{
	return recursive ? tree_next(m, top) : NULL;
}

int do_change_type(struct mnt_namespace *ns, const struct path *at, enum propagation to,
		   bool recursive)
{
	if (!path_is_mount(at))
		return -EINVAL;
	mutex_lock(&ns->vfs->namespace_lock);
	bool may = at->mnt->ns == ns || (at->mnt->ns && at->mnt->ns->anonymous);
	int err = may ? 0 : -EINVAL;
	for (struct mount *m = err ? NULL : at->mnt; m; m = next_of(m, at->mnt, recursive))
		propagation_change(m, to);
	mutex_unlock(&ns->vfs->namespace_lock);
	return err;
}

static bool is_private(const struct mount *m)
{
	return !mount_is_shared(m) && !m->master;
}

int do_set_group(struct mnt_namespace *ns, const struct path *from, const struct path *to)
{
	struct mount *f = from->mnt, *m = to->mnt;

	mutex_lock(&ns->vfs->namespace_lock);
	bool may = f->ns && m->ns && path_is_mount(from) && path_is_mount(to) && f->fs == m->fs &&
		   inode_is_below(m->root->inode, f->root->inode) && is_private(m) &&
		   !is_private(f);
	if (may)
		propagation_inherit(m, f, 0);
	mutex_unlock(&ns->vfs->namespace_lock);
	return may ? 0 : -EINVAL;
}

/* All of them become read-only, or none. `visited`: it was not before. */
static int make_readonly(struct mount *top, bool recursive)
{
	int err = 0;

	for (struct mount *m = top; !err && m; m = next_of(m, top, recursive)) {
		m->visited = !(m->flags & MOUNT_RDONLY);
		err = m->visited ? mount_make_readonly(m) : 0;
		if (err)
			m->visited = false;
	}
	for (struct mount *m = top; m; m = next_of(m, top, recursive)) {
		if (err && m->visited)
			m->flags &= ~(unsigned)MOUNT_RDONLY;
		m->visited = false;
	}
	return err;
}

/* can_change_locked_flags() */
static bool may_change(const struct mount *m, unsigned set, unsigned clear)
{
	const unsigned atime = MOUNT_NOATIME | MOUNT_NODIRATIME | MOUNT_STRICTATIME;
	unsigned now = m->flags, next = (now & ~clear) | set;

	if (m->locked & MOUNT_LOCK_ATIME && (now ^ next) & atime)
		return false;
	return !(m->locked & now & ~next);
}

int do_set_flags(struct mnt_namespace *ns, const struct path *at, unsigned set, unsigned clear,
		 const enum propagation *to, bool recursive)
{
	if (!path_is_mount(at))
		return -EINVAL;
	mutex_lock(&ns->vfs->namespace_lock);
	struct mnt_namespace *its = at->mnt->ns;
	int err = its == ns || (its && its->anonymous) ? 0 : -EINVAL;
	for (struct mount *m = err ? NULL : at->mnt; m && !err; m = next_of(m, at->mnt, recursive))
		err = may_change(m, set, clear) ? 0 : -EPERM;
	if (!err && set & MOUNT_RDONLY)
		err = make_readonly(at->mnt, recursive);
	for (struct mount *m = err ? NULL : at->mnt; m; m = next_of(m, at->mnt, recursive)) {
		m->flags = (m->flags & ~clear) | set;
		if (to)
			propagation_change(m, *to);
	}
	if (!err)
		mnt_ns_changed(its);
	mutex_unlock(&ns->vfs->namespace_lock);
	return err;
}

/* ---- going ---- */

/* `mine`: how many of its references are the caller's. */
static int umount_locked(struct caller *c, struct mount *m, int flags, unsigned mine,
			 struct list *gone)
{
	bool is_root = c->fs->root.mnt == m;
	bool used = !list_empty(&m->children) || ref_count(&m->refs) > mine + 1;
	int err = 0;

	if (m->unmovable)
		return -EINVAL;
	if (flags & MNT_FORCE && !cred_capable(c->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & MNT_EXPIRE && (is_root || flags & (MNT_FORCE | MNT_DETACH)))
		return -EINVAL;
	/* The second time that nobody has been there since the first, it goes. */
	if (flags & MNT_EXPIRE)
		err = used ? -EBUSY : atomic_exchange(&m->expiring, true) ? 0 : -EAGAIN;
	if (err)
		return err;
	/* The root stays, and is only made read-only. */
	if (is_root && !(flags & MNT_DETACH) &&
	    !cred_ns_capable(c->cred, filesystem_users(m->fs, m->vfs), CAP_SYS_ADMIN))
		return -EPERM;
	if (is_root && !(flags & MNT_DETACH))
		return m->fs->readonly ? 0 : filesystem_make_readonly(m->vfs, m->fs);
	if (!m->parent)
		return -EINVAL;
	if (!(flags & MNT_DETACH) && (used || propagation_busy(m)))
		return -EBUSY;
	tree_detach(m, gone);
	return 0;
}

/* What is meant is what lies topmost there, also where the walk began below it. */
int do_umount(struct caller *c, struct mnt_namespace *ns, struct path *at, int flags)
{
	struct list gone = LIST_INIT(gone);
	struct point p;
	int err = lock_point(c, at, &p);
	struct mount *m = p.parent;

	if (!err && !p.over && m->ns == ns)
		err = umount_locked(c, m, flags, m == at->mnt ? 2 : 1, &gone);
	else
		err = -EINVAL;
	mutex_unlock(&ns->vfs->namespace_lock);
	tree_put_gone(&gone);
	dentry_put(p.over);
	mount_unref(p.parent);
	dentry_put(at->dentry);
	mount_unref(at->mnt);
	return err;
}

/* ---- pivot_root ---- */

static int may_pivot(struct caller *c, const struct mnt_namespace *ns, const struct path *root,
		     const struct path *new, const struct point *put_old)
{
	struct mount *old = put_old->parent, *new_parent = new->mnt->parent;
	struct inode *old_at = put_old->over ? put_old->over->dir : old->root->inode;

	if (mount_is_shared(old) || (new_parent && mount_is_shared(new_parent)) ||
	    (root->mnt->parent && mount_is_shared(root->mnt->parent)) || root->mnt->ns != ns ||
	    new->mnt->ns != ns || old->ns != ns || new->mnt->unmovable)
		return -EINVAL;
	if (is_deleted(c, new))
		return -ENOENT;
	if (new->mnt == root->mnt || old == root->mnt)
		return -EBUSY;
	if (!path_is_mount(root) || !root->mnt->parent || !path_is_mount(new) || !new_parent ||
	    !mount_is_reachable(old, old_at, new) ||
	    !mount_is_reachable(new->mnt, new->dentry->inode, root))
		return -EINVAL;
	return 0;
}

int do_pivot_root(struct caller *c, struct mnt_namespace *ns, const struct path *new,
		  const struct path *put_old)
{
	struct point p, from[2] = { { .parent = NULL } };
	struct path root = fs_struct_root(c->fs);
	int err = lock_target(c, put_old, &p);

	if (!err)
		err = may_pivot(c, ns, &root, new, &p);
	if (!err)
		err = tree_pivot(new->mnt, root.mnt, &p, from);
	mutex_unlock(&ns->vfs->namespace_lock);
	point_put(&from[0]);
	point_put(&from[1]);
	point_put(&p);
	path_put(&root);
	return err;
}

/* ---- trees that nobody lives in ---- */

static int anonymous_new(struct mnt_namespace *like, struct mnt_namespace **out)
{
	*out = mnt_ns_new(like->vfs, like->ns.owner);
	if (!*out)
		return -ENOMEM;
	(*out)->anonymous = true;
	return 0;
}

/*
 * The descriptor of such a tree: as one of O_PATH, but the tree goes when it is closed, unless it
 * was moved somewhere by then.
 */
struct tree_file {
	struct file file;
	struct mnt_namespace *anon; /* reference */
};

static ssize_t tree_file_io(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return -EBADF;
}

static void tree_file_release(struct file *f)
{
	struct tree_file *tf = container_of(f, struct tree_file, file);

	ns_put(&tf->anon->ns);
	free(tf);
}

static const char *tree_refused(struct saver *s, void *object)
{
	const struct file *f = object;

	return place_refused(s, &f->path);
}

static int tree_save(struct saver *s, void *object)
{
	struct tree_file *tf = container_of((struct file *)object, struct tree_file, file);

	encode(&s->out, s->ns(s, &tf->anon->ns));
	place_save(s, &tf->file.path);
	return 0;
}

static int tree_load(struct loader *l, void **out);

const struct saved_kind tree_saved = {
	.name = "tree of mounts",
	.save = tree_save,
	.load = tree_load,
	.put = file_saved_put,
	.refused = tree_refused,
};

static const struct file_ops tree_file_ops = {
	.saved = &tree_saved,
	.read = tree_file_io,
	.write = tree_file_io,
	.release = tree_file_release,
};

/* Whose namespace is taken over. */
static int tree_file_new(struct mnt_namespace *anon, const struct path *top, struct file **out)
{
	struct tree_file *tf = calloc(1, sizeof *tf);

	if (!tf)
		return -ENOMEM;
	file_init(&tf->file, &tree_file_ops, O_PATH);
	tf->anon = anon;
	tf->file.path = path_get(top);
	*out = &tf->file;
	return 0;
}

static int tree_load(struct loader *l, void **out)
{
	struct mnt_namespace *anon;
	struct path at;
	void *ns;
	int err = l->ns(l, decode(&l->in), &ns);

	if (!err)
		err = place_find(l, 0, &at);
	if (err)
		return err;
	anon = ns ? mnt_ns_of(ns) : NULL;
	if (!anon || !anon->anonymous || !at.dentry)
		err = loader_damaged(l, "a tree of mounts");
	else
		err = tree_file_new(anon, &at, (struct file **)out);
	if (!err)
		ns_get(&anon->ns);
	path_put(&at);
	return err;
}

static int open_copy(struct mnt_namespace *ns, struct mnt_namespace *anon, const struct path *from,
		     struct dentry *name, bool recursive, struct file **out)
{
	struct mount *copy;
	int err = copy_from(ns, from, name, recursive, &copy);

	if (err)
		return err;
	tree_settle(copy, anon);
	return tree_file_new(anon, &(struct path){ copy, copy->root }, out);
}

int do_open_tree(struct caller *c, struct mnt_namespace *ns, const struct path *from,
		 bool recursive, struct file **out)
{
	struct dentry *name = NULL;
	struct mnt_namespace *anon;
	int err = from->mnt->root ? find_name(c, from, &name) : -EINVAL;

	if (!err)
		err = anonymous_new(ns, &anon);
	if (!err) {
		mutex_lock(&ns->vfs->namespace_lock);
		err = open_copy(ns, anon, from, name, recursive, out);
		mutex_unlock(&ns->vfs->namespace_lock);
		if (err)
			ns_put(&anon->ns);
	}
	dentry_put(name);
	return err;
}

int do_fsmount(struct mnt_namespace *ns, struct mount *m, struct file **out)
{
	struct mnt_namespace *anon;
	int err = anonymous_new(ns, &anon);

	if (err)
		return err;
	mutex_lock(&ns->vfs->namespace_lock);
	tree_settle(mount_get(m), anon);
	err = tree_file_new(anon, &(struct path){ m, m->root }, out);
	mutex_unlock(&ns->vfs->namespace_lock);
	if (err)
		ns_put(&anon->ns);
	return err;
}
