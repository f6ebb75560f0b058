/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "debug/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/gdbregs.h"
#include "debug/points.h"
#include "host/hostcall.h"
#include "kernel/process.h"
#include "kernel/ptrace/breaks.h"
#include "kernel/ptrace/regs.h"
#include "kernel/ptrace/request.h"
#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/task.h"

#define CALL_STOP (SIGTRAP | 0x80)

/* ---- what the threads themselves say; sandbox->lock held ---- */

static struct target *target_of(struct debugger *d)
{
	return container_of(d, struct target, debugger);
}

static struct inferior *inferior_of(struct target *t, const struct process *p)
{
	struct inferior *inf;

	list_for_each (inf, &t->inferiors, node) {
		if (inf->process == p)
			return inf;
	}
	return NULL;
}

static void on_stopped(struct debugger *d, struct tracee *tr)
{
	host_wake(target_of(d)->wake_fd);
}

static void on_ended(struct debugger *d, struct tracee *tr, bool last)
{
	struct target *t = target_of(d);
	struct dbg_thread *th = tr->of_debugger;
	struct inferior *inf = inferior_of(t, tr->process);

	if (th)
		th->tr = NULL;
	if (inf && last) {
		inf->ended = true;
		inf->status = tr->process->exit_code;
	}
	host_wake(t->wake_fd);
}

static const struct debugger_ops ops = { on_stopped, on_ended };

int target_init(struct target *t, struct sandbox *sb)
{
	*t = (struct target){ .debugger = { .ops = &ops, .sb = sb }, .sb = sb };
	list_init(&t->debugger.tracees);
	list_init(&t->inferiors);
	t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* the first to come finds all at rest */
	t->state = TARGET_HALTING;
	t->interrupted = true;
	return t->wake_fd < 0 ? -errno : 0;
}

/* ---- inferiors and their threads ---- */

static struct points *points_of(struct target *t, struct process *p, struct mm *mm)
{
	struct inferior *inf, *parent = NULL;

	list_for_each (inf, &t->inferiors, node) {
		if (inf->points && inf->points->mm == mm)
			return points_get(inf->points);
		if (inf->process == p->parent)
			parent = inf;
	}
	struct points *s = points_new(mm);
	if (s && parent && parent->points && points_copy_breakpoints(s, parent->points)) {
		points_put(s);
		s = NULL;
	}
	return s;
}

/* sandbox->lock held. */
static struct inferior *inferior_new(struct target *t, struct tracee *tr)
{
	struct inferior *inf = calloc(1, sizeof *inf);

	if (!inf)
		return NULL;
	inf->points = points_of(t, tr->process, tr->task->mm);
	if (!inf->points) {
		free(inf);
		return NULL;
	}
	struct inferior *parent = inferior_of(t, tr->process->parent);
	if (parent) /* the same program, as long as it executes no other */
		memcpy(inf->symbols, parent->symbols, sizeof inf->symbols);
	inf->process = process_get(tr->process);
	inf->pid = tr->process->pid->nr;
	list_init(&inf->threads);
	list_add_tail(&t->inferiors, &inf->node);
	return inf;
}

/* sandbox->lock held. What there is no memory for is seen with the next news. */
static struct dbg_thread *adopt(struct target *t, struct tracee *tr)
{
	struct inferior *inf = inferior_of(t, tr->process);
	struct dbg_thread *th = calloc(1, sizeof *th);

	if (th && !inf)
		inf = inferior_new(t, tr);
	if (!th || !inf) {
		free(th);
		return NULL;
	}
	*th = (struct dbg_thread){ .inferior = inf, .tr = tr, .running = true, .going = true };
	th->tid = tr->pid->nr;
	tr->of_debugger = th;
	list_add_tail(&inf->threads, &th->node);
	return th;
}

static void drop_thread(struct dbg_thread *th)
{
	list_del(&th->node);
	free(th);
}

void target_forget(struct target *t, struct inferior *inf)
{
	struct dbg_thread *th, *next;

	sandbox_lock(t->sb);
	list_for_each_safe (th, next, &inf->threads, node)
		drop_thread(th);
	list_del(&inf->node);
	sandbox_unlock(t->sb);
	points_put(inf->points);
	process_put(inf->process);
	free(inf->catches);
	free(inf);
}

struct inferior *target_inferior(struct target *t, int64_t pid)
{
	struct inferior *inf;

	list_for_each (inf, &t->inferiors, node) {
		if (inferior_lives(inf) && (pid <= 0 || inf->pid == pid))
			return inf;
	}
	return NULL;
}

