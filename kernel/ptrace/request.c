/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of tracers that begin, steer and end it. See the header. */
#include "kernel/ptrace/request.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/ptrace.h>

#include "arch/ptrace.h"
#include "cred/cred.h"
#include "kernel/process.h"
#include "kernel/ptrace/access.h"
#include "kernel/ptrace/stop.h"
#include "kernel/sandbox.h"
#include "mm/access.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

#define OPTIONS_KNOWN (0xffUL | PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP)

int ptrace_check_options(struct task *t, uint64_t options)
{
	if (options & ~OPTIONS_KNOWN)
		return -EINVAL;
	if (options & PTRACE_O_SUSPEND_SECCOMP &&
	    (!cred_capable(t->cred, CAP_SYS_ADMIN) || t->seccomp.mode ||
	     (t->tracee && ptrace_suspends_seccomp(t))))
		return -EPERM;
	return 0;
}

/* ---- the beginning ---- */

/* The thread of the parent that forked it; where that has ended, another one. NULL: none. */
static struct task *parent_thread(const struct process *p)
{
	struct task *o;

	list_for_each (o, &p->parent->tasks, process_node) {
		if (o->tid == p->forked_by)
			return o;
	}
	return list_empty(&p->parent->tasks)
		   ? NULL
		   : list_first(&p->parent->tasks, struct task, process_node);
}

int ptrace_me(struct task *t)
{
	sandbox_lock(t->sb);
	struct task *tracer = t->process->parent ? parent_thread(t->process) : NULL;
	int err = task_traced(t) || !tracer ? -EPERM : tracee_ready(t);
	if (!err)
		tracee_link(t, tracer, tracer->cred);
	sandbox_unlock(t->sb);
	return err;
}

/* One that is stopped already comes to rest for its tracer at once. */
static void begin(struct task *o, struct task *t, bool seize, uint64_t options)
{
	siginfo_t si;

	tracee_link(o, t, t->cred);
	o->tracee->seized = seize;
	o->tracee->options = (unsigned)options;
	if (!seize) {
		siginfo_kernel(&si, SIGSTOP, SI_KERNEL);
		signal_send_task(o, SIGSTOP, &si);
	}
	if (o->park & PARK_STOP) {
		o->park &= ~(unsigned)PARK_STOP;
		ptrace_request_stop(o);
	}
}

static int attach_locked(struct task *t, pid_t tid, bool seize, uint64_t options)
{
	struct pid *pid = pid_find(task_pid_ns(t), tid);
	struct task *o = pid ? pid->task : NULL;

	if (!o)
		return pid && (pid->process || pid->tracee) ? -EPERM : -ESRCH;
	if (o->process == t->process || !ptrace_may_attach(t, o) || task_traced(o) || o->exiting)
		return -EPERM;
	int err = tracee_ready(o);
	if (!err)
		begin(o, t, seize, options);
	return err;
}

int ptrace_attach(struct task *t, pid_t tid, bool seize, uint64_t options)
{
	int err = 0;

	if (options & ~OPTIONS_KNOWN)
		return -EIO;
	if (seize)
		err = ptrace_check_options(t, options);
	if (err)
		return err;
	sandbox_lock(t->sb);
	err = attach_locked(t, tid, seize, options);
	sandbox_unlock(t->sb);
	return err;
}

/* ---- while it rests ---- */

/* NULL: `t` traces no such thread. */
static struct tracee *find(struct task *t, pid_t tid)
{
	struct pid *pid = pid_find(task_pid_ns(t), tid);
	struct tracee *tr = pid ? pid_tracee(pid) : NULL;

	return tr && tr->task && tr->tracer == t ? tr : NULL;
}

int ptrace_hold(struct task *t, pid_t tid, struct task **out)
{
	sandbox_lock(t->sb);
	struct tracee *tr = find(t, tid);
	bool found = tr && tracee_stopped(tr) && !tr->listens;
	if (found) {
		tr->held = true;
		*out = tr->task;
	}
	sandbox_unlock(t->sb);
	return found ? 0 : -ESRCH;
}

void ptrace_let_go(struct task *o)
{
	struct sandbox *sb = o->sb;

	sandbox_lock(sb);
	o->tracee->held = false;
	sleeper_wake(&o->sleeper);
	sandbox_unlock(sb);
}

/* ---- on ---- */

/* What loads the flag makes it the program's own: is_setting_trap_flag() of Linux. */
static bool loads_step(struct task *o, const struct cpu_regs *regs)
{
	uint8_t code[PTRACE_CODE_MAX];
	size_t n = sizeof code - peek_guest(o->mm, code, GVA(regs_ip(regs)), sizeof code);

	return ptrace_loads_step(code, n);
}

/* Linux's enable_single_step(), disable_single_step(). */
static int set_step(struct task *o, bool on)
{
	const struct platform *pf = o->sb->platform;
	struct tracee *tr = o->tracee;
	struct cpu_regs regs;

	if (!on && !tr->step_forced)
		return 0;
	int err = pf->regs_get(o->context, &regs);
	if (err)
		return err;
	bool was = regs_step(&regs);
	tr->step_forced = on && (tr->step_forced || !was) && !loads_step(o, &regs);
	if (on == was)
		return 0;
	regs_set_step(&regs, on);
	return pf->regs_set(o->context, &regs);
}

int ptrace_resume(struct task *o, enum ptrace_way way, uint64_t sig)
{
	struct tracee *tr = o->tracee;
	struct sandbox *sb = o->sb;
	bool steps = way == TRACE_STEP || way == TRACE_EMULATE_STEP;

	if (sig > NSIGNALS)
		return -EIO;
	/* where its memory is gone, the next run says so */
	(void)set_step(o, steps);
	sandbox_lock(sb);
	tr->stops_at_calls = way == TRACE_TO_CALL;
	tr->emulates = way == TRACE_EMULATE || way == TRACE_EMULATE_STEP;
	tr->steps = steps;
	tr->code = (int)sig;
	tr->held = false;
	park_release(o, PARK_TRACE);
	sandbox_unlock(sb);
	return 0;
}

int ptrace_detach(struct task *o, uint64_t sig)
{
	struct sandbox *sb = o->sb;

	if (sig > NSIGNALS)
		return -EIO;
	(void)set_step(o, false);
	sandbox_lock(sb);
	o->tracee->code = (int)sig;
	o->tracee->held = false;
	tracee_unlink(o->tracee);
	sandbox_unlock(sb);
	return 0;
}

int ptrace_interrupt(struct task *t, pid_t tid)
{
	sandbox_lock(t->sb);
	struct tracee *tr = find(t, tid);
	int err = !tr ? -ESRCH : !tr->seized ? -EIO : 0;
	if (!err)
		(tr->listens ? ptrace_notice : ptrace_request_stop)(tr->task);
	sandbox_unlock(t->sb);
	return err;
}

int ptrace_kill(struct task *t, pid_t tid)
{
	siginfo_t si;

	siginfo_kernel(&si, SIGKILL, SI_USER);
	sandbox_lock(t->sb);
	struct tracee *tr = find(t, tid);
	if (tr)
		signal_send_task(tr->task, SIGKILL, &si);
	sandbox_unlock(t->sb);
	return tr ? 0 : -ESRCH;
}

int ptrace_listen(struct task *o)
{
	struct tracee *tr = o->tracee;
	int err = -EIO;

	sandbox_lock(o->sb);
	if (tr->seized && tr->group_stop && tr->stage == TRACE_GOES) {
		err = 0;
		tr->listens = true;
		if (tr->notice_due)
			ptrace_notice(o);
	}
	sandbox_unlock(o->sb);
	return err;
}
