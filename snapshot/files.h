/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor tables in a snapshot. */
#ifndef HL_SNAPSHOT_FILES_H
#define HL_SNAPSHOT_FILES_H

#include "util/saved.h"

struct process;

extern const struct saved_kind fdtable_kind; /* struct fdtable */

/* What in the descriptors of a process cannot be saved: a sentence and -ENOTSUP; 0: nothing. */
int files_check(struct saver *s, struct process *p);

/* Locks of files: struct lock_table, if there are any. */
extern const struct saved_kind locks_kind;
void locks_note(struct saver *s);

#endif
