/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program of the host's and gives what it prints, before the monitor confines itself. */
#ifndef HL_HOST_COMMAND_H
#define HL_HOST_COMMAND_H

#include "util/text.h"

/* Runs `argv`, whose first word is a path or is looked up in PATH, with the caller's environment
 * and nothing to read, and appends what it prints to `out`, COMMAND_OUTPUT_MAX bytes at most. What
 * it says of errors is dropped. Waits for the end of its output. 0; -errno: it cannot be run. A
 * program that embeds us sees no child of it and no SIGCHLD, so nobody has its status. */
int host_command(const char *const *argv, struct text *out);

#define COMMAND_OUTPUT_MAX (1UL << 20)

#endif
