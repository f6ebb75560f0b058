/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way to change something below a directory that is mounted read-only: `readonly DIR`, which
 * holds a file "file", a directory "dir" with a file "dir/in", a symlink "link" to "file", a FIFO
 * "fifo" and a program "prog". Says what each call says: the same as on a read-only mount of Linux.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#define SAY(call)                                                                                  \
	do {                                                                                       \
		errno = 0;                                                                         \
		long r_ = (long)(call);                                                            \
		printf("%s: %s\n", #call, r_ < 0 ? strerrorname_np(errno) : "done");               \
	} while (0)

static void opens(void)
{
	static const int flags[] = { O_WRONLY,
				     O_RDWR,
				     O_WRONLY | O_APPEND,
				     O_RDONLY | O_TRUNC,
				     O_WRONLY | O_TRUNC,
				     O_WRONLY | O_CREAT,
				     O_RDONLY | O_CREAT,
				     O_WRONLY | O_CREAT | O_EXCL };
	static const char *const names[] = { "file", "new",     "link",    "prog",    "dir/in",
					     "dir",  "dir/new", "new/new", "file/new" };

	for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
		for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
			int fd = open(names[n], flags[i], 0644);
			printf("open %s %#o: %s\n", names[n], (unsigned)flags[i],
			       fd < 0 ? strerrorname_np(errno) : "done");
			close(fd);
		}
	}
	SAY(open(".", O_TMPFILE | O_RDWR, 0600));
	SAY(open("dir", O_TMPFILE | O_WRONLY, 0600));
	SAY(creat("new", 0644));
	SAY(syscall(SYS_openat2, AT_FDCWD, "new",
		    &(struct { uint64_t flags, mode, resolve; }){ O_CREAT | O_WRONLY, 0644, 0 },
		    24));
	SAY(open("fifo", O_RDWR | O_NONBLOCK));
	SAY(access("file", W_OK));
	SAY(access("dir", W_OK));
	SAY(access("fifo", W_OK));
	SAY(faccessat(AT_FDCWD, "link", W_OK, AT_SYMLINK_NOFOLLOW));
	SAY(access("file", R_OK));
	SAY(access("prog", X_OK));
}

static void names(void)
{
	SAY(mkdir("new", 0755));
	SAY(mkdir("new/", 0755));
	SAY(mkdir("dir", 0755));
	SAY(mkdir("none/new", 0755));
	SAY(mknod("new", S_IFREG | 0644, 0));
	SAY(mknod("file", S_IFREG | 0644, 0));
	SAY(mkfifo("new", 0644));
	SAY(mknod("new", S_IFSOCK | 0644, 0));
	SAY(symlink("x", "new"));
	SAY(symlink("x", "file"));
	SAY(link("file", "new"));
	SAY(link("file", "file"));
	SAY(linkat(AT_FDCWD, "link", AT_FDCWD, "dir/new", AT_SYMLINK_FOLLOW));
	SAY(link("none", "new"));
	SAY(unlink("file"));
	SAY(unlink("link"));
	SAY(unlink("none"));
	SAY(unlink("dir"));
	SAY(unlinkat(AT_FDCWD, "dir", AT_REMOVEDIR));
	SAY(rmdir("dir"));
	SAY(rmdir("none"));
	SAY(rmdir("file"));
	SAY(rename("file", "new"));
	SAY(rename("file", "link"));
	SAY(rename("file", "file"));
	SAY(rename("dir", "new"));
	SAY(rename("none", "new"));
	SAY(renameat2(AT_FDCWD, "file", AT_FDCWD, "dir/in", RENAME_EXCHANGE));
	SAY(renameat2(AT_FDCWD, "file", AT_FDCWD, "link", RENAME_NOREPLACE));
	SAY(renameat2(AT_FDCWD, "file", AT_FDCWD, "new", RENAME_NOREPLACE));
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "new" };
	SAY(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a));
	strcpy(a.sun_path, "file");
	SAY(bind(socket(AF_UNIX, SOCK_DGRAM, 0), (struct sockaddr *)&a, sizeof a));
}

