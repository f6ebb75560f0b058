/* SPDX-License-Identifier: Apache-2.0 */
/* /proc beside the processes: what is said of the machine and the system. */
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "case.h"

/* The lines of a file that begin with a word of the list, cut behind it: is it there? */
static void say_words(const char *path, const char *const *words)
{
	static char text[1 << 20];
	int fd = open(path, O_RDONLY);
	ssize_t n, len = 0;

	if (fd == -1) {
		say("%s: %s\n", path, strerrorname_np(errno));
		return;
	}
	while ((n = read(fd, text + len, sizeof text - 2 - len)) > 0)
		len += n;
	close(fd);
	text[len] = 0;
	for (int i = 0; words[i]; i++) {
		const char *at = strstr(text, words[i]);
		bool number = at && strspn(at + strlen(words[i]), " \t") <
					strspn(at + strlen(words[i]), " \t0123456789");
		say("%s %s: %s\n", path, words[i], at ? number ? "number" : "there" : "missing");
	}
}

CASE(words)
{
	static const char *const stat_words[] = {
		"cpu ",       "cpu0 ",          "intr ",          "ctxt ",    "btime ",
		"processes ", "procs_running ", "procs_blocked ", "softirq ", NULL
	};
	static const char *const vm_words[] = { "nr_free_pages ", "pgpgin ",     "pgpgout ",
						"pgfault ",       "pgmajfault ", NULL };
	static const char *const mem_words[] = { "MemTotal:",
						 "MemFree:",
						 "MemAvailable:",
						 "Buffers:",
						 "Cached:",
						 "SwapTotal:",
						 "SwapFree:",
						 "Shmem:",
						 "SReclaimable:",
						 "Committed_AS:",
						 "HugePages_Total:",
						 "Hugepagesize:",
						 NULL };
	static const char *const cgroup_words[] = { "#subsys_name\thierarchy\tnum_cgroups\tenabled",
						    NULL };
	static const char *const fs_words[] = { "nodev\tproc\n", "nodev\tsysfs\n", "nodev\ttmpfs\n",
						"nodev\tpipefs\n", NULL };
	static const char *const cpu_words[] = { "CPU0", NULL };

	say_words("/proc/stat", stat_words);
	say_words("/proc/vmstat", vm_words);
	say_words("/proc/meminfo", mem_words);
	say_words("/proc/cgroups", cgroup_words);
	say_words("/proc/filesystems", fs_words);
	say_words("/proc/interrupts", cpu_words);
	say_words("/proc/softirqs", cpu_words);
}

static void say_open(const char *path)
{
	int fd;

	say_outcome(path, (fd = open(path, O_RDONLY)) == -1, errno);
	close(fd);
}

CASE(there)
{
	say_open("/proc/diskstats");
	say_open("/proc/partitions");
	say_open("/proc/swaps");
	say_open("/proc/misc");
	say_open("/proc/locks");
	say_open("/proc/nothing");
}

/* A program that sizes itself by this wants room for some threads. */
CASE(threads_max)
{
	char text[32] = "";
	int fd = (int)NEED(open("/proc/sys/kernel/threads-max", O_RDONLY));

	NEED(read(fd, text, sizeof text - 1));
	V(strtol(text, NULL, 10) >= 1000);
}

CASE(uptime)
{
	double up = 0, idle = -1, later = 0;
	FILE *f = fopen("/proc/uptime", "r");

	V(fscanf(f, "%lf %lf", &up, &idle));
	rewind(f);
	V(fscanf(f, "%lf", &later));
	V(up > 0 && idle >= 0 && later >= up && later < up + 5);
}

/* The locks of one file, kind by kind: those of the same kind have no order. */
static void say_locks(const char *kind, ino_t ino)
{
	char line[256], what[16], advisory[16], type[16], start[24], end[24];
	int pid, maj, min;
	unsigned long nr;
	FILE *f = fopen("/proc/locks", "r");

	while (f && fgets(line, sizeof line, f)) {
		int n = sscanf(line, "%*d: %15s %15s %15s %d %x:%x:%lu %23s %23s", what, advisory,
			       type, &pid, &maj, &min, &nr, start, end);
		if (n == 9 && nr == ino && strcmp(what, kind) == 0)
			say("%s %s %s %s %s %s\n", what, advisory, type,
			    pid == getpid() ? "own"
			    : pid == -1     ? "-1"
					    : "other",
			    start, end);
	}
	if (f)
		fclose(f);
}

CASE(locks)
{
	int fd = (int)NEED(open("file", O_RDWR | O_CREAT, 0600)),
	    other = (int)NEED(open("file", O_RDWR));
	struct flock w = { .l_type = F_WRLCK, .l_start = 5, .l_len = 5 };
	struct flock r = { .l_type = F_RDLCK, .l_start = 100 };
	struct stat st;

	NEED(fstat(fd, &st));
	NEED(fcntl(fd, F_SETLK, &w));
	NEED(fcntl(other, F_OFD_SETLK, &r));
	NEED(flock(fd, LOCK_EX));
	say_locks("POSIX", st.st_ino);
	say_locks("OFDLCK", st.st_ino);
	say_locks("FLOCK", st.st_ino);
	NEED(flock(fd, LOCK_UN));
	w.l_type = F_UNLCK;
	NEED(fcntl(fd, F_SETLK, &w));
	close(other);
	say_locks("POSIX", st.st_ino);
	say_locks("OFDLCK", st.st_ino);
	say_locks("FLOCK", st.st_ino);
}

