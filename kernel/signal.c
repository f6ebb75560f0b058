/* SPDX-License-Identifier: Apache-2.0 */
/* Generation of signals, masks and dispositions. Queues: sigqueue.c. What takes signals off them:
 * sigwait.c, and for delivery sigdeliver.c. */
#include "kernel/signal.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "arch/sigframe.h"
#include "cred/cred.h"
#include "cred/user_ns.h"
#include "kernel/park.h"
#include "kernel/process.h"
#include "kernel/ptrace/stop.h"
#include "kernel/sandbox.h"
#include "kernel/sigqueue.h"
#include "kernel/task.h"

#ifndef SA_EXPOSE_TAGBITS
#define SA_EXPOSE_TAGBITS 0x800
#endif
/* Bits of sa_flags the kernel knows; the others read back as zero (sigaction(2),
 * SA_UNSUPPORTED). */
#define SA_KNOWN                                                                                   \
	((uint64_t)(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART |           \
		    SA_NODEFER | SA_RESETHAND | SA_EXPOSE_TAGBITS | SA_RESTORER) &                 \
	 0xffffffff)

/* ---- struct sighand ---- */

struct sighand *sighand_new(void)
{
	struct sighand *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	ref_set(&h->refs, 1);
	return h;
}

struct sighand *sighand_copy(struct sighand *h)
{
	struct sighand *copy = sighand_new();

	if (copy)
		memcpy(copy->action, h->action, sizeof copy->action);
	return copy;
}

void sighand_put(struct sighand *h)
{
	if (ref_put(&h->refs))
		free(h);
}

/* ---- who looks at what ---- */

/* Does the task have to come to signal_deliver? */
static bool has_work(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	struct process *p = t->process;

	if (t->group_exiting || (t->tracee && (t->tracee->stop_due || t->tracee->notice_due)))
		return true;
	return t->park & ~(unsigned)(PARK_FREEZE | PARK_THROTTLE) ||
	       ((t->pending.set | p->pending.set) & ~t->blocked);
}

void signal_recalc(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	if (has_work(t))
		atomic_fetch_or(&t->sleeper.work, SLEEPER_INTERRUPTED);
	else
		atomic_fetch_and(&t->sleeper.work, ~(uint32_t)SLEEPER_INTERRUPTED);
}

bool signal_pending(struct task *t)
{
	sandbox_lock(t->sb);
	bool work = has_work(t);
	sandbox_unlock(t->sb);
	return work;
}

/* The thread that stands for the process where any would do: the leader while it lives. NULL: none
 * left. */
static struct task *first_task(struct process *p)
{
	if (p->leader)
		return p->leader;
	return list_empty(&p->tasks) ? NULL : list_first(&p->tasks, struct task, process_node);
}

/* ---- which thread takes it ---- */

static bool can_take(struct task *t, int sig)
{
	return !t->group_exiting && !t->stopped && !(t->blocked & SIGBIT(sig)) &&
	       !(t->tracee && tracee_stopped(t->tracee));
}

/* The leader if it can, else a thread that is not busy with another signal, else any: as Linux's
 * complete_signal. */
static struct task *choose_task(struct process *p, int sig)
{
	struct task *t, *busy = NULL;

	if (p->leader && can_take(p->leader, sig) && !sleeper_interrupted(&p->leader->sleeper))
		return p->leader;
	list_for_each (t, &p->tasks, process_node) {
		if (!can_take(t, sig))
			continue;
		if (!sleeper_interrupted(&t->sleeper))
			return t;
		busy = t;
	}
	return busy;
}

static bool is_default_fatal(const struct sighand *h, int sig)
{
	return action_is_default(&h->action[sig - 1]) &&
	       !(SIGBIT(sig) & (SIGSET_IGNORE | SIGSET_STOP));
}

/* The signal is queued: somebody must come and take it. A deadly one ends the process right
 * here. */
static void wake_for(struct process *p, struct task *only, int sig)
{
	if (sig == SIGKILL) {
		process_kill_locked(p, sig);
		return;
	}
	struct task *t = only;
	if (only ? !can_take(only, sig) : !(t = choose_task(p, sig)))
		return;
	if (is_default_fatal(t->sighand, sig) && !process_is_immortal(p) &&
	    !(SIGBIT(sig) & SIGSET_CORE) && !(t->real_blocked & SIGBIT(sig)) && !task_traced(t))
		process_kill_locked(p, sig);
	else
		sleeper_interrupt(&t->sleeper);
}

