/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: dup, fcntl, close_range, ioctl, locks. */
#include <linux/close_range.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include "case.h"

CASE(dup)
{
	int fd = (int)NEED(open("/dev/null", O_RDONLY | O_CLOEXEC));

	R(dup(fd));
	V(fcntl(4, F_GETFD));
	R(dup2(fd, 10));
	R(dup2(fd, fd));
	R(dup2(99, 99));
	R(dup2(fd, -1));
	R(dup2(99, 5));
	R(dup3(fd, 11, O_CLOEXEC));
	V(fcntl(11, F_GETFD));
	R(dup3(fd, fd, 0));
	R(dup3(fd, 12, O_NONBLOCK));
	R(dup2(fd, 1 << 20));
	R(fcntl(fd, F_DUPFD, 20));
	R(fcntl(fd, F_DUPFD_CLOEXEC, 20));
	V(fcntl(21, F_GETFD));
	R(fcntl(fd, F_DUPFD, -1));
	R(fcntl(fd, F_DUPFD, 1 << 20));
}

CASE(dup2_closes_target)
{
	int p[2];
	char c;

	NEED(pipe(p));
	NEED(dup2(0, p[1]));
	/* The last writer is gone. */
	R(read(p[0], &c, 1));
}

CASE(dup_shares_offset_and_flags)
{
	char b[4] = "";

	put_file("f", "abcdef");
	int fd = (int)NEED(open("f", O_RDWR)), d = (int)NEED(dup(fd)),
	    own = (int)NEED(open("f", O_RDWR));
	NEED(read(fd, b, 2));
	R(lseek(d, 0, SEEK_CUR));
	R(lseek(own, 0, SEEK_CUR));
	R(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
	X(fcntl(d, F_GETFL));
	X(fcntl(own, F_GETFL));
	R(fcntl(fd, F_SETFD, FD_CLOEXEC));
	V(fcntl(d, F_GETFD));
	close(fd);
	R(read(d, b, 2));
	say("%s\n", b);
}

CASE(getfl_setfl)
{
	put_file("f", "");
	int fd = (int)NEED(open("f", O_RDWR));

	R(fcntl(fd, F_SETFL, O_WRONLY | O_CREAT | O_EXCL | O_TRUNC | O_NOATIME));
	X(fcntl(fd, F_GETFL));
	R(fcntl(fd, F_SETFL, 0));
	X(fcntl(fd, F_GETFL));
	X(fcntl(0, F_GETFL));
	int p[2], s[2];
	NEED(pipe2(p, O_NONBLOCK));
	X(fcntl(p[0], F_GETFL));
	X(fcntl(p[1], F_GETFL));
	NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
	X(fcntl(s[0], F_GETFL));
	R(fcntl(99, F_GETFL));
	R(fcntl(fd, 12345));
	R(fcntl(fd, F_SETFD, 0xffff));
	V(fcntl(fd, F_GETFD));
	R(fcntl(fd, F_SETFL, O_DIRECTORY | O_ASYNC));
}

CASE(close_range)
{
	for (int i = 0; i < 8; i++)
		NEED(open("/dev/null", O_RDONLY));
	R(close_range(5, 7, 0));
	for (int i = 3; i < 11; i++)
		say("%d", fcntl(i, F_GETFD));
	say("\n");
	R(close_range(8, ~0U, CLOSE_RANGE_CLOEXEC));
	for (int i = 3; i < 11; i++)
		say("%d", fcntl(i, F_GETFD));
	say("\n");
	R(close_range(3, 100, CLOSE_RANGE_UNSHARE));
	for (int i = 0; i < 11; i++)
		say("%d", fcntl(i, F_GETFD));
	say("\n");
	R(close_range(7, 5, 0));
	R(close_range(0, 1, 0x100));
}

CASE(ioctl_common)
{
	int n = -1, on = 1, p[2];

	NEED(pipe(p));
	R(ioctl(p[0], FIONREAD, &n));
	V(n);
	NEED(write(p[1], "12345", 5));
	R(ioctl(p[0], FIONREAD, &n));
	V(n);
	R(ioctl(p[0], FIONBIO, &on));
	X(fcntl(p[0], F_GETFL));
	R(ioctl(p[0], FIOCLEX));
	V(fcntl(p[0], F_GETFD));
	R(ioctl(p[0], FIONCLEX));
	V(fcntl(p[0], F_GETFD));
	put_file("f", "0123456789");
	int fd = (int)NEED(open("f", O_RDONLY));
	NEED(lseek(fd, 4, SEEK_SET));
	R(ioctl(fd, FIONREAD, &n));
	V(n);
	R(ioctl(fd, FIONBIO, &on));
	R(ioctl(fd, FIONBIO, 8L));
	R(ioctl(fd, 0x12345678, &n));
	R(ioctl(99, FIONREAD, &n));
	struct winsize ws;
	R(ioctl(fd, TIOCGWINSZ, &ws));
	R(ioctl(p[0], TIOCGWINSZ, &ws));
	R(ioctl(0, TIOCGWINSZ, &ws));
	R(isatty(0));
	R(isatty(fd));
	struct termios t;
	R(tcgetattr(p[0], &t));
	int s[2];
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	NEED(write(s[0], "abc", 3));
	R(ioctl(s[1], FIONREAD, &n));
	V(n);
	R(ioctl(s[0], TIOCOUTQ, &n));
}

static int lock_at(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &l);
}

