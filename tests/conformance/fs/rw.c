/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, writing, seeking, allocation, copying between descriptors. */
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "case.h"

static int file_with(const char *path, const char *text)
{
	put_file(path, text);
	return (int)NEED(open(path, O_RDWR));
}

CASE(sequential)
{
	char b[16] = "";
	int fd = file_with("f", "0123456789");

	R(read(fd, b, 3));
	R(read(fd, b, 16));
	R(read(fd, b, 16));
	R(write(fd, "ab", 2));
	R(lseek(fd, 0, SEEK_CUR));
	R(pread(fd, b, 4, 2));
	say("%.4s\n", b);
	R(pwrite(fd, "XY", 2, 0));
	R(lseek(fd, 0, SEEK_CUR));
	say_file("f");
}

CASE(lseek)
{
	int fd = file_with("f", "0123456789"), p[2];

	R(lseek(fd, 3, SEEK_SET));
	R(lseek(fd, 3, SEEK_CUR));
	R(lseek(fd, -20, SEEK_CUR));
	R(lseek(fd, -2, SEEK_END));
	R(lseek(fd, 100, SEEK_END));
	R(lseek(fd, 0, SEEK_CUR));
	R(lseek(fd, 0, 77));
	R(lseek(fd, 0, -1));
	R(lseek(99, 0, SEEK_SET));
	NEED(pipe(p));
	R(lseek(p[0], 0, SEEK_SET));
	R(lseek(p[0], 0, 77));
	int dir = (int)NEED(open(".", O_RDONLY));
	R(lseek(dir, 0, SEEK_SET));
	int null = (int)NEED(open("/dev/null", O_RDWR));
	R(lseek(null, 5, SEEK_SET));
}

CASE(write_past_end_leaves_hole)
{
	char b[12];
	int fd = file_with("f", "abc");

	NEED(lseek(fd, 8, SEEK_SET));
	R(write(fd, "x", 1));
	R(pread(fd, b, 12, 0));
	say_bytes("f", b, 9);
}

CASE(seek_data_hole)
{
	int fd = (int)NEED(open("f", O_RDWR | O_CREAT, 0644));

	NEED(ftruncate(fd, 1 << 20));
	NEED(pwrite(fd, "data", 4, 512 << 10));
	R(lseek(fd, 0, SEEK_DATA));
	R(lseek(fd, 0, SEEK_HOLE));
	R(lseek(fd, 512 << 10, SEEK_HOLE));
	R(lseek(fd, 600 << 10, SEEK_DATA));
	R(lseek(fd, 1 << 20, SEEK_HOLE));
	R(lseek(fd, 2 << 20, SEEK_DATA));
	R(lseek(fd, -1, SEEK_DATA));
}

CASE(errors)
{
	char b[4];
	int ro, wo, dir = (int)NEED(open(".", O_RDONLY));

	put_file("f", "x");
	ro = (int)NEED(open("f", O_RDONLY));
	wo = (int)NEED(open("f", O_WRONLY));
	R(write(ro, b, 1));
	R(read(wo, b, 1));
	R(pread(wo, b, 1, 0));
	R(pwrite(ro, b, 1, 0));
	R(read(dir, b, 1));
	R(write(dir, b, 1));
	R(pread(dir, b, 1, 0));
	R(read(99, b, 1));
	R(write(-1, b, 1));
	R(pread(ro, b, 1, -1));
	R(read(ro, b, 0));
	R(read(wo, b, 0));
	R(write(ro, b, 0));
	int p[2];
	NEED(pipe(p));
	R(pread(p[0], b, 1, 0));
	R(pwrite(p[1], b, 1, 0));
	R(read(p[1], b, 1));
	R(write(p[0], b, 1));
}

CASE(vectors)
{
	char a[3], b[4], c[8];
	struct iovec v[] = { { a, 3 }, { b, 0 }, { b, 4 }, { c, 8 } };
	struct iovec w[] = { { (void *)(uintptr_t) "one", 3 }, { (void *)(uintptr_t) "two", 3 } };
	int fd = file_with("f", "0123456789");

	R(readv(fd, v, 4));
	say("%.3s %.4s %.3s\n", a, b, c);
	R(preadv(fd, v, 3, 5));
	say("%.3s %.2s\n", a, b);
	R(pwritev(fd, w, 2, 2));
	R(writev(fd, w, 2));
	say_file("f");
	R(preadv(fd, v, 4, -1));
	R(readv(99, v, 1));
	R(readv(fd, v, 0));
}

