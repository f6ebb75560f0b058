/* SPDX-License-Identifier: Apache-2.0 */
/* madvise(2), mincore(2), msync(2), the mlock(2) family. */
#include <sys/resource.h>

#include <sys/stat.h>

#include "map.h"

CASE(dontneed_anonymous)
{
	char *p = map_anon(3, PROT_READ | PROT_WRITE);

	memset(p, 1, 3 * PAGE);
	R(madvise(p + PAGE, PAGE, MADV_DONTNEED));
	say_bytes("all", p, 3 * PAGE);
	p[PAGE] = 2;
	say_bytes("written again", p + PAGE, PAGE);
}

CASE(dontneed_private_file)
{
	int fd = make_file("f", 2, 0);
	char *p = OK((char *)mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));

	p[0] = 'X';
	R(madvise(p, PAGE, MADV_DONTNEED));
	say("the file's again: %c\n", p[0]);
}

CASE(dontneed_shared)
{
	char *p =
	    OK((char *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	p[0] = 'S';
	R(madvise(p, PAGE, MADV_DONTNEED));
	say("kept: %c\n", p[0]);
}

CASE(dontneed_after_fork)
{
	char *p = map_anon(1, PROT_READ | PROT_WRITE);

	p[0] = 'P';
	pid_t pid = fork();
	if (pid == 0) {
		R(madvise(p, PAGE, MADV_DONTNEED));
		say("child: %02x\n", p[0]);
		_exit(0);
	}
	reap("child", pid);
	say("parent: %c\n", p[0]);
}

CASE(dontneed_readonly_and_none)
{
	char *p = map_anon(2, PROT_READ | PROT_WRITE);

	memset(p, 4, 2 * PAGE);
	NEED(mprotect(p, PAGE, PROT_READ));
	NEED(mprotect(p + PAGE, PAGE, PROT_NONE));
	R(madvise(p, 2 * PAGE, MADV_DONTNEED));
	NEED(mprotect(p, 2 * PAGE, PROT_READ));
	say_bytes("gone", p, 2 * PAGE);
}

CASE(free)
{
	char *p = map_anon(1, PROT_READ | PROT_WRITE);

	memset(p, 6, PAGE);
	R(madvise(p, PAGE, MADV_FREE));
	V(p[0] == 6 || p[0] == 0);
	p[0] = 7;
	say("written after: %d\n", p[0]);
	int fd = make_file("f", 1, 0);
	char *q = OK((char *)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	R(madvise(q, PAGE, MADV_FREE));
}

CASE(remove)
{
	char *p = OK((char *)mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	memset(p, 'r', 2 * PAGE);
	R(madvise(p, PAGE, MADV_REMOVE));
	say_bytes("shared anonymous", p, 2 * PAGE);
	char *q = map_anon(1, PROT_READ | PROT_WRITE);
	R(madvise(q, PAGE, MADV_REMOVE));
}

/* Holes in what is mapped are told when all else is done. */
CASE(remove_of_files)
{
	int fd = make_file("f", 4, 0), mem = (int)NEED(memfd_create("m", MFD_ALLOW_SEALING));
	char *p = OK((char *)mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)), c;
	struct stat st;

	R(madvise(p + PAGE, PAGE, MADV_REMOVE));
	say("%02x %02x %02x\n", p[0], p[PAGE], p[2 * PAGE]);
	R(pread(fd, &c, 1, PAGE));
	V(c);
	NEED(munmap(p + 2 * PAGE, PAGE));
	R(madvise(p, 4 * PAGE, MADV_REMOVE));
	say("%02x %02x\n", p[0], p[3 * PAGE]);
	NEED(ftruncate(mem, 2 * PAGE));
	p = OK((char *)mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0));
	memset(p, 'm', 2 * PAGE);
	R(madvise(p, PAGE, MADV_REMOVE));
	say("%02x %02x\n", p[0], p[PAGE]);
	NEED(fstat(mem, &st));
	V(st.st_blocks);
	NEED(fcntl(mem, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	R(madvise(p + PAGE, PAGE, MADV_REMOVE));
	int ro = (int)NEED(open("f", O_RDONLY));
	p = OK((char *)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0));
	R(madvise(p, PAGE, MADV_REMOVE));
	p = OK((char *)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ro, 0));
	R(madvise(p, PAGE, MADV_REMOVE));
}

CASE(errors)
{
	char *p = map_anon(3, PROT_READ | PROT_WRITE);

	R(madvise(p + 1, PAGE, MADV_DONTNEED));
	R(madvise(p, 0, MADV_DONTNEED));
	R(madvise(p, PAGE, 12345));
	R(madvise(p, (size_t)-1, MADV_DONTNEED));
	NEED(munmap(p + PAGE, PAGE));
	memset(p, 1, PAGE);
	memset(p + 2 * PAGE, 1, PAGE);
	R(madvise(p, 3 * PAGE, MADV_DONTNEED));
	say("hole is told, all else is done: %d %d\n", p[0], p[2 * PAGE]);
}

CASE(hints)
{
	char *p = map_anon(2, PROT_READ | PROT_WRITE);

	p[0] = 1;
	R(madvise(p, 2 * PAGE, MADV_NORMAL));
	R(madvise(p, 2 * PAGE, MADV_RANDOM));
	R(madvise(p, 2 * PAGE, MADV_SEQUENTIAL));
	R(madvise(p, 2 * PAGE, MADV_WILLNEED));
	R(madvise(p, 2 * PAGE, MADV_DONTDUMP));
	R(madvise(p, 2 * PAGE, MADV_DODUMP));
	R(madvise(p, 2 * PAGE, MADV_COLD));
	R(madvise(p, 2 * PAGE, MADV_PAGEOUT));
	R(madvise(p, 2 * PAGE, MADV_POPULATE_READ));
	R(madvise(p, 2 * PAGE, MADV_POPULATE_WRITE));
	V(p[0]);
}

static unsigned long resident(char *p, unsigned long pages)
{
	unsigned char *vec = malloc(pages);
	unsigned long n = 0;

	NEED(mincore(p, pages * PAGE, vec));
	for (unsigned long i = 0; i < pages; i++)
		n += vec[i] & 1;
	free(vec);
	return n;
}

CASE(populate_resident)
{
	unsigned long pages = 6000; /* more than anything takes at once */
	int fd = make_file("f", 16, 0);
	char *p = map_anon(pages, PROT_READ | PROT_WRITE), *f;

	R(madvise(p, pages * PAGE, MADV_POPULATE_WRITE));
	V(resident(p, pages));
	p = map_anon(pages, PROT_READ | PROT_WRITE);
	R(madvise(p, pages * PAGE, MADV_POPULATE_READ));
	V(resident(p, pages));
	p = map_anon(pages, PROT_READ | PROT_WRITE);
	R(mlock(p, 100 * PAGE));
	V(resident(p, 100));
	R(munlock(p, 100 * PAGE));
	f = OK((char *)mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0));
	V(resident(f, 16));
	f = OK((char *)mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, fd,
			    0));
	V(resident(f, 16));
	f = OK((char *)mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
	V(resident(f, 16));
}

CASE(populate_errors)
{
	char *p = map_anon(2, PROT_READ);
	int fd = make_file("f", 1, 0);

	R(madvise(p, PAGE, MADV_POPULATE_WRITE));
	R(madvise(p, PAGE, MADV_POPULATE_READ));
	char *q = OK((char *)mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0));
	R(madvise(q, 2 * PAGE, MADV_POPULATE_READ));
	NEED(munmap(p + PAGE, PAGE));
	R(madvise(p, 2 * PAGE, MADV_POPULATE_READ));
}

