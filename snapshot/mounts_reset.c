/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts what is mounted back to what the configuration says, before a copy is loaded again.
 *
 * Beside the tree that the program sees another one is kept, which is in no namespace: a copy of
 * it, mount for mount, from before anything ran. A reset takes down whatever the first namespace
 * has and puts the copy there, of which it has made another one first.
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/mount_tree.h"
#include "fs/peers.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "snapshot/kept.h"
#include "util/array.h"

static int note(struct kept_mounts *k, const struct mount *m)
{
	int err = array_grow((void **)&k->each, k->nr, &k->room, sizeof *k->each);

	if (!err)
		k->each[k->nr++] = (struct kept_mount){ m->id, m->fs->shown, m->fs->readonly };
	return err;
}

int mounts_keep(struct sandbox *sb)
{
	struct mount *root = nsproxy_mnt(sb->nsproxy)->root;
	struct kept_mounts *k = &sb->kept->mounts;
	int err = 0;

	mutex_lock(&sb->vfs->namespace_lock);
	k->next_id = sb->vfs->next_mount_id;
	k->next_group = sb->vfs->next_group;
	k->next_dev = sb->vfs->next_dev;
	for (struct mount *m = root; m && !err; m = tree_next(m, root))
		err = note(k, m);
	if (!err)
		err = tree_copy(root, root->root, COPY_UNBINDABLE, &k->top);
	sb->vfs->next_mount_id = k->next_id;
	mutex_unlock(&sb->vfs->namespace_lock);
	return err;
}

bool mounts_are_kept(const struct sandbox *sb, const struct mount *m)
{
	return !m->ns && sb->kept && sb->kept->mounts.top && mount_lies_on(m, sb->kept->mounts.top);
}

/* The sysroot is a place of the tree that was there. */
static void move_sysroot(struct sandbox *sb, struct mount *top, struct path *old)
{
	struct path *p = &sb->vfs->sysroot;
	struct mount *m = p->mnt ? top : NULL;

	while (m && m->fs != p->mnt->fs)
		m = tree_next(m, top);
	if (!m)
		return;
	*old = *p;
	*p = (struct path){ mount_get(m), dentry_get(p->dentry) };
}

/* As they were in the tree that was copied, in its order. */
static void restore_each(const struct kept_mounts *k)
{
	size_t i = 0;

	for (struct mount *m = k->top; m; m = tree_next(m, k->top), i++) {
		m->id = k->each[i].id;
		m->fs->shown = k->each[i].shown;
		m->fs->readonly = k->each[i].readonly;
	}
}

int mounts_go_back(struct sandbox *sb)
{
	struct mnt_namespace *ns = nsproxy_mnt(sb->nsproxy);
	struct kept_mounts *k = &sb->kept->mounts;
	struct list gone = LIST_INIT(gone);
	struct path sysroot = { NULL, NULL };
	struct mount *next;

	if (sb->mounts_made == sb->vfs->mount_event)
		return 0;
	mutex_lock(&sb->vfs->namespace_lock);
	int err = tree_copy(k->top, k->top->root, COPY_UNBINDABLE, &next);
	if (err) {
		mutex_unlock(&sb->vfs->namespace_lock);
		return err;
	}
	if (ns->root)
		tree_drop(ns->root, &gone);
	restore_each(k);
	tree_settle(k->top, ns);
	move_sysroot(sb, k->top, &sysroot);
	k->top = next;
	sb->vfs->next_mount_id = k->next_id;
	sb->vfs->next_group = k->next_group;
	sb->vfs->next_dev = k->next_dev;
	mutex_unlock(&sb->vfs->namespace_lock);
	tree_put_gone(&gone);
	path_put(&sysroot);
	sb->mounts_made = sb->vfs->mount_event;
	return 0;
}

void mounts_keep_no_more(struct kept_mounts *k)
{
	struct list gone = LIST_INIT(gone);

	if (k->top) {
		struct vfs *vfs = k->top->vfs;
		mutex_lock(&vfs->namespace_lock);
		tree_drop(k->top, &gone);
		mutex_unlock(&vfs->namespace_lock);
	}
	tree_put_gone(&gone);
	free(k->each);
	*k = (struct kept_mounts){ .top = NULL };
}
