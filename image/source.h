/* SPDX-License-Identifier: Apache-2.0 */
/* Where images come from: a tar archive (docker-archive, or an OCI layout), or an OCI layout in a
 * folder. Gives their files by name. */
#ifndef HL_IMAGE_SOURCE_H
#define HL_IMAGE_SOURCE_H

#include "image/blob.h"
#include "util/errmsg.h"

struct source;

/* `dir` is for what has to be unpacked, and stays open. An archive that is compressed as a whole is
 * unpacked now. NULL with the sentence set. */
struct source *source_open(const char *path, int dir, struct errmsg *errmsg);
void source_free(struct source *s);
/* 0; -ENOENT: there is none, and no sentence; -errno with the sentence set. */
int source_find(struct source *s, const char *name, struct blob *out, struct errmsg *errmsg);
const char *source_path(const struct source *s);

#endif
