/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and reads rows of numbers and bytes; see the header for their form. */
#include "util/codec.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define WORD        sizeof(uint64_t)
#define NO_STRING   UINT64_MAX
#define ROUND_UP(n) (((n) + WORD - 1) & ~(WORD - 1))

static unsigned char *make_room(struct encoder *e, size_t n)
{
	if (e->failed)
		return NULL;
	if (n > e->room - e->len) {
		size_t room = e->room ? e->room : 512;
		while (room - e->len < n)
			room *= 2;
		unsigned char *buf = realloc(e->buf, room);
		if (!buf) {
			e->failed = true;
			return NULL;
		}
		e->buf = buf;
		e->room = room;
	}
	e->len += n;
	return e->buf + e->len - n;
}

void encode(struct encoder *e, uint64_t n)
{
	unsigned char *p = make_room(e, WORD);
	uint64_t le = htole64(n);

	if (p)
		memcpy(p, &le, WORD);
}

static void put_padded(struct encoder *e, const void *data, size_t len)
{
	size_t full = ROUND_UP(len);
	unsigned char *p = full ? make_room(e, full) : NULL;

	if (!p)
		return;
	memcpy(p, data, len);
	memset(p + len, 0, full - len);
}

void encode_bytes(struct encoder *e, const void *data, size_t len)
{
	encode(e, len);
	put_padded(e, data, len);
}

void encode_string(struct encoder *e, const char *s)
{
	if (s)
		encode_bytes(e, s, strlen(s));
	else
		encode(e, NO_STRING);
}

size_t encode_place(struct encoder *e)
{
	size_t place = e->len;

	encode(e, 0);
	return place;
}

void encode_at(struct encoder *e, size_t place, uint64_t n)
{
	uint64_t le = htole64(n);

	if (!e->failed)
		memcpy(e->buf + place, &le, WORD);
}

void encoder_free(struct encoder *e)
{
	free(e->buf);
	*e = (struct encoder){ .buf = NULL };
}

void decoder_init(struct decoder *d, const void *buf, size_t len)
{
	*d = (struct decoder){ .at = buf, .end = (const unsigned char *)buf + len };
}

static size_t left(const struct decoder *d)
{
	return (size_t)(d->end - d->at);
}

static uint64_t fail(struct decoder *d)
{
	d->failed = true;
	return 0;
}

uint64_t decode(struct decoder *d)
{
	uint64_t n;

	if (d->failed || left(d) < WORD)
		return fail(d);
	memcpy(&n, d->at, WORD);
	d->at += WORD;
	return le64toh(n);
}

uint64_t decode_max(struct decoder *d, uint64_t max)
{
	uint64_t n = decode(d);

	return n <= max ? n : fail(d);
}

int64_t decode_between(struct decoder *d, int64_t min, int64_t max)
{
	int64_t n = (int64_t)decode(d);

	if (!d->failed && n >= min && n <= max)
		return n;
	fail(d);
	return min > 0 ? min : max < 0 ? max : 0;
}

uint64_t decode_count(struct decoder *d, size_t size)
{
	uint64_t n = decode(d);

	return n <= left(d) / size ? n : fail(d);
}

static const void *take(struct decoder *d, uint64_t len)
{
	const void *p = d->at;

	if (d->failed || len > left(d) || ROUND_UP(len) > left(d)) {
		fail(d);
		return NULL;
	}
	d->at += ROUND_UP(len);
	return p;
}

const void *decode_bytes(struct decoder *d, size_t *len)
{
	uint64_t n = decode(d);
	const void *p = take(d, n);

	*len = p ? n : 0;
	return p;
}

void decode_into(struct decoder *d, void *out, size_t len)
{
	size_t n;
	const void *p = decode_bytes(d, &n);

	if (p && n == len) {
		memcpy(out, p, len);
	} else {
		fail(d);
		memset(out, 0, len);
	}
}

const char *decode_text(struct decoder *d, size_t max, size_t *len)
{
	uint64_t n = decode(d);
	const void *p = n == NO_STRING || d->failed ? NULL : take(d, n);

	*len = p ? n : 0;
	if (!p || (n < max && !memchr(p, 0, n)))
		return p;
	fail(d);
	return NULL;
}

char *decode_string(struct decoder *d, size_t max)
{
	size_t len;
	const char *text = decode_text(d, max, &len);
	char *s = text ? strndup(text, len) : NULL;

	if (text && !s)
		fail(d);
	return s;
}
