/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/status and /proc/PID/stat. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>

#include "kernel/fdtable.h"
#include "cred/user_ns.h"
#include "kernel/process.h"
#include "kernel/ptrace/access.h"
#include "kernel/ptrace/tracee.h"
#include "kernel/seccomp/filter.h"
#include "kernel/sandbox.h"
#include "kernel/sigqueue.h"
#include "kernel/task.h"
#include "kernel/time_ns.h"
#include "kernel/tty/tty.h"
#include "mm/usage.h"
#include "proc/proc.h"
#include "util/time.h"
#include "util/words.h"

/* Everything both files say, taken in one go under the lock. */
struct view {
	char comm[TASK_COMM_LEN];
	char state;
	pid_t pid, tgid, ppid, pgrp, session, tracer;
	unsigned tty;   /* device of the controlling terminal, as the kernel encodes it; 0: none */
	pid_t tty_pgrp; /* in its foreground; -1: none */
	int threads, exit_signal, exit_code, umask, fdsize, cpu;
	bool did_exec, thp, dumping;
	bool inspected; /* the reader may know addresses */
	int seccomp;    /* SECCOMP_MODE_* */
	unsigned filters;
	bool no_new_privs;
	uint64_t start_ticks;
	ksigset_t pending, shared_pending, blocked, ignored, caught;
	uint64_t queued, queue_limit; /* signals of the user, RLIMIT_SIGPENDING */
	uint64_t nvcsw, nivcsw;       /* of the thread */
	uint64_t rss_limit;
	pid_t host_tid; /* 0: none */
	cpu_set_t cpus;
	struct rusage_sum self, children;
	struct sched sched;
	struct cred *cred; /* a reference */
	struct mm *mm;     /* a reference; NULL: none */
	struct mm_totals memory;
};

/* Of a thread other than the caller's, only the host's /proc has the switches, and of any the CPU
 * it ran on last. The thread that serves a guest's speaks for it. Others must not wait while the
 * host's files are read: if the thread has ended meanwhile, there are none. */
static void view_host_thread(struct view *v, pid_t tid)
{
	lock_assert_may_sleep();
	struct text status = { 0 }, stat = { 0 };
	char path[64];

	snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
	if (proc_show_host(&status, path) == 0) {
		const char *at = strstr(text_str(&status), "\nvoluntary_ctxt_switches:");
		if (at) {
			v->nvcsw = strtoul(word_at(at, 1), NULL, 10);
			v->nivcsw = strtoul(word_at(at, 3), NULL, 10);
		}
	}
	snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	if (proc_show_host(&stat, path) == 0) {
		const char *at = strrchr(text_str(&stat), ')');
		for (int field = 2; at && field < 39; field++)
			at = strchr(at + 1, ' ');
		v->cpu = at ? atoi(at) : 0;
	}
	text_free(&status);
	text_free(&stat);
}

static const char *state_name(char c)
{
	switch (c) {
	case 'R': return "R (running)";
	case 'T': return "T (stopped)";
	case 't': return "t (tracing stop)";
	case 'Z': return "Z (zombie)";
	}
	return "S (sleeping)";
}

static char state_of(struct process *p, struct task *t)
{
	if (!t)
		return p->parent ? 'Z' : 'S'; /* init has no thread, and sleeps */
	return task_state(t);
}

static void view_signals(struct view *v, struct process *p, struct task *t)
{
	v->shared_pending = p->pending.set;
	v->pending = t->pending.set;
	v->blocked = t->blocked;
	for (int i = 0; i < NSIGNALS; i++) {
		const struct ksigaction *a = &t->sighand->action[i];
		if (action_is_ignore(a))
			v->ignored |= 1UL << i;
		else if (!action_is_default(a))
			v->caught |= 1UL << i;
	}
}

static void view_task(struct view *v, struct process *p, struct task *t)
{
	memcpy(v->comm, t->comm, sizeof v->comm);
	view_signals(v, p, t);
	v->umask = t->fs ? (int)t->fs->umask : 0;
	v->fdsize = t->files ? t->files->size : 0;
	v->mm = t->mm ? mm_get(t->mm) : NULL;
	v->queued = sigqueue_count(t->sb, t->cred->uid);
	struct seccomp_filter *f = t->seccomp.filter;
	v->seccomp = t->seccomp.mode;
	v->filters = f ? f->depth : 0;
	v->no_new_privs = task_no_new_privs(t);
	v->host_tid = t->host_tid;
	if (t->host_tid && sched_getaffinity(t->host_tid, sizeof v->cpus, &v->cpus) < 0)
		CPU_ZERO(&v->cpus);
}

