/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID: what each file says, whom it lets look, and what is left of it when the process ends. */
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "case.h"

static char path_buf[128];

static const char *of(pid_t pid, const char *name)
{
	snprintf(path_buf, sizeof(path_buf), "/proc/%d/%s", pid, name);
	return path_buf;
}

static int waits(void *arg)
{
	take(arg);
	return 0;
}

/* Runs `fn` on the path of each of the files. */
static void each(pid_t pid, const char *const *names, void (*fn)(const char *name, const char *path))
{
	for (int i = 0; names[i]; i++)
		fn(names[i], of(pid, names[i]));
}

static const char *const ns_files[] = { "ns/cgroup",           "ns/ipc",  "ns/mnt",  "ns/net", "ns/pid",
					"ns/pid_for_children", "ns/time", "ns/user", "ns/uts", NULL };

static void say_ns(const char *name, const char *path)
{
	char b[64], kind[64];
	unsigned long nr = 0;
	struct stat st, target;
	struct statfs fs;

	ssize_t n = readlink(path, b, sizeof(b) - 1);
	b[n < 0 ? 0 : n] = 0;
	int parts = sscanf(b, "%[a-z_]:[%lu]", kind, &nr);
	NEED(lstat(path, &st));
	NEED(stat(path, &target));
	int fd = (int)NEED(open(path, O_RDONLY));
	NEED(fstatfs(fd, &fs));
	say("%s: %d %s %o %o %d fs %lx, type %x\n", name, parts, kind, st.st_mode, target.st_mode, target.st_ino == nr,
	    (long)fs.f_type, ioctl(fd, 0xb703));
	R(read(fd, b, 1));
	R(open(path, O_WRONLY));
	close(fd);
}

/* Two processes are in one namespace when the files are the same. */
CASE(namespaces)
{
	struct baton b = baton_new();
	pid_t pid = child(waits, &b);
	struct stat mine, its;
	char link[64], text[64];

	each(getpid(), ns_files, say_ns);
	for (int i = 0; ns_files[i]; i++) {
		NEED(stat(of(getpid(), ns_files[i]), &mine));
		NEED(stat(of(pid, ns_files[i]), &its));
		V(mine.st_ino == its.st_ino && mine.st_dev == its.st_dev);
	}
	int fd = (int)NEED(open("/proc/self/ns/uts", O_RDONLY));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	V(readlink(link, text, sizeof(text)) == readlink("/proc/self/ns/uts", link, sizeof(link)));
	give(&b);
	reap("child", pid);
	R(readlink(of(pid, "ns/uts"), text, sizeof(text)));
}

CASE(settings)
{
	NEED(chdir("/proc"));
	say_file("self/coredump_filter");
	say_file("self/oom_adj");
	say_file("self/timerslack_ns");
	say_file("self/setgroups");
	say_file("self/uid_map");
	say_file("self/gid_map");
	say_file("self/projid_map");
	say_file("self/loginuid");
	say_file("self/personality");
}

static void store(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd == -1)
		say("%s: open: %s\n", path, strerrorname_np(errno));
	else {
		ssize_t n = write(fd, text, strlen(text));
		say_result(text, n, errno);
	}
	close(fd);
}

CASE(stored)
{
	NEED(chdir("/proc/self"));
	store("coredump_filter", "0x7f\n");
	say_file("coredump_filter");
	store("coredump_filter", "3 4");
	store("coredump_filter", "x");
	store("coredump_filter", "0xffffffff");
	say_file("coredump_filter");
	store("coredump_filter", "19");
	say_file("coredump_filter");
	store("timerslack_ns", "70000");
	say_file("timerslack_ns");
	V(prctl(PR_GET_TIMERSLACK));
	store("timerslack_ns", "0");
	say_file("timerslack_ns");
	store("timerslack_ns", "-1");
	store("timerslack_ns", "9 9");
	store("oom_score_adj", "100");
	say_file("oom_score_adj");
	say_file("oom_adj");
	store("oom_adj", "15");
	say_file("oom_score_adj");
	store("oom_adj", "16");
	store("oom_adj", "3");
	say_file("oom_score_adj");
	say_file("oom_adj");
	store("oom_adj", "x");
	store("comm", "new name\n");
	say_file("comm");
	store("setgroups", "allow");
	store("setgroups", "deny");
	store("uid_map", "0 0 1");
	store("status", "x");
	store("io", "x");
}

