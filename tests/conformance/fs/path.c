/* SPDX-License-Identifier: Apache-2.0 */
/* Names: link, unlink, rename, symlink, mkdir, rmdir, readlink, the working directory. */
#include <dirent.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include "case.h"

static void make_tree(void)
{
	put_file("file", "file");
	put_file("other", "other");
	NEED(mkdir("dir", 0755));
	NEED(mkdir("empty", 0755));
	put_file("dir/inner", "inner");
	NEED(symlink("file", "link"));
	NEED(symlink("dir", "dirlink"));
	NEED(symlink("nowhere", "dangling"));
}

CASE(unlink)
{
	make_tree();
	R(unlink("missing"));
	R(unlink("dir"));
	R(unlink("file/"));
	R(unlink("file/x"));
	R(unlink("dir/"));
	R(unlink(""));
	R(unlink("."));
	R(unlink("dangling"));
	R(unlink("dirlink/"));
	R(unlink("dirlink"));
	R(unlink("link"));
	R(unlink("file"));
	R(unlinkat(AT_FDCWD, "dir", AT_REMOVEDIR));
	R(unlinkat(AT_FDCWD, "other", AT_REMOVEDIR));
	R(unlinkat(AT_FDCWD, "empty", AT_REMOVEDIR));
	R(unlinkat(AT_FDCWD, "other", 0x1));
	R(unlinkat(99, "other", 0));
}