static void say_lock(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	if (fcntl(fd, cmd, &l) == -1)
		say("%s\n", strerrorname_np(errno));
	else if (l.l_type == F_UNLCK)
		say("free\n");
	else
		say("type %d start %ld len %ld pid %s\n", l.l_type, (long)l.l_start, (long)l.l_len,
		    l.l_pid == getppid() ? "parent"
		    : l.l_pid == -1      ? "-1"
					 : "?");
}

static int tries_locks(void *arg)
{
	int fd = (int)NEED(open("f", O_RDWR));

	say_lock(fd, F_GETLK, F_WRLCK, 0, 0);
	R(lock_at(fd, F_SETLK, F_WRLCK, 0, 5));
	R(lock_at(fd, F_SETLK, F_WRLCK, 20, 5));
	R(lock_at(fd, F_SETLK, F_RDLCK, 40, 5));
	R(lock_at(fd, F_SETLK, F_WRLCK, 40, 5));
	return 0;
}

CASE(posix_locks)
{
	put_file("f", "");
	int fd = (int)NEED(open("f", O_RDWR));

	R(lock_at(fd, F_SETLK, F_WRLCK, 0, 10));
	R(lock_at(fd, F_SETLK, F_RDLCK, 40, 10));
	/* One's own locks are never in the way. */
	R(lock_at(fd, F_SETLK, F_WRLCK, 5, 1));
	say_lock(fd, F_GETLK, F_WRLCK, 0, 0);
	in_child("child", tries_locks, NULL);
	R(lock_at(fd, F_SETLK, F_UNLCK, 2, 5));
	in_child("child", tries_locks, NULL);
	/* Closing any descriptor of the file drops them all. */
	close((int)NEED(open("f", O_RDONLY)));
	in_child("child", tries_locks, NULL);
}

CASE(posix_lock_errors)
{
	put_file("f", "0123456789");
	int ro = (int)NEED(open("f", O_RDONLY)), wo = (int)NEED(open("f", O_WRONLY)), p[2];

	NEED(pipe(p));
	R(lock_at(ro, F_SETLK, F_WRLCK, 0, 1));
	R(lock_at(wo, F_SETLK, F_RDLCK, 0, 1));
	R(lock_at(ro, F_SETLK, 9, 0, 1));
	R(lock_at(ro, F_SETLK, F_RDLCK, -1, 1));
	R(lock_at(ro, F_SETLK, F_RDLCK, 5, -10));
	R(lock_at(ro, F_SETLK, F_RDLCK, 5, -5));
	R(lock_at(ro, F_SETLK, F_RDLCK, 1, LONG_MAX));
	R(lock_at(ro, F_SETLK, F_RDLCK, 2, LONG_MAX));
	R(lock_at(p[0], F_SETLK, F_RDLCK, 0, 1));
	R(lock_at(99, F_SETLK, F_RDLCK, 0, 1));
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -3, .l_len = 2 };
	R(fcntl(ro, F_SETLK, &l));
	l.l_whence = 7;
	R(fcntl(ro, F_SETLK, &l));
}

static int waits_for_lock(void *arg)
{
	int fd = (int)NEED(open("f", O_RDWR));

	give(arg);
	R(lock_at(fd, F_SETLKW, F_WRLCK, 0, 1));
	return 0;
}

CASE(posix_lock_waits)
{
	struct baton b = baton_new();

	put_file("f", "");
	int fd = (int)NEED(open("f", O_RDWR));
	NEED(lock_at(fd, F_SETLK, F_WRLCK, 0, 1));
	pid_t pid = child(waits_for_lock, &b);
	take(&b);
	NEED(lock_at(fd, F_SETLK, F_UNLCK, 0, 1));
	reap("child", pid);
	/* Locks end with the process. */
	R(lock_at(fd, F_SETLK, F_WRLCK, 0, 1));
}

static void on_alarm(int sig)
{
}

static int interrupted_lock(void *arg)
{
	int fd = (int)NEED(open("f", O_RDWR));

	handle(SIGALRM, on_alarm, 0);
	ualarm(20000, 20000);
	R(lock_at(fd, F_SETLKW, F_WRLCK, 0, 1));
	return 0;
}

CASE(posix_lock_interrupted)
{
	put_file("f", "");
	NEED(lock_at((int)NEED(open("f", O_RDWR)), F_SETLK, F_WRLCK, 0, 1));
	in_child("child", interrupted_lock, NULL);
}

static int locks_second_then_first(void *arg)
{
	struct baton *b = arg;
	int fd = (int)NEED(open("f", O_RDWR));

	NEED(lock_at(fd, F_SETLK, F_WRLCK, 1, 1));
	give(&b[0]);
	int r = lock_at(fd, F_SETLKW, F_WRLCK, 0, 1), e = errno;
	return r == 0 ? 0 : e == EDEADLK ? 1 : 2;
}

