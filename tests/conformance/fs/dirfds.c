/* SPDX-License-Identifier: Apache-2.0 */
/* Every call that takes a directory and a name, with a descriptor of every kind in the directory's
 * place: by itself and through its link in /proc. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "case.h"

/* ---- descriptors ---- */

static int new_pipe(void)
{
	int fd[2];

	NEED(pipe(fd));
	return fd[0];
}

static int new_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int new_inet(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0);
}

static int new_eventfd(void)
{
	return eventfd(0, 0);
}

static int new_epoll(void)
{
	return epoll_create1(0);
}

static int new_timerfd(void)
{
	return timerfd_create(CLOCK_MONOTONIC, 0);
}

static int new_signalfd(void)
{
	sigset_t none = SET(SIGUSR1);

	return signalfd(-1, &none, 0);
}

static int new_memfd(void)
{
	return memfd_create("m", 0);
}

static int new_file(void)
{
	put_file("plain", "text");
	return open("plain", O_RDWR);
}

static int new_unlinked(void)
{
	put_file("gone", "text");
	int fd = open("gone", O_RDWR);
	unlink("gone");
	return fd;
}

static int new_path_of_file(void)
{
	put_file("plain", "text");
	return open("plain", O_PATH);
}

static int new_path_of_link(void)
{
	unlink("link");
	NEED(symlink("d", "link"));
	return open("link", O_PATH | O_NOFOLLOW);
}

static int new_path_of_socket(void)
{
	struct sockaddr_un a = { AF_UNIX, "so" };

	unlink("so");
	NEED(bind(new_socket(), (struct sockaddr *)&a, sizeof a));
	return open("so", O_PATH);
}

static int new_proc_file(void)
{
	return open("/proc/self/status", O_RDONLY);
}

static int new_device(void)
{
	return open("/dev/null", O_RDWR);
}

static int new_ptmx(void)
{
	return open("/dev/ptmx", O_RDWR | O_NOCTTY);
}

static int new_dir(void)
{
	mkdir("d", 0755);
	return open("d", O_RDONLY | O_DIRECTORY);
}

static int new_path_of_dir(void)
{
	mkdir("d", 0755);
	return open("d", O_PATH);
}

static int new_shm(void)
{
	char name[] = "/dev/shm/dirfds.XXXXXX";

	return open("/dev/shm", O_TMPFILE | O_RDWR, 0600) ?: mkstemp(name);
}

static const struct kind {
	const char *name;
	int (*make)(void);
} kinds[] = {
	{ "pipe", new_pipe },
	{ "socket", new_socket },
	{ "inet", new_inet },
	{ "eventfd", new_eventfd },
	{ "epoll", new_epoll },
	{ "timerfd", new_timerfd },
	{ "signalfd", new_signalfd },
	{ "memfd", new_memfd },
	{ "file", new_file },
	{ "unlinked", new_unlinked },
	{ "path_of_file", new_path_of_file },
	{ "path_of_link", new_path_of_link },
	{ "path_of_socket", new_path_of_socket },
	{ "proc_file", new_proc_file },
	{ "device", new_device },
	{ "ptmx", new_ptmx },
	{ "dir", new_dir },
	{ "path_of_dir", new_path_of_dir },
	{ "shm", new_shm },
};

/* ---- calls ---- */

