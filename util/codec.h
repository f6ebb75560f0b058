/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, strings and bytes in a row, as snapshots keep them: little-endian, each number eight
 * bytes, whatever is of any length behind its length and filled up to eight. What stands where is
 * known to who writes and who reads; there are no names in it.
 *
 * The reader trusts nothing. It checks each length against what is left, and after the first thing
 * that cannot be it gives zeroes and says so in `failed`, so that a reader of many fields looks
 * once.
 */
#ifndef HL_UTIL_CODEC_H
#define HL_UTIL_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct encoder {
	unsigned char *buf; /* owned */
	size_t len, room;
	bool failed; /* out of memory: nothing more is added */
};

void encode(struct encoder *e, uint64_t n);
static inline void encode_signed(struct encoder *e, int64_t n)
{
	encode(e, (uint64_t)n);
}
void encode_bytes(struct encoder *e, const void *data, size_t len);
/* NULL: is told from "". */
void encode_string(struct encoder *e, const char *s);
/* A number that is known later only: its place, for encode_at. */
size_t encode_place(struct encoder *e);
void encode_at(struct encoder *e, size_t place, uint64_t n);
void encoder_free(struct encoder *e);

struct decoder {
	const unsigned char *at, *end;
	bool failed;
};

void decoder_init(struct decoder *d, const void *buf, size_t len);
uint64_t decode(struct decoder *d);
/* At most `max`, or it has failed. */
uint64_t decode_max(struct decoder *d, uint64_t max);
static inline bool decode_bool(struct decoder *d)
{
	return decode_max(d, 1);
}
/* From `min` to `max`. */
int64_t decode_between(struct decoder *d, int64_t min, int64_t max);
/* How many of something follow, each of which takes `size` bytes at least. */
uint64_t decode_count(struct decoder *d, size_t size);
/* Bytes that stay where they are; *len: how many. NULL: it has failed. */
const void *decode_bytes(struct decoder *d, size_t *len);
/* Exactly `len` of them, copied; zeroes when it has failed. */
void decode_into(struct decoder *d, void *out, size_t len);
/* A string without NUL inside, and shorter than `max`: malloc'd. NULL: it was NULL, or it has
 * failed, which want of memory is, too. */
char *decode_string(struct decoder *d, size_t max);
/* The same, borrowed: *len bytes without an end. */
const char *decode_text(struct decoder *d, size_t max, size_t *len);
/* All is read, and nothing failed. */
static inline bool decoder_done(const struct decoder *d)
{
	return !d->failed && d->at == d->end;
}

#endif
