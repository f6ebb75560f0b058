/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a text, parted by blanks and line ends, as the host's kernel writes them in /proc: what
 * sscanf(3) would be good for, which costs 90 KB of a static executable. */
#ifndef HL_UTIL_WORDS_H
#define HL_UTIL_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where word `n` of the text begins, the first being 0: at the NUL when it has not so many. */
const char *word_at(const char *text, unsigned n);
/* Copies word `n`, cut to `size` - 1 bytes: its whole length, 0 when there is none. */
size_t word_copy(const char *text, unsigned n, char *buf, size_t size);
/* Word `n` as a number of base 10 or 16. False: it does not begin with a digit, or is too large.
 * What stands behind the digits is not looked at. */
bool word_number(const char *text, unsigned n, int base, uint64_t *out);

#endif
