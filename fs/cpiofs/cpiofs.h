/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cpio archive of the newc format as a read-only file system, served from the mapped archive.
 * Nothing of it is unpacked: files are read from the mapping, and where the data of a file begin at
 * a page of the archive, mappings show the archive's own pages, which all sandboxes share. Data
 * that begin elsewhere are copied page by page, when a mapping needs the page.
 *
 * A compressed archive (gzip, zstd) is unpacked into memory first, and one that comes through a
 * pipe is read into it; then they are the same.
 *
 * The checksum of an entry (070702) is compared when its file is opened for reading, and a file
 * with a wrong one cannot be (EIO): to do it at the start would read the whole archive.
 */
#ifndef HL_FS_CPIOFS_CPIOFS_H
#define HL_FS_CPIOFS_CPIOFS_H

#include "fs/vfs.h"
#include "util/errmsg.h"

struct cpiofs_options {
	struct mm_host *mem;
	struct physmem *pm;
	const char *name;  /* in messages */
	dev_t dev;         /* what stat shows (vfs_new_dev) */
	uint64_t deadline; /* when reading it is given up (monotonic_ns()); 0: never */
};

/* The archive behind `fd`, a regular file or a pipe, open for reading without blocking, which is
 * taken over, also on failure. 0 or -errno with the sentence set; -ETIMEDOUT at the deadline. */
int cpiofs_create(const struct cpiofs_options *opt, int fd, struct filesystem **out,
		  struct errmsg *errmsg);

#endif
