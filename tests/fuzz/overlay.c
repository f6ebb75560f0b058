/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay beside its model: the first byte of the input says which layers there are, the others
 * are the calls (tests/unit/overlay_model.h). */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/overlay_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned calls;

	if (size < 1)
		return 0;
	const struct model_options opt = { .nested = data[0] & 1 };
	const char *difference = model_run(&opt, data + 1, size - 1, &calls);
	if (difference) {
		fputs(difference, stderr);
		abort();
	}
	return 0;
}
