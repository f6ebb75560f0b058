/* SPDX-License-Identifier: Apache-2.0 */
/* Implements a string that grows as text is appended. Its capacity doubles, so that appending takes
 * constant time on average. */
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `n` bytes and a NUL. */
static bool reserve(struct text *t, size_t n)
{
	size_t need = t->len + n + 1;
	if (need <= t->size)
		return true;
	size_t size = need < 256 ? 256 : need * 2;
	char *buf = realloc(t->buf, size);
	if (!buf) {
		t->failed = true;
		return false;
	}
	t->buf = buf;
	t->size = size;
	return true;
}

void text_put(struct text *t, const char *s, size_t n)
{
	if (!reserve(t, n))
		return;
	memcpy(t->buf + t->len, s, n);
	t->len += n;
	t->buf[t->len] = '\0';
}

void text_puts(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void text_putc(struct text *t, char c)
{
	text_put(t, &c, 1);
}

void text_vprintf(struct text *t, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0 && reserve(t, (size_t)n)) {
		vsnprintf(t->buf + t->len, (size_t)n + 1, fmt, again);
		t->len += (size_t)n;
	}
	va_end(again);
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	text_vprintf(t, fmt, ap);
	va_end(ap);
}

void text_cut(struct text *t, size_t len)
{
	if (len >= t->len)
		return;
	t->len = len;
	t->buf[len] = '\0';
}

void text_free(struct text *t)
{
	free(t->buf);
	*t = (struct text){ 0 };
}

void text_put_json(struct text *t, const char *s, size_t len)
{
	text_putc(t, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == '"' || c == '\\')
			text_printf(t, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			text_printf(t, "\\u%04x", c);
		else
			text_putc(t, (char)c);
	}
	text_putc(t, '"');
}
