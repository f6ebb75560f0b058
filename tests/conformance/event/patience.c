/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that take long and that nothing interrupts: each comes back once, with all of what was
 * asked for. The other side is slow, so that they wait again and again, in the middle of what they
 * move too.
 */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "case.h"

#define LARGE (768 << 10)

static char large[LARGE], received[LARGE + 4096];

static void slowly(void)
{
	usleep(700);
}

static void fill_large(void)
{
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (char)(i * 31 + (i >> 9));
}

/* Reads all there is from `fd`, a little at a time; says how much, and whether it is what `large`
 * begins with. */
static int slow_reader(void *arg)
{
	int fd = *(int *)arg;
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, received + total, LARGE / 48)) > 0) {
		total += n;
		if (total > LARGE)
			break;
		slowly();
	}
	say("read %zu, %s\n", total, memcmp(received, large, total) ? "not the same" : "the same");
	return 0;
}

/* `call` writes to fd[1], whose other end is read slowly by a child. */
#define TO_SLOW_READER(fd, call)                                                                   \
	do {                                                                                       \
		pid_t pid_ = (pid_t)NEED(fork());                                                  \
		if (pid_ == 0) {                                                                   \
			close(fd[1]);                                                              \
			_exit(slow_reader(&fd[0]));                                                \
		}                                                                                  \
		close(fd[0]);                                                                      \
		long r_ = (call);                                                                  \
		int err_ = errno;                                                                  \
		close(fd[1]);                                                                      \
		reap("reader", pid_);                                                              \
		say_result(#call, r_, err_);                                                       \
	} while (0)

static void pairs(int type, int fd[2])
{
	fill_large();
	NEED(socketpair(AF_UNIX, type, 0, fd));
}

CASE(pipe_write)
{
	int fd[2];

	fill_large();
	NEED(pipe(fd));
	TO_SLOW_READER(fd, write(fd[1], large, LARGE));
}

CASE(pipe_writev)
{
	struct iovec iov[3] = { { large, 100001 },
				{ large + 100001, 7 },
				{ large + 100008, LARGE - 100008 } };
	int fd[2];

	fill_large();
	NEED(pipe(fd));
	TO_SLOW_READER(fd, writev(fd[1], iov, 3));
}

CASE(pipe_vmsplice)
{
	struct iovec iov = { large, LARGE };
	int fd[2];

	fill_large();
	NEED(pipe(fd));
	fcntl(fd[1], F_SETPIPE_SZ, 1 << 20);
	TO_SLOW_READER(fd, vmsplice(fd[1], &iov, 1, 0));
}

CASE(stream_write)
{
	int fd[2];

	pairs(SOCK_STREAM, fd);
	TO_SLOW_READER(fd, write(fd[1], large, LARGE));
}

CASE(stream_sendmsg)
{
	struct iovec iov[2] = { { large, 5 }, { large + 5, LARGE - 5 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	int fd[2];

	pairs(SOCK_STREAM, fd);
	TO_SLOW_READER(fd, sendmsg(fd[1], &m, 0));
}

static void make_large_file(void)
{
	int fd = (int)NEED(open("large", O_RDWR | O_CREAT | O_TRUNC, 0644));

	fill_large();
	NEED(write(fd, large, LARGE));
	close(fd);
}

CASE(sendfile_to_stream)
{
	int fd[2];

	make_large_file();
	pairs(SOCK_STREAM, fd);
	int in = (int)NEED(open("large", O_RDONLY));
	off_t off = 0;
	TO_SLOW_READER(fd, sendfile(fd[1], in, &off, LARGE));
	V(off);
	V(lseek(in, 0, SEEK_CUR));
}

CASE(sendfile_by_position)
{
	int fd[2];

	make_large_file();
	pairs(SOCK_STREAM, fd);
	int in = (int)NEED(open("large", O_RDONLY));
	TO_SLOW_READER(fd, sendfile(fd[1], in, NULL, LARGE));
	V(lseek(in, 0, SEEK_CUR));
}

/* The descriptors go with the first bytes, once. */
CASE(descriptors_with_much)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .h = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { large, LARGE };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof control };
	int fd[2], files = 0;
	size_t total = 0;
	ssize_t n;

	pairs(SOCK_STREAM, fd);
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		close(fd[0]);
		memcpy(CMSG_DATA(&control.h), &(int){ 0 }, sizeof(int));
		n = sendmsg(fd[1], &m, 0);
		_exit(n == LARGE ? 0 : 1);
	}
	close(fd[1]);
	do {
		iov = (struct iovec){ received, LARGE / 48 };
		m.msg_controllen = sizeof control;
		n = recvmsg(fd[0], &m, 0);
		files += n > 0 && CMSG_FIRSTHDR(&m);
		total += n > 0 ? n : 0;
		slowly();
	} while (n > 0);
	reap("sender", pid);
	say("%zu bytes, %d descriptors\n", total, files);
}

