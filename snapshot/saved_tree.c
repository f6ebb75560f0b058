/* SPDX-License-Identifier: Apache-2.0 */
/* Saves which file systems there are, and finds or makes them in a copy. See the headers. */
#include "snapshot/saved_tree.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "fs/devpts.h"
#include "fs/hostfs/hostfs.h"
#include "fs/mount.h"
#include "fs/overlay/overlay.h"
#include "fs/ramfs/ramfs.h"
#include "fs/ramfs/save.h"
#include "fs/saved_place.h"
#include "ipc/mqueue.h"
#include "kernel/sandbox.h"
#include "kernel/tty/pty.h"
#include "proc/proc.h"
#include "proc/pseudo.h"
#include "snapshot/process.h"
#include "util/array.h"

/* Overlays over overlays; Linux has 2 levels. */
#define DEPTH_MAX  16
#define LAYERS_MAX 500

struct filesystem *memory_of(struct filesystem *fs)
{
	struct filesystem *upper = overlay_upper(fs);

	if (upper)
		fs = upper;
	return filesystem_is_ramfs(fs) ? fs : NULL;
}

/* ---- types that a program can mount ---- */

struct made_type {
	const char *name;
	/* The parameters; NULL: there are none. */
	void (*save)(struct saver *s, struct filesystem *fs);
	/* NULL: when the others are there. */
	int (*make)(struct loader *l, struct filesystem **out);
};

static void save_tmpfs(struct saver *s, struct filesystem *fs)
{
	struct ramfs_options o;

	ramfs_options_of(fs, &o);
	encode(&s->out, o.max_bytes);
	encode(&s->out, o.max_inodes);
	encode(&s->out, o.default_bytes);
	encode(&s->out, o.default_inodes);
	encode(&s->out, o.mode);
	encode(&s->out, o.uid);
	encode(&s->out, o.gid);
}

static int make_ramfs(struct loader *l, const char *type, struct filesystem **out)
{
	struct sandbox *sb = l->sandbox;
	struct ramfs_options o = { .type = type };

	o.max_bytes = decode(&l->in);
	o.max_inodes = decode(&l->in);
	o.default_bytes = decode(&l->in);
	o.default_inodes = decode(&l->in);
	o.mode = (mode_t)decode_max(&l->in, 07777);
	o.uid = (uid_t)decode_max(&l->in, UINT32_MAX);
	o.gid = (gid_t)decode_max(&l->in, UINT32_MAX);
	if (l->in.failed)
		return loader_damaged(l, "a file system in memory");
	return ramfs_create(&sb->mem, vfs_new_dev(sb->vfs), &o, out);
}

static int make_tmpfs(struct loader *l, struct filesystem **out)
{
	return make_ramfs(l, "tmpfs", out);
}

static int make_devtmpfs(struct loader *l, struct filesystem **out)
{
	return make_ramfs(l, "devtmpfs", out);
}

/* A proc shows processes as one namespace of theirs has them, a sysfs a network. */
static void save_pseudo(struct saver *s, struct filesystem *fs)
{
	encode(&s->out, s->ns(s, pseudo_fs_ns(fs)));
}

static void save_proc(struct saver *s, struct filesystem *fs)
{
	const struct proc_options *o = pseudo_fs_options(fs);

	save_pseudo(s, fs);
	encode(&s->out, o->hide);
	encode(&s->out, o->gid);
	encode(&s->out, o->pids_only);
}

static int make_proc(struct loader *l, struct filesystem **out)
{
	struct pid_namespace *pids;
	int err = pid_ns_loaded(l, decode(&l->in), &pids);
	struct proc_options o;

	o.hide = (unsigned)decode_max(&l->in, PROC_HIDE_UNTRACED);
	o.gid = (gid_t)decode_max(&l->in, UINT32_MAX);
	o.pids_only = decode_bool(&l->in);
	return err ? err : procfs_create(l->sandbox, pids, &o, out);
}

static int make_sysfs(struct loader *l, struct filesystem **out)
{
	void *ns;
	int err = l->ns(l, decode(&l->in), &ns);

	if (!err && (!ns || ((struct ns_common *)ns)->kind != NS_NET))
		err = loader_damaged(l, "a sysfs");
	return err ? err : sysfs_create(l->sandbox, ns, out);
}

