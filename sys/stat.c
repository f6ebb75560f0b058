/* SPDX-License-Identifier: Apache-2.0 */
/* stat(2), statx(2), access(2), readlink(2), statfs(2). */
#include <limits.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "arch/machine.h"
#include "cred/user_ns.h"
#include "fs/mount.h"
#include "fs/query.h"
#include "sys/at.h"

/* The layout of glibc's struct stat is the kernel's. */
_Static_assert(sizeof(struct stat) == ARCH_STAT_SIZE, "struct stat");

static struct timespec stat_time(const struct statx_timestamp *ts)
{
	return (struct timespec){ .tv_sec = ts->tv_sec, .tv_nsec = ts->tv_nsec };
}

static int put_stat(struct task *t, gva_t addr, const struct statx *x)
{
	struct stat st = {
		.st_dev = makedev(x->stx_dev_major, x->stx_dev_minor),
		.st_ino = x->stx_ino,
		.st_mode = x->stx_mode,
		.st_nlink = x->stx_nlink,
		.st_uid = from_kuid_munged(task_user_ns(t), x->stx_uid),
		.st_gid = from_kgid_munged(task_user_ns(t), x->stx_gid),
		.st_rdev = makedev(x->stx_rdev_major, x->stx_rdev_minor),
		.st_size = (off_t)x->stx_size,
		.st_blksize = x->stx_blksize,
		.st_blocks = (blkcnt_t)x->stx_blocks,
		.st_atim = stat_time(&x->stx_atime),
		.st_mtim = stat_time(&x->stx_mtime),
		.st_ctim = stat_time(&x->stx_ctime),
	};

	return put_user(t, addr, &st);
}

/* Since Linux 6.11 a NULL name is an empty one to AT_EMPTY_PATH. */
static int stat_at(struct task *t, int dfd, gva_t name, int flags, struct at *at)
{
	if (name.v || !(flags & AT_EMPTY_PATH))
		return at_get(t, dfd, name, flags & AT_EMPTY_PATH, at);
	char *empty = strdup("");
	return empty ? at_begin(t, dfd, empty, at) : -ENOMEM;
}

static int getattr_at(struct task *t, int dfd, gva_t name, int flags, unsigned mask,
		      struct statx *x)
{
	struct at at;
	int err = stat_at(t, dfd, name, flags, &at);

	if (err)
		return err;
	if (at_is_file(&at))
		err = file_getattr(at.file, &at.c, mask, x);
	else
		err = vfs_getattr(&at.c, at.start, at.name, at_walk_flags(flags), mask, x);
	at_put(&at);
	return err;
}

static int64_t do_stat(struct task *t, int dfd, gva_t name, gva_t buf, int flags)
{
	struct statx x;
	int err = getattr_at(t, dfd, name, flags, STATX_BASIC_STATS, &x);

	return err ? err : put_stat(t, buf, &x);
}

SYSCALL_DEFINE(stat)
{
	return do_stat(t, AT_FDCWD, GVA(a[0]), GVA(a[1]), 0);
}

SYSCALL_DEFINE(lstat)
{
	return do_stat(t, AT_FDCWD, GVA(a[0]), GVA(a[1]), AT_SYMLINK_NOFOLLOW);
}

SYSCALL_DEFINE(fstat)
{
	struct caller c = task_caller(t);
	struct file *f = fd_get_path(t->files, (int)a[0]);
	struct statx x;

	if (!f)
		return -EBADF;
	int err = file_getattr(f, &c, STATX_BASIC_STATS, &x);
	file_put(f);
	return err ? err : put_stat(t, GVA(a[1]), &x);
}

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)

SYSCALL_DEFINE(newfstatat)
{
	int flags = (int)a[3];

	return flags & ~STAT_FLAGS ? -EINVAL : do_stat(t, (int)a[0], GVA(a[1]), GVA(a[2]), flags);
}

#define STATX_RESERVED 0x80000000U

