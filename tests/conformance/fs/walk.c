/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzzer found of the path walk (tests/fuzz/walk.c): orders of errors, rights to search, and
 * mounts in the way. */
#include <linux/openat2.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "mount_world.h"

static void try_walk(int dir, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(O_PATH | flags), .resolve = resolve };
	struct stat st;
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);

	say("%s, %x, %lx: %s", path, flags, resolve, fd < 0 ? strerrorname_np(errno) : "ok");
	if (fd >= 0) {
		NEED(fstat(fd, &st));
		say(" %o", st.st_mode);
		close(fd);
	}
	say("\n");
}

/* A symlink on the way is followed, whatever is said about one at the end. */
static void links_on_the_way(void)
{
	NEED(mkdir("d", 0755));
	NEED(mkdir("d/e", 0755));
	NEED(symlink("d", "l"));
	NEED(symlink(".", "d/m"));
	for (int i = 0; i < 4; i++) {
		int flags = (i & 1 ? O_NOFOLLOW : 0) | (i & 2 ? O_DIRECTORY : 0);
		try_walk(AT_FDCWD, "l", flags, 0);
		try_walk(AT_FDCWD, "l/e", flags, 0);
		try_walk(AT_FDCWD, "l/m", flags, 0);
		try_walk(AT_FDCWD, "l/m/e", flags, 0);
		try_walk(AT_FDCWD, "l/none", flags, 0);
		try_walk(AT_FDCWD, "l/m/", flags, 0);
		try_walk(AT_FDCWD, "l/e", flags, RESOLVE_NO_SYMLINKS);
	}
}

CASE(links_on_the_way)
{
	links_on_the_way();
}

CASE(links_on_the_way_in_memory)
{
	enter_world();
	links_on_the_way();
}

static int search_as_user(void *arg)
{
	int dir = *(int *)arg;
	struct stat st;

	NEED(setresgid(1234, 1234, 1234));
	NEED(setresuid(1234, 1234, 1234));
	R(fstatat(dir, "..", &st, 0));
	R(fstatat(dir, ".", &st, 0));
	R(fstatat(dir, "in", &st, 0));
	R(fstatat(dir, "../open", &st, 0));
	try_walk(dir, "..", 0, RESOLVE_BENEATH);
	try_walk(dir, "in/..", 0, RESOLVE_BENEATH);
	R(stat("closed/mounted/x", &st));
	return 0;
}

/* ".." is a name, too: whoever may not search a directory does not get out of it by a
 * descriptor. */
static void rights_to_search(void)
{
	NEED(chmod(".", 0755));
	DIRS("closed", "open", "closed/in", "closed/mounted");
	int dir = (int)NEED(open("closed", O_PATH | O_DIRECTORY));
	NEED(mount("x", "closed/mounted", "tmpfs", 0, NULL));
	NEED(chmod("closed", 0700));
	in_child("user", search_as_user, &dir);
	NEED(chmod("closed", 0701));
	in_child("user", search_as_user, &dir);
}

CASE(rights_to_search)
{
	enter_world();
	rights_to_search();
}

/* The root of a mount is searched, too, before a name that another mount covers is entered. */
static int enter_as_user(void *arg)
{
	struct stat st;

	NEED(setresgid(1234, 1234, 1234));
	NEED(setresuid(1234, 1234, 1234));
	R(stat("top/below", &st));
	R(stat("top/below/..", &st));
	return 0;
}

CASE(closed_root_of_a_mount)
{
	enter_world();
	NEED(chmod(".", 0755));
	DIRS("top");
	NEED(mount("x", "top", "tmpfs", 0, "mode=700"));
	DIRS("top/below");
	NEED(mount("x", "top/below", "tmpfs", 0, NULL));
	in_child("user", enter_as_user, NULL);
	NEED(chmod("top", 0755));
	in_child("user", enter_as_user, NULL);
}

/* Nothing of the walk's root lies below what is mounted on it: ".." stays there, which is no
 * crossing. */
