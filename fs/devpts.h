/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devpts: a directory with a device node for each pty (pts(4)), and ptmx. What the nodes open:
 * fs/device.h; who makes and unmakes them: kernel/tty/pty.c.
 */
#ifndef HL_FS_DEVPTS_H
#define HL_FS_DEVPTS_H

#include "fs/vfs.h"

int devpts_create(dev_t dev, const struct guest_clock *clock, struct filesystem **out);
/* A node `index` for device `rdev`, owned by the caller. 0 or -ENOMEM. */
int devpts_add(struct filesystem *fs, struct caller *c, unsigned index, dev_t rdev);
/* The same, with the attributes of `target`, a node outside: the host's terminal under the name it
 * has there. */
int devpts_add_alias(struct filesystem *fs, unsigned index, struct inode *target);
/* The name goes; files opened by it stay. */
void devpts_remove(struct filesystem *fs, unsigned index);

#endif
