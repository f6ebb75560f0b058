/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads file systems in memory. See header. */
#include "fs/ramfs/save.h"

#include <errno.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cred/user_ns.h"
#include "fs/mount.h"
#include "fs/ramfs/internal.h"
#include "fs/saved.h"
#include "mm/mm.h"
#include "mm/pagestore_save.h"

#define XATTRS_MAX (128UL << 10)

/* Who may see and set every attribute. */
struct all_powerful {
	struct user_namespace ns;
	struct caller caller;
	struct cred cred; /* without groups, which would follow */
};

static void all_powerful(struct all_powerful *a, const struct caller *c)
{
	memset(a, 0, sizeof *a);
	a->ns.ns.kind = NS_USER;
	a->cred.user_ns = &a->ns;
	a->cred.cap_effective = ~0UL;
	a->caller = *c;
	a->caller.cred = &a->cred;
}

/* ---- what all inodes have ---- */

static int save_xattrs(struct saver *s, struct ramfs_inode *ri)
{
	struct all_powerful all;
	size_t place = encode_place(&s->out);
	uint64_t nr = 0;

	all_powerful(&all, s->caller);
	ssize_t len = ramfs_listxattr(&ri->inode, &all.caller, NULL, 0);
	char *names = malloc(len > 0 ? (size_t)len : 1), *value = malloc(XATTR_SIZE_MAX);
	if (!names || !value || len < 0)
		len = -ENOMEM;
	else
		len = ramfs_listxattr(&ri->inode, &all.caller, names, (size_t)len);
	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t n =
		    ramfs_getxattr(&ri->inode, &all.caller, names + at, value, XATTR_SIZE_MAX);
		if (n < 0)
			continue;
		encode_string(&s->out, names + at);
		encode_bytes(&s->out, value, (size_t)n);
		nr++;
	}
	free(names);
	free(value);
	encode_at(&s->out, place, nr);
	return len < 0 ? (int)len : 0;
}

static void save_time(struct encoder *out, const struct timespec *ts)
{
	encode_signed(out, ts->tv_sec);
	encode_signed(out, ts->tv_nsec);
}

static int save_attributes(struct saver *s, struct ramfs_inode *ri)
{
	struct encoder *out = &s->out;

	encode(out, ri->mode);
	encode(out, ri->ino);
	encode(out, ri->rdev);
	encode(out, ri->uid);
	encode(out, ri->gid);
	save_time(out, &ri->atime);
	save_time(out, &ri->mtime);
	save_time(out, &ri->ctime);
	save_time(out, &ri->btime);
	return save_xattrs(s, ri);
}

struct attributes {
	mode_t mode;
	uint64_t ino;
	dev_t rdev;
	uid_t uid;
	gid_t gid;
	struct timespec atime, mtime, ctime, btime;
	struct decoder xattrs;
};

static struct timespec load_time(struct decoder *in)
{
	struct timespec ts = { .tv_sec = (time_t)decode(in) };

	ts.tv_nsec = (long)decode_between(in, 0, 999999999);
	return ts;
}

static void skip_xattrs(struct decoder *in)
{
	uint64_t nr = decode_count(in, 2 * sizeof(uint64_t));
	size_t len;

	for (uint64_t i = 0; i < 2 * nr && !in->failed; i++)
		(void)decode_bytes(in, &len);
}

static void load_attributes(struct decoder *in, struct attributes *a)
{
	a->mode = (mode_t)decode_max(in, 0177777);
	a->ino = decode_max(in, UINT64_MAX / 2);
	a->rdev = decode(in);
	a->uid = (uid_t)decode_max(in, UINT32_MAX);
	a->gid = (gid_t)decode_max(in, UINT32_MAX);
	a->atime = load_time(in);
	a->mtime = load_time(in);
	a->ctime = load_time(in);
	a->btime = load_time(in);
	a->xattrs = *in;
	skip_xattrs(in);
}

