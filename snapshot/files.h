/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor tables in a snapshot, and the files of the guest's tree that memory is mapped from. */
#ifndef HL_SNAPSHOT_FILES_H
#define HL_SNAPSHOT_FILES_H

#include <stdbool.h>

#include "mm/pagesource.h"
#include "util/saved.h"

struct caller;
struct mapped_place;
struct process;

extern const struct saved_kind fdtable_kind; /* struct fdtable */

/* What in the descriptors of a process cannot be saved: a sentence and -ENOTSUP; 0: nothing. */
int files_check(struct saver *s, struct process *p);

/* The same of the locks of files. */
int locks_check(struct saver *s);

/* A mapped file: it is the same as long as its size and the time of its last change are. */
struct file_id {
	char *path; /* owned */
	uint64_t size;
	int64_t mtime;
	uint32_t mtime_ns;
};

void file_id_save(struct encoder *out, const struct file_id *id);
/* -EBADMSG. */
int file_id_load(struct decoder *in, struct file_id *out);
void file_id_free(struct file_id *id);

/* What `path` names now, if that is the file behind `ps`; id->path is `path` itself. -ESTALE: it is
 * not. */
int mapped_file_id(struct caller *c, char *path, struct pagesource *ps, struct file_id *out);
/* The pages of the file, and what mapping them keeps in use: references. -ESTALE: it has changed.
 */
int mapped_file_open(struct caller *c, const struct file_id *id, bool shared_write,
		     struct pagesource **out, struct mapped_place **place);

#endif