/* A child has what its parent stored. */
static int say_inherited(void *arg)
{
	say_file("/proc/self/coredump_filter");
	say_file("/proc/self/oom_score_adj");
	return 0;
}

CASE(inherited)
{
	store("/proc/self/coredump_filter", "0x3");
	store("/proc/self/oom_score_adj", "7");
	in_child("child", say_inherited, NULL);
}

static long io_value(const char *key)
{
	char line[128];
	long v = -1;
	FILE *f = fopen("/proc/self/io", "r");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			v = atol(line + strlen(key));
	if (f)
		fclose(f);
	return v;
}

/* Bytes and calls that read and write moved, whatever stood behind the descriptor. */
CASE(io_counts)
{
	static const char *const keys[] = {
		"rchar:", "wchar:", "syscr:", "syscw:", "read_bytes:", "write_bytes:", "cancelled_write_bytes:", NULL
	};
	static char b[5000];
	long r = io_value("rchar:"), own = io_value("rchar:") - r, w = io_value("wchar:"), n = io_value("syscw:");
	int fd = (int)NEED(open("file", O_RDWR | O_CREAT, 0600));

	for (int i = 0; keys[i]; i++)
		say("%s %d\n", keys[i], io_value(keys[i]) >= 0);
	NEED(write(fd, b, 5000));
	NEED(pwrite(fd, b, 100, 0));
	V(io_value("wchar:") - w);
	V(io_value("syscw:") - n);
	r = io_value("rchar:");
	NEED(pread(fd, b, 3000, 0));
	/* What reading the file itself takes is the same up to a digit. */
	long more = io_value("rchar:") - r - own;
	V(more >= 3000 && more < 3010);
}

CASE(children)
{
	struct baton b = baton_new();
	pid_t one = child(waits, &b), two = child(waits, &b);
	char text[64] = "", want[64];

	int fd = (int)NEED(open("/proc/thread-self/children", O_RDONLY));
	NEED(read(fd, text, sizeof(text) - 1));
	snprintf(want, sizeof(want), "%d %d ", one, two);
	V(strcmp(text, want));
	give(&b);
	give(&b);
	reap("one", one);
	reap("two", two);
	NEED(lseek(fd, 0, SEEK_SET));
	R(read(fd, text, sizeof(text)));
	R(access("/proc/self/children", F_OK));
}

/* ---- what is left ---- */

static const char *const read_files[] = {
	"cgroup",    "cmdline",       "comm",        "coredump_filter", "environ",   "io",
	"limits",    "loginuid",      "maps",        "mounts",          "mountinfo", "oom_adj",
	"oom_score", "oom_score_adj", "personality", "sessionid",       "setgroups", "smaps",
	"stat",      "statm",         "status",      "uid_map",         NULL
};
#define NR_READ (sizeof(read_files) / sizeof(read_files[0]) - 1)
static const char *const dir_files[] = { ".", "fd", "fdinfo", "ns", "task", NULL };
#define NR_DIR (sizeof(dir_files) / sizeof(dir_files[0]) - 1)

static void open_all(pid_t pid, int *fds, const char *const *names, int flags)
{
	for (int i = 0; names[i]; i++)
		fds[i] = open(of(pid, names[i]), flags);
}

static void say_reads(const int *fds)
{
	char b[4096];

	for (unsigned i = 0; i < NR_READ; i++) {
		if (fds[i] == -1)
			continue;
		ssize_t n = read(fds[i], b, sizeof(b));
		say("read %s: %s\n", read_files[i], n == -1 ? strerrorname_np(errno) : n ? "some" : "nothing");
	}
}

static void say_dirs(const int *fds)
{
	char b[4096];

	for (unsigned i = 0; i < NR_DIR; i++) {
		if (fds[i] == -1)
			continue;
		long n = syscall(SYS_getdents64, fds[i], b, sizeof(b));
		say("list %s: %s\n", dir_files[i], n == -1 ? strerrorname_np(errno) : n > 48 ? "some" : "nothing");
		struct stat st;
		if (strcmp(dir_files[i], "fd") == 0)
			continue;
		say_outcome("fstat", fstat(fds[i], &st) == -1, errno);
		say_outcome("openat", openat(fds[i], "stat", O_RDONLY) == -1, errno);
	}
}

