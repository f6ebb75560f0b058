/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread may call (seccomp(2)): its mode and its filters, and what they do to a call.
 *
 * A call meets its filters once, after the stop for a tracer (kernel/ptrace/stop.h) and before it
 * is made. Whatever way it came, it is an EVENT_SYSCALL of the platform by then.
 */
#ifndef HL_KERNEL_SECCOMP_SECCOMP_H
#define HL_KERNEL_SECCOMP_SECCOMP_H

/* What sandbox.seccomp_logged is at first: all actions but the one that allows. */
#define SECCOMP_LOGGED_FIRST 0x7fU

#include <linux/filter.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct caller;
struct file;
struct loader;
struct notification;
struct saver;
struct seccomp_filter;
struct task;

struct task_seccomp {
	/* Changed by the owner, and by a thread of its process that has them all take its filters,
	 * under sandbox->lock; the owner reads without it. */
	_Atomic int mode;                        /* SECCOMP_MODE_* */
	_Atomic(struct seccomp_filter *) filter; /* its use of it; NULL: none */
	/* So a thread of its process has made it; its credentials say so from the next execve on */
	_Atomic bool no_new_privs;
	/* owner only */
	struct notification *notification; /* of the call in t->event, which waits; NULL: none */
	bool answered;                     /* the call is not made: */
	int64_t answer;
	bool raw; /* the result looks as if the call were to be restarted, and is not */
};

enum seccomp_next {
	SECCOMP_MAKES, /* the call is to be made, or dispatch has its answer */
	SECCOMP_STOPS, /* the thread stops for its tracer first */
};

/* Owner, without locks: what the filters do to the call in t->event. `again`: its tracer has looked
 * at it meanwhile. */
enum seccomp_next seccomp_enters_call(struct task *t, bool again);
/* Owner, for a call that nobody can stop or answer for a time: false: *r is its result. */
bool seccomp_lets(struct task *t, int64_t *r);
/* Owner, from dispatch: true: *r is the result of the call, or it has given up. */
bool seccomp_answers(struct task *t, int64_t *r);

/* seccomp(2). */
int seccomp_set_strict(struct task *t);
/* SECCOMP_FILTER_FLAG_*: 0, the descriptor of a listener, the number of a thread that cannot take
 * the filters, or -errno. */
int64_t seccomp_set_filter(struct task *t, unsigned flags, const struct sock_filter *prog,
			   unsigned len);
/* May the thread filter its calls? */
bool seccomp_may_filter(const struct task *t);
/* Has it given up new privileges? From any thread. */
bool task_no_new_privs(const struct task *t);

/* The n-th filter, from the oldest on: a reference; -EINVAL: there are none, -ENOENT. Of a thread
 * at rest. */
int seccomp_nth_filter(struct task *o, uint64_t n, struct seccomp_filter **out);

/* sandbox->lock held: a new thread has what the one that makes it has. */
void seccomp_inherit(struct task *child, const struct task *t);
/* Owner: it is about to end. */
void seccomp_task_end(struct task *t);

void seccomp_task_save(struct saver *s, struct task *t);
int seccomp_task_load(struct loader *l, struct task *t);

#endif
