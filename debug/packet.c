/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "debug/packet.h"

#include <string.h>

#define ESCAPE     '}'
#define ESCAPE_XOR 0x20
#define INTERRUPT  0x03

static int digit_of(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static void begin(struct packet_reader *r)
{
	r->at = PACKET_INSIDE;
	r->len = 0;
	r->sum = 0;
	r->too_long = false;
}

static void take(struct packet_reader *r, unsigned char byte)
{
	if (r->len < PACKET_MAX)
		r->buf[r->len++] = (char)byte;
	else
		r->too_long = true;
}

static enum packet_event outside(struct packet_reader *r, unsigned char byte)
{
	if (byte == '$')
		begin(r);
	return byte == INTERRUPT ? PACKET_INTERRUPT : byte == '-' ? PACKET_REFUSED : PACKET_NOTHING;
}

static enum packet_event sum(struct packet_reader *r, unsigned char byte)
{
	int digit = digit_of((char)byte);

	if (digit < 0) {
		r->at = PACKET_OUTSIDE;
		return PACKET_BAD;
	}
	r->said = r->said << 4 | (unsigned)digit;
	if (r->at == PACKET_SUM_HIGH) {
		r->at = PACKET_SUM_LOW;
		return PACKET_NOTHING;
	}
	r->at = PACKET_OUTSIDE;
	r->buf[r->len] = '\0';
	return r->said == r->sum && !r->too_long ? PACKET_WHOLE : PACKET_BAD;
}

enum packet_event packet_feed(struct packet_reader *r, unsigned char byte)
{
	if (r->at == PACKET_OUTSIDE)
		return outside(r, byte);
	if (r->at == PACKET_SUM_HIGH || r->at == PACKET_SUM_LOW)
		return sum(r, byte);
	if (byte == '$') { /* the one before was cut short */
		begin(r);
		return PACKET_NOTHING;
	}
	if (byte == '#') {
		r->at = PACKET_SUM_HIGH;
		r->said = 0;
		return PACKET_NOTHING;
	}
	r->sum = (unsigned char)(r->sum + byte);
	if (r->at == PACKET_ESCAPED) {
		r->at = PACKET_INSIDE;
		take(r, byte ^ ESCAPE_XOR);
	} else if (byte == ESCAPE) {
		r->at = PACKET_ESCAPED;
	} else {
		take(r, byte);
	}
	return PACKET_NOTHING;
}

void packet_put(struct text *out, const char *contents, size_t len)
{
	unsigned char total = 0;

	text_putc(out, '$');
	for (size_t i = 0; i < len; i++) {
		char c = contents[i];
		if (c == '$' || c == '#' || c == ESCAPE || c == '*') {
			text_putc(out, ESCAPE);
			total = (unsigned char)(total + ESCAPE);
			c ^= ESCAPE_XOR;
		}
		text_putc(out, c);
		total = (unsigned char)(total + (unsigned char)c);
	}
	text_printf(out, "#%02x", total);
}

void put_hex(struct text *out, const void *bytes, size_t n)
{
	const unsigned char *b = bytes;
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		text_putc(out, digits[b[i] >> 4]);
		text_putc(out, digits[b[i] & 15]);
	}
}

struct scan scan_of(const char *s, size_t len)
{
	return (struct scan){ s, s + len, false };
}

bool scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	bool there = (size_t)(s->end - s->p) >= n && !memcmp(s->p, word, n);

	if (there)
		s->p += n;
	return there;
}

void scan_need(struct scan *s, const char *word)
{
	s->bad |= !scan_word(s, word);
}

bool scan_ends(const struct scan *s)
{
	return s->p == s->end && !s->bad;
}

uint64_t scan_hex(struct scan *s)
{
	uint64_t value = 0;
	unsigned n = 0;

	for (; s->p < s->end && digit_of(*s->p) >= 0; s->p++, n++)
		value = value << 4 | (unsigned)digit_of(*s->p);
	if (n < 1 || n > 16) {
		s->bad = true;
		value = 0;
	}
	return value;
}

size_t scan_bytes(struct scan *s, void *out, size_t max)
{
	unsigned char *to = out;
	size_t n = 0;

	while (s->end - s->p >= 2 && digit_of(s->p[0]) >= 0 && digit_of(s->p[1]) >= 0) {
		if (n == max) {
			s->bad = true;
			break;
		}
		to[n++] = (unsigned char)(digit_of(s->p[0]) << 4 | digit_of(s->p[1]));
		s->p += 2;
	}
	return n;
}

static int64_t scan_id(struct scan *s)
{
	if (scan_word(s, "-1"))
		return -1;
	uint64_t n = scan_hex(s);
	if (n > INT32_MAX)
		s->bad = true;
	return s->bad ? 0 : (int64_t)n;
}

struct thread_name scan_thread(struct scan *s)
{
	struct thread_name t = { 0, -1 };

	if (!scan_word(s, "p")) {
		t.tid = scan_id(s);
		return t;
	}
	t.pid = scan_id(s);
	if (scan_word(s, "."))
		t.tid = scan_id(s);
	return t;
}
