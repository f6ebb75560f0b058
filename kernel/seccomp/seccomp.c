/* SPDX-License-Identifier: Apache-2.0 */
/* What filters do to the calls of a thread. See the header. */
#include "kernel/seccomp/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "arch/machine.h"
#include "cred/cred.h"
#include "kernel/fdtable.h"
#include "kernel/process.h"
#include "kernel/ptrace/stop.h"
#include "kernel/restart.h"
#include "kernel/sandbox.h"
#include "kernel/seccomp/filter.h"
#include "kernel/seccomp/notify.h"
#include "kernel/task.h"
#include "loader/vdso.h"

#define CALLS_ARCH (ARCH_ELF_MACHINE | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#define ERRNO_MAX  4095

bool task_no_new_privs(const struct task *t)
{
	return t->cred->no_new_privs || atomic_load(&t->seccomp.no_new_privs);
}

bool seccomp_may_filter(const struct task *t)
{
	return task_no_new_privs(t) || cred_own_capable(t->cred, CAP_SYS_ADMIN);
}

/* ---- what is done to a call ---- */

static enum seccomp_next answer(struct task *t, int64_t r)
{
	t->seccomp.answered = true;
	t->seccomp.answer = r;
	return SECCOMP_MAKES;
}

bool seccomp_answers(struct task *t, int64_t *r)
{
	bool goes_on;

	if (t->seccomp.answered) {
		t->seccomp.answered = false;
		*r = t->seccomp.answer;
		t->seccomp.raw = is_restart(*r);
		return true;
	}
	if (!t->seccomp.notification)
		return false;
	bool answered = notification_wait(t, r, &goes_on);
	t->seccomp.raw = answered && is_restart(*r);
	return !goes_on;
}

/* SIGSYS, as force_sig_seccomp() of Linux: the registers it shows are those before the call. */
static enum seccomp_next force_sigsys(struct task *t, const struct seccomp_data *data, int reason,
				      bool ends)
{
	siginfo_t si;

	siginfo_kernel(&si, SIGSYS, 1 /* SYS_SECCOMP */);
	si.si_errno = reason;
	si.si_call_addr = (void *)(uintptr_t)data->instruction_pointer;
	si.si_syscall = data->nr;
	si.si_arch = data->arch;
	if (ends)
		signal_force_end(t, SIGSYS, &si);
	else
		signal_force(t, SIGSYS, &si);
	return answer(t, data->nr);
}

static bool is_last_thread(struct task *t)
{
	sandbox_lock(t->sb);
	bool last = t->process->nr_live == 1;
	sandbox_unlock(t->sb);
	return last;
}

static enum seccomp_next kill_thread(struct task *t, const struct seccomp_data *data, int reason)
{
	if (is_last_thread(t))
		return force_sigsys(t, data, reason, true);
	task_exit_self(t, SIGSYS);
	return answer(t, 0);
}

/* Without a tracer that wants to know there is no such call. */
static enum seccomp_next ask_tracer(struct task *t, const struct seccomp_data *data, int message)
{
	if (!t->tracee || !ptrace_filtered(t, (uint64_t)message))
		return answer(t, -ENOSYS);
	return SECCOMP_STOPS;
}

static enum seccomp_next ask_listener(struct task *t, struct seccomp_filter *f,
				      const struct seccomp_data *data)
{
	int err = notification_begin(t, f, data);

	return err ? answer(t, err) : SECCOMP_MAKES;
}

static struct seccomp_data data_of(const struct task *t)
{
	struct seccomp_data data = {
		.nr = (int)t->event.syscall.nr,
		.arch = CALLS_ARCH,
		.instruction_pointer = t->event.syscall.ip,
	};

	for (int i = 0; i < 6; i++)
		data.args[i] = t->event.syscall.args[i];
	return data;
}

static enum seccomp_next filter_call(struct task *t, bool again)
{
	struct seccomp_data data = data_of(t);
	struct seccomp_filter *match;
	uint32_t verdict = filter_verdict(t->seccomp.filter, &data, &match);
	int value = verdict & SECCOMP_RET_DATA;

	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG: return SECCOMP_MAKES; /* there is no audit that a line is for */
	case SECCOMP_RET_ERRNO: return answer(t, -(value > ERRNO_MAX ? ERRNO_MAX : value));
	case SECCOMP_RET_TRAP: return force_sigsys(t, &data, value, false);
	case SECCOMP_RET_TRACE: return again ? SECCOMP_MAKES : ask_tracer(t, &data, value);
	case SECCOMP_RET_USER_NOTIF: return ask_listener(t, match, &data);
	case SECCOMP_RET_KILL_THREAD: return kill_thread(t, &data, value);
	default: return force_sigsys(t, &data, value, true);
	}
}

