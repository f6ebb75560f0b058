/* SPDX-License-Identifier: Apache-2.0 */
/* ptrace(2): at which moments a tracee stops, what wait(2) says of it, and what comes of what its
 * tracer says then; how it ends. */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "ptrace_case.h"

static int nothing(void *arg)
{
	return 0;
}

static int pauses(void *arg)
{
	while (!arg || pause() == -1)
		pause();
	return 0;
}

/* ---- system calls ---- */

static void say_call(pid_t pid)
{
	struct __ptrace_syscall_info info = { 0 };
	unsigned long message = 99;
	long n = pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, AT(&info));

	NEED(pt(PTRACE_GETEVENTMSG, pid, 0, AT(&message)));
	say("  info %ld op %d message %ld", n, info.op, (long)message);
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		say(" nr %lld args %lld %lld", (long long)info.entry.nr,
		    (long long)info.entry.args[0], (long long)info.entry.args[2]);
	if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		say(" rval %lld error %d", (long long)info.exit.rval, info.exit.is_error);
	struct user_regs_struct r = regs_of(pid);
	say(" orig %lld rax %lld ip %d sp %d\n", r.orig_rax, r.rax,
	    info.instruction_pointer == r.rip, info.stack_pointer == r.rsp);
}

static int makes_calls(void *arg)
{
	syscall(SYS_getpgid, -5, 0, 7);
	syscall(SYS_umask, 022);
	syscall(9999, 1);
	return 3;
}

