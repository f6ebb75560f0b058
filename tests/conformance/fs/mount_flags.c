/* SPDX-License-Identifier: Apache-2.0 */
/* What the flags of a mount forbid: ro, nosuid, nodev, noexec, noatime, nosymfollow. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <utime.h>

#include "mount_world.h"

static void set_flags(const char *at, unsigned long flags)
{
	R(mount(NULL, at, NULL, MS_REMOUNT | MS_BIND | flags, NULL));
}

static void bind_socket(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));

	strcpy(a.sun_path, name);
	R(bind(s, (struct sockaddr *)&a, sizeof a));
	close(s);
}

/* Every call that changes something, on files that are there and on new names. */
static void change_everything(void)
{
	const struct timeval tv[2] = { { 1, 0 }, { 2, 0 } };
	const struct timespec ts[2] = { { 1, 0 }, { 2, 0 } };
	int dir = (int)NEED(open("d", O_PATH)), ro = (int)NEED(open("d/f", O_RDONLY));

	R(open("d/f", O_WRONLY));
	R(open("d/f", O_RDWR));
	R(open("d/f", O_RDONLY | O_TRUNC));
	R(open("d/f", O_RDONLY | O_CREAT, 0600) >= 0);
	R(open("d/f", O_WRONLY | O_CREAT | O_EXCL, 0600));
	R(open("d/new", O_WRONLY | O_CREAT, 0600));
	R(open("d/new", O_RDONLY | O_CREAT, 0600));
	R(open("d", O_RDWR | O_TMPFILE, 0600));
	R(openat(dir, "new", O_WRONLY | O_CREAT, 0600));
	R(creat("d/f", 0600));
	R(mkdir("d/new", 0700));
	R(mkdir("d/f", 0700));
	R(mkdirat(dir, "new", 0700));
	R(mknod("d/new", S_IFREG | 0600, 0));
	R(mknod("d/new", S_IFIFO | 0600, 0));
	R(mknod("d/new", S_IFCHR | 0600, makedev(1, 3)));
	R(symlink("x", "d/new"));
	R(link("d/f", "d/new"));
	R(unlink("d/f"));
	R(unlink("d/none"));
	R(rmdir("d/sub"));
	R(rmdir("d/none"));
	R(rename("d/f", "d/g"));
	R(rename("d/f", "d/f"));
	R(rename("d/none", "d/g"));
	R(truncate("d/f", 0));
	R(truncate("d/sub", 0));
	R(chmod("d/f", 0600));
	R(fchmod(ro, 0600));
	R(fchmodat(dir, "f", 0600, 0));
	R(chown("d/f", 1, 1));
	R(lchown("d/l", 1, 1));
	R(fchown(ro, 1, 1));
	R(utime("d/f", NULL));
	R(utimes("d/f", tv));
	R(utimensat(AT_FDCWD, "d/f", ts, 0));
	R(utimensat(AT_FDCWD, "d/l", ts, AT_SYMLINK_NOFOLLOW));
	R(futimens(ro, ts));
	R(setxattr("d/f", "user.x", "1", 1, 0));
	R(lsetxattr("d/l", "trusted.x", "1", 1, 0));
	R(fsetxattr(ro, "user.x", "1", 1, 0));
	R(removexattr("d/f", "user.x"));
	R(ftruncate(ro, 0));
	R(fallocate(ro, 0, 0, 1));
	bind_socket("d/sock");
	R(access("d/f", W_OK));
	R(access("d", W_OK));
	R(access("d/fifo", W_OK));
	R(access("d/null", W_OK));
	R(access("d/f", R_OK));
	R(faccessat(dir, "f", W_OK, AT_EACCESS));
	R(open("d/null", O_WRONLY) >= 0);
	R(open("d/fifo", O_RDWR) >= 0);
	close(dir);
	close(ro);
}

static void furnish(void)
{
	put_file("d/f", "text");
	NEED(mkdir("d/sub", 0700));
	NEED(symlink("f", "d/l"));
	NEED(mkfifo("d/fifo", 0600));
	NEED(mknod("d/null", S_IFCHR | 0666, makedev(1, 3)));
}

