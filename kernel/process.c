/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file keeps the process tree: how processes are made, their groups and sessions, what a
 * parent is told of them, who adopts orphans, and how processes end. SIGHUP to orphaned groups
 * follows POSIX (_exit, "Consequences of Process Termination"). The end of the sandbox's main
 * process ends the sandbox.
 */
#include "kernel/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cred/cred.h"
#include "cred/user_ns.h"
#include "fs/file.h"
#include "kernel/ptrace/tracee.h"
#include "cred/user.h"
#include "kernel/rseq_cpu.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "kernel/tty/tty.h"
#include "util/time.h"

static void inherit(struct process *p, struct process *parent)
{
	memcpy(p->rlimits, parent->rlimits, sizeof p->rlimits);
	p->exe = parent->exe ? file_get(parent->exe) : NULL;
	p->tty = parent->tty ? tty_get(parent->tty) : NULL;
	p->personality = parent->personality;
	p->oom_score_adj = parent->oom_score_adj;
	p->oom_score_adj_min = parent->oom_score_adj_min;
	p->coredump_filter = parent->coredump_filter;
	p->dumpable = parent->dumpable;
	p->membarrier_registered = parent->membarrier_registered;
	p->thp_disable = parent->thp_disable;
	p->parent = parent;
	list_add_tail(&parent->children, &p->sibling);
	process_set_pgrp(p, parent->pgrp);
	process_set_session(p, parent->session);
}

int process_new(struct sandbox *sb, struct process *parent, struct pid_namespace *ns,
		const pid_t *wish, unsigned nr_wish, struct process **out)
{
	lock_assert_held(&sb->lock);
	struct process *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	int err = pid_alloc_wished(ns, wish, nr_wish, &p->pid);
	if (err) {
		free(p);
		return err;
	}
	ref_set(&p->refs, 1);
	p->sb = sb;
	p->pid->process = p;
	if (pid_nr(p->pid, ns) == 1)
		ns->init = p;
	p->exit_signal = SIGCHLD;
	p->dumpable = 1;
	p->coredump_filter = COREDUMP_FILTER_DEFAULT;
	/* which, like the time of the boot that /proc/stat tells, goes on while the host sleeps */
	p->start_time_ns = guest_clock_ns(&sb->clock, CLOCK_BOOTTIME);
	mutex_init(&p->threads_lock, LOCK_THREADS);
	list_init(&p->tasks);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->pgrp_node);
	list_init(&p->session_node);
	list_init(&p->cpu_timers);
	list_init(&p->cpu_node);
	sigpending_init(&p->pending);
	waitqueue_init(&p->child_event);
	list_add_tail(&sb->processes, &p->all_node);
	if (parent)
		inherit(p, parent);
	*out = p;
	return 0;
}

struct process *process_get(struct process *p)
{
	ref_get(&p->refs);
	return p;
}

void process_put(struct process *p)
{
	if (!p || !ref_put(&p->refs))
		return;
	sigpending_flush(&p->pending, ~0UL);
	rseq_cpu_free(p);
	waitqueue_destroy(&p->child_event);
	mutex_destroy(&p->threads_lock);
	pid_put(p->pid);
	pid_put(p->pgrp);
	pid_put(p->session);
	pid_put(p->tty_old_pgrp);
	cred_put(p->cred);
	free(p);
}

uint64_t process_rlimit(struct process *p, int which)
{
	return __atomic_load_n(&p->rlimits[which].rlim_cur, __ATOMIC_RELAXED);
}

struct process *process_find(struct sandbox *sb, pid_t tgid)
{
	lock_assert_held(&sb->lock);
	struct pid *pid = pid_find(sb->pid_ns, tgid);
	return pid ? pid->process : NULL;
}

struct cred *process_cred(const struct process *p)
{
	return p->leader ? p->leader->cred : p->cred;
}

void process_set_cred(struct process *p, struct cred *c)
{
	lock_assert_held(&p->sb->lock);
	cred_put(p->cred);
	p->cred = c;
}

static void leave_pid(struct sandbox *sb, struct list *node, struct pid **slot)
{
	list_del(node);
	if (*slot)
		pid_detach(*slot);
	pid_put(*slot);
	*slot = NULL;
}

