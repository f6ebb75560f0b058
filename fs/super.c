/* SPDX-License-Identifier: Apache-2.0 */
/* What the file systems of a sandbox share: struct vfs. */
#include <errno.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "fs/anon.h"
#include "fs/device.h"
#include "fs/inotify.h"
#include "fs/locks.h"
#include "fs/mount.h"
#include "fs/ramfs/ramfs.h"
#include "cred/user.h"
#include "cred/user_ns.h"
#include "fs/writers.h"

/* Unnamed devices of ours, far from the host's, which count up from 1. */
#define FIRST_DEV_MINOR 0x80000

static struct mount *internal_mount_new(struct vfs *vfs)
{
	struct filesystem *fs = anonfs_new("anon_inodefs");

	return fs ? mount_new(vfs, fs, NULL, 0, "") : NULL;
}

int vfs_create(const struct cred_rights *monitor, struct vfs **out)
{
	struct vfs *vfs = calloc(1, sizeof *vfs);

	if (!vfs)
		return -ENOMEM;
	mutex_init(&vfs->namespace_lock, LOCK_NAMESPACES);
	rwlock_init(&vfs->mount_lock, LOCK_MOUNTS);
	waitqueue_init(&vfs->mount_changed);
	list_init(&vfs->mounts);
	vfs->next_mount_id = 1;
	vfs->next_dev = FIRST_DEV_MINOR;
	vfs->next_anon_ino = 1;
	vfs->mount_hash = mount_hash_new();
	vfs->internal = internal_mount_new(vfs);
	vfs->nsfs = anonfs_new("nsfs");
	vfs->removed = anonfs_new("removed");
	vfs->devices = device_table_new();
	vfs->ns_numbers = calloc(1, sizeof *vfs->ns_numbers);
	vfs->user_ns = vfs->ns_numbers ? user_ns_new(vfs->ns_numbers, NULL, 0, 0) : NULL;
	vfs->monitor = vfs->user_ns ? cred_of_monitor(vfs->user_ns, monitor) : NULL;
	vfs->locks = lock_table_new();
	vfs->writers = writers_new();
	vfs->users = users_new();
	vfs->inotify = inotify_table_new();
	if (!vfs->mount_hash || !vfs->internal || !vfs->nsfs || !vfs->removed || !vfs->monitor ||
	    !vfs->devices || !vfs->locks || !vfs->writers || !vfs->users || !vfs->inotify) {
		vfs_destroy(vfs);
		return -ENOMEM;
	}
	vfs->removed->flags = FS_KNOWS_NAMES; /* none can be made in one */
	*out = vfs;
	return 0;
}

int vfs_contain(struct vfs *vfs)
{
	struct cred *root = cred_of_init(vfs->user_ns);

	if (!root)
		return -ENOMEM;
	cred_put(vfs->monitor);
	vfs->monitor = root;
	user_ns_contain(vfs->user_ns);
	return 0;
}

void vfs_set_sysroot(struct vfs *vfs, const struct path *path, const struct path *root)
{
	vfs->sysroot = path_get(path);
	vfs->sysroot_for = path_get(root);
}

void vfs_destroy(struct vfs *vfs)
{
	if (vfs->sysroot.dentry) {
		path_put(&vfs->sysroot);
		path_put(&vfs->sysroot_for);
	}
	mount_put(vfs->internal);
	if (vfs->nsfs)
		filesystem_put(vfs->nsfs);
	filesystem_put(vfs->removed);
	filesystem_put(vfs->memfs);
	if (vfs->monitor)
		cred_put(vfs->monitor);
	device_table_free(vfs->devices);
	lock_table_free(vfs->locks);
	writers_free(vfs->writers);
	inotify_table_free(vfs->inotify);
	users_free(vfs->users);
	if (vfs->user_ns)
		ns_put(&vfs->user_ns->ns);
	free(vfs->ns_numbers);
	mount_hash_free(vfs->mount_hash);
	rwlock_destroy(&vfs->mount_lock);
	mutex_destroy(&vfs->namespace_lock);
	free(vfs);
}

dev_t vfs_new_dev(struct vfs *vfs)
{
	return makedev(0, atomic_fetch_add(&vfs->next_dev, 1));
}

int vfs_memfs(struct vfs *vfs, struct mm_host *mem, struct filesystem **out)
{
	const struct ramfs_options opt = { .type = "tmpfs", .mode = 0755, .not_disk = true };
	struct filesystem *none = NULL, *made;

	*out = vfs->memfs;
	if (*out)
		return 0;
	int err = ramfs_create(mem, vfs_new_dev(vfs), &opt, &made);
	if (err)
		return err;
	if (!atomic_compare_exchange_strong(&vfs->memfs, &none, made))
		filesystem_put(made);
	*out = vfs->memfs;
	return 0;
}

static bool holds(struct filesystem *const *list, size_t n, const struct filesystem *fs)
{
	while (n && list[n - 1] != fs)
		n--;
	return n;
}

/* References to the file systems that have something to write back, each once; *n of them. */
static struct filesystem **list_to_sync(struct vfs *vfs, size_t *n)
{
	struct filesystem **list;
	struct mount *m;
	size_t max = 0;

	*n = 0;
	rwlock_rdlock(&vfs->mount_lock);
	list_for_each (m, &vfs->mounts, all_node)
		max += m->fs->ops->sync ? 1 : 0;
	list = calloc(max, sizeof(struct filesystem *));
	list_for_each (m, &vfs->mounts, all_node) {
		if (list && m->fs->ops->sync && !holds(list, *n, m->fs))
			list[(*n)++] = filesystem_get(m->fs);
	}
	rwlock_unlock(&vfs->mount_lock);
	return list;
}

void vfs_sync(struct vfs *vfs, struct caller *c)
{
	size_t n;
	struct filesystem **list = list_to_sync(vfs, &n);

	for (size_t i = 0; i < n; i++) {
		list[i]->ops->sync(list[i], c);
		filesystem_put(list[i]);
	}
	free(list);
}
