/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file replaces the program of a process by another one (execve(2)). The new image and private
 * copies of shared tables are made first, and the other threads are ended; only then does commit()
 * switch the task over, and nothing in it can fail.
 */
#include "kernel/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cred/cred.h"
#include "kernel/cputimer.h"
#include "kernel/fdtable.h"
#include "kernel/fork.h"
#include "kernel/futex.h"
#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/ptrace/stop.h"
#include "kernel/rseq_cpu.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "loader/loader.h"

/* Everything an image's commit needs, taken before the point of no return. */
struct exec_parts {
	struct exec_image image;
	struct fdtable *files;   /* own copy when the table was shared */
	struct sighand *sighand; /* likewise */
	struct nsproxy *nsproxy; /* with another time namespace, when it is to have that */
};

static void parts_free(struct exec_parts *parts)
{
	exec_image_destroy(&parts->image);
	if (parts->files)
		fdtable_put(parts->files, NULL);
	if (parts->sighand)
		sighand_put(parts->sighand);
	nsproxy_put(parts->nsproxy);
}

static int take_own_copies(struct task *t, struct exec_parts *parts)
{
	if (ref_count(&t->files->refs) > 1) {
		parts->files = fdtable_copy(t->files);
		if (!parts->files)
			return -ENOMEM;
	}
	if (ref_count(&t->sighand->refs) > 1) {
		sandbox_lock(t->sb);
		parts->sighand = sighand_copy(t->sighand);
		sandbox_unlock(t->sb);
		if (!parts->sighand)
			return -ENOMEM;
	}
	if (t->nsproxy->time_for_children == nsproxy_time(t->nsproxy))
		return 0;
	parts->nsproxy = nsproxy_get(t->nsproxy);
	return nsproxy_enter_time(t->sb, &parts->nsproxy);
}

/* All other threads end; the caller then is the leader and has its tid (execve(2), "Effect on
 * threads"). -EAGAIN: the whole process is ending, or another thread got here first, and so does
 * the caller. */
static int dethread(struct task *t)
{
	struct process *p = t->process;
	struct sandbox *sb = t->sb;

	sandbox_lock(sb);
	if (p->group_exiting || t->group_exiting || p->exec_task) {
		sandbox_unlock(sb);
		return -EAGAIN;
	}
	p->exec_task = t;
	process_kill_threads_locked(p, t);
	while (p->nr_tasks > 1 && !t->group_exiting) {
		sandbox_unlock(sb);
		sleeper_pause(&t->sleeper);
		sandbox_lock(sb);
	}
	p->exec_task = NULL;
	int err = t->group_exiting ? -EAGAIN : 0;
	if (!err && t->pid != p->pid) {
		struct pid *old = t->pid;
		tracee_becomes_leader(t, old);
		old->task = NULL;
		/* the thread goes on under another number */
		pid_ended(old, PID_THREAD_ENDED | PID_REAPED, 0);
		pid_detach(old);
		pid_put(old);
		t->pid = pid_get(p->pid);
		t->pid->task = t;
		t->tid = pid_nr(t->pid, t->pid->ns);
		p->leader = t;
	}
	sandbox_unlock(sb);
	return err;
}

static void reset_cpu(struct task *t, const struct exec_image *image)
{
	const struct platform *pf = t->sb->platform;
	struct cpu_regs regs = regs_start(image->entry.v, image->sp.v);
	pf->regs_set(t->context, &regs);
	pf->fp_set(t->context, NULL, 0);
	t->regs_replaced = true;
}

/* Leaves the old address space with all that a thread keeps in it. */
static void switch_mm(struct task *t, struct exec_image *image)
{
	struct mm *old = t->mm;
	futex_task_exit(t);
	mutex_lock(&t->process->threads_lock);
	sandbox_lock(t->sb);
	t->mm = image->mm;
	image->mm = NULL;
	cputimer_space_changed(t->process);
	sandbox_unlock(t->sb);
	mutex_unlock(&t->process->threads_lock);
	vfork_release(t);
	task_leave_space(t);
	mm_put(old);
	t->clear_child_tid = t->set_child_tid = GVA_NULL;
	t->robust_list = GVA_NULL;
	t->rseq = GVA_NULL;
	t->rseq_len = t->rseq_sig = 0;
	rseq_cpu_free(t->process);
	t->altstack = (struct sigaltstack_state){ .flags = SS_DISABLE };
}

static void switch_tables(struct task *t, struct exec_parts *parts)
{
	struct caller c = task_caller(t);
	struct fdtable *files = t->files;
	struct sighand *sighand = t->sighand;
	sandbox_lock(t->sb);
	if (parts->files)
		t->files = parts->files;
	if (parts->sighand)
		t->sighand = parts->sighand;
	signal_exec(t);
	sandbox_unlock(t->sb);
	if (parts->files)
		fdtable_put(files, &c);
	if (parts->sighand)
		sighand_put(sighand);
	if (parts->nsproxy)
		nsproxy_set(t, parts->nsproxy);
	key_holder_exec(&t->sb->keys, &t->keys);
	fd_close_on_exec(t->files, &c);
}

