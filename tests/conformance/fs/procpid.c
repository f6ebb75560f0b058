/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID: what each file says, whom it lets look, and what is left of it when the process
 * ends. */
#include <dirent.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "case.h"

static char path_buf[128];

static const char *of(pid_t pid, const char *name)
{
	snprintf(path_buf, sizeof path_buf, "/proc/%d/%s", pid, name);
	return path_buf;
}

static int waits(void *arg)
{
	take(arg);
	return 0;
}

/* Runs `fn` on the path of each of the files. */
static void each(pid_t pid, const char *const *names,
		 void (*fn)(const char *name, const char *path))
{
	for (int i = 0; names[i]; i++)
		fn(names[i], of(pid, names[i]));
}

static const char *const ns_files[] = { "ns/cgroup", "ns/ipc",  "ns/mnt",
					"ns/net",    "ns/pid",  "ns/pid_for_children",
					"ns/time",   "ns/user", "ns/uts",
					NULL };

static void say_ns(const char *name, const char *path)
{
	char b[64], kind[64];
	unsigned long nr = 0;
	struct stat st, target;
	struct statfs fs;

	ssize_t n = readlink(path, b, sizeof b - 1);
	b[n < 0 ? 0 : n] = 0;
	int parts = sscanf(b, "%[a-z_]:[%lu]", kind, &nr);
	NEED(lstat(path, &st));
	NEED(stat(path, &target));
	int fd = (int)NEED(open(path, O_RDONLY));
	NEED(fstatfs(fd, &fs));
	say("%s: %d %s %o %o %d fs %lx, type %x\n", name, parts, kind, st.st_mode, target.st_mode,
	    target.st_ino == nr, (long)fs.f_type, ioctl(fd, 0xb703));
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
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	V(readlink(link, text, sizeof text) == readlink("/proc/self/ns/uts", link, sizeof link));
	give(&b);
	reap("child", pid);
	R(readlink(of(pid, "ns/uts"), text, sizeof text));
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

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0)
			v = atol(line + strlen(key));
	if (f)
		fclose(f);
	return v;
}

/* Bytes and calls that read and write moved, whatever stood behind the descriptor. */
CASE(io_counts)
{
	static const char *const keys[] = { "rchar:",
					    "wchar:",
					    "syscr:",
					    "syscw:",
					    "read_bytes:",
					    "write_bytes:",
					    "cancelled_write_bytes:",
					    NULL };
	static char b[5000];
	long r = io_value("rchar:"), own = io_value("rchar:") - r, w = io_value("wchar:"),
	     n = io_value("syscw:");
	int fd = (int)NEED(open("file", O_RDWR | O_CREAT, 0600));

	for (int i = 0; keys[i]; i++)
		say("%s %d\n", keys[i], io_value(keys[i]) >= 0);
	NEED(write(fd, b, 5000));
	NEED(pwrite(fd, b, 100, 0));
	V(io_value("wchar:") - w);
	V(io_value("syscw:") - n);
	r = io_value("rchar:");
	NEED(pread(fd, b, 3000, 0));
	/* What reading the file itself takes is the same up to a few digits. */
	long more = io_value("rchar:") - r - own;
	V(more >= 2900 && more < 3100);
}

CASE(children)
{
	struct baton b = baton_new();
	pid_t one = child(waits, &b), two = child(waits, &b);
	char text[64] = "", want[64];

	int fd = (int)NEED(open("/proc/thread-self/children", O_RDONLY));
	NEED(read(fd, text, sizeof text - 1));
	snprintf(want, sizeof want, "%d %d ", one, two);
	V(strcmp(text, want));
	give(&b);
	give(&b);
	reap("one", one);
	reap("two", two);
	NEED(lseek(fd, 0, SEEK_SET));
	R(read(fd, text, sizeof text));
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
		ssize_t n = read(fds[i], b, sizeof b);
		say("read %s: %s\n", read_files[i],
		    n == -1 ? strerrorname_np(errno)
		    : n     ? "some"
			    : "nothing");
	}
}

