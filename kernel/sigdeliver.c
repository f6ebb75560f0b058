/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery of signals to the running task: which comes next, what it does, the frame on the guest's
 * stack and the way back; restart of the system call it interrupted; group stops.
 *
 * 	signal_deliver
 * 	  next_signal           under the lock: takes a signal, default actions
 * 	  deliver_to_handler    no lock: restart rules, rseq, frame, mask
 * 	  ... until none is left
 * 	  end_without_handler   restart rules, the temporary mask ends
 *
 * A stop in the middle ends the visit: registers are stored, and what has been done so far is in
 * task->delivery. The task parks and comes again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "arch/sigframe.h"
#include "kernel/coredump.h"
#include "kernel/park.h"
#include "kernel/process.h"
#include "kernel/ptrace/step.h"
#include "kernel/ptrace/stop.h"
#include "kernel/restart.h"
#include "kernel/rseq.h"
#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/sigqueue.h"
#include "kernel/task.h"
#include "mm/access.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

/* One visit to signal_deliver. */
struct visit {
	struct task *t;
	struct delivery *d; /* of the task */
	bool have_regs;     /* regs hold the guest's registers, maybe changed */
	struct cpu_regs regs;
};

/* A signal that was taken off the queue, and what the program wants done about it. */
struct ksignal {
	int sig;
	siginfo_t info;
	struct ksigaction action;
};

/* ---- group stop: lock held ---- */

static void request_stop(struct task *t, int sig)
{
	struct process *p = t->process;
	struct task *o;

	/* POSIX: the keyboard does not stop a group that nobody could continue. */
	if (p->group_exiting || (sig != SIGSTOP && process_group_orphaned(p->pgrp)))
		return;
	p->stop_requested = true;
	p->stop_sig = sig;
	list_for_each (o, &p->tasks, process_node) {
		if (task_traced(o))
			ptrace_request_stop(o);
		else
			park_request(o, PARK_STOP);
	}
}

/* ---- which signal ---- */

enum verdict { NOTHING, HANDLER, PARKS, DIES };

static int take_signal(struct task *t, siginfo_t *si)
{
	int sig = sigpending_take_synchronous(&t->pending, ~t->blocked, si);

	return sig ? sig : signal_dequeue(t, ~t->blocked, si);
}

static enum verdict next_signal_locked(struct task *t, bool may_park, struct ksignal *out)
{
	lock_assert_held(&t->sb->lock);
	for (;;) {
		if (t->group_exiting)
			return DIES;
		if (t->park && may_park)
			return PARKS;
		if (t->tracee && may_park && ptrace_stops(t))
			return PARKS;
		int left = t->tracee ? ptrace_signal_left(t, &out->info) : -1;
		if (left == 0)
			continue;
		out->sig = left > 0 ? left : take_signal(t, &out->info);
		if (!out->sig)
			return NOTHING;
		struct ksigaction *a = &t->sighand->action[out->sig - 1];
		if (left < 0 && t->tracee && may_park && !(a->flags & SA_IMMUTABLE) &&
		    ptrace_signal(t, &out->info))
			return PARKS;
		if (action_discards(a, out->sig))
			continue;
		if (action_is_default(a) && process_is_immortal(t->process) &&
		    !(SIGBIT(out->sig) & SIGSET_UNBLOCKABLE))
			continue;
		if (action_is_default(a) && SIGBIT(out->sig) & SIGSET_STOP) {
			request_stop(t, out->sig);
			continue;
		}
		if (action_is_default(a))
			return DIES;
		out->action = *a;
		if (a->flags & SA_RESETHAND)
			a->handler = HANDLER_DFL;
		return HANDLER;
	}
}

static void tell_observer(struct task *t, enum verdict v, const siginfo_t *si)
{
	struct observer *o = t->sb->observer;

	if (!o)
		return;
	o->ops->signal(o, t, si);
	if (v == DIES && SIGBIT(si->si_signo) & SIGSET_CORE)
		o->ops->crashed(o, t, si);
}

