/* SPDX-License-Identifier: Apache-2.0 */
/* One queued signal. Inside of kernel/sig*.c and the timers, which own entries of theirs.
 * sandbox->lock guards all. */
#ifndef HL_KERNEL_SIGQUEUE_H
#define HL_KERNEL_SIGQUEUE_H

#include "kernel/signal.h"

struct posix_timer;
struct sandbox;
struct siguser;

struct sigqueue {
	struct list node; /* on a sigpending's queue; unlinked: not pending */
	siginfo_t info;
	struct siguser *user;      /* whose RLIMIT_SIGPENDING it counts against */
	struct sigpending *on;     /* while linked */
	struct posix_timer *timer; /* whose entry it stays when taken; NULL: it is freed then */
};

/* Signals by what they do (signal(7)). */
#define SIGSET_SYNCHRONOUS                                                                         \
	(SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) |    \
	 SIGBIT(SIGSYS))
#define SIGSET_STOP   (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define SIGSET_IGNORE (SIGBIT(SIGCHLD) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH) | SIGBIT(SIGCONT))
#define SIGSET_CORE                                                                                \
	(SIGSET_SYNCHRONOUS | SIGBIT(SIGQUIT) | SIGBIT(SIGABRT) | SIGBIT(SIGXCPU) | SIGBIT(SIGXFSZ))
#define SIGRT_FIRST 32 /* the kernel's SIGRTMIN; libcs keep some for themselves */

/* Does the signal do nothing, unless it is blocked? */
static inline bool action_discards(const struct ksigaction *a, int sig)
{
	return action_is_ignore(a) || (action_is_default(a) && SIGBIT(sig) & SIGSET_IGNORE);
}

/* An entry that counts for real user `uid`; NULL: out of memory, or `limit` entries count
 * already. */
struct sigqueue *sigqueue_alloc(struct sandbox *sb, uid_t uid, uint64_t limit);
void sigqueue_free(struct sigqueue *q);
/* Puts it last on `p`; takes it off again if it is on any. */
void sigqueue_queue(struct sigqueue *q, struct sigpending *p);
void sigqueue_unqueue(struct sigqueue *q);
/* Entries that count for `uid` now. */
uint64_t sigqueue_count(struct sandbox *sb, uid_t uid);

/* Takes the next signal of `set` off the queue: synchronous ones first, then the lowest number. 0:
 * none. *timer: whose it was, who is to be told; NULL: no timer's. */
int sigpending_take(struct sigpending *p, ksigset_t set, siginfo_t *si, struct posix_timer **timer);
/* The first signal that a fault of the thread's own raised, whatever its number. */
int sigpending_take_synchronous(struct sigpending *p, ksigset_t set, siginfo_t *si);
bool sigpending_has_synchronous(const struct sigpending *p, ksigset_t set);

#endif
