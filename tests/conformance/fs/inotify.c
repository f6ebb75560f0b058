/* SPDX-License-Identifier: Apache-2.0 */
/* inotify(7). */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "case.h"

static void say_events(int fd)
{
	char b[4096];
	ssize_t n = read(fd, b, sizeof b);

	if (n == -1)
		say("%s\n", strerrorname_np(errno));
	for (ssize_t at = 0; at < n;) {
		struct inotify_event *e = (struct inotify_event *)(void *)(b + at);
		say("wd %d mask %x name %s cookie %d\n", e->wd, e->mask, e->len ? e->name : "-",
		    e->cookie != 0);
		at += (ssize_t)sizeof *e + e->len;
	}
}

CASE(inotify_directory)
{
	int fd = (int)R(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));

	NEED(mkdir("d", 0755));
	R(inotify_add_watch(fd, "d", IN_ALL_EVENTS));
	say_events(fd);
	close((int)NEED(open("d/f", O_CREAT | O_WRONLY, 0644)));
	say_events(fd);
	put_file("d/f", "text");
	say_events(fd);
	NEED(rename("d/f", "d/g"));
	say_events(fd);
	NEED(chmod("d/g", 0600));
	say_events(fd);
	NEED(mkdir("d/sub", 0755));
	say_events(fd);
	NEED(rename("d/g", "outside"));
	say_events(fd);
	NEED(rmdir("d/sub"));
	say_events(fd);
	NEED(rmdir("d"));
	say_events(fd);
}

CASE(inotify_file)
{
	int fd = (int)R(inotify_init1(IN_NONBLOCK));

	put_file("f", "abc");
	int wd = (int)R(
	    inotify_add_watch(fd, "f", IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF));
	/* The watch follows the file, not its name. */
	NEED(rename("f", "g"));
	say_events(fd);
	NEED(truncate("g", 0));
	say_events(fd);
	V(inotify_add_watch(fd, "g", IN_ATTRIB) == wd);
	NEED(truncate("g", 5));
	say_events(fd);
	NEED(unlink("g"));
	say_events(fd);
}

/* A transfer of nothing, and a change of the size by name, open nothing. */
CASE(inotify_no_opens)
{
	int fd = (int)NEED(inotify_init1(IN_NONBLOCK));
	char b[4];

	put_file("f", "abc");
	NEED(inotify_add_watch(fd, "f", IN_ALL_EVENTS));
	R(truncate("f", 5));
	say_events(fd);
	R(truncate("f", 0));
	R(truncate("missing", 0));
	say_events(fd);
	int f = (int)NEED(open("f", O_RDWR));
	say_events(fd);
	R(read(f, b, 0));
	R(read(f, b, 4));
	R(write(f, b, 0));
	R(pwrite(f, b, 0, 9));
	say_events(fd);
	R(access("f", R_OK));
	NEED(chmod("f", 0600));
	say_events(fd);
}

/* The same on a directory of the host and on one in memory. */
static void on_both(void (*script)(int fd))
{
	char memory[] = "/dev/shm/inotify-XXXXXX";
	int home = (int)NEED(open(".", O_RDONLY | O_DIRECTORY));

	NEED(mkdir("here", 0755));
	NEED(mkdtemp(memory) ? 0 : -1);
	NEED(chmod(memory, 0755));
	for (int i = 0; i < 2; i++) {
		const char *dir = i ? memory : "here";
		say("-- %s\n", i ? "in memory" : "of the host");
		NEED(chdir(dir));
		int fd = (int)NEED(inotify_init1(IN_NONBLOCK));
		script(fd);
		close(fd);
		NEED(fchdir(home));
		NEED(rmdir(dir));
	}
}

static void names(int fd)
{
	NEED(mkdir("d", 0755));
	R(inotify_add_watch(fd, "d", IN_ALL_EVENTS));
	put_file("d/f", "text");
	say_events(fd);
	put_file("d/f", "more");
	say_events(fd);
	NEED(link("d/f", "d/second"));
	NEED(symlink("f", "d/soft"));
	NEED(mkfifo("d/fifo", 0600));
	NEED(mkdir("d/sub", 0700));
	say_events(fd);
	NEED(rename("d/f", "d/g"));
	NEED(rename("d/g", "d/second"));
	NEED(rename("d/g", "out"));
	NEED(unlink("out"));
	NEED(rename("d/sub", "sub"));
	NEED(rename("sub", "d/sub"));
	say_events(fd);
	R(renameat2(AT_FDCWD, "d/soft", AT_FDCWD, "d/fifo", RENAME_EXCHANGE));
	say_events(fd);
	NEED(unlink("d/second"));
	NEED(unlink("d/soft"));
	NEED(unlink("d/fifo"));
	NEED(rmdir("d/sub"));
	say_events(fd);
	NEED(rename("d", "e"));
	NEED(chmod("e", 0700));
	NEED(rmdir("e"));
	say_events(fd);
	R(inotify_rm_watch(fd, 1));
}

