/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stops of a traced thread (ptrace(2), "Stopped states").
 *
 * A thread stops where it can park (kernel/park.h): it notes what it has left to do
 * (tracee.stage), takes PARK_TRACE as a reason, and comes to task_park(). Its tracer hears of it
 * when it rests. When it goes on its loop asks ptrace_go_on() what is left.
 */
#ifndef HL_KERNEL_PTRACE_STOP_H
#define HL_KERNEL_PTRACE_STOP_H

#include "kernel/ptrace/tracee.h"

/* ---- the thread itself, without the lock; it has a struct tracee ---- */

/* It is about to make the call in its event. True: it has to stop first. */
bool ptrace_enters_call(struct task *t);
/* Its filters leave the call in its event to its tracer. False: which does not want to know. */
bool ptrace_filtered(struct task *t, uint64_t message);
/* Do its filters not count (PTRACE_O_SUSPEND_SECCOMP)? */
bool ptrace_suspends_seccomp(struct task *t);
/* Its call has returned. True: it is not over, but has something to tell first. */
bool ptrace_call_waits(struct task *t);
/* It is over, and its result is known. */
void ptrace_leaves_call(struct task *t);
/* The call has done something that the tracer may want to know of: PTRACE_EVENT_*. `waits`: and
 * goes on when the tracer knows. False: it does not. */
bool ptrace_event(struct task *t, int event, uint64_t message, bool waits);
/* A program was executed; the thread had this number. */
void ptrace_exec(struct task *t, pid_t old);
/* A handler's frame is on the stack. */
void ptrace_handler(struct task *t);
/* It is about to end, and t->exit_code is known. */
void ptrace_end(struct task *t);

/* What is left to do behind a stop: the call in its event, with or without its filters or what is
 * left of them; to look again whether it has to park; what any thread does. */
enum ptrace_next { TRACE_CALLS, TRACE_FILTERS, TRACE_FILTERS_AGAIN, TRACE_LOOKS, TRACE_DONE };
enum ptrace_next ptrace_go_on(struct task *t);

/* ---- the thread itself, sandbox->lock held ---- */

/* A signal was taken off the queue. True: the thread has to stop first. */
bool ptrace_signal(struct task *t, const siginfo_t *si);
/* Is there a signal left to deliver? The number, 0: the tracer has dropped it, -1: no. */
int ptrace_signal_left(struct task *t, siginfo_t *si);
/* Has it to stop for another reason? Then it will. */
bool ptrace_stops(struct task *t);
/* It rests, for whatever reason; it goes on. */
void ptrace_rests(struct task *t);
void ptrace_moves(struct task *t);

/* ---- others, sandbox->lock held; it is traced ---- */

/* It is to stop as soon as it can, for a group stop or PTRACE_INTERRUPT. */
void ptrace_request_stop(struct task *t);
/* Its process stops, or goes on. */
void ptrace_notice(struct task *t);

#endif
