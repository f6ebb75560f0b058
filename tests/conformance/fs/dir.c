/* SPDX-License-Identifier: Apache-2.0 */
/* Directories read: getdents64(2), seekdir(3), large ones, changed ones. */
#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "case.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);

	if (n == -1)
		say("%s: %s\n", path, strerrorname_np(errno));
	for (int i = 0; i < n; i++)
		say("%s type %d\n", names[i]->d_name, names[i]->d_type);
}

CASE(entries)
{
	NEED(mkdir("d", 0755));
	put_file("d/file", "");
	NEED(mkdir("d/sub", 0755));
	NEED(symlink("x", "d/link"));
	NEED(mkfifo("d/fifo", 0600));
	put_file("d/.hidden", "");
	put_file("d/with space", "");
	list("d");
	list("missing");
	list("d/file");
}

CASE(inode_numbers)
{
	struct stat st;
	struct dirent *e;
	int good = 0, all = 0;

	put_file("a", "");
	put_file("b", "");
	NEED(mkdir("c", 0755));
	DIR *d = opendir(".");
	while ((e = readdir(d))) {
		all++;
		good += lstat(e->d_name, &st) == 0 && st.st_ino == e->d_ino;
	}
	V(all);
	V(good);
}

static long getdents(int fd, void *buf, size_t size)
{
	return syscall(SYS_getdents64, fd, buf, size);
}

CASE(getdents_errors)
{
	char b[100];
	int fd = (int)NEED(open(".", O_RDONLY));

	put_file("file", "");
	R(getdents(fd, b, 10));
	R(getdents(fd, b, 0));
	R(getdents((int)NEED(open("file", O_RDONLY)), b, 100));
	R(getdents(99, b, 100));
	R(getdents((int)NEED(open(".", O_RDONLY | O_PATH)), b, 100));
}

struct entry {
	uint64_t ino, off;
	uint16_t len;
	uint8_t type;
	char name[];
};

CASE(small_buffer)
{
	char b[64], name[8], *names[64];
	int fd, n = 0;
	long got;

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "n%02d", i);
		put_file(name, "");
	}
	fd = (int)NEED(open(".", O_RDONLY));
	while ((got = getdents(fd, b, sizeof b)) > 0)
		for (long at = 0; at < got && n < 64;) {
			struct entry *e = (struct entry *)(void *)(b + at);
			names[n++] = strdup(e->name);
			if (e->len % 8 || at + e->len > got)
				say("bad record\n");
			at += e->len;
		}
	V(got);
	qsort(names, n, sizeof *names, by_name);
	for (int i = 0; i < n; i++)
		say("%s ", names[i]);
	say("\n");
	R(getdents(fd, b, sizeof b));
	R(lseek(fd, 0, SEEK_SET));
	V(getdents(fd, b, sizeof b) > 0);
}

CASE(telldir_seekdir)
{
	char name[16], *order[102];
	struct dirent *e;
	long at[102];
	int n = 0, good = 0;

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "file%d", i);
		put_file(name, "");
	}
	DIR *d = opendir(".");
	for (at[0] = telldir(d); n < 102 && (e = readdir(d)); at[n] = telldir(d)) {
		order[n++] = strdup(e->d_name);
		if (n == 102)
			break;
	}
	V(n);
	for (int i = n - 1; i >= 0; i -= 7) {
		seekdir(d, at[i]);
		e = readdir(d);
		good += e && strcmp(e->d_name, order[i]) == 0;
	}
	V(good);
	rewinddir(d);
	e = readdir(d);
	V(e && strcmp(e->d_name, order[0]) == 0);
}

CASE(deleted_while_reading)
{
	char name[16];
	struct dirent *e;
	int seen = 0;

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "file%d", i);
		put_file(name, "");
	}
	DIR *d = opendir(".");
	while ((e = readdir(d)))
		if (e->d_name[0] == 'f') {
			seen++;
			NEED(unlink(e->d_name));
		}
	V(seen);
	list(".");
}

CASE(large_directory)
{
	char name[64];
	int n = 0;

	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "a_rather_long_name_for_a_file_%d", i);
		NEED(mknod(name, S_IFREG | 0600, 0));
	}
	DIR *d = opendir(".");
	while (readdir(d))
		n++;
	V(n);
	closedir(d);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "a_rather_long_name_for_a_file_%d", i);
		NEED(unlink(name));
	}
	list(".");
}

