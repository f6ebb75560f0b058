/* SPDX-License-Identifier: Apache-2.0 */
/* Traced children: in a stop before a call, with a signal that is to be delivered, in a group stop,
 * running, in a vfork whose event is told, one with a thread that has ended. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "mark.h"

static volatile sig_atomic_t handled;

static long check(long r)
{
	if (r < 0) {
		printf("failed: %s\n", strerror(errno));
		fflush(stdout);
		_exit(97);
	}
	return r;
}

static void say_stop(const char *what, pid_t pid)
{
	int status;

	check(waitpid(pid, &status, __WALL));
	if (WIFSTOPPED(status))
		printf("%s: stopped by %d, event %d\n", what, WSTOPSIG(status), status >> 16);
	else
		printf("%s: %s %d\n", what, WIFEXITED(status) ? "exited" : "killed by",
		       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void stay(void)
{
	raise(SIGSTOP);
}

static int calls(void)
{
	stay();
	return (int)syscall(SYS_getppid) == 77 ? 3 : 4;
}

static void on_signal(int sig)
{
	handled++;
}

static int is_signalled(void)
{
	signal(SIGUSR1, on_signal);
	stay();
	raise(SIGUSR1);
	return handled;
}

_Noreturn static int sleeps(void)
{
	stay();
	for (;;)
		pause();
}

static int has_children(void)
{
	stay();
	pid_t pid = vfork();
	if (pid == 0)
		_exit(9);
	int status;
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void *ends(void *arg)
{
	return NULL;
}

static int has_threads(void)
{
	pthread_t t;

	stay();
	if (pthread_create(&t, NULL, ends, NULL) || pthread_join(t, NULL))
		return 1;
	for (;;)
		pause();
}

static pid_t traced(int (*fn)(void), long options)
{
	pid_t pid = (pid_t)check(fork());

	if (pid == 0) {
		check(ptrace(PTRACE_TRACEME, 0, 0, 0));
		_exit(fn());
	}
	check(waitpid(pid, NULL, 0));
	check(ptrace(PTRACE_SETOPTIONS, pid, 0, options | PTRACE_O_EXITKILL));
	return pid;
}

static void go(int how, pid_t pid, int sig)
{
	check(ptrace((enum __ptrace_request)how, pid, 0, sig));
}

/* To the next stop. */
static void go_on(int how, pid_t pid)
{
	go(how, pid, 0);
	check(waitpid(pid, NULL, __WALL));
}

/* A thread of it that has ended, which nobody has waited for; the process is let go on. */
static pid_t has_ended(pid_t pid)
{
	unsigned long tid;
	siginfo_t si;

	go_on(PTRACE_CONT, pid);
	check(ptrace(PTRACE_GETEVENTMSG, pid, 0, &tid));
	check(waitpid((pid_t)tid, NULL, __WALL));
	go(PTRACE_CONT, (pid_t)tid, 0);
	go(PTRACE_CONT, pid, 0);
	check(waitid(P_PID, (id_t)tid, &si, WEXITED | WNOWAIT | __WALL));
	return (pid_t)tid;
}

int main(void)
{
	struct user_regs_struct r;
	unsigned long child;

	pid_t in_call = traced(calls, PTRACE_O_TRACESYSGOOD);
	do {
		go_on(PTRACE_SYSCALL, in_call);
		check(ptrace(PTRACE_GETREGS, in_call, 0, &r));
	} while (r.orig_rax != SYS_getppid);
	pid_t in_signal = traced(is_signalled, 0);
	go_on(PTRACE_CONT, in_signal);
	pid_t sleeper = traced(sleeps, 0), ended = traced(sleeps, 0);
	go(PTRACE_CONT, sleeper, 0);
	go(PTRACE_CONT, ended, 0);
	check(kill(ended, SIGTERM));
	check(waitpid(ended, NULL, 0));
	go(PTRACE_CONT, ended, SIGTERM);
	pid_t stopped = traced(sleeps, 0);
	go(PTRACE_CONT, stopped, SIGSTOP);
	check(waitpid(stopped, NULL, 0));
	pid_t parent = traced(has_children, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE);
	go_on(PTRACE_CONT, parent);
	pid_t many = traced(has_threads, PTRACE_O_TRACECLONE);
	pid_t thread = has_ended(many);
	mark();

	check(ptrace(PTRACE_GETREGS, in_call, 0, &r));
	printf("call %lld, result %lld\n", (long long)r.orig_rax, (long long)r.rax);
	go(PTRACE_SYSCALL, in_call, 0);
	say_stop("behind the call", in_call);
	check(ptrace(PTRACE_GETREGS, in_call, 0, &r));
	r.rax = 77;
	check(ptrace(PTRACE_SETREGS, in_call, 0, &r));
	go(PTRACE_CONT, in_call, 0);
	say_stop("its end", in_call);
	go(PTRACE_CONT, in_signal, SIGUSR1);
	say_stop("with the signal", in_signal);
	check(kill(sleeper, SIGUSR2));
	say_stop("the sleeper", sleeper);
	say_stop("who has ended", ended);
	printf("who stopped is there: %d\n", kill(stopped, 0));
	check(ptrace(PTRACE_DETACH, stopped, 0, 0));
	check(kill(stopped, SIGKILL));
	say_stop("who stopped", stopped);
	check(ptrace(PTRACE_GETEVENTMSG, parent, 0, &child));
	go(PTRACE_CONT, parent, 0);
	say_stop("the child of a vfork", (pid_t)child);
	go(PTRACE_DETACH, (pid_t)child, 0);
	say_stop("the vfork is done", parent);
	go(PTRACE_CONT, parent, 0);
	say_stop("its parent", parent);
	go(PTRACE_CONT, parent, 0);
	say_stop("its parent", parent);
	say_stop("a thread", thread);
	check(kill(many, SIGKILL));
	say_stop("its process", many);
	return 0;
}
