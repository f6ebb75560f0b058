/* SPDX-License-Identifier: Apache-2.0 */
/* What is made in a root in memory: the types of struct mount_spec that are no mounts. */
#ifndef HL_LIB_ROOT_ENTRY_H
#define HL_LIB_ROOT_ENTRY_H

#include <stdbool.h>

#include "util/errmsg.h"

struct mount_spec;
struct sandbox;

bool root_entry_knows(const char *type);
/* Of a type that it knows. 0 or -errno. */
int root_entry_make(struct sandbox *sb, const struct mount_spec *m, struct errmsg *errmsg);

#endif
