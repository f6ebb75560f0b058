/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of /proc/self/cgroup says where the process is in a hierarchy; a line of mountinfo says
 * where that hierarchy is mounted and which part of it the mount shows.
 */
#include "host/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/hostfile.h"
#include "util/words.h"

struct hierarchy {
	bool v2;
	char group[PATH_MAX];      /* of the process, from the root of the hierarchy */
	char mount[PATH_MAX];      /* where it is mounted */
	char mount_root[PATH_MAX]; /* the group that stands there */
};

ssize_t host_group_read(const struct host_group *g, const char *v1, const char *v2, char *buf,
			size_t size)
{
	char *path;

	buf[0] = '\0';
	if (asprintf(&path, "%s/%s", g->dir, g->v2 ? v2 : v1) < 0)
		return -ENOMEM;
	ssize_t n = hostfile_read(path, buf, size);
	free(path);
	return n;
}

/* From the group up to the mount. */
static void visit_all(const char *root, const struct hierarchy *h, host_group_visit *visit,
		      void *arg)
{
	char dir[3 * PATH_MAX];
	size_t skip = strcmp(h->mount_root, "/") ? strlen(h->mount_root) : 0;
	const char *below = strncmp(h->group, h->mount_root, skip) == 0 ? h->group + skip : "";

	size_t top = (size_t)snprintf(dir, sizeof dir, "%s%s", root, h->mount);
	snprintf(dir + top, sizeof dir - top, "%s", below);
	for (;;) {
		visit(&(struct host_group){ dir, h->v2 }, arg);
		char *slash = strrchr(dir, '/');
		if (!slash || (size_t)(slash - dir) < top)
			return;
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
static bool find_group(const char *cgroup, const char *controller, struct hierarchy *h)
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
		found = h->v2 ? controllers[1] == '\0' : has_word(controllers + 1, controller);
		snprintf(h->group, sizeof h->group, "%s", path);
	}
	if (f)
		fclose(f);
	return found;
}

/* proc_pid_mountinfo(5): id parent device ROOT MOUNTPOINT options [tags] - TYPE source
 * SUPEROPTIONS */
static bool find_mount(const char *mountinfo, const char *controller, struct hierarchy *h)
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
			      : !strcmp(type, "cgroup") && has_word(options, controller);
	}
	if (f)
		fclose(f);
	return found;
}

void host_groups(const struct host_group_files *files, const char *controller,
		 host_group_visit *visit, void *arg)
{
	struct hierarchy *h = malloc(sizeof *h);

	for (int v2 = 0; h && v2 < 2; v2++) {
		h->v2 = v2;
		if (find_group(files->cgroup, controller, h) &&
		    find_mount(files->mountinfo, controller, h))
			visit_all(files->root, h, visit, arg);
	}
	free(h);
}
