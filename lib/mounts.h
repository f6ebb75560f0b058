/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what is mounted in a guest's tree before its program starts: part of struct
 * hl_config. The order counts: "/" comes first, and what is mounted later covers what was mounted
 * before. */
#ifndef HL_LIB_MOUNTS_H
#define HL_LIB_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

/* As mount(2) has it. All strings are owned. */
struct mount_spec {
	char *type;     /* as in /proc/filesystems; "hostfs" is a directory of the host */
	char *source;   /* hostfs: which directory; else the name shown in /proc/mounts */
	char *target;   /* absolute, in the guest's tree; the name need not exist */
	unsigned flags; /* MOUNT_* of fs/vfs.h */
};

struct mount_list {
	struct mount_spec *item;
	size_t count, room;
};

/* Adds what a plain `hl PROGRAM` sees: the host's files, and over them what must be the guest's
 * own. false: no memory. */
bool mount_list_add_standard(struct mount_list *l);
void mount_list_clear(struct mount_list *l);

#endif
