/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saves and loads the process tree.
 *
 * Processes are kept in the order in which they were made, so that a parent comes before its
 * children. A copy has the same numbers. Init is made with every sandbox and is not kept.
 */
#include "snapshot/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "cred/user.h"
#include "fs/file.h"
#include "fs/saved_place.h"
#include "kernel/epoll.h"
#include "kernel/futex_save.h"
#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/rseq.h"
#include "kernel/rusage.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "kernel/tty/pty.h"
#include "kernel/tty/tty.h"
#include "loader/loader.h"

/* Least bytes of a saved process, of a saved thread. */
#define PROCESS_SIZE 512
#define TASK_SIZE    512

/* ---- saving ---- */

const char *process_comm(const struct process *p)
{
	if (p->leader)
		return p->leader->comm;
	return list_empty(&p->tasks) ? "?" : list_first(&p->tasks, struct task, process_node)->comm;
}

static int refuse(struct saver *s, const struct process *p, const char *what)
{
	return errmsg_set(s->errmsg, ENOTSUP,
			  "process %d (%s) %s, which a snapshot cannot hold yet", p->pid->nr,
			  process_comm(p), what);
}

static int check_process(struct saver *s, struct process *p)
{
	struct task *t;

	list_for_each (t, &p->tasks, process_node) {
		const char *what = task_refused(t);
		if (what)
			return refuse(s, p, what);
	}
	return 0;
}

static void save_exe(struct saver *s, const struct process *p)
{
	place_save(s, p->exe ? &p->exe->path : NULL);
}

static void save_fields(struct saver *s, struct process *p)
{
	struct sandbox *sb = s->sandbox;
	struct encoder *out = &s->out;

	encode(out, p->zombie);
	encode(out, p->leaving);
	encode(out, p->mortal);
	encode(out, p->leader != NULL);
	sched_save(out, &p->sched);
	encode_signed(out, p->exit_code);
	encode(out, p->session_leader);
	encode(out, p->did_exec);
	encode(out, p->programs);
	encode(out, p->subreaper);
	encode_signed(out, p->forked_by);
	encode_signed(out, p->exit_signal);
	encode(out, p->stop_requested);
	encode(out, p->stopped);
	encode_signed(out, p->stop_sig);
	encode(out, p->stop_taken);
	encode(out, p->continued);
	encode_bytes(out, p->rlimits, sizeof p->rlimits);
	encode_bytes(out, &p->dead_threads, sizeof p->dead_threads);
	encode_bytes(out, &p->children_sum, sizeof p->children_sum);
	encode(out, p->start_time_ns);
	encode(out, p->personality);
	encode_signed(out, p->oom_score_adj);
	encode_signed(out, p->oom_score_adj_min);
	encode(out, p->coredump_filter);
	encode(out, p->dumpable);
	encode(out, p->membarrier_registered);
	encode(out, p->thp_disable);
	encode(out, p->tty == sb->console && p->tty);
	encode(out, p->tty && p->tty->pgrp == p->pgrp);
	encode(out, p->tty != sb->console ? pty_line_number(s, p->tty) : 0);
	encode(out, saved_object(s, &pid_saved, p->tty_old_pgrp));
}

static void save_process(struct saver *s, struct process *p)
{
	struct encoder *out = &s->out;

	encode(out, ns_saved(s, p->pid->ns->level ? &p->pid->ns->ns : NULL));
	pid_numbers_save(out, p->pid);
	encode(out, p->parent ? (uint64_t)p->parent->pid->nr : 1);
	encode(out, saved_object(s, &pid_saved, p->pgrp));
	encode(out, saved_object(s, &pid_saved, p->session));
	encode(out, saved_object(s, &cred_kind, process_cred(p)));
	save_fields(s, p);
	save_exe(s, p);
	sigpending_save(out, &p->pending);
	itimers_save(out, p);
}