CASE(preadv2_pwritev2)
{
	char a[4] = "";
	struct iovec v = { a, 3 }, w = { (void *)(uintptr_t) "new", 3 };
	int fd = file_with("f", "0123456789");

	NEED(lseek(fd, 2, SEEK_SET));
	R(preadv2(fd, &v, 1, -1, 0));
	say("%s\n", a);
	R(preadv2(fd, &v, 1, 0, RWF_HIPRI));
	R(pwritev2(fd, &w, 1, 0, RWF_APPEND));
	R(pwritev2(fd, &w, 1, 0, RWF_DSYNC));
	R(pwritev2(fd, &w, 1, -1, RWF_SYNC));
	R(preadv2(fd, &v, 1, 0, 0x40000000));
	R(preadv2(fd, &v, 1, -2, 0));
	say_file("f");
}

CASE(fallocate)
{
	struct stat st;
	char b[16];
	int fd = file_with("f", "0123456789"), ro = (int)NEED(open("f", O_RDONLY)), p[2];

	R(fallocate(fd, 0, 0, 100));
	NEED(fstat(fd, &st));
	V(st.st_size);
	R(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10000));
	NEED(fstat(fd, &st));
	V(st.st_size);
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 4));
	R(pread(fd, b, 10, 0));
	say_bytes("punched", b, 10);
	R(fallocate(fd, FALLOC_FL_ZERO_RANGE, 7, 2));
	R(pread(fd, b, 10, 0));
	say_bytes("zeroed", b, 10);
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1));
	R(fallocate(fd, 0, -1, 1));
	R(fallocate(fd, 0, 0, 0));
	R(fallocate(fd, 0, 0, -1));
	R(fallocate(ro, 0, 0, 1));
	R(fallocate(99, 0, 0, 1));
	NEED(pipe(p));
	R(fallocate(p[1], 0, 0, 1));
	R(fallocate((int)NEED(open(".", O_RDONLY)), 0, 0, 1));
	R(fallocate(fd, 0x8000, 0, 1));
	Z(posix_fallocate(fd, 0, 20000));
}

CASE(fadvise_readahead_sync)
{
	int fd = file_with("f", "x"), p[2];

	NEED(pipe(p));
	Z(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	Z(posix_fadvise(fd, 0, 0, 77));
	Z(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL));
	Z(posix_fadvise(99, 0, 0, POSIX_FADV_NORMAL));
	R(readahead(fd, 0, 100));
	R(fsync(fd));
	R(fdatasync(fd));
	R(fsync(p[0]));
	R(fsync(99));
	R(sync_file_range(fd, 0, 1, SYNC_FILE_RANGE_WRITE));
	R(syncfs(fd));
}

/* The limit is above what this program's own output takes. */
CASE(file_size_limit)
{
	enum { LIMIT = 1 << 20 };
	struct rlimit r = { LIMIT, RLIM_INFINITY };
	int fd = file_with("f", "01234567");

	handle(SIGXFSZ, SIG_IGN, 0);
	NEED(setrlimit(RLIMIT_FSIZE, &r));
	R(pwrite(fd, "abcd", 4, LIMIT - 2));
	R(pwrite(fd, "abcd", 4, LIMIT));
	R(ftruncate(fd, LIMIT + 1));
	R(ftruncate(fd, 5));
	R(fallocate(fd, 0, LIMIT, 1));
	pid_t pid = fork();
	if (pid == 0) {
		handle(SIGXFSZ, SIG_DFL, 0);
		_exit((int)pwrite(fd, "x", 1, 2 * LIMIT));
	}
	reap("default action", pid);
}

CASE(sendfile)
{
	char b[16] = "";
	off_t off = 2;
	int in = file_with("in", "0123456789"), out = file_with("out", ""), p[2];

	NEED(pipe(p));
	R(sendfile(out, in, &off, 4));
	V(off);
	R(lseek(in, 0, SEEK_CUR));
	R(sendfile(out, in, NULL, 3));
	R(lseek(in, 0, SEEK_CUR));
	R(sendfile(p[1], in, NULL, 100));
	R(read(p[0], b, 16));
	say("%s\n", b);
	R(sendfile(out, in, NULL, 10));
	say_file("out");
	NEED(write(p[1], "pipe", 4));
	R(sendfile(out, p[0], NULL, 4));
	R(sendfile(out, in, NULL, 0));
	off = -1;
	R(sendfile(out, in, &off, 1));
	R(sendfile(99, in, NULL, 1));
	R(sendfile(out, 99, NULL, 1));
	R(sendfile((int)NEED(open("out", O_RDONLY)), in, NULL, 1));
	R(sendfile((int)NEED(open("out", O_WRONLY | O_APPEND)), in, NULL, 1));
	R(sendfile(in, (int)NEED(open(".", O_RDONLY)), NULL, 1));
}

