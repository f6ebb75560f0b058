/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX timers. A timer owns one queue entry, so that its signal always gets through and is never
 * pending twice. While the signal waits the timer rests; when it is delivered the periods that
 * passed meanwhile are counted as overruns and the timer goes on (timer_getoverrun(2)).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cred/cred.h"
#include "kernel/cputime.h"
#include "kernel/cputimer.h"
#include "kernel/ktimer.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/sigqueue.h"
#include "kernel/task.h"
#include "kernel/time_ns.h"
#include "kernel/timer.h"
#include "util/codec.h"
#include "util/time.h"

/* How often at the most a timer goes off whose signal is ignored. */
#define IGNORED_STEP NSEC_PER_MSEC

struct posix_timer {
	struct rb_node node; /* of its process's posix_timers.by_id */
	int id;
	struct process *process;
	struct posix_timer_request rq; /* references are the timer's */
	uint64_t interval;
	bool rests;            /* went off, goes on when its signal is taken */
	uint64_t none_expires; /* SIGEV_NONE: nothing goes off, the time is only computed. 0: off */
	struct ktimer kt;
	struct cputimer ct;
	struct sigqueue *entry;
	int64_t overrun, overrun_last;
	/* of a snapshot, until posix_timers_start: its state when it was saved */
	bool loaded_armed, loaded_queued;
	uint64_t loaded_expires;
};

/* Of a process; sandbox->lock guards all. */
struct posix_timers {
	struct rb_tree by_id;
	int next_id;
};

/* ---- the clock under a timer ---- */

/* Points in time as the guest gives them for this clock, to those of the timer thread's. */
static uint64_t to_base(const struct posix_timer *pt, uint64_t at)
{
	const struct guest_clock *gc = &pt->process->sb->clock;

	if (pt->rq.clock != CLOCK_TAI || pt->rq.cpu)
		return at;
	/* TAI is ahead of UTC by whole seconds. */
	uint64_t ahead = guest_clock_ns(gc, CLOCK_TAI) - guest_clock_ns(gc, CLOCK_REALTIME);
	ahead = (ahead + NSEC_PER_SEC / 2) / NSEC_PER_SEC * NSEC_PER_SEC;
	return at > ahead ? at - ahead : 0;
}

/* The process or thread whose CPU time counts; false: it is gone. */
static bool cpu_target(struct posix_timer *pt)
{
	struct pid *pid = pt->rq.cpu;

	pt->ct.task = pt->rq.cpu_thread ? pid->task : NULL;
	pt->ct.process = pt->rq.cpu_thread ? (pid->task ? pid->task->process : NULL) : pid->process;
	return pt->ct.process && !list_empty(&pt->ct.process->tasks);
}

/* `used`: what a CPU clock said, which cannot be asked while sandbox->lock is held. */
static uint64_t clock_now(const struct posix_timer *pt, uint64_t used)
{
	return pt->rq.cpu ? used : guest_clock_ns(&pt->process->sb->clock, pt->kt.clock);
}

static bool is_armed(const struct posix_timer *pt)
{
	if (pt->rq.notify == SIGEV_NONE)
		return pt->none_expires;
	return pt->rq.cpu ? !list_empty(&pt->ct.node) : pt->kt.armed;
}

static uint64_t expiry(const struct posix_timer *pt)
{
	if (pt->rq.notify == SIGEV_NONE)
		return pt->none_expires;
	return pt->rq.cpu ? pt->ct.expires : pt->kt.expires;
}

static void arm(struct posix_timer *pt, uint64_t expires)
{
	if (pt->rq.notify == SIGEV_NONE)
		pt->none_expires = expires;
	else if (!pt->rq.cpu)
		ktimer_arm(pt->process->sb, &pt->kt, expires);
	else if (cpu_target(pt))
		cputimer_arm(&pt->ct, expires);
}

static void disarm(struct posix_timer *pt)
{
	pt->none_expires = 0;
	pt->rests = false;
	if (pt->rq.cpu)
		cputimer_disarm(&pt->ct);
	else if (pt->kt.armed)
		ktimer_disarm(pt->process->sb, &pt->kt);
}

