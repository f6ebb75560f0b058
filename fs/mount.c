/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts: their life, and finding them. What changes a namespace is in fs/namespace.c. */
#include "fs/mount.h"

#include <stdlib.h>
#include <string.h>

static void mount_free(struct mount *m)
{
	rwlock_wrlock(&m->vfs->mount_lock);
	list_del(&m->all_node);
	rwlock_unlock(&m->vfs->mount_lock);
	dentry_put(m->root);
	filesystem_put(m->fs);
	free(m->source);
	free(m);
}

struct mount *mount_new(struct vfs *vfs, struct filesystem *fs, struct dentry *root, unsigned flags,
			const char *source)
{
	struct mount *m = calloc(1, sizeof *m);

	if (!m) {
		filesystem_put(fs);
		return NULL;
	}
	ref_set(&m->refs, 1);
	m->vfs = vfs;
	m->fs = fs;
	m->flags = flags;
	m->source = strdup(source);
	if (root)
		m->root = dentry_get(root);
	else if (fs->root)
		m->root = dentry_new(inode_get(fs->root), NULL, "", 0);
	list_init(&m->ns_node);
	list_init(&m->children);
	list_init(&m->child_node);
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

	return mount_new(m->vfs, filesystem_get(m->fs), from->dentry, m->flags, m->source);
}

struct mount *mount_get(struct mount *m)
{
	ref_get(&m->refs);
	return m;
}

void mount_put(struct mount *m)
{
	if (m && ref_put(&m->refs))
		mount_free(m);
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

	lock_assert_held(&p->parent->vfs->mount_lock);
	while (m && !(m->parent == p->parent && same_dir(m, p) && name_equal(m->over, name, len)))
		m = m->hash_next;
	return m;
}

struct mount *mount_topmost_locked(struct mount *m)
{
	while (m->cover)
		m = m->cover;
	return m;
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
 * namespace is searched for them, as Linux does (__is_local_mountpoint()). */
bool mount_covers(const struct path *dir, const char *name, size_t len)
{
	struct vfs *vfs = dir->mnt->vfs;
	struct mount_place p;
	bool found = false;
	struct mount *m;

	if (!mount_may_be_at(dir, 0, name, len) || mount_place_init(&p, dir, name, len))
		return false;
	rwlock_rdlock(&vfs->mount_lock);
	struct mnt_namespace *ns = dir->mnt->ns;
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
