/* SPDX-License-Identifier: Apache-2.0 */
/* dup(2), fcntl(2), flock(2), ioctl(2). */
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/locks.h"
#include "fs/nsfs.h"
#include "fs/pipe_end.h"
#include "fs/ramfs/ramfs.h"
#include "kernel/fasync.h"
#include "net/socket.h"
#include "sys/namespace.h"
#include "sys/sys.h"

static uint64_t nofile(struct task *t)
{
	return process_rlimit(t->process, RLIMIT_NOFILE);
}

SYSCALL_DEFINE(dup)
{
	struct file *f = fd_get_path(t->files, (int)a[0]);

	return f ? fd_return(t, f, false) : -EBADF;
}

static int64_t do_dup3(struct task *t, int from, int to, bool cloexec)
{
	struct caller c = task_caller(t);

	if (to < 0 || (uint64_t)to >= nofile(t))
		return -EBADF;
	struct file *f = fd_get_path(t->files, from);
	return f ? fd_replace(t->files, &c, to, f, cloexec, nofile(t)) : -EBADF;
}

SYSCALL_DEFINE(dup2)
{
	if ((int)a[0] == (int)a[1])
		return fd_get_cloexec(t->files, (int)a[0]) < 0 ? -EBADF : (int)a[0];
	return do_dup3(t, (int)a[0], (int)a[1], false);
}

SYSCALL_DEFINE(dup3)
{
	if (a[2] & ~(uint64_t)O_CLOEXEC || (int)a[0] == (int)a[1])
		return -EINVAL;
	return do_dup3(t, (int)a[0], (int)a[1], a[2] & O_CLOEXEC);
}

/* One command of fcntl(2) on an open file; `f` stays the caller's. */
struct fcntl {
	struct task *t;
	struct caller c;
	struct file *f;
	int fd, cmd;
	uint64_t arg;
};

static int64_t fcntl_dupfd(struct fcntl *x)
{
	uint64_t limit = nofile(x->t);

	if ((int)x->arg < 0 || (unsigned)x->arg >= limit)
		return -EINVAL;
	return fd_install(x->t->files, file_get(x->f), (int)x->arg, x->cmd == F_DUPFD_CLOEXEC,
			  limit);
}

static int64_t fcntl_getfd(struct fcntl *x)
{
	return fd_get_cloexec(x->t->files, x->fd);
}

static int64_t fcntl_setfd(struct fcntl *x)
{
	return fd_set_cloexec(x->t->files, x->fd, x->arg & FD_CLOEXEC);
}

static int64_t fcntl_getfl(struct fcntl *x)
{
	return x->f->flags;
}

static int set_flags(struct file *f, unsigned new)
{
	int err = f->ops->setfl && new != f->flags ? f->ops->setfl(f, new) : 0;

	if (!err)
		f->flags = new;
	return err;
}

/* Files that no signals tell of keep O_ASYNC as it was. */
static int set_async(struct task *t, struct file *f, int fd, bool on)
{
	if (on == !!(f->flags & O_ASYNC))
		return 0;
	return fasync_possible(f) ? fasync_set(t->sb, f, fd, on) : -ENOTTY;
}

static int64_t fcntl_setfl(struct fcntl *x)
{
	unsigned mask = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;

	int err = set_async(x->t, x->f, x->fd, x->arg & O_ASYNC);
	if (err && err != -ENOTTY)
		return err;
	return set_flags(x->f, (x->f->flags & ~mask) | ((unsigned)x->arg & mask));
}

static bool is_ofd(int cmd)
{
	return cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
}

/* From where l_start counts. */
static int64_t lock_base(struct fcntl *x, short whence)
{
	struct statx st;

	switch (whence) {
	case SEEK_SET: return 0;
	case SEEK_CUR: return x->f->ops->lseek ? x->f->ops->lseek(x->f, &x->c, 0, SEEK_CUR) : 0;
	case SEEK_END:
		return file_getattr(x->f, &x->c, STATX_SIZE, &st) ? -EINVAL : (int64_t)st.stx_size;
	default: return -EINVAL;
	}
}

/* flock_to_posix_lock() of Linux's fs/locks.c. */
static int set_range(struct fcntl *x, const struct flock *fl, struct file_lock *l)
{
	int64_t base = lock_base(x, fl->l_whence);

	if (base < 0)
		return (int)base;
	if (fl->l_start > INT64_MAX - base)
		return -EOVERFLOW;
	l->start = base + fl->l_start;
	l->end = INT64_MAX;
	if (l->start < 0)
		return -EINVAL;
	if (fl->l_len > 0) {
		if (fl->l_len - 1 > INT64_MAX - l->start)
			return -EOVERFLOW;
		l->end = l->start + (fl->l_len - 1); /* in this order: it may be the last offset */
	} else if (fl->l_len < 0) {
		if (l->start + fl->l_len < 0)
			return -EINVAL;
		l->end = l->start - 1;
		l->start += fl->l_len;
	}
	return 0;
}

