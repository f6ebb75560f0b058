/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has mounted: file systems with files that are open and mapped, an overlay, peers
 * and slaves, namespaces of its own, a tree that is nowhere, and where processes stand in all of
 * that; and directories that were removed. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "mark.h"

static void said(const char *what, long r)
{
	printf("%s: %ld\n", what, r < 0 ? -errno : 0L);
}

static int put(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT, 0644);

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		said(name, -1);
	return fd;
}

static void show(const char *name)
{
	char buf[64];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof buf);

	printf("%s: %d %.*s\n", name, fd < 0 ? errno : 0, n > 0 ? (int)n : 0, buf);
	if (fd >= 0)
		close(fd);
}

static void show_at(const char *what, int dir, const char *name)
{
	struct stat st;

	printf("%s: ", what);
	said(name, fstatat(dir, name, &st, 0));
}

/* A process with mounts of its own, which waits. */
static pid_t other(int *ns)
{
	int told[2];
	char c;

	if (pipe(told))
		exit(2);
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		said("unshare", unshare(CLONE_NEWNS | CLONE_NEWUTS));
		said("host", sethostname("other", 5));
		said("mount", mount("in", "m/alone", "tmpfs", 0, NULL));
		put("m/alone/there", "in the other");
		fflush(stdout);
		if (chdir("m/alone") || write(told[1], "", 1) != 1)
			_exit(2);
		for (;;)
			pause();
	}
	if (read(told[0], &c, 1) != 1)
		exit(2);
	char name[64];
	snprintf(name, sizeof name, "/proc/%d/ns/mnt", pid);
	*ns = open(name, O_RDONLY);
	return pid;
}

int main(void)
{
	char host[65], cwd[4096];
	int ns, status;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		puts("nothing may be mounted here");
		mark();
		return 0;
	}
	mkdir("m", 0755);
	said("mount", mount("name", "m", "tmpfs", MS_NOSUID, "size=1m,mode=750"));
	const char *dirs[] = { "m/shared", "m/peer", "m/slave", "m/alone", "m/low",
			       "m/up",     "m/work", "m/over",  "m/cover", "m/gone" };
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		mkdir(dirs[i], 0755);
	int f = put("m/file", "a file");
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	put("m/low/lower", "below");
	said("overlay",
	     mount("o", "m/over", "overlay", 0, "lowerdir=m/low,upperdir=m/up,workdir=m/work"));
	int above = put("m/over/upper", "above");
	said("mount", mount("s", "m/shared", "tmpfs", 0, NULL));
	said("shared", mount(NULL, "m/shared", NULL, MS_SHARED, NULL));
	said("peer", mount("m/shared", "m/peer", NULL, MS_BIND, NULL));
	said("bind", mount("m/shared", "m/slave", NULL, MS_BIND, NULL));
	said("slave", mount(NULL, "m/slave", NULL, MS_SLAVE, NULL));
	mkdir("m/shared/on", 0755);
	mkdir("m/slave/own", 0755);
	pid_t pid = other(&ns);
	int covered = open("m/cover", O_RDONLY | O_DIRECTORY);
	put("m/cover/beneath", "beneath");
	said("cover", mount("c", "m/cover", "tmpfs", MS_RDONLY, NULL));
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "m/peer", 1 /* OPEN_TREE_CLONE */);
	int gone = open("m/gone", O_RDONLY | O_DIRECTORY);
	rmdir("m/gone");
	mkdir("left", 0700);
	mkdir("left/behind", 0700);
	pid_t stands = fork();
	if (!stands) {
		if (chdir("left/behind") || rmdir("../behind") || rmdir("../../left"))
			_exit(2);
		for (;;)
			pause();
	}
	while (access("left", F_OK) == 0)
		sched_yield();
	mark();

	printf("mapped: %.6s\n", map);
	memcpy(map, "A", 1);
	show("m/file");
	show("m/low/lower");
	show("m/over/lower");
	close(put("m/over/lower", "BE"));
	show("m/low/lower");
	show("m/up/lower");
	said("write", pwrite(above, "AB", 2, 0));
	show("m/up/upper");
	said("on the peer", mount("p", "m/peer/on", "tmpfs", 0, NULL));
	put("m/peer/on/x", "propagates");
	show("m/shared/on/x");
	show("m/slave/on/x");
	said("on the slave", mount("q", "m/slave/own", "tmpfs", 0, NULL));
	put("m/slave/own/y", "does not");
	show("m/shared/own/y");
	show("m/cover/beneath");
	show_at("covered", covered, "beneath");
	said("write", open("m/cover/new", O_CREAT | O_WRONLY, 0600));
	show_at("tree", tree, "on");
	said("move", syscall(SYS_move_mount, tree, "", AT_FDCWD, "m/low", 4 /* F_EMPTY_PATH */));
	show_at("moved", AT_FDCWD, "m/low/own");
	show_at("gone", gone, ".");
	show_at("gone", gone, "x");
	show_at("gone", gone, "../file");
	said("make", mkdirat(gone, "x", 0700));
	snprintf(cwd, sizeof cwd, "/proc/%d/cwd", stands);
	char where[4096];
	ssize_t n = readlink(cwd, where, sizeof where - 1);
	where[n < 0 ? 0 : n] = '\0';
	char *last = strrchr(where, '/');
	printf("stands in %s\n", last ? last : where);
	printf("up: %d\n", access(strcat(cwd, "/.."), F_OK));
	show("m/alone/there");
	said("enter", setns(ns, CLONE_NEWNS));
	snprintf(cwd, sizeof cwd, "/proc/%d/cwd/there", pid);
	printf("from elsewhere: %d\n", access(cwd, F_OK));
	gethostname(host, sizeof host);
	printf("host is the other's: %d\n", strcmp(host, "other") == 0);
	kill(pid, SIGKILL);
	kill(stands, SIGKILL);
	while (wait(&status) > 0)
		;
	return 0;
}
