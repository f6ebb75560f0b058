/* SPDX-License-Identifier: Apache-2.0 */
/* Ways out by names: "..", symlinks, renames, mounts. */
#include "tests/escapes/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *repeat(const char *what, int n)
{
	static char buf[4096];

	buf[0] = '\0';
	while (n-- && strlen(buf) + strlen(what) < sizeof buf)
		strcat(buf, what);
	return buf;
}

/* Both are the same directory. */
static void must_be(const char *name, const char *other)
{
	struct stat a, b;

	must_work(stat(name, &a), name);
	must_work(stat(other, &b), other);
	if (a.st_ino != b.st_ino || a.st_dev != b.st_dev)
		escaped("%s is not %s", name, other);
}

CASE(dotdot)
{
	for (int n = 1; n <= 64; n++) {
		abuse(path("/%soutside/secret", repeat("../", n)));
		abuse(path("/%s%s", repeat("../", n), world.outside + 1));
	}
	must_be("/../../..", "/");
	must_be("/host/../..", "/");
}

CASE(dotdot_deep)
{
	must_work(mkdir("/host/a", 0777), "mkdir");
	must_work(mkdir("/host/a/b", 0777), "mkdir");
	must_work(chdir("/host/a/b"), "chdir");
	must_be("../../..", "/");
	for (int n = 1; n <= 16; n++) {
		abuse(path("%soutside/secret", repeat("../", n)));
		abuse(path("./%s.//outside/./secret", repeat(".././/", n)));
		abuse(path("/host/a/b/%soutside", repeat("../", n)));
	}
	for (int n = 0; n < 8; n++)
		must_work(chdir(".."), "chdir ..");
	must_be(".", "/");
	abuse("outside/secret");
}

CASE(dotdot_off_mounts)
{
	static const char *const mounts[] = { "/host", "/ro", "/proc", "/dev", "/dev/shm", "/sys" };

	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		must_work(chdir(mounts[i]), mounts[i]);
		abuse("../outside/secret");
		abuse("../../outside/secret");
		abuse(path("%s/../outside", mounts[i]));
	}
	must_be("/host/..", "/");
	must_be("/ro/../host", "/host");
}

CASE(absolute_name)
{
	char up[4096];

	abuse(path("%s/secret", world.outside));
	abuse(world.outside);
	abuse(path("/host/%s/secret", world.outside));
	/* each directory that leads there */
	snprintf(up, sizeof up, "%s", world.outside);
	for (char *slash; (slash = strrchr(up, '/')) && slash != up;) {
		*slash = '\0';
		abuse(path("%s/outside/secret", up));
	}
}

/* By the host: /host/links/abs, rel, deep, dangling, root, each with a way to OUTSIDE. */
CASE(planted_symlinks)
{
	static const char *const links[] = { "abs", "rel",  "deep",  "file", "abs-file",
					     "up",  "host", "magic", "self" };

	must_work(access("/host/links/inside", R_OK), "a symlink that stays inside");
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		abuse(path("/host/links/%s", links[i]));
		abuse(path("/host/links/%s/secret", links[i]));
		abuse(path("/host/links/%s/outside/secret", links[i]));
		abuse(path("/host/links/%s/%s/secret", links[i], world.outside));
	}
}

CASE(own_symlinks)
{
	const char *const targets[] = {
		world.outside,       path("%s/secret", world.outside),
		"../outside",        "../outside/secret",
		"../../outside",     "../../../../../../../../../../outside/secret",
		"/../outside",       path("/..%s", world.outside),
		"host/../../outside"
	};

	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		must_work(symlink(targets[i], "/host/own"), "symlink");
		must_work(symlink(targets[i], "/own"), "symlink");
		abuse("/host/own");
		abuse("/host/own/secret");
		abuse("/own");
		abuse("/own/secret");
		unlink("/host/own");
		unlink("/own");
	}
}

CASE(symlink_in_the_middle)
{
	must_work(mkdir("/host/way", 0777), "mkdir");
	must_work(symlink("../../outside", "/host/way/middle"), "symlink");
	must_work(symlink(world.outside, "/host/way/absolute"), "symlink");
	abuse("/host/way/middle/dir");
	abuse("/host/way/middle/dir/secret");
	abuse("/host/way/middle/../outside/secret");
	abuse("/host/way/./absolute/./dir/../secret");
	abuse("/host/way/absolute/../outside/secret");
}

