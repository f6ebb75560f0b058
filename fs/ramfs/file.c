/* SPDX-License-Identifier: Apache-2.0 */
/* Regular files and their seals (memfd_create(2), fcntl(2) F_ADD_SEALS). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/generic.h"
#include "fs/mount.h"
#include "fs/ramfs/internal.h"
#include "fs/ramfs/save.h"
#include "fs/saved.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
#define SEALS_KNOWN                                                                                \
	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE |          \
	 F_SEAL_EXEC)
#define SEALS_WRITE (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static struct ramfs_inode *file_ri(struct file *f)
{
	return ramfs_inode(f->path.dentry->inode);
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* relatime (mount(8)): only when it tells something new, or once a day. */
void ramfs_accessed(struct file *f)
{
	struct ramfs_inode *ri = file_ri(f);
	struct ramfs *r = ramfs_of(&ri->inode);
	/* a file of an overlay's layer lies on no mount */
	enum atime keep =
	    f->path.mnt ? mount_atime(f->path.mnt, S_ISDIR(ri->inode.type)) : ATIME_RELATIVE;

	if (keep == ATIME_NEVER || f->flags & O_NOATIME)
		return;
	struct timespec now = guest_clock_realtime(r->clock);
	mutex_lock(&r->lock);
	if (keep == ATIME_ALWAYS || !before(&ri->mtime, &ri->atime) ||
	    !before(&ri->ctime, &ri->atime) || now.tv_sec - ri->atime.tv_sec >= 86400)
		ri->atime = now;
	mutex_unlock(&r->lock);
}

static void modified(struct ramfs_inode *ri, const struct cred *cred)
{
	struct ramfs *r = ramfs_of(&ri->inode);
	struct statx st;

	mutex_lock(&r->lock);
	ramfs_touch(ri, true);
	ramfs_drop_file_caps(ri);
	if (cred && !cred_capable(cred, CAP_FSETID)) {
		ramfs_fill(ri, &st);
		ri->mode = generic_drop_set_id(&st, cred);
	}
	mutex_unlock(&r->lock);
}

/* No transfer goes beyond the largest offset (Linux: rw_verify_area). */
static bool in_range(const struct uio *u, int64_t at)
{
	return u->resid <= (uint64_t)(INT64_MAX - at);
}

static ssize_t ramfs_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct ramfs_inode *ri = file_ri(f);
	int64_t *at = pos ? pos : &f->pos;

	if (!pos)
		mutex_lock(&f->pos_lock);
	ssize_t n = in_range(u, *at) ? pagestore_read(&ri->store, u, (uint64_t)*at) : -EINVAL;
	if (n > 0)
		*at += n;
	if (!pos)
		mutex_unlock(&f->pos_lock);
	ramfs_accessed(f);
	return n;
}

/* What the seals and the largest file size leave of a write at `pos`: bytes, or -EPERM, -EFBIG. */
static ssize_t write_allowed(struct ramfs_inode *ri, int64_t pos, size_t len)
{
	lock_assert_held(&ri->data_lock);
	uint64_t size = pagestore_size(&ri->store);

	if (ri->seals & SEALS_WRITE)
		return -EPERM;
	if (len && pos == INT64_MAX)
		return -EFBIG;
	if (len > (uint64_t)(INT64_MAX - pos))
		len = (size_t)(INT64_MAX - pos);
	if (!(ri->seals & F_SEAL_GROW) || (uint64_t)pos + len <= size)
		return (ssize_t)len;
	/* shmem_write_begin(): whole pages in front of the one that would grow it are still
	 * written. */
	uint64_t end = (size & ~(PAGE_SIZE - 1));
	return (uint64_t)pos < end ? (ssize_t)(end - (uint64_t)pos) : -EPERM;
}

static ssize_t write_at(struct ramfs_inode *ri, struct uio *u, int64_t *at, bool append)
{
	if (!u->resid)
		return 0; /* whatever is sealed */
	if (append)
		*at = (int64_t)pagestore_size(&ri->store);
	ssize_t n = write_allowed(ri, *at, u->resid);
	if (n <= 0)
		return n;
	size_t hidden = u->resid - (size_t)n;
	u->resid -= hidden;
	n = pagestore_write(&ri->store, u, (uint64_t)*at);
	u->resid += hidden;
	if (n > 0)
		*at += n;
	return n;
}

static ssize_t ramfs_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct ramfs_inode *ri = file_ri(f);
	int64_t *at = pos ? pos : &f->pos;

	if (!pos)
		mutex_lock(&f->pos_lock);
	mutex_lock(&ri->data_lock);
	ssize_t n = in_range(u, *at) ? write_at(ri, u, at, file_appends(f, u)) : -EINVAL;
	mutex_unlock(&ri->data_lock);
	if (!pos)
		mutex_unlock(&f->pos_lock);
	if (n > 0)
		modified(ri, c->cred);
	return n;
}

