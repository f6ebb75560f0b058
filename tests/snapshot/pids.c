/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces of processes: numbers at each level, an init that adopts, one that has none yet, one
 * that waits for a zombie, a proc of each, pidfds, a group whose leader is gone; and files of /proc
 * that are open: of descriptors, of a process that has ended. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "mark.h"

static long check(long r)
{
	if (r < 0) {
		printf("failed: %s\n", strerror(errno));
		fflush(stdout);
		_exit(97);
	}
	return r;
}

static pid_t clone_into(unsigned long flags)
{
	fflush(stdout);
	return (pid_t)check(syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0));
}

static void reap(const char *what, pid_t pid)
{
	int status;

	check(waitpid(pid, &status, 0));
	printf("%s: %s %d\n", what, WIFEXITED(status) ? "exited" : "killed by",
	       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* The numbers of a file of proc that follow a word, but for the first `skip` of them. */
static void say_numbers(const char *path, const char *word, int skip)
{
	char line[256], *s, *end;
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof line, f)) {
		if (strncmp(line, word, strlen(word)) != 0)
			continue;
		printf("%s", word);
		for (s = line + strlen(word); strtol(s, &end, 10) || end != s; s = end)
			if (skip-- <= 0)
				printf(" %ld", strtol(s, &end, 10));
		printf("\n");
	}
	if (f)
		fclose(f);
}

static void say_self(const char *who)
{
	printf("%s: process %d of %d, group %d, session %d\n", who, getpid(), getppid(), getpgrp(),
	       getsid(0));
}

static void wait_for(int fd)
{
	char c;

	if (read(fd, &c, 1) < 0)
		_exit(95);
}

/* Of a group whose first member ends before the mark. */
static void orphans(int go, int done)
{
	if (fork() == 0) {
		check(setpgid(0, 0));
		if (fork() == 0) {
			check(write(done, "", 1));
			wait_for(go);
			say_self("orphan");
			fflush(stdout);
			check(write(done, "", 1));
			_exit(0);
		}
		_exit(0);
	}
	check(wait(NULL));
}

/* Number 1 of a namespace within a namespace. */
static int inner(int go, int said)
{
	check(write(said, "", 1));
	wait_for(go);
	say_self("inner");
	pid_t pid = fork();
	if (pid == 0)
		_exit(getpid());
	reap("inner's child", pid);
	fflush(stdout);
	check(write(said, "", 1));
	pause();
	return 0;
}

static int outer(const int go[2], const int said[2])
{
	int own[2], told[2], orphan[2];

	check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	check(mount("proc", "/proc", "proc", 0, NULL));
	check(pipe(own));
	check(pipe(told));
	check(pipe(orphan));
	orphans(orphan[0], told[1]);
	wait_for(told[0]);
	pid_t pid = clone_into(CLONE_NEWPID);
	if (pid == 0)
		_exit(inner(own[0], told[1]));
	wait_for(told[0]);
	int pidfd = (int)check(syscall(SYS_pidfd_open, pid, 0));
	/* children are to be born in one that nobody is in yet */
	check(unshare(CLONE_NEWPID));
	check(write(said[1], "", 1));
	wait_for(go[0]);

	char path[64];
	say_self("outer");
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
	say_numbers(path, "NSpid:", 0);
	say_numbers("/proc/self/status", "NSpid:", 0);
	printf("3: %d, 20: %d\n", access("/proc/3", F_OK), access("/proc/20", F_OK));
	fflush(stdout);
	check(write(orphan[1], "", 1));
	wait_for(told[0]);
	check(write(own[1], "", 1));
	wait_for(told[0]);
	check((int)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0));
	reap("inner", pid);
	pid = fork();
	if (pid == 0)
		_exit(getpid());
	reap("first of a third", pid);
	pid = fork();
	printf("and a second: %d %s\n", pid, strerror(errno));
	fflush(stdout);
	return 7;
}

/* The init of it has ended, but for a child of ours there that nobody has waited for. */
static pid_t leaves(pid_t *zombie)
{
	pid_t init = clone_into(CLONE_NEWPID);
	siginfo_t si;
	char path[64];

	if (init == 0) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof path, "/proc/%d/ns/pid", init);
	int ns = open(path, O_RDONLY);
	check(setns(ns, CLONE_NEWPID));
	*zombie = fork();
	if (*zombie == 0)
		_exit(5);
	check(waitid(P_PID, (id_t)*zombie, &si, WEXITED | WNOWAIT));
	check(kill(init, SIGKILL));
	/* nobody is born there any more once it ends */
	for (pid_t pid; (pid = fork()) >= 0; check(waitpid(pid, NULL, 0)))
		if (pid == 0)
			_exit(0);
	check(setns(open("/proc/self/ns/pid", O_RDONLY), CLONE_NEWPID));
	return init;
}

static void say_read(const char *what, int fd)
{
	char b[512];
	ssize_t n = pread(fd, b, sizeof b - 1, 0);

	b[n > 0 ? n : 0] = 0;
	printf("%s: %.*s\n", what, n < 0 ? 40 : (int)strcspn(b, "\n"), n < 0 ? strerror(errno) : b);
}

/* Of this process, and of one that ends. */
static void open_files(int info[2], int gone[3])
{
	static const char *const names[] = { "stat", "mem", "task" };
	pid_t pid = clone_into(0);
	char path[64];

	if (pid == 0) {
		pause();
		_exit(0);
	}
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", pid, names[i]);
		gone[i] = (int)check(open(path, O_RDONLY));
	}
	check(kill(pid, SIGKILL));
	check(waitpid(pid, NULL, 0));
	info[0] = (int)check(open("/proc/self/fdinfo/0", O_RDONLY));
	info[1] = (int)check(open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY));
}

int main(void)
{
	int go[2], said[2], info[2], gone[3], status;
	pid_t zombie;

	if (geteuid() != 0) {
		printf("needs root\n");
		return 97;
	}
	check(pipe(go));
	check(pipe(said));
	pid_t pid = clone_into(CLONE_NEWPID | CLONE_NEWNS);
	if (pid == 0)
		_exit(outer(go, said));
	wait_for(said[0]);
	pid_t init = leaves(&zombie);
	open_files(info, gone);
	mark();

	char path[64];
	say_read("descriptor 0", info[0]);
	printf("descriptor 1: %d\n", faccessat(info[1], "1", F_OK, 0));
	say_read("stat of one that ended", gone[0]);
	say_read("its memory", gone[1]);
	printf("its threads: %d\n", openat(gone[2], "1", O_PATH));
	say_numbers("/proc/self/status", "NSpid:", 1);
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	say_numbers(path, "NSpid:", 1);
	printf("leaves: %d\n", waitpid(init, &status, WNOHANG));
	reap("zombie", zombie);
	reap("init", init);
	fflush(stdout);
	check(write(go[1], "", 1));
	reap("outer", pid);
	return 0;
}
