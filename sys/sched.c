/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling (sched(7)). Of what is set here the host gets what kernel/sched.h says; CPU affinity
 * is the host's own. */
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/sys.h"
#include "cred/user_ns.h"

#define SCHED_AFFINITY_MAX 8192      /* bytes of a cpu mask we look at: 65,536 CPUs */
#define RR_TIMESLICE_NS    100000000 /* Linux's RR_TIMESLICE */
#define POLICY_KEPT        (-1)      /* sched_setparam(2), SCHED_FLAG_KEEP_POLICY */

/* ---- whom a call is about ---- */

/* A thread; or a leader that ended, or init: their record is all there is. */
struct subject {
	struct task *task; /* NULL: it does not run any more */
	struct process *process;
	const struct cred *cred;
	const struct sched *sched;
};

static struct subject subject_of_task(struct task *o)
{
	return (struct subject){ o, o->process, o->cred, &o->sched };
}

/* A thread that clone(2) has not started yet is nobody. */
static int find_subject(struct task *t, pid_t pid, struct subject *out)
{
	lock_assert_held(&t->sb->lock);
	struct pid *p = pid ? pid_find(task_pid_ns(t), pid) : t->pid;

	if (!p || (p->task && !p->task->host_tid) || (!p->task && !p->process))
		return -ESRCH;
	if (p->task)
		*out = subject_of_task(p->task);
	else
		*out = (struct subject){ NULL, p->process, process_cred(p->process),
					 &p->process->sched };
	return 0;
}

static bool owns(const struct task *t, const struct subject *s)
{
	return t->cred->euid == s->cred->uid || t->cred->euid == s->cred->euid;
}

/* sched(7): threads of the caller's user, or, with CAP_SYS_NICE, any. */
static bool owns_or_capable(const struct task *t, const struct subject *s)
{
	return owns(t, s) || cred_ns_capable(t->cred, s->cred->user_ns, CAP_SYS_NICE);
}

static int set_record(const struct subject *s, const struct sched *new)
{
	if (s->task)
		return sched_set(s->task, new);
	s->process->sched = *new;
	return 0;
}

/* ---- affinity ---- */

/* The host thread to ask: for who does not run any more, the monitor's first one. */
static pid_t host_thread(const struct subject *s)
{
	return s->task ? s->task->host_tid : getpid();
}

SYSCALL_DEFINE(sched_yield)
{
	sched_yield();
	return 0;
}

static int64_t get_affinity(struct task *t, pid_t pid, unsigned len, void *mask)
{
	struct subject s;

	sandbox_lock(t->sb);
	int64_t r = find_subject(t, pid, &s);
	if (!r) {
		r = syscall(SYS_sched_getaffinity, host_thread(&s), len, mask);
		r = r < 0 ? -errno : r;
		/* the monitor's first thread is not bound to them */
		if (r > 0)
			cpus_restrict(&t->sb->cpus, mask, (size_t)r);
	}
	sandbox_unlock(t->sb);
	return r;
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
	int64_t r = get_affinity(t, (pid_t)a[0], len, mask);
	if (r > 0 && copy_to_guest(t->mm, GVA(a[2]), mask, (size_t)r))
		r = -EFAULT;
	free(mask);
	return r;
}

static int set_affinity(struct task *t, pid_t pid, unsigned len, void *mask)
{
	struct subject s;
	int err;

	sandbox_lock(t->sb);
	err = find_subject(t, pid, &s);
	if (!err && !owns_or_capable(t, &s))
		err = -EPERM;
	/* as of a task in a cpuset: EINVAL where nothing is left */
	cpus_restrict(&t->sb->cpus, mask, len);
	if (!err && s.task) {
		err = syscall(SYS_sched_setaffinity, s.task->host_tid, len, mask) < 0 ? -errno : 0;
		if (!err)
			sched_follow(s.task);
	}
	sandbox_unlock(t->sb);
	return err;
}

SYSCALL_DEFINE(sched_setaffinity)
{
	unsigned len = (unsigned)a[1] > SCHED_AFFINITY_MAX ? SCHED_AFFINITY_MAX : (unsigned)a[1];
	void *mask = calloc(1, len ? len : 1);
	if (!mask)
		return -ENOMEM;
	int64_t r = copy_from_guest(t->mm, mask, GVA(a[2]), len) ? -EFAULT : 0;
	if (!r)
		r = set_affinity(t, (pid_t)a[0], len, mask);
	free(mask);
	return r;
}