static int get_lock(struct fcntl *x, struct flock *fl, struct file_lock *l, struct inode_id *id)
{
	bool ofd = is_ofd(x->cmd);

	if (get_user(x->t, fl, GVA(x->arg)))
		return -EFAULT;
	if (ofd && fl->l_pid)
		return -EINVAL;
	*l = (struct file_lock){
		.kind = ofd ? LOCK_OFD : LOCK_POSIX,
		.type = fl->l_type,
		.owner = ofd ? (const void *)x->f : x->t->files,
		.pid = ofd ? -1 : x->t->process->pid->nr,
	};
	int err = set_range(x, fl, l);
	if (!err && fl->l_type != F_RDLCK && fl->l_type != F_WRLCK && fl->l_type != F_UNLCK)
		err = -EINVAL;
	return err ? err : file_identify(x->f, id);
}

static int64_t fcntl_getlk(struct fcntl *x)
{
	struct file_lock l;
	struct inode_id id;
	struct flock fl;

	int err = get_lock(x, &fl, &l, &id);
	if (!err && fl.l_type == F_UNLCK)
		err = -EINVAL;
	if (err)
		return err;
	lock_test(x->c.fs->vfs->locks, &id, &l);
	fl.l_type = l.type;
	if (l.type != F_UNLCK) {
		fl.l_whence = SEEK_SET;
		fl.l_start = l.start;
		fl.l_len = l.end == INT64_MAX ? 0 : l.end - l.start + 1;
		fl.l_pid = l.pid > 0 ? task_shown_pid(x->t, l.pid) : l.pid;
	}
	return put_user(x->t, GVA(x->arg), &fl);
}

static int64_t fcntl_setlk(struct fcntl *x)
{
	struct lock_table *locks = x->c.fs->vfs->locks;
	bool wait = x->cmd == F_SETLKW || x->cmd == F_OFD_SETLKW;
	struct file_lock l;
	struct inode_id id;
	struct flock fl;

	int err = get_lock(x, &fl, &l, &id);
	if (err)
		return err;
	if ((fl.l_type == F_RDLCK && !file_readable(x->f)) ||
	    (fl.l_type == F_WRLCK && !file_writable(x->f)))
		return -EBADF;
	if (l.kind == LOCK_OFD)
		x->f->locks = locks;
	err = lock_set(locks, &x->c, &id, &l, wait);
	return err == -EINTR ? -ERESTARTSYS : err;
}

static int64_t fcntl_pipe_size(struct fcntl *x)
{
	return pipe_end_fcntl(x->f, &x->c, x->cmd, x->arg);
}

static int64_t fcntl_add_seals(struct fcntl *x)
{
	return ramfs_add_seals(x->f, (unsigned)x->arg);
}

static int64_t fcntl_get_seals(struct fcntl *x)
{
	return ramfs_get_seals(x->f);
}

static struct file_owner get_owner(struct file *f)
{
	mutex_lock(&f->pos_lock);
	struct file_owner o = f->owner;
	mutex_unlock(&f->pos_lock);
	return o;
}

/* f_modown(): the owner must exist; 0 is nobody. */
static int set_owner(struct task *t, struct file *f, int type, int pid)
{
	sandbox_lock(t->sb);
	const struct pid *owner = pid ? pid_find(task_pid_ns(t), pid) : NULL;
	pid_t nr = owner ? owner->nr : 0;
	sandbox_unlock(t->sb);
	if (pid && !nr)
		return -ESRCH;
	mutex_lock(&f->pos_lock);
	f->owner.type = type;
	f->owner.pid = nr;
	f->owner.uid = t->cred->uid;
	f->owner.euid = t->cred->euid;
	mutex_unlock(&f->pos_lock);
	return fasync_owner_set(t->sb, f);
}

/* f_setown(): a negative number is a process group's. */
static int set_owner_number(struct task *t, struct file *f, int who)
{
	if (who == INT_MIN)
		return -EINVAL;
	return set_owner(t, f, who < 0 ? F_OWNER_PGRP : F_OWNER_PID, who < 0 ? -who : who);
}

static int owner_number(struct task *t, struct file *f)
{
	struct file_owner o = get_owner(f);
	pid_t nr = task_shown_pid(t, o.pid);

	return o.type == F_OWNER_PGRP ? -nr : nr;
}

static int64_t fcntl_setown(struct fcntl *x)
{
	return set_owner_number(x->t, x->f, (int)x->arg);
}

static int64_t fcntl_getown(struct fcntl *x)
{
	return owner_number(x->t, x->f);
}

