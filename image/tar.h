/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads tar archives as tar(5) of libarchive and POSIX's pax have them: ustar, pax headers, GNU's
 * long names, numbers in base 256 and sparse files (the old format, pax 0.1 and 1.0). Strict: what
 * is wrong is said with its name, and nothing is guessed. Everything in an archive may be hostile;
 * names are given as they are.
 */
#ifndef HL_IMAGE_TAR_H
#define HL_IMAGE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/errmsg.h"

/* Bytes of a sparse file that are there: `data` is their offset in the descriptor. */
struct tar_extent {
	uint64_t offset, length, data;
};

/* A piece of an extended attribute list: NAME, NUL, length of the value (uint32_t), value. */
struct tar_xattrs {
	char *bytes;
	size_t len;
};

struct tar_entry {
	char *path, *target; /* "": none; for links */
	mode_t mode;         /* with its type */
	bool hard_link;      /* to `target`; the type is that of what it names */
	uid_t uid;
	gid_t gid;
	int64_t mtime;
	dev_t rdev;
	uint64_t size; /* of the file, holes included */
	struct tar_extent *extent;
	size_t nr_extents;
	struct tar_xattrs xattrs;
};

struct tar;

/* An archive in [at, end) of `fd`, which stays the caller's, as `name` does. NULL: no memory. */
struct tar *tar_open(int fd, uint64_t at, uint64_t end, const char *name, struct errmsg *errmsg);
void tar_free(struct tar *t);
/* The next entry; what is in it belongs to the reader until the next call, but what the caller
 * takes and replaces by NULL. 1; 0: there is none; -errno with the sentence set. */
int tar_next(struct tar *t, struct tar_entry **out);

#endif
