/* SPDX-License-Identifier: Apache-2.0 */
/* pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), waiting by pidfd. */
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "case.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static pid_t pausing(void)
{
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static int pidfd_open(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static int send_signal(int fd, int sig, siginfo_t *info, unsigned flags)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, sig, info, flags);
}

CASE(open)
{
	pid_t pid = pausing();
	int fd = (int)R(pidfd_open(pid, 0));

	V(fcntl(fd, F_GETFD));
	R(pidfd_open(pid, O_NONBLOCK));
	R(pidfd_open(pid, 0x100));
	R(pidfd_open(-1, 0));
	R(pidfd_open(0, 0));
	R(pidfd_open(0x3ffffff, 0));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
	R(pidfd_open(pid, 0));
}

CASE(poll)
{
	pid_t pid = pausing();
	struct pollfd f = { .fd = (int)NEED(pidfd_open(pid, 0)), .events = POLLIN };

	R(poll(&f, 1, 0));
	NEED(kill(pid, SIGTERM));
	R(poll(&f, 1, -1));
	X(f.revents);
	reap("child", pid);
	R(poll(&f, 1, 0));
	V((f.revents & POLLIN) != 0);
}

static pid_t other;
static struct baton go;

static void *exec_self(void *arg)
{
	char role[] = "role:hold", *argv[] = { case_self, role, NULL };

	other = (pid_t)syscall(SYS_gettid);
	give(arg);
	take(&go);
	execv(case_self, argv);
	return NULL;
}

ROLE(hold)
{
	NEED(kill(getpid(), SIGSTOP));
}

static void poll_now(const char *what, int fd, int timeout)
{
	struct pollfd f = { .fd = fd, .events = POLLIN };
	int n = poll(&f, 1, timeout);

	say("%s: %d, 0x%x\n", what, n, f.revents);
}

/* A thread that executes a program has the leader's number from then on, and its own names
 * nobody. */
CASE(thread_that_executes)
{
	struct baton ready = baton_new();
	pid_t tid;
	int numbers[2];

	go = baton_new();
	NEED(pipe(numbers));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		pthread_t t;

		MUST(pthread_create(&t, NULL, exec_self, &ready));
		take(&ready);
		NEED(write(numbers[1], &other, sizeof other));
		for (;;)
			pause();
	}
	NEED(read(numbers[0], &tid, sizeof tid));
	int leader = (int)NEED(pidfd_open(pid, O_EXCL)),
	    thread = (int)NEED(pidfd_open(tid, O_EXCL));
	poll_now("thread before", thread, 0);
	give(&go);
	NEED(waitid(P_PID, pid, &(siginfo_t){ 0 }, WSTOPPED));
	poll_now("thread", thread, -1);
	poll_now("leader", leader, 0);
	NEED(kill(pid, SIGKILL));
	poll_now("leader", leader, -1);
	reap("process", pid);
	poll_now("leader", leader, -1);
}

static void *outlive(void *arg)
{
	take(arg);
	return NULL;
}

/* A leader that ends before its threads is not told of until they have ended, too. */
CASE(leader_that_ends_first)
{
	struct baton hold = baton_new(), ready = baton_new();
	char path[64], state;

	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		pthread_t t;

		MUST(pthread_create(&t, NULL, outlive, &hold));
		give(&ready);
		syscall(SYS_exit, 0);
	}
	take(&ready);
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	do {
		char buf[512];
		int fd = (int)NEED(open(path, O_RDONLY));
		ssize_t n = NEED(read(fd, buf, sizeof buf - 1));
		close(fd);
		buf[n] = 0;
		state = strrchr(buf, ')')[2];
	} while (state != 'Z');
	int leader = (int)NEED(pidfd_open(pid, O_EXCL));
	poll_now("leader", leader, 0);
	give(&hold);
	poll_now("leader", leader, -1);
	reap("process", pid);
}

struct info {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
	uint32_t newer[4];
};

static void say_info(int fd, pid_t pid, uint64_t mask, size_t size)
{
	struct info i;

	memset(&i, 0xff, sizeof i);
	i.mask = mask;
	if (ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 0xff, 11, size), &i)) {
		say("%s\n", strerrorname_np(errno));
		return;
	}
	say("mask 0x%lx pid %d tgid %d ppid %d exit 0x%x; newer %d; ids",
	    (unsigned long)(i.mask & 0xb), i.pid == (uint32_t)pid, i.tgid == (uint32_t)pid,
	    i.ppid == (uint32_t)getpid(), i.mask & 8 ? (unsigned)i.exit_code : 0, i.newer[3]);
	for (int n = 0; n < 8; n++)
		say(" %u", i.ids[n]);
	say("\n");
}

