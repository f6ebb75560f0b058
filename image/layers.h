/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers of an image, laid over each other in memory as the image specification says
 * (https://github.com/opencontainers/image-spec/blob/main/layer.md): whiteouts and opaque
 * directories take away what lower layers have, files replace files. Symlinks on the way to a name
 * are followed inside the tree, as a program within it would; nothing of the host is looked at.
 */
#ifndef HL_IMAGE_LAYERS_H
#define HL_IMAGE_LAYERS_H

#include "hl.h"
#include "image/tar.h"
#include "util/errmsg.h"

struct layers;

struct layers *layers_new(void); /* NULL: no memory */
void layers_free(struct layers *l);
/* Lays the archive in [at, end) of `fd` over the others; its contents are read when it is written,
 * so `fd` stays open until layers_free, and is the caller's. 0 or -errno with the sentence set. */
int layers_add(struct layers *l, int fd, uint64_t at, uint64_t end, const char *name,
	       struct errmsg *errmsg);
/* Sees that `path` is a directory (a volume, where the program starts). Where something else is in
 * the way, that stays. 0 or -ENOMEM. */
int layers_mkdir(struct layers *l, const char *path);
/* Puts all files into an archive. 0 or -1 with the error set. */
int layers_put(struct layers *l, struct hl_initrd *archive, struct hl_error **err);

#endif