void process_set_pgrp(struct process *p, struct pid *pgrp)
{
	lock_assert_held(&p->sb->lock);
	if (pgrp)
		pid_get(pgrp);
	leave_pid(p->sb, &p->pgrp_node, &p->pgrp);
	p->pgrp = pgrp;
	if (pgrp)
		list_add(&pgrp->pgrp, &p->pgrp_node);
}

void process_set_session(struct process *p, struct pid *session)
{
	lock_assert_held(&p->sb->lock);
	if (session)
		pid_get(session);
	leave_pid(p->sb, &p->session_node, &p->session);
	p->session = session;
	if (session)
		list_add_tail(&session->session, &p->session_node);
}

/* A group is orphaned when no member has a parent in the same session but another group (POSIX
 * 3.264). The program of the sandbox has such a parent: whoever started the sandbox, in whose place
 * init stands. */
static bool group_orphaned_without(struct pid *pgrp, struct process *ignored)
{
	struct process *p;
	list_for_each (p, &pgrp->pgrp, pgrp_node) {
		if (p == ignored || p->zombie || !p->parent)
			continue;
		if (p == p->sb->main)
			return false;
		if (p->parent == p->sb->init)
			continue;
		if (p->parent->pgrp != pgrp && p->parent->session == p->session)
			return false;
	}
	return true;
}

bool process_group_orphaned(struct pid *pgrp)
{
	return group_orphaned_without(pgrp, NULL);
}

static bool group_has_stopped(struct pid *pgrp)
{
	struct process *p;
	list_for_each (p, &pgrp->pgrp, pgrp_node) {
		if (p->stopped)
			return true;
	}
	return false;
}

/* `p` ends: was it what kept `pgrp` from being orphaned? Then its stopped members get SIGHUP and
 * SIGCONT (POSIX _exit). */
static void check_orphaned_group(struct process *p, struct pid *pgrp, struct process *parent)
{
	bool kept = parent && parent->pgrp != pgrp && parent->session == p->session;
	if (!kept || !group_orphaned_without(pgrp, p) || !group_has_stopped(pgrp))
		return;
	siginfo_t si;
	siginfo_kernel(&si, SIGHUP, SI_KERNEL);
	signal_send_pgrp(pgrp, SIGHUP, &si);
	siginfo_kernel(&si, SIGCONT, SI_KERNEL);
	signal_send_pgrp(pgrp, SIGCONT, &si);
}

/* SIGHUP+SIGCONT to groups with stopped members that became orphaned when `p` left or ended. */
static void process_check_orphans(struct process *p)
{
	lock_assert_held(&p->sb->lock);
	check_orphaned_group(p, p->pgrp, p->parent);
	struct process *child;
	list_for_each (child, &p->children, sibling) {
		if (child->pgrp != p->pgrp && child->pgrp)
			check_orphaned_group(child, child->pgrp, p);
	}
}

/* The parent's SIGCHLD action decides whether stops are reported and whether zombies are kept
 * (sigaction(2)). */
static const struct ksigaction *parent_action(struct process *parent, int sig)
{
	struct task *t = list_empty(&parent->tasks)
			     ? NULL
			     : list_first(&parent->tasks, struct task, process_node);
	return t && sig ? &t->sighand->action[sig - 1] : NULL;
}

/* The parent does not want zombies: SIGCHLD ignored, SA_NOCLDWAIT, or the parent is init. */
static bool process_parent_ignores_exit(struct process *p)
{
	lock_assert_held(&p->sb->lock);
	if (p->parent == p->sb->init || p->parent->leaving)
		return true;
	const struct ksigaction *a = parent_action(p->parent, SIGCHLD);
	return p->exit_signal == SIGCHLD && a && (action_is_ignore(a) || a->flags & SA_NOCLDWAIT);
}

void process_tell(struct process *parent, siginfo_t *si, struct task *t,
		  const struct rusage_sum *used)
{
	lock_assert_held(&parent->sb->lock);
	int sig = si->si_signo, code = si->si_code;
	bool stop_event = code == CLD_STOPPED || code == CLD_CONTINUED || code == CLD_TRAPPED;
	const struct ksigaction *a = parent_action(parent, sig);
	bool quiet = sig == 0 || !a || (stop_event && a->flags & SA_NOCLDSTOP) ||
		     (sig == SIGCHLD && action_is_ignore(a));
	if (!quiet && (sig != SIGCHLD || signal_reaches(parent, sig))) {
		struct rusage_sum ru = *used;
		if (t)
			task_rusage(t, &ru);
		si->si_utime = (clock_t)(ru.utime_ns / NSEC_PER_TICK);
		si->si_stime = (clock_t)(ru.stime_ns / NSEC_PER_TICK);
		signal_send_process(parent, sig, si);
	}
	waitqueue_wake_all(&parent->child_event, 0);
}