static void save_devpts(struct saver *s, struct filesystem *fs)
{
	struct devpts_options o;

	devpts_options_of(fs, &o);
	encode(&s->out, o.uid_given);
	encode(&s->out, o.gid_given);
	encode(&s->out, o.uid);
	encode(&s->out, o.gid);
	encode(&s->out, o.mode);
	encode(&s->out, o.ptmx_mode);
}

static int make_devpts(struct loader *l, struct filesystem **out)
{
	struct sandbox *sb = l->sandbox;
	struct devpts_options o = { .uid_given = decode_bool(&l->in) };

	o.gid_given = decode_bool(&l->in);
	o.uid = (uid_t)decode_max(&l->in, UINT32_MAX);
	o.gid = (gid_t)decode_max(&l->in, UINT32_MAX);
	o.mode = (mode_t)decode_max(&l->in, 0777);
	o.ptmx_mode = (mode_t)decode_max(&l->in, 0777);
	if (l->in.failed)
		return loader_damaged(l, "a file system of terminals");
	if (!sb->ptys)
		return errmsg_set(l->errmsg, ENOTSUP,
				  "the program has mounted a devpts, and this configuration has no "
				  "/dev/pts");
	return pty_instance_create(sb, &o, out);
}

static void save_mqueue(struct saver *s, struct filesystem *fs)
{
	encode(&s->out, ipc_ns_number(s, mqueue_fs_namespace(fs)));
}

static int find_mqueue(struct loader *l, struct filesystem **out)
{
	struct ipc_namespace *ns;
	int err = ipc_ns_of_number(l, decode(&l->in), &ns);

	if (!err)
		*out = mqueue_fs_get(ns);
	return err;
}

static int find_nsfs(struct loader *l, struct filesystem **out)
{
	const struct sandbox *sb = l->sandbox;

	*out = filesystem_get(sb->vfs->nsfs);
	return 0;
}

static void save_overlay(struct saver *s, struct filesystem *fs)
{
	struct overlay_options o;
	size_t place = encode_place(&s->out), start = s->out.len;
	bool written = overlay_has_upper(fs);

	overlay_options_of(fs, &o);
	encode(&s->out, o.nr_lower);
	for (unsigned i = 0; i < o.nr_lower; i++)
		tree_save_inode(s, o.lower[i].fs, o.lower[i].dir, NULL);
	encode(&s->out, written);
	if (written) {
		tree_save_inode(s, o.upper.fs, o.upper.dir, NULL);
		tree_save_inode(s, o.upper.fs, o.work, NULL);
	}
	encode(&s->out, saved_object(s, &cred_kind, (void *)(uintptr_t)o.mounter));
	encode(&s->out, o.user_marks);
	encode_string(&s->out, o.shown);
	encode_at(&s->out, place, s->out.len - start);
}

static const struct made_type types[] = {
	{ "tmpfs", save_tmpfs, make_tmpfs },    { "devtmpfs", save_tmpfs, make_devtmpfs },
	{ "proc", save_proc, make_proc },       { "sysfs", save_pseudo, make_sysfs },
	{ "devpts", save_devpts, make_devpts }, { "nsfs", NULL, find_nsfs },
	{ "mqueue", save_mqueue, find_mqueue }, { "overlay", save_overlay, NULL },
};
#define NR_TYPES (sizeof types / sizeof *types)

/* From 1 on; 0: none. */
static size_t type_number(const char *name)
{
	size_t n = NR_TYPES;

	while (n && strcmp(types[n - 1].name, name) != 0)
		n--;
	return n;
}

/* ---- saving ---- */

/* From 1 on; 0: it is none of them. */
static uint64_t fs_number(const struct saved_tree *t, const struct filesystem *fs)
{
	for (size_t i = 0; i < t->nr_fs; i++)
		if (t->fs[i].fs == fs)
			return i + 1;
	return 0;
}

static int add_fs(struct saver *s, struct filesystem *fs, unsigned depth);

static int add_layers(struct saver *s, struct filesystem *fs, unsigned depth)
{
	struct overlay_options o;
	int err = 0;

	overlay_options_of(fs, &o);
	for (unsigned i = 0; i < o.nr_lower && !err; i++)
		err = add_fs(s, o.lower[i].fs, depth + 1);
	return !err && overlay_has_upper(fs) ? add_fs(s, o.upper.fs, depth + 1) : err;
}

