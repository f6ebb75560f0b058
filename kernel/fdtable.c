/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor table is an array of files and two bitmaps, of close-on-exec flags and of numbers
 * that are not free, which all double when they are full. The lowest free number is remembered as a
 * bound, so that open(2) need not search from 0. A file is released only after the table's lock has
 * been given up, because closing it may take long.
 */
#include "kernel/fdtable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "fs/locks.h"

#define FDTABLE_FIRST 64 /* slots of a new table; a multiple of the bitmap's word */

static bool bit_get(const uint64_t *map, int i)
{
	return map[i / 64] >> (i % 64) & 1;
}

static void bit_set(uint64_t *map, int i, bool on)
{
	if (on)
		map[i / 64] |= 1UL << (i % 64);
	else
		map[i / 64] &= ~(1UL << (i % 64));
}

/* Room for `fd`; the sizes double. */
static int grow_locked(struct fdtable *ft, int fd)
{
	int size = ft->size ? ft->size : FDTABLE_FIRST;
	while (size <= fd)
		size *= 2;
	if (size == ft->size)
		return 0;
	struct file **files = calloc((size_t)size, sizeof *files);
	uint64_t *cloexec = calloc((size_t)size / 64, sizeof *cloexec);
	uint64_t *taken = calloc((size_t)size / 64, sizeof *taken);
	if (!files || !cloexec || !taken) {
		free(files);
		free(cloexec);
		free(taken);
		return -ENOMEM;
	}
	if (ft->size) {
		memcpy(files, ft->files, (size_t)ft->size * sizeof *files);
		memcpy(cloexec, ft->cloexec, (size_t)ft->size / 8);
		memcpy(taken, ft->taken, (size_t)ft->size / 8);
	}
	free(ft->files);
	free(ft->cloexec);
	free(ft->taken);
	ft->files = files;
	ft->cloexec = cloexec;
	ft->taken = taken;
	ft->size = size;
	return 0;
}

struct fdtable *fdtable_new(struct file_count *count)
{
	struct fdtable *ft = calloc(1, sizeof *ft);
	if (!ft)
		return NULL;
	ref_set(&ft->refs, 1);
	ft->count = count;
	mutex_init(&ft->lock, LOCK_FDTABLE);
	if (grow_locked(ft, 0) < 0) {
		free(ft);
		return NULL;
	}
	return ft;
}

static int lowest_free_locked(const struct fdtable *ft, int min)
{
	int fd = min > ft->next_free ? min : ft->next_free;

	for (; fd < ft->size; fd = (fd | 63) + 1) {
		uint64_t free_from = ~ft->taken[fd / 64] >> fd % 64;
		if (free_from)
			return fd + __builtin_ctzl(free_from);
	}
	return fd;
}

static void take_locked(struct fdtable *ft, int fd)
{
	bit_set(ft->taken, fd, true);
	if (fd == ft->next_free)
		ft->next_free = fd + 1;
}

static void free_locked(struct fdtable *ft, int fd)
{
	bit_set(ft->taken, fd, false);
	if (fd < ft->next_free)
		ft->next_free = fd;
}

struct fdtable *fdtable_copy(struct fdtable *ft)
{
	struct fdtable *n = fdtable_new(ft->count);
	if (!n)
		return NULL;
	mutex_lock(&ft->lock);
	int last = ft->size - 1;
	while (last >= 0 && !ft->files[last])
		last--;
	bool ok = grow_locked(n, last < 0 ? 0 : last) == 0;
	for (int fd = 0; ok && fd <= last; fd++) {
		if (!ft->files[fd])
			continue;
		n->files[fd] = file_get(ft->files[fd]);
		bit_set(n->cloexec, fd, bit_get(ft->cloexec, fd));
		take_locked(n, fd);
	}
	mutex_unlock(&ft->lock);
	if (!ok) {
		fdtable_put(n, NULL);
		return NULL;
	}
	return n;
}

struct fdtable *fdtable_get(struct fdtable *ft)
{
	ref_get(&ft->refs);
	return ft;
}

/* A descriptor is closed. fcntl(2): with any of a file the process gives up all locks it has on
 * it. Their owner is the table. */
static void flush(struct fdtable *ft, struct file *f, struct caller *c)
{
	struct lock_table *locks = c->fs->vfs->locks;
	struct inode_id id;

	if (f->ops->flush)
		f->ops->flush(f, c);
	if (lock_table_used(locks) && file_identify(f, &id) == 0)
		lock_release(locks, &id, LOCK_POSIX, ft);
}

/* What close(2) does with the description behind a descriptor that is no longer in the table. */
static void release(struct fdtable *ft, struct file *f, struct caller *c)
{
	if (c)
		flush(ft, f, c);
	file_put(f);
}

void fdtable_put(struct fdtable *ft, struct caller *c)
{
	if (!ft || !ref_put(&ft->refs))
		return;
	for (int fd = 0; fd < ft->size; fd++) {
		if (ft->files[fd])
			release(ft, ft->files[fd], c);
	}
	mutex_destroy(&ft->lock);
	free(ft->files);
	free(ft->cloexec);
	free(ft->taken);
	free(ft);
}

struct file *fd_get_path(struct fdtable *ft, int fd)
{
	mutex_lock(&ft->lock);
	struct file *f = fd >= 0 && fd < ft->size ? ft->files[fd] : NULL;
	if (f)
		file_get(f);
	mutex_unlock(&ft->lock);
	return f;
}

struct file *fd_get(struct fdtable *ft, int fd)
{
	struct file *f = fd_get_path(ft, fd);
	if (f && (f->flags & O_PATH)) {
		file_put(f);
		return NULL;
	}
	return f;
}

