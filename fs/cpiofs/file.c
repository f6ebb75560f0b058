/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of files. They are read from the archive's mapping; guests map the archive's own
 * pages where a file begins at a page. The page that a file ends in holds what follows in the
 * archive as well, which no mapping of the file may show: that page is always a copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/cpiofs/internal.h"
#include "fs/generic.h"
#include "fs/saved.h"
#include "util/gva.h"
#include "util/minmax.h"

#define COPY_UNIT (16 * PAGE_SIZE) /* unaligned files are copied in pieces of so much */
#define SUM_PIECE 65536UL

/* ---- pages ---- */

static struct cpio_inode *source_inode(struct pagesource *ps)
{
	return container_of(ps, struct cpio_inode, source);
}

static uint64_t pages_of(const struct cpio_inode *ci)
{
	return PAGE_UP(ci->size) / PAGE_SIZE;
}

static int pages_init_locked(struct cpio_inode *ci)
{
	lock_assert_held(&ci->pages_lock);
	if (ci->pages)
		return 0;
	ci->first_copy = ci->data % PAGE_SIZE ? 0 : ci->size / PAGE_SIZE;
	uint64_t n = pages_of(ci) - ci->first_copy;
	ci->pages = malloc(n * sizeof *ci->pages);
	if (!ci->pages)
		return -ENOMEM;
	memset(ci->pages, 0xff, n * sizeof *ci->pages);
	return 0;
}

void cpio_free_pages(struct cpio_inode *ci)
{
	struct cpiofs *cf = cpiofs_of(&ci->inode);

	for (uint64_t i = 0; ci->pages && i < pages_of(ci) - ci->first_copy; i++) {
		if (ci->pages[i] != NO_PAGE)
			arena_unref(cf->arena, ci->pages[i], PAGE_SIZE);
	}
	free(ci->pages);
	mutex_destroy(&ci->pages_lock);
	pagesource_destroy(&ci->source);
}

/* Copies `n` pages, none of which is there, from page `page` on. -EFAULT: the archive was
 * shortened. */
static int copy_pages(struct cpio_inode *ci, uint64_t page, uint64_t n)
{
	struct cpiofs *cf = cpiofs_of(&ci->inode);
	uint64_t off = page * PAGE_SIZE, len = min64(n * PAGE_SIZE, ci->size - off), to;
	int err = arena_alloc_dirty(cf->arena, n * PAGE_SIZE, &to);

	lock_assert_held(&ci->pages_lock);
	if (err)
		return err;
	char *dst = arena_ptr(cf->arena, to);
	size_t got = archive_copy(&cf->archive, ci->data + off, dst, len);
	if (got < len && (n > 1 || got == 0)) {
		arena_unref(cf->arena, to, n * PAGE_SIZE);
		return n > 1 ? copy_pages(ci, page, 1) : -EFAULT;
	}
	memset(dst + got, 0, n * PAGE_SIZE - got);
	for (uint64_t i = 0; i < n; i++)
		ci->pages[page - ci->first_copy + i] = to + i * PAGE_SIZE;
	return 0;
}

/* How many of the pages from `page` on, at most `max`, are there and stand together, or are all
 * missing. */
static uint64_t run_of_pages(const struct cpio_inode *ci, uint64_t page, uint64_t max, bool there)
{
	const uint64_t *p = &ci->pages[page - ci->first_copy];
	uint64_t n = 0;

	while (n < max &&
	       (there ? p[n] == p[0] + n * PAGE_SIZE && p[0] != NO_PAGE : p[n] == NO_PAGE))
		n++;
	return n;
}

static int get_copies_locked(struct cpio_inode *ci, uint64_t page, uint64_t max,
			     struct page_run *out)
{
	struct cpiofs *cf = cpiofs_of(&ci->inode);
	int err = pages_init_locked(ci);

	if (err)
		return err;
	uint64_t missing = run_of_pages(ci, page, min64(max, COPY_UNIT / PAGE_SIZE), false);
	if (missing)
		err = copy_pages(ci, page, missing);
	if (err)
		return err;
	*out = (struct page_run){
		.mf = arena_memfile(cf->arena),
		.off = ci->pages[page - ci->first_copy],
		.len = run_of_pages(ci, page, max, true) * PAGE_SIZE,
	};
	return 0;
}

static int source_get(struct pagesource *ps, uint64_t off, uint64_t len, bool write,
		      struct page_run *out)
{
	struct cpio_inode *ci = source_inode(ps);
	struct cpiofs *cf = cpiofs_of(&ci->inode);
	uint64_t whole = ci->data % PAGE_SIZE ? 0 : ci->size & ~(PAGE_SIZE - 1);

	if (write)
		return -EACCES;
	if (off >= PAGE_UP(ci->size))
		return -EFAULT;
	if (off < whole) {
		*out = (struct page_run){
			.mf = cf->archive.mf,
			.off = cf->archive.base + ci->data + off,
			.len = min64(len, whole - off),
		};
		return 0;
	}
	len = min64(len, PAGE_UP(ci->size) - off);
	mutex_lock(&ci->pages_lock);
	int err = get_copies_locked(ci, off / PAGE_SIZE, len / PAGE_SIZE, out);
	mutex_unlock(&ci->pages_lock);
	return err;
}

static void source_ref(struct pagesource *ps)
{
	inode_pin(&source_inode(ps)->inode);
}

static void source_unref(struct pagesource *ps)
{
	inode_unpin(&source_inode(ps)->inode);
}

