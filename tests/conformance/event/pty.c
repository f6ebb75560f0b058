/* SPDX-License-Identifier: Apache-2.0 */
/* Ptys: what a master may type ahead of its slave, lines that are too long, what a master flushes
 * and sets. */
#include <asm/termbits.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "case.h"

/* <termios.h> and <asm/termbits.h> exclude each other. */
struct termio_kernel {
	unsigned short c_iflag, c_oflag, c_cflag, c_lflag;
	unsigned char c_line, c_cc[8];
};

static int master, slave;
static char big[65536];

static void open_pty(unsigned lflag)
{
	struct termios t;
	char name[32];
	int n, zero = 0;

	master = (int)NEED(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	NEED(ioctl(master, TIOCGPTN, &n));
	NEED(ioctl(master, TIOCSPTLCK, &zero));
	snprintf(name, sizeof name, "/dev/pts/%d", n);
	slave = (int)NEED(open(name, O_RDWR | O_NOCTTY));
	NEED(ioctl(slave, TCGETS, &t));
	t.c_lflag = lflag;
	t.c_iflag = 0;
	NEED(ioctl(slave, TCSETS, &t));
}

/* Reads until `want` bytes have come: what was typed reaches the slave in pieces. */
static size_t read_all(size_t want)
{
	size_t got = 0;
	char b[8192];

	while (got < want) {
		ssize_t n = NEED(read(slave, b, sizeof b));
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return got;
}

/* Nobody reads yet: the master is not kept waiting. */
CASE(typed_ahead_raw)
{
	open_pty(0);
	memset(big, 'x', sizeof big);
	R(write(master, big, 8192));
	R(write(master, big, 1000));
	struct pollfd p = { .fd = master, .events = POLLOUT };
	R(poll(&p, 1, 0));
	V(read_all(9192));
	R(fcntl(slave, F_SETFL, O_NONBLOCK));
	R(read(slave, big, 1));
}

CASE(typed_ahead_lines)
{
	open_pty(ICANON);
	memset(big, 'x', sizeof big);
	for (int i = 99; i < 10000; i += 100)
		big[i] = '\n';
	R(write(master, big, 10000));
	R(read(slave, big, sizeof big));
	V(read_all(9900));
}

/* A line of more than 4,096 characters with its end loses those that do not fit. */
CASE(line_too_long)
{
	static const int lengths[] = { 4094, 4095, 4096, 4097, 5000, 30000 };

	open_pty(ICANON);
	for (int i = 0; i < 6; i++) {
		memset(big, 'a', sizeof big);
		memset(big + 4000, 'b', 1000);
		big[lengths[i]] = '\n';
		for (int at = 0; at <= lengths[i];)
			at += (int)NEED(write(master, big + at, (size_t)(lengths[i] + 1 - at)));
		memset(big, 0, sizeof big);
		ssize_t n = R(read(slave, big, sizeof big));
		say("%d: %c %c %d\n", lengths[i], big[n - 3], big[n - 2], big[n - 1]);
	}
}

/* All of it arrives, through a slave that reads slowly. Who reads says so by its status: it may
 * have the last of it before the write is known to be done. */
CASE(master_waits_for_room)
{
	open_pty(0);
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		close(master);
		_exit(read_all(4 * sizeof big) != 4 * sizeof big);
	}
	for (int i = 0; i < 4; i++)
		R(write(master, big, sizeof big));
	reap("slave", pid);
}

CASE(flush_on_master)
{
	struct pollfd p = { .events = POLLIN | POLLPRI };
	int on = 1;

	open_pty(ICANON);
	p.fd = master;
	NEED(ioctl(master, TIOCPKT, &on));
	R(ioctl(master, TCFLSH, TCIOFLUSH));
	R(poll(&p, 1, 0));
	R(ioctl(slave, TCFLSH, TCOFLUSH));
	R(poll(&p, 1, 0));
	X(p.revents);
	R(read(master, big, sizeof big));
	X(big[0]);
	NEED(write(master, "line\n", 5));
	struct pollfd s = { .fd = slave, .events = POLLIN };
	R(poll(&s, 1, 5000));
	R(ioctl(master, TCFLSH, TCOFLUSH));
	R(read(slave, big, sizeof big));
	R(ioctl(master, TCFLSH, 3));
}

CASE(controlling_terminal_by_master)
{
	int pgrp;

	open_pty(ICANON);
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		R(ioctl(master, TIOCSCTTY, 0));
		NEED(setsid());
		R(ioctl(master, TIOCSCTTY, 0));
		R(ioctl(slave, TIOCGPGRP, &pgrp));
		V(pgrp == getpid());
		R(open("/dev/tty", O_RDWR) >= 0);
		R(ioctl(master, TIOCNOTTY, 0));
		_exit(0);
	}
	reap("child", pid);
}

CASE(system_v_termio)
{
	struct termio_kernel old, now;
	struct termios t;

	open_pty(ICANON | ECHO);
	R(ioctl(slave, TCGETA, &old));
	say("%o %o %o %o %d\n", old.c_iflag, old.c_oflag, old.c_cflag, old.c_lflag, old.c_line);
	say_bytes("characters", old.c_cc, sizeof old.c_cc);
	old.c_lflag &= (unsigned short)~ECHO;
	old.c_cc[VINTR] = 1;
	R(ioctl(slave, TCSETA, &old));
	R(ioctl(slave, TCSETAW, &old));
	R(ioctl(master, TCSETAF, &old));
	R(ioctl(master, TCGETA, &now));
	V(memcmp(&old, &now, sizeof now));
	R(ioctl(slave, TCGETS, &t));
	say("%o %o %o %o\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
	V(t.c_cc[VINTR]);
	R(ioctl(slave, TCGETA, (void *)8));
	R(ioctl(slave, TCSETA, (void *)8));
}
