/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc says of the whole machine. CPUs, memory and load are the host's, as sysinfo(2) and the
 * clocks tell any program, where the sandbox is not limited to a part of them; processes, faults,
 * locks and what was read from disks are the sandbox's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "fs/locks.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "kernel/time_ns.h"
#include "proc/proc.h"
#include "util/time.h"

int proc_show_host_lines(struct text *out, const char *path, const char *const *names, size_t n)
{
	struct text host = { 0 };
	int err = proc_show_host(&host, path);
	char *save = NULL;

	for (char *l = host.buf ? strtok_r(host.buf, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save)) {
		for (size_t i = 0; i < n; i++) {
			if (strncmp(l, names[i], strlen(names[i])) == 0)
				text_printf(out, "%s\n", l);
		}
	}
	text_free(&host);
	return err;
}

/* Copies the blocks of the host's file that are about CPUs of the sandbox. A block begins with its
 * number and ends with an empty line. */
static void put_cpu_blocks(const struct cpus *cpus, char *host, struct text *out)
{
	bool ours = false;

	for (char *line; (line = strsep(&host, "\n"));) {
		if (strncmp(line, "processor", 9) == 0) {
			const char *colon = strchr(line, ':');
			ours = colon && cpus_has(cpus, (unsigned)strtoul(colon + 1, NULL, 10));
		}
		if (ours && host)
			text_printf(out, "%s\n", line);
	}
}

int proc_show_cpuinfo(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct text host = { 0 };
	int err = proc_show_host(&host, "/proc/cpuinfo");

	if (!err && host.buf)
		put_cpu_blocks(&n->sb->cpus, host.buf, out);
	text_free(&host);
	return err;
}

/* All that is known of a machine whose memory is a limit: it has no swap and no disks, and pages of
 * the host's files are not its own. */
static void put_limited_memory(struct text *out, uint64_t total, uint64_t used)
{
	text_printf(out,
		    "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n",
		    total / 1024, (total - used) / 1024, (total - used) / 1024);
	text_puts(out, "Buffers:               0 kB\nCached:                0 kB\n"
		       "SwapCached:            0 kB\nSwapTotal:             0 kB\n"
		       "SwapFree:              0 kB\n");
}

int proc_show_meminfo(struct pseudo_node *n, struct caller *c, struct text *out)
{
	static const char *const names[] = {
		"MemTotal:",   "MemFree:",     "MemAvailable:", "Buffers:",     "Cached:",
		"SwapCached:", "Active",       "Inactive",      "Unevictable:", "Mlocked:",
		"SwapTotal:",  "SwapFree:",    "Dirty:",        "Writeback:",   "AnonPages:",
		"Mapped:",     "Shmem:",       "KReclaimable:", "Slab:",        "SReclaimable:",
		"SUnreclaim:", "KernelStack:", "PageTables:",   "CommitLimit:",
	};
	uint64_t total, used;
	int err = 0;

	if (sandbox_memory(n->sb, &total, &used))
		put_limited_memory(out, total, used);
	else
		err = proc_show_host_lines(out, "/proc/meminfo", names,
					   sizeof names / sizeof names[0]);

	text_printf(out, "Committed_AS:   %8lu kB\n", n->sb->mem.committed / 1024);
	text_puts(out,
		  "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n"
		  "HugePages_Surp:        0\nHugepagesize:       2048 kB\n");
	return err;
}

