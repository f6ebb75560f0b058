/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on a mapping whose file another thread shortens all the time: they succeed, do a
 * part, or fail with EFAULT; never does anything else happen to whoever answers them. */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "map.h"

#define SIZE   (16 * PAGE)
#define ROUNDS 3000

static struct {
	int fd;
	_Atomic bool stop;
	char *map; /* of a page that comes and goes */
	pthread_t thread;
} file;

static void *shorten(void *arg)
{
	while (!file.stop) {
		NEED(ftruncate(file.fd, 0));
		NEED(ftruncate(file.fd, SIZE));
	}
	return NULL;
}

static char *shorten_begin(void)
{
	file.fd = (int)NEED(open("shrinks", O_RDWR | O_CREAT | O_TRUNC, 0644));
	NEED(ftruncate(file.fd, SIZE));
	file.map = (char *)NEED(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0)) +
		   8 * PAGE;
	MUST(pthread_create(&file.thread, NULL, shorten, NULL));
	return file.map;
}

static void shorten_end(void)
{
	file.stop = true;
	MUST(pthread_join(file.thread, NULL));
	NEED(ftruncate(file.fd, 0));
}

/* Repeats a call; anything but success, EFAULT and `fine` is told. */
#define REPEAT(call, fine)                                                                         \
	do {                                                                                       \
		int odd_ = 0;                                                                      \
		for (int i_ = 0; i_ < ROUNDS; i_++)                                                \
			odd_ += (long)(call) == -1 && errno != EFAULT && errno != (fine);          \
		say("%s: odd %d times\n", #call, odd_);                                            \
	} while (0)

CASE(copies)
{
	char *p = shorten_begin();

	REPEAT(syscall(SYS_getcwd, p, 100), 0);
	REPEAT(syscall(SYS_getcwd, p + PAGE - 1, 100), 0);
	REPEAT(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, p, 8), 0);
	REPEAT(syscall(SYS_rt_sigprocmask, SIG_BLOCK, p, NULL, 8), 0);
	REPEAT(syscall(SYS_poll, p, 0, 0), 0);
	REPEAT(syscall(SYS_poll, p, 4, 0), 0);
	shorten_end();
}

CASE(strings)
{
	char *p = shorten_begin();

	REPEAT(syscall(SYS_access, p, F_OK), ENOENT);
	REPEAT(syscall(SYS_rename, p, p + PAGE), ENOENT);
	REPEAT(syscall(SYS_execve, p, NULL, NULL), ENOENT);
	REPEAT(syscall(SYS_execve, "missing", p, p + PAGE), ENOENT);
	shorten_end();
}

CASE(transfers)
{
	char *p = shorten_begin();
	int fd = make_file("f", 4, 0), fds[2];

	REPEAT(syscall(SYS_pwrite64, fd, p, 3 * PAGE, 0), 0);
	REPEAT(syscall(SYS_pread64, fd, p, 3 * PAGE, 0), 0);
	NEED(ftruncate(fd, 0)); /* how much was left in time to be written is chance */
	NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	REPEAT(syscall(SYS_write, fds[0], p, 100), EAGAIN);
	REPEAT(syscall(SYS_read, fds[1], p, 100), EAGAIN);
	NEED(pipe2(fds, O_NONBLOCK));
	REPEAT(syscall(SYS_write, fds[1], p, 100), EAGAIN);
	REPEAT(syscall(SYS_read, fds[0], p, 100), EAGAIN);
	shorten_end();
}

CASE(vectors)
{
	char *p = shorten_begin();
	struct iovec v = { p, 2 * PAGE };
	struct msghdr *m = (struct msghdr *)p;
	int fd = make_file("f", 4, 0), fds[2];

	REPEAT(syscall(SYS_pwritev, fd, p, 3, 0), 0);
	REPEAT(syscall(SYS_preadv, fd, p, 3, 0), 0);
	REPEAT(syscall(SYS_pwritev, fd, &v, 1, 0), 0);
	NEED(ftruncate(fd, 0));
	NEED(pipe2(fds, O_NONBLOCK));
	REPEAT(syscall(SYS_vmsplice, fds[1], &v, 1, SPLICE_F_NONBLOCK), EAGAIN);
	NEED(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds));
	REPEAT(syscall(SYS_sendmsg, fds[0], m, MSG_DONTWAIT), EAGAIN);
	REPEAT(syscall(SYS_recvmsg, fds[1], m, MSG_DONTWAIT), EAGAIN);
	shorten_end();
}

#define WAKE_OP(op) FUTEX_OP(op, 1, FUTEX_OP_CMP_EQ, 0)

CASE(futexes)
{
	uint32_t here = 0, *p = (uint32_t *)shorten_begin();

	REPEAT(syscall(SYS_futex, p, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
	REPEAT(syscall(SYS_futex, p, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	REPEAT(syscall(SYS_futex, p, FUTEX_CMP_REQUEUE, 1, 1L, &here, 1), EAGAIN);
	REPEAT(syscall(SYS_futex, &here, FUTEX_WAKE_OP, 1, 1L, p, WAKE_OP(FUTEX_OP_SET)), 0);
	REPEAT(syscall(SYS_futex, &here, FUTEX_WAKE_OP, 1, 1L, p, WAKE_OP(FUTEX_OP_ADD)), 0);
	REPEAT(syscall(SYS_futex, &here, FUTEX_WAKE_OP, 1, 1L, p, WAKE_OP(FUTEX_OP_OR)), 0);
	REPEAT(syscall(SYS_futex, &here, FUTEX_WAKE_OP, 1, 1L, p, WAKE_OP(FUTEX_OP_ANDN)), 0);
	REPEAT(syscall(SYS_futex, &here, FUTEX_WAKE_OP, 1, 1L, p, WAKE_OP(FUTEX_OP_XOR)), 0);
	shorten_end();
}

/* A thread's end writes to its thread number's place and walks its list of robust futexes. */
static int end_with_list_in_file(void *arg)
{
	syscall(SYS_set_robust_list, file.map + 64, 24);
	return 0;
}

CASE(thread_ends)
{
	char *p = shorten_begin(), *stack = map_anon(16, PROT_READ | PROT_WRITE);
	int odd = 0, st = 0;

	for (int i = 0; i < ROUNDS / 10; i++) {
		pid_t pid = clone(end_with_list_in_file, stack + 16 * PAGE,
				  CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD,
				  NULL, p, NULL, p);

		odd += waitpid((pid_t)NEED(pid), &st, 0) != pid || st;
	}
	say("odd %d times\n", odd);
	shorten_end();
}
