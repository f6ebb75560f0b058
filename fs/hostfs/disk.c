/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest writes to files of the host, where the sandbox is limited (sandbox_limits.disk).
 *
 * A file counts as large as its size or its blocks, whichever is more: a size that was set is
 * counted at once, because a mapping can fill what is behind it and nobody would be told. Each
 * change of a file is measured before and after, one at a time in the whole sandbox; what it has
 * grown by is taken from the limit, and what it has shrunk by is given back, as far as the sandbox
 * has grown files before. A file that is removed is not given back: it may be open somewhere. So
 * the host's files never grow, by this sandbox, beyond the limit.
 *
 * Names and attributes are not counted, nor what is written by a descriptor that the caller gave.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/hostfs/internal.h"
#include "util/minmax.h"

static int measure(int fd, uint64_t *bytes, uint64_t *size)
{
	struct statx st;
	int err = hostfs_statx(fd, "", STATX_SIZE | STATX_BLOCKS, &st);

	if (err)
		return err;
	*size = st.stx_size;
	*bytes = max64(st.stx_size, st.stx_blocks * 512);
	return 0;
}

int hostfs_disk_begin(struct inode *i, struct disk_change *ch)
{
	struct disk *disk = hostfs_of(i)->disk;

	*ch = (struct disk_change){ .fd = hostfs_fd(i) };
	if (!disk || !disk->quota.max || !S_ISREG(i->type) || hostfs_inode(i)->inherited)
		return 0;
	mutex_lock(&disk->lock);
	int err = measure(ch->fd, &ch->before, &ch->size);
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

void hostfs_disk_end(struct disk_change *ch)
{
	struct disk *disk = ch->disk;
	uint64_t after, size;

	if (!disk)
		return;
	if (measure(ch->fd, &after, &size))
		after = ch->before;
	if (after > ch->before) {
		atomic_fetch_add(&disk->quota.used, after - ch->before);
		disk->on_host += after - ch->before;
	} else {
		uint64_t back = min64(ch->before - after, disk->on_host);
		quota_return(&disk->quota, back);
		disk->on_host -= back;
	}
	mutex_unlock(&disk->lock);
}
