/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold PID [LEAVE]: stops threads of a process so that nothing but SIGKILL moves them, like a call
 * of a host whose disk does not answer: all but the first, which is the program's own, and the last
 * LEAVE (0) that it has started. Says "held", and lets go when it is killed or the threads are
 * gone. Status 77: the host does not allow it.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum { MOST = 256 };

static void die(const char *what)
{
	fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
	exit(errno == EPERM ? 77 : 1);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* KVM puts a worker of its own among the threads of whoever has a machine, sooner or later. */
static bool is_kernels(const char *pid, const char *tid)
{
	char name[300], comm[32] = "";

	snprintf(name, sizeof name, "/proc/%s/task/%s/comm", pid, tid);
	FILE *f = fopen(name, "r");
	if (!f)
		return false;
	bool found = fgets(comm, sizeof comm, f) && strncmp(comm, "kvm-", 4) == 0;
	fclose(f);
	return found;
}

/* In the order in which they were started. */
static int find_threads(const char *pid, int *tid)
{
	char name[64];
	const struct dirent *e;
	int n = 0;

	snprintf(name, sizeof name, "/proc/%s/task", pid);
	DIR *d = opendir(name);
	if (!d)
		die(name);
	while ((e = readdir(d)) && n < MOST)
		if (e->d_name[0] != '.' && !is_kernels(pid, e->d_name))
			tid[n++] = atoi(e->d_name);
	closedir(d);
	qsort(tid, (size_t)n, sizeof *tid, by_number);
	return n;
}

static void stop(int tid)
{
	if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0 || ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0 ||
	    waitpid(tid, NULL, __WALL) < 0)
		die("ptrace");
}

int main(int argc, char **argv)
{
	int tid[MOST];

	if (argc < 2)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int n = find_threads(argv[1], tid) - (argc > 2 ? atoi(argv[2]) : 0);
	for (int i = 1; i < n; i++)
		stop(tid[i]);
	puts("held");
	fflush(stdout);
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
	return 0;
}
