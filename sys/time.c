/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's clocks (host/clock.h) and its CPU time. Setting them is not the guest's to do. */
#include "sys/time.h"

#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>

#include "kernel/cputime.h"
#include "kernel/time_ns.h"
#include "loader/vdso.h"
#include "sys/sys.h"
#include "util/time.h"

uint64_t deadline_at(const struct task *t, clockid_t clock, const struct timespec *abs)
{
	uint64_t at = task_time_to_sandbox(t, clock, timespec_to_ns(abs));

	if (at >= CLOCK_NS_MAX)
		return DEADLINE_NONE;
	return (at ? at : 1) | (clock == CLOCK_REALTIME ? DEADLINE_REALTIME : 0);
}

struct timespec time_left(const struct task *t, uint64_t deadline)
{
	uint64_t now = sleeper_now(&t->sleeper);

	return ns_to_timespec(deadline > now ? deadline - now : 0);
}

/* ---- CPU clocks ---- */

/* Negative clock ids (include/linux/posix-timers_types.h): ~number << 3, bit 2: a thread's, bits
 * 0-1: kind, 3: an fd. */
static int dynamic_clock(struct task *t, clockid_t clock, struct cpu_clock *c)
{
	pid_t nr = ~(clock >> 3);

	if ((clock & 3) == 3)
		return -EINVAL;
	c->thread = clock & 4;
	if (nr == 0) {
		c->tid = c->thread ? t->tid : task_pid_nr(t, t->process->pid);
		return 1;
	}
	/* any thread may name its own process */
	c->tid = !c->thread && nr == t->tid ? task_pid_nr(t, t->process->pid) : nr;
	sandbox_lock(t->sb);
	struct pid *pid = pid_find(task_pid_ns(t), c->tid);
	bool ok = pid && (c->thread ? pid->task && pid->task->process == t->process
				    : pid->process != NULL);
	sandbox_unlock(t->sb);
	return ok ? 1 : -EINVAL;
}

int cpu_clock_of(struct task *t, clockid_t clock, struct cpu_clock *c)
{
	if (clock < 0)
		return dynamic_clock(t, clock, c);
	if (clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID)
		return 0;
	c->thread = clock == CLOCK_THREAD_CPUTIME_ID;
	c->tid = c->thread ? t->tid : task_pid_nr(t, t->process->pid);
	return 1;
}

int cpu_clock_read(struct task *t, const struct cpu_clock *c, uint64_t *ns)
{
	if (c->thread && c->tid == t->tid) {
		*ns = task_cpu_ns(t);
		return 0;
	}
	sandbox_lock(t->sb);
	struct pid *pid = pid_find(task_pid_ns(t), c->tid);
	if (pid)
		pid_get(pid);
	sandbox_unlock(t->sb);
	bool found = pid && pid_cpu_ns(t->sb, pid, c->thread, ns);
	pid_put(pid);
	return found ? 0 : -EINVAL;
}

/* Where the clocks stand, CPU time is that of looks at them (kernel/cputime.h). */
static int cpu_clock_shown(struct task *t, const struct cpu_clock *c, uint64_t *ns)
{
	int err = cpu_clock_read(t, c, ns);

	if (!err && t->sb->clock.steps)
		*ns = c->thread && c->tid == t->tid
			  ? t->clock_looks * CLOCK_STEP
			  : guest_clock_ns(&t->sb->clock, CLOCK_MONOTONIC) -
				(uint64_t)t->sb->clock.monotonic;
	return err;
}

/* ---- reading clocks ---- */

SYSCALL_DEFINE(clock_gettime)
{
	struct cpu_clock c;
	struct timespec ts;
	uint64_t ns;
	int err = cpu_clock_of(t, (clockid_t)a[0], &c);

	task_looks_at_clock(t);
	if (err == 0) {
		err = vdso_clock_gettime(task_mem(t)->vdso, (clockid_t)a[0], &ts);
		int64_t ahead = err ? 0 : task_clock_ahead(t, (clockid_t)a[0]);
		if (ahead)
			ts = ns_to_timespec(timespec_to_ns(&ts) + (uint64_t)ahead);
	} else if (err > 0) {
		err = cpu_clock_shown(t, &c, &ns);
		ts = err ? (struct timespec){ 0 } : ns_to_timespec(ns);
	}
	return err ? err : put_user(t, GVA(a[1]), &ts);
}

SYSCALL_DEFINE(clock_getres)
{
	struct cpu_clock c;
	struct timespec ts = { .tv_nsec = 1 };
	int err = cpu_clock_of(t, (clockid_t)a[0], &c);

	if (err == 0)
		err = clock_getres((clockid_t)a[0], &ts) ? -errno : 0;
	if (err < 0)
		return err;
	return a[1] ? put_user(t, GVA(a[1]), &ts) : 0;
}