int proc_show_uptime(struct pseudo_node *n, struct caller *c, struct text *out)
{
	uint64_t up = (guest_clock_ns(&n->sb->clock, CLOCK_BOOTTIME) +
		       (uint64_t)task_clock_ahead(c->task, CLOCK_BOOTTIME)) /
		      NSEC_PER_TICK;
	struct text host = { 0 };
	int err = proc_show_host(&host, "/proc/uptime");
	const char *idle = host.buf ? strchr(host.buf, ' ') : NULL;

	if (!err && !idle)
		err = -EIO;
	if (!err)
		text_printf(out, "%lu.%02lu%s", up / 100, up % 100, idle);
	text_free(&host);
	return err;
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

int proc_show_loadavg(struct pseudo_node *n, struct caller *c, struct text *out)
{
	double load[3] = { 0 };
	unsigned total, running = running_tasks(n->sb, &total);
	(void)!getloadavg(load, 3);
	text_printf(out, "%.2f %.2f %.2f %u/%u %d\n", load[0], load[1], load[2], running, total,
		    pid_last(pseudo_pids(n)));
	return 0;
}

/* The first number of a line is the sum of all; the others, one an interrupt, would tell when keys
 * are pressed. */
static void put_total(struct text *out, const char *name)
{
	struct text host = { 0 };

	proc_show_host_lines(&host, "/proc/stat", &name, 1);
	const char *total = host.buf ? strchr(host.buf, ' ') : NULL;
	if (total)
		text_printf(out, "%s %lu\n", name, strtoul(total, NULL, 10));
	text_free(&host);
}

/* When the guest's machine was started, by its clocks: as far from the host's as its realtime is,
 * less what it has been up for longer. */
static void put_boot_time(struct text *out, const struct guest_clock *gc, const struct task *reader)
{
	static const char *const name = "btime ";
	int64_t up_longer = task_clock_ahead(reader, CLOCK_BOOTTIME);
	int64_t ahead = guest_clock_ahead(gc, CLOCK_REALTIME) -
			guest_clock_ahead(gc, CLOCK_BOOTTIME) - up_longer;
	struct text host = { 0 };

	if (gc->steps) {
		text_printf(out, "%s%ld\n", name,
			    (gc->realtime - gc->boottime - up_longer) / (int64_t)NSEC_PER_SEC);
		return;
	}
	proc_show_host_lines(&host, "/proc/stat", &name, 1);
	if (host.buf)
		text_printf(out, "%s%ld\n", name,
			    strtol(host.buf + strlen(name), NULL, 10) +
				ahead / (int64_t)NSEC_PER_SEC);
	text_free(&host);
}

#define CPU_TIMES 10 /* columns: proc_stat(5) */

/* The lines of the sandbox's CPUs, behind their sum. */
static void put_cpu_times(const struct cpus *cpus, char *host, struct text *out)
{
	uint64_t sum[CPU_TIMES] = { 0 };
	struct text lines = { 0 };

	for (char *line; (line = strsep(&host, "\n"));) {
		char *at = line + 3;
		unsigned long cpu;

		if (strncmp(line, "cpu", 3) || *at < '0' || *at > '9')
			continue;
		cpu = strtoul(at, &at, 10);
		if (!cpus_has(cpus, (unsigned)cpu))
			continue;
		text_printf(&lines, "%s\n", line);
		for (int i = 0; i < CPU_TIMES; i++)
			sum[i] += strtoul(at, &at, 10);
	}
	text_puts(out, "cpu ");
	for (int i = 0; i < CPU_TIMES; i++)
		text_printf(out, " %lu", sum[i]);
	text_putc(out, '\n');
	if (lines.buf)
		text_puts(out, lines.buf);
	text_free(&lines);
}

static int show_cpu_times(const struct cpus *cpus, struct text *out)
{
	static const char *const names = "cpu";
	struct text host = { 0 };

	if (!cpus->limited)
		return proc_show_host_lines(out, "/proc/stat", &names, 1);
	int err = proc_show_host_lines(&host, "/proc/stat", &names, 1);
	if (!err && host.buf)
		put_cpu_times(cpus, host.buf, out);
	text_free(&host);
	return err;
}

int proc_show_system_stat(struct pseudo_node *n, struct caller *c, struct text *out)
{
	static const char *const ctxt = "ctxt ";
	unsigned total, running = running_tasks(n->sb, &total);
	int err = show_cpu_times(&n->sb->cpus, out);

	put_total(out, "intr");
	proc_show_host_lines(out, "/proc/stat", &ctxt, 1);
	put_boot_time(out, &n->sb->clock, c->task);
	text_printf(out, "processes %d\nprocs_running %u\nprocs_blocked 0\n",
		    pid_last(pseudo_pids(n)), running);
	put_total(out, "softirq");
	return err;
}

/* A guest's machine has no interrupt controller: a column for each CPU, and no line. */
int proc_show_interrupts(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "           ");
	for (int i = 0; i < get_nprocs_conf(); i++)
		if (cpus_has(&n->sb->cpus, (unsigned)i))
			text_printf(out, "CPU%-8d", i);
	text_putc(out, '\n');
	return 0;
}

/* All that a sandbox reads from disks is read by its monitor: that much is known, and the
 * faults. */
int proc_show_vmstat(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct sandbox_totals totals;
	struct sysinfo si;
	struct rusage ru;

	sandbox_totals(n->sb, &totals);
	if (sysinfo(&si) < 0 || getrusage(RUSAGE_SELF, &ru) < 0)
		return -EIO;
	uint64_t total, used, free = si.freeram * si.mem_unit;
	if (sandbox_memory(n->sb, &total, &used))
		free = total - used;
	text_printf(out, "nr_free_pages %lu\n", free / PAGE_SIZE);
	/* KiB */
	text_printf(out, "pgpgin %ld\npgpgout %ld\n", ru.ru_inblock / 2, ru.ru_oublock / 2);
	text_printf(out, "pgfault %lu\npgmajfault %ld\n", totals.faults + (uint64_t)ru.ru_majflt,
		    ru.ru_majflt);
	return 0;
}

/* ---- locks: lock_get_status() of Linux's fs/locks.c ---- */

struct lock_lines {
	struct text *out;
	int nr;
};

static void put_lock(const struct file_lock *l, const struct inode_id *id, void *arg)
{
	static const char *const kinds[] = {
		[LOCK_POSIX] = "POSIX ", [LOCK_OFD] = "OFDLCK", [LOCK_FLOCK] = "FLOCK "
	};
	struct lock_lines *to = arg;

	text_printf(to->out, "%d: %s ADVISORY  %s %d ", ++to->nr, kinds[l->kind],
		    l->type == F_WRLCK ? "WRITE" : "READ", l->pid);
	if (id->of_host)
		text_printf(to->out, "%02x:%02x:%lu ", (unsigned)(id->dev >> 32), (unsigned)id->dev,
			    id->ino);
	else
		/* as where Linux knows no inode: what else is in `id` are addresses */
		text_puts(to->out, "<none>:0 ");
	if (l->kind == LOCK_FLOCK)
		text_puts(to->out, "0 EOF\n");
	else if (l->end == INT64_MAX)
		text_printf(to->out, "%ld EOF\n", l->start);
	else
		text_printf(to->out, "%ld %ld\n", l->start, l->end);
}

int proc_show_locks(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct lock_lines to = { .out = out };

	lock_for_each(n->sb->vfs->locks, put_lock, &to);
	return 0;
}
