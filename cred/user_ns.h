/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user namespace of a sandbox, and what its users are to the host.
 *
 *   plain       the users of the host themselves, with all that they may do
 *   contained   a private world's: they are somebody on the host where files are concerned, and
 *               have no other right there. Root's users are the host's by number.
 *   mapped      contained, by a caller who cannot act as others: whatever a guest's user asks of
 *               the host, the caller asks it. The caller's files are shown as root's, all others as
 *               nobody's: user_namespaces(7) with one id mapped.
 */
#ifndef HL_CRED_USER_NS_H
#define HL_CRED_USER_NS_H

#include <sys/types.h>

#include "cred/ns_common.h"

struct user_namespace {
	struct ns_common ns; /* its owner is its parent; the first one of a sandbox has none */
	uid_t owner;         /* the user who made it, which is one of its parent */
	/* of the whole sandbox; constant once guests run */
	bool contained, mapped;
	uid_t host_uid; /* mapped: who is 0 there */
	gid_t host_gid;
};

/* NULL: no memory. */
struct user_namespace *user_ns_new(struct ns_numbers *numbers, struct user_namespace *parent,
				   uid_t owner);
static inline bool user_ns_is_first(const struct user_namespace *ns)
{
	return !ns->ns.owner;
}
/* Linux's kuid_has_mapping(): is this user, or group, of the sandbox one of `ns`? The first has
 * all of them, a later one none. */
bool user_ns_has_uid(const struct user_namespace *ns, uid_t uid);
bool user_ns_has_gid(const struct user_namespace *ns, gid_t gid);
/* Makes it one of a private world. Before the first guest runs. */
void user_ns_contain(struct user_namespace *ns);
/* How the owner of a host's file is shown. */
uid_t user_ns_show_uid(const struct user_namespace *ns, uid_t host);
gid_t user_ns_show_gid(const struct user_namespace *ns, gid_t host);
/* Who on the host it is: 0, or -EINVAL where there is nobody. (uid_t)-1 stays what it is. */
int user_ns_host_uid(const struct user_namespace *ns, uid_t shown, uid_t *host);
int user_ns_host_gid(const struct user_namespace *ns, gid_t shown, gid_t *host);

#endif
