/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of an archive: a file of the host's, mapped, or pages of the arena that a compressed
 * one was unpacked into. Anyone may shorten the host's file at any time: nothing reads the mapping
 * but archive_copy, which survives that, and uio_put, which copies in the same way. What an
 * archive holds may be hostile.
 */
#ifndef HL_FS_CPIOFS_ARCHIVE_H
#define HL_FS_CPIOFS_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/arena.h"
#include "platform/physmem.h"
#include "util/errmsg.h"

struct archive {
	const char *map; /* NULL: the file is empty */
	uint64_t size;   /* when it was opened */
	/* the archive begins at `base` of it: what guests map */
	struct memfile *mf;
	uint64_t base;
	struct arena *arena; /* which the pages are of; NULL: a file of the host's */
	uint64_t pages_len;  /* bytes of those pages */
	/* while the file system is made: */
	const char *name;  /* in messages; borrowed */
	uint64_t deadline; /* when reading it is given up (monotonic_ns()); 0: never */
};

/* Maps the regular file behind `fd`, which is taken over, also on failure. `a` has its name and
 * deadline. 0 or -errno with the sentence set. */
int archive_open(struct archive *a, struct physmem *pm, int fd, struct errmsg *errmsg);
void archive_close(struct archive *a);
/* Bytes copied: less than `n` where the file ends before. */
size_t archive_copy(const struct archive *a, uint64_t off, void *dst, size_t n);
/* The same by a host call where it is a file: for bytes that are looked at once, cheaper than pages
 * that have to be mapped for it. */
size_t archive_read(const struct archive *a, uint64_t off, void *dst, size_t n);
/* The offset of what is not zero, from `off` on; or the archive's end. Holes of a file are not
 * read. */
uint64_t archive_skip_zeroes(const struct archive *a, uint64_t off);
/* Is it time to give up? 0, or -ETIMEDOUT with the sentence set. */
int archive_late(const struct archive *a, struct errmsg *errmsg);
/* How much of it there is now. */
uint64_t archive_size_now(const struct archive *a);
/* Sets the sentence "NAME: PROBLEM, at byte OFFSET", with the entry's name where there is one, and
 * returns -EINVAL. */
int archive_bad(const struct archive *a, struct errmsg *errmsg, const char *problem,
		uint64_t offset, const char *entry);

#endif
