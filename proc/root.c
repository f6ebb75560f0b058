/* SPDX-License-Identifier: Apache-2.0 */
/* /proc itself: the processes, and what is said of the whole system. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

int proc_show_host(struct text *out, const char *host_path)
{
	char buf[4096];
	ssize_t n;
	int fd = open(host_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		text_put(out, buf, (size_t)n);
	close(fd);
	return n < 0 ? -EIO : 0;
}

static int show_cpuinfo(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return proc_show_host(out, "/proc/cpuinfo");
}

static void kb_line(struct text *out, const char *name, uint64_t bytes)
{
	text_printf(out, "%-15s %8lu kB\n", name, bytes / 1024);
}

static int show_meminfo(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct sysinfo si;
	sysinfo(&si);
	uint64_t unit = si.mem_unit;
	kb_line(out, "MemTotal:", si.totalram * unit);
	kb_line(out, "MemFree:", si.freeram * unit);
	kb_line(out, "MemAvailable:", (si.freeram + si.bufferram) * unit);
	kb_line(out, "Buffers:", si.bufferram * unit);
	kb_line(out, "SwapTotal:", si.totalswap * unit);
	kb_line(out, "SwapFree:", si.freeswap * unit);
	kb_line(out, "Shmem:", si.sharedram * unit);
	kb_line(out, "Committed_AS:", n->sb->mem.committed);
	return 0;
}

static int show_uptime(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct timespec ts;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	text_printf(out, "%ld.%02ld 0.00\n", (long)ts.tv_sec, ts.tv_nsec / 10000000);
	return 0;
}

static unsigned running_tasks(struct sandbox *sb, unsigned *total)
{
	struct process *p;
	struct task *t;
	unsigned running = 0;
	*total = 0;
	sandbox_lock(sb);
	list_for_each (p, &sb->processes, all_node) {
		list_for_each (t, &p->tasks, process_node) {
			(*total)++;
			running += task_state(t) == 'R';
		}
	}
	sandbox_unlock(sb);
	return running;
}

static int show_loadavg(struct pseudo_node *n, struct caller *c, struct text *out)
{
	double load[3] = { 0 };
	unsigned total, running = running_tasks(n->sb, &total);
	(void)!getloadavg(load, 3);
	text_printf(out, "%.2f %.2f %.2f %u/%u %d\n", load[0], load[1], load[2], running, total, pid_last(n->sb->pids));
	return 0;
}

static int show_version(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct utsname u;
	uname(&u);
	text_printf(out, "%s version %s (hl) %s\n", u.sysname, u.release, u.version);
	return 0;
}

/* The CPU lines are the machine's; the rest is counted here. */
static int show_stat(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct text host = { 0 };
	unsigned total, running = running_tasks(n->sb, &total);
	int err = proc_show_host(&host, "/proc/stat");
	char *save = NULL;
	for (char *l = host.buf ? strtok_r(host.buf, "\n", &save) : NULL; l; l = strtok_r(NULL, "\n", &save)) {
		if (strncmp(l, "cpu", 3) == 0 || strncmp(l, "btime", 5) == 0)
			text_printf(out, "%s\n", l);
	}
	text_free(&host);
	text_printf(out, "processes %d\nprocs_running %u\nprocs_blocked 0\n", pid_last(n->sb->pids), running);
	return err;
}

/* The types our mount table can hold. */
static int show_filesystems(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tpipefs\n"
		       "nodev\tsockfs\n\text4\n");
	return 0;
}

static int show_cmdline(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "hl\n"); /* there is no kernel image and no boot loader: the program that answers as kernel */
	return 0;
}

static int show_devices(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(
	    out,
	    "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n");
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
	text_printf(out, "%d", c->task->process->pid->nr);
	return 0;
}

static int thread_self_link(struct pseudo_node *n, struct caller *c, struct text *out)
{
	if (!c->task)
		return -ENOENT;
	text_printf(out, "%d/task/%d", c->task->process->pid->nr, c->task->tid);
	return 0;
}

static int fixed_link(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, n->entry->arg);
	return 0;
}

/* ---- the processes ---- */

static const struct pseudo_entry pid_entry = { NULL, S_IFDIR | 0555, .dir = &proc_pid_dir };

static int root_lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
		       struct pseudo_found *out)
{
	int nr;
	if (!pseudo_number(name, len, &nr))
		return -ENOENT;
	sandbox_lock(dir->sb);
	struct pid *p = pid_find(dir->sb->pids, nr);
	bool found = p && (p->process || p->task); /* threads too, though readdir does not name them */
	if (found) {
		out->entry = &pid_entry;
		out->pid = pid_get(p);
	}
	sandbox_unlock(dir->sb);
	return found ? 0 : -ENOENT;
}

/* Processes are kept in order of creation, which a wrap of numbers breaks: so the smallest is searched. */
static bool root_next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32], unsigned char *d_type)
{
	struct process *p;
	int best = -1;
	sandbox_lock(dir->sb);
	list_for_each (p, &dir->sb->processes, all_node) {
		int nr = p->pid->nr;
		if (nr >= *cursor && (best < 0 || nr < best))
			best = nr;
		if (nr == *cursor)
			break;
	}
	sandbox_unlock(dir->sb);
	*cursor = best < 0 ? *cursor : best;
	snprintf(name, 32, "%d", best);
	*d_type = DT_DIR;
	return best >= 0;
}

static const struct pseudo_entry root_entries[] = {
	{ "cmdline", S_IFREG | 0444, .show = show_cmdline },
	{ "cpuinfo", S_IFREG | 0444, .show = show_cpuinfo },
	{ "devices", S_IFREG | 0444, .show = show_devices },
	{ "filesystems", S_IFREG | 0444, .show = show_filesystems },
	{ "loadavg", S_IFREG | 0444, .show = show_loadavg },
	{ "meminfo", S_IFREG | 0444, .show = show_meminfo },
	{ "mounts", S_IFLNK | 0777, .link = fixed_link, .arg = "self/mounts" },
	{ "net", S_IFLNK | 0777, .link = fixed_link, .arg = "self/net" },
	{ "self", S_IFLNK | 0777, .link = self_link },
	{ "stat", S_IFREG | 0444, .show = show_stat },
	{ "swaps", S_IFREG | 0444, .show = show_swaps },
	{ "sys", S_IFDIR | 0555, .dir = &proc_sysctl_dir },
	{ "thread-self", S_IFLNK | 0777, .link = thread_self_link },
	{ "uptime", S_IFREG | 0444, .show = show_uptime },
	{ "version", S_IFREG | 0444, .show = show_version },
};
static const struct pseudo_dir root_dir = { PSEUDO_TABLE(root_entries), .lookup = root_lookup, .next = root_next };
static const struct pseudo_entry root_entry = { NULL, S_IFDIR | 0555, .dir = &root_dir };

int procfs_create(struct sandbox *sb, struct filesystem **out)
{
	return pseudo_fs_create(sb, "proc", &root_entry, PROC_SUPER_MAGIC, out);
}
