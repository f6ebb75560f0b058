/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 	plain CMD...
 *
 * Runs a suite in the surroundings that its tests expect, whoever started it (nohup, a job queue, a
 * terminal, a daemon): default dispositions of signals, none blocked, no descriptors but three,
 * nothing to read, no terminal, the usual limits, priority and mask of modes, and a clean
 * environment. What may not be had is left at what there is.
 *
 * Nothing that the suite started outlives it, however it ends: a sandbox that a test has lost could
 * take all memory there is. Between plain and the suite stands a keeper, which has a session of its
 * own, so that what kills plain's process group leaves it alive; it inherits every orphan of the
 * suite, and kills them all when the suite or plain is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void plain_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig <= SIGRTMAX; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 1 and 2 stay the caller's; closed ones lead nowhere. */
static void plain_descriptors(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd < 2)
		fd = dup(fd);
	if (fd > 0)
		dup2(fd, 0);
	if (fcntl(1, F_GETFD) < 0)
		dup2(fd, 1);
	close_range(3, ~0U, 0);
}

static void plain_limits(void)
{
	static const struct {
		int what;
		rlim_t soft, hard;
	} usual[] = {
		{ RLIMIT_CORE, 0, RLIM_INFINITY },
		{ RLIMIT_NOFILE, 1024, 1 << 19 },
		{ RLIMIT_STACK, 8 << 20, RLIM_INFINITY },
		{ RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY },
	};

	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
		struct rlimit have, want = { usual[i].soft, usual[i].hard };
		if (setrlimit(usual[i].what, &want) == 0 || getrlimit(usual[i].what, &have) != 0)
			continue;
		want.rlim_max = have.rlim_max;
		if (want.rlim_cur > have.rlim_max)
			want.rlim_cur = have.rlim_max;
		setrlimit(usual[i].what, &want);
	}
}

static void plain_environment(void)
{
	static const char *const gone[] = {
		"BASH_ENV",   "CDPATH",     "COLUMNS", "ENV",       "GREP_OPTIONS",
		"LANGUAGE",   "LC_CTYPE",   "LINES",   "LS_COLORS", "POSIXLY_CORRECT",
		"PYTHONPATH", "TIME_STYLE", "TZ"
	};

	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
		unsetenv(gone[i]);
	setenv("LC_ALL", "C", 1);
	setenv("TERM", "dumb", 1);
}

static int status_of(int st)
{
	return WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
}

/* The children of one that dies become children of the keeper, so it looks again. */
static void kill_all(void)
{
	char path[64];
	int pid;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	do {
		FILE *f = fopen(path, "r");
		while (f && fscanf(f, "%d", &pid) == 1)
			kill(pid, SIGKILL);
		if (f)
			fclose(f);
	} while (waitpid(-1, NULL, __WALL) > 0);
}

/* Returns the status of the suite; when plain dies, which SIGTERM says, nothing asks for one. */
static int await_suite(pid_t suite, const sigset_t *told)
{
	siginfo_t info;
	pid_t pid;
	int st;

	while (sigwaitinfo(told, &info) != SIGTERM)
		while ((pid = waitpid(-1, &st, WNOHANG | __WALL)) > 0)
			if (pid == suite)
				return status_of(st);
	return 128 + SIGTERM;
}

static int keep(char *argv[], pid_t plain)
{
	sigset_t told, none;

	sigemptyset(&none);
	sigemptyset(&told);
	sigaddset(&told, SIGTERM);
	sigaddset(&told, SIGCHLD);
	sigprocmask(SIG_BLOCK, &told, NULL);
	if (setsid() < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) || prctl(PR_SET_PDEATHSIG, SIGTERM) ||
	    getppid() != plain)
		return 127;
	pid_t suite = fork();
	if (suite == 0) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		execvp(argv[0], argv);
	}
	if (suite <= 0) {
		fprintf(stderr, "plain: %s: %s\n", argv[0], strerror(errno));
		return 127;
	}
	int status = await_suite(suite, &told);
	kill_all();
	return status;
}

int main(int argc, char **argv)
{
	int st;

	if (argc < 2)
		return 2;
	plain_signals();
	plain_descriptors();
	plain_limits();
	plain_environment();
	setpriority(PRIO_PROCESS, 0, 0);
	umask(022);
	pid_t plain = getpid(), keeper = fork();
	if (keeper == 0)
		return keep(argv + 1, plain);
	if (keeper < 0 || waitpid(keeper, &st, 0) != keeper) {
		fprintf(stderr, "plain: %s\n", strerror(errno));
		return 127;
	}
	return status_of(st);
}
