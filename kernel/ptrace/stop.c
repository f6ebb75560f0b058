/* SPDX-License-Identifier: Apache-2.0 */
/* Where a traced thread stops, and what it does when it goes on. See the header. */
#include "kernel/ptrace/stop.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "cred/cred.h"
#include "cred/user_ns.h"
#include "kernel/process.h"
#include "kernel/ptrace/step.h"
#include "kernel/sandbox.h"
#include "kernel/sigqueue.h"

#define SYSCALL_GOOD 0x80 /* PTRACE_O_TRACESYSGOOD: beside SIGTRAP in the code of a stop */

static int event_code(int event)
{
	return SIGTRAP | event << 8;
}

static bool event_wanted(const struct task *t, int event)
{
	return task_traced(t) && t->tracee->options & 1U << event;
}

/* ---- into a stop; sandbox->lock held ---- */

static void stop_at(struct task *t, enum ptrace_stage stage, int code, const siginfo_t *info)
{
	lock_assert_held(&t->sb->lock);
	struct tracee *tr = t->tracee;

	tr->stage = stage;
	tr->group_stop = false;
	tr->stop_due = false; /* any stop will do */
	tr->code = code;
	tr->has_info = info;
	if (info)
		tr->info = *info;
	t->park |= PARK_TRACE;
	signal_recalc(t);
}

/* The siginfo of a stop that is no signal's says of whom it is. */
static siginfo_t info_of_stop(const struct task *t, int sig, int code)
{
	siginfo_t si;

	siginfo_kernel(&si, sig, code);
	si.si_pid = t->tid;
	si.si_uid = from_kuid_munged(task_user_ns(t), t->cred->uid);
	return si;
}

static void stop_with(struct task *t, enum ptrace_stage stage, int code, uint64_t message)
{
	siginfo_t si = info_of_stop(t, SIGTRAP, code);

	t->tracee->message = message;
	stop_at(t, stage, code, &si);
}

bool ptrace_signal(struct task *t, const siginfo_t *si)
{
	if (!task_traced(t) || si->si_signo == SIGKILL)
		return false;
	stop_at(t, TRACE_SIGNAL, si->si_signo, si);
	return true;
}

/* A debugger outside learns of a breakpoint that a thread has run into at that thread's next stop,
 * and puts it back before the breakpoint. Were that stop the one that it asked for, it might take
 * the breakpoint out meanwhile, and the thread would go on within an instruction. */
static bool breakpoint_comes_first(const struct task *t)
{
	return t->tracee->debugger && sigpending_has_synchronous(&t->pending, ~t->blocked);
}

/* A seized thread tells of a group stop and of its end, any other of the stop alone, with no
 * siginfo. */
bool ptrace_stops(struct task *t)
{
	struct tracee *tr = t->tracee;
	const struct process *p = t->process;

	if (!task_traced(t) || !(tr->stop_due || tr->notice_due) || tr->stage == TRACE_SIGNAL ||
	    breakpoint_comes_first(t))
		return false;
	int sig = p->stop_requested ? p->stop_sig : tr->seized ? SIGTRAP : SIGSTOP;
	int code = tr->seized ? sig | PTRACE_EVENT_STOP << 8 : sig;
	siginfo_t si = info_of_stop(t, sig, code);
	tr->message = 0;
	stop_at(t, TRACE_GOES, code, tr->seized ? &si : NULL);
	tr->group_stop = true;
	tr->notice_due = false;
	return true;
}

void ptrace_request_stop(struct task *t)
{
	t->tracee->stop_due = true;
	sleeper_interrupt(&t->sleeper);
}

/* One that listens looks again at once. */
void ptrace_notice(struct task *t)
{
	struct tracee *tr = t->tracee;

	tr->notice_due = true;
	if (tr->listens) {
		tr->listens = false;
		tr->code = 0;
		t->park &= ~(unsigned)PARK_TRACE;
	}
	sleeper_interrupt(&t->sleeper);
}

/* ---- at rest ---- */

void ptrace_rests(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	struct tracee *tr = t->tracee;

	if (!task_traced(t) || !(t->park & PARK_TRACE) || tr->stopped)
		return;
	tr->stopped = true;
	tracee_tell(tr, tr->group_stop ? CLD_STOPPED : CLD_TRAPPED, tr->code & 0x7f);
}

void ptrace_moves(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	t->tracee->stopped = t->tracee->listens = false;
}

/* ---- system calls ---- */

