/* SPDX-License-Identifier: Apache-2.0 */
/* wait4(2), waitid(2): which children, which reports, when they are gone. */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "case.h"

static pid_t exits(int code)
{
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0)
		_exit(code);
	return pid;
}

static pid_t pauses(void)
{
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void say_info(const char *what, int ret, const siginfo_t *i, pid_t want)
{
	if (ret == -1)
		say("%s: %s\n", what, strerrorname_np(errno));
	else
		say("%s: signo %d code %d status %d pid %s uid %d\n", what, i->si_signo, i->si_code,
		    i->si_status,
		    i->si_pid == want ? "right"
		    : i->si_pid       ? "wrong"
				      : "0",
		    i->si_uid);
}

#define WAITID(type, id, options, want)                                                            \
	({                                                                                         \
		siginfo_t i_ = { .si_signo = 77 };                                                 \
		int r_ = waitid(type, (id_t)(id), &i_, options);                                   \
		say_info("waitid(" #type ", " #id ", " #options ")", r_, &i_, want);               \
		r_;                                                                                \
	})

CASE(exit_codes)
{
	static const int codes[] = { 0, 1, 127, 128, 255, 256, -1, 0x12345 };

	for (int i = 0; i < 8; i++)
		reap("exit", exits(codes[i]));
}

CASE(killed_by)
{
	static const int sigs[] = { SIGHUP,  SIGINT,  SIGKILL, SIGUSR1, SIGPIPE,
				    SIGALRM, SIGTERM, SIGIO,   SIGPROF, SIGSYS };

	for (int i = 0; i < 10; i++) {
		pid_t pid = pauses();
		NEED(kill(pid, sigs[i]));
		reap("pausing", pid);
	}
	pid_t pid = pauses();
	NEED(kill(pid, SIGRTMIN + 3));
	reap("pausing", pid);
}

CASE(no_children)
{
	int st = 5;

	R(wait4(-1, &st, 0, NULL));
	R(wait4(1, &st, WNOHANG, NULL));
	R(wait4(getpid(), &st, 0, NULL));
	R(wait4(-1, &st, 0x10, NULL));
	R(wait4(INT_MIN, &st, 0, NULL));
	V(st);
	WAITID(P_ALL, 0, WEXITED, 0);
}

CASE(nohang)
{
	pid_t pid = pauses();
	int st = 5;

	R(waitpid(pid, &st, WNOHANG));
	R(waitpid(-1, &st, WNOHANG));
	V(st);
	WAITID(P_PID, pid, WEXITED | WNOHANG, pid);
	NEED(kill(pid, SIGTERM));
	reap("then", pid);
}

CASE(specific_child_of_two)
{
	pid_t a = exits(1), b = exits(2);

	reap("second", b);
	reap("first", a);
	R(waitpid(b, NULL, 0));
}

CASE(waitid_exited)
{
	pid_t pid = exits(7);

	WAITID(P_PID, pid, WEXITED, pid);
	WAITID(P_PID, pid, WEXITED, pid);
	pid = pauses();
	NEED(kill(pid, SIGTERM));
	WAITID(P_ALL, 0, WEXITED, pid);
}

CASE(waitid_nowait)
{
	pid_t pid = exits(9);

	WAITID(P_PID, pid, WEXITED | WNOWAIT, pid);
	WAITID(P_PID, pid, WEXITED | WNOWAIT, pid);
	WAITID(P_PID, pid, WEXITED, pid);
	WAITID(P_PID, pid, WEXITED | WNOWAIT, pid);
}

CASE(waitid_errors)
{
	pid_t pid = exits(0);

	WAITID(P_PID, pid, 0, pid);
	WAITID(P_PID, pid, WNOHANG, pid);
	WAITID(P_PID, pid, 0x100, pid);
	WAITID(77, pid, WEXITED, pid);
	WAITID(P_PID, 0, WEXITED, pid);
	WAITID(P_PID, -3, WEXITED, pid);
	WAITID(P_PIDFD, 0, WEXITED, pid);
	WAITID(P_PIDFD, 999, WEXITED, pid);
	WAITID(P_PID, pid, WEXITED | WNOWAIT, pid);
	WAITID(P_PID, pid, WSTOPPED | WNOHANG, pid);
	reap("still there", pid);
}

CASE(waitid_rusage)
{
	struct rusage ru;
	siginfo_t info;
	pid_t pid = exits(4);

	memset(&ru, 0xff, sizeof ru);
	R(syscall(SYS_waitid, P_PID, pid, &info, WEXITED, &ru));
	V(ru.ru_utime.tv_usec < 1000000 && ru.ru_stime.tv_sec < 60);
	V(ru.ru_maxrss >= 0); /* of so short a life Linux may not have counted a page */
}

CASE(wait4_rusage)
{
	struct rusage ru = { .ru_maxrss = -1 };
	int st;
	pid_t pid = exits(4);

	V(wait4(pid, &st, 0, &ru) == pid);
	V(ru.ru_maxrss >= 0 && ru.ru_utime.tv_sec < 60);
}

CASE(stop_continue)
{
	int st;
	pid_t pid = pauses();

	NEED(kill(pid, SIGSTOP));
	V(waitpid(pid, &st, WUNTRACED) == pid);
	say_status("child", st);
	R(waitpid(pid, &st, WUNTRACED | WNOHANG));
	NEED(kill(pid, SIGCONT));
	V(waitpid(pid, &st, WCONTINUED) == pid);
	say_status("child", st);
	R(waitpid(pid, &st, WCONTINUED | WUNTRACED | WNOHANG));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

CASE(stop_signals)
{
	static const int sigs[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
	int st;

	for (int i = 0; i < 4; i++) {
		pid_t pid = pauses();
		/* Not in an orphaned group: it has us, in another group of the same session. */
		setpgid(pid, pid);
		NEED(kill(pid, sigs[i]));
		V(waitpid(pid, &st, WUNTRACED) == pid);
		say_status("child", st);
		NEED(kill(pid, SIGKILL));
		reap("child", pid);
	}
}

CASE(waitid_stop_continue)
{
	pid_t pid = pauses();

	NEED(kill(pid, SIGSTOP));
	WAITID(P_PID, pid, WSTOPPED | WNOWAIT, pid);
	WAITID(P_PID, pid, WSTOPPED, pid);
	WAITID(P_PID, pid, WSTOPPED | WNOHANG, pid);
	NEED(kill(pid, SIGCONT));
	WAITID(P_PID, pid, WCONTINUED | WNOWAIT, pid);
	WAITID(P_PID, pid, WSTOPPED | WCONTINUED, pid);
	WAITID(P_PID, pid, WCONTINUED | WNOHANG, pid);
	NEED(kill(pid, SIGKILL));
	WAITID(P_PID, pid, WEXITED, pid);
}

CASE(killed_while_stopped)
{
	pid_t pid = pauses();

	NEED(kill(pid, SIGSTOP));
	WAITID(P_PID, pid, WSTOPPED, pid);
	NEED(kill(pid, SIGTERM));
	WAITID(P_PID, pid, WEXITED | WNOHANG, pid);
	NEED(kill(pid, SIGCONT));
	reap("after SIGCONT", pid);
}

CASE(process_group)
{
	pid_t a = exits(1), b = pauses();

	NEED(setpgid(b, b));
	NEED(kill(b, SIGTERM));
	V(waitpid(-b, NULL, 0) == b);
	R(waitpid(-b, NULL, 0));
	V(waitpid(0, NULL, 0) == a);
	a = exits(1);
	WAITID(P_PGID, getpgrp(), WEXITED, a);
	a = exits(1);
	WAITID(P_PGID, 0, WEXITED, a);
}

CASE(ignored_sigchld_reaps)
{
	handle(SIGCHLD, SIG_IGN, 0);
	pid_t pid = exits(1);
	R(waitpid(pid, NULL, 0));
	R(kill(pid, 0));
}

static volatile int chld_count;

static void on_chld(int sig)
{
	chld_count++;
}

CASE(nocldwait)
{
	handle(SIGCHLD, on_chld, SA_NOCLDWAIT);
	pid_t pid = exits(1);
	int st;
	/* Returns only when no child is left. */
	while (waitpid(pid, &st, 0) == -1 && errno == EINTR)
		;
	R(waitpid(pid, &st, 0));
	V(chld_count);
}

static void tell_chld(int sig, siginfo_t *i, void *ctx)
{
	say("SIGCHLD code %d status %d\n", i->si_code, i->si_status);
}

static void await_chld(const sigset_t *waiting)
{
	sigsuspend(waiting);
}

CASE(sigchld_info)
{
	sigset_t none = SET(SIGUSR2);

	block(SET(SIGCHLD));
	handle_info(SIGCHLD, tell_chld, 0);
	pid_t pid = exits(3);
	await_chld(&none);
	reap("exited", pid);
	pid = pauses();
	NEED(kill(pid, SIGSTOP));
	await_chld(&none);
	NEED(kill(pid, SIGCONT));
	await_chld(&none);
	NEED(kill(pid, SIGKILL));
	await_chld(&none);
	reap("killed", pid);
}

CASE(nocldstop)
{
	sigset_t none = SET(SIGUSR2);

	block(SET(SIGCHLD));
	handle_info(SIGCHLD, tell_chld, SA_NOCLDSTOP);
	pid_t pid = pauses();
	int st;
	NEED(kill(pid, SIGSTOP));
	V(waitpid(pid, &st, WUNTRACED) == pid);
	NEED(kill(pid, SIGCONT));
	V(waitpid(pid, &st, WCONTINUED) == pid);
	NEED(kill(pid, SIGKILL));
	await_chld(&none);
	reap("killed", pid);
}

CASE(sigchld_coalesces)
{
	pid_t pids[3];
	sigset_t old;

	block(SET(SIGCHLD));
	handle(SIGCHLD, on_chld, 0);
	for (int i = 0; i < 3; i++)
		pids[i] = exits(i);
	for (int i = 0; i < 3; i++)
		NEED(waitid(P_PID, pids[i], NULL, WEXITED | WNOWAIT));
	unblock(SET(SIGCHLD));
	V(chld_count);
	for (int i = 0; i < 3; i++)
		reap("child", pids[i]);
	V(sigprocmask(SIG_BLOCK, NULL, &old));
}

static int orphan_maker(void *arg)
{
	struct baton *b = arg;

	if (fork() == 0) {
		take(&b[0]);
		say("grandchild's parent is the subreaper: %d\n",
		    getppid() == (pid_t)(long)b[2].fd[0]);
		_exit(5);
	}
	return 0;
}

CASE(subreaper)
{
	struct baton b[3] = { baton_new(), baton_new(), { { getpid(), 0 } } };
	int st, on = 0;

	R(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	R(prctl(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0));
	V(on);
	in_child("child", orphan_maker, b);
	give(&b[0]);
	V(wait(&st) > 0);
	say_status("adopted", st);
}

static int in_middle(void *arg)
{
	struct baton *b = arg;
	int on = 1;

	prctl(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0);
	say("inherited by a child: %d\n", on);
	b[2].fd[0] = (int)getppid();
	in_child("grandchild that forks", orphan_maker, b);
	return 0;
}

CASE(subreaper_skips_generation)
{
	struct baton b[3] = { baton_new(), baton_new(), { { 0, 0 } } };
	int st;

	NEED(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	in_child("child", in_middle, b);
	give(&b[0]);
	V(wait(&st) > 0);
	say_status("adopted", st);
}

static void *forks_in_thread(void *arg)
{
	*(pid_t *)arg = exits(6);
	return NULL;
}

CASE(child_of_another_thread)
{
	pthread_t t;
	pid_t pid = 0;

	MUST(pthread_create(&t, NULL, forks_in_thread, &pid));
	Z(pthread_join(t, NULL));
	reap("waited by the main thread", pid);
}

static void *waits_not_its_own(void *arg)
{
	R(wait4(*(pid_t *)arg, NULL, __WNOTHREAD, NULL));
	return NULL;
}

CASE(wnothread)
{
	pthread_t t;
	pid_t pid = exits(2);

	MUST(pthread_create(&t, NULL, waits_not_its_own, &pid));
	Z(pthread_join(t, NULL));
	reap("its thread", pid);
}

CASE(wclone)
{
	/* A child whose exit signal is not SIGCHLD needs __WALL or __WCLONE. */
	handle(SIGUSR2, SIG_IGN, 0);
	pid_t pid = (pid_t)syscall(SYS_clone, SIGUSR2, 0, 0, 0, 0);
	int st = 0;

	if (pid == 0)
		_exit(8);
	R(waitpid(pid, &st, 0));
	V(waitpid(pid, &st, __WALL) == pid);
	say_status("clone child", st);
	pid = exits(1);
	R(waitpid(pid, &st, __WCLONE));
	reap("fork child", pid);
}

CASE(wait_interrupted)
{
	pid_t pid = pauses();
	int st;

	handle(SIGCHLD, on_chld, 0);
	handle(SIGALRM, on_chld, 0);
	ualarm(20000, 20000);
	R(waitpid(pid, &st, 0));
	WAITID(P_PID, pid, WEXITED, pid);
	ualarm(0, 0);
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

static void kill_child(int sig)
{
	kill((pid_t)chld_count, SIGTERM);
}

CASE(wait_restarted)
{
	pid_t pid = pauses();

	chld_count = pid;
	handle(SIGALRM, kill_child, SA_RESTART);
	ualarm(20000, 20000);
	int st = 0;
	V(waitpid(pid, &st, 0) == pid);
	say_status("child", st);
}

CASE(many_children)
{
	enum { N = 100 };
	int sum = 0, st;

	for (int i = 0; i < N; i++)
		exits(i % 64);
	for (int i = 0; i < N; i++)
		if (wait(&st) > 0 && WIFEXITED(st))
			sum += WEXITSTATUS(st);
	V(sum);
	R(wait(&st));
}

CASE(zombie_can_be_signalled)
{
	pid_t pid = exits(1);

	NEED(waitid(P_PID, pid, NULL, WEXITED | WNOWAIT));
	R(kill(pid, 0));
	R(kill(pid, SIGKILL));
	V(getpgid(pid) == getpgrp());
	reap("zombie", pid);
	R(kill(pid, 0));
	R(getpgid(pid));
}

/* A child whose own child is dead already, by a signal, when it ends. */
static void leaves_killed_child(void)
{
	if (NEED(fork()) == 0) {
		signal(SIGCHLD, SIG_DFL);
		pid_t pid = pauses();

		NEED(kill(pid, SIGKILL));
		NEED(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT));
		_exit(0);
	}
}

CASE(inherited_zombie_is_reported_as_it_ended)
{
	siginfo_t si;
	sigset_t set;

	NEED(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	NEED(sigprocmask(SIG_BLOCK, &set, NULL));
	leaves_killed_child();
	/* The inherited one is reported before the child that leaves it. */
	NEED(sigwaitinfo(&set, &si));
	say("signo %d code %d status %d\n", si.si_signo, si.si_code, si.si_status);
	for (int st; wait(&st) > 0;)
		;
}

CASE(inherited_zombie_of_who_ignores_children)
{
	NEED(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	signal(SIGCHLD, SIG_IGN);
	leaves_killed_child();
	R(wait(NULL));
}