static void say_dirs(const int *fds)
{
	char b[4096];

	for (unsigned i = 0; i < NR_DIR; i++) {
		if (fds[i] == -1)
			continue;
		long n = syscall(SYS_getdents64, fds[i], b, sizeof b);
		say("list %s: %s\n", dir_files[i],
		    n == -1  ? strerrorname_np(errno)
		    : n > 48 ? "some"
			     : "nothing");
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
	ssize_t n = fd == -1 ? -2 : read(fd, b, sizeof b);

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
	ssize_t n = readlink(path, b, sizeof b);
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
		long n = syscall(SYS_getdents64, fd, b, sizeof b);
		say("list %s: %s\n", dir_files[i],
		    n == -1  ? strerrorname_np(errno)
		    : n > 48 ? "some"
			     : "nothing");
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

/* ---- memory ---- */

#define PAGE 4096UL

/* The number behind a word at the start of a line; -1: none. */
static long value_of(const char *path, const char *word)
{
	char line[512];
	long v = -1;
	FILE *f = fopen(path, "r");

	while (v == -1 && f && fgets(line, sizeof line, f))
		if (strncmp(line, word, strlen(word)) == 0)
			v = strtol(line + strlen(word), NULL, 0);
	if (f)
		fclose(f);
	return v;
}

/* Adds up fields over all lines of one reading: a second one may find other pages. */
static void sums_of(const char *path, const char *const *words, size_t n, long *sums)
{
	char line[512];
	FILE *f = fopen(path, "r");

	for (size_t i = 0; i < n; i++)
		sums[i] = -1;
	while (f && fgets(line, sizeof line, f))
		for (size_t i = 0; i < n; i++)
			if (strncmp(line, words[i], strlen(words[i])) == 0)
				sums[i] =
				    (sums[i] < 0 ? 0 : sums[i]) + atol(line + strlen(words[i]));
	if (f)
		fclose(f);
}

CASE(status_fields)
{
	static const char *const words[] = {
		"Name:",
		"Umask:",
		"State:",
		"Tgid:",
		"Ngid:",
		"Pid:",
		"PPid:",
		"TracerPid:",
		"Uid:",
		"Gid:",
		"FDSize:",
		"Groups:",
		"NStgid:",
		"NSpid:",
		"NSpgid:",
		"NSsid:",

		"VmPeak:",
		"VmSize:",
		"VmLck:",
		"VmPin:",
		"VmHWM:",
		"VmRSS:",
		"RssAnon:",
		"RssFile:",
		"RssShmem:",
		"VmData:",
		"VmStk:",
		"VmExe:",
		"VmLib:",
		"VmPTE:",
		"VmSwap:",
		"Threads:",
		"SigQ:",
		"SigPnd:",
		"ShdPnd:",
		"SigBlk:",
		"SigIgn:",
		"SigCgt:",
		"CapInh:",
		"CapPrm:",
		"CapEff:",
		"CapBnd:",
		"CapAmb:",
		"NoNewPrivs:",
		"Seccomp:",
		"Seccomp_filters:",
		"Cpus_allowed:",
		"Cpus_allowed_list:",
		"Mems_allowed:",
		"Mems_allowed_list:",
		"CoreDumping:",
		"THP_enabled:",
		"voluntary_ctxt_switches:",
		"nonvoluntary_ctxt_switches:",
		"HugetlbPages:",
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		say("%s %s\n", words[i],
		    value_of("/proc/self/status", words[i]) == -1 ? "missing" : "there");
}

/* Sums and peaks hold together. */
CASE(status_memory)
{
	static const char *const rss[] = { "VmRSS:", "RssAnon:", "RssFile:", "RssShmem:" };
	const char *path = "/proc/self/status";
	size_t len = 64UL << 20;
	long sums[4];
	long anon = value_of(path, "RssAnon:"), data = value_of(path, "VmData:"),
	     size = value_of(path, "VmSize:");
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	V(value_of(path, "VmSize:") - size);
	V(value_of(path, "VmData:") - data);
	memset(p, 1, len);
	V(value_of(path, "RssAnon:") - anon >= (long)(len / 1024));
	NEED(munmap(p, len));
	V(value_of(path, "RssAnon:") - anon < (long)(len / 2048));
	V(value_of(path, "VmPeak:") - size >= (long)(len / 1024));
	V(value_of(path, "VmHWM:") >= (long)(len / 1024));
	sums_of(path, rss, 4, sums);
	V(sums[0] == sums[1] + sums[2] + sums[3]);
	store("/proc/self/clear_refs", "5");
	V(value_of(path, "VmHWM:") < (long)(len / 1024));
	store("/proc/self/clear_refs", "4");
	store("/proc/self/clear_refs", "0");
	store("/proc/self/clear_refs", "6");
	store("/proc/self/clear_refs", "-1");
	store("/proc/self/clear_refs", "9");
	store("/proc/self/clear_refs", "x");
}

static long smaps_sum(const char *word)
{
	long sum;

	sums_of("/proc/self/smaps", &word, 1, &sum);
	return sum;
}

CASE(smaps)
{
	static const char *const words[] = {
		"Size:",          "KernelPageSize:", "MMUPageSize:",  "Rss:",
		"Pss:",           "Pss_Dirty:",      "Shared_Clean:", "Shared_Dirty:",
		"Private_Clean:", "Private_Dirty:",  "Referenced:",   "Anonymous:",
		"AnonHugePages:", "Swap:",           "SwapPss:",      "Locked:",
		"VmFlags:"
	};
	static const char *const rollup[] = { "Rss:",      "Pss:",       "Pss_Anon:",
					      "Pss_File:", "Pss_Shmem:", "Private_Dirty:" };
	size_t len = 8UL << 20;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		say("%s %s\n", words[i], smaps_sum(words[i]) == -1 ? "missing" : "there");
	for (size_t i = 0; i < sizeof rollup / sizeof rollup[0]; i++)
		say("rollup %s %s\n", rollup[i],
		    value_of("/proc/self/smaps_rollup", rollup[i]) == -1 ? "missing" : "there");
	long dirty = smaps_sum("Private_Dirty:"), anon = smaps_sum("Anonymous:"),
	     pss = smaps_sum("Pss:");
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, len);
	/* others come and go that share the libraries */
	V(smaps_sum("Private_Dirty:") - dirty >= (long)(len / 2048));
	V(smaps_sum("Anonymous:") - anon >= (long)(len / 2048));
	V(smaps_sum("Pss:") - pss >= (long)(len / 2048));

	static const char *const parts[] = { "Rss:",          "Pss:",           "Shared_Clean:",
					     "Shared_Dirty:", "Private_Clean:", "Private_Dirty:" };
	long sums[6];
	sums_of("/proc/self/smaps", parts, 6, sums);
	V(sums[0] == sums[2] + sums[3] + sums[4] + sums[5]);
	V(sums[0] >= sums[1]);
}

/* After a fork, memory is shared until one of the two writes it. */
CASE(smaps_shared)
{
	size_t len = 16UL << 20;
	struct baton b = baton_new();
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, len);
	pid_t pid = child(waits, &b);
	V(smaps_sum("Shared_Dirty:") >= (long)(len / 1024));
	static const char *const parts[] = { "Rss:", "Pss:" };
	long sums[2];
	sums_of("/proc/self/smaps", parts, 2, sums);
	V(sums[0] - sums[1] >= (long)(len / 2048));
	memset(p, 2, len);
	V(smaps_sum("Shared_Dirty:") < (long)(len / 2048));
	give(&b);
	reap("child", pid);
}

/* The line of maps names device and inode of the file. */
CASE(maps_file)
{
	unsigned long start, ino;
	unsigned maj, min;
	char line[512];
	struct stat st;
	int fd = (int)NEED(open("file", O_RDWR | O_CREAT, 0600));

	NEED(ftruncate(fd, 2 * PAGE));
	NEED(fstat(fd, &st));
	void *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
	FILE *f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%*x %*s %*x %x:%x %lu", &start, &maj, &min, &ino) == 4 &&
		    start == (unsigned long)p)
			V(ino == st.st_ino && maj == st.st_dev >> 8 && min == (st.st_dev & 0xff));
	}
	fclose(f);
}

