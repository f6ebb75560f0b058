/* SPDX-License-Identifier: Apache-2.0 */
/* ptrace(2): breakpoints and watchpoints by x86's debug registers. */
#include <pthread.h>
#include <stddef.h>

#include "ptrace_case.h"

#define DR(n) offsetof(struct user, u_debugreg[n])
enum { EXEC, WRITE, PORT, ACCESS };
/* Of DR7, for breakpoint `i`: enabled, of that type and length. */
#define LEN(len)            ((len) == 8 ? 2 : (len)-1)
#define KIND(i, type, len)  ((unsigned long)((type) | LEN(len) << 2) << (16 + 4 * (i)))
#define POINT(i, type, len) (1UL << 2 * (i) | KIND(i, type, len))

static volatile long watched[4];

__attribute__((noinline)) static void called(void)
{
	__asm__ volatile("nop");
}

static long peek_reg(pid_t pid, int n)
{
	long value = -1;

	NEED(pt(PTRACE_PEEKUSER, pid, DR(n), AT(&value)));
	return value;
}

static void poke_reg(pid_t pid, int n, unsigned long value)
{
	long r = pt(PTRACE_POKEUSER, pid, DR(n), value);

	if (r && errno == ENOSPC) {
		say("needs breakpoints of the CPU's\n");
		_exit(97);
	}
	NEED(r);
}

static void say_regs(pid_t pid)
{
	for (int i = 0; i < 4; i++)
		say("%s ", peek_reg(pid, i) ? "set" : "0");
	say("dr6 %lx dr7 %lx\n", peek_reg(pid, 6), peek_reg(pid, 7));
}

/* Until it ends: what each stop says. */
static void follow(const char *who, pid_t pid, int way)
{
	for (;;) {
		siginfo_t si = { 0 };

		NEED(pt(way, pid, 0, 0));
		if (next_stop(who, pid) == -1)
			break;
		NEED(pt(PTRACE_GETSIGINFO, pid, 0, AT(&si)));
		struct user_regs_struct r = regs_of(pid);
		/* RF of another signal's stop depends on what the signal interrupted */
		unsigned long long flags = si.si_signo == SIGTRAP ? r.eflags & 0x10100 : 0;
		long value = 0;
		NEED(pt(PTRACE_PEEKDATA, pid, AT(&watched[0]), AT(&value)));
		say("  code %d at ip %d called %d flags %llx dr6 %lx watched %ld\n", si.si_code,
		    AT(si.si_addr) == r.rip, r.rip == AT(called), flags, peek_reg(pid, 6), value);
		poke_reg(pid, 6, 0);
	}
}

static int touches(void *arg)
{
	watched[0] = 1;          /* a write */
	watched[1] = watched[0]; /* a read */
	watched[0]++;
	watched[0] = watched[0]; /* nothing changes */
	((volatile char *)watched)[7] = 0;
	__asm__ volatile("movq %%xmm0, %0" : "=m"(watched[0]));
	called();
	return watched[3];
}

CASE(write_watched)
{
	pid_t pid = traced_child(touches, NULL);

	poke_reg(pid, 0, AT(&watched[0]));
	poke_reg(pid, 7, POINT(0, WRITE, 8));
	say_regs(pid);
	follow("child", pid, PTRACE_CONT);
}

CASE(access_watched)
{
	pid_t pid = traced_child(touches, NULL);

	poke_reg(pid, 2, AT(&watched[0]));
	poke_reg(pid, 3, AT(&watched[0]) + 6);
	poke_reg(pid, 7, POINT(2, ACCESS, 4) | POINT(3, WRITE, 2));
	say_regs(pid);
	follow("child", pid, PTRACE_CONT);
}

CASE(breakpoint)
{
	pid_t pid = traced_child(touches, NULL);

	poke_reg(pid, 1, AT(called));
	poke_reg(pid, 7, POINT(1, EXEC, 1));
	say_regs(pid);
	follow("child", pid, PTRACE_CONT);
}

