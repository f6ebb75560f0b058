/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which directories a file system in memory has at a moment, to be put back to that: a reset makes
 * files anew, but directories stay, because others may be mounted on them or below them.
 */
#ifndef HL_FS_RAMFS_MARKS_H
#define HL_FS_RAMFS_MARKS_H

struct filesystem;
struct ramfs_marks;

/* Notes all of them, and keeps them. A file system is marked once in its life. -ENOMEM. */
int ramfs_mark(struct filesystem *fs, struct ramfs_marks **out);
/* These very directories have the places and names again that they had, however they were moved or
 * removed, and there are no others; what is in others is gone. Nobody else uses the file system.
 * Their attributes stay as they are. -ENOMEM: it is neither. */
int ramfs_put_back(struct ramfs_marks *m);
/* Before the file system goes. NULL: no effect. */
void ramfs_marks_free(struct ramfs_marks *m);

#endif
