/* SPDX-License-Identifier: Apache-2.0 */
/* Ways out by descriptors: magic links, hard links, messages, chroot, what was inherited. */
#include "tests/escapes/guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kd.h>
#include <linux/tiocl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

static void follow(const char *link)
{
	spill_path(path("%s/outside/secret", link));
	spill_path(path("%s/../outside/secret", link));
	spill_path(path("%s/../../outside/secret", link));
	spill_path(path("%s%s/secret", link, world.outside));
	spill_path(path("%s/..%s/secret", link, world.outside));
	close(open(path("%s%s/made", link, world.outside), O_WRONLY | O_CREAT, 0666));
	mkdir(path("%s%s/new", link, world.outside), 0777);
}

CASE(proc_self_links)
{
	static const char *const links[] = { "root", "cwd", "exe", "task/../root", "ns/mnt" };

	must_work(chdir("/host"), "chdir");
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		follow(path("/proc/self/%s", links[i]));
		follow(path("/proc/thread-self/%s", links[i]));
	}
	must_work(access("/proc/self/root/host/bait", F_OK), "the guest's own root");
	abuse("/proc/self/exe/../secret");
	must_fail(open("/proc/self/exe", O_WRONLY), "open of what runs, for writing");
	abuse("/proc/self/cwd/../../outside/secret");
}

CASE(proc_pid_links)
{
	for (int pid = 0; pid < 40; pid++)
		follow(path("/proc/%d/root", pid));
	follow(path("/proc/%d/root", world.victim));
	follow(path("/proc/%d/cwd", world.victim));
	follow(path("/proc/%d", world.victim));
	spill_path(path("/proc/%d/environ", world.victim));
	spill_path(path("/proc/%d/cmdline", world.victim));
	spill_path(path("/proc/%d/mem", world.victim));
	must_fail(access(path("/proc/%d", world.victim), F_OK), "the host's process in /proc");
}

CASE(proc_fd_links)
{
	char text[4096];

	for (int fd = 0; fd < 300; fd++) {
		const char *link = path("/proc/self/fd/%d", fd);
		ssize_t n = readlink(link, text, sizeof text - 1);
		if (n < 0)
			continue;
		text[n] = '\0';
		if (strstr(text, world.outside))
			escaped("%s is %s", link, text);
		follow(link);
		spill_path(path("/proc/self/fdinfo/%d", fd));
	}
	int dir = open("/host/links", O_RDONLY);
	follow(path("/proc/self/fd/%d", dir));
	abuse(path("/proc/self/fd/%d/rel/secret", dir));
	abuse(path("/proc/self/fd/%d/../../outside/secret", dir));
}

/* What of /proc and /sys could change the host, or tell of its files. */
CASE(proc_files)
{
	static const char *const files[] = {
		"/proc/sys/kernel/core_pattern",
		"/proc/sys/kernel/modprobe",
		"/proc/sys/kernel/hotplug",
		"/proc/sysrq-trigger",
		"/proc/kcore",
		"/proc/kmsg",
		"/proc/kallsyms",
		"/proc/1/environ",
		"/proc/keys",
		"/proc/timer_list",
		"/proc/sys/fs/binfmt_misc/register",
		"/sys/kernel/uevent_helper",
		"/sys/fs/cgroup/release_agent",
		"/sys/power/state",
		"/proc/sys/vm/drop_caches",
		"/proc/sys/kernel/hostname",
		"/proc/sys/net/ipv4/ip_forward",
		"/dev/mem",
		"/dev/kmsg",
		"/dev/kvm",
		"/dev/sda",
		"/dev/fuse",
		"/dev/net/tun",
		"/dev/vhost-net",
		"/dev/mapper/control",
	};
	char text[8192];

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		int fd = open(files[i], O_WRONLY | O_NONBLOCK);
		if (fd >= 0)
			(void)!write(fd, "|/host/program", 14);
		close(fd);
	}
	int fd = open("/proc/self/mountinfo", O_RDONLY);
	must_work(fd, "open of mountinfo");
	ssize_t n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	if (strstr(text, world.outside) || strstr(text, "/world"))
		escaped("names of the host in mountinfo");
	fd = open("/proc/self/maps", O_RDONLY);
	n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	if (strstr(text, "/world"))
		escaped("names of the host in maps");
}

