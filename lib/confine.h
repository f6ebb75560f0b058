/* SPDX-License-Identifier: Apache-2.0 */
/* Which jail a sandbox's configuration calls for. */
#ifndef HL_LIB_CONFINE_H
#define HL_LIB_CONFINE_H

#include "hl.h"

struct sandbox;

/* Behind the machine, whose processes and devices the jail does not let anybody make; before the
 * file tree, the first thing that may be a stranger's work. 0, or -1 with *err. */
int confine(const struct hl_config *cfg, const struct sandbox *sb, struct hl_error **err);

#endif
