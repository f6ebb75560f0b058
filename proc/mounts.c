/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/mounts and mountinfo (proc(5)). */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "fs/peers.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

#define BLANKS " \t\n\\" /* octal escapes: getmntent(3) */

void proc_put_escaped(struct text *out, const char *s, const char *which)
{
	for (; *s; s++) {
		if (strchr(which, *s))
			text_printf(out, "\\%03o", (unsigned)(unsigned char)*s);
		else
			text_putc(out, *s);
	}
}

static void put_options(struct text *out, const struct mount *m)
{
	static const struct {
		unsigned flag;
		const char *name;
	} options[] = {
		{ MOUNT_NOSUID, ",nosuid" },         { MOUNT_NODEV, ",nodev" },
		{ MOUNT_NOEXEC, ",noexec" },         { MOUNT_NOATIME, ",noatime" },
		{ MOUNT_NODIRATIME, ",nodiratime" },
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		text_puts(out, m->flags & options[i].flag ? options[i].name : "");
	text_puts(out, m->flags & (MOUNT_NOATIME | MOUNT_STRICTATIME) ? "" : ",relatime");
	text_puts(out, m->flags & MOUNT_NOSYMFOLLOW ? ",nosymfollow" : "");
}

/* Of the file system, whatever mount shows it. */
static void put_fs_flags(struct text *out, const struct filesystem *fs)
{
	static const struct {
		unsigned flag;
		const char *name;
	} flags[] = {
		{ MS_SYNCHRONOUS, ",sync" },
		{ MS_DIRSYNC, ",dirsync" },
		{ MS_MANDLOCK, ",mand" },
		{ MS_LAZYTIME, ",lazytime" },
	};

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		text_puts(out, fs->shown & flags[i].flag ? flags[i].name : "");
}

static void put_fs_options(struct text *out, struct filesystem *fs)
{
	if (fs->ops->show_options)
		fs->ops->show_options(fs, out);
}

/* What a list of mounts is made for. */
struct listing {
	struct text *out;
	struct path root; /* of the process it is about */
	/* of the last mount that was met, for one that lies on its root: many may be stacked */
	const struct mount *last;
	char at[PATH_MAX];
};

/* Where it lies, from the root. */
static bool find_place(struct listing *l, struct mount *m)
{
	const struct path p = { .mnt = m, .dentry = m->root };
	bool on_last = l->last && m->parent == l->last && !m->over;

	if (!on_last && path_string_below(&p, &l->root, l->at, sizeof l->at) < 0) {
		l->last = NULL;
		return false;
	}
	l->last = m;
	return true;
}

typedef void put_mount_fn(struct listing *l, struct mount *m);

static int list_locked(struct caller *c, struct mnt_namespace *ns, struct listing *l,
		       put_mount_fn *put)
{
	struct mount *m;

	lock_assert_held(&ns->vfs->namespace_lock);
	list_for_each (m, &ns->mounts, ns_node) {
		if (c->sleeper && sleeper_killed(c->sleeper))
			return -EINTR;
		if (find_place(l, m))
			put(l, m);
	}
	return 0;
}

/* Calls `put` for each mount that the process the node is about can reach. */
static int each_mount(struct pseudo_node *n, struct caller *c, struct text *out, put_mount_fn *put)
{
	struct listing *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	struct fs_struct *fs = t && t->fs ? fs_struct_get(t->fs) : NULL;
	struct nsproxy *set = nsproxy_get(t && t->nsproxy ? t->nsproxy : n->sb->nsproxy);
	sandbox_unlock(n->sb);
	struct mnt_namespace *ns = nsproxy_mnt(set);
	l->out = out;
	l->root = fs ? fs_struct_root(fs) : mnt_ns_root(ns);
	fs_struct_put(fs);
	mutex_lock(&ns->vfs->namespace_lock);
	int err = list_locked(c, ns, l, put);
	mutex_unlock(&ns->vfs->namespace_lock);
	path_put(&l->root);
	nsproxy_put(set);
	free(l);
	return err;
}

static void put_mount(struct listing *l, struct mount *m)
{
	proc_put_escaped(l->out, m->source, BLANKS "#");
	text_putc(l->out, ' ');
	proc_put_escaped(l->out, l->at, BLANKS);
	text_printf(l->out, " %s %s", m->fs->type, mount_is_readonly(m) ? "ro" : "rw");
	put_fs_flags(l->out, m->fs);
	put_options(l->out, m);
	put_fs_options(l->out, m->fs);
	text_puts(l->out, " 0 0\n");
}

int proc_show_mounts(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return each_mount(n, c, out, put_mount);
}

/* A change of the mounts is POLLPRI and POLLERR (proc_pid_mounts(5)). */
unsigned proc_poll_mounts(struct pseudo_node *n, _Atomic uint64_t *poll_event,
			  struct poll_table *pt)
{
	poll_wait(pt, &n->sb->vfs->mount_changed);
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	struct nsproxy *set = t && t->nsproxy ? t->nsproxy : n->sb->nsproxy;
	uint64_t now = nsproxy_mnt(set)->event;
	sandbox_unlock(n->sb);
	bool changed = atomic_exchange(poll_event, now) != now;
	return POLL_READ | (changed ? POLLERR | POLLPRI : 0);
}

static void put_stats(struct listing *l, struct mount *m)
{
	text_puts(l->out, "device ");
	proc_put_escaped(l->out, m->source, BLANKS "#");
	text_puts(l->out, " mounted on ");
	proc_put_escaped(l->out, l->at, BLANKS);
	text_printf(l->out, " with fstype %s\n", m->fs->type);
}

int proc_show_mountstats(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return each_mount(n, c, out, put_stats);
}

/* The part of the file system that is shown. */
static void put_root(struct text *out, struct mount *m)
{
	static const char gone[] = " (deleted)";
	char path[PATH_MAX];
	int n = inode_path(m->root->inode, m->root, path);
	size_t end = n < (int)sizeof gone ? 0 : (size_t)n - (sizeof gone - 1);
	bool deleted = end && strcmp(path + end, gone) == 0;

	if (deleted)
		path[end] = '\0';
	proc_put_escaped(out, n < 0 ? "/" : path, BLANKS);
	text_puts(out, deleted ? "//deleted" : "");
}

static void put_propagation(struct listing *l, struct mount *m)
{
	if (m->group)
		text_printf(l->out, " shared:%lu", m->group);
	if (m->master) {
		uint64_t from = propagation_dominating(m, &l->root);
		text_printf(l->out, " master:%lu", m->master->group);
		if (from && from != m->master->group)
			text_printf(l->out, " propagate_from:%lu", from);
	}
	text_puts(l->out, m->unbindable ? " unbindable" : "");
}

static void put_info(struct listing *l, struct mount *m)
{
	struct inode_id id = { .dev = 0 };
	unsigned dev_major = major(m->fs->dev), dev_minor = minor(m->fs->dev);
	struct text *out = l->out;

	if (!m->fs->dev && inode_identify(m->root->inode, &id) == 0 && id.of_host) {
		dev_major = (unsigned)(id.dev >> 32);
		dev_minor = (unsigned)id.dev;
	}
	/* The root of a namespace is its own parent, as on Linux. */
	text_printf(out, "%lu %lu %u:%u ", m->id, m->parent ? m->parent->id : m->id, dev_major,
		    dev_minor);
	put_root(out, m);
	text_putc(out, ' ');
	proc_put_escaped(out, l->at, BLANKS);
	text_puts(out, m->flags & MOUNT_RDONLY ? " ro" : " rw");
	put_options(out, m);
	put_propagation(l, m);
	text_printf(out, " - %s ", m->fs->type);
	proc_put_escaped(out, m->source, BLANKS "#");
	text_puts(out, m->fs->readonly ? " ro" : " rw");
	put_fs_flags(out, m->fs);
	put_fs_options(out, m->fs);
	text_putc(out, '\n');
}

int proc_show_mountinfo(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return each_mount(n, c, out, put_info);
}
