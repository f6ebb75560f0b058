/* SPDX-License-Identifier: Apache-2.0 */
/* ptrace(2): who may trace whom, memory and registers of a tracee, steps and breakpoints, and
 * arguments that make no sense. */
#include <elf.h>
#include <grp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "ptrace_case.h"

static volatile long word = 0x1234;
static const long constant = 0x5678;

static int nothing(void *arg)
{
	return 0;
}

static int returns_word(void *arg)
{
	return (int)word;
}

static int pauses(void *arg)
{
	while (!arg || pause() == -1)
		pause();
	return 0;
}

CASE(memory)
{
	pid_t pid = traced_child(returns_word, NULL);
	long got = 0;

	R(pt(PTRACE_PEEKDATA, pid, AT(&word), AT(&got)));
	X(got);
	R(pt(PTRACE_PEEKTEXT, pid, AT(&constant), AT(&got)));
	X(got);
	R(pt(PTRACE_PEEKDATA, pid, AT(&word) + 1, AT(&got)));
	X(got);
	R(pt(PTRACE_POKEDATA, pid, AT(&word), 0x11));
	R(pt(PTRACE_POKETEXT, pid, AT(&constant), 0x22)); /* read-only: a copy is made */
	R(pt(PTRACE_PEEKTEXT, pid, AT(&constant), AT(&got)));
	X(got);
	X(constant);
	R(pt(PTRACE_PEEKDATA, pid, 8, AT(&got)));
	R(pt(PTRACE_POKEDATA, pid, 8, 1));
	R(pt(PTRACE_PEEKDATA, pid, -8UL, AT(&got)));
	R(pt(PTRACE_PEEKDATA, pid, AT(&word), 8));
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

CASE(memory_by_other_ways)
{
	pid_t pid = traced_child(returns_word, NULL);
	char path[64];
	long value = 0x33, got = 0;
	struct iovec local = { &value, sizeof value }, remote = { (void *)AT(&word), sizeof value };

	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	int fd = (int)NEED(open(path, O_RDWR));
	R(pwrite(fd, &value, sizeof value, AT(&constant)));
	R(pread(fd, &got, sizeof got, AT(&constant)));
	X(got);
	R(process_vm_writev(pid, &local, 1, &remote, 1, 0));
	remote.iov_base = (void *)AT(&constant);
	R(process_vm_writev(pid, &local, 1, &remote, 1, 0));
	local.iov_base = &got;
	R(process_vm_readv(pid, &local, 1, &remote, 1, 0));
	X(got);
	R(pt(PTRACE_DETACH, pid, 0, 0));
	reap("child", pid);
}

static char *no_rights;

static int touches(void *arg)
{
	return no_rights[0];
}

CASE(memory_without_rights)
{
	no_rights = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	no_rights[0] = 7;
	NEED(mprotect(no_rights, 4096, PROT_NONE));
	pid_t pid = traced_child(touches, NULL);
	long got = 0;

	R(pt(PTRACE_PEEKDATA, pid, AT(no_rights), AT(&got)));
	X(got);
	R(pt(PTRACE_POKEDATA, pid, AT(no_rights), 9));
	R(pt(PTRACE_PEEKDATA, pid, AT(no_rights), AT(&got)));
	X(got);
	R(pt(PTRACE_PEEKDATA, pid, AT(shared), AT(&got)));
	R(pt(PTRACE_POKEDATA, pid, AT(shared), 9));
	R(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	R(pt(PTRACE_CONT, pid, 0, SIGSEGV));
	reap("child", pid);
}

CASE(errors)
{
	static const long requests[] = {
		PTRACE_PEEKDATA,
		PTRACE_POKEDATA,
		PTRACE_CONT,
		PTRACE_KILL,
		PTRACE_SINGLESTEP,
		PTRACE_GETREGS,
		PTRACE_SETREGS,
		PTRACE_ATTACH,
		PTRACE_DETACH,
		PTRACE_SYSCALL,
		PTRACE_SETOPTIONS,
		PTRACE_GETSIGINFO,
		PTRACE_GETREGSET,
		PTRACE_INTERRUPT,
		PTRACE_LISTEN,
		PTRACE_PEEKSIGINFO,
		PTRACE_GETSIGMASK,
		PTRACE_SEIZE,
		PTRACE_GETEVENTMSG,
		12345,
		-1,
		0x100000000 + PTRACE_CONT,
	};
	struct baton go;
	pid_t pid = waiting_child(&go, nothing, NULL);
	long got;

	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		say("%ld\n", requests[i]);
		R(pt(requests[i], getpid(), 0, 0));
		R(pt(requests[i], 0, 0, 0));
		R(pt(requests[i], -1, 0, 0));
		R(pt(requests[i], 1 << 30, 0, 0));
		if (requests[i] != PTRACE_ATTACH && requests[i] != PTRACE_SEIZE)
			R(pt(requests[i], pid, 0, 0));
	}
	R(pt(PTRACE_SEIZE, pid, 1, 0));
	R(pt(PTRACE_SEIZE, pid, 0, 1UL << 8));
	R(pt(PTRACE_SEIZE, pid, 0, -1UL));
	R(pt(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD));
	R(pt(PTRACE_SEIZE, pid, 0, 0));
	R(pt(PTRACE_ATTACH, pid, 0, 0));
	R(pt(PTRACE_CONT, pid, 0, 0)); /* it is not in a stop */
	R(pt(PTRACE_GETREGS, pid, 0, AT(&got)));
	R(pt(PTRACE_DETACH, pid, 0, 0));
	R(pt(PTRACE_INTERRUPT, pid, 0, 0));
	next_stop("child", pid);
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		if (requests[i] == PTRACE_CONT || requests[i] == PTRACE_SINGLESTEP ||
		    requests[i] == PTRACE_SYSCALL || requests[i] == PTRACE_DETACH)
			R(pt(requests[i], pid, 0, 65));
		else if (requests[i] != PTRACE_KILL)
			R(pt(requests[i], pid, 8, 8));
	}
	R(pt(PTRACE_SETOPTIONS, pid, 0, 1UL << 8));
	R(pt(PTRACE_SETOPTIONS, pid, 0, -1UL));
	R(pt(PTRACE_SETOPTIONS, pid, 0, 0xff));
	R(pt(PTRACE_CONT, pid, 0, -1UL));
	R(pt(33 /* PTRACE_SINGLEBLOCK */, pid, 0, 65));
	R(pt(PTRACE_KILL, pid, 0, 0));
	reap("child", pid);
}

