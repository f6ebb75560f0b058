/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of a process: interval timers (setitimer(2)), POSIX timers (timer_create(2)). */
#ifndef HL_KERNEL_TIMER_H
#define HL_KERNEL_TIMER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "host/clock.h"

struct decoder;
struct encoder;
struct pid;
struct posix_timer;
struct process;
struct sandbox;
struct task;

/* execve keeps interval timers and deletes POSIX timers. No lock held. */
void timers_exec(struct process *p);
/* The process ends: all its timers go. No lock held. */
void timers_exit(struct process *p);

/* The state of a timer in ns: time left (0: off) and period (0: none). */
struct timer_setting {
	uint64_t value, interval;
};

/* `value` from now; saturates. */
static inline uint64_t timer_after(uint64_t now, uint64_t value)
{
	return value > CLOCK_NS_MAX - now ? CLOCK_NS_MAX : now + value;
}

/* Moves *at on by whole periods until it lies in the future: how many. */
static inline uint64_t timer_forward(uint64_t *at, uint64_t interval, uint64_t now)
{
	if (now < *at)
		return 0;
	uint64_t n = (now - *at) / interval + 1;
	*at += n * interval;
	return n;
}

/* ---- kernel/itimer.c: `which` is ITIMER_* ---- */
/* -EINVAL: no such timer; -EAGAIN. `old` may be NULL. */
int itimer_set(struct process *p, int which, const struct timer_setting *new,
	       struct timer_setting *old);
int itimer_get(struct process *p, int which, struct timer_setting *out);
/* A SIGALRM of the process was dequeued: a periodic ITIMER_REAL goes on only then. sandbox->lock
 * held. */
void itimer_signal_taken(struct process *p);
/* RLIMIT_CPU of the process was set: SIGXCPU and SIGKILL in time. sandbox->lock held. */
void itimer_cpu_limit(struct process *p);
/* The same for one that a new process got from its parent. */
void itimer_cpu_limit_inherited(struct process *p);

/* ---- kernel/posix_timer.c ---- */
struct posix_timer_request {
	clockid_t clock; /* what the guest asked for */
	/* a CPU clock: whose; reference taken over, also on failure. NULL: a clock of the host */
	struct pid *cpu;
	bool cpu_thread;
	int notify; /* SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD_ID */
	int sig;
	union sigval value;
	bool value_is_id;   /* sigev_value is to be the timer's id */
	struct pid *thread; /* SIGEV_THREAD_ID: reference taken over, also on failure */
};
/* The timer's id, -EAGAIN, -ENOMEM. */
int posix_timer_create(struct task *t, const struct posix_timer_request *rq);
/* 0 or -EINVAL: no such timer; -EAGAIN; -ESRCH: whose CPU time it counted is gone. `abs`:
 * new->value is a point in time of the timer's clock, as the task reads that. */
int posix_timer_set(struct task *t, int id, bool abs, const struct timer_setting *new,
		    struct timer_setting *old);
int posix_timer_get(struct process *p, int id, struct timer_setting *out);
int posix_timer_overrun(struct process *p, int id);
int posix_timer_delete(struct process *p, int id);
/* Its signal was taken off the queue, as `si`: it goes on only now. sandbox->lock held, but given
 * up for a while if the timer counts CPU time. */
void posix_timer_signal_taken(struct posix_timer *pt, siginfo_t *si);
/* Every timer of the process, the highest id first. sandbox->lock held. */
typedef void posix_timer_fn(void *arg, int id, const struct posix_timer_request *rq);
void posix_timers_each(struct process *p, posix_timer_fn *fn, void *arg);
/* In snapshots; sandbox->lock held. Loaded timers count as those of `t`, a thread of the process,
 * and stand still until its threads are linked: posix_timers_start. -EBADMSG, -EAGAIN: no
 * memory. */
void posix_timers_save(struct encoder *out, const struct process *p);
int posix_timers_load(struct decoder *in, struct process *p, struct task *t);
void posix_timers_start(struct process *p);
/* In snapshots; as those of posix timers above. -EBADMSG, -ENOMEM. */
void itimers_save(struct encoder *out, const struct process *p);
int itimers_load(struct decoder *in, struct process *p);
void itimers_start(struct process *p);
/* Lock held. */
void itimers_delete(struct process *p);

#endif
