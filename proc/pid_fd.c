/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/fd and /proc/PID/fdinfo. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/mount.h"
#include "kernel/fdtable.h"
#include "kernel/pidfd.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

/* The descriptor table of the node's process, a reference; NULL: gone. */
static struct fdtable *node_files(struct pseudo_node *n)
{
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	struct fdtable *ft = t && t->files ? fdtable_get(t->files) : NULL;
	sandbox_unlock(n->sb);
	return ft;
}

static struct file *node_file(struct pseudo_node *n, struct caller *c)
{
	struct fdtable *ft = node_files(n);
	struct file *f = ft ? fd_get_path(ft, n->number) : NULL;
	fdtable_put(ft, c);
	return f;
}

static int fd_link(struct pseudo_node *n, struct caller *c, struct text *out)
{
	int err = proc_check_inspect(n, c);
	struct file *f = err ? NULL : node_file(n, c);
	if (!f)
		return err ? err : -ENOENT;
	return proc_link_to_file(f, c, out);
}

static int fd_jump(struct pseudo_node *n, struct caller *c, struct path *out)
{
	int err = proc_check_inspect(n, c);
	struct file *f = err ? NULL : node_file(n, c);
	if (!f)
		return err ? err : -ENOENT;
	err = file_path(f, c, out);
	file_put(f);
	return err;
}

/* The rights of the link tell how the descriptor is open (proc(5)). */
static mode_t fd_link_mode(struct pseudo_node *n, struct caller *c)
{
	struct file *f = node_file(n, c);
	mode_t mode = 0;
	if (f) {
		mode = (file_readable(f) ? 0500 : 0) | (file_writable(f) ? 0300 : 0);
		file_put(f);
	}
	return mode;
}

static int fdinfo_show(struct pseudo_node *n, struct caller *c, struct text *out)
{
	int err = proc_check_inspect(n, c);
	struct file *f = err ? NULL : node_file(n, c);
	if (!f)
		return err ? err : -ENOENT;
	int64_t pos = f->ops->lseek ? f->ops->lseek(f, c, 0, 1) : 0;
	struct fdtable *ft = node_files(n);
	unsigned flags = f->flags | (ft && fd_get_cloexec(ft, n->number) == 1 ? 02000000 : 0);
	fdtable_put(ft, c);
	text_printf(out, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%lu\nino:\t%lu\n", pos < 0 ? 0 : pos,
		    flags, (f->path.mnt ? f->path.mnt : c->fs->vfs->internal)->id, f->anon_ino);
	if (pidfd_pid(f))
		pidfd_show(f, pseudo_pids(n), out);
	if (f->ops->show_fdinfo)
		f->ops->show_fdinfo(f, out);
	file_put(f);
	return 0;
}

static const struct pseudo_entry fd_entry = { NULL, S_IFLNK | 0777, .link = fd_link,
					      .jump = fd_jump, .link_mode = fd_link_mode };
static const struct pseudo_entry fdinfo_entry = { NULL, S_IFREG | 0444, .show = fdinfo_show };

static int lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
		  struct pseudo_found *out)
{
	int fd;
	int err = proc_may_open(dir, c, 0);
	if (err)
		return err;
	if (!pseudo_number(name, len, &fd))
		return -ENOENT;
	struct fdtable *ft = node_files(dir);
	int open = ft ? fd_get_cloexec(ft, fd) : -EBADF;
	fdtable_put(ft, c);
	out->number = fd;
	out->entry = dir->entry->dir->member;
	return open < 0 ? -ENOENT : 0;
}

static bool next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32],
		 unsigned char *d_type)
{
	struct fdtable *ft = node_files(dir);
	int fd = ft ? fd_next(ft, *cursor) : -1;
	fdtable_put(ft, c);
	*cursor = fd < 0 ? *cursor : fd;
	snprintf(name, 32, "%d", fd);
	*d_type = dir->entry->dir == &proc_fd_dir ? DT_LNK : DT_REG;
	return fd >= 0;
}

const struct pseudo_dir proc_fd_dir = { .lookup = lookup, .member = &fd_entry, .next = next };
const struct pseudo_dir proc_fdinfo_dir = { .lookup = lookup,
					    .member = &fdinfo_entry,
					    .next = next };
