/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories that were removed while somebody stood in them or had them open, in a copy of the
 * snapshot: nothing can be in one, and what it was is all that there is to it. The way up leads to
 * where it lay.
 */
#ifndef HL_FS_REMOVED_DIR_H
#define HL_FS_REMOVED_DIR_H

#include "fs/vfs.h"

/* `st`: its attributes. `name`: in the file system of `above`, with what says that it is gone.
 * Both references are the caller's. *out is one. -ENOMEM. */
int removed_dir_new(struct vfs *vfs, const struct statx *st, const char *name, struct dentry *above,
		    struct dentry **out);

#endif
