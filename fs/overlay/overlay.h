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

struct overlay_layer {
	struct filesystem *fs; /* a reference */
	struct inode *dir;     /* a reference; NULL: the root of `fs` */
};

struct overlay_options {
	const char *type;            /* as in /proc/mounts; static */
	struct overlay_layer *lower; /* the topmost first; what they hold is taken over */
	unsigned nr_lower;
	/* Takes what is written; taken over. Without `work` it has the directories "upper", "work"
	 * and "index", which are made where they are missing. */
	struct overlay_layer upper;
	/* A directory of the same file system that has "work" and "index"; then upper.dir is what
	 * shows. A reference, taken over; NULL: none. */
	struct inode *work;
	/* With whose rights the layers are used; NULL: the monitor's, who may all. */
	const struct cred *mounter;
	bool readonly;   /* for good: `upper` is there for nothing but the form */
	bool user_marks; /* attributes of the overlay's own are "user.", not "trusted." */
	/* What /proc/mounts says of the layers, for free(), taken over; NULL: nothing. */
	char *shown;
	/* A descriptor that is closed with the file system: the lock on the upper layer; -1:
	 * none. */
	int lock_fd;
};

/* What the options hold is taken over, also on failure. 0 or -errno: -EINVAL where the upper layer
 * is not what it should be. */
int overlay_create(struct vfs *vfs, const struct overlay_options *opt, struct filesystem **out);
/* False of a readonly one. */
bool overlay_has_upper(struct filesystem *fs);
/* Is `fs` an overlay that writes to the directory? */
bool overlay_writes_to(struct filesystem *fs, const struct inode_id *dir);

/* How it was made; all borrowed, and `work` is the directory itself that is called "work". */
void overlay_options_of(struct filesystem *fs, struct overlay_options *out);
/* What it writes to, borrowed; NULL: it is no overlay. */
struct filesystem *overlay_upper(struct filesystem *fs);

#endif
