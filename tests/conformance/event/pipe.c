/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes: capacity, atomicity, blocking, ends that go away; eventfd. */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "case.h"

static int p[2];

static void make_pipe(int flags)
{
	NEED(pipe2(p, flags));
}

CASE(create)
{
	R(pipe(p));
	say("%d %d\n", p[0], p[1]);
	V(fcntl(p[0], F_GETFD));
	make_pipe(O_CLOEXEC | O_NONBLOCK);
	V(fcntl(p[0], F_GETFD));
	X(fcntl(p[1], F_GETFL));
	R(pipe2(p, 0x1));
	R(pipe2(p, O_DIRECT));
	struct stat a, b;
	NEED(fstat(p[0], &a));
	NEED(fstat(p[1], &b));
	V(a.st_ino == b.st_ino);
}

CASE(read_write)
{
	char b[8] = "";

	make_pipe(O_NONBLOCK);
	R(read(p[0], b, 8));
	R(write(p[1], "hello", 5));
	R(read(p[0], b, 2));
	R(write(p[1], "!", 1));
	R(read(p[0], b, 8));
	say("%s\n", b);
	R(write(p[1], "", 0));
	R(read(p[0], b, 0));
	R(read(p[0], b, 8));
	close(p[1]);
	R(read(p[0], b, 8));
}

CASE(last_writer_closes)
{
	char b[8];

	make_pipe(0);
	int d = (int)NEED(dup(p[1]));
	NEED(write(p[1], "x", 1));
	close(p[1]);
	R(read(p[0], b, 8));
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	reap("child with a copy", pid);
	close(d);
	R(read(p[0], b, 8));
}

CASE(capacity)
{
	static char buf[1 << 20];

	make_pipe(O_NONBLOCK);
	R(fcntl(p[0], F_GETPIPE_SZ));
	R(write(p[1], buf, sizeof buf));
	R(write(p[1], buf, 1));
	R(read(p[0], buf, 4096));
	R(write(p[1], buf, sizeof buf));
	R(read(p[0], buf, 100));
	/* Less than PIPE_BUF is all or nothing. */
	R(write(p[1], buf, 4096));
	R(write(p[1], buf, 4097));
	R(read(p[0], buf, sizeof buf));
}

CASE(set_size)
{
	static char buf[300000];

	make_pipe(O_NONBLOCK);
	R(fcntl(p[1], F_SETPIPE_SZ, 100));
	R(fcntl(p[1], F_SETPIPE_SZ, 4097));
	R(fcntl(p[1], F_SETPIPE_SZ, 200000));
	R(write(p[1], buf, 300000));
	R(fcntl(p[1], F_SETPIPE_SZ, 4096));
	R(read(p[0], buf, 300000));
	R(fcntl(p[1], F_SETPIPE_SZ, 4096));
	R(write(p[1], buf, 300000));
	R(fcntl(p[1], F_SETPIPE_SZ, 0));
	R(fcntl(p[1], F_SETPIPE_SZ, -1));
	R(fcntl(0, F_GETPIPE_SZ));
}

/* Small writes are merged: they do not take a page each. */
CASE(small_writes)
{
	int n = 0;
	char b[4096];

	make_pipe(O_NONBLOCK);
	NEED(fcntl(p[1], F_SETPIPE_SZ, 4096));
	while (write(p[1], "x", 1) == 1)
		n++;
	V(n);
	R(read(p[0], b, sizeof b));
}

CASE(packets)
{
	char b[16] = "";

	make_pipe(O_DIRECT | O_NONBLOCK);
	R(write(p[1], "first", 5));
	R(write(p[1], "second", 6));
	R(read(p[0], b, 16));
	say("%.5s\n", b);
	/* What does not fit is lost. */
	R(read(p[0], b, 3));
	R(read(p[0], b, 16));
}

CASE(fionread)
{
	int n;

	make_pipe(0);
	NEED(write(p[1], "1234567", 7));
	R(ioctl(p[0], FIONREAD, &n));
	V(n);
	R(ioctl(p[1], FIONREAD, &n));
	V(n);
}

static void writes_lines(char c)
{
	char line[1000];

	memset(line, c, sizeof line);
	for (int i = 0; i < 20; i++)
		if (write(p[1], line, sizeof line) != sizeof line)
			_exit(1);
	_exit(0);
}

/* Writers at once: records of at most PIPE_BUF bytes are never mixed. */
CASE(atomic_writes)
{
	char line[1000];
	int mixed = 0, lines = 0;

	make_pipe(0);
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			writes_lines((char)('a' + i));
	close(p[1]);
	for (;;) {
		size_t have = 0;
		ssize_t n = 1;
		while (have < sizeof line && (n = read(p[0], line + have, sizeof line - have)) > 0)
			have += n;
		if (n <= 0)
			break;
		lines++;
		for (size_t i = 1; i < sizeof line; i++)
			mixed += line[i] != line[0];
	}
	V(lines);
	V(mixed);
	for (int i = 0; i < 4; i++)
		reap("writer", -1);
}

static int reads_all(void *arg)
{
	char b[5000];
	size_t sum = 0;
	ssize_t n;

	close(p[1]);
	while ((n = read(p[0], b, sizeof b)) > 0)
		sum += n;
	V(sum);
	return 0;
}

CASE(blocking_write)
{
	static char buf[500000];

	make_pipe(0);
	pid_t pid = child(reads_all, NULL);
	R(write(p[1], buf, sizeof buf));
	close(p[1]);
	reap("reader", pid);
}

