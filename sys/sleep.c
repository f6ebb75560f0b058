/* SPDX-License-Identifier: Apache-2.0 */
/* nanosleep(2), clock_nanosleep(2) */
#include <stdlib.h>
#include <sys/syscall.h>

#include "kernel/time_ns.h"
#include "sys/sys.h"
#include "sys/time.h"
#include "util/time.h"

/* ---- relative ---- */

/* A signal ends it: the time left goes to the guest, a restart sleeps on to the same point in
 * time. */
static int64_t sleep_until(struct task *t, uint64_t deadline, gva_t rem_addr)
{
	int err;

	do
		err = sleeper_wait(&t->sleeper, deadline);
	while (err == 0);
	uint64_t now = sleeper_now(&t->sleeper);
	if (err == -ETIMEDOUT || now >= deadline)
		return 0;
	struct timespec left = ns_to_timespec(deadline - now);
	if (rem_addr.v && !t->sleeper.gave_up && put_user(t, rem_addr, &left))
		return -EFAULT;
	t->restart =
	    (struct restart){ .kind = RESTART_SLEEP, .deadline = deadline, .a = { rem_addr.v } };
	return -ERESTART_RESTARTBLOCK;
}

int64_t sleep_restart(struct task *t, const struct restart *r)
{
	return sleep_until(t, r->deadline, GVA(r->a[0]));
}

static int64_t sleep_for(struct task *t, const struct timespec *ts, gva_t rem_addr)
{
	return sleep_until(t, deadline_after(t, ts), rem_addr);
}

SYSCALL_DEFINE(nanosleep)
{
	struct timespec ts;
	int err = get_timespec(t, GVA(a[0]), &ts);

	return err ? err : sleep_for(t, &ts, GVA(a[1]));
}

/* ---- to a point in time: the host follows the clock, also when it is set ---- */

static int64_t sleep_to(struct task *t, clockid_t clock, const struct timespec *ts)
{
	const struct guest_clock *gc = &t->sb->clock;
	uint64_t at = task_time_to_sandbox(t, clock, timespec_to_ns(ts));
	struct timespec host = ns_to_timespec(guest_clock_to_host(gc, clock, at));
	long r = sleeper_call(&t->sleeper, SYS_clock_nanosleep, clock, TIMER_ABSTIME, (long)&host,
			      0, 0, 0);

	if (!r)
		guest_clock_reached(gc, clock, at);
	if (r != -EINTR)
		return r;
	return guest_clock_ns(gc, clock) >= at ? 0 : -ERESTARTNOHAND;
}

/* ---- in CPU time of the process ---- */

static uint64_t threads_of(struct process *p)
{
	sandbox_lock(p->sb);
	int n = p->nr_tasks;
	sandbox_unlock(p->sb);
	return n > 0 ? (uint64_t)n : 1;
}

/* Its CPU time can not pass faster than its threads run: looks again when it may have, at most 100
 * times a second. */
static int cpu_sleep_to(struct task *t, const struct cpu_clock *c, uint64_t until)
{
	const uint64_t tick = NSEC_PER_SEC / 100;
	uint64_t now;

	for (;;) {
		int err = cpu_clock_read(t, c, &now);
		if (err || now >= until)
			return err;
		uint64_t step = (until - now) / threads_of(t->process);
		uint64_t wake = sleeper_deadline(&t->sleeper, step > tick ? step : tick);
		do
			err = sleeper_wait(&t->sleeper, wake);
		while (err == 0);
		if (err == -EINTR)
			return err;
	}
}

static int64_t cpu_sleep(struct task *t, const struct cpu_clock *c, uint64_t until, bool absolute,
			 gva_t rem_addr)
{
	uint64_t now = until;
	int err = cpu_sleep_to(t, c, until);

	if (err != -EINTR)
		return err;
	if (absolute)
		return -ERESTARTNOHAND;
	cpu_clock_read(t, c, &now);
	struct timespec left = ns_to_timespec(until > now ? until - now : 0);
	if (rem_addr.v && !t->sleeper.gave_up && put_user(t, rem_addr, &left))
		return -EFAULT;
	t->restart = (struct restart){
		.kind = RESTART_CPU_SLEEP,
		.deadline = until,
		.a = { rem_addr.v, c->thread, (uint64_t)c->tid },
	};
	return -ERESTART_RESTARTBLOCK;
}

int64_t cpu_sleep_restart(struct task *t, const struct restart *r)
{
	struct cpu_clock c = { r->a[1], (int)r->a[2] };

	return cpu_sleep(t, &c, r->deadline, false, GVA(r->a[0]));
}

static int64_t cpu_nanosleep(struct task *t, const struct cpu_clock *c, bool absolute,
			     const struct timespec *ts, gva_t rem_addr)
{
	uint64_t now = 0, until = timespec_to_ns(ts);

	if (c->thread && c->tid == t->tid)
		return -EINVAL; /* it would never come */
	int err = absolute ? 0 : cpu_clock_read(t, c, &now);
	if (err)
		return err;
	until = until > UINT64_MAX - now ? UINT64_MAX : until + now;
	if (t->resume.deadline) /* it was frozen, and sleeps on */
		until = t->resume.deadline;
	int64_t r = cpu_sleep(t, c, until, absolute, rem_addr);
	t->resume.deadline = resume_wanted(t, r) ? until : 0;
	return r;
}

/* ---- clock_nanosleep(2) ---- */

/* -EINVAL: no clock; -EOPNOTSUPP: one that can not be slept on. */
static int check_clock(clockid_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM: return 0;
	case CLOCK_THREAD_CPUTIME_ID:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE: return -EOPNOTSUPP;
	default: return -EINVAL;
	}
}

static bool is_alarm(clockid_t clock)
{
	return clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

SYSCALL_DEFINE(clock_nanosleep)
{
	clockid_t clock = (clockid_t)a[0];
	bool absolute = (int)a[1] & TIMER_ABSTIME;
	struct cpu_clock c;
	struct timespec ts;
	int cpu = clock == CLOCK_THREAD_CPUTIME_ID ? 0 : cpu_clock_of(t, clock, &c);
	int err = cpu ? 0 : check_clock(clock);

	if (!err && cpu < 0)
		err = cpu;
	if (!err)
		err = get_timespec(t, GVA(a[2]), &ts);
	if (err)
		return err;
	if (cpu)
		return cpu_nanosleep(t, &c, absolute, &ts, GVA(a[3]));
	if (is_alarm(clock)) /* waking the machine is the host's to allow */
		return absolute ? sleep_to(t, clock, &ts) : -EPERM;
	return absolute ? sleep_to(t, clock, &ts) : sleep_for(t, &ts, GVA(a[3]));
}
