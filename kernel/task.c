/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of a guest thread, from its start to its end.
 *
 * 	run the guest -> event -> handle it -> deliver signals -> run ...
 *
 * Whoever wants something of the task (a signal, a stop, its end) says so under sandbox->lock and
 * interrupts its sleeper: the task leaves the guest, a wait or a host call at once and comes to
 * task_work().
 */
#include "kernel/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cred/cred.h"
#include "cred/user.h"
#include "host/thread.h"
#include "host/zero.h"
#include "ipc/sem.h"
#include "kernel/coredump.h"
#include "kernel/cputime.h"
#include "kernel/cputimer.h"
#include "kernel/event.h"
#include "kernel/fasync.h"
#include "kernel/bandwidth.h"
#include "kernel/fdtable.h"
#include "kernel/fork.h"
#include "kernel/freeze.h"
#include "kernel/futex.h"
#include "kernel/membarrier.h"
#include "kernel/oom.h"
#include "kernel/park.h"
#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/ptrace/stop.h"
#include "kernel/rseq.h"
#include "kernel/rseq_cpu.h"
#include "kernel/sandbox.h"
#include "kernel/timer.h"
#include "kernel/vsyscall.h"
#include "mm/access.h"
#include "mm/fault.h"
#include "mm/map.h"
#include "mm/maps.h"
#include "mm/rmap.h"
#include "util/lock.h"
#include "util/time.h"

#define TASK_HOST_STACK (256 << 10)

/* A system call may take memory that nobody counts: a thread measures after so many of its own. */
#define CALLS_BETWEEN_MEASURES 1024

uint64_t task_fsize_limit(struct task *t)
{
	return process_rlimit(t->process, RLIMIT_FSIZE);
}

uint64_t task_nofile_limit(struct task *t)
{
	return process_rlimit(t->process, RLIMIT_NOFILE);
}

static _Thread_local struct task *current;

pid_t task_shown_pid(const struct task *t, pid_t nr)
{
	if (task_pid_ns(t) == t->sb->pid_ns)
		return nr;
	sandbox_lock(t->sb);
	nr = pid_nr_of(t->sb->pid_ns, nr, task_pid_ns(t));
	sandbox_unlock(t->sb);
	return nr;
}

struct task *task_current(void)
{
	return current;
}

bool task_current_killed(void)
{
	return current && sleeper_killed(&current->sleeper);
}

pid_t task_current_process(void)
{
	return current ? current->process->pid->nr : 0;
}

void task_undo_semaphores(struct task *t)
{
	struct sem_undo_list *undo = t->sem_undo;

	t->sem_undo = NULL;
	sem_undo_put(undo, t->process->pid->nr);
}

struct mm_host *task_mem(struct task *t)
{
	return &t->sb->mem;
}

/* Guest code runs inside a host call like any other; a thread that is in one for the guest waits in
 * it. */
char task_state(const struct task *t)
{
	lock_assert_held(&t->sb->lock);
	uint32_t where = atomic_load_explicit(&t->sleeper.kick.state, memory_order_relaxed);

	if (t->tracee && tracee_stopped(t->tracee))
		return 't';
	if (t->stopped)
		return 'T';
	if (t->resting)
		return t->unwound == GAVE_UP_SLEEP ? 'S' : 'R';
	if (atomic_load_explicit(&t->in_guest, memory_order_relaxed))
		return 'R';
	bool woken = atomic_load_explicit(&t->sleeper.kick.pending, memory_order_relaxed);
	return (where == KICK_HOST || where == KICK_FUTEX) && !woken ? 'S' : 'R';
}

/* What it waits for is given up; its next run says why. */
static void on_space_died(void *arg)
{
	struct task *t = arg;

	sleeper_interrupt(&t->sleeper);
}

/* Guest code of the task is not to run while it sleeps. */
static void on_sleep(struct sleeper *s)
{
	struct task *t = container_of(s, struct task, sleeper);

	t->sb->platform->context_halt(t->context);
}

