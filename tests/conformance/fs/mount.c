/* SPDX-License-Identifier: Apache-2.0 */
/* mount(2) and umount2(2): what they do and what they refuse. */
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statfs.h>

#include "mount_world.h"

static void try_tmpfs(const char *options)
{
	struct statfs fs;
	struct stat st;

	say("-- %s\n", options);
	if (R(mount("t", "t", "tmpfs", 0, options)))
		return;
	NEED(statfs("t", &fs));
	NEED(stat("t", &st));
	say("%lu blocks, %lu files, mode %o, %u:%u\n", fs.f_blocks, fs.f_files, st.st_mode,
	    st.st_uid, st.st_gid);
	say_mounts("mounted");
	NEED(umount("t"));
}

CASE(tmpfs_options)
{
	enter_world();
	DIRS("t");
	try_tmpfs("size=1m");
	try_tmpfs("size=1000");
	try_tmpfs("size=0x3000,nr_inodes=10,mode=700,uid=3,gid=4");
	try_tmpfs("nr_blocks=7,nr_inodes=1k");
	try_tmpfs("mode=1755");
	try_tmpfs("ro");
	try_tmpfs("sync,dirsync");
	try_tmpfs("size=0");
	try_tmpfs(",,mode=0711,,");
	try_tmpfs("size=1x");
	try_tmpfs("size=");
	try_tmpfs("size");
	try_tmpfs("mode=9");
	try_tmpfs("uid=-1");
	try_tmpfs("uid=x");
	try_tmpfs("bogus");
	try_tmpfs("bogus=1");
	try_tmpfs("source=s");
	try_tmpfs("uid=0x10,gid=010");
	try_tmpfs("uid=+5\n");
	try_tmpfs("uid= 5");
	try_tmpfs("uid=08");
	try_tmpfs("uid=5\n\n");
	try_tmpfs("mode=0x1");
	try_tmpfs("nr_inodes=5%");
	try_tmpfs("nr_blocks=5%");
	try_tmpfs("nr_inodes=0x10k");
	try_tmpfs("size=%");
	try_tmpfs("size=k");
	try_tmpfs("size=1kb");
	try_tmpfs("size=1E");
	try_tmpfs("size=16E");
	try_tmpfs("size=18446744073709551615");
	try_tmpfs("size=1m%x");
	try_tmpfs("mpol=default,mode=0700");
	try_tmpfs("inode64=1");
}

CASE(tmpfs_limits)
{
	char block[4096] = "";
	struct statfs fs;

	enter_world();
	DIRS("t");
	NEED(mount("t", "t", "tmpfs", 0, "size=8k,nr_inodes=3"));
	int fd = (int)NEED(open("t/f", O_RDWR | O_CREAT, 0600));
	R(write(fd, block, sizeof block));
	R(write(fd, block, sizeof block));
	R(write(fd, block, sizeof block));
	R(open("t/g", O_RDWR | O_CREAT, 0600) >= 0);
	R(open("t/h", O_RDWR | O_CREAT, 0600));
	NEED(statfs("t", &fs));
	say("%lu %lu %lu %lu\n", fs.f_blocks, fs.f_bfree, fs.f_files, fs.f_ffree);
	R(mount(NULL, "t", NULL, MS_REMOUNT, "size=4k"));
	R(mount(NULL, "t", NULL, MS_REMOUNT, "nr_inodes=2"));
	R(mount(NULL, "t", NULL, MS_REMOUNT, "size=12k,nr_inodes=4"));
	R(write(fd, block, sizeof block));
	R(mkdir("t/h", 0700));
	R(mount(NULL, "t", NULL, MS_REMOUNT, "size=0,mode=0123"));
	R(mount(NULL, "t", NULL, MS_REMOUNT, "size=1m"));
	say_mounts("remounted");
}

