/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overlay beside its model: a plain file system in memory that holds the tree which the overlay
 * is to show. The same calls are made on both, and everything that can be seen of them has to be
 * the same. The calls come from bytes, which a random generator or a fuzzer makes.
 */
#ifndef HL_TESTS_UNIT_OVERLAY_MODEL_H
#define HL_TESTS_UNIT_OVERLAY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_options {
	bool host_lower, host_upper; /* directories of the host instead of memory */
	bool nested;                 /* the lower layer is an overlay itself */
};

/* Makes the calls that the bytes stand for. NULL: no difference; else what it was, in a buffer
 * that stays. *calls: how many were made. */
const char *model_run(const struct model_options *opt, const uint8_t *bytes, size_t len,
		      unsigned *calls);

#endif
