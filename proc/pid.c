/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID and /proc/PID/task/TID. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/oom.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "kernel/fdtable.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

struct process *proc_process(struct pseudo_node *n)
{
	if (n->pid->process)
		return n->pid->process;
	return n->pid->task ? n->pid->task->process : NULL;
}

struct task *proc_task(struct pseudo_node *n)
{
	if (n->pid->task)
		return n->pid->task;
	struct process *p = n->pid->process;
	return p && !list_empty(&p->tasks) ? list_first(&p->tasks, struct task, process_node) : NULL;
}

struct mm *proc_mm(struct pseudo_node *n)
{
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	struct mm *mm = t && t->mm ? mm_get(t->mm) : NULL;
	sandbox_unlock(n->sb);
	return mm;
}

bool proc_may_inspect(struct task *reader, struct task *target)
{
	const struct cred *r = reader->cred, *o = target->cred;
	if (reader->process == target->process || cred_capable(r, 19)) /* CAP_SYS_PTRACE */
		return true;
	return target->process->dumpable && r->fsuid == o->uid && r->fsuid == o->euid && r->fsuid == o->suid &&
	       r->fsgid == o->gid && r->fsgid == o->egid && r->fsgid == o->sgid;
}

int proc_check_inspect(struct pseudo_node *n, struct caller *c)
{
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	int err = !t ? -ENOENT : c->task && !proc_may_inspect(c->task, t) ? -EACCES : 0;
	sandbox_unlock(n->sb);
	return err;
}

/* ---- text of the address space ---- */

static int show_range(struct mm *mm, uint64_t start, uint64_t end, struct text *out)
{
	char buf[4096];
	while (start < end) {
		size_t n = end - start < sizeof buf ? end - start : sizeof buf;
		size_t left = copy_from_guest(mm, buf, GVA(start), n);
		text_put(out, buf, n - left);
		if (left)
			return 0;
		start += n;
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
	int err = proc_check_inspect(n, c);
	struct mm *mm = err ? NULL : proc_mm(n);
	if (!mm)
		return err;
	show_range(mm, mm->env_start, mm->env_end, out);
	mm_put(mm);
	return 0;
}

static int show_auxv(struct pseudo_node *n, struct caller *c, struct text *out)
{
	int err = proc_check_inspect(n, c);
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
	uint64_t size = 0, rss = 0, text = 0, data = 0;
	if (mm) {
		size = mm->total_bytes / PAGE_SIZE;
		rss = mm_resident(mm) / PAGE_SIZE;
		text = (PAGE_UP(mm->end_code) - PAGE_DOWN(mm->start_code)) / PAGE_SIZE;
		data = (mm->data_bytes + mm->stack_bytes) / PAGE_SIZE;
		mm_put(mm);
	}
	text_printf(out, "%lu %lu 0 %lu 0 %lu 0\n", size, rss, text, data);
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
		text[strcspn(text, "\n")] = '\0';
		memset(t->comm, 0, sizeof t->comm);
		memcpy(t->comm, text, strnlen(text, TASK_COMM_LEN - 1));
		err = 0;
	}
	sandbox_unlock(n->sb);
	return err < 0 ? err : (int)strlen(text);
}

/* ---- limits ---- */

