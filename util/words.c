/* SPDX-License-Identifier: Apache-2.0 */
/* Finds words in a text: see the header. */
#include "util/words.h"

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
