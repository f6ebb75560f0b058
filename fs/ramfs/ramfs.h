/* SPDX-License-Identifier: Apache-2.0 */
/* A file system in memory, as Linux's tmpfs: /dev, /dev/shm, --tmpfs, and memfd_create(2) without a
 * mount. */
#ifndef HL_FS_RAMFS_RAMFS_H
#define HL_FS_RAMFS_RAMFS_H

#include "fs/file.h"

struct ramfs_options {
	const char *type;    /* as in /proc/mounts; static */
	uint64_t max_bytes;  /* of file data; 0: no limit */
	uint64_t max_inodes; /* 0: no limit */
	mode_t mode;         /* of the root */
	uid_t uid;
	gid_t gid;
	/* of these limits /proc/mounts says nothing: Linux's defaults, half of the memory and as
	 * many inodes as that has pages (tmpfs(5)) */
	uint64_t default_bytes, default_inodes;
	bool not_disk; /* what is in it is memory, and does not count as written to files */
};

/* `dev`: what stat shows (vfs_new_dev). */
int ramfs_create(struct mm_host *mem, dev_t dev, const struct ramfs_options *opt,
		 struct filesystem **out);

/* How one would be made that is like it, but for its files. */
void ramfs_options_of(struct filesystem *fs, struct ramfs_options *out);

/* Other limits (mount(2) with MS_REMOUNT): 0: none, NULL: as it was. -EINVAL: it holds more
 * already, or had no limit. */
int ramfs_reconfigure(struct filesystem *fs, const uint64_t *max_bytes, const uint64_t *max_inodes);

/* memfd_create(2): a file of `fs` without a name in it. `flags`: MFD_*, checked by the caller. */
int ramfs_memfd(struct filesystem *fs, struct caller *c, const char *name, unsigned flags,
		struct file **out);
/* fcntl(2) F_GET_SEALS and F_ADD_SEALS; -EINVAL: not a file of this kind. */
int ramfs_get_seals(struct file *f);
int ramfs_add_seals(struct file *f, unsigned seals);

/* Fill a file system before anyone uses it: as the system calls do for root. */
int ramfs_make(struct filesystem *fs, const char *path, mode_t mode, dev_t dev, const char *target);

#endif
