/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that tell of a file's readiness: O_ASYNC, F_SETOWN, F_SETOWN_EX, F_SETSIG, FIOASYNC
 * (fcntl(2), socket(7)). */
#include <arpa/inet.h>
#include <poll.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "case.h"

static int v[2];

/* The next of the blocked signals, or "none" where none is pending. */
static void next_signal(bool wait)
{
	sigset_t set = SET(SIGIO, SIGURG, SIGUSR1, SIGRTMIN, SIGCHLD);
	struct timespec none = { 0 };
	siginfo_t si = { 0 };
	int sig = wait ? sigwaitinfo(&set, &si) : sigtimedwait(&set, &si, &none);

	if (sig < 0)
		say("none\n");
	else if (si.si_code == SI_KERNEL)
		say("%s of the kernel\n", signal_name(sig));
	else
		say("%s code %d band 0x%lx fd %d\n", signal_name(sig), si.si_code, si.si_band,
		    si.si_fd == v[0]);
}

static void own(int fd)
{
	block(SET(SIGIO, SIGURG, SIGUSR1, SIGRTMIN));
	R(fcntl(fd, F_SETOWN, getpid()));
	R(fcntl(fd, F_SETFL, O_ASYNC));
	V(!!(fcntl(fd, F_GETFL) & O_ASYNC));
	next_signal(false);
}

static void tcp_pair(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int l = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));

	NEED(bind(l, (struct sockaddr *)&a, len));
	NEED(getsockname(l, (struct sockaddr *)&a, &len));
	NEED(listen(l, 1));
	v[1] = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));
	NEED(connect(v[1], (struct sockaddr *)&a, len));
	v[0] = (int)NEED(accept(l, NULL, NULL));
	close(l);
}

CASE(unix_socket)
{
	char b[8];

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
	own(v[0]);
	NEED(write(v[1], "x", 1));
	next_signal(false); /* it is there when write returns */
	next_signal(false);
	NEED(read(v[0], b, 8));
	next_signal(false);
	NEED(write(v[0], "x", 1));
	next_signal(false);
	R(fcntl(v[0], F_SETFL, 0));
	NEED(write(v[1], "x", 1));
	next_signal(false);
}

CASE(pipe_ends)
{
	NEED(pipe(v));
	own(v[0]);
	NEED(write(v[1], "x", 1));
	next_signal(false);
	NEED(write(v[1], "y", 1));
	next_signal(false);
	close(v[1]);
	next_signal(false);
}

CASE(pipe_writer)
{
	static char b[65536];
	int p[2];

	NEED(pipe(p));
	own(p[1]);
	NEED(write(p[1], b, sizeof b));
	next_signal(false);
	NEED(read(p[0], b, sizeof b));
	next_signal(false);
}

CASE(socket_of_the_network)
{
	char b[8];

	tcp_pair();
	own(v[0]);
	NEED(write(v[1], "x", 1));
	next_signal(true);
	NEED(read(v[0], b, 8));
	next_signal(false);
	close(v[1]);
	next_signal(true);
}

CASE(urgent_data)
{
	struct pollfd p = { .events = POLLPRI };

	tcp_pair();
	p.fd = v[0];
	block(SET(SIGIO, SIGURG, SIGUSR1));
	R(fcntl(v[0], F_SETOWN, getpid()));
	NEED(send(v[1], "a", 1, 0));
	NEED(send(v[1], "!", 1, MSG_OOB));
	next_signal(true);
	NEED(poll(&p, 1, -1));
	next_signal(false);
}

CASE(chosen_signal)
{
	char b[8];

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
	own(v[0]);
	R(fcntl(v[0], F_SETSIG, SIGRTMIN));
	V(fcntl(v[0], F_GETSIG) == SIGRTMIN);
	NEED(write(v[1], "x", 1));
	next_signal(false);
	NEED(read(v[0], b, 8));
	NEED(close(v[1]));
	next_signal(false);
	R(fcntl(v[0], F_SETSIG, 65));
	R(fcntl(v[0], F_SETSIG, -1));
	R(fcntl(v[0], F_SETSIG, 0));
	V(fcntl(v[0], F_GETSIG));
}

/* SIGCHLD has codes of its own: it says SI_SIGIO. */
CASE(chosen_signal_with_codes)
{
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
	own(v[0]);
	block(SET(SIGCHLD));
	R(fcntl(v[0], F_SETSIG, SIGCHLD));
	NEED(write(v[1], "x", 1));
	next_signal(false);
}

