/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newc format of cpio archives: Documentation/driver-api/early-userspace/buffer-format.rst of
 * Linux's sources; init/initramfs.c there is its reader. An entry is a header of fixed size, a
 * name, and the data; name and data each begin a multiple of four bytes into the archive:
 *
 * 	header (110)  name, NUL  0-3 NULs  data  0-3 NULs
 *
 * An archive ends with an entry of the name TRAILER!!!.
 */
#ifndef HL_FS_CPIOFS_NEWC_H
#define HL_FS_CPIOFS_NEWC_H

#include <stdbool.h>
#include <stdint.h>

#define NEWC_HEADER  110UL /* bytes: the magic and thirteen numbers of eight digits */
#define NEWC_TRAILER "TRAILER!!!"
/* What an archive of ours ends with: the trailer's header and name, and the padding. */
#define NEWC_TRAILER_LEN 124UL

struct newc {
	uint32_t ino, mode, uid, gid, nlink, mtime, filesize;
	uint32_t devmajor, devminor, rdevmajor, rdevminor, namesize, check;
	bool summed; /* 070702: `check` is the sum of the bytes of a regular file */
};

/* NULL, or what is wrong with the header. */
const char *newc_parse(const char raw[NEWC_HEADER], struct newc *out);

void newc_format(const struct newc *h, char raw[NEWC_HEADER + 1]);

static inline uint64_t newc_align(uint64_t offset)
{
	return (offset + 3) & ~3ULL;
}

/* Where the data of the entry whose header is at `header` begins. No offset in a file is so large
 * that these overflow. */
static inline uint64_t newc_data(const struct newc *h, uint64_t header)
{
	return newc_align(header + NEWC_HEADER + h->namesize);
}

static inline uint64_t newc_next(const struct newc *h, uint64_t header)
{
	return newc_align(newc_data(h, header) + h->filesize);
}

#endif
