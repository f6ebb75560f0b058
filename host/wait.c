/* SPDX-License-Identifier: Apache-2.0 */
/* Implements wait queues and the sleepers that wait on them. See the header for how they are
 * used. */
#include "host/wait.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

#include "host/hostcall.h"
#include "util/time.h"

void waitqueue_init(struct waitqueue *q)
{
	mutex_init(&q->lock, LOCK_WAITQUEUE);
	list_init(&q->waiters);
	q->places = 0;
}

void waitqueue_destroy(struct waitqueue *q)
{
	mutex_destroy(&q->lock);
}

void waiter_init(struct waiter *w, struct sleeper *s)
{
	*w = (struct waiter){ .sleeper = s };
	list_init(&w->node);
}

/* In the order in which they came, or the reverse of it, however they came back from a freeze. */
static void add_exclusive(struct waitqueue *q, struct waiter *w)
{
	struct sleeper *s = w->sleeper;
	struct waiter *o;

	w->place = ++q->places;
	if (s && s->left == q) {
		w->place = s->left_place;
		s->left = NULL;
	}
	if (w->newest_first) {
		list_for_each (o, &q->waiters, node)
			if (o->exclusive && o->place < w->place)
				break;
		list_add_tail(&o->node, &w->node);
	} else {
		o = container_of(q->waiters.prev, struct waiter, node);
		while (&o->node != &q->waiters && o->place > w->place)
			o = container_of(o->node.prev, struct waiter, node);
		list_add(&o->node, &w->node);
	}
}

void waitqueue_add(struct waitqueue *q, struct waiter *w)
{
	if (w->sleeper)
		w->sleeper->nr_waiters++;
	mutex_lock(&q->lock);
	w->queue = q;
	if (w->exclusive)
		add_exclusive(q, w);
	else
		list_add(&q->waiters, &w->node);
	mutex_unlock(&q->lock);
}

void waitqueue_remove(struct waiter *w)
{
	struct waitqueue *q = w->queue;

	if (!q)
		return;
	mutex_lock(&q->lock);
	list_del(&w->node);
	w->queue = NULL;
	mutex_unlock(&q->lock);
	struct sleeper *s = w->sleeper;
	if (!s)
		return;
	s->nr_waiters--;
	if (w->exclusive && s->gave_up) {
		s->left = q;
		s->left_place = w->place;
	}
}

static bool waiter_wake(struct waiter *w, unsigned events)
{
	if (w->wake)
		return w->wake(w, events);
	bool news = !atomic_exchange(&w->woken, true);
	sleeper_wake(w->sleeper);
	return news;
}

int waitqueue_wake(struct waitqueue *q, unsigned events, int nr)
{
	struct waiter *w;
	int woken = 0;

	mutex_lock(&q->lock);
	list_for_each (w, &q->waiters, node) {
		if (events && w->events && !(events & w->events))
			continue;
		if (w->exclusive && woken >= nr)
			break;
		woken += waiter_wake(w, events) && w->exclusive;
	}
	mutex_unlock(&q->lock);
	return woken;
}

static void sleep_begins(struct sleeper *s)
{
	if (s->sleeps)
		s->sleeps(s);
}

/* The owner is about to sleep, and a freeze is under way. 0: it may. */
static int sleep_frozen(struct sleeper *s, uint32_t work)
{
	if (work & SLEEPER_UNWIND) {
		s->gave_up = GAVE_UP_SLEEP;
		return -EINTR;
	}
	freezer_set(s, REST_ASLEEP);
	return 0;
}

/* The owner sleeps no more. */
static void sleep_left(struct sleeper *s)
{
	if (atomic_load(&s->work) & SLEEPER_FREEZE)
		freezer_set(s, REST_MOVING);
}

/* And was woken: it says so before it takes the kick. */
static void sleep_over(struct sleeper *s)
{
	sleep_left(s);
	kick_take(&s->kick);
}

