/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the list of mounts that a configuration holds. See the header. */
#include "lib/mounts.h"

#include <stdlib.h>
#include <string.h>

#include "fs/vfs.h"

static void spec_clear(struct mount_spec *s)
{
	free(s->type);
	free(s->source);
	free(s->target);
}

/* false: no memory. */
static bool mount_list_add(struct mount_list *l, const char *type, const char *source,
			   const char *target, unsigned flags)
{
	struct mount_spec s = { strdup(type), strdup(source), strdup(target), flags };

	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 8;
		struct mount_spec *item = reallocarray(l->item, room, sizeof *item);
		if (item) {
			l->item = item;
			l->room = room;
		}
	}
	if (l->count == l->room || !s.type || !s.source || !s.target) {
		spec_clear(&s);
		return false;
	}
	l->item[l->count++] = s;
	return true;
}

#define NO_EXEC (MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC)

bool mount_list_add_standard(struct mount_list *l)
{
	return mount_list_add(l, "hostfs", "/", "/", 0) &&
	       mount_list_add(l, "proc", "proc", "/proc", NO_EXEC) &&
	       mount_list_add(l, "sysfs", "sysfs", "/sys", NO_EXEC | MOUNT_RDONLY) &&
	       mount_list_add(l, "devtmpfs", "devtmpfs", "/dev", MOUNT_NOSUID) &&
	       mount_list_add(l, "devpts", "devpts", "/dev/pts", MOUNT_NOSUID | MOUNT_NOEXEC) &&
	       mount_list_add(l, "tmpfs", "tmpfs", "/dev/shm", MOUNT_NOSUID | MOUNT_NODEV);
}

void mount_list_clear(struct mount_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		spec_clear(&l->item[i]);
	free(l->item);
	*l = (struct mount_list){ .item = NULL };
}
