/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has mounted: file systems with files that are open and mapped, an overlay, peers
 * and slaves, namespaces of its own, a tree that is nowhere, and where processes stand in all of
 * that; file systems that are being described, and terminals of another devpts; and directories
 * that were removed. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

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

/* ---- file systems that are being described ---- */

static int set(int fs, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key,
			    value, 0);
}

static int command(int fs, unsigned what)
{
	return (int)syscall(SYS_fsconfig, fs, what, NULL, NULL, 0);
}

static int describe(const char *size)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 0);

	said("size", set(fs, "size", size));
	said("source", set(fs, "source", size));
	return fs;
}

static void mount_described(int fs, const char *where)
{
	struct statfs st;
	int m = (int)syscall(SYS_fsmount, fs, 0, 0);

	mkdir(where, 0755);
	said("fsmount", m);
	said("move", syscall(SYS_move_mount, m, "", AT_FDCWD, where, 4 /* F_EMPTY_PATH */));
	printf("%s has %lu\n", where, statfs(where, &st) ? 0UL : (unsigned long)st.f_blocks);
	close(m);
}

static void show_message(int fs)
{
	char line[256];
	ssize_t n = read(fs, line, sizeof line);

	printf("message: %.*s", n > 0 ? (int)n : 0, line);
	said("no more", read(fs, line, sizeof line));
}

struct contexts {
	int described, made, wrong, picked;
};

static void begin_contexts(struct contexts *c)
{
	c->described = describe("1m");
	c->made = describe("2m");
	said("create", command(c->made, FSCONFIG_CMD_CREATE));
	c->wrong = describe("3m");
	said("wrong", set(c->wrong, "source", "again"));
	c->picked = (int)syscall(SYS_fspick, AT_FDCWD, "m/picked", 0);
	said("ro", set(c->picked, "ro", NULL));
}

static void end_contexts(const struct contexts *c)
{
	said("mode", set(c->described, "mode", "700"));
	said("create", command(c->described, FSCONFIG_CMD_CREATE));
	mount_described(c->described, "m/described");
	said("set", set(c->made, "mode", "700"));
	mount_described(c->made, "m/made");
	show_message(c->wrong);
	close(open("m/picked/new", O_CREAT | O_WRONLY, 0600));
	show("m/picked/new");
	said("change", command(c->picked, FSCONFIG_CMD_RECONFIGURE));
	said("write", open("m/picked/other", O_CREAT | O_WRONLY, 0600));
}

/* ---- terminals ---- */

struct terminal {
	int master, slave, widow;
};

static int open_terminal(int *slave)
{
	int master = open("m/pts/ptmx", O_RDWR | O_NOCTTY), unlock = 0, nr = -1;
	char name[64];

	ioctl(master, TIOCSPTLCK, &unlock);
	ioctl(master, TIOCGPTN, &nr);
	snprintf(name, sizeof name, "m/pts/%d", nr);
	*slave = open(name, O_RDWR | O_NOCTTY);
	printf("terminal %d, %d\n", nr, *slave >= 0);
	return master;
}

static void begin_terminals(struct terminal *t)
{
	struct termios quiet;
	int own;

	said("devpts", mount("d", "m/pts", "devpts", 0, "newinstance,ptmxmode=666"));
	t->master = open_terminal(&t->slave);
	close(open_terminal(&t->widow));
	tcgetattr(t->slave, &quiet);
	quiet.c_lflag &= ~(tcflag_t)ECHO; /* which Linux does later */
	tcsetattr(t->slave, TCSANOW, &quiet);
	if (write(t->master, "typed\n", 6) != 6 || write(t->slave, "said\n", 5) != 5)
		said("write", -1);
	own = posix_openpt(O_RDWR | O_NOCTTY);
	printf("in the first: %d\n", own >= 0);
}

static void end_terminals(const struct terminal *t)
{
	char buf[64];
	struct stat st;
	int other;

	printf("typed: %.*s", (int)read(t->slave, buf, sizeof buf), buf);
	ssize_t n = read(t->master, buf, sizeof buf);
	for (ssize_t i = 0; i < n; i++)
		printf(buf[i] == '\r' ? "^M" : buf[i] == '\n' ? "|" : "%c", buf[i]);
	printf("\nwidow: %zd\n", read(t->widow, buf, sizeof buf));
	if (stat("m/pts/0", &st) == 0)
		printf("its mode: %o\n", st.st_mode & 07777);
	close(open_terminal(&other));
	close(t->master);
	printf("its name: %d\n", stat("m/pts/0", &st));
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
	const char *dirs[] = { "m/shared", "m/peer", "m/slave", "m/alone", "m/low", "m/up",
			       "m/work",   "m/over", "m/cover", "m/gone",  "m/pts", "m/picked" };
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
	struct contexts contexts;
	said("mount", mount("k", "m/picked", "tmpfs", 0, NULL));
	begin_contexts(&contexts);
	struct terminal terminal;
	begin_terminals(&terminal);
	mark();
	end_contexts(&contexts);
	end_terminals(&terminal);

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