static int64_t fcntl_setown_ex(struct fcntl *x)
{
	struct f_owner_ex o;

	if (get_user(x->t, &o, GVA(x->arg)))
		return -EFAULT;
	if (o.type != F_OWNER_TID && o.type != F_OWNER_PID && o.type != F_OWNER_PGRP)
		return -EINVAL;
	return set_owner(x->t, x->f, o.type, o.pid);
}

static int64_t fcntl_getown_ex(struct fcntl *x)
{
	struct file_owner o = get_owner(x->f);
	struct f_owner_ex ex = { .type = (enum __pid_type)(o.pid ? o.type : F_OWNER_TID),
				 .pid = task_shown_pid(x->t, o.pid) };

	return put_user(x->t, GVA(x->arg), &ex);
}

static int64_t fcntl_setsig(struct fcntl *x)
{
	if (x->arg > 64)
		return -EINVAL;
	mutex_lock(&x->f->pos_lock);
	x->f->owner.sig = (int)x->arg;
	mutex_unlock(&x->f->pos_lock);
	return fasync_owner_set(x->t->sb, x->f);
}

static int64_t fcntl_getsig(struct fcntl *x)
{
	return get_owner(x->f).sig;
}

static int64_t fcntl_getlease(struct fcntl *x)
{
	return F_UNLCK;
}

#define F_DUPFD_QUERY 1027 /* Linux 6.10 */

static int64_t fcntl_dupfd_query(struct fcntl *x)
{
	struct file *other = fd_get_path(x->t->files, (int)x->arg);

	if (!other)
		return -EBADF;
	bool same = other == x->f;
	file_put(other);
	return same;
}

#define F_CREATED_QUERY 1028 /* Linux 6.12 */

static int64_t fcntl_created_query(struct fcntl *x)
{
	return x->f->ops->created ? x->f->ops->created(x->f) : x->f->created;
}

static const struct {
	int cmd;
	bool path_ok; /* works with O_PATH descriptors */
	int64_t (*fn)(struct fcntl *x);
} fcntls[] = {
	{ F_DUPFD, true, fcntl_dupfd },
	{ F_DUPFD_CLOEXEC, true, fcntl_dupfd },
	{ F_DUPFD_QUERY, true, fcntl_dupfd_query },
	{ F_CREATED_QUERY, true, fcntl_created_query },
	{ F_GETFD, true, fcntl_getfd },
	{ F_SETFD, true, fcntl_setfd },
	{ F_GETFL, true, fcntl_getfl },
	{ F_SETFL, false, fcntl_setfl },
	{ F_GETLK, false, fcntl_getlk },
	{ F_SETLK, false, fcntl_setlk },
	{ F_SETLKW, false, fcntl_setlk },
	{ F_OFD_GETLK, false, fcntl_getlk },
	{ F_OFD_SETLK, false, fcntl_setlk },
	{ F_OFD_SETLKW, false, fcntl_setlk },
	{ F_SETPIPE_SZ, false, fcntl_pipe_size },
	{ F_GETPIPE_SZ, false, fcntl_pipe_size },
	{ F_ADD_SEALS, false, fcntl_add_seals },
	{ F_GET_SEALS, false, fcntl_get_seals },
	{ F_SETOWN, false, fcntl_setown },
	{ F_GETOWN, false, fcntl_getown },
	{ F_SETOWN_EX, false, fcntl_setown_ex },
	{ F_GETOWN_EX, false, fcntl_getown_ex },
	{ F_SETSIG, false, fcntl_setsig },
	{ F_GETSIG, false, fcntl_getsig },
	{ F_GETLEASE, false, fcntl_getlease },
};

static int64_t fcntl_run(struct fcntl *x)
{
	for (size_t i = 0; i < sizeof fcntls / sizeof *fcntls; i++)
		if (fcntls[i].cmd == x->cmd)
			return x->f->flags & O_PATH && !fcntls[i].path_ok ? -EBADF
									  : fcntls[i].fn(x);
	return x->f->flags & O_PATH ? -EBADF : -EINVAL;
}

SYSCALL_DEFINE(fcntl)
{
	struct fcntl x = {
		.t = t, .c = task_caller(t), .fd = (int)a[0], .cmd = (int)a[1], .arg = a[2]
	};

	x.f = task_fd_path(t, x.fd);
	if (!x.f)
		return -EBADF;
	int64_t r = fcntl_run(&x);
	task_fd_put(t, x.f);
	return r;
}

static int flock_type(int op)
{
	switch (op & ~LOCK_NB) {
	case LOCK_SH: return F_RDLCK;
	case LOCK_EX: return F_WRLCK;
	case LOCK_UN: return F_UNLCK;
	default: return -EINVAL;
	}
}

