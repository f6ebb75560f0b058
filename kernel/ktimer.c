/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread of each sandbox calls back when a timer is due. Each clock has a tree of timers and a
 * host timerfd that is set to the first of them or to an earlier time, since to set it costs a host
 * call; see header.
 */
#include "kernel/ktimer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "host/hostcall.h"
#include "host/thread.h"
#include "kernel/sandbox.h"
#include "util/lock.h"
#include "util/time.h"

#define NEVER UINT64_MAX

/* The host's timer is never set to a later time, nor off: at worst it goes off for nothing. Many
 * timers are set on and on and seldom go off. Only where the guest's clock stands it goes off for
 * the first timer alone, because that moves the clock. */
struct clock_base {
	clockid_t clock;
	int fd;              /* host timerfd, -1: not in use yet */
	uint64_t programmed; /* what it is set to; not after the first of `timers` */
	struct rb_tree timers;
	_Atomic uint64_t next; /* when the first of them is due */
};

enum { NR_BASES = 3 };
static const clockid_t base_clocks[NR_BASES] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };

struct ktimer_thread {
	struct sandbox *sb;
	pthread_t thread;
	int wake; /* eventfd: look at the bases again, or stop */
	bool stop;
	struct clock_base bases[NR_BASES];
	struct list watch_clock; /* ktimer.set_node */
};

clockid_t ktimer_clock(clockid_t clock, bool absolute)
{
	switch (clock) {
	case CLOCK_REALTIME: return absolute ? CLOCK_REALTIME : CLOCK_MONOTONIC;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI: return CLOCK_REALTIME;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM: return CLOCK_BOOTTIME;
	default: return CLOCK_MONOTONIC;
	}
}

static struct clock_base *base_of(struct ktimer_thread *kth, clockid_t clock)
{
	for (int i = 0; i < NR_BASES; i++) {
		if (kth->bases[i].clock == clock)
			return &kth->bases[i];
	}
	return NULL;
}

/* ---- the queue of a base ---- */

static struct ktimer *first_timer(struct clock_base *b)
{
	struct rb_node *n = rb_first(&b->timers);

	return n ? rb_entry(n, struct ktimer, node) : NULL;
}

static void insert(struct clock_base *b, struct ktimer *kt)
{
	struct rb_node **link = &b->timers.root, *parent = NULL;

	while (*link) {
		parent = *link;
		bool before = kt->expires < rb_entry(parent, struct ktimer, node)->expires;
		link = before ? &parent->left : &parent->right;
	}
	rb_insert(&b->timers, &kt->node, parent, link);
	kt->armed = true;
}

static void erase(struct clock_base *b, struct ktimer *kt)
{
	rb_erase(&b->timers, &kt->node);
	kt->armed = false;
}

static void program(struct ktimer_thread *kth, struct clock_base *b)
{
	/* The host then tells when its clock is set. */
	int cancel = b->clock == CLOCK_REALTIME ? TFD_TIMER_CANCEL_ON_SET : 0;
	struct itimerspec it = { .it_value = ns_to_timespec(
				     guest_clock_to_host(&kth->sb->clock, b->clock, b->next)) };

	b->programmed = b->next;
	timerfd_settime(b->fd, TFD_TIMER_ABSTIME | cancel, &it, NULL);
}

/* The first of the queue may be another one now. */
static void queue_changed(struct ktimer_thread *kth, struct clock_base *b)
{
	struct ktimer *first = first_timer(b);

	b->next = first ? first->expires : NEVER;
	if (b->next < b->programmed || (kth->sb->clock.steps && b->next != b->programmed))
		program(kth, b);
}

void ktimer_arm(struct sandbox *sb, struct ktimer *kt, uint64_t expires)
{
	struct clock_base *b = base_of(sb->timer_thread, kt->clock);

	if (kt->armed)
		erase(b, kt);
	kt->expires = expires < CLOCK_NS_MAX ? expires : CLOCK_NS_MAX;
	insert(b, kt);
	queue_changed(sb->timer_thread, b);
}

void ktimer_disarm(struct sandbox *sb, struct ktimer *kt)
{
	if (!kt->armed)
		return;
	struct clock_base *b = base_of(sb->timer_thread, kt->clock);
	erase(b, kt);
	queue_changed(sb->timer_thread, b);
}

void ktimer_watch_clock(struct sandbox *sb, struct ktimer *kt, void (*clock_set)(struct ktimer *kt))
{
	kt->clock_set = clock_set;
	list_del(&kt->set_node);
	if (clock_set)
		list_add_tail(&sb->timer_thread->watch_clock, &kt->set_node);
}

/* ---- what is due ---- */

