/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and applies POSIX ACLs, after Linux's fs/posix_acl.c. See the header. */
#include "fs/acl.h"

#include <errno.h>
#include <linux/posix_acl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* posix_acl_valid(): owner, users, group, groups, mask, others, in this order; who names anybody
 * has a mask. */
static bool in_order(struct posix_acl *acl)
{
	int state = ACL_USER_OBJ;
	bool named = false;

	acl_for_each (x, acl) {
		if (x->perm & ~7)
			return false;
		if (x->tag == ACL_USER_OBJ && state == ACL_USER_OBJ)
			state = ACL_USER;
		else if (x->tag == ACL_GROUP_OBJ && state == ACL_USER)
			state = ACL_GROUP;
		else if ((x->tag == ACL_USER && state == ACL_USER) ||
			 (x->tag == ACL_GROUP && state == ACL_GROUP))
			named = true;
		else if (x->tag == ACL_MASK && state == ACL_GROUP)
			state = ACL_OTHER;
		else if (x->tag == ACL_OTHER &&
			 (state == ACL_OTHER || (state == ACL_GROUP && !named)))
			state = 0;
		else
			return false;
	}
	return state == 0;
}

int posix_acl_parse(const void *buf, size_t size, struct posix_acl **out)
{
	const struct posix_acl_xattr_header *h = buf;
	size_t bytes = size - sizeof *h;

	*out = NULL;
	if (size == 0)
		return 0;
	if (size < sizeof *h)
		return -EINVAL;
	if (h->a_version != POSIX_ACL_XATTR_VERSION)
		return -EOPNOTSUPP;
	if (bytes % sizeof(struct acl_entry))
		return -EINVAL;
	if (!bytes)
		return 0;
	struct posix_acl *acl = malloc(sizeof *acl + bytes);
	if (!acl)
		return -ENOMEM;
	acl->n = bytes / sizeof(struct acl_entry);
	memcpy(acl->e, h + 1, bytes);
	if (!in_order(acl)) {
		free(acl);
		return -EINVAL;
	}
	acl_for_each (x, acl)
		if (x->tag != ACL_USER && x->tag != ACL_GROUP)
			x->id = (uint32_t)ACL_UNDEFINED_ID;
	*out = acl;
	return 0;
}

struct acl_entry *posix_acl_entry(struct posix_acl *acl, unsigned tag)
{
	acl_for_each (x, acl)
		if (x->tag == tag)
			return x;
	return NULL;
}

int posix_acl_permits(struct posix_acl *acl, gid_t gid, const struct cred *cred, unsigned want)
{
	struct acl_entry *mask = posix_acl_entry(acl, ACL_MASK);
	unsigned most = mask ? mask->perm : 7;
	bool in_some_group = false;

	acl_for_each (x, acl) {
		bool grants = (x->perm & most & want) == want;

		if (x->tag == ACL_USER && x->id == cred->fsuid)
			return grants ? 0 : -EACCES;
		if ((x->tag == ACL_GROUP_OBJ && cred_in_group(cred, gid)) ||
		    (x->tag == ACL_GROUP && cred_in_group(cred, x->id))) {
			in_some_group = true;
			if ((x->perm & want) == want)
				return grants ? 0 : -EACCES;
		}
		if (x->tag == ACL_OTHER)
			return !in_some_group && (x->perm & want) == want ? 0 : -EACCES;
	}
	return -EACCES;
}
