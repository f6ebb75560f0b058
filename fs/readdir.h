/* SPDX-License-Identifier: Apache-2.0 */
/* Reading directories (getdents(2)), over all file systems. */
#ifndef HL_FS_READDIR_H
#define HL_FS_READDIR_H

#include "fs/file.h"

/* As file_ops.readdir, which the file must have. Names at which something is mounted and which the
 * directory itself does not hold come last. */
int vfs_readdir(struct file *f, struct caller *c, struct dir_emit *e);
/* Would it show such a name in the directory? */
bool dir_shows_mounts(const struct path *dir);

#endif
