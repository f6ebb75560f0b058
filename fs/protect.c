/* SPDX-License-Identifier: Apache-2.0 */
/* Implements the fs.protected_* rules, with the levels that the host is set to. See the header. */
#include "fs/protect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cred/cred.h"
#include "host/hostfile.h"

static const char *const names[] = { "symlinks", "hardlinks", "fifos", "regular" };

_Static_assert(sizeof names / sizeof *names == sizeof((struct vfs *)0)->protections,
	       "one for each");

static int read_level(const char *name)
{
	char path[64], digit[2];

	snprintf(path, sizeof path, "/proc/sys/fs/protected_%s", name);
	hostfile_read(path, digit, sizeof digit);
	return digit[0] >= '0' && digit[0] <= '9' ? digit[0] - '0' : 0;
}

/* Read when first asked for, and kept: level + 1, so that 0 is not known. */
int protection_level(struct vfs *vfs, enum protection p)
{
	uint8_t known = atomic_load_explicit(&vfs->protections[p], memory_order_relaxed);

	if (!known) {
		known = (uint8_t)(read_level(names[p]) + 1);
		atomic_store_explicit(&vfs->protections[p], known, memory_order_relaxed);
	}
	return known - 1;
}

/* Of what is neither a file nor a FIFO the host's settings say nothing: it is always protected. */
static int sticky_level(struct vfs *vfs, mode_t mode)
{
	if (S_ISREG(mode) || S_ISFIFO(mode))
		return protection_level(vfs, S_ISREG(mode) ? PROTECTED_REGULAR : PROTECTED_FIFOS);
	return S_ISDIR(mode) ? 0 : 1; /* a directory is -EISDIR */
}

int protect_sticky(struct caller *c, const struct statx *dir, const struct statx *found)
{
	if (!(dir->stx_mode & S_ISVTX) || found->stx_uid == dir->stx_uid ||
	    found->stx_uid == c->cred->fsuid)
		return 0;
	int level = sticky_level(c->fs->vfs, found->stx_mode);
	bool denied =
	    (level >= 1 && dir->stx_mode & S_IWOTH) || (level >= 2 && dir->stx_mode & S_IWGRP);
	return denied ? -EACCES : 0;
}

int protect_hardlink(struct caller *c, struct inode *i)
{
	struct statx st;

	if (!protection_level(c->fs->vfs, PROTECTED_HARDLINKS))
		return 0;
	int err = inode_getattr(i, c, STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID, &st);
	if (err || cred_owner_or_capable(c->cred, st.stx_uid))
		return err;
	bool special =
	    st.stx_mode & S_ISUID || (st.stx_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
	bool plain = S_ISREG(st.stx_mode) && !special;
	return plain && !i->ops->permission(i, c, R_OK | W_OK) ? 0 : -EPERM;
}

bool protect_looks_at_links(const struct statx *dir)
{
	return (dir->stx_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH);
}

int protect_symlink(struct caller *c, const struct statx *dir, const struct statx *link)
{
	bool trusted = link->stx_uid == c->cred->fsuid || link->stx_uid == dir->stx_uid;

	return trusted || !protect_looks_at_links(dir) ? 0 : -EACCES;
}
