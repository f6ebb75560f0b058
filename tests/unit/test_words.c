// SPDX-License-Identifier: Apache-2.0
/* util/words.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/words.h"

static void test_word_at(void **state)
{
	const char *text = " one\ttwo  three\nfour\n";

	assert_string_equal(word_at(text, 0), "one\ttwo  three\nfour\n");
	assert_string_equal(word_at(text, 2), "three\nfour\n");
	assert_string_equal(word_at(text, 3), "four\n");
	assert_string_equal(word_at(text, 4), "");
	assert_string_equal(word_at(text, 1000), "");
	assert_string_equal(word_at("", 0), "");
}

static void test_word_copy(void **state)
{
	char buf[4];

	assert_int_equal(word_copy("a bcd efgh", 1, buf, sizeof buf), 3);
	assert_string_equal(buf, "bcd");
	assert_int_equal(word_copy("a bcd efgh", 2, buf, sizeof buf), 4);
	assert_string_equal(buf, "efg");
	assert_int_equal(word_copy("a bcd efgh", 3, buf, sizeof buf), 0);
	assert_string_equal(buf, "");
}

static void test_word_number(void **state)
{
	uint64_t n;

	assert_true(word_number("0.15 0.11 7/220", 2, 10, &n));
	assert_int_equal(n, 7);
	assert_true(word_number("fe01 18446744073709551615", 0, 16, &n));
	assert_int_equal(n, 0xfe01);
	assert_true(word_number("fe01 18446744073709551615", 1, 10, &n));
	assert_true(n == UINT64_MAX);
	assert_false(word_number("18446744073709551616", 0, 10, &n));
	assert_false(word_number("fe01", 0, 10, &n));
	assert_false(word_number("-1", 0, 10, &n));
	assert_false(word_number("1 ", 1, 10, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word_at),
		cmocka_unit_test(test_word_copy),
		cmocka_unit_test(test_word_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
