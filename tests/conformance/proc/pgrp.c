/* SPDX-License-Identifier: Apache-2.0 */
/* Process groups and sessions; who may signal whom. */
#include "case.h"

static pid_t pausing(void)
{
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void end(pid_t pid)
{
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

static int leader(void *arg)
{
	pid_t me = getpid();

	say("group inherited %d, session inherited %d\n", getpgrp() != me, getsid(0) != me);
	V(setsid() == me);
	V(getpgrp() == me);
	V(getsid(0) == me);
	R(setsid());
	R(setpgid(0, 0));
	return 0;
}

CASE(setsid)
{
	in_child("child", leader, NULL);
}

CASE(setpgid)
{
	pid_t a = pausing(), b = pausing();

	R(setpgid(a, a));
	V(getpgid(a) == a);
	R(setpgid(b, a));
	V(getpgid(b) == a);
	R(setpgid(b, 0));
	V(getpgid(b) == b);
	R(setpgid(a, getpgrp()));
	V(getpgid(a) == getpgrp());
	R(setpgid(a, -1));
	R(setpgid(-1, 0));
	R(setpgid(a, 0x3ffffff));
	R(setpgid(getppid(), 0));
	R(setpgid(0x3ffffff, 0));
	end(a);
	end(b);
	R(setpgid(a, a));
}

static int other_session(void *arg)
{
	struct baton *b = arg;

	setsid();
	give(&b[0]);
	take(&b[1]);
	return 0;
}

CASE(setpgid_other_session)
{
	struct baton b[2] = { baton_new(), baton_new() };
	pid_t pid = child(other_session, b);

	take(&b[0]);
	R(setpgid(pid, getpgrp()));
	V(getsid(pid) == pid);
	give(&b[1]);
	reap("child", pid);
	R(getsid(0x3ffffff));
	R(getpgid(0x3ffffff));
	R(getpgid(-1));
}

CASE(setpgid_after_exec)
{
	struct baton b = baton_new();
	char arg0[] = "x", arg1[] = "role:waits", *argv[] = { arg0, arg1, NULL };
	int p[2];
	pid_t pid;

	NEED(pipe(p));
	pid = (pid_t)NEED(fork());
	if (pid == 0) {
		dup2(p[0], 0);
		dup2(b.fd[1], 3);
		execv(case_self, argv);
		_exit(1);
	}
	take(&b);
	R(setpgid(pid, pid));
	NEED(write(p[1], "x", 1));
	reap("child", pid);
}

ROLE(waits)
{
	char c;

	NEED(write(3, "x", 1));
	NEED(read(0, &c, 1));
}

CASE(kill_group)
{
	pid_t a = pausing(), b = pausing(), c = pausing();

	NEED(setpgid(a, a));
	NEED(setpgid(b, a));
	R(kill(-a, SIGTERM) == 0);
	reap("a", a);
	reap("b", b);
	V(waitpid(c, NULL, WNOHANG));
	V(kill(-a, 0));
	end(c);
}

static void said(int sig)
{
	say("own group: %s\n", signal_name(sig));
}

static int kills_own_group(void *arg)
{
	setpgid(0, 0);
	handle(SIGUSR1, said, 0);
	R(kill(0, SIGUSR1));
	R(kill(-getpgrp(), SIGUSR1));
	return 0;
}

CASE(kill_own_group)
{
	in_child("child", kills_own_group, NULL);
}

CASE(kill_errors)
{
	R(kill(getpid(), 0));
	R(kill(getpid(), -1));
	R(kill(getpid(), 65));
	R(kill(0x3ffffff, 0));
	R(kill(-0x3ffffff, 0));
	R(kill(INT_MIN, SIGUSR1));
	R(syscall(SYS_tgkill, getpid(), 0x3ffffff, 0));
	R(syscall(SYS_tgkill, 0x3ffffff, gettid(), 0));
	R(syscall(SYS_tgkill, 0, gettid(), 0));
	R(syscall(SYS_tgkill, getpid(), gettid(), 0));
	R(syscall(SYS_tkill, gettid(), 0));
	R(syscall(SYS_tkill, -1, 0));
	R(syscall(SYS_tkill, gettid(), 99));
}

static int user_kills(void *arg)
{
	pid_t *pids = arg;

	NEED(setresuid(1000, 1000, 1000));
	R(kill(pids[0], 0));
	R(kill(pids[0], SIGTERM));
	R(kill(pids[0], SIGCONT));
	R(kill(pids[1], SIGTERM));
	return 0;
}

static int as_user(void *arg)
{
	NEED(setresuid(1000, 1000, 1000));
	give(arg);
	for (;;)
		pause();
}

CASE(kill_permission)
{
	struct baton b = baton_new();
	pid_t pids[2] = { pausing(), child(as_user, &b) };

	need_root();
	take(&b);
	in_child("user", user_kills, pids);
	reap("own process", pids[1]);
	end(pids[0]);
}

/* When the last process that ties a group to its session goes, stopped members get SIGHUP and
 * SIGCONT. */
static int session_leader(void *arg)
{
	struct baton *b = arg;
	pid_t middle;

	setsid();
	middle = fork();
	if (middle == 0) {
		pid_t stopped = fork();
		if (stopped == 0) {
			sigset_t set = SET(SIGHUP, SIGUSR1);
			block(set);
			NEED(setpgid(0, 0));
			raise(SIGSTOP);
			say("woken with %s pending\n", signal_name(sigwaitinfo(&set, NULL)));
			give(&b[0]);
			_exit(0);
		}
		waitpid(stopped, NULL, WUNTRACED);
		_exit(0);
	}
	waitpid(middle, NULL, 0);
	take(&b[0]);
	return 0;
}

CASE(orphaned_group_hangup)
{
	struct baton b = baton_new();

	in_child("session", session_leader, &b);
}

static int stops_itself(void *arg)
{
	setsid();
	/* An orphaned group ignores the stops of the terminal, not SIGSTOP. */
	raise(SIGTSTP);
	say("went on after SIGTSTP\n");
	raise(SIGTTIN);
	raise(SIGTTOU);
	say("went on after SIGTTIN, SIGTTOU\n");
	return 0;
}

CASE(orphaned_group_ignores_tty_stops)
{
	in_child("child", stops_itself, NULL);
}

CASE(getpgid_of_others)
{
	pid_t pid = pausing();

	V(getpgid(pid) == getpgid(0));
	V(getsid(pid) == getsid(0));
	V(getpgid(getpid()) == getpgrp());
	end(pid);
}