/* ---- policy ---- */

/* What a caller of sched_setattr(2) and its elders wants. */
struct wish {
	int policy; /* without SCHED_RESET_ON_FORK; POLICY_KEPT */
	bool reset_on_fork;
	int priority, nice;
	uint64_t slice_ns;
	uint64_t deadline_runtime, deadline, period; /* of SCHED_DEADLINE */
	bool keep_params, keep_nice;
};

static bool is_fair(int policy)
{
	return policy == SCHED_OTHER || policy == SCHED_BATCH;
}

static bool valid_deadline(const struct wish *w)
{
	uint64_t period = w->period ? w->period : w->deadline;

	return w->deadline && w->deadline_runtime >= 1024 && !((w->deadline | period) >> 63) &&
	       period >= w->deadline && w->deadline >= w->deadline_runtime;
}

/* What makes no sense is told before what is not allowed (sched_setscheduler(2)). */
static bool makes_sense(const struct wish *w)
{
	if (w->policy == SCHED_DEADLINE)
		return valid_deadline(w) && w->priority == 0;
	if (!is_fair(w->policy) && w->policy != SCHED_IDLE && !sched_is_realtime(w->policy))
		return false;
	return w->priority >= 0 && w->priority <= 99 &&
	       sched_is_realtime(w->policy) == (w->priority != 0);
}

/* setpriority(2): RLIMIT_NICE counts from 20 down. */
static bool may_have_nice(const struct subject *s, int nice)
{
	return (uint64_t)(20 - nice) <= process_rlimit(s->process, RLIMIT_NICE);
}

/* Linux's user_check_sched_setscheduler(): is this more than a thread without CAP_SYS_NICE may
 * do? */
static bool needs_capability(const struct task *t, const struct subject *s, const struct wish *w)
{
	const struct sched *old = s->sched;
	uint64_t limit = process_rlimit(s->process, RLIMIT_RTPRIO);

	if (is_fair(w->policy) && w->nice < old->nice && !may_have_nice(s, w->nice))
		return true;
	if (sched_is_realtime(w->policy) &&
	    ((w->policy != old->policy && !limit) ||
	     (w->priority > old->priority && (uint64_t)w->priority > limit)))
		return true;
	if (w->policy == SCHED_DEADLINE)
		return true;
	if (old->policy == SCHED_IDLE && w->policy != SCHED_IDLE && !may_have_nice(s, old->nice))
		return true;
	return !owns(t, s) || (old->reset_on_fork && !w->reset_on_fork);
}

static void fill_kept(struct wish *w, const struct sched *old)
{
	if (w->policy == POLICY_KEPT) {
		w->policy = old->policy;
		w->reset_on_fork = old->reset_on_fork;
	}
	if (w->keep_nice)
		w->nice = old->nice;
	if (w->keep_params) {
		w->priority = old->priority;
		w->nice = old->nice;
		w->slice_ns = old->slice_ns;
	}
}

static int set_locked(struct task *t, pid_t pid, struct wish *w)
{
	struct subject s;
	int err = find_subject(t, pid, &s);

	if (err)
		return err;
	fill_kept(w, s.sched);
	if (!makes_sense(w))
		return -EINVAL;
	if (needs_capability(t, &s, w) && !cred_capable(t->cred, CAP_SYS_NICE))
		return -EPERM;
	if (w->policy == SCHED_DEADLINE)
		return -EBUSY; /* there is no bandwidth that could be promised to a guest */
	struct sched new = *s.sched;
	new.policy = w->policy;
	new.priority = w->priority;
	new.reset_on_fork = w->reset_on_fork;
	if (is_fair(w->policy)) {
		new.nice = w->nice;
		new.slice_ns = w->slice_ns;
	}
	return set_record(&s, &new);
}

static int set_policy(struct task *t, pid_t pid, struct wish *w)
{
	sandbox_lock(t->sb);
	int err = set_locked(t, pid, w);
	sandbox_unlock(t->sb);
	return err;
}