static bool has_memory(const struct saver *s, const struct filesystem *memory)
{
	for (size_t i = 0; i < s->nr_filesystems; i++)
		if (s->filesystems[i] == memory)
			return true;
	return false;
}

static int note_memory(struct saver *s, struct tree_fs *f)
{
	struct filesystem *memory = f->fs->place                 ? memory_of(f->fs)
				    : overlay_upper(f->fs)       ? NULL
				    : filesystem_is_ramfs(f->fs) ? f->fs
								 : NULL;

	if (!memory || has_memory(s, memory))
		return 0;
	void **more = reallocarray(s->filesystems, s->nr_filesystems + 1, sizeof *more);
	if (!more)
		return -ENOMEM;
	s->filesystems = more;
	s->filesystems[s->nr_filesystems++] = memory;
	f->memory = true;
	return 0;
}

static int add_fs(struct saver *s, struct filesystem *fs, unsigned depth)
{
	struct saved_tree *t = s->tree;
	int err = 0;

	if (fs_number(t, fs))
		return 0;
	if ((!fs->place && !type_number(fs->type)) || depth > DEPTH_MAX)
		return errmsg_set(s->errmsg, ENOTSUP,
				  "a %s is mounted, which a snapshot cannot hold yet", fs->type);
	if (strcmp(fs->type, "mqueue") == 0 && !mqueue_fs_namespace(fs))
		return errmsg_set(s->errmsg, ENOTSUP,
				  "message queues are mounted whose IPC namespace is gone, which a "
				  "snapshot cannot hold yet");
	if (!fs->place && overlay_upper(fs))
		err = add_layers(s, fs, depth);
	if (!err)
		err = array_grow((void **)&t->fs, t->nr_fs, &t->fs_room, sizeof *t->fs);
	if (err)
		return err;
	t->fs[t->nr_fs] = (struct tree_fs){ .fs = fs };
	return note_memory(s, &t->fs[t->nr_fs++]);
}

int tree_add_fs(struct saver *s, struct filesystem *fs)
{
	return add_fs(s, fs, 0);
}

int tree_save_fs(struct saver *s)
{
	const struct saved_tree *t = s->tree;

	encode(&s->out, t->nr_fs);
	for (size_t i = 0; i < t->nr_fs; i++) {
		struct filesystem *fs = t->fs[i].fs;
		size_t type = fs->place ? 0 : type_number(fs->type);

		encode(&s->out, type);
		encode_string(&s->out, fs->place);
		encode(&s->out, fs->place_nr);
		encode(&s->out, t->fs[i].memory);
		encode(&s->out, fs->dev);
		encode(&s->out, fs->readonly);
		encode(&s->out, fs->shown);
		if (type && types[type - 1].save)
			types[type - 1].save(s, fs);
	}
	return 0;
}

/* ---- loading ---- */

static int find_configured(struct loader *l, const char *place, uint64_t nr, struct tree_fs *out)
{
	const struct sandbox *sb = l->sandbox;
	const struct mount *m;

	list_for_each (m, &sb->vfs->mounts, all_node) {
		struct filesystem *fs = m->fs;
		if (out->fs || !fs->place || strcmp(fs->place, place) != 0 || fs->place_nr != nr)
			continue;
		out->fs = filesystem_get(fs);
		out->locked = m->locked;
	}
	return out->fs ? 0
		       : errmsg_set(l->errmsg, ENOTSUP,
				    "the program uses what is mounted at %s, where this "
				    "configuration has nothing",
				    place);
}

static int check_memory(struct loader *l, const struct tree_fs *f, const char *place)
{
	int err = 0;

	if (f->memory && place && !memory_of(f->fs))
		err = errmsg_set(l->errmsg, ENOTSUP,
				 "the program has a file system in memory at %s, where this "
				 "configuration has none",
				 place);
	else if (f->memory && !place && !(f->fs && filesystem_is_ramfs(f->fs)))
		err = loader_damaged(l, "a file system in memory");
	if (err || !f->memory)
		return err;
	void **more = reallocarray(l->filesystems, l->nr_filesystems + 1, sizeof *more);
	if (!more)
		return -ENOMEM;
	l->filesystems = more;
	l->filesystems[l->nr_filesystems++] = place ? memory_of(f->fs) : f->fs;
	return 0;
}

