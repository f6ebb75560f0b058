/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of seccomp(2) and ptrace(2): what a tracer is told of a call, what it may do about it,
 * and about the filters. */
#include "ptrace_case.h"
#include "seccomp_case.h"

#ifndef PTRACE_SYSCALL_INFO_SECCOMP
#define PTRACE_SYSCALL_INFO_SECCOMP 3
#endif

static void say_filtered(pid_t pid)
{
	struct __ptrace_syscall_info info = { 0 };
	unsigned long message = 99;
	long n = pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, AT(&info));

	NEED(pt(PTRACE_GETEVENTMSG, pid, 0, AT(&message)));
	struct user_regs_struct r = regs_of(pid);
	say("  info %ld op %d message %ld orig %lld rax %lld", n, info.op, (long)message,
	    (long long)r.orig_rax, (long long)r.rax);
	if (info.op == PTRACE_SYSCALL_INFO_SECCOMP)
		say(" data %u nr %lld arg %lld", info.seccomp.ret_data, (long long)info.seccomp.nr,
		    (long long)info.seccomp.args[0]);
	say("\n");
}

static int filtered_tracee(void *arg)
{
	no_new_privs();
	NEED(on_call(0, SYS_getpgid, SECCOMP_RET_TRACE | 77));
	NEED(on_call(0, SYS_getpriority, SECCOMP_RET_ERRNO | 34));
	NEED(on_call(0, SYS_umask, SECCOMP_RET_TRACE | 78));
	raise(SIGSTOP);
	R(syscall(SYS_getpgid, -5));
	R(syscall(SYS_getpgid, -5));
	R(syscall(SYS_getpgid, -5));
	R(syscall(SYS_getpgid, -5));
	R(syscall(SYS_umask, 022));
	return 3;
}

static pid_t start_filtered(unsigned long options)
{
	pid_t pid = traced_child(filtered_tracee, NULL);

	NEED(pt(PTRACE_SETOPTIONS, pid, 0, options));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
	return pid;
}

CASE(traced)
{
	pid_t pid = start_filtered(PTRACE_O_TRACESECCOMP);

	for (int i = 0;; i++) {
		NEED(pt(PTRACE_CONT, pid, 0, 0));
		if (next_stop("child", pid) == -1)
			break;
		say_filtered(pid);
		say_siginfo("  ", pid);
		struct user_regs_struct r = regs_of(pid);
		if (i == 1) { /* no call, and this result */
			r.orig_rax = -1;
			r.rax = 4321;
		} else if (i == 2) { /* another call, which a filter refuses */
			r.orig_rax = SYS_getpriority;
		} else if (i == 3) { /* another call, which asks for the tracer: not again */
			r.orig_rax = SYS_umask;
			r.rdi = 077;
		}
		NEED(pt(PTRACE_SETREGS, pid, 0, AT(&r)));
	}
}

CASE(traced_without_the_option)
{
	pid_t pid = start_filtered(0);

	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
}

CASE(traced_at_calls)
{
	pid_t pid = start_filtered(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD);

	for (;;) {
		NEED(pt(PTRACE_SYSCALL, pid, 0, 0));
		if (next_stop("child", pid) == -1)
			break;
		say_filtered(pid);
	}
}

CASE(filters_of_a_tracee)
{
	need_root();
	struct sock_filter prog[8];
	struct {
		uint64_t off, flags;
	} meta;
	pid_t pid = start_filtered(0);

	memset(prog, 0, sizeof prog);
	R(pt(PTRACE_SECCOMP_GET_FILTER, pid, 0, 0));
	R(pt(PTRACE_SECCOMP_GET_FILTER, pid, 1, AT(prog)));
	for (int i = 0; i < 4; i++)
		say("  0x%x %d %d 0x%x\n", prog[i].code, prog[i].jt, prog[i].jf, prog[i].k);
	R(pt(PTRACE_SECCOMP_GET_FILTER, pid, 2, 8));
	R(pt(PTRACE_SECCOMP_GET_FILTER, pid, 3, AT(prog)));
	for (unsigned long size = 0; size < 40; size += 8) {
		meta.off = size / 8;
		meta.flags = 99;
		R(pt(PTRACE_SECCOMP_GET_METADATA, pid, size, AT(&meta)));
		say("  %ld %ld\n", (long)meta.off, (long)meta.flags);
	}
	R(pt(PTRACE_SECCOMP_GET_METADATA, pid, 16, 8));
	kill(pid, SIGKILL);
	next_stop("child", pid);
}

CASE(suspended_filters)
{
	need_root();
	pid_t pid = start_filtered(0);

	R(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP));
	NEED(pt(PTRACE_CONT, pid, 0, 0));
	next_stop("child", pid);
}

/* A tracer does not hear of the signal that a filter kills by. */
static int killed_tracee(void *arg)
{
	no_new_privs();
	NEED(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
	NEED(on_call(0, SYS_getpgid, *(uint32_t *)arg));
	syscall(SYS_getpgid, 0);
	return 3;
}

CASE(killed_tracees)
{
	static uint32_t actions[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
				      SECCOMP_RET_TRAP };

	for (size_t i = 0; i < LEN(actions); i++) {
		pid_t pid = traced_child(killed_tracee, &actions[i]);
		NEED(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT));
		NEED(pt(PTRACE_CONT, pid, 0, 0));
		while (next_stop("child", pid) != -1)
			NEED(pt(PTRACE_CONT, pid, 0, 0));
	}
}
