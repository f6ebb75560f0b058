/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount table. A mount covers a name in a directory of its parent's file system, as on Linux;
 * the directory is told by its identity, so that renaming what lies above does not uncover
 * anything. The name itself can not be renamed or removed by the guest (-EBUSY).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fs/anon.h"
#include "fs/device.h"
#include "fs/inotify.h"
#include "fs/locks.h"
#include "fs/ramfs/ramfs.h"
#include "fs/user.h"
#include "fs/vfs.h"
#include "fs/writers.h"

/* Unnamed devices of ours, far from the host's, which count up from 1. */
#define FIRST_DEV_MINOR 0x80000

static void mount_free(struct mount *m)
{
	dentry_put(m->root);
	dentry_put(m->over);
	filesystem_put(m->fs);
	free(m->mountpoint);
	free((char *)(uintptr_t)m->source);
	free(m);
}

static struct mount *internal_mount_new(unsigned id)
{
	struct mount *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->refs = 1;
	m->id = id;
	m->fs = anonfs_new();
	if (m->fs)
		return m;
	mount_free(m);
	return NULL;
}

int mount_table_create(struct mount_table **out)
{
	struct mount_table *t = calloc(1, sizeof *t);

	if (!t)
		return -ENOMEM;
	rwlock_init(&t->lock, LOCK_MOUNTS);
	list_init(&t->mounts);
	t->next_id = 1;
	t->next_dev = FIRST_DEV_MINOR;
	t->next_anon_ino = 1;
	t->internal = internal_mount_new(t->next_id++);
	t->devices = device_table_new();
	t->monitor = cred_of_monitor();
	t->locks = lock_table_new();
	t->writers = writers_new();
	t->users = users_new();
	t->inotify = inotify_table_new();
	if (!t->internal || !t->monitor || !t->devices || !t->locks || !t->writers || !t->users ||
	    !t->inotify) {
		mount_table_destroy(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void mount_table_set_sysroot(struct mount_table *t, const struct path *path)
{
	t->sysroot = path_get(path);
}

void mount_table_destroy(struct mount_table *t)
{
	if (t->sysroot.dentry)
		path_put(&t->sysroot);
	while (!list_empty(&t->mounts)) {
		/* Youngest first: nothing is left on top of what goes. */
		struct mount *m = container_of(t->mounts.prev, struct mount, node);
		list_del(&m->node);
		mount_free(m);
	}
	if (t->internal)
		mount_free(t->internal);
	filesystem_put(t->memfs);
	if (t->monitor)
		cred_put(t->monitor);
	device_table_free(t->devices);
	lock_table_free(t->locks);
	writers_free(t->writers);
	inotify_table_free(t->inotify);
	users_free(t->users);
	rwlock_destroy(&t->lock);
	free(t);
}

dev_t mount_table_new_dev(struct mount_table *t)
{
	rwlock_wrlock(&t->lock);
	unsigned minor = t->next_dev++;
	rwlock_unlock(&t->lock);
	return makedev(0, minor);
}

int mount_table_memfs(struct mount_table *t, struct mm_host *mem, struct filesystem **out)
{
	const struct ramfs_options opt = { .type = "tmpfs", .mode = 0755 };
	dev_t dev = mount_table_new_dev(t);
	int err = 0;

	rwlock_wrlock(&t->lock);
	if (!t->memfs)
		err = ramfs_create(mem, dev, &opt, &t->memfs);
	*out = t->memfs;
	rwlock_unlock(&t->lock);
	return err;
}

void mount_table_sync(struct mount_table *t, struct caller *c)
{
	struct mount *m;

	rwlock_rdlock(&t->lock);
	list_for_each (m, &t->mounts, node)
		if (m->fs->ops->sync)
			m->fs->ops->sync(m->fs, c);
	rwlock_unlock(&t->lock);
}

/* FNV-1a */
static unsigned name_bucket(const char *name, size_t len)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619U;
	return hash % MOUNT_BUCKETS;
}

static bool name_equal(const struct dentry *over, const char *name, size_t len)
{
	return strncmp(over->name, name, len) == 0 && over->name[len] == '\0';
}

struct mount *mount_at(struct mount_table *t, const struct path *dir, const char *name, size_t len)
{
	unsigned bucket = name_bucket(name, len);
	struct mount *m = t->by_name[bucket];

	if (!m)
		return NULL;
	rwlock_rdlock(&t->lock);
	for (m = t->by_name[bucket]; m; m = m->next)
		if (m->parent == dir->mnt && name_equal(m->over, name, len) &&
		    inode_same(m->over->dir, dir->dentry->inode))
			break;
	rwlock_unlock(&t->lock);
	return m;
}

bool mount_may_be_at(struct mount_table *t, const struct path *dir, unsigned depth,
		     const char *name, size_t len)
{
	unsigned bucket = name_bucket(name, len);
	struct mount *m = t->by_name[bucket];

	if (!m)
		return false;
	rwlock_rdlock(&t->lock);
	for (m = t->by_name[bucket]; m; m = m->next)
		if (m->parent == dir->mnt && (depth == 0 || !m->at_root) &&
		    name_equal(m->over, name, len))
			break;
	rwlock_unlock(&t->lock);
	return m;
}

static struct mount *mount_new(const char *where, struct filesystem *fs, unsigned flags,
			       const char *source)
{
	struct mount *m = calloc(1, sizeof *m);

	if (!m) {
		filesystem_put(fs);
		return NULL;
	}
	m->refs = 1;
	m->fs = fs;
	m->flags = flags;
	m->mountpoint = strdup(where);
	m->source = strdup(source);
	m->root = dentry_new(inode_get(fs->root), NULL, "", 0);
	if (m->mountpoint && m->source && m->root)
		return m;
	mount_free(m);
	return NULL;
}

static void mount_link(struct mount_table *t, struct mount *m)
{
	rwlock_wrlock(&t->lock);
	m->id = t->next_id++;
	list_add_tail(&t->mounts, &m->node);
	if (m->over) {
		_Atomic(struct mount *) *bucket =
		    &t->by_name[name_bucket(m->over->name, strlen(m->over->name))];
		m->next = *bucket;
		*bucket = m;
	}
	if (!t->root)
		t->root = m;
	rwlock_unlock(&t->lock);
}

/* Finds the name to cover; that nothing has it below is fine. */
static int find_over(struct caller *c, const char *where, struct mount *m)
{
	char last[NAME_MAX + 1];
	enum last_type type;
	bool slash;
	struct path dir;
	struct walk_step step;

	int err = path_walk_parent(c, NULL, where, 0, &dir, last, &type, &slash);
	if (err)
		return err;
	struct inode *in = dir.dentry->inode;
	if (type != LAST_NORM)
		err = -EBUSY;
	else if (in->ops->walk(in, c, last, strlen(last), STEP_DIRECTORY | STEP_NOFOLLOW, &step) ==
		 0)
		m->over = step.dentry;
	else if (!(m->over = dentry_new(NULL, in, last, strlen(last))))
		err = -ENOMEM;
	if (!err && m->over->dir != in) {
		inode_put(m->over->dir);
		m->over->dir = inode_get(in);
	}
	m->parent = dir.mnt;
	m->at_root = !err && inode_same(in, dir.mnt->root->inode);
	path_put(&dir);
	return err;
}

int mount_table_add(struct mount_table *t, const char *where, struct filesystem *fs, unsigned flags,
		    const char *source)
{
	struct mount *m = mount_new(where, fs, flags, source);
	int err = 0;

	if (!m)
		return -ENOMEM;
	if (t->root) {
		struct caller c = { .cred = t->monitor,
				    .fs = fs_struct_new(t),
				    .fsize_limit = UINT64_MAX };
		err = c.fs ? find_over(&c, where, m) : -ENOMEM;
		fs_struct_put(c.fs);
	}
	if (err)
		mount_free(m);
	else
		mount_link(t, m);
	return err;
}
