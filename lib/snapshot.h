/* SPDX-License-Identifier: Apache-2.0 */
/* struct hl_snapshot: an open snapshot. */
#ifndef HL_LIB_SNAPSHOT_H
#define HL_LIB_SNAPSHOT_H

#include "hl.h"

struct family;
struct snapshot;

struct hl_snapshot {
	struct family *family;
	struct snapshot *snap; /* of the family */
	char *driver;          /* that runs in it; NULL: none */
};

#endif