/*
 * May the caller, who has just tested what it waits for, go to sleep? 0, -EINTR, -ETIMEDOUT, or
 * SLEEPER_WOKEN: it was woken since, and tests once more.
 *
 * Who is both woken and interrupted must find what it was woken for. The waker sets its condition
 * and then kicks; a later sender of a signal finds that kick pending or taken. So `work` is read
 * first: if it was set after the wake-up, the kick of the wake-up is seen here and not the
 * interrupt; the next test finds the condition true.
 */
enum { SLEEPER_WOKEN = 1 };

/* A deadline as the host's clock has it. */
struct host_deadline {
	clockid_t clock;
	uint64_t ns; /* UINT64_MAX: none */
	uint64_t of; /* the guest's */
};

static uint64_t host_left(struct host_deadline d)
{
	uint64_t now = guest_clock_ns(NULL, d.clock);

	return d.ns > now ? d.ns - now : 0;
}

static int sleeper_may_sleep(struct sleeper *s, struct host_deadline d)
{
	uint32_t work = atomic_load(&s->work);

	if (kick_take(&s->kick))
		return SLEEPER_WOKEN;
	if (work & SLEEPER_INTERRUPTED)
		return -EINTR;
	if (d.ns != UINT64_MAX && !host_left(d)) {
		guest_clock_reached(s->clock, d.clock, d.of);
		return -ETIMEDOUT;
	}
	sleep_begins(s);
	return work ? sleep_frozen(s, work) : 0;
}

uint64_t sleeper_now(const struct sleeper *s)
{
	return guest_clock_ns(s->clock, CLOCK_MONOTONIC);
}

uint64_t sleeper_deadline(struct sleeper *s, uint64_t ns)
{
	if (!s->again || !s->since) {
		guest_clock_look(s->clock); /* no two deadlines are one, where it stands */
		s->since = sleeper_now(s);
	}
	s->again = false;
	return ns < CLOCK_NS_MAX - s->since ? s->since + ns : DEADLINE_NONE;
}

/* The last moment, where a deadline becomes a time of the host's clock. */
static struct host_deadline to_host(struct sleeper *s, uint64_t deadline)
{
	bool realtime = deadline != DEADLINE_NONE && deadline & DEADLINE_REALTIME;
	struct host_deadline d = { .clock = realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC,
				   .ns = UINT64_MAX };

	if (deadline == DEADLINE_NONE)
		return d;
	d.of = deadline & ~DEADLINE_REALTIME;
	/* A clock that stands does not move while we sleep: what is left to wait is found once. */
	if (!s->clock || !s->clock->steps || s->until != deadline ||
	    guest_clock_ns(s->clock, d.clock) >= d.of)
		s->host_until = guest_clock_to_host(s->clock, d.clock, d.of);
	s->until = deadline;
	d.ns = s->host_until;
	return d;
}

int sleeper_wait(struct sleeper *s, uint64_t deadline)
{
	struct host_deadline d = to_host(s, deadline);
	int r = sleeper_may_sleep(s, d);

	if (r)
		return r < 0 ? r : 0;
	kick_wait(&s->kick, d.clock, d.ns);
	sleep_over(s);
	return 0;
}

int sleeper_wait_killable(struct sleeper *s)
{
	uint32_t work = atomic_load(&s->work);
	int err = 0;

	if (kick_take(&s->kick))
		return 0;
	if (sleeper_killed(s))
		return -EINTR;
	sleep_begins(s);
	if (work & SLEEPER_FREEZE)
		err = sleep_frozen(s, work);
	if (err)
		return err;
	kick_wait(&s->kick, CLOCK_MONOTONIC, UINT64_MAX);
	sleep_over(s);
	return 0;
}

int waiter_sleep(struct waiter *w, uint64_t deadline)
{
	int err;

	do
		err = sleeper_wait(w->sleeper, deadline);
	while (!err && w->exclusive && !atomic_load(&w->woken));
	return err;
}

