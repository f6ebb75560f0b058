/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a sandbox as hl.h tells it.
 *
 * 	start   platform -> observer -> kernel -> jail -> file tree -> descriptors -> program, or a
 *          copy of one (sandbox_copy.c); the first failure undoes it all
 * 	run     nothing of this file runs, but for the time limit's thread where there is one
 *          (sandbox_run.c)
 * 	end     the kernel calls on_change when the program ended; wait and event_fd tell
 * 	free    kill, join, undo; a thread that does not come back is left behind
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cred/cred.h"
#include "debug/server.h"
#include "fs/file.h"
#include "host/fscred.h"
#include "host/hostcall.h"
#include "kernel/calls.h"
#include "kernel/sandbox.h"
#include "kernel/savepoint.h"
#include "kernel/signal.h"
#include "kernel/spawn.h"
#include "lib/config.h"
#include "lib/confine.h"
#include "lib/core.h"
#include "lib/driver.h"
#include "lib/family.h"
#include "lib/error.h"
#include "lib/functions.h"
#include "lib/limits.h"
#include "lib/output.h"
#include "lib/network.h"
#include "lib/plan.h"
#include "lib/publish.h"
#include "lib/sandbox.h"
#include "lib/sandbox_own.h"
#include "lib/saved_world.h"
#include "lib/secluded.h"
#include "lib/snapshot.h"
#include "lib/starter.h"
#include "lib/tree.h"
#include "lib/world.h"
#include "net/policy.h"
#include "platform/choose.h"
#include "snapshot/image.h"
#include "snapshot/snapshot.h"
#include "trace/tracer.h"
#include "sys/sys.h"
#include "util/time.h"

static int choose_platform(const struct hl_config *cfg, const struct instead *in,
			   struct platform_choice *out, struct hl_error **err)
{
	struct errmsg errmsg = { "" };

	if (in->inside) {
		*out = in->inside->choice;
		return 0;
	}
	int e = platform_choose(cfg->platform, out, &errmsg);

	return e ? error_set(err, e == -EINVAL ? HL_INVALID : HL_PLATFORM, "%s", errmsg.text) : 0;
}

static int check_config(const struct hl_config *cfg, const struct instead *in,
			struct hl_error **err)
{
	if (hl_config_check(cfg, err))
		return -1;
	if (cfg->args.count == 0 && !in->plan && !in->snap)
		return error_set(err, HL_INVALID, "no program to run");
	if (cfg->deterministic && !in->snap)
		return error_set(err, HL_INVALID, "only a copy of a snapshot can be deterministic");
	const char *contradiction = world_contradiction(cfg);
	return contradiction ? error_set(err, HL_INVALID, "%s", contradiction) : 0;
}

static int make_observer(struct hl_sandbox *sb, const struct hl_config *cfg)
{
	struct tracer_config oc = {
		.log = cfg->log,
		.log_arg = cfg->log_arg,
		.log_level = cfg->log_level,
		.trace = cfg->trace,
		.trace_arg = cfg->trace_arg,
		.stats = cfg->stats,
	};

	if (cfg->trace)
		oc.format = cfg->trace_format == HL_TRACE_JSON ? TRACE_JSON : TRACE_TEXT;
	if (cfg->audit) {
		int err = secluded_find(cfg, &sb->secluded);
		if (err == -ENOMEM)
			return err;
		oc.audit = (struct audit_config){
			.put = cfg->audit,
			.arg = cfg->audit_arg,
			.all = cfg->audit_of == HL_AUDIT_ALL,
			.hidden = (const char *const *)sb->secluded.hidden.item,
			.nr_hidden = sb->secluded.hidden.count,
			.absent = (const char *const *)sb->secluded.absent.item,
			.nr_absent = sb->secluded.absent.count,
		};
	}
	if (!oc.log_level && !oc.format && !oc.stats && !oc.audit.put)
		return 0;
	return tracer_create(&oc, &sb->observer);
}

/* The kernel's lock is held. */
static void on_change(void *arg)
{
	struct hl_sandbox *sb = arg;
	uint64_t none = 0, now = monotonic_ns();

	if (sb->kernel && sb->kernel->main_ended)
		atomic_compare_exchange_strong(&sb->end_ns, &none, now);
	host_wake(sb->event_fd);
}

