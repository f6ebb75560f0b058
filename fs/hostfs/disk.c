/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest writes to files of the host, where the sandbox is limited (sandbox_limits.disk).
 *
 * A file counts as large as its size, because a mapping can fill all of that and nobody would be
 * told, and as what was reserved behind its end (fallocate(2), FALLOC_FL_KEEP_SIZE) since it was
 * opened. The number of its blocks would say more, but ext4 counts some twice while it writes them
 * back: a file would grow and shrink by itself. Each
 * change of a file is measured before and after, one at a time in the whole sandbox; what it has
 * grown by is taken from the limit, and what it has shrunk by is given back, as far as the sandbox
 * has grown files before. So the host's files never grow, by this sandbox, beyond the limit.
 *
 * A file whose last name is removed is given back when the sandbox has its last descriptor of it
 * closed: by whoever drops the last hold. A hold stands for one of these descriptors, and all of
 * one file share a node. A thread that has opened a file but does not hold it yet may come too
 * late: another removes it, drops the last hold, and gives it back. Then it finds neither a name
 * nor a node, and takes the file from the limit again, until it drops its own hold. Who else has
 * the file open on the host is not known.
 *
 * Names and attributes are not counted, nor what is written by a descriptor that the caller gave.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/hostfs/internal.h"
#include "host/fdpath.h"
#include "host/hostcall.h"
#include "util/minmax.h"

struct disk_file {
	struct rb_node node;
	struct inode_id id;
	struct disk *disk;
	unsigned holds;    /* disk->files_lock */
	uint64_t reserved; /* up to here there may be blocks; disk->lock, or nobody has it open */
};

static int measure(const struct disk_change *ch, uint64_t *bytes, uint64_t *size)
{
	struct statx st;
	int err = hostfs_statx(ch->fd, "", STATX_SIZE, &st);

	if (err)
		return err;
	*size = st.stx_size;
	*bytes = max64(st.stx_size, ch->file->reserved);
	return 0;
}

static void take(struct disk *disk, uint64_t bytes)
{
	atomic_fetch_add(&disk->quota.used, bytes);
	atomic_fetch_add(&disk->on_host, bytes);
}

static void give_back(struct disk *disk, uint64_t bytes)
{
	uint64_t on_host = disk->on_host, back;

	do {
		back = min64(bytes, on_host);
	} while (!atomic_compare_exchange_weak(&disk->on_host, &on_host, on_host - back));
	quota_return(&disk->quota, back);
}

bool hostfs_counts(const struct hostfs *h)
{
	return h->disk && h->disk->quota.max;
}

int hostfs_disk_begin(struct inode *i, struct disk_change *ch)
{
	struct disk *disk = hostfs_of(i)->disk;

	*ch = (struct disk_change){ .fd = hostfs_fd(i), .file = hostfs_inode(i)->held };
	if (!ch->file)
		return 0;
	mutex_lock(&disk->lock);
	int err = measure(ch, &ch->before, &ch->size);
	if (err)
		mutex_unlock(&disk->lock);
	else
		ch->disk = disk;
	return err;
}

uint64_t hostfs_disk_room(const struct disk_change *ch, uint64_t from)
{
	if (!ch->disk)
		return UINT64_MAX;
	uint64_t left = quota_left(&ch->disk->quota);
	uint64_t end = ch->before > UINT64_MAX - left ? UINT64_MAX : ch->before + left;
	return from < end ? end - from : 0;
}

/* The host checks the maximum before it asks the file system, and no file system collapses a single
 * byte: nothing is changed. */
static int collapse(int fd, uint64_t last)
{
	return fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, (off_t)last, 1) < 0 ? -errno : 0;
}

int hostfs_disk_full(int fd, uint64_t last)
{
	if (last >= INT64_MAX)
		return -EFBIG;
	int err = collapse(fd, last);
	if (err == -EBADF) { /* it is a path */
		int again = fdpath_reopen(fd, O_WRONLY | O_NONBLOCK);
		err = again < 0 ? again : collapse(again, last);
		host_close(again);
	}
	return err == -EFBIG ? -EFBIG : -ENOSPC;
}

void hostfs_disk_reserved(struct disk_change *ch, uint64_t end)
{
	if (ch->file)
		ch->file->reserved = max64(ch->file->reserved, end);
}

/* What is behind the new end is freed by all file systems where the file gets shorter. */
void hostfs_disk_cut(struct disk_change *ch, uint64_t size)
{
	if (ch->file && size < ch->size)
		ch->file->reserved = 0;
}

void hostfs_disk_end(struct disk_change *ch)
{
	struct disk *disk = ch->disk;
	uint64_t after, size;

	if (!disk)
		return;
	if (measure(ch, &after, &size))
		after = ch->before;
	if (after > ch->before)
		take(disk, after - ch->before);
	else
		give_back(disk, ch->before - after);
	mutex_unlock(&disk->lock);
}

/* ---- who has a file open ---- */

/* The file's node, which is made where there is none; NULL: no memory. */
static struct disk_file *node_locked(struct disk *disk, const struct inode_id *id)
{
	struct rb_node *parent = NULL, **link = &disk->files.root;

	while (*link) {
		struct disk_file *f = rb_entry(*link, struct disk_file, node);
		int r = inode_id_compare(id, &f->id);
		if (!r)
			return f;
		parent = *link;
		link = r < 0 ? &parent->left : &parent->right;
	}
	struct disk_file *f = malloc(sizeof *f);
	if (f) {
		*f = (struct disk_file){ .id = *id, .disk = disk };
		rb_insert(&disk->files, &f->node, parent, link);
	}
	return f;
}

int hostfs_disk_hold(struct hostfs *h, int fd, struct disk_file **out)
{
	struct disk_file *f = NULL;
	struct statx st;

	*out = NULL;
	if (!hostfs_counts(h))
		return 0;
	mutex_lock(&h->disk->files_lock);
	int err = hostfs_statx(fd, "", STATX_BASIC_STATS, &st);
	if (!err && S_ISREG(st.stx_mode)) {
		struct inode_id id = hostfs_id(&st);
		f = node_locked(h->disk, &id);
		err = f ? 0 : -ENOMEM;
	}
	if (f && f->holds++ == 0 && !st.stx_nlink)
		take(h->disk, st.stx_size);
	mutex_unlock(&h->disk->files_lock);
	*out = f;
	return err;
}

struct disk_file *hostfs_disk_share(struct disk_file *f)
{
	if (!f)
		return NULL;
	mutex_lock(&f->disk->files_lock);
	f->holds++;
	mutex_unlock(&f->disk->files_lock);
	return f;
}

void hostfs_disk_drop(struct disk_file *f, int fd)
{
	struct statx st;

	if (!f)
		return;
	struct disk *disk = f->disk;
	mutex_lock(&disk->files_lock);
	bool last = --f->holds == 0;
	if (last) {
		rb_erase(&disk->files, &f->node);
		if (hostfs_statx(fd, "", STATX_BASIC_STATS, &st) == 0 && !st.stx_nlink)
			give_back(disk, max64(st.stx_size, f->reserved));
	}
	mutex_unlock(&disk->files_lock);
	if (last)
		free(f);
}

void hostfs_inherit(struct inode *i)
{
	struct hostfs_inode *hi = hostfs_inode(i);

	hostfs_disk_drop(hi->held, hi->fd);
	hi->held = NULL;
}