struct procmap_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY _IOWR('f', 17, struct procmap_query)

static void query(int fd, const char *what, uint64_t flags, const char *addr, const char *base)
{
	char name[PATH_MAX] = "";
	struct procmap_query q = { .size = sizeof q,
				   .query_flags = flags,
				   .query_addr = (uint64_t)addr,
				   .vma_name_size = sizeof name,
				   .vma_name_addr = (uint64_t)name };

	if (ioctl(fd, PROCMAP_QUERY, &q) == -1) {
		say("%s: %s\n", what, strerrorname_np(errno));
		return;
	}
	say("%s: %ld-%ld flags %lx offset %lx page %lu inode %d name %d %s\n", what,
	    (long)(q.vma_start - (uint64_t)base), (long)(q.vma_end - (uint64_t)base), q.vma_flags,
	    q.vma_offset, q.vma_page_size, q.inode != 0, q.vma_name_size == strlen(name) + 1,
	    strrchr(name, '/') ? strrchr(name, '/') : name);
}

CASE(procmap_query)
{
	int fd = (int)NEED(open("/proc/self/maps", O_RDONLY)),
	    file = (int)NEED(open("file", O_RDWR | O_CREAT, 0600));
	struct procmap_query q = { .size = sizeof q };

	if (ioctl(fd, PROCMAP_QUERY, &q) == -1 && errno == ENOTTY) {
		say("Linux before 6.11\n");
		_exit(99);
	}
	/* A page of the file with nothing around it, and one without a file above. */
	char *p = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(munmap(p, 16 * PAGE));
	NEED(ftruncate(file, 2 * PAGE));
	NEED(mmap(p + 4 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file, PAGE));
	NEED(mmap(p + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0));
	query(fd, "inside", 0, p + 4 * PAGE + 5, p);
	query(fd, "before", 0, p + 3 * PAGE, p);
	query(fd, "before, or next", 16, p + 3 * PAGE, p);
	query(fd, "next writable", 16 | 2, p + 3 * PAGE, p);
	query(fd, "writable", 2, p + 4 * PAGE, p);
	query(fd, "of a file", 32, p + 8 * PAGE, p);
	query(fd, "shared", 8, p + 4 * PAGE, p);
	query(fd, "unknown flag", 64, p, p);
	q.size = 16;
	R(ioctl(fd, PROCMAP_QUERY, &q));
	q.size = 5000;
	R(ioctl(fd, PROCMAP_QUERY, &q));
	q = (struct procmap_query){ .size = sizeof q,
				    .query_addr = (uint64_t)p + 4 * PAGE,
				    .vma_name_size = 1 };
	R(ioctl(fd, PROCMAP_QUERY, &q));
	q.vma_name_addr = (uint64_t)&q;
	R(ioctl(fd, PROCMAP_QUERY, &q));
	R(ioctl(fd, PROCMAP_QUERY, NULL));
	R(ioctl(fd, 0x6612, &q));
}

