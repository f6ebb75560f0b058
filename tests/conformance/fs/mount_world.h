/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mount namespace of the case's own, in which it may mount what it likes: a tmpfs `w` in the
 * scratch directory, where it then stands. Nothing of it is seen outside.
 */
#ifndef HL_TESTS_MOUNT_WORLD_H
#define HL_TESTS_MOUNT_WORLD_H

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "case.h"

static char world[PATH_MAX]; /* the path of `w` */

static UNUSED void enter_world(void)
{
	need_root();
	NEED(unshare(CLONE_NEWNS));
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	NEED(mkdir("w", 0755));
	NEED(mount("world", "w", "tmpfs", 0, NULL));
	NEED(chdir("w"));
	if (!getcwd(world, sizeof world))
		_exit(99);
}

static unsigned long groups_seen[64];

/* Numbers of peer groups, in the order in which a listing has them. */
static long group_name(unsigned long group)
{
	size_t i = 0;

	while (i < 63 && groups_seen[i] && groups_seen[i] != group)
		i++;
	groups_seen[i] = group;
	return (long)i + 1;
}

struct info_line {
	size_t order; /* in the file, which is that of coming */
	char root[512], at[512], flags[128], optional[128], type[32], source[128], options[256];
};

/* The optional fields, with groups as group_name() has them. */
static void name_groups(struct info_line *l)
{
	char out[128] = "", *save = NULL, copy[128];

	strcpy(copy, l->optional);
	for (char *f = strtok_r(copy, " ", &save); f; f = strtok_r(NULL, " ", &save)) {
		char *colon = strchr(f, ':');
		size_t len = strlen(out);
		if (colon)
			snprintf(out + len, sizeof out - len, " %.*s:%ld", (int)(colon - f), f,
				 group_name(strtoul(colon + 1, NULL, 10)));
		else
			snprintf(out + len, sizeof out - len, " %s", f);
	}
	strcpy(l->optional, out);
}

static bool parse_info(char *text, struct info_line *l)
{
	char *dash = strstr(text, " - ");
	int used = 0;

	*l = (struct info_line){ 0 };
	if (!dash ||
	    sscanf(text, "%*u %*u %*s %511s %511s %127s%n", l->root, l->at, l->flags, &used) != 3)
		return false;
	snprintf(l->optional, sizeof l->optional, "%.*s", (int)(dash - text - used), text + used);
	return sscanf(dash + 3, "%31s %127s %255s", l->type, l->source, l->options) == 3;
}

static int by_place(const void *a, const void *b)
{
	const struct info_line *x = a, *y = b;
	int order = strcmp(x->at, y->at);

	return order ? order : x->order < y->order ? -1 : 1;
}

/* What /proc/self/mountinfo says of mounts below `w` (or of all, where that is ""), in order of
 * their places. */
static UNUSED void say_mounts_of(const char *file, const char *below)
{
	static struct info_line line[512];
	FILE *f = fopen(file, "r");
	size_t n = 0, len = strlen(below);
	char text[4096];

	if (!f) {
		say("%s: %s\n", file, strerrorname_np(errno));
		return;
	}
	while (n < 512 && fgets(text, sizeof text, f)) {
		if (parse_info(text, &line[n]) && strncmp(line[n].at, below, len) == 0) {
			line[n].order = n;
			n++;
		}
	}
	fclose(f);
	qsort(line, n, sizeof *line, by_place);
	memset(groups_seen, 0, sizeof groups_seen);
	for (size_t i = 0; i < n; i++) {
		name_groups(&line[i]);
		say("%s: root %s, %s%s - %s %s %s\n", line[i].at + len, line[i].root, line[i].flags,
		    line[i].optional, line[i].type, line[i].source, line[i].options);
	}
}

static UNUSED void say_mounts(const char *when)
{
	say("-- %s\n", when);
	say_mounts_of("/proc/self/mountinfo", world);
}

static UNUSED void make_dirs(const char *const *names)
{
	for (; *names; names++)
		NEED(mkdir(*names, 0755));
}
#define DIRS(...) make_dirs((const char *const[]){ __VA_ARGS__, NULL })

/* A tmpfs with a file `mark` in it. */
static UNUSED void mount_marked(const char *at, const char *mark)
{
	char name[PATH_MAX];

	NEED(mount(mark, at, "tmpfs", 0, NULL));
	snprintf(name, sizeof name, "%s/%s", at, mark);
	put_file(name, mark);
}

static UNUSED bool exists(const char *name)
{
	return access(name, F_OK) == 0;
}
#define SEES(name) say("%s: %s\n", name, exists(name) ? "there" : strerrorname_np(errno))

#endif
