/* SPDX-License-Identifier: Apache-2.0 */
/* splice(2), tee(2), vmsplice(2), sendfile(2) to a pipe: what waits and what does not, what cannot
 * be spliced. */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "case.h"

static char big[200000] __attribute__((aligned(4096)));

static int open_kind(int kind)
{
	sigset_t set = SET(SIGUSR1);

	switch (kind) {
	case 0: return epoll_create1(0);
	case 1: return eventfd(0, 0);
	case 2: return timerfd_create(CLOCK_MONOTONIC, 0);
	case 3: return signalfd(-1, &set, 0);
	case 4: return inotify_init();
	case 5: return (int)syscall(SYS_pidfd_open, getpid(), 0);
	case 6: return open(".", O_RDONLY);
	}
	return -1;
}

/* From an empty pipe, which must not be waited for, and into one. */
CASE(unspliceable)
{
	static const char *const names[] = { "epoll",   "eventfd", "timerfd",  "signalfd",
					     "inotify", "pidfd",   "directory" };
	int p[2];

	NEED(pipe(p));
	int file = memfd_create("file", 0);
	NEED(write(file, "12345678", 8));
	for (int i = 0; i < 7; i++) {
		int fd = (int)NEED(open_kind(i));
		say("%s\n", names[i]);
		R(splice(p[0], NULL, fd, NULL, 1, 0));
		R(splice(fd, NULL, p[1], NULL, 1, 0));
		R(sendfile(fd, file, &(off_t){ 0 }, 8));
		close(fd);
	}
}

CASE(devices)
{
	static const char *const names[] = { "/dev/null", "/dev/zero", "/dev/full" };
	int p[2];

	NEED(pipe(p));
	NEED(write(p[1], "12345678", 8));
	for (int i = 0; i < 3; i++) {
		int fd = (int)NEED(open(names[i], O_RDWR));
		say("%s\n", names[i]);
		R(splice(p[0], NULL, fd, NULL, 1, SPLICE_F_NONBLOCK));
		R(splice(fd, NULL, p[1], NULL, 1, SPLICE_F_NONBLOCK));
		R(sendfile(p[1], fd, NULL, 1));
	}
}

CASE(offsets)
{
	loff_t off = 0;
	int p[2], s[2];

	NEED(pipe(p));
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	int fd = memfd_create("file", 0);
	NEED(write(fd, big, 100));
	int ro = (int)NEED(open("/proc/self/exe", O_RDONLY));
	R(splice(p[1], &off, ro, NULL, 1, 0));
	R(splice(p[1], (loff_t *)8, ro, NULL, 1, 0));
	R(splice(fd, (loff_t *)8, p[1], NULL, 1, 0));
	off = -5;
	R(splice(fd, &off, p[1], NULL, 1, 0));
	R(splice(fd, &off, p[0], NULL, 1, 0));
	off = INT64_MAX;
	R(splice(fd, &off, p[1], NULL, 16, 0));
	R(splice(s[0], &off, p[1], NULL, 1, 0));
	R(splice(p[0], NULL, s[0], &off, 1, 0));
}

/* One call fills the pipe and goes on: nobody else is there to read. */
CASE(more_than_a_pipe_holds)
{
	struct iovec v = { big, sizeof big },
		     three[3] = { { big, 10 }, { big, 0 }, { big + 4000, 200 } };
	int p[2], q[2], f[2];

	NEED(pipe(p));
	NEED(pipe(q));
	NEED(pipe(f));
	R(vmsplice(p[1], &v, 1, 0));
	R(vmsplice(p[1], &v, 1, SPLICE_F_NONBLOCK));
	R(tee(p[0], q[1], sizeof big, 0));
	int fd = memfd_create("file", 0);
	NEED(write(fd, big, sizeof big));
	lseek(fd, 0, SEEK_SET);
	R(sendfile(f[1], fd, NULL, sizeof big));
	R(lseek(fd, 0, SEEK_CUR));
	R(read(p[0], big, sizeof big));
	/* A slot is a page of the caller's, whole or not. */
	v = (struct iovec){ big + 100, sizeof big - 100 };
	R(vmsplice(p[1], &v, 1, 0));
	R(read(p[0], big, sizeof big));
	NEED(fcntl(p[1], F_SETPIPE_SZ, 4 * 4096));
	R(vmsplice(p[1], three, 3, 0));
	R(vmsplice(p[1], three, 3, SPLICE_F_NONBLOCK));
}

static volatile int caught;

static void count(int sig)
{
	(void)sig;
	caught++;
}

static int reader;

/* Takes a part of what the others write, then nobody reads any more. */
static void *leave(void *arg)
{
	(void)arg;
	for (ssize_t n, got = 0; got < 10000; got += n)
		n = NEED(read(reader, big, 10000 - got));
	close(reader);
	return NULL;
}

static int named_pipe(int p[2])
{
	unlink("fifo");
	NEED(mkfifo("fifo", 0600));
	p[0] = (int)NEED(open("fifo", O_RDONLY | O_NONBLOCK));
	p[1] = (int)NEED(open("fifo", O_WRONLY));
	return fcntl(p[0], F_SETFL, 0);
}

static void partial(int (*make)(int p[2]), long (*transfer)(int fd))
{
	pthread_t t;
	int p[2];

	caught = 0;
	NEED(make(p));
	reader = p[0];
	MUST(pthread_create(&t, NULL, leave, NULL));
	long n = transfer(p[1]);
	pthread_join(t, NULL);
	say("moved a part: %d, SIGPIPE: %d\n", n > 0 && n < (long)sizeof big, caught);
	caught = 0;
	R(write(p[1], big, 1));
	V(caught);
	close(p[1]);
}

