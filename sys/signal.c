/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file has the system calls that set signal handlers and masks, wait for signals and send them
 * (signal(7)). It decides which processes a number given to kill(2) stands for; kernel/signal.c
 * decides whether the caller may signal them.
 */
#include <limits.h>
#include <signal.h>

#include "sys/sys.h"
#include "cred/user_ns.h"

/* Bytes of a siginfo that carry something; the rest of its 128 is room to grow. */
#define SIGINFO_CARRIED 48

/* What programs say in ss_flags and friends. */
struct user_stack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

static bool valid_signal(int sig)
{
	return sig >= 0 && sig <= NSIGNALS;
}

/* ---- dispositions and masks ---- */

struct user_sigaction {
	uint64_t handler, flags, restorer, mask;
};

SYSCALL_DEFINE(rt_sigaction)
{
	struct user_sigaction u;
	struct ksigaction act, old;

	if (a[3] != sizeof(ksigset_t))
		return -EINVAL;
	if (a[1]) {
		if (get_user(t, &u, GVA(a[1])))
			return -EFAULT;
		act = (struct ksigaction){ GVA(u.handler), u.flags, GVA(u.restorer), u.mask };
	}
	int err = signal_set_action(t, (int)a[0], a[1] ? &act : NULL, &old);
	if (err || !a[2])
		return err;
	u = (struct user_sigaction){ old.handler.v, old.flags, old.restorer.v, old.mask };
	return put_user(t, GVA(a[2]), &u);
}

SYSCALL_DEFINE(rt_sigprocmask)
{
	ksigset_t old = t->blocked, set;

	if (a[3] != sizeof(ksigset_t))
		return -EINVAL;
	if (a[1]) {
		if (get_user(t, &set, GVA(a[1])))
			return -EFAULT;
		switch ((int)a[0]) {
		case SIG_BLOCK: signal_set_mask(t, old | set); break;
		case SIG_UNBLOCK: signal_set_mask(t, old & ~set); break;
		case SIG_SETMASK: signal_set_mask(t, set); break;
		default: return -EINVAL;
		}
	}
	return a[2] ? put_user(t, GVA(a[2]), &old) : 0;
}

SYSCALL_DEFINE(rt_sigpending)
{
	if (a[1] > sizeof(ksigset_t))
		return -EINVAL;
	sandbox_lock(t->sb);
	ksigset_t set = (t->pending.set | t->process->pending.set) & t->blocked;
	sandbox_unlock(t->sb);
	return copy_to_guest(t->mm, GVA(a[0]), &set, a[1]) ? -EFAULT : 0;
}

SYSCALL_DEFINE(sigaltstack)
{
	struct user_stack u;
	struct cpu_regs regs;

	if (a[0] && get_user(t, &u, GVA(a[0])))
		return -EFAULT;
	int err = t->sb->platform->regs_get(t->context, &regs);
	if (err)
		return err;
	gva_t sp = GVA(regs_sp(&regs));
	struct user_stack old = { t->altstack.sp.v, signal_altstack_flags(t, sp), 0,
				  t->altstack.size };
	if (a[0]) {
		struct sigaltstack_state ss = { GVA(u.sp), u.size, u.flags };
		err = signal_set_altstack(t, &ss, sp);
		if (err)
			return err;
	}
	return a[1] ? put_user(t, GVA(a[1]), &old) : 0;
}

SYSCALL_DEFINE(rt_sigreturn)
{
	signal_return(t);
	return 0;
}

/* ---- waiting ---- */

static int64_t wait_for_handler(struct task *t)
{
	while (sleeper_wait(&t->sleeper, DEADLINE_NONE) == 0)
		;
	return -ERESTARTNOHAND;
}

SYSCALL_DEFINE(pause)
{
	return wait_for_handler(t);
}

SYSCALL_DEFINE(rt_sigsuspend)
{
	ksigset_t mask;
	int err = get_sigset(t, GVA(a[0]), a[1], &mask);

	if (err)
		return err;
	signal_set_temporary_mask(t, mask);
	return wait_for_handler(t);
}