static void place_locked(struct fdtable *ft, int fd, struct file *f, bool cloexec)
{
	ft->files[fd] = f;
	bit_set(ft->cloexec, fd, cloexec);
	take_locked(ft, fd);
}

/* Takes the descriptor out; NULL when it was not open. */
static struct file *remove_locked(struct fdtable *ft, int fd)
{
	if (fd < 0 || fd >= ft->size || !ft->files[fd])
		return NULL;
	struct file *f = ft->files[fd];
	ft->files[fd] = NULL;
	bit_set(ft->cloexec, fd, false);
	free_locked(ft, fd);
	return f;
}

/* The lowest free number, with room for it; it is not taken yet. */
static int find_locked(struct fdtable *ft, int min, uint64_t limit)
{
	int fd = lowest_free_locked(ft, min);

	if ((uint64_t)fd >= limit)
		return -EMFILE;
	if (grow_locked(ft, fd) < 0)
		return -ENOMEM;
	if (min <= ft->next_free)
		ft->next_free = fd;
	return fd;
}

static int install_locked(struct fdtable *ft, struct file *f, int min, bool cloexec, uint64_t limit)
{
	int fd = find_locked(ft, min, limit);

	if (fd < 0)
		return fd;
	if (file_count(f, ft->count))
		return -ENFILE;
	place_locked(ft, fd, f, cloexec);
	return fd;
}

int fd_reserve(struct fdtable *ft, uint64_t limit)
{
	mutex_lock(&ft->lock);
	int fd = find_locked(ft, 0, limit), err = fd < 0 ? fd : file_count_one(ft->count);
	if (!err)
		take_locked(ft, fd);
	mutex_unlock(&ft->lock);
	return err ? err : fd;
}

void fd_unreserve(struct fdtable *ft, int fd)
{
	atomic_fetch_sub(&ft->count->open, 1);
	mutex_lock(&ft->lock);
	free_locked(ft, fd);
	mutex_unlock(&ft->lock);
}

void fd_install_reserved(struct fdtable *ft, int fd, struct file *f, bool cloexec)
{
	file_counted(f, ft->count);
	mutex_lock(&ft->lock);
	place_locked(ft, fd, f, cloexec);
	mutex_unlock(&ft->lock);
}

int fd_install(struct fdtable *ft, struct file *f, int min, bool cloexec, uint64_t limit)
{
	mutex_lock(&ft->lock);
	int fd = install_locked(ft, f, min, cloexec, limit);
	mutex_unlock(&ft->lock);
	if (fd < 0)
		file_put(f);
	return fd;
}

int fd_replace(struct fdtable *ft, struct caller *c, int fd, struct file *f, bool cloexec,
	       uint64_t limit)
{
	if (fd < 0 || (uint64_t)fd >= limit) {
		file_put(f);
		return -EBADF;
	}
	mutex_lock(&ft->lock);
	int err = grow_locked(ft, fd);
	if (!err && !ft->files[fd] && bit_get(ft->taken, fd))
		err = -EBUSY;
	if (!err)
		err = file_count(f, ft->count);
	struct file *old = NULL;
	if (!err) {
		old = remove_locked(ft, fd);
		place_locked(ft, fd, f, cloexec);
	}
	mutex_unlock(&ft->lock);
	if (err)
		file_put(f);
	if (old)
		(void)file_linger(old, c);
	if (old)
		release(ft, old, c);
	return err ? err : fd;
}

struct file *fd_remove(struct fdtable *ft, struct caller *c, int fd)
{
	mutex_lock(&ft->lock);
	struct file *f = remove_locked(ft, fd);
	mutex_unlock(&ft->lock);
	if (f)
		flush(ft, f, c);
	return f;
}

void fd_close(struct fdtable *ft, struct caller *c, int fd)
{
	struct file *f = fd_remove(ft, c, fd);

	if (!f)
		return;
	(void)file_linger(f, c);
	file_put(f);
}

int fd_get_cloexec(struct fdtable *ft, int fd)
{
	mutex_lock(&ft->lock);
	int r = fd >= 0 && fd < ft->size && ft->files[fd] ? bit_get(ft->cloexec, fd) : -EBADF;
	mutex_unlock(&ft->lock);
	return r;
}

int fd_set_cloexec(struct fdtable *ft, int fd, bool on)
{
	mutex_lock(&ft->lock);
	int r = fd >= 0 && fd < ft->size && ft->files[fd] ? 0 : -EBADF;
	if (r == 0)
		bit_set(ft->cloexec, fd, on);
	mutex_unlock(&ft->lock);
	return r;
}

void fd_close_range(struct fdtable *ft, struct caller *c, unsigned first, unsigned last,
		    bool only_mark_cloexec)
{
	for (int64_t fd = first; fd <= (int64_t)last; fd++) {
		int next = fd > INT32_MAX ? -1 : fd_next(ft, (int)fd);
		if (next < 0 || (unsigned)next > last)
			return;
		fd = next;
		if (only_mark_cloexec)
			fd_set_cloexec(ft, next, true);
		else
			fd_close(ft, c, next);
	}
}

void fd_close_on_exec(struct fdtable *ft, struct caller *c)
{
	for (int fd = 0; fd < ft->size; fd++) {
		if (ft->cloexec[fd / 64] == 0) {
			fd |= 63;
			continue;
		}
		if (bit_get(ft->cloexec, fd))
			fd_close(ft, c, fd);
	}
}

int fd_next(struct fdtable *ft, int fd)
{
	mutex_lock(&ft->lock);
	while (fd < ft->size && !ft->files[fd])
		fd++;
	int r = fd < ft->size ? fd : -1;
	mutex_unlock(&ft->lock);
	return r;
}
