/* SPDX-License-Identifier: Apache-2.0 */
/* The limit is a file of each group: memory.max of the second version, memory.limit_in_bytes of the
 * first. */
#include "host/memlimit.h"

#include <stdlib.h>
#include <sys/sysinfo.h>

#include "host/cgroup.h"
#include "util/minmax.h"

/* The first version writes "none" as the largest number of pages. */
#define V1_NO_LIMIT (INT64_MAX & ~4095LL)

static void take_limit(const struct host_group *g, void *arg)
{
	uint64_t *smallest = arg;
	char value[32];

	(void)host_group_read(g, "memory.limit_in_bytes", "memory.max", value, sizeof value);
	if (value[0] < '0' || value[0] > '9')
		return; /* "max", or there is no such file */
	uint64_t limit = strtoull(value, NULL, 10);
	if (g->v2 || limit < V1_NO_LIMIT)
		*smallest = min64(*smallest, limit);
}

uint64_t host_cgroup_limit(const struct host_group_files *files)
{
	uint64_t smallest = UINT64_MAX;

	host_groups(files, "memory", take_limit, &smallest);
	return smallest;
}

uint64_t host_memory_limit(void)
{
	uint64_t limit = host_cgroup_limit(HOST_GROUP_FILES);
	struct sysinfo si;

	if (sysinfo(&si) == 0)
		limit = min64(limit, si.totalram * (uint64_t)si.mem_unit);
	return limit;
}