CASE(refused)
{
	enter_world();
	DIRS("d", "d/e");
	put_file("f", "x");
	NEED(symlink("nothing", "dangling"));
	R(mount("x", "d", NULL, 0, NULL));
	R(mount("x", "d", "no-such-type", 0, NULL));
	R(mount("x", "nothing", "tmpfs", 0, NULL));
	R(mount("x", "dangling", "tmpfs", 0, NULL));
	R(mount("x", "f", "tmpfs", 0, NULL));
	R(mount("x", "f/g", "tmpfs", 0, NULL));
	R(mount("x", "", "tmpfs", 0, NULL));
	R(mount("x", NULL, "tmpfs", 0, NULL));
	R(mount("x", (char *)1, "tmpfs", 0, NULL));
	R(mount("x", "d", (char *)1, 0, NULL));
	R(mount((char *)1, "d", "tmpfs", 0, NULL));
	R(mount("x", "d", "tmpfs", 0, (char *)1));
	R(mount("x", "d", "tmpfs", 1UL << 31, NULL));
	R(mount(NULL, "d", NULL, MS_BIND, NULL));
	R(mount("", "d", NULL, MS_BIND, NULL));
	R(mount("nothing", "d", NULL, MS_BIND, NULL));
	R(mount("f", "d", NULL, MS_BIND, NULL));
	R(mount("d", "f", NULL, MS_BIND, NULL));
	R(mount(NULL, "d", NULL, MS_REMOUNT, NULL));
	R(mount(NULL, "d", NULL, MS_REMOUNT | MS_BIND, NULL));
	R(mount(NULL, "d", NULL, MS_PRIVATE, NULL));
	R(mount(NULL, "d", NULL, MS_SHARED | MS_SLAVE, NULL));
	R(mount(NULL, ".", NULL, MS_SHARED | MS_RDONLY, NULL));
	R(mount("d", "d/e", NULL, MS_MOVE, NULL));
	R(mount(NULL, "d", NULL, MS_MOVE, NULL));
	R(umount("d"));
	R(umount("nothing"));
	R(umount(""));
	R(umount2("d", 0x100));
	R(umount2("d", MNT_DETACH));
	R(umount2("/proc", MNT_EXPIRE | MNT_DETACH));
	say_mounts("nothing more");
}

static int ordinary(void *arg)
{
	(void)arg;
	NEED(setresgid(1234, 1234, 1234));
	NEED(setresuid(1234, 1234, 1234));
	R(mount("x", "d", "tmpfs", 0, NULL));
	R(mount("x", "nothing", "tmpfs", 0, NULL));
	R(mount("x", "d", "no-such-type", 0, NULL));
	R(mount("d", "d", NULL, MS_BIND, NULL));
	R(mount(NULL, "/", NULL, MS_PRIVATE, NULL));
	R(umount("d"));
	R(umount("nothing"));
	R(umount2("d", 0x100));
	R(unshare(CLONE_NEWNS));
	R(syscall(SYS_pivot_root, "d", "d"));
	return 0;
}

CASE(ordinary_user)
{
	enter_world();
	DIRS("d");
	NEED(chmod(".", 0755));
	mount_marked("d", "m");
	in_child("user", ordinary, NULL);
}

CASE(stacked)
{
	enter_world();
	DIRS("d", "d/below");
	mount_marked("d", "one");
	mount_marked("d", "two");
	SEES("d/one");
	SEES("d/two");
	SEES("d/below");
	SEES("d/../d/two");
	say_mounts("two");
	R(rmdir("d"));
	R(rename("d", "e"));
	R(umount("d"));
	SEES("d/one");
	R(umount("d"));
	SEES("d/below");
	R(umount("d"));
}

/* From the middle of a stack, what lies above comes along. */
CASE(stack_cut)
{
	char middle[64];
	int fd;

	enter_world();
	DIRS("d", "e", "f");
	mount_marked("d", "one");
	mount_marked("d", "two");
	fd = open("d", O_PATH | O_DIRECTORY);
	mount_marked("d", "three");
	mount_marked("d", "four");
	snprintf(middle, sizeof middle, "/proc/self/fd/%d", fd);
	R(mount(middle, "e", NULL, MS_MOVE, NULL));
	SEES("d/one");
	SEES("e/four");
	mount_marked("d", "five");
	mount_marked("e", "six");
	R(mount("d", "e", NULL, MS_MOVE, NULL));
	SEES("d/one");
	SEES("e/five");
	R(mount("f", "d", NULL, MS_BIND, NULL));
	for (int i = 0; i < 6; i++) {
		R(umount("e"));
		SEES("e/six");
		SEES("e/four");
		SEES("e/three");
		SEES("e/two");
	}
	R(umount("d"));
	SEES("d/one");
	R(umount("d"));
	R(umount("d"));
}

