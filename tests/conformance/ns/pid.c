/* SPDX-License-Identifier: Apache-2.0 */
/* Pid namespaces (pid_namespaces(7)): numbers in each of them, init and its end, /proc. */
#include <dirent.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "case.h"

static void own_users(void)
{
	if (geteuid() == 0)
		return;
	char text[64];
	unsigned uid = geteuid();

	NEED(unshare(CLONE_NEWUSER));
	snprintf(text, sizeof text, "0 %u 1", uid);
	int fd = (int)NEED(open("/proc/self/uid_map", O_WRONLY));
	NEED(write(fd, text, strlen(text)));
	close(fd);
}

static pid_t clone_with(unsigned long flags, int (*fn)(void *), void *arg)
{
	own_users();
	pid_t pid = (pid_t)NEED(syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0));
	if (pid == 0)
		_exit(fn(arg));
	return pid;
}

static int say_numbers(void *arg)
{
	V(getpid());
	V(getppid());
	V(syscall(SYS_gettid));
	V(getpgrp());
	V(getsid(0));
	R(setsid());
	V(getsid(0));
	V(getpgid(0));
	R(getpgid(2));
	return 7;
}

CASE(numbers)
{
	reap("init", clone_with(CLONE_NEWPID, say_numbers, NULL));
}

static int forks(void *arg)
{
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(getpid());
		V(pid);
		int st;
		V(waitpid(pid, &st, 0));
		V(WEXITSTATUS(st));
	}
	siginfo_t si;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	R(waitid(P_ALL, 0, &si, WEXITED));
	V(si.si_pid);
	return 0;
}

CASE(children)
{
	reap("init", clone_with(CLONE_NEWPID, forks, NULL));
}

CASE(unshared)
{
	own_users();
	R(unshare(CLONE_NEWPID));
	R(unshare(CLONE_NEWPID));
	char link[64];
	R(readlink("/proc/self/ns/pid_for_children", link, sizeof link));
	V(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, 0, 0, 0));
	pid_t pid = child(say_numbers, NULL);
	reap("init", pid);
	R(fork());
	R(vfork());
}

static int orphan(void *arg)
{
	if (fork() == 0) {
		if (fork() == 0) {
			while (getppid() != 1)
				poll(NULL, 0, 1);
			_exit(3);
		}
		_exit(2);
	}
	int st;
	pid_t a = wait(&st);
	say("%d: %d\n", a, WEXITSTATUS(st));
	a = wait(&st);
	say("%d: %d\n", a, WEXITSTATUS(st));
	R(wait(&st));
	return 0;
}

CASE(orphans)
{
	reap("init", clone_with(CLONE_NEWPID, orphan, NULL));
}

static int subreaper(void *arg)
{
	pid_t pid = fork();
	if (pid == 0) {
		R(prctl(PR_SET_CHILD_SUBREAPER, 1));
		if (fork() == 0) {
			if (fork() == 0) {
				while (getppid() != 2)
					poll(NULL, 0, 1);
				_exit(4);
			}
			_exit(5);
		}
		int st;
		pid_t a = wait(&st), b = wait(&st);
		say("%d %d: %d\n", a, b, WEXITSTATUS(st));
		_exit(0);
	}
	reap("reaper", pid);
	return 0;
}

CASE(subreapers)
{
	reap("init", clone_with(CLONE_NEWPID, subreaper, NULL));
}

/* ---- init and signals ---- */

static int hits_itself(void *arg)
{
	R(kill(1, SIGTERM));
	R(kill(1, SIGKILL));
	R(kill(getpid(), SIGSTOP));
	R(raise(SIGUSR1));
	pid_t pid = fork();
	if (pid == 0) {
		R(kill(1, SIGKILL));
		R(kill(1, SIGINT));
		R(kill(-1, SIGKILL));
		_exit(0);
	}
	reap("child", pid);
	return 5;
}

CASE(immune)
{
	reap("init", clone_with(CLONE_NEWPID, hits_itself, NULL));
}

static int handled;
static void count(int sig)
{
	handled++;
}

