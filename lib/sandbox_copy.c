/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of snapshots: what makes one of a sandbox, puts one back to where it began, and saves one.
 * See hl.h and docs/snapshot.md. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cred/cred.h"
#include "fs/file.h"
#include "host/fscred.h"
#include "host/hostcall.h"
#include "host/threadtime.h"
#include "kernel/devhl.h"
#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/savepoint.h"
#include "kernel/spawn.h"
#include "kernel/task.h"
#include "kernel/uts.h"
#include "lib/config.h"
#include "lib/error.h"
#include "lib/output.h"
#include "lib/sandbox.h"
#include "lib/sandbox_own.h"
#include "lib/starter.h"
#include "lib/tree.h"
#include "lib/world.h"
#include "loader/vdso.h"
#include "snapshot/snapshot.h"
#include "util/time.h"

/* ---- load ---- */

static enum hl_code snapshot_code(int e)
{
	switch (e) {
	case -EBADMSG: return HL_DAMAGED;
	case -ENOTSUP:
	case -ESTALE: return HL_UNSAVABLE;
	case -ESRCH: return HL_STATE;
	default: return HL_SYSTEM;
	}
}

int sandbox_keep_config(struct hl_sandbox *sb, const struct hl_config *cfg)
{
	for (int fd = 0; fd < 3; fd++) {
		if (sb->stdio[fd] >= 0)
			close(sb->stdio[fd]);
		sb->stdio[fd] = -1;
		if (cfg->stdio[fd] < 0 || !host_is_open(cfg->stdio[fd]))
			continue;
		sb->stdio[fd] = fcntl(cfg->stdio[fd], F_DUPFD_CLOEXEC, 3);
		if (sb->stdio[fd] < 0)
			return -errno;
	}
	return 0;
}

/* In the tree of the copy's configuration stands what the snapshot holds. */
static int load_copy(struct hl_sandbox *sb, const int stdio[3], struct snapshot *snap,
		     struct hl_error **err)
{
	struct spawn_request rq = { .path = NULL };
	struct errmsg errmsg = { "" };
	int e = sandbox_wrap_stdio(sb, stdio, &rq);

	sb->kernel->copy.number = snapshot_count_copy(snap);
	if (!e)
		e = snapshot_load(snap, sb->kernel, rq.stdio,
				  sb->jail.jail.whole_process ? NULL : &sb->world, &errmsg);
	sandbox_put_stdio(&rq);
	if (e)
		return error_set_errno(err, snapshot_code(e), e, &errmsg);
	/* a copy has the name of its configuration where that says one */
	if (sb->hostname)
		uts_set(nsproxy_uts(sb->kernel->nsproxy), UTS_HOST, sb->hostname,
			strlen(sb->hostname));
	return 0;
}

static int tell(struct hl_sandbox *sb, enum devhl_told what, const struct strings *s)
{
	return devhl_tell(sb->kernel, what, (const char *const *)s->item, s->count);
}

/* What a driver is told beside: each of its jobs starts as a program would. */
static int tell_driver(struct hl_sandbox *sb, const struct hl_config *cfg)
{
	struct strings env = { .item = NULL };
	bool ok = cfg->clear_env ||
		  strings_copy(&env, sb->base_env.count, (const char *const *)sb->base_env.item);
	int e = ok && world_add_environment(cfg, &env) ? tell(sb, DEVHL_ENVIRON, &env) : -ENOMEM;

	strings_clear(&env);
	return e ? e : devhl_tell(sb->kernel, DEVHL_DIR, (const char *const *)&sb->dir, 1);
}

static int tell_copy(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err)
{
	int e = tell(sb, DEVHL_ARGS, &cfg->args);

	if (!e)
		e = tell(sb, DEVHL_ENV, &cfg->env);
	if (!e && sb->dir)
		e = tell_driver(sb, cfg);
	return e ? error_set(err, HL_NO_MEMORY, "out of memory") : 0;
}

