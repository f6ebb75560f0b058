/* SPDX-License-Identifier: Apache-2.0 */
/* The names of files that /proc tells to a process with a root of its own: as seen from there, if
 * they lie below. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "case.h"

static char base[PATH_MAX]; /* the scratch directory */

/* `text` with the scratch directory, which has another name in each run, as "~". */
static void say_name(const char *what, const char *text)
{
	size_t len = strlen(base);

	if (strncmp(text, base, len) == 0)
		say("%s: ~%s\n", what, text + len);
	else
		say("%s: %s\n", what, text);
}

static void say_link(int self, const char *name)
{
	char text[PATH_MAX];
	ssize_t n = NEED(readlinkat(self, name, text, sizeof text - 1));

	text[n] = 0;
	say_name(name, text);
}

static void say_fd(int self, const char *what, int fd)
{
	char name[32], text[PATH_MAX];

	snprintf(name, sizeof name, "fd/%d", fd);
	ssize_t n = NEED(readlinkat(self, name, text, sizeof text - 1));
	text[n] = 0;
	say_name(what, text);
}

/* The names of our two files in a table of mappings. */
static void say_mapped(int self, const char *table)
{
	FILE *f = fdopen((int)NEED(openat(self, table, O_RDONLY)), "r");
	char line[PATH_MAX + 128];

	while (f && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		char *name = strchr(line, '/');
		if (name && (strstr(name, "/inside") || strstr(name, "/outside")))
			say_name(table, name);
	}
	fclose(f);
}

static void say_size(int self, const char *table)
{
	char buf[4096];
	int fd = (int)NEED(openat(self, table, O_RDONLY));

	say("%s: %s\n", table, NEED(read(fd, buf, sizeof buf)) > 0 ? "mounts" : "none");
	close(fd);
}

static int map_new(const char *path)
{
	int fd = (int)NEED(open(path, O_CREAT | O_RDWR, 0600));

	NEED(ftruncate(fd, 4096));
	NEED(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
	return fd;
}

static void say_all(int self, int in, int out, int proc)
{
	say_link(self, "cwd");
	say_link(self, "root");
	say_fd(self, "inside", in);
	say_fd(self, "outside", out);
	say_fd(self, "/proc", proc);
	say_mapped(self, "maps");
	say_mapped(self, "smaps");
	say_size(self, "mounts");
	say_size(self, "mountinfo");
	say_size(self, "mountstats");
}

CASE(names)
{
	char cwd[PATH_MAX];

	need_root();
	NEED(getcwd(base, sizeof base) ? 0 : -1);
	NEED(mkdir("root", 0755));
	NEED(mkdir("root/sub", 0755));
	int out = map_new("outside"), in = map_new("root/sub/inside");
	int proc = (int)NEED(open("/proc", O_RDONLY | O_DIRECTORY));
	int self = (int)NEED(openat(proc, "self", O_RDONLY | O_DIRECTORY));

	NEED(chroot("root"));
	say_all(self, in, out, proc);
	NEED(syscall(SYS_getcwd, cwd, sizeof cwd));
	say("%.14s\n", cwd);
	NEED(chdir("/sub"));
	say_all(self, in, out, proc);
	say_name("getcwd", getcwd(cwd, sizeof cwd) ?: "?");
	NEED(chroot("/sub"));
	say_all(self, in, out, proc);
}

/* Whose root counts: of names the reader's, of mounts the process's. */
CASE(of_a_child)
{
	struct baton ready = baton_new(), end = baton_new();
	char name[32];

	need_root();
	NEED(getcwd(base, sizeof base) ? 0 : -1);
	NEED(mkdir("root", 0755));
	int out = map_new("outside"), in = map_new("root/inside"),
	    proc = (int)NEED(open("/proc", O_RDONLY));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		NEED(chroot("root"));
		give(&ready);
		take(&end);
		_exit(0);
	}
	take(&ready);
	snprintf(name, sizeof name, "%d", pid);
	say_all((int)NEED(openat(proc, name, O_RDONLY | O_DIRECTORY)), in, out, proc);
	give(&end);
	reap("child", pid);
}

/* For the thread sanitizer: another process maps and unmaps a file of which this one has mappings,
 * too. */
CASE(maps_while_another_maps)
{
	char text[4096];

	need_root();
	int fd = (int)NEED(memfd_create("shared", 0)),
	    maps = (int)NEED(open("/proc/self/maps", O_RDONLY));
	NEED(ftruncate(fd, 4096));
	NEED(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	NEED(chroot("."));
	pid_t pid = (pid_t)NEED(fork());
	for (int i = 0; i < 100; i++) {
		if (pid == 0)
			munmap((void *)NEED(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0)), 4096);
		else
			NEED(pread(maps, text, sizeof text, 0));
	}
	if (pid == 0)
		_exit(0);
	int status;
	NEED(waitpid(pid, &status, 0));
	X(status);
}
