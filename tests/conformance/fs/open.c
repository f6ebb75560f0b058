/* SPDX-License-Identifier: Apache-2.0 */
/* open(2), openat(2), openat2(2): flags against kinds of files, and every errno. */
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "case.h"

static long openat2(int dir, const char *path, struct open_how *how, size_t size)
{
	return syscall(SYS_openat2, dir, path, how, size);
}

static void try_open(const char *path, int flags, const char *what)
{
	int fd = open(path, flags, 0640);

	if (fd == -1) {
		say("%s %s: %s\n", path, what, strerrorname_np(errno));
		return;
	}
	say("%s %s: flags %x\n", path, what, fcntl(fd, F_GETFL));
	close(fd);
}
#define TRY(path, flags) try_open(path, flags, #flags)

static void make_tree(void)
{
	put_file("file", "content");
	NEED(mkdir("dir", 0755));
	put_file("dir/inner", "inner");
	NEED(symlink("file", "link"));
	NEED(symlink("dir", "dirlink"));
	NEED(symlink("nowhere", "dangling"));
	NEED(symlink("loop", "loop"));
	NEED(symlink("loop1", "loop2"));
	NEED(symlink("loop2", "loop1"));
	NEED(mkfifo("fifo", 0644));
}

CASE(access_modes)
{
	make_tree();
	TRY("file", O_RDONLY);
	TRY("file", O_WRONLY);
	TRY("file", O_RDWR);
	TRY("file", O_ACCMODE);
	TRY("file", O_RDWR | O_APPEND | O_NONBLOCK);
	TRY("file", O_RDONLY | O_SYNC);
	TRY("file", O_RDONLY | O_DSYNC | O_NOATIME);
	TRY("file", O_RDONLY | O_NOCTTY | O_LARGEFILE | O_CLOEXEC);
}

CASE(directories)
{
	make_tree();
	TRY("dir", O_RDONLY);
	TRY("dir", O_WRONLY);
	TRY("dir", O_RDWR);
	TRY("dir", O_RDONLY | O_CREAT);
	TRY("dir", O_RDONLY | O_DIRECTORY);
	TRY("dir", O_RDONLY | O_CREAT | O_DIRECTORY);
	TRY("new", O_RDONLY | O_CREAT | O_DIRECTORY);
	TRY("file", O_RDONLY | O_DIRECTORY);
	TRY("dir/", O_RDONLY);
	TRY("file/", O_RDONLY);
	TRY("new/", O_WRONLY | O_CREAT);
	TRY("dir", O_WRONLY | O_TRUNC);
	TRY(".", O_RDONLY | O_TRUNC);
	TRY("..", O_WRONLY);
	TRY("/", O_RDWR);
}

