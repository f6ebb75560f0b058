/* SPDX-License-Identifier: Apache-2.0 */
/* The relations between tracers and what they trace: how they begin, what becomes of them when one
 * of both ends. See the header. */
#include "kernel/ptrace/tracee.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>

#include "cred/cred.h"
#include "kernel/process.h"
#include "kernel/ptrace/debugger.h"
#include "kernel/sandbox.h"

int tracee_ready(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	if (t->tracee)
		return 0;
	struct tracee *tr = calloc(1, sizeof *tr);
	if (!tr)
		return -ENOMEM;
	tr->task = t;
	tr->process = process_get(t->process);
	tr->pid = pid_get(t->pid);
	list_init(&tr->node);
	t->tracee = tr;
	return 0;
}

static void tracee_destroy(struct tracee *tr)
{
	process_put(tr->process);
	pid_put(tr->pid);
	free(tr);
}

/* `last`: with it, its process is gone. */
static void drop(struct task *t, bool last)
{
	struct tracee *tr = t->tracee;

	if (tr->debugger)
		tr->debugger->ops->ended(tr->debugger, tr, last);
	t->tracee = NULL;
	list_del(&tr->node);
	tr->pid->tracee = NULL;
	cred_put(tr->cred);
	tracee_destroy(tr);
}

void tracee_free(struct task *t)
{
	if (t->tracee)
		drop(t, !t->process->nr_tasks);
}

void tracee_link(struct task *t, struct task *tracer, const struct cred *cred)
{
	lock_assert_held(&t->sb->lock);
	struct tracee *tr = t->tracee;

	tr->tracer = tracer;
	tr->cred = cred_get(cred);
	tr->pid->tracee = tr;
	list_add(&tracer->tracees, &tr->node);
}

int tracee_link_ended(struct process *p, struct pid *pid, struct task *tracer,
		      const struct cred *cred, struct tracee **out)
{
	lock_assert_held(&p->sb->lock);
	bool leader = pid == p->pid;
	struct tracee *tr = calloc(1, sizeof *tr);
	int err = !tr ? -ENOMEM : leader ? 0 : pid_enter(pid);

	if (err) {
		free(tr);
		return err;
	}
	tr->tracer = tracer;
	tr->cred = cred_get(cred);
	tr->process = process_get(p);
	tr->pid = pid_get(pid);
	pid->tracee = tr;
	list_add(&tracer->tracees, &tr->node);
	p->nr_unreaped += !leader;
	*out = tr;
	return 0;
}

void tracees_drop(struct task *tracer)
{
	struct tracee *tr, *next;

	sandbox_lock(tracer->sb);
	list_for_each_safe (tr, next, &tracer->tracees, node) {
		list_del(&tr->node);
		cred_put(tr->cred);
		tr->cred = NULL;
		tr->tracer = NULL;
		tr->pid->tracee = NULL;
		if (tr->task)
			continue;
		if (tr->pid != tr->process->pid)
			tr->process->nr_unreaped--;
		pid_detach(tr->pid);
		tracee_destroy(tr);
	}
	sandbox_unlock(tracer->sb);
}

void tracee_link_debugger(struct task *t, struct debugger *d)
{
	lock_assert_held(&t->sb->lock);
	t->tracee->debugger = d;
	list_add(&d->tracees, &t->tracee->node);
}

/* Those that go on without a tracer do so as if it had never been, but for a group stop. */
static void release(struct task *t)
{
	t->park &= ~(unsigned)PARK_TRACE;
	if (t->process->stop_requested && !t->group_exiting)
		t->park |= PARK_STOP;
	signal_recalc(t);
	sleeper_wake(&t->sleeper);
}

/* What its tracer has not waited for is its parent's now. `told`: the parent knows already. */
static void leave_to_parent(struct tracee *tr, bool told)
{
	struct process *p = tr->process;
	bool leader = tr->pid == p->pid;

	pid_detach(tr->pid);
	if (!leader)
		p->nr_unreaped--;
	if (p->zombie && (leader || !p->nr_unreaped))
		process_untraced(p, leader && told);
	tracee_destroy(tr);
}

