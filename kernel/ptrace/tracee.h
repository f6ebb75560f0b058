/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who traces whom (ptrace(2)), and what each knows of the other.
 *
 * A struct tracee belongs to a thread that is or was traced, and stays with it to its end: then its
 * tracer, if it has one, waits for what is left of the thread. Whoever is not traced has none, or
 * one without a tracer: that is all that system calls and signals ask.
 *
 * A tracer is a thread. What it asks of a thread it asks while that rests (kernel/park.h): the
 * registers are in the platform's context then, the memory stands still, and the stop says which
 * stage of its work the thread is at (kernel/ptrace/stop.c). In its place there may be a debugger
 * outside of the sandbox (kernel/ptrace/debugger.h).
 *
 * All fields are guarded by sandbox->lock.
 */
#ifndef HL_KERNEL_PTRACE_TRACEE_H
#define HL_KERNEL_PTRACE_TRACEE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/park.h"
#include "kernel/ptrace/breaks.h"
#include "kernel/rusage.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "util/list.h"

struct cred;
struct debugger;

/* What a thread that leaves a stop has left to do. */
enum ptrace_stage {
	TRACE_GOES,       /* it is in none, or nothing */
	TRACE_SIGNAL,     /* to deliver a signal, or what the tracer says instead */
	TRACE_ENTERS,     /* to make the call in its event */
	TRACE_FILTERED,   /* the same, its filters have left it to the tracer */
	TRACE_CALL_WAITS, /* a call has told of itself, and is to go on */
	TRACE_CALL_ENDS,  /* a call has told of itself, and is over */
	TRACE_LEFT,       /* it has told that a call is over */
	TRACE_ENDS,       /* to end */
};

struct tracee {
	/* one of them at most; NULLs: nobody traces it */
	struct task *tracer;
	struct debugger *debugger;
	void *of_debugger; /* what that knows of it */
	struct list node;  /* their `tracees` */
	struct cred *cred; /* what the tracer was when it began; reference. A debugger's: NULL */
	struct task *task; /* NULL: it has ended, and its tracer has not waited for it */
	struct process *process; /* reference */
	struct pid *pid;         /* of the thread; reference. Its field `tracee` leads here */
	bool seized;
	unsigned options; /* PTRACE_O_* */

	/* how it goes on */
	bool stops_at_calls, emulates, steps;
	bool step_forced; /* the flag for steps in its registers is ours */

	/* why it has to stop as soon as it can */
	bool stop_due;   /* a group stop, or PTRACE_INTERRUPT */
	bool notice_due; /* whether there is a group stop has changed */

	enum ptrace_stage stage;
	bool group_stop; /* this stop is one, or PTRACE_INTERRUPT's */
	bool skips;      /* the call it stops at is not made */
	bool stopped;    /* it rests in a stop */
	bool listens;    /* it stays there, and is not looked at: PTRACE_LISTEN */
	bool held;       /* its tracer looks at it: not even its end makes it go on */
	/* What wait(2) reports, 0 once it has; then the signal that the tracer gives it. */
	int code;
	bool has_info;
	siginfo_t info;
	uint64_t message; /* PTRACE_GETEVENTMSG */

	/* What the call has to tell when it returns: PTRACE_EVENT_*, 0: nothing. */
	int event;
	uint64_t event_message;
	bool call_waits; /* and it is not over then */
	int64_t result;  /* of the call that tells */

	struct breaks breaks; /* changed by the thread, or by a tracer that holds it */

	/* once it has ended */
	int exit_code;
	struct rusage_sum used;
};

/* What PTRACE_GETEVENTMSG says of a stop at a system call (Linux's <linux/ptrace.h>, which does not
 * go together with <sys/ptrace.h>). */
enum { TRACE_MESSAGE_ENTRY = 1, TRACE_MESSAGE_EXIT = 2 };

/* Is it traced? */
static inline bool task_traced(const struct task *t)
{
	return t->tracee && (t->tracee->tracer || t->tracee->debugger);
}

/* Is it in a stop before the call in its event is made? */
static inline bool tracee_before_call(const struct tracee *tr)
{
	return tr->stage == TRACE_ENTERS || tr->stage == TRACE_FILTERED;
}

/* Has it to make the call in its event, or to end it? */
static inline bool tracee_in_call(const struct tracee *tr)
{
	return tracee_before_call(tr) || tr->stage == TRACE_CALL_WAITS ||
	       tr->stage == TRACE_CALL_ENDS;
}

/* Does it rest for its tracer? */
static inline bool tracee_stopped(const struct tracee *tr)
{
	return tr->task && tr->stopped && tr->task->park & PARK_TRACE;
}

/* Of the thread with this number, alive or not: NULL: nobody in the sandbox traces it. */
static inline struct tracee *pid_tracee(const struct pid *p)
{
	return p->tracee && p->tracee->tracer ? p->tracee : NULL;
}

/* Is it traced by a thread of its parent? */
static inline bool tracee_is_child(const struct tracee *tr)
{
	return tr->tracer && tr->tracer->process == tr->process->parent;
}

/* May stay although its process ends (kernel/park.c)? */
static inline bool ptrace_keeps(const struct task *t)
{
	const struct tracee *tr = t->tracee;

	return tr &&
	       (tr->held || (tr->stage == TRACE_ENDS && t->park & PARK_TRACE && !t->sb->ending));
}

/* Does it rest for its tracer because its process stops? */
static inline bool ptrace_group_stopped(const struct task *t)
{
	return task_traced(t) && tracee_stopped(t->tracee) && t->tracee->group_stop &&
	       t->process->stop_requested;
}

/* SIGKILL ends any stop but the last. */
static inline void ptrace_killed(struct task *t)
{
	if (t->tracee && t->tracee->stage == TRACE_ENDS)
		return;
	t->park &= ~(unsigned)PARK_TRACE;
}

/* ---- kernel/ptrace/tracee.c; sandbox->lock held ---- */

/* `t` gets a struct tracee if it has none. -ENOMEM. */
int tracee_ready(struct task *t);
/* `tracer`, whose credentials `cred` were when it began, traces `t`, which is ready and
 * untraced. */
void tracee_link(struct task *t, struct task *tracer, const struct cred *cred);
void tracee_link_debugger(struct task *t, struct debugger *d);
/* Nobody traces it any more: it goes on. What has ended is gone, or its parent's to wait for. */
void tracee_unlink(struct tracee *tr);
/* A new thread of the caller's making is traced by whoever traces the caller, if `asked`.
 * -ENOMEM. */
int tracee_fork(struct task *t, struct task *child, bool asked);
/* The thread ends, as tracer and as tracee, having used so much. */
void ptrace_task_ended(struct task *t, const struct rusage_sum *used);
/* It never began. */
void tracee_free(struct task *t);
/* The thread, whose siblings have ended, is the leader now, and has had the number `old`. */
void tracee_becomes_leader(struct task *t, struct pid *old);
/* The tracer is told of a change of the thread (sigaction(2): si_code and si_status). */
void tracee_tell(struct tracee *tr, int code, int status);
/* Snapshots. A thread of `p` that has ended, had the number `pid`, and waits for its tracer.
 * -EEXIST: the number is another's. -ENOMEM. */
int tracee_link_ended(struct process *p, struct pid *pid, struct task *tracer,
		      const struct cred *cred, struct tracee **out);
/* Snapshots. A tracer that never began: it traces nobody. Takes sandbox->lock. */
void tracees_drop(struct task *tracer);
/* The process, which has ended, is waited for by its parent: its leader is traced no more. */
void tracee_forget(struct process *p);

#endif