int task_new(struct sandbox *sb, struct process *p, const pid_t *wish, unsigned nr_wish,
	     struct task **out)
{
	struct task *t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	int err = sb->platform->context_create(sb->machine, &t->context);
	if (err) {
		free(t);
		return err;
	}
	sandbox_lock(sb);
	if (p->pid->task || p->nr_tasks || p->user) /* its first thread lives, or has ended */
		err = pid_alloc_wished(p->pid->ns, wish, nr_wish, &t->pid);
	else
		t->pid = pid_get(p->pid);
	if (!err)
		t->pid->task = t;
	sandbox_unlock(sb);
	if (err) {
		sb->platform->context_destroy(t->context);
		free(t);
		return err;
	}
	t->sb = sb;
	t->process = process_get(p);
	t->tid = pid_nr(t->pid, t->pid->ns);
	t->altstack.flags = SS_DISABLE;
	t->timer_slack_ns = t->default_slack_ns = TIMER_SLACK_DEFAULT;
	t->sleeper = (struct sleeper){
		.clock = &sb->clock,
		.sleeps = sb->platform->context_halt ? on_sleep : NULL,
	};
	if (sb->clock.steps)
		random_stream_fix(&t->random, (uint64_t)sb->clock.realtime, (uint64_t)t->tid);
	if (sb->platform->context_watch)
		sb->platform->context_watch(t->context, on_space_died, t);
	sb->mem.counts.tasks++;
	list_init(&t->process_node);
	list_init(&t->tracees);
	sigpending_init(&t->pending);
	*out = t;
	return 0;
}

static void drop_user(struct user *u)
{
	if (u)
		user_uncharge(u, USER_TASKS, 1);
	user_put(u);
}

int task_count(struct task *t, uint64_t max)
{
	struct user *u = user_get(t->sb->vfs->users, t->cred->uid);

	if (!u)
		return -ENOMEM;
	if (!user_charge(u, USER_TASKS, 1, max)) {
		user_put(u);
		return -EAGAIN;
	}
	t->user = u;
	return 0;
}

int task_set_cred(struct task *t, struct cred *new)
{
	struct user *user = t->user;

	if (new->uid != t->cred->uid) {
		user = user_get(t->sb->vfs->users, new->uid);
		if (!user) {
			cred_put(new);
			return -ENOMEM;
		}
		user_charge(user, USER_TASKS, 1, UINT64_MAX);
	}
	sandbox_lock(t->sb);
	struct cred *old = t->cred;
	struct user *old_user = user == t->user ? NULL : t->user;
	/* others of the new user may not look into what the old one left in memory, and its
	 * parent's signal was for the old one */
	if (cred_changes_rights(old, new)) {
		t->process->dumpable = 0;
		t->pdeathsig = 0;
	}
	t->cred = new;
	t->user = user;
	sandbox_unlock(t->sb);
	key_holder_chown(&t->sb->keys, &t->keys, old, new);
	drop_user(old_user);
	cred_put(old);
	(void)cred_assume(new); /* descriptors that are open ask the new user from now on */
	return 0;
}

struct key_caller task_keys(struct task *t)
{
	return (struct key_caller){ &t->sb->keys, t->cred, &t->keys, &t->random };
}

static void put_shared(struct task *t)
{
	seccomp_task_end(t);
	drop_user(t->user);
	if (t->files) {
		struct caller c = task_caller(t);
		fdtable_put(t->files, t->fs ? &c : NULL); /* none: it never got to run */
	}
	if (t->fs)
		fs_struct_put(t->fs);
	sem_undo_put(t->sem_undo, 0);
	key_holder_drop(&t->sb->keys, &t->keys);
	nsproxy_put(t->nsproxy);
	if (t->sighand)
		sighand_put(t->sighand);
	if (t->cred)
		cred_put(t->cred);
	if (t->mm)
		mm_put(t->mm);
}