static bool store_regs(struct visit *v);

static void die_of(struct visit *v, const struct ksignal *s)
{
	struct task *t = v->t;

	(void)store_regs(v); /* where it died is what the report and the core are to show */
	tell_observer(t, DIES, &s->info);
	if (SIGBIT(s->sig) & SIGSET_CORE)
		coredump(t, &s->info);
	else
		process_exit_group(t, s->sig);
}

static enum verdict next_signal(struct visit *v, bool may_park, struct ksignal *out)
{
	struct task *t = v->t;

	sandbox_lock(t->sb);
	enum verdict verdict = next_signal_locked(t, may_park, out);
	bool told = t->group_exiting;
	int code = t->process->exit_code;
	signal_recalc(t);
	sandbox_unlock(t->sb);
	if (verdict == HANDLER && !told) {
		tell_observer(t, verdict, &out->info);
	} else if (verdict == DIES && told) {
		observer_killed(t, code);
		task_exit_self(t, code);
	} else if (verdict == DIES) {
		die_of(v, out);
	}
	return verdict;
}

/* ---- restart rules ---- */

static void load_regs(struct visit *v)
{
	if (v->have_regs)
		return;
	v->t->sb->platform->regs_get(v->t->context, &v->regs);
	v->have_regs = true;
}

static void rewind_to(struct visit *v, uint64_t nr)
{
	load_regs(v);
	regs_rewind(&v->regs, nr, v->t->event.syscall.args[0]);
}

/* A handler is about to run: again afterwards, or -EINTR? */
static void restart_for_handler(struct visit *v, const struct ksigaction *a)
{
	int64_t r = v->d->result;

	if (!v->d->in_syscall)
		return;
	v->d->in_syscall = false;
	if (r == -ERESTARTNOINTR || (r == -ERESTARTSYS && a->flags & SA_RESTART))
		rewind_to(v, v->t->event.syscall.nr);
	else if (r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK)
		regs_set_result(&v->regs, (uint64_t)-EINTR);
}

static void restart_without_handler(struct visit *v)
{
	if (!v->d->in_syscall)
		return;
	v->d->in_syscall = false;
	switch (v->d->result) {
	case -ERESTARTSYS:
	case -ERESTARTNOHAND:
	case -ERESTARTNOINTR: rewind_to(v, v->t->event.syscall.nr); break;
	case -ERESTART_RESTARTBLOCK: rewind_to(v, SYS_restart_syscall); break;
	default: break;
	}
}

/* ---- the alternate stack ---- */

static bool inside_altstack(const struct sigaltstack_state *s, gva_t sp)
{
	return gva_lt(s->sp, sp) && gva_diff(sp, s->sp) <= s->size;
}

static bool on_altstack(const struct sigaltstack_state *s, gva_t sp)
{
	return !((unsigned)s->flags & SS_AUTODISARM) && inside_altstack(s, sp);
}

int signal_altstack_flags(const struct task *t, gva_t sp)
{
	int mode = SS_DISABLE;

	if (t->altstack.size)
		mode = on_altstack(&t->altstack, sp) ? SS_ONSTACK : 0;
	return mode | (t->altstack.flags & (int)SS_AUTODISARM);
}

