/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID and /proc/PID/task/TID. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/fdtable.h"
#include "cred/user_ns.h"
#include "kernel/process.h"
#include "kernel/ptrace/access.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/access.h"
#include "mm/usage.h"
#include "proc/net.h"
#include "proc/proc.h"
#include "util/minmax.h"

struct process *proc_process(struct pseudo_node *n)
{
	lock_assert_held(&n->sb->lock);
	if (n->pid->process)
		return n->pid->process;
	return n->pid->task ? n->pid->task->process : NULL;
}

struct task *proc_task_of(struct pid *pid)
{
	if (pid->task)
		return pid->task;
	struct process *p = pid->process;
	return p && !list_empty(&p->tasks) ? list_first(&p->tasks, struct task, process_node)
					   : NULL;
}

struct task *proc_task(struct pseudo_node *n)
{
	lock_assert_held(&n->sb->lock);
	return proc_task_of(n->pid);
}

struct mm *proc_mm(struct pseudo_node *n)
{
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	struct mm *mm = t && t->mm ? mm_get(t->mm) : NULL;
	sandbox_unlock(n->sb);
	return mm;
}

int proc_check_inspect(struct pseudo_node *n, struct caller *c)
{
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	int err = !t ? -ENOENT : c->task && !ptrace_may_inspect(c->task, t) ? -EACCES : 0;
	sandbox_unlock(n->sb);
	return err;
}

int proc_may_open(struct pseudo_node *n, struct caller *c, int flags)
{
	int err = proc_check_inspect(n, c);
	return err == -ENOENT ? 0 : err;
}

/* As proc_may_open, of a process that has an address space. */
static int proc_may_open_mm(struct pseudo_node *n, struct caller *c, int flags)
{
	int err = proc_check_inspect(n, c);
	struct mm *mm = err ? NULL : proc_mm(n);
	if (mm)
		mm_put(mm);
	return err && err != -ENOENT ? err : mm ? 0 : -ESRCH;
}

/* Of a zombie it is not known any more which tree it saw. */
static int may_open_fs(struct pseudo_node *n, struct caller *c, int flags)
{
	sandbox_lock(n->sb);
	bool any = proc_task(n) || proc_process(n) == n->sb->init;
	sandbox_unlock(n->sb);
	return any ? 0 : -EINVAL;
}

/* ---- text of the address space ---- */

static int show_range(struct mm *mm, gva_t start, gva_t end, struct text *out)
{
	char buf[4096];
	while (gva_lt(start, end)) {
		size_t n = min64(gva_diff(end, start), sizeof buf);
		size_t left = copy_from_guest(mm, buf, start, n);
		text_put(out, buf, n - left);
		if (left)
			return 0;
		start = gva_add(start, n);
	}
	return 0;
}

static int show_cmdline(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct mm *mm = proc_mm(n);
	if (!mm)
		return 0;
	show_range(mm, mm->arg_start, mm->arg_end, out);
	mm_put(mm);
	return 0;
}

static int show_environ(struct pseudo_node *n, struct caller *c, struct text *out)
{
	int err = proc_may_open(n, c, 0);
	struct mm *mm = err ? NULL : proc_mm(n);
	if (!mm)
		return err;
	show_range(mm, mm->env_start, mm->env_end, out);
	mm_put(mm);
	return 0;
}

static int show_auxv(struct pseudo_node *n, struct caller *c, struct text *out)
{
	int err = proc_may_open(n, c, 0);
	struct mm *mm = err ? NULL : proc_mm(n);
	if (!mm)
		return err;
	text_put(out, (const char *)mm->auxv, mm->auxv_len * sizeof mm->auxv[0]);
	mm_put(mm);
	return 0;
}

static int show_statm(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct mm *mm = proc_mm(n);
	struct mm_totals m = { 0 };
	uint64_t rss = 0, shared = 0, text = 0;
	if (mm) {
		mm_totals(mm, &m);
		rss = (m.anon + m.file + m.shmem) / PAGE_SIZE;
		shared = (m.file + m.shmem) / PAGE_SIZE;
		text =
		    gva_diff(gva_page_up(mm->end_code), gva_page_down(mm->start_code)) / PAGE_SIZE;
		mm_put(mm);
	}
	text_printf(out, "%lu %lu %lu %lu 0 %lu 0\n", m.size / PAGE_SIZE, rss, shared, text,
		    (m.data + m.stack) / PAGE_SIZE);
	return 0;
}

/* ---- names ---- */

static int show_comm(struct pseudo_node *n, struct caller *c, struct text *out)
{
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	text_printf(out, "%.*s\n", TASK_COMM_LEN, t ? t->comm : "");
	sandbox_unlock(n->sb);
	return 0;
}