/* ---- what comes little by little ---- */

static int trickle(void *arg)
{
	int fd = *(int *)arg;

	for (int i = 0; i < 50; i++) {
		if (write(fd, large + i * 20, 20) != 20)
			return 1;
		slowly();
	}
	return 0;
}

CASE(stream_waitall)
{
	int fd[2];

	pairs(SOCK_STREAM, fd);
	pid_t pid = child(trickle, &fd[1]);
	R(recv(fd[0], received, 1000, MSG_WAITALL));
	V(memcmp(received, large, 1000));
	reap("sender", pid);
}

CASE(tty_min)
{
	struct termios t;
	int master, slave;

	fill_large();
	NEED(openpty(&master, &slave, NULL, NULL, NULL));
	NEED(tcgetattr(slave, &t));
	cfmakeraw(&t);
	t.c_cc[VMIN] = 60; /* Linux gives no more than 64 at once */
	t.c_cc[VTIME] = 0;
	NEED(tcsetattr(slave, TCSANOW, &t));
	pid_t pid = child(trickle, &master);
	for (int i = 0; i < 16; i++) {
		R(read(slave, received, 60));
		V(memcmp(received, large + i * 60, 60));
	}
	reap("typist", pid);
}

CASE(tty_write)
{
	struct termios t;
	int fd[2];

	fill_large();
	NEED(openpty(&fd[0], &fd[1], NULL, NULL, NULL));
	NEED(tcgetattr(fd[1], &t));
	cfmakeraw(&t);
	NEED(tcsetattr(fd[1], TCSANOW, &t));
	TO_SLOW_READER(fd, write(fd[1], large, 60000));
}

/* Two that write to a terminal do not mix. */
CASE(tty_writers)
{
	struct termios t;
	int master, slave;
	size_t total = 0;
	ssize_t n;

	NEED(openpty(&master, &slave, NULL, NULL, NULL));
	NEED(tcgetattr(slave, &t));
	cfmakeraw(&t);
	NEED(tcsetattr(slave, TCSANOW, &t));
	for (int i = 0; i < 2; i++) {
		if (NEED(fork()))
			continue;
		memset(large, 'a' + i, 30000);
		_exit(write(slave, large, 30000) != 30000);
	}
	close(slave);
	while ((n = read(master, received + total, 1500)) > 0) {
		total += n;
		slowly();
	}
	int changes = 0;
	for (size_t i = 1; i < total; i++)
		changes += received[i] != received[i - 1];
	say("%zu bytes, %d change\n", total, changes);
	for (int i = 0; i < 2; i++) {
		int st;
		NEED(wait(&st));
		say_status("writer", st);
	}
}

#define MESSAGES 24

static int send_slowly(void *arg)
{
	for (int i = 0; i < MESSAGES; i++) {
		slowly();
		if (send(*(int *)arg, large, 10 + i, 0) != 10 + i)
			return 1;
	}
	return 0;
}