struct dbg_thread *target_thread(struct target *t, int64_t pid, int64_t tid)
{
	struct inferior *inf;
	struct dbg_thread *th;

	list_for_each (inf, &t->inferiors, node) {
		if (!inferior_lives(inf) || (pid > 0 && inf->pid != pid))
			continue;
		list_for_each (th, &inf->threads, node) {
			if (tid <= 0 || th->tid == tid)
				return th;
		}
	}
	return NULL;
}

struct task *thread_hold(struct target *t, struct dbg_thread *th)
{
	struct task *o = NULL;

	sandbox_lock(t->sb);
	if (th->tr && debugger_hold(th->tr))
		o = th->tr->task;
	sandbox_unlock(t->sb);
	return o;
}

/* ---- on ---- */

static enum ptrace_way way_of(const struct dbg_thread *th)
{
	const struct inferior *inf = th->inferior;

	return th->steps || points_is_watched(inf->points) ? TRACE_STEP
	       : inf->catches_all || inf->catches          ? TRACE_TO_CALL
							   : TRACE_CONT;
}

static int arm(struct dbg_thread *th, struct task *o)
{
	const struct points *s = th->inferior->points;
	struct hw_break list[HW_BREAKS];

	if (th->armed == s->changes)
		return 0;
	points_hardware(s, list);
	th->armed = s->changes;
	return breaks_set_all(o, list);
}

int target_watch(struct target *t, struct dbg_thread *th, uint8_t kind, uint64_t addr, uint64_t len,
		 bool insert)
{
	struct points *s = th->inferior->points;
	int err = points_watch(s, kind, addr, len, insert);
	struct task *o = !err && insert ? thread_hold(t, th) : NULL;

	if (!o)
		return err;
	if (arm(th, o))
		err = points_step_for(s, kind, addr, len);
	ptrace_let_go(o);
	return err;
}

/* A thread whose process is stopped stays so, and is told when that is over. */
static void go(struct target *t, struct dbg_thread *th)
{
	int sig = th->resume_signal;
	siginfo_t si;
	struct task *o = thread_hold(t, th);

	th->resume_signal = 0;
	if (!o)
		return;
	sandbox_lock(t->sb);
	const struct tracee *tr = o->tracee;
	th->running = true;
	th->asked = false;
	if (sig && tr->stage != TRACE_SIGNAL) {
		siginfo_kernel(&si, sig, SI_USER);
		signal_send_task(o, sig, &si);
		sig = 0;
	}
	bool stays = tr->group_stop && o->process->stop_requested;
	sandbox_unlock(t->sb);
	(void)arm(th, o); /* that there is enough was seen when it was set */
	if (stays && ptrace_listen(o) == 0)
		ptrace_let_go(o);
	else
		(void)ptrace_resume(o, way_of(th), (uint64_t)sig);
}

/* Has the thread still to tell that? A breakpoint may have gone meanwhile. */
static bool tells(struct dbg_thread *th)
{
	if (th->tell == TELL_BREAKPOINT && !points_has_breakpoint(th->inferior->points, th->value))
		th->tell = TELL_NOTHING;
	if ((th->tell == TELL_HARDWARE || th->tell == TELL_WATCH || th->tell == TELL_ACCESS) &&
	    !points_has_watch(th->inferior->points, th->value))
		th->tell = TELL_NOTHING;
	return th->tell != TELL_NOTHING;
}

static const struct resume_action *action_for(const struct dbg_thread *th,
					      const struct resume_action *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if ((a[i].pid <= 0 || a[i].pid == th->inferior->pid) &&
		    (a[i].tid <= 0 || a[i].tid == th->tid))
			return a[i].stops ? NULL : &a[i];
	}
	return NULL;
}

/* True: one of the threads that are to go on has something to tell first. */
static bool prepare(struct target *t, const struct resume_action *a, unsigned n)
{
	struct inferior *inf;
	struct dbg_thread *th;
	bool first = false;

	list_for_each (inf, &t->inferiors, node) {
		first |= inf->ended;
		list_for_each (th, &inf->threads, node) {
			const struct resume_action *act = action_for(th, a, n);
			th->going = act != NULL;
			th->steps = act && act->steps;
			if (!act)
				continue;
			th->range_start = act->range_start;
			th->range_end = act->range_end;
			first |= inferior_lives(inf) && tells(th);
			if (act->sig)
				th->resume_signal = act->sig;
		}
	}
	return first;
}

static void go_all(struct target *t)
{
	struct inferior *inf;
	struct dbg_thread *th;

	t->state = TARGET_RUNNING;
	t->interrupted = false;
	list_for_each (inf, &t->inferiors, node) {
		list_for_each (th, &inf->threads, node) {
			if (inferior_lives(inf) && th->going && !th->running)
				go(t, th);
		}
	}
}

