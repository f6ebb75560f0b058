/* SPDX-License-Identifier: Apache-2.0 */
/* What a tracer does with a thread (ptrace(2)). By the tracer, without locks; errors are -errno. */
#ifndef HL_KERNEL_PTRACE_REQUEST_H
#define HL_KERNEL_PTRACE_REQUEST_H

#include "kernel/ptrace/tracee.h"

/* PTRACE_TRACEME. */
int ptrace_me(struct task *t);
/* PTRACE_ATTACH, or PTRACE_SEIZE with these options. */
int ptrace_attach(struct task *t, pid_t tid, bool seize, uint64_t options);
/* May `t` set these? The bits of PTRACE_O_*. */
int ptrace_check_options(struct task *t, uint64_t options);

/* The thread, which `t` traces and which stays in its stop until ptrace_let_go, so that the
 * platform may be asked about it. -ESRCH. */
int ptrace_hold(struct task *t, pid_t tid, struct task **out);
void ptrace_let_go(struct task *o);

enum ptrace_way { TRACE_CONT, TRACE_TO_CALL, TRACE_EMULATE, TRACE_STEP, TRACE_EMULATE_STEP };
/* A thread that is held goes on, with a signal or 0, and is let go. */
int ptrace_resume(struct task *o, enum ptrace_way way, uint64_t sig);
int ptrace_detach(struct task *o, uint64_t sig);

/* Of a thread that `t` traces, in a stop or not: PTRACE_INTERRUPT, PTRACE_KILL. */
int ptrace_interrupt(struct task *t, pid_t tid);
int ptrace_kill(struct task *t, pid_t tid);
/* Of one that is held: PTRACE_LISTEN. */
int ptrace_listen(struct task *o);

#endif
