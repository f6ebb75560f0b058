/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/mounts and mountinfo (proc(5)). */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "fs/mount.h"
#include "kernel/nsproxy.h"
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

/* Where `m` is, seen from `root`; NULL: it does not lie there. */
static const char *place_below(struct mount *m, const char *root, char buf[PATH_MAX])
{
	const struct path at = { .mnt = m, .dentry = m->root }, all = { NULL, NULL };

	return path_string(&at, &all, buf, PATH_MAX) < 0 ? NULL : path_below(buf, root);
}

/* Calls `put` for each mount that the process the node is about can reach, `at` being where from
 * its root. */
static int each_mount(struct pseudo_node *n, struct text *out,
		      void (*put)(struct text *out, struct mount *m, const char *at))
{
	char root[PATH_MAX] = "/", buf[PATH_MAX];
	size_t nr;

	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	struct fs_struct *fs = t && t->fs ? fs_struct_get(t->fs) : NULL;
	struct nsproxy *ns = nsproxy_get(t && t->nsproxy ? t->nsproxy : n->sb->nsproxy);
	sandbox_unlock(n->sb);
	int len = fs ? fs_struct_root_name(fs, root, sizeof root) : 1;
	fs_struct_put(fs);
	struct mount **list = len < 0 ? NULL : mnt_ns_list(nsproxy_mnt(ns), &nr);
	nsproxy_put(ns);
	if (!list)
		return len < 0 ? len : -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		const char *at = place_below(list[i], root, buf);
		if (at)
			put(out, list[i], at);
		mount_put(list[i]);
	}
	free(list);
	return 0;
}

static void put_mount(struct text *out, struct mount *m, const char *at)
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
unsigned proc_poll_mounts(struct pseudo_node *n, _Atomic uint64_t *poll_event,
			  struct poll_table *pt)
{
	return POLLIN | POLLRDNORM;
}

static void put_stats(struct text *out, struct mount *m, const char *at)
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

/* The root of a namespace is its own parent, as on Linux. */
static uint64_t parent_id(struct mount *m)
{
	struct mount *parent;
	struct dentry *over;
	uint64_t id = mount_point(m, &parent, &over) ? parent->id : m->id;

	dentry_put(over);
	mount_put(parent);
	return id;
}

static void put_info(struct text *out, struct mount *m, const char *at)
{
	struct inode_id id = { .dev = 0 };
	unsigned dev_major = major(m->fs->dev), dev_minor = minor(m->fs->dev);

	if (!m->fs->dev && inode_identify(m->root->inode, &id) == 0 && id.of_host) {
		dev_major = (unsigned)(id.dev >> 32);
		dev_minor = (unsigned)id.dev;
	}
	text_printf(out, "%lu %lu %u:%u / ", m->id, parent_id(m), dev_major, dev_minor);
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