/* What the kernel makes is as long as any file, and has an end. */
CASE(sendfile_of_proc)
{
	char b[4096];
	int in = open("/proc/sys/kernel/ostype", O_RDONLY), p[2];
	off_t off = 2;

	NEED(in);
	NEED(pipe(p));
	R(sendfile(p[1], in, NULL, 3));
	R(lseek(in, 0, SEEK_CUR));
	R(sendfile(p[1], in, NULL, 100));
	R(sendfile(p[1], in, NULL, 100));
	R(sendfile(p[1], in, &off, 100));
	V(off);
	R(read(p[0], b, sizeof b));
}

CASE(splice)
{
	char b[16] = "";
	loff_t off = 3;
	int in = file_with("in", "0123456789"), out = file_with("out", ""), p[2], q[2];

	NEED(pipe(p));
	NEED(pipe2(q, O_NONBLOCK));
	R(splice(in, &off, p[1], NULL, 4, 0));
	V(off);
	R(splice(p[0], NULL, out, NULL, 100, 0));
	say_file("out");
	R(splice(in, NULL, p[1], NULL, 2, SPLICE_F_MOVE | SPLICE_F_MORE));
	R(splice(p[0], NULL, q[1], NULL, 2, 0));
	R(read(q[0], b, 16));
	say("%s\n", b);
	R(splice(q[0], NULL, out, NULL, 1, SPLICE_F_NONBLOCK));
	R(splice(in, NULL, out, NULL, 1, 0));
	R(splice(p[0], &off, out, NULL, 1, 0));
	R(splice(in, NULL, p[1], NULL, 0, 0));
	R(splice(in, NULL, p[1], NULL, 1, 0x100));
	R(splice(99, NULL, p[1], NULL, 1, 0));
	R(splice(p[0], NULL, p[1], NULL, 1, 0));
}

CASE(tee_vmsplice)
{
	char b[16] = "", text[] = "from memory";
	struct iovec v = { text, 11 };
	int p[2], q[2];

	NEED(pipe(p));
	NEED(pipe(q));
	R(vmsplice(p[1], &v, 1, 0));
	R(tee(p[0], q[1], 4, 0));
	R(read(q[0], b, 16));
	say("%s\n", b);
	R(read(p[0], b, 16));
	say("%s\n", b);
	R(tee(p[0], q[1], 4, SPLICE_F_NONBLOCK));
	R(tee(p[0], p[1], 4, 0));
	R(tee(0, p[1], 4, 0));
	NEED(write(p[1], "back", 4));
	v.iov_len = 4;
	R(vmsplice(p[0], &v, 1, 0));
	say("%.4s\n", text);
	R(vmsplice(0, &v, 1, 0));
}

CASE(copy_file_range)
{
	loff_t a = 2, b = 1;
	int in = file_with("in", "0123456789"), out = file_with("out", "abcdefgh"), p[2];

	NEED(pipe(p));
	R(copy_file_range(in, &a, out, &b, 3, 0));
	say("%ld %ld\n", (long)a, (long)b);
	say_file("out");
	R(copy_file_range(in, NULL, out, NULL, 100, 0));
	R(lseek(in, 0, SEEK_CUR));
	say_file("out");
	R(copy_file_range(in, NULL, out, NULL, 100, 0));
	a = 0, b = 5;
	R(copy_file_range(in, &a, in, &b, 3, 0));
	a = 0, b = 1;
	R(copy_file_range(in, &a, in, &b, 3, 0));
	R(copy_file_range(in, NULL, out, NULL, 1, 1));
	R(copy_file_range(in, NULL, p[1], NULL, 1, 0));
	R(copy_file_range(99, NULL, out, NULL, 1, 0));
	R(copy_file_range(in, NULL, (int)NEED(open("out", O_RDONLY)), NULL, 1, 0));
	R(copy_file_range(in, NULL, (int)NEED(open("out", O_WRONLY | O_APPEND)), NULL, 1, 0));
}

