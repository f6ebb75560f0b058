/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and copies credentials. Those of the process that hl runs in are asked of the host; from
 * then on the sandbox keeps its own (credentials(7), capabilities(7)). */
#include "cred/cred.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cred/user_ns.h"
#include "host/fscred.h"

static struct cred *cred_alloc(struct user_namespace *ns, int nr_groups)
{
	struct cred *c = calloc(1, sizeof *c + (size_t)nr_groups * sizeof(gid_t));

	if (c) {
		ref_set(&c->refs, 1);
		c->user_ns = ns;
		ns_get(&ns->ns);
		c->nr_groups = nr_groups;
	}
	return c;
}

static uint64_t caps_join(const struct __user_cap_data_struct *d, size_t offset)
{
	uint32_t low, high;

	memcpy(&low, (const char *)&d[0] + offset, sizeof low);
	memcpy(&high, (const char *)&d[1] + offset, sizeof high);
	return low | (uint64_t)high << 32;
}

static uint64_t caps_from_prctl(int op, unsigned long sub)
{
	uint64_t set = 0;

	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (op == PR_CAP_AMBIENT ? prctl(op, sub, cap, 0, 0) == 1
					 : prctl(op, cap, 0, 0, 0) == 1)
			set |= 1ULL << cap;
	return set;
}

static struct cred_rights rights_of_thread(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	struct cred_rights r = { 0 };

	if (syscall(SYS_capget, &h, d) == 0) {
		r.effective = caps_join(d, offsetof(struct __user_cap_data_struct, effective));
		r.permitted = caps_join(d, offsetof(struct __user_cap_data_struct, permitted));
		r.inheritable = caps_join(d, offsetof(struct __user_cap_data_struct, inheritable));
	}
	r.bounding = caps_from_prctl(PR_CAPBSET_READ, 0);
	if (r.inheritable) /* ambient ones are always inheritable too */
		r.ambient = caps_from_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET);
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
	r.securebits = bits > 0 ? (unsigned)bits : 0;
	r.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	return r;
}

void cred_rights(const struct cred *c, struct cred_rights *out)
{
	*out = (struct cred_rights){ c->cap_effective, c->cap_permitted, c->cap_inheritable,
				     c->cap_bounding,  c->cap_ambient,   c->securebits,
				     c->no_new_privs };
}

static void set_rights(struct cred *c, const struct cred_rights *r)
{
	c->cap_effective = r->effective;
	c->cap_permitted = r->permitted;
	c->cap_inheritable = r->inheritable;
	c->cap_bounding = r->bounding;
	c->cap_ambient = r->ambient;
	c->securebits = r->securebits;
	c->no_new_privs = r->no_new_privs;
}

struct cred *cred_of_monitor(struct user_namespace *ns, const struct cred_rights *had)
{
	const struct cred_rights now = had ? *had : rights_of_thread();
	int n = getgroups(0, NULL);
	struct cred *c = cred_alloc(ns, n > 0 ? n : 0);

	if (!c)
		return NULL;
	if (n > 0 && getgroups(n, c->groups) != n)
		c->nr_groups = 0;
	getresuid(&c->uid, &c->euid, &c->suid);
	getresgid(&c->gid, &c->egid, &c->sgid);
	c->fsuid = c->euid;
	c->fsgid = c->egid;
	set_rights(c, &now);
	return c;
}

struct cred *cred_of_init(struct user_namespace *ns)
{
	struct cred *c = cred_alloc(ns, 0);

	if (c)
		c->cap_effective = c->cap_permitted = c->cap_bounding =
		    (1ULL << (CAP_LAST_CAP + 1)) - 1;
	return c;
}

void cred_withhold(struct cred *c, uint64_t caps)
{
	c->cap_effective &= ~caps;
	c->cap_permitted &= ~caps;
	c->cap_inheritable &= ~caps;
	c->cap_bounding &= ~caps;
	c->cap_ambient &= ~caps;
}

void cred_enter(struct cred *c, struct user_namespace *ns)
{
	struct user_namespace *old = c->user_ns;
	const uint64_t all = (1ULL << (CAP_LAST_CAP + 1)) - 1;

	ns_get(&ns->ns);
	c->user_ns = ns;
	ns_put(&old->ns);
	c->securebits = 0;
	c->cap_inheritable = c->cap_ambient = 0;
	c->cap_effective = c->cap_permitted = c->cap_bounding = all;
	cred_withhold(c, ns->withheld);
}

int cred_new_user_ns(const struct cred *c, struct ns_numbers *numbers, bool chrooted,
		     struct user_namespace **out)
{
	if (c->user_ns->level > USER_NS_DEPTH)
		return -ENOSPC;
	*out = user_ns_new(numbers, c->user_ns, c->euid, c->egid);
	if (!*out)
		return -ENOMEM;
	(*out)->parent_could_setfcap = cred_own_capable(c, CAP_SETFCAP);
	int err = ns_count(&(*out)->ns);
	if (!err && (chrooted || !user_ns_has_uid(c->user_ns, c->euid) ||
		     !user_ns_has_gid(c->user_ns, c->egid)))
		err = -EPERM;
	if (err)
		ns_put(&(*out)->ns);
	return err;
}