/* Its number, unless that is one of what the copy's configuration has mounted. */
static void take_dev(struct loader *l, struct filesystem *fs, uint64_t dev)
{
	struct sandbox *sb = l->sandbox;
	const struct saved_tree *t = l->tree;
	unsigned nr = minor((dev_t)dev);

	if (!fs->dev || major((dev_t)dev) || nr < t->first_dev || nr > UINT32_MAX / 2)
		return;
	fs->dev = (dev_t)dev;
	if (sb->vfs->next_dev <= nr)
		sb->vfs->next_dev = nr + 1;
}

static void set_state(struct loader *l, struct tree_fs *f)
{
	bool configured = f->fs->place;

	f->fs->readonly = f->readonly || (configured && f->fs->readonly);
	f->fs->shown = f->shown & (MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK | MS_LAZYTIME);
	if (!configured)
		take_dev(l, f->fs, f->dev);
}

static int skip_layers(struct loader *l, struct tree_fs *f)
{
	size_t len;
	const void *p = decode_bytes(&l->in, &len);

	if (!p)
		return loader_damaged(l, "an overlay");
	decoder_init(&f->layers, p, len);
	return 0;
}

static int load_one(struct loader *l, struct tree_fs *f)
{
	struct sandbox *sb = l->sandbox;
	size_t type = decode_max(&l->in, NR_TYPES);
	char *place = decode_string(&l->in, PATH_MAX);
	uint64_t nr = decode(&l->in);

	f->memory = decode_bool(&l->in);
	f->dev = decode(&l->in);
	f->readonly = decode_bool(&l->in);
	f->shown = (unsigned)decode_max(&l->in, UINT32_MAX);
	int err = l->in.failed || !type != (place != NULL) ? loader_damaged(l, "a file system") : 0;
	if (!err && !type)
		err = find_configured(l, place, nr, f);
	else if (!err && types[type - 1].make)
		err = types[type - 1].make(l, &f->fs);
	else if (!err)
		err = skip_layers(l, f);
	if (!err)
		err = check_memory(l, f, place);
	if (!err && f->fs && f->fs != sb->vfs->nsfs)
		set_state(l, f);
	free(place);
	return err;
}

int tree_load_fs(struct loader *l)
{
	struct saved_tree *t = l->tree;
	const struct sandbox *sb = l->sandbox;
	uint64_t nr = decode_count(&l->in, 7 * sizeof(uint64_t));
	int err = 0;

	t->first_dev = sb->vfs->next_dev;
	t->fs = calloc(nr + 1, sizeof *t->fs);
	if (!t->fs)
		return -ENOMEM;
	for (; t->nr_fs < nr && !err; t->nr_fs++)
		err = load_one(l, &t->fs[t->nr_fs]);
	return err;
}

/* ---- what lies in them ---- */

void tree_save_inode(struct saver *s, struct filesystem *fs, struct inode *i, struct dentry *d)
{
	char name[PATH_MAX];

	encode(&s->out, fs_number(s->tree, fs));
	encode_string(&s->out, inode_path(i, d, name) < 0 ? NULL : name);
}

int tree_load_inode(struct loader *l, struct tree_fs **fs, struct dentry **out)
{
	const struct saved_tree *t = l->tree;
	uint64_t number = decode_max(&l->in, t->nr_fs);
	char *name = decode_string(&l->in, PATH_MAX);
	int err = 0;

	*fs = number ? &t->fs[number - 1] : NULL;
	if (!number || !(*fs)->fs || !name || name[0] != '/' || l->in.failed)
		err = loader_damaged(l, "a directory of a file system");
	if (!err)
		err = place_in((*fs)->fs, l->caller, name, out);
	if (err && err != -EBADMSG)
		err = errmsg_set(l->errmsg, -err, "%s, which the program has mounted: %s", name,
				 strerror(-err));
	free(name);
	return err;
}

/* ---- overlays ---- */

/* A directory of a layer: its two references. `locked`: flags that the file system must not have
 * for good. */
