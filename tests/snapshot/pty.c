/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo terminals: modes, lines that are being typed, output that nobody has read, sessions with
 * their foreground group, who waits on either side, and one whose master is gone. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "mark.h"

static int open_master(char *name, size_t size, int *slave)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY);

	if (m < 0 || grantpt(m) || unlockpt(m) || ptsname_r(m, name, size))
		exit(1);
	*slave = open(name, O_RDWR | O_NOCTTY);
	return m;
}

static void raw(int fd, int min, int time)
{
	struct termios t;

	tcgetattr(fd, &t);
	cfmakeraw(&t);
	t.c_cc[VMIN] = (cc_t)min;
	t.c_cc[VTIME] = (cc_t)time;
	tcsetattr(fd, TCSANOW, &t);
}

static void put(int fd, const char *s)
{
	if (write(fd, s, strlen(s)) != (ssize_t)strlen(s))
		exit(2);
}

/* What a read gives, control characters as ^X. */
static void show(const char *what, int fd)
{
	unsigned char buf[512];
	ssize_t n = read(fd, buf, sizeof buf);

	printf("%s: %zd ", what, n < 0 ? -errno : n);
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] < 32)
			printf("^%c", buf[i] + '@');
		else
			putchar(buf[i]);
	}
	putchar('\n');
}

/* The same of all that comes until `end` has come. */
static void show_until(const char *what, int fd, const char *end)
{
	char buf[4096];
	size_t n = 0;

	for (;;) {
		ssize_t got = read(fd, buf + n, sizeof buf - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
		buf[n] = 0;
		if (strstr(buf, end))
			break;
	}
	printf("%s: ", what);
	for (size_t i = 0; i < n; i++) {
		if (buf[i] != '\r')
			putchar(buf[i] == '\n' ? '|' : buf[i]);
	}
	putchar('\n');
}

/* Until the master can read so much: Linux works on what was typed in a thread of its own. */
static void wait_output(int m, int wanted)
{
	int held = 0;

	while (ioctl(m, FIONREAD, &held) == 0 && held < wanted)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
}

static volatile sig_atomic_t got;

static void on_signal(int sig)
{
	got = sig;
}

/* A session of its own on the terminal: says what signals and lines come. */
static void session(const char *name)
{
	struct sigaction sa = { .sa_handler = on_signal };
	char line[64];

	setsid();
	int fd = open(name, O_RDWR);
	if (fd < 0 || tcgetsid(fd) != getpid())
		_exit(1);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL); /* but while it waits */
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGWINCH, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	/* in the background: it is stopped when it reads */
	pid_t bg = fork();
	if (!bg) {
		setpgid(0, 0);
		signal(SIGINT, SIG_DFL);
		if (read(fd, line, 1) == 1)
			_exit(2);
		_exit(3);
	}
	setpgid(bg, bg);
	int st;
	if (waitpid(bg, &st, WUNTRACED) != bg || !WIFSTOPPED(st) || WSTOPSIG(st) != SIGTTIN)
		_exit(4);
	sigset_t none;
	sigemptyset(&none);
	dprintf(fd, "ready\n");
	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		got = 0;
		ssize_t n = ppoll(&p, 1, NULL, &none);
		if (n > 0)
			n = read(fd, line, sizeof line - 1);
		if (got == SIGHUP) {
			_exit(40);
		} else if (n < 0 && errno == EINTR) {
			dprintf(fd, "signal %d, tty %d\n", got,
				open("/dev/tty", O_RDWR | O_CLOEXEC) > 0);
		} else if (n > 0 && strncmp(line, "fg", 2) == 0) {
			tcsetpgrp(fd, bg);
			kill(bg, SIGCONT);
			waitpid(bg, &st, 0);
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(fd, getpgrp());
			dprintf(fd, "job: %d\n", WEXITSTATUS(st));
		} else if (n > 0) {
			dprintf(fd, "line %.*s", (int)n, line);
		} else {
			_exit(40); /* the end of the line came first */
		}
	}
}

