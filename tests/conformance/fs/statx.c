/* SPDX-License-Identifier: Apache-2.0 */
/* statx: what is asked, what is answered, and what is refused, of every kind of file. */
#include <linux/stat.h>
#include <sys/socket.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "case.h"

/* Linux's struct statx of 6.16, which libc's headers are behind. */
struct answer {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t sec;
		uint32_t nsec;
		int32_t reserved;
	} atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mnt_id;
	uint32_t dio_mem_align, dio_offset_align;
	uint64_t subvol;
	uint32_t atomic_min, atomic_max, atomic_segments, dio_read_offset_align, atomic_max_opt,
	    spare2;
	uint64_t spare3[8];
};
_Static_assert(sizeof(struct answer) == 256, "struct statx");

static int ask(int dfd, const char *name, int flags, unsigned mask, struct answer *a)
{
	memset(a, 0x55, sizeof *a);
	return (int)syscall(SYS_statx, dfd, name, flags, mask, a);
}

/* Whether the times of changes are told to those who do not ask for them is the file system's
 * affair. */
#define UNASKED 0xc0

static void say_answer(const char *what, unsigned mask, const struct answer *a)
{
	say("%s asked %x: mask %x attributes %lx of %lx blksize %u spare %d\n", what, mask,
	    a->mask | UNASKED, (long)a->attributes, (long)a->attributes_mask, a->blksize,
	    a->spare || a->atime.reserved || a->btime.reserved || a->ctime.reserved ||
		a->mtime.reserved || a->spare2);
	say("  btime %d dio %u %u %u subvol %ld atomic %u %u %u %u\n", a->btime.sec != 0,
	    a->dio_mem_align, a->dio_offset_align, a->dio_read_offset_align, (long)a->subvol,
	    a->atomic_min, a->atomic_max, a->atomic_segments, a->atomic_max_opt);
	say_bytes("  spare", a->spare3, sizeof a->spare3);
}

static void each_mask(const char *name)
{
	struct answer a;

	for (int bit = -1; bit < 31; bit++) {
		unsigned mask = bit < 0 ? 0 : 1U << bit;
		if (ask(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, mask, &a) != 0)
			say("%s %x: %s\n", name, mask, strerrorname_np(errno));
		else
			say_answer(name, mask, &a);
	}
	ask(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, 0x7fffffff, &a);
	say_answer(name, 0x7fffffff, &a);
}

CASE(masks_file)
{
	put_file("f", "text");
	each_mask("f");
}

CASE(masks_directory)
{
	NEED(mkdir("d", 0755));
	each_mask("d");
}

CASE(masks_symlink)
{
	NEED(symlink("x", "l"));
	each_mask("l");
}

CASE(masks_fifo)
{
	NEED(mkfifo("fifo", 0600));
	each_mask("fifo");
}

CASE(masks_memory_directory)
{
	each_mask("/dev/shm");
}

CASE(masks_memory)
{
	char dir[] = "/dev/shm/statxXXXXXX";

	NEED(mkdtemp(dir) ? 0 : -1);
	NEED(chdir(dir));
	put_file("f", "text");
	NEED(symlink("f", "l"));
	NEED(mkdir("d", 0700));
	each_mask("f");
	each_mask("d");
	each_mask("l");
	NEED(unlink("f") + unlink("l") + rmdir("d") + rmdir(dir));
}

CASE(masks_proc)
{
	each_mask("/proc");
	each_mask("/proc/self");
	each_mask("/proc/self/stat");
	each_mask("/proc/self/fd");
	each_mask("/proc/self/exe");
	each_mask("/proc/self/ns/uts");
}

CASE(masks_devpts)
{
	each_mask("/dev/pts");
}

static void each_mask_fd(const char *what, int fd)
{
	static const unsigned masks[] = { 0, 1, 0x7ff, 0xfff, 0x1000, 0x4000, 0x7fffffff };
	struct answer a;

	for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
		if (ask(fd, "", AT_EMPTY_PATH, masks[i], &a) != 0)
			say("%s %x: %s\n", what, masks[i], strerrorname_np(errno));
		else
			say_answer(what, masks[i], &a);
	}
}

CASE(masks_descriptors)
{
	int p[2], s[2];

	put_file("f", "text");
	NEED(pipe(p));
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	each_mask_fd("file", (int)NEED(open("f", O_RDONLY)));
	each_mask_fd("path", (int)NEED(open("f", O_PATH)));
	each_mask_fd("directory", (int)NEED(open(".", O_RDONLY)));
	each_mask_fd("pipe", p[0]);
	each_mask_fd("socket", s[0]);
	each_mask_fd("eventfd", (int)NEED(eventfd(0, 0)));
	each_mask_fd("memfd", (int)NEED(syscall(SYS_memfd_create, "m", 0)));
	each_mask_fd("proc", (int)NEED(open("/proc/self/maps", O_RDONLY)));
}

