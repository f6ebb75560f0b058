/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostfs: a directory of the host as a file system. See fs/hostfs/walk.c for how it is contained.
 */
#ifndef HL_FS_HOSTFS_HOSTFS_H
#define HL_FS_HOSTFS_HOSTFS_H

#include "fs/vfs.h"
#include "util/why.h"

struct physmem;

/* `dirfd` (O_PATH or a directory; taken over, also on failure) becomes the root. `pm`: where mapped
 * files are placed. */
int hostfs_create(int dirfd, struct physmem *pm, struct filesystem **out, struct why *why);
/* Is it the host's own root, whole? */
bool hostfs_is_whole(struct filesystem *fs);
/* `fd` (taken over, also on failure), an O_PATH descriptor of a directory of the host's that no
 * path may lead to, as a place on the whole root. -EACCES: it must not be given to a guest. */
int hostfs_take_directory(struct filesystem *fs, int fd, struct dentry **out);
/* The host's descriptor of an open file or directory, borrowed; -1: it is not one of hostfs. */
int hostfs_file_fd(const struct file *f);

#endif
