/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a sandbox's system (uts_namespaces(7)): sethostname(2), setdomainname(2),
 * /proc/sys/kernel. */
#ifndef HL_KERNEL_UTS_H
#define HL_KERNEL_UTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "host/wait.h"

struct sandbox;

#define UTS_NAME_MAX 64

enum uts_name { UTS_HOST, UTS_DOMAIN, UTS_NAMES };

struct uts {
	char names[UTS_NAMES][UTS_NAME_MAX + 1]; /* sandbox->lock; NUL-terminated */
	_Atomic uint64_t changes[UTS_NAMES];
	struct waitqueue changed;
};

/* The host's names, to begin with. */
void uts_init(struct uts *u);
void uts_destroy(struct uts *u);
/* A new name of `len` bytes, at most UTS_NAME_MAX, cut at a NUL. */
void uts_set(struct sandbox *sb, enum uts_name which, const char *name, size_t len);
void uts_get(struct sandbox *sb, enum uts_name which, char out[UTS_NAME_MAX + 1]);

#endif