static void messages(struct mmsghdr *m, struct iovec *iov)
{
	memset(m, 0, MESSAGES * sizeof *m);
	for (int i = 0; i < MESSAGES; i++) {
		iov[i] = (struct iovec){ received + i * 64, 64 };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
}

CASE(recvmmsg)
{
	struct timespec timeout = { 100, 0 };
	struct mmsghdr m[MESSAGES];
	struct iovec iov[MESSAGES];
	int fd[2], sum = 0;

	pairs(SOCK_DGRAM, fd);
	messages(m, iov);
	pid_t pid = child(send_slowly, &fd[1]);
	R(recvmmsg(fd[0], m, MESSAGES, 0, &timeout));
	for (int i = 0; i < MESSAGES; i++)
		sum += m[i].msg_len == 10U + i;
	say("%d of the right length\n", sum);
	reap("sender", pid);
}

static int receive_slowly(void *arg)
{
	int n = 0;

	while (n < MESSAGES && recv(*(int *)arg, received, 64, 0) == 64) {
		n++;
		slowly();
	}
	say("%d messages\n", n);
	return 0;
}

CASE(sendmmsg)
{
	struct mmsghdr m[MESSAGES];
	struct iovec iov[MESSAGES];
	int fd[2];

	pairs(SOCK_DGRAM, fd);
	messages(m, iov);
	pid_t pid = child(receive_slowly, &fd[0]);
	R(sendmmsg(fd[1], m, MESSAGES, 0));
	reap("receiver", pid);
}

/* ---- large transfers that do not sleep ---- */

CASE(large_files)
{
	size_t len = 24 << 20;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct stat st;

	NEED(p == MAP_FAILED ? -1 : 0);
	int zero = (int)NEED(open("/dev/zero", O_RDONLY));
	int a = (int)NEED(open("a", O_RDWR | O_CREAT, 0644));
	int b = (int)NEED(open("b", O_RDWR | O_CREAT, 0644));
	R(read(zero, p, len));
	R(write(a, p, len));
	R(pwrite(a, p, len, 4096));
	R(pread(a, p, len, 4096));
	V(lseek(a, 0, SEEK_CUR));
	R(lseek(a, 0, SEEK_SET));
	off_t off = 0;
	R(sendfile(b, a, &off, len));
	V(off);
	R(copy_file_range(a, NULL, b, NULL, len, 0));
	NEED(fstat(b, &st));
	V(st.st_size);
	NEED(unlink("a"));
	NEED(unlink("b"));
}

/* ---- times ---- */

static long elapsed_ms(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

/* Not before its time, and not many times as late: a timeout does not begin anew. */
#define TIMED(ms, call)                                                                            \
	do {                                                                                       \
		struct timespec from_;                                                             \
		clock_gettime(CLOCK_MONOTONIC, &from_);                                            \
		errno = 0;                                                                         \
		long r_ = (call);                                                                  \
		int err_ = errno;                                                                  \
		long took_ = elapsed_ms(&from_);                                                   \
		say_result(#call, r_, err_);                                                       \
		if (took_ < (ms) || took_ > (ms)*20 + 2000)                                        \
			say("  after %ld ms\n", took_);                                            \
	} while (0)

CASE(timeouts)
{
	struct timespec ts = { 0, 60000000 }, rem = { 7, 7 };
	struct timeval tv = { 0, 60000 };
	struct epoll_event ev;
	int fd[2], ep = (int)NEED(epoll_create1(0));
	sigset_t usr1 = SET(SIGUSR1);
	char c;

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	struct pollfd p = { fd[0], POLLIN, 0 };
	fd_set set;
	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	block(usr1);
	TIMED(60, nanosleep(&ts, &rem));
	say("left %ld.%ld\n", (long)rem.tv_sec, rem.tv_nsec);
	TIMED(60, nanosleep(&ts, &ts));
	say("left %ld.%ld\n", (long)ts.tv_sec, ts.tv_nsec);
	TIMED(60, poll(&p, 1, 60));
	TIMED(60, ppoll(&p, 1, &ts, NULL));
	TIMED(60, epoll_wait(ep, &ev, 1, 60));
	TIMED(60, sigtimedwait(&usr1, NULL, &ts));
	TIMED(60, select(fd[0] + 1, &set, NULL, NULL, &tv));
	say("left %ld.%ld\n", (long)tv.tv_sec, (long)tv.tv_usec);
	tv = (struct timeval){ 0, 60000 };
	NEED(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
	TIMED(60, recv(fd[0], &c, 1, 0));
	int word = 0;
	TIMED(60, syscall(SYS_futex, &word, FUTEX_WAIT, 0, &ts, NULL, 0));
}

/* ---- who waits is counted, moved and found ---- */

static _Atomic int words[2];

static void *wait_on_first(void *arg)
{
	long r = syscall(SYS_futex, &words[0], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return (void *)(r == 0 ? 0 : (long)errno);
}

/* A thread of ours waits when /proc says so. */
static void until_asleep(pid_t pid, pid_t tid)
{
	char path[64], line[512], *state;

	snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
	do {
		int fd = (int)NEED(open(path, O_RDONLY));
		ssize_t n = read(fd, line, sizeof line - 1);
		close(fd);
		line[n > 0 ? n : 0] = 0;
		state = strrchr(line, ')');
	} while (!state || state[2] != 'S');
}

static void *wait_and_tell(void *arg)
{
	atomic_store((_Atomic int *)arg, (int)gettid());
	return wait_on_first(NULL);
}

#define WAITERS 3

/* Nothing changes the words: whoever waits is woken, or never. */
CASE(futex_count)
{
	pthread_t th[WAITERS];
	void *ret;

	for (int round = 0; round < 12; round++) {
		_Atomic int tids[WAITERS] = { 0 };
		for (int i = 0; i < WAITERS; i++) {
			MUST(pthread_create(&th[i], NULL, wait_and_tell, &tids[i]));
			while (!atomic_load(&tids[i]))
				sched_yield();
			until_asleep(getpid(), tids[i]);
		}
		long woken = syscall(SYS_futex, &words[0], FUTEX_WAKE_PRIVATE, 1);
		long moved = syscall(SYS_futex, &words[0], FUTEX_CMP_REQUEUE_PRIVATE, 1, WAITERS,
				     &words[1], 0);
		slowly();
		long rest = syscall(SYS_futex, &words[1], FUTEX_WAKE_PRIVATE, WAITERS);
		if (woken != 1 || moved != 2 || rest != 1)
			say("woken %ld, moved %ld, woken there %ld\n", woken, moved, rest);
		for (int i = 0; i < WAITERS; i++) {
			MUST(pthread_join(th[i], &ret));
			if (ret)
				say("waiter: %s\n", strerrorname_np((int)(long)ret));
		}
	}
	say("done\n");
}

static int open_for_reading(void *arg)
{
	char buf[8];
	int fd = open("fifo", O_RDONLY);

	say("open: %s\n", fd < 0 ? strerrorname_np(errno) : "ok");
	R(read(fd, buf, sizeof buf));
	return 0;
}

/* Without O_NONBLOCK's ENXIO: the other side waits in its open. */
CASE(fifo_open)
{
	NEED(mkfifo("fifo", 0600));
	for (int i = 0; i < 8; i++) {
		pid_t pid = child(open_for_reading, NULL);
		until_asleep(pid, pid);
		slowly();
		int fd = (int)NEED(open("fifo", O_WRONLY | O_NONBLOCK));
		slowly();
		NEED(write(fd, "abc", 3));
		close(fd);
		reap("reader", pid);
	}
}

/* ---- whose turn it is ---- */

#define IN_LINE 5

struct in_line {
	int fd;
	long (*wait)(int fd);
	_Atomic pid_t tid;
	_Atomic int turn; /* 0: has waited in vain so far */
};

static _Atomic int turns;

static void *wait_in_line(void *arg)
{
	struct in_line *l = arg;

	l->tid = gettid();
	long r = l->wait(l->fd);
	l->turn = r < 0 ? -errno : ++turns;
	return NULL;
}

/* Threads that wait for one thing each of them takes alone are served in the order in which they
 * came. */
static void in_order(int fd, long (*wait)(int fd), void (*give)(void))
{
	for (int round = 0; round < 4; round++) {
		struct in_line l[IN_LINE] = { 0 };
		pthread_t th[IN_LINE];

		turns = 0;
		for (int i = 0; i < IN_LINE; i++) {
			l[i].fd = fd;
			l[i].wait = wait;
			MUST(pthread_create(&th[i], NULL, wait_in_line, &l[i]));
			while (!l[i].tid || state_of_thread(l[i].tid) != 'S')
				sched_yield();
		}
		for (int i = 0; i < IN_LINE; i++) {
			slowly();
			give();
			while (turns == i)
				sched_yield();
		}
		for (int i = 0; i < IN_LINE; i++) {
			MUST(pthread_join(th[i], NULL));
			say("%d%c", l[i].turn, i < IN_LINE - 1 ? ' ' : '\n');
		}
	}
}

static struct sockaddr_un line_address = { .sun_family = AF_UNIX, .sun_path = "line" };
static int line_pipe[2];

static long accept_one(int fd)
{
	int new = accept(fd, NULL, NULL);

	close(new);
	return new;
}

static void connect_one(void)
{
	int fd = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));

	NEED(connect(fd, (void *)&line_address, sizeof line_address));
	close(fd);
}

CASE(accept_in_order)
{
	int fd = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));

	NEED(bind(fd, (void *)&line_address, sizeof line_address));
	NEED(listen(fd, IN_LINE));
	in_order(fd, accept_one, connect_one);
}

static long read_one(int fd)
{
	char c;

	return read(fd, &c, 1);
}

static void write_one(void)
{
	NEED(write(line_pipe[1], "x", 1));
}

CASE(pipe_readers_in_order)
{
	NEED(pipe(line_pipe));
	in_order(line_pipe[0], read_one, write_one);
}

static long epoll_one(int fd)
{
	struct epoll_event e;
	long n = epoll_wait(fd, &e, 1, -1);

	return n == 1 ? read_one(line_pipe[0]) : -1;
}

CASE(epoll_in_order)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int ep = (int)NEED(epoll_create1(0));

	NEED(pipe(line_pipe));
	NEED(epoll_ctl(ep, EPOLL_CTL_ADD, line_pipe[0], &e));
	in_order(ep, epoll_one, write_one);
}

