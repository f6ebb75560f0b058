/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers: programs in a runtime's own language that get it ready, are saved, and run one job in
 * each copy (docs/guest.md). They are part of the library, so that a guest needs no file of ours:
 * the runtime takes its driver from the command line.
 */
#ifndef HL_LIB_DRIVER_H
#define HL_LIB_DRIVER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/strings.h"

struct driver;

#define DRIVER_NAMES    "python3, node, perl, ruby and bash"
#define DRIVER_NAME_MAX 32

/* NULL: there is none of that name. */
const struct driver *driver_find(const char *name, size_t len);
const char *driver_name(const struct driver *d);
/* Adds to `args`, which is the runtime and its options or empty, what makes it run the driver.
 * false: no memory. */
bool driver_command(const struct driver *d, const struct strings *modules, struct strings *args);

#endif