CASE(pagemap)
{
	uint64_t e[4] = { 0 };
	int fd = (int)NEED(open("/proc/self/pagemap", O_RDONLY));
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, 4 * PAGE);
	NEED(munmap(p + PAGE, PAGE));
	R(pread(fd, e, sizeof e, (off_t)((uintptr_t)p / PAGE * 8)));
	for (int i = 0; i < 4; i++)
		say("present %d file %d exclusive %d\n", (int)(e[i] >> 63), (int)(e[i] >> 61 & 1),
		    (int)(e[i] >> 56 & 1));
	R(pread(fd, e, 7, 0));
	R(pread(fd, e, 8, 4));
	R(pread(fd, e, 8, 1L << 50));
	R(syscall(SYS_pread64, fd, NULL, 8UL, (uintptr_t)p / PAGE * 8));
}

static int follow_as_other(void *arg)
{
	char text[PATH_MAX];
	struct stat st;

	become(1234);
	NEED(prctl(PR_SET_DUMPABLE, 1));
	V(readlink(arg, text, sizeof text) > 0);
	R(stat(arg, &st));
	return 0;
}

CASE(map_files)
{
	char name[64], text[PATH_MAX] = "";
	struct stat st, link, target;
	int fd = (int)NEED(open("file", O_RDWR | O_CREAT, 0600)), listed = 0;
	struct dirent *e;

	need_root();
	NEED(ftruncate(fd, PAGE));
	NEED(fstat(fd, &st));
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	char *anon = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	snprintf(name, sizeof name, "/proc/self/map_files/%lx-%lx", (long)p, (long)p + PAGE);
	NEED(readlink(name, text, sizeof text - 1));
	say("%s\n", strrchr(text, '/'));
	NEED(lstat(name, &link));
	say("%o\n", link.st_mode);
	NEED(stat(name, &target));
	V(target.st_ino == st.st_ino && target.st_dev == st.st_dev);
	R(open(name, O_RDONLY) >= 0);
	DIR *d = opendir("/proc/self/map_files");
	while (d && (e = readdir(d)))
		listed += strcmp(e->d_name, strrchr(name, '/') + 1) == 0;
	V(listed);
	in_child("other", follow_as_other, name);
	snprintf(text, sizeof text, "/proc/self/map_files/%lx-%lx", (long)anon,
		 (long)anon + 4 * PAGE);
	R(access(text, F_OK));
	snprintf(text, sizeof text, "/proc/self/map_files/%lx-%lx", (long)p, (long)p + 2 * PAGE);
	R(access(text, F_OK));
	R(access("/proc/self/map_files/x", F_OK));
	NEED(munmap(p, PAGE));
	R(access(name, F_OK));
}