static const struct {
	const char *name, *unit;
	int which;
} limit_rows[] = {
	{ "Max cpu time", "seconds", RLIMIT_CPU },         { "Max file size", "bytes", RLIMIT_FSIZE },
	{ "Max data size", "bytes", RLIMIT_DATA },         { "Max stack size", "bytes", RLIMIT_STACK },
	{ "Max core file size", "bytes", RLIMIT_CORE },    { "Max resident set", "bytes", RLIMIT_RSS },
	{ "Max processes", "processes", RLIMIT_NPROC },    { "Max open files", "files", RLIMIT_NOFILE },
	{ "Max locked memory", "bytes", RLIMIT_MEMLOCK },  { "Max address space", "bytes", RLIMIT_AS },
	{ "Max file locks", "locks", RLIMIT_LOCKS },       { "Max pending signals", "signals", RLIMIT_SIGPENDING },
	{ "Max msgqueue size", "bytes", RLIMIT_MSGQUEUE }, { "Max nice priority", "", RLIMIT_NICE },
	{ "Max realtime priority", "", RLIMIT_RTPRIO },    { "Max realtime timeout", "us", RLIMIT_RTTIME },
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
	text_puts(out, "Limit                     Soft Limit           Hard Limit           Units     \n");
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

/* Linux's oom_badness(), as /proc shows it: of 2,000, what the process holds of all memory, moved by its adjustment. */
static int64_t oom_score(uint64_t resident, int adj)
{
	struct sysinfo si;

	if (adj == OOM_SCORE_ADJ_MIN || sysinfo(&si) < 0)
		return 0;
	int64_t total = (int64_t)((si.totalram + si.totalswap) * si.mem_unit / PAGE_SIZE);
	int64_t badness = (int64_t)(resident / PAGE_SIZE) + adj * (total / 1000);
	return (1000 + badness * 1000 / total) * 2 / 3;
}

static int show_oom_score(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct mm *mm = proc_mm(n);
	uint64_t resident = mm ? mm_resident(mm) : 0;

	if (mm)
		mm_put(mm);
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	int adj = p && p != n->sb->init ? p->oom_score_adj : OOM_SCORE_ADJ_MIN; /* init is never chosen */
	sandbox_unlock(n->sb);
	text_printf(out, "%ld\n", oom_score(resident, adj));
	return 0;
}

static int show_oom_score_adj(struct pseudo_node *n, struct caller *c, struct text *out)
{
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	text_printf(out, "%d\n", p ? p->oom_score_adj : 0);
	sandbox_unlock(n->sb);
	return 0;
}

static int store_oom_score_adj(struct pseudo_node *n, struct caller *c, char *text)
{
	char *end;
	long v = strtol(text, &end, 10);
	if (end == text || (*end && *end != '\n') || v < OOM_SCORE_ADJ_MIN || v > OOM_SCORE_ADJ_MAX)
		return -EINVAL;
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	bool ok = p && (v >= p->oom_score_adj || cred_capable(c->cred, 24)); /* CAP_SYS_RESOURCE */
	if (ok)
		p->oom_score_adj = (int)v;
	sandbox_unlock(n->sb);
	return ok ? (int)strlen(text) : -EACCES;
}

static int show_cgroup(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "0::/\n");
	return 0;
}

/* Nobody logged in here: the number that says "not set" (proc(5), loginuid). */
static int show_unset_id(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "4294967295");
	return 0;
}

static int show_id_map(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%10u %10u %10u\n", 0, 0, 4294967295U);
	return 0;
}

static int show_personality(struct pseudo_node *n, struct caller *c, struct text *out)
{
	int err = proc_check_inspect(n, c);
	if (err)
		return err;
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	text_printf(out, "%08x\n", p ? p->personality : 0);
	sandbox_unlock(n->sb);
	return 0;
}

/* ---- links into the file tree ---- */

enum { LINK_EXE, LINK_CWD, LINK_ROOT };

static int get_link(struct pseudo_node *n, struct caller *c, struct path *out)
{
	int which = (int)(intptr_t)n->entry->arg, err = -ENOENT;
	sandbox_lock(n->sb);
	struct task *t = proc_task(n);
	struct process *p = proc_process(n);
	if (t && c->task && !proc_may_inspect(c->task, t)) {
		err = -EACCES;
	} else if (which == LINK_EXE) {
		if (p && p->exe && p->exe->path.dentry) {
			*out = path_get(&p->exe->path);
			err = 0;
		}
	} else if (t && t->fs) {
		pthread_mutex_lock(&t->fs->lock);
		*out = path_get(which == LINK_CWD ? &t->fs->cwd : &t->fs->root);
		pthread_mutex_unlock(&t->fs->lock);
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
	pthread_mutex_lock(&c->fs->lock);
	struct path root = path_get(&c->fs->root);
	pthread_mutex_unlock(&c->fs->lock);
	err = path_string(&p, &root, buf, sizeof buf);
	path_put(&root);
	path_put(&p);
	if (err < 0)
		return err;
	text_puts(out, buf);
	return 0;
}

/* ---- threads ---- */

static const struct pseudo_dir task_dir;
static const struct pseudo_entry task_entry = { NULL, S_IFDIR | 0555, .dir = &task_dir };

static int tasks_lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
			struct pseudo_found *out)
{
	int nr;
	if (!pseudo_number(name, len, &nr))
		return -ENOENT;
	sandbox_lock(dir->sb);
	struct pid *p = pid_find(dir->sb->pids, nr);
	bool found = p && p->task && p->task->process == proc_process(dir);
	if (found) {
		out->entry = &task_entry;
		out->pid = pid_get(p);
	}
	sandbox_unlock(dir->sb);
	return found ? 0 : -ENOENT;
}

