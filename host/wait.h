/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping and waking inside the monitor.
 *
 * A sleeper is a host thread that may block on behalf of a guest thread; the task embeds one. A
 * waitqueue is a list of waiters that want to know of an event. The pattern, everywhere:
 *
 * 	struct waiter w;
 * 	waiter_init(&w, sleeper);
 * 	waitqueue_add(q, &w);
 * 	while (!condition) {
 * 		err = sleeper_wait(sleeper, deadline);     // 0: look again; -EINTR; -ETIMEDOUT
 * 		if (err)
 * 			break;
 * 	}
 * 	waitqueue_remove(&w);
 *
 * No wake-up is lost: a wake between the test and the wait stays pending in the sleeper's kick and
 * ends the wait at once. Nor does an error win over the event: who is woken and interrupted at
 * once, as by the end of a child and its SIGCHLD, tests the condition again before it sees the
 * error. -EINTR means that the owner is interrupted: by a signal, a stop or the end of the task.
 * Callers that can restart turn it into -ERESTARTSYS & co. (kernel/restart.h).
 *
 * -EINTR is also what a wait returns that a freeze has ended (kernel/freeze.h), and then `gave_up`
 * says so. The caller cleans up and returns as for a signal; the system call is made again later,
 * with the same arguments, as if it had slept on.
 */
#ifndef HL_HOST_WAIT_H
#define HL_HOST_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/clock.h"
#include "host/freezer.h"
#include "host/kick.h"
#include "util/list.h"
#include "util/lock.h"

/*
 * A deadline is a point in time of the sleeper's CLOCK_MONOTONIC, in ns; 0 is in the past. With
 * DEADLINE_REALTIME it is one of its CLOCK_REALTIME, and who sleeps by sleeper_wait follows that
 * clock when somebody sets it.
 */
#define DEADLINE_NONE     UINT64_MAX
#define DEADLINE_REALTIME (1UL << 63)

struct epoll_event;
struct pollfd;

/* Bits of sleeper.work: why the owner has to leave the guest. */
enum {
	SLEEPER_INTERRUPTED = 1, /* a signal, a stop, the end: sleeps end with -EINTR */
	SLEEPER_FREEZE = 2,   /* a freeze is under way: the owner says when it sleeps, and parks */
	SLEEPER_UNWIND = 4,   /* and its sleeps end, too */
	SLEEPER_THROTTLE = 8, /* the owner parks before it runs the guest; its sleeps go on */
};

enum gave_up {
	GAVE_UP_NOTHING,
	GAVE_UP_SLEEP, /* a sleep ended with -EINTR for a freeze */
	GAVE_UP_LOOP,  /* a long loop ended for a freeze: sleeper_stops() */
};

struct sleeper {
	struct kick kick;
	/* what deadlines are points in time of; constant; NULL: the host's */
	const struct guest_clock *clock;
	/* Called before each sleep but sleeper_pause(); constant; NULL: nothing is to be done. */
	void (*sleeps)(struct sleeper *s);
	/* Set by others (with a kick). INTERRUPTED is cleared by the owner alone, the others by
	 * whoever thaws. */
	_Atomic uint32_t work;
	_Atomic bool killed; /* the owner is to end, whatever it is doing; never cleared */
	/* owner only */
	enum gave_up gave_up; /* since it was last reset */
	bool again;     /* the call was made before and gave up, and no time was asked for yet */
	uint64_t since; /* when the call last asked for a deadline; 0: it did not */
	/* Where the clock stands: the last deadline, and the host's time for it. */
	uint64_t until, host_until;
	unsigned nr_waiters; /* of this sleeper's on wait queues */
	/* The place among the exclusive waiters of a queue that it left for a freeze, to have it
	 * again when the call is made again; NULL: none. */
	const struct waitqueue *left;
	uint64_t left_place;
	/* set by freezer_enter and freezer_leave; NULL: it is in none, or not any more */
	struct freezer *freezer;
	enum rest rest; /* freezer->lock */
};

struct waitqueue {
	struct mutex lock;
	struct list waiters;
	uint64_t places; /* given to exclusive waiters so far */
};

struct waiter {
	struct list node;
	struct waitqueue *queue; /* NULL: on none */
	struct sleeper *sleeper; /* kicked by the default wake function */
	/* Called under the queue's lock; must not block or touch the queue. Returns true when the
	 * event was used up by this waiter (counts for waitqueue_wake's `nr`). NULL: kick the
	 * sleeper, which uses it up unless it was woken before and has not looked yet. */
	bool (*wake)(struct waiter *w, unsigned events);
	unsigned events; /* poll events of interest; 0: all */
	bool exclusive;  /* placed last, and counted */
	/* then: */
	bool newest_first;  /* woken before those who came earlier, as all of the queue are */
	uint64_t place;     /* among them, as they came */
	_Atomic bool woken; /* since waiter_looks() */
};

