/* SPDX-License-Identifier: Apache-2.0 */
/* What the jail needs of the host, for hl doctor. Nothing is needed: what is missing is done
 * without, or, where the user asked for all of it, an error. */
#ifndef HL_JAIL_CHECKS_H
#define HL_JAIL_CHECKS_H

#include "util/check.h"

extern const struct check jail_checks[];

#endif