static void run_expired(struct ktimer_thread *kth, struct clock_base *b)
{
	uint64_t now = guest_clock_ns(&kth->sb->clock, b->clock);
	struct ktimer *kt;

	while ((kt = first_timer(b)) && kt->expires <= now) {
		erase(b, kt);
		kt->fire(kt);
	}
	queue_changed(kth, b);
}

void ktimer_run_due(struct sandbox *sb)
{
	struct ktimer_thread *kth = sb->timer_thread;

	for (int i = 0; kth && i < NR_BASES; i++) {
		struct clock_base *b = &kth->bases[i];

		if (b->next == NEVER || b->next > guest_clock_ns(&sb->clock, b->clock))
			continue;
		sandbox_lock(sb);
		run_expired(kth, b);
		sandbox_unlock(sb);
	}
}

/* The host's timer of a base is readable: it went off, or the clock was set. */
static void base_ready(struct ktimer_thread *kth, struct clock_base *b)
{
	struct ktimer *kt, *next;
	const bool stands = kth->sb->clock.steps;
	uint64_t ticks;
	ssize_t n = 0;

	if (stands || b->clock == CLOCK_REALTIME)
		n = read(b->fd, &ticks, sizeof ticks);
	if (n < 0 && errno == ECANCELED) {
		list_for_each_safe (kt, next, &kth->watch_clock, set_node)
			kt->clock_set(kt);
	}
	if (stands && n > 0 && b->programmed != NEVER)
		guest_clock_reached(&kth->sb->clock, b->clock, b->programmed);
	b->programmed = NEVER;
	run_expired(kth, b);
	if (b->programmed == NEVER)
		program(kth, b);
}

/* ---- the thread ---- */

static void *timer_main(void *arg)
{
	struct ktimer_thread *kth = arg;
	struct pollfd fds[1 + NR_BASES] = { { .fd = kth->wake, .events = POLLIN } };
	uint64_t count;

	sandbox_lock(kth->sb);
	while (!kth->stop) {
		for (int i = 0; i < NR_BASES; i++)
			fds[1 + i] = (struct pollfd){ .fd = kth->bases[i].fd, .events = POLLIN };
		sandbox_unlock(kth->sb);
		int ready = ppoll(fds, 1 + NR_BASES, NULL, NULL);
		sandbox_lock(kth->sb);
		if (ready > 0 && fds[0].revents)
			(void)!read(kth->wake, &count, sizeof count); /* never blocks */
		for (int i = 0; i < NR_BASES; i++) {
			if (ready > 0 && fds[1 + i].fd >= 0 && fds[1 + i].revents)
				base_ready(kth, &kth->bases[i]);
		}
	}
	sandbox_unlock(kth->sb);
	return NULL;
}

static int start(struct sandbox *sb)
{
	struct ktimer_thread *kth = calloc(1, sizeof *kth);

	if (!kth)
		return -EAGAIN;
	kth->sb = sb;
	for (int i = 0; i < NR_BASES; i++)
		kth->bases[i] = (struct clock_base){
			.clock = base_clocks[i], .fd = -1, .programmed = NEVER, .next = NEVER
		};
	list_init(&kth->watch_clock);
	kth->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (kth->wake < 0 || host_thread_start(&kth->thread, 0, 0, timer_main, kth)) {
		if (kth->wake >= 0)
			close(kth->wake);
		free(kth);
		return -EAGAIN;
	}
	sb->timer_thread = kth;
	return 0;
}

static void poke(struct ktimer_thread *kth)
{
	host_wake(kth->wake);
}

static int open_base(struct ktimer_thread *kth, clockid_t clock)
{
	struct clock_base *b = base_of(kth, clock);

	if (b->fd >= 0)
		return 0;
	b->fd = timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK);
	if (b->fd < 0)
		return -EAGAIN;
	program(kth, b);
	poke(kth);
	return 0;
}

int ktimer_prepare(struct sandbox *sb, clockid_t clock)
{
	int err = sb->timer_thread ? 0 : start(sb);

	if (!err)
		err = open_base(sb->timer_thread, ktimer_clock(clock, true));
	if (!err)
		err = open_base(sb->timer_thread, ktimer_clock(clock, false));
	return err;
}

void ktimer_stop(struct sandbox *sb)
{
	struct ktimer_thread *kth = sb->timer_thread;

	if (!kth)
		return;
	sandbox_lock(sb);
	kth->stop = true;
	poke(kth);
	sandbox_unlock(sb);
	pthread_join(kth->thread, NULL);
	for (int i = 0; i < NR_BASES; i++) {
		if (kth->bases[i].fd >= 0)
			close(kth->bases[i].fd);
	}
	close(kth->wake);
	free(kth);
	sb->timer_thread = NULL;
}
