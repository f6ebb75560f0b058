/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 	plain CMD...
 *
 * Runs a suite in the surroundings that its tests expect, whoever started it (nohup, a job queue, a
 * terminal, a daemon): default dispositions of signals, none blocked, no descriptors but three,
 * nothing to read, the usual limits, priority and mask of modes, and a clean environment. What may
 * not be had is left at what there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	plain_signals();
	plain_descriptors();
	plain_limits();
	plain_environment();
	setpriority(PRIO_PROCESS, 0, 0);
	umask(022);
	execvp(argv[1], argv + 1);
	fprintf(stderr, "plain: %s: %s\n", argv[1], strerror(errno));
	return 127;
}
