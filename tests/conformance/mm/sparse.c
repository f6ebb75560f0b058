/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations of terabytes of which little is touched, as sanitizers, databases and language
 * runtimes make them: what is done to them costs by what was touched. A case that walks the holes
 * takes hours. */
#include "map.h"

#define TIB     (1UL << 40)
#define SIZE    (12 * TIB)
#define TOUCHED 500

static char *reserve(int prot)
{
	return (char *)NEED(
	    mmap(NULL, SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

/* Places all over it, odd ones and neighbours among them. */
static char *place(char *p, unsigned i)
{
	return p + i * (SIZE / TOUCHED / PAGE) * PAGE + i % 3 * PAGE + i;
}

static char *reserve_and_touch(void)
{
	char *p = reserve(PROT_READ | PROT_WRITE);

	for (unsigned i = 0; i < TOUCHED; i++)
		*place(p, i) = (char)(i | 1);
	p[SIZE - 1] = 1;
	return p;
}

static unsigned kept(char *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TOUCHED; i++)
		n += *place(p, i) == (char)(i | 1);
	return n;
}

static int write_and_count(void *arg)
{
	char *p = arg;

	V(kept(p));
	p[PAGE * 7] = 1;
	*place(p, 4) = 0;
	V(kept(p));
	return 0;
}

CASE(forked)
{
	char *p = reserve_and_touch();

	for (int i = 0; i < 3; i++)
		in_child("child", write_and_count, p);
	V(kept(p));
	p[PAGE * 9] = 1;
	*place(p, 4) = 0;
	V(kept(p));
}

CASE(protected)
{
	char *p = reserve_and_touch();

	R(mprotect(p, SIZE, PROT_READ));
	poke("touched", place(p, 100), 1);
	poke("not touched", p + SIZE / 2 + 17 * PAGE, 1);
	R(mprotect(p + TIB, 5 * TIB, PROT_NONE));
	peek("touched", place(p, TOUCHED / 4));
	R(mprotect(p, SIZE, PROT_READ | PROT_WRITE));
	V(kept(p));
	poke("touched", place(p, 100), 1);
}

CASE(advised)
{
	char *p = reserve_and_touch();

	R(madvise(p + TIB, 4 * TIB, MADV_DONTNEED));
	V(kept(p));
	R(madvise(p, SIZE, MADV_FREE));
	R(madvise(p, SIZE, MADV_NOHUGEPAGE));
	R(madvise(p, SIZE, MADV_DONTDUMP));
	R(madvise(p, SIZE, MADV_COLD));
	R(madvise(p, SIZE, MADV_DONTFORK));
	R(madvise(p, SIZE, MADV_DOFORK));
	R(madvise(p, SIZE, MADV_DONTNEED));
	V(kept(p));
}

CASE(moved)
{
	char *p = reserve_and_touch(), *to = reserve(PROT_NONE);

	V(mremap(p, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	V(kept(to));
	V(mremap(to, SIZE, SIZE / 2, 0) == to);
	peek("kept", place(to, TOUCHED / 4));
	peek("cut off", place(to, TOUCHED * 3 / 4));
}

CASE(unmapped)
{
	char *p = reserve_and_touch();

	R(munmap(p + TIB, TIB));
	R(munmap(p, SIZE));
	peek("gone", place(p, 3));
}

static int touch(void *arg)
{
	char *p = arg;

	p[PAGE] = p[0] + 1;
	return p[PAGE];
}

/* What a sanitizer does: the shadow is reserved, and a page of it touched for each piece of
 * memory. */
CASE(shadow)
{
	char *shadow = (char *)NEED(
	    mmap((void *)0x7fff8000, 0x10007fff8000UL, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0));

	for (unsigned i = 0; i < TOUCHED; i++)
		shadow[i * 0x80000000UL] = 1;
	R(mprotect(shadow + TIB, 8 * TIB, PROT_NONE));
	in_child("child", touch, shadow);
	R(munmap(shadow, 0x10007fff8000UL));
}

CASE(shared_file)
{
	int fd = (int)NEED(memfd_create("sparse", 0));

	NEED(ftruncate(fd, TIB));
	char *p = (char *)NEED(mmap(NULL, TIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	p[5] = p[TIB / 2] = p[TIB - 1] = 'x';
	R(mprotect(p, TIB, PROT_READ));
	R(msync(p, TIB, MS_ASYNC));
	poke("touched", p + TIB / 2, 1);
	R(madvise(p, TIB, MADV_DONTNEED));
	R(mprotect(p, TIB, PROT_READ | PROT_WRITE));
	poke("touched", p + TIB / 2, 1);
	V(lseek(fd, PAGE, SEEK_DATA) > 0);
	R(munmap(p, TIB));
}
