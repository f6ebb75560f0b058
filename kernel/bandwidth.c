/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file keeps a sandbox to a part of a CPU. See the header.
 *
 * A task is told to rest by a bit that it sees before it runs guest code. Who may be running guest
 * code already, or be about to, must be kicked besides. That is whoever has used CPU time since the
 * bit was last taken away: all others have slept since then and will see it. So those who sleep
 * are not woken for it.
 */
#include "kernel/bandwidth.h"

#include <errno.h>
#include <stdlib.h>

#include "host/thread.h"
#include "kernel/cputime.h"
#include "kernel/park.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "util/minmax.h"
#include "util/time.h"

#define PERIOD_NS   (CPU_PERIOD_US * NSEC_PER_USEC)
#define MIN_STEP_NS NSEC_PER_MSEC /* between two looks; Linux's slices are 5 ms */
/* The thread itself takes at most one part of so many of a CPU. */
#define LOOK_SHARE 20

enum state { RUNNING, THROTTLED, IDLE };

/* Guarded by sandbox->lock. */
struct bandwidth {
	struct sandbox *sb;
	pthread_t thread;
	struct cond changed;
	bool stop;
	bool woken; /* of IDLE */
	enum state state;
	int64_t left;        /* ns of CPU time that may still be used; below 0: a debt */
	uint64_t period_end; /* of CLOCK_MONOTONIC */
	uint64_t throttled_since;
	bool ran;       /* somebody, in this period */
	uint64_t ended; /* ns that tasks have used which ended, and that were not counted yet */
	struct bandwidth_stat stat;
};

static int64_t quota(const struct sandbox *sb)
{
	return (int64_t)(sb->limits.cpus * PERIOD_NS / CPU_UNIT);
}

static void for_each_task(struct sandbox *sb, void (*fn)(struct task *t))
{
	struct process *p;
	struct task *t;

	lock_assert_held(&sb->lock);
	list_for_each (p, &sb->processes, all_node)
		list_for_each (t, &p->tasks, process_node)
			fn(t);
}

/* ---- what a step asks of each task ---- */

static void rest(struct task *t)
{
	t->park |= PARK_THROTTLE;
	atomic_fetch_or(&t->sleeper.work, SLEEPER_THROTTLE);
	if (t->bandwidth.ran)
		sleeper_wake(&t->sleeper);
	t->bandwidth.ran = false;
}

static void go_on(struct task *t)
{
	t->park &= ~(unsigned)PARK_THROTTLE;
	atomic_fetch_and(&t->sleeper.work, ~(uint32_t)SLEEPER_THROTTLE);
	if (t->resting)
		sleeper_wake(&t->sleeper);
}

/* ---- how much was used ---- */

/* With references, and how many; NULL: none, or no memory. */
static struct process **all_processes(struct sandbox *sb, size_t *n)
{
	struct process *p, **all;

	*n = 0;
	sandbox_lock(sb);
	list_for_each (p, &sb->processes, all_node)
		++*n;
	all = malloc((*n + 1) * sizeof(struct process *));
	*n = 0;
	if (all)
		list_for_each (p, &sb->processes, all_node)
			all[(*n)++] = process_get(p);
	sandbox_unlock(sb);
	return all;
}

static uint64_t used_by(struct process *p)
{
	uint64_t sum = 0;
	struct task *t;

	mutex_lock(&p->threads_lock);
	list_for_each (t, &p->tasks, process_node) {
		uint64_t ns = task_cpu_ns(t);
		if (ns <= t->bandwidth.counted)
			continue;
		sum += ns - t->bandwidth.counted;
		t->bandwidth.counted = ns;
		t->bandwidth.ran = true;
	}
	mutex_unlock(&p->threads_lock);
	return sum;
}

/* Since the last time; no lock held. Without memory it is found the next time. */
static uint64_t used_by_tasks(struct sandbox *sb)
{
	size_t n;
	struct process **all = all_processes(sb, &n);
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += used_by(all[i]);
		process_put(all[i]);
	}
	free(all);
	return sum;
}

/* sandbox->lock is given up meanwhile. */
static void measure(struct bandwidth *b)
{
	sandbox_unlock(b->sb);
	uint64_t used = used_by_tasks(b->sb);
	sandbox_lock(b->sb);
	used += b->ended;
	b->ended = 0;
	b->left -= (int64_t)used;
	b->ran |= used != 0;
}

/* ---- the steps ---- */

static void throttle(struct bandwidth *b, uint64_t now)
{
	b->state = THROTTLED;
	b->throttled_since = now;
	b->stat.throttled++;
	for_each_task(b->sb, rest);
}

static void run(struct bandwidth *b, uint64_t now)
{
	if (b->state == THROTTLED)
		b->stat.throttled_ns += now - b->throttled_since;
	b->state = RUNNING;
	b->woken = false;
	for_each_task(b->sb, go_on);
}

/* Somebody may have begun to run since we looked: then nothing comes of it. */
static void become_idle(struct bandwidth *b)
{
	b->state = IDLE;
	for_each_task(b->sb, rest);
	measure(b);
	if (b->ran)
		run(b, 0);
}