static int handles(void *arg)
{
	handle(SIGTERM, count, 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(kill(1, SIGTERM) ? 1 : 0);
	reap("child", pid);
	V(handled);
	return 0;
}

CASE(handlers)
{
	reap("init", clone_with(CLONE_NEWPID, handles, NULL));
}

static int waits(void *arg)
{
	struct baton *b = arg;

	give(b);
	while (pause() == -1)
		;
	return 0;
}

CASE(killed_from_outside)
{
	struct baton b = baton_new();
	pid_t pid = clone_with(CLONE_NEWPID, waits, &b);

	take(&b);
	R(kill(pid, SIGTERM));
	R(kill(pid, SIGUSR1));
	R(kill(pid, SIGKILL));
	reap("init", pid);
}

CASE(stopped_from_outside)
{
	struct baton b = baton_new();
	pid_t pid = clone_with(CLONE_NEWPID, waits, &b);
	int st;

	take(&b);
	R(kill(pid, SIGTSTP));
	R(kill(pid, SIGSTOP));
	V(waitpid(pid, &st, WUNTRACED) == pid);
	say_status("init", st);
	R(kill(pid, SIGCONT));
	R(kill(pid, SIGKILL));
	reap("init", pid);
}

static int faults(void *arg)
{
	*(volatile int *)16 = 0;
	return 0;
}

CASE(fault)
{
	struct rlimit none = { 0, 0 };

	NEED(setrlimit(RLIMIT_CORE, &none));
	reap("init", clone_with(CLONE_NEWPID, faults, NULL));
}

static int sender_seen(void *arg)
{
	struct baton *b = arg;
	sigset_t set = SET(SIGUSR1, SIGRTMIN);
	siginfo_t si;

	block(set);
	give(&b[0]);
	NEED(sigwaitinfo(&set, &si));
	say("%s from %d\n", signal_name(si.si_signo), si.si_pid);
	NEED(sigwaitinfo(&set, &si));
	say("%s from %d, %d\n", signal_name(si.si_signo), si.si_pid, si.si_value.sival_int);
	if (fork() == 0)
		_exit(kill(1, SIGUSR1));
	NEED(sigwaitinfo(&set, &si));
	say("%s from %d\n", signal_name(si.si_signo), si.si_pid);
	return 0;
}

CASE(senders)
{
	struct baton b[2] = { baton_new(), baton_new() };
	pid_t pid = clone_with(CLONE_NEWPID, sender_seen, b);

	take(&b[0]);
	NEED(kill(pid, SIGUSR1));
	NEED(sigqueue(pid, SIGRTMIN, (union sigval){ .sival_int = 9 }));
	reap("init", pid);
}

/* ---- its end ---- */

static int leaves_others(void *arg)
{
	int *fd = arg;

	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			if (i == 1)
				signal(SIGTERM, SIG_IGN);
			if (i == 2 && fork() == 0)
				setsid();
			NEED(write(fd[1], "x", 1));
			for (;;)
				pause();
		}
	}
	char c;
	for (int i = 0; i < 4; i++)
		NEED(read(fd[0], &c, 1));
	return 6;
}

CASE(all_end)
{
	int fd[2], seen[2];
	char c;

	NEED(pipe(fd));
	NEED(pipe(seen));
	pid_t pid = clone_with(CLONE_NEWPID, leaves_others, fd);
	close(fd[1]);
	reap("init", pid);
	/* nobody has it open for writing any more */
	R(read(fd[0], &c, 1));
}

static int ends_with_zombie(void *arg)
{
	if (fork() == 0)
		_exit(0);
	siginfo_t si;
	NEED(waitid(P_ALL, 0, &si, WEXITED | WNOWAIT));
	return 0;
}

CASE(zombies)
{
	reap("init", clone_with(CLONE_NEWPID, ends_with_zombie, NULL));
}

static int nested(void *arg)
{
	int depth = *(int *)arg;

	V(getpid());
	if (!depth)
		return 1;
	depth--;
	pid_t pid = clone_with(CLONE_NEWPID, nested, &depth);
	reap("inner", pid);
	V(pid);
	return 0;
}