CASE(symlink_chain)
{
	for (int i = 0; i < 50; i++)
		must_work(
		    symlink(i ? path("link%d", i - 1) : "../outside", path("/host/link%d", i)),
		    "symlink");
	for (int i = 0; i < 50; i += 7) {
		abuse(path("/host/link%d", i));
		abuse(path("/host/link%d/secret", i));
	}
	must_work(symlink("loop", "/host/loop"), "symlink");
	must_fail(open("/host/loop", O_RDONLY), "open of a loop");
}

CASE(symlink_to_proc)
{
	static const char *const targets[] = { "/proc/self/root", "/proc/1/root",
					       "/proc/self/cwd",  "/proc/thread-self/root",
					       "/proc/1/cwd",     "/proc/self/exe" };

	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		must_work(symlink(targets[i], "/host/magic"), "symlink");
		abuse(path("/host/magic/..%s/secret", world.outside));
		abuse(path("/host/magic%s/secret", world.outside));
		abuse("/host/magic/../outside/secret");
		unlink("/host/magic");
	}
}

CASE(symlink_slash)
{
	static const char *const behind[] = {
		"/", "//", "/.", "/./", "/..", "/../", "/../outside/"
	};

	for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
		abuse(path("/host/links/rel%s", behind[i]));
		abuse(path("/host/links/abs%s", behind[i]));
	}
	rename("/host/bait", "/host/links/rel/");
	mkdir("/host/links/dangling/", 0777);
	mkdir("/host/links/dangling", 0777);
}

CASE(create_through_symlink)
{
	static const int flags[] = { O_CREAT, O_CREAT | O_EXCL, O_CREAT | O_TRUNC,
				     O_CREAT | O_NOFOLLOW, O_CREAT | O_APPEND };
	static const char *const links[] = { "dangling", "abs-dangling", "rel/made", "abs/made" };

	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		const char *name = path("/host/links/%s", links[i]);
		for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
			close(open(name, O_WRONLY | flags[k], 0666));
		mknod(name, S_IFREG | 0666, 0);
		mkdir(name, 0777);
		(void)!symlink("x", name);
		(void)!link("/host/bait", name);
		rename("/host/bait", name);
		rename(name, "/host/bait");
	}
	close(open("/host/links/rel", O_RDWR | O_TMPFILE, 0666));
	close(open("/host/links/abs", O_RDWR | O_TMPFILE, 0666));
}

/* A name can be any bytes but a slash: none of them is to mean something to the host. */
CASE(every_byte_in_names)
{
	must_work(mkdir("/host/bytes", 0777), "mkdir");
	for (int c = 1; c < 256; c++) {
		char name[64];
		snprintf(name, sizeof name, "/host/bytes/%c", c);
		if (c == '/' || c == '.')
			continue;
		must_work(mkdir(name, 0777), "mkdir");
		snprintf(name, sizeof name, "/host/bytes/%c/..%c/../..%c", c, c, c);
		must_fail(open(name, O_RDONLY), name);
		snprintf(name, sizeof name, "/host/..%c/outside/secret", c);
		if (c != '/')
			must_fail(open(name, O_RDONLY), name);
		snprintf(name, sizeof name, "/host/.%c./outside/secret", c);
		must_fail(open(name, O_RDONLY), name);
	}
	for (int c = 1; c < 256; c++) {
		char name[64];
		snprintf(name, sizeof name, "/host/bytes/%c", c);
		if (c != '/' && c != '.')
			must_work(rmdir(name), "rmdir");
	}
	must_work(rmdir("/host/bytes"), "rmdir");
	abuse("/host/$(cat ../outside/secret)");
	abuse("/host/..\\outside\\secret");
	abuse("/host/%2e%2e/outside/secret");
	abuse("/host/\xc0\xae\xc0\xae/outside/secret");
	abuse("/host/ (deleted)/../../outside/secret");
}

CASE(long_names)
{
	static char name[8192];

	for (size_t len = 4080; len <= 4100; len++) {
		memset(name, '/', sizeof name);
		memcpy(name, "/host", 5);
		strcpy(name + len - 17, "/../outside/secret");
		must_fail(open(name, O_RDONLY), "open of a long name");
		memset(name + 5, '.', 2);
		must_fail(open(name, O_RDONLY), "open of a long name");
	}
	memset(name, 'a', sizeof name);
	for (size_t len = 250; len < 260; len++) {
		snprintf(name, sizeof name, "/host/%s/../../outside/secret", repeat("n", (int)len));
		must_fail(open(name, O_RDONLY), "open of a long name");
	}
}

static long open2(int dir, const char *name, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .resolve = resolve };

	if (flags & O_CREAT)
		how.mode = 0666;
	return syscall(SYS_openat2, dir, name, &how, sizeof how);
}

