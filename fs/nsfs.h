/* SPDX-License-Identifier: Apache-2.0 */
/* nsfs: the files that stand for namespaces. A link of /proc/PID/ns leads to one; whoever has it
 * open holds the namespace. */
#ifndef HL_FS_NSFS_H
#define HL_FS_NSFS_H

#include <stddef.h>

struct file;
struct inode;
struct ns_common;
struct path;
struct vfs;

/* The file that stands for a namespace, a reference. 0 or -ENOMEM. */
int ns_path(struct vfs *vfs, struct ns_common *ns, struct path *out);
/* The same, opened: a reference. */
int ns_file(struct vfs *vfs, struct ns_common *ns, struct file **out);
/* The namespace that `f` stands for, borrowed from it; NULL: none. */
struct ns_common *ns_of_file(struct file *f);
/* The same of an inode. */
struct ns_common *ns_of_inode(struct inode *i);
/* "mnt:[4026531832]"; as snprintf. */
int ns_name(const struct ns_common *ns, char *buf, size_t size);

#endif
