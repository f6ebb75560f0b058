/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that find files and change them, one a case: `layers prepare` makes what they find in
 * the working directory, `layers CASE` is run there. It is to see the same on a plain file system
 * as where all that it finds is in a lower layer of an overlay (tests/cli/overlays).
 */
#include <dirent.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "case.h"

#define MANY  3000
#define LARGE (5 << 20)

static void put(const char *name, const char *text)
{
	int fd = NEED(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	NEED(write(fd, text, strlen(text)));
	close(fd);
}

static void show(const char *name)
{
	char buf[100];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);

	if (n < 0)
		say("%s: %s\n", name, strerrorname_np(errno));
	else
		say("%s: '%.*s'\n", name, (int)n, buf);
	close(fd);
}

static void show_names(const char *dir)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort);

	say("%s:", dir);
	for (int i = 0; i < n; i++)
		say(" %s", list[i]->d_name);
	say("\n");
}

static int same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

CASE(prepare)
{
	char name[32];
	const struct timespec old[2] = { { 1000000000, 1 }, { 1000000000, 2 } };

	umask(0);
	put("file", "lower");
	put("script", "#!/bin/sh\n");
	NEED(chmod("script", 04755));
	NEED(mkdir("dir", 0755));
	put("dir/a", "a");
	NEED(mkdir("dir/sub", 0700));
	put("dir/sub/b", "b");
	NEED(mkdir("empty", 0755));
	put("one", "links");
	NEED(link("one", "two"));
	NEED(link("one", "dir/three"));
	NEED(symlink("file", "link"));
	NEED(mkfifo("fifo", 0644));
	put("attrs", "attributes");
	NEED(setxattr("attrs", "user.color", "blue", 4, 0));
	int fd = NEED(open("sparse", O_WRONLY | O_CREAT, 0644));
	NEED(pwrite(fd, "begin", 5, 0));
	NEED(pwrite(fd, "end", 3, LARGE));
	close(fd);
	NEED(mkdir("many", 0755));
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "many/file%d", i);
		put(name, "");
	}
	NEED(utimensat(AT_FDCWD, "file", old, 0));
	NEED(utimensat(AT_FDCWD, "dir", old, 0));
}

/* layers mark NAME VALUE FILE: an attribute of an overlay, where there are some at all. */
ROLE(mark)
{
	if (case_argc < 5 ||
	    setxattr(case_argv[4], case_argv[2], case_argv[3], strlen(case_argv[3]), 0))
		_exit(1);
}

CASE(descriptors_opened_before)
{
	char buf[16] = "";
	struct stat before, after;
	int read_fd = NEED(open("file", O_RDONLY)), path_fd = NEED(open("file", O_PATH));

	NEED(fstat(read_fd, &before));
	R(read(read_fd, buf, 2));
	int fd = NEED(open("file", O_WRONLY | O_APPEND));
	R(write(fd, " upper", 6));
	memset(buf, 0, sizeof buf);
	R(read(read_fd, buf, sizeof buf - 1));
	say("'%s'\n", buf);
	NEED(fstat(read_fd, &after));
	V(same_file(&before, &after));
	V(after.st_size);
	NEED(fstat(path_fd, &after));
	V(same_file(&before, &after));
	V(after.st_size);
	NEED(stat("file", &after));
	V(same_file(&before, &after));
	R(fchmod(read_fd, 0600));
	NEED(fstat(fd, &after));
	say("%o\n", after.st_mode);
}

CASE(locks_are_of_one_file)
{
	int a = NEED(open("file", O_RDONLY)), b;

	R(flock(a, LOCK_EX));
	R(chmod("file", 0666));
	b = NEED(open("file", O_RDWR));
	R(flock(b, LOCK_EX | LOCK_NB));
	R(flock(a, LOCK_UN));
	R(flock(b, LOCK_EX | LOCK_NB));
}

CASE(watches_go_on)
{
	char buf[4096] __attribute__((aligned(8)));
	int in = NEED(inotify_init1(IN_NONBLOCK));

	R(inotify_add_watch(in, "file", IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF));
	R(inotify_add_watch(in, "dir", IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MODIFY));
	put("file", "x");
	R(chmod("file", 0600));
	R(rename("dir/a", "dir/z"));
	put("dir/new", "n");
	R(unlink("dir/z"));
	R(unlink("file"));
	ssize_t n = read(in, buf, sizeof buf);
	for (char *p = buf; n > 0 && p < buf + n;) {
		struct inotify_event *e = (struct inotify_event *)p;
		say("wd %d mask %x %s\n", e->wd, e->mask, e->len ? e->name : "-");
		p += sizeof *e + e->len;
	}
}