void task_free(struct task *t)
{
	struct sandbox *sb = t->sb;
	put_shared(t);
	sb->platform->context_destroy(t->context);
	sandbox_lock(sb);
	tracee_free(t);
	sigpending_flush(&t->pending, ~0UL);
	if (t->pid->task == t)
		t->pid->task = NULL;
	pid_detach(t->pid);
	sandbox_unlock(sb);
	pid_put(t->pid);
	process_put(t->process);
	sb->mem.counts.tasks--;
	free(t);
}

/* Only the owner writes: no need of an atomic addition. */
static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

void task_count_read(struct task *t, int64_t n)
{
	count(&t->syscr, 1);
	if (n > 0)
		count(&t->rchar, (uint64_t)n);
}

void task_count_write(struct task *t, int64_t n)
{
	count(&t->syscw, 1);
	if (n > 0)
		count(&t->wchar, (uint64_t)n);
}

/* ---- events ---- */

/* True: the call is to be made again later. */
static bool gave_up(struct task *t, int64_t r)
{
	bool again = resume_wanted(t, r);

	t->unwound = again ? t->sleeper.gave_up : GAVE_UP_NOTHING;
	t->delivery.due = again;
	if (!again)
		resume_end(t);
	return again;
}

static void make_call(struct task *t)
{
	t->regs_replaced = false;
	t->sleeper.gave_up = GAVE_UP_NOTHING;
	if (!t->unwound)
		t->sleeper.since = 0;
	int64_t r = t->sb->syscall(t);
	if (t->signals_due) {
		t->signals_due = false;
		fasync_send_due(t->sb);
	}
	if ((t->sleeper.gave_up || t->unwound) && gave_up(t, r))
		return;
	if (t->tracee && ptrace_call_waits(t))
		return;
	if (++t->since_measured == CALLS_BETWEEN_MEASURES) {
		t->since_measured = 0;
		budget_tick(t->sb->mem.budget);
	}
	if (budget_over(t->sb->mem.budget))
		oom_pause(t);
	if (!t->exiting && !t->regs_replaced) {
		t->sb->platform->syscall_result(t->context, (uint64_t)r);
		bool raw = t->seccomp.raw;
		t->seccomp.raw = false;
		t->delivery = (struct delivery){
			.due = (is_restart(r) && !raw) || t->restore_mask,
			.in_syscall = !raw,
			.result = r,
		};
	}
	if (t->tracee && !t->exiting)
		ptrace_leaves_call(t);
}

/* `again`: its tracer has looked at what its filters said. */
static void filtered_call(struct task *t, bool again)
{
	if (!t->seccomp.mode || seccomp_enters_call(t, again) == SECCOMP_MAKES)
		make_call(t);
}

static void on_syscall(struct task *t)
{
	if (!t->tracee || !ptrace_enters_call(t))
		filtered_call(t, false);
}

/* A page that may be read counts as present, one of PROT_NONE does not; of the kernel's half
 * nothing is told. */
static struct trap fault_trap(struct task *t, int code)
{
	gva_t addr = t->event.fault.addr;
	unsigned access = t->event.fault.access;
	char byte;
	bool present = addr.v >= GUEST_TASK_SIZE ||
		       (code == SEGV_ACCERR && !copy_from_guest(t->mm, &byte, addr, 1));

	return trap_page_fault(addr.v, access == GUEST_WRITE, access == GUEST_EXEC, present);
}

static void on_fault(struct task *t)
{
	int code = 0;
	if (vsyscall_fault(t))
		return;
	t->faults++;
	int err = mm_fault(t->mm, t->event.fault.addr, t->event.fault.access, &code);
	if (budget_over(t->sb->mem.budget))
		oom_pause(t);
	if (err == 0)
		return;
	if (err == -SIGKILL) {
		observer_out_of_resources(t->sb, t->process,
					  "there is no memory for a page that it touched");
		process_exit_group(t, SIGKILL);
		return;
	}
	struct trap trap = fault_trap(t, err == -SIGSEGV ? code : 0);
	signal_force_fault(t, -err, code, t->event.fault.addr, &trap);
}

