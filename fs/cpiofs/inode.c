/* SPDX-License-Identifier: Apache-2.0 */
/* Makes inodes, and finds them again. */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/cpiofs/internal.h"
#include "util/gva.h"
#include "util/minmax.h"

static const struct inode_ops cpio_inode_ops;

static void inode_release(struct inode *i)
{
	struct cpio_inode *ci = cpio_inode(i);
	struct cpiofs *cf = cpiofs_of(i);

	mutex_lock(&cf->lock);
	if (cf->slots[ci->node].inode == ci)
		cf->slots[ci->node].inode = NULL;
	mutex_unlock(&cf->lock);
	if (S_ISREG(i->type))
		cpio_free_pages(ci);
	else if (S_ISFIFO(i->type))
		fifo_destroy(&ci->fifo);
	free(ci);
}

static struct cpio_inode *inode_new(struct cpiofs *cf, uint32_t i, const struct cpio_attr *a)
{
	struct cpio_inode *ci = calloc(1, sizeof *ci);

	if (!ci)
		return NULL;
	inode_init(&ci->inode, &cf->fs, &cpio_inode_ops, a->mode);
	ci->node = i;
	if (S_ISREG(a->mode)) {
		ci->size = a->size;
		ci->data = a->data;
		pagesource_init(&ci->source, &cpio_source_ops);
		mutex_init(&ci->pages_lock, LOCK_CPIOFS_PAGES);
	} else if (S_ISFIFO(a->mode)) {
		fifo_init(&ci->fifo);
	}
	return ci;
}

static struct inode *find_locked(struct cpiofs *cf, uint32_t i)
{
	struct cpio_inode *ci = cf->slots[i].inode;

	lock_assert_held(&cf->lock);
	return ci && ref_tryget(&ci->inode.refs) ? &ci->inode : NULL;
}

int cpio_get_inode(struct cpiofs *cf, uint32_t i, struct inode **out)
{
	struct cpio_attr a;

	mutex_lock(&cf->lock);
	*out = find_locked(cf, i);
	mutex_unlock(&cf->lock);
	if (*out)
		return 0;
	int err = cpio_attr(cf, i, &a);
	struct cpio_inode *ci = err ? NULL : inode_new(cf, i, &a);
	if (!ci)
		return err ? err : -ENOMEM;
	mutex_lock(&cf->lock);
	*out = find_locked(cf, i);
	if (!*out)
		cf->slots[i].inode = ci;
	mutex_unlock(&cf->lock);
	if (*out)
		inode_put(&ci->inode); /* another thread was faster */
	else
		*out = &ci->inode;
	return 0;
}

static int inode_getattr_op(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	struct cpiofs *cf = cpiofs_of(i);
	struct cpio_attr a;
	int err = cpio_attr(cf, cpio_inode(i)->node, &a);

	if (!err)
		cpio_fill(cf, cpio_inode(i)->node, &a, out);
	return err;
}

static int inode_permission(struct inode *i, struct caller *c, int mask)
{
	struct cpio_attr a;
	struct statx st;
	int err = cpio_attr(cpiofs_of(i), cpio_inode(i)->node, &a);

	if (err)
		return err;
	if (mask & W_OK && (S_ISREG(a.mode) || S_ISDIR(a.mode) || S_ISLNK(a.mode)))
		return -EROFS;
	st.stx_mode = (uint16_t)a.mode;
	st.stx_uid = a.uid;
	st.stx_gid = a.gid;
	return generic_permission(&st, c->cred, mask);
}

static int inode_setattr(struct inode *i, struct caller *c, const struct iattr *a)
{
	return -EROFS;
}

static ssize_t inode_readlink(struct inode *i, struct caller *c, char *buf, size_t size)
{
	struct cpiofs *cf = cpiofs_of(i);
	char target[PATH_MAX];
	struct cpio_attr a;

	if (!S_ISLNK(i->type))
		return -EINVAL;
	int err = cpio_attr(cf, cpio_inode(i)->node, &a);
	ssize_t len = err ? err : cpio_target(cf, &a, target, sizeof target);
	if (len <= 0)
		return len ? len : -EIO;
	len = (ssize_t)min64((uint64_t)len, size);
	memcpy(buf, target, (size_t)len);
	return len;
}

static int inode_statfs(struct inode *i, struct caller *c, struct statfs *out)
{
	struct cpiofs *cf = cpiofs_of(i);

	*out = (struct statfs){
		.f_type = RAMFS_MAGIC,
		.f_bsize = PAGE_SIZE,
		.f_frsize = PAGE_SIZE,
		.f_blocks = PAGE_UP(cf->archive.size) / PAGE_SIZE,
		.f_files = cf->index.count,
		.f_namelen = NAME_MAX,
		.f_flags = ST_RDONLY | 0x20, /* ST_VALID, which only the kernel's headers know */
	};
	return 0;
}

static const struct inode_ops cpio_inode_ops = {
	.walk = cpio_walk,
	.walk_getattr = cpio_walk_getattr,
	.parent = cpio_parent,
	.getattr = inode_getattr_op,
	.setattr = inode_setattr,
	.permission = inode_permission,
	.readlink = inode_readlink,
	.getxattr = cpio_getxattr,
	.listxattr = cpio_listxattr,
	.open = cpio_open,
	.statfs = inode_statfs,
	.path = cpio_path,
	.release = inode_release,
};
