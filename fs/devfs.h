/* SPDX-License-Identifier: Apache-2.0 */
/* /dev: a file system in memory, filled with what programs expect there. What its nodes open:
 * fs/device.h. */
#ifndef HL_FS_DEVFS_H
#define HL_FS_DEVFS_H

#include "fs/vfs.h"

int devfs_create(struct mm_host *mem, dev_t dev, struct filesystem **out);

#endif
