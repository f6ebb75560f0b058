/* SPDX-License-Identifier: Apache-2.0 */
/* setxattrat(2), getxattrat(2), listxattrat(2), removexattrat(2) */
#include "../../lib/case.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#ifndef SYS_setxattrat
#define SYS_setxattrat    463
#define SYS_getxattrat    464
#define SYS_listxattrat   465
#define SYS_removexattrat 466
#endif

struct args {
	uint64_t value;
	uint32_t size, flags;
};

static long set(int dir, const char *path, unsigned at, const char *name, const char *value,
		unsigned flags)
{
	struct args a = { (uintptr_t)value, (uint32_t)strlen(value), flags };

	return syscall(SYS_setxattrat, dir, path, at, name, &a, sizeof a);
}

static long get(int dir, const char *path, unsigned at, const char *name, char *buf, unsigned size)
{
	struct args a = { (uintptr_t)buf, size, 0 };

	memset(buf, 0, size);
	return syscall(SYS_getxattrat, dir, path, at, name, &a, sizeof a);
}

CASE(by_name)
{
	char buf[64];

	NEED(mkdir("d", 0755));
	put_file("d/f", "x");
	int dir = (int)NEED(open("d", O_RDONLY | O_DIRECTORY));
	R(set(dir, "f", 0, "user.a", "one", 0));
	R(set(dir, "f", 0, "user.a", "one", XATTR_CREATE));
	R(set(dir, "f", 0, "user.b", "one", XATTR_REPLACE));
	R(get(dir, "f", 0, "user.a", buf, sizeof buf));
	say("%s\n", buf);
	R(get(dir, "f", 0, "user.a", buf, 2));
	R(get(dir, "f", 0, "user.a", buf, 0));
	R(get(dir, "f", 0, "user.none", buf, sizeof buf));
	R(syscall(SYS_listxattrat, dir, "f", 0, buf, sizeof buf));
	say("%s\n", buf);
	R(syscall(SYS_listxattrat, dir, "f", 0, NULL, 0));
	R(syscall(SYS_removexattrat, dir, "f", 0, "user.a"));
	R(syscall(SYS_removexattrat, dir, "f", 0, "user.a"));
	R(set(dir, "gone", 0, "user.a", "one", 0));
	R(set(-1, "f", 0, "user.a", "one", 0));
}

CASE(links)
{
	char buf[64];

	put_file("f", "x");
	NEED(symlink("f", "l"));
	R(set(AT_FDCWD, "l", 0, "user.a", "one", 0));
	R(getxattr("f", "user.a", buf, sizeof buf));
	R(set(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, "user.a", "one", 0));
	R(get(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, "user.a", buf, sizeof buf));
	R(syscall(SYS_listxattrat, AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, buf, sizeof buf));
	R(syscall(SYS_removexattrat, AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, "user.a"));
}

CASE(descriptors)
{
	char buf[64];

	put_file("f", "x");
	int fd = (int)NEED(open("f", O_RDWR)), path = (int)NEED(open("f", O_PATH));
	R(set(fd, "", AT_EMPTY_PATH, "user.a", "one", 0));
	R(set(fd, NULL, AT_EMPTY_PATH, "user.b", "two", 0));
	R(get(fd, "", AT_EMPTY_PATH, "user.b", buf, sizeof buf));
	R(syscall(SYS_listxattrat, fd, "", AT_EMPTY_PATH, NULL, 0));
	R(syscall(SYS_removexattrat, fd, "", AT_EMPTY_PATH, "user.b"));
	R(set(fd, "", 0, "user.a", "one", 0));
	R(set(fd, NULL, 0, "user.a", "one", 0));
	R(set(path, "", AT_EMPTY_PATH, "user.a", "one", 0));
	R(get(path, "", AT_EMPTY_PATH, "user.a", buf, sizeof buf));
	R(get(77, "", AT_EMPTY_PATH, "user.a", buf, sizeof buf));
	R(set(fd, "f", AT_EMPTY_PATH, "user.a", "one", 0));
	R(set(AT_FDCWD, "f", AT_EMPTY_PATH, "user.a", "one", 0));
}

CASE(arguments)
{
	struct args a[2] = { { 0 }, { 0 } };
	static char big[1 << 17];

	put_file("f", "x");
	R(set(AT_FDCWD, "f", 1, "user.a", "one", 0));
	R(set(AT_FDCWD, "f", 0, "user.a", "one", 4));
	R(set(AT_FDCWD, "f", 0, "", "one", 0));
	R(set(AT_FDCWD, "f", 0, NULL, "one", 0));
	R(set(AT_FDCWD, "gone", 0, NULL, "one", 0));
	R(syscall(SYS_setxattrat, AT_FDCWD, "f", 0, "user.a", a, 15));
	R(syscall(SYS_setxattrat, AT_FDCWD, "f", 0, "user.a", a, sizeof a));
	a[1].flags = 1;
	R(syscall(SYS_setxattrat, AT_FDCWD, "f", 0, "user.a", a, sizeof a));
	R(syscall(SYS_setxattrat, AT_FDCWD, "f", 0, "user.a", a, 8192));
	R(syscall(SYS_setxattrat, AT_FDCWD, "f", 0, "user.a", NULL, sizeof a[0]));
	a[0].flags = 1;
	R(syscall(SYS_getxattrat, AT_FDCWD, "f", 0, "user.a", a, sizeof a[0]));
	a[0] = (struct args){ (uintptr_t)big, sizeof big, 0 };
	R(syscall(SYS_setxattrat, AT_FDCWD, "f", 0, "user.a", a, sizeof a[0]));
	a[0] = (struct args){ 8, 4, 0 };
	R(syscall(SYS_setxattrat, AT_FDCWD, "f", 0, "user.a", a, sizeof a[0]));
	R(syscall(SYS_getxattrat, AT_FDCWD, "f", 1, "user.a", a, sizeof a[0]));
	R(syscall(SYS_listxattrat, AT_FDCWD, "f", 1, big, 10));
	R(syscall(SYS_removexattrat, AT_FDCWD, "f", 1, "user.a"));
	R(syscall(SYS_removexattrat, AT_FDCWD, "f", 0, NULL));
	/* names and values come before the file */
	R(setxattr("gone", NULL, "", 0, 0));
	R(syscall(SYS_setxattr, "gone", "user.a", 8, 4, 0));
	R(syscall(SYS_setxattr, "gone", "user.a", "v", 1UL << 40, 0));
	R(setxattr("gone", "user.a", "v", 1, 8));
	R(removexattr("gone", ""));
}