CASE(opened_before_the_end)
{
	int fds[2][NR_READ], dirs[2][NR_DIR];
	struct baton b = baton_new();
	pid_t pid = child(waits, &b);

	for (int i = 0; i < 2; i++) {
		open_all(pid, fds[i], read_files, O_RDONLY);
		open_all(pid, dirs[i], dir_files, O_RDONLY | O_DIRECTORY);
	}
	give(&b);
	siginfo_t si;
	NEED(waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
	say("zombie\n");
	say_reads(fds[0]);
	say_dirs(dirs[0]);
	reap("child", pid);
	say_reads(fds[1]);
	say_dirs(dirs[1]);
}

static void say_open(const char *name, const char *path)
{
	char b[4096];
	struct stat st;
	int fd = open(path, O_RDONLY);
	ssize_t n = fd == -1 ? -2 : read(fd, b, sizeof(b));

	say("%s: open %s, read %s, ", name, fd == -1 ? strerrorname_np(errno) : "ok",
	    n == -1  ? strerrorname_np(errno)
	    : n == 0 ? "nothing"
		     : "some");
	say_outcome("stat", stat(path, &st) == -1, errno);
	close(fd);
}

static void say_readlink(const char *name, const char *path)
{
	char b[4096];
	struct stat st;

	errno = 0;
	ssize_t n = readlink(path, b, sizeof(b));
	say("%s: readlink %s, ", name, n == -1 ? strerrorname_np(errno) : "ok");
	say_outcome("lstat", lstat(path, &st) == -1, errno);
}

static const char *const link_files[] = { "cwd", "exe", "root", "fd/0", NULL };

CASE(zombie)
{
	struct baton b = baton_new();
	pid_t pid = child(waits, &b);
	siginfo_t si;

	give(&b);
	NEED(waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
	each(pid, read_files, say_open);
	each(pid, link_files, say_readlink);
	reap("child", pid);
}

/* ---- whom it lets look ---- */

static int become(uid_t uid)
{
	NEED(setresgid(uid, uid, uid));
	NEED(setresuid(uid, uid, uid));
	return 0;
}

static int look(void *arg)
{
	pid_t pid = *(pid_t *)arg;

	become(1234);
	each(pid, read_files, say_open);
	say_open("auxv", of(pid, "auxv"));
	say_open("timerslack_ns", of(pid, "timerslack_ns"));
	say_readlink("ns/pid", of(pid, "ns/pid"));
	each(pid, link_files, say_readlink);
	for (int i = 0; dir_files[i]; i++) {
		char b[4096];
		int fd = open(of(pid, dir_files[i]), O_RDONLY | O_DIRECTORY);
		if (fd == -1) {
			say("%s: %s\n", dir_files[i], strerrorname_np(errno));
			continue;
		}
		long n = syscall(SYS_getdents64, fd, b, sizeof(b));
		say("list %s: %s\n", dir_files[i], n == -1 ? strerrorname_np(errno) : n > 48 ? "some" : "nothing");
		close(fd);
	}
	return 0;
}

CASE(of_another_user)
{
	struct baton b = baton_new();
	pid_t pid;

	need_root();
	pid = child(waits, &b);
	in_child("stranger", look, &pid);
	give(&b);
	reap("child", pid);
}

static int look_at_own(void *arg)
{
	become(1234);
	NEED(prctl(PR_SET_DUMPABLE, 1));
	pid_t pid = child(waits, arg);

	in_child("same user", look, &pid);
	give(arg);
	reap("child", pid);
	return 0;
}

CASE(of_the_same_user)
{
	struct baton b = baton_new();

	need_root();
	in_child("user", look_at_own, &b);
}

static void say_mode(const char *name, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		say("%s: %s\n", name, strerrorname_np(errno));
	else
		say("%s: %o\n", name, st.st_mode);
}

CASE(modes)
{
	static const char *const more[] = { "mem",    "wchan",         "cpuset",  "mountstats",
					    "ns/pid", "timerslack_ns", "environ", NULL };

	each(getpid(), read_files, say_mode);
	each(getpid(), link_files, say_mode);
	each(getpid(), dir_files, say_mode);
	each(getpid(), more, say_mode);
}
