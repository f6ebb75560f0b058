/* SPDX-License-Identifier: Apache-2.0 */
/* open(2), openat2(2), close(2), memfd_create(2). */
#include <fcntl.h>
#include <limits.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <stdlib.h>

#include "fs/hostfs/hostfs.h"
#include "fs/ramfs/ramfs.h"
#include "kernel/fork.h"
#include "sys/at.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#define MFD_EXEC        16U
#endif

#define O_LARGEFILE_BIT 0100000
#define FLAGS_VALID                                                                                \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |      \
	 O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE_BIT | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |   \
	 O_CLOEXEC | O_PATH | O_TMPFILE)

static int open_file(struct task *t, struct at *at, int flags, mode_t mode, unsigned walk_flags,
		     struct file **out)
{
	struct file *f = t->resume.file;
	int err = 0;

	t->resume.file = NULL;
	if (!f)
		err = vfs_open_begin(&at->c, at->start, at->name, flags, mode, walk_flags, &f);
	if (!err) {
		err = vfs_open_end(f, &at->c, flags);
		if (err == -EINTR && t->sleeper.gave_up)
			t->resume.file = f;
		else if (err)
			file_put(f);
	}
	if (err)
		return err == -EINTR ? -ERESTARTSYS : err;
	if (f->ops->host_fd && f->ops->host_fd(f) >= t->sb->files_max) {
		file_put(f);
		return -ENFILE;
	}
	if (!f->cred)
		f->cred = cred_get(t->cred);
	*out = f;
	return 0;
}

/* The descriptor's number is had before anything is made or cut short. */
static int64_t open_at(struct task *t, struct at *at, int flags, mode_t mode, unsigned walk_flags)
{
	struct file *f;
	int fd = fd_reserve(t->files, process_rlimit(t->process, RLIMIT_NOFILE));

	if (fd < 0) {
		file_put(t->resume.file);
		t->resume.file = NULL;
		return fd;
	}
	int err = open_file(t, at, flags, mode, walk_flags, &f);
	if (err)
		fd_unreserve(t->files, fd);
	else
		fd_install_reserved(t->files, fd, f, flags & O_CLOEXEC);
	return err ? err : fd;
}

static int64_t do_open(struct task *t, int dfd, gva_t name, uint64_t flags, uint64_t mode)
{
	struct at at;
	int err = vfs_check_open((int)flags & FLAGS_VALID);

	if (!err)
		err = at_get(t, dfd, name, false, &at);
	if (err)
		return err;
	int64_t r = open_at(t, &at, (int)flags & FLAGS_VALID, (mode_t)mode & 07777, 0);
	at_put(&at);
	return r;
}

SYSCALL_DEFINE(open)
{
	return do_open(t, AT_FDCWD, GVA(a[0]), a[1], a[2]);
}

SYSCALL_DEFINE(openat)
{
	return do_open(t, (int)a[0], GVA(a[1]), a[2], a[3]);
}

SYSCALL_DEFINE(creat)
{
	return do_open(t, AT_FDCWD, GVA(a[0]), O_CREAT | O_WRONLY | O_TRUNC, a[1]);
}

#define RESOLVE_KNOWN                                                                              \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |         \
	 RESOLVE_IN_ROOT | RESOLVE_CACHED)

