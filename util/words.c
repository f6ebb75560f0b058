/* SPDX-License-Identifier: Apache-2.0 */
/* Finds words in a text: see the header. */
#include "util/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\n"

const char *word_at(const char *text, unsigned n)
{
	text += strspn(text, BLANKS);
	for (; n > 0; n--) {
		text += strcspn(text, BLANKS);
		text += strspn(text, BLANKS);
	}
	return text;
}

size_t word_copy(const char *text, unsigned n, char *buf, size_t size)
{
	const char *word = word_at(text, n);
	size_t len = strcspn(word, BLANKS), kept = len < size ? len : size - 1;

	memcpy(buf, word, kept);
	buf[kept] = '\0';
	return len;
}

bool word_number(const char *text, unsigned n, int base, uint64_t *out)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *word = word_at(text, n);

	if (!*word || !memchr(digits, *word, base == 16 ? sizeof digits - 1 : 10))
		return false;
	errno = 0;
	*out = strtoull(word, NULL, base);
	return errno == 0;
}