static void attributes(void)
{
	const struct timespec times[2] = { { 1, 1 }, { 1, 1 } };
	const struct timeval old[2] = { { 1, 1 }, { 1, 1 } };

	SAY(chmod("file", 0600));
	SAY(chmod("dir", 0700));
	SAY(chmod("none", 0700));
	SAY(fchmodat(AT_FDCWD, "link", 0600, 0));
	SAY(syscall(452, AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW));
	SAY(chown("file", 0, 0));
	SAY(chown("file", -1, -1));
	SAY(lchown("link", 0, 0));
	SAY(chown("none", 0, 0));
	SAY(utimensat(AT_FDCWD, "file", times, 0));
	SAY(utimensat(AT_FDCWD, "file", NULL, 0));
	SAY(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
	SAY(utimes("dir", old));
	SAY(utime("file", NULL));
	SAY(truncate("file", 0));
	SAY(truncate("link", 100));
	SAY(truncate("dir", 0));
	SAY(truncate("none", 0));
	SAY(setxattr("file", "user.x", "y", 1, 0));
	SAY(setxattr("dir", "user.x", "y", 1, XATTR_CREATE));
	SAY(lsetxattr("link", "user.x", "y", 1, 0));
	SAY(removexattr("file", "user.there"));
	SAY(removexattr("file", "user.none"));
}

/* What a descriptor that was opened for reading lets one do. */
static void descriptors(void)
{
	const struct timespec times[2] = { { 1, 1 }, { 1, 1 } };
	int fd = open("file", O_RDONLY), dir = open("dir", O_RDONLY | O_DIRECTORY),
	    path = open("file", O_PATH), out = open("/dev/null", O_RDWR), flags = FS_NODUMP_FL;
	char self[64];

	SAY(fchmod(fd, 0600));
	SAY(fchmod(dir, 0700));
	SAY(fchown(fd, 0, 0));
	SAY(fchownat(path, "", 0, 0, AT_EMPTY_PATH));
	SAY(fchownat(dir, "in", 0, 0, 0));
	SAY(futimens(fd, times));
	SAY(futimens(fd, NULL));
	SAY(utimensat(dir, "in", times, 0));
	SAY(fsetxattr(fd, "user.x", "y", 1, 0));
	SAY(fremovexattr(fd, "user.there"));
	SAY(ftruncate(fd, 0));
	SAY(fallocate(fd, 0, 0, 1));
	SAY(posix_fallocate(fd, 0, 1));
	SAY(write(fd, "x", 1));
	SAY(pwrite(fd, "x", 1, 0));
	SAY(sendfile(fd, out, NULL, 1));
	SAY(copy_file_range(fd, NULL, fd, NULL, 1, 0));
	SAY(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	SAY(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	SAY(mprotect(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), 4096, PROT_WRITE));
	SAY(mkdirat(dir, "new", 0755));
	SAY(openat(dir, "new", O_CREAT | O_WRONLY, 0644));
	SAY(openat(dir, "in", O_WRONLY));
	SAY(unlinkat(dir, "in", 0));
	SAY(renameat(dir, "in", dir, "new"));
	SAY(linkat(dir, "in", dir, "new", 0));
	SAY(linkat(path, "", dir, "new", AT_EMPTY_PATH));
	SAY(symlinkat("x", dir, "new"));
	SAY(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	for (int i = 0; i < 2; i++) {
		snprintf(self, sizeof self, "/proc/self/fd/%d", i ? path : fd);
		SAY(open(self, O_WRONLY));
		SAY(truncate(self, 0));
		SAY(chmod(self, 0600));
	}
	SAY(flock(fd, LOCK_EX | LOCK_NB));
	SAY(inotify_add_watch(inotify_init(), "file", IN_MODIFY));
}

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]))
		return 1;
	opens();
	names();
	attributes();
	descriptors();
	return 0;
}