CASE(flags)
{
	struct answer a;

	put_file("f", "text");
	NEED(symlink("f", "l"));
	for (int bit = 0; bit < 32; bit++)
		say("%x: %s\n", 1U << bit,
		    ask(AT_FDCWD, "l", (int)(1U << bit), 0x7ff, &a) ? strerrorname_np(errno)
		    : S_ISLNK(a.mode)                               ? "link"
								    : "file");
	for (int bit = 0; bit < 32; bit++)
		say("mask %x: %s\n", 1U << bit,
		    ask(AT_FDCWD, "l", 0, 1U << bit, &a) ? strerrorname_np(errno) : "ok");
	R(ask(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &a));
	R(ask(AT_FDCWD, "missing", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &a));
	R(ask(99, "f", 0x40000, 0x80000000, &a));
	R(ask(99, "f", 0, 0x80000000, &a));
	R(ask(99, "f", 0, 0, &a));
	R(ask(AT_FDCWD, (char *)1, 0, 0, &a));
	R((int)syscall(SYS_statx, AT_FDCWD, "f", 0, 0, NULL));
	R((int)syscall(SYS_statx, AT_FDCWD, "missing", 0, 0, NULL));
	R((int)syscall(SYS_statx, AT_FDCWD, "f", 1UL << 32, 1UL << 32, &a));
}

CASE(no_name)
{
	struct answer a;
	int fd;

	put_file("f", "text");
	fd = (int)NEED(open("f", O_RDONLY));
	for (int e = 0; e <= AT_EMPTY_PATH; e += AT_EMPTY_PATH) {
		say("flags %x\n", e);
		R(ask(fd, NULL, e, 0x7ff, &a));
		R(ask(fd, "", e, 0x7ff, &a));
		R(ask(fd, "f", e, 0x7ff, &a));
		R(ask(AT_FDCWD, NULL, e, 0x7ff, &a));
		R(ask(AT_FDCWD, "", e, 0x7ff, &a));
		R(ask(-1, NULL, e, 0x7ff, &a));
		R(ask(-1, "", e, 0x7ff, &a));
		R(ask(99, NULL, e, 0x7ff, &a));
		R(ask(99, "", e, 0x7ff, &a));
		R(ask(fd, NULL, e | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0x7ff, &a));
		R(ask(fd, NULL, e | AT_STATX_DONT_SYNC, 0x7ff, &a));
		struct stat st;
		R((int)syscall(SYS_newfstatat, fd, NULL, &st, e));
		R((int)syscall(SYS_newfstatat, AT_FDCWD, NULL, &st, e));
		R((int)syscall(SYS_newfstatat, -1, NULL, &st, e));
		R((int)syscall(SYS_newfstatat, fd, "", &st, e));
		R((int)syscall(SYS_newfstatat, AT_FDCWD, "", &st, e));
		R((int)syscall(SYS_newfstatat, AT_FDCWD, "f", &st, e | AT_STATX_DONT_SYNC));
		R((int)syscall(SYS_newfstatat, AT_FDCWD, "f", &st, e | AT_NO_AUTOMOUNT));
	}
}

/* The number of a mount is the same for what is in it, by name or by descriptor, and another's is
 * another. */
CASE(mount_numbers)
{
	struct answer f, d, here, shm, proc, unique;
	char line[64] = "";

	put_file("f", "text");
	int fd = (int)NEED(open("f", O_RDONLY));
	NEED(ask(AT_FDCWD, "f", 0, 0x1000, &f));
	NEED(ask(fd, "", AT_EMPTY_PATH, 0x1000, &d));
	NEED(ask(AT_FDCWD, ".", 0, 0x1000, &here));
	NEED(ask(AT_FDCWD, "/dev/shm", 0, 0x1000, &shm));
	NEED(ask(AT_FDCWD, "/proc", 0, 0x1000, &proc));
	NEED(ask(AT_FDCWD, "/proc", 0, 0x4000, &unique));
	V(f.mnt_id == d.mnt_id);
	V(f.mnt_id == here.mnt_id);
	V(shm.mnt_id == proc.mnt_id);
	V(shm.mnt_id == here.mnt_id);
	V(unique.mnt_id > 0x7fffffff);
	X(unique.mask & 0x5000);
	NEED(ask(AT_FDCWD, "/proc", 0, 0x5000, &unique));
	X(unique.mask & 0x5000);
	FILE *info = fopen("/proc/self/fdinfo/3", "r");
	long id = -1;
	while (info && fgets(line, sizeof line, info))
		sscanf(line, "mnt_id: %ld", &id);
	V(id == (long)d.mnt_id);
}
