/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a sandbox as hl.h tells it.
 *
 * 	start   platform -> observer -> kernel -> jail -> file tree -> descriptors -> program;
 *          the first failure undoes it all
 * 	run     nothing of this file runs, but for the time limit's thread where there is one
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cred/cred.h"
#include "cred/user_ns.h"
#include "fs/file.h"
#include "fs/hostfd.h"
#include "fs/hostfs/hostfs.h"
#include "host/fscred.h"
#include "host/hostcall.h"
#include "host/netns.h"
#include "host/thread.h"
#include "kernel/calls.h"
#include "kernel/devhl.h"
#include "kernel/nsproxy.h"
#include "kernel/tty/console.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/savepoint.h"
#include "kernel/signal.h"
#include "kernel/spawn.h"
#include "kernel/task.h"
#include "kernel/tty/tty.h"
#include "kernel/uts.h"
#include "lib/config.h"
#include "lib/confine.h"
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
#include "lib/saved_world.h"
#include "lib/secluded.h"
#include "lib/snapshot.h"
#include "lib/starter.h"
#include "lib/tree.h"
#include "lib/world.h"
#include "loader/vdso.h"
#include "net/policy.h"
#include "platform/choose.h"
#include "snapshot/image.h"
#include "snapshot/snapshot.h"
#include "trace/tracer.h"
#include "sys/sys.h"
#include "util/time.h"

struct hl_sandbox {
	struct sandbox *kernel;
	struct family *family; /* of a copy: a reference; NULL: it is none */
	struct snapshot *snap; /* where a reset goes back to; NULL: it cannot be reset */
	char *hostname;        /* then, of its configuration; NULL: none */
	int stdio[3];          /* then ours; -1: closed */
	/* A copy in which a driver runs: what a program would start with, but for what
	 * hl_config_add_env adds, and where. dir NULL: it is another one. */
	struct strings base_env;
	char *dir;
	/* Then the thread that has started it; NULL: the caller's. */
	struct starter *starter;
	struct net_policy *net_policy; /* NULL: a constant one */
	struct netns *netns;           /* NULL: none */
	struct publisher *publisher;   /* NULL: no port is published */
	struct output *output;         /* NULL: all of it goes to descriptors of the caller's */
	int input_fd;                  /* ours; -1: a descriptor of the caller's */
	struct calls *calls;
	struct functions *functions; /* NULL: none */
	struct confinement jail;
	struct observer *observer;
	struct secluded secluded; /* what the audit of the observer knows */
	struct encoder world;     /* as its snapshots keep it */
	struct snapshot_options save_options;
	char *save_file;           /* of save_options.early; NULL: none */
	struct filesystem *hostfd; /* what inherited descriptors hang on */
	int event_fd;
	uint64_t start_ns, timeout_ns; /* timeout 0: none */
	pthread_t timer;
	bool has_timer;
	bool freeing;        /* kernel->lock: ends the timer */
	_Atomic bool broken; /* a reset has failed */
	_Atomic uint64_t end_ns;
	_Atomic bool expired, killed;
};

/* ---- start ---- */

static int choose_platform(const struct hl_config *cfg, struct platform_choice *out,
			   struct hl_error **err)
{
	struct errmsg errmsg = { "" };
	int e = platform_choose(cfg->platform, out, &errmsg);

	return e ? error_set(err, e == -EINVAL ? HL_INVALID : HL_PLATFORM, "%s", errmsg.text) : 0;
}

/* What is to be done instead of a program's start; NULLs: nothing else. */
struct instead {
	const struct audience *plan; /* it is told there would be, and nothing is left */
	struct family *family;       /* NULL: it is no copy */
	struct kindred *kindred;     /* of it; NULL: it has none */
	struct starter *starter;     /* then the thread that starts it */
	struct snapshot *snap;       /* of the family; the program goes on that this holds */
	bool driver;                 /* which is a driver */
	bool rest;                   /* the copy does not run, but waits for sandbox_go() */
};

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
	uint64_t none = 0, now = monotonic_ns(), one = 1;

	if (sb->kernel && sb->kernel->main_ended)
		atomic_compare_exchange_strong(&sb->end_ns, &none, now);
	(void)!write(sb->event_fd, &one, sizeof one);
}

