/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostfs: a directory of the host as a file system. See fs/hostfs/walk.c for how it is contained.
 */
#ifndef HL_FS_HOSTFS_HOSTFS_H
#define HL_FS_HOSTFS_HOSTFS_H

#include "fs/vfs.h"
#include "util/errmsg.h"

struct disk;
struct physmem;

struct hostfs_options {
	struct physmem *pm;                 /* where mapped files are placed */
	const struct user_namespace *users; /* whose owners are shown, and asked first */
	/* it belongs to a private world: see fs/hostfs/contain.c */
	bool contained;
	/* but whiteouts, which are devices, can be made: an overlay writes to it */
	bool whiteouts;
	struct file_count *mapped; /* counts the files of it that are mapped; NULL: nothing does */
	struct disk *disk;         /* what is written to it counts there; NULL: nowhere */
	/* The host's mount of an earlier one that is there still, 0: none yet; is set to that of
	 * this one. What is on the same mount is of the same file system. NULL: it is not known. */
	uint64_t *mount;
};

/* `fd` (O_PATH, of a directory or a regular file; taken over, also on failure) becomes the root. */
int hostfs_create(int fd, const struct hostfs_options *opt, struct filesystem **out,
		  struct errmsg *errmsg);
/* An overlay writes to it. No effect on others than hostfs. */
void hostfs_take_whiteouts(struct filesystem *fs);
/* Is it the host's own root, whole? */
bool hostfs_is_whole(struct filesystem *fs);
/* `fd` (taken over, also on failure), an O_PATH descriptor of a directory of the host's that no
 * path may lead to, as a place on the whole root. -EACCES: it must not be given to a guest. */
int hostfs_take_directory(struct filesystem *fs, int fd, struct dentry **out);

/* A regular file of the host that another sandbox of this process had mapped, too, and so is known
 * without a look at its name. */
struct hostfs_known {
	struct inode_id id;
	int fd; /* opened for reading; of whoever knows it, and open as long as he does */
};

/* What `f`, a regular file, is known by. False: it is not one of this file system. */
bool hostfs_know(struct filesystem *fs, struct file *f, struct hostfs_known *out);
/* Its pages, read-only; the descriptor stays the caller's, to be kept open for longer than the
 * sandbox lives. -ESTALE: this is no directory of the host's. */
int hostfs_known_pages(struct filesystem *fs, const struct hostfs_known *k,
		       struct pagesource **out);

#endif