static int save_tasks(struct saver *s, struct process *p)
{
	struct task *t;
	int err = 0;

	encode(&s->out, (uint64_t)p->nr_tasks);
	list_for_each (t, &p->tasks, process_node) {
		if (!err)
			err = task_save(s, t);
	}
	posix_timers_save(&s->out, p);
	return err;
}

/* The threads come behind all processes, and what these have open behind all threads: it may refer
 * to any of those before. */

int processes_save(struct saver *s)
{
	struct sandbox *sb = s->sandbox;
	size_t place = encode_place(&s->out);
	struct process *p;
	uint64_t nr = 0;
	int err = 0;

	list_for_each (p, &sb->processes, all_node) {
		if (p == sb->init || err)
			continue;
		err = check_process(s, p);
		if (!err)
			save_process(s, p);
		nr++;
	}
	encode_at(&s->out, place, nr);
	list_for_each (p, &sb->processes, all_node) {
		if (p != sb->init && !err)
			err = save_tasks(s, p);
	}
	if (err)
		return err;
	struct task *t;
	list_for_each (p, &sb->processes, all_node)
		list_for_each (t, &p->tasks, process_node)
			traced_save(s, t);
	list_for_each (p, &sb->processes, all_node)
		list_for_each (t, &p->tasks, process_node)
			task_save_files(s, t);
	futexes_save(&s->out, sb);
	return 0;
}

/* ---- loading ---- */

struct process_load {
	struct process *process;
	struct pid_namespace *ns;
	struct pid_numbers numbers;
	pid_t parent;
	uint64_t pgrp, session, tty_old_pgrp; /* as objects: kernel/pid.h */
	bool console, foreground;
	uint64_t line;       /* the number of its terminal, a pty; 0: none */
	bool leaving;        /* struct process has it */
	bool led;            /* it has its first thread */
	struct task **tasks; /* of process->pid first */
	uint64_t nr_tasks;
};

struct tree_load {
	struct process_load *all;
	uint64_t nr;
};

static pid_t load_nr(struct loader *l)
{
	const struct sandbox *sb = l->sandbox;

	return (pid_t)decode_between(&l->in, 1, sb->pid_ns->max - 1);
}

static void load_fields(struct decoder *in, struct process *p, struct process_load *pl)
{
	p->zombie = decode_bool(in);
	pl->leaving = decode_bool(in);
	p->mortal = decode_bool(in);
	pl->led = decode_bool(in);
	sched_load(in, &p->sched);
	p->exit_code = (int)decode_between(in, 0, 0xffff);
	p->session_leader = decode_bool(in);
	p->did_exec = decode_bool(in);
	p->programs = (unsigned)decode_max(in, UINT32_MAX);
	p->subreaper = decode_bool(in);
	p->forked_by = (pid_t)decode_between(in, 0, INT_MAX);
	p->exit_signal = (int)decode_between(in, -1, NSIGNALS);
	p->stop_requested = decode_bool(in);
	p->stopped = decode_bool(in);
	p->stop_sig = (int)decode_between(in, 0, NSIGNALS);
	p->stop_taken = decode_bool(in);
	p->continued = decode_bool(in);
	decode_into(in, p->rlimits, sizeof p->rlimits);
	decode_into(in, &p->dead_threads, sizeof p->dead_threads);
	decode_into(in, &p->children_sum, sizeof p->children_sum);
	p->start_time_ns = decode(in);
	p->personality = (unsigned)decode_max(in, UINT32_MAX);
	p->oom_score_adj = (int)decode_between(in, -1000, 1000);
	p->oom_score_adj_min = (int)decode_between(in, -1000, 1000);
	p->coredump_filter = (unsigned)decode_max(in, UINT32_MAX);
	p->dumpable = (unsigned)decode_max(in, 2);
	p->membarrier_registered = (uint32_t)decode_max(in, UINT32_MAX);
	p->thp_disable = decode_bool(in);
	pl->console = decode_bool(in);
	pl->foreground = decode_bool(in);
	pl->line = decode(in);
	pl->tty_old_pgrp = decode(in);
}

