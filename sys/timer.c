/* SPDX-License-Identifier: Apache-2.0 */
/* Interval timers, POSIX timers and timerfds: the arguments. */
#include "kernel/timer.h"

#include <limits.h>
#include <linux/capability.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "cred/cred.h"
#include "kernel/timerfd.h"
#include "sys/sys.h"
#include "sys/time.h"
#include "util/time.h"

/* ---- interval timers ---- */

static struct itimerval to_itimerval(const struct timer_setting *s)
{
	return (struct itimerval){ .it_interval = ns_to_timeval(s->interval),
				   .it_value = ns_to_timeval(s->value) };
}

SYSCALL_DEFINE(getitimer)
{
	struct timer_setting s;
	int err = itimer_get(t->process, (int)a[0], &s);

	if (err)
		return err;
	struct itimerval v = to_itimerval(&s);
	return put_user(t, GVA(a[1]), &v);
}

SYSCALL_DEFINE(setitimer)
{
	struct timer_setting new = { 0 }, old;
	struct itimerval v;

	if (a[1]) { /* as Linux: NULL turns it off */
		if (get_user(t, &v, GVA(a[1])))
			return -EFAULT;
		if (!timeval_valid(&v.it_value) || !timeval_valid(&v.it_interval))
			return -EINVAL;
		new.value = timeval_to_ns(&v.it_value);
		new.interval = timeval_to_ns(&v.it_interval);
	}
	int err = itimer_set(t->process, (int)a[0], &new, &old);
	if (err || !a[2])
		return err;
	v = to_itimerval(&old);
	return put_user(t, GVA(a[2]), &v);
}

/* What is left of an earlier alarm is rounded, but never to nothing. */
SYSCALL_DEFINE(alarm)
{
	uint32_t seconds = (uint32_t)a[0] > INT_MAX ? INT_MAX : (uint32_t)a[0];
	struct timer_setting new = { .value = seconds * NSEC_PER_SEC }, old;

	int err = itimer_set(t->process, ITIMER_REAL, &new, &old);
	if (err)
		return err;
	uint64_t sec = old.value / NSEC_PER_SEC, rest = old.value % NSEC_PER_SEC;
	return (int64_t)(sec + ((!sec && rest) || rest >= NSEC_PER_SEC / 2));
}

/* ---- POSIX timers ---- */

/* The kernel's struct sigevent. */
struct user_sigevent {
	uint64_t value;
	int32_t signo, notify, tid;
	int32_t pad[11];
};
_Static_assert(sizeof(struct user_sigevent) == 64, "struct sigevent");

static int check_host_clock(struct task *t, clockid_t clock)
{
	struct timespec ts;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI: return 0;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE: return -EOPNOTSUPP;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		if (clock_getres(clock, &ts)) /* no such hardware */
			return -EOPNOTSUPP;
		return cred_capable(t->cred, CAP_WAKE_ALARM) ? 0 : -EPERM;
	default: return -EINVAL;
	}
}

static struct pid *find_pid(struct task *t, pid_t nr)
{
	sandbox_lock(t->sb);
	struct pid *pid = pid_find(task_pid_ns(t), nr);
	if (pid)
		pid_get(pid);
	sandbox_unlock(t->sb);
	return pid;
}

static int fetch_clock(struct task *t, clockid_t clock, struct posix_timer_request *rq)
{
	struct cpu_clock c;
	int r = cpu_clock_of(t, clock, &c);

	rq->clock = clock;
	if (r == 0)
		return check_host_clock(t, clock);
	if (r < 0)
		return r;
	rq->cpu = find_pid(t, c.tid);
	rq->cpu_thread = c.thread;
	return rq->cpu ? 0 : -EINVAL;
}

/* SIGEV_THREAD_ID: one of the caller's own process. */
static int fetch_thread(struct task *t, pid_t tid, struct posix_timer_request *rq)
{
	bool own;

	rq->thread = find_pid(t, tid);
	if (!rq->thread)
		return -EINVAL;
	sandbox_lock(t->sb);
	own = rq->thread->task && rq->thread->task->process == t->process;
	sandbox_unlock(t->sb);
	return own ? 0 : -EINVAL;
}

