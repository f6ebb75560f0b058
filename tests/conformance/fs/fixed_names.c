/* SPDX-License-Identifier: Apache-2.0 */
/* Names in /proc: none can be made, removed or renamed, and what is said of one that is not there
 * comes first. */
#include <sys/stat.h>

#include "case.h"

#define TMPFILE (O_TMPFILE | O_RDWR)
#define CREATE  (O_CREAT | O_RDWR)

static void make(const char *new, const char *old)
{
	R(mkdir(new, 0700));
	R(mkdir(old, 0700));
	R(mknod(new, S_IFREG | 0600, 0));
	R(mknod(old, S_IFREG | 0600, 0));
	R(symlink("target", new));
	R(symlink("target", old));
	R(link(old, new));
	R(link("file", new));
	R(link("file", old));
	R(open(new, CREATE, 0600));
	R(open(new, CREATE | O_EXCL, 0600));
	R(open(old, CREATE | O_EXCL, 0600));
}

static void unmake(const char *new, const char *old)
{
	R(rename(old, new));
	R(rename(new, old));
	R(rename(old, old));
	R(rename("file", new));
	R(renameat2(AT_FDCWD, old, AT_FDCWD, new, RENAME_NOREPLACE));
	R(renameat2(AT_FDCWD, old, AT_FDCWD, new, RENAME_EXCHANGE));
	R(renameat2(AT_FDCWD, old, AT_FDCWD, old, RENAME_NOREPLACE));
	R(unlink(new));
	R(unlink(old));
	R(rmdir(new));
	R(rmdir(old));
}

static int names(void *arg)
{
	static const char *const dirs[][2] = {
		{ "/proc", "cpuinfo" },          { "/proc", "sys" },
		{ "/proc/self", "status" },      { "/proc/self/task", "missing" },
		{ "/proc/self/fd", "0" },        { "/proc/sys/kernel", "hostname" },
		{ "/proc/sys/kernel", "random" }
	};
	char new[64], slash[64], old[64];

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		say("%s, %s\n", dirs[i][0], dirs[i][1]);
		snprintf(new, sizeof new, "%s/x", dirs[i][0]);
		snprintf(slash, sizeof slash, "%s/x/", dirs[i][0]);
		snprintf(old, sizeof old, "%s/%s", dirs[i][0], dirs[i][1]);
		make(new, old);
		R(mkdir(slash, 0700));
		unmake(new, old);
		R(open(dirs[i][0], TMPFILE, 0600));
	}
	return 0;
}

CASE(of_root)
{
	need_root();
	put_file("file", "x");
	names(NULL);
}

static int names_of_nobody(void *arg)
{
	NEED(setresgid(65534, 65534, 65534));
	NEED(setresuid(65534, 65534, 65534));
	return names(arg);
}

CASE(of_others)
{
	need_root();
	put_file("file", "x");
	in_child("nobody", names_of_nobody, NULL);
}