static int called_often(void *arg)
{
	for (int i = 0; i < 5; i++) {
		called();
		watched[0] = i;
	}
	return 0;
}

CASE(all_four)
{
	pid_t pid = traced_child(called_often, NULL);

	for (int i = 0; i < 3; i++)
		poke_reg(pid, i, AT(&watched[0]));
	poke_reg(pid, 3, AT(called));
	poke_reg(pid, 7,
		 POINT(0, WRITE, 1) | POINT(1, WRITE, 8) | KIND(2, ACCESS, 4) | POINT(3, EXEC, 1));
	say_regs(pid);
	follow("child", pid, PTRACE_CONT);
}

static int steps_once(void *arg)
{
	watched[0] = 5;
	called();
	return 0;
}

/* The first steps lead out of raise(3): they are not told of. */
CASE(steps_and_watchpoints)
{
	pid_t pid = traced_child(steps_once, NULL);
	int st;

	poke_reg(pid, 0, AT(&watched[0]));
	poke_reg(pid, 1, AT(called));
	poke_reg(pid, 7, POINT(0, WRITE, 8) | POINT(1, EXEC, 1));
	for (int told = 0; told < 3;) {
		siginfo_t si = { 0 };

		NEED(pt(PTRACE_SINGLESTEP, pid, 0, 0));
		NEED(waitpid(pid, &st, 0));
		NEED(pt(PTRACE_GETSIGINFO, pid, 0, AT(&si)));
		long dr6 = peek_reg(pid, 6);
		if (dr6 & 0xf || told)
			told++;
		if (told)
			say("sig %d code %d dr6 %lx at called %d\n", WSTOPSIG(st), si.si_code, dr6,
			    regs_of(pid).rip == AT(called));
		poke_reg(pid, 6, 0);
	}
	follow("child", pid, PTRACE_CONT);
}

static int nothing(void *arg)
{
	return 0;
}

CASE(what_can_be_set)
{
	pid_t pid = traced_child(nothing, NULL);
	static const struct {
		int n;
		unsigned long value;
	} tries[] = {
		{ 0, 0x7ffffffff000 },
		{ 0, 0xffffffff81000000 },
		{ 0, 0x8000000000000000 },
		{ 0, 0x7fffffffeff8 },
		{ 7, POINT(0, WRITE, 8) },
		{ 0, 0x7fffffffeffc },
		{ 0, 0x7ffffffff000 },
		{ 7, 0 },
		{ 0, 0x1003 },
		{ 7, POINT(0, WRITE, 2) },
		{ 7, POINT(0, WRITE, 1) },
		{ 7, POINT(0, PORT, 1) },
		{ 7, POINT(0, EXEC, 2) },
		{ 7, POINT(0, EXEC, 1) },
		{ 7, KIND(0, EXEC, 4) },
		{ 7, KIND(1, PORT, 1) },
		{ 7, POINT(1, PORT, 1) },
		{ 7, POINT(1, ACCESS, 4) },
		{ 1, 0x2002 },
		{ 1, 0x2004 },
		{ 7, 0xffff0000fffffc00 },
		{ 7, 0x400 },
		{ 7, 2UL << 2 | KIND(1, WRITE, 1) },
		{ 7, POINT(0, WRITE, 1) | POINT(3, EXEC, 8) },
		{ 2, 0 },
		{ 4, 0 },
		{ 5, 1 },
		{ 6, 0x1234 },
		{ 6, ~0UL },
		{ 7, 0 },
	};
	poke_reg(pid, 0, 8);
	for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
		long r = pt(PTRACE_POKEUSER, pid, DR(tries[i].n), tries[i].value);
		say("dr%d %lx: %s\n  ", tries[i].n, tries[i].value,
		    r ? strerrorname_np(errno) : "0");
		for (int n = 0; n < 8; n++)
			say("%lx%c", peek_reg(pid, n), n < 7 ? ' ' : '\n');
	}
	R(pt(PTRACE_CONT, pid, 0, SIGKILL));
	reap("child", pid);
}