static void on_lost_page(struct task *t)
{
	struct cpu_regs regs;
	if (mm_drop_lost_pages(t->mm))
		return;
	t->sb->platform->regs_get(t->context, &regs);
	struct trap trap = trap_page_fault(regs_ip(&regs), false, false, false);
	signal_force_fault(t, SIGBUS, BUS_ADRERR, GVA(regs_ip(&regs)), &trap);
}

static void on_dead(struct task *t)
{
	struct sandbox *sb = t->sb;
	const char *why = !t->event.dead ? "the host gives no more threads"
			  : budget_tight(sb->mem.budget)
			      ? "the host ended it, while its memory was nearly used up"
			      : NULL;
	sandbox_lock(sb);
	bool first = !t->group_exiting; /* the others of its process follow it */
	/* Of any other process, its parent hears. */
	if (first && !sb->dead_reason[0] && !why && t->process == sb->main)
		strncpy(sb->dead_reason, t->event.dead, sizeof sb->dead_reason - 1);
	sandbox_unlock(sb);
	if (first && why)
		observer_out_of_resources(sb, t->process, why);
	process_exit_group(t, SIGKILL);
}

static void handle_event(struct task *t)
{
	t->in_event = true;
	switch (t->event.kind) {
	case EVENT_SYSCALL: on_syscall(t); break;
	case EVENT_FAULT: on_fault(t); break;
	case EVENT_EXCEPTION:
		t->exceptions++;
		event_exception(t, &t->event.exception);
		break;
	case EVENT_INTERRUPTED:
		t->interrupts++;
		kick_take(&t->sleeper.kick);
		break;
	case EVENT_LOST_PAGE: on_lost_page(t); break;
	case EVENT_DEAD: on_dead(t); break;
	}
	t->in_event = false;
}

/* Behind a stop. True: look again. */
static bool go_on_from_stop(struct task *t)
{
	enum ptrace_next next = ptrace_go_on(t);

	t->in_event = true;
	switch (next) {
	case TRACE_CALLS: make_call(t); break;
	case TRACE_FILTERS: filtered_call(t, false); break;
	case TRACE_FILTERS_AGAIN: filtered_call(t, true); break;
	default: break;
	}
	t->in_event = false;
	return next != TRACE_DONE;
}

/* Between two runs of the guest, where somebody wants something of the task or its last system call
 * has something left to do: it ends if told to, else parks while it has to and delivers signals. */
static void task_work(struct task *t)
{
	struct sandbox *sb = t->sb;
	bool done = false;

	if (sb->platform->context_halt)
		sb->platform->context_halt(t->context);
	while (!done && !t->exiting) {
		lock_assert_none();
		sandbox_lock(sb);
		task_park(t);
		bool die = t->group_exiting;
		int code = t->process->exit_code;
		sandbox_unlock(sb);
		if (t->unwound) { /* the call is made again */
			t->sleeper.again = true;
			sleeper_wake(&t->sleeper); /* the rest has taken an interrupt's kick */
			t->in_event = true;
			make_call(t);
			t->in_event = false;
		} else if (t->tracee && go_on_from_stop(t)) {
			continue;
		} else if (die) {
			observer_killed(t, code);
			task_exit_self(t, code);
		} else {
			done = signal_deliver(t);
		}
	}
	t->delivery = (struct delivery){ 0 };
}

/* ---- the end ---- */

/* Takes the task, which has used so much, out of its process; the last one turns the process into
 * a zombie. */
