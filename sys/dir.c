/* SPDX-License-Identifier: Apache-2.0 */
/* getdents(2), getcwd(2), chdir(2), chroot(2), umask(2). */
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/mount.h"
#include "fs/names.h"
#include "fs/notify.h"
#include "fs/readdir.h"
#include "sys/at.h"

/* Both layouts have the same size for the same name. */
struct dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
};
struct dirent_old {
	uint64_t d_ino, d_off;
	uint16_t d_reclen;
	char d_name[]; /* the type is the last byte of the record */
};

#define DENTS_MAX 65536 /* a larger buffer of the guest's is filled by several calls */

struct dents {
	struct dir_emit emit;
	char *buf;
	size_t used, size;
	bool old, full;
};

static bool emit_dent(struct dir_emit *e, const char *name, size_t len, uint64_t ino, int64_t next,
		      unsigned char type)
{
	struct dents *d = container_of(e, struct dents, emit);
	size_t rec = (offsetof(struct dirent64, d_name) + len + 1 + 7) & ~7UL;
	char *at = d->buf + d->used;

	d->full = rec > d->size - d->used;
	if (d->full)
		return false;
	memset(at, 0, rec);
	if (d->old) {
		struct dirent_old *o = (void *)at;
		*o = (struct dirent_old){ .d_ino = ino,
					  .d_off = (uint64_t)next,
					  .d_reclen = (uint16_t)rec };
		memcpy(o->d_name, name, len);
		at[rec - 1] = (char)type;
	} else {
		struct dirent64 *n = (void *)at;
		*n = (struct dirent64){
			.d_ino = ino, .d_off = next, .d_reclen = (uint16_t)rec, .d_type = type
		};
		memcpy(n->d_name, name, len);
	}
	d->used += rec;
	e->room = d->size - d->used;
	return true;
}

static int64_t read_dents(struct task *t, struct file *f, gva_t addr, size_t size, bool old)
{
	struct caller c = task_caller(t);
	size_t wanted = size > INT_MAX ? 0 : size < DENTS_MAX ? size : DENTS_MAX;
	struct uio u;

	if (!f->ops->readdir)
		return -ENOTDIR;
	/* Entries that the guest's buffer cannot take are left for the next call. */
	uio_init_guest(&u, t->mm, addr, wanted);
	size_t room = uio_front(&u, true, wanted);
	struct dents d = { .emit = { .emit = emit_dent, .room = room }, .size = room, .old = old };
	d.buf = malloc(room ? room : 1);
	if (!d.buf)
		return -ENOMEM;
	int64_t r = vfs_readdir(f, &c, &d.emit);
	notify_file(f, IN_ACCESS);
	if (!d.used && (r == -EINVAL || (!r && d.full)))
		r = room < wanted ? -EFAULT : -EINVAL;
	if (!r && copy_to_guest(t->mm, addr, d.buf, d.used))
		r = -EFAULT;
	free(d.buf);
	return r ? r : (int64_t)d.used;
}

static int64_t do_getdents(struct task *t, const uint64_t *a, bool old)
{
	struct file *f = fd_get(t->files, (int)a[0]);

	if (!f)
		return -EBADF;
	int64_t r = read_dents(t, f, GVA(a[1]), (unsigned)a[2], old);
	file_put(f);
	return r;
}

SYSCALL_DEFINE(getdents)
{
	return do_getdents(t, a, true);
}

SYSCALL_DEFINE(getdents64)
{
	return do_getdents(t, a, false);
}

static bool is_deleted(struct caller *c, const struct path *p)
{
	struct statx x;

	return path_getattr(p, c, STATX_NLINK, &x) == 0 && x.stx_nlink == 0;
}

SYSCALL_DEFINE(getcwd)
{
	struct caller c = task_caller(t);
	char buf[PATH_MAX];

	mutex_lock(&t->fs->lock);
	struct path cwd = path_get(&t->fs->cwd), root = path_get(&t->fs->root);
	mutex_unlock(&t->fs->lock);
	int n = path_string_cwd(&cwd, &root, buf, sizeof buf);
	if (n >= 0 && strcmp(buf, "/") && is_deleted(&c, &cwd))
		n = -ENOENT;
	path_put(&cwd);
	path_put(&root);
	if (n < 0)
		return n;
	if ((uint64_t)n + 1 > a[1])
		return -ERANGE;
	return copy_to_guest(t->mm, GVA(a[0]), buf, (size_t)n + 1) ? -EFAULT : n + 1;
}

/* May the caller go there? */
static int check_dir(struct caller *c, const struct path *p)
{
	return S_ISDIR(p->dentry->inode->type) && p->mnt->root ? vfs_access(c, p, X_OK) : -ENOTDIR;
}

static int64_t walk_to_dir(struct task *t, gva_t name, struct path *p)
{
	struct at at;
	int err = at_get(t, AT_FDCWD, name, false, &at);

	if (err)
		return err;
	err = path_walk(&at.c, NULL, at.name, WALK_DIRECTORY, p);
	if (!err && (err = check_dir(&at.c, p)))
		path_put(p);
	at_put(&at);
	return err;
}

SYSCALL_DEFINE(chdir)
{
	struct path p;
	int64_t r = walk_to_dir(t, GVA(a[0]), &p);

	if (!r)
		fs_struct_set_cwd(t->fs, &p);
	return r;
}

SYSCALL_DEFINE(fchdir)
{
	struct caller c = task_caller(t);
	struct file *f = fd_get_path(t->files, (int)a[0]);

	if (!f)
		return -EBADF;
	int err = f->path.dentry ? check_dir(&c, &f->path) : -ENOTDIR;
	if (!err) {
		struct path p = path_get(&f->path);
		fs_struct_set_cwd(t->fs, &p);
	}
	file_put(f);
	return err;
}

SYSCALL_DEFINE(chroot)
{
	struct path p;
	int64_t r = walk_to_dir(t, GVA(a[0]), &p);

	if (r)
		return r;
	if (!cred_own_capable(t->cred, CAP_SYS_CHROOT)) {
		path_put(&p);
		return -EPERM;
	}
	fs_struct_set_root(t->fs, &p);
	return 0;
}

SYSCALL_DEFINE(umask)
{
	return atomic_exchange(&t->fs->umask, (unsigned)a[0] & 0777);
}
