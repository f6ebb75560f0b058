/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the files of an archive in the order in which they are written: by name, each directory
 * before what is in it. A file that was added below a symlink goes where that leads, as it would
 * where the archive is unpacked: with bin -> usr/bin added before it, bin/x is usr/bin/x.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/initrd.h"

#define MAX_LINKS 40 /* symlinks on the way to a file */

/* A directory comes before what is in it, and nothing else comes between. */
static int compare_names(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	int x = *a == '/' ? 1 : (unsigned char)*a + (*a ? 1 : 0);
	int y = *b == '/' ? 1 : (unsigned char)*b + (*b ? 1 : 0);
	return x - y;
}

static int by_name(const void *a, const void *b)
{
	const struct initrd_file *x = *(struct initrd_file *const *)a;
	const struct initrd_file *y = *(struct initrd_file *const *)b;
	int r = compare_names(x->guest, y->guest);

	return r ? r : x->order < y->order ? -1 : 1;
}

static int by_inode(const void *a, const void *b)
{
	const struct initrd_file *x = *(struct initrd_file *const *)a;
	const struct initrd_file *y = *(struct initrd_file *const *)b;

	if (x->st.st_dev != y->st.st_dev)
		return x->st.st_dev < y->st.st_dev ? -1 : 1;
	if (x->st.st_ino != y->st.st_ino)
		return x->st.st_ino < y->st.st_ino ? -1 : 1;
	return by_name(a, b);
}

/* ---- below symlinks ---- */

static int by_key(const void *key, const void *element)
{
	return compare_names(key, (*(struct initrd_file *const *)element)->guest);
}

/* The symlink that the name `name` is in the archive. NULL: it is something else, or nothing. */
static struct initrd_file *find_symlink(struct initrd_file *const *list, size_t n, const char *name)
{
	struct initrd_file *const *found = bsearch(name, list, n, sizeof *list, by_key);

	return found && S_ISLNK((*found)->st.st_mode) ? *found : NULL;
}

/* Where `name` leads: `at` bytes of it are the symlink `link`. Names are taken one by one, so that
 * ".." in the target means what is above the symlink. Into `out`. 0 or -errno. */
static int replace_link(const struct initrd_file *link, const char *name, size_t at,
			char out[PATH_MAX])
{
	char target[2 * PATH_MAX];
	ssize_t n = initrd_readlink(link, target, PATH_MAX - 1);
	size_t above = at, len;

	if (n < 0)
		return -errno;
	if (strlen(name + at) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(target + n, name + at);
	while (above && name[above - 1] != '/')
		above--;
	above = target[0] == '/' || !above ? 0 : above - 1;
	memcpy(out, name, above);
	for (const char *p = target; *(p += strspn(p, "/")); p += len) {
		len = strcspn(p, "/");
		if (len == 2 && memcmp(p, "..", 2) == 0) {
			while (above && out[--above] != '/')
				;
		} else if (!(len == 1 && *p == '.')) {
			if (above + len + 2 > PATH_MAX)
				return -ENAMETOOLONG;
			if (above)
				out[above++] = '/';
			memcpy(out + above, p, len);
			above += len;
		}
	}
	out[above] = '\0';
	return 0;
}

/* What the name becomes when it is followed to its first symlink. 1: there is none. */
static int follow_one(struct initrd_file *const *list, size_t n, const char *name,
		      char out[PATH_MAX])
{
	char above[PATH_MAX];

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - name);
		if (len >= PATH_MAX)
			return -ENAMETOOLONG;
		memcpy(above, name, len);
		above[len] = '\0';
		const struct initrd_file *link = find_symlink(list, n, above);
		if (link)
			return replace_link(link, name, len, out);
	}
	return 1;
}

/* The name that a file is to have (malloc'd), *moved; NULL: the one that it has. 0 or -errno. */
static int follow_links(struct initrd_file *const *list, size_t n, const struct initrd_file *f,
			char **moved)
{
	char name[PATH_MAX], next[PATH_MAX];
	unsigned links = 0;
	int err;

	*moved = NULL;
	if (strlen(f->guest) >= sizeof name)
		return -ENAMETOOLONG;
	strcpy(name, f->guest);
	while ((err = follow_one(list, n, name, next)) == 0) {
		if (++links > MAX_LINKS)
			return -ELOOP;
		strcpy(name, next);
	}
	if (err < 0)
		return err;
	*moved = links ? strdup(name) : NULL;
	return links && !*moved ? -ENOMEM : 0;
}

/* Moves files that are below symlinks; *any: there were some. The list is in order until all of it
 * was looked at. */
static int move_files(struct initrd_file *const *list, size_t n, bool *any, struct hl_error **err)
{
	char **moved = calloc(n + 1, sizeof *moved);
	int error = moved ? 0 : -ENOMEM;

	*any = false;
	for (size_t i = 0; !error && i < n; i++) {
		error = follow_links(list, n, list[i], &moved[i]);
		if (error)
			error_set(err, error == -ENOMEM ? HL_NO_MEMORY : HL_INVALID, "/%s: %s",
				  list[i]->guest, strerror(-error));
	}
	for (size_t i = 0; moved && i < n; i++) {
		if (error || !moved[i]) {
			free(moved[i]);
			continue;
		}
		free(list[i]->guest);
		list[i]->guest = moved[i];
		*any = true;
	}
	free(moved);
	return error ? -1 : 0;
}

/* ---- */

/* Of one name the last counts. How many are left. */
static size_t sort_names(struct hl_initrd *a, struct initrd_file **list)
{
	size_t n = 0;

	for (size_t i = 0; i < a->count; i++)
		list[i] = &a->file[i];
	qsort(list, a->count, sizeof(struct initrd_file *), by_name);
	for (size_t i = 0; i < a->count; i++) {
		if (i + 1 == a->count || strcmp(list[i]->guest, list[i + 1]->guest) != 0)
			list[n++] = list[i];
	}
	return n;
}

/* Finds the hard links among the files. `links` has room for all. */
static void find_links(struct initrd_file *const *list, size_t n, struct initrd_file **links)
{
	size_t nr = 0, end;

	for (size_t i = 0; i < n; i++) {
		list[i]->nlink = 1;
		list[i]->first = NULL;
		list[i]->has_data = true;
		if (!S_ISDIR(list[i]->st.st_mode) && !S_ISLNK(list[i]->st.st_mode))
			links[nr++] = list[i];
	}
	qsort(links, nr, sizeof(struct initrd_file *), by_inode);
	for (size_t i = 0; i < nr; i = end) {
		for (end = i + 1; end < nr && links[end]->st.st_dev == links[i]->st.st_dev &&
				  links[end]->st.st_ino == links[i]->st.st_ino;)
			end++;
		for (size_t j = i; j < end; j++) {
			links[j]->nlink = (uint32_t)(end - i);
			links[j]->first = j > i ? links[i] : NULL;
			links[j]->has_data = j + 1 == end;
		}
	}
}

struct initrd_file **initrd_order(struct hl_initrd *a, size_t *n, struct hl_error **err)
{
	struct initrd_file **list = calloc(a->count + 1, sizeof(struct initrd_file *));
	struct initrd_file **links = calloc(a->count + 1, sizeof(struct initrd_file *));
	bool any = false;

	if (!list || !links) {
		error_set(err, HL_NO_MEMORY, "out of memory");
	} else {
		*n = sort_names(a, list);
		if (!move_files(list, *n, &any, err)) {
			if (any)
				*n = sort_names(a, list);
			find_links(list, *n, links);
			free(links);
			return list;
		}
	}
	free(links);
	free(list);
	return NULL;
}
