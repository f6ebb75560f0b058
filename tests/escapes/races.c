/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /host/swap is now a directory, now a symlink to OUTSIDE, which has names of the same kind. Each
 * case does one thing to a name below it, again and again. The decoy inside must be met, or there
 * was no race.
 */
#include "tests/escapes/guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MOST_TRIES 1000000 /* to meet the inside once */

/* Runs `fn` for all the tries; it says whether it met the inside. */
static void race(bool (*fn)(long i))
{
	long met = 0;

	for (long i = 0; i < world.tries || (!met && i < MOST_TRIES); i++)
		met += fn(i);
	errno = ENOENT;
	must_work(met ? 0 : -1, "the decoy");
}

static bool try_open(long i)
{
	static const char *const names[] = { "/host/swap/secret", "/host/swap/dir/secret",
					     "/host/swap/dir/../secret",
					     "/host/swap/../swap/secret" };
	char text[64];
	int fd = open(names[i % 4], O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);

	close(fd);
	if (n > 0 && memcmp(text, "decoy", 5)) {
		(void)!write(1, text, (size_t)n);
		escaped("read by %s", names[i % 4]);
	}
	return n > 0;
}

CASE(race_open)
{
	race(try_open);
}

static bool try_stat(long i)
{
	static const char *const names[] = { "/host/swap/secret", "/host/swap/./secret",
					     "/host/swap/dir/../secret" };
	struct stat st;

	if (stat(names[i % 3], &st))
		return false;
	if (st.st_ino == world.canary)
		escaped("stat of %s", names[i % 3]);
	return true;
}

CASE(race_stat)
{
	race(try_stat);
}

static bool try_create(long i)
{
	int flags = i % 2 ? O_EXCL : O_TRUNC;
	int fd = open("/host/swap/made", O_WRONLY | O_CREAT | flags, 0666);

	if (fd >= 0)
		(void)!write(fd, "made", 4);
	close(fd);
	unlink("/host/swap/made");
	return fd >= 0;
}

CASE(race_create)
{
	race(try_create);
}

static bool try_mkdir(long i)
{
	bool made = mkdir(i % 2 ? "/host/swap/new" : "/host/swap/dir/new", 0777) == 0;

	rmdir(i % 2 ? "/host/swap/new" : "/host/swap/dir/new");
	mknod("/host/swap/dir/node", S_IFIFO | 0666, 0);
	unlink("/host/swap/dir/node");
	return made;
}

CASE(race_mkdir)
{
	race(try_mkdir);
}

static bool try_rename(long i)
{
	bool there = rename("/host/bait", "/host/swap/bait") == 0;

	rename("/host/swap/bait", "/host/bait");
	if (i % 2)
		renameat2(AT_FDCWD, "/host/swap/dir", AT_FDCWD, "/host/swap/secret",
			  RENAME_EXCHANGE);
	else
		rename("/host/swap/dir/secret", "/host/swap/dir/secret");
	return there;
}

CASE(race_rename)
{
	race(try_rename);
}

static bool try_unlink(long i)
{
	unlink(i % 2 ? "/host/swap/only-outside" : "/host/swap/dir/only-outside");
	rmdir("/host/swap/empty");
	return mkdir("/host/swap/empty", 0777) == 0 || errno == EEXIST;
}

CASE(race_unlink)
{
	race(try_unlink);
}

static bool try_link(long i)
{
	bool made;

	if (i % 2) {
		made = link("/host/swap/secret", "/host/linked") == 0;
		spill_path("/host/linked");
		unlink("/host/linked");
	} else {
		made = link("/host/bait", "/host/swap/linked") == 0;
		unlink("/host/swap/linked");
	}
	if (symlink("x", "/host/swap/symlink") == 0)
		unlink("/host/swap/symlink");
	return made;
}

CASE(race_link)
{
	race(try_link);
}

