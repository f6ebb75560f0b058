/* SPDX-License-Identifier: Apache-2.0 */
/* /proc as programs use it. */
#include <dirent.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "case.h"

static void say_link(const char *path)
{
	char b[4096], self[4096];
	ssize_t n = readlink(path, b, sizeof b - 1);

	if (n == -1) {
		say("%s: %s\n", path, strerrorname_np(errno));
		return;
	}
	b[n] = 0;
	say("%s: %s\n", path,
	    strcmp(b, getcwd(self, sizeof self)) == 0 ? "(cwd)"
	    : strcmp(b, case_self) == 0               ? "(program)"
						      : b);
}

CASE(self_links)
{
	char b[32], pid[16];

	say_link("/proc/self/cwd");
	say_link("/proc/self/exe");
	say_link("/proc/self/root");
	say_link("/proc/self/fd/0");
	say_link("/proc/self/fd/99");
	say_link("/proc/self/fd/x");
	ssize_t n = readlink("/proc/self", b, sizeof b);
	snprintf(pid, sizeof pid, "%d", getpid());
	V(n == (ssize_t)strlen(pid) && memcmp(b, pid, n) == 0);
	say_link("/proc/mounts");
	say_link("/dev/fd");
	say_link("/dev/stdin");
}

CASE(self_fd)
{
	struct dirent **names;

	NEED(open("/dev/null", O_RDONLY));
	NEED(open("/dev/zero", O_WRONLY));
	/* scandir's own descriptor is among them. */
	int n = scandir("/proc/self/fd", &names, NULL, alphasort);
	for (int i = 0; i < n; i++)
		say("%s type %d\n", names[i]->d_name, names[i]->d_type);
	struct stat st;
	NEED(lstat("/proc/self/fd/3", &st));
	say("%o\n", st.st_mode);
	NEED(lstat("/proc/self/fd/4", &st));
	say("%o\n", st.st_mode);
	NEED(stat("/proc/self/fd/3", &st));
	say("%o\n", st.st_mode);
}

static void say_lines(const char *path, const char *const *keys)
{
	char line[512];
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof line, f))
		for (int i = 0; keys[i]; i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0)
				say("%s", line);
	if (!f)
		say("%s: %s\n", path, strerrorname_np(errno));
	else
		fclose(f);
}

static void ignore(int sig)
{
}

CASE(self_status)
{
	static const char *const keys[] = { "Name:",   "Umask:",      "State:",  "Uid:",
					    "Gid:",    "Threads:",    "SigBlk:", "SigIgn:",
					    "SigCgt:", "NoNewPrivs:", NULL };

	block(SET(SIGUSR1));
	handle(SIGUSR2, SIG_IGN, 0);
	handle(SIGTERM, ignore, 0);
	NEED(prctl(PR_SET_NAME, "a name"));
	umask(027);
	say_lines("/proc/self/status", keys);
}

CASE(self_stat)
{
	char b[1024] = "", comm[32] = "", state = 0;
	int pid = 0, ppid = 0, pgrp = 0, session = 0;

	NEED(prctl(PR_SET_NAME, "odd) name"));
	int fd = (int)NEED(open("/proc/self/stat", O_RDONLY));
	NEED(read(fd, b, sizeof b - 1));
	V(sscanf(b, "%d (odd) name) %c %d %d %d", &pid, &state, &ppid, &pgrp, &session));
	V(pid == getpid() && ppid == getppid() && pgrp == getpgrp() && session == getsid(0));
	say("%c\n", state);
	fd = (int)NEED(open("/proc/self/comm", O_RDONLY));
	NEED(read(fd, comm, sizeof comm - 1));
	say("%s", comm);
}

CASE(self_cmdline_environ)
{
	char b[8192];
	int fd = (int)NEED(open("/proc/self/cmdline", O_RDONLY));
	ssize_t n = NEED(read(fd, b, sizeof b));

	V(n == (ssize_t)(strlen(case_argv[0]) + strlen(case_argv[1]) + 2));
	V(strcmp(b, case_argv[0]) == 0 && strcmp(b + strlen(b) + 1, case_argv[1]) == 0);
	fd = (int)NEED(open("/proc/self/environ", O_RDONLY));
	n = NEED(read(fd, b, sizeof b));
	say("%s\n", b);
	V(n > 0 && b[n - 1] == 0);
}

CASE(of_children)
{
	char path[64], link[4096];
	struct stat st;
	struct baton b = baton_new();
	pid_t pid = fork();

	if (pid == 0) {
		take(&b);
		_exit(0);
	}
	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	V(readlink(path, link, sizeof link) == (ssize_t)strlen(case_self));
	snprintf(path, sizeof path, "/proc/%d", pid);
	R(stat(path, &st));
	say("%o %ld\n", st.st_mode, (long)(st.st_nlink > 2));
	give(&b);
	reap("child", pid);
	R(stat(path, &st));
	R(stat("/proc/99999999", &st));
	R(stat("/proc/0", &st));
}

/* The state that /proc/PID/stat gives; what follows it is left in `rest` when that is not NULL. */
static char state_of(pid_t pid, char *rest)
{
	char path[64], buf[1024];

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = (int)NEED(open(path, O_RDONLY));
	ssize_t n = NEED(read(fd, buf, sizeof buf - 1));
	close(fd);
	buf[n] = 0;
	char *state = strrchr(buf, ')') + 2;
	if (rest)
		strcpy(rest, state + 1);
	return *state;
}