/* Process-wide signals of `set` are not for `t` any more: others must look. */
static void retarget(struct task *t, ksigset_t set)
{
	struct process *p = t->process;
	struct task *o;

	set &= p->pending.set;
	list_for_each (o, &p->tasks, process_node) {
		if (!set)
			return;
		if (o == t || o->group_exiting || o->stopped || !(set & ~o->blocked))
			continue;
		set &= o->blocked;
		sleeper_interrupt(&o->sleeper);
	}
}

/* ---- generation ---- */

/* SIGCONT: stop signals that wait are forgotten, parked tasks go on, and the parent hears of it. */
static void continue_process(struct process *p)
{
	struct task *t;

	sigpending_flush(&p->pending, SIGSET_STOP);
	list_for_each (t, &p->tasks, process_node)
		sigpending_flush(&t->pending, SIGSET_STOP);
	list_for_each (t, &p->tasks, process_node) {
		if (task_traced(t) && t->tracee->seized)
			ptrace_notice(t);
	}
	if (!p->stop_requested)
		return;
	bool was_stopped = p->stopped;
	int sig = p->stop_sig;
	p->stop_requested = false;
	p->stopped = false;
	list_for_each (t, &p->tasks, process_node)
		park_release(t, PARK_STOP);
	p->continued = true;
	if (p == p->sb->main)
		sandbox_changed_locked(p->sb);
	/* A stop in the middle counts as finished; like any two SIGCHLDs the two reports merge, and
	 * the first stays. */
	if (was_stopped)
		process_notify_parent(p, SIGCHLD, CLD_CONTINUED, SIGCONT);
	else
		process_notify_parent(p, SIGCHLD, CLD_STOPPED, sig);
}

static void forget_continue(struct process *p)
{
	struct task *t;

	sigpending_flush(&p->pending, SIGBIT(SIGCONT));
	list_for_each (t, &p->tasks, process_node)
		sigpending_flush(&t->pending, SIGBIT(SIGCONT));
}

/* A blocked signal is never ignored: its handler may be another when it is unblocked. Nor is one
 * that a tracer may want to see. */
static bool is_wanted(const struct task *t, int sig)
{
	return (t->blocked | t->real_blocked) & SIGBIT(sig) || task_traced(t) ||
	       !action_discards(&t->sighand->action[sig - 1], sig);
}

/* The init of a namespace of pids gets what it has a handler for; of the rest SIGKILL and SIGSTOP,
 * if they do not come from within (`forced`). */
static bool is_kept_from(const struct task *t, int sig, bool forced)
{
	if (!process_is_immortal(t->process) || !action_is_default(&t->sighand->action[sig - 1]))
		return false;
	if ((t->blocked | t->real_blocked) & SIGBIT(sig) || (task_traced(t) && sig != SIGKILL))
		return false;
	return !forced || !(SIGBIT(sig) & SIGSET_UNBLOCKABLE);
}

/* Does the kernel send it, or somebody whom those in the namespace of `p` do not see? */
static bool is_forced(const struct process *p, const siginfo_t *si)
{
	const struct task *sender = task_current();

	return si->si_code == SI_KERNEL || !sender || !pid_nr(sender->process->pid, p->pid->ns);
}

bool signal_reaches(struct process *p, int sig)
{
	lock_assert_held(&p->sb->lock);
	struct task *t = first_task(p);

	return t && is_wanted(t, sig);
}

/* Everything up to the queue. True: there is something to queue. */
static bool prepare(struct process *p, struct task *t, int sig)
{
	if (p->group_exiting)
		return sig == SIGKILL;
	if (SIGBIT(sig) & SIGSET_STOP)
		forget_continue(p);
	else if (sig == SIGCONT)
		continue_process(p);
	return is_wanted(t, sig);
}

/* has_si_pid_and_uid(): does it say who is behind it? */
static bool names_sender(const siginfo_t *si, int sig)
{
	if (si->si_code <= 0)
		return si->si_code != SI_TIMER && si->si_code != SI_SIGIO;
	return si->si_code == SI_KERNEL || sig == SIGCHLD;
}

