/* SPDX-License-Identifier: Apache-2.0 */
/* What the host offers beside what platforms need. */
#ifndef HL_HOST_CHECKS_H
#define HL_HOST_CHECKS_H

#include "util/check.h"

extern const struct check host_checks[];

#endif