CASE(devices)
{
	char b[8];
	int null = (int)NEED(open("/dev/null", O_RDWR)),
	    zero = (int)NEED(open("/dev/zero", O_RDWR));
	int full = (int)NEED(open("/dev/full", O_RDWR)),
	    random = (int)NEED(open("/dev/urandom", O_RDONLY));

	memset(b, 'x', 8);
	R(read(null, b, 8));
	R(write(null, b, 8));
	R(read(zero, b, 8));
	say_bytes("zero", b, 8);
	R(write(zero, b, 8));
	R(read(full, b, 4));
	R(write(full, b, 4));
	R(write(full, b, 0));
	memset(b, 0, 8);
	R(read(random, b, 8));
	V(memcmp(b, "\0\0\0\0\0\0\0", 8) != 0);
	R(open("/dev/tty", O_RDWR));
	R(ftruncate(null, 0));
	R(open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0600) > 0);
	R(lseek(zero, 100, SEEK_SET));
}

CASE(large_transfers)
{
	static char big[3 << 20];
	int fd = (int)NEED(open("big", O_RDWR | O_CREAT, 0644));
	long bad = 0;

	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 7 >> 3);
	R(write(fd, big, sizeof big));
	memset(big, 0, sizeof big);
	R(pread(fd, big, sizeof big, 0));
	for (size_t i = 0; i < sizeof big; i++)
		bad += big[i] != (char)(i * 7 >> 3);
	V(bad);
	/* A count beyond what one call may move. */
	R(syscall(SYS_read, (int)NEED(open("/dev/null", O_RDONLY)), big, 0x7ffff000L + 10));
	NEED(ftruncate(fd, 0));
}

/* The end of all offsets, and files that have none: which check comes first. */
CASE(offsets)
{
	static const char *const names[] = { "pipe", "socket", "eventfd", "timerfd" };
	struct iovec bad = { (void *)8, 1 }, none[2] = { { (void *)~0UL, 0 }, { &bad, 1 } };
	int p[2], s[2], fds[4];
	char b[16] = "";

	NEED(pipe(p));
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	fds[0] = p[0];
	fds[1] = s[0];
	fds[2] = (int)NEED(eventfd(0, 0));
	fds[3] = (int)NEED(timerfd_create(CLOCK_MONOTONIC, 0));
	for (int i = 0; i < 4; i++) {
		say("%s\n", names[i]);
		R(pread(fds[i], b, 1, 0));
		R(pwrite(fds[i], b, 1, 0));
		R(pread(fds[i], b, 1, -1));
		R(preadv2(fds[i], &bad, 1, 2, 0));
		R(pwritev2(fds[i], &bad, 1, 2, 0));
		R(fallocate(fds[i], 0, 0, 10));
		R(fallocate(fds[i], 0, -1, 10));
	}
	R(pread(p[1], b, 1, 0));
	R(fallocate(p[1], 0, 0, 10));
	int fd = memfd_create("file", 0);
	R(pread(fd, b, 16, INT64_MAX));
	R(pread(fd, b, 16, INT64_MAX - 16));
	R(pwrite(fd, b, 16, INT64_MAX - 7));
	R(lseek(fd, INT64_MAX - 8, SEEK_SET) == INT64_MAX - 8);
	R(read(fd, b, 16));
	R(write(fd, b, 16));
	R(read(fd, b, 8));
	R(readv(fd, none, 2));
	R(readv(p[0], none, 1));
	fd = (int)NEED(open("/dev/zero", O_RDONLY));
	R(pread(fd, b, 16, INT64_MAX));
	R(fallocate(open("/dev/null", O_RDWR), 0, 0, 10));
	R(fallocate(open(".", O_RDONLY), 0, 0, 10));
}

static volatile sig_atomic_t limit_signals;

static void on_limit(int sig)
{
	limit_signals++;
}

static void try_too_big(const char *what, int fd)
{
	limit_signals = 0;
	say("%s: ", what);
	R(pwrite(fd, "x", 1, 1L << 62) == 1 ? 0 : -1);
	R(ftruncate(fd, INT64_MAX - 15) == 0 ? 0 : -1);
	R(fallocate(fd, 0, 1L << 62, 1L << 62));
	say("signals %d\n", (int)limit_signals);
}

/* SIGXFSZ is for RLIMIT_FSIZE alone: a file system that cannot make such a file just says so. */
CASE(too_big_for_the_file_system)
{
	handle(SIGXFSZ, on_limit, 0);
	try_too_big("host file", file_with("f", ""));
}

