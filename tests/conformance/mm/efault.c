/* SPDX-License-Identifier: Apache-2.0 */
/* Bad guest pointers in system calls: EFAULT, and how much was done before it. Raw calls, no libc
 * between. */
#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "map.h"

#define BAD ((void *)0x10)

/* The last `n` bytes of a page that has no successor. */
static char *edge(size_t n)
{
	char *p = map_anon(2, PROT_READ | PROT_WRITE);

	NEED(munmap(p + PAGE, PAGE));
	return p + PAGE - n;
}

CASE(read_write)
{
	int fd = make_file("f", 2, 0);
	char *p = edge(10);

	R(syscall(SYS_write, 1, BAD, 1));
	R(syscall(SYS_write, fd, p, 20));
	R(lseek(fd, 0, SEEK_CUR));
	R(lseek(fd, 0, SEEK_SET));
	R(syscall(SYS_read, fd, p, 20));
	R(lseek(fd, 0, SEEK_CUR));
	R(syscall(SYS_read, fd, p + 10, 20));
	R(syscall(SYS_read, fd, BAD, 0));
	R(syscall(SYS_write, fd, BAD, 0));
	R(syscall(SYS_read, fd, (void *)-1L, 4));
	R(syscall(SYS_read, fd, (void *)0x7fffffffe000, 0x10000));
	R(syscall(SYS_read, fd, 0x8000000000000000UL, 4));
}

CASE(straddle_file_write)
{
	int fd = make_file("f", 0, 0);
	char *p = edge(100);

	memset(p, 'e', 100);
	R(syscall(SYS_write, fd, p, 200));
	R(syscall(SYS_pwrite64, fd, p + 50, 100, 5000));
	R(lseek(fd, 0, SEEK_END));
}

CASE(straddle_large_file_io)
{
	int fd = make_file("f", 4, 0);
	char *p = map_anon(5, PROT_READ | PROT_WRITE);

	NEED(munmap(p + 3 * PAGE, PAGE));
	R(syscall(SYS_pread64, fd, p + 100, 4 * PAGE, 0));
	say_bytes("read", p + 100, 3 * PAGE - 100);
	R(syscall(SYS_pwrite64, fd, p + 100, 4 * PAGE, 4 * PAGE));
	R(lseek(fd, 0, SEEK_END));
}

/* Where there is nothing to read, nobody looks at the buffer. */
CASE(end_of_file)
{
	int host = make_file("f", 1, 0), mem = (int)NEED(memfd_create("m", 0));
	char *p = edge(10);

	NEED(write(mem, p, 10));
	R(syscall(SYS_pread64, host, p + 10, 20, 5000));
	R(syscall(SYS_pread64, mem, p + 10, 20, 5000));
	R(syscall(SYS_pread64, host, p, 20, 4090));
	R(syscall(SYS_pread64, host, p + 10, 20, 4090));
	R(syscall(SYS_pread64, mem, p + 10, 20, 4));
}

CASE(straddle_pipe)
{
	char *p = edge(10), b[64];
	int fd[2];

	memset(p, 'p', 10);
	NEED(pipe2(fd, O_NONBLOCK));
	R(syscall(SYS_write, fd[1], p, 20));
	R(syscall(SYS_read, fd[0], b, 64));
	NEED(write(fd[1], "0123456789abcdefghij", 20));
	R(syscall(SYS_read, fd[0], p, 20));
	R(syscall(SYS_read, fd[0], b, 64));
	R(syscall(SYS_write, fd[1], BAD, 5));
	R(syscall(SYS_read, fd[0], b, 5));
}

