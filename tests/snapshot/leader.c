/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that go on without their first thread, parent and child; host names of their own. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "mark.h"

static int to_child[2];
static pid_t child, named;
static char old[65];

static void tell(const char *who)
{
	char line[256];
	int threads = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		sscanf(line, "Threads: %d", &threads);
	if (f)
		fclose(f);
	printf("%s: %d threads, first %d\n", who, threads,
	       syscall(SYS_tgkill, getpid(), getpid(), 0) ? -errno : 0);
	fflush(stdout);
}

static void in_child(void)
{
	char c;

	if (read(to_child[0], &c, 1) != 1)
		_exit(1);
	tell("child");
	_exit(7);
}

/* Its host name is its own. One that may not have one ends with the error. */
static void in_named(int ready)
{
	char name[65], c;

	if (unshare(CLONE_NEWUTS) || sethostname("elsewhere", 9))
		_exit(errno);
	if (write(ready, "n", 1) != 1 || read(to_child[0], &c, 1) != 1)
		_exit(99);
	gethostname(name, sizeof name);
	_exit(strcmp(name, "elsewhere") ? 98 : 42);
}

static void *rest(void *arg)
{
	char name[65];
	int status = 0;
	siginfo_t si;
	sigset_t set;

	pthread_join(*(pthread_t *)arg, NULL);
	mark();

	tell("parent");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	kill(getpid(), SIGUSR2);
	printf("signal %d\n", sigwaitinfo(&set, &si) == SIGUSR2 && si.si_pid == getpid());
	gethostname(name, sizeof name);
	printf("name as before: %d\n", !strcmp(name, old));
	if (write(to_child[1], "cc", 2) != 2)
		exit(96);
	waitpid(named, &status, 0);
	printf("named: %d\n", WEXITSTATUS(status));
	waitpid(child, &status, 0);
	printf("child: %d\n", WEXITSTATUS(status));
	fflush(stdout);
	exit(3);
}

static void *child_rest(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	in_child();
	return NULL;
}

static pthread_t first;

int main(void)
{
	pthread_t thread;
	sigset_t set;
	int up[2];
	char c;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	gethostname(old, sizeof old);
	first = pthread_self();
	if (pipe(to_child) || pipe(up))
		return 1;
	named = fork();
	if (!named)
		in_named(up[1]);
	close(up[1]);
	(void)!read(up[0], &c, 1);
	child = fork();
	pthread_create(&thread, NULL, child ? rest : child_rest, &first);
	pthread_exit(NULL);
}