/* Runs, waits, is stopped, has ended. */
CASE(states)
{
	struct baton ready = baton_new(), hold = baton_new();
	int other = 0;
	siginfo_t si;

	pid_t busy = (pid_t)NEED(fork());
	if (busy == 0) {
		give(&ready);
		for (volatile int i = 0; i >= 0; i = !i)
			;
	}
	take(&ready);
	for (int i = 0; i < 50; i++)
		other += state_of(busy, NULL) != 'R';
	V(other);
	NEED(kill(busy, SIGSTOP));
	NEED(waitid(P_PID, busy, &si, WSTOPPED | WNOWAIT));
	say("stopped: %c\n", state_of(busy, NULL));
	NEED(kill(busy, SIGKILL));
	NEED(waitid(P_PID, busy, &si, WEXITED | WNOWAIT));
	say("ended: %c\n", state_of(busy, NULL));

	pid_t idle = (pid_t)NEED(fork());
	if (idle == 0) {
		take(&hold);
		_exit(0);
	}
	while (state_of(idle, NULL) != 'S')
		;
	say("waits\n");
	give(&hold);
	reap("idle", idle);
}

/* Fields 18 and 19 of /proc/PID/stat, 40 and 41. */
static void say_priority(const char *what)
{
	char rest[1024], *save = NULL, *w;
	int field = 4;

	state_of(getpid(), rest);
	say("%s:", what);
	for (w = strtok_r(rest, " ", &save); w; w = strtok_r(NULL, " ", &save), field++)
		if (field == 18 || field == 19 || field == 40 || field == 41)
			say(" %s", w);
	say("\n");
}

CASE(priorities)
{
	struct sched_param p = { 0 };

	need_root();
	say_priority("at first");
	R(setpriority(PRIO_PROCESS, 0, 11));
	R(sched_setscheduler(0, SCHED_BATCH, &p));
	say_priority("nice 11");
	R(setpriority(PRIO_PROCESS, 0, -11));
	say_priority("nice -11");
	p.sched_priority = 12;
	R(sched_setscheduler(0, SCHED_RR, &p));
	say_priority("real-time");
}

CASE(files_agree)
{
	static const char *const paths[] = {
		"/proc/self/maps",   "/proc/self/stat",   "/proc/self/status", "/proc/meminfo",
		"/proc/cpuinfo",     "/proc/uptime",      "/proc/loadavg",     "/proc/version",
		"/proc/self/mounts", "/proc/filesystems", "/proc/stat",        "/proc/self/limits"
	};
	struct stat st;

	/* stat, access and open tell the same; reading gives text although the size is 0. */
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		char b[64];
		int r = stat(paths[i], &st), fd = open(paths[i], O_RDONLY);
		say("%s: stat %d mode %o size %ld access %d read %d\n", paths[i], r, st.st_mode,
		    (long)st.st_size, access(paths[i], R_OK), read(fd, b, sizeof b) > 0);
		close(fd);
	}
	R(open("/proc/self/stat", O_WRONLY | O_CREAT, 0644) >= 0);
	R(mkdir("/proc/new", 0755) == 0);
	R(unlink("/proc/self/stat"));
	R(open("/proc/self/no_such_file", O_RDONLY));
}

CASE(read_in_pieces)
{
	char whole[4096] = "", pieces[4096] = "";
	int a = (int)NEED(open("/proc/version", O_RDONLY)),
	    b = (int)NEED(open("/proc/version", O_RDONLY));
	ssize_t n = read(a, whole, sizeof whole), m = 0, got;

	while ((got = read(b, pieces + m, 7)) > 0)
		m += got;
	V(n == m && memcmp(whole, pieces, n) == 0);
	R(lseek(a, 0, SEEK_SET));
	V(read(a, pieces, 5) == 5 && memcmp(pieces, "Linux", 5) == 0);
	V(pread(a, pieces, 3, 2) == 3 && memcmp(pieces, "nux", 3) == 0);
}

CASE(self_limits)
{
	static const char *const keys[] = { "Limit", "Max open files", "Max core", "Max stack",
					    NULL };
	struct rlimit r = { 99, 1000 };

	need_descriptors(1000);
	NEED(setrlimit(RLIMIT_NOFILE, &r));
	say_lines("/proc/self/limits", keys);
}

CASE(self_task)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", gettid());
	R(stat(path, &st));
	NEED(stat("/proc/self/task", &st));
	V(st.st_nlink);
	NEED(stat("/proc/thread-self", &st));
	V(S_ISDIR(st.st_mode));
	R(stat("/proc/self/task/99999999", &st));
}

CASE(self_fdinfo)
{
	static const char *const keys[] = { "pos:", "flags:", NULL };

	put_file("f", "0123456789");
	int fd = (int)NEED(open("f", O_RDWR | O_APPEND | O_CLOEXEC));
	NEED(lseek(fd, 4, SEEK_SET));
	say_lines("/proc/self/fdinfo/3", keys);
}

CASE(self_mem)
{
	static char target[8] = "before";
	int fd = (int)R(open("/proc/self/mem", O_RDWR));
	char b[8] = "";

	R(pread(fd, b, 7, (off_t)(uintptr_t)target));
	say("%s\n", b);
	R(pwrite(fd, "after!", 6, (off_t)(uintptr_t)target));
	say("%s\n", target);
	R(pread(fd, b, 1, 0x10));
}

static void say_oom(void)
{
	say_file("/proc/self/oom_score");
	say_file("/proc/self/oom_score_adj");
}

CASE(oom_score)
{
	say_oom();
	put_file("/proc/self/oom_score_adj", "300\n");
	say_oom();
	put_file("/proc/self/oom_score_adj", "1000\n");
	say_oom();
}
