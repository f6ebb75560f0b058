/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts: their life, and finding them. What changes the trees is in fs/mount_tree.h. */
#include "fs/mount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/mount_tree.h"
#include "mm/mm.h"

/* What a mount takes, with its names. */
#define MOUNT_BYTES 1024

/* What lies on it goes with it, as soon as nobody else has it: to `kept`. */
static void let_go_of_kept(struct mount *m, struct list *kept)
{
	struct mount *child, *next;

	list_for_each_safe (child, next, &m->children, child_node) {
		mount_unlink(child);
		child->parent = NULL;
		list_add_tail(kept, &child->ns_node);
	}
}

static void mount_free_one(struct mount *m, struct list *gone)
{
	struct list kept = LIST_INIT(kept);
	struct mount *child;

	rwlock_wrlock(&m->vfs->mount_lock);
	list_del(&m->all_node);
	let_go_of_kept(m, &kept);
	rwlock_unlock(&m->vfs->mount_lock);
	/* the names that they cover are of this one's file system, which may end here */
	list_for_each (child, &kept, ns_node) {
		dentry_put(child->over);
		child->over = NULL;
	}
	list_splice_tail(gone, &kept);
	dentry_put(m->root);
	dentry_put(m->over);
	filesystem_put(m->fs);
	free(m->source);
	if (m->vfs->mem)
		mm_host_uncharge(m->vfs->mem, MOUNT_BYTES);
	free(m);
}

static void mount_free(struct mount *m)
{
	struct list gone = LIST_INIT(gone);

	mount_free_one(m, &gone);
	while (!list_empty(&gone)) {
		m = list_first(&gone, struct mount, ns_node);
		list_del(&m->ns_node);
		if (ref_put(&m->refs))
			mount_free_one(m, &gone);
	}
}

struct mount *mount_new(struct vfs *vfs, struct filesystem *fs, struct dentry *root, unsigned flags,
			const char *source)
{
	bool room = !vfs->mem || mm_host_charge(vfs->mem, MOUNT_BYTES);
	struct mount *m = room ? calloc(1, sizeof *m) : NULL;

	if (!m) {
		if (room && vfs->mem)
			mm_host_uncharge(vfs->mem, MOUNT_BYTES);
		filesystem_put(fs);
		return NULL;
	}
	ref_set(&m->refs, 1);
	m->vfs = vfs;
	m->fs = fs;
	m->flags = flags;
	if (fs->flags & FS_OF_HOST)
		m->locked = flags & (MOUNT_RDONLY | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC);
	m->source = strdup(source);
	if (root)
		m->root = dentry_get(root);
	else if (fs->root)
		m->root = dentry_new(inode_get(fs->root), NULL, "", 0);
	m->stack_end = m;
	list_init(&m->ns_node);
	list_init(&m->children);
	list_init(&m->child_node);
	list_init(&m->peers);
	list_init(&m->slaves);
	list_init(&m->slave_node);
	list_init(&m->work_node);
	rwlock_wrlock(&vfs->mount_lock);
	m->id = vfs->next_mount_id++;
	list_add_tail(&vfs->mounts, &m->all_node);
	rwlock_unlock(&vfs->mount_lock);
	if (m->source && (m->root || !fs->root))
		return m;
	mount_put(m);
	return NULL;
}

struct mount *mount_clone(const struct path *from)
{
	struct mount *m = from->mnt;

	struct mount *copy =
	    mount_new(m->vfs, filesystem_get(m->fs), from->dentry, m->flags, m->source);

	if (copy)
		copy->locked = m->locked, copy->unmovable = m->unmovable;
	return copy;
}

struct mount *mount_get(struct mount *m)
{
	ref_get(&m->refs);
	return m;
}

void mount_unref(struct mount *m)
{
	if (m && ref_put(&m->refs))
		mount_free(m);
}

void mount_put(struct mount *m)
{
	if (m && atomic_load_explicit(&m->expiring, memory_order_relaxed))
		m->expiring = false;
	mount_unref(m);
}

/* Numbers of mounts that were never another's begin here, above all that may be used again (Linux's
 * mnt_id_ctr). Ours are never used again. */
#define UNIQUE_MOUNTS (1ULL << 31)

uint64_t mount_unique_id(const struct mount *m)
{
	return UNIQUE_MOUNTS + m->id;
}

/* atime_needs_update() of Linux's fs/inode.c. */
enum atime mount_atime(const struct mount *m, bool dir)
{
	unsigned flags = m->flags;

	if (mount_is_readonly(m) || flags & MOUNT_NOATIME || (dir && flags & MOUNT_NODIRATIME))
		return ATIME_NEVER;
	return flags & MOUNT_STRICTATIME ? ATIME_ALWAYS : ATIME_RELATIVE;
}

/* Whoever makes the mount read-only first says so, then looks for writers; a writer first counts
 * itself, then looks. One that is turned away by an attempt which then fails must not tell of it:
 * under the lock there is no attempt. */
int mount_begin_write(struct mount *m)
{
	atomic_fetch_add(&m->writers, 1);
	if (!mount_is_readonly(m))
		return 0;
	atomic_fetch_sub(&m->writers, 1);
	rwlock_rdlock(&m->vfs->mount_lock);
	bool readonly = mount_is_readonly(m);
	if (!readonly)
		atomic_fetch_add(&m->writers, 1);
	rwlock_unlock(&m->vfs->mount_lock);
	return readonly ? -EROFS : 0;
}

void mount_end_write(struct mount *m)
{
	atomic_fetch_sub(&m->writers, 1);
}

