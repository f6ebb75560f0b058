/* SPDX-License-Identifier: Apache-2.0 */
/* Memory files (memfd_create(2)) of a size that is known. */
#ifndef HL_HOST_MEMFD_H
#define HL_HOST_MEMFD_H

#include <stdint.h>

/* A sparse memory file of this size, closed on exec; -errno. -EFBIG instead of the signal (SIGXFSZ)
 * that making a file larger than RLIMIT_FSIZE allows would send to the caller's program. */
int memfd_sized(const char *name, uint64_t size);

#endif
