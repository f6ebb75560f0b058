/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inotify(7) over an instance of the host's: hostfs shows the host's own files, and only the host
 * sees what programs outside the sandbox do to them. A sandbox has one of the host's however many
 * its guest makes; limits are the guest's own (cred/user.h). Of file systems in memory the vfs
 * tells (fs/notify.h).
 */
#ifndef HL_FS_INOTIFY_H
#define HL_FS_INOTIFY_H

#include "fs/file.h"

/* /proc/sys/fs/inotify; the host's own limits hold as well. */
#define INOTIFY_MAX_USER_INSTANCES 128
#define INOTIFY_MAX_USER_WATCHES   65536
#define INOTIFY_MAX_QUEUED_EVENTS  16384

struct inotify_table;

/* Of a sandbox; NULL: no memory. */
struct inotify_table *inotify_table_new(void);
/* No instance is left. NULL: no effect. */
void inotify_table_free(struct inotify_table *t);

/* `flags`: IN_NONBLOCK. -EMFILE: the user has too many, or the host gives none. */
int inotify_create(struct caller *c, int flags, struct file **out);
bool file_is_inotify(const struct file *f);
/* The watch descriptor. `mask` as the guest gave it. -ENOSYS: the file system tells of no changes
 * (it makes its inodes anew at each walk). -ENOSPC: the user has too many watches. */
int inotify_watch(struct file *f, struct caller *c, const struct path *p, uint32_t mask);
/* -EINVAL: no such watch. */
int inotify_unwatch(struct file *f, int wd);

/* A name has become another, or two have changed places: snapshots look for what is watched where
 * it is now. */
void inotify_renamed(struct inotify_table *t, const struct path *dir, const char *name,
		     const struct path *newdir, const char *newname, bool exchange);

/* A copy of a snapshot is loaded: from now on its watches tell of events. */
void inotify_settle(struct inotify_table *t);

/* For fs/notify.c. */
struct inotify_news {
	uint32_t mask, cookie;
	/* of the file in the directory the event is of; NULL: of the inode itself */
	const char *name;
	bool unlinked; /* not for IN_EXCL_UNLINK */
};
/* To all who watch `i`, which the caller holds. */
void inotify_tell(struct inode *i, const struct inotify_news *news);
/* The watched inode is about to be freed: its watches end. */
void inotify_inode_gone(struct inode *i);
/* Joins the two events of a move; of a file system that was watched. */
uint32_t inotify_cookie(struct filesystem *fs);

#endif