/* build_open_flags() of Linux's fs/open.c. */
static int check_how(const struct open_how *how)
{
	bool creates = how->flags & O_CREAT || (how->flags & O_TMPFILE) == O_TMPFILE;

	if (how->flags & ~(uint64_t)FLAGS_VALID || how->resolve & ~(uint64_t)RESOLVE_KNOWN)
		return -EINVAL;
	if ((how->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) ==
	    (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EINVAL;
	if (creates ? how->mode & ~07777ULL : how->mode)
		return -EINVAL;
	if (how->flags & O_PATH &&
	    how->flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
		return -EINVAL;
	int err = vfs_check_open((int)how->flags);
	/* There is no cache: nothing can be had from it. */
	return !err && how->resolve & RESOLVE_CACHED ? -EAGAIN : err;
}

static int get_how(struct task *t, gva_t addr, uint64_t size, struct open_how *how)
{
	if (size < sizeof *how)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	int err = get_struct(t, addr, size, how, sizeof *how);
	return err ? err : check_how(how);
}

static unsigned resolve_flags(uint64_t resolve)
{
	static const struct {
		uint64_t resolve;
		unsigned walk;
	} map[] = {
		{ RESOLVE_NO_XDEV, WALK_NO_XDEV },
		{ RESOLVE_NO_MAGICLINKS, WALK_NO_MAGICLINKS },
		{ RESOLVE_NO_SYMLINKS, WALK_NO_SYMLINKS },
		{ RESOLVE_BENEATH, WALK_BENEATH },
		{ RESOLVE_IN_ROOT, WALK_IN_ROOT },
	};
	unsigned flags = 0;

	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (resolve & map[i].resolve)
			flags |= map[i].walk;
	return flags;
}

SYSCALL_DEFINE(openat2)
{
	struct open_how how;
	struct at at;

	int err = get_how(t, GVA(a[2]), a[3], &how);
	if (err)
		return err;
	err = at_get(t, (int)a[0], GVA(a[1]), false, &at);
	if (err)
		return err;
	unsigned walk = resolve_flags(how.resolve);
	int64_t r = walk & (WALK_BENEATH | WALK_IN_ROOT) ? at_scope(t, (int)a[0], &at) : 0;
	if (!r)
		r = open_at(t, &at, (int)how.flags, (mode_t)how.mode, walk);
	at_put(&at);
	return r;
}

SYSCALL_DEFINE(close)
{
	struct caller c = task_caller(t);
	struct file *f = t->resume.file;

	t->resume.file = NULL;
	if (!f)
		f = fd_remove(t->files, &c, (int)a[0]);
	if (!f)
		return -EBADF;
	/* A signal ends the wait, and the close is done: the descriptor is gone (close(2),
	 * NOTES). */
	if (file_linger(f, &c) && t->sleeper.gave_up) {
		t->resume.file = f;
		return -ERESTARTSYS;
	}
	file_put(f);
	return 0;
}

SYSCALL_DEFINE(close_range)
{
	struct caller c = task_caller(t);
	unsigned first = (unsigned)a[0], last = (unsigned)a[1], flags = (unsigned)a[2];

	if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
		return -EINVAL;
	int err = flags & CLOSE_RANGE_UNSHARE ? task_unshare(t, CLONE_FILES) : 0;
	if (!err)
		fd_close_range(t->files, &c, first, last, flags & CLOSE_RANGE_CLOEXEC);
	return err;
}

#define MEMFD_NAME_MAX (NAME_MAX - sizeof "memfd:" + 1)

static int check_memfd_flags(unsigned flags)
{
	unsigned known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC;

	if (flags & MFD_HUGETLB)
		known |= (unsigned)MFD_HUGE_MASK << MFD_HUGE_SHIFT;
	if (flags & ~known ||
	    (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL))
		return -EINVAL;
	/* There are no huge page file systems: the answer to a page size the machine does not
	 * have. */
	return flags & MFD_HUGETLB ? -ENODEV : 0;
}

SYSCALL_DEFINE(memfd_create)
{
	struct caller c = task_caller(t);
	char name[NAME_MAX + 1];
	struct filesystem *fs;
	struct file *f;

	int err = check_memfd_flags((unsigned)a[1]);
	if (err)
		return err;
	long n = copy_string_from_guest(t->mm, name, GVA(a[0]), MEMFD_NAME_MAX + 1);
	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : n;
	err = vfs_memfs(c.fs->vfs, c.mem, &fs);
	if (!err)
		err = ramfs_memfd(fs, &c, name, (unsigned)a[1], &f);
	return err ? err : fd_return(t, f, a[1] & MFD_CLOEXEC);
}
