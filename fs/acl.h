/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX ACLs (acl(5)) as the values of their extended attributes, and what they permit. Which ACL
 * an inode has, and that its mode tells the same, is a matter of the file system. */
#ifndef HL_FS_ACL_H
#define HL_FS_ACL_H

#include <linux/posix_acl_xattr.h>
#include <stddef.h>

#include "cred/cred.h"

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

struct posix_acl {
	size_t n;
	struct acl_entry e[];
};

_Static_assert(sizeof(struct acl_entry) == sizeof(struct posix_acl_xattr_entry),
	       "an entry is as in the attribute");

#define acl_for_each(x, acl) for (struct acl_entry *x = (acl)->e; x < (acl)->e + (acl)->n; x++)

/* *out: NULL for one without entries, which is none. -EINVAL, -EOPNOTSUPP, -ENOMEM. */
int posix_acl_parse(const void *buf, size_t size, struct posix_acl **out);
/* The first entry with the tag; NULL: none. */
struct acl_entry *posix_acl_entry(struct posix_acl *acl, unsigned tag);
/* posix_acl_permission(), of a file of the group `gid`, for who does not own it: the first entry
 * that fits decides; of groups, any that grants all that is wanted. 0 or -EACCES. */
int posix_acl_permits(struct posix_acl *acl, gid_t gid, const struct cred *cred, unsigned want);

#endif
