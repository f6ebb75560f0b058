/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes for guests: the host's, or those of a stream that is the same in each run.
 *
 * A fixed stream is for who wants to have the same run again (hl_config_set_deterministic). Its
 * bytes are evenly spread, and no secret: whoever knows the seed knows them all. Each task has its
 * own, so that what one gets does not depend on when another asks.
 */
#ifndef HL_HOST_RANDOM_H
#define HL_HOST_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroes: the host's random bytes. */
struct random_stream {
	bool fixed;
	uint64_t at;
};

/* Streams of other numbers have other bytes: those of tasks theirs, and this what is nobody's. */
#define RANDOM_OF_SANDBOX 0
void random_stream_fix(struct random_stream *r, uint64_t seed, uint64_t number);
/* 0, or -EIO: the host gives none. NULL: the host's. */
int random_bytes(struct random_stream *r, void *buf, size_t len);

#endif