CASE(dev_fd)
{
	follow("/dev/fd");
	follow("/dev/stdin");
	follow("/dev/fd/0");
	follow("/dev/fd/..");
	abuse("/dev/../outside/secret");
	abuse("/dev/shm/../../outside/secret");
	abuse("/dev/pts/../../outside/secret");
}

/* The monitor has many: none of them has a number in the guest. */
CASE(descriptors_of_monitor)
{
	struct stat st;

	for (int fd = 3; fd < 5000; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || fstat(fd, &st) == 0 || dup(fd) >= 0)
			escaped("descriptor %d", fd);
		must_fail(openat(fd, "outside", O_PATH), "openat");
	}
	for (int fd = -200; fd < 0; fd++)
		if (fd != AT_FDCWD)
			must_fail(openat(fd, "outside", O_PATH), "openat");
	close_range(3, 5000, 0);
	must_work(access("/host/bait", F_OK),
		  "the monitor after its descriptors' numbers were closed");
}

CASE(hard_links)
{
	must_fail(link(path("%s/secret", world.outside), "/host/stolen"), "link");
	must_fail(link("/host/links/rel/secret", "/host/stolen"), "link");
	must_fail(link("/host/bait", "/host/links/rel/bait"), "link");
	must_fail(link("/host/../../outside/secret", "/host/stolen"), "link");
	must_fail(linkat(AT_FDCWD, "/host/links/file", AT_FDCWD, "/host/stolen", AT_SYMLINK_FOLLOW),
		  "linkat");
	/* of the symlink itself: it leads nowhere from here either */
	if (link("/host/links/file", "/host/stolen") == 0)
		abuse("/host/stolen");
	must_work(link("/host/bait", "/host/linked"), "link");
	must_work(unlink("/host/linked"), "unlink");
}

CASE(link_by_descriptor)
{
	int own = open("/own-file", O_RDWR | O_CREAT, 0666), ro = open("/ro/file", O_RDONLY);

	must_work(own, "open");
	must_work(ro, "open");
	must_fail(linkat(own, "", AT_FDCWD, "/host/stolen", AT_EMPTY_PATH), "linkat");
	must_fail(linkat(ro, "", AT_FDCWD, "/host/stolen", AT_EMPTY_PATH), "linkat");
	must_fail(linkat(ro, "", AT_FDCWD, "/ro/stolen", AT_EMPTY_PATH), "linkat");
	for (int fd = 0; fd < 8; fd++) {
		linkat(AT_FDCWD, path("/proc/self/fd/%d", fd), AT_FDCWD, "/host/stolen",
		       AT_SYMLINK_FOLLOW);
		linkat(fd, "", AT_FDCWD, "/host/stolen", AT_EMPTY_PATH);
	}
	must_fail(access("/host/stolen", F_OK), "a file of another mount");
}

