/* SPDX-License-Identifier: Apache-2.0 */
/* Makes inodes, and reads their attributes from the headers of the archive. */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/cpiofs/internal.h"
#include "fs/cpiofs/newc.h"
#include "util/gva.h"
#include "util/minmax.h"

#define DIRENT_SIZE 20 /* what a name counts for in a directory's size, as in tmpfs */

static const struct inode_ops cpio_inode_ops;

static int read_header(struct cpiofs *cf, uint64_t off, struct newc *h)
{
	char raw[NEWC_HEADER];

	return archive_copy(&cf->archive, off, raw, sizeof raw) < sizeof raw || newc_parse(raw, h)
		   ? -EIO
		   : 0;
}

/* Is the header at `off` that of the node's name? An index that lies in the archive may say what it
 * likes. The one that a scan has made knows better than names do, which symlinks may lead
 * elsewhere. */
static int verify_name(struct cpiofs *cf, uint32_t i, const struct newc *h, uint64_t off)
{
	char path[PATH_MAX], name[PATH_MAX];

	if (cf->index.made || cf->slots[i].verified)
		return 0;
	int len = cpio_node_path(cf, i, path, sizeof path);
	if (len < 0 || h->namesize < (unsigned)len || h->namesize > sizeof name ||
	    archive_copy(&cf->archive, off + NEWC_HEADER, name, h->namesize) < h->namesize ||
	    name[h->namesize - 1])
		return -EIO;
	if (strcmp(name, i ? path + 1 : ".") != 0)
		return -EIO;
	cf->slots[i].verified = true;
	return 0;
}

/* Where the contents are, when that is in another of the file's entries. */
static int find_data(struct cpiofs *cf, const struct index_node *n, struct newc *h)
{
	struct newc other;

	if (!S_ISREG(n->type) || n->data == n->header)
		return 0;
	if (read_header(cf, n->data, &other) || (other.mode & S_IFMT) != n->type ||
	    other.ino != h->ino || other.devmajor != h->devmajor || other.devminor != h->devminor)
		return -EIO;
	h->filesize = other.filesize;
	h->namesize = other.namesize;
	h->check = other.check;
	h->summed = other.summed;
	return 0;
}

int cpio_attr(struct cpiofs *cf, uint32_t i, struct cpio_attr *out)
{
	struct index_node n;
	struct newc h;

	if (index_node(&cf->index, i, &n))
		return -EIO;
	bool dir = S_ISDIR(n.type);
	*out = (struct cpio_attr){ .mode = S_IFDIR | 0755 };
	if (n.header != NO_HEADER) {
		if (read_header(cf, n.header, &h) || (h.mode & S_IFMT) != n.type ||
		    verify_name(cf, i, &h, n.header) || find_data(cf, &n, &h))
			return -EIO;
		*out = (struct cpio_attr){
			.mode = h.mode & (S_IFMT | 07777),
			.uid = h.uid,
			.gid = h.gid,
			.mtime = h.mtime,
			.rdev = makedev(h.rdevmajor, h.rdevminor),
			.size = h.filesize,
			.data = newc_data(&h, S_ISREG(n.type) ? n.data : n.header),
			.sum = h.check,
			.summed = h.summed && S_ISREG(n.type),
		};
	}
	out->nlink = dir ? 2 + (uint32_t)n.subdirs : n.nlink;
	if (dir)
		out->size = (2 + (uint64_t)n.count) * DIRENT_SIZE;
	else if (out->data > cf->archive.size || out->size > cf->archive.size - out->data)
		return -EIO;
	return 0;
}

/* The target of a symlink, cut to size - 1, with a NUL behind it. Length or -errno. */
static ssize_t cpio_target(struct cpiofs *cf, const struct cpio_attr *a, char *buf, size_t size)
{
	size_t n = min64(a->size, size - 1);

	if (archive_copy(&cf->archive, a->data, buf, n) < n)
		return -EIO;
	buf[n] = '\0';
	/* gen_init_cpio of Linux counts the NUL behind the target. */
	return (ssize_t)strlen(buf);
}

void cpio_fill(struct cpiofs *cf, uint32_t i, const struct cpio_attr *a, struct statx *out)
{
	char target[PATH_MAX];

	out->stx_mask = STATX_BASIC_STATS;
	/* never set */
	out->stx_attributes_mask = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
	out->stx_blksize = PAGE_SIZE;
	out->stx_mode = (uint16_t)a->mode;
	out->stx_nlink = a->nlink;
	out->stx_uid = a->uid;
	out->stx_gid = a->gid;
	out->stx_ino = (uint64_t)i + 1;
	out->stx_size = a->size;
	out->stx_blocks = S_ISREG(a->mode) ? (a->size + 511) / 512 : 0;
	out->stx_atime.tv_sec = out->stx_mtime.tv_sec = out->stx_ctime.tv_sec = a->mtime;
	out->stx_dev_major = major(cf->fs.dev);
	out->stx_dev_minor = minor(cf->fs.dev);
	if (S_ISCHR(a->mode) || S_ISBLK(a->mode)) {
		out->stx_rdev_major = major(a->rdev);
		out->stx_rdev_minor = minor(a->rdev);
	} else if (S_ISLNK(a->mode)) {
		ssize_t len = cpio_target(cf, a, target, sizeof target);
		out->stx_size = len < 0 ? 0 : (uint64_t)len;
	}
}

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
	.open = cpio_open,
	.statfs = inode_statfs,
	.path = cpio_path,
	.release = inode_release,
};