/* ---- going off ---- */

static int overrun_value(int64_t n)
{
	return n > INT_MAX ? INT_MAX : (int)n;
}

/* Nobody takes an ignored signal: the timer has to go on by itself, but no faster than a clock
 * tick. */
static void go_on_ignored(struct posix_timer *pt, uint64_t now)
{
	uint64_t at = expiry(pt);

	pt->rests = false;
	timer_forward(&at, pt->interval, now);
	arm(pt, at < now + IGNORED_STEP ? now + IGNORED_STEP : at);
}

static void expired(struct posix_timer *pt, uint64_t used)
{
	struct task *only = NULL;

	pt->rests = pt->interval != 0;
	if (pt->rq.notify == SIGEV_THREAD_ID) {
		only = pt->rq.thread->task;
		if (!only || only->process != pt->process)
			return;
	}
	pt->entry->info.si_overrun = 0;
	if (signal_send_entry(pt->process, only, pt->entry) == -ESRCH && pt->rests)
		go_on_ignored(pt, clock_now(pt, used));
}

static void kt_fire(struct ktimer *kt)
{
	expired(container_of(kt, struct posix_timer, kt), 0);
}

static void ct_fire(struct cputimer *ct, uint64_t used)
{
	expired(container_of(ct, struct posix_timer, ct), used);
}

/* ---- create and delete: lock held in the static functions ---- */

static void request_put(const struct posix_timer_request *rq)
{
	pid_put(rq->cpu);
	pid_put(rq->thread);
}

static void timer_free(struct posix_timer *pt)
{
	disarm(pt);
	sigqueue_unqueue(pt->entry);
	sigqueue_free(pt->entry);
	rb_erase(&pt->process->timers->by_id, &pt->node);
	request_put(&pt->rq);
	free(pt);
}

static struct posix_timer *timer_find(struct process *p, int id)
{
	struct rb_node *n = p->timers ? p->timers->by_id.root : NULL;

	while (n) {
		struct posix_timer *pt = rb_entry(n, struct posix_timer, node);
		if (pt->id == id)
			return pt;
		n = id < pt->id ? n->left : n->right;
	}
	return NULL;
}

static void timer_insert(struct posix_timers *ts, struct posix_timer *pt)
{
	struct rb_node **link = &ts->by_id.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = pt->id < rb_entry(parent, struct posix_timer, node)->id ? &parent->left
									       : &parent->right;
	}
	rb_insert(&ts->by_id, &pt->node, parent, link);
}

static struct posix_timers *timers_of(struct process *p)
{
	if (!p->timers)
		p->timers = calloc(1, sizeof *p->timers);
	return p->timers;
}

/* Ids rise, and wrap past those in use. */
static int new_id(struct process *p)
{
	struct posix_timers *ts = p->timers;
	int id;

	do {
		id = ts->next_id;
		ts->next_id = id == INT_MAX ? 0 : id + 1;
	} while (timer_find(p, id));
	return id;
}

static void entry_init(struct posix_timer *pt)
{
	siginfo_t *si = &pt->entry->info;

	siginfo_kernel(si, pt->rq.sig, SI_TIMER);
	si->si_timerid = pt->id;
	si->si_value = pt->rq.value;
	if (pt->rq.value_is_id) {
		memset(&si->si_value, 0, sizeof si->si_value);
		si->si_value.sival_int = pt->id;
	}
	pt->entry->timer = pt;
}

static int create_locked(struct task *t, struct posix_timer *pt)
{
	struct process *p = t->process;
	int err = pt->rq.cpu ? cputimer_prepare(t->sb) : ktimer_prepare(t->sb, pt->rq.clock);

	if (err || !timers_of(p))
		return -EAGAIN;
	pt->entry = sigqueue_alloc(t->sb, t->cred->uid, process_rlimit(p, RLIMIT_SIGPENDING));
	if (!pt->entry)
		return -EAGAIN;
	pt->process = p;
	pt->id = new_id(p);
	pt->kt = (struct ktimer){ .clock = ktimer_clock(pt->rq.clock, false), .fire = kt_fire };
	pt->ct = (struct cputimer){ .fire = ct_fire };
	list_init(&pt->ct.node);
	entry_init(pt);
	timer_insert(p->timers, pt);
	return pt->id;
}