CASE(unlinked_but_open)
{
	struct stat st;
	char b[8] = "";

	put_file("f", "still here");
	int fd = (int)NEED(open("f", O_RDWR)), again;
	R(unlink("f"));
	NEED(fstat(fd, &st));
	V(st.st_nlink);
	R(read(fd, b, 5));
	say("%s\n", b);
	R(pwrite(fd, "x", 1, 100));
	again = (int)R(open("f", O_RDONLY));
	V(again);
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	again = (int)R(open(path, O_RDONLY));
	R(lseek(again, 0, SEEK_END));
	R(linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
}

CASE(mkdir)
{
	struct stat st;

	make_tree();
	umask(027);
	R(mkdir("new", 0777));
	NEED(stat("new", &st));
	say("%o links %ld\n", st.st_mode, (long)st.st_nlink);
	R(mkdir("slash/", 01777));
	NEED(stat("slash", &st));
	say("%o\n", st.st_mode);
	R(mkdir("new", 0777));
	R(mkdir("file", 0777));
	R(mkdir("link", 0777));
	R(mkdir("dangling", 0777));
	R(mkdir("dangling/", 0777));
	R(mkdir("missing/x", 0777));
	R(mkdir("file/x", 0777));
	R(mkdir(".", 0777));
	R(mkdir("..", 0777));
	R(mkdir("/", 0777));
	R(mkdir("", 0777));
	R(mkdir("new/.", 0777));
	R(mkdir("new/sub", 07777));
	NEED(stat("new/sub", &st));
	say("%o\n", st.st_mode);
	NEED(stat("new", &st));
	V(st.st_nlink);
}

CASE(mkdir_set_group_id)
{
	struct stat st;

	need_root();
	NEED(mkdir("d", 0777));
	NEED(chown("d", 0, 4321));
	NEED(chmod("d", 02777));
	NEED(mkdir("d/sub", 0755));
	NEED(stat("d/sub", &st));
	say("%o gid %d\n", st.st_mode, st.st_gid);
	put_file("d/f", "");
	NEED(stat("d/f", &st));
	say("%o gid %d\n", st.st_mode, st.st_gid);
}

CASE(rmdir)
{
	make_tree();
	R(rmdir("missing"));
	R(rmdir("file"));
	R(rmdir("dirlink"));
	R(rmdir("dirlink/"));
	R(rmdir("dir"));
	R(rmdir("."));
	R(rmdir("empty/."));
	R(rmdir("empty/.."));
	R(rmdir("/"));
	R(rmdir("empty/"));
	R(rmdir("file/"));
	R(rmdir(""));
}

CASE(link)
{
	struct stat a, b;

	make_tree();
	R(link("file", "hard"));
	NEED(stat("file", &a));
	NEED(stat("hard", &b));
	say("same %d links %ld\n", a.st_ino == b.st_ino, (long)a.st_nlink);
	R(link("file", "hard"));
	R(link("dir", "dirhard"));
	R(link("missing", "x"));
	R(link("file", "missing/x"));
	R(link("file", "dir"));
	R(link("link", "link2"));
	NEED(lstat("link2", &b));
	say("the link itself: %d\n", S_ISLNK(b.st_mode));
	R(linkat(AT_FDCWD, "link", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	NEED(lstat("followed", &b));
	say("its target: %d\n", b.st_ino == a.st_ino);
	R(link("dangling", "dangling2"));
	R(linkat(AT_FDCWD, "dangling", AT_FDCWD, "x", AT_SYMLINK_FOLLOW));
	R(linkat(AT_FDCWD, "file", AT_FDCWD, "y", 0x8000));
	R(link("file/", "z"));
	R(link("file", "z/"));
	R(link("", "z"));
	int fd = (int)NEED(open("file", O_RDONLY));
	R(linkat(fd, "", AT_FDCWD, "by_fd", AT_EMPTY_PATH));
	R(link("/dev/null", "null"));
}

CASE(symlink)
{
	char b[16], *huge = calloc(1, 5000);

	make_tree();
	R(symlink("anything at all", "s"));
	R(symlink("x", "s"));
	R(symlink("x", "file"));
	R(symlink("", "empty_target"));
	R(symlink("x", ""));
	R(symlink("x", "missing/s"));
	R(symlink("x", "slash/"));
	memset(huge, 'h', 4095);
	R(symlink(huge, "longest"));
	huge[4095] = 'h';
	R(symlink(huge, "too_long"));
	memset(b, '.', 16);
	R(readlink("s", b, 4));
	say("%.6s\n", b);
	R(readlink("s", b, 0));
	R(readlink("file", b, 16));
	R(readlink("dir", b, 16));
	R(readlink("missing", b, 16));
	R(readlink("link/", b, 16));
	R(readlink("dirlink/", b, 16));
	R(readlink("", b, 16));
	R(syscall(SYS_readlink, "s", b, -1));
	int dir = (int)NEED(open("dir", O_RDONLY));
	R(readlinkat(dir, "../link", b, 16));
	R(readlinkat(dir, "", b, 16));
	R(symlinkat("inner", dir, "to_inner"));
	say_file("dir/to_inner");
}

CASE(symlink_depth)
{
	char name[8], target[8];

	put_file("l0", "end");
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof name, "l%d", i);
		snprintf(target, sizeof target, "l%d", i - 1);
		NEED(symlink(target, name));
	}
	R(access("l40", F_OK));
	R(access("l41", F_OK));
	/* The count goes over the whole path. */
	NEED(mkdir("d", 0755));
	NEED(symlink("d", "e0"));
	for (int i = 1; i <= 21; i++) {
		snprintf(name, sizeof name, "e%d", i);
		snprintf(target, sizeof target, "e%d", i - 1);
		NEED(symlink(target, name));
	}
	R(access("e19/../e18", F_OK));
	R(access("e20/../e19", F_OK));
}

CASE(symlink_components)
{
	make_tree();
	NEED(symlink("..", "dir/up"));
	NEED(symlink("/", "root"));
	NEED(symlink("dir/", "slashed"));
	NEED(symlink("file/", "file_slashed"));
	NEED(symlink(".", "self"));
	R(access("dir/up/file", F_OK));
	R(access("dirlink/up/dirlink/inner", F_OK));
	R(access("root/dev/null", F_OK));
	R(access("slashed/inner", F_OK));
	R(access("file_slashed", F_OK));
	R(access("self/self/self/file", F_OK));
	R(access("dirlink/..", F_OK));
	/* .. of a followed link is the target's parent. */
	NEED(mkdir("dir/deep", 0755));
	NEED(symlink("dir/deep", "deeplink"));
	R(access("deeplink/../inner", F_OK));
	R(access("deeplink/../file", F_OK));
}

CASE(rename_files)
{
	make_tree();
	R(rename("file", "renamed"));
	R(rename("renamed", "other"));
	say_file("other");
	R(rename("other", "other"));
	R(rename("missing", "x"));
	R(rename("other", "missing/x"));
	R(rename("other", "dir"));
	R(rename("other", "dir/"));
	R(rename("other", "new/"));
	R(rename("other/", "new"));
	R(rename("dir/inner", "pulled_out"));
	R(rename("", "x"));
	R(rename("other", ""));
	R(rename("other", "."));
	R(rename(".", "x"));
	R(rename("dir/..", "x"));
	R(rename("link", "link_moved"));
	R(rename("dangling", "link_moved"));
	put_file("file", "");
	NEED(link("file", "hard"));
	/* Two names of one file: nothing happens. */
	R(rename("file", "hard"));
	R(access("file", F_OK));
}

CASE(rename_directories)
{
	make_tree();
	R(rename("dir", "dir/sub"));
	R(rename("dir", "empty"));
	R(rename("empty", "again"));
	NEED(mkdir("full", 0755));
	put_file("full/f", "");
	R(rename("again", "full"));
	R(rename("full", "file"));
	R(rename("file", "full"));
	R(rename("full", "full/"));
	R(rename("full/", "moved/"));
	R(rename("dirlink/", "x"));
	NEED(mkdir("p", 0755));
	R(rename("moved", "p/child"));
	R(rename("p", "p/child/x"));
	R(access("p/child/f", F_OK));
}

CASE(rename_over_open_file)
{
	char b[16] = "";

	make_tree();
	int old = (int)NEED(open("other", O_RDONLY));
	R(rename("file", "other"));
	R(read(old, b, 15));
	say("%s\n", b);
	say_file("other");
}

CASE(renameat2)
{
	struct stat a, b;

	make_tree();
	R(renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_NOREPLACE));
	R(renameat2(AT_FDCWD, "file", AT_FDCWD, "fresh", RENAME_NOREPLACE));
	R(renameat2(AT_FDCWD, "fresh", AT_FDCWD, "other", RENAME_EXCHANGE));
	say_file("fresh");
	say_file("other");
	R(renameat2(AT_FDCWD, "dir", AT_FDCWD, "other", RENAME_EXCHANGE));
	NEED(stat("dir", &a));
	NEED(stat("other", &b));
	say("%o %o\n", a.st_mode & S_IFMT, b.st_mode & S_IFMT);
	R(renameat2(AT_FDCWD, "dir", AT_FDCWD, "missing", RENAME_EXCHANGE));
	R(renameat2(AT_FDCWD, "other", AT_FDCWD, "other/inner", RENAME_EXCHANGE));
	R(renameat2(AT_FDCWD, "dir", AT_FDCWD, "x", RENAME_EXCHANGE | RENAME_NOREPLACE));
	R(renameat2(AT_FDCWD, "dir", AT_FDCWD, "x", 0x100));
	R(renameat2(99, "dir", AT_FDCWD, "x", 0));
}

