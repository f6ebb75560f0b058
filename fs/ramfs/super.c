/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and destroys instances of ramfs, and lets the monitor put nodes into one before a guest
 * uses it. */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cred/user_ns.h"
#include "fs/ramfs/internal.h"
#include "fs/ramfs/save.h"
#include "mm/mm.h"

static void destroy(struct filesystem *fs)
{
	struct ramfs *r = container_of(fs, struct ramfs, fs);

	if (fs->root) {
		ramfs_empty(ramfs_inode(fs->root));
		inode_put(fs->root);
	}
	mutex_destroy(&r->lock);
	free(r);
}

/* shmem_show_options(): what differs from the defaults. */
static void show_options(struct filesystem *fs, struct text *out)
{
	struct ramfs *r = container_of(fs, struct ramfs, fs);
	const uint64_t unlimited = UINT64_MAX;

	mutex_lock(&r->lock);
	uint64_t bytes = r->quota.max, inodes = r->max_inodes;
	mutex_unlock(&r->lock);
	if (bytes != r->shown.default_bytes)
		text_printf(out, ",size=%luk", bytes == unlimited ? 0 : bytes / 1024);
	if (inodes != r->shown.default_inodes)
		text_printf(out, ",nr_inodes=%lu", inodes == unlimited ? 0 : inodes);
	if (r->shown.mode != 01777)
		text_printf(out, ",mode=%03o", r->shown.mode);
	if (r->shown.uid)
		text_printf(out, ",uid=%u", r->shown.uid);
	if (r->shown.gid)
		text_printf(out, ",gid=%u", r->shown.gid);
}

static const struct filesystem_ops ramfs_ops = { .destroy = destroy, .show_options = show_options };

bool filesystem_is_ramfs(const struct filesystem *fs)
{
	return fs->ops == &ramfs_ops;
}

static bool limit_fits(const uint64_t *limit, uint64_t now, uint64_t used)
{
	return !limit || !*limit || (now != UINT64_MAX && *limit >= used);
}

/* shmem_reconfigure() */
int ramfs_reconfigure(struct filesystem *fs, const uint64_t *max_bytes, const uint64_t *max_inodes)
{
	struct ramfs *r = container_of(fs, struct ramfs, fs);

	mutex_lock(&r->lock);
	bool fits = limit_fits(max_bytes, r->quota.max, r->quota.used) &&
		    limit_fits(max_inodes, r->max_inodes, r->nr_inodes);
	if (fits && max_bytes)
		r->quota.max = *max_bytes ? *max_bytes : UINT64_MAX;
	if (fits && max_inodes)
		r->max_inodes = *max_inodes ? *max_inodes : UINT64_MAX;
	mutex_unlock(&r->lock);
	return fits ? 0 : -EINVAL;
}

void ramfs_options_of(struct filesystem *fs, struct ramfs_options *out)
{
	struct ramfs *r = container_of(fs, struct ramfs, fs);

	mutex_lock(&r->lock);
	*out = r->shown;
	out->max_bytes = r->quota.max == UINT64_MAX ? 0 : r->quota.max;
	out->max_inodes = r->max_inodes == UINT64_MAX ? 0 : r->max_inodes;
	mutex_unlock(&r->lock);
}

static int make_root(struct ramfs *r, const struct ramfs_options *opt)
{
	struct cred owner = { .fsuid = opt->uid, .fsgid = opt->gid };
	struct caller c = { .cred = &owner };
	struct ramfs_inode *root;
	int err = ramfs_inode_new(r, &c, NULL, S_IFDIR | opt->mode, 0, &root);

	if (err)
		return err;
	root->nlink = 2;
	r->fs.root = &root->inode;
	return 0;
}

int ramfs_create(struct mm_host *mem, dev_t dev, const struct ramfs_options *opt,
		 struct filesystem **out)
{
	struct ramfs *r = calloc(1, sizeof *r);

	if (!r)
		return -ENOMEM;
	filesystem_init(&r->fs, &ramfs_ops, opt->type, FS_NOTIFIES);
	r->fs.dev = dev;
	r->arena = mem->arena;
	r->clock = mem->clock;
	r->shown = *opt;
	r->quota.max = opt->max_bytes ? opt->max_bytes : UINT64_MAX;
	if (mem->disk.quota.max && !opt->not_disk)
		r->quota.within = &mem->disk.quota;
	r->max_inodes = opt->max_inodes ? opt->max_inodes : UINT64_MAX;
	mutex_init(&r->lock, LOCK_RAMFS);
	int err = make_root(r, opt);
	if (err) {
		filesystem_put(&r->fs);
		return err;
	}
	*out = &r->fs;
	return 0;
}

/* The directory of `path` and its last name. */
static struct ramfs_inode *find_dir(struct ramfs *r, const char *path, const char **last)
{
	struct ramfs_inode *dir = ramfs_inode(r->fs.root);
	size_t len;

	for (path += strspn(path, "/"); path[len = strcspn(path, "/")]; path += len + 1) {
		struct ramfs_entry *e = ramfs_find(dir, path, len);
		if (!e || !S_ISDIR(e->inode->mode))
			return NULL;
		dir = e->inode;
	}
	*last = path;
	return dir;
}

int ramfs_make(struct filesystem *fs, const char *path, mode_t mode, dev_t dev, const char *target)
{
	struct ramfs *r = container_of(fs, struct ramfs, fs);
	struct user_namespace first = { .ns.kind = NS_USER };
	struct cred root = { .user_ns = &first, .cap_effective = ~0ULL };
	struct caller c = { .cred = &root };
	const char *last;

	struct ramfs_inode *dir = find_dir(r, path, &last);
	if (!dir)
		return -ENOENT;
	if (S_ISLNK(mode))
		return ramfs_symlink(&dir->inode, &c, last, target);
	if (S_ISDIR(mode))
		return ramfs_mkdir(&dir->inode, &c, last, mode & 07777);
	return ramfs_mknod(&dir->inode, &c, last, mode, dev);
}
