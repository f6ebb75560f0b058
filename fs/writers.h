/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who writes a file and who runs it (ETXTBSY): an open for writing is refused while a program is
 * executed from the file, and the reverse. One table a sandbox, by the inodes' identity; programs
 * outside are not seen.
 */
#ifndef HL_FS_WRITERS_H
#define HL_FS_WRITERS_H

#include "fs/file.h"

struct writers;

struct writers *writers_new(void);
void writers_free(struct writers *w);

/* Counts `f` among the writers of its file, or among what denies writing, until its last reference
 * is gone.
 * -ETXTBSY, -ENOMEM. */
int file_get_write_access(struct file *f, struct writers *w);
int file_deny_write_access(struct file *f, struct writers *w);
/* As file_get_write_access for the length of one change by path: 0 or -ETXTBSY. */
int writers_check(struct writers *w, struct inode *i);
/* If `f` is counted as a writer: once more, for a mapping that will outlast it, until writers_put
 * with what it was counted by. */
bool file_get_write_access_again(const struct file *f);
void writers_put(struct writers *w, const struct inode_id *id, int writecount);
/* file_put's part. */
void file_put_write_access(struct file *f);

#endif