/* A copy of the record. */
static int get_sched(struct task *t, pid_t pid, struct sched *out)
{
	struct subject s;

	if (pid < 0)
		return -EINVAL;
	sandbox_lock(t->sb);
	int err = find_subject(t, pid, &s);
	if (!err)
		*out = *s.sched;
	sandbox_unlock(t->sb);
	return err;
}

SYSCALL_DEFINE(sched_getscheduler)
{
	struct sched s;
	int err = get_sched(t, (pid_t)a[0], &s);
	return err ? err : s.policy | (s.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}

static int64_t set_scheduler(struct task *t, pid_t pid, int policy, gva_t param)
{
	struct sched_param p;
	struct wish w = { .policy = policy, .keep_nice = true };

	if (!param.v || pid < 0)
		return -EINVAL;
	if (get_user(t, &p, param))
		return -EFAULT;
	w.priority = p.sched_priority;
	if (policy != POLICY_KEPT) {
		w.policy = policy & ~SCHED_RESET_ON_FORK;
		w.reset_on_fork = policy & SCHED_RESET_ON_FORK;
	}
	return set_policy(t, pid, &w);
}

SYSCALL_DEFINE(sched_setscheduler)
{
	return (int)a[1] < 0 ? -EINVAL : set_scheduler(t, (pid_t)a[0], (int)a[1], GVA(a[2]));
}

SYSCALL_DEFINE(sched_setparam)
{
	return set_scheduler(t, (pid_t)a[0], POLICY_KEPT, GVA(a[1]));
}

SYSCALL_DEFINE(sched_getparam)
{
	struct sched s;
	if (!a[1])
		return -EINVAL;
	int err = get_sched(t, (pid_t)a[0], &s);
	struct sched_param p = { err ? 0 : s.priority };
	return err ? err : put_user(t, GVA(a[1]), &p);
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

/* Slices of ordinary threads are the host's business. */
static void slice_of(const struct subject *s, struct timespec *out)
{
	*out = (struct timespec){ 0 };
	if (s->sched->policy == SCHED_RR)
		out->tv_nsec = RR_TIMESLICE_NS;
	else if (s->sched->policy != SCHED_FIFO)
		(void)syscall(SYS_sched_rr_get_interval, host_thread(s), out);
}

SYSCALL_DEFINE(sched_rr_get_interval)
{
	struct subject s;
	struct timespec ts;
	if ((pid_t)a[0] < 0)
		return -EINVAL;
	sandbox_lock(t->sb);
	int err = find_subject(t, (pid_t)a[0], &s);
	if (!err)
		slice_of(&s, &ts);
	sandbox_unlock(t->sb);
	return err ? err : put_user(t, GVA(a[1]), &ts);
}

static void fill_attributes(const struct subject *s, struct sched_attributes *out)
{
	struct sched_attributes host = { .size = sizeof host };
	const struct sched *r = s->sched;

	*out = (struct sched_attributes){ .policy = (uint32_t)r->policy,
					  .priority = (uint32_t)r->priority };
	out->flags = r->reset_on_fork ? SCHED_ATTRIBUTE_RESET_ON_FORK : 0;
	if (syscall(SYS_sched_getattr, host_thread(s), &host, sizeof host, 0) < 0)
		host = (struct sched_attributes){ 0 };
	out->util_min = host.util_min;
	out->util_max = host.util_max;
	if (sched_is_realtime(r->policy))
		return;
	out->nice = r->nice;
	if (!sched_is_realtime((int)host.policy))
		out->runtime = host.runtime;
}

SYSCALL_DEFINE(sched_getattr)
{
	struct sched_attributes attr;
	struct subject s;
	unsigned size = (unsigned)a[2];
	if (!a[1] || (pid_t)a[0] < 0 || size > PAGE_SIZE || size < SCHED_ATTRIBUTES_MIN || a[3])
		return -EINVAL;
	sandbox_lock(t->sb);
	int err = find_subject(t, (pid_t)a[0], &s);
	if (!err)
		fill_attributes(&s, &attr);
	sandbox_unlock(t->sb);
	if (err)
		return err;
	attr.size = size < sizeof attr ? size : (uint32_t)sizeof attr;
	return copy_to_guest(t->mm, GVA(a[1]), &attr, attr.size) ? -EFAULT : 0;
}

/* A size that is not ours is told the one that is. */
static int wrong_size(struct task *t, gva_t addr)
{
	uint32_t size = sizeof(struct sched_attributes);

	return put_user(t, addr, &size) ? -EFAULT : -E2BIG;
}

/* copy_struct_from_user(): what a newer struct has besides must be empty. */
static int fetch_attributes(struct task *t, gva_t addr, struct sched_attributes *out)
{
	uint8_t buf[PAGE_SIZE];
	uint32_t size;

	if (get_user(t, &size, addr))
		return -EFAULT;
	size = size ? size : SCHED_ATTRIBUTES_MIN;
	if (size < SCHED_ATTRIBUTES_MIN || size > sizeof buf)
		return wrong_size(t, addr);
	if (copy_from_guest(t->mm, buf, addr, size))
		return -EFAULT;
	for (size_t i = sizeof *out; i < size; i++) {
		if (buf[i])
			return wrong_size(t, addr);
	}
	*out = (struct sched_attributes){ 0 };
	memcpy(out, buf, size < sizeof *out ? size : sizeof *out);
	out->size = size;
	return 0;
}

SYSCALL_DEFINE(sched_setattr)
{
	struct sched_attributes attr;
	if (!a[1] || (pid_t)a[0] < 0 || a[2])
		return -EINVAL;
	int err = fetch_attributes(t, GVA(a[1]), &attr);
	if (err)
		return err;
	if ((int)attr.policy < 0 || attr.flags & ~(uint64_t)SCHED_ATTRIBUTES_KNOWN)
		return -EINVAL;
	if (attr.flags & (SCHED_ATTRIBUTE_UTIL_MIN | SCHED_ATTRIBUTE_UTIL_MAX))
		return -EOPNOTSUPP; /* as a kernel without CONFIG_UCLAMP_TASK */
	struct wish w = {
		.policy = attr.flags & SCHED_ATTRIBUTE_KEEP_POLICY ? POLICY_KEPT : (int)attr.policy,
		.reset_on_fork = attr.flags & SCHED_ATTRIBUTE_RESET_ON_FORK,
		.priority = attr.priority > 99 ? 100 : (int)attr.priority,
		.nice = attr.nice < -20  ? -20
			: attr.nice > 19 ? 19
					 : attr.nice,
		.slice_ns = attr.runtime,
		.deadline_runtime = attr.runtime,
		.deadline = attr.deadline,
		.period = attr.period,
		.keep_params = attr.flags & SCHED_ATTRIBUTE_KEEP_PARAMS,
	};
	return set_policy(t, (pid_t)a[0], &w);
}

/* ---- nice and I/O priority: of a thread, or of all threads of a group or user ---- */

enum whom { WHOM_THREAD, WHOM_GROUP, WHOM_USER };

/* Called for one thread after another. `sum`: what the walk has come to, -ESRCH at first; returns
 * what it is now. */
typedef int each_fn(struct task *t, const struct subject *s, int arg, int sum);

/* One walk through the threads that a call is about. */
struct walk {
	struct task *caller;
	each_fn *fn;
	int arg, sum;
};

static void walk_threads(struct walk *w, const struct process *p, const uid_t *user)
{
	struct task *o;

	list_for_each (o, &p->tasks, process_node) {
		if (!o->host_tid || (user && o->cred->uid != *user))
			continue;
		struct subject s = subject_of_task(o);
		w->sum = w->fn(w->caller, &s, w->arg, w->sum);
	}
}

/* Who joined last is asked first, as in Linux: of several failures it matters which comes last. */
static void walk_group(struct walk *w, pid_t nr)
{
	const struct pid *group =
	    nr ? pid_find(task_pid_ns(w->caller), nr) : w->caller->process->pgrp;
	struct process *p;

	if (!group)
		return;
	list_for_each (p, &group->pgrp, pgrp_node)
		walk_threads(w, p, NULL);
}

static void walk_user(struct walk *w, uid_t user)
{
	struct process *p;

	user = user ? make_kuid(task_user_ns(w->caller), user) : w->caller->cred->uid;
	if (user == (uid_t)-1)
		return;
	list_for_each (p, &w->caller->sb->processes, all_node)
		walk_threads(w, p, &user);
}

static int each_locked(struct task *t, enum whom whom, uint32_t who, each_fn *fn, int arg)
{
	struct walk w = { .caller = t, .fn = fn, .arg = arg, .sum = -ESRCH };
	struct subject s;

	if (whom == WHOM_THREAD) {
		int err = find_subject(t, (pid_t)who, &s);
		return err ? err : fn(t, &s, arg, w.sum);
	}
	if (whom == WHOM_GROUP)
		walk_group(&w, (pid_t)who);
	else
		walk_user(&w, who);
	return w.sum;
}

static int each(struct task *t, enum whom whom, uint32_t who, each_fn *fn, int arg)
{
	sandbox_lock(t->sb);
	int r = each_locked(t, whom, who, fn, arg);
	sandbox_unlock(t->sb);
	return r;
}

/* The raw system call's value: 20 - nice, 1 to 40; of several, the best. */
static int nice_get(struct task *t, const struct subject *s, int arg, int sum)
{
	int value = 20 - s->sched->nice;

	return value > sum ? value : sum;
}

/* set_one_prio(): the last failure stays. */
static int nice_set(struct task *t, const struct subject *s, int nice, int sum)
{
	struct sched new = *s->sched;

	if (!owns_or_capable(t, s))
		return -EPERM;
	if (nice < new.nice && !may_have_nice(s, nice) && !cred_capable(t->cred, CAP_SYS_NICE))
		return -EACCES;
	new.nice = nice;
	int err = set_record(s, &new);
	return err || sum == -ESRCH ? err : sum;
}

SYSCALL_DEFINE(getpriority)
{
	if ((int)a[0] < PRIO_PROCESS || (int)a[0] > PRIO_USER)
		return -EINVAL;
	return each(t, WHOM_THREAD + (unsigned)a[0], (uint32_t)a[1], nice_get, 0);
}

SYSCALL_DEFINE(setpriority)
{
	int nice = (int)a[2];
	if ((int)a[0] < PRIO_PROCESS || (int)a[0] > PRIO_USER)
		return -EINVAL;
	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	return each(t, WHOM_THREAD + (unsigned)a[0], (uint32_t)a[1], nice_set, nice);
}

/* ioprio_get(2): of one thread, what was set; of several, the best that counts. */
static int ioprio_get_one(struct task *t, const struct subject *s, int arg, int sum)
{
	return s->sched->ioprio;
}

static int ioprio_get_best(struct task *t, const struct subject *s, int arg, int sum)
{
	int value = sched_ioprio(s->sched);

	return sum < 0 || value < sum ? value : sum;
}

static int ioprio_set_each(struct task *t, const struct subject *s, int ioprio, int sum)
{
	struct sched new = *s->sched;

	if (sum != -ESRCH && sum)
		return sum; /* the first failure ends it */
	if (!owns(t, s) && t->cred->uid != s->cred->uid && !cred_capable(t->cred, CAP_SYS_NICE))
		return -EPERM;
	new.ioprio = (uint16_t)ioprio;
	return set_record(s, &new);
}

static int check_ioprio(const struct task *t, int ioprio)
{
	switch (IOPRIO_PRIO_CLASS(ioprio)) {
	case IOPRIO_CLASS_RT:
		return cred_capable(t->cred, CAP_SYS_ADMIN) || cred_capable(t->cred, CAP_SYS_NICE)
			   ? 0
			   : -EPERM;
	case IOPRIO_CLASS_BE:
	case IOPRIO_CLASS_IDLE: return 0;
	case IOPRIO_CLASS_NONE: return ioprio & (IOPRIO_NR_LEVELS - 1) ? -EINVAL : 0;
	}
	return -EINVAL;
}

SYSCALL_DEFINE(ioprio_get)
{
	int which = (int)a[0];
	if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
		return -EINVAL;
	return each(t, WHOM_THREAD + (unsigned)which - IOPRIO_WHO_PROCESS, (uint32_t)a[1],
		    which == IOPRIO_WHO_PROCESS ? ioprio_get_one : ioprio_get_best, 0);
}

SYSCALL_DEFINE(ioprio_set)
{
	int which = (int)a[0], err = check_ioprio(t, (int)a[2]);
	if (err)
		return err;
	if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
		return -EINVAL;
	return each(t, WHOM_THREAD + (unsigned)which - IOPRIO_WHO_PROCESS, (uint32_t)a[1],
		    ioprio_set_each, (int)a[2]);
}