int posix_timer_create(struct task *t, const struct posix_timer_request *rq)
{
	struct posix_timer *pt = calloc(1, sizeof *pt);

	if (!pt) {
		request_put(rq);
		return -EAGAIN;
	}
	pt->rq = *rq;
	sandbox_lock(t->sb);
	int id = create_locked(t, pt);
	sandbox_unlock(t->sb);
	if (id < 0) {
		request_put(rq);
		free(pt);
	}
	return id;
}

int posix_timer_delete(struct process *p, int id)
{
	sandbox_lock(p->sb);
	struct posix_timer *pt = timer_find(p, id);
	if (pt)
		timer_free(pt);
	sandbox_unlock(p->sb);
	return pt ? 0 : -EINVAL;
}

static void posix_timers_delete_all(struct process *p)
{
	struct rb_node *n;

	if (!p->timers)
		return;
	while ((n = rb_first(&p->timers->by_id)))
		timer_free(rb_entry(n, struct posix_timer, node));
	free(p->timers);
	p->timers = NULL;
}

void posix_timers_each(struct process *p, posix_timer_fn *fn, void *arg)
{
	for (struct rb_node *n = p->timers ? rb_last(&p->timers->by_id) : NULL; n; n = rb_prev(n)) {
		const struct posix_timer *pt = rb_entry(n, struct posix_timer, node);
		fn(arg, pt->id, &pt->rq);
	}
}

/* ---- set and get ---- */

/* The timer, and what its clock says if that is a CPU clock, for which sandbox->lock is given up
 * for a while. It may be another timer then, but one of the same number and the same clock. */
static struct posix_timer *timer_find_used(struct process *p, int id, uint64_t *used)
{
	struct posix_timer *pt;
	struct pid *cpu = NULL;
	bool thread = false;

	*used = 0;
	while ((pt = timer_find(p, id)) && pt->rq.cpu &&
	       (pt->rq.cpu != cpu || pt->rq.cpu_thread != thread)) {
		pid_put(cpu);
		cpu = pid_get(pt->rq.cpu);
		thread = pt->rq.cpu_thread;
		sandbox_unlock(p->sb);
		if (!pid_cpu_ns(p->sb, cpu, thread, used))
			*used = 0; /* nobody uses any */
		sandbox_lock(p->sb);
	}
	pid_put(cpu);
	return pt;
}

void posix_timer_signal_taken(struct posix_timer *pt, siginfo_t *si)
{
	uint64_t used;

	if (!pt->rests)
		return;
	pt = timer_find_used(pt->process, pt->id, &used);
	if (!pt || !pt->rests)
		return;
	uint64_t at = expiry(pt);
	pt->overrun += (int64_t)timer_forward(&at, pt->interval, clock_now(pt, used));
	pt->overrun_last = pt->overrun;
	pt->overrun = -1;
	pt->rests = false;
	arm(pt, at);
	si->si_overrun = overrun_value(pt->overrun_last);
}

static void get(struct posix_timer *pt, uint64_t used, struct timer_setting *out)
{
	*out = (struct timer_setting){ .interval = pt->interval };
	bool none = pt->rq.notify == SIGEV_NONE;
	if (!is_armed(pt) && !pt->rests)
		return;
	uint64_t now = clock_now(pt, used), at = expiry(pt);
	if (pt->interval && (pt->rests || none)) {
		timer_forward(&at, pt->interval, now);
		if (none)
			pt->none_expires = at;
	}
	if (at > now)
		out->value = at - now;
	else
		out->value = none ? 0 : 1; /* due: it has not run yet */
}

static int set(struct posix_timer *pt, const struct task *t, uint64_t used, bool abs,
	       const struct timer_setting *new)
{
	disarm(pt);
	sigqueue_unqueue(pt->entry);
	pt->interval = 0;
	pt->overrun = -1;
	pt->overrun_last = 0;
	if (!new->value)
		return 0;
	if (pt->rq.cpu && !cpu_target(pt))
		return -ESRCH;
	pt->interval = new->interval;
	pt->kt.clock = ktimer_clock(pt->rq.clock, abs);
	uint64_t now = clock_now(pt, used);
	uint64_t named = task_time_to_sandbox(t, pt->rq.clock, new->value);
	uint64_t at = abs ? to_base(pt, named) : timer_after(now, new->value);
	arm(pt, at ? at : 1);
	return 0;
}

