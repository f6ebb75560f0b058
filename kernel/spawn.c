/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file starts the first program of a sandbox. Its task is made with an empty address space and
 * then executes the program like any other task, so that there is one way to load a program.
 */
#include "kernel/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cred/cred.h"
#include "host/umask.h"
#include "kernel/exec.h"
#include "kernel/fdtable.h"
#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/ptrace/debugger.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "kernel/tty/tty.h"
#include "loader/vdso.h"
#include "loader/loader.h"

static int install_stdio(struct task *t, const struct spawn_request *rq)
{
	for (int fd = 0; fd < 3; fd++) {
		if (!rq->stdio[fd])
			continue;
		struct caller c = task_caller(t);
		int err = fd_replace(t->files, &c, fd, file_get(rq->stdio[fd]), false, 3);
		if (err < 0)
			return err;
	}
	return 0;
}

/* What the program inherits of its starter's signals, as by execve(2). */
static void inherit_signals(struct task *t, const struct spawn_request *rq)
{
	for (int i = 0; i < NSIGNALS; i++) {
		if (rq->ignored & ~SIGSET_UNBLOCKABLE & SIGBIT(i + 1))
			t->sighand->action[i].handler = HANDLER_IGN;
	}
	t->blocked = rq->blocked & ~SIGSET_UNBLOCKABLE;
}

static int setup_task(struct task *t, const struct spawn_request *rq)
{
	struct sandbox *sb = t->sb;
	t->cred = cred_get(rq->cred);
	t->files = fdtable_new(&sb->vfs->files);
	t->fs = fs_struct_new(nsproxy_mnt(sb->nsproxy));
	t->nsproxy = nsproxy_get(sb->nsproxy);
	t->sighand = sighand_new();
	if (!t->cred || !t->files || !t->fs || !t->sighand)
		return -ENOMEM;
	t->fs->umask = host_umask();
	struct path cwd = path_get(rq->workdir);
	fs_struct_set_cwd(t->fs, &cwd);
	sched_fork(&t->sched, &sb->sched);
	inherit_signals(t, rq);
	int err = task_count(t, UINT64_MAX);
	return err ? err : install_stdio(t, rq);
}

/* Starts from an empty address space, which execve then replaces like any other. */
static int load(struct task *t, const struct spawn_request *rq, struct errmsg *errmsg)
{
	struct caller c = task_caller(t);
	struct file *exe;
	int err = mm_create(&t->sb->mem, &t->mm);
	if (err)
		return err;
	err = exec_open(&c, NULL, rq->path, 0, &exe);
	if (err)
		return errmsg_set(errmsg, -err, "%s: %s", rq->path, strerror(-err));
	err = task_exec(t, exe, rq->path, rq->argv, rq->envp, false, errmsg);
	file_put(exe);
	if (err)
		return errmsg_set(errmsg, -err, "%s: %s", rq->path, strerror(-err));
	t->event.kind = EVENT_INTERRUPTED; /* it is in no call, whoever looks before it runs */
	struct observer *o = t->sb->observer;
	if (o)
		o->ops->program(o, t, rq->path, rq->argv, rq->envp);
	return 0;
}

static int new_main(struct sandbox *sb, const struct cred *cred, struct process **out)
{
	sandbox_lock(sb);
	int err = process_new(sb, sb->init, sb->pid_ns, NULL, 0, out);
	if (!err) {
		process_set_cred(*out, cred_get(cred));
		sb->main = process_get(*out);
	}
	sandbox_unlock(sb);
	return err;
}

static int start(struct sandbox *sb, struct process *p, const struct spawn_request *rq,
		 struct errmsg *errmsg)
{
	struct task *t;
	int err = task_new(sb, p, NULL, 0, &t);
	if (err)
		return err;
	err = setup_task(t, rq);
	if (!err)
		err = load(t, rq, errmsg);
	if (!err) {
		sandbox_lock(sb);
		if (sb->console && rq->controlling)
			tty_attach(sb->console, p);
		if (rq->debugger)
			err = debugger_attach(rq->debugger, t);
		sandbox_unlock(sb);
		if (!err && rq->ready)
			rq->ready(rq->ready_arg);
		if (!err)
			err = task_start(t, &t->sched);
	}
	if (err)
		task_free(t);
	return err;
}

/* What the sandbox begins with is not counted to its limit. */
static void start_disk(struct sandbox *sb)
{
	if (sb->limits.disk)
		sb->mem.disk.quota.max = sb->mem.disk.quota.used + sb->limits.disk;
}

int sandbox_spawn(struct sandbox *sb, const struct spawn_request *rq, struct errmsg *errmsg)
{
	struct process *p;
	start_disk(sb);
	int err = new_main(sb, rq->cred, &p);
	if (!err) {
		err = start(sb, p, rq, errmsg);
		if (err) {
			sandbox_lock(sb);
			sb->main = NULL;
			process_put(p);
			process_reap(p);
			sandbox_unlock(sb);
		} else {
			vdso_clock_keep(sb->mem.vdso);
		}
	}
	for (int fd = 0; fd < 3; fd++) {
		if (rq->stdio[fd])
			file_put(rq->stdio[fd]);
	}
	return err ? errmsg_set(errmsg, -err, "cannot start '%s': %s", rq->path, strerror(-err))
		   : 0;
}
