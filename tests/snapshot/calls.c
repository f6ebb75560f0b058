/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every system call that may sleep for as long as its caller likes, with a thread asleep in it.
 * With --list: their names, which tests/snapshot/kinds compares with the list of all calls.
 */
#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "mark.h"

#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif
#ifndef FUTEX_32
#define FUTEX_32 2
#endif

struct row {
	const char *name;
	void (*prepare)(struct row *r);
	long (*call)(struct row *r);
	void (*release)(struct row *r);
	int a, b; /* what they have in common: two descriptors, or a child */
	uint32_t word;
	pthread_t thread;
	_Atomic pid_t tid;
	long result;
};

static char buf[100];
static struct iovec vec = { buf, 10 };

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
		_exit(97);
	}
}

static long result_of(long r)
{
	return r < 0 ? -errno : r;
}

/* ---- what they wait for, and what ends that ---- */

static void empty_pipe(struct row *r)
{
	int p[2];

	must(pipe2(p, O_CLOEXEC) == 0, "pipe");
	r->a = p[0];
	r->b = p[1];
}

static void full_pipe(struct row *r)
{
	static const char page[4096];

	empty_pipe(r);
	fcntl(r->b, F_SETFL, O_NONBLOCK);
	while (write(r->b, page, sizeof page) > 0)
		;
	fcntl(r->b, F_SETFL, 0);
}

static void feed(struct row *r)
{
	must(write(r->b, "0123456789", 10) == 10, "write");
}

static void drain(struct row *r)
{
	static char page[4096];

	fcntl(r->a, F_SETFL, O_NONBLOCK);
	while (read(r->a, page, sizeof page) > 0)
		;
}

static void socket_pair(struct row *r)
{
	int s[2];

	must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s) == 0, "socketpair");
	r->a = s[0];
	r->b = s[1];
}

static void full_socket(struct row *r)
{
	int s[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0, "socketpair");
	r->a = s[0];
	r->b = s[1];
	while (send(r->b, buf, sizeof buf, MSG_DONTWAIT) > 0)
		;
}