static long links(const char *name)
{
	struct stat st;

	return stat(name, &st) ? -1 : (long)st.st_nlink;
}

CASE(hard_links)
{
	struct stat a, b;

	V(links("one"));
	put("two", "written");
	show("one");
	show("dir/three");
	NEED(stat("one", &a));
	NEED(stat("dir/three", &b));
	V(same_file(&a, &b));
	V(links("one"));
	R(unlink("two"));
	V(links("one"));
	R(rename("one", "empty/moved"));
	show("empty/moved");
	R(link("dir/three", "four"));
	V(links("four"));
	R(unlink("empty/moved"));
	R(unlink("dir/three"));
	V(links("four"));
	show("four");
	R(unlink("four"));
	show_names("dir");
}

CASE(times_and_modes)
{
	struct stat st;
	char buf[8];

	R(chmod("file", 0640));
	NEED(stat("file", &st));
	say("%o %ld.%ld %ld\n", st.st_mode, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_size);
	R(chmod("dir/a", 0600));
	NEED(stat("dir", &st));
	say("%ld.%ld\n", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	R(chmod("script", 04711));
	NEED(stat("script", &st));
	say("%o\n", st.st_mode);
	R(chmod("attrs", 0600));
	R(getxattr("attrs", "user.color", buf, sizeof buf));
	R(setxattr("attrs", "user.shape", "round", 5, 0));
	R(getxattr("attrs", "user.shape", buf, sizeof buf));
	R(listxattr("attrs", NULL, 0));
	R(removexattr("attrs", "user.color"));
	R(listxattr("attrs", NULL, 0));
	R(getxattr("attrs", "user.color", buf, sizeof buf));
}

CASE(holes_stay)
{
	struct stat st;
	int fd = NEED(open("sparse", O_RDWR));
	char buf[8] = "";

	R(pwrite(fd, "BEGIN", 5, 0));
	NEED(fstat(fd, &st));
	V(st.st_size);
	V(st.st_blocks < 4096);
	V(lseek(fd, 1 << 20, SEEK_DATA) > (4 << 20));
	R(pread(fd, buf, 3, LARGE));
	say("%s\n", buf);
}

CASE(directories_move)
{
	char buf[PATH_MAX];
	struct stat before, after;

	NEED(stat("dir/sub", &before));
	NEED(chdir("dir/sub"));
	R(rename("../../dir", "../../moved"));
	OK((long)(getcwd(buf, sizeof buf) ? 0 : -1));
	say("%s\n", strrchr(buf, 'm'));
	show("b");
	NEED(chdir("../.."));
	show_names("moved");
	show("moved/sub/b");
	show("dir/a");
	R(mkdir("dir", 0755));
	show_names("dir");
	R(rename("moved", "dir"));
	show_names("dir");
	NEED(stat("dir/sub", &after));
	V(same_file(&before, &after));
	R(rename("dir", "dir/sub/x"));
	R(renameat2(AT_FDCWD, "dir", AT_FDCWD, "empty", RENAME_EXCHANGE));
	show_names("empty");
	show_names("dir");
	R(rmdir("empty"));
	V(links("empty"));
	V(links("."));
}

CASE(removed_and_made_again)
{
	R(unlink("dir/a"));
	R(rmdir("dir"));
	R(unlink("dir/three"));
	R(unlink("dir/sub/b"));
	R(rmdir("dir/sub"));
	R(rmdir("dir"));
	show_names(".");
	R(mkdir("dir", 0755));
	show_names("dir");
	R(unlink("file"));
	R(symlink("nowhere", "file"));
	show("file");
	R(unlink("link"));
	R(mkdir("link", 0755));
	show_names("link");
	R(rename("empty", "link"));
	R(rmdir("link"));
	show_names(".");
}

CASE(fifo_is_one)
{
	char buf[8] = "";
	int reader = NEED(open("fifo", O_RDONLY | O_NONBLOCK));

	R(chmod("fifo", 0600));
	int writer = NEED(open("fifo", O_WRONLY));
	R(write(writer, "through", 7));
	R(read(reader, buf, sizeof buf));
	say("%.8s\n", buf);
}

CASE(sockets_have_names)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "dir/socket" };
	int s = NEED(socket(AF_UNIX, SOCK_STREAM, 0)), c = NEED(socket(AF_UNIX, SOCK_STREAM, 0));

	R(bind(s, (struct sockaddr *)&a, sizeof a));
	R(listen(s, 1));
	R(rename("dir", "moved"));
	strcpy(a.sun_path, "moved/socket");
	R(connect(c, (struct sockaddr *)&a, sizeof a));
}