CASE(inotify_both_names)
{
	on_both(names);
}

static void uses(int fd)
{
	char b[8];

	put_file("f", "abc");
	R(inotify_add_watch(fd, ".", IN_ALL_EVENTS));
	R(inotify_add_watch(fd, "f", IN_ALL_EVENTS));
	int f = (int)NEED(open("f", O_RDWR));
	R(read(f, b, 0));
	R(read(f, b, 8));
	R(read(f, b, 8));
	say_events(fd);
	R(write(f, b, 3));
	R(pwrite(f, b, 3, 8));
	R(ftruncate(f, 2));
	R(fallocate(f, 0, 0, 4096));
	R(fchmod(f, 0600));
	R(fchown(f, (uid_t)-1, (gid_t)-1));
	say_events(fd);
	/* The event has the file's name of now. */
	NEED(rename("f", "g"));
	say_events(fd);
	R(write(f, b, 1));
	close(f);
	say_events(fd);
	R(truncate("g", 1));
	NEED(utimensat(AT_FDCWD, "g", NULL, 0));
	say_events(fd);
	const struct timespec read_at[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };
	const struct timespec written[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };
	NEED(utimensat(AT_FDCWD, "g", read_at, 0));
	NEED(utimensat(AT_FDCWD, "g", written, 0));
	say_events(fd);
	close((int)NEED(open("g", O_PATH)));
	R(access("g", R_OK));
	close((int)NEED(open("g", O_RDONLY)));
	close((int)NEED(open("g", O_RDONLY | O_TRUNC)));
	close((int)NEED(open("g", O_RDWR | O_CREAT, 0644)));
	say_events(fd);
	f = (int)NEED(open(".", O_RDONLY | O_DIRECTORY));
	R(syscall(SYS_getdents64, f, b, 0L) == -1);
	close(f);
	say_events(fd);
	NEED(unlink("g"));
	say_events(fd);
}

CASE(inotify_both_uses)
{
	on_both(uses);
}

static void ends(int fd)
{
	int other = (int)NEED(inotify_init1(IN_NONBLOCK));

	put_file("f", "abc");
	put_file("victim", "");
	R(inotify_add_watch(fd, ".", IN_ALL_EVENTS));
	R(inotify_add_watch(fd, "f", IN_ALL_EVENTS));
	R(inotify_add_watch(other, "victim", IN_ALL_EVENTS));
	int f = (int)NEED(open("f", O_RDWR));
	NEED(unlink("f"));
	say_events(fd);
	R(write(f, "x", 1));
	close(f);
	say_events(fd);
	say_events(other);
	put_file("f", "");
	NEED(rename("f", "victim"));
	say_events(fd);
	say_events(other);
	NEED(unlink("victim"));
	R(inotify_rm_watch(fd, 2));
	close(other);
}

CASE(inotify_both_ends)
{
	on_both(ends);
}

/* What is open goes on being told of without a name, but not to who does not want that. */
static void unlinked(int fd)
{
	R(inotify_add_watch(fd, ".", IN_ALL_EVENTS | IN_EXCL_UNLINK));
	put_file("f", "abc");
	int f = (int)NEED(open("f", O_RDWR));
	say_events(fd);
	NEED(unlink("f"));
	R(write(f, "x", 1));
	close(f);
	say_events(fd);
}

CASE(inotify_both_unlinked)
{
	on_both(unlinked);
}

static void kinds(int fd)
{
	put_file("f", "");
	R(inotify_add_watch(fd, "missing", IN_ATTRIB));
	R(inotify_add_watch(fd, "f", IN_ATTRIB | IN_ONLYDIR));
	R(inotify_add_watch(fd, "f", IN_ATTRIB | IN_ONESHOT));
	NEED(chmod("f", 0600));
	NEED(chmod("f", 0644));
	say_events(fd);
	R(inotify_add_watch(fd, "f", IN_ATTRIB));
	R(inotify_add_watch(fd, "f", IN_MODIFY | IN_MASK_ADD));
	R(inotify_add_watch(fd, "f", IN_MODIFY | IN_MASK_CREATE));
	NEED(truncate("f", 3));
	NEED(truncate("f", 4));
	NEED(chmod("f", 0600));
	NEED(truncate("f", 5));
	say_events(fd);
	NEED(symlink("f", "l"));
	int of_file = (int)R(inotify_add_watch(fd, "l", IN_ATTRIB));
	int of_link =
	    (int)R(inotify_add_watch(fd, "l", IN_DONT_FOLLOW | IN_ATTRIB | IN_DELETE_SELF));
	V(of_file != of_link);
	NEED(unlink("l"));
	say_events(fd);
	/* A bit that is no event is none to wait for. */
	R(inotify_add_watch(fd, ".", IN_CREATE | IN_ISDIR));
	NEED(mkdir("d", 0755));
	NEED(rmdir("d"));
	say_events(fd);
	R(inotify_rm_watch(fd, of_file));
	NEED(chmod("f", 0644));
	NEED(unlink("f"));
	say_events(fd);
}

