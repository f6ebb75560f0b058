/* SPDX-License-Identifier: Apache-2.0 */
/* Reads all headers of an archive that has no index, and makes one. */
#ifndef HL_FS_CPIOFS_SCAN_H
#define HL_FS_CPIOFS_SCAN_H

#include "fs/cpiofs/index.h"

struct budget;

#define NOT_COMPRESSED UINT64_MAX

/* 0; -errno with the sentence set. *compressed: where the archive goes on compressed, as the images
 * do that distributions boot from; then there is no index yet. */
int scan_archive(const struct archive *a, struct budget *budget, struct index *ix,
		 uint64_t *compressed, struct errmsg *errmsg);

#endif