void tracee_unlink(struct tracee *tr)
{
	lock_assert_held(&tr->process->sb->lock);
	bool told = tracee_is_child(tr);

	list_del(&tr->node);
	cred_put(tr->cred);
	tr->cred = NULL;
	tr->tracer = NULL;
	tr->debugger = NULL;
	tr->of_debugger = NULL;
	tr->pid->tracee = NULL;
	tr->seized = tr->stops_at_calls = tr->emulates = tr->steps = false;
	tr->stop_due = tr->notice_due = tr->listens = false;
	tr->options = 0;
	tr->event = 0;
	if (tr->task)
		release(tr->task);
	else
		leave_to_parent(tr, told);
}

int tracee_fork(struct task *t, struct task *child, bool asked)
{
	lock_assert_held(&t->sb->lock);
	const struct tracee *tr = t->tracee;

	asked &= task_traced(t);
	if (!asked && !tr->breaks.control && !tr->breaks.status)
		return 0;
	int err = tracee_ready(child);
	if (err)
		return err;
	breaks_fork(tr, child->tracee);
	if (!asked)
		return 0;
	if (tr->debugger)
		tracee_link_debugger(child, tr->debugger);
	else
		tracee_link(child, tr->tracer, tr->cred);
	child->tracee->seized = tr->seized;
	child->tracee->options = tr->options;
	if (tr->seized)
		child->tracee->stop_due = true;
	else
		child->pending.set |= SIGBIT(SIGSTOP);
	return 0;
}

void tracee_tell(struct tracee *tr, int code, int status)
{
	struct task *t = tr->task;
	siginfo_t si;

	if (tr->debugger) {
		tr->debugger->ops->stopped(tr->debugger, tr);
		return;
	}
	siginfo_kernel(&si, SIGCHLD, code);
	si.si_pid = task_pid_nr(tr->tracer, tr->pid);
	si.si_uid = t ? t->cred->uid : process_cred(tr->process)->uid;
	si.si_status = status;
	process_tell(tr->tracer->process, &si, t, &tr->used);
}

static void tracer_ended(struct task *t)
{
	struct tracee *tr, *next;
	siginfo_t si;

	siginfo_kernel(&si, SIGKILL, SI_KERNEL);
	list_for_each_safe (tr, next, &t->tracees, node) {
		if (tr->options & PTRACE_O_EXITKILL && tr->task)
			signal_send_process(tr->process, SIGKILL, &si);
		tracee_unlink(tr);
	}
}

/* A leader's status is its process's. */
void ptrace_task_ended(struct task *t, const struct rusage_sum *used)
{
	lock_assert_held(&t->sb->lock);
	struct tracee *tr = t->tracee;
	int code, status;

	tracer_ended(t);
	if (!tr)
		return;
	if (!tr->tracer) {
		drop(t, t->process->nr_tasks == 1);
		return;
	}
	t->tracee = NULL;
	tr->task = NULL;
	tr->exit_code = t->exit_code;
	tr->used = *used;
	if (t->pid == t->process->pid)
		return;
	t->process->nr_unreaped++;
	wait_status_to_sigchld(tr->exit_code, &code, &status);
	tracee_tell(tr, code, status);
}

void tracee_forget(struct process *p)
{
	lock_assert_held(&p->sb->lock);
	struct tracee *tr = p->pid->tracee;

	if (!tr || tr->task)
		return;
	list_del(&tr->node);
	cred_put(tr->cred);
	p->pid->tracee = NULL;
	tracee_destroy(tr);
}

void tracee_becomes_leader(struct task *t, struct pid *old)
{
	lock_assert_held(&t->sb->lock);
	struct tracee *tr = t->tracee;

	tracee_forget(t->process); /* of the leader that has ended */
	if (!tr)
		return;
	if (tr->tracer) {
		old->tracee = NULL;
		t->process->pid->tracee = tr;
	}
	pid_put(tr->pid);
	tr->pid = pid_get(t->process->pid);
}