static void try_open2(int dir, uint64_t resolve)
{
	const char *const names[] = { "../outside/secret", "links/rel/secret",
				      "links/abs/secret",  "links/magic/secret",
				      "links/file",        "..",
				      "../../..",          path("%s/secret", world.outside),
				      "/outside/secret",   "links/dangling" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		for (int k = 0; k < 3; k++) {
			static const uint64_t flags[] = { O_RDONLY, O_PATH, O_RDWR | O_CREAT };
			int fd = (int)open2(dir, names[i], flags[k], resolve);
			if (fd < 0)
				continue;
			check_fd(fd, names[i]);
			spill(fd);
			spill_path(path("/proc/self/fd/%d/outside/secret", fd));
			close(openat(fd, "outside/made", O_WRONLY | O_CREAT, 0666));
			close(fd);
		}
	}
}

CASE(openat2_resolve)
{
	int dirs[] = { open("/host", O_RDONLY), open("/", O_PATH), open("/ro", O_RDONLY),
		       open("/host/links", O_PATH), AT_FDCWD };

	must_work(dirs[0], "open of /host");
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		for (uint64_t resolve = 0; resolve < 128; resolve++)
			try_open2(dirs[i], resolve);
	must_fail(open2(dirs[0], "bait", O_RDONLY, 1ULL << 40), "openat2 with unknown flags");
}

CASE(openat2_in_root)
{
	int host = open("/host", O_PATH), links = open("/host/links", O_PATH);

	must_work(links, "open of /host/links");
	for (int n = 0; n < 20; n++) {
		int fd = (int)open2(host, path("%soutside/secret", repeat("../", n)), O_RDONLY,
				    RESOLVE_IN_ROOT);
		check_fd(fd, "RESOLVE_IN_ROOT");
		spill(fd);
		fd = (int)open2(links, path("%s", repeat("../", n)), O_PATH, RESOLVE_IN_ROOT);
		spill_path(path("/proc/self/fd/%d/../../outside/secret", fd));
		close(fd);
	}
	close(host);
	close(links);
}

CASE(rename_out)
{
	must_fail(rename("/host/bait", "/host/../../outside/bait"), "rename");
	must_fail(rename("/host/bait", path("%s/bait", world.outside)), "rename");
	must_fail(rename("/host/bait", "/host/links/rel/bait"), "rename");
	must_fail(rename("/host/links/rel/secret", "/host/stolen"), "rename");
	must_fail(rename(path("%s/secret", world.outside), "/host/stolen"), "rename");
	must_fail(rename("/host/..", "/host/stolen"), "rename");
	must_fail(rename("/host/.", "/host/stolen"), "rename");
	must_fail(rename("/host", "/moved"), "rename of a mount");
	must_fail(rename("/host/bait", "/one"), "rename onto a mount");
	must_work(rename("/host/bait", "/host/bait2"), "rename");
	must_work(rename("/host/bait2", "/host/bait"), "rename");
}

CASE(rename_across)
{
	must_fail(rename("/host/bait", "/bait"), "rename between mounts");
	must_fail(rename("/ro/file", "/host/file"), "rename between mounts");
	must_fail(rename("/host/bait", "/ro/bait"), "rename between mounts");
	must_fail(link("/host/bait", "/linked"), "link between mounts");
	must_fail(link("/ro/file", "/host/linked"), "link between mounts");
	must_fail(renameat2(AT_FDCWD, "/host/bait", AT_FDCWD, "/ro/file", RENAME_EXCHANGE),
		  "exchange between mounts");
}

CASE(exchange_symlink)
{
	must_work(mkdir("/host/x", 0777), "mkdir");
	must_work(symlink("../outside", "/host/y"), "symlink");
	must_work(chdir("/host/x"), "chdir");
	must_work(renameat2(AT_FDCWD, "/host/x", AT_FDCWD, "/host/y", RENAME_EXCHANGE), "exchange");
	abuse("/host/x/secret");
	abuse("../x/secret");
	abuse("../../outside/secret");
	abuse("secret");
	must_fail(renameat2(AT_FDCWD, "/host/x", AT_FDCWD, "/host/x/secret", RENAME_EXCHANGE),
		  "exchange");
}

