/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the list of mounts that a configuration holds. See the header. */
#include "lib/mounts.h"

#include <stdlib.h>
#include <string.h>

#include "fs/vfs.h"

/* NULL stays NULL. false: no memory. */
static bool keep(struct mount_list *l, const char **s)
{
	if (!*s)
		return true;
	bool kept = strings_copy(&l->text, 1, s);
	*s = kept ? l->text.item[l->text.count - 1] : NULL;
	return kept;
}

bool mount_list_add(struct mount_list *l, const struct mount_spec *m)
{
	struct mount_spec s = *m;

	s.host_fd = s.upper_fd = -1;
	if (!keep(l, &s.type) || !keep(l, &s.source) || !keep(l, &s.target) || !keep(l, &s.lower) ||
	    !keep(l, &s.upper))
		return false;
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 8;
		struct mount_spec *item = reallocarray(l->item, room, sizeof *item);
		if (!item)
			return false;
		l->item = item;
		l->room = room;
	}
	l->item[l->count++] = s;
	return true;
}

#define NO_EXEC (MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC)

static const struct mount_spec standard[] = {
	{ .type = "proc", .source = "proc", .target = "/proc", .flags = NO_EXEC },
	{ .type = "sysfs", .source = "sysfs", .target = "/sys", .flags = NO_EXEC | MOUNT_RDONLY },
	{ .type = "devtmpfs", .source = "devtmpfs", .target = "/dev", .flags = MOUNT_NOSUID },
	{ .type = "devpts",
	  .source = "devpts",
	  .target = "/dev/pts",
	  .flags = MOUNT_NOSUID | MOUNT_NOEXEC },
	{ .type = "tmpfs",
	  .source = "tmpfs",
	  .target = "/dev/shm",
	  .flags = MOUNT_NOSUID | MOUNT_NODEV },
};

bool mount_list_add_standard(struct mount_list *l, const struct mount_spec *root)
{
	bool ok = mount_list_add(l, root);

	for (size_t i = 0; ok && i < sizeof standard / sizeof *standard; i++)
		ok = mount_list_add(l, &standard[i]);
	return ok;
}

bool mount_list_add_cgroup(struct mount_list *l)
{
	static const struct mount_spec m = { .type = "cgroup2",
					     .source = "cgroup",
					     .target = "/sys/fs/cgroup",
					     .flags = NO_EXEC | MOUNT_RDONLY };

	return mount_list_add(l, &m);
}

/* A name below another one is longer. */
static int by_length(const void *a, const void *b)
{
	const struct mount_spec *x = a, *y = b;
	size_t lx = strlen(x->target), ly = strlen(y->target);

	return (lx > ly) - (lx < ly);
}

bool mount_list_add_sorted(struct mount_list *l, const struct mount_list *from)
{
	size_t first = l->count;

	for (size_t i = 0; i < from->count; i++) {
		if (!mount_list_add(l, &from->item[i]))
			return false;
	}
	if (from->count)
		qsort(l->item + first, from->count, sizeof *l->item, by_length);
	return true;
}

bool mount_list_remove(struct mount_list *l, size_t count, const char *target)
{
	size_t i = 0;

	while (i < count && strcmp(l->item[i].target, target) != 0)
		i++;
	if (i == count)
		return false;
	memmove(&l->item[i], &l->item[i + 1], (--l->count - i) * sizeof *l->item);
	return true;
}

bool mount_list_has(const struct mount_list *l, const char *target)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->item[i].target, target) == 0)
			return true;
	}
	return false;
}

/* Places that are the sandbox's own, or hold the programs: neither they nor what lies below them
 * can be mounted over. */
static const char *const kept[] = { "/bin", "/dev", "/proc", "/sys", "/usr" };

static bool is_kept(const char *target)
{
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		size_t len = strlen(kept[i]);
		if (strncmp(target, kept[i], len) == 0 && (!target[len] || target[len] == '/'))
			return true;
	}
	return false;
}

const char *mount_target(const char *place, char plain[PATH_MAX])
{
	size_t n = 0;

	if (place[0] != '/')
		return "the place of a mount is an absolute path of the guest's";
	for (const char *s = place; *s; s += strcspn(s, "/")) {
		s += strspn(s, "/");
		size_t len = strcspn(s, "/");
		if (len == 2 && s[0] == '.' && s[1] == '.')
			return "the place of a mount cannot have '..' in it";
		if (len > NAME_MAX || n + len + 2 > PATH_MAX)
			return "the place of a mount is too long";
		if (!len || (len == 1 && s[0] == '.'))
			continue;
		plain[n++] = '/';
		memcpy(plain + n, s, len);
		n += len;
	}
	plain[n] = '\0';
	return !n || is_kept(plain) ? "nothing can be mounted at this place" : NULL;
}

void mount_list_clear(struct mount_list *l)
{
	strings_clear(&l->text);
	free(l->item);
	*l = (struct mount_list){ .item = NULL };
}