CASE(syscalls)
{
	pid_t pid = traced_child(makes_calls, NULL);

	say_call(pid);
	NEED(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
	for (;;) {
		NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
		if (next_stop("child", pid) == -1)
			break;
		say_call(pid);
		say_siginfo("  ", pid);
	}
}

CASE(syscalls_without_the_option)
{
	pid_t pid = traced_child(makes_calls, NULL);

	for (;;) {
		NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
		if (next_stop("child", pid) == -1)
			break;
		say_call(pid);
	}
}

static int prints_umask(void *arg)
{
	say("got %ld\n", syscall(SYS_umask, 077));
	say("got %ld\n", syscall(SYS_umask, 022));
	return 0;
}

static void change(pid_t pid, size_t where, unsigned long value)
{
	NEED(pt(PTRACE_POKEUSER, pid, where, value));
}

/* Goes on to the next call with this number. */
static bool next_call(pid_t pid, unsigned long nr)
{
	int st;

	do {
		NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
		NEED(waitpid(pid, &st, 0));
		if (!WIFSTOPPED(st)) {
			say_status("child", st);
			return false;
		}
	} while (regs_of(pid).orig_rax != nr);
	return true;
}

CASE(changed_calls)
{
	for (int i = 0; i < 6; i++) {
		pid_t pid = traced_child(prints_umask, NULL);
		umask(033);
		say("way %d\n", i);
		if (!next_call(pid, SYS_umask))
			continue;
		switch (i) {
		case 0: change(pid, offsetof(struct user, regs.rdi), 0707); break;
		case 1: change(pid, offsetof(struct user, regs.orig_rax), SYS_getpgid); break;
		case 2: change(pid, offsetof(struct user, regs.orig_rax), -1UL); break;
		case 3:
			change(pid, offsetof(struct user, regs.orig_rax), -1UL);
			change(pid, offsetof(struct user, regs.rax), 55);
			break;
		case 4: change(pid, offsetof(struct user, regs.orig_rax), 5000); break;
		case 5:
			NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
			next_stop("child", pid);
			change(pid, offsetof(struct user, regs.rax), 66);
			break;
		}
		if (i == 1)
			change(pid, offsetof(struct user, regs.rdi), 1 << 30);
		NEED(pt(PTRACE_CONT, pid, 0, 0));
		reap("child", pid);
	}
}

CASE(emulated_calls)
{
	pid_t pid = traced_child(makes_calls, NULL);
	int st;

	NEED(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
	for (int i = 0; i < 3; i++) {
		NEED(pt(PTRACE_SYSEMU, pid, 0, 0));
		next_stop("child", pid);
		say_call(pid);
		change(pid, offsetof(struct user, regs.rax), 5);
	}
	NEED(pt(PTRACE_SYSEMU_SINGLESTEP, pid, 0, 0));
	next_stop("child", pid);
	say_siginfo("child", pid);
	NEED(pt(PTRACE_KILL, pid, 0, 0));
	NEED(waitpid(pid, &st, 0));
	say_status("child", st);
}

static int sleeps(void *arg)
{
	struct timespec long_time = { 1000, 0 };

	return nanosleep(&long_time, NULL) == -1 ? errno : 0;
}

CASE(interrupted_sleep)
{
	pid_t pid = traced_child(sleeps, NULL);

	if (!next_call(pid, SYS_clock_nanosleep))
		return;
	NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
	NEED(kill(pid, SIGURG));
	next_stop("child", pid);
	say("rax %lld\n", regs_of(pid).rax);
	NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
	next_stop("child", pid);
	say("orig %lld rax %lld\n", regs_of(pid).orig_rax, regs_of(pid).rax);
	NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
	next_stop("child", pid);
	say("restarted as %lld\n", regs_of(pid).orig_rax);
	NEED(pt(PTRACE_CONT, pid, 0, SIGTERM));
	NEED(kill(pid, SIGTERM));
	next_stop("child", pid);
	NEED(pt(PTRACE_CONT, pid, 0, SIGTERM));
	reap("child", pid);
}

static int reads_nothing(void *arg)
{
	struct baton b = baton_new();
	char c;

	return read(b.fd[0], &c, 1) == -1 ? errno : 0;
}

/* What a debugger does to call a function: the call that was interrupted is made again afterwards,
 * or not, as the number of the call says. */
CASE(restart_is_the_tracers_to_decide)
{
	for (int again = 0; again < 2; again++) {
		pid_t pid = traced_child(reads_nothing, NULL);
		struct user_regs_struct r;
		if (!next_call(pid, SYS_read))
			return;
		NEED(pt(PTRACE_CONT, pid, 0, 0));
		NEED(kill(pid, SIGUSR1));
		next_stop("child", pid);
		r = regs_of(pid);
		say("orig %lld rax %lld\n", r.orig_rax, r.rax);
		if (!again) {
			r.orig_rax = -1;
			r.rax = 1;
		}
		NEED(pt(PTRACE_SETREGS, pid, 0, AT(&r)));
		NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
		if (next_stop("child", pid) == -1)
			continue;
		say("%s\n", regs_of(pid).orig_rax == SYS_read ? "read again" : "another call");
		NEED(pt(PTRACE_KILL, pid, 0, 0));
		reap("child", pid);
	}
}

/* ---- signals ---- */

static void on_signal(int sig, siginfo_t *si, void *context)
{
	say("handler: %s code %d value %d\n", signal_name(sig), si->si_code,
	    si->si_value.sival_int);
}

static int signals_itself(void *arg)
{
	handle_info(SIGUSR1, on_signal, 0);
	handle_info(SIGUSR2, on_signal, 0);
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 4 });
	say("behind it\n");
	return 0;
}

CASE(signals)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = traced_child(signals_itself, NULL);
		siginfo_t si;
		say("way %d\n", i);
		NEED(pt(PTRACE_CONT, pid, 0, 0));
		next_stop("child", pid);
		NEED(pt(PTRACE_GETSIGINFO, pid, 0, AT(&si)));
		say("orig %lld value %d\n", regs_of(pid).orig_rax, si.si_value.sival_int);
		si.si_value.sival_int = 9;
		if (i == 3)
			NEED(pt(PTRACE_SETSIGINFO, pid, 0, AT(&si)));
		NEED(pt(PTRACE_CONT, pid, 0,
			i == 0   ? 0
			: i == 1 ? SIGUSR2
			: i == 4 ? SIGKILL
				 : SIGUSR1));
		reap("child", pid);
	}
}