void target_resume(struct target *t, const struct resume_action *a, unsigned n)
{
	if (prepare(t, a, n)) {
		t->state = TARGET_HALTING;
		host_wake(t->wake_fd);
	} else {
		go_all(t);
		host_wake(t->wake_fd); /* there may be nothing that runs */
	}
}

void target_stop(struct target *t)
{
	if (t->state == TARGET_HALTED)
		return;
	t->state = TARGET_HALTING;
	t->interrupted = true;
	host_wake(t->wake_fd);
}

/* ---- what a stop says ---- */

/* A breakpoint leaves the thread behind it. */
static bool is_breakpoint(struct dbg_thread *th, struct task *o)
{
	struct cpu_regs regs;
	size_t size;
	unsigned behind;

	(void)gdb_breakpoint(&size, &behind);
	if (o->sb->platform->regs_get(o->context, &regs))
		return false;
	uint64_t at = regs_ip(&regs) - behind;
	if (!points_has_breakpoint(th->inferior->points, at))
		return false;
	regs_set_ip(&regs, at);
	if (o->sb->platform->regs_set(o->context, &regs))
		return false;
	th->value = at;
	return true;
}

static enum tell tell_of_step(struct dbg_thread *th, struct task *o)
{
	struct cpu_regs regs;

	if (points_watch_changed(th->inferior->points, &th->value))
		return TELL_WATCH;
	if (!th->steps)
		return TELL_NOTHING;
	if (o->sb->platform->regs_get(o->context, &regs))
		return TELL_SIGNAL;
	uint64_t ip = regs_ip(&regs);
	return ip >= th->range_start && ip < th->range_end ? TELL_NOTHING : TELL_SIGNAL;
}

static enum tell tell_of_hardware(struct dbg_thread *th, const struct task *o)
{
	struct hw_break b;

	if (!points_hit(th->inferior->points, (unsigned)o->tracee->breaks.status, &b))
		return TELL_NOTHING;
	th->value = b.addr;
	return b.kind == HW_BREAK_EXEC    ? TELL_HARDWARE
	       : b.kind == HW_BREAK_WRITE ? TELL_WATCH
					  : TELL_ACCESS;
}

static enum tell tell_of_trap(struct dbg_thread *th, struct task *o, const siginfo_t *si)
{
	if (si->si_code == SI_KERNEL && is_breakpoint(th, o))
		return TELL_BREAKPOINT;
	enum tell tell = si->si_code == TRAP_HWBKPT || si->si_code == TRAP_TRACE
			     ? tell_of_hardware(th, o)
			     : TELL_NOTHING;
	if (tell != TELL_NOTHING)
		return tell;
	bool step =
	    si->si_code == TRAP_TRACE || si->si_code == TRAP_BRKPT || si->si_code == SIGTRAP;
	return step && way_of(th) == TRACE_STEP ? tell_of_step(th, o) : TELL_SIGNAL;
}

static enum tell tell_of_call(struct dbg_thread *th, const struct task *o, bool entry)
{
	const struct inferior *inf = th->inferior;

	if (o->event.kind != EVENT_SYSCALL)
		return TELL_NOTHING;
	th->value = o->event.syscall.nr;
	bool wanted = inf->catches_all || (inf->catches && th->value < CALLS_CAUGHT_MAX &&
					   inf->catches[th->value / 64] >> th->value % 64 & 1);
	return !wanted ? TELL_NOTHING : entry ? TELL_CALL : TELL_RETURN;
}

/* The program is new: so is its memory, and nothing of ours is in it. */
static enum tell tell_of_exec(struct target *t, struct dbg_thread *th, const struct task *o)
{
	struct inferior *inf = th->inferior;
	struct points *old = inf->points, *s = points_new(o->mm);

	memset(inf->symbols, 0, sizeof inf->symbols);
	if (s) {
		inf->points = s;
		points_put(old);
		th->armed = s->changes;
	}
	return TELL_EXEC;
}

static enum tell tell_of_event(struct target *t, struct dbg_thread *th, struct task *o, int event)
{
	switch (event) {
	case PTRACE_EVENT_FORK: return TELL_FORK;
	case PTRACE_EVENT_VFORK: return TELL_VFORK;
	case PTRACE_EVENT_VFORK_DONE: return TELL_VFORK_DONE;
	case PTRACE_EVENT_EXEC: return tell_of_exec(t, th, o);
	default: return TELL_NOTHING;
	}
}

