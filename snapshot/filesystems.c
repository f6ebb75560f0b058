/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads what is in file systems in memory. See header. */
#include "snapshot/filesystems.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fs/mount_tree.h"
#include "fs/overlay/overlay.h"
#include "fs/ramfs/marks.h"
#include "fs/ramfs/ramfs.h"
#include "fs/ramfs/save.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "snapshot/kept.h"
#include "snapshot/saved_tree.h"
#include "util/array.h"

/* ---- saving ---- */

static bool is_known(const struct saver *s, const struct filesystem *fs)
{
	for (size_t i = 0; i < s->nr_filesystems; i++)
		if (s->filesystems[i] == fs)
			return true;
	return false;
}

/* Where it is mounted: what one finds there is this very mount. */
static bool place_of(struct saver *s, struct mount *m, char name[PATH_MAX])
{
	const struct path all = { NULL, NULL }, root = { m, m->root };
	struct path found;

	if (path_string(&root, &all, name, PATH_MAX) < 0 ||
	    path_walk(s->caller, NULL, name, 0, &found) < 0)
		return false;
	bool same = found.mnt == m;
	path_put(&found);
	return same;
}

/* A file system is found at the first place where it is mounted as a whole. */
static struct mount *mount_of(struct saver *s, struct filesystem *memory, char name[PATH_MAX])
{
	struct sandbox *sb = s->sandbox;
	struct mount *m;

	list_for_each (m, &nsproxy_mnt(sb->nsproxy)->mounts, ns_node)
		if (memory_of(m->fs) == memory && m->root->inode == m->fs->root &&
		    place_of(s, m, name))
			return m;
	return NULL;
}

int filesystems_find(struct saver *s)
{
	struct sandbox *sb = s->sandbox;
	struct mnt_namespace *ns = nsproxy_mnt(sb->nsproxy);
	struct mount *m;
	char name[PATH_MAX];

	if (s->tree) /* it knows them */
		return 0;
	s->filesystems = calloc(ns->nr_mounts + 1, sizeof *s->filesystems);
	if (!s->filesystems)
		return -ENOMEM;
	list_for_each (m, &ns->mounts, ns_node) {
		struct filesystem *memory = memory_of(m->fs);
		if (memory && !is_known(s, memory) && mount_of(s, memory, name))
			s->filesystems[s->nr_filesystems++] = memory;
	}
	return 0;
}

int filesystems_save(struct saver *s)
{
	char name[PATH_MAX];
	int err = 0;

	encode(&s->out, s->nr_filesystems);
	for (size_t i = 0; i < s->nr_filesystems && !s->tree; i++) {
		if (!mount_of(s, s->filesystems[i], name))
			return -ENOENT;
		encode_string(&s->out, name);
	}
	for (size_t i = 0; i < s->nr_filesystems && !err; i++)
		err = ramfs_save(s, s->filesystems[i]);
	return err;
}

void filesystems_free(struct saver *s)
{
	free(s->filesystems);
	s->filesystems = NULL;
	s->nr_filesystems = 0;
}

/* ---- loading ---- */

static int find(struct loader *l, void **out)
{
	char *name = decode_string(&l->in, PATH_MAX);
	struct path p = { NULL, NULL };
	int err = 0;

	if (!name || name[0] != '/')
		err = loader_damaged(l, "the place of a file system in memory");
	else if (path_walk(l->caller, NULL, name, 0, &p) == 0)
		*out = memory_of(p.mnt->fs);
	if (!err && !*out)
		err = errmsg_set(l->errmsg, ENOTSUP,
				 "the program has a file system in memory at %s, where this "
				 "configuration has none",
				 name);
	if (p.dentry)
		path_put(&p); /* the mount stays */
	free(name);
	return err;
}

static int find_all(struct loader *l, uint64_t nr)
{
	int err = 0;

	l->filesystems = calloc(nr + 1, sizeof *l->filesystems);
	if (!l->filesystems)
		return -ENOMEM;
	for (uint64_t i = 0; i < nr && !err; i++)
		err = find(l, &l->filesystems[i]);
	if (!err)
		l->nr_filesystems = nr;
	return err;
}