static int ignores(void *arg)
{
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	raise(SIGCHLD); /* ignored by default */
	block(SET(SIGUSR2));
	raise(SIGUSR2);
	return 0;
}

CASE(ignored_and_blocked)
{
	pid_t pid = traced_child(ignores, NULL);
	unsigned long mask = 0;

	for (int i = 0; i < 2; i++) {
		NEED(pt(PTRACE_CONT, pid, 0, 0));
		next_stop("child", pid);
		NEED(pt(PTRACE_GETSIGMASK, pid, 8, AT(&mask)));
		X(mask);
	}
	NEED(pt(PTRACE_CONT, pid, 0, SIGCHLD));
	reap("child", pid);
}

CASE(masks)
{
	pid_t pid = traced_child(signals_itself, NULL);
	unsigned long mask = 1UL << (SIGUSR1 - 1) | 1UL << (SIGKILL - 1), got;

	R(pt(PTRACE_SETSIGMASK, pid, 8, AT(&mask)));
	R(pt(PTRACE_GETSIGMASK, pid, 8, AT(&got)));
	X(got);
	R(pt(PTRACE_GETSIGMASK, pid, 4, AT(&got)));
	R(pt(PTRACE_SETSIGMASK, pid, 16, AT(&got)));
	R(pt(PTRACE_SETSIGMASK, pid, 8, 8));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

static int queues(void *arg)
{
	block(SET(SIGUSR1, SIGUSR2, SIGRTMIN));
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i });
	syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
	raise(SIGSTOP);
	return 0;
}

CASE(peek_at_signals)
{
	pid_t pid = traced_child(queues, NULL);
	siginfo_t si[8];

	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	for (int shared = 0; shared < 2; shared++) {
		for (int off = 0; off < 5; off += 2) {
			struct __ptrace_peeksiginfo_args args = { off, shared, 2 };
			long n = R(pt(PTRACE_PEEKSIGINFO, pid, AT(&args), AT(si)));
			for (int i = 0; i < n; i++)
				say("  %s %d\n", signal_name(si[i].si_signo),
				    si[i].si_value.sival_int & 0xff);
		}
	}
	struct __ptrace_peeksiginfo_args args = { 0, 1, -1 };
	R(pt(PTRACE_PEEKSIGINFO, pid, AT(&args), AT(si)));
	args = (struct __ptrace_peeksiginfo_args){ 0, 2, 1 };
	R(pt(PTRACE_PEEKSIGINFO, pid, AT(&args), AT(si)));
	args = (struct __ptrace_peeksiginfo_args){ 0, 1, 1 };
	R(pt(PTRACE_PEEKSIGINFO, pid, AT(&args), 8));
	R(pt(PTRACE_PEEKSIGINFO, pid, 8, AT(si)));
	R(pt(PTRACE_KILL, pid, 0, 0));
	reap("child", pid);
}

/* ---- group stops ---- */

