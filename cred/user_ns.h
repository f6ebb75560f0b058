/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User namespaces (user_namespaces(7)), and what the users of a sandbox are to the host.
 *
 * All that the kernel keeps are ids of the first user namespace of the sandbox: Linux's kuid_t and
 * kgid_t. A later namespace has maps, by which the ids that its programs use become those, and the
 * other way round. Ids are translated where they come from a program or go to one, nowhere else.
 *
 * To the host, a sandbox is
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

#include <stdint.h>
#include <sys/types.h>

#include "cred/ns_common.h"

/* /proc/sys/kernel/overflowuid and overflowgid: whoever has no id in a namespace. */
#define OVERFLOW_ID 65534
/* As deep as they nest below the first, and how many lines a map has. */
#define USER_NS_DEPTH 32
#define ID_EXTENTS    340
/* How many namespaces of a kind there may be in a sandbox, unless /proc/sys/user says less. */
#define NAMESPACES_MAX 16384

enum id_kind { ID_USER, ID_GROUP, ID_PROJECT, ID_KINDS };

/* The ids from `first` on are those from `lower` on of the parent, and from `kernel` on of the
 * first user namespace. */
struct id_extent {
	uint32_t first, lower, kernel, count;
};

/* Constant once the namespace has it. */
struct id_map {
	unsigned nr;
	struct id_extent extents[];
};

/* Of one kind of namespaces. */
struct ns_limit {
	_Atomic unsigned nr, max; /* how many belong to it and to those below, and may do so */
};

struct key_registers;

struct user_namespace {
	struct ns_common ns; /* its owner is its parent; the first one of a sandbox has none */
	uid_t owner;         /* the user who made it, which is one of its parent */
	gid_t group;
	unsigned level;            /* of nesting; 0: the first */
	bool parent_could_setfcap; /* whoever made it had CAP_SETFCAP */
	/* whoever may write to /proc/PID/setgroups and the maps; never undone */
	_Atomic bool setgroups_denied;
	_Atomic(struct id_map *) maps[ID_KINDS]; /* NULL: not written yet; the first has none */
	struct ns_limit namespaces[NR_NS_KINDS];
	/* of the whole sandbox; constant once guests run */
	bool contained, mapped;
	uid_t host_uid; /* mapped: who is 0 there */
	gid_t host_gid;
	uint64_t withheld; /* capabilities that nobody has */
	/* keyrings of its users, and who is told that it ends, by any thread (keys/); NULL: none */
	struct key_registers *keys;
	void (*keys_end)(struct key_registers *keys);
};

/* NULL: no memory. `owner` and `group` made it. */
struct user_namespace *user_ns_new(struct ns_numbers *numbers, struct user_namespace *parent,
				   uid_t owner, gid_t group);
static inline bool user_ns_is_first(const struct user_namespace *ns)
{
	return !ns->ns.owner;
}
/* Is it `above`, or below that? */
bool user_ns_is_within(const struct user_namespace *ns, const struct user_namespace *above);

/* ---- ids of programs and of the kernel; (uid_t)-1: there is none ---- */

uint32_t user_ns_to_kernel(const struct user_namespace *ns, enum id_kind kind, uint32_t id);
uint32_t user_ns_from_kernel(const struct user_namespace *ns, enum id_kind kind, uint32_t id);

static inline uid_t make_kuid(const struct user_namespace *ns, uid_t uid)
{
	return user_ns_is_first(ns) ? uid : user_ns_to_kernel(ns, ID_USER, uid);
}

static inline gid_t make_kgid(const struct user_namespace *ns, gid_t gid)
{
	return user_ns_is_first(ns) ? gid : user_ns_to_kernel(ns, ID_GROUP, gid);
}

static inline uid_t from_kuid(const struct user_namespace *ns, uid_t uid)
{
	return user_ns_is_first(ns) ? uid : user_ns_from_kernel(ns, ID_USER, uid);
}

static inline gid_t from_kgid(const struct user_namespace *ns, gid_t gid)
{
	return user_ns_is_first(ns) ? gid : user_ns_from_kernel(ns, ID_GROUP, gid);
}

/* The same to be shown: OVERFLOW_ID where there is none. */
static inline uid_t from_kuid_munged(const struct user_namespace *ns, uid_t uid)
{
	uid_t shown = from_kuid(ns, uid);

	return shown == (uid_t)-1 ? OVERFLOW_ID : shown;
}

static inline gid_t from_kgid_munged(const struct user_namespace *ns, gid_t gid)
{
	gid_t shown = from_kgid(ns, gid);

	return shown == (gid_t)-1 ? OVERFLOW_ID : shown;
}

/* Linux's kuid_has_mapping(): is this user, or group, of the sandbox one of `ns`? */
bool user_ns_has_uid(const struct user_namespace *ns, uid_t uid);
bool user_ns_has_gid(const struct user_namespace *ns, gid_t gid);
/* Are all users and groups, each under its own number? */
bool user_ns_has_all(const struct user_namespace *ns);

/* Gives it a map (taken over, also on failure), whose `kernel` fields are filled in here. -EPERM:
 * it has one, or an id is none of the parent's. */
int user_ns_set_map(struct user_namespace *ns, enum id_kind kind, struct id_map *map);

/* ---- ids of the sandbox and of the host ---- */

/* Makes it one of a private world. Before the first guest runs. */
void user_ns_contain(struct user_namespace *ns);
/* How the owner of a host's file is shown. */
uid_t user_ns_show_uid(const struct user_namespace *ns, uid_t host);
gid_t user_ns_show_gid(const struct user_namespace *ns, gid_t host);
/* Who on the host it is: 0, or -EINVAL where there is nobody. (uid_t)-1 stays what it is. */
int user_ns_host_uid(const struct user_namespace *ns, uid_t shown, uid_t *host);
int user_ns_host_gid(const struct user_namespace *ns, gid_t shown, gid_t *host);

#endif
