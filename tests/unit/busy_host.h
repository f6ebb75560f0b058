/* SPDX-License-Identifier: Apache-2.0 */
/* A host on which somebody renames all the time. Linux then takes no path with ".." in it:
 * openat2 with RESOLVE_BENEATH answers EAGAIN (openat2(2)). Programs are linked with
 * --wrap=beneath_open. */
#ifndef HL_TESTS_UNIT_BUSY_HOST_H
#define HL_TESTS_UNIT_BUSY_HOST_H

#include <stdbool.h>

/* From now on; how many paths were refused since it was last asked. */
unsigned busy_host(bool on);

#endif
