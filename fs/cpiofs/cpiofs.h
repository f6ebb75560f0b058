/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cpio archive of the newc format as a read-only file system, served from the mapped archive.
 * Nothing of it is unpacked: files are read from the mapping, and where the data of a file begin at
 * a page of the archive, mappings show the archive's own pages, which all sandboxes share. Data
 * that begin elsewhere are copied page by page, when a mapping needs the page.
 *
 * A compressed archive (gzip, zstd) is unpacked into memory first, and is then the same.
 *
 * The checksum of an entry (070702) is compared when its file is opened for reading, and a file
 * with a wrong one cannot be (EIO): to do it at the start would read the whole archive.
 */
#ifndef HL_FS_CPIOFS_CPIOFS_H
#define HL_FS_CPIOFS_CPIOFS_H

#include "fs/vfs.h"
#include "util/errmsg.h"

/* The archive behind `fd`, a regular file open for reading, which is taken over, also on failure.
 * `name`: in messages. `dev`: what stat shows (vfs_new_dev). 0 or -errno with the sentence set. */
int cpiofs_create(struct mm_host *mem, struct physmem *pm, int fd, const char *name, dev_t dev,
		  struct filesystem **out, struct errmsg *errmsg);

#endif