static int set_xattrs(struct loader *l, struct ramfs_inode *ri, struct decoder *in)
{
	struct all_powerful all;
	uint64_t nr = decode_count(in, 2 * sizeof(uint64_t));
	int err = 0;

	all_powerful(&all, l->caller);
	for (uint64_t i = 0; i < nr && !err; i++) {
		char *name = decode_string(in, XATTR_NAME_MAX + 1);
		size_t len;
		const void *value = decode_bytes(in, &len);

		if (!name || !value || len > XATTR_SIZE_MAX)
			err = loader_damaged(l, "an extended attribute");
		else
			err = ramfs_setxattr(&ri->inode, &all.caller, name, value, len, 0);
		free(name);
	}
	return err;
}

/* Last of all, so that nothing else changes them. */
static int set_attributes(struct loader *l, struct ramfs_inode *ri, struct attributes *a)
{
	struct ramfs *r = ramfs_of(&ri->inode);
	int err = set_xattrs(l, ri, &a->xattrs);

	mutex_lock(&r->lock);
	ri->mode = a->mode;
	ri->ino = a->ino;
	ri->uid = a->uid;
	ri->gid = a->gid;
	ri->atime = a->atime;
	ri->mtime = a->mtime;
	ri->ctime = a->ctime;
	ri->btime = a->btime;
	if (r->next_ino < a->ino)
		r->next_ino = a->ino;
	mutex_unlock(&r->lock);
	return err;
}

static int new_inode(struct loader *l, struct ramfs *r, const struct attributes *a,
		     struct ramfs_inode **out)
{
	struct all_powerful all;

	all_powerful(&all, l->caller);
	return ramfs_inode_new(r, &all.caller, NULL, a->mode, a->rdev, out);
}

/* ---- files ---- */

/* Its number among those that are saved; 0: the one without a mount, of memfds. */
static uint64_t number_of(const struct saver *s, const struct filesystem *fs)
{
	for (size_t i = 0; i < s->nr_filesystems; i++)
		if (s->filesystems[i] == fs)
			return i + 1;
	return 0;
}

static int inode_save(struct saver *s, void *object)
{
	struct ramfs_inode *ri = object;
	int err;

	encode(&s->out, number_of(s, ri->inode.fs));
	err = save_attributes(s, ri);
	if (!err && S_ISLNK(ri->mode))
		encode_string(&s->out, ri->target);
	if (!err && S_ISREG(ri->mode)) {
		encode(&s->out, ri->seals);
		err = pagestore_save(s, &ri->store);
	}
	return err;
}

/* The file system of that number, a reference. */
static int filesystem_of(struct loader *l, uint64_t number, struct filesystem **out)
{
	struct caller *c = l->caller;

	if (number > l->nr_filesystems)
		return loader_damaged(l, "the number of a file system");
	if (!number)
		return vfs_memfs(c->fs->vfs, c->mem, out);
	*out = l->filesystems[number - 1];
	return 0;
}

static int load_contents(struct loader *l, struct ramfs_inode *ri)
{
	if (S_ISLNK(ri->mode)) {
		ri->target = decode_string(&l->in, PATH_MAX);
		return ri->target ? 0 : loader_damaged(l, "a symlink");
	}
	if (!S_ISREG(ri->mode))
		return 0;
	ri->seals = (unsigned)decode_max(&l->in, 0x3f);
	return pagestore_load(l, &ri->store);
}

static int inode_load(struct loader *l, void **out)
{
	struct filesystem *fs;
	struct attributes a;
	struct ramfs_inode *ri;
	int err = filesystem_of(l, decode(&l->in), &fs);

	if (err)
		return err;
	load_attributes(&l->in, &a);
	if (l->in.failed || S_ISDIR(a.mode))
		return loader_damaged(l, "a file in memory");
	err = new_inode(l, container_of(fs, struct ramfs, fs), &a, &ri);
	if (err)
		return err;
	err = load_contents(l, ri);
	if (!err)
		err = set_attributes(l, ri, &a);
	if (err) {
		if (S_ISLNK(ri->inode.type) && !ri->target)
			ri->target = strdup("");
		inode_put(&ri->inode);
		return err;
	}
	*out = ri;
	return 0;
}

static void inode_drop(void *object)
{
	struct ramfs_inode *ri = object;

	inode_put(&ri->inode);
}

const struct saved_kind ramfs_inode_saved = {
	.name = FILE_IN_MEMORY,
	.save = inode_save,
	.load = inode_load,
	.put = inode_drop,
};

