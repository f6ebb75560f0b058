/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/status and /proc/PID/stat. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "kernel/fdtable.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "kernel/tty.h"
#include "proc/proc.h"

/* Everything both files say, taken in one go under the lock. */
struct view {
	char comm[TASK_COMM_LEN];
	char state;
	pid_t pid, tgid, ppid, pgrp, session;
	unsigned tty;   /* device of the controlling terminal, as the kernel encodes it; 0: none */
	pid_t tty_pgrp; /* in its foreground; -1: none */
	int threads, exit_signal, exit_code, umask, fdsize;
	uint64_t start_ticks;
	ksigset_t pending, shared_pending, blocked, ignored, caught;
	struct rusage_sum self, children;
	struct sched sched;
	struct cred *cred; /* a reference */
	struct mm *mm;     /* a reference; NULL: none */
};

static const char *state_name(char c)
{
	switch (c) {
	case 'R': return "R (running)";
	case 'T': return "T (stopped)";
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
		uint64_t h = t->sighand->action[i].handler;
		if (h == (uint64_t)(uintptr_t)SIG_IGN)
			v->ignored |= 1UL << i;
		else if (h != (uint64_t)(uintptr_t)SIG_DFL)
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
}

static void view_tty(struct view *v, const struct tty *tty)
{
	v->tty_pgrp = tty && tty->pgrp ? tty->pgrp->nr : -1;
	if (tty) /* new_encode_dev() of Linux */
		v->tty = (minor(tty->dev) & 0xff) | major(tty->dev) << 8 | (minor(tty->dev) & ~0xffU) << 12;
}

static bool view_take(struct pseudo_node *n, struct view *v)
{
	memset(v, 0, sizeof *v);
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	struct task *t = proc_task(n);
	if (p) {
		v->pid = n->pid->nr;
		v->tgid = p->pid->nr;
		v->ppid = p->parent ? p->parent->pid->nr : 0;
		v->pgrp = p->pgrp ? p->pgrp->nr : 0;
		v->session = p->session ? p->session->nr : 0;
		view_tty(v, p->tty);
		v->threads = p->nr_tasks + (p->leader ? 0 : 1); /* one that ended counts until it is waited for */
		v->exit_signal = p->exit_signal;
		v->exit_code = p->exit_code;
		v->start_ticks = p->start_time_ns / 10000000;
		v->state = state_of(p, n->pid->task);
		process_rusage(p, &v->self);
		v->children = p->children_sum;
		strcpy(v->comm, p == n->sb->init ? "init" : "");
		v->sched = t ? t->sched : p->sched;
		v->cred = cred_get(t ? t->cred : process_cred(p));
		if (t)
			view_task(v, p, t);
	}
	sandbox_unlock(n->sb);
	return p != NULL;
}

static void view_drop(struct view *v)
{
	if (v->cred)
		cred_put(v->cred);
	if (v->mm)
		mm_put(v->mm);
}

static void put_ids(struct text *out, const struct cred *c)
{
	if (!c)
		return;
	text_printf(out, "Uid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->fsuid);
	text_printf(out, "Gid:\t%u\t%u\t%u\t%u\n", c->gid, c->egid, c->sgid, c->fsgid);
}

static void put_groups(struct text *out, const struct cred *c)
{
	text_puts(out, "Groups:\t");
	for (int i = 0; c && i < c->nr_groups; i++)
		text_printf(out, "%u ", c->groups[i]);
	text_putc(out, '\n');
}

static void put_memory(struct text *out, struct mm *mm)
{
	if (!mm)
		return;
	uint64_t rss = mm_resident(mm) / 1024;
	text_printf(out, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\n", mm->total_bytes / 1024, mm->total_bytes / 1024);
	text_printf(out, "VmLck:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n", mm->locked_bytes / 1024, rss, rss);
	text_printf(out, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\n", mm->data_bytes / 1024,
		    mm->stack_bytes / 1024, (PAGE_UP(mm->end_code) - PAGE_DOWN(mm->start_code)) / 1024);
}

static void put_caps(struct text *out, const struct cred *c)
{
	if (!c)
		return;
	text_printf(out, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n",
		    c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding, c->cap_ambient);
	text_printf(out, "NoNewPrivs:\t%d\nSeccomp:\t0\n", c->no_new_privs);
}

static void put_cpus(struct text *out)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) < 0)
		return;
	const char *sep = "";
	text_puts(out, "Cpus_allowed_list:\t");
	for (int i = 0; i < CPU_SETSIZE; i++) {
		int first = i;
		if (!CPU_ISSET(i, &set))
			continue;
		while (i + 1 < CPU_SETSIZE && CPU_ISSET(i + 1, &set))
			i++;
		text_printf(out, first == i ? "%s%d" : "%s%d-%d", sep, first, i);
		sep = ",";
	}
	text_putc(out, '\n');
}

int proc_show_status(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct view v;
	if (!view_take(n, &v))
		return -ESRCH;
	text_printf(out, "Name:\t%s\nUmask:\t%04o\nState:\t%s\n", v.comm, (unsigned)v.umask, state_name(v.state));
	text_printf(out, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", v.tgid, v.pid, v.ppid);
	put_ids(out, v.cred);
	text_printf(out, "FDSize:\t%d\n", v.fdsize);
	put_groups(out, v.cred);
	text_printf(out, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", v.tgid, v.pid, v.pgrp, v.session);
	put_memory(out, v.mm);
	text_printf(out, "Threads:\t%d\n", v.threads);
	text_printf(out, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
		    v.pending, v.shared_pending, v.blocked, v.ignored, v.caught);
	put_caps(out, v.cred);
	put_cpus(out);
	text_printf(out, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n", v.self.nvcsw,
		    v.self.nivcsw);
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
	if (!view_take(n, &v))
		return -ESRCH;
	struct mm *m = v.mm;
	text_printf(out, "%d (%s) %c %d %d %d %u %d 0 ", v.pid, v.comm, v.state, v.ppid, v.pgrp, v.session, v.tty,
		    v.tty_pgrp);
	text_printf(out, "%lu %lu %lu %lu ", v.self.minflt, v.children.minflt, v.self.majflt, v.children.majflt);
	text_printf(out, "%lu %lu %lu %lu ", v.self.utime_ns / 10000000, v.self.stime_ns / 10000000,
		    v.children.utime_ns / 10000000, v.children.stime_ns / 10000000);
	text_printf(out, "%d %d %d 0 %lu ", priority_of(&v.sched), v.sched.nice, v.threads, v.start_ticks);
	text_printf(out, "%lu %lu 18446744073709551615 ", m ? m->total_bytes : 0, m ? mm_resident(m) / PAGE_SIZE : 0);
	text_printf(out, "%lu %lu %lu 0 0 ", m ? m->start_code : 0, m ? m->end_code : 0, m ? m->start_stack : 0);
	text_printf(out, "%lu %lu %lu %lu 0 0 0 %d 0 %d %d 0 0 0 ", v.pending & INT32_MAX, v.blocked & INT32_MAX,
		    v.ignored & INT32_MAX, v.caught & INT32_MAX, v.exit_signal, v.sched.priority, v.sched.policy);
	text_printf(out, "%lu %lu %lu %lu %lu %lu %lu %d\n", m ? m->start_data : 0, m ? m->end_data : 0,
		    m ? m->brk_start : 0, m ? m->arg_start : 0, m ? m->arg_end : 0, m ? m->env_start : 0,
		    m ? m->env_end : 0, v.exit_code);
	view_drop(&v);
	return 0;
}