/* /proc/PID/exe of a program that is gone by now is gone. */
static int load_exe(struct loader *l, struct process *p)
{
	struct saved_place place;
	struct path at;
	int err = place_load(l, &place);

	if (err)
		return err;
	if (place_is_name(&place)) {
		if (exec_open(l->caller, NULL, place.name, 0, &p->exe) < 0)
			p->exe = NULL;
	} else if (place_walk(l->caller, &place, 0, &at) == 0) {
		if (exec_open(l->caller, &at, "", WALK_EMPTY_OK, &p->exe) < 0)
			p->exe = NULL;
		path_put(&at);
	}
	place_free(&place);
	return 0;
}

static int load_posix_timers(struct loader *l, struct process_load *pl)
{
	struct sandbox *sb = l->sandbox;

	if (!pl->nr_tasks) { /* who has ended has none: their number, and that of the next one */
		uint64_t none = decode(&l->in);
		none |= decode(&l->in);
		return none ? loader_damaged(l, "timers of a zombie") : 0;
	}
	sandbox_lock(sb);
	int err = posix_timers_load(&l->in, pl->process, pl->tasks[0]);
	sandbox_unlock(sb);
	return err == -EBADMSG ? loader_damaged(l, "timers") : err;
}

static int load_tasks(struct loader *l, struct process_load *pl)
{
	uint64_t nr = decode_count(&l->in, TASK_SIZE);
	int err = 0;

	if (!nr != (pl->process->zombie || pl->leaving))
		return loader_damaged(l, "a process without threads");
	pl->tasks = calloc(nr ? nr : 1, sizeof *pl->tasks);
	if (!pl->tasks)
		return -ENOMEM;
	for (; pl->nr_tasks < nr && !err; pl->nr_tasks += !err)
		err = task_load(l, pl->process, &pl->tasks[pl->nr_tasks]);
	if (!err && pl->led != (nr && pl->tasks[0]->pid == pl->process->pid))
		err = loader_damaged(l, "a process without its first thread");
	return err ? err : load_posix_timers(l, pl);
}

/* A first thread that has ended counts for its user until somebody waits for its process. */
static int count_leader(struct sandbox *sb, struct process *p)
{
	struct user *u = user_get(sb->vfs->users, p->cred->uid);

	if (!u)
		return -ENOMEM;
	user_charge(u, USER_TASKS, 1, UINT64_MAX);
	p->user = u;
	return 0;
}

static int make(struct loader *l, struct process_load *pl, struct cred *cred)
{
	struct sandbox *sb = l->sandbox;

	sandbox_lock(sb);
	struct process *parent = process_find(sb, pl->parent);
	int err = parent
		      ? process_new(sb, parent, pl->ns, pl->numbers.nr, pl->numbers.n, &pl->process)
		      : loader_damaged(l, "a process without a parent");
	if (!err) {
		process_set_cred(pl->process, cred_get(cred));
		if (pl->process->exe)
			file_put(pl->process->exe);
		pl->process->exe = NULL;
	}
	sandbox_unlock(sb);
	return err == -EEXIST || err == -EINVAL ? loader_damaged(l, "the number of a process")
						: err;
}