CASE(info)
{
	need_root();
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		NEED(setresgid(21, 22, 23));
		NEED(setresuid(11, 12, 13));
		kill(getpid(), SIGSTOP);
		_exit(7);
	}
	int fd = (int)NEED(pidfd_open(pid, 0));
	NEED(waitid(P_PID, pid, &(siginfo_t){ 0 }, WSTOPPED));
	say_info(fd, pid, 3, sizeof(struct info));
	say_info(fd, pid, 0xb, 64);
	say_info(fd, pid, 3, 60);
	NEED(kill(pid, SIGCONT));
	NEED(waitid(P_PID, pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT));
	say_info(fd, pid, 0xb, 64);
	reap("child", pid);
	say_info(fd, pid, 3, 64);
	say_info(fd, pid, 0xb, 64);
	R(ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 0xff, 11, 64), NULL));
}

CASE(epoll)
{
	pid_t pid = pausing();
	int fd = (int)NEED(pidfd_open(pid, 0)), ep = (int)NEED(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };

	NEED(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
	R(epoll_wait(ep, &e, 1, 0));
	NEED(kill(pid, SIGTERM));
	R(epoll_wait(ep, &e, 1, -1));
	X(e.events);
	reap("child", pid);
}

CASE(send_signal)
{
	pid_t pid = pausing();
	int fd = (int)NEED(pidfd_open(pid, 0));

	R(send_signal(fd, 0, NULL, 0));
	R(send_signal(fd, 99, NULL, 0));
	R(send_signal(fd, SIGTERM, NULL, 0x1000));
	R(send_signal(0, SIGTERM, NULL, 0));
	R(send_signal(99, SIGTERM, NULL, 0));
	siginfo_t i = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	R(send_signal(fd, SIGTERM, &i, 0));
	R(send_signal(fd, SIGTERM, NULL, 0));
	reap("child", pid);
	R(send_signal(fd, SIGTERM, NULL, 0));
}

CASE(wait)
{
	pid_t pid = fork();
	siginfo_t i = { 0 };

	if (pid == 0)
		_exit(9);
	int fd = (int)NEED(pidfd_open(pid, 0));
	R(waitid(P_PIDFD, fd, &i, WEXITED | WNOWAIT));
	R(waitid(P_PIDFD, fd, &i, WEXITED));
	say("status %d pid %d\n", i.si_status, i.si_pid == pid);
	R(waitid(P_PIDFD, fd, &i, WEXITED));
	pid = pausing();
	fd = (int)NEED(pidfd_open(pid, O_NONBLOCK));
	R(waitid(P_PIDFD, fd, &i, WEXITED));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

struct waiting {
	int fd;
	_Atomic pid_t tid;
	int result, status;
};

static void *wait_by_pidfd(void *arg)
{
	struct waiting *w = arg;
	siginfo_t i = { 0 };

	w->tid = gettid();
	w->result = waitid(P_PIDFD, w->fd, &i, WEXITED) ? errno : 0;
	w->status = i.si_status;
	return NULL;
}

/* Who sleeps by a descriptor sleeps on when it is closed, and used for something else. */
CASE(wait_closed)
{
	for (int round = 0; round < 20; round++) {
		pid_t pid = pausing();
		struct waiting w = { .fd = (int)NEED(pidfd_open(pid, 0)) };
		pthread_t t;

		NEED(-pthread_create(&t, NULL, wait_by_pidfd, &w));
		while (!w.tid || state_of_thread(w.tid) != 'S')
			sched_yield();
		close(w.fd);
		NEED(open("/dev/null", O_RDONLY));
		for (int looks = 0; looks < 100; looks++)
			state_of_thread(w.tid);
		NEED(kill(pid, SIGKILL));
		pthread_join(t, NULL);
		say("%d %d\n", w.result, w.status);
		close(w.fd);
	}
}

CASE(getfd)
{
	int p[2];
	char b[8] = "";

	NEED(pipe(p));
	NEED(write(p[1], "shared", 6));
	pid_t pid = pausing();
	close(p[0]);
	int fd = (int)NEED(pidfd_open(pid, 0));
	int got = (int)R(syscall(SYS_pidfd_getfd, fd, p[0], 0));
	R(read(got, b, 8));
	say("%s\n", b);
	V(fcntl(got, F_GETFD));
	R(syscall(SYS_pidfd_getfd, fd, 99, 0));
	R(syscall(SYS_pidfd_getfd, fd, p[1], 1));
	R(syscall(SYS_pidfd_getfd, 0, p[1], 0));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
	R(syscall(SYS_pidfd_getfd, fd, p[1], 0));
}

CASE(fdinfo)
{
	pid_t pid = pausing();
	int fd = (int)NEED(pidfd_open(pid, 0));
	char path[40], line[200];
	int shown = 0;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "Pid: %d", &shown) == 1)
			V(shown == pid);
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}
