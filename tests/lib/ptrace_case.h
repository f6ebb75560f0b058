/* SPDX-License-Identifier: Apache-2.0 */
/* What the families about ptrace(2) share: the raw call, and stops in words. */
#ifndef HL_TESTS_PTRACE_CASE_H
#define HL_TESTS_PTRACE_CASE_H

#include <sys/ptrace.h>
#include <sys/user.h>

#include "case.h"

/* As the kernel has it: data of PEEK requests comes by a pointer. */
static UNUSED long pt(long request, long pid, unsigned long addr, unsigned long data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

#define AT(p) ((unsigned long)(p))

static UNUSED const char *event_name(int event)
{
	static const char *const names[] = {
		"", "FORK", "VFORK", "CLONE", "EXEC", "VFORK_DONE", "EXIT", "SECCOMP",
	};

	return event == PTRACE_EVENT_STOP ? "STOP" : event < 8 ? names[event] : "?";
}

/* One wait for it, in words: *status may be looked at. -1: it has ended. */
static UNUSED int next_stop(const char *who, pid_t pid)
{
	int st = 0;
	pid_t got = waitpid(pid, &st, __WALL);

	if (got == -1) {
		say("%s: wait: %s\n", who, strerrorname_np(errno));
		return -1;
	}
	if (!WIFSTOPPED(st)) {
		say_status(who, st);
		return -1;
	}
	int sig = WSTOPSIG(st) & 0x7f, event = st >> 16;
	say("%s: %s%s%s%s\n", who, signal_name(sig), WSTOPSIG(st) & 0x80 ? "|0x80" : "",
	    event ? " event " : "", event ? event_name(event) : "");
	return st >> 8;
}

static UNUSED struct user_regs_struct regs_of(pid_t pid)
{
	struct user_regs_struct r;

	NEED(pt(PTRACE_GETREGS, pid, 0, AT(&r)));
	return r;
}

static UNUSED void say_siginfo(const char *who, pid_t pid)
{
	siginfo_t si;

	memset(&si, 0, sizeof si);
	if (pt(PTRACE_GETSIGINFO, pid, 0, AT(&si)) == -1)
		say("%s: no siginfo: %s\n", who, strerrorname_np(errno));
	else
		say("%s: signo %d code 0x%x\n", who, si.si_signo, si.si_code);
}

/* A child that asks to be traced and stops itself, and then runs `fn`. */
static UNUSED pid_t traced_child(int (*fn)(void *), void *arg)
{
	pid_t pid = (pid_t)NEED(fork());
	int st;

	if (pid == 0) {
		NEED(pt(PTRACE_TRACEME, 0, 0, 0));
		raise(SIGSTOP);
		_exit(fn(arg));
	}
	NEED(waitpid(pid, &st, 0));
	return pid;
}

/* A child that is not, and waits until it is told to go on. */
static UNUSED pid_t waiting_child(struct baton *go, int (*fn)(void *), void *arg)
{
	*go = baton_new();
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0) {
		take(go);
		_exit(fn(arg));
	}
	return pid;
}

/* The field of /proc/PID/status. */
static UNUSED void say_proc_status(pid_t pid, const char *field)
{
	char path[64], buf[8192];

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	int fd = (int)NEED(open(path, O_RDONLY));
	ssize_t n = NEED(read(fd, buf, sizeof buf - 1));
	close(fd);
	buf[n] = 0;
	char *at = strstr(buf, field);
	say("%.*s\n", at ? (int)strcspn(at, "\n") : 0, at ?: "");
}

#endif