/* How a program would start in the copy's world. */
static int find_start(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err)
{
	const struct path whole = { NULL, NULL };
	struct hl_config base = *cfg;
	struct path workdir = { NULL, NULL };
	struct errmsg errmsg = { "" };
	struct cred *cred = NULL;
	char *home = NULL, dir[PATH_MAX] = "";

	base.env = (struct strings){ .item = NULL };
	int e = world_user(cfg, sb->kernel, &cred, &home, &errmsg);
	if (!e)
		e = world_environment(&base, home, &sb->base_env);
	if (!e)
		e = tree_find_workdir(sb->kernel, cfg, &workdir, &errmsg);
	if (!e) {
		path_string(&workdir, &whole, dir, sizeof dir);
		path_put(&workdir);
		sb->dir = strdup(dir);
		e = sb->dir ? 0 : -ENOMEM;
	}
	free(home);
	cred_put(cred);
	return e ? error_set_errno(err, HL_SYSTEM, e, &errmsg) : 0;
}

/* Its tasks end, and it has nothing that a load would make. In the thread that started it. */
static int rest(struct hl_sandbox *sb, struct hl_error **err)
{
	uint64_t events;
	int e = sb->publisher ? -ENOTSUP : snapshot_reset(sb->snap, sb->kernel);

	(void)!read(sb->event_fd, &events, sizeof events);
	sb->end_ns = 0;
	sb->expired = sb->killed = false;
	if (e == -ENOTSUP)
		return error_set(err, HL_STATE,
				 "the sandbox cannot be reset in place: it has a terminal or "
				 "published ports, or the program has changed directories or "
				 "limits of what is mounted; start another copy");
	return e ? error_set(err, HL_PLATFORM, "the sandbox cannot be reset: %s", strerror(-e)) : 0;
}

int sandbox_start_copy(struct hl_sandbox *sb, const struct hl_config *cfg, const struct instead *in,
		       struct hl_error **err)
{
	if (cfg->hostname && !(sb->hostname = strdup(cfg->hostname)))
		return error_set(err, HL_NO_MEMORY, "out of memory");
	if (in->driver && find_start(sb, cfg, err))
		return -1;
	if (tell_copy(sb, cfg, err) || load_copy(sb, cfg->stdio, in->snap, err))
		return -1;
	if (cfg->ready)
		cfg->ready(cfg->ready_arg);
	vdso_clock_keep(sb->kernel->mem.vdso);
	if (in->rest)
		return rest(sb, err);
	sandbox_thaw(sb->kernel);
	return 0;
}

/* ---- reset ---- */

/* What a sandbox that can be reset is asked for. */
struct copy_request {
	struct hl_sandbox *sb;
	int (*fn)(struct hl_sandbox *sb, struct hl_error **err);
	struct hl_error **err;
};

static int copy_asked(void *arg)
{
	const struct copy_request *rq = arg;
	struct fscred_saved own;

	if (fscred_save(&own))
		return error_set(rq->err, HL_NO_MEMORY, "out of memory");
	int ret = rq->fn(rq->sb, rq->err);
	fscred_restore(&own);
	return ret;
}

/* Calls `fn` in the thread that started the sandbox. */
static int ask(struct hl_sandbox *sb, int (*fn)(struct hl_sandbox *sb, struct hl_error **err),
	       struct hl_error **err)
{
	struct copy_request rq = { sb, fn, err };

	return sb->starter ? starter_call(sb->starter, copy_asked, &rq) : copy_asked(&rq);
}

static int go(struct hl_sandbox *sb, struct hl_error **err)
{
	sb->start_ns = monotonic_ns();
	int ret = load_copy(sb, sb->stdio, sb->snap, err);
	if (!ret)
		sandbox_thaw(sb->kernel);
	return ret;
}

static int rewind_input(struct hl_sandbox *sb, struct hl_error **err)
{
	return lseek(sb->input_fd, 0, SEEK_SET) < 0
		   ? error_set(err, HL_SYSTEM, "standard input: %s", strerror(errno))
		   : 0;
}

static int rest_and_go(struct hl_sandbox *sb, struct hl_error **err)
{
	int ret = rest(sb, err);

	output_forget(sb->output);
	if (!ret && sb->input_fd >= 0)
		ret = rewind_input(sb, err);
	if (!ret)
		ret = go(sb, err);
	sb->broken |= ret != 0;
	return ret;
}