static void unlink_locked(struct task *t, const struct rusage_sum *used)
{
	lock_assert_held(&t->process->threads_lock);
	lock_assert_held(&t->sb->lock);
	struct process *p = t->process;

	totals_add(&t->sb->totals, t);
	rusage_add(&p->dead_threads, used);
	cputimer_task_ended(t);
	bandwidth_task_ended(t, used);
	freeze_task_unlinked(t);
	list_del(&t->process_node);
	sigpending_flush(&t->pending, ~0UL);
	ptrace_task_ended(t, used);
	t->pid->task = NULL;
	if (p->leader == t) {
		process_set_cred(p, cred_get(t->cred));
		p->sched = t->sched;
		p->leader = NULL;
		if (!p->user) {
			p->user = t->user;
			t->user = NULL;
		}
	}
	if (t->pid != p->pid)
		pid_ended(t->pid, PID_THREAD_ENDED | PID_REAPED, t->exit_code);
	pid_detach(t->pid);
	if (--p->nr_tasks == 0) {
		sigpending_flush(&p->pending, ~0UL);
		process_exited(p);
		return;
	}
	signal_task_left(t);
	if (p->exec_task)
		sleeper_wake(&p->exec_task->sleeper);
}

/* The status of a process that nobody ends as a whole is that of the thread which exits last,
 * however long each then takes to be taken apart. True: it was this one. */
static bool leave_live(struct task *t)
{
	struct process *p = t->process;
	sandbox_lock(t->sb);
	coredump_wait(t);
	bool last = --p->nr_live == 0;
	if (last && !p->group_exiting) {
		p->group_exiting = true;
		p->exit_code = t->exit_code;
	}
	sandbox_unlock(t->sb);
	return last;
}

void task_leave_space(struct task *t)
{
	const struct platform *pf = t->sb->platform;

	if (pf->context_leave)
		pf->context_leave(t->context);
}

/* Whoever waits for the process finds its System V segments detached: its memory as a whole goes
 * later. Other processes may share it (CLONE_VM). */
static void detach_segments(struct task *t)
{
	struct process *p;
	bool shared = false;

	if (!t->mm->counted)
		return;
	sandbox_lock(t->sb);
	list_for_each (p, &t->sb->processes, all_node) {
		if (p != t->process && !list_empty(&p->tasks))
			shared |= list_first(&p->tasks, struct task, process_node)->mm == t->mm;
	}
	sandbox_unlock(t->sb);
	if (!shared)
		mm_unmap_all_counted(t->mm);
}

/* Everything that may block or touch the guest happens before the task leaves the process tree. */
static void task_end(struct task *t)
{
	struct sandbox *sb = t->sb;
	struct process *p = t->process;
	struct pid *pid = t->pid;

	if (sb->observer)
		sb->observer->ops->ended(sb->observer, t);
	bool last = leave_live(t);
	futex_task_exit(t);
	vfork_release(t);
	seccomp_task_end(t);
	if (last)
		timers_exit(p);
	if (last)
		detach_segments(t);
	task_undo_semaphores(t);
	struct caller c = task_caller(t);
	sandbox_lock(sb); /* another task may be looking at it for /proc */
	struct fdtable *files = t->files;
	t->files = NULL;
	sandbox_unlock(sb);
	fdtable_put(files, &c);

	struct rusage_sum used;
	mutex_lock(&p->threads_lock);
	task_rusage(t, &used);
	sandbox_lock(sb);
	unlink_locked(t, &used);
	sandbox_unlock(sb);
	mutex_unlock(&p->threads_lock);

	task_leave_space(t);
	put_shared(t);
	sb->platform->context_destroy(t->context);
	kick_detach(&t->sleeper.kick);
	pid_put(pid);
	process_put(p);
	free(t);
	sb->mem.counts.tasks--;

	sandbox_lock(sb);
	bool none = --sb->nr_tasks == 0;
	if (none)
		sandbox_changed_locked(sb);
	sandbox_unlock(sb);
	if (none)
		zero_tell(&sb->nr_tasks);
}

/* From here on its CPU time can be read, and counts for the process's timers. */
static void start_clock(struct task *t)
{
	sandbox_lock(t->sb);
	itimer_cpu_limit_inherited(t->process);
	cputimer_task_started(t);
	sandbox_unlock(t->sb);
}

