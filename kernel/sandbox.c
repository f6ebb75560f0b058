/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file makes a sandbox from its parts, ends it and takes it apart. The order in
 * sandbox_destroy() matters: tasks end first, then what they may have left open, and the memory
 * goes last.
 */
#include "kernel/mq_notify.h"
#include "kernel/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "cred/cred.h"
#include "host/zero.h"
#include "kernel/calls.h"
#include "kernel/epoll.h"
#include "kernel/exec.h"
#include "kernel/fasync.h"
#include "kernel/bandwidth.h"
#include "kernel/fdtable.h"
#include "kernel/futex.h"
#include "kernel/hardware.h"
#include "kernel/ktimer.h"
#include "kernel/nsproxy.h"
#include "kernel/oom.h"
#include "kernel/process.h"
#include "kernel/savepoint.h"
#include "kernel/tty/pty.h"
#include "kernel/spawn.h"
#include "kernel/task.h"
#include "kernel/tty/tty.h"
#include "loader/vdso.h"
#include "mm/filecache.h"
#include "net/net.h"
#include "net/policy.h"
#include "util/minmax.h"

#define GUEST_PID_MAX 4194304 /* /proc/sys/kernel/pid_max of 64-bit Linux */

/* Limits of the caller, as inherited by any program it starts; none where the host does not tell.
 * What the sandbox is limited to comes in their place. */
static void init_rlimits(struct process *p, const struct sandbox_config *cfg)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		if (getrlimit((__rlimit_resource_t)i, &p->rlimits[i]) < 0)
			p->rlimits[i] = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	}
	if (cfg->nofile)
		p->rlimits[RLIMIT_NOFILE] = *cfg->nofile;
	if (cfg->fsize)
		p->rlimits[RLIMIT_FSIZE] = *cfg->fsize;
	const struct sandbox_limits *l = &cfg->limits;
	if (l->files)
		p->rlimits[RLIMIT_NOFILE] =
		    (struct rlimit){ sandbox_nr_open(p->sb), sandbox_nr_open(p->sb) };
	if (l->stack)
		p->rlimits[RLIMIT_STACK] = (struct rlimit){ l->stack, l->stack };
}

#define FILES_KEPT 256

/* Guests' files and what it takes to run guests come out of one limit of the host's. A quarter is
 * kept where it is low. */
static int files_for_guests(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur > INT_MAX)
		return INT_MAX;
	int all = (int)rl.rlim_cur, quarter = all / 4;
	return all - (quarter < FILES_KEPT ? quarter : FILES_KEPT);
}

static int create_namespaces(struct sandbox *sb)
{
	/* pid 1 is none of the guest's */
	const unsigned max_tasks = sb->limits.pids && sb->limits.pids < GUEST_PID_MAX
				       ? (unsigned)sb->limits.pids + 1
				       : GUEST_PID_MAX;
	sb->pid_ns = pid_ns_new(sb->vfs, GUEST_PID_MAX, max_tasks);
	sb->nsproxy = sb->pid_ns ? nsproxy_new(sb) : NULL;
	return sb->nsproxy ? 0 : -ENOMEM;
}

static int make_boot_id(struct sandbox *sb)
{
	struct random_stream r = { .fixed = false };

	if (sb->clock.steps)
		random_stream_fix(&r, (uint64_t)sb->clock.realtime, RANDOM_OF_SANDBOX);
	return random_bytes(&r, sb->boot_id, sizeof sb->boot_id);
}

/* pid 1: adopts orphans and reaps them at once; it has no thread and takes no signals. */
static int create_init(struct sandbox *sb, const struct sandbox_config *cfg)
{
	struct cred *cred = cred_of_init(sb->vfs->user_ns);
	if (!cred)
		return -ENOMEM;
	sandbox_lock(sb);
	int err = process_new(sb, NULL, sb->pid_ns, NULL, 0, &sb->init);
	if (err) {
		cred_put(cred);
	} else {
		process_set_cred(sb->init, cred);
		init_rlimits(sb->init, cfg);
		process_set_pgrp(sb->init, sb->init->pid);
		process_set_session(sb->init, sb->init->pid);
	}
	sandbox_unlock(sb);
	return err;
}

/* No limit of its own: as if it were infinite. */
static uint64_t memory_limit(const struct sandbox *sb)
{
	return sb->limits.memory ? sb->limits.memory : UINT64_MAX;
}

bool sandbox_memory(struct sandbox *sb, uint64_t *total, uint64_t *used)
{
	if (!sb->limits.memory)
		return false;
	*total = sb->vfs->ram;
	*used = min64(budget_measure(sb->mem.budget), *total);
	return true;
}

static int create_machine(struct sandbox *sb, const struct sandbox_config *cfg,
			  struct errmsg *errmsg)
{
	struct hardware hw;
	int err = 0;

