/* SPDX-License-Identifier: Apache-2.0 */
/* stat, statx, chmod, chown, utimensat, access, xattr, statfs. */
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include "case.h"

static void say_stat(const char *path)
{
	struct stat st;

	if (lstat(path, &st)) {
		say("%s: %s\n", path, strerrorname_np(errno));
		return;
	}
	/* whose the host's devices are, and who may use them, is the host's choice */
	if (S_ISCHR(st.st_mode)) {
		say("%s: character device %x:%x\n", path, major(st.st_rdev), minor(st.st_rdev));
		return;
	}
	say("%s: mode %o links %ld uid %d gid %d size %ld rdev %x:%x\n", path, st.st_mode,
	    (long)st.st_nlink, st.st_uid, st.st_gid, S_ISDIR(st.st_mode) ? 0 : (long)st.st_size,
	    major(st.st_rdev), minor(st.st_rdev));
}

static void make_tree(void)
{
	put_file("file", "content");
	NEED(mkdir("dir", 0755));
	put_file("dir/inner", "inner");
	NEED(symlink("file", "link"));
	NEED(symlink("nowhere", "dangling"));
	NEED(mkfifo("fifo", 0600));
}

CASE(kinds)
{
	static const char *const paths[] = { "file",      "dir",       "link",      "dangling",
					     "fifo",      "missing",   "file/",     "link/",
					     "dangling/", "/dev/null", "/dev/zero", "/dev/full",
					     "" };

	make_tree();
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		say_stat(paths[i]);
}

CASE(fields)
{
	struct stat st, st2;

	make_tree();
	NEED(stat("file", &st));
	V(st.st_blksize);
	V(st.st_blocks);
	V(st.st_ino != 0);
	NEED(stat("link", &st2));
	V(st.st_ino == st2.st_ino && st.st_dev == st2.st_dev);
	NEED(fstat((int)NEED(open("file", O_RDONLY)), &st2));
	V(memcmp(&st, &st2, sizeof st));
	NEED(stat("dir", &st2));
	V(st.st_ino != st2.st_ino);
	V(st.st_dev == st2.st_dev);
}

CASE(fstatat)
{
	struct stat st;

	make_tree();
	int dir = (int)NEED(open("dir", O_RDONLY)), file = (int)NEED(open("file", O_RDONLY));
	R(fstatat(dir, "inner", &st, 0));
	R(fstatat(dir, "../link", &st, AT_SYMLINK_NOFOLLOW));
	V(S_ISLNK(st.st_mode));
	R(fstatat(file, "", &st, AT_EMPTY_PATH));
	V(st.st_size);
	R(fstatat(file, "", &st, 0));
	R(fstatat(file, "x", &st, 0));
	R(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
	V(S_ISDIR(st.st_mode));
	R(fstatat(99, "x", &st, 0));
	R(fstatat(99, "/dev/null", &st, 0));
	R(fstatat(AT_FDCWD, "file", &st, 0x10000000));
	R(fstat(99, &st));
	R(fstat(-1, &st));
}

CASE(fstat_of_other_kinds)
{
	struct stat st;
	int p[2];

	NEED(pipe(p));
	NEED(fstat(p[0], &st));
	say("pipe %o size %ld links %ld\n", st.st_mode, (long)st.st_size, (long)st.st_nlink);
	NEED(fstat(0, &st));
	say("stdin %o %x:%x\n", st.st_mode, major(st.st_rdev), minor(st.st_rdev));
}

static void say_statx(const struct statx *x, int r)
{
	if (r == -1)
		say("%s\n", strerrorname_np(errno));
	else
		say("basic %d mode %o links %u uid %u size %llu blksize %u dev %d\n",
		    (x->stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS, x->stx_mode,
		    x->stx_nlink, x->stx_uid,
		    S_ISDIR(x->stx_mode) ? 0ULL : (unsigned long long)x->stx_size, x->stx_blksize,
		    x->stx_dev_major + x->stx_dev_minor > 0);
}

CASE(statx)
{
	struct statx x;
	struct stat st;

	make_tree();
	say_statx(&x, statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x));
	NEED(stat("file", &st));
	V(x.stx_ino == st.st_ino && x.stx_mtime.tv_sec == st.st_mtime &&
	  makedev(x.stx_dev_major, x.stx_dev_minor) == st.st_dev);
	say_statx(&x, statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x));
	say_statx(&x, statx(AT_FDCWD, "dir", AT_STATX_FORCE_SYNC, STATX_ALL, &x));
	say_statx(&x, statx(AT_FDCWD, "file", AT_STATX_DONT_SYNC, 0, &x));
	say_statx(&x, statx(0, "", AT_EMPTY_PATH, STATX_TYPE, &x));
	say_statx(&x, statx(AT_FDCWD, "missing", 0, STATX_ALL, &x));
	say_statx(&x,
		  statx(AT_FDCWD, "file", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_ALL, &x));
	say_statx(&x, statx(AT_FDCWD, "file", 0, 0x80000000, &x));
	say_statx(&x, statx(AT_FDCWD, "file", 0x40000, STATX_ALL, &x));
	R(statx(AT_FDCWD, "", 0, STATX_ALL, &x));
}