/* False: not run, the task is wanted elsewhere. */
static bool run_guest(struct task *t)
{
	struct sandbox *sb = t->sb;

	if (!rseq_cpu_acquire(t))
		return false;
	rseq_resume(t, membarrier_enter(t));
	lock_assert_none();
	int err = sb->platform->run(t->context, t->mm->space, &t->sleeper.kick, &t->event);
	membarrier_leave(t);
	rseq_cpu_release(t);
	if (err) {
		t->event.kind = EVENT_DEAD;
		t->event.dead = err == -EAGAIN ? NULL : strerrordesc_np(-err);
	}
	return true;
}

static void *task_main(void *arg)
{
	struct task *t = arg;

	current = t;
	host_thread_leave_rseq();
	kick_attach(&t->sleeper.kick);
	start_clock(t);
	if (t->set_child_tid.v) {
		uint32_t tid = (uint32_t)t->tid;
		(void)copy_to_guest(t->mm, t->set_child_tid, &tid,
				    sizeof tid); /* as Linux: a bad address is ignored */
	}
	while (!t->exiting) {
		if (sleeper_wanted(&t->sleeper) || t->delivery.due) {
			task_work(t);
			continue;
		}
		if (!run_guest(t))
			continue;
		t->delivery.in_syscall = false;
		handle_event(t);
	}
	if (t->tracee)
		ptrace_end(t);
	task_end(t);
	return NULL;
}

static int create_host_thread(struct task *t)
{
	if (host_thread_start(&t->thread, TASK_HOST_STACK, THREAD_DETACHED | THREAD_KICKED,
			      task_main, t) < 0)
		return -EAGAIN;
	t->host_tid = cputime_thread_id(t->thread);
	return 0;
}

/* Linked before the host thread exists, so that no signal, exit_group or kill can miss it. */
static int link_locked(struct task *t)
{
	struct process *p = t->process;
	if (t->sb->ending || p->group_exiting || p->exec_task)
		return -EAGAIN;
	list_add_tail(&p->tasks, &t->process_node);
	if (current) /* who makes it, whose filters another thread may change until now */
		seccomp_inherit(t, current);
	p->nr_tasks++;
	p->nr_live++;
	t->sb->nr_tasks++;
	if (t->pid == p->pid)
		p->leader = t;
	if (p->stop_requested && !task_traced(t))
		t->park |= PARK_STOP;
	else if (p->stop_requested && !t->tracee->stopped) /* as in a copy it may be */
		t->tracee->stop_due = true;
	freeze_task_linked(t);
	bandwidth_task_linked(t);
	signal_recalc(t); /* that, or signals sent to the process while it had no task */
	return 0;
}

static void unlink_unstarted_locked(struct task *t)
{
	struct process *p = t->process;
	freeze_task_unlinked(t);
	list_del(&t->process_node);
	p->nr_tasks--;
	p->nr_live--;
	t->sb->nr_tasks--;
	if (p->leader == t)
		p->leader = NULL;
}

/* Threads of the guest's making have the CPUs of the one that made them; the first has those of the
 * sandbox. */
static void bind_first(struct task *t)
{
	if (!t->sb->cpus.limited || current)
		return;
	(void)cpus_bind(&t->sb->cpus, t->host_tid);
	sched_follow(t);
}

int task_start(struct task *t, const struct sched *inherited)
{
	struct sandbox *sb = t->sb;
	struct process *p = t->process;

	mutex_lock(&p->threads_lock);
	sandbox_lock(sb);
	int err = bandwidth_prepare(sb);
	if (!err)
		err = link_locked(t);
	if (!err) {
		err = create_host_thread(t);
		if (err) {
			unlink_unstarted_locked(t);
		} else {
			bind_first(t);
			sched_start(t, inherited);
		}
	}
	sandbox_unlock(sb);
	mutex_unlock(&p->threads_lock);
	return err;
}
