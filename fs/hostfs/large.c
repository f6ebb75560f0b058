/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that take the host long where a file is large: its blocks are freed one extent after the
 * other, a gigabyte is written back. The thread that asked for it may have to end meanwhile:
 * host/aside.h.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "fs/hostfs/internal.h"
#include "host/aside.h"
#include "host/fdpath.h"
#include "host/hostcall.h"

bool hostfs_is_large(int fd, const char *name, unsigned max_links)
{
	struct statx st;

	return hostfs_statx(fd, name, STATX_TYPE | STATX_NLINK | STATX_BLOCKS, &st) == 0 &&
	       S_ISREG(st.stx_mode) && st.stx_nlink <= max_links &&
	       st.stx_blocks * 512 >= ASIDE_BYTES;
}

static bool frees_much(int fd, uint64_t size)
{
	struct statx st;

	return hostfs_statx(fd, "", STATX_SIZE | STATX_BLOCKS, &st) == 0 &&
	       st.stx_blocks * 512 >= ASIDE_BYTES && size < st.stx_size;
}

int hostfs_ftruncate(int fd, struct caller *c, uint64_t size)
{
	return (int)(frees_much(fd, size)
			 ? aside_call(c->sleeper, fd, SYS_ftruncate, (long)size, 0, 0)
			 : host_ret(ftruncate(fd, (off_t)size)));
}

/* By its name, so that who watches the file hears of no open and no close. */
int hostfs_truncate(int fd, struct caller *c, uint64_t size)
{
	if (!frees_much(fd, size))
		return fdpath_truncate(fd, size);
	int writable = fdpath_reopen(fd, O_WRONLY | O_NONBLOCK);
	if (writable < 0)
		return writable;
	int err = (int)aside_call(c->sleeper, writable, SYS_ftruncate, (long)size, 0, 0);
	host_close(writable);
	return err;
}

int hostfs_fallocate(int fd, struct caller *c, int mode, int64_t off, int64_t len)
{
	bool large = (uint64_t)len >= ASIDE_BYTES;

	return (int)(large ? aside_call(c->sleeper, fd, SYS_fallocate, mode, off, len)
			   : host_ret(fallocate(fd, mode, off, len)));
}

/* What was written by others, or to a mapping, is not known: so the first call for a large file
 * counts as long. */
int hostfs_fsync(struct inode *i, struct caller *c, bool data_only)
{
	struct hostfs_inode *hi = hostfs_inode(i);
	long nr = data_only ? SYS_fdatasync : SYS_fsync;
	bool large = atomic_exchange(&hi->unsynced, 0) >= ASIDE_BYTES &&
		     hostfs_is_large(hi->fd, "", UINT_MAX);

	return (int)(large ? aside_call(c->sleeper, hi->fd, nr, 0, 0, 0) : host_call(nr, hi->fd));
}
