/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct world w;
static struct arena *a;

static int setup(void **state)
{
	world_create(&w);
	a = w.host.arena;
	return 0;
}

static int teardown(void **state)
{
	world_destroy(&w);
	return 0;
}

static uint64_t take(uint64_t pages)
{
	uint64_t off;

	assert_int_equal(arena_alloc(a, pages * PAGE_SIZE, &off), 0);
	return off;
}

static void lowest_offset_first(void **state)
{
	uint64_t x = take(4), y = take(2), z = take(8);

	assert_true(x < y && y < z);
	arena_unref(a, x, 4 * PAGE_SIZE);
	assert_int_equal(take(5), z + 8 * PAGE_SIZE);
	assert_int_equal(take(3), x);
	assert_int_equal(take(1), x + 3 * PAGE_SIZE);
	arena_unref(a, x, 19 * PAGE_SIZE);
	assert_int_equal(arena_used(a), 0);
}

static void too_much(void **state)
{
	uint64_t off;

	assert_int_equal(arena_alloc(a, 9UL << 30, &off), -ENOMEM);
	assert_int_equal(arena_alloc(a, 8UL << 30, &off), 0);
	assert_int_equal(arena_alloc(a, PAGE_SIZE, &off), -ENOMEM);
	arena_unref(a, 0, 8UL << 30);
}

static void pages_come_zeroed(void **state)
{
	uint64_t off = take(3);

	for (int round = 0; round < 3; round++) {
		char *p = arena_ptr(a, off);

		for (size_t i = 0; i < 3 * PAGE_SIZE; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xaa, 3 * PAGE_SIZE);
		arena_unref(a, off, 3 * PAGE_SIZE);
		assert_int_equal(take(3), off);
	}
	arena_discard(a, off, PAGE_SIZE);
	assert_int_equal(*(char *)arena_ptr(a, off), 0);
	arena_unref(a, off, 3 * PAGE_SIZE);
}

static void counts_by_page(void **state)
{
	uint64_t off = take(4);

	arena_ref(a, off + PAGE_SIZE, 2 * PAGE_SIZE);
	assert_true(arena_page_exclusive(a, off));
	assert_false(arena_page_exclusive(a, off + PAGE_SIZE));
	*(char *)arena_ptr(a, off + PAGE_SIZE) = 7;
	arena_unref(a, off, 4 * PAGE_SIZE);
	assert_int_equal(arena_used(a), 2 * PAGE_SIZE);
	assert_int_equal(*(char *)arena_ptr(a, off + PAGE_SIZE), 7);
	assert_true(arena_page_exclusive(a, off + PAGE_SIZE));
	arena_unref(a, off + PAGE_SIZE, PAGE_SIZE);
	arena_unref(a, off + 2 * PAGE_SIZE, PAGE_SIZE);
}

/* Against a plain array of counts. */
static void random_use(void **state)
{
	enum { PAGES = 300 };
	unsigned refs[PAGES] = { 0 };
	uint64_t used = 0;

	srand(2);
	for (int step = 0; step < 20000; step++) {
		unsigned page = (unsigned)rand() % PAGES, n = 1 + (unsigned)rand() % 8;

		if (rand() % 3 == 0 && page + n <= PAGES) {
			uint64_t first = take(n) / PAGE_SIZE;

			if (first + n > PAGES) {
				arena_unref(a, first * PAGE_SIZE, n * PAGE_SIZE);
				continue;
			}
			for (unsigned i = 0; i < n; i++)
				assert_int_equal(refs[first + i]++, 0);
		} else if (rand() % 2 && refs[page]) {
			arena_ref(a, page * PAGE_SIZE, PAGE_SIZE);
			refs[page]++;
		} else if (refs[page]) {
			arena_unref(a, page * PAGE_SIZE, PAGE_SIZE);
			refs[page]--;
		}
	}
	for (unsigned i = 0; i < PAGES; i++) {
		used += refs[i] ? PAGE_SIZE : 0;
		assert_int_equal(arena_page_exclusive(a, i * PAGE_SIZE), refs[i] == 1);
	}
	assert_int_equal(arena_used(a), used);
	for (unsigned i = 0; i < PAGES; i++) {
		for (; refs[i]; refs[i]--)
			arena_unref(a, i * PAGE_SIZE, PAGE_SIZE);
	}
}