static uint64_t ns_of(uint64_t milliseconds)
{
	return milliseconds > UINT64_MAX / 4 / NSEC_PER_MSEC ? UINT64_MAX / 4
							     : milliseconds * NSEC_PER_MSEC;
}

/* When the time limit ends it (monotonic_ns()); 0: never. */
static uint64_t end_of_time(const struct hl_sandbox *sb, const struct hl_config *cfg)
{
	return cfg->timeout_ms ? sb->start_ns + ns_of(cfg->timeout_ms) : 0;
}

static int fail(struct hl_error **err, enum hl_code code, int e, const struct errmsg *errmsg)
{
	const char *text = errmsg->text[0] ? errmsg->text : strerror(-e);

	if (e == -EMFILE)
		return error_set(err, HL_SYSTEM, "%s: hl has used up its descriptors (`ulimit -n`)",
				 text);
	return error_set(err, e == -ENOMEM ? HL_NO_MEMORY : code, "%s", text);
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

static int make_kernel(struct hl_sandbox *sb, const struct hl_config *cfg, const struct instead *in,
		       const struct platform_choice *choice, struct hl_error **err)
{
	struct errmsg errmsg = { "" };
	struct clock_steps begin = { 0 };
	const struct caller_limits *limits = limits_raise();
	struct sandbox_config sc = {
		.platform = choice->platform,
		.kin = in->kindred ? &in->kindred->kin : NULL,
		.machine_hook = { confine_machine_thread, &sb->jail },
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
	return e ? fail(err, HL_PLATFORM, e, &errmsg) : 0;
}

static int wrap_stdio(struct hl_sandbox *sb, const int stdio[3], struct spawn_request *rq)
{
	const struct user_namespace *users = sb->kernel->vfs->user_ns;
	const struct hostfs_options opt = {
		.pm = sb->kernel->physmem,
		.users = users,
		.contained = users->contained,
	};
	int err = sb->hostfd ? 0 : hostfd_create(&opt, &sb->hostfd);

	for (int fd = 0; !err && fd < 3; fd++) {
		if (stdio[fd] >= 0 && host_is_open(stdio[fd]))
			err = hostfd_wrap(sb->hostfd, nsproxy_mnt(sb->kernel->nsproxy), stdio[fd],
					  &rq->stdio[fd]);
		if (rq->stdio[fd])
			rq->stdio[fd]->stdio = (unsigned char)(fd + 1);
	}
	return err ? err : console_attach(sb->kernel, rq->stdio, &rq->controlling);
}

static void put_stdio(struct spawn_request *rq)
{
	for (int fd = 0; fd < 3; fd++) {
		if (rq->stdio[fd])
			file_put(rq->stdio[fd]);
	}
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
		return fail(err, e == -ENOENT ? HL_NOT_FOUND : HL_NOT_EXEC, e, &errmsg);
	rq->path = path;
	e = spawn(sb, rq, &errmsg);
	if (e == -ENOEXEC && tree_looks_like_script(sb->kernel, from, path))
		e = spawn_by_shell(sb, cfg, rq);
	free(path);
	return e ? fail(err, spawn_code(e), e, &errmsg) : 0;
}

static int mount_tree(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err)
{
	struct mount_list mounts = { .item = NULL };
	struct errmsg errmsg = { "" };
	int e = world_mounts(cfg, &mounts, &errmsg);

	if (!e)
		e = tree_mount(sb->kernel, cfg, &mounts, end_of_time(sb, cfg), &errmsg);
	bool late = e == -ETIMEDOUT && cfg->timeout_ms && monotonic_ns() >= end_of_time(sb, cfg);
	int ret = e ? fail(err, late ? HL_TIMED_OUT : HL_SYSTEM, e, &errmsg)
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
		return fail(err, e == -ENOENT ? HL_NOT_FOUND : HL_NOT_EXEC, e, &errmsg);
	path_string(&from->workdir, &whole, workdir, sizeof workdir);
	e = world_mounts(cfg, &mounts, &errmsg);
	if (!e && !plan_tell(&(struct plan){ cfg, sb->kernel->platform->name, program, workdir,
					     from->cred, from->env, &mounts, &sb->jail },
			     to->fn, to->arg))
		e = -ENOMEM;
	mount_list_clear(&mounts);
	free(program);
	return e ? fail(err, HL_SYSTEM, e, &errmsg) : 0;
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
		e = wrap_stdio(sb, cfg->stdio, &rq);
	int ret = e      ? fail(err, HL_SYSTEM, e, &errmsg)
		  : plan ? tell_plan(sb, cfg, &from, plan, err)
			 : run_program(sb, cfg, &from, &rq, err);
	put_stdio(&rq);
	if (workdir.dentry)
		path_put(&workdir);
	strings_clear(&env);
	cred_put(cred);
	return ret;
}

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

/* A file that can be made now alone: whoever is confined can make none. */
static int make_save_file(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err)
{
	struct errmsg errmsg = { "" };

	if (!cfg->save_file)
		return 0;
	sb->save_file = strdup(cfg->save_file);
	int e = sb->save_file ? image_create_early(sb->save_file, &sb->save_options.early, &errmsg)
			      : -ENOMEM;
	return e ? fail(err, HL_SYSTEM, e, &errmsg) : 0;
}

/* What a copy that can be reset needs of its configuration: each run has it. */
static int keep_config(struct hl_sandbox *sb, const struct hl_config *cfg)
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
	int e = wrap_stdio(sb, stdio, &rq);

	sb->kernel->copy.number = snapshot_count_copy(snap);
	if (!e)
		e = snapshot_load(snap, sb->kernel, rq.stdio,
				  sb->jail.jail.whole_process ? NULL : &sb->world, &errmsg);
	put_stdio(&rq);
	if (e)
		return fail(err, snapshot_code(e), e, &errmsg);
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
	return e ? fail(err, HL_SYSTEM, e, &errmsg) : 0;
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
				 "published ports, or the program has changed what is mounted; "
				 "start another copy");
	return e ? error_set(err, HL_PLATFORM, "the sandbox cannot be reset: %s", strerror(-e)) : 0;
}

