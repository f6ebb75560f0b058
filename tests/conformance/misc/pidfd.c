/* SPDX-License-Identifier: Apache-2.0 */
/* pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), waiting by pidfd. */
#include <linux/sched.h>
#include <poll.h>
#include <sys/epoll.h>

#include "case.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static pid_t pausing(void)
{
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static int pidfd_open(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static int send_signal(int fd, int sig, siginfo_t *info, unsigned flags)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, sig, info, flags);
}

CASE(open)
{
	pid_t pid = pausing();
	int fd = (int)R(pidfd_open(pid, 0));

	V(fcntl(fd, F_GETFD));
	R(pidfd_open(pid, O_NONBLOCK));
	R(pidfd_open(pid, 0x100));
	R(pidfd_open(-1, 0));
	R(pidfd_open(0, 0));
	R(pidfd_open(0x3ffffff, 0));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
	R(pidfd_open(pid, 0));
}

CASE(poll)
{
	pid_t pid = pausing();
	struct pollfd f = { .fd = (int)NEED(pidfd_open(pid, 0)), .events = POLLIN };

	R(poll(&f, 1, 0));
	NEED(kill(pid, SIGTERM));
	R(poll(&f, 1, -1));
	X(f.revents);
	reap("child", pid);
	R(poll(&f, 1, 0));
	V((f.revents & POLLIN) != 0);
}

CASE(epoll)
{
	pid_t pid = pausing();
	int fd = (int)NEED(pidfd_open(pid, 0)), ep = (int)NEED(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };

	NEED(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
	R(epoll_wait(ep, &e, 1, 0));
	NEED(kill(pid, SIGTERM));
	R(epoll_wait(ep, &e, 1, -1));
	X(e.events);
	reap("child", pid);
}

CASE(send_signal)
{
	pid_t pid = pausing();
	int fd = (int)NEED(pidfd_open(pid, 0));

	R(send_signal(fd, 0, NULL, 0));
	R(send_signal(fd, 99, NULL, 0));
	R(send_signal(fd, SIGTERM, NULL, 0x1000));
	R(send_signal(0, SIGTERM, NULL, 0));
	R(send_signal(99, SIGTERM, NULL, 0));
	siginfo_t i = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	R(send_signal(fd, SIGTERM, &i, 0));
	R(send_signal(fd, SIGTERM, NULL, 0));
	reap("child", pid);
	R(send_signal(fd, SIGTERM, NULL, 0));
}

CASE(wait)
{
	pid_t pid = fork();
	siginfo_t i = { 0 };

	if (pid == 0)
		_exit(9);
	int fd = (int)NEED(pidfd_open(pid, 0));
	R(waitid(P_PIDFD, fd, &i, WEXITED | WNOWAIT));
	R(waitid(P_PIDFD, fd, &i, WEXITED));
	say("status %d pid %d\n", i.si_status, i.si_pid == pid);
	R(waitid(P_PIDFD, fd, &i, WEXITED));
	pid = pausing();
	fd = (int)NEED(pidfd_open(pid, O_NONBLOCK));
	R(waitid(P_PIDFD, fd, &i, WEXITED));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

CASE(getfd)
{
	int p[2];
	char b[8] = "";

	NEED(pipe(p));
	NEED(write(p[1], "shared", 6));
	pid_t pid = pausing();
	close(p[0]);
	int fd = (int)NEED(pidfd_open(pid, 0));
	int got = (int)R(syscall(SYS_pidfd_getfd, fd, p[0], 0));
	R(read(got, b, 8));
	say("%s\n", b);
	V(fcntl(got, F_GETFD));
	R(syscall(SYS_pidfd_getfd, fd, 99, 0));
	R(syscall(SYS_pidfd_getfd, fd, p[1], 1));
	R(syscall(SYS_pidfd_getfd, 0, p[1], 0));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
	R(syscall(SYS_pidfd_getfd, fd, p[1], 0));
}

CASE(fdinfo)
{
	pid_t pid = pausing();
	int fd = (int)NEED(pidfd_open(pid, 0));
	char path[40], line[200];
	int shown = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &shown) == 1)
			V(shown == pid);
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}
