/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes, which the index has: the format knows none (index.h). */
#include <errno.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/cpiofs/internal.h"
#include "fs/generic.h"

static int may_read(struct inode *i, struct caller *c, const char *name)
{
	struct cpio_attr a;
	int err = cpio_attr(cpiofs_of(i), cpio_inode(i)->node, &a);

	if (err)
		return err;
	const struct statx st = { .stx_mode = (uint16_t)a.mode,
				  .stx_uid = a.uid,
				  .stx_gid = a.gid };
	err = generic_xattr_check(&st, c->cred, name, false);
	return err > 0 ? generic_permission(&st, c->cred, R_OK) : err;
}

ssize_t cpio_getxattr(struct inode *i, struct caller *c, const char *name, void *buf, size_t size)
{
	struct index_xattr x = { .left = 0 };
	struct index_xattrs all;
	bool found = false;
	int err = strncmp(name, "system.", 7) == 0 ? -EOPNOTSUPP : may_read(i, c, name);

	if (!err)
		err = index_xattrs(&cpiofs_of(i)->index, cpio_inode(i)->node, &all);
	if (err)
		return err;
	while (!found && index_next_xattr(&all, &x))
		found = strcmp(x.name, name) == 0;
	ssize_t n = !found ? -ENODATA : size && size < x.len ? -ERANGE : (ssize_t)x.len;
	if (n > 0 && size)
		memcpy(buf, x.value, x.len);
	free(all.bytes);
	return n;
}

ssize_t cpio_listxattr(struct inode *i, struct caller *c, char *buf, size_t size)
{
	struct index_xattr x = { .left = 0 };
	struct index_xattrs all;
	size_t total = 0;
	int err = index_xattrs(&cpiofs_of(i)->index, cpio_inode(i)->node, &all);

	if (err)
		return err;
	while (index_next_xattr(&all, &x)) {
		size_t len = strlen(x.name) + 1;
		if (strncmp(x.name, "trusted.", 8) == 0 && !cred_capable(c->cred, CAP_SYS_ADMIN))
			continue;
		if (size && total + len <= size)
			memcpy(buf + total, x.name, len);
		total += len;
	}
	free(all.bytes);
	return size && total > size ? -ERANGE : (ssize_t)total;
}
