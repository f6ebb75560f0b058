/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling (sched(7)). Each guest thread is a host thread, so the host's scheduler does the work and gives the
 * answers. */
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/sys.h"

#define SCHED_AFFINITY_MAX 8192 /* bytes of a cpu mask we look at: 65,536 CPUs */

/* The host thread behind guest thread `pid` (0: the caller); 0: none such. It may end at any time; the host then says
 * ESRCH, and a host tid is not reused while the monitor could still mean another thread of its own by it: see
 * host_call_on. */
static pid_t host_tid_locked(struct task *t, pid_t pid)
{
	if (pid == 0)
		return t->host_tid;
	struct pid *p = pid_find(t->sb->pids, pid);
	return p && p->task ? p->task->host_tid : 0;
}

/* The platform may run guest code in another thread than the one that serves it. sandbox->lock held. */
static void tell_platform(struct task *t, pid_t pid)
{
	struct pid *p = pid ? pid_find(t->sb->pids, pid) : t->pid;
	if (p && p->task && p->task->host_tid)
		t->sb->platform->schedule_as(p->task->context, p->task->host_tid);
}

/* Runs one host call on the thread behind `pid`, under the lock that keeps that thread from ending. */
static int64_t host_call_on(struct task *t, pid_t pid, long nr, long b, long c, long d)
{
	if (pid < 0)
		return -EINVAL;
	sandbox_lock(t->sb);
	pid_t tid = host_tid_locked(t, pid);
	long r = tid ? syscall(nr, tid, b, c, d) : -1;
	int err = tid ? errno : ESRCH;
	sandbox_unlock(t->sb);
	return r < 0 ? -err : r;
}

/* The host asks what the monitor may; what the guest's thread may is asked here: threads of its own user, or, with
 * CAP_SYS_NICE, any (sched(7)). sandbox->lock held. */
static bool may_schedule(struct task *t, struct task *o)
{
	const struct cred *c = t->cred;
	return c->euid == o->cred->uid || c->euid == o->cred->euid || cred_capable(c, CAP_SYS_NICE);
}

/* host_call_on for a call that changes something. */
static int64_t host_change_on(struct task *t, pid_t pid, long nr, long b, long c, long d)
{
	sandbox_lock(t->sb);
	struct pid *p = pid > 0 ? pid_find(t->sb->pids, pid) : NULL;
	bool allowed = !p || !p->task || may_schedule(t, p->task);
	sandbox_unlock(t->sb);
	if (!allowed)
		return -EPERM;
	int64_t r = host_call_on(t, pid, nr, b, c, d);
	if (r < 0)
		return r;
	sandbox_lock(t->sb);
	tell_platform(t, pid);
	sandbox_unlock(t->sb);
	return r;
}

/* What makes no sense is told before what is not allowed (sched_setscheduler(2)). */
static bool policy_makes_sense(int policy, int priority)
{
	policy &= ~SCHED_RESET_ON_FORK;
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return priority >= 1 && priority <= 99;
	return priority == 0 &&
	       (policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE || policy == SCHED_DEADLINE);
}

static bool may_use_policy(struct task *t, int policy)
{
	policy &= ~SCHED_RESET_ON_FORK;
	if (policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE)
		return true;
	return cred_capable(t->cred, CAP_SYS_NICE) || process_rlimit(t->process, RLIMIT_RTPRIO) > 0;
}

SYSCALL_DEFINE(sched_yield)
{
	sched_yield();
	return 0;
}

SYSCALL_DEFINE(sched_getaffinity)
{
	unsigned len = (unsigned)a[1];
	if (len & 7)
		return -EINVAL;
	if (len > SCHED_AFFINITY_MAX)
		len = SCHED_AFFINITY_MAX;
	void *mask = calloc(1, len ? len : 1);
	if (!mask)
		return -ENOMEM;
	int64_t r = host_call_on(t, (pid_t)a[0], SYS_sched_getaffinity, len, (long)mask, 0);
	if (r > 0 && copy_to_guest(t->mm, GVA(a[2]), mask, (size_t)r))
		r = -EFAULT;
	free(mask);
	return r;
}