static int wait_for_signal(void *arg)
{
	struct timespec long_time = { 100, 0 };
	sigset_t set = SET(SIGCHLD, SIGUSR1);

	int sig = sigtimedwait(&set, NULL, &long_time);
	say("got %s\n", sig < 0 ? strerrorname_np(errno) : signal_name(sig));
	return 0;
}

CASE(sigwait)
{
	block(SET(SIGUSR1, SIGCHLD));
	for (int i = 0; i < 8; i++) {
		pid_t pid = child(wait_for_signal, NULL);
		until_asleep(pid, pid);
		slowly();
		NEED(kill(pid, SIGCHLD));
		reap("waiter", pid);
	}
}

/* ---- descriptors that go while a call works on them ---- */

static int hold[2];

static void *read_held(void *arg)
{
	char c = 0;

	atomic_store((_Atomic int *)arg, (int)gettid());
	long n = read(hold[0], &c, 1);
	return (void *)(n == 1 ? (long)c : n == 0 ? -1L : -(long)errno);
}

static void *poll_held(void *arg)
{
	struct pollfd p[20];

	for (int i = 0; i < 20; i++)
		p[i] = (struct pollfd){ hold[0], POLLIN, 0 };
	atomic_store((_Atomic int *)arg, (int)gettid());
	long n = poll(p, 20, -1);
	return (void *)(n < 0 ? -(long)errno : n);
}

