/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file finds a child, or a thread that the caller traces, that wait(2) or waitid(2) can
 * report, and sleeps until there is one. The caller is on the queue before it looks, so that no
 * change between the look and the sleep is lost.
 */
#include "kernel/wait.h"

#include <errno.h>
#include <sys/wait.h>

#include "kernel/ptrace/tracee.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

static bool is_meant(const struct pid *pid, const struct process *p, const struct wait_request *rq)
{
	if (rq->type == WAIT_PID && pid != rq->pid)
		return false;
	return rq->type != WAIT_PGRP || p->pgrp == rq->pid;
}

/* __WCLONE asks for children that report their end by another signal than SIGCHLD, __WALL for both
 * kinds (wait(2)). */
static bool eligible(const struct task *t, const struct process *child,
		     const struct wait_request *rq)
{
	if (rq->options & __WNOTHREAD && child->forked_by != t->tid)
		return false;
	if (!is_meant(child->pid, child, rq))
		return false;
	if (rq->options & __WALL)
		return true;
	return (child->exit_signal != SIGCHLD) == !!(rq->options & __WCLONE);
}

static void fill(struct process *child, struct wait_result *out, int code, int status,
		 int wait_status)
{
	out->pid = pid_nr(child->pid, out->pids);
	out->uid = process_cred(child)->uid;
	out->code = code;
	out->status = status;
	out->wait_status = wait_status;
}

static bool take_exited(struct process *child, const struct wait_request *rq,
			struct wait_result *out)
{
	if (!child->zombie || child->nr_unreaped || !(rq->options & WEXITED))
		return false;
	int code, status;
	wait_status_to_sigchld(child->exit_code, &code, &status);
	fill(child, out, code, status, child->exit_code);
	out->usage = child->dead_threads;
	rusage_add(&out->usage, &child->children_sum);
	if (!(rq->options & WNOWAIT)) {
		/* RUSAGE_CHILDREN is of those that were waited for. */
		rusage_add(&child->parent->children_sum, &out->usage);
		process_reap(child);
	}
	return true;
}

static bool take_stopped(struct process *child, const struct wait_request *rq,
			 struct wait_result *out, struct process **lives)
{
	if (!(rq->options & WSTOPPED) || !child->stopped || child->stop_taken || child->zombie)
		return false;
	fill(child, out, CLD_STOPPED, child->stop_sig, child->stop_sig << 8 | 0x7f);
	*lives = process_get(child);
	if (!(rq->options & WNOWAIT))
		child->stop_taken = true;
	return true;
}

static bool take_continued(struct process *child, const struct wait_request *rq,
			   struct wait_result *out, struct process **lives)
{
	if (!(rq->options & WCONTINUED) || !child->continued || child->zombie)
		return false;
	fill(child, out, CLD_CONTINUED, SIGCONT, 0xffff);
	*lives = process_get(child);
	if (!(rq->options & WNOWAIT))
		child->continued = false;
	return true;
}

/* ---- what is traced ---- */

/* The leader, when the process has ended: its parent hears of it next. */
static bool take_exited_tracee(struct tracee *tr, const struct wait_request *rq,
			       struct wait_result *out)
{
	struct process *p = tr->process;
	int code, status;

	if (!p->zombie || p->nr_unreaped || !(rq->options & WEXITED))
		return false;
	if (tracee_is_child(tr))
		return take_exited(p, rq, out);
	wait_status_to_sigchld(p->exit_code, &code, &status);
	fill(p, out, code, status, p->exit_code);
	out->usage = p->dead_threads;
	rusage_add(&out->usage, &p->children_sum);
	if (!(rq->options & WNOWAIT))
		tracee_unlink(tr);
	return true;
}

static bool take_ended_thread(struct tracee *tr, const struct wait_request *rq,
			      struct wait_result *out)
{
	int code, status;

	if (tr->pid == tr->process->pid)
		return take_exited_tracee(tr, rq, out);
	if (tr->task || !(rq->options & WEXITED))
		return false;
	int ended = tr->process->group_exiting ? tr->process->exit_code : tr->exit_code;
	wait_status_to_sigchld(ended, &code, &status);
	fill(tr->process, out, code, status, ended);
	out->pid = pid_nr(tr->pid, out->pids);
	out->usage = tr->used;
	if (!(rq->options & WNOWAIT))
		tracee_unlink(tr);
	return true;
}

