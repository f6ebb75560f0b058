/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacks archives that are compressed, wholly or from some offset on: the images that
 * distributions boot from begin with a small archive for the CPU that is not.
 */
#ifndef HL_FS_CPIOFS_UNPACK_H
#define HL_FS_CPIOFS_UNPACK_H

#include "fs/cpiofs/archive.h"

#define UNPACK_HEAD 8UL

/* Does something compressed begin with these bytes, UNPACK_HEAD or fewer? */
bool unpack_is_due(const char *head, size_t n);
/* Makes *out of the first `off` bytes of `a` as they are, what is compressed behind them unpacked,
 * and what follows that as it is. The pages come from the arena, within the budget of the sandbox:
 * where they would not, that is the end of it. 0 or -errno with the sentence set. */
int unpack(const struct archive *a, uint64_t off, struct arena *arena, struct archive *out,
	   struct errmsg *errmsg);

#endif
