/* SPDX-License-Identifier: Apache-2.0 */
/* The world of a sandbox in its snapshots: what a copy gets that nobody says another one for. */
#ifndef HL_LIB_SAVED_WORLD_H
#define HL_LIB_SAVED_WORLD_H

#include "hl.h"
#include "util/codec.h"

struct snapshot;

/* What `cfg` says of root, mounts, network and limits. Names of the host's are absolute in it: they
 * are relative to the calling process's directory now. */
void saved_world_encode(const struct hl_config *cfg, struct encoder *out);
/* The name of the driver that runs in the snapshot, malloc'd; NULL: none does. */
char *saved_world_driver(const struct snapshot *snap);

#endif