static int asks_twice(void *arg)
{
	R(pt(PTRACE_TRACEME, 0, 0, 0));
	R(pt(PTRACE_TRACEME, 0, 0, 0));
	R(pt(PTRACE_TRACEME, -1, 8, 8));
	return 0;
}

CASE(traced_twice)
{
	in_child("child", asks_twice, NULL);
}

static void *attaches_its_process(void *arg)
{
	R(pt(PTRACE_ATTACH, getpid(), 0, 0));
	R(pt(PTRACE_SEIZE, getpid(), 0, 0));
	return NULL;
}

CASE(own_process)
{
	pthread_t t;

	MUST(pthread_create(&t, NULL, attaches_its_process, NULL));
	MUST(pthread_join(t, NULL));
}

static void *continues(void *arg)
{
	pid_t pid = *(pid_t *)arg;
	int st;

	R(pt(PTRACE_CONT, pid, 0, 0));
	R(waitpid(pid, &st, __WNOTHREAD | __WALL));
	return NULL;
}

CASE(tracer_is_a_thread)
{
	pid_t pid = traced_child(nothing, NULL);
	pthread_t t;

	MUST(pthread_create(&t, NULL, continues, &pid));
	MUST(pthread_join(t, NULL));
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

CASE(zombies)
{
	pid_t pid = (pid_t)NEED(fork());
	siginfo_t si;

	if (pid == 0)
		_exit(0);
	NEED(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	R(pt(PTRACE_ATTACH, pid, 0, 0));
	R(pt(PTRACE_SEIZE, pid, 0, 0));
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

CASE(attach_and_detach)
{
	struct baton go;
	pid_t pid = waiting_child(&go, nothing, NULL);

	R(pt(PTRACE_ATTACH, pid, 0, 0));
	next_stop("child", pid);
	say_siginfo("child", pid);
	say_proc_status(pid, "State:");
	R(pt(PTRACE_DETACH, pid, 0, 0));
	say_proc_status(pid, "TracerPid:");
	R(pt(PTRACE_CONT, pid, 0, 0));
	R(pt(PTRACE_ATTACH, pid, 0, 0));
	next_stop("child", pid);
	give(&go);
	R(pt(PTRACE_DETACH, pid, 0, SIGTERM));
	reap("child", pid);
}

CASE(status_tells_the_tracer)
{
	pid_t pid = traced_child(nothing, NULL);
	char path[64], buf[4096], *at;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	int fd = (int)NEED(open(path, O_RDONLY));
	buf[NEED(read(fd, buf, sizeof buf - 1))] = 0;
	at = strstr(buf, "TracerPid:\t");
	say("tracer is %s\n", at && atoi(at + 11) == getpid() ? "right" : "wrong");
	say_proc_status(pid, "State:");
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

static void become(uid_t uid)
{
	NEED(setgroups(0, NULL));
	NEED(setresgid(uid, uid, uid));
	NEED(setresuid(uid, uid, uid));
}

static int tries(void *arg)
{
	pid_t pid = *(pid_t *)arg;
	int st;

	if (pt(PTRACE_ATTACH, pid, 0, 0) == -1)
		return errno;
	waitpid(pid, &st, 0);
	return 0;
}

static int tries_as_another(void *arg)
{
	become(12345);
	return tries(arg);
}

static int waits_as(uid_t uid, struct baton *ready, int dumpable)
{
	become(uid);
	prctl(PR_SET_DUMPABLE, dumpable);
	give(ready);
	return pauses(NULL);
}

CASE(who_may)
{
	static const struct {
		uid_t uid;
		int dumpable;
	} targets[] = { { 12345, 1 }, { 12345, 0 }, { 12346, 1 }, { 0, 1 } };

	need_root();
	for (int i = 0; i < 4; i++) {
		struct baton ready = baton_new();
		pid_t pid = (pid_t)NEED(fork());
		if (pid == 0)
			_exit(waits_as(targets[i].uid, &ready, targets[i].dumpable));
		take(&ready);
		say("%u %d\n", targets[i].uid, targets[i].dumpable);
		in_child("root", tries, &pid);
		in_child("another", tries_as_another, &pid);
		NEED(kill(pid, SIGKILL));
		reap("target", pid);
	}
}

static int lets_its_parent(void *arg)
{
	return prctl(PR_SET_PTRACER, getppid(), 0, 0, 0) == -1 ? errno : 0;
}

CASE(yama)
{
	in_child("child", lets_its_parent, NULL);
	say("%s\n", access("/proc/sys/kernel/yama/ptrace_scope", F_OK) ? "none" : "there");
}

/* ---- registers ---- */

static int asks_for_its_parent(void *arg)
{
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "0"(SYS_getppid), "D"(1), "S"(2), "d"(3)
			 : "rcx", "r11", "memory");
	return r == 77 ? 7 : 0;
}

CASE(registers)
{
	pid_t pid = traced_child(nothing, NULL);
	struct user_regs_struct r = regs_of(pid);

	say("cs %llx ss %llx ds %llx es %llx fs %llx gs %llx\n", r.cs, r.ss, r.ds, r.es, r.fs,
	    r.gs);
	say("orig %lld rax %lld flags %llx rcx is rip: %d\n", r.orig_rax, r.rax, r.eflags,
	    r.rcx == r.rip);
	r.rbx = 0x123456789abcdef;
	r.r15 = -1UL;
	R(pt(PTRACE_SETREGS, pid, 0, AT(&r)));
	struct user_regs_struct again = regs_of(pid);
	say("%s\n", memcmp(&r, &again, sizeof r) ? "differ" : "same");
	r.eflags = -1UL;
	R(pt(PTRACE_SETREGS, pid, 0, AT(&r)));
	X(regs_of(pid).eflags);
	r.eflags = 0;
	R(pt(PTRACE_SETREGS, pid, 0, AT(&r)));
	X(regs_of(pid).eflags);
	r.fs_base = 0x7ffffffff000;
	R(pt(PTRACE_SETREGS, pid, 0, AT(&r)));
	r.fs_base = 0;
	r.cs = 0;
	R(pt(PTRACE_SETREGS, pid, 0, AT(&r)));
	R(pt(PTRACE_GETREGS, pid, 0, 8));
	R(pt(PTRACE_SETREGS, pid, 0, 8));
	R(pt(PTRACE_KILL, pid, 0, 0));
	reap("child", pid);
}

CASE(user_area)
{
	pid_t pid = traced_child(nothing, NULL);
	static const unsigned long places[] = {
		offsetof(struct user, regs.orig_rax),
		offsetof(struct user, regs.cs),
		offsetof(struct user, regs.gs),
		offsetof(struct user, u_fpvalid),
		offsetof(struct user, start_code),
		offsetof(struct user, magic),
		offsetof(struct user, u_debugreg[0]),
		offsetof(struct user, u_debugreg[6]),
		offsetof(struct user, u_debugreg[7]),
		sizeof(struct user),
		sizeof(struct user) - 8,
		4,
		1,
		-8UL,
	};
	long got;

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		got = 0;
		long r = pt(PTRACE_PEEKUSER, pid, places[i], AT(&got));
		say("%lx: %ld %s %lx\n", places[i], r, r ? strerrorname_np(errno) : "", got);
	}
	R(pt(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rbx), 0x77));
	R(pt(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rbx), AT(&got)));
	X(got);
	R(pt(PTRACE_POKEUSER, pid, offsetof(struct user, regs.ss), 0));
	R(pt(PTRACE_POKEUSER, pid, offsetof(struct user, regs.gs_base), -1UL));
	R(pt(PTRACE_POKEUSER, pid, offsetof(struct user, start_code), 0));
	R(pt(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[4]), 0));
	R(pt(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]), 0));
	R(pt(PTRACE_POKEUSER, pid, sizeof(struct user), 0));
	R(pt(PTRACE_POKEUSER, pid, 3, 0));
	R(pt(PTRACE_CONT, pid, 0, SIGKILL));
	reap("child", pid);
}

