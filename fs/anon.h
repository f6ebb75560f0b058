/* SPDX-License-Identifier: Apache-2.0 */
/* Files that no directory holds: pipes, sockets, eventfds... fs/anon.c: what fstat(2) says of them. */
#ifndef HL_FS_ANON_H
#define HL_FS_ANON_H

#include "fs/file.h"

/* Kept by objects whose owner shows (pipes, sockets); set when they are made. */
struct anon_owner {
	uid_t uid;
	gid_t gid;
	struct timespec when;
};

void anon_owner_init(struct anon_owner *o, struct caller *c);
/* Fills *out. `owner` NULL: root's, as the inode that all anon_inode files share on Linux. */
void anon_getattr(const struct file *f, mode_t mode, const struct anon_owner *owner, struct statx *out);

/* fs/anon_inode.c: the file system of their inodes, for the internal mount. NULL: no memory. */
struct filesystem *anonfs_new(void);

#endif