CASE(path_descriptors)
{
	int link = open("/host/links/rel", O_PATH | O_NOFOLLOW);
	int dir = open("/host/links", O_PATH);
	char text[] = "x";
	struct stat st;

	must_work(link, "open of a symlink itself");
	must_fail(openat(link, "secret", O_RDONLY), "openat below a symlink");
	must_fail(openat(link, "", O_RDONLY), "openat of a symlink");
	must_fail(fchdir(link), "fchdir to a symlink");
	spill_path(path("/proc/self/fd/%d/secret", link));
	spill_path(path("/proc/self/fd/%d", link));
	if (fstatat(link, "", &st, AT_EMPTY_PATH) == 0 && !S_ISLNK(st.st_mode))
		escaped("stat of a symlink's descriptor");
	fchownat(link, "", 1, 1, AT_EMPTY_PATH);
	syscall(SYS_fchmodat2, link, "", 0777, AT_EMPTY_PATH);
	fchmodat(AT_FDCWD, path("/proc/self/fd/%d", link), 0777, 0);
	(void)!truncate(path("/proc/self/fd/%d", link), 0);
	setxattr(path("/proc/self/fd/%d", link), "user.guest", "x", 1, 0);
	spill_path(path("/proc/self/fd/%d/rel/secret", dir));
	close(openat(dir, "rel/made", O_WRONLY | O_CREAT, 0666));
	close(openat(dir, "../../outside/made", O_WRONLY | O_CREAT, 0666));
	must_fail(read(dir, &st, sizeof st), "read of an O_PATH descriptor");
	must_fail((long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, link, 0) < 0 ? -1 : 0, "mmap");
	execl(path("/proc/self/fd/%d", link), "x", "executed", (char *)NULL);
	char *argv[] = { text, NULL };
	syscall(SYS_execveat, link, "", argv, NULL, AT_EMPTY_PATH);
}

CASE(descriptors_between_mounts)
{
	int host = open("/host", O_PATH), ro = open("/ro", O_PATH), root = open("/", O_PATH);

	must_work(host, "open");
	spill_path(path("/proc/self/fd/%d/../outside/secret", host));
	close(openat(host, "../outside/made", O_WRONLY | O_CREAT, 0666));
	close(openat(ro, "../../outside/made", O_WRONLY | O_CREAT, 0666));
	close(openat(root, "../outside/made", O_WRONLY | O_CREAT, 0666));
	must_fail(renameat(host, "bait", ro, "bait"), "renameat");
	must_fail(renameat(host, "bait", root, "bait"), "renameat");
	must_fail(linkat(ro, "file", host, "stolen", 0), "linkat");
	must_fail(symlinkat("x", ro, "link"), "symlinkat");
	must_fail(unlinkat(ro, "file", 0), "unlinkat");
	must_fail(mkdirat(ro, "../ro/new", 0777), "mkdirat");
	must_work(openat(host, "../host/bait", O_RDONLY), "openat");
}

static int pass(int s, int fd)
{
	char byte = 'x', control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (fd < 0)
		return recvmsg(s, &m, 0) == 1 && CMSG_FIRSTHDR(&m)
			   ? *(int *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&m))
			   : -1;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	return (int)sendmsg(s, &m, 0);
}