int filesystems_load(struct loader *l, struct decoder *in)
{
	int err = 0;

	l->in = *in;
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));
	if (!l->tree)
		err = find_all(l, nr);
	else if (nr != l->nr_filesystems)
		err = loader_damaged(l, "the number of file systems in memory");
	for (uint64_t i = 0; i < nr && !err; i++)
		err = ramfs_load(l, l->filesystems[i]);
	if (!err && !decoder_done(&l->in))
		err = loader_damaged(l, "what follows the last file system in memory");
	return err;
}

/* ---- resets ---- */

#define NEVER UINT64_MAX

static struct kept_filesystem *find_kept(const struct snapshot_kept *k, struct filesystem *memory)
{
	for (size_t i = 0; i < k->nr_filesystems; i++)
		if (k->filesystems[i].memory == memory)
			return &k->filesystems[i];
	return NULL;
}

static bool is_loaded(const struct loader *l, const struct filesystem *fs)
{
	for (size_t i = 0; i < l->nr_filesystems; i++)
		if (l->filesystems[i] == fs)
			return true;
	return false;
}

/* Limits that mount(2) has changed. */
static bool has_its_limits(const struct kept_filesystem *f)
{
	struct ramfs_options o;

	ramfs_options_of(f->memory, &o);
	return o.max_bytes == f->max_bytes && o.max_inodes == f->max_inodes;
}

/* What of an overlay was copied up is known to the overlay, too. */
static int keep(struct snapshot_kept *k, struct filesystem *memory, bool below_overlay)
{
	struct kept_filesystem kept = { .memory = memory };
	int err = array_grow((void **)&k->filesystems, k->nr_filesystems, &k->filesystem_room,
			     sizeof kept);

	struct ramfs_options o;
	ramfs_options_of(memory, &o);
	kept.max_bytes = o.max_bytes;
	kept.max_inodes = o.max_inodes;
	if (!err && !below_overlay)
		err = ramfs_mark(memory, &kept.marks);
	if (!err)
		k->filesystems[k->nr_filesystems++] = kept;
	return err;
}

static int keep_all(struct sandbox *sb)
{
	struct mount *top = sb->kept->mounts.top;
	int err = 0;

	for (int overlays = 1; overlays >= 0; overlays--) {
		for (struct mount *m = top; m; m = tree_next(m, top)) {
			struct filesystem *memory = memory_of(m->fs);
			if (!err && memory && (memory != m->fs) == overlays &&
			    !find_kept(sb->kept, memory))
				err = keep(sb->kept, memory, overlays);
		}
	}
	return err;
}

int filesystems_mark(struct loader *l)
{
	struct sandbox *sb = l->sandbox;
	const struct snapshot_kept *k = sb->kept;
	const struct filesystem *bottom = k->mounts.top->fs;
	int err = k->nr_filesystems ? 0 : keep_all(sb);

	for (size_t i = 0; i < k->nr_filesystems; i++) {
		struct kept_filesystem *f = &k->filesystems[i];
		/* nobody sees the one at the bottom (kernel/nsproxy.c), nor what a program that has
		 * mounts of its own has not mounted any more */
		bool known = f->memory == bottom || l->tree || is_loaded(l, f->memory);
		f->changes = known ? ramfs_dir_changes(f->memory) : NEVER;
	}
	return err;
}

bool filesystems_can_go_back(const struct sandbox *sb)
{
	const struct snapshot_kept *k = sb->kept;

	for (size_t i = 0; i < k->nr_filesystems; i++) {
		const struct kept_filesystem *f = &k->filesystems[i];
		if (f->changes == NEVER || !has_its_limits(f) ||
		    (!f->marks && f->changes != ramfs_dir_changes(f->memory)))
			return false;
	}
	return true;
}

int filesystems_go_back(const struct sandbox *sb)
{
	const struct snapshot_kept *k = sb->kept;
	int err = 0;

	for (size_t i = 0; i < k->nr_filesystems && !err; i++) {
		struct kept_filesystem *f = &k->filesystems[i];
		if (f->marks && f->changes != ramfs_dir_changes(f->memory))
			err = ramfs_put_back(f->marks);
		f->changes = ramfs_dir_changes(f->memory);
	}
	return err;
}