CASE(nesting)
{
	int depth = 4;

	reap("outer", clone_with(CLONE_NEWPID, nested, &depth));
}

static int as_deep_as_may_be(void *arg)
{
	int *depth = arg, st;

	(*depth)++;
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(as_deep_as_may_be(depth));
	if (pid == -1) {
		say("%s\n", strerrorname_np(errno));
		_exit(*depth);
	}
	waitpid(pid, &st, 0);
	return WEXITSTATUS(st);
}

CASE(depth)
{
	int depth = 0;

	pid_t pid = clone_with(CLONE_NEWPID, as_deep_as_may_be, &depth);
	int st;
	NEED(waitpid(pid, &st, 0));
	V(WEXITSTATUS(st) > 20);
}

static int ends_nested(void *arg)
{
	struct baton *b = arg;

	clone_with(CLONE_NEWPID, waits, b);
	take(b);
	return 0;
}

CASE(ends_with_nested)
{
	struct baton b = baton_new();

	reap("outer", clone_with(CLONE_NEWPID, ends_nested, &b));
}

/* ---- entering ---- */

CASE(enter)
{
	struct baton b = baton_new();
	char path[64];
	struct stat x, y;

	pid_t pid = clone_with(CLONE_NEWPID, waits, &b);
	take(&b);
	snprintf(path, sizeof path, "/proc/%d/ns/pid", pid);
	int ns = (int)NEED(open(path, O_RDONLY));
	X(ioctl(ns, NS_GET_NSTYPE));
	int parent = ioctl(ns, NS_GET_PARENT);
	V(parent >= 0);
	NEED(fstat(parent, &x));
	NEED(stat("/proc/self/ns/pid", &y));
	V(x.st_ino == y.st_ino);
	R(setns(ns, CLONE_NEWPID));
	V(getpid() != 1);
	NEED(stat("/proc/self/ns/pid", &y));
	V(x.st_ino == y.st_ino);
	NEED(fstat(ns, &x));
	NEED(stat("/proc/self/ns/pid_for_children", &y));
	V(x.st_ino == y.st_ino);
	pid_t in = child(say_numbers, NULL);
	reap("entered", in);
	R(unshare(CLONE_NEWPID));
	R(setns(parent, CLONE_NEWPID));
	in = fork();
	if (in == 0)
		_exit(getpid() > 3);
	reap("outside", in);
	NEED(setns(ns, 0));
	in = fork();
	if (in == 0) {
		R(setns(parent, CLONE_NEWPID));
		R(ioctl(ns, NS_GET_PARENT));
		_exit(0);
	}
	reap("from within", in);
	NEED(kill(pid, SIGKILL));
	reap("init", pid);
	R(fork());
	R(setns(parent, CLONE_NEWPID));
}

/* ---- numbers that travel ---- */

static int writes_number(void *arg)
{
	int s = *(int *)arg;
	char byte = 0, control[CMSG_SPACE(sizeof(struct ucred))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&m);

	NEED(write(s, "", 1));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_CREDENTIALS;
	cm->cmsg_len = CMSG_LEN(sizeof(struct ucred));
	*(struct ucred *)(void *)CMSG_DATA(cm) = (struct ucred){ 1, getuid(), getgid() };
	R(sendmsg(s, &m, 0));
	((struct ucred *)(void *)CMSG_DATA(cm))->pid = 77;
	R(sendmsg(s, &m, 0));
	struct ucred c;
	socklen_t len = sizeof c;
	NEED(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &c, &len));
	V(c.pid);
	return 0;
}

CASE(credentials)
{
	int s[2], on = 1;
	bool from_init[2];

	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	NEED(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	pid_t pid = clone_with(CLONE_NEWPID, writes_number, &s[0]);
	for (int i = 0; i < 2; i++) {
		char byte, control[CMSG_SPACE(sizeof(struct ucred))] = { 0 };
		struct iovec iov = { &byte, 1 };
		struct msghdr m = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof control };
		NEED(recvmsg(s[1], &m, 0));
		struct ucred *c = (struct ucred *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&m));
		from_init[i] = c->pid == pid;
	}
	reap("init", pid);
	V(from_init[0]);
	V(from_init[1]);
}