/* One process moves the parents about while another walks up past them. */
CASE(renamed_parents)
{
	must_work(mkdir("/host/p", 0777), "mkdir");
	must_work(mkdir("/host/q", 0777), "mkdir");
	must_work(mkdir("/host/p/a", 0777), "mkdir");
	must_work(mkdir("/host/p/a/b", 0777), "mkdir");
	must_work(mkdir("/host/p/a/b/c", 0777), "mkdir");
	must_work(chdir("/host/p/a/b/c"), "chdir");
	pid_t pid = fork();
	while (pid == 0) {
		rename("/host/p/a/b/c", "/host/c");
		rename("/host/p/a", "/host/q/a");
		rename("/host/c", "/host/q/a/b/c");
		rename("/host/q/a/b", "/host/b");
		rename("/host/b", "/host/q/a/b");
		rename("/host/q/a", "/host/p/a");
	}
	for (long i = 0; i < world.tries; i++) {
		int up = (int)(i % 7) + 3;
		spill_path(path("%soutside/secret", repeat("../", up)));
		spill_path(path("/host/p/a/b/c/%soutside/secret", repeat("../", up)));
		spill_path(path("/host/p/a/../a/b/../b/c/%soutside/secret", repeat("../", up)));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The host takes the directory away that the guest stands in. */
CASE(moved_out)
{
	int fd = -1;

	while (fd < 0)
		fd = open("/host/moving/in", O_RDONLY | O_DIRECTORY);
	must_work(fchdir(fd), "fchdir");
	for (long i = 0; i < world.tries; i++) {
		spill_path("../secret");
		spill_path("../../secret");
		spill_path("../../outside/secret");
		spill_path("../../../outside/secret");
		close(openat(fd, "../../made", O_WRONLY | O_CREAT, 0666));
		close(openat(fd, "../made", O_WRONLY | O_CREAT | O_EXCL, 0666));
		unlinkat(fd, "../made", 0);
		unlinkat(fd, "../../secret", 0);
		if (chdir("..") == 0) {
			spill_path("secret");
			spill_path("../secret");
			must_work(fchdir(fd), "fchdir");
		}
	}
}

CASE(mount_replaced)
{
	int fd = open("/host", O_RDONLY | O_DIRECTORY);

	must_work(fd, "open of /host");
	for (long i = 0; i < world.tries; i++) {
		spill_path("/host/secret");
		spill_path("/host/dir/secret");
		close(open("/host/made-by-guest", O_WRONLY | O_CREAT, 0666));
		unlink("/host/made-by-guest");
		int again = openat(fd, "secret", O_RDONLY);
		check_fd(again, "openat");
		spill(again);
		close(again);
	}
	must_work(access("/host/bait", F_OK), "the directory that was given");
}

/* What a host keeps from others, and what tells of its users. */
CASE(secrets)
{
	static const char *const files[] = { "/etc/shadow",
					     "/etc/gshadow",
					     "/etc/sudoers",
					     "/etc/ssh",
					     "/etc/ssl/private",
					     "/etc/machine-id",
					     "/etc/fstab",
					     "/etc/crontab",
					     "/etc/security",
					     "/etc/pam.d",
					     "/etc/krb5.keytab",
					     "/etc/gitconfig",
					     "/root//.ssh",
					     "/root//.bash_history",
					     "/var/log/auth.log",
					     "/var/lib/dpkg/status",
					     "/run/utmp",
					     "/run/secrets",
					     "/var/run/docker.sock",
					     "/boot",
					     "/lost+found",
					     "/sys/class/dmi/id/product_serial",
					     "/proc/keys",
					     "/proc/1/environ" };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		int fd = open(files[i], O_RDONLY | O_NONBLOCK);
		char byte;
		if (fd >= 0 && (read(fd, &byte, 1) > 0 || errno == EISDIR))
			escaped("%s can be read", files[i]);
		close(fd);
	}
}

/* What lies under a mount of the guest's own. */
CASE(below_mounts)
{
	abuse("/proc/../outside/secret");
	spill_path("/proc/secret-below");
	spill_path("/dev/secret-below");
	spill_path("/sys/secret-below");
	must_fail(access("/proc/secret-below", F_OK), "the host's file below /proc");
	must_fail(access("/dev/secret-below", F_OK), "the host's file below /dev");
}

/* The host has mounted a tmpfs at /host/mounted: it was given with the rest. What its kernel shows
 * of itself was not. */
CASE(host_mounts)
{
	static const char *const windows[] = { "proc", "sys" };

	if (access("/host/mounted", F_OK) == 0)
		must_work(access("/host/mounted/file", R_OK), "a file of a mount below");
	abuse("/host/mounted/../../outside/secret");
	for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
		spill_path(path("/host/%s/version", windows[i]));
		must_fail(open(path("/host/%s/self/status", windows[i]), O_RDONLY), "host's /proc");
		must_fail(open(path("/host/%s/1/root", windows[i]), O_PATH), "host's /proc");
		must_fail(open(path("/host/%s/kernel/uevent_seqnum", windows[i]), O_RDONLY),
			  "host's /sys");
		must_fail(open(path("/host/%s/.", windows[i]), O_RDONLY), "a window");
	}
}