/* TCP, and a close that is to wait until all has been taken. */
static void lingers(struct row *r)
{
	static const struct linger linger = { 1, 1000 };
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t len = sizeof addr;
	static char much[65536];
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	r->b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(bind(l, (struct sockaddr *)&addr, len) == 0 && listen(l, 1) == 0 &&
		 getsockname(l, (struct sockaddr *)&addr, &len) == 0 &&
		 connect(r->b, (struct sockaddr *)&addr, len) == 0,
	     "connect");
	r->a = accept(l, NULL, NULL);
	close(l);
	while (send(r->b, much, sizeof much, MSG_DONTWAIT) > 0)
		;
	setsockopt(r->b, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void reads_to_end(struct row *r)
{
	static char much[65536];

	while (read(r->a, much, sizeof much) > 0)
		;
}

static struct sockaddr_un name;

static int listener(int backlog)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	name.sun_family = AF_UNIX;
	must(bind(fd, (struct sockaddr *)&name, sizeof name.sun_family) == 0 &&
		 listen(fd, backlog) == 0,
	     "listen");
	return fd;
}

static int connect_to(int fd, int flags)
{
	struct sockaddr_un n;
	socklen_t len = sizeof n;
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	getsockname(fd, (struct sockaddr *)&n, &len);
	return connect(s, (struct sockaddr *)&n, len) ? -1 : s;
}

static void listens(struct row *r)
{
	r->a = listener(5);
}

static void connects(struct row *r)
{
	must(connect_to(r->a, 0) >= 0, "connect");
}

/* Nobody else finds room there. */
static void is_busy(struct row *r)
{
	r->a = listener(0);
	while (connect_to(r->a, SOCK_NONBLOCK) >= 0)
		;
}

static void accepts(struct row *r)
{
	must(accept(r->a, NULL, NULL) >= 0, "accept");
}

static void held_lock(struct row *r)
{
	char file[32];

	snprintf(file, sizeof file, "lock-%s", r->name);
	r->a = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	r->b = open(file, O_RDWR | O_CLOEXEC);
	must(flock(r->a, LOCK_EX) == 0, "flock");
}

static void unlock(struct row *r)
{
	flock(r->a, LOCK_UN);
}

static struct flock whole = { .l_type = F_WRLCK };

static void held_record(struct row *r)
{
	held_lock(r);
	must(fcntl(r->a, F_OFD_SETLK, &whole) == 0, "fcntl");
}

static void unlock_record(struct row *r)
{
	struct flock none = { .l_type = F_UNLCK };

	fcntl(r->a, F_OFD_SETLK, &none);
}

static void semaphore(struct row *r)
{
	r->a = semget(IPC_PRIVATE, 1, 0600);
	must(r->a >= 0, "semget");
}

static void gives(struct row *r)
{
	semop(r->a, &(struct sembuf){ 0, 1, 0 }, 1);
	/* it goes, and nobody waits for it any more */
	while (semctl(r->a, 0, GETVAL) > 0)
		sched_yield();
	semctl(r->a, 0, IPC_RMID);
}

static struct {
	long type;
	char text[8];
} a_message = { 1, "text" };

static void messages(struct row *r)
{
	struct msqid_ds ds;

	r->a = msgget(IPC_PRIVATE, 0600);
	must(r->a >= 0 && msgctl(r->a, IPC_STAT, &ds) == 0, "msgget");
	ds.msg_qbytes = 4;
	must(msgctl(r->a, IPC_SET, &ds) == 0, "msgctl");
}

static void full_queue(struct row *r)
{
	messages(r);
	must(msgsnd(r->a, &a_message, 4, 0) == 0, "msgsnd");
}

static void sends(struct row *r)
{
	msgsnd(r->a, &a_message, 4, 0);
	msgctl(r->a, IPC_RMID, NULL);
}

static void receives_all(struct row *r)
{
	for (int i = 0; i < 2; i++)
		msgrcv(r->a, &a_message, 4, 0, 0);
	msgctl(r->a, IPC_RMID, NULL);
}

static void mqueue(struct row *r)
{
	const struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = sizeof buf };

	r->a = (int)syscall(SYS_mq_open, "hl-calls", O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	must(r->a >= 0 && syscall(SYS_mq_unlink, "hl-calls") == 0, "mq_open");
}

static void sends_mq(struct row *r)
{
	must(syscall(SYS_mq_timedsend, r->a, "text", 4, 0, NULL) == 0, "mq_timedsend");
}

static void full_mqueue(struct row *r)
{
	mqueue(r);
	sends_mq(r);
}

static void receives_mq(struct row *r)
{
	char text[sizeof buf];

	syscall(SYS_mq_timedreceive, r->a, text, sizeof text, NULL, NULL);
}

static aio_context_t rings[2];
static struct io_event result;

static void ring(struct row *r)
{
	static int nr;

	r->b = nr++;
	r->a = memfd_create("written", 0);
	must(r->a >= 0 && syscall(SYS_io_setup, 1, &rings[r->b]) == 0, "io_setup");
}

static void submits(struct row *r)
{
	struct iocb one = { .aio_lio_opcode = IOCB_CMD_PWRITE,
			    .aio_fildes = (unsigned)r->a,
			    .aio_buf = (uintptr_t) "text",
			    .aio_nbytes = 4 };
	struct iocb *list[] = { &one };

	must(syscall(SYS_io_submit, rings[r->b], 1, list) == 1, "io_submit");
}

static void fifo(struct row *r)
{
	must(mkfifo(r->name, 0600) == 0, "mkfifo");
}

static void opens_to_write(struct row *r)
{
	must(open(r->name, O_WRONLY | O_CLOEXEC) >= 0, "open");
}

static void opens_to_read(struct row *r)
{
	must(open(r->name, O_RDONLY | O_CLOEXEC) >= 0, "open");
}

static void has_child(struct row *r)
{
	char c;

	empty_pipe(r);
	r->word = (uint32_t)fork();
	if (!r->word)
		_exit(read(r->a, &c, 1) == 1 ? 7 : 8);
}

static void got(int sig)
{
}

static void nothing(struct row *r)
{
}

static void signals(struct row *r)
{
	syscall(SYS_tgkill, getpid(), r->tid, SIGUSR1);
}

static void wakes(struct row *r)
{
	syscall(SYS_futex, &r->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void watched(struct row *r)
{
	empty_pipe(r);
	r->word = (uint32_t)epoll_create1(EPOLL_CLOEXEC);
	must(epoll_ctl((int)r->word, EPOLL_CTL_ADD, r->a,
		       &(struct epoll_event){ EPOLLIN, { 0 } }) == 0,
	     "epoll_ctl");
}

/* ---- the calls ---- */

#define CALL(fn, ...)                                                                              \
	static long call_##fn(struct row *r)                                                       \
	{                                                                                          \
		return syscall(SYS_##fn, __VA_ARGS__);                                             \
	}

static struct pollfd wanted(struct row *r)
{
	return (struct pollfd){ r->a, POLLIN, 0 };
}

static fd_set *set_of(struct row *r, fd_set *set)
{
	FD_ZERO(set);
	FD_SET(r->a, set);
	return set;
}

static uint64_t all_but_usr1 = ~0UL & ~(1UL << (SIGUSR1 - 1)), only_usr1 = 1UL << (SIGUSR1 - 1);
static struct timespec a_second = { 1, 0 };
static struct epoll_event event;

CALL(close, r->b)
CALL(read, r->a, (char[10]){ 0 }, 10)
CALL(readv, r->a, &(struct iovec){ (char[10]){ 0 }, 10 }, 1)
CALL(preadv2, r->a, &(struct iovec){ (char[10]){ 0 }, 10 }, 1, -1L, -1L, 0)
CALL(write, r->b, buf, 10)
CALL(writev, r->b, &vec, 1)
CALL(pwritev2, r->b, &vec, 1, -1L, -1L, 0)
CALL(poll, (struct pollfd[]){ wanted(r) }, 1, -1)
CALL(ppoll, (struct pollfd[]){ wanted(r) }, 1, NULL, NULL, 8)
CALL(select, r->a + 1, set_of(r, &(fd_set){ { 0 } }), NULL, NULL, NULL)
CALL(pselect6, r->a + 1, set_of(r, &(fd_set){ { 0 } }), NULL, NULL, NULL, NULL)
CALL(epoll_wait, r->word, &event, 1, -1)
CALL(epoll_pwait, r->word, &event, 1, -1, NULL, 8)
CALL(epoll_pwait2, r->word, &event, 1, NULL, NULL, 8)
CALL(nanosleep, &a_second, NULL)
CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &a_second, NULL)
CALL(futex, &r->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0)
CALL(futex_wait, &r->word, 0L, 1L, FUTEX_32 | FUTEX_PRIVATE_FLAG, NULL, CLOCK_MONOTONIC)
CALL(futex_waitv, (uint64_t[]){ 0, (uintptr_t)&r->word, FUTEX_32 | FUTEX_PRIVATE_FLAG }, 1, 0, NULL,
     CLOCK_MONOTONIC)
CALL(waitid, P_PID, r->word, &(siginfo_t){ 0 }, WEXITED, NULL)
CALL(rt_sigsuspend, &all_but_usr1, 8)
CALL(rt_sigtimedwait, &only_usr1, &(siginfo_t){ 0 }, NULL, 8)
CALL(recvfrom, r->a, (char[10]){ 0 }, 10, 0, NULL, NULL)
CALL(recvmsg, r->a, (&(struct msghdr){ .msg_iov = &vec, .msg_iovlen = 1 }), 0)
CALL(recvmmsg, r->a, (&(struct mmsghdr){ .msg_hdr = { .msg_iov = &vec, .msg_iovlen = 1 } }), 1, 0,
     NULL)
CALL(sendto, r->b, buf, 10, 0, NULL, 0)
CALL(sendmsg, r->b, (&(struct msghdr){ .msg_iov = &vec, .msg_iovlen = 1 }), 0)
CALL(sendmmsg, r->b, (&(struct mmsghdr){ .msg_hdr = { .msg_iov = &vec, .msg_iovlen = 1 } }), 1, 0)
CALL(semop, r->a, &(struct sembuf){ 0, -1, 0 }, 1)
CALL(semtimedop, r->a, &(struct sembuf){ 0, -1, 0 }, 1, &(struct timespec){ .tv_sec = 100 })
CALL(msgsnd, r->a, &a_message, 4, 0)
CALL(msgrcv, r->a, &(char[16]){ 0 }, 8, 0, 0)
CALL(io_getevents, rings[r->b], 1, 1, &result, NULL)
CALL(io_pgetevents, rings[r->b], 1, 1, &result, NULL, NULL)
CALL(mq_timedsend, r->a, "text", 4, 0, NULL)
CALL(mq_timedreceive, r->a, buf, sizeof buf, NULL, NULL)
CALL(flock, r->b, LOCK_EX)
CALL(fcntl, r->b, F_OFD_SETLKW, &whole)
CALL(splice, r->a, NULL, r->word, NULL, 10, 0)
CALL(tee, r->a, r->word, 10, 0)
CALL(vmsplice, r->b, &vec, 1, 0)
CALL(sendfile, r->b, r->word, &(long){ 0 }, 10)

/* Its mask lets that signal in, and no SIGCHLD, which would have the call begin anew. */
static long call_pause(struct row *r)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all_but_usr1, NULL, 8);
	return syscall(SYS_pause);
}

static long call_connect(struct row *r)
{
	int s = connect_to(r->a, 0);

	return s < 0 ? s : 0;
}

/* A descriptor's number is nobody's business. */
static long opened(long fd)
{
	return fd < 0 ? fd : 0;
}

static long call_accept(struct row *r)
{
	return opened(syscall(SYS_accept, r->a, NULL, NULL));
}

static long call_accept4(struct row *r)
{
	return opened(syscall(SYS_accept4, r->a, NULL, NULL, SOCK_CLOEXEC));
}

static long call_wait4(struct row *r)
{
	return syscall(SYS_wait4, r->word, &(int){ 0 }, 0, NULL) == r->word;
}

static long call_open(struct row *r)
{
	return opened(syscall(SYS_open, r->name, O_RDONLY | O_CLOEXEC, 0));
}

static long call_openat(struct row *r)
{
	return opened(syscall(SYS_openat, AT_FDCWD, r->name, O_RDONLY | O_CLOEXEC, 0));
}

static long call_openat2(struct row *r)
{
	return opened(syscall(SYS_openat2, AT_FDCWD, r->name,
			      (uint64_t[]){ O_RDONLY | O_CLOEXEC, 0, 0 }, 24));
}

static long call_creat(struct row *r)
{
	return opened(syscall(SYS_creat, r->name, 0600));
}

/* Its child waits, and the parent for that. */
static long status_of(pid_t child)
{
	int status = 0;

	return child < 0 ? -1 : waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : -1;
}

static void __attribute__((noreturn)) in_child(struct row *r)
{
	char c;

	_exit(read(r->a, &c, 1) == 1 ? 7 : 8);
}

static long call_vfork(struct row *r)
{
	pid_t child = vfork();

	if (!child)
		in_child(r);
	return status_of(child);
}

static long call_clone(struct row *r)
{
	pid_t child = (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);

	if (!child)
		in_child(r);
	return status_of(child);
}

static long call_clone3(struct row *r)
{
	uint64_t args[8] = { CLONE_VFORK, 0, 0, 0, SIGCHLD };
	pid_t child = (pid_t)syscall(SYS_clone3, args, sizeof args);

	if (!child)
		in_child(r);
	return status_of(child);
}

static void to_pipe(struct row *r)
{
	int p[2];

	must(pipe2(p, O_CLOEXEC) == 0, "pipe");
	empty_pipe(r);
	r->word = (uint32_t)p[1];
}

static void from_file(struct row *r)
{
	int fd = open("sent", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	full_pipe(r);
	must(write(fd, buf, sizeof buf) == sizeof buf, "write");
	r->word = (uint32_t)fd;
}

#define ROW(fn, before, after)                                                                     \
	{                                                                                          \
		.name = #fn, .prepare = before, .call = call_##fn, .release = after                \
	}

static struct row rows[] = {
	ROW(read, empty_pipe, feed),
	ROW(close, lingers, reads_to_end),
	ROW(readv, empty_pipe, feed),
	ROW(preadv2, empty_pipe, feed),
	ROW(write, full_pipe, drain),
	ROW(writev, full_pipe, drain),
	ROW(pwritev2, full_pipe, drain),
	ROW(poll, empty_pipe, feed),
	ROW(ppoll, empty_pipe, feed),
	ROW(select, empty_pipe, feed),
	ROW(pselect6, empty_pipe, feed),
	ROW(epoll_wait, watched, feed),
	ROW(epoll_pwait, watched, feed),
	ROW(epoll_pwait2, watched, feed),
	ROW(nanosleep, nothing, nothing),
	ROW(clock_nanosleep, nothing, nothing),
	ROW(futex, nothing, wakes),
	ROW(futex_wait, nothing, wakes),
	ROW(futex_waitv, nothing, wakes),
	ROW(wait4, has_child, feed),
	ROW(waitid, has_child, feed),
	ROW(pause, nothing, signals),
	ROW(rt_sigsuspend, nothing, signals),
	ROW(rt_sigtimedwait, nothing, signals),
	ROW(accept, listens, connects),
	ROW(accept4, listens, connects),
	ROW(connect, is_busy, accepts),
	ROW(recvfrom, socket_pair, feed),
	ROW(recvmsg, socket_pair, feed),
	ROW(recvmmsg, socket_pair, feed),
	ROW(sendto, full_socket, drain),
	ROW(sendmsg, full_socket, drain),
	ROW(sendmmsg, full_socket, drain),
	ROW(semop, semaphore, gives),
	ROW(semtimedop, semaphore, gives),
	ROW(msgsnd, full_queue, receives_all),
	ROW(msgrcv, messages, sends),
	ROW(io_getevents, ring, submits),
	ROW(io_pgetevents, ring, submits),
	ROW(mq_timedsend, full_mqueue, receives_mq),
	ROW(mq_timedreceive, mqueue, sends_mq),
	ROW(flock, held_lock, unlock),
	ROW(fcntl, held_record, unlock_record),
	ROW(open, fifo, opens_to_write),
	ROW(openat, fifo, opens_to_write),
	ROW(openat2, fifo, opens_to_write),
	ROW(creat, fifo, opens_to_read),
	ROW(splice, to_pipe, feed),
	ROW(tee, to_pipe, feed),
	ROW(vmsplice, full_pipe, drain),
	ROW(sendfile, from_file, drain),
	ROW(vfork, empty_pipe, feed),
	ROW(clone, empty_pipe, feed),
	ROW(clone3, empty_pipe, feed),
};
#define NR_ROWS (sizeof rows / sizeof *rows)

/* ---- all of them ---- */

static void *thread(void *arg)
{
	struct row *r = arg;

	r->tid = (pid_t)syscall(SYS_gettid);
	r->result = result_of(r->call(r));
	return NULL;
}

int main(int argc, char **argv)
{
	const struct sigaction act = { .sa_handler = got };
	sigset_t all;

	for (size_t i = 0; argc > 1 && i < NR_ROWS; i++)
		puts(rows[i].name);
	if (argc > 1)
		return 0;
	sigaction(SIGUSR1, &act, NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (size_t i = 0; i < NR_ROWS; i++) {
		rows[i].prepare(&rows[i]);
		must(!pthread_create(&rows[i].thread, NULL, thread, &rows[i]), "thread");
		await_state(&rows[i].tid, "SD"); /* D: for a child that has its memory */
	}
	mark();

	for (size_t i = 0; i < NR_ROWS; i++) {
		rows[i].release(&rows[i]);
		pthread_join(rows[i].thread, NULL);
		printf("%s: %ld\n", rows[i].name, rows[i].result);
	}
	return 0;
}
