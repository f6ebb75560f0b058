/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of processes: who is whose child, groups and sessions, memory shared and copied, zombies,
 * stopped ones. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "mark.h"

#define CHILDREN 50

static int data = 1;

int main(void)
{
	int order[2], answer[2];
	pid_t first = 0, pids[CHILDREN];

	if (pipe(order) || pipe(answer))
		return 1;
	data = 2;
	for (int i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		char c;
		data += i;
		close(order[1]);
		if (i % 5 == 0)
			setpgid(0, 0);
		if (i % 10 == 3)
			setsid();
		if (i == 7)
			_exit(77);
		if (i == 8)
			raise(SIGSTOP);
		prctl(PR_SET_NAME, i % 2 ? "odd" : "even");
		if (read(order[0], &c, 1) < 0)
			_exit(1);
		char name[16];
		prctl(PR_GET_NAME, name);
		int ok = data == 2 + i && (getppid() > 1) &&
			 !strcmp(name, i % 2 ? "odd" : "even") &&
			 (i % 5 || getpgrp() == getpid()) && (i % 10 != 3 || getsid(0) == getpid());
		data = -1;
		_exit(ok ? 100 + i : 1);
	}
	first = pids[0];
	siginfo_t si;
	waitid(P_PID, (id_t)pids[7], &si, WEXITED | WNOWAIT);
	waitid(P_PID, (id_t)pids[8], &si, WSTOPPED | WNOWAIT);
	printf("A %d\n", si.si_status);

	mark();

	int status, good = 0;
	printf("zombie %d\n", waitpid(pids[7], &status, 0) == pids[7]);
	printf("its status %d\n", WEXITSTATUS(status));
	printf("stopped %d\n", waitpid(pids[8], &status, WUNTRACED) == pids[8]);
	printf("its signal %d\n", WSTOPSIG(status));
	kill(pids[8], SIGCONT);
	printf("group %d\n", getpgid(first) == first);
	close(order[1]);
	for (int i = 0; i < CHILDREN; i++) {
		if (i != 7 && waitpid(pids[i], &status, 0) == pids[i])
			good += WEXITSTATUS(status) == (i + 100) % 256;
	}
	printf("children %d data %d none %d\n", good, data, wait(NULL) < 0 && errno == ECHILD);
	pid_t next = fork();
	if (!next)
		_exit(5);
	printf("next %d\n", next > pids[CHILDREN - 1] && waitpid(next, &status, 0) == next);
	return 0;
}