static int tests_lock(void *arg)
{
	struct flock l = { .l_type = F_WRLCK };

	R(fcntl(*(int *)arg, F_GETLK, &l));
	V(l.l_type == F_WRLCK);
	V(l.l_pid);
	R(fcntl(*(int *)arg, F_GETOWN));
	R(fcntl(*(int *)arg, F_SETOWN, 1));
	R(fcntl(*(int *)arg, F_GETOWN));
	return 0;
}

CASE(locks)
{
	int fd = (int)NEED(open("locked", O_RDWR | O_CREAT, 0644));
	struct flock l = { .l_type = F_WRLCK };

	NEED(fcntl(fd, F_SETLK, &l));
	NEED(fcntl(fd, F_SETOWN, getpid()));
	pid_t pid = clone_with(CLONE_NEWPID, tests_lock, &fd);
	reap("init", pid);
}

/* ---- /proc ---- */

static void say_lines(const char *path, const char *prefix)
{
	char line[512];
	FILE *f = fopen(path, "r");

	if (!f) {
		say("%s: %s\n", path, strerrorname_np(errno));
		return;
	}
	while (fgets(line, sizeof line, f)) {
		if (!strncmp(line, prefix, strlen(prefix)))
			say("%s", line);
	}
	fclose(f);
}

static int own_proc(void *arg)
{
	char link[64] = { 0 };

	NEED(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	R(readlink("/proc/self", link, sizeof link) > 0 ? 0 : -1);
	R(mount("proc", "/proc", "proc", 0, NULL));
	memset(link, 0, sizeof link);
	NEED(readlink("/proc/self", link, sizeof link - 1));
	say("self: %s\n", link);
	memset(link, 0, sizeof link);
	NEED(readlink("/proc/thread-self", link, sizeof link - 1));
	say("thread-self: %s\n", link);
	pid_t pid = fork();
	if (pid == 0) {
		say_lines("/proc/self/status", "NS");
		say_lines("/proc/self/status", "Tgid");
		say_lines("/proc/self/status", "Pid");
		say_lines("/proc/self/status", "PPid");
		_exit(0);
	}
	reap("child", pid);
	R(access("/proc/1", F_OK));
	R(access("/proc/2", F_OK));
	R(access("/proc/3", F_OK));
	int fd = (int)syscall(SYS_pidfd_open, 1, 0);
	V(fd >= 0);
	snprintf(link, sizeof link, "/proc/self/fdinfo/%d", fd);
	say_lines(link, "Pid");
	say_lines(link, "NSpid");
	say_lines("/proc/1/task/1/status", "Pid");
	return 0;
}

CASE(proc)
{
	reap("init", clone_with(CLONE_NEWPID | CLONE_NEWNS, own_proc, NULL));
}

CASE(status_from_outside)
{
	struct baton b = baton_new();
	char path[64], line[256];
	pid_t pid = clone_with(CLONE_NEWPID, waits, &b);
	int tgid, outer, inner;

	take(&b);
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "NSpid: %d %d", &outer, &inner) == 2)
			say("NSpid: %d %d\n", outer == pid, inner);
		else if (sscanf(line, "NSpgid: %d %d", &outer, &inner) == 2)
			say("NSpgid: %d %d\n", outer == getpgrp(), inner);
		else if (sscanf(line, "Tgid: %d", &tgid) == 1)
			say("Tgid: %d\n", tgid == pid);
	}
	NEED(kill(pid, SIGKILL));
	reap("init", pid);
}

/* ---- wished numbers ---- */