/* Linux tells what the process has used once it has ended, before that what its leader has. */
void process_notify_parent(struct process *p, int sig, int code, int status)
{
	lock_assert_held(&p->sb->lock);
	siginfo_t si;

	if (!p->parent)
		return;
	siginfo_kernel(&si, sig, code);
	si.si_pid = pid_nr(p->pid, p->parent->pid->ns);
	si.si_uid = process_cred(p)->uid;
	si.si_status = status;
	process_tell(p->parent, &si, p->leader, &p->dead_threads);
}

void process_stop_completed(struct process *p)
{
	lock_assert_held(&p->sb->lock);
	if (!p->stop_requested || p->stopped || p->nr_stopped < p->nr_tasks)
		return;
	p->stopped = true;
	p->stop_taken = false;
	p->continued = false;
	process_notify_parent(p, SIGCHLD, CLD_STOPPED, p->stop_sig);
	if (p == p->sb->main)
		sandbox_changed_locked(p->sb);
}

/* Who adopts the children of `p`: another ancestor that asked for it (PR_SET_CHILD_SUBREAPER), or
 * the init of its namespace. */
static struct process *reaper_of(struct process *p)
{
	struct pid_namespace *ns = p->pid->ns;

	for (struct process *a = p->parent; a && a->pid->ns == ns; a = a->parent) {
		if (a->subreaper && !a->zombie && !a->group_exiting)
			return a;
	}
	return ns->init && ns->init != p ? ns->init : p->sb->init;
}

void wait_status_to_sigchld(int code, int *si_code, int *status)
{
	int sig = code & 0x7f;
	*si_code = sig == 0 ? CLD_EXITED : code & 0x80 ? CLD_DUMPED : CLD_KILLED;
	*status = sig == 0 ? code >> 8 & 0xff : sig;
}

/* Tells the parent of `p`, which has ended, or its tracer, who comes first; where nobody will wait
 * for it, nothing of it stays. Of threads that were traced it is told before. */
static void report_end(struct process *p)
{
	int code, status;
	wait_status_to_sigchld(p->exit_code, &code, &status);
	struct tracee *tr = pid_tracee(p->pid);
	if (p->nr_unreaped)
		return;
	if (tr && !tracee_is_child(tr)) {
		tracee_tell(tr, code, status);
		return;
	}
	bool gone = !tr && process_parent_ignores_exit(p);
	process_notify_parent(p, p->exit_signal, code, status);
	if (gone)
		process_reap(p);
}

void process_untraced(struct process *p, bool told)
{
	lock_assert_held(&p->sb->lock);
	if (!told)
		report_end(p);
	else if (process_parent_ignores_exit(p))
		process_reap(p);
}

static void adopt_children(struct process *p)
{
	struct process *reaper = reaper_of(p), *child, *tmp;
	list_for_each_safe (child, tmp, &p->children, sibling) {
		struct task *t = child->leader;
		list_del(&child->sibling);
		child->parent = reaper;
		child->exit_signal = SIGCHLD;
		list_add_tail(&reaper->children, &child->sibling);
		if (t && t->pdeathsig) {
			siginfo_t si;
			siginfo_kernel(&si, t->pdeathsig, SI_USER);
			signal_send_process(child, t->pdeathsig, &si);
		}
		if (child->zombie)
			report_end(child);
	}
}

void process_kill_threads_locked(struct process *p, struct task *but)
{
	lock_assert_held(&p->sb->lock);
	struct task *o;

	list_for_each (o, &p->tasks, process_node) {
		if (o == but)
			continue;
		o->group_exiting = true;
		ptrace_killed(o);
		sleeper_kill(&o->sleeper);
	}
}

void process_kill_locked(struct process *p, int code)
{
	lock_assert_held(&p->sb->lock);
	if (!p->group_exiting) {
		p->group_exiting = true;
		p->exit_code = code;
	}
	process_kill_threads_locked(p, NULL);
}