	if (cfg->hardware)
		hardware_move(&hw, cfg->hardware);
	else
		err = hardware_make(&hw, cfg->platform, cfg->kin, &cfg->machine_hook, errmsg);
	if (err)
		return err;
	const struct platform *pf = sb->platform;
	sb->machine = hw.machine;
	sb->physmem = hw.physmem;
	sb->arena = hw.arena;
	sb->mem.props = hw.props;
	sb->mem.platform = pf;
	sb->mem.machine = sb->machine;
	sb->mem.arena = sb->arena;
	sb->mem.clock = &sb->clock;
	sb->mem.killed = task_current_killed;
	if (sb->mem.props.copy_files)
		err = filecache_create(sb->arena, &sb->mem.filecache);
	return err ? err : vdso_clock_create(&sb->mem);
}

int sandbox_create(const struct sandbox_config *cfg, struct sandbox **out, struct errmsg *errmsg)
{
	struct sandbox *sb = calloc(1, sizeof *sb);
	if (!sb)
		return errmsg_set(errmsg, ENOMEM, "out of memory");
	sb->platform = cfg->platform;
	sb->syscall = cfg->syscall;
	sb->seccomp_logged = SECCOMP_LOGGED_FIRST;
	sb->observer = cfg->observer;
	sb->core_store = cfg->core_store;
	sb->notify = cfg->notify;
	sb->calls = cfg->calls;
	sb->notify_arg = cfg->notify_arg;
	sb->host_priority = cfg->host_priority;
	sb->reusable = cfg->reusable;
	sb->clock = cfg->clock;
	sb->clock.steps = cfg->deterministic ? &sb->steps : NULL;
	sb->limits = cfg->limits;
	sb->net_policy = cfg->net_policy ? cfg->net_policy : &net_policy_default;
	sb->files_max = files_for_guests();
	sched_of_host(&sb->sched);
	mutex_init(&sb->mem.disk.lock, LOCK_DISK);
	mutex_init(&sb->mem.disk.files_lock, LOCK_DISK_FILES);
	/* what is there at the start is put there freely */
	sb->mem.disk.quota.max = cfg->limits.disk ? UINT64_MAX : 0;
	mutex_init(&sb->freeze_lock, LOCK_FREEZE);
	freezer_init(&sb->freezer);
	strcpy(sb->core.pattern, "core");
	mutex_init(&sb->lock, LOCK_SANDBOX);
	cond_init(&sb->changed);
	list_init(&sb->processes);
	list_init(&sb->leaving);
	waitqueue_init(&sb->signal_sent);
	waitqueue_init(&sb->uts_changes.queue);
	int err = make_boot_id(sb);
	if (!err)
		err = random_bytes(NULL, sb->order_key, sizeof sb->order_key);
	if (!err)
		err = guest_clock_check(&sb->clock);
	if (!err)
		err = cpus_choose(&sb->cpus, cfg->limits.cpus);
	if (!err)
		err = kick_init();
	if (!err)
		err = create_machine(sb, cfg, errmsg);
	if (!err)
		err = oom_init(sb, cfg->limits.memory);
	if (!err) {
		sb->mem.commit_max = memory_limit(sb);
		err = futex_table_create(&sb->futexes);
	}
	if (!err)
		err = vfs_create(cfg->monitor, &sb->vfs);
	if (!err) {
		sb->vfs->mem = &sb->mem;
		sb->vfs->ram =
		    min64((uint64_t)sysconf(_SC_PHYS_PAGES) * PAGE_SIZE, memory_limit(sb));
		sb->vfs->mapped.max = sb->vfs->files.max =
		    sb->limits.files ? sb->limits.files : FILES_UNLIMITED;
		ipc_domain_init(&sb->ipc, sb->vfs, &sb->mem, task_current_process, &mq_teller);
		aio_domain_init(&sb->aio, &sb->mem);
		key_domain_init(&sb->keys, &sb->mem);
		net_domain_init(&sb->nets, &sb->mem, sb->vfs->ns_numbers);
		err = create_namespaces(sb);
	}
	if (!err)
		err = devhl_add(sb);
	if (!err)
		err = create_init(sb, cfg);
	if (!err && sb->platform->machine_ready)
		err = sb->platform->machine_ready(sb->machine, errmsg);
	if (err) {
		sandbox_destroy(sb);
		return errmsg_set(errmsg, -err, "cannot create a sandbox: %s", strerror(-err));
	}
	*out = sb;
	return 0;
}

void sandbox_kill_locked(struct sandbox *sb)
{
	struct process *p;
	sb->ending = true;
	calls_end(sb->calls);
	if (sb->arena && !sb->reusable)
		arena_retire(sb->arena);
	list_for_each (p, &sb->processes, all_node) {
		if (!list_empty(&p->tasks))
			process_kill_locked(p, SIGKILL);
	}
}

void sandbox_kill(struct sandbox *sb)
{
	sandbox_lock(sb);
	sb->hurried |= !sb->main_ended;
	sandbox_kill_locked(sb);
	sandbox_unlock(sb);
}

void sandbox_changed_locked(struct sandbox *sb)
{
	lock_assert_held(&sb->lock);
	cond_broadcast(&sb->changed);
	if (sb->notify)
		sb->notify(sb->notify_arg);
}

