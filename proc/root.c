/* SPDX-License-Identifier: Apache-2.0 */
/* /proc itself: the processes, and what is said of the whole system. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cred/cred.h"
#include "host/hostfile.h"
#include "kernel/process.h"
#include "kernel/ptrace/access.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/ipc.h"
#include "proc/proc.h"

int proc_show_host(struct text *out, const char *host_path)
{
	char buf[4096];
	ssize_t n;
	int fd = hostfile_open(host_path);
	if (fd < 0)
		return fd;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		text_put(out, buf, (size_t)n);
	int err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}

static int show_version(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct utsname u;
	uname(&u);
	text_printf(out, "%s version %s (hl) %s\n", u.sysname, u.release, u.version);
	return 0;
}

/* What a mount can be of, and what files without a name are of. */
static int show_filesystems(struct pseudo_node *n, struct caller *c, struct text *out)
{
	static const char *const types[] = { "sysfs",  "tmpfs",  "proc",   "devtmpfs", "devpts",
					     "hostfs", "pipefs", "sockfs", "nsfs" };

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		text_printf(out, "nodev\t%s\n", types[i]);
	return 0;
}

/* There is none of what the file lists: no disk, no loaded module, no device of the kind. */
static int show_nothing(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return 0;
}

static int show_cmdline(struct pseudo_node *n, struct caller *c, struct text *out)
{
	/* there is no kernel image and no boot loader: the program that answers as kernel */
	text_puts(out, "hl\n");
	return 0;
}

static int show_devices(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 "
		       "/dev/ptmx\n136 pts\n\nBlock devices:\n");
	return 0;
}

static int show_swaps(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

/* ---- self, thread-self, mounts ---- */

static int self_link(struct pseudo_node *n, struct caller *c, struct text *out)
{
	if (!c->task)
		return -ENOENT;
	pid_t nr = pid_nr(c->task->process->pid, pseudo_pids(n));
	if (!nr)
		return -ENOENT;
	text_printf(out, "%d", nr);
	return 0;
}

static int thread_self_link(struct pseudo_node *n, struct caller *c, struct text *out)
{
	if (!c->task)
		return -ENOENT;
	pid_t tgid = pid_nr(c->task->process->pid, pseudo_pids(n));
	if (!tgid)
		return -ENOENT;
	text_printf(out, "%d/task/%d", tgid, pid_nr(c->task->pid, pseudo_pids(n)));
	return 0;
}

static int fixed_link(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, n->entry->arg);
	return 0;
}

/* ---- the processes ---- */

/* has_pid_permissions() of Linux: is `of` to be seen where `hidden_from` and more are hidden? */
static bool may_see(struct filesystem *fs, struct caller *c, struct pid *of, unsigned hidden_from)
{
	const struct proc_options *o = pseudo_fs_options(fs);
	unsigned hide = o->hide;

	lock_assert_held(&c->task->sb->lock);
	if (hide < hidden_from || (hide != PROC_HIDE_UNTRACED && cred_in_group(c->cred, o->gid)))
		return true;
	struct task *t = proc_task_of(of);
	if (t)
		return ptrace_may_inspect(c->task, t);
	/* of one that has ended there is nothing to look into */
	return cred_capable(c->cred, CAP_SYS_PTRACE) ||
	       (of->process && process_cred(of->process)->uid == c->cred->fsuid);
}

static int pid_hidden(struct pseudo_node *n, struct caller *c, bool attributes)
{
	struct filesystem *fs = n->inode.fs;
	unsigned hide = pseudo_fs_options(fs)->hide;

	if (!hide || !c->task)
		return 0;
	sandbox_lock(n->sb);
	bool seen = may_see(fs, c, n->pid, attributes ? PROC_HIDE_PROCESSES : PROC_HIDE_CONTENTS);
	sandbox_unlock(n->sb);
	if (seen)
		return 0;
	return attributes || hide == PROC_HIDE_PROCESSES ? -ENOENT : -EPERM;
}

static const struct pseudo_entry pid_entry = { NULL, S_IFDIR | 0555, .dir = &proc_pid_dir,
					       .hidden = pid_hidden, .immutable = true };

static int root_lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
		       struct pseudo_found *out)
{
	int nr;
	if (!pseudo_number(name, len, &nr))
		return -ENOENT;
	sandbox_lock(dir->sb);
	struct pid *p = pid_find(pseudo_pids(dir), nr);
	/* threads too, though readdir does not name them */
	bool found = p && (p->process || p->task);
	if (found && c->task && pseudo_fs_options(dir->inode.fs)->hide == PROC_HIDE_UNTRACED)
		found = may_see(dir->inode.fs, c, p, PROC_HIDE_UNTRACED);
	if (found) {
		out->entry = &pid_entry;
		out->pid = pid_get(p);
	}
	sandbox_unlock(dir->sb);
	return found ? 0 : -ENOENT;
}