static int do_flock(struct caller *c, struct file *f, int type, bool wait)
{
	struct file_lock l = { .kind = LOCK_FLOCK,
			       .type = (short)type,
			       .end = INT64_MAX,
			       .owner = f,
			       .pid = c->tgid };
	struct inode_id id;
	int err = file_identify(f, &id);

	if (err)
		return err;
	f->locks = c->fs->vfs->locks;
	err = lock_set(f->locks, c, &id, &l, wait);
	return err == -EINTR ? -ERESTARTSYS : err;
}

SYSCALL_DEFINE(flock)
{
	struct caller c = task_caller(t);
	int type = flock_type((int)a[1]);

	if (type < 0)
		return type;
	struct file *f = task_fd(t, (int)a[0]);
	if (!f)
		return -EBADF;
	int err = do_flock(&c, f, type, !(a[1] & LOCK_NB));
	task_fd_put(t, f);
	return err;
}

static int64_t ioctl_flag(struct task *t, struct file *f, int fd, unsigned cmd, uint64_t arg)
{
	int on;

	if (get_user(t, &on, GVA(arg)))
		return -EFAULT;
	if (cmd == FIOASYNC)
		return set_async(t, f, fd, on);
	return set_flags(f, on ? f->flags | O_NONBLOCK : f->flags & ~O_NONBLOCK);
}

/* sock_ioctl(): F_SETOWN and F_GETOWN by BSD's names. */
static int64_t ioctl_owner(struct task *t, struct file *f, unsigned cmd, uint64_t arg)
{
	int who = owner_number(t, f);

	if (cmd == FIOGETOWN || cmd == SIOCGPGRP)
		return put_user(t, GVA(arg), &who);
	return get_user(t, &who, GVA(arg)) ? -EFAULT : set_owner_number(t, f, who);
}

/* do_vfs_ioctl(): what any regular file or directory knows. */
static int64_t ioctl_inode(struct task *t, struct caller *c, struct file *f, unsigned cmd,
			   uint64_t arg)
{
	struct statx st;

	int err = file_getattr(f, c, STATX_SIZE, &st);
	if (err)
		return err;
	int64_t pos = f->ops->lseek && cmd == FIONREAD ? f->ops->lseek(f, c, 0, SEEK_CUR) : 0;
	int left = (int)((int64_t)st.stx_size - pos), block = (int)st.stx_blksize;
	int64_t size = (int64_t)st.stx_size;
	return cmd == FIONREAD   ? put_user(t, GVA(arg), &left)
	       : cmd == FIGETBSZ ? put_user(t, GVA(arg), &block)
				 : put_user(t, GVA(arg), &size);
}

static int64_t do_ioctl(struct task *t, struct file *f, int fd, unsigned cmd, uint64_t arg)
{
	struct caller c = task_caller(t);
	struct inode *i = file_inode(f);

	switch (cmd) {
	case FIOCLEX: return fd_set_cloexec(t->files, fd, true);
	case FIONCLEX: return fd_set_cloexec(t->files, fd, false);
	case FIONBIO:
	case FIOASYNC: return ioctl_flag(t, f, fd, cmd, arg);
	case FIOSETOWN:
	case SIOCSPGRP:
	case FIOGETOWN:
	case SIOCGPGRP:
		if (file_socket(f))
			return ioctl_owner(t, f, cmd, arg);
		break;
	case FIONREAD:
		if (i && S_ISREG(i->type))
			return ioctl_inode(t, &c, f, cmd, arg);
		break;
	case FIGETBSZ:
	case FIOQSIZE:
		if (i && (S_ISREG(i->type) || S_ISDIR(i->type)))
			return ioctl_inode(t, &c, f, cmd, arg);
		break;
	case SIOCGSKNS:
		if (file_socket(f))
			return ns_of_socket_descriptor(t, file_socket(f));
		break;
	case NS_GET_USERNS:
		if (ns_of_file(f))
			return ns_owner_descriptor(t, ns_of_file(f));
		break;
	case NS_GET_PID_FROM_PIDNS:
	case NS_GET_TGID_FROM_PIDNS:
	case NS_GET_PID_IN_PIDNS:
	case NS_GET_TGID_IN_PIDNS:
		if (ns_of_file(f))
			return ns_translate_pid(t, ns_of_file(f), cmd, (pid_t)arg);
		break;
	case NS_GET_PARENT:
		if (ns_of_file(f))
			return ns_parent_descriptor(t, ns_of_file(f));
		break;
	}
	return f->ops->ioctl ? f->ops->ioctl(f, &c, t->mm, cmd, arg) : -ENOTTY;
}

SYSCALL_DEFINE(ioctl)
{
	struct file *f = task_fd(t, (int)a[0]);

	if (!f)
		return -EBADF;
	int64_t r = do_ioctl(t, f, (int)a[0], (unsigned)a[1], a[2]);
	task_fd_put(t, f);
	return r == -EINTR ? -ERESTARTSYS : r;
}
