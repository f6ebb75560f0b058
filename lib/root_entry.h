/* SPDX-License-Identifier: Apache-2.0 */
/* What is made in a root in memory: the types of struct mount_spec that are no mounts. */
#ifndef HL_LIB_ROOT_ENTRY_H
#define HL_LIB_ROOT_ENTRY_H

#include <stdbool.h>

#include "util/errmsg.h"

struct caller;
struct mount_spec;

bool root_entry_knows(const char *type);
/* Of a type that it knows. The caller has no umask and no limit of files afterwards. 0 or
 * -errno. */
int root_entry_make(struct caller *c, const struct mount_spec *m, struct errmsg *errmsg);

#endif