/* The time that is over counts once: what was not used of it is lost. */
static void begin_period(struct bandwidth *b, uint64_t now)
{
	uint64_t periods = (now - b->period_end) / PERIOD_NS + 1;
	int64_t most = quota(b->sb);

	b->period_end += periods * PERIOD_NS;
	b->stat.periods += periods;
	for (; periods && b->left < most; periods--)
		b->left += most;
	if (b->left > most)
		b->left = most;
}

/* The thread's clock starts anew: nobody has run until now. */
static void wake_up(struct bandwidth *b, uint64_t now)
{
	b->left = quota(b->sb);
	b->period_end = now + PERIOD_NS;
	b->stat.periods++;
	run(b, now);
}

/* When to look next: after so many ns. */
static uint64_t step(const struct bandwidth *b, uint64_t now, uint64_t look_ns)
{
	uint64_t to_end = b->period_end > now ? b->period_end - now : 0;
	uint64_t least = max64(MIN_STEP_NS, look_ns * LOOK_SHARE);

	if (b->state == THROTTLED)
		return to_end;
	uint64_t soonest = (uint64_t)b->left / max64(b->sb->cpus.count, 1);
	return max64(min64(soonest, to_end), least);
}

/* The period's end is where a throttled sandbox goes on, and an idle one is seen to be so. */
static void look(struct bandwidth *b)
{
	measure(b);
	uint64_t now = monotonic_ns();
	bool ended = now >= b->period_end, idle = ended && !b->ran && b->state == RUNNING;
	if (ended) {
		begin_period(b, now);
		b->ran = false;
	}
	if (b->left <= 0 && b->state == RUNNING)
		throttle(b, now);
	else if (b->left > 0 && b->state == THROTTLED)
		run(b, now);
	else if (idle)
		become_idle(b);
}

static void *bandwidth_main(void *arg)
{
	struct bandwidth *b = arg;

	sandbox_lock(b->sb);
	b->period_end = monotonic_ns() + PERIOD_NS;
	b->left = quota(b->sb);
	while (!b->stop) {
		uint64_t before = monotonic_ns();
		look(b);
		uint64_t now = monotonic_ns(), next = now + step(b, now, now - before);
		while (!b->stop && b->state != IDLE &&
		       cond_wait_until(&b->changed, &b->sb->lock, next) != -ETIMEDOUT)
			;
		if (b->state != IDLE)
			continue;
		while (!b->stop && !b->woken)
			cond_wait(&b->changed, &b->sb->lock);
		wake_up(b, monotonic_ns());
	}
	sandbox_unlock(b->sb);
	return NULL;
}

/* ---- the tasks' side ---- */

int bandwidth_prepare(struct sandbox *sb)
{
	lock_assert_held(&sb->lock);
	if (sb->bandwidth || sb->limits.cpus % CPU_UNIT == 0)
		return 0;
	struct bandwidth *b = calloc(1, sizeof *b);
	if (!b)
		return -EAGAIN;
	b->sb = sb;
	cond_init(&b->changed);
	if (host_thread_start(&b->thread, 0, 0, bandwidth_main, b)) {
		cond_destroy(&b->changed);
		free(b);
		return -EAGAIN;
	}
	if (sb->platform->machine_save_cpu)
		sb->platform->machine_save_cpu(sb->machine);
	sb->bandwidth = b;
	return 0;
}

void bandwidth_stop(struct sandbox *sb)
{
	struct bandwidth *b = sb->bandwidth;

	if (!b)
		return;
	sandbox_lock(sb);
	b->stop = true;
	cond_signal(&b->changed);
	sandbox_unlock(sb);
	pthread_join(b->thread, NULL);
	cond_destroy(&b->changed);
	free(b);
	sb->bandwidth = NULL;
}

void bandwidth_task_linked(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	if (t->sb->bandwidth && t->sb->bandwidth->state != RUNNING)
		rest(t);
}

void bandwidth_task_ended(struct task *t, const struct rusage_sum *used)
{
	lock_assert_held(&t->sb->lock);
	uint64_t ns = used->utime_ns + used->stime_ns;

	if (t->sb->bandwidth && ns > t->bandwidth.counted)
		t->sb->bandwidth->ended += ns - t->bandwidth.counted;
}

void bandwidth_task_parks(struct sandbox *sb)
{
	lock_assert_held(&sb->lock);
	if (sb->bandwidth->state != IDLE || sb->bandwidth->woken)
		return;
	sb->bandwidth->woken = true;
	cond_signal(&sb->bandwidth->changed);
}

void bandwidth_stat(struct sandbox *sb, struct bandwidth_stat *out)
{
	struct rusage_sum one;
	size_t n;
	struct process **all = all_processes(sb, &n);

	sandbox_lock(sb);
	*out = sb->bandwidth ? sb->bandwidth->stat : (struct bandwidth_stat){ 0 };
	out->used = sb->gone;
	sandbox_unlock(sb);
	for (size_t i = 0; i < n; i++) {
		process_rusage(all[i], &one);
		rusage_add(&out->used, &one);
		process_put(all[i]);
	}
	free(all);
}