static bool try_chmod(long i)
{
	struct timespec times[2] = { { i, 0 }, { i, 0 } };
	bool done = chmod("/host/swap/secret", i % 2 ? 0666 : 0600) == 0 || errno == EPERM;

	utimensat(AT_FDCWD, "/host/swap/dir/secret", times, i % 2 ? AT_SYMLINK_NOFOLLOW : 0);
	return done;
}

CASE(race_chmod)
{
	race(try_chmod);
}

static bool try_chown(long i)
{
	/* to whom it belongs: what an ordinary user may do */
	return (i % 2 ? chown : lchown)("/host/swap/secret", (uid_t)-1, (gid_t)-1) == 0 ||
	       errno == EPERM;
}

CASE(race_chown)
{
	race(try_chown);
}

static bool try_truncate(long i)
{
	return truncate(i % 2 ? "/host/swap/file" : "/host/swap/dir/file", i % 3) == 0;
}

CASE(race_truncate)
{
	race(try_truncate);
}

/* What is outside says so when it runs; what is inside is no program. */
static bool try_exec(long i)
{
	execl("/host/swap/program", "program", "executed", (char *)NULL);
	return errno == ENOEXEC;
}

CASE(race_exec)
{
	race(try_exec);
}

static bool try_bind(long i)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/host/swap/bound" };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (i % 2)
		strcpy(un.sun_path, "/host/swap/listener");
	bool done = (i % 2 ? connect : bind)(s, (struct sockaddr *)&un, sizeof un) == 0;
	if (i % 2 && done)
		escaped("connected to the host");
	close(s);
	unlink("/host/swap/bound");
	return done;
}

CASE(race_bind)
{
	race(try_bind);
}

static bool try_xattr(long i)
{
	char text[64];

	ssize_t n = getxattr("/host/swap/secret", "user.canary", text, sizeof text);
	if (n > 0)
		(void)!write(1, text, (size_t)n);
	setxattr("/host/swap/secret", "user.guest", "x", 1, 0);
	removexattr("/host/swap/secret", "user.canary");
	return access("/host/swap/secret", R_OK) == 0;
}

CASE(race_xattr)
{
	race(try_xattr);
}

static bool try_readdir(long i)
{
	DIR *d = opendir(i % 2 ? "/host/swap" : "/host/swap/dir");
	struct dirent *e;
	bool any = false;

	while (d && (e = readdir(d))) {
		any = true;
		if (e->d_ino == world.canary)
			escaped("readdir");
	}
	if (d)
		closedir(d);
	return any;
}

CASE(race_readdir)
{
	race(try_readdir);
}

static bool try_chdir(long i)
{
	struct stat st;
	int in = inotify_init1(IN_NONBLOCK);
	bool there = chdir(i % 2 ? "/host/swap" : "/host/swap/dir") == 0;

	if (stat("secret", &st) == 0 && st.st_ino == world.canary)
		escaped("chdir");
	if (stat("../secret", &st) == 0 && st.st_ino == world.canary)
		escaped("chdir, then ..");
	inotify_add_watch(in, "/host/swap/dir", IN_ALL_EVENTS);
	close(in);
	must_work(chdir("/host"), "chdir");
	return there;
}

CASE(race_chdir)
{
	race(try_chdir);
}

/* The guest exchanges them itself, and has the other names as well. */
CASE(race_own_swaps)
{
	must_work(mkdir("/host/own", 0777), "mkdir");
	must_work(mkdir("/host/own/dir", 0777), "mkdir");
	must_work(symlink("../../outside", "/host/own-link"), "symlink");
	pid_t pid = fork();
	while (pid == 0) {
		renameat2(AT_FDCWD, "/host/own", AT_FDCWD, "/host/own-link", RENAME_EXCHANGE);
		renameat2(AT_FDCWD, "/host/own", AT_FDCWD, "/host/own-link", RENAME_EXCHANGE);
	}
	for (long i = 0; i < world.tries; i++) {
		spill_path("/host/own/secret");
		spill_path("/host/own/dir/../secret");
		close(open("/host/own/made", O_WRONLY | O_CREAT, 0666));
		unlink("/host/own/made");
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