static void switch_identity(struct task *t, struct exec_image *image)
{
	struct process *p = t->process;
	sandbox_lock(t->sb);
	struct file *old = p->exe;
	p->exe = image->exe;
	image->exe = NULL;
	p->did_exec = true;
	p->programs++;
	p->dumpable = image->dumpable ? 1 : 0;
	struct cred *old_cred = t->cred;
	t->cred = image->cred;
	image->cred = NULL;
	if (image->secure)
		t->pdeathsig = 0;
	p->personality &= ~image->personality_clear;
	p->membarrier_registered = 0;
	memcpy(t->comm, image->comm, sizeof t->comm);
	sandbox_unlock(t->sb);
	cred_put(old_cred);
	/* the first program is loaded by a thread of the embedding program */
	if (task_current() == t)
		(void)cred_assume(t->cred);
	if (old)
		file_put(old);
}

/* The limits mm/ has to know of; prlimit(2) keeps them up to date. */
void exec_limits(struct mm *mm, struct process *p)
{
	mm->limit_as = process_rlimit(p, RLIMIT_AS);
	mm->limit_data = process_rlimit(p, RLIMIT_DATA);
	mm->limit_stack = process_rlimit(p, RLIMIT_STACK);
	mm->limit_memlock = process_rlimit(p, RLIMIT_MEMLOCK);
}

static void commit(struct task *t, struct exec_parts *parts)
{
	/* ---- from here on nothing fails ---- */
	timers_exec(t->process);
	switch_mm(t, &parts->image);
	switch_tables(t, parts);
	switch_identity(t, &parts->image);
	reset_cpu(t, &parts->image);
	exec_limits(t->mm, t->process);
}

/* Linux's check_unsafe_exec(): with a task outside the process. */
static bool fs_is_shared(struct task *t)
{
	unsigned own = 0;
	struct task *o;

	sandbox_lock(t->sb);
	list_for_each (o, &t->process->tasks, process_node)
		own += o->fs == t->fs;
	/* the first program's task is not linked yet */
	bool shared = ref_count(&t->fs->refs) > (own ? own : 1);
	sandbox_unlock(t->sb);
	return shared;
}

/* Linux's LSM_UNSAFE_PTRACE: a program gets no rights that its tracer could not take. */
static bool tracer_unprivileged(struct task *t)
{
	sandbox_lock(t->sb);
	bool unprivileged = task_traced(t) && t->tracee->cred &&
			    !cred_ns_capable(t->tracee->cred, t->cred->user_ns, CAP_SYS_PTRACE);
	sandbox_unlock(t->sb);
	return unprivileged;
}

/* What another thread has given up for this one as well. */
static int own_no_new_privs(struct task *t)
{
	if (t->cred->no_new_privs || !task_no_new_privs(t))
		return 0;
	struct cred *own = cred_copy(t->cred, -1);
	if (!own)
		return -ENOMEM;
	own->no_new_privs = true;
	return task_set_cred(t, own);
}

int task_exec(struct task *t, struct file *exe, const char *filename, char *const *argv,
	      char *const *envp, bool fd_path_inaccessible, struct errmsg *errmsg)
{
	int err = own_no_new_privs(t);
	struct caller c = task_caller(t);
	struct exec_parts parts = { 0 };
	struct exec_request rq = {
		.caller = &c,
		.mem = &t->sb->mem,
		.file = exe,
		.filename = filename,
		.argv = argv,
		.envp = envp,
		.fd_path_inaccessible = fd_path_inaccessible,
		.translators = &t->sb->translators,
		.stack_limit = process_rlimit(t->process, RLIMIT_STACK),
		.random = { &t->random, t->process->personality & ADDR_NO_RANDOMIZE },
		.clocks_moved = &t->nsproxy->time_for_children->ns != t->sb->nsproxy->ns[NS_TIME],
		.fs_shared = fs_is_shared(t) || tracer_unprivileged(t),
	};
	if (err)
		return err;
	err = exec_load(&rq, &parts.image, errmsg);
	/* of the first program the caller of hl is told instead */
	if (err && parts.image.too_late && !errmsg)
		process_exit_group(t, SIGSEGV);
	if (err) {
		(void)cred_assume(t->cred); /* the program's may have been tried */
		return err;
	}
	pid_t old = t->tid;
	err = take_own_copies(t, &parts);
	if (!err)
		err = dethread(t);
	if (err) {
		parts_free(&parts);
		return err == -EAGAIN ? -ERESTARTNOINTR : err;
	}
	commit(t, &parts);
	if (t->tracee)
		ptrace_exec(t, old);
	return 0;
}