static int wish(void *arg)
{
	pid_t set[] = { 55, 56 };
	struct clone_args ca = { .exit_signal = SIGCHLD,
				 .set_tid = (uintptr_t)set,
				 .set_tid_size = 1 };

	long pid = syscall(SYS_clone3, &ca, sizeof ca);
	if (pid == 0)
		_exit(getpid());
	V(pid);
	reap("wished", (pid_t)pid);
	set[0] = 1;
	R(syscall(SYS_clone3, &ca, sizeof ca));
	set[0] = 0;
	R(syscall(SYS_clone3, &ca, sizeof ca));
	set[0] = 1 << 30;
	R(syscall(SYS_clone3, &ca, sizeof ca));
	ca.set_tid_size = 33;
	R(syscall(SYS_clone3, &ca, sizeof ca));
	ca.set_tid_size = 0;
	R(syscall(SYS_clone3, &ca, sizeof ca));
	return 0;
}

CASE(wishes)
{
	reap("init", clone_with(CLONE_NEWPID, wish, NULL));
}

/* ---- who traces from outside ---- */

static int traced(void *arg)
{
	NEED(ptrace(PTRACE_TRACEME, 0, 0, 0));
	kill(getpid(), SIGSTOP);
	if (fork() == 0)
		_exit(0);
	wait(NULL);
	return 0;
}

CASE(trace)
{
	unsigned long message;
	int st;

	pid_t pid = clone_with(CLONE_NEWPID, traced, NULL);
	NEED(waitpid(pid, &st, 0));
	say_status("traced", st);
	NEED(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL));
	NEED(ptrace(PTRACE_CONT, pid, 0, 0));
	NEED(waitpid(pid, &st, 0));
	say_status("traced", st);
	R(ptrace(PTRACE_GETEVENTMSG, pid, 0, &message));
	V(message > 2);
	NEED(waitpid((pid_t)message, &st, __WALL));
	say_status("child", st);
	NEED(ptrace(PTRACE_DETACH, (pid_t)message, 0, 0));
	NEED(ptrace(PTRACE_DETACH, pid, 0, 0));
	reap("init", pid);
}

/* ---- reboot(2) ---- */

static int reboots(void *arg)
{
	unsigned command = *(unsigned *)arg;

	R(syscall(SYS_reboot, 0, 0, command, NULL));
	R(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, 1, command, NULL));
	R(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_ON,
		  NULL));
	pid_t pid = fork();
	if (pid == 0) {
		R(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, NULL));
		say("still there\n");
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	say("still there\n");
	return 0;
}

static int reboots_itself(void *arg)
{
	R(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2A, *(unsigned *)arg, "x"));
	return 3;
}

CASE(reboot)
{
	unsigned commands[] = { LINUX_REBOOT_CMD_RESTART, LINUX_REBOOT_CMD_RESTART2,
				LINUX_REBOOT_CMD_POWER_OFF, LINUX_REBOOT_CMD_HALT };

	for (unsigned i = 0; i < 4; i++) {
		reap("init", clone_with(CLONE_NEWPID, reboots, &commands[i]));
		reap("init", clone_with(CLONE_NEWPID, reboots_itself, &commands[i]));
	}
}

static int reboots_without_rights(void *arg)
{
	NEED(unshare(CLONE_NEWUSER));
	R(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART,
		  NULL));
	return 0;
}

CASE(reboot_without_rights)
{
	reap("init", clone_with(CLONE_NEWPID, reboots_without_rights, NULL));
}

/* ---- the next number ---- */

static int chooses(void *arg)
{
	static const char *const texts[] = { "100", "0", " 7 \n",   "-1",
					     "x",   "",  "4194305", "99999999999" };

	NEED(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	NEED(mount("proc", "/proc", "proc", 0, NULL));
	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		int fd = (int)NEED(open("/proc/sys/kernel/ns_last_pid", O_RDWR));
		ssize_t n = write(fd, texts[i], strlen(texts[i]));
		say("%s: %zd %s\n", texts[i], n, n < 0 ? strerrorname_np(errno) : "");
		close(fd);
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		V(pid);
		waitpid(pid, NULL, 0);
	}
	int fd = (int)NEED(open("/proc/sys/kernel/ns_last_pid", O_RDWR));
	NEED(unshare(CLONE_NEWUSER));
	R(write(fd, "5", 1));
	R(open("/proc/sys/kernel/ns_last_pid", O_WRONLY) == -1 ? -1 : 0);
	return 0;
}