int posix_timer_set(struct task *t, int id, bool abs, const struct timer_setting *new,
		    struct timer_setting *old)
{
	struct process *p = t->process;
	uint64_t used;

	sandbox_lock(p->sb);
	struct posix_timer *pt = timer_find_used(p, id, &used);
	int err = pt ? 0 : -EINVAL;
	if (pt) {
		get(pt, used, old);
		err = set(pt, t, used, abs, new);
	}
	sandbox_unlock(p->sb);
	return err;
}

int posix_timer_get(struct process *p, int id, struct timer_setting *out)
{
	uint64_t used;

	sandbox_lock(p->sb);
	struct posix_timer *pt = timer_find_used(p, id, &used);
	if (pt)
		get(pt, used, out);
	sandbox_unlock(p->sb);
	return pt ? 0 : -EINVAL;
}

int posix_timer_overrun(struct process *p, int id)
{
	sandbox_lock(p->sb);
	struct posix_timer *pt = timer_find(p, id);
	int n = pt ? overrun_value(pt->overrun_last) : -EINVAL;
	sandbox_unlock(p->sb);
	return n;
}

/* ---- snapshots: sandbox->lock held ---- */

/* Whose CPU time it counts; 0: somebody's who is gone, while the number may be another's. */
static uint64_t cpu_number(const struct posix_timer_request *rq)
{
	const struct pid *pid = rq->cpu;
	bool lives = rq->cpu_thread ? pid->task != NULL : pid->process != NULL;

	return lives ? (uint64_t)pid->nr : 0;
}

static void save_timer(struct encoder *out, const struct posix_timer *pt)
{
	const struct posix_timer_request *rq = &pt->rq;

	encode_signed(out, pt->id);
	encode_signed(out, rq->clock);
	encode_signed(out, rq->notify);
	encode_signed(out, rq->sig);
	encode(out, (uintptr_t)rq->value.sival_ptr);
	encode(out, rq->value_is_id);
	encode(out, rq->thread ? (uint64_t)rq->thread->nr : 0);
	encode(out, rq->cpu != NULL);
	encode(out, rq->cpu_thread);
	encode(out, rq->cpu ? cpu_number(rq) : 0);
	encode(out, pt->interval);
	encode(out, pt->rests);
	encode(out, is_armed(pt));
	encode(out, expiry(pt));
	encode(out, pt->kt.clock == CLOCK_REALTIME);
	encode(out, !list_empty(&pt->entry->node));
	encode_signed(out, pt->overrun);
	encode_signed(out, pt->overrun_last);
}

void posix_timers_save(struct encoder *out, const struct process *p)
{
	size_t place = encode_place(out);
	uint64_t nr = 0;

	for (struct rb_node *n = p->timers ? rb_first(&p->timers->by_id) : NULL; n;
	     n = rb_next(n), nr++)
		save_timer(out, rb_entry(n, struct posix_timer, node));
	encode_at(out, place, nr);
	encode(out, p->timers ? (uint64_t)p->timers->next_id : 0);
}

