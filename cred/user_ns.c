/* SPDX-License-Identifier: Apache-2.0 */
/* Makes user namespaces, and maps ids between a sandbox and the host. See the header. */
#include "cred/user_ns.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/fscred.h"
#include "util/list.h"

#define NOBODY 65534 /* /proc/sys/kernel/overflowuid and overflowgid */

static void release_user(struct ns_common *ns)
{
	free(container_of(ns, struct user_namespace, ns));
}

struct user_namespace *user_ns_new(struct ns_numbers *numbers, struct user_namespace *parent,
				   uid_t owner)
{
	struct user_namespace *u = calloc(1, sizeof *u);

	if (u) {
		ns_init(&u->ns, NS_USER, numbers, parent, release_user);
		u->owner = owner;
		u->contained = parent && parent->contained;
		u->mapped = parent && parent->mapped;
		u->host_uid = parent ? parent->host_uid : 0;
		u->host_gid = parent ? parent->host_gid : 0;
	}
	return u;
}

bool user_ns_has_uid(const struct user_namespace *ns, uid_t uid)
{
	return user_ns_is_first(ns);
}

bool user_ns_has_gid(const struct user_namespace *ns, gid_t gid)
{
	return user_ns_is_first(ns);
}

void user_ns_contain(struct user_namespace *ns)
{
	const uint64_t others = 1UL << CAP_SETUID | 1UL << CAP_SETGID;

	ns->contained = true;
	ns->host_uid = geteuid();
	ns->host_gid = getegid();
	ns->mapped = ns->host_uid != 0 || (fscred_effective() & others) != others;
}

uid_t user_ns_show_uid(const struct user_namespace *ns, uid_t host)
{
	return !ns->mapped ? host : host == ns->host_uid ? 0 : NOBODY;
}

gid_t user_ns_show_gid(const struct user_namespace *ns, gid_t host)
{
	return !ns->mapped ? host : host == ns->host_gid ? 0 : NOBODY;
}

int user_ns_host_uid(const struct user_namespace *ns, uid_t shown, uid_t *host)
{
	bool mapped = ns->mapped && shown != (uid_t)-1;

	*host = mapped ? ns->host_uid : shown;
	return mapped && shown ? -EINVAL : 0;
}

int user_ns_host_gid(const struct user_namespace *ns, gid_t shown, gid_t *host)
{
	bool mapped = ns->mapped && shown != (gid_t)-1;

	*host = mapped ? ns->host_gid : shown;
	return mapped && shown ? -EINVAL : 0;
}
