/* SPDX-License-Identifier: Apache-2.0 */
/* /proc beside the processes: what is said of the machine and the system. */
#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>

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
	while ((n = read(fd, text + len, sizeof(text) - 2 - len)) > 0)
		len += n;
	close(fd);
	text[len] = 0;
	for (int i = 0; words[i]; i++) {
		const char *at = strstr(text, words[i]);
		bool number =
		    at && strspn(at + strlen(words[i]), " \t") < strspn(at + strlen(words[i]), " \t0123456789");
		say("%s %s: %s\n", path, words[i], at ? number ? "number" : "there" : "missing");
	}
}

CASE(words)
{
	static const char *const stat_words[] = { "cpu ",     "cpu0 ",      "intr ",          "ctxt ",
						  "btime ",   "processes ", "procs_running ", "procs_blocked ",
						  "softirq ", NULL };
	static const char *const vm_words[] = {
		"nr_free_pages ", "pgpgin ", "pgpgout ", "pgfault ", "pgmajfault ", NULL
	};
	static const char *const mem_words[] = {
		"MemTotal:", "MemFree:", "MemAvailable:", "Buffers:",      "Cached:",          "SwapTotal:",
		"SwapFree:", "Shmem:",   "SReclaimable:", "Committed_AS:", "HugePages_Total:", "Hugepagesize:",
		NULL
	};
	static const char *const cgroup_words[] = { "#subsys_name\thierarchy\tnum_cgroups\tenabled", NULL };
	static const char *const fs_words[] = { "nodev\tproc\n", "nodev\tsysfs\n", "nodev\ttmpfs\n", "nodev\tpipefs\n",
						NULL };
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

	while (f && fgets(line, sizeof(line), f)) {
		int n = sscanf(line, "%*d: %15s %15s %15s %d %x:%x:%lu %23s %23s", what, advisory, type, &pid, &maj,
			       &min, &nr, start, end);
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
	int fd = (int)NEED(open("file", O_RDWR | O_CREAT, 0600)), other = (int)NEED(open("file", O_RDWR));
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
		if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
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
