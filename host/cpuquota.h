/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the CPU time of this process is bounded, as its control groups say. */
#ifndef HL_HOST_CPUQUOTA_H
#define HL_HOST_CPUQUOTA_H

#include <stdbool.h>

struct host_group_files;

/* By its control group or one above it (cgroups(7): cpu.max, cpu.cfs_quota_us)? `files`:
 * HOST_GROUP_FILES. */
bool host_cpu_quota(const struct host_group_files *files);

#endif
