/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of a guest thread (credentials(7)). Immutable once shared: a change makes a new
 * one. */
#ifndef HL_CRED_CRED_H
#define HL_CRED_CRED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cred/ns_common.h"
#include "util/ref.h"

struct cred {
	struct ref refs;
	struct user_namespace *user_ns; /* reference; where its ids and capabilities count */
	uid_t uid, euid, suid, fsuid;
	gid_t gid, egid, sgid, fsgid;
	uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
	unsigned securebits;
	bool no_new_privs;
	int nr_groups;
	gid_t groups[];
};

/* What a thread of the monitor may do, whoever it is. */
struct cred_rights {
	uint64_t effective, permitted, inheritable, bounding, ambient;
	unsigned securebits;
	bool no_new_privs;
};

/* The credentials of the monitor itself: what a plain `hl prog` runs with. Its rights are `had`, or
 * (NULL) those of the calling thread. NULL: no memory. */
struct cred *cred_of_monitor(struct user_namespace *ns, const struct cred_rights *had);
void cred_rights(const struct cred *c, struct cred_rights *out);
/* Those of the first process of a Linux system: user 0 with all capabilities. NULL: no memory. */
struct cred *cred_of_init(struct user_namespace *ns);
/* A user namespace below that of `c`, which makes it. -ENOSPC: it would be too deep, or there are
 * as many as there may be. -EPERM: `chrooted`, or its maker is nobody where it is made. -ENOMEM. */
int cred_new_user_ns(const struct cred *c, struct ns_numbers *numbers, bool chrooted,
		     struct user_namespace **out);
/* A copy with one reference and room for `nr_groups` groups (-1: the same groups). NULL: no
 * memory. */
struct cred *cred_copy(const struct cred *c, int nr_groups);
/* Of one that nobody else has yet: it has none of these capabilities, and gets none of them. */
void cred_withhold(struct cred *c, uint64_t caps);
/* Of one that nobody else has yet: it acts in `ns` from now on, with all capabilities there, as
 * the first process of a user namespace does, and whoever enters one. */
void cred_enter(struct cred *c, struct user_namespace *ns);
/* References are what sharers change of it. */
struct cred *cred_get(const struct cred *c);
void cred_put(const struct cred *c);
bool cred_in_group(const struct cred *c, gid_t gid);
/* Host calls of the calling thread are made with its ids and its capabilities about files and
 * sockets from now on, as far as the monitor has them. 0 or -EPERM. */
int cred_assume(const struct cred *c);
/* The same without any capability, for calls that must not do what the host would let the guest's
 * root do. */
int cred_assume_powerless(const struct cred *c);
/* The same with CAP_FSETID, which a contained guest's calls are made without: for the set-group-ID
 * bit of directories. cred_assume has to follow. */
int cred_assume_for_setgid(const struct cred *c);
/* Linux's commit_creds(): does `new` act as somebody else, or with more rights? */
bool cred_changes_rights(const struct cred *old, const struct cred *new);
/* May it use and change any file, whoever owns it? */
bool cred_overrides_files(const struct cred *c);

/*
 * A capability counts over what belongs to a user namespace, so each question names one
 * (user_namespaces(7), "Interaction of user namespaces and other types of namespaces").
 */

/* Over what belongs to `ns`: Linux's ns_capable(). */
bool cred_ns_capable(const struct cred *c, const struct user_namespace *ns, int cap);
/* Over the whole system, which belongs to the first user namespace: capable(). */
bool cred_capable(const struct cred *c, int cap);
/* Over what belongs to its own user namespace. */
bool cred_own_capable(const struct cred *c, int cap);
/* Over a file of this owner and group: capable_wrt_inode_uidgid(). */
bool cred_file_capable(const struct cred *c, uid_t uid, gid_t gid, int cap);
/* Is it a file's owner, or has it CAP_FOWNER over the files of that user?
 * inode_owner_or_capable() */
bool cred_owner_or_capable(const struct cred *c, uid_t owner);

#endif