int signal_set_altstack(struct task *t, const struct sigaltstack_state *ss, gva_t sp)
{
	int mode = ss->flags & ~(int)SS_AUTODISARM;

	if (on_altstack(&t->altstack, sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode != SS_DISABLE && ss->size < SIGFRAME_MIN_ALTSTACK)
		return -ENOMEM;
	t->altstack = *ss;
	if (mode == SS_DISABLE)
		t->altstack = (struct sigaltstack_state){ .flags = ss->flags };
	return 0;
}

/* ---- pushing a frame ---- */

static int frame_place(struct task *t, const struct ksigaction *a, gva_t sp, size_t fp_size,
		       struct sigframe_place *out)
{
	const struct sigaltstack_state *alt = &t->altstack;
	bool nested = on_altstack(alt, sp), entering = false;
	gva_t top = gva_sub(sp, SIGFRAME_RED_ZONE);

	if (a->flags & SA_ONSTACK && alt->size && !on_altstack(alt, top)) {
		top = gva_add(alt->sp, alt->size);
		entering = true;
	}
	*out = sigframe_place(top.v, fp_size);
	/* A frame that would run over the end of the alternate stack is not written at all. */
	return (nested || entering) && !inside_altstack(alt, GVA(out->sp)) ? -EFAULT : 0;
}

/* False: the handler has nowhere to return to. */
static bool frame_info(struct task *t, const struct ksignal *s, struct sigframe_info *out)
{
	*out = (struct sigframe_info){
		.sig = s->sig,
		.flags = s->action.flags,
		.siginfo = s->info,
		.mask = t->restore_mask ? t->saved_mask : t->blocked,
		.altstack = { t->altstack.sp.v, t->altstack.flags, 0, t->altstack.size },
		.trap = t->trap,
		.handler = s->action.handler.v,
		.restorer = s->action.restorer.v,
	};
	return s->action.flags & SA_RESTORER ||
	       sigframe_trampoline(t->mm->vdso_base.v, &out->restorer);
}

/* `image`: a copy of the frame. */
static int frame_write(struct visit *v, const struct sigframe_info *info,
		       const struct sigframe_place *pl, char *image)
{
	struct task *t = v->t;
	const struct platform *pf = t->sb->platform;
	uint64_t features;
	size_t fp_size = pf->fp_size(t->sb->machine, &features);

	sigframe_fill(image, pl, &v->regs, info);
	if (pf->fp_get(t->context, sigframe_fp(image, pl), fp_size))
		return -EFAULT;
	sigframe_fp_fill(image, pl, fp_size, features);
	return copy_to_guest(t->mm, GVA(pl->sp), image, pl->size) ? -EFAULT : 0;
}

static int push_frame(struct visit *v, const struct ksignal *s)
{
	struct task *t = v->t;
	struct sigframe_place pl;
	struct sigframe_info info;
	uint64_t features;
	size_t fp_size = t->sb->platform->fp_size(t->sb->machine, &features);

	if (!frame_info(t, s, &info) ||
	    frame_place(t, &s->action, GVA(regs_sp(&v->regs)), fp_size, &pl))
		return -EFAULT;
	char *image = calloc(1, pl.size);
	int err = image ? frame_write(v, &info, &pl, image) : -ENOMEM;
	free(image);
	if (err)
		return err;
	sigframe_enter(&v->regs, &pl, &info);
	return t->sb->platform->fp_set(t->context, NULL, 0);
}

static void handler_entered(struct task *t, const struct ksignal *s)
{
	ksigset_t mask = t->blocked | s->action.mask;

	t->restore_mask = false;
	if (!(s->action.flags & SA_NODEFER))
		mask |= SIGBIT(s->sig);
	signal_set_mask(t, mask);
	if ((unsigned)t->altstack.flags & SS_AUTODISARM)
		t->altstack = (struct sigaltstack_state){ .flags = SS_DISABLE };
}

static void force_sigsegv(struct task *t, int sig)
{
	siginfo_t si;

	siginfo_kernel(&si, SIGSEGV, SI_KERNEL);
	if (sig == SIGSEGV)
		signal_force_default(t, SIGSEGV);
	else
		signal_force(t, SIGSEGV, &si);
}

static void deliver_to_handler(struct visit *v, const struct ksignal *s)
{
	load_regs(v);
	step_end(v->t, &v->regs);
	v->d->entered = true;
	restart_for_handler(v, &s->action);
	if (rseq_signal(v->t, &v->regs))
		force_sigsegv(v->t, s->sig);
	if (push_frame(v, s))
		force_sigsegv(v->t, s->sig);
	else
		handler_entered(v->t, s);
	if (v->t->tracee)
		ptrace_handler(v->t);
}

/* ---- the visit ---- */

/* A system call that ended by itself has no more use for its mask; an interrupted one keeps it for
 * the handler. */
static void end_mask_of_finished_call(struct task *t)
{
	const struct delivery *d = &t->delivery;

	if (!t->restore_mask || !d->in_syscall || d->result == -EINTR ||
	    d->result == -ERESTARTNOHAND)
		return;
	t->restore_mask = false;
	signal_set_mask(t, t->saved_mask);
}

static void end_without_handler(struct visit *v)
{
	struct task *t = v->t;

	restart_without_handler(v);
	if (t->restore_mask) {
		t->restore_mask = false;
		signal_set_mask(t, t->saved_mask);
	}
}

/* False: the CPU would not take them, as a handler's address that is none. The signal that makes of
 * it is pending. */
static bool store_regs(struct visit *v)
{
	struct task *t = v->t;
	siginfo_t si;

	if (!v->have_regs)
		return true;
	int err = t->sb->platform->regs_set(t->context, &v->regs);

	/* Where it runs is gone: the next run says so. */
	if (!err || err == -EIO)
		return true;
	siginfo_kernel(&si, SIGSEGV, SI_KERNEL);
	signal_force(t, SIGSEGV, &si);
	return false;
}

bool signal_deliver(struct task *t)
{
	struct visit v = { .t = t, .d = &t->delivery };
	struct ksignal s;
	enum verdict next;
	bool stored = true;

	kick_take(&t->sleeper.kick);
	end_mask_of_finished_call(t);
	do {
		/* Registers that could not be stored are nowhere but here: the signal for that
		 * comes before any rest. */
		while ((next = next_signal(&v, stored, &s)) == HANDLER)
			deliver_to_handler(&v, &s);
		if (next == DIES)
			return true;
		if (next == NOTHING && !v.d->entered)
			end_without_handler(&v);
		stored = store_regs(&v);
	} while (!stored);
	return next != PARKS;
}

/* ---- the way back: rt_sigreturn(2) ---- */

static bool read_guest(const struct sigframe_reader *r, void *dst, uint64_t addr, size_t n)
{
	struct task *t = r->arg;

	return copy_from_guest(t->mm, dst, GVA(addr), n) == 0;
}

static int return_fp(struct task *t, const struct sigframe *f, const struct sigframe_reader *r)
{
	const struct platform *pf = t->sb->platform;
	uint64_t features;
	size_t size = pf->fp_size(t->sb->machine, &features);
	void *fp = calloc(1, size);

	if (!fp)
		return -ENOMEM;
	int found = sigframe_fp_read(f, r, fp, size, features);
	int err = found < 0 ? found
		  : found   ? pf->fp_set(t->context, fp, size)
			    : pf->fp_set(t->context, NULL, 0);
	free(fp);
	return err;
}

static int return_frame(struct task *t, struct cpu_regs *regs)
{
	const struct sigframe_reader r = { read_guest, t };
	struct sigframe f;

	if (!sigframe_read(&f, regs, &r))
		return -EFAULT;
	signal_set_mask(t, sigframe_mask(&f));
	struct sigframe_stack stack = sigframe_altstack(&f);
	struct sigaltstack_state alt = { GVA(stack.sp), stack.size, stack.flags };
	/* as Linux: a bad one is not taken, and that is all */
	(void)signal_set_altstack(t, &alt, GVA(regs_sp(regs)));
	if (!sigframe_restore(&f, regs))
		return -EINVAL;
	int err = return_fp(t, &f, &r);
	/* Linux, too, has loaded them when the rest fails */
	int bad = t->sb->platform->regs_set(t->context, regs);
	return err ? err : bad;
}

void signal_return(struct task *t)
{
	struct cpu_regs regs;

	t->restart.kind = RESTART_NONE;
	t->regs_replaced = true;
	if (t->sb->platform->regs_get(t->context, &regs) || return_frame(t, &regs))
		force_sigsegv(t, 0);
}
