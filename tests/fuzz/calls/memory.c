/* SPDX-License-Identifier: Apache-2.0 */
/* Where arguments lie. Many places are shared: with other threads, other processes, and a file that
 * is truncated. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

enum {
	REGION = 16 * PAGE,
	SHARED = 4 * REGION,
	GAP = 1 << 20,
	ANON = MAP_PRIVATE | MAP_ANONYMOUS,
	RW = PROT_READ | PROT_WRITE
};

static char *shared;    /* anonymous, by all processes */
static char *patchwork; /* every other page is closed */
static char *of_file;   /* a file of the host's, by all processes, truncated by anybody */
static char *own_file;  /* the same, private */
static char *of_memfd, *readonly;
static char *areas; /* what calls map and unmap */

uint64_t number(void)
{
	switch (below(12)) {
	case 0: return 0;
	case 1: return (uint64_t)-1 - (percent(50) ? 0 : below(9000));
	case 2:
		return PICK(0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
			    0x8000000000000000);
	case 3: return (1UL << below(64)) - below(2);
	case 4: return random64() >> below(64);
	case 5:
		return PICK(0x7ffffffff000, 0x7fffffffe000, 0x800000000000, 0xffffffffff600000,
			    0xffff800000000000);
	case 6:
		return PICK(7, 8, 0xfff, 0x1000, 0x1001, 1023, 1024, 1025, 65535, 65536, 65537,
			    2147479552);
	case 7: return below(65536);
	default: return below(17);
	}
}

uint64_t length(void)
{
	switch (below(10)) {
	case 0: return number();
	case 1: return below(9);
	case 2: return PAGE;
	case 3: return below(SCRATCH);
	case 4: return below(1 << 20);
	default: return below(300);
	}
}

/* A call that writes more than fits meets the gap, not the next mapping. */
void *memory_map(size_t size, int prot, int flags, int fd)
{
	char *p = mmap(NULL, size + (size_t)2 * GAP, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? p : mmap(p + GAP, size, prot, flags | MAP_FIXED, fd, 0);
}

void memory_shared(void)
{
	shared = memory_map(SHARED, RW, MAP_SHARED | MAP_ANONYMOUS, -1);
}

static char *map_file(const char *name, int flags)
{
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	char *p = memory_map(REGION, RW, flags, fd);

	if (ftruncate(fd, REGION) != 0 || close(fd) != 0 || p == MAP_FAILED)
		return areas;
	return p;
}

void memory_process(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	areas = memory_map((size_t)AREA_PAGES * PAGE, RW, ANON, -1);
	patchwork = memory_map(REGION, RW, ANON, -1);
	readonly = memory_map(REGION, PROT_READ, ANON, -1);
	for (int i = 1; i < REGION / PAGE; i += 2)
		mprotect(patchwork + i * PAGE, PAGE, PROT_NONE);
	of_file = map_file("mapped", MAP_SHARED);
	own_file = map_file("mapped", MAP_PRIVATE);
	of_memfd = areas;
	if (fd >= 0 && ftruncate(fd, REGION) == 0)
		of_memfd = memory_map(REGION, RW, MAP_SHARED, fd);
	close(fd);
}

bool memory_thread(void)
{
	char *p = mmap(NULL, SCRATCH + 2 * PAGE, RW, ANON, -1, 0);

	if (p == MAP_FAILED)
		return false;
	mprotect(p + SCRATCH, 2 * PAGE, PROT_NONE);
	me.scratch = p;
	return true;
}

void memory_thread_end(void)
{
	munmap(me.scratch, SCRATCH + 2 * PAGE);
}

void *room(size_t size)
{
	char *end = me.scratch + SCRATCH;

	switch (below(16)) {
	case 0: return (void *)(uintptr_t)number();
	case 1:
		return patchwork + below(16) * PAGE +
		       (percent(50) ? PAGE - below(64) : below(PAGE));
	case 2: return of_file + below(REGION);
	case 3: return own_file + below(REGION);
	case 4: return of_memfd + below(REGION);
	case 5: return areas + below((uint64_t)AREA_PAGES * PAGE);
	case 6: return end - (size > SCRATCH ? SCRATCH : size);
	case 7: return end - below(64);
	case 8: return readonly + below(REGION);
	case 9: return shared + below(SHARED - SCRATCH);
	default: return me.scratch + (below(SCRATCH / 2) & ~7UL);
	}
}

void *put(const void *bytes, size_t size)
{
	char *end = me.scratch + SCRATCH, *p;
	size_t part = size;

	switch (below(16)) {
	case 0: return room(size);
	case 1: p = end - size; break;
	case 2: p = shared + below(SHARED - SCRATCH); break;
	case 3: p = end - (part = below(size + 1)); break;
	case 4: p = of_file + below(REGION - size); break;
	case 5: p = me.scratch + below(SCRATCH / 2); break;
	default: p = me.scratch + (below(SCRATCH / 2) & ~7UL); break;
	}
	memcpy(p, bytes, part);
	return p;
}

char *area(void)
{
	switch (below(16)) {
	case 0: return room(PAGE);
	case 1: return patchwork + below(16) * PAGE;
	case 2: return of_file + below(16) * PAGE;
	case 3: return of_memfd + below(16) * PAGE;
	default: return areas + below(AREA_PAGES) * PAGE;
	}
}

char *area_byte(void)
{
	char *region = (char *[]){ areas, of_file, own_file, of_memfd, patchwork }[below(5)];

	return region + below(REGION);
}

char *futex_word(void)
{
	return percent(70)   ? shared + 4 * below(8)
	       : percent(50) ? of_memfd + 4 * below(8)
			     : room(4);
}
