/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls between a program and who runs it, as messages: bytes there, bytes or an error back.
 *
 *	the host asks by     calls_ask,      a task gets it by        calls_next
 *	                                     and answers by           calls_answer
 *	    and waits by     calls_wait
 *	a task asks by       calls_ask_host, a host thread gets it by calls_take
 *	                                     and answers by           calls_answer
 *	    and waits by     calls_wait_host
 *
 * Who asks owns the call; who answers has a reference until it has answered. Either may be gone
 * before the other: a task that is killed leaves its call to the host thread that has it, whose
 * answer nobody gets then. When the program ends, all calls of the host are over, and nobody waits
 * for an answer that cannot come.
 *
 * The queues are made before the sandbox and outlive it (sandbox_config.calls). Guests wait as
 * sleepers, hosts on conditions.
 */
#ifndef HL_KERNEL_CALLS_H
#define HL_KERNEL_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/wait.h"
#include "host/watch.h"
#include "util/list.h"
#include "util/lock.h"
#include "util/ref.h"

/* A longer message is refused. */
#define CALL_BYTES_MAX 16777216UL
#define CALL_NAME_MAX  255

struct call {
	struct ref refs;
	struct list node;      /* in a queue; calls->lock, as all that follows */
	_Atomic bool answered; /* who waits may watch it without */
	int error;             /* errno; 0: the answer is a result, else it says why */
	bool of_host;
	uint64_t run;            /* of the host's: calls->run when it was made; other: it is over */
	struct sleeper *sleeper; /* who waits in the guest; NULL: nobody now */
	char *answer;            /* owned */
	size_t answer_len;
	/* Constant: the name with its NUL, and the bytes behind it. */
	size_t name_len, len; /* of both together with the NUL */
	char text[];
};

struct calls {
	struct mutex lock;
	struct cond answered;      /* one of the host's was, or its program ends */
	struct cond asked;         /* the guest has called, or hosts are to go */
	struct waitqueue to_guest; /* tasks that wait for a call */
	struct watch asking, answering;
	/* lock: */
	struct list for_guest, for_host;
	_Atomic bool any_for_host; /* who waits may watch it without */
	bool watched;              /* a host thread does */
	unsigned waiting;          /* tasks in calls_next */
	unsigned under_way;        /* calls of the host that are neither answered nor over */
	uint64_t run;              /* programs that have ended */
	bool ended;                /* there is none now */
	bool serves;               /* the host has functions; constant once the program runs */
	bool closed;               /* host threads are to go */
};

/* NULL: no memory. */
struct calls *calls_new(void);
void calls_free(struct calls *cs);

/* A call of that name, with room for `len` bytes behind it at call_bytes(), which the caller fills
 * before anybody gets it. NULL: no memory. */
struct call *call_new(const char *name, size_t name_len, size_t len);
static inline char *call_bytes(struct call *c)
{
	return c->text + c->name_len + 1;
}
static inline size_t call_size(const struct call *c)
{
	return c->len - c->name_len - 1;
}
void call_put(struct call *c);

/* ---- the program ---- */

/* It is about to run, or ends: then nobody waits for it any more. The latter under
 * sandbox->lock. */
void calls_begin(struct calls *cs);
void calls_end(struct calls *cs);
/* Does a task wait for a call? Is one under way? */
void calls_state(struct calls *cs, bool *ready, bool *busy);

/* ---- calls of the host ---- */

/* -ESRCH: the program has ended. The caller keeps its reference. */
int calls_ask(struct calls *cs, struct call *c);
/* Until it is answered: 0. -ETIMEDOUT, at `deadline` of monotonic_ns(); -ESRCH: the program has
 * ended. After an error nobody waits for it any more. */
int calls_wait(struct calls *cs, struct call *c, uint64_t deadline);
/* The next one, for a task: a reference. -EINTR as of sleeper_wait, -EAGAIN: none is there, and
 * `block` is not set. */
int calls_next(struct calls *cs, struct sleeper *s, bool block, struct call **out);

/* ---- calls of the guest ---- */

/* -EOPNOTSUPP: the host has no functions. */
int calls_ask_host(struct calls *cs, struct call *c);
/* Nobody waits for it any more; takes the reference over. */
void calls_drop(struct calls *cs, struct call *c);
/* Until it is answered, whatever signals come: 0. -EINTR: the task is to end, and nobody waits for
 * the call any more; or a freeze has ended the wait (sleeper.gave_up), and it is to be waited for
 * again. */
int calls_wait_host(struct calls *cs, struct call *c, struct sleeper *s);
/* The next one, for a host thread: a reference. NULL: it is to go. *idle: how many threads wait so;
 * calls->lock. */
struct call *calls_take(struct calls *cs, unsigned *idle);
/* Host threads that wait in calls_take are to go. */
void calls_close(struct calls *cs);

/* ---- both ---- */

/* Answers, once; takes `answer` and the reference over. */
void calls_answer(struct calls *cs, struct call *c, int error, char *answer, size_t len);

#endif
