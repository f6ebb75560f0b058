/* SPDX-License-Identifier: Apache-2.0 */
/* What fstat(2) says of files that no directory holds: pipes, sockets, eventfds... */
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

#endif