static int store_comm(struct pseudo_node *n, struct caller *c, char *text)
{
	int err = -EINVAL;
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	if (t && c->task && t->process == c->task->process) {
		memset(t->comm, 0, sizeof t->comm);
		memcpy(t->comm, text, strnlen(text, TASK_COMM_LEN - 1));
		err = 0;
	}
	sandbox_unlock(n->sb);
	return err;
}

/* ---- limits ---- */

static const struct {
	const char *name, *unit;
	int which;
} limit_rows[] = {
	{ "Max cpu time", "seconds", RLIMIT_CPU },
	{ "Max file size", "bytes", RLIMIT_FSIZE },
	{ "Max data size", "bytes", RLIMIT_DATA },
	{ "Max stack size", "bytes", RLIMIT_STACK },
	{ "Max core file size", "bytes", RLIMIT_CORE },
	{ "Max resident set", "bytes", RLIMIT_RSS },
	{ "Max processes", "processes", RLIMIT_NPROC },
	{ "Max open files", "files", RLIMIT_NOFILE },
	{ "Max locked memory", "bytes", RLIMIT_MEMLOCK },
	{ "Max address space", "bytes", RLIMIT_AS },
	{ "Max file locks", "locks", RLIMIT_LOCKS },
	{ "Max pending signals", "signals", RLIMIT_SIGPENDING },
	{ "Max msgqueue size", "bytes", RLIMIT_MSGQUEUE },
	{ "Max nice priority", "", RLIMIT_NICE },
	{ "Max realtime priority", "", RLIMIT_RTPRIO },
	{ "Max realtime timeout", "us", RLIMIT_RTTIME },
};

static void put_limit(struct text *out, rlim_t v)
{
	if (v == RLIM_INFINITY)
		text_printf(out, "%-20s ", "unlimited");
	else
		text_printf(out, "%-20lu ", v);
}

static int show_limits(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(
	    out,
	    "Limit                     Soft Limit           Hard Limit           Units     \n");
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	for (size_t i = 0; p && i < sizeof limit_rows / sizeof limit_rows[0]; i++) {
		text_printf(out, "%-25s ", limit_rows[i].name);
		put_limit(out, p->rlimits[limit_rows[i].which].rlim_cur);
		put_limit(out, p->rlimits[limit_rows[i].which].rlim_max);
		text_printf(out, limit_rows[i].unit[0] ? "%-10s\n" : "\n", limit_rows[i].unit);
	}
	sandbox_unlock(n->sb);
	return 0;
}

static int show_cgroup(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "0::/\n");
	return 0;
}

/* There are no cpusets but the one of all. */
static int show_cpuset(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "/\n");
	return 0;
}

/* The name of the kernel function a process sleeps in: 0, as in a kernel that knows no names of its
 * functions. */
static int show_wchan(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_putc(out, '0');
	return 0;
}

/* What the thread has forked and nobody has reaped. */
static int show_children(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct process *child;
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	if (p) {
		list_for_each (child, &p->children, sibling) {
			if (child->forked_by == pid_nr(n->pid, n->pid->ns))
				text_printf(out, "%d ", pid_nr(child->pid, pseudo_pids(n)));
		}
	}
	sandbox_unlock(n->sb);
	return 0;
}

static int show_personality(struct pseudo_node *n, struct caller *c, struct text *out)
{
	int err = proc_may_open(n, c, 0);
	if (err)
		return err;
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	text_printf(out, "%08x\n", p ? p->personality : 0);
	sandbox_unlock(n->sb);
	return 0;
}

/* ---- links into the file tree ---- */

enum { LINK_CWD, LINK_ROOT };

static int get_link(struct pseudo_node *n, struct caller *c, struct path *out)
{
	int which = (int)(intptr_t)n->entry->arg, err = -ENOENT;
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	if (t && c->task && !ptrace_may_inspect(c->task, t)) {
		err = -EACCES;
	} else if (t && t->fs) {
		mutex_lock(&t->fs->lock);
		*out = path_get(which == LINK_CWD ? &t->fs->cwd : &t->fs->root);
		mutex_unlock(&t->fs->lock);
		err = 0;
	}
	sandbox_unlock(n->sb);
	return err;
}

static int link_text(struct pseudo_node *n, struct caller *c, struct text *out)
{
	char buf[PATH_MAX];
	struct path p;
	int err = get_link(n, c, &p);
	if (err)
		return err;
	struct path root = fs_struct_root(c->fs);
	err = path_string(&p, &root, buf, sizeof buf);
	path_put(&root);
	path_put(&p);
	if (err < 0)
		return err;
	text_puts(out, buf);
	return 0;
}