CASE(iovec)
{
	int fd = make_file("f", 1, 0);
	char a[4], b[4], *p = edge(4);
	struct iovec bad_third[] = { { a, 4 }, { b, 4 }, { BAD, 4 }, { a, 4 } };
	struct iovec zeros[] = { { NULL, 0 }, { a, 2 }, { BAD, 0 }, { b, 2 } };
	struct iovec straddle[] = { { p, 8 }, { a, 4 } };
	struct iovec wraps[] = { { a, SSIZE_MAX }, { b, 4 } };
	struct iovec negative[] = { { a, (size_t)-1 } };

	R(readv(fd, bad_third, 4));
	R(lseek(fd, 0, SEEK_CUR));
	R(readv(fd, zeros, 4));
	R(readv(fd, straddle, 2));
	R(readv(fd, wraps, 2));
	R(readv(fd, negative, 1));
	R(syscall(SYS_readv, fd, BAD, 1));
	R(syscall(SYS_readv, fd, BAD, 0));
	R(syscall(SYS_readv, fd, zeros, -1));
	R(syscall(SYS_readv, fd, zeros, 1025));
	R(writev(fd, bad_third, 4));
	R(writev(fd, wraps, 2));
	R(lseek(fd, 0, SEEK_CUR));
}

CASE(iovec_many)
{
	static struct iovec v[1024];
	static char b[1024];
	int fd = make_file("f", 1, 0);

	for (int i = 0; i < 1024; i++)
		v[i] = (struct iovec){ b + i, 1 };
	R(readv(fd, v, 1024));
	say_bytes("read", b, 1024);
	R(pwritev(fd, v, 1024, 100));
}

CASE(iovec_straddling_itself)
{
	struct iovec *v = (struct iovec *)(void *)edge(sizeof(struct iovec));
	char a[4] = "abc";

	v[0] = (struct iovec){ a, 3 };
	R(syscall(SYS_writev, 1, v, 2));
	R(syscall(SYS_writev, 1, v, 1));
}

CASE(paths)
{
	char *p = edge(3);
	struct stat st;

	memcpy(p, "abc", 3);
	R(syscall(SYS_open, BAD, 0));
	R(syscall(SYS_open, NULL, 0));
	R(syscall(SYS_open, p, O_RDONLY));
	R(syscall(SYS_stat, p, &st));
	p[2] = 0;
	R(syscall(SYS_stat, p, &st));
	R(syscall(SYS_stat, ".", BAD));
	R(syscall(SYS_mkdir, BAD, 0777));
	R(syscall(SYS_rename, "x", BAD));
	R(syscall(SYS_symlink, BAD, "y"));
	R(syscall(SYS_readlink, BAD, p, 3));
	R(syscall(SYS_chdir, BAD));
	R(syscall(SYS_unlink, -1L));
	R(syscall(SYS_access, 0x7fffffffffffUL, 0));
	R(syscall(SYS_execve, BAD, NULL, NULL));
}

CASE(structs_out)
{
	char *p = edge(8);
	int fd = (int)NEED(open(".", O_RDONLY));

	R(syscall(SYS_fstat, fd, p));
	R(syscall(SYS_fstat, fd, BAD));
	R(syscall(SYS_uname, p));
	R(syscall(SYS_gettimeofday, BAD, NULL));
	R(syscall(SYS_gettimeofday, NULL, NULL));
	R(syscall(SYS_gettimeofday, NULL, BAD));
	R(syscall(SYS_clock_gettime, 0, BAD));
	R(syscall(SYS_clock_gettime, 0, NULL));
	R(syscall(SYS_clock_getres, 0, NULL));
	R(syscall(SYS_getrlimit, 1, BAD));
	R(syscall(SYS_setrlimit, 1, BAD));
	R(syscall(SYS_times, BAD));
	R(syscall(SYS_getrusage, 0, BAD));
	R(syscall(SYS_sysinfo, BAD));
	R(syscall(SYS_getcwd, p, 100));
	R(syscall(SYS_getcwd, BAD, 1000));
	R(syscall(SYS_getdents64, fd, BAD, 1000));
	R(syscall(SYS_statfs, ".", BAD));
	R(syscall(SYS_getresuid, p, p, BAD));
	R(syscall(SYS_time, BAD));
	R(syscall(SYS_getcpu, BAD, NULL, NULL));
	R(syscall(SYS_getcpu, NULL, NULL, NULL));
}

