/* SPDX-License-Identifier: Apache-2.0 */
/* chmod(2), chown(2), utimensat(2), truncate(2): one change of attributes, to a path or an open
 * file. */
#include <sys/stat.h>
#include <sys/time.h>
#include <utime.h>

#include "fs/names.h"
#include "cred/user_ns.h"
#include "fs/notify.h"
#include "fs/writers.h"
#include "sys/at.h"
#include "util/time.h"

static int64_t change_at(struct task *t, int dfd, gva_t name, int flags, const struct iattr *attr)
{
	struct path p;
	struct at at;

	int err = at_get(t, dfd, name, flags & AT_EMPTY_PATH, &at);
	if (err)
		return err;
	err = at_walk(&at, flags, &p);
	if (!err) {
		err = vfs_setattr(&at.c, &p, attr);
		path_put(&p);
	}
	at_put(&at);
	return err;
}

static int64_t change_fd(struct task *t, int fd, const struct iattr *attr)
{
	struct caller c = task_caller(t);
	struct file *f = fd_get(t->files, fd);

	if (!f)
		return -EBADF;
	struct path p;
	int err = file_path(f, &c, &p);
	if (!err) {
		err = vfs_setattr(&c, &p, attr);
		path_put(&p);
	}
	file_put(f);
	return err;
}

static struct iattr mode_attr(uint64_t mode)
{
	return (struct iattr){ .valid = ATTR_MODE, .mode = (mode_t)mode & 07777 };
}

static int64_t do_chmod(struct task *t, int dfd, gva_t name, uint64_t mode, int flags)
{
	struct iattr attr = mode_attr(mode);

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return change_at(t, dfd, name, flags, &attr);
}

SYSCALL_DEFINE(chmod)
{
	return do_chmod(t, AT_FDCWD, GVA(a[0]), a[1], 0);
}

SYSCALL_DEFINE(fchmod)
{
	struct iattr attr = mode_attr(a[1]);

	return change_fd(t, (int)a[0], &attr);
}

SYSCALL_DEFINE(fchmodat)
{
	return do_chmod(t, (int)a[0], GVA(a[1]), a[2], 0);
}

SYSCALL_DEFINE(fchmodat2)
{
	return do_chmod(t, (int)a[0], GVA(a[1]), a[2], (int)a[3]);
}

/* An id of -1 stays as it is. -EINVAL: one is nobody in the caller's user namespace. */
static int owner_attr(const struct task *t, uint64_t uid, uint64_t gid, struct iattr *attr)
{
	*attr = (struct iattr){ .valid = ATTR_CHOWN,
				.uid = make_kuid(task_user_ns(t), (uid_t)uid),
				.gid = make_kgid(task_user_ns(t), (gid_t)gid) };
	if ((uid_t)uid != (uid_t)-1)
		attr->valid |= ATTR_UID;
	if ((gid_t)gid != (gid_t)-1)
		attr->valid |= ATTR_GID;
	return (attr->valid & ATTR_UID && attr->uid == (uid_t)-1) ||
		       (attr->valid & ATTR_GID && attr->gid == (gid_t)-1)
		   ? -EINVAL
		   : 0;
}

static int64_t do_chown(struct task *t, int dfd, gva_t name, uint64_t uid, uint64_t gid, int flags)
{
	struct iattr attr;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int err = owner_attr(t, uid, gid, &attr);
	return err ? err : change_at(t, dfd, name, flags, &attr);
}

SYSCALL_DEFINE(chown)
{
	return do_chown(t, AT_FDCWD, GVA(a[0]), a[1], a[2], 0);
}

SYSCALL_DEFINE(lchown)
{
	return do_chown(t, AT_FDCWD, GVA(a[0]), a[1], a[2], AT_SYMLINK_NOFOLLOW);
}

SYSCALL_DEFINE(fchown)
{
	struct iattr attr;
	int err = owner_attr(t, a[1], a[2], &attr);

	return err ? err : change_fd(t, (int)a[0], &attr);
}

SYSCALL_DEFINE(fchownat)
{
	return do_chown(t, (int)a[0], GVA(a[1]), a[2], a[3], (int)a[4]);
}