static int fetch_sigevent(struct task *t, gva_t addr, struct posix_timer_request *rq)
{
	struct user_sigevent ev;

	if (!addr.v) {
		rq->notify = SIGEV_SIGNAL;
		rq->sig = SIGALRM;
		rq->value_is_id = true;
		return 0;
	}
	if (get_user(t, &ev, addr))
		return -EFAULT;
	rq->sig = ev.signo;
	/* for the kernel they are the same */
	rq->notify = ev.notify == SIGEV_THREAD ? SIGEV_SIGNAL : ev.notify;
	memcpy(&rq->value, &ev.value, sizeof rq->value);
	if (rq->notify == SIGEV_NONE)
		return 0;
	if ((rq->notify != SIGEV_SIGNAL && rq->notify != SIGEV_THREAD_ID) || ev.signo <= 0 ||
	    ev.signo > NSIGNALS)
		return -EINVAL;
	return rq->notify == SIGEV_THREAD_ID ? fetch_thread(t, ev.tid, rq) : 0;
}

SYSCALL_DEFINE(timer_create)
{
	struct posix_timer_request rq = { 0 };
	int err = fetch_clock(t, (clockid_t)a[0], &rq);

	if (!err)
		err = fetch_sigevent(t, GVA(a[1]), &rq);
	if (err) {
		pid_put(rq.cpu);
		pid_put(rq.thread);
		return err;
	}
	int32_t id = posix_timer_create(t, &rq);
	if (id >= 0 && put_user(t, GVA(a[2]), &id)) {
		posix_timer_delete(t->process, id);
		return -EFAULT;
	}
	return id < 0 ? id : 0;
}

static struct itimerspec to_itimerspec(const struct timer_setting *s)
{
	return (struct itimerspec){ ns_to_timespec(s->interval), ns_to_timespec(s->value) };
}

static bool itimerspec_valid(const struct itimerspec *it)
{
	return timespec_valid(&it->it_interval) && timespec_valid(&it->it_value);
}

/* Linux's times end at CLOCK_NS_MAX. */
static uint64_t setting_of(const struct timespec *ts)
{
	uint64_t ns = timespec_to_ns(ts);

	return ns < CLOCK_NS_MAX ? ns : CLOCK_NS_MAX;
}

static struct timer_setting of_itimerspec(const struct itimerspec *it)
{
	return (struct timer_setting){ .value = setting_of(&it->it_value),
				       .interval = setting_of(&it->it_interval) };
}

SYSCALL_DEFINE(timer_settime)
{
	struct timer_setting new, old;
	struct itimerspec it;

	if (!a[2])
		return -EINVAL;
	if (get_user(t, &it, GVA(a[2])))
		return -EFAULT;
	if (!itimerspec_valid(&it))
		return -EINVAL;
	new = of_itimerspec(&it);
	int err = posix_timer_set(t, (int)a[0], (int)a[1] & TIMER_ABSTIME, &new, &old);
	if (err || !a[3])
		return err;
	it = to_itimerspec(&old);
	return put_user(t, GVA(a[3]), &it);
}

SYSCALL_DEFINE(timer_gettime)
{
	struct timer_setting s;
	int err = posix_timer_get(t->process, (int)a[0], &s);

	if (err)
		return err;
	struct itimerspec it = to_itimerspec(&s);
	return put_user(t, GVA(a[1]), &it);
}

SYSCALL_DEFINE(timer_getoverrun)
{
	return posix_timer_overrun(t->process, (int)a[0]);
}

SYSCALL_DEFINE(timer_delete)
{
	return posix_timer_delete(t->process, (int)a[0]);
}

/* ---- timerfds ---- */

SYSCALL_DEFINE(timerfd_create)
{
	struct caller c = task_caller(t);
	int flags = (int)a[1];
	struct file *f;

	if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK))
		return -EINVAL;
	int err = timerfd_new(&c, t->sb, (clockid_t)a[0], flags, &f);
	return err ? err : fd_return(t, f, flags & TFD_CLOEXEC);
}

SYSCALL_DEFINE(timerfd_settime)
{
	struct caller c = task_caller(t);
	struct timer_setting new, old;
	struct itimerspec it;
	int flags = (int)a[1];

	if (get_user(t, &it, GVA(a[2])))
		return -EFAULT;
	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) || !itimerspec_valid(&it))
		return -EINVAL;
	new = of_itimerspec(&it);
	struct file *f = fd_get(t->files, (int)a[0]);
	if (!f)
		return -EBADF;
	int err = timerfd_set(f, &c, flags, &new, &old);
	file_put(f);
	if (err || !a[3])
		return err;
	it = to_itimerspec(&old);
	return put_user(t, GVA(a[3]), &it);
}

SYSCALL_DEFINE(timerfd_gettime)
{
	struct timer_setting s;
	struct file *f = fd_get(t->files, (int)a[0]);

	if (!f)
		return -EBADF;
	int err = timerfd_get(f, &s);
	file_put(f);
	if (err)
		return err;
	struct itimerspec it = to_itimerspec(&s);
	return put_user(t, GVA(a[1]), &it);
}
