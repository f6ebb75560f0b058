/* SPDX-License-Identifier: Apache-2.0 */
/* mprotect(2), and which fault it leads to. */
#include <pthread.h>

#include "map.h"

CASE(split_and_merge)
{
	char *p = map_anon(5, PROT_READ | PROT_WRITE);

	memset(p, 1, 5 * PAGE);
	R(mprotect(p + PAGE, PAGE, PROT_READ));
	R(mprotect(p + 3 * PAGE, PAGE, PROT_NONE));
	for (int i = 0; i < 5; i++)
		poke("page", p + i * PAGE, 2);
	for (int i = 0; i < 5; i++)
		peek("page", p + i * PAGE);
	R(mprotect(p, 5 * PAGE, PROT_READ | PROT_WRITE));
	for (int i = 0; i < 5; i++)
		poke("page", p + i * PAGE, 3);
}

CASE(errors)
{
	char *p = map_anon(3, PROT_READ | PROT_WRITE);
	int ro;

	make_file("f", 1, 0);
	ro = (int)NEED(open("f", O_RDONLY));
	R(mprotect(p + 1, PAGE, PROT_READ));
	R(mprotect(p, 0, PROT_NONE));
	R(mprotect(p, 1, PROT_READ));
	poke("page of one byte", p + 100, 1);
	R(mprotect(p, PAGE, 0x100));
	R(mprotect(p, (size_t)-PAGE, PROT_READ));
	R(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
	R(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN));
	char *s = OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0));
	R(mprotect(s, PAGE, PROT_READ | PROT_WRITE));
	char *q = OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ro, 0));
	R(mprotect(q, PAGE, PROT_READ | PROT_WRITE));
}

