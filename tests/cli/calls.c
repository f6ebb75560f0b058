/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls whose trace is the same under strace and under hl --strace, but for addresses and
 * process numbers: one of each kind of argument.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CALL(nr, ...) syscall(SYS_##nr, ##__VA_ARGS__)

static void handler(int sig)
{
	(void)sig;
}

static void files(void)
{
	char buf[128];
	struct stat st;
	struct statx stx;
	struct iovec iov[2] = { { buf, 3 }, { buf + 3, 100 } };
	struct flock fl = { .l_type = F_RDLCK };
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };
	int fd = (int)CALL(openat, AT_FDCWD, "file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	CALL(write, fd, "line\n\t\"quoted\" \\ \1\0022 and longer than what is shown\377", 51);
	CALL(pread64, fd, buf, 10, 2L);
	CALL(lseek, fd, -5L, SEEK_END);
	CALL(readv, fd, iov, 2);
	CALL(lseek, fd, 0L, SEEK_SET);
	CALL(readv, fd, iov, 2);
	CALL(writev, fd, iov, 2);
	CALL(newfstatat, AT_FDCWD, "file", &st, 0);
	CALL(newfstatat, AT_FDCWD, "/dev/null", &st, AT_SYMLINK_NOFOLLOW);
	CALL(newfstatat, AT_FDCWD, "missing", &st, 0);
	CALL(fstat, fd, &st);
	CALL(statx, AT_FDCWD, "missing", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx);
	CALL(access, "file", R_OK | W_OK);
	CALL(faccessat, AT_FDCWD, "missing", F_OK);
	CALL(openat, AT_FDCWD, "missing/x", O_PATH | O_NOFOLLOW | O_DIRECTORY);
	CALL(fcntl, fd, F_GETFD);
	CALL(fcntl, fd, F_SETFD, 0);
	CALL(fcntl, fd, F_GETFL);
	CALL(fcntl, fd, F_SETFL, O_APPEND | O_NONBLOCK);
	CALL(fcntl, fd, F_SETLK, &fl);
	CALL(fcntl, fd, F_DUPFD_CLOEXEC, 10);
	CALL(flock, fd, LOCK_EX | LOCK_NB);
	CALL(fchmod, fd, 0600);
	CALL(chmod, "missing", 04755);
	CALL(fchown, fd, -1, -1);
	CALL(ftruncate, fd, 10L);
	CALL(fallocate, fd, 1, 0L, 100L);
	CALL(fsync, fd);
	CALL(utimensat, AT_FDCWD, "file", times, 0);
	CALL(symlink, "target", "link");
	CALL(readlink, "link", buf, sizeof buf);
	CALL(mkdir, "dir", 0755);
	CALL(mknodat, AT_FDCWD, "fifo", S_IFIFO | 0600, 0);
	CALL(renameat2, AT_FDCWD, "link", AT_FDCWD, "dir/link", RENAME_NOREPLACE);
	CALL(unlinkat, AT_FDCWD, "missing", AT_REMOVEDIR);
	CALL(umask, 027);
	CALL(getxattr, "file", "user.none", buf, sizeof buf);
	CALL(close_range, 100, ~0U, 0);
	CALL(close, 99);
	CALL(close, fd);
}

static void memory(void)
{
	unsigned char vec[2];
	char *p = (char *)CALL(mmap, NULL, 8192L, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);

	p[0] = 1;
	CALL(mincore, p, 4096L, vec);
	CALL(mprotect, p, 4096L, PROT_NONE);
	CALL(madvise, p + 4096, 4096L, MADV_DONTNEED);
	CALL(mremap, p + 4096, 4096L, 8192L, MREMAP_MAYMOVE);
	CALL(msync, p, 4096L, MS_SYNC);
	CALL(munmap, p, 4096L);
	CALL(mmap, NULL, 0L, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_STACK,
	     99, 4096L);
	CALL(memfd_create, "name", 1);
}