static int start_copy(struct hl_sandbox *sb, const struct hl_config *cfg, const struct instead *in,
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

/* ---- the time limit ---- */

/* Whoever waits may want to know that the end has begun. */
static void kill_all(struct hl_sandbox *sb)
{
	uint64_t one = 1;

	sandbox_kill(sb->kernel);
	(void)!write(sb->event_fd, &one, sizeof one);
}

/* For HL_FOREVER it is centuries away. */
uint64_t sandbox_deadline(uint64_t milliseconds)
{
	return monotonic_ns() + ns_of(milliseconds);
}

/* Until somebody says that something has changed, or -ETIMEDOUT. The kernel's lock is held. */
static int wait_changed(struct hl_sandbox *sb, uint64_t until)
{
	return cond_wait_until(&sb->kernel->changed, &sb->kernel->lock, until);
}

static void *timer_main(void *arg)
{
	struct hl_sandbox *sb = arg;
	uint64_t end = sb->start_ns + sb->timeout_ns;
	int err = 0;

	sandbox_lock(sb->kernel);
	while (!err && !sb->freeing && !sb->kernel->main_ended)
		err = wait_changed(sb, end);
	bool over = err && !sb->kernel->main_ended;
	if (over)
		sb->expired = true;
	sandbox_unlock(sb->kernel);
	if (over)
		kill_all(sb);
	return NULL;
}

static int start_timer(struct hl_sandbox *sb, uint64_t timeout_ms, struct hl_error **err)
{
	sb->timeout_ns = ns_of(timeout_ms);
	if (!timeout_ms)
		return 0;
	int e = host_thread_start(&sb->timer, 0, 0, timer_main, sb);
	sb->has_timer = e == 0;
	return e ? error_set(err, HL_SYSTEM, "no thread for the time limit: %s", strerror(-e)) : 0;
}

static void stop_timer(struct hl_sandbox *sb)
{
	if (!sb->has_timer)
		return;
	sandbox_lock(sb->kernel);
	sb->freeing = true;
	cond_broadcast(&sb->kernel->changed);
	sandbox_unlock(sb->kernel);
	pthread_join(sb->timer, NULL);
	sb->has_timer = sb->freeing = false;
}

/* The streams of a run: the caller's descriptors, or ours in their place. */
static int make_streams(struct hl_sandbox *sb, struct hl_config *cfg)
{
	for (int fd = 1; fd < 3; fd++) {
		if (output_fd(sb->output, fd) >= 0)
			cfg->stdio[fd] = output_fd(sb->output, fd);
	}
	if (!cfg->has_input)
		return 0;
	if (sb->input_fd >= 0)
		close(sb->input_fd);
	sb->input_fd = input_open(cfg->input, cfg->input_len);
	cfg->stdio[0] = sb->input_fd;
	return sb->input_fd < 0 ? sb->input_fd : 0;
}

static int make_output(struct hl_sandbox *sb, struct hl_config *cfg, struct hl_error **err)
{
	bool wanted = cfg->output[0].wanted || cfg->output[1].wanted;
	int e = wanted ? output_new(cfg->output, &sb->output) : 0;

	if (!e)
		e = make_streams(sb, cfg);
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

/* A copy's thread may be confined by birth: then the caller's does it. */
static int make_before(struct hl_sandbox *sb, struct hl_config *cfg, const struct instead *in,
		       struct hl_error **err)
{
	struct unconfined u = { sb, cfg, err, 0 };

	if (in->plan)
		return 0;
	if (in->kindred)
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
	int e = sb->snap ? keep_config(sb, cfg) : 0;
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
	sb->jail = in->kindred->jail;
	return 0;
}

static int start(const struct hl_config *config, const struct instead *in, struct hl_sandbox **out,
		 struct hl_error **err)
{
	struct platform_choice choice;
	struct hl_sandbox *sb;

	if (check_config(config, in, err) || check_limits(err) ||
	    choose_platform(config, &choice, err))
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
		ret = make_save_file(sb, cfg, err);
	if (!ret)
		ret = confine_first(sb, cfg, in, err);
	if (!ret)
		ret = make_kernel(sb, cfg, in, &choice, err);
	if (!ret)
		log_platform(cfg, sb->kernel->platform, &choice);
	if (!ret)
		ret = confine_calls(&sb->jail, cfg, sb->kernel, err);
	if (!ret)
		ret = mount_tree(sb, cfg, err);
	if (!ret)
		ret = publisher_start(sb->publisher, sb->kernel, err);
	if (!ret)
		ret =
		    in->snap ? start_copy(sb, cfg, in, err) : start_program(sb, cfg, in->plan, err);
	if (!ret && !in->plan && !in->rest)
		ret = start_timer(sb, cfg->timeout_ms, err);
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

static int start_asked(void *arg)
{
	struct start_request *rq = arg;

	return start(rq->cfg, rq->in, rq->out, rq->err);
}

/* The caller's function is called in the caller's thread. */
static void pass_ready(void *arg)
{
	struct start_request *rq = arg;

	starter_call_back(rq->starter, rq->ready, rq->ready_arg);
}

static int start_aside(const struct hl_config *cfg, const struct instead *in,
		       struct hl_sandbox **out, struct hl_error **err)
{
	if (!cfg)
		return start(cfg, in, out, err);
	struct hl_config ours = *cfg;
	struct instead with = *in;
	struct start_request rq = { .cfg = &ours,
				    .in = &with,
				    .out = out,
				    .err = err,
				    .ready = cfg->ready,
				    .ready_arg = cfg->ready_arg };

	if (cfg->ready) {
		ours.ready = pass_ready;
		ours.ready_arg = &rq;
	}
	with.kindred = in->family ? family_kindred(in->family, cfg) : NULL;
	int e =
	    with.kindred ? kindred_starter(with.kindred, &rq.starter) : starter_new(&rq.starter);
	if (e)
		return error_set(err, HL_SYSTEM, "no thread to start a sandbox: %s", strerror(-e));
	with.starter = rq.starter;
	int ret = starter_call(rq.starter, start_asked, &rq);
	if (!ret && *out && (*out)->snap)
		(*out)->starter = rq.starter;
	else
		starter_free(rq.starter);
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
	stop_timer(sb);
	return ask(sb, rest, err);
}

int sandbox_go(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err)
{
	struct hl_config own = *cfg;
	int e = make_streams(sb, &own);

	if (!e)
		e = keep_config(sb, &own);
	if (e)
		return error_set(err, HL_SYSTEM, "a copy to be reset: %s", strerror(-e));
	output_forget(sb->output);
	if (tell_copy(sb, cfg, err) || ask(sb, go, err))
		return -1;
	return start_timer(sb, cfg->timeout_ms, err);
}

int sandbox_prepare(const struct hl_config *cfg, const struct hl_snapshot *snapshot,
		    struct hl_sandbox **out, struct hl_error **err)
{
	const struct instead in = instead_of(snapshot, true);

	return start_somewhere(cfg, &in, out, err);
}

int hl_sandbox_reset(struct hl_sandbox *sb, struct hl_error **err)
{
	if (!sb->snap)
		return error_set(err, HL_STATE, "this sandbox was not started to be reset");
	stop_timer(sb);
	return ask(sb, rest_and_go, err) ? -1
					 : start_timer(sb, sb->timeout_ns / NSEC_PER_MSEC, err);
}

int hl_config_plan(const struct hl_config *cfg, hl_plan_fn *fn, void *arg, struct hl_error **err)
{
	struct hl_sandbox *none = NULL; /* a plan makes none */

	const struct audience to = { fn, arg };

	return start_aside(cfg, &(struct instead){ .plan = &to }, &none, err);
}

/* ---- end ---- */

/* Is it decided how the program ends? Its threads may still be on their way. */
static bool end_is_known(const struct hl_sandbox *sb, int *status)
{
	lock_assert_held(&sb->kernel->lock);
	const struct sandbox *k = sb->kernel;

	if (!k->main_ended && !k->main->group_exiting)
		return false;
	*status = k->main_ended ? k->exit_status : k->main->exit_code;
	return true;
}

static void fill_end(struct hl_sandbox *sb, int st, struct hl_result *res)
{

	res->end = WIFSIGNALED(st) ? HL_SIGNALED : HL_EXITED;
	res->status = WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st);
	if (sb->kernel->dead_reason[0])
		res->end = HL_BROKEN;
	else if (res->end == HL_SIGNALED && res->status == SIGKILL && sb->expired)
		res->end = HL_EXPIRED;
	else if (res->end == HL_SIGNALED && res->status == SIGKILL && sb->killed)
		res->end = HL_KILLED;
}

static bool all_are_stopped(const struct sandbox *k)
{
	lock_assert_held(&k->lock);
	struct process *p;

	list_for_each (p, &k->processes, all_node)
		if (p != k->init && !p->zombie && !p->stopped)
			return false;
	return true;
}

static void fill_result(struct hl_sandbox *sb, struct hl_result *res)
{
	lock_assert_held(&sb->kernel->lock);
	uint64_t end = sb->end_ns;
	int status;

	memset(res, 0, sizeof *res);
	res->wall_ns = (end ? end : monotonic_ns()) - sb->start_ns;
	if (end_is_known(sb, &status))
		fill_end(sb, status, res);
	else
		res->stopped = sb->kernel->main->stopped;
	res->all_stopped = res->stopped && all_are_stopped(sb->kernel);
}

static bool ended_locked(const struct hl_sandbox *sb)
{
	return sb->kernel->main_ended && sb->kernel->nr_tasks == 0;
}

int hl_sandbox_wait(struct hl_sandbox *sb, uint64_t milliseconds, struct hl_result *res,
		    struct hl_error **err)
{
	struct hl_result r;
	uint64_t events, until = sandbox_deadline(milliseconds);

	(void)!read(sb->event_fd, &events, sizeof events);
	sandbox_lock(sb->kernel);
	while (!ended_locked(sb) && wait_changed(sb, until) == 0)
		;
	bool ended = ended_locked(sb);
	fill_result(sb, &r);
	sandbox_unlock(sb->kernel);
	if (ended)
		output_drain(sb->output);
	if (res)
		*res = r;
	if (!ended)
		return error_set(err, HL_TIMED_OUT, "still running");
	if (r.end == HL_BROKEN)
		return error_set(err, HL_PLATFORM, "%s", sb->kernel->dead_reason);
	return 0;
}

int hl_sandbox_take_output(struct hl_sandbox *sb, int fd, struct hl_bytes *out, uint64_t *lost,
			   struct hl_error **err)
{
	uint64_t too_many = 0;

	*out = (struct hl_bytes){ NULL, 0 };
	if ((fd != 1 && fd != 2) || output_fd(sb->output, fd) < 0)
		return error_set(err, HL_STATE, "output of descriptor %d is not kept", fd);
	output_take(sb->output, fd, out, &too_many);
	if (lost)
		*lost = too_many;
	return 0;
}

int hl_sandbox_event_fd(struct hl_sandbox *sb)
{
	return sb->event_fd;
}

struct calls *sandbox_calls(struct hl_sandbox *sb)
{
	return sb->calls;
}

struct sandbox *sandbox_kernel(struct hl_sandbox *sb, struct cred **cred)
{
	struct sandbox *k = sb->kernel;

	sandbox_lock(k);
	*cred = cred_get(k->main ? process_cred(k->main) : k->vfs->monitor);
	sandbox_unlock(k);
	return k;
}

enum hl_state hl_sandbox_state(struct hl_sandbox *sb)
{
	bool ready, busy;

	sandbox_lock(sb->kernel);
	bool broken = sb->broken || sb->kernel->dead_reason[0];
	bool ended = sb->kernel->main_ended || sb->kernel->ending;
	sandbox_unlock(sb->kernel);
	calls_state(sb->calls, &ready, &busy);
	return broken           ? HL_STATE_BROKEN
	       : ended          ? HL_STATE_ENDED
	       : ready && !busy ? HL_STATE_READY
				: HL_STATE_BUSY;
}

void hl_sandbox_kill(struct hl_sandbox *sb)
{
	sb->killed = true;
	kill_all(sb);
}

/* ---- signals ---- */

static int check_signal(int sig, struct hl_error **err)
{
	return sig < 1 || sig > NSIGNALS ? error_set(err, HL_INVALID, "there is no signal %d", sig)
					 : 0;
}

/* There is none while the sandbox is being reset. */
static bool has_program(const struct hl_sandbox *sb)
{
	lock_assert_held(&sb->kernel->lock);
	return sb->kernel->main && !sb->kernel->main_ended;
}

static int program_has_ended(struct hl_error **err)
{
	return error_set(err, HL_STATE, "the program has ended");
}

int hl_sandbox_signal(struct hl_sandbox *sb, int sig, struct hl_error **err)
{
	siginfo_t si;

	if (check_signal(sig, err))
		return -1;
	/* as from a process outside of the guest's pid namespace */
	siginfo_kernel(&si, sig, SI_USER);
	si.si_uid = getuid();
	sandbox_lock(sb->kernel);
	bool there = has_program(sb);
	if (there)
		signal_send_process(sb->kernel->main, sig, &si);
	sandbox_unlock(sb->kernel);
	return there ? 0 : program_has_ended(err);
}

int hl_sandbox_signal_terminal(struct hl_sandbox *sb, int sig, struct hl_error **err)
{
	siginfo_t si;

	if (check_signal(sig, err))
		return -1;
	siginfo_kernel(&si, sig, SI_KERNEL);
	sandbox_lock(sb->kernel);
	bool there = has_program(sb);
	struct tty *console = sig == SIGCONT ? NULL : sb->kernel->console;
	if (there && !(console && tty_signal_locked(console, sig)))
		signal_send_pgrp(sb->kernel->main->pgrp, sig, &si);
	sandbox_unlock(sb->kernel);
	return there ? 0 : program_has_ended(err);
}

/* ---- pauses ---- */

int hl_sandbox_pause(struct hl_sandbox *sb, struct hl_error **err)
{
	return sandbox_freeze(sb->kernel) ? error_set(err, HL_STATE, "too many pauses") : 0;
}

int hl_sandbox_resume(struct hl_sandbox *sb, struct hl_error **err)
{
	return sandbox_thaw(sb->kernel) ? error_set(err, HL_STATE, "the sandbox is not paused") : 0;
}

/* ---- snapshots ---- */

bool hl_sandbox_idle(struct hl_sandbox *sb)
{
	struct process *p;
	struct task *t;
	bool idle = true;

	sandbox_lock(sb->kernel);
	list_for_each (p, &sb->kernel->processes, all_node) {
		list_for_each (t, &p->tasks, process_node)
			idle &= task_state(t) != 'R';
	}
	sandbox_unlock(sb->kernel);
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
	return e ? fail(err, snapshot_code(e), e, &errmsg) : 0;
}

static void destroy(struct hl_sandbox *sb)
{
	starter_free(sb->starter);
	publisher_free(sb->publisher);
	struct fscred_saved own;
	bool saved = fscred_save(&own) == 0;

	for (int fd = 0; fd < 3; fd++)
		if (sb->stdio[fd] >= 0)
			close(sb->stdio[fd]);
	free(sb->hostname);
	image_writer_free(sb->save_options.early);
	free(sb->save_file);
	free(sb->dir);
	strings_clear(&sb->base_env);
	if (sb->kernel) {
		snapshot_forget(sb->kernel);
		if (sb->hostfd)
			filesystem_put(sb->hostfd);
		sandbox_destroy(sb->kernel);
	}
	net_policy_free(sb->net_policy);
	netns_free(sb->netns);
	functions_stop(sb->functions, UINT64_MAX / 4);
	functions_free(sb->functions);
	calls_free(sb->calls);
	output_free(sb->output);
	if (sb->input_fd >= 0)
		close(sb->input_fd);
	tracer_destroy(sb->observer);
	secluded_clear(&sb->secluded);
	encoder_free(&sb->world);
	if (sb->event_fd >= 0)
		close(sb->event_fd);
	family_put(sb->family);
	free(sb);
	if (saved)
		fscred_restore(&own);
}

/* False: then there still are threads. */
static bool wait_tasks(struct hl_sandbox *sb, uint64_t until)
{
	sandbox_lock(sb->kernel);
	while (sb->kernel->nr_tasks && wait_changed(sb, until) == 0)
		;
	bool gone = sb->kernel->nr_tasks == 0;
	sandbox_unlock(sb->kernel);
	return gone;
}

static void *destroy_later(void *arg)
{
	struct hl_sandbox *sb = arg;

	sandbox_wait_tasks(sb->kernel);
	destroy(sb);
	return NULL;
}

/* The thread that does not come back will need what is the sandbox's if it ever does. Where there
 * is no thread to wait for it, all stays. */
static void leave_behind(struct hl_sandbox *sb)
{
	pthread_t thread;

	if (sb->observer)
		tracer_mute(sb->observer);
	physmem_hurry(sb->kernel->physmem);
	(void)host_thread_start(&thread, 0, THREAD_DETACHED, destroy_later, sb);
}

int hl_sandbox_free_within(struct hl_sandbox *sb, uint64_t milliseconds, struct hl_error **err)
{
	if (sb && sb->kernel) {
		uint64_t until = sandbox_deadline(milliseconds);
		stop_timer(sb);
		sandbox_kill(sb->kernel);
		if (!wait_tasks(sb, until) || !functions_stop(sb->functions, until)) {
			leave_behind(sb);
			return error_set(err, HL_LEFT_BEHIND,
					 "a call of the host does not end in time: its thread is "
					 "left behind, with the memory of the sandbox");
		}
	}
	if (sb)
		destroy(sb);
	return 0;
}

void hl_sandbox_free(struct hl_sandbox *sb)
{
	hl_sandbox_free_within(sb, HL_FOREVER, NULL);
}

/* ---- counters ---- */

void hl_sandbox_stats(struct hl_sandbox *sb, struct hl_stats *out)
{
	struct sandbox_totals t;

	sandbox_totals(sb->kernel, &t);
	*out = (struct hl_stats){
		.syscalls = t.syscalls,
		.entries = t.entries,
		.faults = t.faults,
		.exceptions = t.exceptions,
		.interrupts = t.interrupts,
		.threads = t.threads,
		.guest_memory = arena_used(sb->kernel->arena),
	};
	tracer_peaks(sb->observer, &out->guest_memory_max, &out->threads_max);
}

struct each_call {
	void (*fn)(void *arg, const struct hl_call_stats *c);
	void *arg;
};

static void report_call(void *arg, const struct call_report *r)
{
	struct each_call *e = arg;
	struct hl_call_stats c = { r->name, r->nr, r->calls, r->errors, r->total_ns, r->max_ns };

	e->fn(e->arg, &c);
}

void hl_sandbox_each_call(struct hl_sandbox *sb,
			  void (*fn)(void *arg, const struct hl_call_stats *c), void *arg)
{
	struct each_call e = { fn, arg };

	if (sb->observer)
		tracer_each_call(sb->observer, report_call, &e);
}
