/* SPDX-License-Identifier: Apache-2.0 */
/* /dev: a file system in memory, filled with what programs expect there. What its nodes open:
 * fs/device.h. */
#ifndef HL_FS_DEVFS_H
#define HL_FS_DEVFS_H

#include "fs/vfs.h"

/* /dev/hl (kernel/devhl.h): of Linux's misc devices one of those without a fixed number. */
#define DEVHL_MAJOR 10
#define DEVHL_MINOR 250

int devfs_create(struct mm_host *mem, dev_t dev, struct filesystem **out);

#endif