SYSCALL_DEFINE(rt_sigtimedwait)
{
	uint64_t deadline = DEADLINE_NONE;
	struct timespec ts;
	ksigset_t set;
	siginfo_t si;
	int err = get_sigset(t, GVA(a[0]), a[3], &set);

	if (!err && a[2]) {
		err = get_timespec(t, GVA(a[2]), &ts);
		deadline = err || (!ts.tv_sec && !ts.tv_nsec) ? 0 : deadline_after(t, &ts);
	}
	if (err)
		return err;
	int sig = signal_wait(t, set, deadline, &si);
	if (sig > 0 && a[1] && put_user(t, GVA(a[1]), &si))
		return -EFAULT;
	return sig;
}

SYSCALL_DEFINE(restart_syscall)
{
	static restart_fn *const table[NR_RESTART_KINDS] = {
		[RESTART_SLEEP] = sleep_restart,
		[RESTART_CPU_SLEEP] = cpu_sleep_restart,
		[RESTART_POLL] = poll_restart,
		[RESTART_FUTEX] = futex_wait_restart,
	};
	const struct restart r = t->restart;

	t->restart.kind = RESTART_NONE;
	return table[r.kind] ? table[r.kind](t, &r) : -EINTR;
}

/* ---- sending: sandbox->lock held in the static functions ---- */

static void siginfo_of_sender(struct task *t, int sig, int code, siginfo_t *si)
{
	siginfo_kernel(si, sig, code);
	si->si_pid = task_pid_nr(t, t->process->pid);
	si->si_uid = t->cred->uid;
}

static int send_process(struct task *t, struct process *p, int sig, const siginfo_t *si)
{
	lock_assert_held(&t->sb->lock);
	int err = valid_signal(sig) ? signal_may_send(t, p, sig) : -EINVAL;

	if (err || !sig)
		return err;
	return signal_send_process(p, sig, si);
}

/* The number of any thread stands for its process. */
static int send_pid(struct task *t, pid_t nr, int sig, const siginfo_t *si)
{
	lock_assert_held(&t->sb->lock);
	struct pid *pid = pid_find(task_pid_ns(t), nr);
	struct process *p = pid && pid->task ? pid->task->process : pid ? pid->process : NULL;

	return p ? send_process(t, p, sig, si) : -ESRCH;
}

static int send_pgrp(struct task *t, struct pid *pgrp, int sig, const siginfo_t *si)
{
	lock_assert_held(&t->sb->lock);
	struct process *p, *next;
	int ret = -ESRCH;

	if (!pgrp)
		return -ESRCH;
	list_for_each_safe (p, next, &pgrp->pgrp, pgrp_node) {
		int err = send_process(t, p, sig, si);
		if (ret)
			ret = err;
	}
	return ret;
}

static int send_all(struct task *t, int sig, const siginfo_t *si)
{
	lock_assert_held(&t->sb->lock);
	struct process *p, *next;
	int ret = 0;
	bool any = false;

	list_for_each_safe (p, next, &t->sb->processes, all_node) {
		if (p == t->process || task_pid_nr(t, p->pid) <= 1)
			continue;
		any = true;
		int err = send_process(t, p, sig, si);
		if (err != -EPERM)
			ret = err;
	}
	return any ? ret : -ESRCH;
}

static int send_something(struct task *t, pid_t pid, int sig, const siginfo_t *si)
{
	lock_assert_held(&t->sb->lock);
	if (pid > 0)
		return send_pid(t, pid, sig, si);
	if (pid == INT_MIN)
		return -ESRCH;
	if (pid == -1)
		return send_all(t, sig, si);
	return send_pgrp(t, pid ? pid_find(task_pid_ns(t), -pid) : t->process->pgrp, sig, si);
}

SYSCALL_DEFINE(kill)
{
	siginfo_t si;

	siginfo_of_sender(t, (int)a[1], SI_USER, &si);
	sandbox_lock(t->sb);
	int err = send_something(t, (pid_t)a[0], (int)a[1], &si);
	sandbox_unlock(t->sb);
	return err;
}