CASE(chmod)
{
	make_tree();
	R(chmod("file", 0));
	say_stat("file");
	R(chmod("file", 07777));
	say_stat("file");
	R(chmod("file", 0170644));
	say_stat("file");
	R(chmod("link", 0600));
	say_stat("file");
	say_stat("link");
	R(chmod("dir", 01700));
	say_stat("dir");
	R(chmod("missing", 0600));
	R(chmod("dangling", 0600));
	R(chmod("file/", 0600));
	R(fchmod((int)NEED(open("file", O_RDONLY)), 0640));
	say_stat("file");
	R(fchmod(99, 0600));
	R(fchmodat(AT_FDCWD, "fifo", 0666, 0));
	say_stat("fifo");
	R(syscall(SYS_fchmodat, 99, "x", 0600));
}

CASE(chown)
{
	need_root();
	make_tree();
	R(chown("file", 1000, 2000));
	say_stat("file");
	R(chown("file", (uid_t)-1, 3000));
	say_stat("file");
	R(chown("file", (uid_t)-1, (gid_t)-1));
	R(lchown("link", 7, 8));
	say_stat("link");
	say_stat("file");
	NEED(chmod("file", 06755));
	R(chown("file", 1001, (gid_t)-1));
	say_stat("file");
	R(fchown((int)NEED(open("dir", O_RDONLY)), 5, 6));
	say_stat("dir");
	R(fchownat(AT_FDCWD, "link", 9, 9, AT_SYMLINK_NOFOLLOW));
	say_stat("link");
	R(fchownat((int)NEED(open("file", O_PATH)), "", 10, 10, AT_EMPTY_PATH));
	say_stat("file");
	R(chown("missing", 1, 1));
	R(fchownat(AT_FDCWD, "file", 1, 1, 0x8000));
}

CASE(chmod_chown_as_user)
{
	need_root();
	make_tree();
	put_file("mine", "");
	NEED(chown("mine", 1000, 1000));
	NEED(chmod(".", 0755));
	pid_t pid = fork();
	if (pid == 0) {
		NEED(setresgid(1000, 1000, 1000));
		NEED(setresuid(1000, 1000, 1000));
		R(chmod("file", 0666));
		R(chmod("mine", 0600));
		/* Set-group-id of a group one is not in is dropped; here it is one's own. */
		R(chmod("mine", 02755));
		say_stat("mine");
		R(chown("mine", 1000, 1000));
		say_stat("mine");
		R(chown("mine", 0, (gid_t)-1));
		R(chown("mine", (uid_t)-1, 5));
		R(chown("file", 1000, 1000));
		R(utimensat(AT_FDCWD, "file", NULL, 0));
		_exit(0);
	}
	reap("user", pid);
}

CASE(write_clears_set_id)
{
	need_root();
	make_tree();
	NEED(chmod("file", 06777));
	NEED(chmod(".", 0755));
	pid_t pid = fork();
	if (pid == 0) {
		NEED(setresuid(1000, 1000, 1000));
		R(write((int)NEED(open("file", O_WRONLY)), "x", 1));
		say_stat("file");
		_exit(0);
	}
	reap("user", pid);
}

