/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the mounts of a world with what the host has at the same places. See the header. */
#include "lib/secluded.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/world.h"

#define NAMES_MAX 20000 /* of all directories: a full /tmp is no reason to take much memory */

static bool add(struct strings *s, const char *path)
{
	return strings_copy(s, 1, &path);
}

/* Is something mounted there, or below? */
static bool is_shown(const struct mount_list *l, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < l->count; i++) {
		const char *target = l->item[i].target;
		if (strncmp(target, path, len) == 0 && (!target[len] || target[len] == '/'))
			return true;
	}
	return false;
}

/* The names of the host's directory `dir` that the world does not have there. */
static bool add_absent(const struct mount_list *l, const char *dir, struct strings *out)
{
	char path[PATH_MAX];
	bool ok = true;
	DIR *d = opendir(dir);

	for (struct dirent *e; d && ok && out->count < NAMES_MAX && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    snprintf(path, sizeof path, "%s/%s", strcmp(dir, "/") ? dir : "", e->d_name) >=
			(int)sizeof path)
			continue;
		ok = is_shown(l, path) || add(out, path);
	}
	if (d)
		closedir(d);
	return ok;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct strings *s)
{
	if (s->count)
		qsort(s->item, s->count, sizeof *s->item, by_text);
}

int secluded_find(const struct hl_config *cfg, struct secluded *out)
{
	struct mount_list mounts = { .item = NULL };
	struct errmsg ignored = { "" };
	bool same_paths = cfg->isolate || cfg->workspace, ok = true;
	int err = world_mounts(cfg, &mounts, &ignored);

	for (size_t i = 0; !err && ok && i < mounts.count; i++) {
		const struct mount_spec *m = &mounts.item[i];
		bool own = strcmp(m->type, "directory") == 0 || strcmp(m->target, "/") == 0 ||
			   (strcmp(m->type, "tmpfs") == 0 && strcmp(m->target, "/dev/shm") != 0);
		if (strcmp(m->type, "hidden") == 0)
			ok = add(&out->hidden, m->target);
		else if (own && same_paths)
			ok = add_absent(&mounts, m->target, &out->absent);
	}
	mount_list_clear(&mounts);
	sort(&out->hidden);
	sort(&out->absent);
	return err ? err : ok ? 0 : -ENOMEM;
}

void secluded_clear(struct secluded *s)
{
	strings_clear(&s->hidden);
	strings_clear(&s->absent);
}