CASE(last_pid)
{
	reap("init", clone_with(CLONE_NEWPID | CLONE_NEWNS, chooses, NULL));
}

/* ---- what a mount of proc hides ---- */

static void say_sight(const char *what, pid_t pid)
{
	char path[64];
	struct stat st;

	say("%s\n", what);
	R(access("proc/1/status", R_OK));
	R(access("proc/1", F_OK));
	snprintf(path, sizeof path, "proc/%d", pid);
	R(access(path, X_OK));
	R(stat("proc/1", &st));
	int fd = open("proc/1", O_RDONLY | O_DIRECTORY);
	say("opened: %d\n", fd >= 0);
	close(fd);
	DIR *d = opendir("proc");
	int processes = 0, names = 0;
	for (struct dirent *e; (e = readdir(d));) {
		processes += e->d_name[0] >= '0' && e->d_name[0] <= '9';
		names += !strcmp(e->d_name, "self") || !strcmp(e->d_name, "thread-self") ||
			 !strcmp(e->d_name, "meminfo") || !strcmp(e->d_name, "sys");
	}
	closedir(d);
	say("%d processes, %d of the names\n", processes, names);
	R(access("proc/self/stat", F_OK));
	R(access("proc/meminfo", F_OK));
	R(access("proc/sys/kernel", F_OK));
	R(access("proc/mounts", F_OK));
}

static void say_options(void)
{
	char line[512];
	FILE *f = fopen("/proc/self/mountinfo", "r");

	while (f && fgets(line, sizeof line, f)) {
		if (strstr(line, "- proc hidden"))
			say("%s", strstr(line, "- proc"));
	}
	fclose(f);
}

static void as_others(const char *what, gid_t group)
{
	pid_t pid = fork();

	if (pid == 0) {
		NEED(setgroups(0, NULL));
		NEED(setresgid(group, group, group));
		NEED(setresuid(1000, 1000, 1000));
		say_sight(what, getpid());
		_exit(0);
	}
	reap(what, pid);
}

static int hides(void *arg)
{
	static const char *const options[] = { "",
					       "hidepid=1",
					       "hidepid=2",
					       "hidepid=4",
					       "hidepid=invisible,gid=50",
					       "hidepid=ptraceable,gid=50",
					       "subset=pid",
					       "hidepid=noaccess,subset=pid,gid=50" };

	NEED(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
		say("== %s\n", options[i]);
		/* anew for each: what one has found is found by others */
		NEED(mount("hidden", "proc", "proc", 0, options[i]));
		say_options();
		say_sight("root", getpid());
		NEED(umount2("proc", MNT_DETACH));
		NEED(mount("hidden", "proc", "proc", 0, options[i]));
		as_others("other", 100);
		NEED(umount2("proc", MNT_DETACH));
		NEED(mount("hidden", "proc", "proc", 0, options[i]));
		as_others("of the group", 50);
		NEED(umount2("proc", MNT_DETACH));
	}
	R(mount("hidden", "proc", "proc", 0, "hidepid=3"));
	R(mount("hidden", "proc", "proc", 0, "hidepid="));
	R(mount("hidden", "proc", "proc", 0, "hidepid=none"));
	R(mount("hidden", "proc", "proc", 0, "subset=sys"));
	R(mount("hidden", "proc", "proc", 0, "gid=x"));
	R(mount("hidden", "proc", "proc", 0, "hidepid=2,gid=7"));
	R(mount(NULL, "proc", NULL, MS_REMOUNT, "hidepid=off"));
	say_options();
	R(mount(NULL, "proc", NULL, MS_REMOUNT, "hidepid=4,subset=pid"));
	say_options();
	R(mount(NULL, "proc", NULL, MS_REMOUNT, "gid=8"));
	say_options();
	return 0;
}

CASE(hidden)
{
	need_root();
	NEED(mkdir("proc", 0755));
	NEED(chmod(".", 0755));
	pid_t pid =
	    (pid_t)NEED(syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
	if (pid == 0)
		_exit(hides(NULL));
	reap("init", pid);
}