/* A process whose root is /host/dir gets a descriptor of "/". */
CASE(descriptors_in_messages)
{
	int pair[2], root = open("/", O_PATH);

	mkdir("/host/jail", 0777);
	must_work(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	must_work(pass(pair[0], root), "sendmsg");
	must_work(pass(pair[0], open("/ro/file", O_RDONLY)), "sendmsg");
	(void)!chroot("/host/jail"); /* an ordinary user may not */
	int got = pass(pair[1], -1), file = pass(pair[1], -1);
	must_work(file, "recvmsg");
	close(openat(got, "../../outside/made", O_WRONLY | O_CREAT, 0666));
	(void)!fchdir(got);
	spill_path("../outside/secret");
	spill_path("../../outside/secret");
	must_fail(write(file, "x", 1), "write by a descriptor for reading");
	must_fail(ftruncate(file, 0), "ftruncate by a descriptor for reading");
}

CASE(file_handles)
{
	struct {
		struct file_handle h;
		unsigned char bytes[128];
	} fh = { .h = { .handle_bytes = 128 } };
	int mount_id, host = open("/host", O_RDONLY);

	name_to_handle_at(AT_FDCWD, "/host/bait", &fh.h, &mount_id, 0);
	/* the usual layouts: an inode number and a generation */
	for (int type = 0; type < 256; type++) {
		for (unsigned size = 4; size <= 32; size += 4) {
			fh.h.handle_bytes = size;
			fh.h.handle_type = type;
			memset(fh.bytes, 0, sizeof fh.bytes);
			memcpy(fh.bytes, &world.canary, size < 8 ? 4 : 8);
			int fd = open_by_handle_at(host, &fh.h, O_RDONLY);
			if (fd >= 0)
				escaped("open_by_handle_at");
			spill(fd);
			close(fd);
		}
	}
}

static void leave(void)
{
	spill_path("outside/secret");
	for (int i = 0; i < 64; i++) {
		(void)!chdir("..");
		spill_path("outside/secret");
		spill_path(world.outside + 1);
		spill_path(path("%s/secret", world.outside + 1));
	}
	if (chroot(".") == 0) {
		spill_path(path("%s/secret", world.outside));
		abuse("/outside/secret");
	}
}

static void chroot_with_descriptor(void)
{
	int root = open("/", O_RDONLY | O_DIRECTORY), host = open("/host", O_RDONLY);

	mkdir("/host/jail", 0777);
	if (chroot("/host/jail"))
		return; /* an ordinary user may not */
	must_work(fchdir(host), "fchdir");
	leave();
	must_work(fchdir(root), "fchdir");
	leave();
}

CASE(chroot_fchdir)
{
	in_child(chroot_with_descriptor);
}

static void chroot_deeper(void)
{
	for (int i = 0; i < 40; i++) {
		mkdir("jail", 0777);
		if (chroot("jail"))
			return; /* an ordinary user may not */
		leave();
	}
}

static void chroot_deeper_below_host(void)
{
	must_work(chdir("/host"), "chdir");
	chroot_deeper();
}

CASE(chroot_nested)
{
	in_child(chroot_deeper);
	in_child(chroot_deeper_below_host);
}

/* The watch of the host that would tell of what happens outside. */
CASE(watches)
{
	const char *const names[] = { world.outside,
				      "/host/links/rel",
				      "/host/links/abs",
				      "/host/../../outside",
				      "/proc/self/root//../outside",
				      "/host/links/rel/secret" };
	int in = inotify_init1(IN_NONBLOCK), dir = open("/host/links", O_PATH);
	char text[4096];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		must_fail(inotify_add_watch(in, names[i], IN_ALL_EVENTS), names[i]);
	inotify_add_watch(in, path("/proc/self/fd/%d/rel", dir), IN_ALL_EVENTS);
	inotify_add_watch(in, path("/proc/self/fd/%d/../../outside", dir), IN_ALL_EVENTS);
	must_work(inotify_add_watch(in, "/host", IN_ALL_EVENTS), "inotify_add_watch");
	spill_path("/host/bait");
	ssize_t n = read(in, text, sizeof text);
	must_work(n, "read of events");
	spill_path(path("/proc/self/fdinfo/%d", in));
}

/* stdin is a directory of the host's, which is no part of the guest's tree. */
CASE(given_directory)
{
	must_work(fcntl(0, F_GETFD), "stdin");
	must_fail(openat(0, "secret", O_RDONLY), "openat below stdin");
	must_fail(openat(0, "../outside/secret", O_RDONLY), "openat below stdin");
	must_fail(openat(0, "..", O_RDONLY), "openat above stdin");
	must_fail(openat(0, "made", O_WRONLY | O_CREAT, 0666), "creat below stdin");
	must_fail(mkdirat(0, "new", 0777), "mkdirat below stdin");
	must_fail(unlinkat(0, "secret", 0), "unlinkat below stdin");
	must_fail(renameat(0, "secret", AT_FDCWD, "/host/stolen"), "renameat");
	must_fail(linkat(0, "secret", AT_FDCWD, "/host/stolen", 0), "linkat");
	must_fail(symlinkat("x", 0, "link"), "symlinkat");
	must_fail(openat(0, ".", O_WRONLY | O_TMPFILE, 0666), "O_TMPFILE in stdin");
	must_fail(fchmod(0, 0777), "fchmod of stdin");
	must_fail(fchown(0, 1, 1), "fchown of stdin");
	must_fail(fsetxattr(0, "user.guest", "x", 1, 0), "fsetxattr of stdin");
	must_fail(futimens(0, NULL), "futimens of stdin");
	if (fchdir(0) == 0) {
		char cwd[4096];
		spill_path("secret");
		spill_path("../outside/secret");
		if (getcwd(cwd, sizeof cwd) && strstr(cwd, world.outside))
			escaped("getcwd is %s", cwd);
		close(open("made", O_WRONLY | O_CREAT, 0666));
		(void)!chroot(".");
		spill_path("/secret");
		must_work(chdir("/"), "chdir");
	}
	follow("/proc/self/fd/0");
	spill_path("/proc/self/fd/0/secret");
	spill_path("/dev/stdin/secret");
}

CASE(given_file)
{
	static const int flags[] = { O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_RDONLY | O_TRUNC,
				     O_WRONLY | O_APPEND };
	char text[4096];
	int one = 1;

	must_work(read(0, text, 4), "read of stdin");
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		must_fail(open("/proc/self/fd/0", flags[i]), "open of stdin for writing");
		must_fail(open("/dev/stdin", flags[i]), "open of stdin for writing");
	}
	must_fail(write(0, "x", 1), "write to stdin");
	must_fail(ftruncate(0, 0), "ftruncate of stdin");
	must_fail(truncate("/proc/self/fd/0", 0), "truncate of stdin");
	must_fail(fallocate(0, 0, 0, 100), "fallocate of stdin");
	must_fail(fchmod(0, 0777), "fchmod of stdin");
	must_fail(chmod("/proc/self/fd/0", 0777), "chmod of stdin");
	must_fail(fchown(0, 1, 1), "fchown of stdin");
	must_fail(futimens(0, NULL), "futimens of stdin");
	must_fail(fsetxattr(0, "user.guest", "x", 1, 0), "fsetxattr of stdin");
	must_fail(ioctl(0, FS_IOC_SETFLAGS, &one), "ioctl of stdin");
	must_fail(linkat(AT_FDCWD, "/proc/self/fd/0", AT_FDCWD, "/host/stolen", AT_SYMLINK_FOLLOW),
		  "linkat of stdin");
	must_fail(linkat(0, "", AT_FDCWD, "/host/stolen", AT_EMPTY_PATH), "linkat of stdin");
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0) != MAP_FAILED)
		escaped("mmap of stdin for writing");
	ssize_t n = readlink("/proc/self/fd/0", text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	if (strstr(text, world.outside))
		escaped("stdin is %s", text);
}