/* To ask for this clock also brings what /proc tells up to date, which Linux otherwise does at its
 * ticks alone. */
static void use_cpu(unsigned ms)
{
	struct timespec at;
	long start = -1, now;

	do {
		NEED(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at));
		now = at.tv_sec * 1000000000L + at.tv_nsec;
		start = start < 0 ? now : start;
	} while (now - start < (long)ms * 1000000);
}

CASE(schedstat)
{
	unsigned long ran = 0, waited = 0, times = 0, later = 0;
	FILE *f = fopen("/proc/self/schedstat", "r");

	if (!f) {
		say("a kernel without it\n");
		_exit(99);
	}
	V(fscanf(f, "%lu %lu %lu", &ran, &waited, &times));
	use_cpu(10);
	rewind(f);
	V(fscanf(f, "%lu", &later));
	V(later - ran >= 10000000);
}

static void *map_and_unmap(void *arg)
{
	for (int i = 0; i < 200; i++)
		munmap(
		    (void *)NEED(mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
		    65536);
	return arg;
}

/* For the thread sanitizer: sizes are told while they change. */
CASE(sizes_while_they_change)
{
	static const char *const names[] = { "/proc/self/status", "/proc/self/stat",
					     "/proc/self/statm" };
	char text[8192];
	pthread_t t;

	MUST(pthread_create(&t, NULL, map_and_unmap, NULL));
	for (int i = 0; i < 90; i++) {
		int fd = (int)NEED(open(names[i % 3], O_RDONLY));
		V(read(fd, text, sizeof text) > 0);
		close(fd);
	}
	MUST(pthread_join(t, NULL));
}

static void say_timers(const char *when)
{
	char text[4096], self[32], *at;
	int fd = (int)NEED(open("/proc/self/timers", O_RDONLY));
	ssize_t n = NEED(read(fd, text, sizeof text - 1));

	text[n] = 0;
	snprintf(self, sizeof self, "id.%d\n", getpid());
	while ((at = strstr(text, self)))
		memmove(at + 3, at + strlen(self) - 1, strlen(at + strlen(self) - 1) + 1);
	say("%s:\n%s", when, text);
	close(fd);
}

CASE(timers)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	int id[6];

	say_timers("none");
	R(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &id[0]));
	e.sigev_value.sival_ptr = (void *)0x123456789aUL;
	R(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id[1]));
	e.sigev_notify = SIGEV_NONE;
	e.sigev_signo = 0;
	R(syscall(SYS_timer_create, CLOCK_PROCESS_CPUTIME_ID, &e, &id[2]));
	e.sigev_notify = SIGEV_THREAD_ID;
	e.sigev_signo = 40;
	e._sigev_un._tid = gettid();
	R(syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &e, &id[3]));
	R(syscall(SYS_timer_create, CLOCK_BOOTTIME, &e, &id[4]));
	say_timers("five");
	R(syscall(SYS_timer_delete, id[1]));
	R(syscall(SYS_timer_create, CLOCK_TAI, &e, &id[5]));
	say_timers("others");
	R(access("/proc/thread-self/timers", F_OK));
}
