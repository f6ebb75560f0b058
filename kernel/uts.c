/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/uts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "kernel/sandbox.h"

static void release(struct ns_common *ns)
{
	free(container_of(ns, struct uts_namespace, ns));
}

struct uts_namespace *uts_ns_new(struct vfs *vfs)
{
	struct uts_namespace *ns = calloc(1, sizeof *ns);
	struct utsname host;

	if (!ns)
		return NULL;
	ns_init(&ns->ns, NS_UTS, vfs->ns_numbers, vfs->user_ns, release);
	if (uname(&host) == 0) {
		memcpy(ns->names[UTS_HOST], host.nodename, UTS_NAME_MAX);
		memcpy(ns->names[UTS_DOMAIN], host.domainname, UTS_NAME_MAX);
	}
	return ns;
}

void uts_set(struct sandbox *sb, struct uts_namespace *ns, enum uts_name which, const char *name,
	     size_t len)
{
	sandbox_lock(sb);
	memset(ns->names[which], 0, sizeof ns->names[which]);
	memcpy(ns->names[which], name, strnlen(name, len));
	sb->uts_changes.count[which]++;
	sandbox_unlock(sb);
	waitqueue_wake_all(&sb->uts_changes.queue, 0);
}

void uts_get(struct sandbox *sb, const struct uts_namespace *ns, enum uts_name which,
	     char out[UTS_NAME_MAX + 1])
{
	sandbox_lock(sb);
	memcpy(out, ns->names[which], UTS_NAME_MAX + 1);
	sandbox_unlock(sb);
}
