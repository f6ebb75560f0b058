/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads what has a name: open files, root and working directory of processes. */
#include "fs/saved.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/anon.h"
#include "fs/saved_place.h"

#define LARGEFILE 0100000 /* what F_GETFL shows of a file opened by name; libc hides it */

/* F_SETFL's, and those that say what the file may be used for. */
#define FLAGS_KEPT                                                                                 \
	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | O_DSYNC | O_SYNC | O_PATH |    \
	 O_DIRECTORY | O_NOFOLLOW | LARGEFILE)

/* Has it no name in its file system? */
static bool is_unnamed(const struct file *f)
{
	const struct path *p = &f->path;
	struct statx st;

	return p->dentry && inode_getattr(p->dentry->inode, NULL, STATX_NLINK, &st) == 0 &&
	       !st.stx_nlink;
}

const struct saved_kind *file_saved_kind(const struct file *f)
{
	if (f->stdio)
		return &file_stdio;
	if (f->ops->saved_by)
		return f->ops->saved_by(f);
	return f->ops->saved_unnamed && is_unnamed(f) ? f->ops->saved_unnamed : f->ops->saved;
}

void file_saved_put(void *file)
{
	file_put(file);
}

uint64_t file_saved(struct saver *s, struct file *f)
{
	return f ? saved_object(s, file_saved_kind(f), f) : 0;
}

int file_loaded(struct loader *l, uint64_t number, struct file **out)
{
	void *f;
	int err = loaded_of(l, number, file_saved_put, &f);

	*out = f ? file_get(f) : NULL;
	return err;
}

/* ---- the standard descriptors ---- */

static int stdio_save(struct saver *s, void *object)
{
	const struct file *f = object;

	encode(&s->out, f->stdio);
	return 0;
}

/* One that the copy has not is closed there. */
static int stdio_load(struct loader *l, void **out)
{
	uint64_t n = decode_max(&l->in, 3);
	struct file *f = n ? l->stdio[n - 1] : NULL;

	*out = f ? file_get(f) : NULL;
	return n ? 0 : loader_damaged(l, "a standard descriptor");
}

const struct saved_kind file_stdio = {
	.name = "standard descriptor",
	.save = stdio_save,
	.load = stdio_load,
	.put = file_saved_put,
};

/* ---- files that are opened again ---- */

static const struct file_ops stale_ops;

static const char *by_path_refused(struct saver *s, void *object)
{
	const struct file *f = object;

	return f->ops == &stale_ops ? NULL : place_refused(s, &f->path);
}

/* One that was gone in this copy already is gone in the next: nothing is of no type. */
static int stale_save(struct saver *s, const struct file *f)
{
	place_save(s, NULL);
	encode(&s->out, 0);
	encode(&s->out, f->flags & FLAGS_KEPT);
	encode(&s->out, 0);
	return 0;
}

static int by_path_save(struct saver *s, void *object)
{
	struct file *f = object;

	if (f->ops == &stale_ops)
		return stale_save(s, f);
	int64_t pos =
	    f->ops->lseek && !(f->flags & O_PATH) ? f->ops->lseek(f, s->caller, 0, SEEK_CUR) : 0;

	place_save(s, &f->path);
	encode(&s->out, f->path.dentry->inode->type);
	encode(&s->out, f->flags & FLAGS_KEPT);
	encode(&s->out, pos < 0 ? 0 : (uint64_t)pos);
	return 0;
}

static ssize_t stale_rw(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return -ESTALE;
}

static int64_t stale_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	return -ESTALE;
}

static int64_t stale_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			   uint64_t arg)
{
	return -ESTALE;
}

static int stale_pagesource(struct file *f, bool shared_write, struct pagesource **out)
{
	return -ESTALE;
}

static int stale_readdir(struct file *f, struct caller *c, struct dir_emit *e)
{
	return -ESTALE;
}

static int stale_getattr(struct file *f, struct caller *c, unsigned mask, struct statx *out)
{
	return -ESTALE;
}

static int stale_fsync(struct file *f, struct caller *c, bool data_only)
{
	return -ESTALE;
}

static int stale_truncate(struct file *f, struct caller *c, uint64_t size)
{
	return -ESTALE;
}

static void stale_release(struct file *f)
{
	free(f);
}

/* In the place of a file that is gone, as a network's file system gives it. */
static const struct file_ops stale_ops = {
	.read = stale_rw,
	.write = stale_rw,
	.lseek = stale_lseek,
	.ioctl = stale_ioctl,
	.pagesource = stale_pagesource,
	.readdir = stale_readdir,
	.getattr = stale_getattr,
	.fsync = stale_fsync,
	.truncate = stale_truncate,
	.saved = &file_by_path,
	.release = stale_release,
};

static int stale_file(struct caller *c, unsigned flags, struct file **out)
{
	struct file *f = malloc(sizeof *f);

	if (!f)
		return -ENOMEM;
	file_init(f, &stale_ops, flags);
	file_set_anon(f, c, "anon_inode:[stale]");
	*out = f;
	return 0;
}

/* As open_again(): a FIFO of the host whose reader, if it comes back, is loaded later. */
static int open_writer(struct caller *c, const struct saved_place *p, int flags, struct file **out)
{
	struct file *both;
	int err = place_open(c, p, O_RDWR | O_NOFOLLOW | O_NONBLOCK, &both);

	if (err)
		return err;
	err = place_open(c, p, flags, out);
	file_put(both);
	return err;
}