CASE(rename_sticky_directory)
{
	need_root();
	NEED(mkdir("t", 01777));
	NEED(chmod("t", 01777));
	put_file("t/roots", "");
	NEED(chmod(".", 0755));
	pid_t pid = fork();
	if (pid == 0) {
		NEED(setresuid(1000, 1000, 1000));
		R(unlink("t/roots"));
		R(rename("t/roots", "t/x"));
		close((int)R(open("t/mine", O_CREAT | O_WRONLY, 0644)));
		R(rename("t/mine", "t/roots"));
		R(rename("t/mine", "t/renamed"));
		R(unlink("t/renamed"));
		R(rmdir("t"));
		R(mkdir("t2", 0755));
		_exit(0);
	}
	reap("user", pid);
}

CASE(chdir)
{
	char b[4096];

	make_tree();
	R(chdir("missing"));
	R(chdir("file"));
	R(chdir("dir"));
	R(access("inner", F_OK));
	R(chdir(".."));
	R(chdir("dirlink"));
	/* getcwd knows the real place, not the link. */
	say("%s\n", strrchr(getcwd(b, sizeof b), '/'));
	R(chdir("inner/"));
	R(chdir(""));
	R(fchdir(0));
	R(fchdir(99));
	R(chdir("/"));
	say("%s\n", getcwd(b, sizeof b));
	R(chdir("../../.."));
	say("%s\n", getcwd(b, sizeof b));
}