CASE(register_sets)
{
	pid_t pid = traced_child(nothing, NULL);
	static const struct {
		unsigned long type;
		size_t len;
	} sets[] = {
		{ NT_PRSTATUS, 27 * 8 }, { NT_PRSTATUS, 1000 }, { NT_PRSTATUS, 16 },
		{ NT_PRSTATUS, 0 },      { NT_PRSTATUS, 15 },   { NT_PRFPREG, 512 },
		{ NT_PRFPREG, 4096 },    { NT_PRFPREG, 8 },     { NT_X86_XSTATE, 576 },
		{ NT_X86_XSTATE, 9 },    { NT_PRPSINFO, 8 },    { 0, 8 },
	};
	char buf[8192];

	for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
		struct iovec iov = { buf, sets[i].len };
		long get = pt(PTRACE_GETREGSET, pid, sets[i].type, AT(&iov));
		say("%lx %zu: %ld %s %zu\n", sets[i].type, sets[i].len, get,
		    get ? strerrorname_np(errno) : "", iov.iov_len);
		iov = (struct iovec){ buf, sets[i].len };
		long set = pt(PTRACE_SETREGSET, pid, sets[i].type, AT(&iov));
		say("set: %ld %s %zu\n", set, set ? strerrorname_np(errno) : "", iov.iov_len);
	}
	struct iovec iov = { (void *)8, 16 };
	R(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, AT(&iov)));
	R(pt(PTRACE_SETREGSET, pid, NT_PRSTATUS, AT(&iov)));
	R(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8));
	R(pt(PTRACE_KILL, pid, 0, 0));
	reap("child", pid);
}

