/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the guest's tree that memory is mapped from: a snapshot names them. */
#ifndef HL_SNAPSHOT_MAPPED_H
#define HL_SNAPSHOT_MAPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/saved_place.h"
#include "mm/pagesource.h"
#include "util/saved.h"

struct caller;
struct mapped_place;

/* It is the same file as long as its size and the time of its last change are. */
struct file_id {
	struct saved_place place;
	uint64_t size;
	int64_t mtime;
	uint32_t mtime_ns;
};

void file_id_save(struct saver *s, const struct file_id *id);
/* -EBADMSG. */
int file_id_load(struct loader *l, struct file_id *out);
void file_id_free(struct file_id *id);

/* What was mapped from `at`, or NULL: from what `name` named, if the file behind `ps` is still
 * there. -ESTALE: it is not. */
int mapped_file_id(struct saver *s, const struct path *at, const char *name, struct pagesource *ps,
		   struct file_id *out);

/*
 * Files that the copies of an image in this process have found, with a descriptor of each: the next
 * copy does not look for them again. What they are found by is their names in one world, that of
 * the first copy; copies in another look for themselves. A file that has been changed or renamed
 * since, or has lost a name, is looked for again. They are those of the file system at the root:
 * what is mounted elsewhere is to be in use while something of it is mapped. Any thread.
 */
struct known_files;

struct known_files *known_files_new(void);    /* NULL: no memory */
void known_files_free(struct known_files *k); /* NULL: no effect; no sandbox has one of them */
/* Is that their world (as lib/saved_world.h has it)? The first one is. */
bool known_files_are_of(struct known_files *k, const void *world, size_t len);

/* Those that a load has opened: a library has several mappings in each process, and is looked up
 * and compared once. */
struct mapped_files {
	struct mapped_file *all;
	size_t nr, room;
	size_t last;               /* the one that was asked for last */
	struct known_files *known; /* NULL: the copy has another world */
	size_t last_known;
};

/* The pages of the file, and what mapping them keeps in use: references. *id is freed by the
 * caller; its place may have been taken. -ESTALE: it has changed. */
int mapped_file_open(struct mapped_files *m, struct caller *c, struct file_id *id,
		     bool shared_write, struct pagesource **out, struct mapped_place **place);
void mapped_files_close(struct mapped_files *m);

#endif