static int load_process(struct loader *l, struct process_load *pl)
{
	struct sandbox *sb = l->sandbox;
	void *cred;

	int err = pid_ns_loaded(l, decode(&l->in), &pl->ns);
	if (!err)
		err = pid_numbers_load(l, pl->ns, &pl->numbers);
	if (err)
		return err;
	pl->parent = load_nr(l);
	pl->pgrp = decode(&l->in);
	pl->session = decode(&l->in);
	err = loaded_object(l, decode(&l->in), &cred_kind, &cred);
	if (!err && (l->in.failed || !cred))
		err = loader_damaged(l, "a process");
	if (!err)
		err = make(l, pl, cred);
	if (err)
		return err;
	load_fields(&l->in, pl->process, pl);
	err = load_exe(l, pl->process);
	if (err)
		return err;
	sandbox_lock(sb);
	err = sigpending_load(&l->in, sb, pl->process->cred->uid, &pl->process->pending);
	if (!err)
		err = itimers_load(&l->in, pl->process);
	sandbox_unlock(sb);
	if (err == -EBADMSG || l->in.failed)
		return loader_damaged(l, "a process");
	if (!err && !pl->led)
		err = count_leader(sb, pl->process);
	if (!err && pl->process->zombie)
		atomic_store(&pl->process->pid->ended, PID_THREAD_ENDED | PID_PROCESS_ENDED);
	return err;
}

/* A group or a session may be that of nobody who is left. */
static int join(struct loader *l, struct process *p, uint64_t number,
		void (*set)(struct process *p, struct pid *pid))
{
	struct sandbox *sb = l->sandbox;
	void *pid;
	int err = loaded_object(l, number, &pid_saved, &pid);

	if (!err && !pid)
		err = loader_damaged(l, "a process without a group");
	if (err)
		return err;
	sandbox_lock(sb);
	err = pid_enter(pid);
	if (!err)
		set(p, pid);
	sandbox_unlock(sb);
	return err ? loader_damaged(l, "the number of a group") : 0;
}

static int join_groups_of(struct loader *l, const struct process_load *pl)
{
	void *old_pgrp;
	int err = join(l, pl->process, pl->pgrp, process_set_pgrp);

	if (!err)
		err = join(l, pl->process, pl->session, process_set_session);
	if (!err)
		err = loaded_object(l, pl->tty_old_pgrp, &pid_saved, &old_pgrp);
	if (!err && old_pgrp)
		pl->process->tty_old_pgrp = pid_get(old_pgrp);
	return err;
}

/* Its terminal, if that is a pty: the one of its session. */
static int join_terminal(struct loader *l, struct process_load *pl)
{
	struct process *p = pl->process;
	void *tty;
	int err = loaded_object(l, pl->line, &pty_line_saved, &tty);

	if (err || !tty)
		return err;
	p->tty = tty_get(tty);
	return p->tty->session == p->session ? 0 : loader_damaged(l, "a controlling terminal");
}

static int join_groups(struct loader *l, const struct tree_load *tree)
{
	struct sandbox *sb = l->sandbox;
	int err = 0;

	for (uint64_t i = 0; i < tree->nr && !err; i++)
		err = join_groups_of(l, &tree->all[i]);
	if (!err)
		err = ptys_join(l);
	sandbox_lock(sb);
	for (uint64_t i = 0; i < tree->nr && !err; i++)
		err = join_terminal(l, &tree->all[i]);
	sandbox_unlock(sb);
	return err;
}

/* An init whose threads have ended waits for the others of its namespace. */
static int leave(struct loader *l, const struct tree_load *tree)
{
	struct sandbox *sb = l->sandbox;
	int err = 0;

	sandbox_lock(sb);
	for (uint64_t i = 0; i < tree->nr && !err; i++) {
		struct process *p = tree->all[i].process;
		if (!tree->all[i].leaving)
			continue;
		if (p->zombie || p->pid->ns->init != p || !p->pid->ns->parent)
			err = loader_damaged(l, "the end of a namespace of processes");
		else
			process_leave(p);
	}
	sandbox_unlock(sb);
	return err;
}

/* The terminal of the copy is the one the program had, whatever it is. Its foreground group comes
 * last, and stays. */
static void attach_console(struct sandbox *sb, const struct tree_load *tree)
{
	sandbox_lock(sb);
	for (int foreground = 0; sb->console && foreground < 2; foreground++) {
		for (uint64_t i = 0; i < tree->nr; i++) {
			const struct process_load *pl = &tree->all[i];
			if (pl->console && pl->foreground == foreground)
				tty_attach(sb->console, pl->process);
		}
	}
	sandbox_unlock(sb);
}

