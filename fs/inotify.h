/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inotify(7) over an instance of the host's: hostfs shows the host's own files, and only the host sees what programs
 * outside the sandbox do to them. Watch descriptors, events and limits are therefore the host's. File systems of our
 * own tell nothing: they have no inode_ops.watch.
 */
#ifndef HL_FS_INOTIFY_H
#define HL_FS_INOTIFY_H

#include "fs/file.h"

/* `flags`: IN_NONBLOCK. -EMFILE: the host's limit on instances. */
int inotify_create(struct caller *c, int flags, struct file **out);
bool file_is_inotify(const struct file *f);
/* The watch descriptor. `mask` as the guest gave it. -ENOSYS: the file system tells of no changes. */
int inotify_watch(struct file *f, struct caller *c, struct inode *i, uint32_t mask);
/* -EINVAL: no such watch. */
int inotify_unwatch(struct file *f, int wd);

#endif
