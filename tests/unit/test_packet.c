// SPDX-License-Identifier: Apache-2.0
/* debug/packet.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "debug/packet.h"

static struct packet_reader reader;

/* What the last byte completes; all before it complete nothing. */
static enum packet_event feed(const char *bytes, size_t n)
{
	enum packet_event e = PACKET_NOTHING;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(e, PACKET_NOTHING);
		e = packet_feed(&reader, (unsigned char)bytes[i]);
	}
	return e;
}

static void test_frames(void **state)
{
	assert_int_equal(feed("+$g#67", 6), PACKET_WHOLE);
	assert_string_equal(reader.buf, "g");
	assert_int_equal(feed("$g#68", 5), PACKET_BAD);
	assert_int_equal(feed("$g#6x", 5), PACKET_BAD);
	assert_int_equal(feed("$#00", 4), PACKET_WHOLE);
	assert_int_equal(reader.len, 0);
	assert_int_equal(feed("\x03", 1), PACKET_INTERRUPT);
	assert_int_equal(feed("-", 1), PACKET_REFUSED);
	/* one that is cut short by the next */
	assert_int_equal(feed("$abc$g#67", 9), PACKET_WHOLE);
	assert_string_equal(reader.buf, "g");
	/* '}' and the next byte with a bit turned; \x03 inside is a byte like any other */
	assert_int_equal(feed("$}\x03\x03#83", 7), PACKET_WHOLE);
	assert_int_equal(reader.len, 2);
	assert_memory_equal(reader.buf, "\x23\x03", 2);
}

static void test_too_long(void **state)
{
	enum packet_event e = packet_feed(&reader, '$');

	for (size_t i = 0; i < PACKET_MAX; i++)
		e = packet_feed(&reader, 0);
	assert_int_equal(feed("#00", 3), PACKET_WHOLE);
	assert_int_equal(reader.len, PACKET_MAX);
	(void)packet_feed(&reader, '$');
	for (size_t i = 0; i <= PACKET_MAX; i++)
		e = packet_feed(&reader, 0);
	assert_int_equal(e, PACKET_NOTHING);
	assert_int_equal(feed("#00", 3), PACKET_BAD);
}

/* What is put can be read, whatever it is. */
static void test_round(void **state)
{
	struct text t = { 0 };
	char bytes[256];

	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	packet_put(&t, bytes, sizeof bytes);
	assert_int_equal(feed(t.buf, t.len), PACKET_WHOLE);
	assert_int_equal(reader.len, sizeof bytes);
	assert_memory_equal(reader.buf, bytes, sizeof bytes);
	text_free(&t);
}

/* Whatever comes, the contents end where they may. */
static void test_anything(void **state)
{
	static const char likely[] = "$#}*\x03+-0123456789abcdef";

	srandom(1);
	for (int i = 0; i < 1000000; i++) {
		long r = random();
		char byte = r & 1 ? likely[r / 2 % (long)(sizeof likely - 1)] : (char)(r >> 8);
		if (packet_feed(&reader, (unsigned char)byte) == PACKET_WHOLE)
			assert_true(reader.len <= PACKET_MAX && !reader.buf[reader.len]);
	}
	reader.at = PACKET_OUTSIDE;
}

static void test_numbers(void **state)
{
	struct scan s = scan_of("ff,0123456789abcdef;10000000000000000", 37);

	assert_int_equal(scan_hex(&s), 0xff);
	scan_need(&s, ",");
	assert_true(scan_hex(&s) == 0x0123456789abcdefUL);
	assert_false(s.bad);
	assert_true(scan_word(&s, ";"));
	assert_int_equal(scan_hex(&s), 0); /* 17 digits */
	assert_true(s.bad);
	s = scan_of("", 0);
	assert_int_equal(scan_hex(&s), 0);
	assert_true(s.bad);
	s = scan_of("abc", 3);
	assert_false(scan_word(&s, "abcd"));
	assert_true(scan_word(&s, "abc"));
	assert_true(scan_ends(&s));
}

static void test_bytes(void **state)
{
	unsigned char to[2];
	struct scan s = scan_of("00ffg", 5);

	assert_int_equal(scan_bytes(&s, to, 2), 2);
	assert_int_equal(to[1], 0xff);
	assert_false(s.bad);
	assert_false(scan_ends(&s));
	s = scan_of("000102", 6);
	assert_int_equal(scan_bytes(&s, to, 2), 2);
	assert_true(s.bad);
	s = scan_of("0", 1);
	assert_int_equal(scan_bytes(&s, to, 2), 0);
	assert_false(scan_ends(&s));
}

static void test_threads(void **state)
{
	struct scan s = scan_of("p2.10", 5);
	struct thread_name t = scan_thread(&s);

	assert_true(t.pid == 2 && t.tid == 16 && scan_ends(&s));
	s = scan_of("p-1.-1", 6);
	t = scan_thread(&s);
	assert_true(t.pid == -1 && t.tid == -1 && scan_ends(&s));
	s = scan_of("p3", 2);
	t = scan_thread(&s);
	assert_true(t.pid == 3 && t.tid == -1 && scan_ends(&s));
	s = scan_of("7", 1);
	t = scan_thread(&s);
	assert_true(!t.pid && t.tid == 7 && scan_ends(&s));
	s = scan_of("p2.80000000", 11);
	(void)scan_thread(&s);
	assert_true(s.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),  cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_round),   cmocka_unit_test(test_anything),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
