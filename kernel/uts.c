/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file keeps the host and domain names of UTS namespaces (uts_namespaces(7)). The first
 * namespace begins with the host's names, a new one with those of the namespace it was made in.
 */
#include "kernel/uts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "kernel/sandbox.h"

static void release(struct ns_common *common)
{
	struct uts_namespace *ns = container_of(common, struct uts_namespace, ns);

	ns->sb->nr_uts_ns--;
	free(ns);
}

static struct uts_namespace *uts_ns_alloc(struct sandbox *sb, struct user_namespace *owner)
{
	struct uts_namespace *ns = calloc(1, sizeof *ns);

	if (!ns)
		return NULL;
	ns_init(&ns->ns, NS_UTS, sb->vfs->ns_numbers, owner, release);
	ns->sb = sb;
	return ns;
}

struct uts_namespace *uts_ns_new(struct sandbox *sb)
{
	struct uts_namespace *ns = uts_ns_alloc(sb, sb->vfs->user_ns);
	struct utsname host;

	if (!ns)
		return NULL;
	sb->nr_uts_ns++;
	if (uname(&host) == 0) {
		memcpy(ns->names[UTS_HOST], host.nodename, UTS_NAME_MAX);
		memcpy(ns->names[UTS_DOMAIN], host.domainname, UTS_NAME_MAX);
	}
	return ns;
}

int uts_ns_copy(const struct uts_namespace *from, struct user_namespace *owner,
		struct uts_namespace **out)
{
	struct sandbox *sb = from->sb;

	if (atomic_fetch_add(&sb->nr_uts_ns, 1) >= UTS_NS_MAX) {
		sb->nr_uts_ns--;
		return -ENOSPC;
	}
	*out = uts_ns_alloc(sb, owner);
	if (!*out) {
		sb->nr_uts_ns--;
		return -ENOMEM;
	}
	sandbox_lock(sb);
	memcpy((*out)->names, from->names, sizeof from->names);
	sandbox_unlock(sb);
	return 0;
}

void uts_set(struct uts_namespace *ns, enum uts_name which, const char *name, size_t len)
{
	struct uts_changes *changes = &ns->sb->uts_changes;

	sandbox_lock(ns->sb);
	memset(ns->names[which], 0, sizeof ns->names[which]);
	memcpy(ns->names[which], name, strnlen(name, len));
	changes->count[which]++;
	sandbox_unlock(ns->sb);
	waitqueue_wake_all(&changes->queue, 0);
}

void uts_get(const struct uts_namespace *ns, enum uts_name which, char out[UTS_NAME_MAX + 1])
{
	sandbox_lock(ns->sb);
	memcpy(out, ns->names[which], UTS_NAME_MAX + 1);
	sandbox_unlock(ns->sb);
}