/* readdir and stat give one number for a file, and no number stands for two. */
static void check_numbers(const char *dir)
{
	static ino_t seen[4096];
	int n = 0, differ = 0, twice = 0;
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d)) && n < 4096) {
		if (e->d_name[0] == '.' ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		differ += st.st_ino != e->d_ino;
		for (int i = 0; i < n; i++)
			twice += seen[i] == st.st_ino;
		seen[n++] = st.st_ino;
	}
	say("%s: %s, %d differ, %d twice\n", dir, n ? "some" : "none", differ, twice);
}

CASE(inode_numbers)
{
	check_numbers("/proc/self");
	check_numbers("/proc/self/fd");
	check_numbers("/proc/self/task");
	check_numbers("/proc/sys/kernel");
	check_numbers("/sys/devices/system/cpu");
}

static void store(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = fd == -1 ? -1 : write(fd, text, strlen(text));

	say_result(path, n, errno);
	close(fd);
}

static void say_names(void)
{
	struct utsname u;

	NEED(uname(&u));
	say("%s, %s\n", u.nodename, u.domainname);
	say_file("/proc/sys/kernel/hostname");
	say_file("/proc/sys/kernel/domainname");
}

/* Natively in a namespace of its own; under hl the whole system is the case's own. */
static void own_names(void)
{
	need_root();
	(void)!unshare(CLONE_NEWUTS);
	NEED(sethostname("first", 5));
	NEED(setdomainname("domain", 6));
}

CASE(names)
{
	char longer[80];

	own_names();
	say_names();
	store("/proc/sys/kernel/hostname", "second\nthird");
	store("/proc/sys/kernel/domainname", "example.org");
	say_names();
	memset(longer, 'a', sizeof longer);
	longer[79] = 0;
	store("/proc/sys/kernel/hostname", longer);
	say_names();
	R(sethostname(longer, 64));
	R(sethostname(longer, 65));
	R(setdomainname(longer, 65));
	R(syscall(SYS_setdomainname, longer, -1));
	R(syscall(SYS_setdomainname, NULL, 3));
	R(setdomainname("a\0b", 3));
	say_names();
}

static int not_root(void *arg)
{
	NEED(setresuid(1234, 1234, 1234));
	store("/proc/sys/kernel/hostname", "x");
	R(access("/proc/sys/kernel/hostname", W_OK));
	R(sethostname("x", 1));
	R(setdomainname("x", 1));
	return 0;
}

CASE(names_of_others)
{
	own_names();
	in_child("ordinary user", not_root, NULL);
	say_names();
}

CASE(names_polled)
{
	struct pollfd p = { .events = POLLIN | POLLPRI };
	struct epoll_event e = { .events = EPOLLPRI };

	own_names();
	p.fd = (int)NEED(open("/proc/sys/kernel/hostname", O_RDONLY));
	int other = (int)NEED(open("/proc/sys/kernel/domainname", O_RDONLY)),
	    ep = (int)NEED(epoll_create1(0));
	R(epoll_ctl(ep, EPOLL_CTL_ADD, other, &e));
	R(poll(&p, 1, 0));
	X(p.revents);
	NEED(sethostname("changed", 7));
	R(poll(&p, 1, -1));
	X(p.revents);
	R(poll(&p, 1, 0));
	X(p.revents);
	R(epoll_wait(ep, &e, 1, 0));
	NEED(setdomainname("new", 3));
	R(epoll_wait(ep, &e, 1, -1));
	X(e.events);
	R(epoll_wait(ep, &e, 1, 0));
}

CASE(mounts_polled)
{
	struct pollfd p = { .events = POLLIN | POLLPRI | POLLOUT };
	struct epoll_event e = { .events = EPOLLPRI };
	int ep = (int)NEED(epoll_create1(0));

	p.fd = (int)NEED(open("/proc/self/mountinfo", O_RDONLY));
	R(poll(&p, 1, 0));
	X(p.revents);
	R(epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &e));
	R(epoll_wait(ep, &e, 1, 0));
	R(epoll_ctl(ep, EPOLL_CTL_ADD, open("/proc/self/status", O_RDONLY), &e));
}

/* Programs look here first. */
CASE(settings)
{
	static const char *const files[] = {
		"kernel/arch",          "kernel/ostype",       "kernel/tainted",
		"kernel/core_uses_pid", "fs/overflowuid",      "fs/overflowgid",
		"fs/suid_dumpable",     "vm/legacy_va_layout", "vm/nr_hugepages",
		"vm/overcommit_memory", "vm/overcommit_ratio", "kernel/sched_rr_timeslice_ms",
		"vm/memfd_noexec",      "vm/max_map_count",
	};

	NEED(chdir("/proc/sys"));
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		say_file(files[i]);
}
