/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of an archive in pages of the arena, which the sandbox's budget counts: of one that is
 * unpacked, or comes through a pipe. Pages that nobody touches cost nothing. */
#ifndef HL_FS_CPIOFS_BUFFER_H
#define HL_FS_CPIOFS_BUFFER_H

#include "fs/cpiofs/archive.h"

struct cpio_buffer {
	struct arena *arena;
	const struct archive *a; /* whose name and deadline count */
	uint64_t pages, room;    /* where in the arena, and for how much */
	uint64_t len;            /* bytes there are, which the user adds to */
};

/* Sees that there is room for `room` bytes in all. 0; -ENOMEM, -ETIMEDOUT with the sentence set. */
int cpio_buffer_reserve(struct cpio_buffer *b, uint64_t room, struct errmsg *errmsg);
/* Where the next byte goes. */
char *cpio_buffer_end(const struct cpio_buffer *b);
/* Adds `n` bytes of an archive from `off` on. */
int cpio_buffer_copy(struct cpio_buffer *b, const struct archive *from, uint64_t off, uint64_t n,
		     struct errmsg *errmsg);
/* What was gathered becomes an archive; pages without bytes are given back. */
void cpio_buffer_finish(struct cpio_buffer *b, struct archive *out);
void cpio_buffer_drop(struct cpio_buffer *b);

#endif