CASE(symlinks)
{
	make_tree();
	TRY("link", O_RDONLY);
	TRY("link", O_RDONLY | O_NOFOLLOW);
	TRY("link", O_PATH | O_NOFOLLOW);
	TRY("dirlink", O_RDONLY | O_DIRECTORY);
	TRY("dirlink", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	TRY("dirlink/", O_RDONLY | O_NOFOLLOW);
	TRY("dirlink/inner", O_RDONLY | O_NOFOLLOW);
	TRY("dangling", O_RDONLY);
	TRY("loop", O_RDONLY);
	TRY("loop1", O_RDONLY);
	TRY("loop1", O_WRONLY | O_CREAT);
	TRY("loop", O_RDONLY | O_NOFOLLOW);
	TRY("link/", O_RDONLY);
	TRY("link/x", O_RDONLY);
}

CASE(create_exclusive)
{
	make_tree();
	TRY("file", O_WRONLY | O_CREAT | O_EXCL);
	TRY("dir", O_RDONLY | O_CREAT | O_EXCL);
	TRY("link", O_WRONLY | O_CREAT | O_EXCL);
	TRY("dangling", O_WRONLY | O_CREAT | O_EXCL);
	TRY("dangling", O_WRONLY | O_CREAT | O_NOFOLLOW);
	TRY("new", O_WRONLY | O_CREAT | O_EXCL);
	TRY("new", O_WRONLY | O_CREAT | O_EXCL);
}

/* O_CREAT through a dangling link makes its target. */
CASE(create_through_dangling)
{
	make_tree();
	TRY("dangling", O_WRONLY | O_CREAT);
	V(access("nowhere", F_OK));
}

CASE(missing_components)
{
	make_tree();
	TRY("missing", O_RDONLY);
	TRY("missing/x", O_WRONLY | O_CREAT);
	TRY("file/x", O_RDONLY);
	TRY("file/x", O_WRONLY | O_CREAT);
	TRY("fifo/x", O_RDONLY);
	TRY("dir/../file", O_RDONLY);
	TRY("missing/../file", O_RDONLY);
	TRY("file/../file", O_RDONLY);
	TRY("file/.", O_RDONLY);
	TRY("dir//inner", O_RDONLY);
	TRY("./dir/./inner", O_RDONLY);
	TRY("", O_RDONLY);
	TRY("", O_WRONLY | O_CREAT);
}

CASE(name_lengths)
{
	static char name[5000];

	memset(name, 'n', 255);
	R(open(name, O_WRONLY | O_CREAT, 0600));
	name[255] = 'n';
	R(open(name, O_WRONLY | O_CREAT, 0600));
	memset(name, 0, sizeof name);
	for (int i = 0; i < 2047; i++)
		memcpy(name + 2 * i, "./", 3);
	strcat(name, "x");
	V(strlen(name));
	R(open(name, O_RDONLY));
	strcat(name, "y");
	R(open(name, O_RDONLY));
	name[4095] = '/';
	R(open(name, O_RDONLY));
}

CASE(truncate)
{
	struct stat st;

	make_tree();
	TRY("file", O_RDONLY | O_TRUNC);
	NEED(stat("file", &st));
	V(st.st_size);
	put_file("file", "again");
	TRY("file", O_WRONLY | O_CREAT | O_TRUNC);
	NEED(stat("file", &st));
	V(st.st_size);
	V(st.st_mode & 07777);
}

CASE(creation_mode)
{
	struct stat st;
	static const mode_t modes[] = { 0, 0400, 0666, 0777, 07777, 0177777 };
	char name[8];

	umask(027);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "f%d", i);
		close((int)NEED(open(name, O_CREAT | O_WRONLY, modes[i])));
		NEED(stat(name, &st));
		say("%o -> %o\n", modes[i], st.st_mode);
	}
	/* A mode that forbids what is being opened does not matter to the creator. */
	R(write((int)NEED(open("unwritable", O_CREAT | O_WRONLY, 0)), "x", 1));
}

/* Somebody else's, in a directory that everybody may make names in. */
static void open_in_sticky(mode_t dir_mode, mode_t type)
{
	static const int flags[] = { O_CREAT | O_RDONLY | O_NONBLOCK,
				     O_CREAT | O_WRONLY | O_NONBLOCK | O_NOFOLLOW, O_CREAT | O_EXCL,
				     O_RDONLY | O_NONBLOCK };

	NEED(mkdir("sticky", 0700));
	NEED(chmod("sticky", dir_mode));
	NEED(chown("sticky", 100, 100));
	NEED(S_ISDIR(type)   ? mkdir("sticky/x", 0755)
	     : S_ISLNK(type) ? symlink("nothing", "sticky/x")
			     : mknod("sticky/x", type | 0666, 0));
	NEED(lchown("sticky/x", 200, 200));
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		say("%o %o %#x\n", dir_mode, type, flags[i]);
		close(R(open("sticky/x", flags[i], 0600)));
	}
	unlink("sticky/nothing");
	NEED(S_ISDIR(type) ? rmdir("sticky/x") : unlink("sticky/x"));
	NEED(rmdir("sticky"));
}

CASE(created_in_sticky)
{
	static const mode_t dirs[] = { 01777, 01775, 01755, 0777 },
			    types[] = { S_IFREG, S_IFIFO, S_IFSOCK, S_IFDIR, S_IFLNK };
	char memory[] = "/dev/shm/sticky-XXXXXX";

	need_root();
	if (!mkdtemp(memory))
		_exit(99);
	for (int i = 0; i < 2; i++) { /* on the host's file system, and on one of our own */
		for (size_t d = 0; d < sizeof dirs / sizeof *dirs; d++)
			for (size_t t = 0; t < sizeof types / sizeof *types; t++)
				open_in_sticky(dirs[d], types[t]);
		NEED(chdir(memory));
	}
	NEED(rmdir(memory));
}

