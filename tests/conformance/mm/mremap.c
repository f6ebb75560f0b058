/* SPDX-License-Identifier: Apache-2.0 */
/* mremap(2). */
#include "map.h"

static char *map_filled(size_t pages)
{
	char *p = map_anon(pages, PROT_READ | PROT_WRITE);

	for (size_t i = 0; i < pages; i++)
		memset(p + i * PAGE, 'a' + (int)i, PAGE);
	return p;
}

CASE(shrink)
{
	char *p = map_filled(4);

	V(mremap(p, 4 * PAGE, 2 * PAGE, 0) == p);
	peek("kept", p + PAGE);
	peek("cut", p + 2 * PAGE);
}

CASE(same_size)
{
	char *p = map_filled(2);

	V(mremap(p, 2 * PAGE, 2 * PAGE, 0) == p);
	V(mremap(p, 2 * PAGE - 5, 2 * PAGE - 1, 0) == p);
	peek("kept", p + PAGE);
}

CASE(grow_in_place)
{
	char *p = map_filled(6);

	NEED(munmap(p + 2 * PAGE, 4 * PAGE));
	V(mremap(p, 2 * PAGE, 5 * PAGE, 0) == p);
	peek("old", p + PAGE);
	peek("new", p + 4 * PAGE);
	poke("new", p + 2 * PAGE, 1);
}

CASE(grow_blocked)
{
	char *p = map_filled(4);

	OK(mremap(p, 2 * PAGE, 4 * PAGE, 0));
	char *q = OK((char *)mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE));
	V(q != p);
	say("%c%c\n", q[0], q[PAGE]);
	peek("grown", q + 2 * PAGE);
	peek("old place", p);
	peek("old place's neighbour", p + 2 * PAGE);
}

CASE(move_fixed)
{
	char *p = map_filled(2), *to = map_anon(4, PROT_READ);

	V(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE) == to + PAGE);
	peek("target's neighbour", to);
	peek("moved", to + PAGE);
	peek("moved second", to + 2 * PAGE);
	peek("old place", p);
	poke("moved keeps its rights", to + PAGE, 2);
	poke("neighbour keeps its rights", to + 3 * PAGE, 2);
}

CASE(dontunmap)
{
	char *p = map_filled(2);
	char *q =
	    OK((char *)mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));

	say("%c%c\n", q[0], q[PAGE]);
	peek("old place", p);
	poke("old place", p + PAGE, 7);
	say("%c%c\n", q[0], q[PAGE]);
}

CASE(dontunmap_fixed)
{
	char *p = map_filled(2), *to = map_anon(2, PROT_NONE);

	V(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, to) ==
	  to);
	say("%c%c\n", to[0], to[PAGE]);
	peek("old place", p);
	OK(mremap(to, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
}

CASE(errors)
{
	char *p = map_filled(4);

	OK(mremap(p + 1, PAGE, PAGE, 0));
	OK(mremap(p, PAGE, 0, 0));
	OK(mremap(p, 0, PAGE, MREMAP_MAYMOVE));
	OK(mremap(p, PAGE, PAGE, 0x100));
	OK(mremap(p, PAGE, PAGE, MREMAP_FIXED, p + 2 * PAGE));
	OK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 1));
	OK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE));
	OK(mremap(p, PAGE, PAGE, MREMAP_DONTUNMAP));
	OK(mremap((void *)0x10000, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	NEED(munmap(p + PAGE, PAGE));
	OK(mremap(p, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE));
	peek("untouched", p);
}

CASE(across_two_maps)
{
	char *p = map_filled(2);

	NEED(mprotect(p + PAGE, PAGE, PROT_READ));
	OK(mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE));
	peek("first", p);
}

CASE(file_map_grows)
{
	int fd = make_file("f", 4, 0);
	char *p = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE));

	p[1] = 'X';
	char *q = OK((char *)mremap(p, PAGE, 4 * PAGE, MREMAP_MAYMOVE));
	say("%.2s %c %c\n", q, q[PAGE], q[2 * PAGE]);
	peek("past the end", q + 3 * PAGE);
}

