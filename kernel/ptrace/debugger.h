/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A debugger outside of the sandbox. It traces threads as a tracer within does that seizes them
 * (kernel/ptrace/tracee.h), but is no thread of the guest's: nothing in the guest can see it or
 * wait for it, and what has ended is its parent's to wait for at once. Where it asks for a thread's
 * stop, registers and memory it is one thread of the monitor's, with no lock held.
 */
#ifndef HL_KERNEL_PTRACE_DEBUGGER_H
#define HL_KERNEL_PTRACE_DEBUGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "util/list.h"

struct debugger;
struct process;
struct sandbox;
struct task;
struct tracee;

/* By the thread that it is about, sandbox->lock held: what they do is short, and does not sleep. */
struct debugger_ops {
	/* It rests in a stop; the tracee says in which. */
	void (*stopped)(struct debugger *d, struct tracee *tr);
	/* It has ended, and is traced no more. `last`: so has its process. */
	void (*ended)(struct debugger *d, struct tracee *tr, bool last);
};

struct debugger {
	const struct debugger_ops *ops;
	struct sandbox *sb;
	struct list tracees; /* tracee.node; sandbox->lock */
};

/* ---- sandbox->lock held ---- */

/* Traces the thread, which stops as soon as it can; what it makes is traced as well. -EPERM: it is
 * traced already, or about to end. -ENOMEM. */
int debugger_attach(struct debugger *d, struct task *t);
/* A thread is to stop as soon as it can, whatever it does. */
void debugger_interrupt(struct tracee *tr);
/* It stays in its stop until ptrace_let_go, ptrace_resume or ptrace_detach. False: it is in
 * none. */
bool debugger_hold(struct tracee *tr);

#endif
