/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of /proc/self/cgroup says where the process is in a hierarchy; a line of mountinfo says
 * where that hierarchy is mounted and which part of it the mount shows. The limit is a file of each
 * directory from the process's own up to the mount: memory.max of the second version,
 * memory.limit_in_bytes of the first.
 */
#include "host/memlimit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "host/hostfile.h"
#include "util/words.h"

/* The first version writes "none" as the largest number of pages. */
#define V1_NO_LIMIT (INT64_MAX & ~4095LL)

struct hierarchy {
	bool v2;
	char group[PATH_MAX];      /* of the process, from the root of the hierarchy */
	char mount[PATH_MAX];      /* where it is mounted */
	char mount_root[PATH_MAX]; /* the group that stands there */
};

static uint64_t limit_of(const char *dir, bool v2)
{
	char *path, value[32] = "";

	if (asprintf(&path, "%s/%s", dir, v2 ? "memory.max" : "memory.limit_in_bytes") < 0)
		return UINT64_MAX;
	FILE *f = hostfile_stream(path);
	free(path);
	if (!f)
		return UINT64_MAX;
	bool any = fgets(value, sizeof value, f);
	fclose(f);
	if (!any || value[0] < '0' || value[0] > '9')
		return UINT64_MAX; /* "max" */
	uint64_t limit = strtoull(value, NULL, 10);
	return !v2 && limit >= V1_NO_LIMIT ? UINT64_MAX : limit;
}

/* From the group up to the mount. */
static uint64_t smallest_limit(const char *root, const struct hierarchy *h)
{
	char dir[3 * PATH_MAX];
	size_t skip = strcmp(h->mount_root, "/") ? strlen(h->mount_root) : 0;
	const char *below = strncmp(h->group, h->mount_root, skip) == 0 ? h->group + skip : "";
	uint64_t smallest = UINT64_MAX;

	size_t top = (size_t)snprintf(dir, sizeof dir, "%s%s", root, h->mount);
	snprintf(dir + top, sizeof dir - top, "%s", below);
	for (;;) {
		uint64_t limit = limit_of(dir, h->v2);
		if (limit < smallest)
			smallest = limit;
		char *slash = strrchr(dir, '/');
		if (!slash || (size_t)(slash - dir) < top)
			return smallest;
		*slash = '\0';
	}
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ',') &&
		    (at[len] == ',' || at[len] == ':' || !at[len] || at[len] == '\n'))
			return true;
	return false;
}

/* Finds the process's group: "4:memory:/path", or "0::/path" of the second version. */
static bool find_group(const char *cgroup, struct hierarchy *h)
{
	char line[PATH_MAX + 64];
	bool found = false;
	FILE *f = hostfile_stream(cgroup);

	while (f && !found && fgets(line, sizeof line, f)) {
		char *controllers = strchr(line, ':'),
		     *path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		found = h->v2 ? controllers[1] == '\0' : has_word(controllers + 1, "memory");
		snprintf(h->group, sizeof h->group, "%s", path);
	}
	if (f)
		fclose(f);
	return found;
}

/* proc_pid_mountinfo(5): id parent device ROOT MOUNTPOINT options [tags] - TYPE source
 * SUPEROPTIONS */
static bool find_mount(const char *mountinfo, struct hierarchy *h)
{
	char line[3 * PATH_MAX], type[32], options[256];
	bool found = false;
	FILE *f = hostfile_stream(mountinfo);

	while (f && !found && fgets(line, sizeof line, f)) {
		const char *rest = strstr(line, " - ");
		if (!rest || !word_copy(line, 3, h->mount_root, sizeof h->mount_root) ||
		    !word_copy(line, 4, h->mount, sizeof h->mount) ||
		    !word_copy(rest, 1, type, sizeof type) ||
		    !word_copy(rest, 3, options, sizeof options))
			continue;
		found = h->v2 ? !strcmp(type, "cgroup2")
			      : !strcmp(type, "cgroup") && has_word(options, "memory");
	}
	if (f)
		fclose(f);
	return found;
}

uint64_t host_cgroup_limit(const char *root, const char *cgroup, const char *mountinfo)
{
	uint64_t smallest = UINT64_MAX;
	struct hierarchy *h = malloc(sizeof *h);

	for (int v2 = 0; h && v2 < 2; v2++) {
		h->v2 = v2;
		if (!find_group(cgroup, h) || !find_mount(mountinfo, h))
			continue;
		uint64_t limit = smallest_limit(root, h);
		if (limit < smallest)
			smallest = limit;
	}
	free(h);
	return smallest;
}

uint64_t host_memory_limit(void)
{
	uint64_t limit = host_cgroup_limit("", "/proc/self/cgroup", "/proc/self/mountinfo");
	struct sysinfo si;

	if (sysinfo(&si) == 0 && si.totalram * (uint64_t)si.mem_unit < limit)
		limit = si.totalram * (uint64_t)si.mem_unit;
	return limit;
}