int sandbox_rest(struct hl_sandbox *sb, struct hl_error **err)
{
	sandbox_stop_timer(sb);
	return ask(sb, rest, err);
}

int sandbox_go(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err)
{
	struct hl_config own = *cfg;
	int e = sandbox_make_streams(sb, &own);

	if (!e)
		e = sandbox_keep_config(sb, &own);
	if (e)
		return error_set(err, HL_SYSTEM, "a copy to be reset: %s", strerror(-e));
	output_forget(sb->output);
	if (tell_copy(sb, cfg, err) || ask(sb, go, err))
		return -1;
	return sandbox_start_timer(sb, cfg->timeout_ms, err);
}

int hl_sandbox_reset(struct hl_sandbox *sb, struct hl_error **err)
{
	if (!sb->snap)
		return error_set(err, HL_STATE, "this sandbox was not started to be reset");
	sandbox_stop_timer(sb);
	return ask(sb, rest_and_go, err)
		   ? -1
		   : sandbox_start_timer(sb, sb->timeout_ns / NSEC_PER_MSEC, err);
}

/* ---- snapshots ---- */

/* The host's threads of a sandbox's tasks. */
struct tasks_seen {
	struct {
		pid_t tid;
		uint64_t slept; /* times */
	} * all;
	size_t nr;
};

/* False: one of the tasks runs. */
static bool see_tasks(struct sandbox *k, struct tasks_seen *seen)
{
	struct process *p;
	struct task *t;
	bool wait = true;

	seen->nr = 0;
	sandbox_lock(k);
	seen->all = calloc(k->nr_tasks + 1, sizeof *seen->all);
	list_for_each (p, &k->processes, all_node) {
		list_for_each (t, &p->tasks, process_node) {
			wait &= seen->all && task_state(t) != 'R' && seen->nr < k->nr_tasks;
			if (wait)
				seen->all[seen->nr++].tid = t->host_tid;
		}
	}
	sandbox_unlock(k);
	return wait;
}

static bool all_sleep(struct tasks_seen *seen)
{
	bool sleep = true;

	for (size_t i = 0; i < seen->nr && sleep; i++)
		sleep = thread_sleeps(getpid(), seen->all[i].tid, &seen->all[i].slept);
	return sleep;
}

static bool same_tasks(const struct tasks_seen *a, const struct tasks_seen *b)
{
	bool same = a->nr == b->nr;

	for (size_t i = 0; i < a->nr && same; i++)
		same = a->all[i].tid == b->all[i].tid && a->all[i].slept == b->all[i].slept;
	return same;
}

/*
 * A task whose thread was woken in the host's kernel and has no CPU yet still stands in its wait as
 * we see it, and tasks that wake each other may all be seen asleep though one of them always runs.
 * So the host is asked, too, and twice. If none of the threads has run in between, what was seen
 * between the two looks was true of all of them at one time.
 */
bool hl_sandbox_idle(struct hl_sandbox *sb)
{
	struct tasks_seen first = { .nr = 0 }, then = { .nr = 0 };
	bool idle = see_tasks(sb->kernel, &first) && all_sleep(&first) &&
		    see_tasks(sb->kernel, &then) && all_sleep(&then) && same_tasks(&first, &then);

	free(first.all);
	free(then.all);
	return idle;
}

bool hl_sandbox_save_due(struct hl_sandbox *sb)
{
	return savepoint_due(sb->kernel);
}

int hl_sandbox_save(struct hl_sandbox *sb, const char *file, struct hl_error **err)
{
	struct errmsg errmsg = { "" };
	struct fscred_saved own;

	if (hl_sandbox_pause(sb, err))
		return -1;
	int e = fscred_save(&own);
	if (!e) {
		sandbox_hold(sb->kernel);
		struct snapshot_options opt = sb->save_options;
		if (sb->save_file && strcmp(file, sb->save_file) != 0)
			opt.early = NULL;
		e = snapshot_save(sb->kernel, file, &sb->world, &opt, &errmsg);
		sandbox_release(sb->kernel);
		fscred_restore(&own);
	}
	savepoint_over(sb->kernel);
	hl_sandbox_resume(sb, NULL);
	return e ? error_set_errno(err, snapshot_code(e), e, &errmsg) : 0;
}