static void view_tty(struct view *v, const struct pid_namespace *ns, const struct tty *tty)
{
	v->tty_pgrp = tty && tty->pgrp ? pid_nr(tty->pgrp, ns) : -1;
	if (tty) /* new_encode_dev() of Linux */
		v->tty = (minor(tty->dev) & 0xff) | major(tty->dev) << 8 |
			 (minor(tty->dev) & ~0xffU) << 12;
}

static bool view_take(struct pseudo_node *n, struct caller *c, struct view *v)
{
	memset(v, 0, sizeof *v);
	const struct pid_namespace *ns = pseudo_pids(n);
	struct process *whole = NULL;
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	struct task *t = proc_task(n);
	if (p) {
		v->pid = pid_nr(n->pid, ns);
		v->tgid = pid_nr(p->pid, ns);
		v->ppid = p->parent ? pid_nr(p->parent->pid, ns) : 0;
		v->tracer = pid_tracee(n->pid) ? pid_nr(n->pid->tracee->tracer->pid, ns) : 0;
		v->pgrp = pid_nr(p->pgrp, ns);
		v->session = pid_nr(p->session, ns);
		view_tty(v, ns, p->tty);
		/* one that ended counts until it is waited for */
		v->threads = p->nr_tasks + (p->leader ? 0 : 1);
		v->exit_signal = p->exit_signal;
		v->exit_code = p->exit_code;
		v->start_ticks =
		    (p->start_time_ns + (uint64_t)task_clock_ahead(c->task, CLOCK_BOOTTIME)) /
		    NSEC_PER_TICK;
		v->state = state_of(p, n->pid->task);
		v->did_exec = p->did_exec;
		v->dumping = p->core;
		v->thp = !p->thp_disable;
		v->queue_limit = p->rlimits[RLIMIT_SIGPENDING].rlim_cur;
		v->rss_limit = p->rlimits[RLIMIT_RSS].rlim_cur;
		v->inspected = t && (!c->task || ptrace_may_inspect(c->task, t));
		v->children = p->children_sum;
		/* Linux counts for the thread where a file is about one, else for the process. */
		if (t && proc_is_thread(n))
			task_rusage(t, &v->self);
		else
			whole = process_get(p);
		strcpy(v->comm, p == n->sb->init ? "init" : "");
		v->sched = t ? t->sched : p->sched;
		v->cred = cred_get(t ? t->cred : process_cred(p));
		v->no_new_privs = v->cred->no_new_privs;
		if (t)
			view_task(v, p, t);
	}
	sandbox_unlock(n->sb);
	if (whole) {
		process_rusage(whole, &v->self);
		process_put(whole);
	}
	if (v->host_tid)
		view_host_thread(v, v->host_tid);
	if (v->mm)
		mm_totals(v->mm, &v->memory);
	return p != NULL;
}

static void view_drop(struct view *v)
{
	if (v->cred)
		cred_put(v->cred);
	if (v->mm)
		mm_put(v->mm);
}

static void put_ids(struct text *out, const struct user_namespace *ns, const struct cred *c)
{
	if (!c)
		return;
	text_printf(out, "Uid:\t%u\t%u\t%u\t%u\n", from_kuid_munged(ns, c->uid),
		    from_kuid_munged(ns, c->euid), from_kuid_munged(ns, c->suid),
		    from_kuid_munged(ns, c->fsuid));
	text_printf(out, "Gid:\t%u\t%u\t%u\t%u\n", from_kgid_munged(ns, c->gid),
		    from_kgid_munged(ns, c->egid), from_kgid_munged(ns, c->sgid),
		    from_kgid_munged(ns, c->fsgid));
}

static void put_groups(struct text *out, const struct user_namespace *ns, const struct cred *c)
{
	text_puts(out, c && c->nr_groups ? "Groups:\t" : "Groups:\t ");
	for (int i = 0; c && i < c->nr_groups; i++)
		text_printf(out, "%u ", from_kgid_munged(ns, c->groups[i]));
	text_putc(out, '\n');
}

static void put_levels(struct text *out, const char *name, const struct pid *p,
		       const struct pid *of, const struct pid_namespace *from)
{
	text_puts(out, name);
	for (unsigned i = from->level; i <= of->ns->level; i++)
		text_printf(out, "\t%d", pid_nr(p, of->numbers[i].ns));
	text_putc(out, '\n');
}

