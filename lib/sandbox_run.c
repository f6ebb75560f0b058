/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox while it runs: its time limit, what becomes of it, signals, pauses, counters; and its
 * end. See hl.h. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cred/cred.h"
#include "debug/server.h"
#include "host/fscred.h"
#include "host/hostcall.h"
#include "host/netns.h"
#include "host/thread.h"
#include "kernel/calls.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/spawn.h"
#include "kernel/tty/tty.h"
#include "lib/core.h"
#include "lib/error.h"
#include "lib/family.h"
#include "lib/functions.h"
#include "lib/output.h"
#include "lib/publish.h"
#include "lib/sandbox.h"
#include "lib/sandbox_own.h"
#include "lib/secluded.h"
#include "lib/starter.h"
#include "net/policy.h"
#include "snapshot/image.h"
#include "snapshot/snapshot.h"
#include "trace/tracer.h"
#include "util/time.h"

/* ---- the time limit ---- */

uint64_t sandbox_ns(uint64_t milliseconds)
{
	return milliseconds > UINT64_MAX / 4 / NSEC_PER_MSEC ? UINT64_MAX / 4
							     : milliseconds * NSEC_PER_MSEC;
}

/* Whoever waits may want to know that the end has begun. */
static void kill_all(struct hl_sandbox *sb)
{
	sandbox_kill(sb->kernel);
	host_wake(sb->event_fd);
}

/* For HL_FOREVER it is centuries away. */
uint64_t sandbox_deadline(uint64_t milliseconds)
{
	return monotonic_ns() + sandbox_ns(milliseconds);
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

int sandbox_start_timer(struct hl_sandbox *sb, uint64_t timeout_ms, struct hl_error **err)
{
	sb->timeout_ns = sandbox_ns(timeout_ms);
	if (!timeout_ms)
		return 0;
	int e = host_thread_start(&sb->timer, 0, 0, timer_main, sb);
	sb->has_timer = e == 0;
	return e ? error_set(err, HL_SYSTEM, "no thread for the time limit: %s", strerror(-e)) : 0;
}

void sandbox_stop_timer(struct hl_sandbox *sb)
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

/* ---- free ---- */

static void destroy(struct hl_sandbox *sb)
{
	starter_free(sb->starter);
	publisher_free(sb->publisher);
	debug_server_free(sb->debug);
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
	core_files_free(sb->cores);
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
		sandbox_stop_timer(sb);
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