CASE(bind)
{
	enter_world();
	DIRS("a", "a/in", "a/in/deep", "b", "c");
	R(mount("a/in", "b", NULL, MS_BIND, NULL));
	put_file("b/deep/x", "seen twice");
	say_file("a/in/deep/x");
	mount_marked("b/deep", "top");
	SEES("b/deep/top");
	SEES("a/in/deep/top");
	R(mount("b", "c", NULL, MS_BIND, NULL));
	SEES("c/deep/top");
	R(umount("c"));
	R(mount("b", "c", NULL, MS_BIND | MS_REC, NULL));
	SEES("c/deep/top");
	say_mounts("all");
	R(rename("b/deep/top", "c/deep/x"));
	R(link("b/deep/top", "c/deep/x"));
	R(rename("a/in/deep", "a/moved"));
	R(umount("b"));
	R(umount("b/deep"));
	R(umount("b"));
	R(umount2("c", MNT_DETACH));
	say_mounts("gone");
	R(rename("a/in/deep", "a/moved"));
}

CASE(bind_file)
{
	enter_world();
	put_file("f", "of f");
	put_file("g", "of g");
	NEED(mkdir("d", 0755));
	R(mount("f", "g", NULL, MS_BIND, NULL));
	say_file("g");
	R(unlink("g"));
	R(rename("g", "h"));
	R(rename("f", "g"));
	R(chdir("g"));
	SEES("g/x");
	SEES("g/..");
	R(open("g", O_RDWR | O_CREAT | O_EXCL, 0600));
	put_file("g", "written");
	say_file("f");
	say_mounts("a file");
	R(unlink("f"));
	say_file("g");
	say_mounts("its name is gone");
	R(umount("g"));
	say_file("g");
	R(unlink("g"));
}

CASE(descriptors_as_names)
{
	char from[64], to[64];

	enter_world();
	DIRS("a", "a/b", "to");
	put_file("a/b/f", "by descriptor");
	put_file("file", "covered");
	int dir = (int)NEED(open("a/b", O_PATH | O_DIRECTORY)), at = (int)NEED(open("to", O_PATH)),
	    f = (int)NEED(open("a/b/f", O_PATH)), g = (int)NEED(open("file", O_PATH));
	snprintf(from, sizeof from, "/proc/self/fd/%d", dir);
	snprintf(to, sizeof to, "/proc/self/fd/%d", at);
	R(mount(from, to, NULL, MS_BIND, NULL));
	say_file("to/f");
	snprintf(from, sizeof from, "/proc/self/fd/%d", f);
	snprintf(to, sizeof to, "/proc/self/fd/%d", g);
	R(mount(from, to, NULL, MS_BIND, NULL));
	say_file("file");
	say_mounts("bound");
	/* The same place, reached from where one stands. */
	NEED(chdir("a"));
	R(mount("t", ".", "tmpfs", 0, NULL));
	SEES("b");
	SEES("../a/b");
	NEED(chdir("b"));
	R(mount("t", "..", "tmpfs", 0, NULL));
	NEED(chdir(world));
	say_mounts("over where one stands");
}

CASE(deleted_point)
{
	char name[64];

	enter_world();
	DIRS("d", "s");
	int fd = (int)NEED(open("d", O_PATH));
	NEED(rmdir("d"));
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	R(mount("t", name, "tmpfs", 0, NULL));
	R(mount("s", name, NULL, MS_BIND, NULL));
	R(mount(name, "s", NULL, MS_BIND, NULL));
	NEED(mkdir("d", 0700));
	NEED(mount("d", "s", NULL, MS_BIND, NULL));
	NEED(rmdir("d"));
	say_mounts("of a directory that is gone");
	R(mkdir("s/x", 0700));
}