void sandbox_totals(struct sandbox *sb, struct sandbox_totals *out)
{
	struct process *p;
	struct task *t;
	sandbox_lock(sb);
	*out = sb->totals;
	list_for_each (p, &sb->processes, all_node) {
		list_for_each (t, &p->tasks, process_node)
			totals_add(out, t);
	}
	sandbox_unlock(sb);
}

void sandbox_wait_tasks(struct sandbox *sb)
{
	zero_wait(&sb->nr_tasks);
	/* the last one has let go of it */
	sandbox_lock(sb);
	sandbox_unlock(sb);
}

/* Zombies whose parents ended without waiting, and what never ran (a snapshot that could not be
 * loaded): such a one may still have children, which are younger and go first. Init comes last,
 * where it is not kept. No task is left. */
static void reap_all(struct sandbox *sb, bool keep_init)
{
	sandbox_lock(sb);
	while (!list_empty(&sb->processes)) {
		struct process *p = list_last(&sb->processes, struct process, all_node);
		if (keep_init && p == sb->init)
			break;
		process_reap(p);
	}
	sandbox_unlock(sb);
}

/* What a run leaves in the sandbox itself. */
static int forget_run(struct sandbox *sb)
{
	sandbox_lock(sb);
	process_put(sb->main);
	sb->main = NULL;
	sandbox_unlock(sb);
	ipc_ns_clear(nsproxy_ipc(sb->nsproxy));
	net_domain_clear(&sb->nets);
	int err = net_clear(nsproxy_net(sb->nsproxy));
	key_domain_clear(&sb->keys);
	sb->totals = (struct sandbox_totals){ 0 };
	sb->gone = (struct rusage_sum){ 0 };
	sb->exit_status = 0;
	sb->ending = sb->hurried = sb->main_ended = sb->held = false;
	calls_begin(sb->calls);
	mutex_lock(&sb->freeze_lock);
	sb->freezes = 0;
	sb->freeze = FREEZE_RUNNING;
	mutex_unlock(&sb->freeze_lock);
	return err;
}

int sandbox_clear(struct sandbox *sb, const struct guest_clock *clock)
{
	sandbox_kill(sb);
	sandbox_wait_tasks(sb);
	if (sb->dead_reason[0])
		return -EIO;
	if (sb->console || sb->mounts_made != sb->vfs->mount_event)
		return -ENOTSUP;
	reap_all(sb, true);
	int err = forget_run(sb);
	if (err)
		return err;
	sb->steps.passed = 0;
	if (make_boot_id(sb))
		return -EIO;
	vdso_clock_set(sb->mem.vdso, &sb->clock, clock);
	return 0;
}

void sandbox_destroy(struct sandbox *sb)
{
	if (!sb)
		return;
	sandbox_kill(sb);
	sandbox_wait_tasks(sb);
	oom_stop(sb);
	fasync_stop(sb);
	if (sb->pid_ns)
		reap_all(sb, false);
	process_put(sb->main);
	/* files in flight between sockets end here, which belong to all that follows */
	net_domain_clear(&sb->nets);
	ktimer_stop(sb);
	cputimer_stop(sb);
	bandwidth_stop(sb);
	if (sb->console)
		tty_put(sb->console);
	pty_table_free(sb->ptys);
	filecache_destroy(sb->mem.filecache);
	nsproxy_put(sb->nsproxy);
	if (sb->pid_ns)
		ns_put(&sb->pid_ns->ns);
	ipc_domain_destroy(&sb->ipc);
	net_domain_destroy(&sb->nets);
	aio_domain_destroy(&sb->aio);
	if (sb->vfs)
		vfs_destroy(sb->vfs);
	key_domain_destroy(&sb->keys);
	if (sb->futexes)
		futex_table_destroy(sb->futexes);
	epoll_domain_free(sb->epolls);
	fasync_domain_free(sb->fasyncs);
	if (sb->mem.vdso)
		vdso_clock_destroy(sb->mem.vdso);
	if (sb->image)
		memfile_put(sb->image);
	if (sb->arena)
		arena_destroy(sb->arena);
	if (sb->machine)
		sb->platform->machine_destroy(sb->machine);
	if (sb->physmem) {
		if (sb->hurried || WIFSIGNALED(sb->exit_status))
			physmem_hurry(sb->physmem);
		physmem_destroy(sb->physmem);
	}
	free(sb->translators.file);
	free(sb->translators.path);
	savepoint_free(sb);
	devhl_free(sb);
	waitqueue_destroy(&sb->signal_sent);
	waitqueue_destroy(&sb->uts_changes.queue);
	cond_destroy(&sb->changed);
	mutex_destroy(&sb->lock);
	freezer_destroy(&sb->freezer);
	mutex_destroy(&sb->freeze_lock);
	mutex_destroy(&sb->mem.disk.lock);
	mutex_destroy(&sb->mem.disk.files_lock);
	free(sb);
}
