/* SPDX-License-Identifier: Apache-2.0 */
/* Files that no directory holds: pipes, sockets, eventfds... fs/anon.c: what fstat(2) says of
 * them. */
#ifndef HL_FS_ANON_H
#define HL_FS_ANON_H

#include "fs/file.h"
#include "util/lock.h"

/* Kept by objects whose attributes can be changed (pipes, sockets). */
struct anon_attr {
	struct mutex lock;
	/* guarded by lock */
	mode_t mode; /* with the type */
	uid_t uid;
	gid_t gid;
	struct timespec atime, mtime, ctime;
};

/* The caller's, as of now. */
void anon_attr_init(struct anon_attr *attr, struct caller *c, mode_t mode);
void anon_attr_destroy(struct anon_attr *attr);
/* chmod(2), chown(2), utimensat(2): 0, -EPERM, -EACCES. */
int anon_setattr(struct anon_attr *attr, struct caller *c, const struct iattr *change);
/* Fills *out. `attr` NULL: root's, as the inode that all anon_inode files share on Linux. */
void anon_getattr(const struct file *f, struct anon_attr *attr, struct statx *out);

/* fs/anon_inode.c: the file system of their inodes, for the internal mount. NULL: no memory. */
struct filesystem *anonfs_new(const char *type);

#endif