/* In each namespace from that of the procfs to its own. */
static void put_numbers(struct pseudo_node *n, struct text *out)
{
	const struct pid_namespace *ns = pseudo_pids(n);

	sandbox_lock(n->sb);
	const struct process *p = proc_process(n);
	if (p) {
		put_levels(out, "NStgid:", p->pid, n->pid, ns);
		put_levels(out, "NSpid:", n->pid, n->pid, ns);
		put_levels(out, "NSpgid:", p->pgrp, n->pid, ns);
		put_levels(out, "NSsid:", p->session, n->pid, ns);
	}
	sandbox_unlock(n->sb);
}

static void kb(struct text *out, const char *name, uint64_t bytes)
{
	text_printf(out, "%s:\t%8lu kB\n", name, bytes / 1024);
}

/* Nothing is pinned, swapped or huge here; see mm/usage.h for what counts as resident. */
static void put_memory(struct text *out, const struct view *v)
{
	struct mm *mm = v->mm;
	const struct mm_totals *m = &v->memory;

	if (!mm)
		return;
	uint64_t rest = m->file + m->shmem,
		 peak = mm->peak_resident > m->anon ? mm->peak_resident : m->anon;
	uint64_t text = gva_diff(gva_page_up(mm->end_code), gva_page_down(mm->start_code));
	kb(out, "VmPeak", m->peak);
	kb(out, "VmSize", m->size);
	kb(out, "VmLck", m->locked);
	kb(out, "VmPin", 0);
	kb(out, "VmHWM", peak + rest);
	kb(out, "VmRSS", m->anon + rest);
	kb(out, "RssAnon", m->anon);
	kb(out, "RssFile", m->file);
	kb(out, "RssShmem", m->shmem);
	kb(out, "VmData", m->data);
	kb(out, "VmStk", m->stack);
	kb(out, "VmExe", text);
	kb(out, "VmLib", m->exec > text ? m->exec - text : 0);
	kb(out, "VmPTE", m->tables);
	kb(out, "VmSwap", 0);
	kb(out, "HugetlbPages", 0);
	text_printf(out, "CoreDumping:\t%d\nTHP_enabled:\t%d\nuntag_mask:\t0xffffffffffffffff\n",
		    v->dumping, v->thp);
}

static void put_caps(struct text *out, const struct view *v)
{
	const struct cred *c = v->cred;

	if (!c)
		return;
	text_printf(
	    out,
	    "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n",
	    c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding,
	    c->cap_ambient);
	text_printf(out, "NoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%u\n", v->no_new_privs,
		    v->seccomp, v->filters);
}

/* 32 CPUs a word, the highest word first: as many words as the host has CPUs for. */
static void put_cpu_mask(struct text *out, const cpu_set_t *set)
{
	int words = (get_nprocs_conf() + 31) / 32;

	text_puts(out, "Cpus_allowed:\t");
	for (int w = words - 1; w >= 0; w--) {
		uint32_t bits = 0;
		for (int i = 0; i < 32; i++)
			bits |= (uint32_t) !!CPU_ISSET(w * 32 + i, set) << i;
		if (w == words - 1 && get_nprocs_conf() % 32)
			text_printf(out, "%0*x", (get_nprocs_conf() % 32 + 3) / 4, bits);
		else
			text_printf(out, "%08x", bits);
		text_puts(out, w ? "," : "\n");
	}
}

static void put_cpu_list(struct text *out, const cpu_set_t *set)
{
	const char *sep = "";

	text_puts(out, "Cpus_allowed_list:\t");
	for (int i = 0; i < CPU_SETSIZE; i++) {
		int first = i;
		if (!CPU_ISSET(i, set))
			continue;
		while (i + 1 < CPU_SETSIZE && CPU_ISSET(i + 1, set))
			i++;
		text_printf(out, first == i ? "%s%d" : "%s%d-%d", sep, first, i);
		sep = ",";
	}
	text_putc(out, '\n');
}

/* proc_task_name(): a newline or a backslash in it does not break the line. */
static void put_task_name(struct text *out, const char *comm)
{
	text_puts(out, "Name:\t");
	for (int i = 0; i < TASK_COMM_LEN && comm[i]; i++) {
		if (comm[i] == '\n' || comm[i] == '\\')
			text_puts(out, comm[i] == '\n' ? "\\n" : "\\\\");
		else
			text_putc(out, comm[i]);
	}
	text_putc(out, '\n');
}

static void put_signals(struct text *out, const struct view *v)
{
	text_printf(out, "SigQ:\t%lu/%lu\n", v->queued, v->queue_limit);
	text_printf(
	    out,
	    "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
	    v->pending, v->shared_pending, v->blocked, v->ignored, v->caught);
}