SYSCALL_DEFINE(statx)
{
	int flags = (int)a[2];
	unsigned mask = (unsigned)a[3];
	struct statx x;

	if (mask & STATX_RESERVED || flags & ~STAT_FLAGS ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	int err = getattr_at(t, (int)a[0], GVA(a[1]), flags, mask, &x);
	if (err)
		return err;
	x.stx_uid = from_kuid_munged(task_user_ns(t), x.stx_uid);
	x.stx_gid = from_kgid_munged(task_user_ns(t), x.stx_gid);
	return put_user(t, GVA(a[4]), &x);
}

/* access(2) asks for the real ids, and for the capabilities those would have (faccessat(2) in
 * Linux's fs/open.c). */
static struct cred *access_cred(struct task *t, bool effective)
{
	const struct cred *now = t->cred;

	bool fixed = now->securebits & SECBIT_NO_SETUID_FIXUP;
	uint64_t caps = fixed                                    ? now->cap_effective
			: now->uid != make_kuid(now->user_ns, 0) ? 0
								 : now->cap_permitted;

	if (effective ||
	    (now->uid == now->fsuid && now->gid == now->fsgid && caps == now->cap_effective))
		return cred_get(t->cred);
	struct cred *c = cred_copy(now, -1);
	if (!c)
		return NULL;
	c->fsuid = c->uid;
	c->fsgid = c->gid;
	c->cap_effective = caps;
	return c;
}

static int64_t do_access(struct task *t, int dfd, gva_t name, uint64_t mask, int flags)
{
	struct inode_query q = { .what = QUERY_ACCESS, .mask = (int)mask };
	struct at at;

	if (mask & ~(uint64_t)(R_OK | W_OK | X_OK) ||
	    flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int err = at_get(t, dfd, name, flags & AT_EMPTY_PATH, &at);
	if (err)
		return err;
	struct cred *cred = access_cred(t, flags & AT_EACCESS);
	at.c.cred = cred;
	err = cred ? (int)vfs_query(&at.c, at.start, at.name, at_walk_flags(flags), &q) : -ENOMEM;
	cred_put(cred);
	at_put(&at);
	return err;
}

SYSCALL_DEFINE(access)
{
	return do_access(t, AT_FDCWD, GVA(a[0]), (unsigned)a[1], 0);
}

SYSCALL_DEFINE(faccessat)
{
	return do_access(t, (int)a[0], GVA(a[1]), (unsigned)a[2], 0);
}

SYSCALL_DEFINE(faccessat2)
{
	return do_access(t, (int)a[0], GVA(a[1]), (unsigned)a[2], (int)a[3]);
}

/* An empty name means the descriptor's own symlink, and of anything else that it does not exist. */
static ssize_t readlink_at(struct at *at, struct inode_query *q)
{
	if (!at->file && !at->name[0])
		return -ENOENT;
	ssize_t n = vfs_query(&at->c, at->start, at->name,
			      at_walk_flags(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH), q);
	return n == -EINVAL && !at->name[0] ? -ENOENT : n;
}

static int64_t do_readlink(struct task *t, int dfd, gva_t name, gva_t buf, int size)
{
	char text[PATH_MAX];
	struct inode_query q = { .what = QUERY_READLINK, .buf = text, .size = sizeof text };
	struct at at;

	if (size <= 0)
		return -EINVAL;
	if ((size_t)size < q.size)
		q.size = (size_t)size;
	int64_t n = at_get(t, dfd, name, true, &at);
	if (n)
		return n;
	n = readlink_at(&at, &q);
	at_put(&at);
	return n > 0 && copy_to_guest(t->mm, buf, text, (size_t)n) ? -EFAULT : n;
}

SYSCALL_DEFINE(readlink)
{
	return do_readlink(t, AT_FDCWD, GVA(a[0]), GVA(a[1]), (int)a[2]);
}

SYSCALL_DEFINE(readlinkat)
{
	return do_readlink(t, (int)a[0], GVA(a[1]), GVA(a[2]), (int)a[3]);
}

#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000 /* of the kernel's headers alone */
#endif

/* flags_by_mnt() of Linux's fs/statfs.c. */
static unsigned long mount_statfs_flags(const struct mount *m)
{
	static const struct {
		unsigned mount;
		unsigned long st;
	} map[] = {
		{ MOUNT_NOSUID, ST_NOSUID },         { MOUNT_NODEV, ST_NODEV },
		{ MOUNT_NOEXEC, ST_NOEXEC },         { MOUNT_NOATIME, ST_NOATIME },
		{ MOUNT_NODIRATIME, ST_NODIRATIME }, { MOUNT_NOSYMFOLLOW, ST_NOSYMFOLLOW },
	};
	unsigned long flags = mount_is_readonly(m) ? ST_RDONLY : 0;

	/* The host tells of its own mounts. */
	if (!(m->flags & (MOUNT_NOATIME | MOUNT_STRICTATIME)) && !(m->fs->flags & FS_OF_HOST))
		flags |= ST_RELATIME;
	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (m->flags & map[i].mount)
			flags |= map[i].st;
	return flags;
}

static int64_t statfs_path(struct task *t, struct caller *c, const struct path *p, gva_t buf)
{
	struct inode *i = p->dentry->inode;
	struct statfs st = { 0 };

	if (!i->ops->statfs)
		return -ENOSYS;
	int err = i->ops->statfs(i, c, &st);
	if (mount_atime(p->mnt, false) == ATIME_NEVER)
		st.f_flags &= ~(__fsword_t)ST_RELATIME;
	st.f_flags |= (__fsword_t)mount_statfs_flags(p->mnt);
	return err ? err : put_user(t, buf, &st);
}

SYSCALL_DEFINE(statfs)
{
	struct path p;
	struct at at;

	int64_t r = at_get(t, AT_FDCWD, GVA(a[0]), false, &at);
	if (r)
		return r;
	r = at_walk(&at, 0, &p);
	if (!r) {
		r = statfs_path(t, &at.c, &p, GVA(a[1]));
		path_put(&p);
	}
	at_put(&at);
	return r;
}

SYSCALL_DEFINE(fstatfs)
{
	struct caller c = task_caller(t);
	struct file *f = fd_get_path(t->files, (int)a[0]);
	struct path p;

	if (!f)
		return -EBADF;
	int64_t r = file_path(f, &c, &p);
	if (!r) {
		r = statfs_path(t, &c, &p, GVA(a[1]));
		path_put(&p);
	}
	file_put(f);
	return r;
}