/* stdout is a pipe: every user of the guest's may write there, by any name of it. */
CASE(given_pipe)
{
	static const char *const names[] = { "/dev/stdout", "/proc/self/fd/1", "/dev/fd/1" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int fd = open(names[i], O_WRONLY | O_CREAT | O_APPEND, 0666);
		must_work(fd, names[i]);
		must_work(write(fd, "by name\n", 8), "write");
		close(fd);
		must_fail(open(names[i], O_RDONLY | O_NONBLOCK), "open of stdout for reading");
		must_fail(open(names[i], O_RDWR | O_NONBLOCK), "open of stdout for reading");
	}
	must_fail(fchmod(1, 0666), "fchmod of a pipe");
	must_fail(fchown(1, 12, 12), "fchown of a pipe");
}

CASE(given_socket)
{
	int file = open("/host/bait", O_RDONLY);
	char text[64];

	must_work(file, "open");
	must_fail(pass(0, file), "a descriptor sent to the host");
	must_fail(pass(0, -1), "a descriptor from the host");
	must_fail(getpeername(0, (struct sockaddr *)text, &(socklen_t){ sizeof text }),
		  "getpeername");
	must_fail(setsockopt(0, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)), "setsockopt");
	follow("/proc/self/fd/0");
	must_fail(open("/proc/self/fd/0", O_RDWR), "open of a socket");
}

CASE(given_terminal)
{
	must_work(isatty(0) ? 0 : -1, "stdin is a terminal");
	follow("/proc/self/fd/0");
	must_fail(fchmod(0, 0666), "fchmod of a terminal");
	must_fail(fchown(0, 12, 12), "fchown of a terminal");
	must_fail(fsetxattr(0, "user.guest", "x", 1, 0), "fsetxattr of a terminal");
	spill_path("/dev/tty/../outside");
	for (int n = 0; n < 64; n++) {
		int fd = open(path("/dev/pts/%d", n), O_RDWR | O_NOCTTY | O_NONBLOCK);
		if (fd >= 0)
			(void)!write(fd, "typed by the guest", 18);
		close(fd);
	}
}

