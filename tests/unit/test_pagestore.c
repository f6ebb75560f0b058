/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/pagestore.h"

static struct world w;
static struct pagestore s;

static int setup(void **state)
{
	world_create(&w);
	pagestore_init(&s, w.host.arena, NULL);
	return 0;
}

static int teardown(void **state)
{
	pagestore_destroy(&s);
	world_destroy(&w);
	return 0;
}

static ssize_t put(uint64_t pos, const void *buf, size_t n)
{
	struct uio u;

	uio_init_kernel(&u, (void *)(uintptr_t)buf, n);
	return pagestore_write(&s, &u, pos);
}

static ssize_t get(uint64_t pos, void *buf, size_t n)
{
	struct uio u;

	uio_init_kernel(&u, buf, n);
	return pagestore_read(&s, &u, pos);
}

static void holes_read_as_zero(void **state)
{
	char buf[100];

	assert_int_equal(get(0, buf, 100), 0);
	assert_int_equal(put(1 << 20, "x", 1), 1);
	assert_int_equal(pagestore_size(&s), (1 << 20) + 1);
	assert_int_equal(pagestore_blocks(&s), 8);
	memset(buf, 1, sizeof buf);
	assert_int_equal(get(5000, buf, 100), 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(buf[i], 0);
	assert_int_equal(get((1 << 20) - 2, buf, 100), 3);
	assert_int_equal(buf[2], 'x');
}

static void data_and_holes_are_found(void **state)
{
	put(10 * PAGE_SIZE, "x", 1);
	put(20 * PAGE_SIZE + 5, "x", 1);
	assert_int_equal(pagestore_seek(&s, 0, false), 10 * PAGE_SIZE);
	assert_int_equal(pagestore_seek(&s, 0, true), 0);
	assert_int_equal(pagestore_seek(&s, 10 * PAGE_SIZE + 7, false), 10 * PAGE_SIZE + 7);
	assert_int_equal(pagestore_seek(&s, 20 * PAGE_SIZE, true), 20 * PAGE_SIZE + 6);
	assert_int_equal(pagestore_seek(&s, 20 * PAGE_SIZE + 6, true), -ENXIO);
	assert_int_equal(pagestore_seek(&s, 20 * PAGE_SIZE + 6, false), -ENXIO);
}

static void truncation_zeroes_the_tail(void **state)
{
	char buf[8] = "12345678";

	put(0, buf, 8);
	pagestore_truncate(&s, NULL, 3);
	pagestore_truncate(&s, NULL, 8);
	assert_int_equal(get(0, buf, 8), 8);
	assert_memory_equal(buf, "123\0\0\0\0\0", 8);
	pagestore_truncate(&s, NULL, 0);
	assert_int_equal(arena_used(w.host.arena), 0);
}

static void punching(void **state)
{
	char *buf = malloc(8 * PAGE_SIZE);

	memset(buf, 7, 8 * PAGE_SIZE);
	put(0, buf, 8 * PAGE_SIZE);
	pagestore_punch(&s, NULL, PAGE_SIZE + 100, 3 * PAGE_SIZE);
	assert_int_equal(pagestore_blocks(&s), 6 * 8);
	get(0, buf, 8 * PAGE_SIZE);
	for (uint64_t i = 0; i < 8 * PAGE_SIZE; i++)
		assert_int_equal(buf[i], i < PAGE_SIZE + 100 || i >= 4 * PAGE_SIZE + 100 ? 7 : 0);
	pagestore_punch(&s, NULL, 10, 20);
	assert_int_equal(pagestore_blocks(&s), 6 * 8);
	free(buf);
}

static void runs_are_memory(void **state)
{
	struct page_run run;
	char c;

	assert_int_equal(pagestore_get_run(&s, 0, PAGE_SIZE, false, &run), -EFAULT);
	pagestore_truncate(&s, NULL, 10 * PAGE_SIZE + 1);
	assert_int_equal(pagestore_get_run(&s, 2 * PAGE_SIZE, 100 * PAGE_SIZE, false, &run), 0);
	assert_int_equal(run.len, 9 * PAGE_SIZE);
	*(char *)memfile_ptr(run.mf, run.off + PAGE_SIZE, 1) = 'y';
	assert_int_equal(get(3 * PAGE_SIZE, &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_int_equal(pagestore_get_run(&s, 11 * PAGE_SIZE, PAGE_SIZE, false, &run), -EFAULT);
}

static void quota(void **state)
{
	struct page_quota q = { .max = 4 * PAGE_SIZE };
	char *buf = calloc(8, PAGE_SIZE);

	s.quota = &q;
	assert_int_equal(put(0, buf, 3 * PAGE_SIZE + 1), 3 * PAGE_SIZE + 1);
	assert_int_equal(put(4 * PAGE_SIZE, buf, 1), -ENOSPC);
	assert_int_equal(put(3 * PAGE_SIZE, buf, 2 * PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(pagestore_allocate(&s, 0, 5 * PAGE_SIZE), -ENOSPC);
	pagestore_truncate(&s, NULL, PAGE_SIZE);
	assert_int_equal(q.used, PAGE_SIZE);
	assert_int_equal(pagestore_allocate(&s, 0, 4 * PAGE_SIZE), 0);
	pagestore_truncate(&s, NULL, 1);
	pagestore_truncate(&s, NULL, 0);
	assert_int_equal(q.used, 0);

	/* What is taken ahead is not counted, and lasts as long as somebody appends. */
	q.max = 64 * PAGE_SIZE;
	for (uint64_t at = 0; at < 32 * PAGE_SIZE; at += PAGE_SIZE)
		assert_int_equal(put(at, buf, PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(q.used, 32 * PAGE_SIZE);
	assert_int_equal(pagestore_blocks(&s), 32 * 8);
	assert_true(arena_used(w.host.arena) > 32 * PAGE_SIZE);
	pagestore_written(&s);
	assert_int_equal(arena_used(w.host.arena), 32 * PAGE_SIZE);
	/* A file that is appended to behind a gap, and one whose end is moved. */
	assert_int_equal(put(33 * PAGE_SIZE, buf, 1), 1);
	assert_int_equal(put(34 * PAGE_SIZE, buf, 1), 1);
	assert_int_equal(put(40 * PAGE_SIZE, buf, 1), 1);
	assert_int_equal(q.used, 35 * PAGE_SIZE);
	pagestore_truncate(&s, NULL, 50 * PAGE_SIZE);
	assert_int_equal(put(41 * PAGE_SIZE, "x", 1), 1);
	assert_int_equal(put(50 * PAGE_SIZE, buf, 1), 1);
	assert_int_equal(q.used, 37 * PAGE_SIZE);
	pagestore_truncate(&s, NULL, 0);
	assert_int_equal(q.used, 0);
	assert_int_equal(arena_used(w.host.arena), 0);
	s.quota = NULL;
	free(buf);
}

/* Against a plain buffer. */
static void random_use(void **state)
{
	enum { MAX = 40 * 4096 };
	char *model = calloc(1, MAX), *buf = calloc(1, MAX);
	uint64_t size = 0;

	srand(3);
	for (int step = 0; step < 6000; step++) {
		uint64_t pos = (unsigned)rand() % MAX, n = 1 + (unsigned)rand() % 9000;

		n = pos + n > MAX ? MAX - pos : n;
		switch (rand() % 5) {
		case 0:
		case 1:
			for (uint64_t i = 0; i < n; i++)
				buf[i] = model[pos + i] = (char)rand();
			assert_int_equal(put(pos, buf, n), n);
			size = pos + n > size ? pos + n : size;
			break;
		case 2:
			if (pos < size)
				memset(model + pos, 0, size - pos);
			pagestore_truncate(&s, NULL, pos);
			size = pos;
			break;
		case 3:
			memset(model + pos, 0, n);
			pagestore_punch(&s, NULL, pos, n);
			break;
		default: {
			uint64_t want = pos >= size ? 0 : size - pos < n ? size - pos : n;
			assert_int_equal(get(pos, buf, n), want);
			assert_memory_equal(buf, model + pos, want);
		}
		}
		assert_int_equal(pagestore_size(&s), size);
	}
	free(model);
	free(buf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(holes_read_as_zero),
		TEST(data_and_holes_are_found),
		TEST(truncation_zeroes_the_tail),
		TEST(punching),
		TEST(runs_are_memory),
		TEST(quota),
		TEST(random_use),
	};

	return cmocka_run_group_tests_name("pagestore", tests, NULL, NULL);
}
