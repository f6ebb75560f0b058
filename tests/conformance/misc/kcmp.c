/* SPDX-License-Identifier: Apache-2.0 */
/* kcmp(2) */
#include "../../lib/case.h"

#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>

static long kcmp(pid_t a, pid_t b, int type, unsigned long x, unsigned long y)
{
	return syscall(SYS_kcmp, a, b, type, x, y);
}

/* The order of two things says nothing: whether it is one says something. */
static long same(long r)
{
	return r > 1 ? 1 : r;
}

CASE(files)
{
	int a = (int)NEED(open("/", O_RDONLY)), b = (int)NEED(dup(a));
	int c = (int)NEED(open("/", O_RDONLY)), p = (int)NEED(open("/", O_PATH));
	pid_t me = getpid();

	R(kcmp(me, me, KCMP_FILE, a, a));
	R(kcmp(me, me, KCMP_FILE, a, b));
	R(same(kcmp(me, me, KCMP_FILE, a, c)));
	R(kcmp(me, me, KCMP_FILE, p, p));
	R(kcmp(me, me, KCMP_FILE, a, 99));
	R(kcmp(me, me, KCMP_FILE, 99, a));
	R(kcmp(me, me, KCMP_FILE, -1UL, a));
	V(kcmp(me, me, KCMP_FILE, a, c) + kcmp(me, me, KCMP_FILE, c, a));
}

static void compare_all(const char *who, pid_t a, pid_t b)
{
	static const int types[] = { KCMP_VM,      KCMP_FILES, KCMP_FS,
				     KCMP_SIGHAND, KCMP_IO,    KCMP_SYSVSEM };

	say("%s\n", who);
	for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
		say("%d: ", types[i]);
		R(same(kcmp(a, b, types[i], 0, 0)));
	}
}

static struct baton ends;

static void *thread(void *arg)
{
	*(pid_t *)arg = gettid();
	give(&((struct baton *)&ends)[0]);
	pause();
	return NULL;
}

static int child_waits(void *arg)
{
	give(&ends);
	pause();
	return 0;
}

CASE(threads_and_processes)
{
	pthread_t th;
	pid_t tid;

	ends = baton_new();
	compare_all("itself", getpid(), getpid());
	MUST(pthread_create(&th, NULL, thread, &tid));
	take(&ends);
	compare_all("its thread", getpid(), tid);
	pid_t pid = child(child_waits, NULL);
	take(&ends);
	compare_all("its child", getpid(), pid);
	R(kcmp(getpid(), pid, KCMP_FILE, 1, 1));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
	static char stack[16384];
	pid = (pid_t)NEED(
	    clone(child_waits, stack + sizeof stack, CLONE_FILES | CLONE_FS | SIGCHLD, NULL));
	take(&ends);
	compare_all("with its files", getpid(), pid);
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

CASE(errors)
{
	pid_t me = getpid();

	R(kcmp(me, me, 99, 0, 0));
	R(kcmp(me, me, -1, 0, 0));
	R(kcmp(me, 0, KCMP_VM, 0, 0));
	R(kcmp(-1, me, KCMP_VM, 0, 0));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0)
		_exit(0);
	siginfo_t si;
	NEED(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	R(same(kcmp(me, pid, KCMP_VM, 0, 0)));
	R(kcmp(me, pid, KCMP_FILE, 0, 0));
	reap("child", pid);
}

CASE(rights)
{
	need_root();
	ends = baton_new();
	pid_t pid = child(child_waits, NULL);
	take(&ends);
	NEED(setresuid(1234, 1234, 1234));
	R(kcmp(getpid(), pid, KCMP_VM, 0, 0));
	R(kcmp(pid, pid, 99, 0, 0));
	NEED(close(1023) == 0 || errno == EBADF ? 0 : -1);
	if (fork() == 0)
		_exit(0);
	wait(NULL);
}

CASE(epoll)
{
	struct kcmp_epoll_slot slot = { 0 };
	int ep = (int)NEED(epoll_create1(0)), p[2];
	struct epoll_event ev = { .events = EPOLLIN };
	pid_t me = getpid();

	NEED(pipe(p));
	NEED(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	slot.efd = (unsigned)ep;
	slot.tfd = (unsigned)p[0];
	R(kcmp(me, me, KCMP_EPOLL_TFD, p[0], (uintptr_t)&slot));
	R(same(kcmp(me, me, KCMP_EPOLL_TFD, p[1], (uintptr_t)&slot)));
	slot.toff = 1;
	R(kcmp(me, me, KCMP_EPOLL_TFD, p[0], (uintptr_t)&slot));
	slot.toff = 0;
	slot.tfd = (unsigned)p[1];
	R(kcmp(me, me, KCMP_EPOLL_TFD, p[0], (uintptr_t)&slot));
	slot.efd = (unsigned)p[0];
	R(kcmp(me, me, KCMP_EPOLL_TFD, p[0], (uintptr_t)&slot));
	slot.efd = 99;
	R(kcmp(me, me, KCMP_EPOLL_TFD, p[0], (uintptr_t)&slot));
	R(kcmp(me, me, KCMP_EPOLL_TFD, p[0], 8));
	R(kcmp(me, me, KCMP_EPOLL_TFD, 99, (uintptr_t)&slot));
	/* two files that had one number */
	int q = (int)NEED(dup(p[0]));
	slot.efd = (unsigned)ep;
	slot.tfd = (unsigned)p[0];
	NEED(dup2(STDOUT_FILENO, p[0]) >= 0 ? 0 : -1);
	R(kcmp(me, me, KCMP_EPOLL_TFD, q, (uintptr_t)&slot));
}
