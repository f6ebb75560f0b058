/* SPDX-License-Identifier: Apache-2.0 */
/* memfd_create(2) and seals. */
#include <linux/memfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "map.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#define MFD_EXEC        16U
#endif

static int sealed(int seals, size_t size)
{
	int fd = (int)NEED(memfd_create("sealed", MFD_ALLOW_SEALING));

	NEED(ftruncate(fd, (off_t)size));
	NEED(fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

static long blocks(int fd)
{
	struct stat st;

	NEED(fstat(fd, &st));
	return st.st_blocks;
}

/* A mapping takes no memory: touching does, and a kernel may bring some pages around. */
CASE(sparse)
{
	size_t size = 64UL << 20, near = 1UL << 20;
	int fd = (int)NEED(memfd_create("sparse", 0));

	NEED(ftruncate(fd, (off_t)size));
	char *p = (char *)NEED(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	V(blocks(fd));
	R(lseek(fd, 0, SEEK_DATA));
	R(lseek(fd, 0, SEEK_HOLE));
	p[size / 2] = 1;
	V(blocks(fd) > 0 && blocks(fd) <= (long)(near / 512));
	off_t data = lseek(fd, 0, SEEK_DATA), hole = lseek(fd, (off_t)size / 2, SEEK_HOLE);
	V(data > (off_t)(size / 2 - near) && data <= (off_t)size / 2);
	V(hole > (off_t)size / 2 && hole < (off_t)(size / 2 + near));
	NEED(pwrite(fd, "x", 1, (off_t)(3 * PAGE)));
	R(lseek(fd, 0, SEEK_DATA));
	R(lseek(fd, 3 * PAGE, SEEK_HOLE));
	R(fallocate(fd, 0, 0, (off_t)size / 4));
	V(blocks(fd) >= (long)(size / 4 / 512) && blocks(fd) <= (long)((size / 4 + near) / 512));
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)size));
	V(blocks(fd));
}

/* Small ones, too. */
CASE(sparse_small)
{
	int fd = (int)NEED(memfd_create("sparse", 0));
	char *churn = map_anon(64, PROT_READ | PROT_WRITE);

	memset(churn, 1, 64 * PAGE);
	NEED(munmap(churn, 64 * PAGE));
	NEED(ftruncate(fd, 8 * PAGE));
	NEED(mmap(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, fd, 0));
	V(blocks(fd));
	R(lseek(fd, 0, SEEK_DATA));
	NEED(pwrite(fd, "x", 1, 5 * PAGE));
	V(blocks(fd));
	R(lseek(fd, 0, SEEK_DATA));
	R(lseek(fd, 5 * PAGE, SEEK_HOLE));
}

/* A write of nothing meets no seal. */
CASE(empty_writes)
{
	int w = sealed(F_SEAL_WRITE, 10), f = sealed(F_SEAL_FUTURE_WRITE, 10),
	    g = sealed(F_SEAL_GROW, 10);
	char b[4] = "abc";

	R(write(w, b, 0));
	R(pwrite(f, b, 0, 100));
	R(pwrite(g, b, 0, 100));
	R(pwrite(g, b, 1, 100));
	R(syscall(SYS_write, w, 16L, 0));
	R(syscall(SYS_write, w, 16L, 1));
}

CASE(create)
{
	char name[300], link[300];
	struct stat st;
	int fd = (int)R(memfd_create("a name", 0));

	V(fcntl(fd, F_GETFD));
	X(fcntl(fd, F_GETFL));
	NEED(fstat(fd, &st));
	say("mode %o size %ld links %ld\n", st.st_mode, (long)st.st_size, (long)st.st_nlink);
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(name, link, sizeof link - 1);
	say("%.*s\n", (int)n, link);
	V(fcntl((int)R(memfd_create("", MFD_CLOEXEC)), F_GETFD));
	R(memfd_create("x", 0x1000));
	/* What programs pass to learn whether the call exists. */
	R(memfd_create("x", -1));
	R(memfd_create("x", MFD_HUGETLB | 0x1000));
	R(memfd_create("x", MFD_HUGETLB | MFD_EXEC | MFD_NOEXEC_SEAL));
	R(memfd_create("x", MFD_HUGETLB | 13 << MFD_HUGE_SHIFT));
	R(memfd_create("x", 13 << MFD_HUGE_SHIFT));
	memset(name, 'n', 249);
	name[249] = 0;
	R(memfd_create(name, 0));
	memset(name, 'n', 250);
	name[250] = 0;
	R(memfd_create(name, 0));
	R(syscall(SYS_memfd_create, 8, 0));
}

CASE(read_write)
{
	int fd = (int)NEED(memfd_create("m", 0));
	char b[16];

	R(write(fd, "hello", 5));
	R(pwrite(fd, "end", 3, 10));
	R(lseek(fd, 0, SEEK_END));
	R(pread(fd, b, 16, 0));
	say_bytes("content", b, 13);
	R(ftruncate(fd, 3));
	R(ftruncate(fd, 6));
	R(pread(fd, b, 16, 0));
	say_bytes("truncated and grown", b, 6);
	R(ftruncate(fd, -1));
}

