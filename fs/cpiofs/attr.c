/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the attributes of files from the headers of the archive. They are read and checked each
 * time: the file may change. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fs/cpiofs/internal.h"
#include "fs/cpiofs/newc.h"
#include "util/gva.h"
#include "util/minmax.h"

#define DIRENT_SIZE 20 /* what a name counts for in a directory's size, as in tmpfs */

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
	int len = index_path(&cf->index, i, path, sizeof path);
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

ssize_t cpio_target(struct cpiofs *cf, const struct cpio_attr *a, char *buf, size_t size)
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