SYSCALL_DEFINE(gettimeofday)
{
	struct timezone tz = { 0 };
	struct timeval tv;

	task_looks_at_clock(t);
	vdso_clock_sync(task_mem(t)->vdso);
	gettimeofday(&tv, &tz); /* the time zone is the host's */
	struct timespec now = guest_clock_realtime(&t->sb->clock);
	TIMESPEC_TO_TIMEVAL(&tv, &now);
	if (a[0] && put_user(t, GVA(a[0]), &tv))
		return -EFAULT;
	return a[1] ? put_user(t, GVA(a[1]), &tz) : 0;
}

SYSCALL_DEFINE(time)
{
	int64_t now;

	task_looks_at_clock(t);
	vdso_clock_sync(task_mem(t)->vdso);
	now = guest_clock_realtime(&t->sb->clock).tv_sec;
	return a[0] && put_user(t, GVA(a[0]), &now) ? -EFAULT : now;
}

static int64_t clock_ticks(uint64_t ns)
{
	return (int64_t)(ns / NSEC_PER_TICK);
}

SYSCALL_DEFINE(times)
{
	struct rusage_sum self;
	struct tms tms;
	const struct guest_clock *gc = &t->sb->clock;
	/* Linux counts ticks from five minutes before an overflow, at the start of the machine. */
	int64_t now = times(&tms) + guest_clock_ahead(gc, CLOCK_MONOTONIC) / (int64_t)NSEC_PER_TICK;

	task_looks_at_clock(t);
	if (gc->steps)
		now = clock_ticks(guest_clock_ns(gc, CLOCK_MONOTONIC));
	if (!a[0])
		return now;
	process_rusage(t->process, &self);
	sandbox_lock(t->sb);
	struct rusage_sum children = t->process->children_sum;
	sandbox_unlock(t->sb);
	tms = (struct tms){
		.tms_utime = clock_ticks(self.utime_ns),
		.tms_stime = clock_ticks(self.stime_ns),
		.tms_cutime = clock_ticks(children.utime_ns),
		.tms_cstime = clock_ticks(children.stime_ns),
	};
	return put_user(t, GVA(a[0]), &tms) ? -EFAULT : now;
}

/* ---- setting them: as Linux without CAP_SYS_TIME ---- */

SYSCALL_DEFINE(clock_settime)
{
	struct timespec ts;

	if ((clockid_t)a[0] != CLOCK_REALTIME)
		return -EINVAL;
	return get_user(t, &ts, GVA(a[1])) ? -EFAULT : -EPERM;
}

SYSCALL_DEFINE(settimeofday)
{
	struct timeval tv;

	if (a[0] && get_user(t, &tv, GVA(a[0])))
		return -EFAULT;
	if (a[0] && (tv.tv_usec < 0 || tv.tv_usec > 999999 || tv.tv_sec < 0))
		return -EINVAL;
	return -EPERM;
}

/* tx->time is the guest's; its microseconds are nanoseconds where the status says so. */
static void adjustment_of_guest(const struct guest_clock *gc, struct timex *tx)
{
	bool nano = tx->status & STA_NANO;
	long part = tx->time.tv_usec;
	struct timespec when = { tx->time.tv_sec, nano ? part : part * (long)NSEC_PER_USEC };

	when = guest_clock_of_host_time(gc, when);
	tx->time.tv_sec = when.tv_sec;
	tx->time.tv_usec = nano ? when.tv_nsec : when.tv_nsec / (long)NSEC_PER_USEC;
}

static int64_t read_adjustment(struct task *t, gva_t addr, clockid_t clock)
{
	struct timex tx;

	if (get_user(t, &tx, addr))
		return -EFAULT;
	if (tx.modes)
		return -EPERM;
	int state = clock_adjtime(clock, &tx);
	if (state < 0)
		return -errno;
	adjustment_of_guest(&t->sb->clock, &tx);
	return put_user(t, addr, &tx) ? -EFAULT : state;
}

SYSCALL_DEFINE(adjtimex)
{
	return read_adjustment(t, GVA(a[0]), CLOCK_REALTIME);
}

SYSCALL_DEFINE(clock_adjtime)
{
	if ((clockid_t)a[0] != CLOCK_REALTIME)
		return (clockid_t)a[0] >= 0 && (clockid_t)a[0] <= CLOCK_TAI && (clockid_t)a[0] != 10
			   ? -EOPNOTSUPP
			   : -EINVAL;
	return read_adjustment(t, GVA(a[1]), CLOCK_REALTIME);
}
