/* SPDX-License-Identifier: Apache-2.0 */
/* mseal(2) */
#include "map.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

static long mseal(void *p, size_t len)
{
	return syscall(SYS_mseal, p, len, 0);
}

CASE(arguments)
{
	char *p = map_anon(4, PROT_READ);

	R(syscall(SYS_mseal, p, PAGE, 1));
	R(mseal(p + 1, PAGE));
	R(mseal(p, 0));
	R(mseal(p, -1UL));
	R(mseal(p, -PAGE));
	NEED(munmap(p + 2 * PAGE, PAGE));
	R(mseal(p, 4 * PAGE));
	R(munmap(p, PAGE));
	R(mseal(p + PAGE, 1));
	R(mseal(p + PAGE, PAGE));
	R(munmap(p + PAGE, PAGE));
}

CASE(unmap)
{
	char *p = map_anon(5, PROT_READ | PROT_WRITE);

	R(mseal(p + 2 * PAGE, PAGE));
	R(munmap(p, 5 * PAGE));
	p[0] = 1;
	OK(mmap(p + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	OK(mmap(p, 5 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	R(munmap(p, 2 * PAGE));
	R(munmap(p + 3 * PAGE, 2 * PAGE));
	R(munmap(p, 5 * PAGE));
}

CASE(protect)
{
	char *p = map_anon(4, PROT_READ | PROT_WRITE);

	NEED(mseal(p + PAGE, PAGE));
	R(mprotect(p + PAGE, PAGE, PROT_READ));
	R(mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE));
	R(mprotect(p, 4 * PAGE, PROT_READ));
	p[PAGE] = p[2 * PAGE] = 1;
	R(syscall(SYS_pkey_mprotect, p + PAGE, PAGE, PROT_READ, -1));
	R(mlock(p + PAGE, PAGE));
	R(msync(p + PAGE, PAGE, MS_SYNC));
}

CASE(remap)
{
	char *p = map_anon(6, PROT_READ | PROT_WRITE), *q = map_anon(2, PROT_READ);

	NEED(mseal(p + PAGE, PAGE));
	OK(mremap(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	OK(mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q));
	OK(mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE));
	OK(mremap(p, 2 * PAGE, PAGE, 0));
	OK(mremap(p + PAGE, PAGE, PAGE, 0));
	OK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE));
}

static void advise(char *p, const char *what)
{
	static const int advice[] = { MADV_DONTNEED,   MADV_FREE,
				      MADV_DONTFORK,   MADV_WILLNEED,
				      MADV_WIPEONFORK, MADV_DONTDUMP,
				      MADV_COLD,       24 /* MADV_DONTNEED_LOCKED */,
				      MADV_REMOVE };

	say("%s\n", what);
	for (unsigned i = 0; i < sizeof advice / sizeof advice[0]; i++) {
		say("%d: ", advice[i]);
		R(madvise(p, PAGE, advice[i]));
	}
}

CASE(advice)
{
	int fd = make_file("f", 1, 0);
	char *p = map_anon(1, PROT_READ | PROT_WRITE);
	char *q = (char *)NEED(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	char *s = (char *)NEED(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	char *r = map_anon(1, PROT_READ | PROT_WRITE);

	r[0] = 'r';
	NEED(mprotect(r, PAGE, PROT_READ));
	NEED(mseal(p, PAGE));
	NEED(mseal(q, PAGE));
	NEED(mseal(s, PAGE));
	NEED(mseal(r, PAGE));
	advise(p, "writable");
	advise(r, "read-only");
	advise(q, "a file");
	advise(s, "a shared file");
	V(r[0]);
}

static int tries(void *arg)
{
	R(munmap(arg, PAGE));
	return 0;
}

CASE(child_and_brk)
{
	char *p = map_anon(1, PROT_READ), *end = sbrk(0), *low;

	NEED(mseal(p, PAGE));
	in_child("child", tries, p);
	end = (char *)(((uintptr_t)end + PAGE - 1) & -PAGE);
	NEED(brk(end + 2 * PAGE));
	low = end + PAGE;
	NEED(mseal(low, PAGE));
	V(syscall(SYS_brk, end) - (long)end);
	V(syscall(SYS_brk, end + 3 * PAGE) - (long)end);
	low[0] = 1;
}

CASE(flags_in_smaps)
{
	char *p = map_anon(3, PROT_READ), line[512];
	bool here = false;

	NEED(mseal(p + PAGE, PAGE));
	FILE *f = fopen("/proc/self/smaps", "r");
	while (f && fgets(line, sizeof line, f)) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = from >= (uintptr_t)p && from < (uintptr_t)p + 3 * PAGE;
		else if (here && !strncmp(line, "VmFlags", 7))
			say("%s", line);
	}
}