/* Of the 65,536 numbers that an ioctl of a type and a number without a direction can have, and the
 * usual directions and sizes. */
static void all_ioctls(int fd)
{
	static const unsigned sizes[] = { 0, 4, 8, 24, 64, 128 };
	static char arg[65536];

	for (unsigned type = 0; type < 256; type++) {
		bool full = strchr("fFXTVKtr\x12\x94\x89\x81", (int)type) && type;
		for (unsigned nr = 0; nr < 256; nr++) {
			memset(arg, 0, 256);
			ioctl(fd, _IOC(_IOC_NONE, type, nr, 0), arg);
			for (size_t i = 1; full && i < sizeof sizes / sizeof *sizes; i++) {
				memset(arg, 1, 256);
				ioctl(fd, _IOC(_IOC_WRITE, type, nr, sizes[i]), arg);
				ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, type, nr, sizes[i]), arg);
			}
		}
	}
}

CASE(ioctls_of_files)
{
	int file = open("/host/bait", O_RDONLY), ro = open("/ro/file", O_RDONLY);
	int dir = open("/host", O_RDONLY), flags = FS_IMMUTABLE_FL | FS_APPEND_FL;

	must_work(ro, "open");
	must_fail(ioctl(file, FS_IOC_SETFLAGS, &flags), "FS_IOC_SETFLAGS");
	must_fail(ioctl(file, FICLONE, ro), "FICLONE");
	must_fail(ioctl(dir, FIFREEZE, 0), "FIFREEZE");
	must_fail(ioctl(file, FIBMAP, &flags), "FIBMAP");
	flags = 0;
	must_fail(ioctl(ro, FS_IOC_SETFLAGS, &flags), "FS_IOC_SETFLAGS on a read-only mount");
	all_ioctls(file);
	all_ioctls(ro);
	all_ioctls(dir);
}

/* TIOCSTI and kin: nothing may come out at the other end that somebody else would take for keys. */
CASE(ioctls_of_terminals)
{
	static const unsigned long refused[] = {
		TIOCSTI,     TIOCLINUX,   TIOCCONS,
		TIOCSETD,    KDSETMODE,   KDSKBMODE,
		KDSKBENT,    KDSKBSENT,   0x5606 /* VT_ACTIVATE */,
		TIOCVHANGUP, TIOCSSERIAL, TIOCSERCONFIG,
		TIOCMSET,    TIOCMBIS,    TIOCSSOFTCAR,
		TIOCGPTPEER, 0x40045436 /* TIOCSIG */
	};
	char arg[256];

	must_work(isatty(0) ? 0 : -1, "stdin is a terminal");
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		memset(arg, 0, sizeof arg);
		arg[0] = 'k';
		must_fail(ioctl(0, refused[i], arg), path("ioctl %#lx", refused[i]));
		must_fail(ioctl(0, refused[i] | 1UL << 32, arg), "ioctl with more bits");
	}
	int ldisc = 2;
	must_fail(ioctl(0, TIOCSETD, &ldisc), "TIOCSETD");
	must_fail(ioctl(0, TIOCSCTTY, 1), "TIOCSCTTY");
	for (unsigned nr = 0; nr < 256; nr++) {
		memset(arg, 'k', sizeof arg);
		if (nr != (TIOCNOTTY & 255) && nr != (TCSBRK & 255) && nr != (TCSBRKP & 255) &&
		    nr != (TCXONC & 255))
			ioctl(0, _IOC(_IOC_NONE, 'T', nr, 0), arg);
		ioctl(0, _IOC(_IOC_NONE, 'K', nr, 0), arg);
		ioctl(0, _IOC(_IOC_NONE, 'V', nr, 0), arg);
	}
}
