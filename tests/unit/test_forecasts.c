/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "mm/forecast.h"
#include "snapshot/forecasts.h"

#define CRC 0x12345678U

static FILE *file;
static int fd;

static int setup(void **state)
{
	file = tmpfile();
	fd = fileno(file);
	return 0;
}

static int teardown(void **state)
{
	fclose(file);
	return 0;
}

static void expect_pages(uint64_t at, const uint64_t *want, unsigned nr, uint32_t crc)
{
	struct forecasts *f = forecasts_open(fd, crc);
	uint64_t page[FORECAST_MAX];

	(void)forecasts_find(f, at);
	assert_int_equal(forecast_pages(forecasts_find(f, at), 0, page), nr);
	for (unsigned i = 0; i < nr; i++)
		assert_int_equal(page[i], want[i]);
	forecasts_close(f);
}

static void are_kept_with_the_file(void **state)
{
	static const uint64_t one[] = { 1, 5, 6, 7, 0x7fffffff0, 0x7fffffff1 }, two[] = { 9, 400 };
	struct forecasts *f = forecasts_open(fd, CRC);

	(void)forecasts_find(f, 4711);
	(void)forecasts_find(f, 1UL << 20);
	for (unsigned i = 0; i < 6; i++)
		forecast_add(forecasts_find(f, 4711), 0, one[i]);
	for (unsigned i = 0; i < 2; i++)
		forecast_add(forecasts_find(f, 1UL << 20), 0, two[i]);
	for (unsigned i = 0; i < FORECAST_MAX; i++)
		forecast_add(forecasts_find(f, 4711), 1, 1000 + i);
	forecast_set_behind(forecasts_find(f, 4711), 1);
	forecast_add_touch(forecasts_find(f, 4711), 12);
	forecasts_close(f);
	if (fgetxattr(fd, "user.hl.forecast", NULL, 0) < 0 && errno == ENOTSUP) {
		expect_pages(4711, NULL, 0, CRC); /* this file system has none */
		return;
	}
	expect_pages(4711, one, 6, CRC);
	expect_pages(1UL << 20, two, 2, CRC);
	expect_pages(17, NULL, 0, CRC);
	f = forecasts_open(fd, CRC);
	struct forecast *of = (forecasts_find(f, 4711), forecasts_find(f, 4711));
	assert_int_equal(of->nr_waves, 2);
	assert_int_equal(forecast_pages(of, 1, (uint64_t[FORECAST_MAX]){ 0 }), FORECAST_MAX);
	assert_int_equal(of->wave[1].page[7], 1007);
	assert_true(!of->wave[0].behind && of->wave[1].behind);
	assert_int_equal(of->nr_touch, 1);
	forecasts_close(f);
	expect_pages(4711, NULL, 0, CRC + 1); /* another image under this name */
}

/* A file that nobody may write, or without attributes: the first copy has nobody to tell. */
static void only_who_can_tell_learns(void **state)
{
	int readonly = open("/proc/version", O_RDONLY);
	struct forecasts *f = forecasts_open(readonly, CRC);

	assert_null(forecasts_find(f, 1));
	assert_null(forecasts_find(f, 2));
	assert_non_null(forecasts_find(f, 1));
	forecasts_close(f);
	close(readonly);
}

static void touched_pages_are_told(void **state)
{
	struct forecasts *f = forecasts_open(fd, CRC);
	(void)forecasts_find(f, 1);
	struct forecast *of = forecasts_find(f, 1);

	assert_true(forecast_leaves(of, GVA(0), GVA(1UL << 40)));
	for (uint64_t i = 0; i < FORECAST_TOUCH - 1; i++)
		assert_true(forecast_add_touch(of, 100 + 10 * i));
	assert_true(forecast_leaves(of, GVA(0), GVA(100 * PAGE_SIZE)));
	assert_false(forecast_leaves(of, GVA(0), GVA(101 * PAGE_SIZE)));
	assert_false(forecast_leaves(of, GVA(110 * PAGE_SIZE), GVA(111 * PAGE_SIZE)));
	assert_true(forecast_leaves(of, GVA(111 * PAGE_SIZE), GVA(120 * PAGE_SIZE)));
	/* when it is full nobody knows */
	assert_true(forecast_add_touch(of, 1));
	assert_false(forecast_add_touch(of, 2));
	assert_false(forecast_leaves(of, GVA(111 * PAGE_SIZE), GVA(120 * PAGE_SIZE)));
	forecasts_close(f);
}

static void too_little_is_not_kept(void **state)
{
	struct forecasts *f = forecasts_open(fd, CRC);

	(void)forecasts_find(f, 1);
	forecast_add(forecasts_find(f, 1), 0, 1);
	forecasts_close(f);
	expect_pages(1, NULL, 0, CRC);
}

/* All that can be said in few bytes, behind a head that is believed, and some that goes wrong in
 * the middle. */
static void nonsense_is_left_out(void **state)
{
	unsigned char value[64] = { 4, 0xf8, 0xac, 0xd1, 0x91, 1 };
	const size_t head = 6;
	uint64_t page[FORECAST_MAX];

	srand(1);
	for (unsigned round = 0; round < 20000; round++) {
		struct forecasts *f = forecasts_open(fd, CRC);
		size_t len = (size_t)rand() % sizeof value;

		for (size_t i = head; i < len; i++)
			value[i] = (unsigned char)(rand() % 3 ? rand() % 8 : rand());
		forecasts_read(f, value, len);
		for (uint64_t at = 0; at < 8; at++) {
			(void)forecasts_find(f, at);
			unsigned nr = forecast_pages(forecasts_find(f, at), at % 3, page);
			for (unsigned i = 1; i < nr; i++)
				assert_true(page[i - 1] < page[i]);
			assert_true(!nr || page[nr - 1] <= UINT64_MAX >> PAGE_SHIFT);
		}
		forecasts_close(f);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(are_kept_with_the_file), TEST(only_who_can_tell_learns),
		TEST(touched_pages_are_told), TEST(too_little_is_not_kept),
		TEST(nonsense_is_left_out),
	};

	return cmocka_run_group_tests_name("forecasts", tests, NULL, NULL);
}