static enum seccomp_next strict_call(struct task *t)
{
	switch ((uint32_t)t->event.syscall.nr) {
	case SYS_read:
	case SYS_write:
	case SYS_exit:
	case SYS_rt_sigreturn: return SECCOMP_MAKES;
	default: break;
	}
	task_exit_self(t, SIGKILL);
	return answer(t, 0);
}

enum seccomp_next seccomp_enters_call(struct task *t, bool again)
{
	if (t->tracee && ptrace_suspends_seccomp(t))
		return SECCOMP_MAKES;
	return t->seccomp.mode == SECCOMP_MODE_STRICT ? strict_call(t) : filter_call(t, again);
}

bool seccomp_lets(struct task *t, int64_t *r)
{
	if (!t->seccomp.mode)
		return true;
	struct seccomp_data data = data_of(t);
	struct seccomp_filter *match;
	uint32_t action = SECCOMP_RET_ALLOW;
	if (t->seccomp.mode == SECCOMP_MODE_FILTER)
		action = filter_verdict(t->seccomp.filter, &data, &match) & SECCOMP_RET_ACTION_FULL;
	if (action == SECCOMP_RET_TRACE || action == SECCOMP_RET_USER_NOTIF) {
		*r = -ENOSYS;
		return false;
	}
	(void)seccomp_enters_call(t, false);
	return !seccomp_answers(t, r);
}

/* ---- seccomp(2) ---- */

static bool may_have_mode(const struct task *t, int mode)
{
	return t->seccomp.mode == SECCOMP_MODE_DISABLED || t->seccomp.mode == mode;
}

/* The first look at the clock is a system call here, where Linux's vDSO makes none: a filter could
 * refuse it, strict mode would. So the clock is looked at now. */
static void look_at_clock(struct task *t)
{
	vdso_clock_sync(task_mem(t)->vdso);
}

int seccomp_set_strict(struct task *t)
{
	look_at_clock(t);
	sandbox_lock(t->sb);
	bool may = may_have_mode(t, SECCOMP_MODE_STRICT);
	if (may)
		t->seccomp.mode = SECCOMP_MODE_STRICT;
	sandbox_unlock(t->sb);
	return may ? 0 : -EINVAL;
}

/* Which thread of its process cannot take the caller's filters, as it has others: its number, 0:
 * all can. */
static pid_t find_unlike(struct task *t)
{
	struct task *o;

	lock_assert_held(&t->sb->lock);
	list_for_each (o, &t->process->tasks, process_node) {
		if (o == t || o->exiting || o->seccomp.mode == SECCOMP_MODE_DISABLED)
			continue;
		if (o->seccomp.mode != SECCOMP_MODE_FILTER ||
		    !filter_is_ancestor(o->seccomp.filter, t->seccomp.filter))
			return pid_nr(o->pid, task_pid_ns(t));
	}
	return 0;
}

/* A filter that another thread had is one that the new one was added to: nobody's last. */
static void synchronise(struct task *t)
{
	struct seccomp_filter *f = t->seccomp.filter;
	struct task *o;

	lock_assert_held(&t->sb->lock);
	list_for_each (o, &t->process->tasks, process_node) {
		if (o == t || o->exiting)
			continue;
		struct seccomp_filter *old = atomic_exchange(&o->seccomp.filter, filter_use(f));
		filter_unuse(old);
		if (task_no_new_privs(t))
			o->seccomp.no_new_privs = true;
		o->seccomp.mode = SECCOMP_MODE_FILTER;
	}
}