CASE(append)
{
	int fd, other;

	put_file("f", "12345");
	fd = (int)NEED(open("f", O_RDWR | O_APPEND));
	other = (int)NEED(open("f", O_WRONLY));
	R(write(fd, "a", 1));
	R(lseek(fd, 0, SEEK_CUR));
	R(lseek(fd, 2, SEEK_SET));
	R(write(fd, "b", 1));
	NEED(pwrite(other, "LONGER", 6, 5));
	R(write(fd, "c", 1));
	/* On Linux pwrite appends, too. */
	R(pwrite(fd, "P", 1, 0));
	say_file("f");
}

CASE(o_path)
{
	char b[4], link[32];
	struct stat st;

	make_tree();
	int fd = (int)R(open("file", O_PATH));
	X(fcntl(fd, F_GETFL));
	R(read(fd, b, 1));
	R(write(fd, b, 1));
	R(lseek(fd, 0, SEEK_SET));
	R(fchmod(fd, 0600));
	R(fstat(fd, &st));
	R(fchdir(fd));
	R(dup(fd));
	R(fcntl(fd, F_GETFD));
	R(ftruncate(fd, 0));
	R(fsync(fd));
	R(ioctl(fd, 0x5401));
	TRY("dir/inner", O_PATH | O_RDWR | O_CREAT | O_TRUNC);
	int l = (int)R(open("link", O_PATH | O_NOFOLLOW));
	R(fstat(l, &st));
	X(st.st_mode & S_IFMT);
	ssize_t n = readlinkat(l, "", link, sizeof link);
	say("%.*s\n", (int)n, link);
	int d = (int)R(open("dir", O_PATH | O_DIRECTORY));
	R(openat(d, "inner", O_RDONLY));
	R(fchdir(d));
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	int again = (int)R(open(link, O_RDONLY));
	R(read(again, b, 4));
}

