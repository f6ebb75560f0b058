/* SPDX-License-Identifier: Apache-2.0 */
/* Mount namespaces: unshare(2), clone(2), setns(2); pivot_root(2). */
#include <linux/sched.h>

#include "mount_world.h"

static ino_t ns_of(const char *who)
{
	char name[64];
	struct stat st;

	snprintf(name, sizeof name, "/proc/%s/ns/mnt", who);
	NEED(stat(name, &st));
	return st.st_ino;
}

CASE(unshared)
{
	struct stat st;
	char cwd[PATH_MAX];

	enter_world();
	ino_t before = ns_of("self");
	DIRS("d", "d/e");
	NEED(chdir("d/e"));
	R(unshare(CLONE_NEWNS));
	V(ns_of("self") != before);
	say("%s\n", getcwd(cwd, sizeof cwd) + strlen(world));
	NEED(chdir(".."));
	mount_marked("e", "mine");
	SEES("e/mine");
	NEED(stat("/proc/self/ns/mnt", &st));
	V(st.st_ino == ns_of("self"));
	R(unshare(CLONE_NEWNS | CLONE_FS | CLONE_NEWUTS));
	SEES("e/mine");
	R(umount("e"));
	R(umount("e"));
}

/* A copy of what its parent had open stays what it was. */
static int by_descriptor(void *arg)
{
	int fd = *(int *)arg;

	NEED(unshare(CLONE_NEWNS));
	mount_marked("d", "child's");
	SEES("d/child's");
	R(faccessat(fd, "child's", F_OK, 0));
	R(faccessat(fd, "../d/child's", F_OK, 0));
	R(fchdir(fd));
	SEES("../d/child's");
	R(mount("t", ".", "tmpfs", 0, NULL));
	R(mount(".", world, NULL, MS_BIND, NULL));
	R(umount2("/proc/self/fd/3", MNT_DETACH));
	return 0;
}

CASE(descriptors_of_the_other)
{
	enter_world();
	DIRS("d");
	int fd = (int)NEED(open("d", O_RDONLY));
	in_child("child", by_descriptor, &fd);
	SEES("d/child's");
}

static int cloned(void *arg)
{
	(void)arg;
	mount_marked("d", "child's");
	SEES("d/child's");
	say_mounts("child");
	return 0;
}