/* A result that cannot be stored: are the descriptors still made? */
CASE(descriptors_out)
{
	R(syscall(SYS_pipe, BAD));
	R(syscall(SYS_pipe2, BAD, 0));
	R(syscall(SYS_pipe, edge(4)));
	R(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, BAD));
	R(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, edge(4)));
	R(dup(0));
}

CASE(waiting)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(3);
	R(syscall(SYS_wait4, pid, BAD, 0, NULL) == pid);
	/* The child is gone all the same. */
	R(syscall(SYS_wait4, pid, NULL, 0, NULL));
	R(syscall(SYS_waitid, P_ALL, 0, BAD, WEXITED, NULL));
	pid = fork();
	if (pid == 0)
		_exit(3);
	R(syscall(SYS_waitid, P_PID, pid, BAD, WEXITED, NULL));
	R(syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, NULL));
}

CASE(signals)
{
	sigset_t set;
	struct sigaction sa;

	R(syscall(SYS_rt_sigaction, SIGUSR1, BAD, NULL, 8));
	R(syscall(SYS_rt_sigaction, SIGUSR1, NULL, BAD, 8));
	R(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &sa, 4));
	R(syscall(SYS_rt_sigprocmask, SIG_BLOCK, BAD, NULL, 8));
	R(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, BAD, 8));
	R(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 16));
	R(syscall(SYS_rt_sigprocmask, 99, NULL, NULL, 8));
	R(syscall(SYS_rt_sigpending, BAD, 8));
	R(syscall(SYS_rt_sigtimedwait, BAD, NULL, NULL, 8));
	R(syscall(SYS_rt_sigsuspend, BAD, 8));
	R(syscall(SYS_sigaltstack, BAD, NULL));
	R(syscall(SYS_sigaltstack, NULL, BAD));
	R(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, BAD));
	R(syscall(SYS_setitimer, ITIMER_REAL, BAD, NULL));
	R(syscall(SYS_getitimer, ITIMER_REAL, BAD));
	R(syscall(SYS_nanosleep, BAD, NULL));
	R(syscall(SYS_clock_nanosleep, 0, 0, BAD, NULL));
}

CASE(events)
{
	int ep = (int)NEED(epoll_create1(0));
	struct pollfd pfd = { .fd = 0, .events = POLLIN };

	R(syscall(SYS_poll, BAD, 1, 0));
	R(syscall(SYS_poll, BAD, 0, 0));
	R(syscall(SYS_ppoll, &pfd, 1, BAD, NULL, 8));
	R(syscall(SYS_ppoll, &pfd, 1, NULL, BAD, 8));
	R(syscall(SYS_select, 1, BAD, NULL, NULL, NULL));
	R(syscall(SYS_select, 0, NULL, NULL, NULL, BAD));
	R(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, 0, BAD));
	R(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_DEL, (int)NEED(epoll_create1(0)), BAD));
	R(syscall(SYS_epoll_wait, ep, BAD, 1, 0));
	R(syscall(SYS_epoll_pwait, ep, BAD, 1, 0, BAD, 8));
}

CASE(futex)
{
	R(syscall(SYS_futex, BAD, 0, 0, NULL, NULL, 0));
	R(syscall(SYS_futex, 0x1001, 0, 0, NULL, NULL, 0));
	R(syscall(SYS_futex, edge(4), 0, 1, NULL, NULL, 0));
	R(syscall(SYS_futex, edge(4), 0, 0, BAD, NULL, 0));
	R(syscall(SYS_futex, BAD, 1, 1, NULL, NULL, 0));
	R(syscall(SYS_set_robust_list, BAD, 23));
	R(syscall(SYS_get_robust_list, 0, BAD, BAD));
}