CASE(o_tmpfile)
{
	char path[40];
	struct stat st;
	int fd = (int)R(open(".", O_TMPFILE | O_RDWR, 0600));

	NEED(fstat(fd, &st));
	say("links %ld mode %o\n", (long)st.st_nlink, st.st_mode);
	R(write(fd, "hidden", 6));
	R(open(".", O_TMPFILE | O_RDONLY, 0600));
	R(open("missing", O_TMPFILE | O_RDWR, 0600));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	R(linkat(AT_FDCWD, path, AT_FDCWD, "visible", AT_SYMLINK_FOLLOW));
	say_file("visible");
	fd = (int)R(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	R(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
	fd = (int)R(open(".", O_TMPFILE | O_RDWR, 0600));
	R(linkat(fd, "", AT_FDCWD, "by_empty_path", AT_EMPTY_PATH));
	put_file("file", "");
	R(open("file", O_TMPFILE | O_RDWR, 0600));
}

CASE(at_family)
{
	make_tree();
	int dir = (int)NEED(open("dir", O_RDONLY)), file = (int)NEED(open("file", O_RDONLY));

	R(openat(dir, "inner", O_RDONLY));
	R(openat(dir, "../file", O_RDONLY));
	R(openat(file, "x", O_RDONLY));
	R(openat(99, "x", O_RDONLY));
	R(openat(-1, "x", O_RDONLY));
	OK(openat(99, "/dev/null", O_RDONLY));
	OK(openat(AT_FDCWD, "file", O_RDONLY));
	R(openat(dir, "", O_RDONLY));
	NEED(rename("dir", "moved"));
	OK(openat(dir, "inner", O_RDONLY));
	OK(openat(dir, "made_later", O_RDWR | O_CREAT, 0600));
}

CASE(deleted_directory)
{
	NEED(mkdir("gone", 0755));
	int dir = (int)NEED(open("gone", O_RDONLY));
	struct stat st;

	NEED(rmdir("gone"));
	R(openat(dir, "x", O_RDWR | O_CREAT, 0600));
	R(openat(dir, ".", O_RDONLY));
	R(fstat(dir, &st));
	V(st.st_nlink);
	R(mkdirat(dir, "y", 0755));
}

CASE(openat2_resolve)
{
	make_tree();
	int dir = (int)NEED(open("dir", O_RDONLY));
	struct open_how how = { .flags = O_RDONLY };
	NEED(symlink("inner", "dir/near"));
	NEED(symlink("../file", "dir/out"));
	NEED(symlink("/etc", "dir/absolute"));
	NEED(symlink("inner", "dir/sub"));

	static const struct {
		const char *path;
		uint64_t resolve;
	} list[] = { { "inner", RESOLVE_BENEATH },
		     { "../file", RESOLVE_BENEATH },
		     { "near", RESOLVE_BENEATH },
		     { "out", RESOLVE_BENEATH },
		     { "absolute", RESOLVE_BENEATH },
		     { "/etc", RESOLVE_BENEATH },
		     { "../inner", RESOLVE_IN_ROOT },
		     { "/inner", RESOLVE_IN_ROOT },
		     { "out", RESOLVE_IN_ROOT },
		     { "absolute", RESOLVE_IN_ROOT },
		     { "near", RESOLVE_NO_SYMLINKS },
		     { "inner", RESOLVE_NO_SYMLINKS },
		     { "../dirlink/inner", RESOLVE_NO_SYMLINKS },
		     { "/proc/self/fd/0", RESOLVE_NO_MAGICLINKS },
		     { "/proc/self/exe", RESOLVE_NO_MAGICLINKS },
		     { "near", RESOLVE_NO_MAGICLINKS },
		     { "/proc/self/stat", RESOLVE_NO_XDEV },
		     { "inner", RESOLVE_NO_XDEV },
		     { "inner", RESOLVE_BENEATH | RESOLVE_IN_ROOT } };
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		how.resolve = list[i].resolve;
		int fd = (int)openat2(dir, list[i].path, &how, sizeof how);
		say("%s %lx: %s\n", list[i].path, list[i].resolve,
		    fd == -1 ? strerrorname_np(errno) : "ok");
		if (fd >= 0)
			close(fd);
	}
}

CASE(openat2_errors)
{
	struct open_how how = { .flags = O_RDONLY };
	char big[64] = "";

	put_file("f", "");
	R(openat2(AT_FDCWD, "f", &how, sizeof how));
	R(openat2(AT_FDCWD, "f", &how, 8));
	R(openat2(AT_FDCWD, "f", &how, 0));
	R(openat2(AT_FDCWD, "f", (struct open_how *)(void *)big, sizeof big));
	big[60] = 1;
	R(openat2(AT_FDCWD, "f", (struct open_how *)(void *)big, sizeof big));
	R(openat2(AT_FDCWD, "f", NULL, sizeof how));
	how.mode = 0600;
	R(openat2(AT_FDCWD, "f", &how, sizeof how));
	how.flags = O_RDWR | O_CREAT;
	how.mode = 0200000;
	R(openat2(AT_FDCWD, "f", &how, sizeof how));
	how = (struct open_how){ .flags = 1UL << 40 };
	R(openat2(AT_FDCWD, "f", &how, sizeof how));
	how = (struct open_how){ .resolve = 0x1000 };
	R(openat2(AT_FDCWD, "f", &how, sizeof how));
	how = (struct open_how){ .flags = O_PATH | O_RDWR };
	R(openat2(AT_FDCWD, "f", &how, sizeof how));
}

CASE(permissions_as_user)
{
	need_root();
	NEED(mkdir("closed", 0700));
	put_file("closed/f", "");
	NEED(mkdir("listable", 0744));
	put_file("listable/f", "");
	NEED(mkdir("passable", 0711));
	put_file("passable/f", "");
	put_file("secret", "");
	NEED(chmod("secret", 0600));
	put_file("readable", "");
	NEED(chmod(".", 0755));
	pid_t pid = fork();
	if (pid == 0) {
		NEED(setresuid(1000, 1000, 1000));
		TRY("closed/f", O_RDONLY);
		TRY("closed/missing", O_RDONLY);
		TRY("listable", O_RDONLY);
		TRY("listable/f", O_RDONLY);
		TRY("passable", O_RDONLY);
		TRY("passable/f", O_RDONLY);
		TRY("secret", O_RDONLY);
		TRY("secret", O_PATH);
		TRY("readable", O_RDONLY);
		TRY("readable", O_RDWR);
		TRY("readable", O_RDONLY | O_NOATIME);
		TRY("readable", O_WRONLY | O_TRUNC);
		TRY("new", O_WRONLY | O_CREAT);
		_exit(0);
	}
	reap("user", pid);
}

CASE(lowest_descriptor)
{
	R(open("/dev/null", O_RDONLY));
	R(open("/dev/null", O_RDONLY));
	R(open("/dev/null", O_RDONLY));
	close(4);
	R(open("/dev/null", O_RDONLY));
	close(0);
	R(open("/dev/null", O_RDONLY));
	R(dup(3));
	R(close(3));
	R(close(3));
	R(close(-1));
	R(close(100000));
}

CASE(rlimit_nofile)
{
	struct rlimit r = { 10, 4096 };
	int n = 0;

	need_descriptors(4096);
	NEED(setrlimit(RLIMIT_NOFILE, &r));
	while (open("/dev/null", O_RDONLY) >= 0)
		n++;
	say_result("open", -1, errno);
	V(n);
	R(dup(0));
	R(dup2(0, 9));
	R(dup2(0, 10));
	R(fcntl(0, F_DUPFD, 10));
	int p[2];
	close(9);
	R(pipe(p));
	R(open("/dev/null", O_RDONLY));
}

CASE(fifo)
{
	char b[4];

	NEED(mkfifo("p", 0644));
	R(open("p", O_WRONLY | O_NONBLOCK));
	int r = (int)R(open("p", O_RDONLY | O_NONBLOCK));
	R(read(r, b, 4));
	int w = (int)R(open("p", O_WRONLY | O_NONBLOCK));
	R(read(r, b, 4));
	R(write(w, "hi", 2));
	R(read(r, b, 4));
	close(w);
	R(read(r, b, 4));
	R(lseek(r, 0, SEEK_SET));
	R(open("p", O_RDWR));
}

CASE(fifo_blocking)
{
	NEED(mkfifo("p", 0644));
	pid_t pid = fork();
	if (pid == 0) {
		int w = (int)NEED(open("p", O_WRONLY));
		NEED(write(w, "through", 7));
		_exit(0);
	}
	char b[16];
	int r = (int)R(open("p", O_RDONLY));
	R(read(r, b, 16));
	R(read(r, b, 16));
	reap("writer", pid);
}

struct opening {
	int dir;
	_Atomic pid_t tid;
	int result;
};

static void *open_fifo(void *arg)
{
	struct opening *o = arg;

	o->tid = gettid();
	o->result = openat(o->dir, "p", O_RDONLY);
	if (o->result < 0)
		o->result = -errno;
	return NULL;
}

/* An open that sleeps sleeps on when the descriptor of its directory is closed. */
CASE(fifo_of_closed_directory)
{
	NEED(mkdir("d", 0755));
	NEED(mkfifo("d/p", 0644));
	for (int round = 0; round < 20; round++) {
		struct opening o = { .dir = (int)NEED(open("d", O_RDONLY | O_DIRECTORY)) };
		pthread_t t;

		NEED(-pthread_create(&t, NULL, open_fifo, &o));
		while (!o.tid || state_of_thread(o.tid) != 'S')
			sched_yield();
		close(o.dir);
		for (int looks = 0; looks < 100; looks++)
			state_of_thread(o.tid);
		int w = (int)NEED(open("d/p", O_WRONLY));
		pthread_join(t, NULL);
		say("%d\n", o.result < 0 ? o.result : 0);
		close(o.result);
		close(w);
	}
}

struct paused_open {
	const char *name;
	int flags;
	_Atomic pid_t tid;
	int result;
};

static void *open_it(void *arg)
{
	struct paused_open *o = arg;

	o->tid = gettid();
	o->result = open(o->name, o->flags);
	if (o->result < 0)
		o->result = -errno;
	return NULL;
}

/* What an open that sleeps has looked up stays what it opens, wherever names lead by then. */
static void opens_what_it_found(const char *dir, int flags)
{
	struct stat opened, there;

	NEED(chdir(dir));
	NEED(mkfifo("p", 0644));
	NEED(symlink("p", "link"));
	NEED(mkdir("elsewhere", 0755));
	for (int round = 0; round < 10; round++) {
		struct paused_open o = { .name = round % 2 ? "link" : "p", .flags = flags };
		pthread_t t;

		NEED(-pthread_create(&t, NULL, open_it, &o));
		while (!o.tid || state_of_thread(o.tid) != 'S')
			sched_yield();
		NEED(chdir("elsewhere"));
		NEED(rename("../p", "../moved"));
		NEED(unlink("../link"));
		for (int looks = 0; looks < 100; looks++)
			state_of_thread(o.tid);
		NEED(mkfifo("../p", 0644));
		NEED(symlink("elsewhere", "../link"));
		int other = (int)NEED(
		    open("../moved", flags == O_RDONLY ? O_WRONLY : O_RDONLY | O_NONBLOCK));
		pthread_join(t, NULL);
		if (o.result < 0) {
			say("%d\n", o.result);
			_exit(1);
		}
		NEED(fstat(o.result, &opened));
		NEED(stat("../moved", &there));
		say("%d\n", opened.st_ino == there.st_ino);
		close(o.result);
		close(other);
		NEED(chdir(".."));
		NEED(unlink("moved"));
		NEED(unlink("link"));
		NEED(symlink("p", "link"));
	}
}

CASE(fifo_of_left_directory)
{
	NEED(mkdir("d", 0755));
	opens_what_it_found("d", O_RDONLY);
}

CASE(fifo_of_left_directory_writer)
{
	NEED(mkdir("d", 0755));
	opens_what_it_found("d", O_WRONLY);
}

static void in_memory(int flags)
{
	char dir[] = "/dev/shm/open-XXXXXX";

	NEED(mkdtemp(dir) ? 0 : -1);
	opens_what_it_found(dir, flags);
	NEED(unlink("p"));
	NEED(unlink("link"));
	NEED(rmdir("elsewhere"));
	NEED(rmdir(dir));
}

CASE(fifo_of_left_directory_in_memory)
{
	in_memory(O_RDONLY);
}

CASE(fifo_of_left_directory_in_memory_writer)
{
	in_memory(O_WRONLY);
}

CASE(creat_and_close_on_exec)
{
	V(fcntl((int)R(creat("f", 0644)), F_GETFD));
	V(fcntl((int)R(open("f", O_RDONLY | O_CLOEXEC)), F_GETFD));
}

CASE(large_offsets)
{
	int fd = (int)NEED(open("sparse", O_RDWR | O_CREAT, 0644));
	char b[4] = "";
	struct stat st;

	R(pwrite(fd, "end", 3, 5L << 30));
	R(fstat(fd, &st));
	V(st.st_size);
	V(st.st_blocks < 1000);
	R(pread(fd, b, 3, 5L << 30));
	say("%s\n", b);
	R(pread(fd, b, 3, 1L << 30));
	R(lseek(fd, -1, SEEK_SET));
	R(lseek(fd, LONG_MAX, SEEK_SET));
	R(lseek(fd, 1L << 40, SEEK_SET));
	R(pwrite(fd, "x", 1, -1));
	R(pwrite(fd, "x", 1, LONG_MAX));
	R(ftruncate(fd, 0));
}

/* A file that O_CREAT has just made is not truncated by O_TRUNC: an ordinary user's keeps its
 * set-group-ID bit, and a watch sees no change. */
CASE(new_file_is_not_truncated)
{
	int in = (int)NEED(inotify_init1(IN_NONBLOCK));
	char events[512];
	struct stat st;

	NEED(inotify_add_watch(in, ".", IN_MODIFY));
	close((int)NEED(open("new", O_WRONLY | O_CREAT | O_TRUNC, 0600)));
	R(read(in, events, sizeof events));
	put_file("old", "text");
	NEED(read(in, events, sizeof events));
	close((int)NEED(open("old", O_WRONLY | O_CREAT | O_TRUNC, 0600)));
	say("%s\n", read(in, events, sizeof events) > 0 ? "changed" : "not changed");
	umask(0);
	need_root();
	NEED(chmod(".", 0777));
	NEED(setgid(65534));
	NEED(setuid(65534));
	close((int)NEED(open("sgid", O_WRONLY | O_CREAT | O_TRUNC, 02777)));
	NEED(stat("sgid", &st));
	say("%o\n", st.st_mode);
	close((int)NEED(open("sgid", O_WRONLY | O_CREAT | O_TRUNC, 02777)));
	NEED(stat("sgid", &st));
	say("%o\n", st.st_mode);
	R(open("sgid", O_WRONLY | O_CREAT | O_TRUNC | O_EXCL, 02777));
}

#ifndef F_CREATED_QUERY
#define F_CREATED_QUERY 1028
#endif

static void created(const char *name)
{
	static const int flags[] = { O_CREAT | O_EXCL, O_CREAT | O_TRUNC, O_CREAT, 0 };

	for (int i = 0; i < 4; i++) {
		for (int again = 0; again < 2; again++) {
			int fd = open(name, O_RDWR | flags[i], 0600);
			say("flags 0x%x: %d, %d\n", flags[i],
			    fd == -1 ? -1 : fcntl(fd, F_CREATED_QUERY),
			    fd == -1 ? -1 : fcntl(dup(fd), F_CREATED_QUERY));
			close(fd);
		}
		unlink(name);
	}
}

CASE(created_query)
{
	created("new");
	created("/dev/shm/created-query");
	R(fcntl(open("/", O_RDONLY), F_CREATED_QUERY));
	R(fcntl(open("/", O_PATH), F_CREATED_QUERY));
}

/* Without a descriptor to give, nothing is made, and nothing is cut short. */
CASE(no_descriptor)
{
	struct rlimit r;

	put_file("full", "text");
	int fd = open("full", O_RDONLY);
	NEED(getrlimit(RLIMIT_NOFILE, &r));
	r.rlim_cur = (rlim_t)fd + 1;
	NEED(setrlimit(RLIMIT_NOFILE, &r));
	R(open("new", O_CREAT | O_WRONLY, 0600));
	R(open("new/below", O_CREAT | O_WRONLY, 0600));
	R(open("", O_RDONLY));
	R(open("full", O_WRONLY | O_TRUNC));
	R(creat("full", 0600));
	R(open(".", O_TMPFILE | O_WRONLY, 0600));
	R(open((char *)8, O_RDONLY));
	/* but what is wrong with the flags goes first, before the name is looked at */
	R(open("new", O_TMPFILE | O_CREAT | O_WRONLY, 0600));
	R(open(".", O_TMPFILE | O_RDONLY, 0600));
	R(open("", O_CREAT | O_DIRECTORY, 0600));
	R(open((char *)8, O_TMPFILE & ~O_DIRECTORY, 0600));
	struct open_how how = { .flags = O_TMPFILE | O_CREAT | O_WRONLY };
	R(openat2(AT_FDCWD, (char *)8, &how, sizeof how));
	R(close(fd));
	R(access("new", F_OK));
	say_file("full");
	fd = open("new", O_CREAT | O_WRONLY, 0600);
	say("made: %d\n", fd >= 0);
}

/* There is one number, which whoever watches us may have for a moment. */
static void *read_fifo(void *arg)
{
	int *got = arg;

	do {
		*got = open("fifo", O_RDONLY);
	} while (*got < 0 && errno == EMFILE);
	return NULL;
}

static void set_descriptors(rlim_t n)
{
	struct rlimit r;

	NEED(getrlimit(RLIMIT_NOFILE, &r));
	r.rlim_cur = n;
	NEED(setrlimit(RLIMIT_NOFILE, &r));
}

static int lowest(void)
{
	int fd = (int)NEED(dup(STDOUT_FILENO));

	close(fd);
	return fd;
}

/* An open that waits has its number already: nobody else gets it, and nobody can use it. */
CASE(number_of_an_open_that_waits)
{
	int first = lowest(), got = -1, fd;
	pthread_t t;

	NEED(mkfifo("fifo", 0600));
	set_descriptors((rlim_t)first + 1);
	MUST(pthread_create(&t, NULL, read_fifo, &got));
	while ((fd = dup(STDOUT_FILENO)) >= 0) {
		close(fd);
		sched_yield();
	}
	say("taken: %s\n", strerrorname_np(errno));
	R(close(first));
	R(fcntl(first, F_GETFD));
	R(dup2(STDOUT_FILENO, first));
	R(close_range((unsigned)first, (unsigned)first, 0));
	if (fork() == 0) {
		say("free in a child: %d\n", lowest() == first);
		_exit(0);
	}
	NEED(wait(NULL));
	R(open("new", O_CREAT | O_WRONLY, 0600));
	R(access("new", F_OK));
	set_descriptors((rlim_t)first + 2);
	say("next: %d\n", lowest() - first);
	say("the writer's: %d\n", open("fifo", O_WRONLY) - first);
	MUST(pthread_join(t, NULL));
	say("the reader's: %d\n", got - first);
	/* one that fails gives its number back */
	set_descriptors((rlim_t)first + 3);
	R(open("nosuch", O_RDONLY));
	say("next: %d\n", lowest() - first);
}