CASE(shared_map_duplicated)
{
	char *p = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	p[0] = 's';
	/* A length of 0 on a shared map makes a second view of it. */
	char *q = OK((char *)mremap(p, 0, PAGE, MREMAP_MAYMOVE));
	q[1] = 't';
	say("%.2s %.2s\n", p, q);
}

static char *map_shared_file(size_t pages)
{
	return (char *)NEED(mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
				 make_file("f", pages, 0), 0));
}

CASE(part_of_shared_map_duplicated)
{
	char *p = map_shared_file(6), *to = map_filled(8);

	V(mremap(p + 3 * PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + 4 * PAGE) ==
	  to + 4 * PAGE);
	for (int i = 0; i < 8; i++)
		say("%c%c", to[i * PAGE], i < 6 ? p[i * PAGE] : '\n');
	p[4 * PAGE] = 'X';
	say("%c\n", to[5 * PAGE]);
	/* Any length that is 0 in whole pages. */
	V(mremap(p + PAGE, -1UL, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	say("%c\n", to[0]);
}

/* With a length of 0 the source may lie where the target is cleared first. */
CASE(duplicated_onto_itself)
{
	char *p = map_shared_file(6);

	OK(mremap(p, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p));
	peek("first page", p);
	OK(mremap(p + 3 * PAGE, 0, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 2 * PAGE));
	peek("before", p + PAGE);
	peek("target", p + 2 * PAGE);
	peek("source", p + 3 * PAGE);
	peek("after", p + 5 * PAGE);
	OK(mremap(p + PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 2 * PAGE));
	peek("copy", p + 2 * PAGE);
}

CASE(odd_lengths)
{
	char *p = map_filled(6), *s = map_shared_file(2), *to = map_filled(4);

	OK(mremap(p, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	OK(mremap(p, 0, PAGE, 0));
	OK(mremap(s, 0, PAGE, 0));
	OK(mremap(s, 0, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, to));
	OK(mremap(s, 0, 1UL << 62, MREMAP_MAYMOVE));
	OK(mremap(s, -1UL << 12, 2 * PAGE, MREMAP_MAYMOVE));
	OK(mremap(s, -1UL << 12, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	OK(mremap(s, 1UL << 62, 2 * PAGE, 0));
	OK(mremap((void *)0x20000, -1UL << 12, PAGE, MREMAP_MAYMOVE));
	OK(mremap((void *)(1UL << 47), PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	OK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)(1UL << 47)));
	OK(mremap((void *)-PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
}

/* Shortened as it moves: what is cut off goes, mapped or not. */
CASE(move_fixed_and_shrink)
{
	char *p = map_filled(6), *to = map_filled(4);

	NEED(munmap(p + 4 * PAGE, PAGE));
	V(mremap(p, 6 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE) == to + PAGE);
	say("%c%c%c%c\n", to[0], to[PAGE], to[2 * PAGE], to[3 * PAGE]);
	peek("source", p + 3 * PAGE);
	peek("behind the hole", p + 5 * PAGE);
}

CASE(large_move_keeps_content)
{
	size_t size = 16UL << 20, bad = 0;
	char *p = OK(
	    (char *)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	for (size_t i = 0; i < size; i += PAGE)
		p[i] = (char)(i >> 12);
	map_anon(1, PROT_READ);
	char *q = OK((char *)mremap(p, size, 2 * size, MREMAP_MAYMOVE));
	for (size_t i = 0; i < 2 * size; i += PAGE)
		bad += q[i] != (i < size ? (char)(i >> 12) : 0);
	V(bad);
}

static int child_reads(void *arg)
{
	char *q = arg;

	say("child: %c\n", q[0]);
	q[0] = 'C';
	return 0;
}

CASE(moved_then_forked)
{
	char *p = map_filled(1);
	char *q = OK((char *)mremap(p, PAGE, 64 * PAGE, MREMAP_MAYMOVE));

	in_child("child", child_reads, q);
	say("parent: %c\n", q[0]);
}