struct pagesource *ramfs_source_of(void *object)
{
	struct ramfs_inode *ri = object;

	return S_ISREG(ri->inode.type) ? &ri->source : NULL;
}

/* ---- open files without a name ---- */

static int memfd_save(struct saver *s, void *object)
{
	struct file *f = object;

	encode(&s->out, saved_object(s, &ramfs_inode_saved, ramfs_inode(file_inode(f))));
	encode_string(&s->out, f->path.dentry->name);
	encode(&s->out, f->anon_name != NULL);
	file_save_state(s, f);
	return 0;
}

static int memfd_load(struct loader *l, void **out)
{
	struct caller *c = l->caller;
	struct file state = { .flags = 0 }, *f = NULL;
	void *object;
	int err = loaded_object(l, decode(&l->in), &ramfs_inode_saved, &object);
	char *name = decode_string(&l->in, PATH_MAX);
	bool anon = decode_bool(&l->in);

	if (!err)
		err = file_load_state(l, &state);
	if (!err && (!object || !name || !ramfs_source_of(object)))
		err = loader_damaged(l, "a file without a name");
	if (!err) {
		struct ramfs_inode *ri = object;
		struct dentry *d = dentry_new(inode_get(&ri->inode), NULL, name, strlen(name));
		err = d ? ramfs_file_new(ri, d, (int)state.flags, &f) : -ENOMEM;
		if (d)
			dentry_put(d);
	}
	free(name);
	if (err)
		return err;
	f->path.mnt = mount_get(c->fs->vfs->internal);
	if (anon)
		f->anon_name = f->path.dentry->name;
	f->flags = state.flags;
	f->pos = state.pos;
	*out = f;
	return 0;
}

const struct saved_kind memfd_saved = {
	.name = FILE_WITHOUT_NAME,
	.save = memfd_save,
	.load = memfd_load,
	.put = file_saved_put,
};

/* ---- names ---- */

/* Directories from the root down, and of each what is in it: no recursion, however deep a guest has
 * built. */
struct dir_list {
	struct ramfs_inode **dirs;
	size_t nr, room;
};

static int dir_add(struct dir_list *d, struct ramfs_inode *ri)
{
	if (d->nr == d->room) {
		size_t room = d->room ? 2 * d->room : 64;
		struct ramfs_inode **dirs = realloc(d->dirs, room * sizeof *dirs);
		if (!dirs)
			return -ENOMEM;
		d->dirs = dirs;
		d->room = room;
	}
	d->dirs[d->nr++] = ri;
	return 0;
}

static int save_entry(struct saver *s, struct dir_list *d, const struct ramfs_entry *e)
{
	bool dir = S_ISDIR(e->inode->mode);

	encode_string(&s->out, e->name);
	encode(&s->out, dir);
	if (!dir) {
		const char *why = saved_refusal(s, &ramfs_inode_saved, e->inode);
		if (why)
			return errmsg_set(s->errmsg, ENOTSUP, "the file in memory %s is %s",
					  e->name, why);
		encode(&s->out, saved_object(s, &ramfs_inode_saved, e->inode));
		return 0;
	}
	int err = dir_add(d, e->inode);
	return err ? err : save_attributes(s, e->inode);
}

int ramfs_save(struct saver *s, struct filesystem *fs)
{
	struct dir_list d = { .nr = 0 };
	int err = dir_add(&d, ramfs_inode(fs->root));

	if (!err)
		err = save_attributes(s, ramfs_inode(fs->root));
	size_t place = encode_place(&s->out);
	for (size_t i = 0; i < d.nr && !err; i++) {
		const struct ramfs_dir *dir = &d.dirs[i]->dir;

		encode(&s->out, dir->entries);
		for (struct rb_node *n = rb_first(&dir->by_pos); n && !err; n = rb_next(n))
			err = save_entry(s, &d, rb_entry(n, struct ramfs_entry, pos_node));
	}
	encode_at(&s->out, place, d.nr);
	free(d.dirs);
	return err;
}

uint64_t ramfs_dir_changes(struct filesystem *fs)
{
	return container_of(fs, struct ramfs, fs)->dir_changes;
}

static void drop_entry(struct ramfs_inode *dir, struct ramfs_entry *e)
{
	struct ramfs_inode *ri = ramfs_leave(dir, e);

	ri->nlink--;
	inode_put(&ri->inode);
}

