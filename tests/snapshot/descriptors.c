/* SPDX-License-Identifier: Apache-2.0 */
/* Open files of all kinds that a snapshot can hold: what is in them, their positions, who shares
 * what. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "mark.h"

static void show(const char *what, int fd)
{
	char buf[64];
	ssize_t n = read(fd, buf, sizeof buf);

	printf("%s: %zd %.*s\n", what, n < 0 ? -errno : n, n > 0 ? (int)n : 0, buf);
}

static uint64_t take(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof n) == sizeof n ? n : (uint64_t)-errno;
}

int main(void)
{
	int p[2], packets[2], full[2];
	char page[4096];

	/* files of a directory */
	int f = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (write(f, "0123456789", 10) != 10 || lseek(f, 3, SEEK_SET) != 3)
		return 1;
	int same = dup(f), other = open("file", O_RDONLY | O_CLOEXEC);
	int append = open("file", O_WRONLY | O_APPEND);
	mkdir("dir", 0755);
	int dir = open("dir", O_RDONLY | O_DIRECTORY), place = open("dir", O_PATH);
	char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	char *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
	own[1] = 'o';
	int null = open("/dev/null", O_WRONLY), zero = open("/dev/zero", O_RDONLY);

	/* pipes */
	if (pipe(p) || pipe2(packets, O_DIRECT) || pipe2(full, O_NONBLOCK))
		return 1;
	if (write(p[1], "in the pipe", 11) != 11 || write(packets[1], "one", 3) != 3 ||
	    write(packets[1], "two", 3) != 3)
		return 1;
	fcntl(p[0], F_SETOWN, getpid());
	fcntl(p[0], F_SETSIG, SIGUSR1);
	fcntl(packets[1], F_SETOWN_EX, &(struct f_owner_ex){ F_OWNER_PGRP, getpgrp() });
	memset(page, 'f', sizeof page);
	fcntl(full[1], F_SETPIPE_SZ, 65536 * 2);
	while (write(full[1], page, sizeof page) > 0)
		;

	/* events */
	int ev = eventfd(5, EFD_NONBLOCK), sem = eventfd(3, EFD_SEMAPHORE);
	int far = timerfd_create(CLOCK_MONOTONIC, 0), soon = timerfd_create(CLOCK_MONOTONIC, 0);
	timerfd_settime(far, 0, &(struct itimerspec){ { 7, 0 }, { 5000, 0 } }, NULL);
	timerfd_settime(soon, 0, &(struct itimerspec){ { 0, 0 }, { 0, 1000000 } }, NULL);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int sig = signalfd(-1, &set, SFD_CLOEXEC);
	raise(SIGUSR2);
	pid_t child = fork();
	if (!child) {
		close(full[0]);
		pause();
	}
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	int ep = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &(struct epoll_event){ EPOLLIN, { .u32 = 1 } });
	epoll_ctl(ep, EPOLL_CTL_ADD, pidfd, &(struct epoll_event){ EPOLLIN, { .u32 = 2 } });
	epoll_ctl(ep, EPOLL_CTL_ADD, ev,
		  &(struct epoll_event){ EPOLLIN | EPOLLONESHOT, { .u32 = 3 } });
	epoll_ctl(ep, EPOLL_CTL_ADD, sem, &(struct epoll_event){ EPOLLIN | EPOLLET, { .u32 = 4 } });
	struct epoll_event got[8];
	printf("A %d\n", epoll_wait(ep, got, 8, 0));

	mark();
	struct f_owner_ex ex;
	int owned = fcntl(p[0], F_GETOWN) == getpid() && fcntl(p[1], F_GETOWN) == 0;
	int group =
	    !fcntl(packets[1], F_GETOWN_EX, &ex) && ex.type == F_OWNER_PGRP && ex.pid == getpgrp();
	printf("owners: %d %d %d\n", owned, fcntl(p[0], F_GETSIG), group);

	printf("offset %ld %ld %ld\n", lseek(f, 0, SEEK_CUR), lseek(same, 0, SEEK_CUR),
	       lseek(other, 0, SEEK_CUR));
	show("shared position", f);
	show("the rest", same);
	if (write(append, "end", 3) != 3)
		perror("append");
	show("other", other);
	shared[0] = 'S';
	printf("mapped %.3s %.3s\n", shared, own);
	show("again", open("file", O_RDONLY));
	printf("flags %x %x %x\n", fcntl(append, F_GETFL), fcntl(other, F_GETFD),
	       fcntl(place, F_GETFL));
	struct stat st;
	printf("dir %d %d\n", fstat(dir, &st), fstatat(place, "", &st, AT_EMPTY_PATH));
	printf("made %d\n", openat(place, "new", O_CREAT | O_WRONLY, 0600) > 0);
	printf("devices %zd %zd\n", write(null, "x", 1), read(zero, page, 5));

	show("pipe", p[0]);
	show("packet", packets[0]);
	show("packet", packets[0]);
	int held = 0;
	ioctl(full[0], FIONREAD, &held);
	printf("full %d %d %zd %d\n", held, fcntl(full[0], F_GETPIPE_SZ), write(full[1], "x", 1),
	       errno == EAGAIN);

	printf("eventfd %lu semaphore %lu %lu\n", take(ev), take(sem), take(sem));
	struct itimerspec it;
	timerfd_gettime(far, &it);
	printf("timer %ld %d soon %lu\n", it.it_interval.tv_sec, it.it_value.tv_sec > 4000,
	       take(soon));
	struct signalfd_siginfo si;
	printf("signal %zd %u\n", read(sig, &si, sizeof si), si.ssi_signo);
	printf("none %d\n", epoll_wait(ep, got, 8, 0));
	if (write(p[1], "more", 4) != 4 || eventfd_write(ev, 1))
		return 1;
	printf("level %d\n", epoll_wait(ep, got, 8, 0) == 1 && got[0].data.u32 == 1);
	kill(child, SIGKILL);
	printf("end %d\n", poll(&(struct pollfd){ pidfd, POLLIN, 0 }, 1, -1));
	int n = epoll_wait(ep, got, 8, 0), sum = 0;
	for (int i = 0; i < n; i++)
		sum += (int)got[i].data.u32;
	printf("both %d\n", sum);
	printf("reaped %d\n", waitpid(child, NULL, 0) == child);
	close(full[0]);
	signal(SIGPIPE, SIG_IGN);
	printf("nobody %zd %d\n", write(full[1], "x", 1), errno == EPIPE);
	return 0;
}