void process_exit_group(struct task *t, int code)
{
	struct process *p = t->process;
	sandbox_lock(t->sb);
	if (!p->group_exiting && !t->group_exiting) {
		p->group_exiting = true;
		p->exit_code = code;
		process_kill_threads_locked(p, t);
	}
	code = p->exit_code;
	sandbox_unlock(t->sb);
	task_exit_self(t, code);
}

/* What `inherit` took beside the tree. */
static void put_inherited(struct process *p)
{
	if (p->tty)
		tty_put(p->tty);
	p->tty = NULL;
	if (p->exe)
		file_put(p->exe);
	p->exe = NULL;
}

bool process_is_immortal(const struct process *p)
{
	return p->pid->ns->init == p && p->pid->ns->parent && !p->mortal;
}

void process_leave(struct process *init)
{
	struct pid_namespace *ns = init->pid->ns;

	lock_assert_held(&init->sb->lock);
	ns->closed = true;
	init->leaving = true;
	list_add_tail(&init->sb->leaving, &ns->work_node);
}

/* zap_pid_ns_processes(): the namespace ends with its init. */
static void end_namespace(struct process *init)
{
	struct pid_namespace *ns = init->pid->ns;
	struct process *p, *next;

	process_leave(init);
	if (ns->reboot)
		init->exit_code = ns->reboot;
	list_for_each (p, &init->sb->processes, all_node) {
		if (p != init && !p->zombie && pid_nr(p->pid, ns))
			process_kill_locked(p, SIGKILL);
	}
	list_for_each_safe (p, next, &init->children, sibling) {
		if (p->zombie)
			report_end(p);
	}
}

/* Nobody but init has a number there any more. */
static bool is_empty_but_for_init(const struct pid_namespace *ns)
{
	return ns->closed && ns->init && ns->init->leaving && ns->used == 1;
}

static void finish_exit(struct process *p)
{
	struct sandbox *sb = p->sb;

	if (p->session_leader)
		tty_leader_ended(p);
	put_inherited(p);
	process_check_orphans(p);
	adopt_children(p);
	p->zombie = true;
	pid_ended(p->pid, PID_THREAD_ENDED | PID_PROCESS_ENDED, p->exit_code);
	if (p == sb->main) {
		sb->exit_status = p->exit_code;
		sb->main_ended = true;
		sandbox_kill_locked(sb);
		sandbox_changed_locked(sb);
	}
	report_end(p);
}

void process_exited(struct process *p)
{
	struct pid_namespace *ns = p->pid->ns;

	lock_assert_held(&p->sb->lock);
	if (ns->init == p && ns->parent)
		end_namespace(p);
	if (!p->leaving)
		finish_exit(p);
	process_end_inits(p->sb);
}

/* Each may be the last of another namespace. */
void process_end_inits(struct sandbox *sb)
{
	struct pid_namespace *ns, *next;
	bool again = true;

	lock_assert_held(&sb->lock);
	while (again) {
		again = false;
		list_for_each_safe (ns, next, &sb->leaving, work_node) {
			again = is_empty_but_for_init(ns);
			if (!again)
				continue;
			list_del(&ns->work_node);
			finish_exit(ns->init);
			break;
		}
	}
}

/* Its namespace, if it was the init of one, ends with it. */
static void leave_namespace(struct process *p)
{
	struct pid_namespace *ns = p->pid->ns;

	if (ns->init != p)
		return;
	list_del(&ns->work_node);
	ns->init = NULL;
	ns->closed = true;
}

void process_reap(struct process *p)
{
	lock_assert_held(&p->sb->lock);
	tracee_forget(p);
	leave_namespace(p);
	put_inherited(p); /* still there where it never ran */
	list_del(&p->sibling);
	list_del(&p->all_node);
	rusage_add(&p->sb->gone, &p->dead_threads);
	if (p->user)
		user_uncharge(p->user, USER_TASKS, 1);
	user_put(p->user);
	p->user = NULL;
	process_set_pgrp(p, NULL);
	process_set_session(p, NULL);
	p->pid->users = &process_cred(p)->user_ns->ns;
	ns_get(p->pid->users);
	p->pid->process = NULL;
	pid_ended(p->pid, PID_REAPED, p->exit_code);
	p->parent = NULL;
	pid_detach(p->pid);
	process_put(p);
}
