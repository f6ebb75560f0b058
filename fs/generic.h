/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of Linux's vfs that file systems in memory share; on a file system of the host, the host
 * kernel keeps them. */
#ifndef HL_FS_GENERIC_H
#define HL_FS_GENERIC_H

#include "fs/vfs.h"

struct uio;

/* May `cred` make this change (notify_change() and setattr_prepare())? `st`: the attributes now.
 * Adjusts the mode in *a where Linux does (setgid of a group one is not in), and adds one where a
 * chown(2) takes set-id bits off. 0, -EPERM, -EACCES. */
int generic_setattr_check(const struct statx *st, const struct cred *cred, struct iattr *a);
/* May `cred` give a file of this owner and group a set-group-ID bit (in_group_or_capable())? */
bool generic_may_set_gid(const struct cred *cred, uid_t uid, gid_t gid);
/* The mode after a change of owner by `cred`, or after its write without CAP_FSETID
 * (setattr_should_drop_suidgid()): without set-id bits. */
mode_t generic_drop_set_id(const struct statx *st, const struct cred *cred);
/* May `cred` read or change an extended attribute that is no ACL (xattr_permission())? 0; 1: who
 * may read or write the file itself; -errno. */
int generic_xattr_check(const struct statx *st, const struct cred *cred, const char *name,
			bool write);
/* UTIME_NOW stands for `now`; UTIME_OMIT leaves *t alone. */
void generic_set_time(struct timespec *t, const struct timespec *to, struct timespec now);
/* lseek(2) over a file of `size` bytes, with the position in `f`. Not SEEK_DATA and SEEK_HOLE. */
int64_t generic_lseek(struct file *f, int64_t off, int whence, int64_t size);
/* What directories answer: a listing has no end to seek from, and read(2) and write(2) are for
 * files. */
int64_t generic_dir_lseek(struct file *f, struct caller *c, int64_t off, int whence);
ssize_t generic_dir_io(struct file *f, struct caller *c, struct uio *u, int64_t *pos);
/* Paths are made from their end: puts a slash and `name` before what *at, in `buf`, points at. 0 or
 * -ENAMETOOLONG. */
int generic_prepend(char *buf, char **at, const char *name);

#endif
