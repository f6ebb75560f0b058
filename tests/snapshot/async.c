/* SPDX-License-Identifier: Apache-2.0 */
/* Files whose owner gets signals (O_ASYNC): a pipe in which something is, and a socket; with the
 * signal and the descriptor that were asked for. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "mark.h"

/* What has come within a time that is long if nothing is to come, and ends with it if something
 * is. */
static void show(const char *what, const sigset_t *set, int expected)
{
	siginfo_t si;
	struct timespec wait = { expected ? 20 : 0, expected ? 0 : 20000000 };
	int sig = sigtimedwait(set, &si, &wait);

	if (sig < 0)
		printf("%s: %d\n", what, -errno);
	else
		printf("%s: %d fd %d band %lx\n", what, sig, si.si_fd, si.si_band);
}

int main(void)
{
	int p[2], s[2];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (pipe(p) || socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		return 1;
	int dup_of = dup(p[0]);
	fcntl(p[0], F_SETOWN, getpid());
	fcntl(p[0], F_SETSIG, SIGRTMIN);
	fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK);
	fcntl(s[0], F_SETOWN, getpid());
	fcntl(s[0], F_SETSIG, SIGRTMIN + 1);
	fcntl(s[0], F_SETFL, O_ASYNC);
	if (write(p[1], "first", 5) != 5)
		return 1;
	show("before", &set, 1);

	mark();
	show("nothing new", &set, 0);
	if (write(p[1], "more", 4) != 4)
		return 1;
	show("pipe", &set, 1);
	if (write(s[1], "x", 1) != 1)
		return 1;
	show("socket", &set, 1);
	printf("flags %d %d %d\n", (fcntl(dup_of, F_GETFL) & O_ASYNC) != 0,
	       fcntl(p[0], F_GETOWN) == getpid(), fcntl(s[0], F_GETSIG));
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	if (write(p[1], "silent", 6) != 6)
		return 1;
	show("off", &set, 0);
	return 0;
}