static void *closes_reader(void *arg)
{
	char b[70000];

	/* Makes room for a part of what is being written, then nobody reads any more. */
	if (read(p[0], b, 10000) != 10000)
		say("short\n");
	close(p[0]);
	return NULL;
}

CASE(reader_closes_while_writing)
{
	static char buf[200000];
	pthread_t t;

	handle(SIGPIPE, SIG_IGN, 0);
	make_pipe(0);
	MUST(pthread_create(&t, NULL, closes_reader, NULL));
	ssize_t n = write(p[1], buf, sizeof buf);
	V(n == -1 || (n >= 65536 && n < 200000));
	R(write(p[1], buf, 1));
	pthread_join(t, NULL);
}

CASE(poll_states)
{
	struct pollfd f[2];
	static char buf[1 << 20];

	make_pipe(O_NONBLOCK);
	f[0] = (struct pollfd){ .fd = p[0], .events = POLLIN };
	f[1] = (struct pollfd){ .fd = p[1], .events = POLLOUT };
	R(poll(f, 2, 0));
	say("empty: %x %x\n", f[0].revents, f[1].revents);
	NEED(write(p[1], buf, sizeof buf));
	R(poll(f, 2, 0));
	say("full: %x %x\n", f[0].revents, f[1].revents);
	NEED(read(p[0], buf, 100));
	R(poll(f, 2, 0));
	say("a hundred bytes free: %x %x\n", f[0].revents, f[1].revents);
	NEED(read(p[0], buf, 4096));
	R(poll(f, 2, 0));
	say("a page free: %x %x\n", f[0].revents, f[1].revents);
	close(p[1]);
	R(poll(f, 1, 0));
	say("writer gone: %x\n", f[0].revents);
	NEED(read(p[0], buf, sizeof buf));
	R(poll(f, 1, 0));
	say("empty, writer gone: %x\n", f[0].revents);
	make_pipe(0);
	close(p[0]);
	f[1].fd = p[1];
	R(poll(f + 1, 1, 0));
	say("reader gone: %x\n", f[1].revents);
}

CASE(chain_of_processes)
{
	int in, next[2], first[2];
	char c;

	NEED(pipe(first));
	in = first[0];
	for (int i = 0; i < 10; i++) {
		NEED(pipe(next));
		if (fork() == 0) {
			for (int fd = 3; fd < 20; fd++)
				if (fd != in && fd != next[1])
					close(fd);
			while (read(in, &c, 1) == 1) {
				c++;
				NEED(write(next[1], &c, 1));
			}
			_exit(0);
		}
		close(in);
		close(next[1]);
		in = next[0];
	}
	NEED(write(first[1], "ABC", 3));
	close(first[1]);
	while (read(in, &c, 1) == 1)
		say("%c", c);
	say("\n");
	for (int i = 0; i < 10; i++)
		reap("stage", -1);
}

CASE(eventfd)
{
	uint64_t v = 0;
	int fd = (int)R(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));

	R(read(fd, &v, 8));
	V(v);
	R(read(fd, &v, 8));
	v = 5;
	R(write(fd, &v, 8));
	R(write(fd, &v, 8));
	R(read(fd, &v, 8));
	V(v);
	v = (uint64_t)-1;
	R(write(fd, &v, 8));
	v = (uint64_t)-2;
	R(write(fd, &v, 8));
	v = 1;
	R(write(fd, &v, 8));
	R(read(fd, &v, 7));
	R(write(fd, &v, 4));
	uint64_t two[2] = { 1, 1 };
	R(write(fd, two, 16));
	R(read(fd, two, 16));
	X(two[0]);
	R(eventfd(0, 0x100));
	R(lseek(fd, 0, SEEK_SET));
}

CASE(eventfd_semaphore)
{
	uint64_t v = 0;
	int fd = (int)R(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));

	R(read(fd, &v, 8));
	V(v);
	R(read(fd, &v, 8));
	V(v);
	R(read(fd, &v, 8));
}

CASE(eventfd_poll)
{
	struct pollfd f = { .events = POLLIN | POLLOUT };
	uint64_t v = (uint64_t)-2;

	f.fd = (int)NEED(eventfd(0, EFD_NONBLOCK));
	R(poll(&f, 1, 0));
	X(f.revents);
	NEED(write(f.fd, &v, 8));
	R(poll(&f, 1, 0));
	X(f.revents);
}

CASE(eventfd_across_fork)
{
	uint64_t v = 7;
	int fd = (int)NEED(eventfd(0, 0));
	pid_t pid = fork();

	if (pid == 0)
		_exit(write(fd, &v, 8) != 8);
	v = 0;
	R(read(fd, &v, 8));
	V(v);
	reap("child", pid);
}

static char in_memory[] = "/dev/shm/hl-pipe-XXXXXX/fifo";

static void *open_and_close(void *arg)
{
	for (int i = 0; i < 200; i++)
		close((int)NEED(open(in_memory, O_RDWR)));
	return arg;
}

/* For the thread sanitizer: what the last to close looks at is not written to by an open. */
CASE(fifo_by_two)
{
	pthread_t t;

	in_memory[sizeof in_memory - 6] = '\0';
	NEED((long)mkdtemp(in_memory) ?: -1);
	in_memory[sizeof in_memory - 6] = '/';
	NEED(mkfifo(in_memory, 0600));
	MUST(pthread_create(&t, NULL, open_and_close, NULL));
	open_and_close(NULL);
	MUST(pthread_join(t, NULL));
	R(unlink(in_memory));
	in_memory[sizeof in_memory - 6] = '\0';
	R(rmdir(in_memory));
}