static void try_to_write(const char *what, int fd)
{
	for (int shared = 0; shared < 2; shared++) {
		char *p = mmap(NULL, PAGE, PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);

		say("%s, %s: %s", what, shared ? "shared" : "private",
		    p == MAP_FAILED ? "not mapped\n" : "");
		if (p == MAP_FAILED)
			continue;
		R(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
		R(mprotect(p, PAGE, PROT_NONE));
		R(mprotect(p, PAGE, PROT_WRITE));
	}
}

static int sealed(unsigned seals)
{
	int fd = (int)NEED(memfd_create("sealed", MFD_ALLOW_SEALING));

	NEED(ftruncate(fd, PAGE));
	NEED(fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

/* Who may not write to a file may not through a shared mapping of it either. */
CASE(write_that_is_not_granted)
{
	make_file("f", 1, 0);
	try_to_write("file", (int)NEED(open("f", O_RDONLY)));
	try_to_write("file to write", (int)NEED(open("f", O_RDWR)));
	try_to_write("/dev/zero", (int)NEED(open("/dev/zero", O_RDONLY)));
	try_to_write("/dev/zero to write", (int)NEED(open("/dev/zero", O_RDWR)));
	char path[32];
	sprintf(path, "/proc/self/fd/%d", sealed(0));
	try_to_write("memory file", (int)NEED(open(path, O_RDONLY)));
	try_to_write("memory file to write", sealed(0));
	try_to_write("sealed", sealed(F_SEAL_WRITE));
	try_to_write("sealed for the future", sealed(F_SEAL_FUTURE_WRITE));
}

/* The kernel's own pages. */
CASE(clock_pages)
{
	const char *const names[] = { "[vvar]", "[vdso]" };
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");

	while (fgets(line, sizeof line, maps)) {
		void *p = (void *)strtoul(line, NULL, 16);

		for (int i = 0; i < 2; i++) {
			if (!strstr(line, names[i]))
				continue;
			say("%s\n", names[i]);
			R(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
			R(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
			OK(mremap(p, PAGE, 64 * PAGE, MREMAP_MAYMOVE));
		}
	}
	fclose(maps);
}

CASE(grows)
{
	char *p = map_anon(3, PROT_READ | PROT_WRITE);

	NEED(munmap(p, PAGE));
	R(mprotect(p, PAGE, PROT_READ | PROT_GROWSUP));
	R(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN));
	R(mprotect(p + PAGE, PAGE, PROT_READ | PROT_GROWSUP));
	R(mprotect(p + PAGE, 0, PROT_READ | PROT_GROWSUP));
}

/* What comes before a hole is changed before ENOMEM is found. */
CASE(hole)
{
	char *p = map_anon(3, PROT_READ | PROT_WRITE);

	NEED(munmap(p + PAGE, PAGE));
	R(mprotect(p, 3 * PAGE, PROT_READ));
	poke("before the hole", p, 1);
	poke("after the hole", p + 2 * PAGE, 1);
	NEED(munmap(p, PAGE));
	R(mprotect(p, PAGE, PROT_READ));
}

CASE(none_keeps_content)
{
	char *p = map_anon(2, PROT_READ | PROT_WRITE);

	memset(p, 'k', 2 * PAGE);
	R(mprotect(p, 2 * PAGE, PROT_NONE));
	peek("closed", p);
	R(mprotect(p, 2 * PAGE, PROT_READ));
	peek("opened", p + PAGE);
}

CASE(relro_like)
{
	int fd = make_file("f", 4, 0);
	char *p = OK(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));

	memset(p + 100, 'R', 2 * PAGE);
	R(mprotect(p, 2 * PAGE, PROT_READ));
	poke("relro", p, 1);
	poke("data", p + 2 * PAGE, 'D');
	say("%c%c%c%c\n", p[99], p[100], p[2 * PAGE], p[3 * PAGE]);
}

CASE(part_of_large)
{
	size_t size = 8UL << 20;
	char *p = OK(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	memset(p, 'L', size);
	R(mprotect(p + (4 << 20), PAGE, PROT_READ));
	poke("inside", p + (4 << 20), 1);
	poke("before", p + (4 << 20) - 1, 1);
	poke("after", p + (4 << 20) + PAGE, 1);
	R(munmap(p + (2 << 20), PAGE));
	peek("hole", p + (2 << 20));
	peek("beside the hole", p + (2 << 20) + PAGE);
}

CASE(code_patched)
{
	/* The program's own text is made writable, changed, and restored. */
	static int (*volatile fn)(const char *) = atoi;
	char *page = (char *)((uintptr_t)fn & -PAGE);
	unsigned char *at = (unsigned char *)(uintptr_t)fn, old[6];
	static const unsigned char code[] = { 0xb8, 99, 0, 0, 0, 0xc3 };

	V(fn("5"));
	R(mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	memcpy(old, at, 6);
	memcpy(at, code, 6);
	V(fn("5"));
	memcpy(at, old, 6);
	R(mprotect(page, 2 * PAGE, PROT_READ | PROT_EXEC) == 0);
	V(fn("5"));
}

static int toggles;

static void reopen(int sig, siginfo_t *info, void *ctx)
{
	char *page = (char *)((uintptr_t)info->si_addr & -PAGE);

	toggles++;
	if (mprotect(page, PAGE, PROT_READ | PROT_WRITE))
		_exit(3);
}

/* The way garbage collectors watch writes. */
CASE(write_barrier)
{
	enum { N = 32 };
	char *p = map_anon(N, PROT_READ | PROT_WRITE);

	handle_info(SIGSEGV, reopen, 0);
	for (int round = 0; round < 3; round++) {
		NEED(mprotect(p, N * PAGE, PROT_READ));
		for (int i = 0; i < N; i += round + 1)
			p[i * PAGE] = (char)i;
		V(toggles);
	}
}

static volatile int go, stop;

static void *reader(void *arg)
{
	volatile char *p = arg;

	probe_begin();
	if (sigsetjmp(probe_env, 1) == 0) {
		go = 1;
		while (!stop)
			(void)*p;
		return (void *)(uintptr_t) "no fault";
	}
	return (void *)(uintptr_t)fault_name(&probe_info);
}

/* A thread that has the translation cached must lose it. */
static void seen_by_other_thread(int (*revoke)(void *))
{
	char *p = map_anon(1, PROT_READ | PROT_WRITE);
	pthread_t t;
	void *seen;

	p[0] = 1;
	MUST(pthread_create(&t, NULL, reader, p));
	while (!go)
		;
	V(revoke(p));
	Z(pthread_join(t, &seen));
	say("other thread: %s\n", (char *)seen);
}

static int revoke_mprotect(void *p)
{
	return mprotect(p, PAGE, PROT_NONE);
}

static int revoke_munmap(void *p)
{
	return munmap(p, PAGE);
}

CASE(mprotect_seen_by_other_thread)
{
	seen_by_other_thread(revoke_mprotect);
}

CASE(munmap_seen_by_other_thread)
{
	seen_by_other_thread(revoke_munmap);
}

CASE(pkeys)
{
	/* Where the machine has none this is ENOSPC or ENOSYS on both sides. */
	int key = (int)syscall(SYS_pkey_alloc, 0, 0);

	V(key >= -1);
	R(syscall(SYS_pkey_alloc, 1, 0));
	R(syscall(SYS_pkey_free, 99));
	char *p = map_anon(1, PROT_READ);
	R(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ | PROT_WRITE, -1));
	poke("after pkey_mprotect with key -1", p, 1);
}