int mount_make_readonly(struct mount *m)
{
	unsigned before = m->flags;

	lock_assert_held(&m->vfs->namespace_lock);
	rwlock_wrlock(&m->vfs->mount_lock);
	m->flags = before | MOUNT_RDONLY;
	bool busy = m->writers;
	if (busy)
		m->flags = before;
	rwlock_unlock(&m->vfs->mount_lock);
	return busy ? -EBUSY : 0;
}

int filesystem_make_readonly(struct vfs *vfs, struct filesystem *fs)
{
	bool before = fs->readonly, busy = false;
	struct mount *m;

	rwlock_wrlock(&vfs->mount_lock);
	fs->readonly = true;
	list_for_each (m, &vfs->mounts, all_node)
		busy |= m->fs == fs && m->writers;
	if (busy)
		fs->readonly = before;
	rwlock_unlock(&vfs->mount_lock);
	return busy ? -EBUSY : 0;
}

bool mount_may_be_at(const struct path *dir, unsigned depth, const char *name, size_t len)
{
	const struct mount_hash *h = dir->mnt->vfs->mount_hash;
	const struct filesystem *fs = dir->mnt->fs;
	uint64_t hash = mount_hash_name(name, len);

	return mount_hash_may_hold(h, fs, hash, false) ||
	       (depth == 0 && mount_hash_may_hold(h, fs, hash, true));
}

static bool name_equal(const struct dentry *over, const char *name, size_t len)
{
	return strncmp(over->name, name, len) == 0 && over->name[len] == '\0';
}

static bool same_dir(const struct mount *m, const struct mount_place *p)
{
	return m->place.dir.ino == p->dir.ino && m->place.dir.dev == p->dir.dev;
}

struct mount *mount_find_locked(const struct mount_place *p, const char *name, size_t len)
{
	struct mount *m = mount_hash_bucket(p->parent->vfs->mount_hash, p);

	while (m && !(m->parent == p->parent && same_dir(m, p) && name_equal(m->over, name, len)))
		m = m->hash_next;
	return m;
}

bool mount_is_lowest_locked(const struct mount *m)
{
	return m->over || !m->parent || m->parent->cover != m;
}

struct mount *mount_topmost_locked(struct mount *m)
{
	while (m->cover && !mount_is_lowest_locked(m))
		m = m->cover;
	return m->cover ? m->stack_end : m;
}

int mount_place_init(struct mount_place *p, const struct path *dir, const char *name, size_t len)
{
	*p = (struct mount_place){ .parent = dir->mnt, .name = mount_hash_name(name, len) };
	return inode_identify(dir->dentry->inode, &p->dir);
}

struct mount *mount_at(const struct path *dir, const char *name, size_t len)
{
	struct vfs *vfs = dir->mnt->vfs;
	struct mount_place p;

	if (!mount_may_be_at(dir, 0, name, len) || mount_place_init(&p, dir, name, len))
		return NULL;
	rwlock_rdlock(&vfs->mount_lock);
	struct mount *m = mount_find_locked(&p, name, len);
	if (m)
		m = mount_get(mount_topmost_locked(m));
	rwlock_unlock(&vfs->mount_lock);
	return m;
}

/* One mount of a file system is looked up; others show the same directory elsewhere, and the
 * caller's namespace is searched for them, as Linux does (__is_local_mountpoint()): `dir`, and the
 * caller's root, may be of mounts that are attached nowhere. */
bool mount_covers(const struct path *dir, const struct mnt_namespace *ns, const char *name,
		  size_t len)
{
	struct vfs *vfs = dir->mnt->vfs;
	struct mount_place p;
	bool found = false;
	struct mount *m;

	if (!mount_may_be_at(dir, 0, name, len) || mount_place_init(&p, dir, name, len))
		return false;
	rwlock_rdlock(&vfs->mount_lock);
	found = mount_find_locked(&p, name, len);
	if (ns && !found) {
		list_for_each (m, &ns->mounts, ns_node)
			found |= m->over && m->parent->fs == dir->mnt->fs && same_dir(m, &p) &&
				 name_equal(m->over, name, len);
	}
	rwlock_unlock(&vfs->mount_lock);
	return found;
}

struct mount *mount_top(struct mount *m)
{
	struct mount *top = NULL;

	if (!atomic_load_explicit(&m->cover, memory_order_acquire))
		return NULL;
	rwlock_rdlock(&m->vfs->mount_lock);
	if (m->cover)
		top = mount_get(mount_topmost_locked(m));
	rwlock_unlock(&m->vfs->mount_lock);
	return top;
}

bool mount_point(struct mount *m, struct mount **parent, struct dentry **over)
{
	*parent = NULL;
	*over = NULL;
	rwlock_rdlock(&m->vfs->mount_lock);
	if (m->ns && m->parent) {
		*parent = mount_get(m->parent);
		*over = m->over ? dentry_get(m->over) : NULL;
	}
	rwlock_unlock(&m->vfs->mount_lock);
	return *parent;
}

bool mount_lies_on(const struct mount *m, const struct mount *above)
{
	while (m && m != above)
		m = m->parent;
	return m;
}

bool mount_is_reachable(struct mount *m, struct inode *at, const struct path *root)
{
	for (; m != root->mnt && m->parent; m = m->parent)
		at = m->over ? m->over->dir : m->parent->root->inode;
	return m == root->mnt && inode_is_below(at, root->dentry->inode);
}

struct path mnt_ns_root(struct mnt_namespace *ns)
{
	rwlock_rdlock(&ns->vfs->mount_lock);
	struct mount *m = mount_get(mount_topmost_locked(ns->root));
	rwlock_unlock(&ns->vfs->mount_lock);
	return (struct path){ .mnt = m, .dentry = dentry_get(m->root) };
}