int waiter_sleep_unlocked(struct waiter *w, struct waitqueue *q, struct mutex *lock,
			  uint64_t deadline)
{
	lock_assert_held(lock);
	if (!w->queue)
		waitqueue_add(q, w);
	waiter_looks(w);
	mutex_unlock(lock);
	int err = waiter_sleep(w, deadline);
	mutex_lock(lock);
	return err;
}

void sleeper_pause(struct sleeper *s)
{
	kick_wait(&s->kick, CLOCK_MONOTONIC, UINT64_MAX);
	kick_take(&s->kick);
}

bool sleeper_stops(struct sleeper *s)
{
	if (!s || sleeper_killed(s))
		return s;
	if (!(atomic_load_explicit(&s->work, memory_order_relaxed) & SLEEPER_FREEZE))
		return false;
	if (s->gave_up == GAVE_UP_NOTHING)
		s->gave_up = GAVE_UP_LOOP;
	return true;
}

/*
 * A host call that waits for descriptors: its number, its arguments, and which of them is the
 * time. Whoever may not sleep any more is still told what is ready. When a kick or the deadline
 * ended the call, the caller looks again.
 */
static int sleep_in(struct sleeper *s, uint64_t deadline, long nr, long args[6], int timeout)
{
	struct host_deadline d = to_host(s, deadline);
	struct timespec left = { 0 };
	int err = sleeper_may_sleep(s, d);

	if (err > 0)
		return 0;
	args[timeout] = (long)&left;
	if (err) {
		long ready = host_call(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
		if (ready > 0)
			sleeper_got(s);
		return ready > 0 ? (int)ready : err;
	}
	if (d.ns == UINT64_MAX)
		args[timeout] = 0;
	else
		left = ns_to_timespec(host_left(d));
	long r = host_call_intr(&s->kick, nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (r != -EINTR) {
		sleep_left(s);
		return (int)r;
	}
	sleep_over(s);
	return 0;
}

int sleeper_poll(struct sleeper *s, struct pollfd *fds, unsigned n, uint64_t deadline)
{
	long args[6] = { (long)fds, n };

	return sleep_in(s, deadline, SYS_ppoll, args, 2);
}

int sleeper_epoll(struct sleeper *s, int epfd, struct epoll_event *events, int max,
		  uint64_t deadline)
{
	long args[6] = { epfd, (long)events, max };

	return sleep_in(s, deadline, SYS_epoll_pwait2, args, 3);
}

int sleeper_wait_readable(struct sleeper *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	long r = 0;

	sleep_begins(s);
	while (r == 0 || r == -EINTR) {
		if (sleeper_killed(s))
			return -EINTR;
		kick_take(&s->kick);
		r = sleeper_killed(s)
			? -EINTR
			: host_call_intr(&s->kick, SYS_ppoll, (long)&p, 1, 0, 0, 0, 0);
	}
	return r < 0 ? (int)r : 0;
}

void sleeper_wake(struct sleeper *s)
{
	kick_send(&s->kick);
}

void sleeper_kill(struct sleeper *s)
{
	atomic_store(&s->killed, true);
	sleeper_interrupt(s);
}

void sleeper_interrupt(struct sleeper *s)
{
	atomic_fetch_or(&s->work, SLEEPER_INTERRUPTED);
	kick_send(&s->kick);
}

long sleeper_call(struct sleeper *s, long nr, long a, long b, long c, long d, long e, long f)
{
	for (;;) {
		sleep_begins(s);
		uint32_t work = atomic_load(&s->work);
		/* who is killed while frozen does not give up: its call is not made again */
		if (work & SLEEPER_FREEZE && (sleeper_killed(s) || sleep_frozen(s, work)))
			return -EINTR;
		long r = host_call_intr(&s->kick, nr, a, b, c, d, e, f);
		if (r != -EINTR) {
			sleep_left(s);
			return r;
		}
		sleep_over(s);
		if (sleeper_interrupted(s))
			return -EINTR;
	}
}

uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return timespec_to_ns(&ts);
}
