/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was waited for comes, and a signal right after it. The call tells of what came: a handler
 * without SA_RESTART may not turn it into EINTR, for the program would wait for the next event,
 * which may never come. The event is always the first of the two, so the result is the same whether
 * or not the caller is asleep yet; the pause lets it fall asleep, which is where the two can be
 * confused.
 */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

#include "case.h"

#define ROUNDS 8

static int a, b; /* the descriptors of a round: the one that waits uses `a` */
static pid_t main_pid;
static _Atomic int *word;

static void nothing(int sig)
{
	(void)sig;
}

static void fall_asleep(void)
{
	usleep(1500);
}

/* `wait` in the caller, `event` and then SIGUSR1 in a child. */
static void race(void (*make)(void), void (*event)(void), long (*wait)(void))
{
	int done = 0, interrupted = 0;

	handle(SIGUSR1, nothing, 0);
	main_pid = getpid();
	for (int i = 0; i < ROUNDS; i++) {
		a = b = -1;
		make();
		pid_t pid = (pid_t)NEED(fork());
		if (pid == 0) {
			fall_asleep();
			event();
			kill(main_pid, SIGUSR1);
			_exit(0);
		}
		long r = wait();
		interrupted += r == -1 && errno == EINTR;
		done += r >= 0;
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			;
		close(a);
		close(b);
	}
	say("done %d, interrupted %d\n", done, interrupted);
}

/* ---- children: the signal is that of their end ---- */

static void wait_for_children(bool by_waitid)
{
	int done = 0;

	handle(SIGCHLD, nothing, 0);
	for (int i = 0; i < ROUNDS; i++) {
		siginfo_t si;
		pid_t pid = (pid_t)NEED(fork());
		if (pid == 0) {
			fall_asleep();
			_exit(0);
		}
		done += by_waitid ? waitid(P_PID, (id_t)pid, &si, WEXITED) == 0
				  : waitpid(pid, NULL, 0) == pid;
	}
	V(done);
}

CASE(wait4)
{
	wait_for_children(false);
}

CASE(waitid)
{
	wait_for_children(true);
}

CASE(wait_stopped)
{
	int st = 0;

	handle(SIGCHLD, nothing, 0);
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		fall_asleep();
		raise(SIGSTOP);
		_exit(0);
	}
	R(waitpid(pid, &st, WUNTRACED) == pid);
	kill(pid, SIGCONT);
	reap("child", pid);
}

/* ---- pipes ---- */

static void make_pipe(void)
{
	int p[2];

	NEED(pipe(p));
	a = p[0];
	b = p[1];
}

static void write_b(void)
{
	NEED(write(b, "x", 1));
}

static long read_a(void)
{
	char c;

	return read(a, &c, 1);
}

CASE(pipe_read)
{
	race(make_pipe, write_b, read_a);
}

static void make_full_pipe(void)
{
	static char page[4096];

	make_pipe();
	int r = a;
	a = b;
	b = r;
	NEED(fcntl(a, F_SETFL, O_NONBLOCK));
	while (write(a, page, sizeof page) > 0)
		;
	NEED(fcntl(a, F_SETFL, 0));
}

static void read_page_b(void)
{
	char page[4096];

	NEED(read(b, page, sizeof page));
}

static long write_a(void)
{
	return write(a, "x", 1);
}

CASE(pipe_write)
{
	race(make_full_pipe, read_page_b, write_a);
}

static void make_fifo(void)
{
	unlink("fifo");
	NEED(mkfifo("fifo", 0600));
}

static void open_writer(void)
{
	b = (int)NEED(open("fifo", O_WRONLY));
}

static void open_reader(void)
{
	b = (int)NEED(open("fifo", O_RDONLY));
}

static long open_for_reading(void)
{
	return a = open("fifo", O_RDONLY);
}

static long open_for_writing(void)
{
	return a = open("fifo", O_WRONLY);
}

CASE(fifo_open_read)
{
	race(make_fifo, open_writer, open_for_reading);
}

CASE(fifo_open_write)
{
	race(make_fifo, open_reader, open_for_writing);
}

static void make_open_fifo(void)
{
	make_fifo();
	a = (int)NEED(open("fifo", O_RDWR));
	b = (int)NEED(open("fifo", O_RDWR));
}

CASE(fifo_read)
{
	race(make_open_fifo, write_b, read_a);
}

/* ---- sockets ---- */

static void make_pair(int type)
{
	int s[2];

	NEED(socketpair(AF_UNIX, type, 0, s));
	a = s[0];
	b = s[1];
}

static void make_stream(void)
{
	make_pair(SOCK_STREAM);
}

static void make_dgram(void)
{
	make_pair(SOCK_DGRAM);
}

/* Not a read of a stream: Linux itself gives EINTR there (unix_stream_read_generic). */
CASE(unix_dgram)
{
	race(make_dgram, write_b, read_a);
}

static void make_full_dgram(void)
{
	make_dgram();
	while (send(a, "x", 1, MSG_DONTWAIT) == 1)
		;
}

static void read_b(void)
{
	char page[4096];

	NEED(read(b, page, sizeof page));
}

CASE(unix_dgram_send)
{
	race(make_full_dgram, read_b, write_a);
}

static struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };

static void make_listener(void)
{
	unlink(address.sun_path);
	a = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
	NEED(bind(a, (struct sockaddr *)&address, sizeof address));
	NEED(listen(a, 4));
}

static void connect_to_it(void)
{
	b = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
	NEED(connect(b, (struct sockaddr *)&address, sizeof address));
}

static long accept_one(void)
{
	int fd = accept(a, NULL, NULL);

	close(fd);
	return fd;
}

CASE(unix_accept)
{
	race(make_listener, connect_to_it, accept_one);
}

