/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox runs on: a machine of its platform, and the memory behind it. Nothing of it is
 * known to a guest or depends on one, so that it can be made before there is a sandbox for it.
 */
#ifndef HL_KERNEL_HARDWARE_H
#define HL_KERNEL_HARDWARE_H

#include <stdbool.h>

#include "platform/platform.h"

struct arena;
struct physmem;

struct hardware {
	const struct platform *platform; /* NULL: there is none */
	struct machine *machine;
	struct machine_props props;
	struct physmem *physmem;
	struct arena *arena;
};

/* `kin`, `hook`: machine_attach of platform.h. */
int hardware_make(struct hardware *out, const struct platform *pf, struct machine_kin *kin,
		  const struct machine_hook *hook, struct errmsg *errmsg);
/* *from has none then. */
void hardware_move(struct hardware *to, struct hardware *from);
/* Is it still as it was made? The host may have ended a process of it. */
bool hardware_works(const struct hardware *hw);
void hardware_free(struct hardware *hw);

#endif