/* The program's file, a reference: it may have no path, as a memfd. */
static int get_exe(struct pseudo_node *n, struct caller *c, struct file **out)
{
	int err = proc_check_inspect(n, c);
	if (err)
		return err;
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	*out = p && p->exe ? file_get(p->exe) : NULL;
	sandbox_unlock(n->sb);
	return *out ? 0 : -ENOENT;
}

int proc_link_to_file(struct file *f, struct caller *c, struct text *out)
{
	char buf[PATH_MAX];
	struct path root = fs_struct_root(c->fs);
	int err = file_name(f, &root, buf, sizeof buf);

	path_put(&root);
	file_put(f);
	if (err < 0)
		return err;
	text_puts(out, buf);
	return 0;
}

static int exe_text(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct file *f;
	int err = get_exe(n, c, &f);

	return err ? err : proc_link_to_file(f, c, out);
}

static int exe_jump(struct pseudo_node *n, struct caller *c, struct path *out)
{
	struct file *f;
	int err = get_exe(n, c, &f);
	if (err)
		return err;
	err = file_path(f, c, out);
	file_put(f);
	return err;
}

/* ---- threads ---- */

static const struct pseudo_dir task_dir;
static const struct pseudo_entry task_entry = { NULL, S_IFDIR | 0555, .dir = &task_dir,
						.immutable = true };

static int tasks_lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
			struct pseudo_found *out)
{
	int nr;
	if (!pseudo_number(name, len, &nr))
		return -ENOENT;
	sandbox_lock(dir->sb);
	struct pid *p = pid_find(pseudo_pids(dir), nr);
	struct process *of = proc_process(dir);
	bool found = p && of && (p->process == of || (p->task && p->task->process == of));
	if (found) {
		out->entry = &task_entry;
		out->pid = pid_get(p);
	}
	sandbox_unlock(dir->sb);
	return found ? 0 : -ENOENT;
}

static bool tasks_next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32],
		       unsigned char *d_type)
{
	int best = -1;
	sandbox_lock(dir->sb);
	struct process *p = proc_process(dir);
	struct task *t;
	if (p) {
		const struct pid_namespace *ns = pseudo_pids(dir);
		if (pid_nr(p->pid, ns) >= *cursor) /* the leader, even when it has ended */
			best = pid_nr(p->pid, ns);
		list_for_each (t, &p->tasks, process_node) {
			pid_t tid = pid_nr(t->pid, ns);
			if (tid >= *cursor && (best < 0 || tid < best))
				best = tid;
		}
	}
	sandbox_unlock(dir->sb);
	*cursor = best < 0 ? *cursor : best;
	snprintf(name, 32, "%d", best);
	*d_type = DT_DIR;
	return best >= 0;
}

static const struct pseudo_dir tasks_dir = { .lookup = tasks_lookup,
					     .member = &task_entry,
					     .next = tasks_next };

#define LINK(name, which)                                                                          \
	{                                                                                          \
		name, S_IFLNK | 0777, .link = link_text, .jump = get_link, .arg = (void *)(which)  \
	}
#define DIRECTORY(name, mode, table)                                                               \
	{                                                                                          \
		name, S_IFDIR | (mode), .dir = &(table)                                            \
	}
#define FILE(name, mode, ...)                                                                      \
	{                                                                                          \
		name, S_IFREG | (mode), __VA_ARGS__                                                \
	}
#define SHOW(name, fn) FILE(name, 0444, .show = fn)
#define MEMORY(name, ...)                                                                          \
	FILE(name, 0400, .may_open = proc_may_open_mm, .gone = GONE_EMPTY, __VA_ARGS__)