CASE(mincore_errors)
{
	char *p = map_anon(2, PROT_READ | PROT_WRITE);
	unsigned char vec[4];

	R(mincore(p + 1, PAGE, vec));
	R(mincore(p, 0, vec));
	R(syscall(SYS_mincore, p, PAGE, 8L));
	NEED(munmap(p + PAGE, PAGE));
	R(mincore(p, 2 * PAGE, vec));
	R(syscall(SYS_mincore, p, 2 * PAGE, 16L));
	p[0] = 1;
	R(mincore(p, 1, vec));
	V(vec[0] & 1);
}

CASE(msync)
{
	int fd = make_file("f", 2, 0);
	char *p = OK((char *)mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));

	p[5] = 'm';
	R(msync(p, 2 * PAGE, MS_SYNC));
	R(msync(p, PAGE, MS_ASYNC));
	R(msync(p, PAGE, MS_SYNC | MS_INVALIDATE));
	R(msync(p + 1, PAGE, MS_SYNC));
	R(msync(p, PAGE, MS_SYNC | MS_ASYNC));
	R(msync(p, PAGE, 8));
	R(msync(p, 0, MS_SYNC));
	R(mlock(p, 0));
	R(munlock(p, (size_t)-1));
	NEED(munmap(p + PAGE, PAGE));
	R(msync(p, 2 * PAGE, MS_SYNC));
}

CASE(mlock)
{
	char *p = map_anon(4, PROT_READ | PROT_WRITE);
	unsigned char vec[4];

	R(mlock(p, 2 * PAGE));
	R(mincore(p, 2 * PAGE, vec));
	V((vec[0] & 1) + (vec[1] & 1));
	R(munlock(p, 2 * PAGE));
	R(mlock2(p, PAGE, MLOCK_ONFAULT));
	R(mlock2(p, PAGE, 2));
	R(mlock(p + 100, PAGE));
	R(munlock(p, 4 * PAGE));
	R(mlock(p, 0));
	R(mlockall(0));
	R(mlockall(MCL_ONFAULT));
	R(mlockall(MCL_CURRENT));
	R(munlockall());
	NEED(munmap(p + PAGE, PAGE));
	R(mlock(p, 4 * PAGE));
	R(munlock(p, 4 * PAGE));
}

CASE(mlock_locked_pages_stay)
{
	char *p = map_anon(1, PROT_READ | PROT_WRITE);

	p[0] = 3;
	R(mlock(p, PAGE));
	R(madvise(p, PAGE, MADV_DONTNEED));
	V(p[0]);
	R(munlock(p, PAGE));
	R(madvise(p, PAGE, MADV_DONTNEED));
	V(p[0]);
}

static int limited(void *arg)
{
	struct rlimit r = { 2 * PAGE, 2 * PAGE };
	char *p = map_anon(8, PROT_READ | PROT_WRITE);

	NEED(setrlimit(RLIMIT_MEMLOCK, &r));
	NEED(setresuid(1000, 1000, 1000));
	R(mlock(p, PAGE));
	R(mlock(p, 3 * PAGE));
	R(mlock(p + PAGE, PAGE));
	R(mlock(p + 2 * PAGE, PAGE));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
	return 0;
}

CASE(mlock_limit)
{
	in_child("user", limited, NULL);

	need_root();
}

/* A limit is not one for root. */
CASE(mlock_root)
{
	struct rlimit r = { 2 * PAGE, 2 * PAGE };
	char *p = map_anon(8, PROT_READ | PROT_WRITE);

	need_root();
	NEED(setrlimit(RLIMIT_MEMLOCK, &r));
	R(mlock(p, 8 * PAGE));
	OK(mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
	R(mlockall(MCL_CURRENT | MCL_FUTURE));
	OK(mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