static long by_write(int fd)
{
	return write(fd, big, sizeof big);
}

static long by_writev(int fd)
{
	struct iovec v[2] = { { big, 100000 }, { big + 100000, 100000 } };

	return writev(fd, v, 2);
}

/* Part of a write is there when the last reader goes: the number tells of the part, the signal of
 * the rest. */
CASE(last_reader_leaves)
{
	handle(SIGPIPE, count, SA_RESTART);
	partial(pipe, by_write);
	partial(pipe, by_writev);
	partial(named_pipe, by_write);
	partial(named_pipe, by_writev);
}

static int no_reader(void)
{
	int p[2];

	NEED(pipe(p));
	close(p[0]);
	caught = 0;
	return p[1];
}

CASE(nobody_reads)
{
	struct iovec v = { big, 100 };
	int p[2];

	handle(SIGPIPE, count, SA_RESTART);
	NEED(pipe(p));
	NEED(write(p[1], "x", 1));
	int fd = memfd_create("file", 0);
	NEED(write(fd, big, sizeof big));
	R(splice(p[0], NULL, no_reader(), NULL, 1, 0));
	V(caught);
	R(tee(p[0], no_reader(), 1, 0));
	V(caught);
	R(vmsplice(no_reader(), &v, 1, 0));
	V(caught);
	R(sendfile(no_reader(), fd, &(off_t){ 0 }, 100));
	V(caught);
}

/* FIFOs are pipes, on whatever file system: this directory is one of the host's, /dev/shm is in
 * memory. */
static void fifo_as_pipe(const char *name)
{
	char b[16] = "";
	loff_t off = 0;
	int p[2];

	unlink(name);
	NEED(mkfifo(name, 0600));
	int fd = (int)NEED(open(name, O_RDWR));
	int other = (int)NEED(open(name, O_RDWR | O_NONBLOCK));
	NEED(pipe2(p, O_NONBLOCK));
	int file = memfd_create("file", 0);
	NEED(write(file, "file", 4));
	R(fcntl(fd, F_GETPIPE_SZ));
	R(fcntl(fd, F_SETPIPE_SZ, 8192));
	R(fcntl(other, F_GETPIPE_SZ));
	R(fcntl(fd, F_SETPIPE_SZ, 1 << 20));
	NEED(write(p[1], "abc", 3));
	R(splice(p[0], NULL, fd, NULL, 3, 0));
	R(tee(fd, p[1], 2, 0));
	R(read(p[0], b, sizeof b));
	say("%s\n", b);
	R(splice(fd, NULL, p[1], NULL, 2, 0));
	R(tee(p[0], fd, 100, 0));
	R(splice(fd, NULL, file, NULL, 100, 0));
	R(pread(file, b, sizeof b, 0));
	say("%s\n", b);
	R(splice(file, &off, fd, NULL, 100, 0));
	V(off);
	memcpy(big, "xyz", 3);
	R(vmsplice(fd, &(struct iovec){ big, 3 }, 1, 0));
	R(vmsplice(other, &(struct iovec){ big, sizeof big }, 1, 0));
	R(sendfile(fd, file, &(off_t){ 1 }, 3));
	memset(b, 0, sizeof b);
	R(read(fd, b, 10));
	say("%s\n", b);
	while (read(other, big, sizeof big) > 0)
		;
	R(tee(fd, p[1], 2, SPLICE_F_NONBLOCK));
	R(tee(other, p[1], 2, 0));
	R(splice(other, NULL, p[1], NULL, 2, 0));
	R(splice(fd, NULL, p[1], NULL, 2, SPLICE_F_NONBLOCK));
	R(splice(fd, NULL, file, NULL, 2, SPLICE_F_NONBLOCK));
	R(splice(fd, &off, file, NULL, 2, 0));
	R(splice(fd, NULL, other, NULL, 2, 0));
	R(tee(fd, other, 2, 0));
	R(vmsplice(other, &(struct iovec){ big, 1 }, 1, 0));
	int rd = (int)NEED(open(name, O_RDONLY));
	R(vmsplice(rd, &(struct iovec){ b, 10 }, 1, 0));
	R(vmsplice(rd, &(struct iovec){ b, 10 }, 1, SPLICE_F_NONBLOCK));
	unlink(name);
}

CASE(fifo_of_a_directory)
{
	fifo_as_pipe("fifo");
}

CASE(fifo_in_memory)
{
	char name[64];

	snprintf(name, sizeof name, "/dev/shm/fifo.%d", getpid());
	fifo_as_pipe(name);
}

/* Two FIFOs, and what waits for the other side. */
CASE(fifo_to_fifo)
{
	char b[16] = "";

	NEED(mkfifo("a", 0600));
	NEED(mkfifo("b", 0600));
	int from = (int)NEED(open("a", O_RDWR)), to = (int)NEED(open("b", O_RDWR));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		NEED(write(from, "hello", 5));
		_exit(0);
	}
	R(splice(from, NULL, to, NULL, 5, 0));
	R(tee(to, from, 5, 0));
	R(read(to, b, sizeof b));
	say("%s\n", b);
	R(read(from, b, sizeof b));
	reap("writer", pid);
	NEED(write(from, big, 50000));
	NEED(fcntl(to, F_SETPIPE_SZ, 4 * 4096));
	R(splice(from, NULL, to, NULL, 50000, SPLICE_F_NONBLOCK));
	R(read(to, big, sizeof big));
	R(read(from, big, sizeof big));
}