static int call_code(const struct tracee *tr)
{
	return SIGTRAP | (tr->options & PTRACE_O_TRACESYSGOOD ? SYSCALL_GOOD : 0);
}

/* In a stop before a call is over there is -ENOSYS in the place of the result. */
static void show_result(struct task *t, int64_t r)
{
	t->sb->platform->syscall_result(t->context, (uint64_t)r);
	t->delivery.in_syscall = true;
	t->delivery.result = r;
}

bool ptrace_enters_call(struct task *t)
{
	struct tracee *tr = t->tracee;

	sandbox_lock(t->sb);
	bool stops = task_traced(t) && (tr->stops_at_calls || tr->emulates);
	if (stops) {
		tr->skips = tr->emulates;
		stop_with(t, TRACE_ENTERS, call_code(tr), TRACE_MESSAGE_ENTRY);
	}
	sandbox_unlock(t->sb);
	if (stops)
		show_result(t, -ENOSYS);
	return stops;
}

bool ptrace_filtered(struct task *t, uint64_t message)
{
	sandbox_lock(t->sb);
	bool wanted = event_wanted(t, PTRACE_EVENT_SECCOMP);
	if (wanted) {
		t->tracee->skips = false;
		stop_with(t, TRACE_FILTERED, event_code(PTRACE_EVENT_SECCOMP), message);
	}
	sandbox_unlock(t->sb);
	if (wanted)
		show_result(t, -ENOSYS);
	return wanted;
}

bool ptrace_suspends_seccomp(struct task *t)
{
	sandbox_lock(t->sb);
	bool suspends = task_traced(t) && t->tracee->options & PTRACE_O_SUSPEND_SECCOMP;
	sandbox_unlock(t->sb);
	return suspends;
}

bool ptrace_event(struct task *t, int event, uint64_t message, bool waits)
{
	sandbox_lock(t->sb);
	bool wanted = event_wanted(t, event);
	if (wanted) {
		t->tracee->event = event;
		t->tracee->event_message = message;
		t->tracee->call_waits = waits;
	}
	sandbox_unlock(t->sb);
	return wanted;
}

/* sandbox->lock held. False: there is nothing to tell, or nobody any more. */
static bool tell_event(struct task *t, enum ptrace_stage stage)
{
	struct tracee *tr = t->tracee;

	if (!tr->event)
		return false;
	stop_with(t, stage, event_code(tr->event), tr->event_message);
	tr->event = 0;
	return true;
}

/* Where nobody wants to know any more, the call goes on at once. */
bool ptrace_call_waits(struct task *t)
{
	struct tracee *tr = t->tracee;

	if (!tr->call_waits)
		return false;
	tr->call_waits = false;
	sandbox_lock(t->sb);
	if (!tell_event(t, TRACE_CALL_WAITS)) {
		tr->stage = TRACE_CALL_WAITS;
		atomic_fetch_or(&t->sleeper.work, SLEEPER_INTERRUPTED);
	}
	sandbox_unlock(t->sb);
	show_result(t, -ENOSYS);
	return true;
}

/* A step over a call is over when the call is: user_single_step_report() of Linux. */
static void stepped_over_call(struct task *t)
{
	struct cpu_regs regs;
	siginfo_t si;

	if (t->sb->platform->regs_get(t->context, &regs))
		return;
	siginfo_kernel(&si, SIGTRAP, TRAP_BRKPT);
	si.si_addr = (void *)(uintptr_t)regs_ip(&regs);
	signal_force(t, SIGTRAP, &si);
}

/* Called again behind the stop for an event. */
void ptrace_leaves_call(struct task *t)
{
	struct tracee *tr = t->tracee;

	/* Linux forgets the call that took it back. */
	if (t->regs_replaced && (uint32_t)t->event.syscall.nr == SYS_rt_sigreturn)
		t->event.kind = EVENT_INTERRUPTED;
	sandbox_lock(t->sb);
	bool told = tell_event(t, TRACE_CALL_ENDS);
	if (told) {
		tr->result = t->regs_replaced ? 0 : t->delivery.result;
		show_result(t, -ENOSYS);
	}
	bool step = !told && task_traced(t) && tr->steps && !tr->emulates;
	if (!told && !step && task_traced(t) && tr->stops_at_calls)
		stop_with(t, TRACE_LEFT, call_code(tr), TRACE_MESSAGE_EXIT);
	sandbox_unlock(t->sb);
	if (step)
		stepped_over_call(t);
}

