/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths an audit has to know of beforehand: while guests run nobody asks the host. */
#ifndef HL_LIB_SECLUDED_H
#define HL_LIB_SECLUDED_H

#include "lib/config.h"

/* Sorted by strcmp. */
struct secluded {
	struct strings hidden; /* what the world hides */
	/* What the host has in directories that are the world's own, where the guest finds nothing:
	 * of a world whose paths are those of the host's. */
	struct strings absent;
};

/* -errno; what there is to free is freed by secluded_clear in any case. */
int secluded_find(const struct hl_config *cfg, struct secluded *out);
void secluded_clear(struct secluded *s);

#endif