/* Gives the thread the filter, which is its own from then on. */
static int64_t attach_locked(struct task *t, unsigned flags, struct seccomp_filter *f,
			     bool has_listener)
{
	lock_assert_held(&t->sb->lock);
	struct seccomp_filter *prev = t->seccomp.filter;

	if (!may_have_mode(t, SECCOMP_MODE_FILTER))
		return -EINVAL;
	if (has_listener && filter_is_heard(prev))
		return -EBUSY;
	if (flags & SECCOMP_FILTER_FLAG_TSYNC) {
		pid_t unlike = find_unlike(t);
		if (unlike)
			return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : unlike;
	}
	int err = filter_add_to(f, prev);
	if (err)
		return err;
	t->seccomp.filter = f;
	t->seccomp.mode = SECCOMP_MODE_FILTER;
	if (flags & SECCOMP_FILTER_FLAG_TSYNC)
		synchronise(t);
	return 0;
}

static int64_t attach(struct task *t, unsigned flags, struct seccomp_filter *f, bool has_listener)
{
	f->log = flags & SECCOMP_FILTER_FLAG_LOG;
	f->wait_killable = flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	sandbox_lock(t->sb);
	int64_t r = attach_locked(t, flags, f, has_listener);
	sandbox_unlock(t->sb);
	if (r)
		filter_unuse(f);
	return r;
}

static int64_t attach_heard(struct task *t, unsigned flags, struct seccomp_filter *f)
{
	struct caller c = task_caller(t);
	struct file *listener;
	int fd = fd_reserve(t->files, process_rlimit(t->process, RLIMIT_NOFILE));
	int64_t r = fd < 0 ? fd : listener_create(&c, f, &listener);

	if (r) {
		if (fd >= 0)
			fd_unreserve(t->files, fd);
		filter_unuse(f);
		return r;
	}
	r = attach(t, flags, f, true);
	if (!r) {
		fd_install_reserved(t->files, fd, listener, true);
		return fd;
	}
	fd_unreserve(t->files, fd);
	file_put(listener);
	return r;
}

int64_t seccomp_set_filter(struct task *t, unsigned flags, const struct sock_filter *prog,
			   unsigned len)
{
	struct seccomp_filter *f;
	int err = filter_new(&t->sb->mem, prog, len, &f);

	if (err)
		return err;
	look_at_clock(t);
	return flags & SECCOMP_FILTER_FLAG_NEW_LISTENER ? attach_heard(t, flags, f)
							: attach(t, flags, f, false);
}

int seccomp_nth_filter(struct task *o, uint64_t n, struct seccomp_filter **out)
{
	int err = 0;

	sandbox_lock(o->sb);
	struct seccomp_filter *f = o->seccomp.filter;
	if (o->seccomp.mode != SECCOMP_MODE_FILTER || !f)
		err = -EINVAL;
	else if (n >= f->depth)
		err = -ENOENT;
	while (!err && f->depth != n + 1)
		f = f->prev;
	*out = err ? NULL : filter_get(f);
	sandbox_unlock(o->sb);
	return err;
}

/* ---- threads ---- */

void seccomp_inherit(struct task *child, const struct task *t)
{
	lock_assert_held(&t->sb->lock);
	child->seccomp.filter = filter_use(t->seccomp.filter);
	child->seccomp.mode = t->seccomp.mode;
	child->seccomp.no_new_privs = t->seccomp.no_new_privs;
}

void seccomp_task_end(struct task *t)
{
	notification_end(t);
	sandbox_lock(t->sb);
	struct seccomp_filter *f = atomic_exchange(&t->seccomp.filter, NULL);
	sandbox_unlock(t->sb);
	filter_unuse(f);
}

/* ---- in snapshots ---- */

void seccomp_task_save(struct saver *s, struct task *t)
{
	encode(&s->out, (unsigned)t->seccomp.mode);
	encode(&s->out, t->seccomp.no_new_privs);
	encode(&s->out, saved_object(s, &seccomp_saved, t->seccomp.filter));
	notification_save(s, t);
}

int seccomp_task_load(struct loader *l, struct task *t)
{
	void *filter;

	t->seccomp.mode = (int)decode_max(&l->in, SECCOMP_MODE_FILTER);
	t->seccomp.no_new_privs = decode_bool(&l->in);
	int err = loaded_object(l, decode(&l->in), &seccomp_saved, &filter);
	if (err)
		return err;
	if (l->in.failed || (filter != NULL) != (t->seccomp.mode == SECCOMP_MODE_FILTER))
		return loader_damaged(l, "the seccomp mode of a thread");
	t->seccomp.filter = filter_use(filter);
	return notification_load(l, t);
}