SYSCALL_DEFINE(sched_setaffinity)
{
	unsigned len = (unsigned)a[1] > SCHED_AFFINITY_MAX ? SCHED_AFFINITY_MAX : (unsigned)a[1];
	void *mask = calloc(1, len ? len : 1);
	if (!mask)
		return -ENOMEM;
	int64_t r = copy_from_guest(t->mm, mask, GVA(a[2]), len) ? -EFAULT : 0;
	if (!r)
		r = host_change_on(t, (pid_t)a[0], SYS_sched_setaffinity, len, (long)mask, 0);
	free(mask);
	return r;
}

SYSCALL_DEFINE(sched_getscheduler)
{
	return host_call_on(t, (pid_t)a[0], SYS_sched_getscheduler, 0, 0, 0);
}

SYSCALL_DEFINE(sched_setscheduler)
{
	struct sched_param p;
	if (!a[2] || (pid_t)a[0] < 0)
		return -EINVAL;
	if (get_user(t, &p, a[2]))
		return -EFAULT;
	if (!policy_makes_sense((int)a[1], p.sched_priority))
		return -EINVAL;
	if (!may_use_policy(t, (int)a[1]))
		return -EPERM;
	return host_change_on(t, (pid_t)a[0], SYS_sched_setscheduler, (long)a[1], (long)&p, 0);
}

SYSCALL_DEFINE(sched_getparam)
{
	struct sched_param p;
	if (!a[1])
		return -EINVAL;
	int64_t r = host_call_on(t, (pid_t)a[0], SYS_sched_getparam, (long)&p, 0, 0);
	return r < 0 ? r : put_user(t, a[1], &p);
}

SYSCALL_DEFINE(sched_setparam)
{
	struct sched_param p;
	if (!a[1] || (pid_t)a[0] < 0)
		return -EINVAL;
	if (get_user(t, &p, a[1]))
		return -EFAULT;
	return host_change_on(t, (pid_t)a[0], SYS_sched_setparam, (long)&p, 0, 0);
}

SYSCALL_DEFINE(sched_get_priority_max)
{
	int r = sched_get_priority_max((int)a[0]);
	return r < 0 ? -errno : r;
}

SYSCALL_DEFINE(sched_get_priority_min)
{
	int r = sched_get_priority_min((int)a[0]);
	return r < 0 ? -errno : r;
}

SYSCALL_DEFINE(sched_rr_get_interval)
{
	struct timespec ts;
	int64_t r = host_call_on(t, (pid_t)a[0], SYS_sched_rr_get_interval, (long)&ts, 0, 0);
	return r < 0 ? r : put_user(t, a[1], &ts);
}

#define SCHED_ATTR_SIZE 56 /* SCHED_ATTR_SIZE_VER1 */

SYSCALL_DEFINE(sched_getattr)
{
	uint8_t attr[SCHED_ATTR_SIZE];
	unsigned size = (unsigned)a[2];
	if (!a[1] || size > PAGE_SIZE || size < 48 || a[3])
		return -EINVAL;
	int64_t r = host_call_on(t, (pid_t)a[0], SYS_sched_getattr, (long)attr, sizeof attr, 0);
	if (r < 0)
		return r;
	uint32_t filled = size < sizeof attr ? size : (uint32_t)sizeof attr;
	memcpy(attr, &filled, sizeof filled);
	return copy_to_guest(t->mm, GVA(a[1]), attr, filled) ? -EFAULT : 0;
}

SYSCALL_DEFINE(sched_setattr)
{
	uint8_t attr[SCHED_ATTR_SIZE] = { 0 };
	uint32_t size;
	if (!a[1] || (pid_t)a[0] < 0 || a[2])
		return -EINVAL;
	if (get_user(t, &size, a[1]))
		return -EFAULT;
	if (size == 0)
		size = 48;
	if (size < 48 || size > sizeof attr)
		return -E2BIG;
	if (copy_from_guest(t->mm, attr, GVA(a[1]), size))
		return -EFAULT;
	memcpy(attr, &size, sizeof size);
	uint32_t policy;
	memcpy(&policy, attr + 4, sizeof policy);
	if (!may_use_policy(t, (int)policy))
		return -EPERM;
	return host_change_on(t, (pid_t)a[0], SYS_sched_setattr, (long)attr, 0, 0);
}