static int opened(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static int do_open(int d, const char *n)
{
	return opened(openat(d, n, O_RDONLY | O_NONBLOCK));
}

static int do_path(int d, const char *n)
{
	return opened(openat(d, n, O_PATH));
}

static int do_creat(int d, const char *n)
{
	return opened(openat(d, n, O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int do_tmpfile(int d, const char *n)
{
	return opened(openat(d, n, O_TMPFILE | O_RDWR, 0600));
}

static int do_openat2(int d, const char *n)
{
	uint64_t how[3] = { O_RDONLY | O_NONBLOCK, 0, 0x10 /* RESOLVE_IN_ROOT */ };

	return opened((int)syscall(SYS_openat2, d, n, how, sizeof how));
}

static int do_stat(int d, const char *n)
{
	struct stat st;

	return fstatat(d, n, &st, 0);
}

static int do_stat_empty(int d, const char *n)
{
	struct stat st;

	return fstatat(d, n, &st, AT_EMPTY_PATH);
}

static int do_statx(int d, const char *n)
{
	struct statx st;

	return statx(d, n, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st);
}

static int do_access(int d, const char *n)
{
	return (int)syscall(SYS_faccessat2, d, n, F_OK, AT_EMPTY_PATH);
}

static int do_readlink(int d, const char *n)
{
	char b[256];

	return readlinkat(d, n, b, sizeof b) < 0 ? -1 : 0;
}

static int do_mkdir(int d, const char *n)
{
	return mkdirat(d, n, 0700);
}

static int do_rmdir(int d, const char *n)
{
	return unlinkat(d, n, AT_REMOVEDIR);
}

static int do_mknod(int d, const char *n)
{
	return mknodat(d, n, S_IFIFO | 0600, 0);
}

static int do_unlink(int d, const char *n)
{
	return unlinkat(d, n, 0);
}

static int do_symlink(int d, const char *n)
{
	return symlinkat("target", d, n);
}

static int do_link_from(int d, const char *n)
{
	int r = linkat(d, n, AT_FDCWD, "linked", n[0] ? 0 : AT_EMPTY_PATH);

	if (r == 0)
		unlink("linked");
	return r;
}

static int do_link_to(int d, const char *n)
{
	return linkat(AT_FDCWD, "other", d, n, 0);
}

static int do_rename_from(int d, const char *n)
{
	return renameat(d, n, AT_FDCWD, "renamed");
}

static int do_rename_to(int d, const char *n)
{
	return renameat(AT_FDCWD, "nothing", d, n);
}

static int do_chmod(int d, const char *n)
{
	return fchmodat(d, n, 0700, 0);
}

static int do_chown(int d, const char *n)
{
	return fchownat(d, n, -1, -1, 0);
}

static int do_utimens(int d, const char *n)
{
	return utimensat(d, n, NULL, 0);
}

static int do_exec(int d, const char *n)
{
	static char arg[] = "x";
	char *argv[] = { arg, NULL };

	return (int)syscall(SYS_execveat, d, n, argv, argv, AT_EMPTY_PATH);
}

static const struct call {
	const char *name;
	int (*make)(int dir, const char *name);
} calls[] = {
	{ "open", do_open },
	{ "path", do_path },
	{ "creat", do_creat },
	{ "tmpfile", do_tmpfile },
	{ "openat2", do_openat2 },
	{ "stat", do_stat },
	{ "stat_empty", do_stat_empty },
	{ "statx", do_statx },
	{ "access", do_access },
	{ "readlink", do_readlink },
	{ "mkdir", do_mkdir },
	{ "rmdir", do_rmdir },
	{ "mknod", do_mknod },
	{ "unlink", do_unlink },
	{ "symlink", do_symlink },
	{ "unlink", do_unlink },
	{ "link_from", do_link_from },
	{ "link_to", do_link_to },
	{ "unlink", do_unlink },
	{ "rename_from", do_rename_from },
	{ "rename_to", do_rename_to },
	{ "chmod", do_chmod },
	{ "chown", do_chown },
	{ "utimens", do_utimens },
	{ "exec", do_exec },
};

static void try_all(const char *who, int dir, const char *name, const char *shown)
{
	char line[1024];
	int n = snprintf(line, sizeof line, "%s '%s':", who, shown);

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		int r = calls[i].make(dir, name);
		n += snprintf(line + n, sizeof line - (size_t)n, " %s %s", calls[i].name,
			      r < 0 ? strerrorname_np(errno) : "ok");
	}
	say("%s\n", line);
}

static void each_kind(void (*try)(const struct kind *k, int fd))
{
	put_file("other", "");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int fd = (int)NEED(kinds[i].make());
		try(&kinds[i], fd);
		close(fd);
	}
}

static void by_descriptor(const struct kind *k, int fd)
{
	static const char *const names[] = { "", "x", ".", "..", "x/y", "./x/" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		try_all(k->name, fd, names[i], names[i]);
}

CASE(by_descriptor)
{
	each_kind(by_descriptor);
}

static void by_link(const struct kind *k, int fd)
{
	static const char *const below[] = { "/", "/x", "/.", "/..", "/x/y", "/../x" };
	char name[64];

	for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
		snprintf(name, sizeof name, "/proc/self/fd/%d%s", fd, below[i]);
		try_all(k->name, AT_FDCWD, name, below[i]);
	}
}

CASE(by_link)
{
	each_kind(by_link);
}

/* Calls on the file itself, by descriptor and by link. */
static void on_itself(const struct kind *k, int fd)
{
	struct statfs by_fd = { 0 }, by_name = { 0 };
	char name[64], b[8];

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	say("%s: chdir %s, fchdir %s", k->name, chdir(name) ? strerrorname_np(errno) : "ok",
	    fchdir(fd) ? strerrorname_np(errno) : "ok");
	say(", statfs %d %d", statfs(name, &by_name), fstatfs(fd, &by_fd));
	say(" %s", by_fd.f_type == by_name.f_type ? "same" : "different");
	say(", getxattr %s",
	    getxattr(name, "user.a", b, sizeof b) < 0 ? strerrorname_np(errno) : "ok");
	say(", fgetxattr %s\n",
	    fgetxattr(fd, "user.a", b, sizeof b) < 0 ? strerrorname_np(errno) : "ok");
}

CASE(on_itself)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int fd = (int)NEED(kinds[i].make());
		if (strcmp(kinds[i].name, "ptmx") && strncmp(kinds[i].name, "path_of", 7) &&
		    kinds[i].make != new_dir)
			on_itself(&kinds[i], fd);
		close(fd);
	}
}

CASE(no_descriptor)
{
	int fd = new_pipe();

	close(fd);
	try_all("closed", fd, "", "");
	try_all("closed", fd, "x", "x");
	try_all("negative", -1, "x", "x");
}