/* Processes are kept in order of creation, which a wrap of numbers breaks: so the smallest is
 * searched. */
static bool root_next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32],
		      unsigned char *d_type)
{
	bool hides = c->task && pseudo_fs_options(dir->inode.fs)->hide >= PROC_HIDE_PROCESSES;
	struct process *p;
	int best = -1;
	sandbox_lock(dir->sb);
	list_for_each (p, &dir->sb->processes, all_node) {
		int nr = pid_nr(p->pid, pseudo_pids(dir));
		if (hides && nr && nr >= *cursor &&
		    !may_see(dir->inode.fs, c, p->pid, PROC_HIDE_PROCESSES))
			continue;
		if (nr && nr >= *cursor && (best < 0 || nr < best))
			best = nr;
		if (nr && nr == *cursor)
			break;
	}
	sandbox_unlock(dir->sb);
	*cursor = best < 0 ? *cursor : best;
	snprintf(name, 32, "%d", best);
	*d_type = DT_DIR;
	return best >= 0;
}

static int show_keys(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct key_holder none = { 0 };
	struct key_caller keys = { &n->sb->keys, c->cred, c->task ? &c->task->keys : &none,
				   c->random };

	key_show_all(&keys, out);
	return 0;
}

static int show_key_users(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct key_caller keys = { .d = &n->sb->keys, .cred = c->cred };

	key_show_users(&keys, out);
	return 0;
}

/* What is not about processes: subset=pid has no such names. */
static bool of_system(const struct pseudo_node *dir, const char *name)
{
	return !pseudo_fs_options(dir->inode.fs)->pids_only;
}

#define SHOW(name, fn)                                                                             \
	{                                                                                          \
		name, S_IFREG | 0444, .show = fn, .present = of_system                             \
	}
#define LINK(name, to)                                                                             \
	{                                                                                          \
		name, S_IFLNK | 0777, .link = fixed_link, .present = of_system, .arg = to          \
	}

static const struct pseudo_entry root_entries[] = {
	SHOW("cgroups", proc_show_cgroups),
	SHOW("cmdline", show_cmdline),
	SHOW("cpuinfo", proc_show_cpuinfo),
	SHOW("devices", show_devices),
	SHOW("diskstats", show_nothing),
	SHOW("filesystems", show_filesystems),
	SHOW("interrupts", proc_show_interrupts),
	SHOW("key-users", show_key_users),
	SHOW("keys", show_keys),
	SHOW("loadavg", proc_show_loadavg),
	SHOW("locks", proc_show_locks),
	SHOW("meminfo", proc_show_meminfo),
	SHOW("misc", show_nothing),
	SHOW("modules", show_nothing),
	LINK("mounts", "self/mounts"),
	LINK("net", "self/net"),
	SHOW("partitions", show_nothing),
	{ "self", S_IFLNK | 0777, .link = self_link },
	SHOW("softirqs", proc_show_interrupts),
	SHOW("stat", proc_show_system_stat),
	SHOW("swaps", show_swaps),
	{ "sys", S_IFDIR | 0555, .dir = &proc_sysctl_dir, .present = of_system, .sealed = true },
	{ "sysvipc", S_IFDIR | 0555, .dir = &proc_sysvipc_dir, .present = of_system },
	{ "thread-self", S_IFLNK | 0777, .link = thread_self_link },
	SHOW("uptime", proc_show_uptime),
	SHOW("version", show_version),
	SHOW("vmstat", proc_show_vmstat),
};
static const struct pseudo_dir root_dir = { PSEUDO_TABLE(root_entries), .lookup = root_lookup,
					    .member = &pid_entry, .next = root_next };
static const struct pseudo_entry root_entry = { NULL, S_IFDIR | 0555, .dir = &root_dir };

void procfs_set(struct filesystem *fs, const struct proc_options *o)
{
	struct proc_options *to = pseudo_fs_options(fs);

	to->gid = o->gid;
	to->hide = o->hide;
	to->pids_only = o->pids_only;
}

int procfs_create(struct sandbox *sb, struct pid_namespace *pids, const struct proc_options *o,
		  struct filesystem **out)
{
	int err = pseudo_fs_create(sb, "proc", &root_entry, PROC_SUPER_MAGIC,
				   pids && pids != sb->pid_ns ? &pids->ns : NULL, out);

	if (!err && o)
		procfs_set(*out, o);
	return err;
}
