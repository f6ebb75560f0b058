/* SPDX-License-Identifier: Apache-2.0 */
/* What must not be left in a directory of the host's, or changed there: devices, set-id bits,
 * attributes; and what is mounted read-only. */
#include "tests/escapes/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

CASE(devices)
{
	static const char *const dirs[] = { "/host", "/host/dir", "" };
	bool all = root_of_host(); /* else "/" is in memory, or writes to it go elsewhere */
	static const mode_t types[] = { S_IFCHR, S_IFBLK };

	for (size_t d = 0; d < sizeof dirs / sizeof *dirs; d++) {
		for (int t = 0; t < 2; t++) {
			for (unsigned major = 0; major < 32; major++)
				for (unsigned minor = 0; minor < 16; minor++)
					if (mknod(path("%s/node", dirs[d]), types[t] | 0666,
						  makedev(major, minor)) == 0 &&
					    (all || dirs[d][0]))
						escaped("mknod of %u:%u", major, minor);
		}
	}
	must_fail(renameat2(AT_FDCWD, "/host/bait", AT_FDCWD, "/host/moved", RENAME_WHITEOUT),
		  "RENAME_WHITEOUT");
	must_work(mknod("/host/node", S_IFIFO | 0666, 0), "mkfifo");
	must_work(unlink("/host/node"), "unlink");
}

/* The host has nodes of /dev/null, /dev/kmsg and of its first disk there. */
CASE(planted_devices)
{
	static const char *const nodes[] = { "null", "kmsg", "disk", "mem" };

	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		const char *node = path("/host/devices/%s", nodes[i]);
		for (int flags = 0; flags < 3; flags++)
			must_fail(open(node, flags | O_NONBLOCK), node);
		int fd = open(node, O_PATH);
		must_fail(open(path("/proc/self/fd/%d", fd), O_RDWR | O_NONBLOCK), node);
		chmod(node, 0777);
		setxattr(node, "user.guest", "x", 1, 0);
		(void)!truncate(node, 0);
		must_fail(mount(node, "/mnt", "ext4", 0, NULL), "mount of a disk");
		close(fd);
	}
}

/* A page that may not be there is looked at by the kernel. */
static void look_at_page(const char *what, void *page)
{
	static int pair[2];
	char byte = 0;

	if (page == MAP_FAILED)
		return;
	if (!pair[1])
		must_work(pipe(pair), "pipe");
	if (write(pair[1], page, 1) == 1 && read(pair[0], &byte, 1) == 1 && byte)
		escaped("memory of %s", what);
}

CASE(mapped_devices)
{
	static const char *const nodes[] = { "/dev/null",      "/dev/zero",        "/dev/random",
					     "/dev/tty",       "/dev/mem",         "/dev/kmem",
					     "/dev/port",      "/dev/kvm",         "/dev/fb0",
					     "/dev/dri/card0", "/host/devices/mem" };

	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		for (int flags = 0; flags < 3; flags++) {
			int fd = open(nodes[i], flags | O_NONBLOCK | O_NOCTTY);
			for (off_t at = 0; fd >= 0 && at < 8; at++) {
				look_at_page(nodes[i],
					     mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, at << 20));
				look_at_page(nodes[i], mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd,
							    at << 32));
			}
			close(fd);
		}
	}
}