/* What the copy's configuration has put there; directories stay for what is mounted on them. */
static void drop_files(struct ramfs_inode *dir)
{
	struct rb_node *n = rb_first(&dir->dir.by_pos), *next;

	for (; n; n = next) {
		struct ramfs_entry *e = rb_entry(n, struct ramfs_entry, pos_node);
		next = rb_next(n);
		if (!S_ISDIR(e->inode->mode))
			drop_entry(dir, e);
	}
}

static int load_dir(struct loader *l, struct dir_list *d, struct ramfs_inode *dir, const char *name)
{
	struct ramfs *r = ramfs_of(&dir->inode);
	struct ramfs_entry *e = ramfs_find(dir, name, strlen(name));
	struct attributes a;
	struct ramfs_inode *ri = e ? e->inode : NULL;
	int err = 0;

	load_attributes(&l->in, &a);
	if (l->in.failed || !S_ISDIR(a.mode) || (ri && !S_ISDIR(ri->mode)))
		return loader_damaged(l, "a directory in memory");
	if (!ri) {
		err = new_inode(l, r, &a, &ri);
		if (err)
			return err;
		mutex_lock(&r->lock);
		err = ramfs_enter(dir, name, strlen(name), ri);
		if (!err) {
			ri->nlink = 2;
			dir->nlink++;
			ramfs_set_parent(ri, dir);
		}
		mutex_unlock(&r->lock);
		inode_put(&ri->inode); /* the entry has one */
	}
	if (!err)
		err = dir_add(d, ri);
	return err ? err : set_attributes(l, ri, &a);
}

static int load_file(struct loader *l, struct ramfs_inode *dir, const char *name)
{
	struct ramfs *r = ramfs_of(&dir->inode);
	void *object;
	int err = loaded_object(l, decode(&l->in), &ramfs_inode_saved, &object);
	struct ramfs_inode *ri = object;

	if (!err && (!ri || ri->inode.fs != dir->inode.fs || ramfs_find(dir, name, strlen(name))))
		err = loader_damaged(l, "a name in memory");
	if (err)
		return err;
	mutex_lock(&r->lock);
	err = ramfs_enter(dir, name, strlen(name), ri);
	if (!err)
		ri->nlink++;
	mutex_unlock(&r->lock);
	return err;
}

static int load_entry(struct loader *l, struct dir_list *d, struct ramfs_inode *dir)
{
	char *name = decode_string(&l->in, NAME_MAX + 1);
	bool is_dir = decode_bool(&l->in);
	int err;

	if (!name || !*name || strchr(name, '/') || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		err = loader_damaged(l, "a name in memory");
	else
		err = is_dir ? load_dir(l, d, dir, name) : load_file(l, dir, name);
	free(name);
	return err;
}

/* A directory's own times are those of the snapshot again when all is in it. */
static int load_dirs(struct loader *l, struct dir_list *d, uint64_t nr)
{
	int err = 0;

	for (uint64_t i = 0; i < nr && !err; i++) {
		if (i >= d->nr)
			return loader_damaged(l, "the directories of a file system in memory");
		struct ramfs_inode *dir = d->dirs[i];
		struct timespec mtime = dir->mtime, ctime = dir->ctime;
		uint64_t entries = decode_count(&l->in, 3 * sizeof(uint64_t));

		drop_files(dir);
		for (uint64_t k = 0; k < entries && !err; k++)
			err = load_entry(l, d, dir);
		dir->mtime = mtime;
		dir->ctime = ctime;
	}
	return err;
}

int ramfs_load(struct loader *l, struct filesystem *fs)
{
	struct dir_list d = { .nr = 0 };
	struct ramfs_inode *root = ramfs_inode(fs->root);
	struct attributes a;
	int err = dir_add(&d, root);

	load_attributes(&l->in, &a);
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));
	if (!err && (l->in.failed || !S_ISDIR(a.mode)))
		err = loader_damaged(l, "the root of a file system in memory");
	if (!err)
		err = set_attributes(l, root, &a);
	if (!err)
		err = load_dirs(l, &d, nr);
	free(d.dirs);
	return err;
}