/* What a process has and each of its threads as well. */
#define PER_TASK                                                                                   \
	MEMORY("auxv", .show = show_auxv), SHOW("cgroup", show_cgroup),                            \
	    SHOW("cmdline", show_cmdline),                                                         \
	    FILE("comm", 0644, .show = show_comm, .store = store_comm),                            \
	    SHOW("cpuset", show_cpuset), LINK("cwd", LINK_CWD),                                    \
	    MEMORY("environ", .show = show_environ),                                               \
	    { "exe", S_IFLNK | 0777, .link = exe_text, .jump = exe_jump },                         \
	    { "fd", S_IFDIR | 0500, .dir = &proc_fd_dir, .own = true },                            \
	    { "fdinfo", S_IFDIR | 0555, .dir = &proc_fdinfo_dir, .may_open = proc_may_open },      \
	    FILE("gid_map", 0644, .show = proc_show_id_map, .store_by = proc_store_id_map,         \
		 .gone = GONE_SAME, .arg = (const void *)ID_GROUP),                                \
	    FILE("io", 0400, .show = proc_show_io), SHOW("limits", show_limits),                   \
	    FILE("loginuid", 0644, .show = proc_show_unset_id),                                    \
	    FILE("maps", 0444, .show = proc_show_maps, .ioctl = proc_maps_ioctl,                   \
		 .may_open = proc_may_open),                                                       \
	    FILE("mem", 0600, .open = proc_mem_open),                                              \
	    FILE("mountinfo", 0444, .show = proc_show_mountinfo, .poll = proc_poll_mounts,         \
		 .may_open = may_open_fs, .gone = GONE_SAME),                                      \
	    FILE("mounts", 0444, .show = proc_show_mounts, .poll = proc_poll_mounts,               \
		 .may_open = may_open_fs, .gone = GONE_SAME),                                      \
	    DIRECTORY("net", 0555, proc_net_dir), DIRECTORY("ns", 0511, proc_ns_dir),              \
	    FILE("numa_maps", 0444, .show = proc_show_numa_maps, .may_open = proc_may_open),       \
	    FILE("oom_adj", 0644, .show = proc_show_oom_adj, .store = proc_store_oom_adj),         \
	    SHOW("oom_score", proc_show_oom_score),                                                \
	    FILE("oom_score_adj", 0644, .show = proc_show_oom_score_adj,                           \
		 .store = proc_store_oom_score_adj),                                               \
	    FILE("personality", 0400, .show = show_personality),                                   \
	    FILE("projid_map", 0644, .show = proc_show_id_map, .store_by = proc_store_id_map,      \
		 .gone = GONE_SAME, .arg = (const void *)ID_PROJECT),                              \
	    LINK("root", LINK_ROOT), MEMORY("pagemap", .read_at = proc_read_pagemap),              \
	    SHOW("schedstat", proc_show_schedstat), SHOW("sessionid", proc_show_unset_id),         \
	    FILE("setgroups", 0644, .show = proc_show_setgroups, .store_by = proc_store_setgroups, \
		 .may_open = proc_may_open_setgroups, .gone = GONE_SAME),                          \
	    FILE("clear_refs", 0200, .store = proc_store_clear_refs),                              \
	    FILE("smaps_rollup", 0444, .show = proc_show_smaps_rollup,                             \
		 .may_open = proc_may_open_mm),                                                    \
	    FILE("smaps", 0444, .show = proc_show_smaps, .may_open = proc_may_open),               \
	    SHOW("stat", proc_show_stat), SHOW("statm", show_statm),                               \
	    SHOW("status", proc_show_status),                                                      \
	    FILE("uid_map", 0644, .show = proc_show_id_map, .store_by = proc_store_id_map,         \
		 .gone = GONE_SAME, .arg = (const void *)ID_USER),                                 \
	    SHOW("wchan", show_wchan)

static const struct pseudo_entry task_entries[] = { PER_TASK, SHOW("children", show_children) };
static const struct pseudo_dir task_dir = { PSEUDO_TABLE(task_entries) };
static const struct pseudo_entry pid_entries[] = {
	PER_TASK,
	FILE("coredump_filter", 0644, .show = proc_show_coredump_filter,
	     .store = proc_store_coredump_filter),
	{ "map_files", S_IFDIR | 0500, .dir = &proc_map_files_dir, .may_open = proc_may_open },
	FILE("mountstats", 0400, .show = proc_show_mountstats, .poll = proc_poll_mounts,
	     .may_open = may_open_fs, .gone = GONE_SAME),
	DIRECTORY("task", 0555, tasks_dir),
	FILE("timens_offsets", 0644, .show = proc_show_timens, .store_by = proc_store_timens,
	     .again = true),
	SHOW("timers", proc_show_timers),
	FILE("timerslack_ns", 0666, .show = proc_show_timerslack, .store = proc_store_timerslack),
};
const struct pseudo_dir proc_pid_dir = { PSEUDO_TABLE(pid_entries) };

bool proc_is_thread(const struct pseudo_node *n)
{
	while (n && n->entry->dir != &proc_pid_dir && n->entry->dir != &task_dir)
		n = n->parent;
	return n && n->entry->dir == &task_dir;
}

struct pid *proc_pid_of_file(struct file *f)
{
	struct pseudo_node *n = pseudo_node_of_file(f);

	return n && n->entry->dir == &proc_pid_dir ? n->pid : NULL;
}
