/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of a sandbox that the tracer, the statistics and the crash report want to know of
 * (trace/tracer.c). The observer is set before the first task starts. Its functions are called by
 * the task that the event is about, unless they say otherwise, and with no lock held, because what
 * is written may block for ever.
 */
#ifndef HL_KERNEL_OBSERVER_H
#define HL_KERNEL_OBSERVER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct dns_name;
struct net;
struct net_refusal;
struct process;
struct sandbox;
struct task;
struct observer;

struct observer_ops {
	/* The task makes the system call in t->event. */
	void (*enter)(struct observer *o, struct task *t);
	/* The call returns `result`, as the handler gives it (-ERESTART* included). */
	void (*leave)(struct observer *o, struct task *t, int64_t result);
	/* The sandbox's program is loaded into `t` and about to run. */
	void (*program)(struct observer *o, struct task *t, const char *path, char *const *argv,
			char *const *envp);
	/* A signal was taken off the queue: its handler is about to run, or it stops or kills the
	 * process. */
	void (*signal)(struct observer *o, struct task *t, const siginfo_t *si);
	/* The process stops; `t` is the last thread to do so. */
	void (*stopped)(struct observer *o, struct task *t, int sig);
	/* The program dies of `sig`, whose default action is a core dump; registers and memory are
	 * still there. */
	void (*crashed)(struct observer *o, struct task *t, const siginfo_t *si);
	/* A process is about to be killed because there is no more of something, which `reason`
	 * tells. Any thread. */
	void (*out_of_resources)(struct observer *o, int pid, const char *comm, const char *reason);
	/* The policy of the network refuses what the task's call, in t->event, asks for
	 * (net/net.h). NULL: nobody wants to know. */
	void (*net_refused)(struct observer *o, struct task *t, const struct net_refusal *r);
	/* The task has read what a name server says (net/dns.h). NULL: nobody wants to know. */
	void (*net_named)(struct observer *o, struct task *t, const struct dns_name *n);
	/* The thread ends with t->exit_code; its memory is still there. */
	void (*ended)(struct observer *o, struct task *t);
};

struct observer {
	const struct observer_ops *ops;
};

/* Counters of a sandbox, of all threads that ended so far. Guarded by sandbox->lock. */
struct sandbox_totals {
	uint64_t syscalls, entries, faults, exceptions, interrupts, threads;
};

/* Adds what `t` counted. sandbox->lock held. */
void totals_add(struct sandbox_totals *to, struct task *t);

/* The task was told to die by a signal that was never taken off a queue: tells the observer of
 * it. */
void observer_killed(struct task *t, int wait_status);
/* kernel/observed_net.c: it is told what a network refuses and learns. Before that is used. */
void observer_of_net(struct observer *o, struct net *net);
/* Tell the observer, if there is one. No lock held. */
void observer_out_of_resources(struct sandbox *sb, struct process *p, const char *reason);

#endif