int main(void)
{
	char name[32], other[32], page[4096];
	int s, s2, s3, st;

	/* a line that is typed half, one that is complete; output that is not read; columns */
	int m = open_master(name, sizeof name, &s);
	put(m, "first line\nand ha\026\003lf\177");
	wait_output(m, 27);
	put(s, "a\tb\n\033[1m");
	struct winsize ws = { 40, 132, 7, 9 };
	ioctl(m, TIOCSWINSZ, &ws);

	/* raw, with a minimum and a time; packet mode; it was stopped */
	int m2 = open_master(other, sizeof other, &s2);
	ioctl(m2, TIOCPKT, &(int){ 1 });
	tcflow(s2, TCOOFF);
	int full = fcntl(s2, F_GETFL);
	raw(s2, 5, 3);
	put(m2, "xyz");

	/* its master is gone, and it has a name of old; whatever was typed can still be read */
	int m3 = open_master(page, sizeof page, &s3);
	put(m3, "last words\n");
	close(m3);

	/* a session, and a job of it in the background, on a fourth */
	int m4 = open_master(page, sizeof page, &st);
	pid_t pid = fork();
	if (!pid) {
		close(m4);
		close(st);
		session(page);
	}
	show_until("session", m4, "ready\r\n");
	close(st);

	/* somebody waits on either side */
	int m5 = open_master(page + 64, 64, &st);
	pid_t reader = fork();
	if (!reader) {
		close(m4);
		char line[32];
		ssize_t n = read(st, line, sizeof line);
		dprintf(st, "read %zd\n", n);
		_exit(0);
	}
	int m6 = open_master(page + 128, 64, &st);
	raw(st, 1, 0);
	pid_t writer = fork();
	if (!writer) {
		close(m4);
		close(m6);
		int fd = open(page + 128, O_RDWR | O_NOCTTY);
		for (int i = 0; i < 20000; i++)
			dprintf(fd, "%06d\n", i);
		_exit(0);
	}
	/* it is in the middle of a write: there is no more room */
	wait_output(m6, 3000);
	int locked = open_master(page + 192, 64, &st);
	ioctl(locked, TIOCSPTLCK, &(int){ 1 });

	mark();
	show("echo and output", m);
	show("line", s);
	put(m, "more\n");
	show("half a line", s);
	wait_output(m, 6);
	show("what was echoed", m);
	memset(&ws, 0, sizeof ws);
	ioctl(s, TIOCGWINSZ, &ws);
	printf("size %d %d %d %d\n", ws.ws_row, ws.ws_col, ws.ws_xpixel, ws.ws_ypixel);
	char *tty = ttyname(s);
	printf("name %d %d\n", tty && !strcmp(tty, name), ptsname(m) && !strcmp(ptsname(m), name));

	struct termios t;
	tcgetattr(s2, &t);
	printf("raw %x %x %d %d\n", t.c_lflag, t.c_iflag, t.c_cc[VMIN], t.c_cc[VTIME]);
	show("packet", m2);
	show("three", s2);
	tcflow(s2, TCOON);
	put(s2, "out");
	show("packet of data", m2);
	printf("flags %x\n", full);

	show("hung up", s3);
	show("and on", s3);
	int is = isatty(s3);
	printf("no terminal: %d %d\n", is, errno);
	struct pollfd p = { s3, POLLIN | POLLOUT, 0 };
	is = poll(&p, 1, 0);
	printf("poll %d %x\n", is, (unsigned)p.revents);

	put(m4, "hello\n");
	show_until("typed", m4, "line hello\r\n");
	put(m4, "\003");
	show_until("interrupted", m4, "tty 1\r\n");
	ioctl(m4, TIOCSWINSZ, &(struct winsize){ 10, 20, 0, 0 });
	show_until("resized", m4, "tty 1\r\n");
	pid_t group = 0;
	ioctl(m4, TIOCGPGRP, &group);
	printf("group %d session %d\n", group == pid, tcgetsid(m4) == pid);
	put(m4, "fg\n");
	put(m4, "key\n");
	show_until("the job", m4, "line ey\r\n");
	close(m4);
	printf("ended %d", waitpid(pid, &st, 0) == pid);
	printf(" %d\n", WEXITSTATUS(st));

	put(m5, "go\n");
	show_until("reader", m5, "read 3\r\n");
	waitpid(reader, NULL, 0);
	long sum = 0;
	int n, lines = 0;
	while (lines < 20000 && (n = (int)read(m6, page, sizeof page)) > 0)
		for (int i = 0; i < n; i++) {
			sum += page[i];
			lines += page[i] == '\n';
		}
	printf("writer %d %ld\n", lines, sum);
	waitpid(writer, NULL, 0);
	st = ioctl(locked, TIOCGPTLCK, &n);
	printf("locked %d %d\n", st, n);
	printf("another: %d\n", open_master(page, 64, &st) > 0);
	return 0;
}