/* What is bound has lost its name: nothing more can be mounted there. */
CASE(deleted_root)
{
	enter_world();
	DIRS("a", "b", "c");
	put_file("f", "of f");
	put_file("g", "of g");
	NEED(mount("a", "b", NULL, MS_BIND, NULL));
	NEED(mount("f", "g", NULL, MS_BIND, NULL));
	NEED(rmdir("a"));
	NEED(unlink("f"));
	R(mount("none", "b", "tmpfs", 0, NULL));
	R(mount("c", "b", NULL, MS_BIND, NULL));
	R(mount("c", "g", NULL, MS_BIND, NULL));
	R(mount("b", "c", NULL, MS_BIND, NULL));
	R(mount("none", "c", "tmpfs", 0, NULL));
	R(mount("c", "b", NULL, MS_MOVE, NULL));
	R(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	R(umount("b"));
	R(umount("g"));
	say_mounts("after");
}

CASE(renamed_above)
{
	char cwd[PATH_MAX];

	enter_world();
	DIRS("a", "a/b", "a/b/c");
	mount_marked("a/b/c", "m");
	NEED(chdir("a/b/c"));
	NEED(rename("../../../a", "../../../z"));
	say("%s\n", getcwd(cwd, sizeof cwd) + strlen(world));
	SEES("../../b/c/m");
	NEED(chdir(world));
	SEES("z/b/c/m");
	say_mounts("renamed");
	/* Where one stands is asked anew for its name. */
	NEED(chdir("z/b"));
	NEED(rename("../../z", "../../y"));
	R(mount("t", ".", "tmpfs", 0, NULL));
	NEED(chdir(world));
	say_mounts("renamed once more");
}

CASE(busy)
{
	enter_world();
	DIRS("d", "e");
	mount_marked("d", "m");
	DIRS("d/sub");
	int fd = (int)NEED(open("d/m", O_RDONLY));
	R(umount("d"));
	char *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	R(umount("d"));
	NEED(munmap(map, 4096));
	NEED(chdir("d"));
	R(umount("../d"));
	NEED(chdir(".."));
	NEED(mount("t", "d/sub", "tmpfs", 0, NULL));
	R(umount("d"));
	NEED(umount("d/sub"));
	fd = (int)NEED(open("d/sub", O_PATH));
	R(umount("d"));
	R(umount2("d", MNT_DETACH));
	SEES("d/m");
	/* It lives on for who has it. */
	R(openat(fd, "../m", O_RDONLY) >= 0);
	R(mkdirat(fd, "still", 0700));
	R(fchdir(fd));
	R(mount("t", ".", "tmpfs", 0, NULL));
	R(mount(".", "still", NULL, MS_BIND, NULL));
	R(umount2(".", MNT_DETACH));
}

/* Who has its root on a mount that is gone is still in the namespace, whose mounts keep names. */
CASE(root_detached)
{
	enter_world();
	DIRS("d", "d/c", "e");
	NEED(mount("d", "e", NULL, MS_BIND, NULL));
	NEED(mount("t", "d/c", "tmpfs", 0, NULL));
	NEED(chroot("e"));
	NEED(chdir("/"));
	R(rmdir("/c"));
	R(umount2("/", MNT_DETACH));
	R(rmdir("/c"));
	R(rename("/c", "/b"));
	R(mkdir("/b", 0700));
	R(rmdir("/b"));
}

CASE(mapped_after_detach)
{
	enter_world();
	DIRS("d");
	mount_marked("d", "m");
	int fd = (int)NEED(open("d/m", O_RDWR));
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	NEED(umount2("d", MNT_DETACH));
	V(map[0]);
	map[0] = 'x';
	V(map[0]);
	pid_t pid = (pid_t)NEED(fork());
	if (!pid)
		_exit(map[0] == 'x' ? 0 : 1);
	reap("child", pid);
	NEED(munmap(map, 4096));
}

CASE(expire)
{
	enter_world();
	DIRS("d");
	mount_marked("d", "m");
	R(umount2("d", MNT_EXPIRE));
	SEES("d/m");
	R(umount2("d", MNT_EXPIRE));
	int fd = (int)NEED(open("d/m", O_RDONLY));
	R(umount2("d", MNT_EXPIRE));
	close(fd);
	R(umount2("d", MNT_EXPIRE));
	R(umount2("d", MNT_EXPIRE));
	SEES("d/m");
	R(umount2("/", MNT_EXPIRE));
}

CASE(nofollow)
{
	enter_world();
	DIRS("d");
	mount_marked("d", "m");
	NEED(symlink("d", "l"));
	R(umount2("l", UMOUNT_NOFOLLOW));
	R(umount2("l", 0));
	R(mount("t", "l", "tmpfs", 0, NULL));
	SEES("d/m");
	say_mounts("through a link");
}

CASE(move)
{
	enter_world();
	DIRS("a", "b", "c");
	mount_marked("a", "one");
	DIRS("a/sub");
	mount_marked("a/sub", "two");
	put_file("f", "x");
	R(mount("a", "b", NULL, MS_MOVE, NULL));
	SEES("a/one");
	SEES("b/one");
	SEES("b/sub/two");
	R(mount("b", "b/sub", NULL, MS_MOVE, NULL));
	R(mount("b", "b", NULL, MS_MOVE, NULL));
	R(mount("b/sub", "f", NULL, MS_MOVE, NULL));
	R(mount("c", "a", NULL, MS_MOVE, NULL));
	R(mount("b/sub", "c", NULL, MS_MOVE, NULL));
	SEES("c/two");
	say_mounts("moved");
	R(mount("/", "a", NULL, MS_MOVE, NULL));
}

CASE(singletons)
{
	struct stat a, b;

	enter_world();
	DIRS("p", "q", "s", "d");
	R(mount("proc", "p", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	R(mount("proc", "q", "proc", 0, NULL));
	NEED(stat("p", &a));
	NEED(stat("q", &b));
	V(a.st_dev == b.st_dev);
	SEES("p/self/status");
	R(mount("proc", "q", "proc", 0, "bogus=1"));
	R(mount("sysfs", "s", "sysfs", 0, NULL));
	R(mount("sysfs", "s", "sysfs", 0, NULL));
	R(mount("sysfs", "q", "sysfs", MS_RDONLY, NULL));
	R(mkdir("q/made", 0700));
	R(umount("q"));
	NEED(stat("s", &a));
	NEED(stat("/sys", &b));
	V(a.st_dev == b.st_dev);
	SEES("s/kernel");
	R(mount("pts", "d", "devpts", 0, "newinstance,ptmxmode=0666,mode=620"));
	SEES("d/ptmx");
	R(umount("d"));
	R(mount("dev", "d", "devtmpfs", 0, "mode=0755"));
	SEES("d/null");
}

static void say_poll(struct pollfd *p)
{
	int n = poll(p, 1, 0);

	say("%d:%s%s%s\n", n, p->revents & POLLIN ? " in" : "", p->revents & POLLPRI ? " pri" : "",
	    p->revents & POLLERR ? " err" : "");
}

static int mounts_later(void *arg)
{
	take(arg);
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	return 0;
}

CASE(poll_changes)
{
	char text[4096];

	enter_world();
	DIRS("d", "e");
	struct pollfd p = { .fd = (int)NEED(open("/proc/self/mountinfo", O_RDONLY)),
			    .events = POLLIN | POLLPRI };
	say_poll(&p);
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	say_poll(&p);
	say_poll(&p);
	NEED(mount(NULL, "d", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	say_poll(&p);
	NEED(umount("d"));
	say_poll(&p);
	NEED(read(p.fd, text, sizeof text));
	say_poll(&p);
	struct baton go = baton_new();
	pid_t pid = child(mounts_later, &go);
	p.events = POLLPRI;
	give(&go);
	V(poll(&p, 1, -1));
	V(p.revents & POLLPRI);
	reap("child", pid);
}

CASE(inotify_unmount)
{
	union {
		struct inotify_event e;
		char space[4096];
	} buf;

	enter_world();
	DIRS("d");
	mount_marked("d", "m");
	int in = (int)NEED(inotify_init1(IN_NONBLOCK));
	V(inotify_add_watch(in, "d/m", IN_MODIFY));
	NEED(umount("d"));
	ssize_t n = read(in, &buf, sizeof buf);
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buf.space + at);
		say("wd %d mask 0x%x\n", e->wd, e->mask);
		at += (ssize_t)(sizeof *e + e->len);
	}
	R(inotify_rm_watch(in, 1));
}

CASE(proc_files)
{
	char line[4096];

	enter_world();
	DIRS("a b", "a b/c\\d", "e");
	NEED(mount("sp ace#", "a b", "tmpfs", 0, NULL));
	DIRS("a b/c\\d");
	NEED(mount("", "a b/c\\d", "tmpfs", MS_NOSUID, NULL));
	NEED(mount(NULL, "e", "tmpfs", MS_NODEV | MS_NODIRATIME | MS_STRICTATIME, "ro"));
	const char *const files[] = { "/proc/self/mounts", "/proc/self/mountstats" };
	for (size_t i = 0; i < 2; i++) {
		FILE *f = fopen(files[i], "r");
		while (f && fgets(line, sizeof line, f)) {
			char *at = strstr(line, world);
			if (at)
				say("%.*s*%s", (int)(at - line), line, at + strlen(world));
		}
		if (f)
			fclose(f);
	}
	say_mounts("info");
}

/* A process sees what lies below its root alone. */
static int in_a_root(void *arg)
{
	(void)arg;
	NEED(chroot("r"));
	NEED(chdir("/"));
	say_mounts_of("/proc/self/mountinfo", "");
	NEED(chroot("dir"));
	NEED(chdir("/"));
	say_mounts_of("/proc/self/mountinfo", "");
	return 0;
}

CASE(chrooted)
{
	enter_world();
	DIRS("r", "other");
	mount_marked("r", "root");
	mount_marked("other", "elsewhere");
	DIRS("r/proc", "r/dir", "r/dir/proc", "r/dir/m");
	NEED(mount("proc", "r/proc", "proc", 0, NULL));
	NEED(mount("p2", "r/dir/proc", "proc", 0, NULL));
	NEED(mount("t", "r/dir/m", "tmpfs", 0, NULL));
	in_child("chrooted", in_a_root, NULL);
}

/* A directory that is moved out of what a mount shows has no way up there any more. */
CASE(moved_out_of_a_bind)
{
	char cwd[PATH_MAX];

	enter_world();
	DIRS("a", "a/in", "a/in/deep", "b");
	NEED(mount("a/in", "b", NULL, MS_BIND, NULL));
	NEED(chdir("b/deep"));
	SEES("..");
	NEED(rename("../../a/in/deep", "../../a/deep"));
	SEES("..");
	SEES(".");
	V(getcwd(cwd, sizeof cwd) ? 0 : errno);
}

static int open_master(const char *ptmx, int *number)
{
	int fd = OK(open(ptmx, O_RDWR | O_NOCTTY)), off = 0;

	if (fd < 0)
		return -1;
	NEED(ioctl(fd, TIOCSPTLCK, &off));
	NEED(ioctl(fd, TIOCGPTN, number));
	V(*number);
	return fd;
}

static void look_at(const char *name)
{
	struct stat st;

	NEED(stat(name, &st));
	say("%s: 0%o %u:%u 0x%lx\n", name, st.st_mode, st.st_uid, st.st_gid,
	    (unsigned long)st.st_rdev);
}

/* Each mount of devpts has terminals of its own. */
CASE(instances_of_devpts)
{
	char buf[16];
	int n;

	enter_world();
	DIRS("p", "q");
	R(mount("devpts", "p", "devpts", 0, "newinstance,ptmxmode=0666,mode=620,gid=5"));
	R(mount("devpts", "q", "devpts", 0, NULL));
	R(mount("devpts", "q", "devpts", 0, "ptmxmode=9"));
	look_at("p/ptmx");
	look_at("q/ptmx");
	int first = open_master("p/ptmx", &n);
	int other = open_master("q/ptmx", &n);
	int second = open_master("p/ptmx", &n);
	look_at("p/0");
	look_at("p/1");
	look_at("q/0");
	R(access("q/1", F_OK));
	int slave = OK(open("p/0", O_RDWR | O_NOCTTY));
	NEED(write(first, "text\n", 5));
	R(read(slave, buf, sizeof buf));
	R(umount("p"));
	R(umount2("p", MNT_DETACH));
	NEED(write(first, "more\n", 5));
	R(read(slave, buf, sizeof buf));
	NEED(close(first));
	R(read(slave, buf, sizeof buf));
	NEED(close(second));
	NEED(close(other));
	R(access("q/0", F_OK));
	R(umount("q"));
}
