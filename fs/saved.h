/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How open files are kept in snapshots (util/saved.h). Each file_ops names one kind:
 *
 *   file_by_path     what has a name in the guest's tree is opened again by it: files and
 *                    directories of mounts, devices, files of /proc. A name that leads elsewhere
 *                    by then gives a file that says ESTALE
 *   file_removed     of what has lost its name the contents are kept, and a copy has the file in
 *                    memory
 *   FILE_UNSAVED     what a snapshot cannot hold yet
 *   its own          what lives in the monitor (pipes, eventfds): save.c beside the type
 *
 * The standard descriptors that the sandbox was started with are the copy's own, whatever they are.
 */
#ifndef HL_FS_SAVED_H
#define HL_FS_SAVED_H

#include "fs/file.h"
#include "util/saved.h"

extern const struct saved_kind file_by_path, file_removed, file_stdio;
extern const struct saved_kind host_stream_saved; /* FIFOs of the host */
extern const struct saved_kind ns_file_saved, tree_saved;
/* Of types that live in the monitor. */
extern const struct saved_kind pipe_saved, pipe_data_saved, eventfd_saved, signalfd_saved,
    timerfd_saved, pidfd_saved, epoll_saved, inotify_saved;

/* A type that is only refused, by its name. */
#define FILE_UNSAVED(id, what) const struct saved_kind id = { .name = what, .put = file_saved_put }

const struct saved_kind *file_saved_kind(const struct file *f);
/* `put` of all kinds of files: loaded_of() asks for any of them by it. */
void file_saved_put(void *file);
/* The number of a file, for what refers to it. */
uint64_t file_saved(struct saver *s, struct file *f);
/* The file of that number, a reference; NULL for 0. */
int file_loaded(struct loader *l, uint64_t number, struct file **out);

/* The number of the pages that a removed file shows, as an object of a file in memory. */
uint64_t removed_pages_saved(struct saver *s, struct pagesource *ps);

/* Flags that F_SETFL may have changed, and the position where the vfs keeps it. */
void file_save_state(struct saver *s, struct file *f);
/* The same of a file that keeps its position itself. */
void file_save_state_at(struct saver *s, struct file *f, int64_t pos);
int file_load_state(struct loader *l, struct file *f);

extern const struct saved_kind fs_struct_kind; /* struct fs_struct */

#endif