CASE(root_that_is_covered)
{
	enter_world();
	DIRS("in");
	NEED(chroot("."));
	NEED(chdir("/"));
	NEED(mount("x", "/", "tmpfs", 0, NULL));
	NEED(chdir(".."));
	DIRS("over");
	try_walk(AT_FDCWD, "..", 0, 0);
	try_walk(AT_FDCWD, "../over", 0, RESOLVE_NO_XDEV);
	try_walk(AT_FDCWD, "../in", 0, RESOLVE_NO_XDEV);
	try_walk(AT_FDCWD, "..", 0, RESOLVE_BENEATH);
	try_walk(AT_FDCWD, "over/../..", 0, RESOLVE_BENEATH);
	try_walk(AT_FDCWD, "over/../../over", 0, RESOLVE_IN_ROOT);
	try_walk(AT_FDCWD, "/in", 0, 0);
	try_walk(AT_FDCWD, "/over", 0, 0);
}

/* What is wrong with a rename or a removal besides is told before -EBUSY. */
CASE(names_that_are_covered)
{
	enter_world();
	DIRS("d", "d/e", "other");
	put_file("f", "x");
	put_file("g", "x");
	NEED(mount("d", "d", NULL, MS_BIND, NULL));
	NEED(mount("f", "f", NULL, MS_BIND, NULL));
	R(rename("d", "d"));
	R(rename("f", "f"));
	R(rename("d", "d/e/x"));
	R(rename("d", "other"));
	R(rename("other", "d"));
	R(rename("g", "d"));
	R(rename("other", "f"));
	R(rename("f", "other"));
	R(rename("d", "g"));
	R(rename("f", "g"));
	R(rename("g", "f"));
	R(rename("none", "d"));
	R(rename("d", "none"));
	R(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "g", RENAME_EXCHANGE));
	R(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "none", RENAME_EXCHANGE));
	R(syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "d", RENAME_NOREPLACE));
	R(rmdir("d"));
	R(rmdir("f"));
	R(unlink("d"));
	R(unlink("f"));
}

/* A mount that is attached nowhere shows directories in which something is mounted elsewhere. */
CASE(covered_elsewhere)
{
	enter_world();
	DIRS("d", "d/in", "again");
	NEED(mount("d", "again", NULL, MS_BIND, NULL));
	int dir = (int)NEED(open("again", O_PATH | O_DIRECTORY));
	NEED(umount2("again", MNT_DETACH));
	NEED(mount("x", "d/in", "tmpfs", 0, NULL));
	R(unlinkat(dir, "in", AT_REMOVEDIR));
	R(renameat(dir, "in", dir, "out"));
	NEED(umount("d/in"));
	R(renameat(dir, "in", dir, "out"));
	R(unlinkat(dir, "out", AT_REMOVEDIR));
}

static int link_all(void *arg)
{
	const int *fds = arg;

	for (int i = 0; i < 6; i++) {
		R(linkat(fds[i], "", AT_FDCWD, "linked", AT_EMPTY_PATH));
		R(linkat(fds[i], "", AT_FDCWD, "linked", 0));
		R(linkat(fds[i], "x", AT_FDCWD, "linked", 0));
	}
	return 0;
}

static int link_as_user(void *arg)
{
	NEED(setresgid(1234, 1234, 1234));
	NEED(setresuid(1234, 1234, 1234));
	return link_all(arg);
}

/* Nobody opened these by a name. */
CASE(links_of_what_has_no_name)
{
	int fds[6];

	need_root();
	NEED(chmod(".", 0777));
	NEED(pipe(fds));
	fds[2] = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
	fds[3] = (int)NEED(eventfd(0, 0));
	fds[4] = (int)NEED(epoll_create1(0));
	fds[5] = (int)NEED(memfd_create("m", 0));
	in_child("root", link_all, fds);
	in_child("user", link_as_user, fds);
}

/* A symlink to nothing before a name that is too long. */
CASE(long_name_behind_a_link)
{
	char path[512] = "d/l/";

	memset(path + 4, 'x', 300);
	NEED(mkdir("d", 0755));
	NEED(symlink("none", "d/l"));
	try_walk(AT_FDCWD, path, 0, 0);
	try_walk(AT_FDCWD, path + 2, 0, 0);
	try_walk(AT_FDCWD, path + 4, 0, 0);
}