static void say_times(const char *path)
{
	struct stat st;

	NEED(lstat(path, &st));
	say("%s: atime %ld.%09ld mtime %ld.%09ld\n", path, st.st_atim.tv_sec, st.st_atim.tv_nsec,
	    st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

CASE(utimensat)
{
	struct timespec t[2] = { { 1000000, 123456789 }, { 2000000, 987654321 } };

	make_tree();
	R(utimensat(AT_FDCWD, "file", t, 0));
	say_times("file");
	t[0].tv_nsec = UTIME_OMIT;
	t[1] = (struct timespec){ 3000000, 0 };
	R(utimensat(AT_FDCWD, "file", t, 0));
	say_times("file");
	R(utimensat(AT_FDCWD, "link", t, AT_SYMLINK_NOFOLLOW));
	t[0] = (struct timespec){ 5, 5 };
	R(utimensat(AT_FDCWD, "link", t, 0));
	say_times("file");
	R(futimens((int)NEED(open("dir", O_RDONLY)), t));
	say_times("dir");
	t[0].tv_nsec = 1000000000;
	R(utimensat(AT_FDCWD, "file", t, 0));
	t[0] = t[1] = (struct timespec){ -5, 0 };
	R(utimensat(AT_FDCWD, "file", t, 0));
	say_times("file");
	R(utimensat(AT_FDCWD, "missing", t, 0));
	R(utimensat(AT_FDCWD, "file", t, 0x8000));
	R(utimensat(AT_FDCWD, "file", NULL, 0));
	struct stat st;
	NEED(stat("file", &st));
	V(st.st_mtime > 1000000000 && st.st_atime > 1000000000);
	struct utimbuf u = { 77, 88 };
	R(utime("file", &u));
	struct timeval tv[2] = { { 7, 8 }, { 9, 1000000 } };
	R(utimes("file", tv));
	say_times("file");
}

CASE(times_change)
{
	struct timespec t[2] = { { 1, 0 }, { 1, 0 } };
	struct stat st;

	make_tree();
	int fd = (int)NEED(open("file", O_RDWR));
	NEED(futimens(fd, t));
	NEED(write(fd, "x", 1));
	NEED(fstat(fd, &st));
	say("write: mtime %d\n", st.st_mtime > 1);
	NEED(futimens(fd, t));
	NEED(ftruncate(fd, 3));
	NEED(fstat(fd, &st));
	say("truncate: mtime %d\n", st.st_mtime > 1);
	NEED(utimensat(AT_FDCWD, "dir", t, 0));
	put_file("dir/new", "");
	NEED(stat("dir", &st));
	say("create: directory's mtime %d\n", st.st_mtime > 1);
	NEED(utimensat(AT_FDCWD, "dir", t, 0));
	NEED(unlink("dir/new"));
	NEED(stat("dir", &st));
	say("unlink: directory's mtime %d\n", st.st_mtime > 1);
}

static void check_access(const char *path)
{
	say("%s: %s", path, access(path, F_OK) ? "-" : "f");
	say("%s%s%s\n", access(path, R_OK) ? "-" : "r", access(path, W_OK) ? "-" : "w",
	    access(path, X_OK) ? "-" : "x");
}

CASE(access)
{
	static const mode_t modes[] = { 0, 0444, 0222, 0111, 0755, 0004 };
	char name[8];

	need_root();
	make_tree();
	NEED(chmod(".", 0755));
	for (int who = 0; who < 2; who++) {
		if (who)
			NEED(setresuid(1000, 1000, 1000));
		for (int i = 0; i < 6; i++) {
			snprintf(name, sizeof name, "m%d", i);
			if (!who) {
				put_file(name, "");
				NEED(chmod(name, modes[i]));
			}
			check_access(name);
		}
		check_access("dir");
		check_access("missing");
		check_access("dangling");
	}
	R(access("dir", 8));
	R(access("file/", F_OK));
	R(access("", F_OK));
}

CASE(faccessat)
{
	need_root();
	make_tree();
	put_file("secret", "");
	NEED(chmod("secret", 0600));
	NEED(chmod(".", 0755));
	R(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
	R(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, 0));
	R(syscall(SYS_faccessat2, 0, "", R_OK, AT_EMPTY_PATH));
	R(syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, 0x8000));
	R(syscall(SYS_faccessat2, 99, "file", R_OK, 0));
	/* Real against effective user. */
	NEED(setresuid(1000, 0, 0));
	R(syscall(SYS_faccessat2, AT_FDCWD, "secret", R_OK, 0));
	R(syscall(SYS_faccessat2, AT_FDCWD, "secret", R_OK, AT_EACCESS));
}

CASE(xattr)
{
	char b[64];

	make_tree();
	R(setxattr("file", "user.one", "value", 5, 0));
	R(getxattr("file", "user.one", b, 64));
	say("%.5s\n", b);
	R(getxattr("file", "user.one", b, 3));
	R(getxattr("file", "user.one", NULL, 0));
	R(getxattr("file", "user.none", b, 64));
	R(setxattr("file", "user.one", "x", 1, XATTR_CREATE));
	R(setxattr("file", "user.two", "x", 1, XATTR_REPLACE));
	R(setxattr("file", "user.two", "", 0, XATTR_CREATE));
	R(getxattr("file", "user.two", b, 64));
	R(setxattr("file", "user.two", "x", 1, 7));
	R(setxattr("file", "noprefix", "x", 1, 0));
	R(setxattr("file", "user.", "x", 1, 0));
	R(setxattr("missing", "user.x", "x", 1, 0));
	R(lsetxattr("link", "user.x", "x", 1, 0));
	ssize_t n = R(listxattr("file", b, 64));
	say_bytes("list", b, n > 0 ? n : 0);
	R(listxattr("file", b, 3));
	R(listxattr("file", NULL, 0));
	R(removexattr("file", "user.one"));
	R(removexattr("file", "user.one"));
	int fd = (int)NEED(open("file", O_RDONLY));
	R(fgetxattr(fd, "user.two", b, 64));
	R(fsetxattr(fd, "user.three", "3", 1, 0));
	R(flistxattr(fd, b, 64));
	R(fremovexattr(fd, "user.three"));
	R(setxattr("dir", "user.on_dir", "d", 1, 0));
	R(getxattr("dir", "user.on_dir", b, 64));
	char name[300];
	memset(name, 'n', 299);
	memcpy(name, "user.", 5);
	name[299] = 0;
	R(setxattr("file", name, "x", 1, 0));
	R(getxattr("file", "", b, 64));
}

CASE(statfs)
{
	struct statfs a, b;

	put_file("f", "");
	R(statfs(".", &a));
	R(fstatfs((int)NEED(open("f", O_RDONLY)), &b));
	V(a.f_type == b.f_type && a.f_bsize == b.f_bsize && a.f_namelen == b.f_namelen);
	V(a.f_namelen);
	V(a.f_blocks >= a.f_bfree);
	R(statfs("missing", &a));
	R(fstatfs(99, &a));
	R(statfs("/proc", &a));
	X(a.f_type);
	R(statfs("/dev/shm", &a));
	X(a.f_type);
	int p[2];
	NEED(pipe(p));
	R(fstatfs(p[0], &a));
	X(a.f_type);
}

CASE(umask)
{
	V(umask(0777));
	V(umask(01777));
	V(umask(022));
}

CASE(truncate)
{
	struct stat st;

	need_root();
	make_tree();
	R(truncate("file", 3));
	say_file("file");
	R(truncate("file", 6));
	NEED(stat("file", &st));
	V(st.st_size);
	R(truncate("file", -1));
	R(truncate("dir", 0));
	R(truncate("missing", 0));
	R(truncate("fifo", 0));
	R(truncate("link", 2));
	say_file("file");
	R(ftruncate((int)NEED(open("file", O_RDONLY)), 0));
	R(ftruncate(99, 0));
	R(ftruncate((int)NEED(open("dir", O_RDONLY)), 0));
	NEED(chmod(".", 0755));
	NEED(setresuid(1000, 1000, 1000));
	R(truncate("file", 0));
}

CASE(link_count)
{
	struct stat st;

	make_tree();
	NEED(mkdir("dir/a", 0755));
	NEED(mkdir("dir/b", 0755));
	NEED(stat("dir", &st));
	V(st.st_nlink);
	NEED(rmdir("dir/a"));
	NEED(stat("dir", &st));
	V(st.st_nlink);
}

/* mknod, then chmod and chown: as debootstrap, and mknod -m, do. */
CASE(device_nodes)
{
	struct stat st;

	need_root();
	umask(022);
	R(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	R(chmod("null", 0660));
	R(chown("null", 1, 2));
	R(utimensat(AT_FDCWD, "null", (struct timespec[]){ { 1, 0 }, { 2, 0 } }, 0));
	NEED(lstat("null", &st));
	say("%o %u %u %ld %u:%u\n", st.st_mode, st.st_uid, st.st_gid, (long)st.st_mtime,
	    major(st.st_rdev), minor(st.st_rdev));
	R(unlink("null"));
}

static void say_attributes(int fd)
{
	struct stat st;

	NEED(fstat(fd, &st));
	say("  mode %o, owner %d %d, times %ld %ld\n", st.st_mode, st.st_uid, st.st_gid,
	    (long)st.st_atim.tv_sec, (long)st.st_mtim.tv_sec);
}

static void change_attributes(int fd)
{
	struct timespec times[2] = { { 7, 0 }, { 8, 0 } };
	char name[64];

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	R(futimens(fd, times));
	say_attributes(fd);
	R(fchmod(fd, 04640));
	say_attributes(fd);
	R(fchown(fd, -1, -1));
	say_attributes(fd);
	R(chmod(name, 0622));
	say_attributes(fd);
	R(ftruncate(fd, 0));
}

/* The attributes of pipes and sockets are as those of files; both ends of a pipe have the same. */
CASE(attributes_without_a_name)
{
	int p[2], v[2];

	NEED(pipe(p));
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
	change_attributes(p[0]);
	say_attributes(p[1]);
	change_attributes(v[0]);
	change_attributes(socket(AF_INET, SOCK_STREAM, 0));
	R(fchmod(eventfd(0, 0), 0600));
	R(fchown(eventfd(0, 0), 0, 0));
}

static int change_others(void *fd)
{
	NEED(setresuid(65534, 65534, 65534));
	R(fchmod(*(int *)fd, 0666));
	R(fchown(*(int *)fd, 65534, -1));
	R(futimens(*(int *)fd, NULL));
	return 0;
}

CASE(attributes_of_others_without_a_name)
{
	int v[2];

	need_root();
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
	NEED(fchown(v[0], 5, 6));
	/* a new socket has those of the one before */
	NEED(futimens(v[0], (struct timespec[2]){ { 7, 0 }, { 8, 0 } }));
	say_attributes(v[0]);
	NEED(fchmod(v[0], 0600));
	in_child("nobody", change_others, &v[0]);
}

/* chown(2) of nothing takes the set-id bits away all the same. */
CASE(chown_of_nothing)
{
	int fds[2] = { (int)NEED(open("file", O_RDWR | O_CREAT, 0644)),
		       (int)NEED(memfd_create("x", 0)) };

	for (int i = 0; i < 2; i++) {
		NEED(fchmod(fds[i], 06755));
		R(fchown(fds[i], -1, -1));
		struct stat st;
		NEED(fstat(fds[i], &st));
		say("%o\n", st.st_mode & 07777);
	}
}

/* What calls that read something of a file by its name answer, however it is named. */
static void ask(const char *path)
{
	char b[64];

	say("%s:\n", path);
	R(access(path, F_OK));
	R(access(path, R_OK | W_OK));
	R(access(path, X_OK));
	R(faccessat(AT_FDCWD, path, R_OK, AT_SYMLINK_NOFOLLOW));
	R(readlink(path, b, sizeof b));
	R(readlink(path, b, 2));
	R(getxattr(path, "user.one", b, sizeof b));
	R(getxattr(path, "user.one", b, 2));
	R(lgetxattr(path, "user.one", NULL, 0));
	R(getxattr(path, "system.posix_acl_access", b, sizeof b));
	R(listxattr(path, b, sizeof b));
	R(llistxattr(path, b, sizeof b));
}

static int ask_all(void *arg)
{
	static const char *const names[] = {
		"file",      "./file",      "file/",    "file/x",     "link",      "./link",
		"link/",     "dir",         "dir/",     "dir/inner",  "dir/no",    "dir/inner/",
		"dir/up",    "dir/up/file", "dirs",     "dirs/inner", "dirs/",     "dangling",
		"dangling/", "loop",        "dir/loop", "no",         "no/file",   ".",
		"dir/..",    "dir/.",       "closed",   "closed/in",  "/dev/null", "/proc",
		"/",         "/proc/1/x",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		ask(names[i]);
	return 0;
}

static int ask_as_user(void *arg)
{
	NEED(setresgid(1234, 1234, 1234));
	NEED(setresuid(1234, 1234, 1234));
	return ask_all(arg);
}

CASE(asked_by_name)
{
	need_root();
	make_tree();
	NEED(chmod(".", 0755));
	NEED(chmod("file", 0640));
	NEED(setxattr("file", "user.one", "value", 5, 0));
	NEED(setxattr("dir/inner", "user.one", "inner", 5, 0));
	NEED(symlink("..", "dir/up"));
	NEED(symlink("dir", "dirs"));
	NEED(symlink("loop", "loop"));
	NEED(symlink("loop", "dir/loop"));
	NEED(mkdir("closed", 0700));
	put_file("closed/in", "x");
	in_child("root", ask_all, NULL);
	in_child("user", ask_as_user, NULL);
}