static void replace_under(void *(*fn)(void *))
{
	int other[2], writer;
	_Atomic int tid = 0;
	pthread_t th;
	void *ret;

	NEED(pipe(hold));
	NEED(pipe(other));
	NEED(write(other[1], "wrong", 5));
	MUST(pthread_create(&th, NULL, fn, &tid));
	while (!atomic_load(&tid))
		sched_yield();
	until_asleep(getpid(), tid);
	writer = (int)NEED(dup(hold[1]));
	NEED(dup2(other[0], hold[0]));
	slowly();
	slowly();
	NEED(write(writer, "R", 1));
	MUST(pthread_join(th, &ret));
	say("%ld\n", (long)ret);
	for (int i = 0; i < 2; i++) {
		close(hold[i]);
		close(other[i]);
	}
	close(writer);
}

CASE(replaced_descriptors)
{
	for (int i = 0; i < 6; i++) {
		replace_under(read_held);
		replace_under(poll_held);
	}
}

/* ---- processes ---- */

static int linger(void *arg)
{
	for (int i = 0; i < 12; i++)
		slowly();
	return 5;
}

CASE(vfork_wait)
{
	for (int i = 0; i < 6; i++) {
		volatile bool ran = false;
		pid_t pid = vfork();
		if (pid == 0) {
			for (int j = 0; j < 12; j++)
				slowly();
			ran = true;
			_exit(3);
		}
		say("child ran: %d\n", ran);
		reap("child", pid);
	}
}

static void *sleep_for_ever(void *arg)
{
	pause();
	return NULL;
}

ROLE(executed)
{
	say("executed\n");
}

static int exec_with_threads(void *arg)
{
	pthread_t th;

	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&th, NULL, sleep_for_ever, NULL));
	slowly();
	execl(case_self, case_self, "role:executed", NULL);
	return 9;
}

CASE(exec_of_many)
{
	for (int i = 0; i < 5; i++)
		in_child("exec", exec_with_threads, NULL);
}