struct cred *cred_copy(const struct cred *c, int nr_groups)
{
	int n = nr_groups < 0 ? c->nr_groups : nr_groups;
	struct cred *copy = cred_alloc(c->user_ns, n);

	if (!copy)
		return NULL;
	memcpy(copy, c, sizeof *c);
	ref_set(&copy->refs, 1);
	copy->nr_groups = n;
	if (nr_groups < 0)
		memcpy(copy->groups, c->groups, (size_t)n * sizeof(gid_t));
	return copy;
}

struct cred *cred_get(const struct cred *c)
{
	struct cred *shared = (struct cred *)(uintptr_t)c;

	ref_get(&shared->refs);
	return shared;
}

void cred_put(const struct cred *c)
{
	struct cred *shared = (struct cred *)(uintptr_t)c;

	if (!shared || !ref_put(&shared->refs))
		return;
	ns_put(&shared->user_ns->ns);
	free(shared);
}

bool cred_in_group(const struct cred *c, gid_t gid)
{
	if (c->fsgid == gid)
		return true;
	for (int i = 0; i < c->nr_groups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

bool cred_own_capable(const struct cred *c, int cap)
{
	return c->cap_effective >> cap & 1;
}

/* Linux's cap_capable(). A capability counts in the namespaces below as well, and who has made a
 * namespace has all of them in it. */
bool cred_ns_capable(const struct cred *c, const struct user_namespace *ns, int cap)
{
	for (; ns != c->user_ns; ns = ns->ns.owner) {
		if (user_ns_is_first(ns))
			return false;
		if (ns->ns.owner == c->user_ns && ns->owner == c->euid)
			return true;
	}
	return cred_own_capable(c, cap);
}

bool cred_capable(const struct cred *c, int cap)
{
	return user_ns_is_first(c->user_ns) && cred_own_capable(c, cap);
}

bool cred_file_capable(const struct cred *c, uid_t uid, gid_t gid, int cap)
{
	return cred_own_capable(c, cap) && user_ns_has_uid(c->user_ns, uid) &&
	       user_ns_has_gid(c->user_ns, gid);
}

bool cred_owner_or_capable(const struct cred *c, uid_t owner)
{
	return c->fsuid == owner ||
	       (cred_own_capable(c, CAP_FOWNER) && user_ns_has_uid(c->user_ns, owner));
}

/* Of a contained guest's capabilities, those that count on the host: whose files it may use. Not
 * CAP_FSETID, so that a set-user-ID file of the host's is none any more once a guest has written to
 * it; nothing that makes devices, trusted attributes or immutable files. */
#define CAPS_CONTAINED                                                                             \
	(1UL << CAP_CHOWN | 1UL << CAP_DAC_OVERRIDE | 1UL << CAP_DAC_READ_SEARCH |                 \
	 1UL << CAP_FOWNER)

/* Its capabilities over the host's files. The host is not asked as somebody who has them over the
 * files of some users and not over those of others. */
static uint64_t caps_on_host(const struct cred *c)
{
	if (user_ns_is_first(c->user_ns))
		return c->cap_effective;
	return user_ns_has_all(c->user_ns) ? c->cap_effective & (CAPS_CONTAINED | 1UL << CAP_FSETID)
					   : 0;
}

static int assume(const struct cred *c, uint64_t caps)
{
	if (c->user_ns->mapped)
		return fscred_limit(caps);
	return fscred_assume(&(struct fscred){ c->fsuid, c->fsgid, caps, c->groups, c->nr_groups });
}

int cred_assume(const struct cred *c)
{
	/* what a mapped guest may do as its own users is asked before; here it is the caller */
	uint64_t caps = c->user_ns->mapped ? ~0UL : caps_on_host(c);

	return assume(c, c->user_ns->contained ? caps & CAPS_CONTAINED : caps);
}

int cred_assume_for_setgid(const struct cred *c)
{
	uint64_t caps = caps_on_host(c) & (CAPS_CONTAINED | 1UL << CAP_FSETID);

	return c->user_ns->mapped ? cred_assume(c) : assume(c, caps);
}

int cred_assume_powerless(const struct cred *c)
{
	return assume(c, 0);
}

/* Linux's cred_cap_issubset(): whoever has made a user namespace has all capabilities there. */
static bool has_caps_of(const struct cred *c, const struct cred *other)
{
	if (c->user_ns == other->user_ns)
		return !(other->cap_permitted & ~c->cap_permitted);
	for (const struct user_namespace *ns = other->user_ns; ns->ns.owner; ns = ns->ns.owner) {
		if (ns->ns.owner == c->user_ns && ns->owner == c->euid)
			return true;
	}
	return false;
}

bool cred_changes_rights(const struct cred *old, const struct cred *new)
{
	return old->euid != new->euid || old->egid != new->egid || old->fsuid != new->fsuid ||
	       old->fsgid != new->fsgid || !has_caps_of(old, new);
}

bool cred_overrides_files(const struct cred *c)
{
	return (caps_on_host(c) & CAPS_CONTAINED) == CAPS_CONTAINED;
}
