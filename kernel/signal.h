/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals (signal(7)): generation, queues, dispositions, delivery.
 *
 *   generation   signal_send_*: any thread, sandbox->lock held. Decides what is ignored, queues,
 *                picks a task to wake.
 *   wake         the chosen task's sleeper is interrupted: whatever it does, it comes to
 *                task_work()
 *   delivery     signal_deliver(): the task itself, between two entries into the guest. Stops,
 *                kills, or pushes a frame.
 *
 * All fields below are guarded by sandbox->lock; task->blocked is written by its owner only.
 */
#ifndef HL_KERNEL_SIGNAL_H
#define HL_KERNEL_SIGNAL_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/gva.h"
#include "util/list.h"
#include "util/ref.h"

struct task;
struct trap;
struct process;
struct pid;

#define NSIGNALS 64
typedef uint64_t ksigset_t; /* bit n-1 is signal n, as the kernel's sigset_t */
#define SIGBIT(sig)        (1UL << ((sig)-1))
#define SIGSET_UNBLOCKABLE (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))

/* What a handler can be that is no address. */
#define HANDLER_DFL GVA((uintptr_t)SIG_DFL)
#define HANDLER_IGN GVA((uintptr_t)SIG_IGN)

/* In the flags of an action, ours: nobody changes it any more, no tracer hears of the signal. The
 * number is Linux's own. */
#define SA_IMMUTABLE 0x00800000UL

/* The kernel's struct sigaction. */
struct ksigaction {
	gva_t handler;  /* or HANDLER_DFL, HANDLER_IGN */
	uint64_t flags; /* SA_* */
	gva_t restorer;
	ksigset_t mask;
};

static inline bool action_is_default(const struct ksigaction *a)
{
	return gva_eq(a->handler, HANDLER_DFL);
}
static inline bool action_is_ignore(const struct ksigaction *a)
{
	return gva_eq(a->handler, HANDLER_IGN);
}

struct sighand {
	struct ref refs;
	struct ksigaction action[NSIGNALS]; /* [sig - 1] */
};

struct sigpending {
	_Atomic ksigset_t set; /* signalfd looks at it without lock */
	struct list queue;     /* struct sigqueue, in order of arrival */
};

/* What is left of the way from an event back into the guest. Here and not on a stack, because the
 * task may park in between (kernel/park.h). Owner only. */
struct delivery {
	bool due;        /* signal_deliver is to look even if nobody has interrupted the task */
	bool in_syscall; /* `result` is a system call's, and restart rules still apply to it */
	bool entered;    /* some handler was: the temporary mask is in its frame */
	int64_t result;
};

struct sigaltstack_state {
	gva_t sp;      /* its lowest byte */
	uint64_t size; /* 0: none */
	int flags;     /* as the guest gave them: SS_ONSTACK or 0, SS_DISABLE; SS_AUTODISARM */
};

/* The siginfo_t the guest will see; its layout is the host's, both being Linux on one
 * architecture. */
void siginfo_kernel(siginfo_t *si, int sig, int code); /* zeroed but for these */

/* kernel/signal.c. sandbox->lock held. 0 or -EAGAIN (RLIMIT_SIGPENDING). sig 1..64. */
/* si_uid of what is sent is one of the kernel's (cred/user_ns.h), and becomes the receiver's. */
int signal_send_task(struct task *t, int sig, const siginfo_t *si);
int signal_send_process(struct process *p, int sig, const siginfo_t *si);
int signal_send_pgrp(struct pid *pgrp, int sig, const siginfo_t *si); /* -ESRCH: no member */
/* Would it be queued, or is it nobody's? */
bool signal_reaches(struct process *p, int sig);
/* A fault of the running task itself: forced, even if blocked or ignored (then the action becomes
 * the default). No lock held. */
void signal_force(struct task *t, int sig, const siginfo_t *si);
void signal_force_fault(struct task *t, int sig, int code, gva_t addr, const struct trap *trap);
/* Ends the process, whatever it or its tracer would do about the signal (SA_IMMUTABLE). */
void signal_force_end(struct task *t, int sig, const siginfo_t *si);
/* The same with the action set to default first: the process ends. */
void signal_force_default(struct task *t, int sig);
/* Queues a timer's entry (kernel/sigqueue.h) for `only`, or for the process when NULL. -EEXIST: it
 * is still queued.
 * -ESRCH: nobody to send it to, or ignored. Lock held. */
struct sigqueue;
int signal_send_entry(struct process *p, struct task *only, struct sigqueue *q);
/* Recomputes whether task->sleeper is interrupted. Lock held. */
void signal_recalc(struct task *t);
/* Owner, no lock: sets the mask (unblockable bits dropped), wakes others for signals this unblocked
 * or left to them. */
void signal_set_mask(struct task *t, ksigset_t mask);
/* The same with the lock held; `mask` has no unblockable bits. */
void signal_set_mask_locked(struct task *t, ksigset_t mask);
/* For the duration of one system call (ppoll, sigsuspend...): the old mask comes back after the
 * handler's frame was pushed with it, or when the call ends without a signal. */
void signal_set_temporary_mask(struct task *t, ksigset_t mask);
/* Is there a signal that signal_deliver would act on? */
bool signal_pending(struct task *t);
/* Owner, from the task's loop: takes signals until none is left or the task has to end, and applies
 * the restart rules, as task->delivery says. False: the task has to park first, and then to call
 * again. */
bool signal_deliver(struct task *t);
/* Dequeues the first signal in `set` (for sigtimedwait, signalfd): number, or 0. Lock held. */
int signal_dequeue(struct task *t, ksigset_t set, siginfo_t *si);
void sigpending_init(struct sigpending *p);
void sigpending_flush(struct sigpending *p, ksigset_t set);
struct sighand *sighand_new(void);
struct sighand *sighand_copy(struct sighand *h);
void sighand_put(struct sighand *h);
/* execve: handlers back to default, ignored stay ignored; altstack off. Lock held. */
void signal_exec(struct task *t);
/* `t` ended while siblings live on: hands process signals it was chosen for to another, and
 * completes a group stop that only waited for it. Lock held. */
void signal_task_left(struct task *t);

/* May `t` send `sig` (0: only ask) to `p` (kill(2))? 0 or -EPERM. Lock held. */
int signal_may_send(struct task *t, struct process *p, int sig);
/* rt_sigaction(2): `act` NULL asks only; `old` may be NULL. */
int signal_set_action(struct task *t, int sig, const struct ksigaction *act,
		      struct ksigaction *old);
/* rt_sigtimedwait(2): the number, -EAGAIN at the deadline (as a sleeper's; 0: do not wait),
 * -EINTR. */
int signal_wait(struct task *t, ksigset_t set, uint64_t deadline, siginfo_t *si);
/* sigaltstack(2) with the stack pointer at `sp`; `ss` NULL asks only. */
int signal_set_altstack(struct task *t, const struct sigaltstack_state *ss, gva_t sp);
/* What sigaltstack(2) reports in ss_flags. */
int signal_altstack_flags(const struct task *t, gva_t sp);
/* rt_sigreturn(2): takes the frame off the guest's stack; a bad one forces SIGSEGV. */
void signal_return(struct task *t);

#endif