static enum tell tell_of_signal(struct target *t, struct dbg_thread *th, struct task *o,
				const siginfo_t *si, int sig)
{
	if (sig == SIGTRAP)
		return tell_of_trap(th, o, si);
	if (!(t->passed >> (sig - 1) & 1))
		return TELL_SIGNAL;
	th->resume_signal = sig;
	return TELL_NOTHING;
}

static void look_at(struct target *t, struct dbg_thread *th)
{
	struct task *o = thread_hold(t, th);

	th->news = false;
	th->tell = TELL_NOTHING;
	if (!o)
		return;
	sandbox_lock(t->sb);
	struct tracee *tr = o->tracee;
	int code = tr->code, event = code >> 8;
	siginfo_t si = tr->info;
	uint64_t message = tr->message;
	sandbox_unlock(t->sb);
	th->sig = event || code == CALL_STOP ? SIGTRAP : code;
	th->value = message;
	if (code == CALL_STOP)
		th->tell = tell_of_call(th, o, message == TRACE_MESSAGE_ENTRY);
	else if (event)
		th->tell = tell_of_event(t, th, o, event);
	else
		th->tell = tell_of_signal(t, th, o, &si, code);
	ptrace_let_go(o);
}

/* ---- news ---- */

/* Takes over what the threads have noted. sandbox->lock held. */
static void collect(struct target *t)
{
	struct inferior *inf;
	struct dbg_thread *th, *next;
	struct tracee *tr;

	list_for_each (tr, &t->debugger.tracees, node) {
		th = tr->of_debugger ? tr->of_debugger : adopt(t, tr);
		if (!th || !th->running || !tracee_stopped(tr) || tr->listens)
			continue;
		th->running = false;
		th->news = true;
		th->tid = tr->pid->nr;
	}
	list_for_each (inf, &t->inferiors, node) {
		list_for_each_safe (th, next, &inf->threads, node) {
			if (!th->tr)
				drop_thread(th);
		}
	}
}

/* Memory of those that have ended is not kept. */
static bool take_ends(struct target *t)
{
	struct inferior *inf, *next;
	bool any = false;

	list_for_each_safe (inf, next, &t->inferiors, node) {
		if (!inf->ended)
			continue;
		points_put(inf->points);
		inf->points = NULL;
		if (inf->killed)
			target_forget(t, inf);
		else
			any = true;
	}
	return any;
}

/* True: somebody has something to tell. */
static bool look_at_all(struct target *t)
{
	struct inferior *inf;
	struct dbg_thread *th;
	bool any = false;

	list_for_each (inf, &t->inferiors, node) {
		list_for_each (th, &inf->threads, node) {
			if (!th->news || !inferior_lives(inf))
				continue;
			look_at(t, th);
			if (th->tell != TELL_NOTHING)
				any = true;
			else if (t->state == TARGET_RUNNING)
				go(t, th);
		}
	}
	return any;
}

/* True: some have not stopped yet. */
static bool ask_to_stop(struct target *t)
{
	struct inferior *inf;
	struct dbg_thread *th;
	bool some = false;

	sandbox_lock(t->sb);
	list_for_each (inf, &t->inferiors, node) {
		list_for_each (th, &inf->threads, node) {
			if (!th->running || !th->tr || inf->killed)
				continue;
			if (!th->asked)
				debugger_interrupt(th->tr);
			some = th->asked = true;
		}
	}
	sandbox_unlock(t->sb);
	return some;
}

static bool child_unwanted(struct target *t, const struct dbg_thread *th)
{
	if (th->tell == TELL_VFORK || th->tell == TELL_VFORK_DONE)
		return !t->follows_vforks;
	return th->tell == TELL_FORK && !t->follows_forks;
}

/* Who does not want to know of children has none; a child that has ended already is none. */
static void drop_children(struct target *t)
{
	struct inferior *inf, *child, *unwanted;
	struct dbg_thread *th;

	do {
		unwanted = NULL;
		list_for_each (inf, &t->inferiors, node) {
			list_for_each (th, &inf->threads, node) {
				bool forks = th->tell == TELL_FORK || th->tell == TELL_VFORK;
				child = forks ? target_inferior(t, (int64_t)th->value) : NULL;
				if (!child_unwanted(t, th) && (child || !forks))
					continue;
				th->tell = TELL_NOTHING;
				unwanted = child ? child : unwanted;
			}
		}
		if (unwanted)
			target_detach(t, unwanted);
	} while (unwanted);
}

/* The thread that has to tell something; others come first the next time. */
static struct dbg_thread *choose_thread(struct target *t)
{
	struct inferior *inf;
	struct dbg_thread *th;

