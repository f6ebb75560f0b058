/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what is mounted in a guest's tree before its program starts. The order counts: "/"
 * comes first, and what is mounted later covers what was mounted before. */
#ifndef HL_LIB_MOUNTS_H
#define HL_LIB_MOUNTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/strings.h"

/* As mount(2) has it. Some types are no mounts: "directory", "symlink" and "file" make such a thing
 * in a root that is in memory. */
struct mount_spec {
	const char *type; /* as in /proc/filesystems; "hostfs" is a directory of the host */
	/* hostfs: which directory; symlink, file: the text; directory: UID:GID, or "" for root's;
	 * else the name in /proc/mounts */
	const char *source;
	const char *target; /* absolute, in the guest's tree; of a mount the name need not exist */
	unsigned flags;     /* MOUNT_* of fs/vfs.h; directory, file: the mode */
	uint64_t size;      /* most bytes of a tmpfs; 0: as many as tmpfs(5) says */
	/* overlay: the type of what lies beneath, from `source` */
	const char *lower;
	/* overlay: the directory of the host that takes what is written; NULL: memory */
	const char *upper;
	uint64_t deadline;    /* when reading the source is given up (monotonic_ns()); 0: never */
	uint64_t *host_mount; /* struct hostfs_options */
	/* Set when it is mounted: the directories or the file of the host that stand behind it,
	 * descriptors of the file system's own; -1: none. */
	int host_fd, upper_fd;
	bool host_file; /* it is a file */
};

struct mount_list {
	struct mount_spec *item;
	size_t count, room;
	struct strings text; /* what the items point to, removed ones too */
};

/* false: no memory. The strings of `m` are copied. */
bool mount_list_add(struct mount_list *l, const struct mount_spec *m);
/* Adds what every guest has: `root`, and over it what must be the guest's own. false: no memory. */
bool mount_list_add_standard(struct mount_list *l, const struct mount_spec *root);
/* Adds the control group that a sandbox with limits has. false: no memory. */
bool mount_list_add_cgroup(struct mount_list *l);
/* Adds all of `from`, each after what it lies below, whatever their order there: the longest prefix
 * of a name decides which mount it is on. false: no memory. */
bool mount_list_add_sorted(struct mount_list *l, const struct mount_list *from);
/* Removes the one at `target` where it is among the first `count`. false: none is. */
bool mount_list_remove(struct mount_list *l, size_t count, const char *target);
bool mount_list_has(const struct mount_list *l, const char *target);
void mount_list_clear(struct mount_list *l);

/* A place where a user may mount something, made plain: without "." and double slashes. NULL, or
 * what is wrong with it. */
const char *mount_target(const char *place, char plain[PATH_MAX]);

#endif