CASE(mapped)
{
	int fd = (int)NEED(memfd_create("m", 0));

	NEED(ftruncate(fd, 2 * PAGE));
	char *p = OK((char *)mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	char *q = OK((char *)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE));
	strcpy(p + PAGE, "seen by both");
	say("%s\n", q);
	R(pwrite(fd, "READ", 4, PAGE));
	say("%s\n", p + PAGE);
	NEED(ftruncate(fd, PAGE));
	peek("cut", q);
	NEED(ftruncate(fd, 2 * PAGE));
	peek("regrown", q);
}

CASE(shared_across_fork)
{
	int fd = (int)NEED(memfd_create("m", 0));

	NEED(ftruncate(fd, PAGE));
	char *p = OK((char *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	pid_t pid = fork();
	if (pid == 0) {
		R(pwrite(fd, "by write", 9, 0));
		strcpy(p + 100, "by map");
		_exit(0);
	}
	reap("child", pid);
	say("%s, %s\n", p, p + 100);
}

CASE(seals)
{
	int fd = (int)NEED(memfd_create("m", MFD_ALLOW_SEALING)),
	    plain = (int)NEED(memfd_create("m", 0));

	X(fcntl(fd, F_GET_SEALS));
	X(fcntl(plain, F_GET_SEALS));
	R(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW));
	R(fcntl(fd, F_ADD_SEALS, 0x1000));
	R(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK));
	X(fcntl(fd, F_GET_SEALS));
	R(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	R(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	X(fcntl(fd, F_GET_SEALS));
	R(fcntl(1, F_GET_SEALS));
}

CASE(seal_grow_shrink)
{
	int fd = sealed(F_SEAL_GROW, 100);

	R(ftruncate(fd, 200));
	R(pwrite(fd, "0123456789", 10, 95));
	R(pwrite(fd, "x", 1, 100));
	R(ftruncate(fd, 50));
	fd = sealed(F_SEAL_SHRINK, 100);
	R(ftruncate(fd, 50));
	R(ftruncate(fd, 200));
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10));
}

CASE(seal_write)
{
	int fd = sealed(F_SEAL_WRITE, PAGE);

	R(write(fd, "x", 1));
	OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	char *p = OK((char *)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	R(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	char *q = OK((char *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	poke("private", q, 1);
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
}

CASE(seal_write_while_mapped)
{
	int fd = (int)NEED(memfd_create("m", MFD_ALLOW_SEALING));

	NEED(ftruncate(fd, PAGE));
	char *p = OK((char *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	R(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	R(munmap(p, PAGE));
	R(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
}

CASE(seal_future_write)
{
	int fd = (int)NEED(memfd_create("m", MFD_ALLOW_SEALING));

	NEED(ftruncate(fd, PAGE));
	char *p = OK((char *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	R(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	poke("old map", p, 1);
	R(write(fd, "x", 1));
	OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

CASE(seek_hole_punch_hole)
{
	int fd = (int)NEED(memfd_create("m", 0));
	char b[4] = "";

	NEED(pwrite(fd, "abc", 3, 0));
	NEED(pwrite(fd, "xyz", 3, 8 * PAGE));
	R(lseek(fd, 0, SEEK_HOLE));
	R(lseek(fd, PAGE, SEEK_DATA));
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	R(lseek(fd, 0, SEEK_DATA));
	R(pread(fd, b, 3, 0));
	say_bytes("punched", b, 3);
	R(fallocate(fd, 0, 10 * PAGE, PAGE));
	R(lseek(fd, 0, SEEK_END));
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE));
}

CASE(reopened)
{
	int fd = (int)NEED(memfd_create("m", 0));
	char path[40], b[8] = "";

	NEED(write(fd, "content", 7));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int again = (int)R(open(path, O_RDONLY));
	R(read(again, b, 7));
	say("%s\n", b);
	R(write(again, "x", 1));
}

CASE(executed)
{
	int from = (int)NEED(open(case_self, O_RDONLY)),
	    fd = (int)NEED(memfd_create("prog", MFD_CLOEXEC));
	static char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof buf)) > 0)
		NEED(write(fd, buf, n));
	pid_t pid = fork();
	if (pid == 0) {
		char arg0[] = "prog", arg1[] = "role:hello", *argv[] = { arg0, arg1, NULL };
		R(fexecve(fd, argv, environ));
		_exit(1);
	}
	reap("child", pid);
}

ROLE(hello)
{
	say("hello from a memfd\n");
}

/* For the thread sanitizer: another process changes the size of a file while mappings of it are cut
 * in pieces and joined. */
CASE(resized_while_pieces_join)
{
	int fd = (int)NEED(memfd_create("m", 0)), status;

	NEED(ftruncate(fd, 4 * 4096));
	char *m = (char *)NEED(mmap(NULL, 4 * 4096, PROT_READ, MAP_SHARED, fd, 0));
	pid_t pid = (pid_t)NEED(fork());
	for (int i = 0; i < 100; i++) {
		if (pid == 0) {
			NEED(ftruncate(fd, (1 + i % 4) * 4096));
		} else {
			NEED(mprotect(m + 4096, 4096, PROT_NONE));
			NEED(mprotect(m + 4096, 4096, PROT_READ));
		}
	}
	if (pid == 0)
		_exit(0);
	NEED(waitpid(pid, &status, 0));
	X(status);
}
