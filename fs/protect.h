/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs.protected_* (proc_sys_fs(5)): what users may not do to each other in directories that all may
 * write. The levels are the host's, which keeps them itself on its file systems; these are the
 * rules for files in memory, and for symlinks anywhere, which our own walk follows.
 */
#ifndef HL_FS_PROTECT_H
#define HL_FS_PROTECT_H

#include "fs/vfs.h"

enum protection { PROTECTED_SYMLINKS, PROTECTED_HARDLINKS, PROTECTED_FIFOS, PROTECTED_REGULAR };

int protection_level(struct vfs *vfs, enum protection p);
/* O_CREAT of something that exists (Linux's may_create_in_sticky()). 0 or -EACCES. */
int protect_sticky(struct caller *c, const struct statx *dir, const struct statx *found);
/* link(2) of what one does not own, on a file system that leaves the check to the vfs (Linux's
 * may_linkat()): only what could as well be copied. 0 or -EPERM. */
int protect_hardlink(struct caller *c, struct inode *i);
/* Does the rule ask for the owner of a symlink in this directory? */
bool protect_looks_at_links(const struct statx *dir);
/* The symlink at the end of a path, which lies in such a directory (Linux's may_follow_link()).
 * 0 or -EACCES. */
int protect_symlink(struct caller *c, const struct statx *dir, const struct statx *link);

#endif