void waitqueue_init(struct waitqueue *q);
void waitqueue_destroy(struct waitqueue *q);
void waiter_init(struct waiter *w, struct sleeper *s);
void waitqueue_add(struct waitqueue *q, struct waiter *w);
/* No effect when it is on no queue. After it returns the wake function does not run any more. */
void waitqueue_remove(struct waiter *w);
/* The owner is about to test its condition, or has done so with the lock that guards it still
 * held: wake-ups from now on are for its next sleep. */
static inline void waiter_looks(struct waiter *w)
{
	atomic_store(&w->woken, false);
}
/* sleeper_wait(), but an exclusive waiter sleeps until its queue wakes it. What it waits for may be
 * there for another one, and a mere kick, as a freeze sends it, must not make it look first. */
int waiter_sleep(struct waiter *w, uint64_t deadline);
/* One sleep of a thread that has tested its condition under `lock`, which is given up meanwhile.
 * The waiter is put on `q` at the first sleep and under the lock, so that a change between the test
 * and the sleep wakes it. */
int waiter_sleep_unlocked(struct waiter *w, struct waitqueue *q, struct mutex *lock,
			  uint64_t deadline);
/* Wakes every non-exclusive waiter whose events meet `events` (poll bits; 0: all), and up to `nr`
 * exclusive ones, whose number it returns. */
int waitqueue_wake(struct waitqueue *q, unsigned events, int nr);
#define waitqueue_wake_all(q, events) waitqueue_wake(q, events, INT32_MAX)

/* The sleeper's CLOCK_MONOTONIC, ns. */
uint64_t sleeper_now(const struct sleeper *s);
/* Now and `ns` more; saturates to DEADLINE_NONE. When a call is made again after a freeze, the
 * first deadline it asks for is the one it waited for before. */
uint64_t sleeper_deadline(struct sleeper *s, uint64_t ns);
/* 0: look again: something woke us, or the time is over. -EINTR: interrupted. -ETIMEDOUT: the
 * deadline is over. An error is never the end of a sleep: it is returned at once, instead of
 * sleeping, so that the caller has tested its condition after whatever ended the sleep before. */
int sleeper_wait(struct sleeper *s, uint64_t deadline);
/* As sleeper_wait without a deadline, but an interrupt is a wake like any other, unless it is the
 * end of the task: -EINTR. */
int sleeper_wait_killable(struct sleeper *s);
/* Waits for a kick, whatever it means. For waits that are over soon: a freeze does not end them. */
void sleeper_pause(struct sleeper *s);
/* The call is over that may have given up: whatever it waits for next, it waits for anew. */
static inline void sleeper_call_over(struct sleeper *s)
{
	s->again = false;
	s->left = NULL;
}
/* What the owner had given up waiting for has come nevertheless. */
static inline void sleeper_got(struct sleeper *s)
{
	s->gave_up = GAVE_UP_NOTHING;
}
/* Makes `s` look again; also ends a host call made with sleeper_call. */
void sleeper_wake(struct sleeper *s);
void sleeper_interrupt(struct sleeper *s);
static inline bool sleeper_interrupted(const struct sleeper *s)
{
	return atomic_load(&s->work) & SLEEPER_INTERRUPTED;
}
/* Has the owner to leave the guest, for whatever reason? */
static inline bool sleeper_wanted(const struct sleeper *s)
{
	return atomic_load_explicit(&s->work, memory_order_relaxed);
}
/* An interrupt for ever: the owner's thread ends as soon as it looks. Loops that may take long ask
 * for it between their pieces, whoever else may interrupt them. NULL: nobody to be killed. */
void sleeper_kill(struct sleeper *s);
static inline bool sleeper_killed(const struct sleeper *s)
{
	return s && atomic_load_explicit(&s->killed, memory_order_relaxed);
}
/* Owner, in a long loop, when some of it is done: is the rest to be left? For the owner's end, or,
 * where the call can go on from there later (kernel/resume.h), for a freeze. */
bool sleeper_stops(struct sleeper *s);
/* Waits for a host descriptor to become readable, whoever interrupts: 0. -EINTR: sleeper_kill. A
 * freeze waits for it. */
int sleeper_wait_readable(struct sleeper *s, int fd);
/* ppoll(2) on host descriptors. >= 0: some are ready (the number), or a mere wake (0): look again.
 * -EINTR: interrupted.
 * -ETIMEDOUT: the deadline is over; both only when none of the descriptors is ready. Other -errno:
 * ppoll's. */
int sleeper_poll(struct sleeper *s, struct pollfd *fds, unsigned n, uint64_t deadline);
/* The same with epoll_pwait2(2): >= 0 is the number of events taken. */
int sleeper_epoll(struct sleeper *s, int epfd, struct epoll_event *events, int max,
		  uint64_t deadline);
/* A host system call that may block: result, -errno, or -EINTR when interrupted (only then: mere
 * wakes are retried). It uses up wakes: not between the test and the wait of another condition. */
long sleeper_call(struct sleeper *s, long nr, long a, long b, long c, long d, long e, long f);

/* The host's CLOCK_MONOTONIC in ns: for what no guest sees. */
uint64_t monotonic_ns(void);

#endif