CASE(nameless_files)
{
	struct stat st;
	char name[64];
	int fd = NEED(open("dir", O_TMPFILE | O_RDWR, 0644));

	R(write(fd, "tmp", 3));
	NEED(fstat(fd, &st));
	V(st.st_nlink);
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	R(linkat(AT_FDCWD, name, AT_FDCWD, "dir/linked", AT_SYMLINK_FOLLOW));
	show("dir/linked");
	V(links("dir/linked"));
	int gone = NEED(open("file", O_RDONLY));
	R(unlink("file"));
	R(fchmod(gone, 0600));
	NEED(fstat(gone, &st));
	say("%o %ld\n", st.st_mode, (long)st.st_nlink);
	R(read(gone, name, 5));
	show("file");
}

CASE(text_file_busy)
{
	char *const none[] = { NULL };
	int fd = NEED(open("script", O_WRONLY));

	R(execve("./script", none, none));
	close(fd);
	R(open("script", O_WRONLY | O_TRUNC) >= 0 ? 0 : -1);
}

CASE(mappings)
{
	int fd = NEED(open("file", O_RDWR));
	char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	say("%.5s %.5s\n", shared, private);
	memcpy(shared, "SHARE", 5);
	show("file");
	memcpy(private, "PRIVA", 5);
	show("file");
	R(pwrite(fd, "write", 5, 0));
	say("%.5s %.5s\n", shared, private);
}

CASE(a_directory_that_changes_while_it_is_read)
{
	struct dirent *d;
	char name[32];
	long at = 0, seen = 0, again = 0;
	DIR *dir = opendir("many");

	while (seen < 1000 && (d = readdir(dir)))
		seen++;
	at = telldir(dir);
	d = readdir(dir);
	char *next = strdup(d->d_name);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "many/new%d", i);
		put(name, "");
	}
	while (readdir(dir))
		;
	seekdir(dir, at);
	V(strcmp(readdir(dir)->d_name, next) == 0);
	rewinddir(dir);
	while ((d = readdir(dir)))
		again++;
	V(again);
	closedir(dir);
	for (int i = 0; i < MANY; i += 2) {
		snprintf(name, sizeof name, "many/file%d", i);
		NEED(unlink(name));
	}
	dir = opendir("many");
	for (again = 0; (d = readdir(dir));) {
		struct stat st;
		NEED(fstatat(dirfd(dir), d->d_name, &st, 0));
		if (strcmp(d->d_name, "..") && st.st_ino != d->d_ino)
			say("%s has another number\n", d->d_name);
		again++;
	}
	V(again);
}

/* What a listing says of each name, stat(2) says, too. */
static void check_numbers(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	struct stat st;
	int n = 0;

	for (; dir && (d = readdir(dir)); n++) {
		NEED(fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW));
		if (strcmp(d->d_name, "..") && st.st_ino != d->d_ino)
			say("%s/%s has another number\n", path, d->d_name);
	}
	say("%s: %d\n", path, n);
	closedir(dir);
}

CASE(numbers_in_listings)
{
	static const char *const dirs[] = { ".", "dir", "dir/sub", "new", "moved" };

	NEED(mkdir("new", 0755));
	put("new/a", "a");
	put("file", "changed");
	put("dir/a", "changed");
	check_numbers(".");
	R(rename("dir/a", "dir/other"));
	R(rename("dir/sub/b", "new/b"));
	R(rename("new/a", "dir/a"));
	R(link("two", "new/four"));
	R(link("new/b", "dir/sub/b"));
	R(rename("one", "six"));
	R(renameat2(AT_FDCWD, "attrs", AT_FDCWD, "new/four", RENAME_EXCHANGE));
	R(chmod("empty", 0711));
	R(rename("empty", "dir/sub/full"));
	for (size_t i = 0; i < 4; i++)
		check_numbers(dirs[i]);
	R(rename("dir", "moved"));
	for (size_t i = 0; i < 5; i++)
		check_numbers(dirs[i]);
}

CASE(other_users)
{
	need_root();
	NEED(chmod("dir", 0755));
	NEED(setgid(1000));
	NEED(setuid(1000));
	R(open("file", O_WRONLY));
	R(chmod("file", 0600));
	R(unlink("file"));
	R(truncate("file", 0));
	R(mkdir("dir/x", 0755));
	R(open("dir/sub/b", O_RDONLY));
	R(access("dir/sub/b", F_OK));
	R(setxattr("attrs", "user.color", "red", 3, 0));
	show("file");
	show("attrs");
}
