/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory the host would let this process have: the smallest limit of its memory control
 * groups. */
#ifndef HL_HOST_MEMLIMIT_H
#define HL_HOST_MEMLIMIT_H

#include <stdint.h>

/* Bytes: the smallest of the limits of the calling process's memory control group and of those
 * above it, as far as they can be seen, and of the machine's memory. cgroups(7), both versions;
 * sysinfo(2). */
uint64_t host_memory_limit(void);

struct host_group_files;

/* The part of it that looks at control groups. UINT64_MAX: no limit. */
uint64_t host_cgroup_limit(const struct host_group_files *files);

#endif