CASE(getcwd_follows_rename)
{
	char b[4096];
	long n;

	NEED(mkdir("a", 0755));
	NEED(mkdir("a/b", 0755));
	NEED(chdir("a/b"));
	NEED(rename("../../a", "../../renamed"));
	say("%s\n", strstr(getcwd(b, sizeof b), "/renamed"));
	NEED(rename("../b", "../../moved"));
	say("%s\n", strrchr(getcwd(b, sizeof b), '/'));
	n = syscall(SYS_getcwd, b, sizeof b);
	V(n == (long)strlen(b) + 1);
	R(syscall(SYS_getcwd, b, 3));
	R(syscall(SYS_getcwd, b, 0));
}

CASE(deleted_working_directory)
{
	char b[4096];
	struct stat st;

	NEED(mkdir("gone", 0755));
	NEED(chdir("gone"));
	NEED(rmdir("../gone"));
	R(syscall(SYS_getcwd, b, sizeof b));
	R(open("f", O_CREAT | O_WRONLY, 0644));
	R(open(".", O_RDONLY));
	R(stat(".", &st));
	V(st.st_nlink);
	ssize_t n = readlink("/proc/self/cwd", b, sizeof b);
	say("%.*s\n", (int)(n > 15 ? 15 : n), b + (n > 15 ? n - 15 : 0));
	R(access("..", F_OK));
	R(chdir(".."));
	R(access("gone", F_OK));
}

CASE(deep_directories)
{
	char b[8192], name[] = "a_directory_name_of_forty_characters____";
	int depth = 0;

	while (depth < 120) {
		NEED(mkdir(name, 0755));
		NEED(chdir(name));
		depth++;
	}
	R(syscall(SYS_getcwd, b, sizeof b));
	put_file("bottom", "reached");
	say_file("bottom");
	NEED(unlink("bottom"));
	while (depth-- > 0) {
		NEED(chdir(".."));
		NEED(rmdir(name));
	}
	R(access(name, F_OK));
}

CASE(mknod)
{
	struct stat st;

	R(mknod("fifo", S_IFIFO | 0644, 0));
	R(mknod("sock", S_IFSOCK | 0755, 0));
	R(mknod("file", S_IFREG | 0600, 0));
	R(mknod("plain", 0600, 0));
	R(mknod("file", S_IFREG | 0600, 0));
	R(mknod("dir", S_IFDIR | 0700, 0));
	R(mknod("odd", S_IFLNK | 0700, 0));
	R(open("sock", O_RDONLY));
	NEED(lstat("fifo", &st));
	say("%o\n", st.st_mode);
	R(mknodat(99, "x", S_IFIFO | 0644, 0));
}

CASE(dot_dot_at_root)
{
	struct stat a, b;

	NEED(stat("/", &a));
	NEED(stat("/..", &b));
	V(a.st_ino == b.st_ino);
	NEED(stat("/../../../dev/../..", &b));
	V(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
}

CASE(chroot)
{
	char b[4096];

	need_root();
	NEED(mkdir("jail", 0755));
	put_file("jail/in", "inside");
	put_file("out", "outside");
	NEED(symlink("/in", "jail/absolute"));
	NEED(symlink("../out", "jail/escape"));
	R(chroot("missing"));
	R(chroot("out"));
	pid_t pid = fork();
	if (pid == 0) {
		R(chroot("jail"));
		R(syscall(SYS_getcwd, b, sizeof b) > 0);
		R(chdir("/"));
		say("%s\n", getcwd(b, sizeof b));
		say_file("/in");
		say_file("/absolute");
		say_file("/escape");
		say_file("/../../out");
		_exit(0);
	}
	reap("child", pid);
	NEED(setresuid(1000, 1000, 1000));
	R(chroot("/"));
}