static int64_t ramfs_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	struct ramfs_inode *ri = file_ri(f);

	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		off = off < 0 ? -ENXIO
			      : pagestore_seek(&ri->store, (uint64_t)off, whence == SEEK_HOLE);
		if (off < 0)
			return off;
		whence = SEEK_SET;
	}
	return generic_lseek(f, off, whence, (int64_t)pagestore_size(&ri->store));
}

static int set_size(struct ramfs_inode *ri, uint64_t size)
{
	lock_assert_held(&ri->data_lock);
	uint64_t old = pagestore_size(&ri->store);

	if (size > INT64_MAX)
		return -EFBIG;
	if ((size < old && ri->seals & F_SEAL_SHRINK) || (size > old && ri->seals & F_SEAL_GROW))
		return -EPERM;
	pagestore_truncate(&ri->store, &ri->source, size);
	return 0;
}

int ramfs_set_size(struct ramfs_inode *ri, const struct cred *cred, uint64_t size)
{
	mutex_lock(&ri->data_lock);
	int err = set_size(ri, size);
	mutex_unlock(&ri->data_lock);
	if (!err)
		modified(ri, cred);
	return err;
}

static int ramfs_truncate(struct file *f, struct caller *c, uint64_t size)
{
	return ramfs_set_size(file_ri(f), c->cred, size);
}

static int punch(struct ramfs_inode *ri, int64_t off, int64_t len)
{
	lock_assert_held(&ri->data_lock);
	if (ri->seals & SEALS_WRITE)
		return -EPERM;
	pagestore_punch(&ri->store, &ri->source, (uint64_t)off, (uint64_t)len);
	return 0;
}

static int allocate(struct ramfs_inode *ri, int64_t off, int64_t len, bool keep_size)
{
	lock_assert_held(&ri->data_lock);
	uint64_t end = (uint64_t)off + (uint64_t)len;
	bool grows = !keep_size && end > pagestore_size(&ri->store);

	if (grows && ri->seals & F_SEAL_GROW)
		return -EPERM;
	int err = pagestore_allocate(&ri->store, (uint64_t)off, (uint64_t)len);
	if (!err && grows)
		pagestore_truncate(&ri->store, &ri->source, end);
	return err;
}

static int ramfs_fallocate(struct file *f, struct caller *c, int mode, int64_t off, int64_t len)
{
	struct ramfs_inode *ri = file_ri(f);
	int err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	mutex_lock(&ri->data_lock);
	err = mode & FALLOC_FL_PUNCH_HOLE ? punch(ri, off, len)
					  : allocate(ri, off, len, mode & FALLOC_FL_KEEP_SIZE);
	mutex_unlock(&ri->data_lock);
	if (!err)
		modified(ri, c->cred);
	return err;
}

static int source_get(struct pagesource *ps, uint64_t off, uint64_t len, bool write,
		      struct page_run *out)
{
	return pagestore_get_run(&container_of(ps, struct ramfs_inode, source)->store, off, len,
				 true, out);
}

static void source_ref(struct pagesource *ps)
{
	inode_pin(&container_of(ps, struct ramfs_inode, source)->inode);
}

static void source_unref(struct pagesource *ps)
{
	inode_unpin(&container_of(ps, struct ramfs_inode, source)->inode);
}

static uint64_t source_size(struct pagesource *ps)
{
	return pagestore_size(&container_of(ps, struct ramfs_inode, source)->store);
}

static int source_punch(struct pagesource *ps, uint64_t off, uint64_t len)
{
	struct ramfs_inode *ri = container_of(ps, struct ramfs_inode, source);
	int err;

	mutex_lock(&ri->data_lock);
	err = punch(ri, (int64_t)off, (int64_t)len);
	mutex_unlock(&ri->data_lock);
	if (!err)
		modified(ri, NULL);
	return err;
}

static void source_identify(struct pagesource *ps, unsigned *major, unsigned *minor, uint64_t *ino)
{
	struct ramfs_inode *ri = container_of(ps, struct ramfs_inode, source);

	*major = gnu_dev_major(ri->inode.fs->dev);
	*minor = gnu_dev_minor(ri->inode.fs->dev);
	*ino = ri->ino;
}

/* One that has a name is found by it. */
static void *saved_as(struct pagesource *ps)
{
	struct ramfs_inode *ri = container_of(ps, struct ramfs_inode, source);

	return ri->nlink ? NULL : ri;
}