static int check_type(struct caller *c, const struct saved_place *p, mode_t type)
{
	struct path found;
	struct statx st;
	int err;

	if (place_is_name(p)) {
		err = vfs_getattr(c, NULL, p->name, WALK_NOFOLLOW, STATX_TYPE, &st);
	} else if ((err = place_walk(c, p, WALK_NOFOLLOW, &found)) == 0) {
		err = path_getattr(&found, c, STATX_TYPE, &st);
		path_put(&found);
	}
	return err ? err : (st.stx_mode & S_IFMT) == type ? 0 : -ESTALE;
}

/* A FIFO is not waited for. */
static int open_again(struct caller *c, const struct saved_place *p, mode_t type, unsigned flags,
		      struct file **out)
{
	int err = place_leads(p) ? check_type(c, p, type) : -ESTALE;

	if (err)
		return err;
	flags |= O_NOFOLLOW | O_NONBLOCK;
	err = place_open(c, p, (int)flags, out);
	return err == -ENXIO && S_ISFIFO(type) ? open_writer(c, p, (int)flags, out) : err;
}

static int by_path_load(struct loader *l, void **out)
{
	struct caller *c = l->caller;
	struct saved_place p;
	struct file *f;
	int err = place_load(l, &p);

	if (err)
		return err;
	mode_t type = (mode_t)decode_max(&l->in, S_IFMT);
	unsigned flags = (unsigned)decode_max(&l->in, UINT32_MAX);
	int64_t pos = decode_between(&l->in, 0, INT64_MAX);
	if (flags & ~(unsigned)FLAGS_KEPT || l->in.failed) {
		place_free(&p);
		return loader_damaged(l, "an open file");
	}
	err = open_again(c, &p, type, flags, &f);
	place_free(&p);
	if (err == -ENOMEM || err == -EMFILE || err == -ENFILE)
		return err;
	if (err)
		err = stale_file(c, flags, &f);
	else if (f->ops->lseek && !(flags & O_PATH) && pos)
		(void)f->ops->lseek(f, c, pos, SEEK_SET);
	if (err)
		return err;
	f->flags = flags & ~(unsigned)O_NOFOLLOW;
	if (f->ops->setfl)
		(void)f->ops->setfl(f, flags);
	*out = f;
	return 0;
}

const struct saved_kind file_by_path = {
	.name = "file",
	.save = by_path_save,
	.load = by_path_load,
	.put = file_saved_put,
	.refused = by_path_refused,
};

/* ---- what lives in the monitor ---- */

void file_save_state_at(struct saver *s, struct file *f, int64_t pos)
{
	encode(&s->out, f->flags & FLAGS_KEPT);
	encode_signed(&s->out, pos);
}

void file_save_state(struct saver *s, struct file *f)
{
	file_save_state_at(s, f, f->pos);
}

int file_load_state(struct loader *l, struct file *f)
{
	unsigned flags = (unsigned)decode_max(&l->in, UINT32_MAX);
	int64_t pos = decode_between(&l->in, 0, INT64_MAX);

	if (l->in.failed || flags & ~(unsigned)FLAGS_KEPT)
		return loader_damaged(l, "the state of an open file");
	f->flags = flags;
	f->pos = pos;
	return 0;
}

/* ---- root, working directory, umask ---- */

static const char *fs_struct_refused(struct saver *s, void *object)
{
	struct fs_struct *fs = object;
	const char *why = place_refused(s, &fs->root);

	return why ? why : place_refused(s, &fs->cwd);
}

static int fs_struct_save(struct saver *s, void *object)
{
	struct fs_struct *fs = object;

	place_save(s, &fs->root);
	place_save(s, &fs->cwd);
	encode(&s->out, fs->umask);
	return 0;
}

static int load_directory(struct loader *l, struct path *out)
{
	struct saved_place p;
	int err = place_load(l, &p);

	if (err)
		return err;
	err = place_walk(l->caller, &p, WALK_DIRECTORY, out);
	if (err)
		err = errmsg_set(l->errmsg, -err, "%s, a directory that a process works in: %s",
				 p.name ? p.name : "a place that is gone", strerror(-err));
	place_free(&p);
	return err;
}

static int fs_struct_load(struct loader *l, void **out)
{
	struct caller *c = l->caller;
	struct fs_struct *fs = fs_struct_copy(c->fs);
	struct path p;
	int err = fs ? load_directory(l, &p) : -ENOMEM;

	if (!err) {
		fs_struct_set_root(fs, &p);
		err = load_directory(l, &p);
	}
	if (!err) {
		fs_struct_set_cwd(fs, &p);
		fs->umask = (unsigned)decode_max(&l->in, 0777);
		*out = fs;
	} else if (fs) {
		fs_struct_put(fs);
	}
	return err;
}

static void fs_struct_drop(void *object)
{
	fs_struct_put(object);
}

const struct saved_kind fs_struct_kind = {
	.name = "root and working directory",
	.save = fs_struct_save,
	.load = fs_struct_load,
	.put = fs_struct_drop,
	.refused = fs_struct_refused,
};