/* One of the two gets EDEADLK; it then lets go. */
CASE(posix_deadlock)
{
	struct baton b[1] = { baton_new() };
	int st;

	put_file("f", "");
	int fd = (int)NEED(open("f", O_RDWR));
	NEED(lock_at(fd, F_SETLK, F_WRLCK, 0, 1));
	pid_t pid = child(locks_second_then_first, b);
	take(&b[0]);
	int r = lock_at(fd, F_SETLKW, F_WRLCK, 1, 1), e = errno;
	lock_at(fd, F_SETLK, F_UNLCK, 0, 0);
	NEED(waitpid(pid, &st, 0));
	int mine = r == -1 && e == EDEADLK, other = WEXITSTATUS(st) == 1;
	V(mine + other);
}

CASE(ofd_locks)
{
	put_file("f", "");
	int a = (int)NEED(open("f", O_RDWR)), b = (int)NEED(open("f", O_RDWR)),
	    d = (int)NEED(dup(a));

	R(lock_at(a, F_OFD_SETLK, F_WRLCK, 0, 10));
	R(lock_at(b, F_OFD_SETLK, F_WRLCK, 5, 1));
	R(lock_at(d, F_OFD_SETLK, F_WRLCK, 5, 1));
	say_lock(b, F_OFD_GETLK, F_WRLCK, 0, 0);
	/* Also against the locks of the same process. */
	R(lock_at(b, F_SETLK, F_WRLCK, 5, 1));
	/* They stay until the last descriptor of the open file is closed. */
	close(a);
	R(lock_at(b, F_OFD_SETLK, F_WRLCK, 5, 1));
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	reap("child with a copy", pid);
	R(lock_at(b, F_OFD_SETLK, F_WRLCK, 5, 1));
	close(d);
	R(lock_at(b, F_OFD_SETLK, F_WRLCK, 5, 1));
	struct flock l = { .l_type = F_RDLCK, .l_pid = 5 };
	R(fcntl(b, F_OFD_SETLK, &l));
}

CASE(flock)
{
	put_file("f", "");
	int a = (int)NEED(open("f", O_RDONLY)), b = (int)NEED(open("f", O_RDONLY)),
	    d = (int)NEED(dup(a)), p[2];

	R(flock(a, LOCK_SH));
	R(flock(b, LOCK_SH | LOCK_NB));
	R(flock(b, LOCK_EX | LOCK_NB));
	R(flock(a, LOCK_UN));
	R(flock(b, LOCK_EX | LOCK_NB));
	R(flock(a, LOCK_SH | LOCK_NB));
	R(flock(b, LOCK_UN));
	R(flock(a, LOCK_EX));
	R(flock(d, LOCK_EX | LOCK_NB));
	close(a);
	R(flock(b, LOCK_EX | LOCK_NB));
	pid_t pid = fork();
	if (pid == 0) {
		/* The child shares the open file: its unlock is the parent's. */
		_exit(flock(d, LOCK_UN) ? 1 : 0);
	}
	reap("child", pid);
	R(flock(b, LOCK_EX | LOCK_NB));
	R(flock(99, LOCK_EX));
	R(flock(b, 0));
	R(flock(b, LOCK_SH | LOCK_EX));
	NEED(pipe(p));
	R(flock(p[0], LOCK_EX));
}

static void *reads_fd(void *arg)
{
	char c;
	int *fd = arg;

	return (void *)read(fd[0], &c, 1);
}

/* A descriptor closed while another thread reads from it: the read goes on with the open file. */
CASE(close_while_read)
{
	int p[2];
	pthread_t t;
	void *res;

	NEED(pipe(p));
	handle(SIGPIPE, SIG_IGN, 0);
	MUST(pthread_create(&t, NULL, reads_fd, p));
	close(p[0]);
	R(dup(0));
	int r = (int)write(p[1], "x", 1);
	/* Whether the reader was there first cannot be told; but nobody hangs or crashes. */
	V(r == 1 || errno == EPIPE);
	close(p[1]);
	pthread_join(t, &res);
	V((long)res == 1 || (long)res == 0 || (long)res == -1);
}

CASE(owner)
{
	int p[2];

	NEED(pipe(p));
	R(fcntl(p[0], F_GETOWN));
	R(fcntl(p[0], F_SETOWN, getpid()));
	V(fcntl(p[0], F_GETOWN) == getpid());
	R(fcntl(p[0], F_SETOWN, -getpgrp()));
	R(fcntl(p[0], F_SETSIG, SIGUSR1));
	R(fcntl(p[0], F_GETSIG));
}

CASE(thousand_descriptors)
{
	int fd = -1;

	for (int i = 0; i < 1000; i++)
		fd = open("/dev/null", O_RDONLY);
	V(fd);
	for (int i = 3; i <= fd; i += 2)
		close(i);
	R(open("/dev/null", O_RDONLY));
	R(open("/dev/null", O_RDONLY));
}