const struct pagesource_ops ramfs_source_ops = {
	.saved = &ramfs_inode_saved,
	.saved_as = saved_as,
	.get = source_get,
	.ref = source_ref,
	.unref = source_unref,
	.size = source_size,
	.identify = source_identify,
	.punch = source_punch,
};

static int ramfs_pagesource(struct file *f, bool shared_write, struct pagesource **out)
{
	struct ramfs_inode *ri = file_ri(f);

	if (shared_write && ri->seals & SEALS_WRITE)
		return -EPERM;
	ramfs_accessed(f);
	source_ref(&ri->source);
	*out = &ri->source;
	return 0;
}

static int ramfs_fsync(struct file *f, struct caller *c, bool data_only)
{
	return 0;
}

static void ramfs_release(struct file *f)
{
	free(f);
}

static void ramfs_file_release(struct file *f)
{
	if (f->flags & (O_WRONLY | O_RDWR))
		pagestore_written(&ramfs_inode(f->path.dentry->inode)->store);
	free(f);
}

const struct file_ops ramfs_file_ops = {
	.saved = &file_by_path,
	.saved_unnamed = &memfd_saved,
	.read = ramfs_read,
	.write = ramfs_write,
	.lseek = ramfs_lseek,
	.pagesource = ramfs_pagesource,
	.fsync = ramfs_fsync,
	.fallocate = ramfs_fallocate,
	.truncate = ramfs_truncate,
	.release = ramfs_file_release,
};

const struct file_ops ramfs_dir_ops = {
	.saved = &file_by_path,
	.read = generic_dir_io,
	.write = generic_dir_io,
	.lseek = generic_dir_lseek,
	.readdir = ramfs_readdir,
	.fsync = ramfs_fsync,
	.release = ramfs_release,
};

static int memfd_file(struct ramfs_inode *ri, struct mount *mnt, const char *name,
		      struct file **out)
{
	char shown[sizeof "/memfd: (deleted)" + NAME_MAX];

	snprintf(shown, sizeof shown, "/memfd:%s (deleted)", name);
	struct dentry *d = dentry_new(&ri->inode, NULL, shown, strlen(shown));
	if (!d)
		return -ENOMEM;
	int err = ramfs_file_new(ri, d, O_RDWR | 0100000 /* O_LARGEFILE */, out);
	if (!err) {
		(*out)->path.mnt = mount_get(mnt);
		(*out)->anon_name = d->name; /* which the file holds on to */
	}
	dentry_put(d);
	return err;
}

int ramfs_memfd(struct filesystem *fs, struct caller *c, const char *name, unsigned flags,
		struct file **out)
{
	struct ramfs *r = container_of(fs, struct ramfs, fs);
	mode_t mode = flags & MFD_NOEXEC_SEAL ? 0666 : 0777;
	struct ramfs_inode *ri;
	int err = ramfs_inode_new(r, c, NULL, S_IFREG | mode, 0, &ri);

	if (err)
		return err;
	if (flags & MFD_ALLOW_SEALING)
		ri->seals = 0;
	if (flags & MFD_NOEXEC_SEAL)
		ri->seals = F_SEAL_EXEC;
	return memfd_file(ri, c->fs->vfs->internal, name, out);
}

int ramfs_get_seals(struct file *f)
{
	return f->ops == &ramfs_file_ops ? (int)file_ri(f)->seals : -EINVAL;
}

static bool mapped_writable(struct ramfs_inode *ri)
{
	mutex_lock(&ri->source.lock);
	bool busy = ri->source.writable_shared;
	mutex_unlock(&ri->source.lock);
	return busy;
}

static int add_seals(struct ramfs_inode *ri, unsigned seals)
{
	lock_assert_held(&ri->data_lock);
	if (ri->seals & F_SEAL_SEAL)
		return -EPERM;
	if (seals & F_SEAL_WRITE && !(ri->seals & F_SEAL_WRITE) && mapped_writable(ri))
		return -EBUSY;
	/* memfd_add_seals(): an executable file that may not lose its x bit may not change
	 * either. */
	if (seals & F_SEAL_EXEC && ri->mode & 0111)
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	ri->seals |= seals;
	return 0;
}

int ramfs_add_seals(struct file *f, unsigned seals)
{
	if (!file_writable(f))
		return -EPERM;
	if (f->ops != &ramfs_file_ops || seals & ~(unsigned)SEALS_KNOWN)
		return -EINVAL;
	struct ramfs_inode *ri = file_ri(f);
	mutex_lock(&ri->data_lock);
	int err = add_seals(ri, seals);
	mutex_unlock(&ri->data_lock);
	return err;
}
