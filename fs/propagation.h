/* SPDX-License-Identifier: Apache-2.0 */
/* Where a change of the mounts has to be repeated, by what fs/peers.h says. All of it needs
 * vfs.namespace_lock. */
#ifndef HL_FS_PROPAGATION_H
#define HL_FS_PROPAGATION_H

#include "fs/mount.h"

struct point;

/* What is hung at `p` as `top` is to appear elsewhere, too: copies of it, each with its parent and
 * place, in `copies` (by work_node). They are dropped by the caller where that fails. */
int propagation_attach(struct mount *top, const struct point *p, struct list *copies);
/* What goes when `top` and all below it go: `marked` is set on these and on their likes elsewhere,
 * which are given in `more` (by work_node). -ENOMEM: none of the latter. */
void propagation_detach(struct mount *top, struct list *more);
/* Is one of the likes of `m`, which has nothing mounted on it, in use? */
bool propagation_busy(struct mount *m);

#endif