	list_for_each (inf, &t->inferiors, node) {
		list_for_each (th, &inf->threads, node) {
			if (!th->going || !tells(th))
				continue;
			sandbox_lock(t->sb);
			list_del(&th->node);
			list_add_tail(&inf->threads, &th->node);
			list_del(&inf->node);
			list_add_tail(&t->inferiors, &inf->node);
			sandbox_unlock(t->sb);
			return th;
		}
	}
	return NULL;
}

/* False: nothing has to be told after all. */
static bool choose(struct target *t, struct halt *out)
{
	struct inferior *inf;

	*out = (struct halt){ .tell = TELL_EXITED };
	list_for_each (inf, &t->inferiors, node) {
		if (inf->ended) {
			out->inferior = inf;
			return true;
		}
	}
	drop_children(t);
	struct dbg_thread *th = choose_thread(t), *any = target_thread(t, -1, -1);
	if (!th && !any)
		return true;
	if (th)
		*out = (struct halt){ th->tell, th->inferior, th, th->sig, th->value };
	else
		*out = (struct halt){ TELL_SIGNAL, any->inferior, any, SIGINT, 0 };
	if (th)
		th->tell = TELL_NOTHING;
	return th || t->interrupted;
}

bool target_work(struct target *t, struct halt *out)
{
	sandbox_lock(t->sb);
	collect(t);
	sandbox_unlock(t->sb);
	bool ends = take_ends(t);
	bool news = look_at_all(t);
	if (t->state == TARGET_HALTED)
		return false;
	if (t->state == TARGET_RUNNING && !ends && !news && target_thread(t, -1, -1))
		return false;
	t->state = TARGET_HALTING;
	if (ask_to_stop(t))
		return false;
	if (choose(t, out)) {
		t->state = TARGET_HALTED;
		t->interrupted = false;
		return true;
	}
	go_all(t);
	return false;
}

/* ---- the beginning and the end ---- */

int target_attach(struct target *t, pid_t pid)
{
	struct process *p;
	struct task *o;
	int err = -ESRCH;

	sandbox_lock(t->sb);
	list_for_each (p, &t->sb->processes, all_node) {
		if (p == t->sb->init || (pid && p->pid->nr != pid))
			continue;
		list_for_each (o, &p->tasks, process_node) {
			int e = debugger_attach(&t->debugger, o);
			err = e && pid ? e : 0;
			if (!e && adopt(t, o->tracee))
				inferior_of(t, p)->found = true;
		}
	}
	sandbox_unlock(t->sb);
	if (!err) {
		t->state = TARGET_HALTING;
		t->interrupted = true;
		host_wake(t->wake_fd);
	}
	return err;
}

static bool shared(struct target *t, const struct inferior *inf)
{
	return inf->points && inf->points->refs > 1;
}

/* A signal that it has told of, or would have, is the program's. */
static void let_off(struct target *t, struct dbg_thread *th)
{
	int sig = th->tell == TELL_SIGNAL && th->sig != SIGTRAP ? th->sig : th->resume_signal;
	struct task *o = thread_hold(t, th);

	if (o) {
		static const struct hw_break none[HW_BREAKS];
		if (breaks_any(o->tracee))
			(void)breaks_set_all(o, none);
		(void)ptrace_detach(o, (uint64_t)sig);
		return;
	}
	sandbox_lock(t->sb);
	if (th->tr)
		tracee_unlink(th->tr);
	sandbox_unlock(t->sb);
}

void target_detach(struct target *t, struct inferior *inf)
{
	struct dbg_thread *th;

	if (inf->points && !shared(t, inf))
		points_clear(inf->points);
	list_for_each (th, &inf->threads, node)
		let_off(t, th);
	target_forget(t, inf);
}

void target_kill(struct target *t, struct inferior *inf)
{
	siginfo_t si;

	siginfo_kernel(&si, SIGKILL, SI_USER);
	inf->killed = true;
	sandbox_lock(t->sb);
	if (!inf->ended)
		signal_send_process(inf->process, SIGKILL, &si);
	sandbox_unlock(t->sb);
}

void target_done(struct target *t)
{
	struct inferior *inf, *next;
	struct tracee *tr, *next_tr;

	if (!t->sb)
		return;
	list_for_each_safe (inf, next, &t->inferiors, node)
		target_detach(t, inf);
	sandbox_lock(t->sb);
	list_for_each_safe (tr, next_tr, &t->debugger.tracees, node)
		tracee_unlink(tr);
	sandbox_unlock(t->sb);
	host_close(t->wake_fd);
}