static int take_lock(void *arg)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int fd = (int)NEED(open("lock", O_RDWR));

	say_outcome("flock", flock(fd, LOCK_EX) != 0, errno);
	say_outcome("F_SETLKW", fcntl(fd, F_SETLKW, &fl) != 0, errno);
	return 0;
}

CASE(locks)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int fd = (int)NEED(open("lock", O_RDWR | O_CREAT, 0600));

	for (int i = 0; i < 5; i++) {
		fl.l_type = F_WRLCK;
		NEED(flock(fd, LOCK_EX));
		NEED(fcntl(fd, F_SETLKW, &fl));
		pid_t pid = child(take_lock, NULL);
		until_asleep(pid, pid);
		slowly();
		NEED(flock(fd, LOCK_UN));
		until_asleep(pid, pid);
		slowly();
		fl.l_type = F_UNLCK;
		NEED(fcntl(fd, F_SETLK, &fl));
		reap("waiter", pid);
	}
}

CASE(wait_for_child)
{
	siginfo_t si;

	for (int i = 0; i < 6; i++) {
		int st = 0;
		pid_t pid = child(linger, NULL);
		say_outcome("waitpid", waitpid(pid, &st, 0) != pid, errno);
		say_status("child", st);
		pid = child(linger, NULL);
		say_outcome("waitid", waitid(P_PID, (id_t)pid, &si, WEXITED) != 0, errno);
		V(si.si_status);
	}
}

/* ---- files that count and tell ---- */

static int event_fd, signal_fd, notify_fd;
static struct baton seen;

static int cause_events(void *arg)
{
	for (int i = 0; i < 10; i++) {
		uint64_t one = 1;
		slowly();
		if (write(event_fd, &one, sizeof one) != sizeof one)
			return 1;
		slowly();
		kill(getppid(), SIGUSR2);
		slowly();
		put_file("told", "x");
		take(&seen);
	}
	return 0;
}

CASE(small_files)
{
	sigset_t usr2 = SET(SIGUSR2);
	struct signalfd_siginfo info;
	char events[256];
	uint64_t n;

	block(usr2);
	event_fd = (int)NEED(eventfd(0, 0));
	signal_fd = (int)NEED(signalfd(-1, &usr2, 0));
	notify_fd = (int)NEED(inotify_init());
	put_file("told", "");
	seen = baton_new();
	NEED(inotify_add_watch(notify_fd, "told", IN_CLOSE_WRITE));
	pid_t pid = child(cause_events, NULL);
	int ok = 0;
	for (int i = 0; i < 10; i++) {
		ok += read(event_fd, &n, sizeof n) == sizeof n && n == 1;
		ok += read(signal_fd, &info, sizeof info) == sizeof info;
		ok += read(notify_fd, events, sizeof(struct inotify_event)) ==
		      sizeof(struct inotify_event);
		give(&seen);
	}
	say("%d of 30\n", ok);
	reap("child", pid);
	struct itimerspec it = { { 0, 5000000 }, { 0, 5000000 } };
	int tfd = (int)NEED(timerfd_create(CLOCK_MONOTONIC, 0));
	NEED(timerfd_settime(tfd, 0, &it, NULL));
	ok = 0;
	for (int i = 0; i < 5; i++)
		ok += read(tfd, &n, sizeof n) == sizeof n && n >= 1;
	say("%d of 5\n", ok);
}

/* ---- connections ---- */

static int connect_slowly(void *arg)
{
	const struct sockaddr_un *a = arg;

	for (int i = 0; i < 10; i++) {
		int fd = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
		slowly();
		if (connect(fd, (const struct sockaddr *)a, sizeof *a))
			return errno;
		close(fd);
	}
	return 0;
}

CASE(accept_and_connect)
{
	struct sockaddr_un a = { AF_UNIX, "socket" };
	int ok = 0, fd = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));

	NEED(bind(fd, (struct sockaddr *)&a, sizeof a));
	NEED(listen(fd, 0));
	pid_t first = child(connect_slowly, &a), second = child(connect_slowly, &a);
	for (int i = 0; i < 20; i++) {
		int c = accept(fd, NULL, NULL);
		ok += c >= 0;
		close(c);
		slowly();
	}
	say("%d accepted\n", ok);
	reap("first", first);
	reap("second", second);
}