static bool is_cpu_clock(clockid_t clock)
{
	return clock < 0 ? (clock & 3) != 3
			 : clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

/* Nobody's number. */
static int pid_of_nobody(struct pid_namespace *ns, struct pid **out)
{
	int err = pid_alloc(ns, out);

	if (!err)
		pid_detach(*out);
	return err;
}

/* A thread is one of the process itself. */
static bool load_cpu(struct decoder *in, struct process *p, struct posix_timer_request *rq)
{
	bool cpu = decode_bool(in), thread = decode_bool(in);
	pid_t nr = (pid_t)decode_max(in, INT_MAX);
	struct pid *pid = nr ? pid_find(p->sb->pid_ns, nr) : NULL;

	if (in->failed || !cpu)
		return !in->failed;
	rq->cpu_thread = thread;
	if (!nr)
		return pid_of_nobody(p->sb->pid_ns, &rq->cpu) == 0;
	if (!pid || (thread ? !pid->task || pid->task->process != p : !pid->process))
		return false;
	rq->cpu = pid_get(pid);
	return true;
}

static bool load_request(struct decoder *in, struct process *p, struct posix_timer_request *rq)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME,       CLOCK_MONOTONIC,
					    CLOCK_BOOTTIME,       CLOCK_TAI,
					    CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM };
	bool known = false;

	rq->clock = (clockid_t)decode_between(in, INT_MIN, INT_MAX);
	rq->notify = (int)decode_between(in, 0, INT_MAX);
	rq->sig = (int)decode_between(in, rq->notify != SIGEV_NONE, NSIGNALS);
	rq->value.sival_ptr = (void *)(uintptr_t)decode(in);
	rq->value_is_id = decode_bool(in);
	struct pid *thread = pid_find(p->sb->pid_ns, (pid_t)decode_max(in, INT_MAX));
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
		known |= rq->clock == clocks[i];
	if (rq->notify == SIGEV_THREAD_ID && thread)
		rq->thread = pid_get(thread);
	if (!load_cpu(in, p, rq))
		return false;
	if (rq->cpu)
		known = is_cpu_clock(rq->clock);
	return known && !in->failed &&
	       (rq->notify == SIGEV_SIGNAL || rq->notify == SIGEV_NONE || rq->thread);
}

/* -EBADMSG, -EAGAIN: there is no memory. */
static int load_timer(struct decoder *in, struct process *p, struct task *t)
{
	struct posix_timer *pt = calloc(1, sizeof *pt);
	int id = (int)decode_between(in, 0, INT_MAX);
	int err = pt ? 0 : -EAGAIN;

	if (!err && (!load_request(in, p, &pt->rq) || !timers_of(p) || timer_find(p, id)))
		err = -EBADMSG;
	if (!err) {
		p->timers->next_id = id;
		err = create_locked(t, pt);
	}
	if (err < 0) {
		if (pt)
			request_put(&pt->rq);
		free(pt);
		return err;
	}
	pt->interval = decode(in);
	pt->rests = decode_bool(in) && pt->interval;
	pt->loaded_armed = decode_bool(in);
	pt->loaded_expires = decode(in);
	pt->kt.clock = ktimer_clock(pt->rq.clock, decode_bool(in));
	pt->loaded_queued = decode_bool(in);
	pt->overrun = (int64_t)decode(in);
	pt->overrun_last = (int64_t)decode(in);
	return 0;
}

int posix_timers_load(struct decoder *in, struct process *p, struct task *t)
{
	uint64_t nr = decode_count(in, 18 * sizeof(uint64_t));
	int err = 0;

	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_timer(in, p, t);
	int next = (int)decode_max(in, INT_MAX);
	if (p->timers)
		p->timers->next_id = next;
	return !err && in->failed ? -EBADMSG : err;
}

void posix_timers_start(struct process *p)
{
	for (struct rb_node *n = p->timers ? rb_first(&p->timers->by_id) : NULL; n;
	     n = rb_next(n)) {
		struct posix_timer *pt = rb_entry(n, struct posix_timer, node);
		struct task *only = pt->rq.thread ? pt->rq.thread->task : NULL;

		if (pt->loaded_armed)
			arm(pt, pt->loaded_expires ? pt->loaded_expires : 1);
		else
			pt->kt.expires = pt->ct.expires = pt->loaded_expires;
		if (pt->loaded_queued && (!only || only->process == p))
			(void)signal_send_entry(p, only, pt->entry);
	}
}

/* ---- the end of a program or process ---- */

void timers_exec(struct process *p)
{
	sandbox_lock(p->sb);
	posix_timers_delete_all(p);
	sandbox_unlock(p->sb);
}

void timers_exit(struct process *p)
{
	sandbox_lock(p->sb);
	posix_timers_delete_all(p);
	itimers_delete(p);
	sandbox_unlock(p->sb);
}
