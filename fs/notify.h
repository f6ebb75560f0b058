/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What inotify(7) is told of files that no host knows: those of file systems with FS_NOTIFIES. The
 * vfs raises an event after the operation it tells of, with no lock of a file system held;
 * fs/inotify.c hands it to who watches.
 *
 * Masks are IN_*; IN_ISDIR is added here. A file system none of whose inodes was ever watched costs
 * each operation one load.
 */
#ifndef HL_FS_NOTIFY_H
#define HL_FS_NOTIFY_H

#include <sys/inotify.h>

#include "fs/file.h"

/* Of the inode itself, whatever its names. */
void notify_inode(struct inode *i, uint32_t mask);
/* Of a name in a directory: IN_CREATE, IN_DELETE. `dir`: the name is a directory's. */
void notify_name(struct inode *in, const char *name, bool dir, uint32_t mask);
/* Of an inode, and to its directory by the name it has there. */
void notify_dentry(const struct dentry *d, uint32_t mask);
/* rename(2) of `moved`; `replaced` lost its name by that, NULL: nobody did. */
struct notify_move {
	struct inode *from, *to;
	const char *old_name, *new_name;
	struct inode *moved, *replaced;
};
void notify_moved(const struct notify_move *m);
/* setattr has made the change. */
void notify_changed(const struct dentry *d, const struct iattr *a);
/* The last reference to the inode is gone. */
void notify_gone(struct inode *i);

/* Of a file in use: IN_ACCESS, IN_MODIFY. One that no open(2) made (memfd_create(2)) is used in
 * silence. */
void notify_use(struct file *f, uint32_t mask);
static inline void notify_file(struct file *f, uint32_t mask)
{
	const struct dentry *d = f->path.dentry;

	if (d && atomic_load_explicit(&d->inode->fs->watched, memory_order_acquire))
		notify_use(f, mask);
}
/* Of all that comes after this. */
void notify_opened(struct file *f);
void notify_closed(struct file *f);

#endif