static int load_layer(struct loader *l, unsigned locked, struct overlay_layer *out)
{
	struct tree_fs *f;
	struct dentry *d;
	int err = tree_load_inode(l, &f, &d);

	if (!err && (f->locked & locked || (locked && overlay_upper(f->fs)))) {
		err =
		    errmsg_set(l->errmsg, ENOTSUP,
			       "an overlay of the program's writes to what this configuration has "
			       "read-only");
		dentry_put(d);
	}
	if (err)
		return err;
	*out = (struct overlay_layer){ filesystem_get(f->fs), inode_get(d->inode) };
	dentry_put(d);
	return 0;
}

static void layer_put(struct overlay_layer *layer)
{
	inode_put(layer->dir);
	filesystem_put(layer->fs);
	*layer = (struct overlay_layer){ NULL, NULL };
}

/* "work" lies in the directory that is wanted. */
static int load_work(struct loader *l, const struct overlay_layer *upper, struct inode **out)
{
	struct overlay_layer work = { NULL, NULL };
	struct dentry *above = NULL;
	int err = load_layer(l, MOUNT_RDONLY, &work);

	if (!err && (work.fs != upper->fs || work.dir == work.fs->root))
		err = loader_damaged(l, "an overlay");
	if (!err)
		err = work.dir->ops->parent(work.dir, l->caller, &above);
	if (!err) {
		*out = inode_get(above->inode);
		dentry_put(above);
	}
	layer_put(&work);
	return err;
}

/* Without a directory to write to: nothing comes into this one. */
static int empty_upper(struct sandbox *sb, struct overlay_layer *out)
{
	const struct ramfs_options opt = { .type = "tmpfs", .mode = 0755 };

	return ramfs_create(&sb->mem, vfs_new_dev(sb->vfs), &opt, &out->fs);
}

static int load_upper(struct loader *l, struct overlay_options *o)
{
	struct sandbox *sb = l->sandbox;

	o->readonly = !decode_bool(&l->in);
	if (o->readonly)
		return empty_upper(sb, &o->upper);
	int err = load_layer(l, MOUNT_RDONLY, &o->upper);
	if (!err)
		err = load_work(l, &o->upper, &o->work);
	if (!err)
		hostfs_take_whiteouts(o->upper.fs);
	return err;
}

static int load_options(struct loader *l, struct overlay_options *o)
{
	uint64_t nr = decode_count(&l->in, 2 * sizeof(uint64_t));
	void *cred = NULL;
	int err = 0;

	if (!nr || nr > LAYERS_MAX)
		return loader_damaged(l, "an overlay");
	o->lower = calloc(nr, sizeof *o->lower);
	if (!o->lower)
		return -ENOMEM;
	for (; o->nr_lower < nr && !err; o->nr_lower += !err)
		err = load_layer(l, 0, &o->lower[o->nr_lower]);
	if (!err)
		err = load_upper(l, o);
	if (!err)
		err = loaded_object(l, decode(&l->in), &cred_kind, &cred);
	o->mounter = cred;
	o->user_marks = decode_bool(&l->in);
	o->shown = decode_string(&l->in, LAYERS_MAX * (size_t)PATH_MAX);
	if (!err && (l->in.failed || !cred))
		err = loader_damaged(l, "an overlay");
	return err;
}

static int make_overlay(struct loader *l, struct tree_fs *f)
{
	const struct sandbox *sb = l->sandbox;
	struct overlay_options o = { .type = "overlay", .lock_fd = -1 };
	int err = load_options(l, &o);

	if (!err) {
		err = overlay_create(sb->vfs, &o, &f->fs); /* takes all over */
	} else {
		while (o.nr_lower)
			layer_put(&o.lower[--o.nr_lower]);
		layer_put(&o.upper);
		inode_put(o.work);
		free(o.shown);
	}
	free(o.lower);
	return err;
}

int tree_make_overlays(struct loader *l)
{
	struct saved_tree *t = l->tree;
	struct decoder in = l->in;
	int err = 0;

	for (size_t i = 0; i < t->nr_fs && !err; i++) {
		if (t->fs[i].fs)
			continue;
		l->in = t->fs[i].layers;
		err = make_overlay(l, &t->fs[i]);
		if (!err)
			set_state(l, &t->fs[i]);
	}
	l->in = in;
	return err;
}