CASE(inotify_both_kinds)
{
	on_both(kinds);
}

CASE(inotify_memfd)
{
	int fd = (int)NEED(inotify_init1(IN_NONBLOCK)), m = (int)NEED(memfd_create("m", 0));
	char path[32], b[4];

	snprintf(path, sizeof path, "/proc/self/fd/%d", m);
	R(inotify_add_watch(fd, path, IN_ALL_EVENTS));
	R(write(m, "abc", 3));
	R(pread(m, b, 3, 0));
	R(ftruncate(m, 1));
	say_events(fd);
	close((int)NEED(open(path, O_RDONLY)));
	say_events(fd);
	/* A mapping holds the file. */
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, m, 0);
	close(m);
	say_events(fd);
	NEED(munmap(p, 4096));
	say_events(fd);
}

CASE(inotify_errors)
{
	int fd = (int)R(inotify_init());
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char b[8];

	put_file("f", "");
	R(inotify_init1(0x1));
	R(inotify_add_watch(fd, "missing", IN_MODIFY));
	R(inotify_add_watch(fd, "f", 0));
	R(inotify_add_watch(fd, "f", IN_ONLYDIR | IN_MODIFY));
	R(inotify_add_watch(0, "f", IN_MODIFY));
	R(inotify_add_watch(99, "f", IN_MODIFY));
	R(inotify_rm_watch(fd, 77));
	int wd = (int)R(inotify_add_watch(fd, "f", IN_MODIFY));
	R(poll(&pfd, 1, 0));
	R(inotify_rm_watch(fd, wd));
	R(poll(&pfd, 1, 0));
	R(read(fd, b, 8));
}

static int touches(void *arg)
{
	put_file(arg, "x");
	return 0;
}

/* Readers that wait: in read, in epoll, and how much there is. */
CASE(inotify_waits)
{
	int fd = (int)NEED(inotify_init()), ep = (int)NEED(epoll_create1(0)), n = 0;
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = 7 };
	char path[] = "d/one";

	NEED(mkdir("d", 0755));
	NEED(inotify_add_watch(fd, "d", IN_CREATE | IN_CLOSE_WRITE));
	NEED(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0)
		_exit(touches(path));
	R(epoll_wait(ep, &ev, 1, -1));
	V(ev.data.u32);
	NEED(waitpid(pid, NULL, 0));
	NEED(ioctl(fd, FIONREAD, &n));
	V(n);
	say_events(fd);
	path[2] = 't';
	pid = (pid_t)NEED(fork());
	if (pid == 0)
		_exit(touches(path));
	NEED(waitpid(pid, NULL, 0));
	say_events(fd);
}

static void nothing(int sig)
{
}

CASE(inotify_interrupted)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct itimerval soon = { .it_value.tv_usec = 20000 };
	int fd = (int)NEED(inotify_init());
	char b[256], tiny[4];

	NEED(sigaction(SIGALRM, &sa, NULL));
	NEED(setitimer(ITIMER_REAL, &soon, NULL));
	R(read(fd, b, sizeof b));
	put_file("f", "");
	NEED(inotify_add_watch(fd, "f", IN_ATTRIB | IN_MODIFY));
	NEED(chmod("f", 0600));
	R(read(fd, tiny, sizeof tiny));
	R(read(fd, b, 0));
	R(lseek(fd, 0, SEEK_SET));
	R(write(fd, b, 1));
	R(pread(fd, b, sizeof b, 0));
	say_events(fd);
	NEED(chmod("f", 0644));
	R(syscall(SYS_read, fd, 8L, sizeof b));
}

