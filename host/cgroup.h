/* SPDX-License-Identifier: Apache-2.0 */
/* The control groups of the host that this process is in (cgroups(7), both versions). */
#ifndef HL_HOST_CGROUP_H
#define HL_HOST_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

/* Where the host tells of them: `cgroup` and `mountinfo` are /proc/self/cgroup and
 * /proc/self/mountinfo; paths of mountinfo are looked up below `root` ("": the real ones). */
struct host_group_files {
	const char *root, *cgroup, *mountinfo;
};
#define HOST_GROUP_FILES                                                                           \
	(&(struct host_group_files){ "", "/proc/self/cgroup", "/proc/self/mountinfo" })

struct host_group {
	const char *dir; /* of the host's */
	bool v2;         /* of which version */
};

typedef void host_group_visit(const struct host_group *g, void *arg);

/* Visits the process's group of a controller and those above it, as far as they can be seen. */
void host_groups(const struct host_group_files *files, const char *controller,
		 host_group_visit *visit, void *arg);
/* What is in a file of the group, whose name the two versions spell differently: as
 * hostfile_read(). */
ssize_t host_group_read(const struct host_group *g, const char *v1, const char *v2, char *buf,
			size_t size);

#endif
