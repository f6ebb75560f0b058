/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 	nth list -- HL...                 how often its first thread makes each call of the host
 * 	nth fail ERRNO NAME K -- HL...    the K-th call of this name fails with this number
 * 	nth hang SIGNAL NAME K -- HL...   it does not return; then the signal comes (0: none)
 *
 * Only calls of the start count: from when signals may end hl (cli/relay.c) until the program is
 * about to run. The status is hl's, 128 and the number of the signal that ended it, or one of
 * these:
 */
enum { LEFT_BEHIND = 97, NO_SUCH_CALL = 98, BROKEN = 99 };

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	unsigned nr;
	const char *name;
} names[] = {
#define SYSCALL(nr, name, ...) { nr, #name },
#include "sys/syscalls.def"
};
#define NAMES (sizeof names / sizeof *names)

static unsigned calls[NAMES];

static struct {
	bool lists, hangs;
	int number; /* of the error, of the signal */
	const char *name;
	unsigned k;
} order;

static void die(const char *what)
{
	fprintf(stderr, "nth: %s: %s\n", what, strerror(errno));
	exit(BROKEN);
}

static long trace(long request, pid_t pid, long addr, void *data)
{
	long r = ptrace((enum __ptrace_request)request, pid, addr, data);

	if (r < 0 && errno != ESRCH) /* it was killed meanwhile */
		die("ptrace");
	return r;
}

static size_t index_of(unsigned long nr)
{
	for (size_t i = 0; i < NAMES; i++)
		if (names[i].nr == nr)
			return i;
	errno = ENOSYS;
	die("a call of hl's");
	return 0;
}

/* What marks the beginning and the end: no other call of the first thread looks like these. */
static bool opens(const struct user_regs_struct *r)
{
	return r->orig_rax == SYS_rt_sigprocmask && r->rdi == SIG_UNBLOCK && r->rdx == 0;
}

static bool closes(const struct user_regs_struct *r)
{
	return r->orig_rax == SYS_rt_sigprocmask && r->rdi == SIG_BLOCK && r->rdx == 0;
}

/* The call that was about to be made waits for nothing, for ever. */
static void make_hang(pid_t pid, struct user_regs_struct *r)
{
	r->orig_rax = SYS_poll;
	r->rdi = r->rsi = 0;
	r->rdx = (unsigned long)-1;
	trace(PTRACE_SETREGS, pid, 0, r);
	if (order.number)
		kill(pid, order.number);
}

static void make_fail(pid_t pid, struct user_regs_struct *r, bool entered)
{
	if (entered)
		r->orig_rax = SYS_gettid; /* which the jail allows */
	else
		r->rax = (unsigned long)-order.number;
	trace(PTRACE_SETREGS, pid, 0, r);
}

struct state {
	bool signals, on, over; /* signalfd is there, calls count, they do no more */
	bool inside, met;       /* a call has begun; the one that is meant has */
};

/* It stands before a call or behind one. */
static void on_call(pid_t pid, struct state *s)
{
	struct user_regs_struct r = { .orig_rax = 0 };

	if (trace(PTRACE_GETREGS, pid, 0, &r) < 0)
		return;
	s->inside = !s->inside;
	if (!s->inside) {
		if (s->met && !order.hangs && order.k) {
			make_fail(pid, &r, false);
			order.k = 0;
		}
		s->on |= s->signals && !s->over && opens(&r);
		return;
	}
	s->signals |= r.orig_rax == SYS_signalfd4;
	if (s->on && closes(&r)) {
		s->on = false;
		s->over = true;
	}
	if (!s->on)
		return;
	size_t i = index_of(r.orig_rax);
	if (++calls[i] != order.k || order.lists || strcmp(names[i].name, order.name) != 0)
		return;
	s->met = true;
	if (order.hangs)
		make_hang(pid, &r);
	else
		make_fail(pid, &r, true);
}

/* Runs it to its end; its status. */
static int follow(pid_t pid, struct state *s)
{
	int st, sig = 0;

	if (waitpid(pid, &st, 0) != pid || !WIFSTOPPED(st))
		die("start");
	trace(PTRACE_SETOPTIONS, pid, 0,
	      (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)); /* NOLINT */
	for (;;) {
		/* Until it is over; nothing of it is of interest then. */
		trace(s->over ? PTRACE_CONT : PTRACE_SYSCALL, pid, 0, (void *)(long)sig);
		if (waitpid(pid, &st, 0) != pid)
			die("waitpid");
		if (!WIFSTOPPED(st))
			return WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
		sig = WSTOPSIG(st);
		if (sig == (SIGTRAP | 0x80)) {
			on_call(pid, s);
			sig = 0;
		}
	}
}

/* Everything it left has been ours since: waits for the end of that. */
static bool all_end(void)
{
	alarm(60); /* the signal ends us: that is a failure, too */
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	return errno == ECHILD;
}

static void parse(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "list") == 0) {
		order.lists = true;
		return;
	}
	if (argc < 7) {
		fprintf(stderr, "usage: nth list|fail ERRNO NAME K|hang SIGNAL NAME K -- HL\n");
		exit(BROKEN);
	}
	order.hangs = strcmp(argv[1], "hang") == 0;
	order.number = atoi(argv[2]);
	order.name = argv[3];
	order.k = (unsigned)atoi(argv[4]);
}

int main(int argc, char **argv)
{
	struct state s = { .on = false };

	parse(argc, argv);
	while (*argv && strcmp(*argv, "--") != 0)
		argv++;
	if (!*argv++ || prctl(PR_SET_CHILD_SUBREAPER, 1))
		die("arguments");
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(argv[0], argv);
		die(argv[0]);
	}
	int status = follow(pid, &s);
	if (!all_end())
		return LEFT_BEHIND;
	for (size_t i = 0; i < NAMES && order.lists; i++)
		if (calls[i])
			fprintf(stderr, "%s %u\n", names[i].name, calls[i]);
	return order.lists || s.met ? status : NO_SUCH_CALL;
}