CASE(group_stop_of_an_attached)
{
	pid_t pid = traced_child(pauses, NULL);

	NEED(pt(PTRACE_CONT, pid, 0, 0));
	NEED(kill(pid, SIGTSTP));
	next_stop("child", pid);
	say_siginfo("delivered", pid);
	NEED(pt(PTRACE_CONT, pid, 0, SIGSTOP));
	next_stop("child", pid);
	say_siginfo("stopped", pid);
	say_proc_status(pid, "State:");
	NEED(kill(pid, SIGCONT));
	R(pt(PTRACE_LISTEN, pid, 0, 0));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	NEED(pt(PTRACE_CONT, pid, 0, SIGCONT));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

CASE(group_stop_of_a_seized)
{
	struct baton go;
	pid_t pid = waiting_child(&go, pauses, NULL);

	NEED(pt(PTRACE_SEIZE, pid, 0, 0));
	R(pt(PTRACE_INTERRUPT, pid, 0, 0));
	next_stop("interrupted", pid);
	say_siginfo("interrupted", pid);
	R(pt(PTRACE_INTERRUPT, pid, 0, 0)); /* again, when it goes on */
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("interrupted", pid);
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	NEED(kill(pid, SIGSTOP));
	next_stop("delivered", pid);
	say_siginfo("delivered", pid);
	R(pt(PTRACE_LISTEN, pid, 0, 0));
	NEED(pt(PTRACE_CONT, pid, 0, SIGSTOP));
	next_stop("stopped", pid);
	say_siginfo("stopped", pid);
	R(pt(PTRACE_LISTEN, pid, 0, 0));
	R(pt(PTRACE_CONT, pid, 0, 0)); /* it listens */
	R(pt(PTRACE_INTERRUPT, pid, 0, 0));
	next_stop("interrupted", pid);
	R(pt(PTRACE_LISTEN, pid, 0, 0));
	NEED(kill(pid, SIGCONT));
	next_stop("continued", pid);
	say_siginfo("continued", pid);
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("delivered", pid);
	R(pt(PTRACE_DETACH, pid, 0, 0));
	NEED(kill(pid, SIGTERM));
	reap("child", pid);
}

CASE(attach_to_a_stopped)
{
	pid_t pid = (pid_t)NEED(fork());
	int st;

	if (pid == 0)
		_exit(pauses(NULL));
	NEED(kill(pid, SIGSTOP));
	NEED(waitpid(pid, &st, WUNTRACED));
	say_status("child", st);
	R(pt(PTRACE_ATTACH, pid, 0, 0));
	next_stop("child", pid);
	say_siginfo("child", pid);
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	R(pt(PTRACE_DETACH, pid, 0, 0));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

CASE(seize_a_stopped)
{
	pid_t pid = (pid_t)NEED(fork());
	int st;

	if (pid == 0)
		_exit(pauses(NULL));
	NEED(kill(pid, SIGSTOP));
	NEED(waitpid(pid, &st, WUNTRACED));
	R(pt(PTRACE_SEIZE, pid, 0, 0));
	next_stop("child", pid);
	NEED(kill(pid, SIGCONT));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

/* ---- events ---- */

static int forks(void *arg)
{
	long how = (long)arg;
	pid_t pid = how == 0   ? fork()
		    : how == 1 ? (pid_t)syscall(SYS_vfork)
			       : (pid_t)syscall(SYS_clone, how == 2 ? 0 : SIGCHLD | CLONE_UNTRACED,
						0, 0, 0, 0);

	if (pid == 0)
		_exit(6);
	int st;
	waitpid(pid, &st, __WALL);
	return WEXITSTATUS(st);
}

static void say_event(const char *who, pid_t pid, pid_t *other)
{
	unsigned long message = 0;

	NEED(pt(PTRACE_GETEVENTMSG, pid, 0, AT(&message)));
	*other = (pid_t)message;
	say("%s: a child: %s, orig %lld rax %s\n", who, message ? "yes" : "no",
	    regs_of(pid).orig_rax, (pid_t)regs_of(pid).rax == *other ? "its number" : "another");
}

static int vforks(void *arg)
{
	pid_t pid = vfork();
	int st;

	if (pid == 0)
		_exit(6);
	waitpid(pid, &st, __WALL);
	return WEXITSTATUS(st);
}

CASE(fork_events)
{
	for (long how = 0; how < 3; how++) {
		pid_t pid = traced_child(how == 1 ? vforks : forks, (void *)how), other = 0;
		say("way %ld\n", how);
		NEED(pt(PTRACE_SETOPTIONS, pid, 0,
			PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
			    PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACESYSGOOD));
		NEED(pt(PTRACE_CONT, pid, 0, 0));
		if (next_stop("parent", pid) == -1)
			continue;
		say_event("parent", pid, &other);
		say_siginfo("parent", pid);
		if (next_stop("child", other) == -1)
			continue;
		say_siginfo("child", other);
		say("child: rax %lld orig is its parent's: %d\n", regs_of(other).rax,
		    regs_of(other).orig_rax == regs_of(pid).orig_rax);
		NEED(pt(PTRACE_CONT, other, 0, 0));
		if (how == 1) {
			next_stop("child", other);
			NEED(pt(PTRACE_CONT, pid, 0, 0));
			next_stop("parent", pid);
			say_siginfo("parent", pid);
			NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
			next_stop("parent", pid);
			say("rax %s\n",
			    (pid_t)regs_of(pid).rax == other ? "its number" : "another");
			NEED(pt(PTRACE_CONT, pid, 0, 0));
		} else {
			next_stop("child", other);
			NEED(pt(PTRACE_CONT, pid, 0, 0));
		}
		int stop;
		while ((stop = next_stop("parent", pid)) != -1)
			NEED(pt(PTRACE_CONT, pid, 0, 0));
	}
}

CASE(fork_events_of_a_seized)
{
	struct baton go;
	pid_t pid = waiting_child(&go, forks, NULL), other = 0;

	NEED(pt(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK));
	give(&go);
	next_stop("parent", pid);
	say_event("parent", pid, &other);
	next_stop("child", other);
	say_siginfo("child", other);
	NEED(pt(PTRACE_CONT, other, 0, 0));
	next_stop("child", other);
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	while (next_stop("parent", pid) != -1)
		NEED(pt(PTRACE_CONT, pid, 0, 0));
}

ROLE(executed)
{
	_exit(8);
}

static int executes(void *arg)
{
	execl(case_self, case_self, "role:executed", NULL);
	return 1;
}

CASE(exec)
{
	for (int with_event = 0; with_event < 2; with_event++) {
		pid_t pid = traced_child(executes, NULL);
		unsigned long message = 0;
		NEED(pt(PTRACE_SETOPTIONS, pid, 0,
			PTRACE_O_TRACESYSGOOD | (with_event ? PTRACE_O_TRACEEXEC : 0)));
		if (!next_call(pid, SYS_execve))
			continue;
		for (int i = 0; i < 3; i++) {
			NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
			next_stop("child", pid);
			say_siginfo("child", pid);
			NEED(pt(PTRACE_GETEVENTMSG, pid, 0, AT(&message)));
			say("message is its number: %d, orig %lld rax %lld\n",
			    (pid_t)message == pid, regs_of(pid).orig_rax, regs_of(pid).rax);
			if (i == 1 && with_event)
				break;
		}
		NEED(pt(PTRACE_CONT, pid, 0, 0));
		reap("child", pid);
	}
}

CASE(exec_of_a_seized)
{
	struct baton go;
	pid_t pid = waiting_child(&go, executes, NULL);

	NEED(pt(PTRACE_SEIZE, pid, 0, 0));
	give(&go);
	reap("child", pid);
}

static void *executes_in_thread(void *arg)
{
	executes(NULL);
	return NULL;
}

static int threads_execute(void *arg)
{
	pthread_t t;

	MUST(pthread_create(&t, NULL, executes_in_thread, NULL));
	pauses(NULL);
	return 0;
}

CASE(exec_of_a_thread)
{
	pid_t pid = traced_child(threads_execute, NULL);
	unsigned long message = 0;
	int st;

	NEED(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("leader", pid);
	NEED(pt(PTRACE_GETEVENTMSG, pid, 0, AT(&message)));
	pid_t tid = (pid_t)message;
	next_stop("thread", tid);
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	NEED(pt(PTRACE_CONT, tid, 0, 0));
	next_stop("leader", pid);
	NEED(pt(PTRACE_GETEVENTMSG, pid, 0, AT(&message)));
	say("%s\n", (pid_t)message == tid ? "it was the thread" : "it was another");
	R(pt(PTRACE_CONT, tid, 0, 0));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	NEED(waitpid(pid, &st, 0));
	say_status("leader", st);
}

static int exits_with_five(void *arg)
{
	return 5;
}

static int aborts(void *arg)
{
	abort();
}

CASE(exit_event)
{
	for (int i = 0; i < 3; i++) {
		pid_t pid = traced_child(i == 0 ? exits_with_five : i == 1 ? aborts : pauses, NULL);
		unsigned long message = 0;
		say("way %d\n", i);
		NEED(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT));
		NEED(pt(PTRACE_CONT, pid, 0, 0));
		if (i == 1) {
			next_stop("child", pid);
			NEED(pt(PTRACE_CONT, pid, 0, SIGABRT));
		} else if (i == 2) {
			NEED(kill(pid, SIGKILL));
		}
		next_stop("child", pid);
		NEED(pt(PTRACE_GETEVENTMSG, pid, 0, AT(&message)));
		say("message 0x%lx\n", message & 0xff7f);
		say_siginfo("child", pid);
		say_proc_status(pid, "State:");
		NEED(kill(pid, SIGKILL)); /* which changes nothing any more */
		NEED(pt(PTRACE_CONT, pid, 0, 0));
		int st;
		NEED(waitpid(pid, &st, 0));
		say("%s\n", WIFEXITED(st) ? "exited" : signal_name(WTERMSIG(st)));
	}
}

/* ---- threads ---- */

static void *ends(void *arg)
{
	syscall(SYS_exit, 4);
	return NULL;
}

static int has_a_thread(void *arg)
{
	pthread_t t;

	MUST(pthread_create(&t, NULL, ends, NULL));
	pauses(NULL);
	return 0;
}

CASE(threads)
{
	pid_t pid = traced_child(has_a_thread, NULL);
	unsigned long message = 0;

	NEED(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("leader", pid);
	NEED(pt(PTRACE_GETEVENTMSG, pid, 0, AT(&message)));
	pid_t tid = (pid_t)message;
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("thread", tid);
	say_siginfo("thread", tid);
	NEED(pt(PTRACE_CONT, tid, 0, 0));
	next_stop("thread", tid); /* it is waited for like a process */
	next_stop("thread", tid);
	NEED(kill(pid, SIGTERM));
	next_stop("leader", pid);
	NEED(pt(PTRACE_CONT, pid, 0, SIGTERM));
	reap("leader", pid);
}

/* Of a process with threads that have ended these are waited for before it. */
CASE(threads_are_waited_for_first)
{
	pid_t pid = traced_child(has_a_thread, NULL);
	unsigned long message = 0;
	siginfo_t si = { 0 };
	int st;

	NEED(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("leader", pid);
	NEED(pt(PTRACE_GETEVENTMSG, pid, 0, AT(&message)));
	pid_t tid = (pid_t)message;
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("thread", tid);
	NEED(pt(PTRACE_CONT, tid, 0, 0));
	R(waitid(P_PID, (id_t)tid, &si, WEXITED | WNOWAIT | __WALL));
	say("code %d status %d\n", si.si_code, si.si_status);
	NEED(kill(pid, SIGKILL));
	pid_t first = (pid_t)NEED(waitpid(-1, &st, __WALL));
	say("%s first\n", first == tid ? "the thread" : "the leader");
	say_status("it", st);
	pid_t second = (pid_t)NEED(waitpid(-1, &st, __WALL));
	say("%s second\n", second == tid ? "the thread" : "the leader");
	say_status("it", st);
}

/* ---- waits ---- */

CASE(waits)
{
	pid_t pid = (pid_t)NEED(fork());
	siginfo_t si = { 0 };
	int st = 0;

	if (pid == 0) {
		NEED(pt(PTRACE_TRACEME, 0, 0, 0));
		raise(SIGSTOP);
		_exit(7);
	}
	R(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT)); /* a stop, asked for or not */
	say("signo %d code %d status %d\n", si.si_signo, si.si_code, si.si_status);
	say("%d\n", waitpid(pid, &st, WNOHANG) == pid);
	say_status("child", st);
	R(waitpid(pid, &st, WNOHANG));
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
	R(waitpid(-1, &st, __WALL));
}

/* ---- relations ---- */

/* The real parent hears of its child when the tracer has. */
CASE(child_of_another)
{
	struct baton go, seized = baton_new(), dead = baton_new(), reaped = baton_new();
	pid_t pid = waiting_child(&go, exits_with_five, NULL);
	int st;

	pid_t tracer = (pid_t)NEED(fork());
	if (tracer == 0) {
		R(pt(PTRACE_SEIZE, pid, 0, 0));
		give(&seized);
		take(&dead);
		say("tracer: %d\n", waitpid(pid, &st, 0) == pid);
		say_status("tracer", st);
		give(&reaped);
		_exit(0);
	}
	take(&seized);
	give(&go);
	R(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOHANG | WNOWAIT));
	give(&dead);
	take(&reaped);
	reap("tracer", tracer);
	reap("child", pid);
}

CASE(tracer_ends)
{
	for (int kills = 0; kills < 2; kills++) {
		struct baton go, attached = baton_new();
		pid_t pid = waiting_child(&go, exits_with_five, NULL);
		pid_t tracer = (pid_t)NEED(fork());
		if (tracer == 0) {
			NEED(pt(PTRACE_SEIZE, pid, 0, kills ? PTRACE_O_EXITKILL : 0));
			NEED(pt(PTRACE_INTERRUPT, pid, 0, 0));
			next_stop("child", pid);
			give(&attached);
			_exit(0);
		}
		take(&attached);
		reap("tracer", tracer);
		give(&go);
		reap("child", pid);
	}
}

static void *traces_and_ends(void *arg)
{
	pid_t pid = *(pid_t *)arg;

	NEED(pt(PTRACE_SEIZE, pid, 0, 0));
	NEED(pt(PTRACE_INTERRUPT, pid, 0, 0));
	next_stop("child", pid);
	return NULL;
}

CASE(tracing_thread_ends)
{
	struct baton go;
	pid_t pid = waiting_child(&go, exits_with_five, NULL);
	pthread_t t;

	MUST(pthread_create(&t, NULL, traces_and_ends, &pid));
	MUST(pthread_join(t, NULL));
	/* the thread may not be gone yet */
	while (pt(PTRACE_SEIZE, pid, 0, 0) == -1)
		sched_yield();
	R(pt(PTRACE_INTERRUPT, pid, 0, 0));
	next_stop("child", pid);
	give(&go);
	R(pt(PTRACE_DETACH, pid, 0, 0));
	reap("child", pid);
}

static int killed_in_a_stop(void *arg)
{
	pid_t pid = traced_child(pauses, NULL);
	struct user_regs_struct r;

	NEED(kill(pid, SIGKILL));
	reap("child", pid);
	R(pt(PTRACE_GETREGS, pid, 0, AT(&r)));
	return 0;
}

CASE(killed)
{
	in_child("tracer", killed_in_a_stop, NULL);
}

CASE(clone_ptrace)
{
	pid_t pid = traced_child(forks, (void *)3);

	NEED(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid); /* CLONE_UNTRACED: of its child nothing is told */
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

static void count(int sig, siginfo_t *si, void *context)
{
	say("SIGCHLD: code %d status %d\n", si->si_code, si->si_status);
}

CASE(sigchld)
{
	handle_info(SIGCHLD, count, SA_RESTART);
	pid_t pid = traced_child(nothing, NULL);
	NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
	next_stop("child", pid);
	NEED(pt(PTRACE_KILL, pid, 0, 0));
	reap("child", pid);
	handle_info(SIGCHLD, count, SA_RESTART | SA_NOCLDSTOP);
	pid = traced_child(nothing, NULL);
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
	signal(SIGCHLD, SIG_IGN);
	pid = traced_child(nothing, NULL);
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

CASE(rseq)
{
	pid_t pid = traced_child(nothing, NULL);
	struct {
		unsigned long pointer;
		unsigned size, signature, flags, pad;
	} conf = { 0 };

	R(pt(0x420f, pid, sizeof conf, AT(&conf)));
	say("there %d signature %x flags %u\n", !!conf.pointer, conf.signature, conf.flags);
	R(pt(0x420f, pid, 8, AT(&conf)));
	R(pt(0x420f, pid, 8, 8));
	R(pt(PTRACE_KILL, pid, 0, 0));
	reap("child", pid);
}