static int shows_xmm(void *arg)
{
	long v = 0;

	__asm__ volatile("movq %0, %%xmm5\n\tint3\n\tmovq %%xmm5, %0" : "+r"(v) : : "xmm5");
	return (int)v;
}

CASE(floating_point)
{
	pid_t pid = traced_child(shows_xmm, NULL);
	struct user_fpregs_struct fp;

	R(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	R(pt(PTRACE_GETFPREGS, pid, 0, AT(&fp)));
	say("cwd %x swd %x mxcsr %x xmm5 %x\n", fp.cwd, fp.swd, fp.mxcsr, fp.xmm_space[20]);
	fp.xmm_space[20] = 42;
	R(pt(PTRACE_SETFPREGS, pid, 0, AT(&fp)));
	memset(&fp, 0, sizeof fp);
	R(pt(PTRACE_GETFPREGS, pid, 0, AT(&fp)));
	X(fp.xmm_space[20]);
	fp.mxcsr = 0xffffffff;
	R(pt(PTRACE_SETFPREGS, pid, 0, AT(&fp)));
	R(pt(PTRACE_GETFPREGS, pid, 0, 8));
	R(pt(PTRACE_SETFPREGS, pid, 0, 8));
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

CASE(whole_state)
{
	pid_t pid = traced_child(shows_xmm, NULL);
	static char buf[1 << 20]; /* what CPUs to come have is in it */
	struct iovec iov = { buf, sizeof buf };
	uint32_t v;

	R(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	NEED(pt(PTRACE_GETREGSET, pid, NT_X86_XSTATE, AT(&iov)));
	memcpy(&v, buf + 160 + 5 * 16, 4);
	X(v);
	v = 43;
	memcpy(buf + 160 + 5 * 16, &v, 4);
	R(pt(PTRACE_SETREGSET, pid, NT_X86_XSTATE, AT(&iov)));
	memset(buf + 512, 0xff, 8); /* parts that there are not */
	R(pt(PTRACE_SETREGSET, pid, NT_X86_XSTATE, AT(&iov)));
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

CASE(segment_bases)
{
	pid_t pid = traced_child(nothing, NULL);
	unsigned long base = 0;

	R(pt(30 /* PTRACE_ARCH_PRCTL */, pid, AT(&base), 0x1003 /* ARCH_GET_FS */));
	say("%s\n", base == regs_of(pid).fs_base ? "same" : "differ");
	R(pt(30, pid, 0x1000, 0x1001 /* ARCH_SET_GS */));
	X(regs_of(pid).gs_base);
	R(pt(30, pid, -1UL, 0x1001));
	R(pt(30, pid, 0, 1));
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

/* ---- steps and breakpoints ---- */

static int four_instructions(void *arg)
{
	long r;

	__asm__ volatile("int3\n\tnop\n\tnop\n\tsyscall\n\tnop\n\tpushf\n\tpopf\n\tint3"
			 : "=a"(r)
			 : "0"(SYS_getppid)
			 : "rcx", "r11", "memory");
	return 0;
}

CASE(steps)
{
	pid_t pid = traced_child(four_instructions, NULL);

	R(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	say_siginfo("child", pid);
	unsigned long start = regs_of(pid).rip;
	for (int i = 0; i < 7; i++) {
		struct user_regs_struct r;
		R(pt(PTRACE_SINGLESTEP, pid, 0, 0));
		next_stop("child", pid);
		say_siginfo("child", pid);
		r = regs_of(pid);
		say("at %lld, orig %lld, trap flag %d\n", r.rip - start, r.orig_rax,
		    !!(r.eflags & 0x100));
	}
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

static void on_usr1(int sig)
{
	say("handled\n");
}

static int handles(void *arg)
{
	handle(SIGUSR1, on_usr1, 0);
	__asm__ volatile("int3\n\tnop\n\tnop");
	return 0;
}

CASE(step_into_a_handler)
{
	pid_t pid = traced_child(handles, NULL);

	R(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	R(pt(PTRACE_SINGLESTEP, pid, 0, SIGUSR1));
	next_stop("child", pid);
	say_siginfo("child", pid);
	say("%s\n", regs_of(pid).rip == AT(on_usr1) ? "at the handler" : "elsewhere");
	X(regs_of(pid).eflags & 0x100);
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

__attribute__((noinline)) static int target_of_breakpoint(int a)
{
	__asm__ volatile("");
	return a + 1;
}

static int calls_target(void *arg)
{
	return target_of_breakpoint(4) + target_of_breakpoint(10);
}

CASE(breakpoint)
{
	pid_t pid = traced_child(calls_target, NULL);
	struct user_regs_struct r;
	long code;

	NEED(pt(PTRACE_PEEKTEXT, pid, AT(target_of_breakpoint), AT(&code)));
	NEED(pt(PTRACE_POKETEXT, pid, AT(target_of_breakpoint), (AT(code) & ~0xffUL) | 0xcc));
	for (int i = 0; i < 2; i++) {
		R(pt(PTRACE_CONT, pid, 0, 0));
		next_stop("child", pid);
		say_siginfo("child", pid);
		r = regs_of(pid);
		say("behind it: %d, argument %lld\n", r.rip == AT(target_of_breakpoint) + 1, r.rdi);
		NEED(pt(PTRACE_POKETEXT, pid, AT(target_of_breakpoint), AT(code)));
		r.rip--;
		NEED(pt(PTRACE_SETREGS, pid, 0, AT(&r)));
		R(pt(PTRACE_SINGLESTEP, pid, 0, 0));
		next_stop("child", pid);
		NEED(pt(PTRACE_POKETEXT, pid, AT(target_of_breakpoint),
			(AT(code) & ~0xffUL) | 0xcc));
	}
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}

CASE(crash)
{
	no_rights = (char *)8;
	pid_t pid = traced_child(touches, NULL);
	siginfo_t si;

	R(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	NEED(pt(PTRACE_GETSIGINFO, pid, 0, AT(&si)));
	say("code %d at %p, orig %lld\n", si.si_code, si.si_addr, regs_of(pid).orig_rax);
	R(pt(PTRACE_CONT, pid, 0, 0)); /* without the signal it comes again */
	next_stop("child", pid);
	R(pt(PTRACE_CONT, pid, 0, SIGSEGV));
	reap("child", pid);
}

CASE(call_of_the_tracers_choice)
{
	pid_t pid = traced_child(asks_for_its_parent, NULL);
	struct user_regs_struct r;

	R(pt(PTRACE_SYSCALL, pid, 0, 0));
	next_stop("child", pid); /* the end of raise's tgkill is behind it already */
	r = regs_of(pid);
	say("orig %lld rax %lld args %lld %lld %lld\n", r.orig_rax, r.rax, r.rdi, r.rsi, r.rdx);
	R(pt(PTRACE_SYSCALL, pid, 0, 0));
	next_stop("child", pid);
	r = regs_of(pid);
	R(pt(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 77));
	R(pt(PTRACE_CONT, pid, 0, 0));
	reap("child", pid);
}