static void descriptors(void)
{
	int p[2], s[2], one = 1, n;
	char buf[64];
	uint64_t zero = 0;
	struct pollfd fds[2];
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = 7 };
	struct timespec ts = { 0, 1000 };
	fd_set set;

	CALL(pipe2, p, O_CLOEXEC);
	CALL(ioctl, p[0], FIONREAD, &n);
	CALL(ioctl, p[0], FIONBIO, &one);
	CALL(ioctl, p[0], FIOCLEX);
	CALL(ioctl, p[0], TCGETS, buf);
	CALL(read, p[0], buf, sizeof buf);
	fds[0] = (struct pollfd){ p[0], POLLIN | POLLPRI, 0 };
	fds[1] = (struct pollfd){ -1, 0, 0 };
	CALL(poll, fds, 2, 1);
	CALL(write, p[1], "hello", 5);
	CALL(poll, fds, 2, -1);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	CALL(select, p[0] + 1, &set, NULL, NULL, NULL);
	FD_ZERO(&set);
	CALL(pselect6, 1, &set, NULL, &set, &ts, NULL);
	n = (int)CALL(epoll_create1, EPOLL_CLOEXEC);
	CALL(epoll_ctl, n, EPOLL_CTL_ADD, p[0], &ev);
	CALL(epoll_pwait, n, &ev, 4, -1, &zero, 8);
	CALL(epoll_ctl, n, EPOLL_CTL_DEL, p[0], NULL);
	CALL(epoll_pwait, n, &ev, 4, 0, NULL, 8);
	CALL(eventfd2, 3, EFD_SEMAPHORE | EFD_CLOEXEC);
	CALL(timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK);
	CALL(signalfd4, -1, &zero, 8, SFD_CLOEXEC);
	CALL(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
	CALL(sendto, s[0], "datagram", 8, MSG_NOSIGNAL, NULL, 0);
	CALL(recvfrom, s[1], buf, sizeof buf, MSG_DONTWAIT, NULL, NULL);
	CALL(shutdown, s[0], SHUT_RDWR);
	CALL(getsockopt, s[0], SOL_SOCKET, SO_TYPE, &n, &(socklen_t){ sizeof n });
	CALL(dup3, s[0], s[0], O_CLOEXEC);
}

static void messages(void)
{
	int s[2], fd = 0;
	char data[64], control[CMSG_SPACE(sizeof fd)] __attribute__((aligned(8)));
	struct sockaddr_un un = { AF_UNIX, "missing.sock" };
	struct sockaddr_in in = { AF_INET, htons(80), { htonl(INADDR_LOOPBACK) }, { 0 } };
	struct iovec iov = { data, 2 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	memcpy(data, "ab", 3);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	CALL(socketpair, AF_UNIX, SOCK_DGRAM, 0, s);
	CALL(sendmsg, s[0], &m, 0);
	iov.iov_len = sizeof data;
	CALL(recvmsg, s[1], &m, 0);
	CALL(connect, s[0], &un, sizeof un);
	CALL(connect, -1, &in, sizeof in);
}

static void signals(void)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART };
	uint64_t set = 1UL << (SIGUSR2 - 1), none = 0;
	stack_t ss = { .ss_sp = malloc(8192), .ss_size = 8192 };
	struct timespec ts = { 0, 1 };

	sigaddset(&sa.sa_mask, SIGINT);
	sigaction(SIGUSR1, &sa, NULL);
	CALL(rt_sigaction, SIGUSR1, NULL, NULL, 8);
	CALL(rt_sigprocmask, SIG_BLOCK, &set, &none, 8);
	CALL(tgkill, getpid(), gettid(), SIGUSR2);
	CALL(rt_sigpending, &none, 8);
	CALL(rt_sigtimedwait, &set, NULL, &ts, 8);
	CALL(tgkill, getpid(), gettid(), SIGUSR1);
	CALL(sigaltstack, &ss, NULL);
	CALL(sigaltstack, NULL, &ss);
}

static void others(void)
{
	struct timespec ts = { 0, 1000 };
	struct rlimit rl;
	struct itimerval it = { .it_value = { 1000, 0 } };
	uint32_t word = 5;
	char name[16];
	int status;
	cpu_set_t cpus;

	CALL(prlimit64, 0, RLIMIT_STACK, NULL, &rl);
	CALL(setitimer, ITIMER_REAL, &it, NULL);
	CALL(nanosleep, &ts, NULL);
	CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, &ts);
	CALL(clock_gettime, 99, &ts);
	CALL(futex, &word, FUTEX_WAIT_PRIVATE, 4, NULL);
	CALL(futex, &word, FUTEX_WAKE, 1);
	CALL(futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 4, NULL, NULL,
	     FUTEX_BITSET_MATCH_ANY);
	CALL(prctl, PR_SET_NAME, "renamed");
	CALL(prctl, PR_GET_NAME, name);
	CALL(prctl, PR_SET_PDEATHSIG, SIGTERM);
	CALL(sched_getscheduler, 0);
	CALL(sched_setaffinity, 0, sizeof cpus, NULL);
	CALL(getpriority, PRIO_PROCESS, 0);
	CALL(getresuid, &word, &word, &word);
	CALL(setresgid, -1, -1, -1);
	CALL(uname, malloc(400));
	CALL(wait4, -1, &status, WNOHANG, NULL);
	CALL(kill, 0x7ffffff0, SIGCONT);
	CALL(execve, "missing", ((const char *[]){ "a", "b\n", NULL }), ((char *[]){ NULL }));
	syscall(1000, 1, 2, 3, 0, 0, 0);
}

int main(void)
{
	files();
	memory();
	descriptors();
	messages();
	signals();
	others();
	*(volatile int *)16 = 1;
	return 0;
}
