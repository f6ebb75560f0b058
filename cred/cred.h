/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of a guest thread (credentials(7)). Immutable once shared: a change makes a new
 * one. */
#ifndef HL_CRED_CRED_H
#define HL_CRED_CRED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cred {
	_Atomic uint32_t refs;
	uid_t uid, euid, suid, fsuid;
	gid_t gid, egid, sgid, fsgid;
	uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
	unsigned securebits;
	bool no_new_privs;
	int nr_groups;
	gid_t groups[];
};

/* The credentials of the monitor itself: what a plain `hl prog` runs with. NULL: no memory. */
struct cred *cred_of_monitor(void);
/* Those of the first process of a Linux system: user 0 with all capabilities. NULL: no memory. */
struct cred *cred_of_init(void);
/* A copy with one reference and room for `nr_groups` groups (-1: the same groups). NULL: no
 * memory. */
struct cred *cred_copy(const struct cred *c, int nr_groups);
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
bool cred_capable(const struct cred *c, int cap);

#endif