/* Without the event, who has attached gets a signal instead. */
void ptrace_exec(struct task *t, pid_t old)
{
	siginfo_t si;

	t->tracee->step_forced = false; /* the registers are new */
	breaks_exec(t);
	if (ptrace_event(t, PTRACE_EVENT_EXEC, (uint64_t)old, false))
		return;
	siginfo_kernel(&si, SIGTRAP, SI_USER);
	si.si_pid = task_pid_nr(t, t->process->pid);
	si.si_uid = t->cred->uid;
	sandbox_lock(t->sb);
	if (task_traced(t) && !t->tracee->seized)
		signal_send_task(t, SIGTRAP, &si);
	sandbox_unlock(t->sb);
}

/* A step that leads into a handler ends at its first instruction. */
void ptrace_handler(struct task *t)
{
	sandbox_lock(t->sb);
	if (task_traced(t) && t->tracee->steps)
		stop_with(t, TRACE_GOES, SIGTRAP, 0);
	sandbox_unlock(t->sb);
}

/* ---- the end ---- */

/* Those that end for an execve of a sibling do not stop: it waits for them, and would for ever in a
 * frozen sandbox. */
void ptrace_end(struct task *t)
{
	sandbox_lock(t->sb);
	if (event_wanted(t, PTRACE_EVENT_EXIT) && !t->process->exec_task && !t->sb->ending) {
		stop_with(t, TRACE_ENDS, event_code(PTRACE_EVENT_EXIT), (uint64_t)t->exit_code);
		task_park(t);
		t->park &= ~(unsigned)PARK_TRACE;
		t->tracee->stage = TRACE_GOES;
	}
	sandbox_unlock(t->sb);
}

/* ---- out of a stop ---- */

static void give_signal(struct task *t, int sig)
{
	siginfo_t si;

	lock_assert_held(&t->sb->lock);
	if (sig < 1 || sig > NSIGNALS)
		return;
	siginfo_kernel(&si, sig, SI_KERNEL);
	signal_send_task(t, sig, &si);
}

static enum ptrace_next enter_call(struct task *t, enum ptrace_next next)
{
	int nr = (int)t->event.syscall.nr;

	if (!t->tracee->skips && (next == TRACE_FILTERS ? nr != -1 : nr >= 0))
		return next;
	ptrace_leaves_call(t);
	return TRACE_LOOKS;
}

enum ptrace_next ptrace_go_on(struct task *t)
{
	struct tracee *tr = t->tracee;

	sandbox_lock(t->sb);
	enum ptrace_stage stage = tr->stage;
	t->park &= ~(unsigned)PARK_TRACE;
	if (stage != TRACE_SIGNAL) { /* which is signal_deliver's to ask for */
		tr->stage = TRACE_GOES;
		tr->message = 0;
		if (stage == TRACE_ENTERS || stage == TRACE_LEFT)
			give_signal(t, tr->code);
		tr->code = 0;
		tr->has_info = false;
	}
	if (t->group_exiting)
		tr->skips = true;
	signal_recalc(t);
	sandbox_unlock(t->sb);
	switch (stage) {
	case TRACE_ENTERS: return enter_call(t, TRACE_FILTERS);
	case TRACE_FILTERED: return enter_call(t, TRACE_FILTERS_AGAIN);
	case TRACE_CALL_WAITS: return TRACE_CALLS;
	case TRACE_CALL_ENDS:
		show_result(t, tr->result);
		ptrace_leaves_call(t);
		return TRACE_LOOKS;
	default: return TRACE_DONE;
	}
}

/* Another signal than the one it stopped with is the tracer's. */
static void replace_info(struct tracee *tr, siginfo_t *si, int sig)
{
	*si = tr->info;
	if (si->si_signo == sig)
		return;
	siginfo_kernel(si, sig, SI_USER);
	if (!tr->tracer)
		return;
	si->si_pid = pid_nr(tr->tracer->process->pid, tr->pid->ns);
	si->si_uid = from_kuid_munged(tr->task->cred->user_ns, tr->tracer->cred->uid);
}

int ptrace_signal_left(struct task *t, siginfo_t *si)
{
	lock_assert_held(&t->sb->lock);
	struct tracee *tr = t->tracee;
	int sig = tr->code;

	if (tr->stage != TRACE_SIGNAL)
		return -1;
	tr->stage = TRACE_GOES;
	tr->message = 0;
	tr->code = 0;
	tr->has_info = false;
	if (!sig)
		return 0;
	replace_info(tr, si, sig);
	if (!(t->blocked & SIGBIT(sig)))
		return sig;
	signal_send_task(t, sig, si); /* it is blocked meanwhile */
	return 0;
}