/* The host reads /host/fifo and waits for who opens it. */
CASE(fifos)
{
	int fd = open("/host/fifo", O_WRONLY | O_NONBLOCK);

	must_fail(fd, "open of a FIFO that the host reads");
	must_fail(open("/host/fifo", O_WRONLY | O_NONBLOCK | O_CREAT, 0666),
		  "the same with O_CREAT");
	fd = open("/host/fifo", O_RDWR | O_NONBLOCK);
	must_work(fd, "open of a FIFO");
	must_work(write(fd, "from the guest", 14), "write");
	spill(fd);
	close(fd);
	fd = open("/host/fifo", O_RDONLY | O_NONBLOCK);
	spill(fd);
	int ref = open("/host/fifo", O_PATH);
	close(open(path("/proc/self/fd/%d", ref), O_RDWR | O_NONBLOCK));
	rename("/host/fifo", "/host/fifo2");
	close(open("/host/fifo2", O_RDWR | O_NONBLOCK));
	rename("/host/fifo2", "/host/fifo");
	must_fail(open("/host/links/rel/fifo", O_RDWR | O_NONBLOCK), "a FIFO outside");
	must_work(mkfifo("/host/own-fifo", 0666), "mkfifo");
	pid_t pid = fork();
	if (pid == 0) {
		fd = open("/host/own-fifo", O_WRONLY);
		_exit(write(fd, "among guests", 12) != 12);
	}
	char text[32];
	fd = open("/host/own-fifo", O_RDONLY);
	must_work(read(fd, text, sizeof text) == 12 ? 0 : -1, "a FIFO among guests");
	waitpid(pid, NULL, 0);
	unlink("/host/own-fifo");
}

CASE(set_id_bits)
{
	static const mode_t bits[] = { 04755, 02755, 06755, 04711, 02711, 07777 };
	char name[] = "/host/set-id";

	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
		must_fail(open(name, O_WRONLY | O_CREAT, bits[i]), "creat");
		must_fail(open(name, O_WRONLY | O_CREAT | O_EXCL | O_TRUNC, bits[i]), "creat");
		must_fail(open("/host", O_WRONLY | O_TMPFILE, bits[i]), "O_TMPFILE");
		must_fail(mknod(name, S_IFREG | bits[i], 0), "mknod");
		must_fail(mknod(name, S_IFIFO | bits[i], 0), "mknod");
		must_fail(mknod(name, S_IFSOCK | bits[i], 0), "mknod");
		int fd = open("/host/plain", O_RDWR | O_CREAT, 0755);
		must_work(fd, "creat");
		must_fail(chmod("/host/plain", bits[i]), "chmod");
		must_fail(fchmod(fd, bits[i]), "fchmod");
		must_fail(syscall(SYS_fchmodat2, AT_FDCWD, "/host/plain", bits[i], 0), "fchmodat2");
		must_fail(syscall(SYS_fchmodat2, fd, "", bits[i], AT_EMPTY_PATH), "fchmodat2");
		must_fail(chmod(path("/proc/self/fd/%d", fd), bits[i]), "chmod");
		must_fail(chmod("/host/planted-set-id", bits[i]), "chmod");
		close(fd);
		unlink("/host/plain");
		int root = open("/set-id", O_WRONLY | O_CREAT, bits[i]);
		if (root_of_host())
			must_fail(root, "creat");
		close(root);
		must_fail(chmod("/one", bits[i]), "chmod");
	}
	must_work(mkdir("/host/set-id-dir", 0777), "mkdir");
	(void)!chmod("/host/set-id-dir", 02777);
	int fd = open("/host/set-id-dir/file", O_WRONLY | O_CREAT, 0755);
	must_work(fd, "creat");
	close(fd);
}

/* A set-user-ID file of the host that the guest may write to. */
CASE(written_set_id_file)
{
	int fd = open("/host/planted-set-id", O_RDWR);

	must_work(fd, "open");
	must_work(write(fd, "#!/bin/sh\n", 10), "write");
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		p[0] = '#';
	close(fd);
}

