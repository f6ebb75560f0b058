/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in which the host's kernel tells something, in /proc, /sys and control groups. What is read
 * while guests run is opened by name here and nowhere else (scripts/hostcalls lists who else opens
 * host paths, and when), so that a monitor that confines itself has one place to see to.
 */
#ifndef HL_HOST_HOSTFILE_H
#define HL_HOST_HOSTFILE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* For reading: a descriptor, which is not inherited, or -errno. */
int hostfile_open(const char *path);
/* The same as a stream; NULL: it cannot be opened, as errno says. */
FILE *hostfile_stream(const char *path);
/* The first `size` - 1 bytes of it, with a NUL behind them: how many, or -errno, and then `buf` is
 * "". */
ssize_t hostfile_read(const char *path, char *buf, size_t size);
bool hostfile_exists(const char *path);

#endif