/* More than the host gives back at a time, and no multiple of it. */
/* Pieces of different places lie one behind the other; what cannot be read leaves nothing. */
static void gathers_copies(void **state)
{
	char *from =
	    mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t off, before = arena_used(a);

	assert_true(from != MAP_FAILED);
	for (int i = 0; i < 4; i++)
		memset(from + i * PAGE_SIZE, 'a' + i, PAGE_SIZE);
	const struct iovec pieces[] = { { from + 2 * PAGE_SIZE, 2 * PAGE_SIZE },
					{ from, PAGE_SIZE } };
	assert_int_equal(arena_alloc_gather(a, pieces, 2, &off), 0);
	assert_memory_equal(arena_ptr(a, off), from + 2 * PAGE_SIZE, 2 * PAGE_SIZE);
	assert_memory_equal(arena_ptr(a, off + 2 * PAGE_SIZE), from, PAGE_SIZE);
	for (uint64_t i = 0; i < 3; i++)
		assert_true(arena_page_exclusive(a, off + i * PAGE_SIZE));
	arena_unref(a, off, 3 * PAGE_SIZE);
	munmap(from, PAGE_SIZE);
	assert_int_equal(arena_alloc_gather(a, pieces, 2, &off), -EFAULT);
	assert_int_equal(arena_used(a), before);
	munmap(from + PAGE_SIZE, 3 * PAGE_SIZE);
}

static void discards_all(void **state)
{
	uint64_t pages = 5003, off = take(pages + 2);
	char *p = arena_ptr(a, off);

	memset(p, 1, (pages + 2) * PAGE_SIZE);
	arena_discard(a, off + PAGE_SIZE, pages * PAGE_SIZE);
	for (uint64_t i = 0; i < (pages + 2) * PAGE_SIZE; i += PAGE_SIZE / 2)
		assert_int_equal(p[i], i < PAGE_SIZE || i >= (pages + 1) * PAGE_SIZE);
	arena_unref(a, off, (pages + 2) * PAGE_SIZE);
}

/* Of a long run the host keeps what was touched until somebody wants it, and nobody sees it. */
static void long_runs_stay_warm(void **state)
{
	uint64_t pages = 1000, off = take(pages);

	arena_unref(a, off, pages * PAGE_SIZE);
	assert_int_equal(arena_warm(a), 0);
	assert_int_equal(take(pages), off);
	memset((char *)arena_ptr(a, off) + 100 * PAGE_SIZE, 1, 300 * PAGE_SIZE);
	arena_unref(a, off, pages * PAGE_SIZE);
	assert_int_equal(arena_warm(a), 300 * PAGE_SIZE);
	assert_true(arena_resident(a) >= 300 * PAGE_SIZE);

	assert_int_equal(take(4), off + 100 * PAGE_SIZE);
	const char *p = arena_ptr(a, off + 100 * PAGE_SIZE);
	for (size_t i = 0; i < 4 * PAGE_SIZE; i++)
		assert_int_equal(p[i], 0);
	assert_int_equal(arena_warm(a), 296 * PAGE_SIZE);
	assert_true(arena_give_back(a));
	assert_false(arena_give_back(a));
	assert_int_equal(arena_warm(a), 0);
	assert_int_equal(arena_resident(a), 4 * PAGE_SIZE);
	arena_unref(a, off + 100 * PAGE_SIZE, 4 * PAGE_SIZE);
}

/* What was not emptied because it is the end is given to nobody. */
static void retired_gives_nothing_back(void **state)
{
	uint64_t off = take(5000), next;

	memset(arena_ptr(a, off), 1, 5000 * PAGE_SIZE);
	arena_retire(a);
	arena_unref(a, off, 5000 * PAGE_SIZE);
	next = take(5000);
	assert_true(next >= off + 5000 * PAGE_SIZE);
	arena_unref(a, next, 5000 * PAGE_SIZE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lowest_offset_first),
		TEST(too_much),
		TEST(pages_come_zeroed),
		TEST(counts_by_page),
		TEST(random_use),
		TEST(gathers_copies),
		TEST(discards_all),
		TEST(long_runs_stay_warm),
		TEST(retired_gives_nothing_back),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
