/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that come through a pipe (`hl --initrd <(command)`, `--initrd /dev/stdin`). */
#ifndef HL_FS_CPIOFS_PIPE_H
#define HL_FS_CPIOFS_PIPE_H

#include "fs/cpiofs/archive.h"

/* Reads `fd`, a pipe or a FIFO that is taken over, also on failure, to its end, into pages of the
 * arena. `a` has its name and deadline. 0 or -errno with the sentence set. */
int archive_of_pipe(struct archive *a, struct arena *arena, int fd, struct errmsg *errmsg);

#endif