/* ---- whose they are ---- */

static void *thread(void *arg)
{
	called();
	return arg;
}

static int forks_and_threads(void *arg)
{
	pthread_t t;
	int st;

	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	pid_t pid = fork();
	if (pid == 0) {
		called();
		_exit(4);
	}
	waitpid(pid, &st, 0);
	called();
	return WEXITSTATUS(st);
}

CASE(no_other_threads)
{
	pid_t pid = traced_child(forks_and_threads, NULL);

	poke_reg(pid, 0, AT(called));
	poke_reg(pid, 7, POINT(0, EXEC, 1));
	follow("child", pid, PTRACE_CONT);
}

CASE(not_a_traced_child)
{
	pid_t pid = traced_child(forks_and_threads, NULL);
	unsigned long child;

	poke_reg(pid, 0, AT(called));
	poke_reg(pid, 6, 0);
	poke_reg(pid, 7, POINT(0, EXEC, 1));
	NEED(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("parent", pid);
	NEED(pt(PTRACE_GETEVENTMSG, pid, 0, AT(&child)));
	next_stop("child", child);
	say_regs(child);
	follow("child", child, PTRACE_CONT);
	follow("parent", pid, PTRACE_CONT);
}

ROLE(executed)
{
	called();
	_exit(7);
}

static int executes(void *arg)
{
	execl(case_self, case_self, "role:executed", NULL);
	return 1;
}

CASE(gone_with_execve)
{
	pid_t pid = traced_child(executes, NULL);

	poke_reg(pid, 0, AT(called));
	poke_reg(pid, 7, POINT(0, EXEC, 1));
	say_regs(pid);
	NEED(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	say_regs(pid);
	poke_reg(pid, 3, AT(&watched[2]));
	poke_reg(pid, 7, POINT(3, WRITE, 8));
	say_regs(pid);
	follow("child", pid, PTRACE_CONT);
}

static void trapped(int sig, siginfo_t *si, void *uc)
{
	say("signal %d code %d\n", sig, si->si_code);
}

static int handles(void *arg)
{
	struct sigaction sa = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO };

	NEED(sigaction(SIGTRAP, &sa, NULL));
	touches(NULL);
	return 0;
}

/* They are the thread's, with a tracer or without. */
CASE(outlive_the_tracer)
{
	pid_t pid = traced_child(handles, NULL);

	poke_reg(pid, 0, AT(&watched[0]));
	poke_reg(pid, 1, AT(called));
	poke_reg(pid, 7, POINT(0, WRITE, 8) | POINT(1, EXEC, 1));
	NEED(pt(PTRACE_DETACH, pid, 0, 0));
	reap("child", pid);
}

/* What the kernel does on its behalf is no access of the program's. */
static int reads_there(void *arg)
{
	int p[2];

	NEED(pipe(p));
	R(write(p[1], "12345678", 8));
	R(read(p[0], (char *)AT(&watched[0]), 8));
	return watched[0] == 0x3837363534333231;
}

CASE(calls_do_not_count)
{
	pid_t pid = traced_child(reads_there, NULL);

	poke_reg(pid, 0, AT(&watched[0]));
	poke_reg(pid, 7, POINT(0, WRITE, 8));
	follow("child", pid, PTRACE_CONT);
}

CASE(over_calls_and_signals)
{
	pid_t pid = traced_child(handles, NULL);

	poke_reg(pid, 0, AT(&watched[0]));
	poke_reg(pid, 7, POINT(0, ACCESS, 8));
	for (int sig = 0;; sig = SIGTRAP) {
		siginfo_t si = { 0 };

		NEED(pt(PTRACE_CONT, pid, 0, sig));
		if (next_stop("child", pid) == -1)
			break;
		NEED(pt(PTRACE_GETSIGINFO, pid, 0, AT(&si)));
		say("  code %d dr6 %lx\n", si.si_code, peek_reg(pid, 6));
	}
}