CASE(inotify_links)
{
	int fd = (int)NEED(inotify_init1(IN_NONBLOCK));

	put_file("f", "");
	NEED(symlink("f", "l"));
	int of_file = (int)R(inotify_add_watch(fd, "l", IN_MODIFY | IN_ATTRIB));
	int of_link =
	    (int)R(inotify_add_watch(fd, "l", IN_DONT_FOLLOW | IN_ATTRIB | IN_DELETE_SELF));
	V(of_file != of_link);
	put_file("f", "x");
	NEED(unlink("l"));
	say_events(fd);
	R(inotify_add_watch(fd, "f", IN_MASK_CREATE | IN_ATTRIB));
	R(inotify_add_watch(fd, "f", IN_MASK_ADD | IN_MASK_CREATE | IN_ATTRIB));
	R(inotify_add_watch(fd, "f", IN_ONESHOT | IN_ATTRIB));
	NEED(chmod("f", 0600));
	NEED(chmod("f", 0644));
	say_events(fd);
}

/* One file, watched twice: each instance has what it asked for. */
CASE(inotify_two_instances)
{
	int a = (int)NEED(inotify_init1(IN_NONBLOCK)), b = (int)NEED(inotify_init1(IN_NONBLOCK)),
	    n = 0;

	put_file("f", "");
	R(inotify_add_watch(a, "f", IN_MODIFY));
	R(inotify_add_watch(b, "f", IN_ATTRIB));
	R(inotify_add_watch(b, ".", IN_CREATE));
	NEED(chmod("f", 0600));
	NEED(truncate("f", 3));
	put_file("g", "");
	/* The first who reads leaves the others' events to them. */
	NEED(ioctl(a, FIONREAD, &n));
	V(n);
	say_events(b);
	say_events(a);
	close(a);
	NEED(chmod("f", 0644));
	say_events(b);
}

CASE(inotify_masks)
{
	int fd = (int)NEED(inotify_init1(IN_NONBLOCK));

	put_file("f", "");
	R(inotify_add_watch(fd, "f", IN_ATTRIB | IN_ONESHOT));
	NEED(chmod("f", 0600));
	NEED(chmod("f", 0644));
	say_events(fd);
	R(inotify_add_watch(fd, "f", IN_ATTRIB));
	R(inotify_add_watch(fd, "f", IN_MODIFY | IN_MASK_ADD));
	R(inotify_add_watch(fd, "f", IN_MODIFY | IN_MASK_CREATE));
	R(inotify_add_watch(fd, "f", IN_MODIFY | IN_MASK_CREATE | IN_MASK_ADD));
	NEED(truncate("f", 3));
	say_events(fd);
	R(inotify_add_watch(fd, "f", IN_MODIFY));
	NEED(chmod("f", 0600));
	NEED(truncate("f", 4));
	say_events(fd);
	/* Events that are alike are told once. */
	NEED(truncate("f", 5));
	NEED(truncate("f", 6));
	say_events(fd);
	R(inotify_rm_watch(fd, 2));
	NEED(truncate("f", 7));
	say_events(fd);
}

CASE(inotify_small_buffer)
{
	int fd = (int)NEED(inotify_init1(IN_NONBLOCK));
	char b[40];

	R(inotify_add_watch(fd, ".", IN_CREATE));
	put_file("f", "");
	put_file("a-longer-name-than-that", "");
	R(read(fd, b, 16));
	R(read(fd, b, 40));
	R(read(fd, b, 40));
	R(read(fd, b, 0));
}

CASE(inotify_overflow)
{
	int fd = (int)NEED(inotify_init1(IN_NONBLOCK)), n = 0;
	char b[64 * 1024];
	ssize_t got;
	uint32_t last = 0;

	put_file("f", "");
	put_file("g", "");
	NEED(inotify_add_watch(fd, "f", IN_ATTRIB));
	NEED(inotify_add_watch(fd, "g", IN_ATTRIB));
	for (int i = 0; i < 9000; i++) {
		NEED(chmod("f", 0600));
		NEED(chmod("g", 0600));
	}
	while ((got = read(fd, b, sizeof b)) > 0)
		for (ssize_t at = 0; at < got; n++) {
			struct inotify_event *e = (struct inotify_event *)(void *)(b + at);
			last = e->mask;
			at += (ssize_t)sizeof *e + e->len;
		}
	say("%d events, the last %x\n", n, last);
}

static int instances(void *arg)
{
	char limit[16] = "";
	int fd = open("/proc/sys/fs/inotify/max_user_instances", O_RDONLY), n = 0;

	NEED(read(fd, limit, sizeof limit - 1));
	NEED(setresuid(61206, 61206, 61206));
	while (inotify_init() >= 0)
		n++;
	say("%s: as many as there may be %d\n", strerrorname_np(errno), n == atoi(limit));
	return 0;
}

CASE(inotify_instances)
{
	need_root();
	in_child("user", instances, NULL);
}