CASE(clone_flags)
{
	enter_world();
	DIRS("d");
	pid_t pid = (pid_t)NEED(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
	if (!pid)
		_exit(cloned(NULL));
	reap("clone", pid);
	SEES("d/child's");
	struct clone_args args = { .flags = CLONE_NEWNS | CLONE_NEWUTS, .exit_signal = SIGCHLD };
	pid = (pid_t)NEED(syscall(SYS_clone3, &args, sizeof args));
	if (!pid)
		_exit(cloned(NULL));
	reap("clone3", pid);
	SEES("d/child's");
	R(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
}

static int holds(void *arg)
{
	struct baton *b = arg;

	NEED(unshare(CLONE_NEWNS));
	mount_marked("d", "held");
	give(&b[0]);
	take(&b[1]);
	return 0;
}

static void *other_thread(void *arg)
{
	take(arg);
	return NULL;
}

CASE(entered)
{
	struct baton b[2] = { baton_new(), baton_new() };
	char name[64], cwd[PATH_MAX];

	enter_world();
	DIRS("d");
	int mine = (int)NEED(open("/proc/self/ns/mnt", O_RDONLY));
	pid_t pid = child(holds, b);
	take(&b[0]);
	snprintf(name, sizeof name, "/proc/%d/ns/mnt", pid);
	int its = (int)NEED(open(name, O_RDONLY));
	snprintf(name, sizeof name, "/proc/%d/mountinfo", pid);
	say_mounts_of(name, world);
	give(&b[1]);
	reap("child", pid);
	/* It lives on by the descriptor. */
	R(setns(its, CLONE_NEWUTS));
	R(setns(its, CLONE_NEWNS));
	say("%s\n", getcwd(cwd, sizeof cwd));
	NEED(chdir(world));
	SEES("d/held");
	say_mounts("in it");
	R(setns(mine, 0));
	NEED(chdir(world));
	SEES("d/held");
	/* With a root that others share. */
	pid = (pid_t)NEED(syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0));
	if (!pid) {
		R(setns(its, CLONE_NEWNS));
		_exit(0);
	}
	reap("shares", pid);
	close(its);
	(void)other_thread;
}

static int without_rights(void *arg)
{
	int fd = *(int *)arg;

	NEED(setresuid(1234, 1234, 1234));
	R(setns(fd, CLONE_NEWNS));
	R(unshare(CLONE_NEWNS));
	R(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
	return 0;
}

CASE(rights)
{
	enter_world();
	int fd = (int)NEED(open("/proc/self/ns/mnt", O_RDONLY));
	in_child("user", without_rights, &fd);
}

/* ---- pivot_root ---- */

static long pivot(const char *new, const char *old)
{
	return syscall(SYS_pivot_root, new, old);
}

CASE(pivot)
{
	char cwd[PATH_MAX];

	enter_world();
	DIRS("r");
	mount_marked("r", "new root");
	DIRS("r/old", "r/proc", "r/d");
	NEED(mount("proc", "r/proc", "proc", 0, NULL));
	int dir = (int)NEED(open("r/d", O_RDONLY));
	R(pivot("r", "r/old"));
	SEES("/new root");
	say("%s\n", getcwd(cwd, sizeof cwd) + strlen("/old"));
	NEED(chdir("/"));
	SEES("old/proc/self");
	R(umount("old"));
	R(umount2("old", MNT_DETACH));
	SEES("old/proc");
	say_mounts_of("/proc/self/mountinfo", "");
	R(fchdir(dir));
	SEES("../new root");
	SEES("../../../../../new root");
}

CASE(pivot_in_place)
{
	char cwd[PATH_MAX];

	enter_world();
	DIRS("r");
	mount_marked("r", "new root");
	DIRS("r/proc");
	NEED(mount("proc", "r/proc", "proc", 0, NULL));
	NEED(chdir("r"));
	R(pivot(".", "."));
	say("%s\n", getcwd(cwd, sizeof cwd));
	R(umount2(".", MNT_DETACH));
	NEED(chdir("/"));
	SEES("new root");
	say_mounts_of("/proc/self/mountinfo", "");
}

static int root_of_parent(void *arg)
{
	struct baton *b = arg;
	char cwd[PATH_MAX];

	NEED(chdir("/"));
	give(&b[0]);
	take(&b[1]);
	say("%s\n", getcwd(cwd, sizeof cwd));
	SEES("/new root");
	SEES("new root");
	return 0;
}

/* Others whose root it was go along. */
CASE(pivot_moves_others)
{
	struct baton b[2] = { baton_new(), baton_new() };

	enter_world();
	DIRS("r");
	mount_marked("r", "new root");
	DIRS("r/old");
	pid_t pid = child(root_of_parent, b);
	take(&b[0]);
	R(pivot("r", "r/old"));
	give(&b[1]);
	reap("child", pid);
}

CASE(pivot_refused)
{
	enter_world();
	DIRS("r", "dir", "dir/old");
	mount_marked("r", "root");
	DIRS("r/old", "r/sub");
	put_file("file", "x");
	R(pivot("dir", "dir/old"));
	R(pivot("nothing", "r"));
	R(pivot("file", "r"));
	R(pivot("r", "r/nothing"));
	R(pivot("r", "dir"));
	R(pivot("r/sub", "r/old"));
	R(pivot("/", "r"));
	R(pivot("r", "/"));
	R(pivot(".", "."));
	NEED(mount(NULL, "r", NULL, MS_SHARED, NULL));
	R(pivot("r", "r/old"));
	NEED(mount(NULL, "r", NULL, MS_PRIVATE, NULL));
	NEED(mount(NULL, ".", NULL, MS_SHARED, NULL));
	R(pivot("r", "r/old"));
	NEED(mount(NULL, ".", NULL, MS_PRIVATE, NULL));
	NEED(mount(NULL, "/", NULL, MS_SHARED, NULL));
	R(pivot("r", "r/old"));
	NEED(mount(NULL, "/", NULL, MS_PRIVATE, NULL));
	NEED(chroot("r/sub"));
	R(pivot("/", "/"));
}

CASE(pivot_in_a_chroot)
{
	enter_world();
	DIRS("c");
	mount_marked("c", "chroot");
	DIRS("c/r");
	mount_marked("c/r", "new root");
	DIRS("c/r/old", "c/r/proc");
	NEED(mount("proc", "c/r/proc", "proc", 0, NULL));
	NEED(chroot("c"));
	NEED(chdir("/"));
	R(pivot("r", "r/old"));
	SEES("/new root");
	SEES("/old/chroot");
	SEES("/../../new root");
	say_mounts_of("/proc/self/mountinfo", "");
}

/* As a container's entry point does it. */
CASE(container)
{
	enter_world();
	DIRS("root", "data");
	put_file("data/f", "of the host");
	mount_marked("root", "image");
	DIRS("root/proc", "root/tmp", "root/data");
	R(unshare(CLONE_NEWNS | CLONE_NEWUTS));
	R(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
	R(mount("root", "root", NULL, MS_BIND | MS_REC, NULL));
	R(mount("data", "root/data", NULL, MS_BIND, NULL));
	R(mount(NULL, "root/data", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL));
	R(mount("proc", "root/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	R(mount("tmp", "root/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64k"));
	R(chdir("root"));
	R(pivot(".", "."));
	R(umount2(".", MNT_DETACH));
	R(chdir("/"));
	R(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	SEES("image");
	say_file("data/f");
	R(open("data/g", O_WRONLY | O_CREAT, 0600));
	R(open("x", O_WRONLY | O_CREAT, 0600));
	R(mkdir("tmp/x", 0700));
	say_mounts_of("/proc/self/mountinfo", "");
}

/* ---- many at once ---- */

static const char *const places[] = { "a", "a/x", "b", "b/x", "c" };
enum { PLACES = sizeof places / sizeof *places, WORKERS = 4, ROUNDS = 300 };

static const char *any_place(unsigned *state)
{
	return places[(unsigned)rand_r(state) % PLACES];
}

/* What it does may fail, in whatever way the others bring about; it must not harm anybody. */
static void change_or_walk(unsigned *state)
{
	static const unsigned long kinds[] = { MS_SHARED, MS_PRIVATE, MS_SLAVE };
	const char *at = any_place(state), *from = any_place(state);
	struct stat st;
	char name[PATH_MAX];

	switch ((unsigned)rand_r(state) % 10) {
	case 0: mount("t", at, "tmpfs", 0, "size=64k"); break;
	case 1: mount(from, at, NULL, MS_BIND, NULL); break;
	case 2: mount(from, at, NULL, MS_MOVE, NULL); break;
	case 3: umount2(at, 0); break;
	case 4:
	case 5: umount2(at, MNT_DETACH); break;
	case 6: mount(NULL, at, NULL, kinds[(unsigned)rand_r(state) % 3], NULL); break;
	case 7: mount(NULL, at, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL); break;
	case 8:
		snprintf(name, sizeof name, "%s/x", at);
		mkdir(name, 0755);
		break;
	default: snprintf(name, sizeof name, "%s/../%s/x/../../a", at, from); stat(name, &st);
	}
}

static int worker(void *arg)
{
	unsigned state = *(unsigned *)arg;

	for (int i = 0; i < ROUNDS; i++)
		change_or_walk(&state);
	return 0;
}

/* Takes a copy of the namespace while it changes, and reads the listing, again and again. */
static int copier(void *arg)
{
	char text[512];

	(void)arg;
	for (int i = 0; i < ROUNDS / 10; i++) {
		NEED(unshare(CLONE_NEWNS));
		int fd = (int)NEED(open("/proc/self/mountinfo", O_RDONLY));
		while (NEED(read(fd, text, sizeof text)) > 0)
			;
		close(fd);
	}
	return 0;
}

CASE(many_at_once)
{
	pid_t pids[WORKERS + 1];

	enter_world();
	DIRS("a", "a/x", "b", "b/x", "c");
	for (unsigned i = 0; i <= WORKERS; i++) {
		pids[i] = (pid_t)NEED(fork());
		if (pids[i] == 0)
			_exit(i < WORKERS ? worker(&(unsigned){ i + 1 }) : copier(NULL));
	}
	for (unsigned i = 0; i <= WORKERS; i++)
		reap("one of them", pids[i]);
	NEED(chdir("/"));
	R(umount2(world, MNT_DETACH));
}

/* Linux lets a namespace be bound in older ones alone (mnt_ns_loop()), and tells their age by
 * numbers of which each CPU has its own stock. */
static void stay_on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(NEED(sched_getcpu()), &one);
	NEED(sched_setaffinity(0, sizeof one, &one));
}

/* A namespace lives on in a file that it is bound to. */
CASE(bound_to_files)
{
	char name[64], ready;
	struct stat st, ns;
	int go[2], done[2];

	stay_on_one_cpu();
	enter_world();
	DIRS("d");
	NEED(close(NEED(open("uts", O_CREAT | O_WRONLY, 0600))));
	NEED(close(NEED(open("mnt", O_CREAT | O_WRONLY, 0600))));
	R(mount("/proc/self/ns/mnt", "mnt", NULL, MS_BIND, NULL));
	NEED(pipe(go));
	NEED(pipe(done));
	pid_t pid = NEED(fork());
	if (!pid) {
		NEED(unshare(CLONE_NEWNS | CLONE_NEWUTS));
		NEED(sethostname("inner", 5));
		mount_marked("d", "child's");
		NEED(write(done[1], "", 1));
		_exit(read(go[0], &ready, 1) != 1);
	}
	NEED(read(done[0], &ready, 1));
	snprintf(name, sizeof name, "/proc/%d/ns/uts", pid);
	R(mount(name, "uts", NULL, MS_BIND, NULL));
	snprintf(name, sizeof name, "/proc/%d/ns/mnt", pid);
	R(mount(name, "mnt", NULL, MS_BIND, NULL));
	NEED(stat(name, &ns));
	NEED(stat("mnt", &st));
	V(st.st_ino == ns.st_ino && st.st_dev == ns.st_dev);
	NEED(write(go[1], "", 1));
	NEED(waitpid(pid, NULL, 0));
	R(mount("mnt", "d", NULL, MS_BIND, NULL));
	int uts = NEED(open("uts", O_RDONLY)), mnt = NEED(open("mnt", O_RDONLY));
	R(setns(uts, CLONE_NEWUTS));
	NEED(gethostname(name, sizeof name));
	say("%s\n", name);
	R(umount("uts"));
	R(umount("uts"));
	R(setns(mnt, CLONE_NEWNS));
	NEED(chdir(world));
	SEES("d/child's");
}