static int wait_in_child(void *arg)
{
	next_signal(true);
	return 0;
}

CASE(owners)
{
	struct f_owner_ex ex;

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
	own(v[0]);
	R(fcntl(v[0], F_SETOWN, -getpgrp()));
	V(fcntl(v[0], F_GETOWN) == -getpgrp());
	pid_t pid = child(wait_in_child, NULL);
	NEED(write(v[1], "x", 1));
	next_signal(true);
	reap("child", pid);
	ex = (struct f_owner_ex){ F_OWNER_TID, gettid() };
	R(fcntl(v[0], F_SETOWN_EX, &ex));
	R(fcntl(v[0], F_GETOWN_EX, &ex));
	V(ex.type);
	V(ex.pid == gettid());
	NEED(write(v[1], "x", 1));
	next_signal(true);
	R(fcntl(v[0], F_SETOWN, 0));
	NEED(write(v[1], "x", 1));
	next_signal(false);
	R(fcntl(v[0], F_SETOWN, 4000000));
	R(fcntl(v[0], F_SETOWN, INT_MIN));
}

/* The writer's call may block for long after the first bytes; the reader hears of them all the
 * same. */
static int write_much(void *arg)
{
	static char b[1 << 20];

	return write(v[1], b, sizeof b) == sizeof b ? 0 : 1;
}

CASE(blocked_writer)
{
	static char b[1 << 20];
	long n = 0;

	NEED(pipe(v));
	own(v[0]);
	pid_t pid = child(write_much, NULL);
	next_signal(true);
	while (n < 1 << 20)
		n += NEED(read(v[0], b, sizeof b));
	reap("writer", pid);
}

static int signal_nobody(void *arg)
{
	NEED(write(v[1], "x", 1));
	return 0;
}

/* Whoever sets the owner must be allowed to signal it; not whoever writes. */
static int own_as_nobody(void *pid)
{
	NEED(setresuid(65534, 65534, 65534));
	R(fcntl(v[0], F_SETOWN, *(pid_t *)pid));
	return 0;
}

CASE(permission)
{
	pid_t pid = getpid();

	need_root();
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
	own(v[0]);
	in_child("writer", signal_nobody, NULL);
	next_signal(false);
	in_child("nobody", own_as_nobody, &pid);
	in_child("writer", signal_nobody, NULL);
	next_signal(false);
}

CASE(by_ioctl)
{
	int on = 1, off = 0, who = getpid(), got = 0, fds[4];

	NEED(pipe(v));
	fds[0] = v[0];
	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, v));
	fds[1] = v[0];
	fds[2] = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
	fds[3] = (int)NEED(eventfd(0, 0));
	for (int i = 0; i < 4; i++) {
		R(ioctl(fds[i], FIOASYNC, &on));
		V(!!(fcntl(fds[i], F_GETFL) & O_ASYNC));
		R(ioctl(fds[i], FIOSETOWN, &who));
		R(ioctl(fds[i], SIOCGPGRP, &got));
		V(got == getpid());
		who = -getpgrp();
		R(ioctl(fds[i], SIOCSPGRP, &who));
		R(ioctl(fds[i], FIOGETOWN, &got));
		V(got == -getpgrp());
		R(ioctl(fds[i], FIOASYNC, &off));
		V(!!(fcntl(fds[i], F_GETFL) & O_ASYNC));
		R(ioctl(fds[i], FIOASYNC, (void *)8));
	}
	int f = (int)NEED(open("file", O_RDWR | O_CREAT, 0600));
	R(ioctl(f, FIOASYNC, &on));
	R(ioctl(f, FIOASYNC, &off));
	R(fcntl(f, F_SETFL, O_ASYNC));
	V(!!(fcntl(f, F_GETFL) & O_ASYNC));
}

CASE(terminal)
{
	struct termios raw;
	int m, s;

	NEED(openpty(&m, &s, NULL, NULL, NULL));
	NEED(tcgetattr(s, &raw));
	cfmakeraw(&raw);
	NEED(tcsetattr(s, TCSANOW, &raw));
	own(s);
	NEED(write(m, "x", 1));
	next_signal(true);
}

/* A descriptor that is closed while another of the same file is open goes on telling. */
CASE(duplicates)
{
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
	own(v[0]);
	int d = (int)NEED(dup(v[0]));
	NEED(close(v[0]));
	NEED(write(v[1], "x", 1));
	next_signal(false);
	NEED(close(d));
}
