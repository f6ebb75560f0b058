/* SPDX-License-Identifier: Apache-2.0 */
/* The second version writes "max PERIOD" where there is no quota, the first -1. */
#include "host/cpuquota.h"

#include "host/cgroup.h"

static void take_quota(const struct host_group *g, void *arg)
{
	bool *any = arg;
	char value[64];

	(void)host_group_read(g, "cpu.cfs_quota_us", "cpu.max", value, sizeof value);
	*any |= value[0] >= '0' && value[0] <= '9';
}

bool host_cpu_quota(const struct host_group_files *files)
{
	bool any = false;

	host_groups(files, "cpu", take_quota, &any);
	return any;
}
