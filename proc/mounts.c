/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/mounts and mountinfo (proc(5)). */
#include <limits.h>
#include <poll.h>

#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

/* Blanks and backslashes in paths are octal escapes (getmntent(3)). */
static void put_escaped(struct text *out, const char *s)
{
	for (; *s; s++) {
		if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\')
			text_printf(out, "\\%03o", (unsigned)(unsigned char)*s);
		else
			text_putc(out, *s);
	}
}

static void put_flags(struct text *out, unsigned flags)
{
	text_puts(out, flags & MOUNT_RDONLY ? "ro" : "rw");
	text_puts(out, flags & MOUNT_NOSUID ? ",nosuid" : "");
	text_puts(out, flags & MOUNT_NODEV ? ",nodev" : "");
	text_puts(out, flags & MOUNT_NOEXEC ? ",noexec" : "");
	text_puts(out, flags & MOUNT_NOATIME ? ",noatime" : ",relatime");
}

/* Calls `put` for each mount that the process the node is about can reach, `at` being where from
 * its root. */
static int each_mount(struct pseudo_node *n, struct text *out,
		      void (*put)(struct text *out, const struct mount *m, const char *at))
{
	char root[PATH_MAX] = "/";
	struct mount *m;

	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	struct fs_struct *fs = t && t->fs ? fs_struct_get(t->fs) : NULL;
	sandbox_unlock(n->sb);
	int len = fs ? fs_struct_root_name(fs, root, sizeof root) : 1;
	fs_struct_put(fs);
	if (len < 0)
		return len;
	rwlock_rdlock(&n->sb->mounts->lock);
	list_for_each (m, &n->sb->mounts->mounts, node) {
		const char *at = path_below(m->mountpoint, root);
		if (at)
			put(out, m, at);
	}
	rwlock_unlock(&n->sb->mounts->lock);
	return 0;
}

static void put_mount(struct text *out, const struct mount *m, const char *at)
{
	put_escaped(out, m->source);
	text_putc(out, ' ');
	put_escaped(out, at);
	text_printf(out, " %s ", m->fs->type);
	put_flags(out, m->flags);
	text_puts(out, " 0 0\n");
}

int proc_show_mounts(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return each_mount(n, out, put_mount);
}

/* A change of the mounts would be POLLPRI and POLLERR (proc_pid_mounts(5)); a guest's never
 * change. */
unsigned proc_poll_mounts(struct pseudo_node *n, _Atomic uint64_t *seen, struct poll_table *pt)
{
	return POLLIN | POLLRDNORM;
}

static void put_stats(struct text *out, const struct mount *m, const char *at)
{
	text_puts(out, "device ");
	put_escaped(out, m->source);
	text_puts(out, " mounted on ");
	put_escaped(out, at);
	text_printf(out, " with fstype %s\n", m->fs->type);
}

int proc_show_mountstats(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return each_mount(n, out, put_stats);
}

static void put_info(struct text *out, const struct mount *m, const char *at)
{
	text_printf(out, "%u %u %u:%u / ", m->id, m->parent ? m->parent->id : 0,
		    (unsigned)(m->fs->dev >> 8), (unsigned)(m->fs->dev & 0xff));
	put_escaped(out, at);
	text_putc(out, ' ');
	put_flags(out, m->flags);
	text_printf(out, " - %s ", m->fs->type);
	put_escaped(out, m->source);
	text_puts(out, m->flags & MOUNT_RDONLY ? " ro\n" : " rw\n");
}

int proc_show_mountinfo(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return each_mount(n, out, put_info);
}