/* What is allocated within a file that is longer than the limit does not make it longer. */
CASE(file_size_limit_passed_before)
{
	enum { LIMIT = 1 << 20 };
	struct rlimit r = { LIMIT, RLIM_INFINITY };
	int fd = file_with("f", "");

	handle(SIGXFSZ, on_limit, 0);
	NEED(ftruncate(fd, 4 * LIMIT));
	NEED(setrlimit(RLIMIT_FSIZE, &r));
	R(fallocate(fd, 0, 2 * LIMIT, 1));
	R(ftruncate(fd, 3 * LIMIT));
	R(ftruncate(fd, 3 * LIMIT + 1));
	R(fallocate(fd, 0, 3 * LIMIT, 1));
	R(fallocate(fd, FALLOC_FL_KEEP_SIZE, 4 * LIMIT, 1));
	V(limit_signals);
}

/* A file sent to its own end grows while it is read: the end comes nearer, but is not there. */
CASE(sendfile_to_itself)
{
	int fd = memfd_create("m", 0);
	off_t off = 0;
	struct stat st;

	NEED(write(fd, "a", 1));
	R(sendfile(fd, fd, &off, 1000));
	V(off);
	NEED(fstat(fd, &st));
	V(st.st_size);
}

CASE(copy_range_stops_at_the_end)
{
	int fd = file_with("f", "abc");
	off_t from = 1, to = 100;
	struct stat st;

	R(copy_file_range(fd, &from, fd, &to, 50, 0));
	V(from);
	V(to);
	NEED(fstat(fd, &st));
	V(st.st_size);
	from = 200;
	R(copy_file_range(fd, &from, fd, &to, 50, 0));
}

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

static void try_noappend(int fd)
{
	char text[] = "XY";
	struct iovec v = { text, 2 };
	char b[16] = "";

	NEED(write(fd, "abcdef", 6));
	R(pwritev2(fd, &v, 1, 1, RWF_NOAPPEND));
	R(pwritev2(fd, &v, 1, 0, 0));
	R(pwritev2(fd, &v, 1, 0, RWF_NOAPPEND | RWF_APPEND));
	NEED(lseek(fd, 3, SEEK_SET));
	R(pwritev2(fd, &v, 1, -1, RWF_NOAPPEND));
	R(pread(fd, b, sizeof b, 0));
	say("%s\n", b);
	R(preadv2(fd, &v, 1, 1, RWF_NOAPPEND));
}

CASE(write_not_at_the_end)
{
	int mem = memfd_create("m", 0);

	try_noappend((int)NEED(open("f", O_RDWR | O_CREAT | O_APPEND, 0600)));
	NEED(fcntl(mem, F_SETFL, O_APPEND));
	try_noappend(mem);
}

/* Of the number of pieces 32 bits count. */
CASE(many_pieces)
{
	int fd = file_with("f", "text");
	char b[8];
	struct iovec v = { b, sizeof b };

	R(syscall(SYS_readv, fd, &v, 1UL << 32));
	R(syscall(SYS_readv, fd, &v, 1UL << 32 | 1));
	R(syscall(SYS_preadv, fd, &v, 1UL << 63, 0, 0));
	R(syscall(SYS_writev, fd, &v, ~0UL));
	R(syscall(SYS_process_vm_readv, getpid(), &v, 1UL << 32, &v, 1, 0));
	R(syscall(SYS_process_vm_readv, getpid(), &v, 1, &v, 1UL << 32, 0));
}

/* Directories of /proc have no bytes. */
CASE(lseek_proc_directory)
{
	int fd = (int)NEED(open("/proc/self", O_RDONLY | O_DIRECTORY));

	for (int whence = SEEK_SET; whence <= SEEK_HOLE + 1; whence++) {
		R(lseek(fd, 0, whence));
		R(lseek(fd, 5, whence));
		R(lseek(fd, -1, whence));
	}
}

/* The count of getdents64 is an int to file systems, and one that is negative has no room. */
CASE(getdents_counts)
{
	static char b[65536];
	static const unsigned long counts[] = { 0x7fffffff, 0x80000000,  0xffffffff,
						1UL << 32,  0x17fffffff, 0 };

	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		int fd = (int)NEED(open(".", O_RDONLY | O_DIRECTORY));
		V(syscall(SYS_getdents64, fd, b, counts[i]) > 0);
		V(errno == EINVAL);
		close(fd);
	}
}

CASE(sync_file_range_kinds)
{
	static const char *const names[] = { "/dev/null",  "/dev/zero", "/dev/tty",
					     "/proc/self", ".",         "f" };

	close(file_with("f", "x"));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int fd = open(names[i], O_RDONLY | O_NOCTTY);
		if (fd >= 0) {
			say("%s: ", names[i]);
			R(sync_file_range(fd, 0, 0, 0));
			close(fd);
		}
	}
}