/* Kernel-made and standard signals get through without an entry when there are too many; RT signals
 * sent by programs fail (setrlimit(2), RLIMIT_SIGPENDING). */
static int queue(struct process *p, struct task *t, struct sigpending *to, int sig,
		 const siginfo_t *si)
{
	bool override = sig < SIGRT_FIRST && si->si_code >= 0;
	uint64_t limit = override ? UINT64_MAX : process_rlimit(p, RLIMIT_SIGPENDING);
	struct sigqueue *q = sig == SIGKILL ? NULL : sigqueue_alloc(p->sb, t->cred->uid, limit);

	if (q) {
		q->info = *si;
		q->info.si_signo = sig;
		if (names_sender(si, sig))
			q->info.si_uid = from_kuid_munged(t->cred->user_ns, si->si_uid);
		if (si->si_code <= 0 && names_sender(si, sig) && is_forced(p, si))
			q->info.si_pid = 0;
		sigqueue_queue(q, to);
	} else if (sig >= SIGRT_FIRST && si->si_code != SI_USER) {
		return -EAGAIN;
	}
	return 0;
}

static void announce(struct process *p, struct task *only, struct task *t, struct sigpending *to,
		     int sig)
{
	to->set |= SIGBIT(sig);
	waitqueue_wake_all(&p->sb->signal_sent, 0);
	wake_for(p, only, sig);
}

/* A child that fork has put into its group, but not started yet: the number is kept for its first
 * task to look at. */
static void send_early(struct process *p, int sig)
{
	if (p == p->sb->init || p->zombie || p->group_exiting)
		return;
	p->pending.set |= SIGBIT(sig);
	if (sig == SIGKILL)
		process_kill_locked(p, sig);
}

static int send(struct process *p, struct task *only, int sig, const siginfo_t *si)
{
	struct task *t = only ? only : first_task(p);
	struct sigpending *to = only ? &only->pending : &p->pending;

	if (!t)
		send_early(p, sig);
	if (!t || p->zombie || is_kept_from(t, sig, is_forced(p, si)) || !prepare(p, t, sig))
		return 0;
	if (sig < SIGRT_FIRST && to->set & SIGBIT(sig))
		return 0;
	int err = queue(p, t, to, sig, si);
	if (!err)
		announce(p, only, t, to, sig);
	return err;
}

int signal_send_task(struct task *t, int sig, const siginfo_t *si)
{
	lock_assert_held(&t->sb->lock);
	return send(t->process, t, sig, si);
}

int signal_send_process(struct process *p, int sig, const siginfo_t *si)
{
	lock_assert_held(&p->sb->lock);
	return send(p, NULL, sig, si);
}

int signal_send_pgrp(struct pid *pgrp, int sig, const siginfo_t *si)
{
	struct process *p, *next;
	int ret = -ESRCH;

	list_for_each_safe (p, next, &pgrp->pgrp, pgrp_node) {
		int err = signal_send_process(p, sig, si);
		if (ret)
			ret = err;
	}
	return ret;
}

int signal_send_entry(struct process *p, struct task *only, struct sigqueue *q)
{
	lock_assert_held(&p->sb->lock);
	struct task *t = only ? only : first_task(p);
	struct sigpending *to = only ? &only->pending : &p->pending;
	int sig = q->info.si_signo;

	if (!t || p->zombie || is_kept_from(t, sig, false) || !prepare(p, t, sig))
		return -ESRCH;
	if (!list_empty(&q->node))
		return -EEXIST;
	sigqueue_queue(q, to);
	announce(p, only, t, to, sig);
	return 0;
}

static void force_locked(struct task *t, int sig, const siginfo_t *si, bool to_default)
{
	struct ksigaction *a = &t->sighand->action[sig - 1];

	if (t->blocked & SIGBIT(sig) || action_is_ignore(a) || to_default) {
		a->handler = HANDLER_DFL;
		t->blocked &= ~SIGBIT(sig);
	}
	if (action_is_default(a) && !task_traced(t))
		t->process->mortal = true;
	send(t->process, t, sig, si);
	signal_recalc(t);
}

