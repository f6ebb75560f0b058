/* SPDX-License-Identifier: Apache-2.0 */
/* getrusage(2), getrlimit(2), prlimit(2), times are sys/time.c's. */
#include "sys/resource.h"

#include <linux/capability.h>
#include <sys/resource.h>

#include "kernel/cputime.h"
#include "kernel/exec.h"
#include "kernel/timer.h"
#include "sys/sys.h"
#include "util/time.h"

int put_rusage(struct task *t, gva_t addr, const struct rusage_sum *ru)
{
	struct rusage out;
	memset(&out, 0, sizeof out);
	out.ru_utime = ns_to_timeval(ru->utime_ns);
	out.ru_stime = ns_to_timeval(ru->stime_ns);
	out.ru_maxrss = (long)ru->maxrss_kb;
	out.ru_minflt = (long)ru->minflt;
	out.ru_majflt = (long)ru->majflt;
	out.ru_nvcsw = (long)ru->nvcsw;
	out.ru_nivcsw = (long)ru->nivcsw;
	out.ru_inblock = (long)ru->inblock;
	out.ru_oublock = (long)ru->oublock;
	return put_user(t, addr, &out);
}

SYSCALL_DEFINE(getrusage)
{
	struct rusage_sum ru;

	task_looks_at_clock(t);
	switch ((int)a[0]) {
	case RUSAGE_SELF: process_rusage(t->process, &ru); break;
	case RUSAGE_CHILDREN:
		sandbox_lock(t->sb);
		ru = t->process->children_sum;
		sandbox_unlock(t->sb);
		break;
	case RUSAGE_THREAD: task_rusage(t, &ru); break;
	default: return -EINVAL;
	}
	return put_rusage(t, GVA(a[1]), &ru);
}

/* prlimit(2): another process's limits need the same ids, or CAP_SYS_RESOURCE. */
static bool may_touch(struct task *t, struct process *p)
{
	const struct cred *o = process_cred(p);

	if (p == t->process || cred_ns_capable(t->cred, o->user_ns, CAP_SYS_RESOURCE))
		return true;
	return t->cred->uid == o->euid && t->cred->uid == o->suid && t->cred->uid == o->uid &&
	       t->cred->gid == o->egid && t->cred->gid == o->sgid && t->cred->gid == o->gid;
}

static int set_limit_locked(struct task *t, struct process *p, unsigned which,
			    const struct rlimit *new)
{
	struct rlimit *cur = &p->rlimits[which];
	if (new->rlim_max > cur->rlim_max && !cred_capable(t->cred, CAP_SYS_RESOURCE))
		return -EPERM;
	if (which == RLIMIT_NOFILE && new->rlim_max > sandbox_nr_open(t->sb))
		return -EPERM;
	__atomic_store_n(&cur->rlim_max, new->rlim_max, __ATOMIC_RELAXED);
	__atomic_store_n(&cur->rlim_cur, new->rlim_cur, __ATOMIC_RELAXED);
	if (which == RLIMIT_CPU)
		itimer_cpu_limit(p);
	struct task *o =
	    list_empty(&p->tasks) ? NULL : list_first(&p->tasks, struct task, process_node);
	if (o && o->mm)
		exec_limits(o->mm, p);
	return 0;
}

/* Either of new and old may be NULL. */
static int do_prlimit(struct task *t, pid_t pid, unsigned which, const struct rlimit *new,
		      struct rlimit *old)
{
	if (which >= RLIM_NLIMITS || (new &&new->rlim_cur > new->rlim_max))
		return -EINVAL;
	sandbox_lock(t->sb);
	struct process *p = pid ? process_find(t->sb, pid) : t->process;
	if (!p && pid) {
		struct pid *id = pid_find(task_pid_ns(t), pid);
		p = id && id->task ? id->task->process : NULL;
	}
	int err = !p ? -ESRCH : may_touch(t, p) ? 0 : -EPERM;
	if (!err && old)
		*old = p->rlimits[which];
	if (!err && new)
		err = set_limit_locked(t, p, which, new);
	sandbox_unlock(t->sb);
	return err;
}

SYSCALL_DEFINE(prlimit64)
{
	struct rlimit new, old;
	if (a[2] && get_user(t, &new, GVA(a[2])))
		return -EFAULT;
	int err =
	    do_prlimit(t, (pid_t)a[0], (unsigned)a[1], a[2] ? &new : NULL, a[3] ? &old : NULL);
	return err ? err : a[3] ? put_user(t, GVA(a[3]), &old) : 0;
}

SYSCALL_DEFINE(getrlimit)
{
	struct rlimit old;
	int err = do_prlimit(t, 0, (unsigned)a[0], NULL, &old);
	return err ? err : put_user(t, GVA(a[1]), &old);
}

SYSCALL_DEFINE(setrlimit)
{
	struct rlimit new;
	if (get_user(t, &new, GVA(a[1])))
		return -EFAULT;
	return do_prlimit(t, 0, (unsigned)a[0], &new, NULL);
}