/* A stop is reported whether it is asked for or not. */
static bool take_trapped(struct tracee *tr, const struct wait_request *rq, struct wait_result *out,
			 struct process **lives)
{
	if (!tracee_stopped(tr) || tr->listens || !tr->code)
		return false;
	fill(tr->process, out, CLD_TRAPPED, tr->code, tr->code << 8 | 0x7f);
	out->pid = pid_nr(tr->pid, out->pids);
	*lives = process_get(tr->process);
	if (!(rq->options & WNOWAIT))
		tr->code = 0;
	return true;
}

static bool scan_tracees(struct task *tracer, const struct wait_request *rq,
			 struct wait_result *out, struct process **lives, bool *any)
{
	struct tracee *tr, *tmp;

	list_for_each_safe (tr, tmp, &tracer->tracees, node) {
		if (!is_meant(tr->pid, tr->process, rq))
			continue;
		*any |= tr->task || rq->options & (WEXITED | WCONTINUED);
		if (take_ended_thread(tr, rq, out) || take_trapped(tr, rq, out, lives) ||
		    (tr->task && take_continued(tr->process, rq, out, lives)))
			return true;
	}
	return false;
}

/* ---- children ---- */

/* A child that is traced by a thread of its parent is the tracer's in all but its end; one that
 * another process traces is not its parent's before that has waited for it. */
static bool take_child(struct process *child, const struct wait_request *rq,
		       struct wait_result *out, struct process **lives)
{
	struct tracee *tr = pid_tracee(child->pid);
	bool ours = tr && tracee_is_child(tr);

	if ((!tr || ours) && take_exited(child, rq, out))
		return true;
	if (ours ? take_trapped(tr, rq, out, lives) : take_stopped(child, rq, out, lives))
		return true;
	return take_continued(child, rq, out, lives);
}

/* 1: *out is filled, but for the usage of a child that lives, which is in *lives, a reference.
 * 0: nothing yet. -ECHILD. */
static int scan(struct task *t, const struct wait_request *rq, struct wait_result *out,
		struct process **lives)
{
	lock_assert_held(&t->sb->lock);
	struct process *child, *tmp;
	struct task *o;
	bool any = false;
	list_for_each_safe (child, tmp, &t->process->children, sibling) {
		if (!eligible(t, child, rq))
			continue;
		/* a zombie can do no more than be reaped */
		any |= !child->zombie || rq->options & WEXITED;
		if (take_child(child, rq, out, lives))
			return 1;
	}
	list_for_each (o, &t->process->tasks, process_node) {
		if (o != t && rq->options & __WNOTHREAD)
			continue;
		if (scan_tracees(o, rq, out, lives, &any))
			return 1;
	}
	return any ? 0 : -ECHILD;
}

static void fill_usage_of_living(struct process *child, struct wait_result *out)
{
	process_rusage(child, &out->usage);
	sandbox_lock(child->sb);
	rusage_add(&out->usage, &child->children_sum);
	sandbox_unlock(child->sb);
}

int task_wait(struct task *t, const struct wait_request *rq, struct wait_result *out)
{
	struct process *p = t->process, *lives = NULL;
	struct waiter w;
	int r, err = 0;

	*out = (struct wait_result){ .pids = task_pid_ns(t) };
	waiter_init(&w, &t->sleeper);
	waitqueue_add(&p->child_event, &w);
	do {
		sandbox_lock(t->sb);
		r = scan(t, rq, out, &lives);
		process_end_inits(t->sb);
		sandbox_unlock(t->sb);
		if (r != 0 || rq->options & WNOHANG)
			break;
		err = sleeper_wait(&t->sleeper, DEADLINE_NONE);
	} while (!err);
	waitqueue_remove(&w);
	if (lives && rq->usage)
		fill_usage_of_living(lives, out);
	process_put(lives);
	if (r < 0)
		return r;
	return err ? -ERESTARTSYS : 0;
}