/* Less where the host's file was shortened: mappings behind its end are lost. */
static uint64_t source_size(struct pagesource *ps)
{
	struct cpio_inode *ci = source_inode(ps);
	uint64_t now = archive_size_now(&cpiofs_of(&ci->inode)->archive);

	return now < ci->data ? 0 : min64(ci->size, now - ci->data);
}

static void source_identify(struct pagesource *ps, unsigned *major, unsigned *minor, uint64_t *ino)
{
	struct cpio_inode *ci = source_inode(ps);

	*major = gnu_dev_major(ci->inode.fs->dev);
	*minor = gnu_dev_minor(ci->inode.fs->dev);
	*ino = (uint64_t)ci->node + 1;
}

const struct pagesource_ops cpio_source_ops = {
	.get = source_get,
	.ref = source_ref,
	.unref = source_unref,
	.size = source_size,
	.identify = source_identify,
};

/* ---- open files ---- */

static struct cpio_inode *file_ci(struct file *f)
{
	return cpio_inode(f->path.dentry->inode);
}

/* Why a copy to the guest ended early: because of its memory, or because the archive did? */
static int copy_error(struct cpiofs *cf, uint64_t off)
{
	char c;

	return archive_copy(&cf->archive, off, &c, 1) == 1 ? -EFAULT : -EIO;
}

static ssize_t read_at(struct cpio_inode *ci, struct uio *u, int64_t *at)
{
	struct cpiofs *cf = cpiofs_of(&ci->inode);
	uint64_t off = (uint64_t)*at;

	if (u->resid > (uint64_t)(INT64_MAX - *at))
		return -EINVAL; /* rw_verify_area() of Linux */
	if (off >= ci->size || !u->resid)
		return 0;
	uint64_t len = min64(u->resid, ci->size - off);
	size_t n = uio_put(u, cf->archive.map + ci->data + off, len);
	if (!n)
		return copy_error(cf, ci->data + off);
	*at += (int64_t)n;
	return (ssize_t)n;
}

static ssize_t file_read_op(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	int64_t *at = pos ? pos : &f->pos;

	if (!pos)
		mutex_lock(&f->pos_lock);
	ssize_t n = read_at(file_ci(f), u, at);
	if (!pos)
		mutex_unlock(&f->pos_lock);
	return n;
}

static ssize_t file_write_op(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return -EROFS;
}

static int64_t file_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	int64_t size = (int64_t)file_ci(f)->size;

	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		if (off < 0 || off >= size)
			return -ENXIO;
		off = whence == SEEK_HOLE ? size : off;
		whence = SEEK_SET;
	}
	return generic_lseek(f, off, whence, size);
}

static int file_pagesource(struct file *f, bool shared_write, struct pagesource **out)
{
	struct cpio_inode *ci = file_ci(f);

	if (shared_write)
		return -EACCES;
	source_ref(&ci->source);
	*out = &ci->source;
	return 0;
}

static int file_fsync(struct file *f, struct caller *c, bool data_only)
{
	return 0;
}

static void file_release(struct file *f)
{
	free(f);
}

static const struct file_ops cpio_file_ops = {
	.saved = &file_by_path,
	.read = file_read_op,
	.write = file_write_op,
	.lseek = file_lseek,
	.pagesource = file_pagesource,
	.fsync = file_fsync,
	.release = file_release,
};

static const struct file_ops cpio_dir_ops = {
	.saved = &file_by_path,
	.read = generic_dir_io,
	.write = generic_dir_io,
	.lseek = generic_dir_lseek,
	.readdir = cpio_readdir,
	.fsync = file_fsync,
	.release = file_release,
};

/* The sum of all bytes, as Linux's do_copy() adds them up. */
static int add_up(struct cpiofs *cf, struct caller *c, const struct cpio_attr *a, uint32_t *sum)
{
	unsigned char *piece = malloc(SUM_PIECE);
	int err = piece ? 0 : -ENOMEM;

	*sum = 0;
	for (uint64_t off = 0; !err && off < a->size; off += SUM_PIECE) {
		uint64_t n = min64(SUM_PIECE, a->size - off);
		if (sleeper_killed(c->sleeper))
			err = -EINTR;
		else if (archive_copy(&cf->archive, a->data + off, piece, n) < n)
			err = -EIO;
		for (uint64_t i = 0; !err && i < n; i++)
			*sum += piece[i];
	}
	free(piece);
	return err;
}

static int check_sum(struct cpio_inode *ci, struct caller *c)
{
	struct cpiofs *cf = cpiofs_of(&ci->inode);
	struct cpio_slot *slot = &cf->slots[ci->node];
	struct cpio_attr a;
	uint32_t sum;

	if (slot->summed)
		return 0;
	int err = cpio_attr(cf, ci->node, &a);
	if (!err && a.summed)
		err = add_up(cf, c, &a, &sum);
	if (!err && a.summed && sum != a.sum)
		err = -EIO;
	slot->summed = !err;
	return err;
}

int cpio_open(struct inode *i, struct caller *c, struct dentry *d, int flags, struct file **out)
{
	struct cpio_inode *ci = cpio_inode(i);

	if (S_ISFIFO(i->type))
		return fifo_open(&ci->fifo, c, flags, out);
	if ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC)
		return -EROFS;
	int err = S_ISREG(i->type) ? check_sum(ci, c) : 0;
	if (err)
		return err;
	struct file *f = malloc(sizeof *f);
	if (!f)
		return -ENOMEM;
	file_init(f, S_ISDIR(i->type) ? &cpio_dir_ops : &cpio_file_ops, (unsigned)flags);
	f->path.dentry = dentry_get(d);
	*out = f;
	return 0;
}