CASE(removed_directory)
{
	char b[200];

	NEED(mkdir("gone", 0755));
	int fd = (int)NEED(open("gone", O_RDONLY));
	NEED(rmdir("gone"));
	R(getdents(fd, b, sizeof b));
}

CASE(removed_directory_in_memory)
{
	char b[200], name[] = "/dev/shm/gone-XXXXXX";

	NEED(mkdtemp(name) ? 0 : -1);
	int fd = (int)NEED(open(name, O_RDONLY));
	NEED(rmdir(name));
	R(getdents(fd, b, sizeof b));
}

/* What every call says of a name that is too long, in the directory the process stands in. */
static void too_long_here(void)
{
	struct stat st;
	char name[NAME_MAX + 2];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	R(open(name, O_RDONLY));
	R(open(name, O_WRONLY | O_CREAT, 0600));
	R(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
	R(stat(name, &st));
	R(lstat(name, &st));
	R(access(name, F_OK));
	R(mkdir(name, 0700));
	R(mknod(name, S_IFREG | 0600, 0));
	R(symlink("text", name));
	R(unlink(name));
	R(rmdir(name));
	R(rename(name, "other"));
	R(link("/dev/null", name));
	R(chdir(name));
	strcpy(name + sizeof name - 3, "/x");
	R(stat(name, &st));
	memmove(name + 1, name, sizeof name - 4);
	R(stat(name, &st));
}

static void too_long_in(const char *dir)
{
	NEED(mkdir(dir, 0755));
	NEED(chdir(dir));
	too_long_here();
	NEED(rmdir(dir));
	too_long_here();
}

CASE(too_long)
{
	char here[PATH_MAX], memory[64];

	NEED(getcwd(here, sizeof here - 8) ? 0 : -1);
	strcat(here, "/gone");
	too_long_in(here);
	snprintf(memory, sizeof memory, "/dev/shm/gone-%d", getpid());
	too_long_in(memory);
}

CASE(too_long_in_a_closed_directory)
{
	need_root();
	NEED(mkdir("closed", 0700));
	int fd = (int)NEED(open("closed", O_PATH));
	NEED(fchdir(fd));
	NEED(seteuid(1000));
	too_long_here();
}

/* The buffer ends in the middle of a page that cannot be written: what fits in front of it is
 * given, the rest by the next call. */
CASE(getdents_into_half_a_buffer)
{
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int entries = 0, faults = 0, fd;
	long got;

	NEED(mkdir("many", 0755));
	NEED(chdir("many"));
	for (int i = 0; i < 100; i++) {
		char name[16];
		snprintf(name, sizeof name, "file%d", i);
		put_file(name, "");
	}
	NEED(mprotect(m + 4096, 4096, PROT_NONE));
	fd = (int)NEED(open(".", O_RDONLY | O_DIRECTORY));
	R(getdents(fd, m + 4096 - 8, 4096));
	R(getdents(fd, m + 4096, 4096));
	while ((got = getdents(fd, m + 4096 - 256, 4096)) != 0 && faults < 3) {
		if (got < 0)
			faults++;
		for (long at = 0; at < got; entries++)
			at += *(unsigned short *)(m + 4096 - 256 + at + 16);
	}
	V(entries);
	V(faults);
	R(getdents(fd, m + 4096, 4096));
}

CASE(getdents_large_counts)
{
	char b[4096];
	int fd = (int)NEED(open(".", O_RDONLY | O_DIRECTORY));

	R(getdents(fd, b, 0x80000000UL));
	R(getdents(fd, b, 0xffffffffUL));
	say("%s\n", getdents(fd, b, 0x100000000UL + sizeof b) > 0 ? "some" : "none");
}

/* A directory of procfs has no size: its end is at 0. */
CASE(proc_directories)
{
	static const char *const names[] = { "/proc", "/proc/self", "/proc/self/fd", "/proc/sys",
					     "/proc/self/task" };
	char b[16];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int fd = (int)NEED(open(names[i], O_RDONLY));
		say("%s: ", names[i]);
		R(lseek(fd, 0, SEEK_END));
		R(lseek(fd, 5, SEEK_END));
		R(lseek(fd, -1, SEEK_END));
		R(lseek(fd, 2, SEEK_SET));
		R(read(fd, b, sizeof b));
		close(fd);
	}
}