/* Nice values are per thread on Linux; a process or user means all of its threads, which the guest's tree has to find.
 */
struct prio_walk {
	int which;
	pid_t who;
	uid_t uid;
};

static bool prio_matches(struct task *t, const struct prio_walk *w, struct process *p)
{
	pid_t pgid = w->who ? w->who : t->process->pgrp->nr;
	if (w->which == PRIO_PGRP)
		return p->pgrp && p->pgrp->nr == pgid;
	return p->leader && p->leader->cred->uid == (w->who ? (uid_t)w->who : t->cred->uid);
}

typedef int prio_fn(struct task *t, struct task *o, int arg);

/* fn on each task that `w` means; the best result. -ESRCH: none. Lock held. */
static int prio_each(struct task *t, const struct prio_walk *w, prio_fn *fn, int arg)
{
	int best = -ESRCH;
	if (w->which == PRIO_PROCESS) {
		struct pid *p = w->who ? pid_find(t->sb->pids, w->who) : t->pid;
		return p && p->task ? fn(t, p->task, arg) : -ESRCH;
	}
	struct process *p;
	list_for_each (p, &t->sb->processes, all_node) {
		if (p->zombie || !prio_matches(t, w, p))
			continue;
		struct task *o;
		list_for_each (o, &p->tasks, process_node) {
			int r = fn(t, o, arg);
			best = r > best ? r : best;
		}
	}
	return best;
}

/* The raw system call's value: 20 - nice, 1 to 40. */
static int prio_get(struct task *t, struct task *o, int arg)
{
	long r = syscall(SYS_getpriority, PRIO_PROCESS, o->host_tid);
	return r < 0 ? -errno : (int)r;
}

static int prio_set(struct task *t, struct task *o, int nice)
{
	int now = 20 - prio_get(t, o, 0);
	if (!may_schedule(t, o))
		return -EPERM;
	/* setpriority(2): RLIMIT_NICE counts from 20 down */
	if (nice < now && !cred_capable(t->cred, CAP_SYS_NICE) &&
	    (nice < -20 ? 40 : 20 - nice) > (int64_t)process_rlimit(t->process, RLIMIT_NICE))
		return -EACCES;
	if (syscall(SYS_setpriority, PRIO_PROCESS, o->host_tid, nice) < 0)
		return -errno;
	t->sb->platform->schedule_as(o->context, o->host_tid);
	return 0;
}

static int64_t do_priority(struct task *t, const uint64_t *a, prio_fn *fn, int arg)
{
	struct prio_walk w = { .which = (int)a[0], .who = (pid_t)a[1] };
	if (w.which < PRIO_PROCESS || w.which > PRIO_USER)
		return -EINVAL;
	sandbox_lock(t->sb);
	int r = prio_each(t, &w, fn, arg);
	sandbox_unlock(t->sb);
	return r;
}

SYSCALL_DEFINE(getpriority)
{
	return do_priority(t, a, prio_get, 0);
}

SYSCALL_DEFINE(setpriority)
{
	return do_priority(t, a, prio_set, (int)a[2]);
}

/* ioprio_set(2): which is IOPRIO_WHO_PROCESS for the thread; groups and users are not told apart by the host. */
#define IOPRIO_WHO_PROCESS 1

static int64_t ioprio_call(struct task *t, const uint64_t *a, long nr)
{
	if ((int)a[0] != IOPRIO_WHO_PROCESS)
		return -EINVAL;
	sandbox_lock(t->sb);
	pid_t tid = host_tid_locked(t, (pid_t)a[1]);
	long r = tid ? syscall(nr, IOPRIO_WHO_PROCESS, tid, (int)a[2]) : -1;
	int err = tid ? errno : ESRCH;
	sandbox_unlock(t->sb);
	return r < 0 ? -err : r;
}

SYSCALL_DEFINE(ioprio_get)
{
	return ioprio_call(t, a, SYS_ioprio_get);
}

SYSCALL_DEFINE(ioprio_set)
{
	return ioprio_call(t, a, SYS_ioprio_set);
}