/* When the time limit ends it (monotonic_ns()); 0: never. */
static uint64_t end_of_time(const struct hl_sandbox *sb, const struct hl_config *cfg)
{
	return cfg->timeout_ms ? sb->start_ns + sandbox_ns(cfg->timeout_ms) : 0;
}

#define FILES_MIN 32 /* with fewer descriptors no program starts */

static int check_limits(struct hl_error **err)
{
	struct rlimit files;

	limits_raise();
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= FILES_MIN)
		return 0;
	return error_set(err, HL_SYSTEM,
			 "%lu descriptors are not enough for a sandbox (`ulimit -n`)",
			 files.rlim_cur);
}

/* What auto picked may fail in spite of its checks (another hypervisor holds the CPU, no more
 * processes are allowed). */
static int make_kernel_instead(struct hl_sandbox *sb, struct sandbox_config *sc,
			       const struct platform *pf)
{
	struct platform_report report;
	struct errmsg errmsg = { "" };

	platform_probe(pf, &report, false);
	sc->platform = pf;
	sc->kin = NULL;
	return report.usable ? sandbox_create(sc, &sb->kernel, &errmsg) : -ENODEV;
}

/* No thread of the sandbox runs yet: nobody else calls `log`. */
static void log_platform(const struct hl_config *cfg, const struct platform *pf,
			 const struct platform_choice *choice)
{
	char line[384];

	if (cfg->log_level < 2)
		return;
	int n =
	    snprintf(line, sizeof line, "platform %s: %s", pf->name,
		     pf == choice->platform ? choice->reason : "the one that was picked failed");
	cfg->log(cfg->log_arg, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void log_limits(const struct hl_config *cfg, const struct sandbox *kernel)
{
	uint64_t asked = cfg->limits[HL_LIMIT_MEMORY], got = kernel->limits.memory;
	char line[128];

	if (!cfg->log_level || got == asked)
		return;
	int n = snprintf(line, sizeof line,
			 "memory: %lu KiB, which is all that the host gives, and not %lu",
			 got >> 10, asked >> 10);
	cfg->log(cfg->log_arg, line, (size_t)n);
}

static int make_kernel(struct hl_sandbox *sb, const struct hl_config *cfg, const struct instead *in,
		       const struct platform_choice *choice, struct hl_error **err)
{
	struct errmsg errmsg = { "" };
	struct clock_steps begin = { 0 };
	const struct caller_limits *limits = limits_raise();
	struct sandbox_config sc = {
		.platform = choice->platform,
		.kin = in->kindred ? &in->kindred->kin : NULL,
		.machine_hook = { confine_machine_thread, &sb->jail, in->inside != NULL },
		.hardware = in->hardware,
		.monitor = in->inside ? &in->inside->rights : NULL,
		.syscall = sys_dispatch,
		.host_priority = cfg->host_priority,
		.reusable = sb->snap != NULL,
		.nofile = &limits->nofile,
		.fsize = &limits->fsize,
		.clock = in->snap ? snapshot_clock(in->snap, cfg->deterministic ? &begin : NULL)
				  : cfg->clock,
		.deterministic = in->snap && cfg->deterministic,
		.limits = config_limits(cfg),
		.net_policy = network_policy(cfg, sb->net_policy),
		.observer = sb->observer,
		.core_store = core_files_store(sb->cores),
		.calls = sb->calls,
		.notify = on_change,
		.notify_arg = sb,
	};
	const struct savepoint_config at = { cfg->save_listen, cfg->save_port, cfg->save_output };
	int e = sandbox_create(&sc, &sb->kernel, &errmsg);

	if (e && choice->second && make_kernel_instead(sb, &sc, choice->second) == 0)
		e = 0;
	if (!e && cfg->savable)
		e = savepoint_init(sb->kernel, &at);
	if (!e)
		log_limits(cfg, sb->kernel);
	return e ? error_set_errno(err, HL_PLATFORM, e, &errmsg) : 0;
}

/* sandbox_spawn takes the references over, and may have to be called again. */
static int spawn(struct hl_sandbox *sb, const struct spawn_request *rq, struct errmsg *errmsg)
{
	for (int fd = 0; fd < 3; fd++) {
		if (rq->stdio[fd])
			file_get(rq->stdio[fd]);
	}
	return sandbox_spawn(sb->kernel, rq, errmsg);
}

/* As execvp(3): a text file without "#!" is a script for /bin/sh. */
static int spawn_by_shell(struct hl_sandbox *sb, const struct hl_config *cfg,
			  const struct spawn_request *rq)
{
	struct spawn_request sh = *rq;
	struct errmsg ignored = { "" };
	char **argv = calloc(cfg->args.count + 2, sizeof *argv);
	static char name[] = "sh";

	if (!argv)
		return -ENOMEM;
	argv[0] = name;
	argv[1] = (char *)(uintptr_t)rq->path;
	memcpy(argv + 2, cfg->args.item + 1, (cfg->args.count - 1) * sizeof *argv);
	sh.path = "/bin/sh";
	sh.argv = argv;
	int err = spawn(sb, &sh, &ignored);
	free(argv);
	return err;
}

static enum hl_code spawn_code(int e)
{
	return e == -EAGAIN || e == -ENFILE || e == -EMFILE || e == -EIO ? HL_SYSTEM : HL_NOT_EXEC;
}

static int run_program(struct hl_sandbox *sb, const struct hl_config *cfg,
		       const struct start_point *from, struct spawn_request *rq,
		       struct hl_error **err)
{
	struct errmsg errmsg = { "" };
	const char *name = cfg->program ? cfg->program : cfg->args.item[0];
	char *path;
	int e = tree_find_program(sb->kernel, from, name, &path, &errmsg);

	if (e)
		return error_set_errno(err, e == -ENOENT ? HL_NOT_FOUND : HL_NOT_EXEC, e, &errmsg);
	rq->path = path;
	e = spawn(sb, rq, &errmsg);
	if (e == -ENOEXEC && tree_looks_like_script(sb->kernel, from, path))
		e = spawn_by_shell(sb, cfg, rq);
	free(path);
	return e ? error_set_errno(err, spawn_code(e), e, &errmsg) : 0;
}

static int mount_tree(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err)
{
	struct mount_list mounts = { .item = NULL };
	struct errmsg errmsg = { "" };
	int e = world_mounts(cfg, &mounts, &errmsg);

	if (!e)
		e = tree_mount(sb->kernel, cfg, &mounts, end_of_time(sb, cfg), &errmsg);
	bool late = e == -ETIMEDOUT && cfg->timeout_ms && monotonic_ns() >= end_of_time(sb, cfg);
	int ret = e ? error_set_errno(err, late ? HL_TIMED_OUT : HL_SYSTEM, e, &errmsg)
		    : confine_files(&sb->jail, cfg, sb->kernel, &mounts, err);
	mount_list_clear(&mounts);
	return ret;
}

/* What of the tree the program starts with. */
static int make_world(struct hl_sandbox *sb, const struct hl_config *cfg, struct cred **cred,
		      struct strings *env, struct path *workdir, struct errmsg *errmsg)
{
	char *home = NULL;

	world_set_hostname(cfg, sb->kernel);
	int e = world_user(cfg, sb->kernel, cred, &home, errmsg);
	if (!e)
		e = world_environment(cfg, home, env);
	free(home);
	return e ? e : tree_find_workdir(sb->kernel, cfg, workdir, errmsg);
}

/* Whom a plan is told to, instead of a start. */
struct audience {
	hl_plan_fn *fn;
	void *arg;
};

static int tell_plan(struct hl_sandbox *sb, const struct hl_config *cfg,
		     const struct start_point *from, const struct audience *to,
		     struct hl_error **err)
{
	const struct path whole = { NULL, NULL };
	struct mount_list mounts = { .item = NULL };
	struct errmsg errmsg = { "" };
	char workdir[PATH_MAX] = "";
	char *program = NULL;
	const char *name = cfg->program ? cfg->program : cfg->args.count ? cfg->args.item[0] : NULL;
	int e = name ? tree_find_program(sb->kernel, from, name, &program, &errmsg) : 0;

	if (e)
		return error_set_errno(err, e == -ENOENT ? HL_NOT_FOUND : HL_NOT_EXEC, e, &errmsg);
	path_string(&from->workdir, &whole, workdir, sizeof workdir);
	e = world_mounts(cfg, &mounts, &errmsg);
	if (!e && !plan_tell(&(struct plan){ cfg, sb->kernel->platform->name, program, workdir,
					     from->cred, from->env, &mounts, &sb->jail },
			     to->fn, to->arg))
		e = -ENOMEM;
	mount_list_clear(&mounts);
	free(program);
	return e ? error_set_errno(err, HL_SYSTEM, e, &errmsg) : 0;
}

static int start_program(struct hl_sandbox *sb, const struct hl_config *cfg,
			 const struct audience *plan, struct hl_error **err)
{
	struct spawn_request rq = {
		.argv = cfg->args.item,
		.ignored = cfg->ignored,
		.blocked = cfg->blocked,
		.ready = cfg->ready,
		.ready_arg = cfg->ready_arg,
	};
	struct errmsg errmsg = { "" };
	struct cred *cred = NULL;
	struct strings env = { .item = NULL };
	struct path workdir = { NULL, NULL };
	int e = make_world(sb, cfg, &cred, &env, &workdir, &errmsg);
	const struct start_point from = { cred, &env, workdir };

	rq.cred = cred;
	rq.envp = env.item;
	rq.workdir = &workdir;
	if (!e && !plan)
		e = sandbox_wrap_stdio(sb, cfg->stdio, &rq);
	if (!e && sb->debug)
		e = debug_server_trace(sb->debug, sb->kernel, &rq.debugger);
	int ret = e      ? error_set_errno(err, HL_SYSTEM, e, &errmsg)
		  : plan ? tell_plan(sb, cfg, &from, plan, err)
			 : run_program(sb, cfg, &from, &rq, err);
	sandbox_put_stdio(&rq);
	if (workdir.dentry)
		path_put(&workdir);
	strings_clear(&env);
	cred_put(cred);
	return ret;
}

/* A file that can be made now alone: whoever is confined can make none. */
static int make_save_file(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err)
{
	struct errmsg errmsg = { "" };

	if (!cfg->save_file)
		return 0;
	sb->save_file = strdup(cfg->save_file);
	int e = sb->save_file ? image_create_early(sb->save_file, &sb->save_options.early, &errmsg)
			      : -ENOMEM;
	return e ? error_set_errno(err, HL_SYSTEM, e, &errmsg) : 0;
}

static int open_debugger(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err)
{
	struct errmsg errmsg = { "" };
	int e = cfg->debugger ? debug_server_open(cfg->debugger, &sb->debug, &errmsg) : 0;

	return e ? error_set_errno(err, HL_SYSTEM, e, &errmsg) : 0;
}

static int start_debugger(struct hl_sandbox *sb, struct hl_error **err)
{
	int e = sb->debug ? debug_server_start(sb->debug) : 0;

	return e ? error_set(err, HL_SYSTEM, "no thread for a debugger: %s", strerror(-e)) : 0;
}

static int make_output(struct hl_sandbox *sb, struct hl_config *cfg, struct hl_error **err)
{
	bool wanted = cfg->output[0].wanted || cfg->output[1].wanted;
	int e = wanted ? output_new(cfg->output, &sb->output) : 0;

	if (!e)
		e = sandbox_make_streams(sb, cfg);
	return e ? error_set(err, HL_SYSTEM, "standard streams: %s", strerror(-e)) : 0;
}

/* Before anything is confined. */
static int make_calls(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err)
{
	sb->calls = calls_new();
	if (!sb->calls)
		return error_set(err, HL_NO_MEMORY, "out of memory");
	if (!cfg->nr_functions)
		return 0;
	int e = functions_start(cfg->functions, cfg->nr_functions, sb->calls, &sb->functions);
	return e ? error_set(err, HL_SYSTEM, "no thread for functions: %s", strerror(-e)) : 0;
}

/* What starts threads that call the caller's functions, or serve him. */
struct unconfined {
	struct hl_sandbox *sb;
	struct hl_config *cfg;
	struct hl_error **err;
	int ret;
};

static void make_unconfined(void *arg)
{
	struct unconfined *u = arg;

	u->ret = make_output(u->sb, u->cfg, u->err);
	if (!u->ret)
		u->ret = make_calls(u->sb, u->cfg, u->err);
}

/* A copy's thread may be confined by birth: then the caller's does it, if there is such a thing. */
static int make_before(struct hl_sandbox *sb, struct hl_config *cfg, const struct instead *in,
		       struct hl_error **err)
{
	struct unconfined u = { sb, cfg, err, 0 };
	bool serves =
	    cfg->output[0].wanted || cfg->output[1].wanted || cfg->has_input || cfg->nr_functions;

	if (in->plan)
		return 0;
	if (in->kindred && serves)
		starter_call_back(in->starter, make_unconfined, &u);
	else
		make_unconfined(&u);
	return u.ret;
}

/* What needs no host that could refuse it later. */
static int make_own(struct hl_sandbox *sb, struct hl_config *cfg, const struct instead *in,
		    struct hl_error **err)
{
	if (sb->event_fd < 0)
		return error_set(err, HL_SYSTEM, "no event descriptor: %s", strerror(errno));
	if (make_before(sb, cfg, in, err))
		return -1;
	int e = sb->snap ? sandbox_keep_config(sb, cfg) : 0;
	if (e)
		return error_set(err, HL_SYSTEM, "a copy to be reset: %s", strerror(-e));
	if (sb->world.failed || make_observer(sb, cfg))
		return error_set(err, HL_NO_MEMORY, "out of memory");
	return 0;
}

static int confine_first(struct hl_sandbox *sb, const struct hl_config *cfg,
			 const struct instead *in, struct hl_error **err)
{
	if (!in->kindred)
		return confine_start(&sb->jail, cfg, err);
	sb->jail = in->inside ? in->inside->jail : in->kindred->jail;
	return 0;
}

/* Whoever is inside has done that for an earlier one. */
static int confine_second(struct hl_sandbox *sb, const struct hl_config *cfg,
			  const struct instead *in, struct hl_error **err)
{
	if (!in->inside)
		return confine_calls(&sb->jail, cfg, sb->kernel, err);
	sb->kernel->vfs->monitor->no_new_privs = sb->jail.had_no_new_privs;
	return 0;
}

/* What the next one is told that is started from inside. Before the guest's world is made. */
static void note_found(const struct hl_sandbox *sb, const struct platform_choice *choice,
		       struct found_outside *out)
{
	*out = (struct found_outside){ .choice = *choice, .jail = sb->jail };
	out->choice.platform = sb->kernel->platform;
	out->choice.second = NULL;
	cred_rights(sb->kernel->vfs->monitor, &out->rights);
}

static int start(const struct hl_config *config, const struct instead *in, struct hl_sandbox **out,
		 struct hl_error **err)
{
	struct platform_choice choice;
	struct hl_sandbox *sb;

	if (check_config(config, in, err) || check_limits(err) ||
	    choose_platform(config, in, &choice, err))
		return -1;
	struct hl_config own = *config, *cfg = &own;
	sb = calloc(1, sizeof *sb);
	if (!sb)
		return error_set(err, HL_NO_MEMORY, "out of memory");
	sb->start_ns = monotonic_ns();
	sb->snap = cfg->resettable ? in->snap : NULL;
	sb->family = in->family ? family_get(in->family) : NULL;
	sb->stdio[0] = sb->stdio[1] = sb->stdio[2] = sb->input_fd = -1;
	saved_world_encode(cfg, &sb->world);
	sb->save_options.self_contained = cfg->self_contained;
	sb->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int ret = make_own(sb, cfg, in, err);
	if (!ret)
		ret = network_make(cfg, &sb->net_policy, &sb->netns, err);
	if (!ret && !in->plan)
		ret = publisher_open(cfg, &sb->publisher, err);
	if (!ret && !in->plan)
		ret = core_files_open(cfg, &sb->cores, err);
	if (!ret && !in->plan)
		ret = open_debugger(sb, cfg, err);
	if (!ret && !in->plan)
		ret = make_save_file(sb, cfg, err);
	if (!ret)
		ret = confine_first(sb, cfg, in, err);
	if (!ret)
		ret = make_kernel(sb, cfg, in, &choice, err);
	if (!ret)
		log_platform(cfg, sb->kernel->platform, &choice);
	if (!ret)
		ret = confine_second(sb, cfg, in, err);
	if (!ret && in->outside)
		note_found(sb, &choice, in->outside);
	if (!ret)
		ret = mount_tree(sb, cfg, err);
	if (!ret)
		ret = publisher_start(sb->publisher, sb->kernel, err);
	if (!ret)
		ret = in->snap ? sandbox_start_copy(sb, cfg, in, err)
			       : start_program(sb, cfg, in->plan, err);
	if (!ret)
		ret = start_debugger(sb, err);
	if (!ret && !in->plan && !in->rest)
		ret = sandbox_start_timer(sb, cfg->timeout_ms, err);
	if (ret || in->plan)
		hl_sandbox_free(sb);
	else
		*out = sb;
	return ret;
}

/* Files of ours may meet RLIMIT_FSIZE where it could not be raised. That is an error, not the end
 * of the program: a SIGXFSZ of our own is taken before the mask is as it was. The names of the
 * guest are looked up with the guest's rights, and the caller gets its own back. */
static int start_here(const struct hl_config *cfg, const struct instead *in,
		      struct hl_sandbox **out, struct hl_error **err)
{
	sigset_t xfsz, old, pending;
	struct fscred_saved own;

	if (fscred_save(&own))
		return error_set(err, HL_NO_MEMORY, "out of memory");
	sigemptyset(&xfsz);
	sigaddset(&xfsz, SIGXFSZ);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &xfsz, &old);
	int ret = start(cfg, in, out, err);
	if (!sigismember(&pending, SIGXFSZ))
		sigtimedwait(&xfsz, NULL, &(struct timespec){ 0 });
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	fscred_restore(&own);
	return ret;
}

struct start_request {
	const struct hl_config *cfg;
	const struct instead *in;
	struct hl_sandbox **out;
	struct hl_error **err;
	struct starter *starter;
	void (*ready)(void *arg); /* the caller's */
	void *ready_arg;
};

/* The thread may start another: it acts as who it was then. */
static int start_asked(void *arg)
{
	struct start_request *rq = arg;
	struct fscred_saved own;

	if (!rq->in->kindred)
		return start(rq->cfg, rq->in, rq->out, rq->err);
	if (fscred_save(&own))
		return error_set(rq->err, HL_NO_MEMORY, "out of memory");
	int ret = start(rq->cfg, rq->in, rq->out, rq->err);
	fscred_restore(&own);
	return ret;
}

/* The caller's function is called in the caller's thread. */
static void pass_ready(void *arg)
{
	struct start_request *rq = arg;

	starter_call_back(rq->starter, rq->ready, rq->ready_arg);
}

static int start_by(struct starter *st, const struct hl_config *cfg, const struct instead *in,
		    struct hl_sandbox **out, struct hl_error **err)
{
	struct hl_config ours = *cfg;
	struct instead with = *in;
	struct start_request rq = { .cfg = &ours,
				    .in = &with,
				    .out = out,
				    .err = err,
				    .starter = st,
				    .ready = cfg->ready,
				    .ready_arg = cfg->ready_arg };

	if (cfg->ready) {
		ours.ready = pass_ready;
		ours.ready_arg = &rq;
	}
	with.starter = st;
	return starter_call(st, start_asked, &rq);
}

static int no_thread(int e, struct hl_error **err)
{
	return error_set(err, HL_SYSTEM, "no thread to start a sandbox: %s", strerror(-e));
}

/* Whose thread may start another: all of its jail is that of the next one, too. In a private world
 * it is not: the thread has put itself among the files of one world for good. */
static bool is_inside(const struct hl_sandbox *sb)
{
	return !sb->snap && !sb->jail.jail.private_world && !sb->jail.jail.kvm;
}

static int start_among_kin(struct kindred *k, bool outside, const struct hl_config *cfg,
			   const struct instead *in, struct hl_sandbox **out, struct hl_error **err)
{
	struct kindred_starter st;
	struct found_outside found;
	struct hardware hw = { .platform = NULL };
	struct instead with = *in;
	int e = kindred_starter(k, outside, &st);

	if (e)
		return no_thread(e, err);
	with.kindred = k;
	with.inside = st.inside;
	with.outside = st.inside ? NULL : &found;
	if (st.inside && kindred_hardware(k, &hw))
		with.hardware = &hw;
	int ret = start_by(st.starter, cfg, &with, out, err);
	hardware_free(&hw); /* it was not taken */
	if (!ret && is_inside(*out))
		kindred_give_back(k, &st, with.outside);
	else if (!ret && (*out)->snap)
		(*out)->starter = st.starter;
	else
		starter_free(st.starter);
	if (!ret || !st.inside)
		return ret;
	/* what is shared may have to be made again, which those inside cannot */
	if (err) {
		hl_error_free(*err);
		*err = NULL;
	}
	return start_among_kin(k, true, cfg, in, out, err);
}

static int start_aside(const struct hl_config *cfg, const struct instead *in,
		       struct hl_sandbox **out, struct hl_error **err)
{
	struct kindred *k = cfg && in->family ? family_kindred(in->family, cfg) : NULL;
	struct starter *st;

	if (!cfg)
		return start(cfg, in, out, err);
	if (k)
		return start_among_kin(k, cfg->save_file != NULL, cfg, in, out, err);
	int e = starter_new(&st);
	if (e)
		return no_thread(e, err);
	int ret = start_by(st, cfg, in, out, err);
	if (!ret && *out && (*out)->snap)
		(*out)->starter = st;
	else
		starter_free(st);
	return ret;
}

static int start_somewhere(const struct hl_config *cfg, const struct instead *in,
			   struct hl_sandbox **out, struct hl_error **err)
{
	*out = NULL;
	return cfg && cfg->jail == HL_JAIL_PROCESS ? start_here(cfg, in, out, err)
						   : start_aside(cfg, in, out, err);
}

/* The runtime that the configuration names, with its driver. */
static int start_driver(const struct hl_config *cfg, struct hl_sandbox **out, struct hl_error **err)
{
	struct hl_config with = *cfg;

	*out = NULL;
	with.args = (struct strings){ .item = NULL };
	bool ok = strings_copy(&with.args, cfg->args.count, (const char *const *)cfg->args.item) &&
		  driver_command(cfg->driver, &cfg->modules, &with.args);
	int ret = ok ? start_somewhere(&with, &(struct instead){ .snap = NULL }, out, err)
		     : error_set(err, HL_NO_MEMORY, "out of memory");
	strings_clear(&with.args);
	return ret;
}

int hl_sandbox_start(const struct hl_config *cfg, struct hl_sandbox **out, struct hl_error **err)
{
	if (cfg && cfg->driver)
		return start_driver(cfg, out, err);
	return start_somewhere(cfg, &(struct instead){ .snap = NULL }, out, err);
}

static struct instead instead_of(const struct hl_snapshot *s, bool rest)
{
	return (struct instead){
		.family = s->family, .snap = s->snap, .driver = s->driver != NULL, .rest = rest
	};
}

int hl_sandbox_restore(const struct hl_config *cfg, const struct hl_snapshot *snapshot,
		       struct hl_sandbox **out, struct hl_error **err)
{
	const struct instead in = instead_of(snapshot, false);

	return start_somewhere(cfg, &in, out, err);
}

int sandbox_prepare(const struct hl_config *cfg, const struct hl_snapshot *snapshot,
		    struct hl_sandbox **out, struct hl_error **err)
{
	const struct instead in = instead_of(snapshot, true);

	return start_somewhere(cfg, &in, out, err);
}

int hl_config_plan(const struct hl_config *cfg, hl_plan_fn *fn, void *arg, struct hl_error **err)
{
	struct hl_sandbox *none = NULL; /* a plan makes none */

	const struct audience to = { fn, arg };

	return start_aside(cfg, &(struct instead){ .plan = &to }, &none, err);
}