/* A leader that ended before its threads, and a zombie, are still there to be signalled, without
 * effect. */
static int send_thread(struct task *t, pid_t tgid, pid_t tid, int sig, const siginfo_t *si)
{
	lock_assert_held(&t->sb->lock);
	struct pid *pid = pid_find(task_pid_ns(t), tid);
	struct task *to = pid ? pid->task : NULL;
	struct process *p = to ? to->process : pid ? pid->process : NULL;

	if (!p || (tgid > 0 && task_pid_nr(t, p->pid) != tgid))
		return -ESRCH;
	int err = valid_signal(sig) ? signal_may_send(t, p, sig) : -EINVAL;
	if (err || !sig || !to)
		return err;
	return signal_send_task(to, sig, si);
}

static int64_t send_thread_checked(struct task *t, pid_t tgid, pid_t tid, int sig,
				   const siginfo_t *si)
{
	sandbox_lock(t->sb);
	int err = send_thread(t, tgid, tid, sig, si);
	sandbox_unlock(t->sb);
	return err;
}

SYSCALL_DEFINE(tkill)
{
	siginfo_t si;

	if ((pid_t)a[0] <= 0)
		return -EINVAL;
	siginfo_of_sender(t, (int)a[1], SI_TKILL, &si);
	return send_thread_checked(t, 0, (pid_t)a[0], (int)a[1], &si);
}

SYSCALL_DEFINE(tgkill)
{
	siginfo_t si;

	if ((pid_t)a[0] <= 0 || (pid_t)a[1] <= 0)
		return -EINVAL;
	siginfo_of_sender(t, (int)a[2], SI_TKILL, &si);
	return send_thread_checked(t, (pid_t)a[0], (pid_t)a[1], (int)a[2], &si);
}

/* ---- signals with a payload ---- */

/* Codes whose layout the kernel knows fit into what it carries; of others the rest must be
 * empty. */
static bool fits(const siginfo_t *si)
{
	const char *p = (const char *)si;

	if (si->si_code >= SI_ASYNCNL && (si->si_code == SI_ASYNCNL || si->si_code >= -7))
		return true;
	for (size_t i = SIGINFO_CARRIED; i < sizeof *si; i++) {
		if (p[i])
			return false;
	}
	return true;
}

int get_siginfo(struct task *t, gva_t addr, int sig, siginfo_t *si)
{
	if (get_user(t, si, addr))
		return -EFAULT;
	si->si_signo = sig;
	if (!fits(si))
		return -E2BIG;
	memset((char *)si + SIGINFO_CARRIED, 0, sizeof *si - SIGINFO_CARRIED);
	if (si->si_code < 0 && si->si_code != SI_TIMER && si->si_code != SI_SIGIO)
		si->si_uid = make_kuid(task_user_ns(t), si->si_uid);
	return 0;
}

/* Nobody can pretend to be the kernel, or kill(2), to others. */
static bool pretends(const siginfo_t *si)
{
	return si->si_code >= 0 || si->si_code == SI_TKILL;
}

SYSCALL_DEFINE(rt_sigqueueinfo)
{
	pid_t pid = (pid_t)a[0];
	siginfo_t si;
	int err = get_siginfo(t, GVA(a[2]), (int)a[1], &si);

	if (!err && pretends(&si) && pid != t->tid)
		err = -EPERM;
	if (err)
		return err;
	sandbox_lock(t->sb);
	err = pid > 0 ? send_pid(t, pid, (int)a[1], &si) : -ESRCH;
	sandbox_unlock(t->sb);
	return err;
}

SYSCALL_DEFINE(rt_tgsigqueueinfo)
{
	pid_t tgid = (pid_t)a[0], tid = (pid_t)a[1];
	siginfo_t si;
	int err = get_siginfo(t, GVA(a[3]), (int)a[2], &si);

	if (err)
		return err;
	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	if (pretends(&si) && tid != t->tid)
		return -EPERM;
	return send_thread_checked(t, tgid, tid, (int)a[2], &si);
}
