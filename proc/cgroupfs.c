/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control group that a guest finds itself in, where its sandbox has limits: a cgroup2 file
 * system for /sys/fs/cgroup with one group, as a container sees it whose namespace begins at its
 * own group (cgroup_namespaces(7)). Runtimes (the JVM, Go, node, .NET) read from it how much there
 * is for them. It cannot be written to, and no group can be made. What is told is what
 * sandbox_limits says and what is in use now; a file is not there where nothing is known of it.
 */
#include <linux/magic.h>
#include <sys/stat.h>

#include "kernel/bandwidth.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

static int show_fixed(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, n->entry->arg);
	return 0;
}

static int put_limit(struct text *out, uint64_t limit)
{
	if (limit)
		text_printf(out, "%lu\n", limit);
	else
		text_puts(out, "max\n");
	return 0;
}

static const struct pid_namespace *pids_of_reader(struct pseudo_node *n, struct caller *c)
{
	return c->task ? task_pid_ns(c->task) : n->sb->pid_ns;
}

/* All processes of the sandbox, but for pid 1, which is none of the guest's. */
static int show_procs(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct process *p;

	sandbox_lock(n->sb);
	list_for_each (p, &n->sb->processes, all_node)
		if (p != n->sb->init && p->nr_tasks)
			text_printf(out, "%d\n", pid_nr(p->pid, pids_of_reader(n, c)));
	sandbox_unlock(n->sb);
	return 0;
}

static int show_memory_max(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return put_limit(out, n->sb->limits.memory);
}

static int show_memory_current(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%lu\n", budget_measure(n->sb->mem.budget));
	return 0;
}

static int show_pids_max(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return put_limit(out, n->sb->limits.pids);
}

static int show_pids_current(struct pseudo_node *n, struct caller *c, struct text *out)
{
	sandbox_lock(n->sb);
	text_printf(out, "%u\n", n->sb->pid_ns->tasks - 1);
	sandbox_unlock(n->sb);
	return 0;
}

static int show_cpu_max(struct pseudo_node *n, struct caller *c, struct text *out)
{
	uint64_t cpus = n->sb->limits.cpus;

	if (cpus)
		text_printf(out, "%lu %d\n", cpus * CPU_PERIOD_US / CPU_UNIT, CPU_PERIOD_US);
	else
		text_printf(out, "max %d\n", CPU_PERIOD_US);
	return 0;
}

static int show_cpu_stat(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct bandwidth_stat st;

	bandwidth_stat(n->sb, &st);
	uint64_t user = st.used.utime_ns / 1000, system = st.used.stime_ns / 1000;
	text_printf(out, "usage_usec %lu\nuser_usec %lu\nsystem_usec %lu\n", user + system, user,
		    system);
	text_printf(out, "nr_periods %lu\nnr_throttled %lu\nthrottled_usec %lu\n", st.periods,
		    st.throttled, st.throttled_ns / 1000);
	text_puts(out, "nr_bursts 0\nburst_usec 0\n");
	return 0;
}

#define SHOW(name, fn)                                                                             \
	{                                                                                          \
		name, S_IFREG | 0444, .show = fn, .sealed = true                                   \
	}
#define FIXED(name, text)                                                                          \
	{                                                                                          \
		name, S_IFREG | 0444, .show = show_fixed, .sealed = true, .arg = (text)            \
	}

/* No part of the memory is kept for the group or taken early, and there is no swap. */
static const struct pseudo_entry entries[] = {
	FIXED("cgroup.controllers", "cpu memory pids\n"),
	FIXED("cgroup.max.depth", "0\n"),
	FIXED("cgroup.max.descendants", "0\n"),
	SHOW("cgroup.procs", show_procs),
	FIXED("cgroup.subtree_control", ""),
	FIXED("cgroup.type", "domain\n"),
	SHOW("cpu.max", show_cpu_max),
	SHOW("cpu.stat", show_cpu_stat),
	SHOW("memory.current", show_memory_current),
	FIXED("memory.high", "max\n"),
	FIXED("memory.low", "0\n"),
	SHOW("memory.max", show_memory_max),
	FIXED("memory.min", "0\n"),
	FIXED("memory.swap.current", "0\n"),
	FIXED("memory.swap.max", "0\n"),
	SHOW("pids.current", show_pids_current),
	SHOW("pids.max", show_pids_max),
};
static const struct pseudo_dir dir = { PSEUDO_TABLE(entries) };
static const struct pseudo_entry root = { NULL, S_IFDIR | 0555, .dir = &dir };

int cgroupfs_create(struct sandbox *sb, struct filesystem **out)
{
	return pseudo_fs_create(sb, "cgroup2", &root, CGROUP2_SUPER_MAGIC, NULL, out);
}

/* Controllers of the second version have hierarchy 0 (cgroups(7)). */
int proc_show_cgroups(struct pseudo_node *n, struct caller *c, struct text *out)
{
	static const char *const controllers[] = { "cpu", "cpuacct", "cpuset", "memory", "pids" };

	text_puts(out, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
	for (size_t i = 0;
	     sandbox_has_cgroup(n->sb) && i < sizeof controllers / sizeof *controllers; i++)
		text_printf(out, "%s\t0\t1\t1\n", controllers[i]);
	return 0;
}