CASE(read_only_mount)
{
	enter_world();
	DIRS("d");
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	furnish();
	set_flags("d", MS_RDONLY);
	say_mounts("read-only");
	change_everything();
	set_flags("d", 0);
	R(unlink("d/f"));
}

CASE(read_only_file_system)
{
	enter_world();
	DIRS("d");
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	furnish();
	R(mount(NULL, "d", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	say_mounts("read-only");
	change_everything();
	R(mount(NULL, "d", NULL, MS_REMOUNT, NULL));
	R(unlink("d/f"));
}

/* The directory below is the file system's that the case began in. */
CASE(read_only_bind)
{
	NEED(mkdir("below", 0755));
	NEED(mkdir("below/d", 0755));
	enter_world();
	NEED(chdir("../below"));
	put_file("d/f", "text");
	NEED(mkdir("d/sub", 0700));
	NEED(symlink("f", "d/l"));
	NEED(mkfifo("d/fifo", 0600));
	NEED(mknod("d/null", S_IFCHR | 0666, makedev(1, 3)));
	NEED(mount("d", "d", NULL, MS_BIND, NULL));
	set_flags("d", MS_RDONLY);
	change_everything();
	/* The way around it is as it was. */
	R(open("/proc/self/cwd/d/../d/f", O_WRONLY));
	R(umount("d"));
	R(umount2("d", MNT_DETACH));
	R(unlink("d/null"));
	R(unlink("d/fifo"));
}

CASE(open_files_keep_it_writable)
{
	enter_world();
	DIRS("d", "e");
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	NEED(mount("d", "e", NULL, MS_BIND, NULL));
	int fd = (int)NEED(open("d/f", O_RDWR | O_CREAT, 0600));
	set_flags("d", MS_RDONLY);
	set_flags("e", MS_RDONLY);
	R(mount(NULL, "e", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	say_mounts("busy");
	NEED(ftruncate(fd, 4096));
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	set_flags("d", MS_RDONLY);
	NEED(munmap(map, 4096));
	fd = (int)NEED(open("d/f", O_RDWR));
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	set_flags("d", MS_RDONLY);
	NEED(munmap(map, 4096));
	fd = (int)NEED(open("d/f", O_RDONLY));
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	set_flags("d", MS_RDONLY);
	map[0] = 1;
	R(open("d/f", O_WRONLY));
	R(open("e/f", O_WRONLY));
	NEED(mount(NULL, "e", NULL, MS_REMOUNT | MS_BIND, NULL));
	R(open("e/f", O_WRONLY));
	R(mount(NULL, "e", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	say_mounts("mixed");
}

CASE(unlinked_files_and_remount)
{
	enter_world();
	DIRS("d");
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	int fifo, dev;
	furnish();
	fifo = (int)NEED(open("d/fifo", O_RDWR));
	dev = (int)NEED(open("d/null", O_RDWR));
	set_flags("d", MS_RDONLY);
	R(write(fifo, "x", 1));
	R(write(dev, "x", 1));
	set_flags("d", 0);
	R(umount("d"));
}

/* ---- noexec, nodev, nosuid ---- */

ROLE(print_ids)
{
	say("uid %u %u, gid %u %u\n", getuid(), geteuid(), getgid(), getegid());
}

static void copy_self(const char *to)
{
	int in = (int)NEED(open("/proc/self/exe", O_RDONLY)),
	    out = (int)NEED(open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755));
	char buf[65536];
	ssize_t n;

	while ((n = NEED(read(in, buf, sizeof buf))) > 0)
		NEED(write(out, buf, n));
	close(in);
	close(out);
}

static int runs(void *arg)
{
	char *argv[] = { arg, (char[]){ "role:print_ids" }, NULL };

	NEED(setresgid(1234, 1234, 1234));
	NEED(setresuid(1234, 1234, 1234));
	R(execv(arg, argv));
	return 0;
}

CASE(noexec)
{
	enter_world();
	DIRS("d");
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	copy_self("d/prog");
	put_file("d/script", "#!/bin/sh\necho ran\n");
	NEED(chmod("d/script", 0755));
	in_child("exec", runs, (char[]){ "d/prog" });
	set_flags("d", MS_NOEXEC);
	in_child("noexec", runs, (char[]){ "d/prog" });
	in_child("noexec", runs, (char[]){ "d/script" });
	R(access("d/prog", X_OK));
	R(access("d", X_OK));
	int fd = (int)NEED(open("d/prog", O_RDWR));
	OK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
	void *m = OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
	R(mprotect(m, 4096, PROT_READ | PROT_EXEC));
	m = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	R(mprotect(m, 4096, PROT_READ | PROT_EXEC));
	set_flags("d", 0);
	R(mprotect(m, 4096, PROT_READ | PROT_EXEC));
	NEED(munmap(m, 4096));
	OK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
	close(fd);
	in_child("exec", runs, (char[]){ "d/prog" });
}

CASE(nosuid)
{
	enter_world();
	DIRS("d");
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	copy_self("d/prog");
	NEED(chown("d/prog", 0, 77));
	NEED(chmod("d/prog", 06755));
	in_child("suid", runs, (char[]){ "d/prog" });
	set_flags("d", MS_NOSUID);
	in_child("nosuid", runs, (char[]){ "d/prog" });
}

CASE(nodev)
{
	struct stat st;

	enter_world();
	DIRS("d", "e");
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	NEED(mount("d", "e", NULL, MS_BIND, NULL));
	NEED(mknod("d/null", S_IFCHR | 0666, makedev(1, 3)));
	set_flags("d", MS_NODEV);
	R(open("d/null", O_RDONLY));
	R(open("d/null", O_RDWR | O_CREAT, 0600));
	R(open("d/null", O_PATH) >= 0);
	R(mknod("d/zero", S_IFCHR | 0666, makedev(1, 5)));
	R(stat("d/null", &st));
	R(access("d/null", R_OK));
	R(open("e/null", O_RDWR) >= 0);
	int fd = (int)NEED(open("e/zero", O_RDONLY));
	char name[64];
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	R(open(name, O_RDONLY) >= 0);
}

CASE(nosymfollow)
{
	enter_world();
	DIRS("d");
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	DIRS("d/sub");
	put_file("d/sub/f", "x");
	NEED(symlink("sub", "d/l"));
	NEED(symlink("d/sub/f", "outside"));
	NEED(symlink("d/l", "into"));
	set_flags("d", 256 /* MS_NOSYMFOLLOW */);
	char text[64];
	SEES("d/l");
	SEES("d/l/f");
	SEES("into");
	SEES("outside");
	SEES("d/sub/f");
	R(readlink("d/l", text, sizeof text));
	R(open("d/l", O_PATH | O_NOFOLLOW) >= 0);
	R(chdir("d/l"));
	R(rename("d/l", "d/m"));
	say_mounts("nosymfollow");
}

CASE(nosymfollow_on_disk)
{
	NEED(mkdir("below", 0755));
	NEED(mkdir("below/sub", 0755));
	put_file("below/sub/f", "x");
	NEED(symlink("sub", "below/l"));
	enter_world();
	NEED(chdir("../below"));
	NEED(mount(".", ".", NULL, MS_BIND, NULL));
	NEED(chdir("../below"));
	set_flags(".", 256);
	SEES("l");
	SEES("l/f");
	SEES("sub/../l/f");
	SEES("sub/f");
}

/* ---- times of access ---- */

static const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };

static bool atime_changed(const char *name)
{
	struct stat st;

	NEED(stat(name, &st));
	return st.st_atim.tv_sec != 1000;
}

static void use(const char *at, const char *name)
{
	char file[64], buf[8];
	struct timespec both[2] = { old[0], old[1] };

	snprintf(file, sizeof file, "%s/%s", at, name);
	/* Changed after it was read last, or before. */
	for (int newer = 0; newer < 2; newer++) {
		both[1].tv_sec = newer ? 2000 : 500;
		NEED(utimensat(AT_FDCWD, file, both, 0));
		int fd = (int)NEED(open(file, O_RDONLY));
		NEED(read(fd, buf, sizeof buf));
		close(fd);
		say("%s, %s: %s\n", file, newer ? "modified" : "old",
		    atime_changed(file) ? "changed" : "stays");
	}
}

static void use_dir(const char *at)
{
	char buf[1024], dir[64];

	snprintf(dir, sizeof dir, "%s/sub", at);
	NEED(utimensat(AT_FDCWD, dir, old, 0));
	int fd = (int)NEED(open(dir, O_RDONLY));
	NEED(syscall(SYS_getdents64, fd, buf, sizeof buf));
	close(fd);
	say("%s: %s\n", dir, atime_changed(dir) ? "changed" : "stays");
}

static const struct atime_kind {
	const char *name;
	unsigned long flags;
} atime_kinds[] = {
	{ "relatime", MS_RELATIME },
	{ "noatime", MS_NOATIME },
	{ "as it was", 0 },
	{ "relatime again", MS_RELATIME },
	{ "nodiratime", MS_NODIRATIME | MS_RELATIME },
	/* The times of a host's file are the host's; there is no asking for more of them. */
	{ "strictatime", MS_STRICTATIME },
};

static void access_times(size_t nr_kinds)
{
	const struct atime_kind *kinds = atime_kinds;
	struct statvfs fs;

	for (size_t i = 0; i < nr_kinds; i++) {
		say("-- %s\n", kinds[i].name);
		set_flags("d", kinds[i].flags);
		NEED(statvfs("d", &fs));
		X(fs.f_flag);
		use("d", "f");
		use_dir("d");
	}
	set_flags("d", MS_RDONLY);
	char buf[8];
	int fd = (int)NEED(open("d/f", O_RDONLY));
	struct stat before, after;
	NEED(fstat(fd, &before));
	NEED(read(fd, buf, sizeof buf));
	NEED(fstat(fd, &after));
	V(before.st_atim.tv_nsec == after.st_atim.tv_nsec);
}

CASE(access_times_of_tmpfs)
{
	enter_world();
	DIRS("d");
	NEED(mount("t", "d", "tmpfs", 0, NULL));
	put_file("d/f", "text");
	NEED(mkdir("d/sub", 0700));
	access_times(6);
}

CASE(access_times_on_disk)
{
	NEED(mkdir("below", 0755));
	NEED(mkdir("below/d", 0755));
	enter_world();
	NEED(chdir("../below"));
	NEED(mount("d", "d", NULL, MS_BIND, NULL));
	put_file("d/f", "text");
	NEED(mkdir("d/sub", 0700));
	access_times(5);
}

/* What mount(2) takes together, and what stays on a remount. */
CASE(combinations)
{
	struct statvfs fs;

	enter_world();
	DIRS("d");
	NEED(mount("t", "d", "tmpfs", MS_NOSUID | MS_NOATIME, NULL));
	say_mounts("noatime");
	set_flags("d", 0);
	say_mounts("no flags");
	set_flags("d", MS_NOATIME | MS_RELATIME | MS_NODEV | MS_NOEXEC | MS_NODIRATIME);
	say_mounts("all");
	NEED(statvfs("d", &fs));
	X(fs.f_flag);
	set_flags("d", MS_NOATIME | MS_STRICTATIME);
	say_mounts("strictatime wins");
	R(mount(NULL, "d", NULL,
		MS_REMOUNT | MS_NOSUID | MS_SYNCHRONOUS | MS_MANDLOCK | MS_LAZYTIME, NULL));
	say_mounts("of the file system");
	R(mount(NULL, "d", NULL, MS_REMOUNT, "ro"));
	say_mounts("ro in the options");
	R(mount("d", "d", NULL, MS_BIND | MS_NOEXEC | MS_RDONLY, NULL));
	say_mounts("a bind takes no flags");
}
