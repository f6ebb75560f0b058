/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes for guests. A fixed stream is SplitMix64: a counter, of which each value is mixed
 * well. See the header. */
#include "host/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define GOLDEN 0x9e3779b97f4a7c15UL /* 2^64 / phi, odd */

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebUL;
	return z ^ z >> 31;
}

void random_stream_fix(struct random_stream *r, uint64_t seed, uint64_t number)
{
	*r = (struct random_stream){ true, mix(mix(seed + GOLDEN) + number * GOLDEN) };
}

static void take(struct random_stream *r, unsigned char *p, size_t len)
{
	while (len) {
		uint64_t word = mix(r->at += GOLDEN);
		size_t n = len < sizeof word ? len : sizeof word;

		memcpy(p, &word, n);
		p += n;
		len -= n;
	}
}

/* The host gives up to 256 bytes whole; of more a signal may cut some. */
static int take_of_host(unsigned char *p, size_t len)
{
	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR)
			return -EIO;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int random_bytes(struct random_stream *r, void *buf, size_t len)
{
	if (!r || !r->fixed)
		return take_of_host(buf, len);
	take(r, buf, len);
	return 0;
}
