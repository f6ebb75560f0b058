/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a snapshot.
 *
 *   0        header, one page: what it is, where the rest lies, a checksum of itself
 *   4096     pages: contents of guest memory and of files in memory, each at a page boundary so
 *            that copies map them from here and nothing is read in. Pages of zeroes are holes of
 *            the file; a stretch that is there already is not written again
 *   behind   metadata: all else (util/codec.h), with a checksum
 *
 * A file is written aside, synced and renamed into place, so that there is the whole of it or what
 * was there before. It holds a program's memory: mode 0600. Nobody changes it afterwards: copies
 * map it for as long as they run, and another one takes its place by a rename.
 *
 * Who opens one trusts nothing in it. The header is checked first, and all of it; the metadata is
 * read once, compared with its checksum, and each number in it checked where it is used. Pages are
 * a guest's memory, and mean nothing to the monitor. Their checksum is compared on request alone,
 * because that reads all of them.
 */
#ifndef HL_SNAPSHOT_IMAGE_H
#define HL_SNAPSHOT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/features.h"
#include "platform/physmem.h"
#include "util/errmsg.h"
#include "util/gva.h"
#include "util/saved.h"

/* Rises with every change of what is written. */
#define IMAGE_VERSION 24

struct image_header {
	char magic[8];
	uint32_t version, arch;               /* IMAGE_VERSION, the e_machine of ELF files */
	char program_version[32];             /* of hl */
	uint64_t features[CPU_FEATURE_WORDS]; /* of the CPU that it ran on */
	uint64_t file_size;
	uint64_t pages_end; /* they begin at IMAGE_PAGES */
	uint64_t meta_off, meta_len;
	uint32_t pages_crc, meta_crc;
	uint32_t header_crc; /* of all in front of it */
};
#define IMAGE_MAGIC "hl snap\n"
#define IMAGE_PAGES 4096UL

/* ---- writing ---- */

struct image_writer;

/* Stretches shorter than this are written again: a copy would pay more for another mapping than
 * it saves memory. With each one that is found in one piece of memory the next has to be a page
 * longer: gigabytes that are all alike have some hundred mappings, not one for each 16 pages.
 * Longer runs of zeroes are left out where memory without contents is zero anyway. */
#define IMAGE_RUN_MIN 16

/* A file beside `path`, which is not touched yet. */
int image_create(const char *path, struct image_writer **out, struct errmsg *errmsg);
/* The same for one who will be confined when it is complete: another process gives it its name
 * then, and removes it where there is nothing to name. */
int image_create_early(const char *path, struct image_writer **out, struct errmsg *errmsg);
/* Begins again with an empty file. -EBADF: it has its name already. */
int image_restart(struct image_writer *w);
/* Writes `len` bytes, whole pages. `fn` is told of each run in order. `skip_zeroes`: long runs of
 * zeroes are neither written nor told of. */
int image_write_pages(struct image_writer *w, const void *data, uint64_t len, bool skip_zeroes,
		      saved_run_fn *fn, void *arg);
/* The metadata, and the header; then the file is complete and has its name. */
int image_finish(struct image_writer *w, const void *meta, size_t len, struct errmsg *errmsg);
/* Without image_finish nothing is left. NULL: no effect. */
void image_writer_free(struct image_writer *w);

/* ---- reading ---- */

struct forecasts;

struct image {
	int fd; /* read-only */
	struct image_header header;
	unsigned char *meta;      /* header.meta_len bytes */
	struct memfile_view view; /* of header and pages: all copies of a process read there */
	struct forecasts *forecasts;
};

/* `what` names it in messages. */
int image_open(const char *path, struct image **out, struct errmsg *errmsg);
void image_close(struct image *img);
/* Reads all of the pages and compares their checksum. */
int image_verify(const struct image *img, struct errmsg *errmsg);
/* Is [off, off + len) pages of it, whole ones? */
bool image_has_pages(const struct image *img, uint64_t off, uint64_t len);

#endif
