/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system over others: what it shows is the first of its layers that has a name; what is
 * changed goes to the upper one, and the lower ones are never written. The rules and the form in
 * which the upper layer keeps what it hides are those of Linux's overlayfs
 * (Documentation/filesystems/overlayfs.rst); where that is not what POSIX says, POSIX holds
 * (fs/overlay/internal.h).
 */
#ifndef HL_FS_OVERLAY_OVERLAY_H
#define HL_FS_OVERLAY_OVERLAY_H

#include "fs/vfs.h"

struct overlay_options {
	const char *type;          /* as in /proc/mounts; static */
	struct filesystem **lower; /* the topmost first; references, taken over */
	unsigned nr_lower;
	/* Takes what is written; a reference, taken over. It has the directories "upper",
	 * "work" and "index", which are made where they are missing. */
	struct filesystem *upper;
	/* A descriptor that is closed with the file system: the lock on the upper layer; -1:
	 * none. */
	int lock_fd;
};

/* What the options hold is taken over, also on failure. 0 or -errno: -EINVAL where the upper layer
 * is not what it should be. */
int overlay_create(struct vfs *vfs, const struct overlay_options *opt, struct filesystem **out);

#endif