static int start_tasks(struct sandbox *sb, struct process_load *pl)
{
	int err = 0;

	for (uint64_t i = 0; i < pl->nr_tasks && !err; i++) {
		err = task_start(pl->tasks[i], &sb->sched);
		if (!err)
			pl->tasks[i] = NULL;
	}
	return err;
}

static int start_all(struct sandbox *sb, const struct tree_load *tree)
{
	struct task *t;
	int err = 0;

	for (uint64_t i = 0; i < tree->nr && !err; i++)
		err = start_tasks(sb, &tree->all[i]);
	/* all threads rest in any case: this is about how the rest goes on */
	sandbox_lock(sb);
	for (uint64_t i = 0; i < tree->nr && !err; i++) {
		itimers_start(tree->all[i].process);
		posix_timers_start(tree->all[i].process);
	}
	sandbox_unlock(sb);
	for (uint64_t i = 0; i < tree->nr && !err; i++) {
		if (tree->all[i].nr_tasks < 2)
			continue;
		list_for_each (t, &tree->all[i].process->tasks, process_node)
			rseq_thread_created(t);
	}
	return err;
}

/* What has not been started is no use any more. */
static void tree_free(struct tree_load *tree)
{
	for (uint64_t i = 0; i < tree->nr; i++) {
		struct process_load *pl = &tree->all[i];
		if (pl->process && (!pl->nr_tasks || pl->tasks[0]))
			timers_exit(pl->process);
		for (uint64_t k = 0; pl->tasks && k < pl->nr_tasks; k++) {
			if (!pl->tasks[k])
				continue;
			task_drop(pl->tasks[k]);
		}
		free(pl->tasks);
	}
	free(tree->all);
}

int processes_load(struct loader *l, struct decoder *in)
{
	struct sandbox *sb = l->sandbox;
	struct tree_load tree = { .nr = 0 };
	int err = 0;

	l->in = *in;
	pid_t main = load_nr(l);
	pid_t last = load_nr(l);
	uint64_t nr = decode_count(&l->in, PROCESS_SIZE);
	if (!nr || l->in.failed)
		return loader_damaged(l, "the number of processes");
	tree.all = calloc(nr, sizeof *tree.all);
	if (!tree.all)
		return -ENOMEM;
	for (; tree.nr < nr && !err; tree.nr++)
		err = load_process(l, &tree.all[tree.nr]);
	for (uint64_t i = 0; i < tree.nr && !err; i++)
		err = load_tasks(l, &tree.all[i]);
	for (uint64_t i = 0; i < tree.nr; i++)
		for (uint64_t k = 0; k < tree.all[i].nr_tasks && !err; k++)
			err = traced_load(l, tree.all[i].tasks[k]);
	for (uint64_t i = 0; i < tree.nr; i++)
		for (uint64_t k = 0; k < tree.all[i].nr_tasks && !err; k++)
			err = task_load_files(l, tree.all[i].tasks[k]);
	if (!err && (err = futexes_load(&l->in, sb)) == -EBADMSG)
		err = loader_damaged(l, "a futex");
	if (!err && !decoder_done(&l->in))
		err = loader_damaged(l, "what follows the last process");
	if (!err)
		err = loader_rest(l);
	epolls_settle(l);
	if (!err)
		err = join_groups(l, &tree);
	if (!err)
		err = leave(l, &tree);
	sandbox_lock(sb);
	struct process *p = process_find(sb, main);
	if (!err && (!p || p->zombie))
		err = loader_damaged(l, "the program's process");
	if (!err)
		sb->main = process_get(p);
	pid_set_last(sb->pid_ns, last);
	sandbox_unlock(sb);
	if (!err) {
		attach_console(sb, &tree);
		err = start_all(sb, &tree);
	}
	tree_free(&tree);
	return err;
}