static bool tasks_next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32], unsigned char *d_type)
{
	int best = -1;
	sandbox_lock(dir->sb);
	struct process *p = proc_process(dir);
	struct task *t;
	if (p) {
		list_for_each (t, &p->tasks, process_node) {
			if (t->tid >= *cursor && (best < 0 || t->tid < best))
				best = t->tid;
		}
	}
	sandbox_unlock(dir->sb);
	*cursor = best < 0 ? *cursor : best;
	snprintf(name, 32, "%d", best);
	*d_type = DT_DIR;
	return best >= 0;
}

static const struct pseudo_dir tasks_dir = { .lookup = tasks_lookup, .next = tasks_next };

/* Network files of a namespace without interfaces of the host's. */
static int show_net_dev(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out,
		  "Inter-|   Receive                                                |  Transmit\n"
		  " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo "
		  "colls carrier compressed\n");
	return 0;
}

static const struct pseudo_entry net_entries[] = {
	{ "dev", S_IFREG | 0444, .show = show_net_dev },
};
static const struct pseudo_dir net_dir = { PSEUDO_TABLE(net_entries) };

#define PER_TASK                                                                                                       \
	{ "auxv", S_IFREG | 0400, .show = show_auxv }, { "cgroup", S_IFREG | 0444, .show = show_cgroup },              \
	    { "cmdline", S_IFREG | 0444, .show = show_cmdline },                                                       \
	    { "comm", S_IFREG | 0644, .show = show_comm, .store = store_comm },                                        \
	    { "cwd", S_IFLNK | 0777, .link = link_text, .jump = get_link, .arg = (void *)LINK_CWD },                   \
	    { "environ", S_IFREG | 0400, .show = show_environ },                                                       \
	    { "exe", S_IFLNK | 0777, .link = link_text, .jump = get_link, .arg = (void *)LINK_EXE },                   \
	    { "fd", S_IFDIR | 0500, .dir = &proc_fd_dir }, { "fdinfo", S_IFDIR | 0555, .dir = &proc_fdinfo_dir },      \
	    { "gid_map", S_IFREG | 0644, .show = show_id_map }, { "limits", S_IFREG | 0444, .show = show_limits },     \
	    { "loginuid", S_IFREG | 0444, .show = show_unset_id }, { "maps", S_IFREG | 0444, .show = proc_show_maps }, \
	    { "mem", S_IFREG | 0600, .open = proc_mem_open },                                                          \
	    { "mountinfo", S_IFREG | 0444, .show = proc_show_mountinfo },                                              \
	    { "mounts", S_IFREG | 0444, .show = proc_show_mounts }, { "net", S_IFDIR | 0555, .dir = &net_dir },        \
	    { "oom_score", S_IFREG | 0444, .show = show_oom_score },                                                   \
	    { "oom_score_adj", S_IFREG | 0644, .show = show_oom_score_adj, .store = store_oom_score_adj },             \
	    { "personality", S_IFREG | 0400, .show = show_personality },                                               \
	    { "root", S_IFLNK | 0777, .link = link_text, .jump = get_link, .arg = (void *)LINK_ROOT },                 \
	    { "sessionid", S_IFREG | 0444, .show = show_unset_id },                                                    \
	    { "smaps", S_IFREG | 0444, .show = proc_show_smaps }, { "stat", S_IFREG | 0444, .show = proc_show_stat },  \
	    { "statm", S_IFREG | 0444, .show = show_statm }, { "status", S_IFREG | 0444, .show = proc_show_status },   \
	{                                                                                                              \
		"uid_map", S_IFREG | 0644, .show = show_id_map                                                         \
	}

static const struct pseudo_entry task_entries[] = { PER_TASK };
static const struct pseudo_dir task_dir = { PSEUDO_TABLE(task_entries) };
static const struct pseudo_entry pid_entries[] = { PER_TASK, { "task", S_IFDIR | 0555, .dir = &tasks_dir } };
const struct pseudo_dir proc_pid_dir = { PSEUDO_TABLE(pid_entries) };

struct pid *proc_pid_of_file(struct file *f)
{
	struct pseudo_node *n = pseudo_node_of_file(f);

	return n && n->entry->dir == &proc_pid_dir ? n->pid : NULL;
}