void signal_force(struct task *t, int sig, const siginfo_t *si)
{
	sandbox_lock(t->sb);
	force_locked(t, sig, si, false);
	sandbox_unlock(t->sb);
}

void signal_force_end(struct task *t, int sig, const siginfo_t *si)
{
	sandbox_lock(t->sb);
	force_locked(t, sig, si, true);
	t->sighand->action[sig - 1].flags |= SA_IMMUTABLE;
	sandbox_unlock(t->sb);
}

void signal_force_default(struct task *t, int sig)
{
	siginfo_t si;

	siginfo_kernel(&si, sig, SI_KERNEL);
	sandbox_lock(t->sb);
	force_locked(t, sig, &si, true);
	sandbox_unlock(t->sb);
}

void signal_force_fault(struct task *t, int sig, int code, gva_t addr, const struct trap *trap)
{
	siginfo_t si;

	trap_remember(&t->trap, trap);
	siginfo_kernel(&si, sig, code);
	si.si_addr = (void *)(uintptr_t)addr.v;
	signal_force(t, sig, &si);
}

/* ---- masks and dispositions ---- */

void signal_set_mask_locked(struct task *t, ksigset_t mask)
{
	lock_assert_held(&t->sb->lock);
	retarget(t, mask & ~t->blocked);
	t->blocked = mask;
	signal_recalc(t);
}

void signal_set_mask(struct task *t, ksigset_t mask)
{
	mask &= ~SIGSET_UNBLOCKABLE;
	if (mask == t->blocked)
		return;
	sandbox_lock(t->sb);
	signal_set_mask_locked(t, mask);
	sandbox_unlock(t->sb);
}

void signal_set_temporary_mask(struct task *t, ksigset_t mask)
{
	if (!t->restore_mask) /* a call made again has it in force already: kernel/resume.h */
		t->saved_mask = t->blocked;
	t->restore_mask = true;
	signal_set_mask(t, mask);
}

/* POSIX: setting SIG_IGN discards what is pending, blocked or not; the same for a default that
 * ignores. */
static void flush_ignored(struct task *t, int sig)
{
	struct task *o;

	if (!action_discards(&t->sighand->action[sig - 1], sig))
		return;
	sigpending_flush(&t->process->pending, SIGBIT(sig));
	list_for_each (o, &t->process->tasks, process_node)
		sigpending_flush(&o->pending, SIGBIT(sig));
	signal_recalc(t);
}

int signal_set_action(struct task *t, int sig, const struct ksigaction *act, struct ksigaction *old)
{
	if (sig < 1 || sig > NSIGNALS || (act && SIGBIT(sig) & SIGSET_UNBLOCKABLE))
		return -EINVAL;
	struct ksigaction *a = &t->sighand->action[sig - 1];
	sandbox_lock(t->sb);
	bool fixed = a->flags & SA_IMMUTABLE;
	if (old)
		*old = *a;
	if (act && !fixed) {
		*a = *act;
		a->flags &= SA_KNOWN;
		a->mask &= ~SIGSET_UNBLOCKABLE;
		flush_ignored(t, sig);
	}
	sandbox_unlock(t->sb);
	return fixed ? -EINVAL : 0;
}

void signal_exec(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	for (int i = 0; i < NSIGNALS; i++) {
		struct ksigaction *a = &t->sighand->action[i];
		gva_t handler = action_is_ignore(a) ? HANDLER_IGN : HANDLER_DFL;
		*a = (struct ksigaction){ .handler = handler };
	}
	t->altstack = (struct sigaltstack_state){ 0 };
}

void signal_task_left(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	retarget(t, ~t->blocked);
	process_stop_completed(t->process);
}

/* ---- who may ---- */

int signal_may_send(struct task *t, struct process *p, int sig)
{
	lock_assert_held(&t->sb->lock);
	const struct cred *c = t->cred, *target = process_cred(p);

	if (p == t->process)
		return 0;
	if (c->euid == target->suid || c->euid == target->uid || c->uid == target->suid ||
	    c->uid == target->uid)
		return 0;
	if (cred_ns_capable(c, target->user_ns, CAP_KILL) ||
	    (sig == SIGCONT && p->session == t->process->session))
		return 0;
	return -EPERM;
}