/* do_utimes() of Linux's fs/utimes.c: `times` NULL means now. */
static int64_t do_utimes(struct task *t, int dfd, gva_t name, const struct timespec *times,
			 int flags)
{
	struct timespec now = { .tv_nsec = UTIME_NOW };
	struct iattr attr = { .valid = ATTR_TIMES,
			      .atime = times ? times[0] : now,
			      .mtime = times ? times[1] : now };

	if (name.v || dfd == AT_FDCWD)
		return flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)
			   ? -EINVAL
			   : change_at(t, dfd, name, flags, &attr);
	return flags ? -EINVAL : change_fd(t, dfd, &attr);
}

static bool nsec_ok(long nsec)
{
	return nsec == UTIME_NOW || nsec == UTIME_OMIT || (nsec >= 0 && nsec < (long)NSEC_PER_SEC);
}

SYSCALL_DEFINE(utimensat)
{
	struct timespec times[2];

	if (a[2]) {
		if (copy_from_guest(t->mm, times, GVA(a[2]), sizeof times))
			return -EFAULT;
		if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
			return 0;
		if (!nsec_ok(times[0].tv_nsec) || !nsec_ok(times[1].tv_nsec))
			return -EINVAL;
	}
	return do_utimes(t, (int)a[0], GVA(a[1]), a[2] ? times : NULL, (int)a[3]);
}

static int64_t do_futimesat(struct task *t, int dfd, gva_t name, gva_t addr)
{
	struct timeval tv[2];
	struct timespec times[2];

	if (addr.v && copy_from_guest(t->mm, tv, addr, sizeof tv))
		return -EFAULT;
	for (int i = 0; addr.v && i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= (long)USEC_PER_SEC)
			return -EINVAL;
		times[i] = (struct timespec){ tv[i].tv_sec, tv[i].tv_usec * (long)NSEC_PER_USEC };
	}
	return do_utimes(t, dfd, name, addr.v ? times : NULL, 0);
}

SYSCALL_DEFINE(futimesat)
{
	return do_futimesat(t, (int)a[0], GVA(a[1]), GVA(a[2]));
}

SYSCALL_DEFINE(utimes)
{
	return do_futimesat(t, AT_FDCWD, GVA(a[0]), GVA(a[1]));
}

SYSCALL_DEFINE(utime)
{
	struct utimbuf buf;
	struct timespec times[2] = { { 0 } };

	if (a[1] && get_user(t, &buf, GVA(a[1])))
		return -EFAULT;
	if (a[1]) {
		times[0].tv_sec = buf.actime;
		times[1].tv_sec = buf.modtime;
	}
	return do_utimes(t, AT_FDCWD, GVA(a[0]), a[1] ? times : NULL, 0);
}

SYSCALL_DEFINE(truncate)
{
	struct iattr attr = { .valid = ATTR_SIZE, .size = a[1] };
	struct path p;
	struct at at;

	if ((int64_t)a[1] < 0)
		return -EINVAL;
	int err = at_get(t, AT_FDCWD, GVA(a[0]), false, &at);
	if (err)
		return err;
	err = at_walk(&at, 0, &p);
	if (!err) {
		bool regular = S_ISREG(p.dentry->inode->type);
		err = regular ? inode_check_size(p.dentry->inode, &at.c, a[1])
		      : S_ISDIR(p.dentry->inode->type) ? -EISDIR
						       : -EINVAL;
		if (!err && !fs_checks_access(p.dentry->inode->fs, &at.c))
			err = p.dentry->inode->ops->permission(p.dentry->inode, &at.c, W_OK);
		if (!err)
			err = writers_check(at.c.fs->vfs->writers, p.dentry->inode);
		if (!err)
			err = vfs_setattr(&at.c, &p, &attr);
		path_put(&p);
	}
	at_put(&at);
	return io_result(t, err);
}

SYSCALL_DEFINE(ftruncate)
{
	struct caller c = task_caller(t);

	if ((int64_t)a[1] < 0)
		return -EINVAL;
	struct file *f = fd_get(t->files, (int)a[0]);
	if (!f)
		return -EBADF;
	int err = file_writable(f) && f->ops->truncate ? inode_check_size(file_inode(f), &c, a[1])
						       : -EINVAL;
	if (!err)
		err = f->ops->truncate(f, &c, a[1]);
	if (!err && f->path.dentry)
		notify_dentry(f->path.dentry, IN_MODIFY);
	file_put(f);
	return io_result(t, err);
}