CASE(sockets)
{
	int s[2];
	char *p = edge(4);
	struct msghdr m = { .msg_iov = BAD, .msg_iovlen = 1 };

	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	R(syscall(SYS_sendto, s[0], BAD, 5, 0, NULL, 0));
	R(syscall(SYS_sendto, s[0], p, 8, 0, NULL, 0));
	R(syscall(SYS_sendto, s[0], p, 4, 0, NULL, 0));
	R(syscall(SYS_recvfrom, s[1], BAD, 5, MSG_DONTWAIT, NULL, NULL));
	R(syscall(SYS_recvfrom, s[1], p, 4, MSG_DONTWAIT, NULL, NULL));
	R(syscall(SYS_sendmsg, s[0], &m, 0));
	R(syscall(SYS_sendmsg, s[0], BAD, 0));
	R(syscall(SYS_recvmsg, s[1], BAD, MSG_DONTWAIT));
	R(syscall(SYS_connect, s[0], BAD, 16));
	R(syscall(SYS_bind, s[0], BAD, 16));
	R(syscall(SYS_bind, s[0], BAD, 1 << 20));
	R(syscall(SYS_bind, s[0], p, -1));
	R(syscall(SYS_getsockname, s[0], p, BAD));
	R(syscall(SYS_setsockopt, s[0], SOL_SOCKET, SO_SNDBUF, BAD, 4));
	R(syscall(SYS_getsockopt, s[0], SOL_SOCKET, SO_TYPE, p, BAD));
}

CASE(readonly_destination)
{
	char *p = map_anon(1, PROT_READ);
	int fd = make_file("f", 1, 0), pipefd[2];

	R(syscall(SYS_read, fd, p, 10));
	R(lseek(fd, 0, SEEK_CUR));
	R(syscall(SYS_fstat, fd, p));
	R(syscall(SYS_pipe, p));
	NEED(pipe(pipefd));
	NEED(write(pipefd[1], "x", 1));
	R(syscall(SYS_read, pipefd[0], p, 1));
	R(syscall(SYS_write, 1, p, 0));
	/* Private file memory that was never touched is fine. */
	char *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	R(syscall(SYS_pread64, fd, q, 3, 0));
}

CASE(kernel_writes_fresh_memory)
{
	int fd = make_file("f", 40, 0);
	char *p = map_anon(64, PROT_READ | PROT_WRITE);

	R(syscall(SYS_read, fd, p + 5, 40 * PAGE));
	say("%c%c%c\n", p[5], p[PAGE + 5], p[39 * PAGE + 5]);
	say_bytes("around", p, 5);
}

/* The other's buffers are looked at when they are used, ours before. */
CASE(process_vm_partly)
{
	char from[40] = "from", to[40];
	struct iovec good = { to, 20 }, bad = { (void *)(1UL << 63), 0 };
	struct iovec half[2] = { { from, 10 }, { (void *)(1UL << 63), 10 } };

	R(process_vm_readv(getpid(), &good, 1, half, 2, 0));
	R(process_vm_readv(getpid(), half, 2, &good, 1, 0));
	R(process_vm_readv(getpid(), &bad, 1, &good, 1, 0));
	R(process_vm_writev(getpid(), &good, 1, half, 2, 0));
}

CASE(iovec_process_vm)
{
	char a[6] = "local", b[6] = "other";
	struct iovec l = { a, 6 }, r = { b, 6 }, bad = { BAD, 6 };

	R(syscall(SYS_process_vm_readv, getpid(), &l, 1, &r, 1, 0));
	say("%s\n", a);
	R(syscall(SYS_process_vm_readv, getpid(), &l, 1, &bad, 1, 0));
	R(syscall(SYS_process_vm_writev, getpid(), &l, 1, &bad, 1, 0));
	R(syscall(SYS_process_vm_readv, getpid(), &l, 1, &r, 1, 1));
	R(syscall(SYS_process_vm_readv, 0x3fffffff, &l, 1, &r, 1, 0));
}