CASE(attributes)
{
	static const char *const names[] = { "security.capability",
					     "security.selinux",
					     "security.ima",
					     "security.evm",
					     "security.apparmor",
					     "trusted.overlay.opaque",
					     "trusted.overlay.redirect",
					     "trusted.guest",
					     "trusted.SGI_ACL_FILE" };
	static const unsigned char all_caps[20] = { 1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff };
	char list[4096];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		must_fail(setxattr("/host/bait", names[i], all_caps, 20, 0), names[i]);
		must_fail(setxattr("/one", names[i], all_caps, 20, 0), names[i]);
		must_fail(setxattr("/host/dir", names[i], "y", 1, 0), names[i]);
		must_fail(lsetxattr("/host/links/rel", names[i], "y", 1, 0), names[i]);
		must_fail(getxattr("/host/bait", names[i], list, sizeof list), names[i]);
		must_fail(removexattr("/host/bait", names[i]), names[i]);
	}
	ssize_t n = listxattr("/host/bait", list, sizeof list);
	if (n > 0 &&
	    (memmem(list, (size_t)n, "trusted", 7) || memmem(list, (size_t)n, "security", 8)))
		escaped("names of the host's attributes");
	int fd = open("/host/bait", O_RDONLY), flags = FS_IMMUTABLE_FL;
	must_fail(ioctl(fd, FS_IOC_SETFLAGS, &flags), "FS_IOC_SETFLAGS");
}

CASE(single_file)
{
	must_work(access("/one", R_OK | W_OK), "the file");
	abuse("/one/../outside/secret");
	abuse("/one/secret");
	abuse("/one/../secret");
	must_fail(rename("/one", "/two"), "rename of a mount");
	must_fail(unlink("/one"), "unlink of a mount");
	must_fail(link("/one", "/two"), "link of a mount");
	must_fail(link("/one", "/host/two"), "link of a mount");
	int fd = open("/one", O_RDONLY);
	must_fail(openat(fd, "..", O_RDONLY), "openat");
	must_fail(openat(fd, "", O_RDONLY), "openat");
	spill_path(path("/proc/self/fd/%d/../secret", fd));
	must_fail(linkat(fd, "", AT_FDCWD, "/host/two", AT_EMPTY_PATH), "linkat");
}

static void bind_at(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof un.sun_path, "%s", name);
	must_fail(bind(s, (struct sockaddr *)&un, sizeof un), "bind");
	close(s);
}

static void change_read_only(const char *dir)
{
	static const int flags[] = { O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND, 3 };
	const char *file = path("%s/file", dir), *made = path("%s/made", dir);
	struct timespec times[2] = { { 1, 0 }, { 1, 0 } };

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		must_fail(open(file, flags[i]), "open for writing");
	must_fail(open(made, O_RDONLY | O_CREAT, 0666), "creat");
	must_fail(open(made, O_WRONLY | O_CREAT | O_EXCL, 0666), "creat");
	must_fail(open(dir, O_RDWR | O_TMPFILE, 0666), "O_TMPFILE");
	must_fail(mkdir(made, 0777), "mkdir");
	must_fail(rmdir(path("%s/dir", dir)), "rmdir");
	must_fail(unlink(file), "unlink");
	must_fail(rename(file, made), "rename");
	must_fail(rename(path("%s/dir", dir), made), "rename");
	must_fail(renameat2(AT_FDCWD, file, AT_FDCWD, path("%s/dir", dir), RENAME_EXCHANGE),
		  "rename");
	must_fail(link(file, made), "link");
	must_fail(symlink("x", made), "symlink");
	must_fail(mknod(made, S_IFREG | 0666, 0), "mknod");
	must_fail(mknod(made, S_IFIFO | 0666, 0), "mknod");
	must_fail(chmod(file, 0777), "chmod");
	must_fail(chown(file, 1, 1), "chown");
	must_fail(chown(file, (uid_t)-1, (gid_t)-1), "chown");
	must_fail(lchown(path("%s/link", dir), 1, 1), "lchown");
	must_fail(utimensat(AT_FDCWD, file, times, 0), "utimensat");
	must_fail(utimensat(AT_FDCWD, file, NULL, 0), "utimensat");
	must_fail(truncate(file, 0), "truncate");
	must_fail(setxattr(file, "user.guest", "x", 1, 0), "setxattr");
	must_fail(removexattr(file, "user.canary"), "removexattr");
	must_fail(access(file, W_OK), "access");
	bind_at(made);
}

