/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of numbers and bytes, and objects that refer to each other, as snapshots keep them: what
 * goes in comes out, and whatever else is read is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/codec.h"
#include "util/saved.h"

static void comes_back(void **state)
{
	struct encoder e = { .buf = NULL };
	struct decoder d;
	char bytes[11], *s;

	encode(&e, UINT64_MAX);
	encode_signed(&e, -5);
	encode_string(&e, "a string");
	encode_string(&e, NULL);
	encode_string(&e, "");
	encode_bytes(&e, "eleven byte", 11);
	size_t place = encode_place(&e);
	encode(&e, 1);
	encode_at(&e, place, 77);
	decoder_init(&d, e.buf, e.len);
	assert_true(decode(&d) == UINT64_MAX);
	assert_int_equal(decode_between(&d, -10, 10), -5);
	s = decode_string(&d, 100);
	assert_string_equal(s, "a string");
	free(s);
	assert_null(decode_string(&d, 100));
	s = decode_string(&d, 100);
	assert_string_equal(s, "");
	free(s);
	decode_into(&d, bytes, sizeof bytes);
	assert_memory_equal(bytes, "eleven byte", 11);
	assert_int_equal(decode(&d), 77);
	assert_false(decoder_done(&d));
	assert_true(decode_bool(&d));
	assert_true(decoder_done(&d));
	assert_int_equal(decode(&d), 0);
	assert_true(d.failed);
	encoder_free(&e);
}

/* Each row of words is read by `read`, and must fail. */
static void refused(const uint64_t *words, size_t nr, void (*read)(struct decoder *d))
{
	struct decoder d;

	decoder_init(&d, words, nr * sizeof *words);
	read(&d);
	assert_true(d.failed);
	assert_int_equal(decode(&d), 0);
}

static void read_bytes(struct decoder *d)
{
	size_t len;

	assert_null(decode_bytes(d, &len));
	assert_int_equal(len, 0);
}

static void read_string(struct decoder *d)
{
	assert_null(decode_string(d, 8));
}

static void read_count(struct decoder *d)
{
	assert_int_equal(decode_count(d, 16), 0);
}

static void read_small(struct decoder *d)
{
	assert_int_equal(decode_max(d, 9), 0);
}

static void lies_are_refused(void **state)
{
	const uint64_t too_long[] = { 9, 0 }, huge[] = { UINT64_MAX - 6, 0, 0 }, none[] = { 1 };
	const uint64_t with_nul[] = { 4, 0x6100 }, long_string[] = { 8, 0x6161616161616161 };
	const uint64_t many[] = { 2, 0, 0, 0 }, most[] = { UINT64_MAX / 16 + 2, 0 }, ten[] = { 10 };

	refused(too_long, 2, read_bytes);
	refused(huge, 3, read_bytes);
	refused(none, 1, read_bytes);
	refused(none, 0, read_bytes);
	refused(with_nul, 2, read_string);
	refused(long_string, 2, read_string);
	refused(many, 4, read_count);
	refused(most, 2, read_count);
	refused(ten, 1, read_small);
}

/* ---- objects: a node has a number, and another node or none ---- */

struct node {
	uint64_t number;
	struct node *next;
	int refs;
};

static const struct saved_kind node_kind;

static int node_save(struct saver *s, void *object)
{
	const struct node *n = object;

	encode(&s->out, n->number);
	encode(&s->out, saved_object(s, &node_kind, n->next));
	return 0;
}

static int node_load(struct loader *l, void **out)
{
	struct node *n = calloc(1, sizeof *n);
	void *next;

	n->number = decode(&l->in);
	int err = loaded_object(l, decode(&l->in), &node_kind, &next);
	n->next = next;
	*out = n;
	if (err)
		free(n);
	return err;
}

static const struct saved_kind node_kind = {
	.name = "node",
	.save = node_save,
	.load = node_load,
	.put = free,
};

static const struct saved_kind *const kinds[] = { &node_kind, NULL };

static void objects_refer(void **state)
{
	struct node c = { 3, NULL, 0 }, b = { 2, &c, 0 }, a = { 1, &c, 0 };
	struct saver s = { .errmsg = NULL };
	struct loader l = { .kinds = kinds };
	struct decoder d;
	void *first, *second;

	assert_int_equal(saved_object(&s, &node_kind, &a), 1);
	assert_int_equal(saved_object(&s, &node_kind, &b), 2);
	assert_int_equal(saved_object(&s, &node_kind, &a), 1);
	assert_int_equal(saver_objects(&s), 0);
	decoder_init(&d, s.out.buf, s.out.len);
	assert_int_equal(loader_objects(&l, &d), 0);
	assert_true(decoder_done(&d));
	assert_int_equal(loaded_object(&l, 1, &node_kind, &first), 0);
	assert_int_equal(loaded_object(&l, 2, &node_kind, &second), 0);
	assert_int_equal(((struct node *)first)->number, 1);
	assert_ptr_equal(((struct node *)first)->next, ((struct node *)second)->next);
	assert_int_not_equal(loaded_object(&l, 4, &node_kind, &first), 0);
	assert_int_equal(loader_rest(&l), 0);
	loader_free(&l);
	saver_free(&s);
}

/* A ring that no saver of such nodes could have written into a load that does not expect one. */
static void rings_are_refused(void **state)
{
	struct node a = { 1, NULL, 0 }, b = { 2, &a, 0 };
	struct saver s = { .errmsg = NULL };
	struct loader l = { .kinds = kinds };
	struct decoder d;

	a.next = &b;
	saved_object(&s, &node_kind, &a);
	assert_int_equal(saver_objects(&s), 0);
	decoder_init(&d, s.out.buf, s.out.len);
	assert_int_equal(loader_objects(&l, &d), 0);
	assert_int_not_equal(loader_rest(&l), 0);
	loader_free(&l);
	saver_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(lies_are_refused),
		cmocka_unit_test(objects_refer),
		cmocka_unit_test(rings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