/* ---- descriptors of other kinds ---- */

static void make_eventfd(void)
{
	a = (int)NEED(eventfd(0, 0));
}

static void add_one(void)
{
	NEED(eventfd_write(a, 1));
}

static long read_8(void)
{
	uint64_t n;

	return read(a, &n, sizeof n);
}

CASE(eventfd_read)
{
	race(make_eventfd, add_one, read_8);
}

static void make_full_eventfd(void)
{
	make_eventfd();
	NEED(eventfd_write(a, UINT64_MAX - 1));
}

static void take_all(void)
{
	NEED(read_8());
}

static long add_some(void)
{
	return eventfd_write(a, 5);
}

CASE(eventfd_write)
{
	race(make_full_eventfd, take_all, add_some);
}

static void make_signalfd(void)
{
	sigset_t set = SET(SIGUSR2);

	block(set);
	a = (int)NEED(signalfd(-1, &set, 0));
}

static void send_signal(void)
{
	kill(main_pid, SIGUSR2);
}

static long read_signal(void)
{
	struct signalfd_siginfo si;

	return read(a, &si, sizeof si);
}

CASE(signalfd)
{
	race(make_signalfd, send_signal, read_signal);
}

static long wait_for_signal(void)
{
	sigset_t set = SET(SIGUSR2);
	struct timespec ts = { .tv_sec = 5 };

	return sigtimedwait(&set, NULL, &ts);
}

CASE(sigtimedwait)
{
	race(make_signalfd, send_signal, wait_for_signal);
}

static void make_inotify(void)
{
	put_file("watched", "");
	a = (int)NEED(inotify_init());
	NEED(inotify_add_watch(a, "watched", IN_ATTRIB));
}

static void change_mode(void)
{
	NEED(chmod("watched", 0600));
}

static long read_events(void)
{
	char buf[1024];

	return read(a, buf, sizeof buf);
}

CASE(inotify)
{
	race(make_inotify, change_mode, read_events);
}

static void make_pty(void)
{
	struct termios raw;

	cfmakeraw(&raw);
	NEED(openpty(&b, &a, NULL, &raw, NULL));
}

CASE(pty_slave)
{
	race(make_pty, write_b, read_a);
}

static void make_pty_other_way(void)
{
	struct termios raw;

	cfmakeraw(&raw);
	NEED(openpty(&a, &b, NULL, &raw, NULL));
}

CASE(pty_master)
{
	race(make_pty_other_way, write_b, read_a);
}

/* ---- many at once ---- */

static long poll_a(void)
{
	struct pollfd p = { .fd = a, .events = POLLIN };

	return poll(&p, 1, 5000) == 1 ? 0 : -1;
}

CASE(poll)
{
	race(make_pipe, write_b, poll_a);
}

CASE(poll_fifo)
{
	race(make_open_fifo, write_b, poll_a);
}

static long select_a(void)
{
	struct timeval tv = { .tv_sec = 5 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(a, &set);
	return select(a + 1, &set, NULL, NULL, &tv) == 1 ? 0 : -1;
}

CASE(select)
{
	race(make_stream, write_b, select_a);
}

static long epoll_a(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = (int)NEED(epoll_create1(0));

	NEED(epoll_ctl(ep, EPOLL_CTL_ADD, a, &ev));
	int n = epoll_wait(ep, &ev, 1, 5000), saved = errno;
	close(ep);
	errno = saved;
	return n == 1 ? 0 : -1;
}

CASE(epoll)
{
	race(make_pipe, write_b, epoll_a);
}

CASE(epoll_fifo)
{
	race(make_open_fifo, write_b, epoll_a);
}

/* ---- futexes and locks ---- */

static void make_word(void)
{
	if (!word)
		word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*word = 0;
}

static void wake_word(void)
{
	*word = 1;
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static long wait_word(void)
{
	long r = syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);

	return r == -1 && errno == EAGAIN ? 0 : r; /* it did not have to wait */
}

CASE(futex)
{
	race(make_word, wake_word, wait_word);
}

/* The other side holds the lock from before the wait, and gives it up. */
static void race_for_lock(int (*lock)(int fd), int (*unlock)(int fd))
{
	int done = 0, interrupted = 0;

	put_file("locked", "x");
	handle(SIGUSR1, nothing, 0);
	main_pid = getpid();
	for (int i = 0; i < ROUNDS; i++) {
		struct baton held = baton_new();
		pid_t pid = (pid_t)NEED(fork());
		int fd = (int)NEED(open("locked", O_RDWR));
		if (pid == 0) {
			NEED(lock(fd));
			give(&held);
			fall_asleep();
			NEED(unlock(fd));
			kill(main_pid, SIGUSR1);
			_exit(0);
		}
		take(&held);
		int r = lock(fd);
		interrupted += r == -1 && errno == EINTR;
		done += r == 0;
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			;
		close(fd);
		close(held.fd[0]);
		close(held.fd[1]);
	}
	say("done %d, interrupted %d\n", done, interrupted);
}

static int lock_posix(int fd)
{
	struct flock l = { .l_type = F_WRLCK };

	return fcntl(fd, F_SETLKW, &l);
}

static int unlock_posix(int fd)
{
	struct flock l = { .l_type = F_UNLCK };

	return fcntl(fd, F_SETLKW, &l);
}

CASE(lock_posix)
{
	race_for_lock(lock_posix, unlock_posix);
}

static int lock_flock(int fd)
{
	return flock(fd, LOCK_EX);
}

static int unlock_flock(int fd)
{
	return flock(fd, LOCK_UN);
}

CASE(lock_flock)
{
	race_for_lock(lock_flock, unlock_flock);
}
