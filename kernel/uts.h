/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the system (uts_namespaces(7)): sethostname(2), setdomainname(2),
 * /proc/sys/kernel. */
#ifndef HL_KERNEL_UTS_H
#define HL_KERNEL_UTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "cred/ns_common.h"
#include "host/wait.h"

struct sandbox;

#define UTS_NAME_MAX 64
/* How many there may be in a sandbox: /proc/sys/user/max_uts_namespaces. */
#define UTS_NS_MAX 16384

enum uts_name { UTS_HOST, UTS_DOMAIN, UTS_NAMES };

struct uts_namespace {
	struct ns_common ns;
	struct sandbox *sb;
	char names[UTS_NAMES][UTS_NAME_MAX + 1]; /* sandbox->lock; NUL-terminated */
};

/* Changes of names, in whichever namespace: as on Linux, a poll of the files in /proc/sys/kernel
 * hears of all. */
struct uts_changes {
	_Atomic uint64_t count[UTS_NAMES];
	struct waitqueue queue;
};

/* The first one of a sandbox, with the host's names. NULL: no memory. */
struct uts_namespace *uts_ns_new(struct sandbox *sb);
/* One of `owner` with the names of another. -ENOSPC: there are UTS_NS_MAX already. */
int uts_ns_copy(const struct uts_namespace *from, struct user_namespace *owner,
		struct uts_namespace **out);
/* A new name of `len` bytes, at most UTS_NAME_MAX, cut at a NUL. */
void uts_set(struct uts_namespace *ns, enum uts_name which, const char *name, size_t len);
void uts_get(const struct uts_namespace *ns, enum uts_name which, char out[UTS_NAME_MAX + 1]);

#endif
