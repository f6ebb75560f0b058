/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard streams that are no descriptors of the caller's: what the program writes goes to a
 * function or is kept, and what it reads lies in memory.
 *
 * To the program its output is a pipe like any other. A thread of ours, which is not confined,
 * empties it; so does whoever wants to have all that has come so far.
 */
#ifndef HL_LIB_OUTPUT_H
#define HL_LIB_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hl.h"

/* What a configuration says of standard output and error. */
struct output_config {
	bool wanted;      /* it is no descriptor */
	hl_output_fn *fn; /* NULL: it is kept, so many bytes of it */
	void *arg;
	size_t limit;
};

struct output;

/* The pipes, and the thread; `cfg` is of both streams, stdout first. 0 or -errno. */
int output_new(const struct output_config *cfg, struct output **out);
/* What the program gets as `fd`, 1 or 2; -1: the descriptor of the configuration. Borrowed. */
int output_fd(const struct output *o, int fd);
/* All that was written so far has come. NULL: no effect. */
void output_drain(struct output *o);
/* What was kept, and is forgotten; *lost: bytes that were too many. */
void output_take(struct output *o, int fd, struct hl_bytes *out, uint64_t *lost);
/* Another run begins: what is left of the one before comes first, and what was kept is forgotten.
 * NULL: no effect. */
void output_forget(struct output *o);
/* NULL: no effect. */
void output_free(struct output *o);

/* A descriptor that reads these bytes; or -errno. */
int input_open(const char *data, size_t len);

#endif
