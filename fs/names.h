/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the tree of names and of attributes: mkdir(2), rename(2), chmod(2)..., over all file
 * systems. */
#ifndef HL_FS_NAMES_H
#define HL_FS_NAMES_H

#include "fs/vfs.h"

/* `start` NULL: the caller's cwd. The umask is applied here. */
int vfs_mkdir(struct caller *c, const struct path *start, const char *name, mode_t mode);
int vfs_mknod(struct caller *c, const struct path *start, const char *name, mode_t mode, dev_t dev);
int vfs_symlink(struct caller *c, const char *target, const struct path *start, const char *name);
int vfs_link(struct caller *c, const struct path *target, const struct path *start,
	     const char *name);
int vfs_unlink(struct caller *c, const struct path *start, const char *name);
int vfs_rmdir(struct caller *c, const struct path *start, const char *name);
int vfs_rename(struct caller *c, const struct path *start, const char *name,
	       const struct path *newstart, const char *newname, unsigned flags);
int vfs_setattr(struct caller *c, const struct path *p, const struct iattr *a);
/* access(2) with the caller's file system ids; `mask`: R_OK... or F_OK. */
int vfs_access(struct caller *c, const struct path *p, int mask);

#endif
