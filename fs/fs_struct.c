/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the root, working directory and umask of a process, which clone(2) with CLONE_FS shares
 * between processes (Linux's struct fs_struct). */
#include <stdlib.h>

#include "fs/mount.h"

static struct fs_struct *alloc(struct vfs *vfs, const struct path *root, const struct path *cwd,
			       unsigned umask)
{
	struct fs_struct *fs = malloc(sizeof *fs);

	if (!fs)
		return NULL;
	*fs = (struct fs_struct){ .refs = REF_INIT(1),
				  .vfs = vfs,
				  .root = path_get(root),
				  .cwd = path_get(cwd),
				  .umask = umask };
	mutex_init(&fs->lock, LOCK_FS_STRUCT);
	return fs;
}

struct fs_struct *fs_struct_new(struct mnt_namespace *ns)
{
	struct path root = mnt_ns_root(ns);
	struct fs_struct *fs = alloc(ns->vfs, &root, &root, 022);

	path_put(&root);
	return fs;
}

struct fs_struct *fs_struct_get(struct fs_struct *fs)
{
	ref_get(&fs->refs);
	return fs;
}

struct fs_struct *fs_struct_copy(struct fs_struct *fs)
{
	mutex_lock(&fs->lock);
	struct fs_struct *copy = alloc(fs->vfs, &fs->root, &fs->cwd, fs->umask);
	mutex_unlock(&fs->lock);
	return copy;
}

struct path fs_struct_root(struct fs_struct *fs)
{
	mutex_lock(&fs->lock);
	struct path root = path_get(&fs->root);
	mutex_unlock(&fs->lock);
	return root;
}

int fs_struct_root_name(struct fs_struct *fs, char *buf, size_t size)
{
	const struct path all = { NULL, NULL };
	struct path root = fs_struct_root(fs);
	int n = path_string(&root, &all, buf, size);

	path_put(&root);
	return n;
}

static void replace(struct fs_struct *fs, struct path *which, struct path *p)
{
	mutex_lock(&fs->lock);
	struct path old = *which;
	*which = *p;
	mutex_unlock(&fs->lock);
	path_put(&old);
}

void fs_struct_set_cwd(struct fs_struct *fs, struct path *p)
{
	replace(fs, &fs->cwd, p);
}

void fs_struct_set_root(struct fs_struct *fs, struct path *p)
{
	replace(fs, &fs->root, p);
}

static void switch_one(struct fs_struct *fs, struct path *which, const struct path *old,
		       const struct path *new)
{
	mutex_lock(&fs->lock);
	struct path was = path_get(which), drop = { .mnt = NULL };
	mutex_unlock(&fs->lock);
	/* It may take a host call to tell. */
	if (was.mnt == old->mnt && inode_same(was.dentry->inode, old->dentry->inode)) {
		mutex_lock(&fs->lock);
		if (which->mnt == was.mnt && which->dentry == was.dentry) {
			drop = *which;
			*which = path_get(new);
		}
		mutex_unlock(&fs->lock);
	}
	path_put(&drop);
	path_put(&was);
}

void fs_struct_switch(struct fs_struct *fs, const struct path *old, const struct path *new)
{
	switch_one(fs, &fs->root, old, new);
	switch_one(fs, &fs->cwd, old, new);
}

void fs_struct_put(struct fs_struct *fs)
{
	if (!fs || !ref_put(&fs->refs))
		return;
	path_put(&fs->root);
	path_put(&fs->cwd);
	mutex_destroy(&fs->lock);
	free(fs);
}
