/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devpts: a directory with a device node for each pty (pts(4)), and ptmx. Who makes and unmakes
 * them, and what they open: kernel/tty/pty.c.
 */
#ifndef HL_FS_DEVPTS_H
#define HL_FS_DEVPTS_H

#include "fs/device.h"
#include "fs/vfs.h"

/* Whose ptys they are. */
struct devpts_owner {
	device_open_fn *open_ptmx, *open_slave;
	void (*release)(void *arg); /* the file system is gone */
};

/* As mount options: "Documentation/filesystems/devpts.rst". */
struct devpts_options {
	bool uid_given, gid_given; /* else those of who opens ptmx */
	uid_t uid;
	gid_t gid;
	mode_t mode, ptmx_mode;
};

/* Those that it was made with. */
void devpts_options_of(struct filesystem *fs, struct devpts_options *out);
/* Of its owner's functions, as it was made; NULL: `fs` is no devpts. */
void *devpts_arg_of(struct filesystem *fs);
/* `arg`: of the owner's functions. */
int devpts_create(dev_t dev, const struct guest_clock *clock, const struct devpts_options *opt,
		  const struct devpts_owner *owner, void *arg, struct filesystem **out);
/* A node `index` for device `rdev`, owned by the caller. 0 or -ENOMEM. */
int devpts_add(struct filesystem *fs, struct caller *c, unsigned index, dev_t rdev);
/* The same, with the attributes of `target`, a node outside: the host's terminal under the name it
 * has there. */
int devpts_add_alias(struct filesystem *fs, unsigned index, struct inode *target);
/* Mode, owner and times of a node; false: there is none. */
bool devpts_attributes(struct filesystem *fs, unsigned index, struct statx *out);
void devpts_set_attributes(struct filesystem *fs, unsigned index, const struct statx *st);
/* The name goes; files opened by it stay. */
void devpts_remove(struct filesystem *fs, unsigned index);

#endif