int proc_show_status(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct view v;
	if (!view_take(n, c, &v))
		return -ESRCH;
	put_task_name(out, v.comm);
	text_printf(out, "Umask:\t%04o\nState:\t%s\n", (unsigned)v.umask, state_name(v.state));
	text_printf(out, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n", v.tgid,
		    v.pid, v.ppid, v.tracer);
	put_ids(out, c->cred->user_ns, v.cred);
	text_printf(out, "FDSize:\t%d\n", v.fdsize);
	put_groups(out, c->cred->user_ns, v.cred);
	put_numbers(n, out);
	text_puts(out, "Kthread:\t0\n");
	put_memory(out, &v);
	text_printf(out, "Threads:\t%d\n", v.threads);
	put_signals(out, &v);
	put_caps(out, &v);
	put_cpu_mask(out, &v.cpus);
	put_cpu_list(out, &v.cpus);
	proc_show_host_lines(out, "/proc/self/status", &(const char *){ "Mems_allowed" }, 1);
	text_printf(out, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		    v.nvcsw, v.nivcsw);
	view_drop(&v);
	return 0;
}

/* task_prio(): real-time policies are below zero, the others' nice values count from 20. */
static int priority_of(const struct sched *s)
{
	return sched_is_realtime(s->policy) ? -1 - s->priority : 20 + s->nice;
}

int proc_show_stat(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct view v;
	if (!view_take(n, c, &v))
		return -ESRCH;
	/* addresses are for those who may look */
	struct mm *m = v.mm, *open = v.inspected ? m : NULL;
	const struct mm_totals *t = &v.memory;
	text_printf(out, "%d (%.*s) %c %d %d %d %u %d %u ", v.pid, TASK_COMM_LEN, v.comm, v.state,
		    v.ppid, v.pgrp, v.session, v.tty, v.tty_pgrp,
		    v.did_exec ? 0 : PROCESS_FORKNOEXEC);
	text_printf(out, "%lu %lu %lu %lu ", v.self.minflt, v.children.minflt, v.self.majflt,
		    v.children.majflt);
	text_printf(out, "%lu %lu %lu %lu ", v.self.utime_ns / NSEC_PER_TICK,
		    v.self.stime_ns / NSEC_PER_TICK, v.children.utime_ns / NSEC_PER_TICK,
		    v.children.stime_ns / NSEC_PER_TICK);
	text_printf(out, "%d %d %d 0 %lu ", priority_of(&v.sched), v.sched.nice, v.threads,
		    v.start_ticks);
	text_printf(out, "%lu %lu %lu ", t->size, (t->anon + t->file + t->shmem) / PAGE_SIZE,
		    v.rss_limit);
	text_printf(out, "%lu %lu %lu 0 0 ", open ? m->start_code.v : !!m,
		    open ? m->end_code.v : !!m, open ? m->start_stack.v : 0);
	text_printf(out, "%lu %lu %lu %lu 0 0 0 %d %d %d %d 0 0 0 ", v.pending & INT32_MAX,
		    v.blocked & INT32_MAX, v.ignored & INT32_MAX, v.caught & INT32_MAX,
		    v.exit_signal, v.cpu, v.sched.priority, v.sched.policy);
	text_printf(out, "%lu %lu %lu %lu %lu %lu %lu %d\n", open ? m->start_data.v : 0,
		    open ? m->end_data.v : 0, open ? m->brk_start.v : 0, open ? m->arg_start.v : 0,
		    open ? m->arg_end.v : 0, open ? m->env_start.v : 0, open ? m->env_end.v : 0,
		    v.inspected ? v.exit_code : 0);
	view_drop(&v);
	return 0;
}

/* Of the thread: ns on a CPU, ns it waited for one, how often it got one. Of the last two, the host
 * knows what the thread had that serves it. */
int proc_show_schedstat(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct rusage_sum used = { 0 };
	struct text host = { 0 };
	uint64_t waited = 0, times = 0;
	char path[64];

	sandbox_lock(n->sb);
	struct task *t = n->pid->task;
	pid_t host_tid = t ? t->host_tid : 0;
	if (host_tid)
		task_rusage(t, &used);
	sandbox_unlock(n->sb);
	if (host_tid) {
		snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", host_tid);
		if (proc_show_host(&host, path) == 0) {
			waited = strtoul(word_at(text_str(&host), 1), NULL, 10);
			times = strtoul(word_at(text_str(&host), 2), NULL, 10);
		}
	}
	text_free(&host);
	text_printf(out, "%lu %lu %lu\n", used.utime_ns + used.stime_ns, waited, times);
	return 0;
}