CASE(read_only)
{
	must_work(access("/ro/file", R_OK), "the file");
	change_read_only("/ro");
	change_read_only("/ro/dir/..");
	change_read_only("/host/../ro/.");
	must_work(chdir("/ro/dir"), "chdir");
	change_read_only("..");
}

CASE(read_only_by_descriptor)
{
	int fd = open("/ro/file", O_RDONLY), dir = open("/ro", O_RDONLY);
	int ref = open("/ro/file", O_PATH), flags = 0;
	struct timespec times[2] = { { 1, 0 }, { 1, 0 } };

	must_work(fd, "open");
	change_read_only(path("/proc/self/fd/%d", dir));
	must_fail(open(path("/proc/self/fd/%d", fd), O_RDWR), "open by a magic link");
	must_fail(open(path("/proc/self/fd/%d", ref), O_RDWR), "open by a magic link");
	must_fail(open(path("/proc/self/fd/%d", ref), O_RDONLY | O_TRUNC), "open by a magic link");
	must_fail(write(fd, "x", 1), "write");
	must_fail(pwrite(fd, "x", 1, 0), "pwrite");
	must_fail(ftruncate(fd, 0), "ftruncate");
	must_fail(fallocate(fd, 0, 0, 1), "fallocate");
	must_fail(fchmod(fd, 0777), "fchmod");
	must_fail(fchown(fd, 1, 1), "fchown");
	must_fail(futimens(fd, times), "futimens");
	must_fail(utimensat(ref, "", times, AT_EMPTY_PATH), "utimensat");
	must_fail(fsetxattr(fd, "user.guest", "x", 1, 0), "fsetxattr");
	must_fail(fremovexattr(fd, "user.canary"), "fremovexattr");
	must_fail(ioctl(fd, FS_IOC_SETFLAGS, &flags), "FS_IOC_SETFLAGS");
	must_fail(syscall(SYS_fchmodat2, ref, "", 0777, AT_EMPTY_PATH), "fchmodat2");
	must_fail(fchownat(ref, "", 1, 1, AT_EMPTY_PATH), "fchownat");
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED)
		escaped("mmap for writing");
	char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	must_work(p == MAP_FAILED ? -1 : 0, "mmap");
	must_fail(mprotect(p, 4096, PROT_READ | PROT_WRITE), "mprotect");
	madvise(p, 4096, MADV_REMOVE);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	must_work(p == MAP_FAILED ? -1 : 0, "mmap");
	memset(p, 'x', 4096);
	msync(p, 4096, MS_SYNC);
	int host = open("/host/bait", O_RDWR);
	must_fail(copy_file_range(host, NULL, fd, NULL, 4, 0), "copy_file_range");
	must_fail(fcntl(fd, F_SETFL, O_RDWR | O_APPEND) ? -1 : write(fd, "x", 1), "F_SETFL");
	must_fail(openat(dir, "made", O_WRONLY | O_CREAT, 0666), "openat");
}

static void remount(void)
{
	must_fail(mount(NULL, "/ro", NULL, MS_REMOUNT, NULL) ? -1 : open("/ro/file", O_RDWR),
		  "remount");
	must_fail(mount(NULL, "/ro", NULL, MS_REMOUNT | MS_BIND, NULL) ? -1
								       : open("/ro/file", O_RDWR),
		  "remount");
	mkdir("/host/mnt", 0777);
	mount("/ro", "/host/mnt", NULL, MS_BIND, NULL);
	must_fail(open("/host/mnt/file", O_RDWR), "bind");
	mount(NULL, "/host/mnt", NULL, MS_REMOUNT | MS_BIND, NULL);
	must_fail(open("/host/mnt/file", O_RDWR), "bind, then remount");
	mount("/ro", "/host/mnt", NULL, MS_MOVE, NULL);
	must_fail(open("/host/mnt/file", O_RDWR), "move");
	umount2("/ro", MNT_DETACH);
	umount2("/host/mnt", MNT_DETACH);
}

/* As root of the guest, who may mount. */
CASE(read_only_remounted)
{
	in_child(remount);
}
