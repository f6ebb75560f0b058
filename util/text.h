/* SPDX-License-Identifier: Apache-2.0 */
/* A string that grows. Out of memory it stops growing and says so in `failed`; nothing else needs
 * checking. */
#ifndef HL_UTIL_TEXT_H
#define HL_UTIL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text {
	char *buf; /* NUL-terminated once anything was put; NULL before */
	size_t len, size;
	bool failed;
};

void text_put(struct text *t, const char *s, size_t n);
void text_puts(struct text *t, const char *s);
void text_putc(struct text *t, char c);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *t, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* As a string of JSON. Each byte that is no printable ASCII is \u00XX, so that any bytes can be. */
void text_put_json(struct text *t, const char *s, size_t len);
/* Drops what is behind `len`, keeps the memory. */
void text_cut(struct text *t, size_t len);
void text_free(struct text *t);
/* Never NULL. */
static inline const char *text_str(const struct text *t)
{
	return t->buf ? t->buf : "";
}

#endif
