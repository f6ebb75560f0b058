/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is different where a directory of the host is given to a private world.
 *
 * Nothing is to be left there that gives others of the host more than the guest has: no set-id bit
 * on a file, no device, no attribute that the host's kernel believes in (trusted.*, security.*).
 *
 * Where the host knows no other users of the guest than the caller (cred/user_ns.h), each call has
 * to pass two checks: here the rules of Linux, with the guest's credentials and the attributes as
 * they are shown to it; then the host's, as the caller. A guest's root that overrides any file's
 * owner is asked by the host alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "fs/generic.h"
#include "fs/hostfs/internal.h"
#include "host/hostcall.h"

void hostfs_show(const struct hostfs *h, struct statx *st)
{
	st->stx_uid = user_ns_show_uid(h->users, st->stx_uid);
	st->stx_gid = user_ns_show_gid(h->users, st->stx_gid);
}

bool hostfs_asks_guest(const struct hostfs *h, const struct caller *c)
{
	return h->users->mapped && !cred_overrides_files(c->cred);
}

#define ASKED (STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID)

/* `name` in `fd` ("": `fd` itself), as the guest sees it. */
static int shown(const struct hostfs *h, int fd, const char *name, struct statx *st)
{
	int err = hostfs_statx(fd, name, ASKED, st);

	if (!err)
		hostfs_show(h, st);
	return err;
}

int hostfs_may(struct inode *i, struct caller *c, int mask)
{
	struct hostfs *h = hostfs_of(i);
	struct statx st;

	if (!hostfs_asks_guest(h, c))
		return 0;
	int err = shown(h, hostfs_fd(i), "", &st);
	return err ? err : generic_permission(&st, c->cred, mask);
}

/* may_delete() of Linux's fs/namei.c. */
int hostfs_may_remove(struct inode *dir, struct caller *c, const char *name)
{
	struct hostfs *h = hostfs_of(dir);
	struct statx st, victim;

	if (!hostfs_asks_guest(h, c))
		return 0;
	int err = shown(h, hostfs_fd(dir), "", &st);
	if (!err)
		err = generic_permission(&st, c->cred, X_OK);
	if (!err)
		err = shown(h, hostfs_fd(dir), name, &victim);
	if (!err)
		err = generic_permission(&st, c->cred, W_OK | X_OK);
	if (err)
		return err;
	bool owns = c->cred->fsuid == st.stx_uid || cred_owner_or_capable(c->cred, victim.stx_uid);
	return st.stx_mode & S_ISVTX && !owns ? -EPERM : 0;
}

/* Adjusts *a as generic_setattr_check() does. */
int hostfs_may_setattr(struct inode *i, struct caller *c, struct iattr *a)
{
	struct hostfs *h = hostfs_of(i);
	struct statx st;

	if (a->valid & ATTR_MODE && !hostfs_allows_mode(h, i->type | a->mode))
		return -EPERM;
	if (!hostfs_asks_guest(h, c))
		return 0;
	int err = shown(h, hostfs_fd(i), "", &st);
	return err ? err : generic_setattr_check(&st, c->cred, a);
}

bool hostfs_allows_mode(const struct hostfs *h, mode_t mode)
{
	return !h->contained || S_ISDIR(mode) || !(mode & (S_ISUID | S_ISGID));
}

int hostfs_drop_set_id(struct inode *i)
{
	struct statx st;

	if (!hostfs_of(i)->contained)
		return 0;
	int err = hostfs_statx(hostfs_fd(i), "", STATX_MODE, &st);
	if (err || !(st.stx_mode & (S_ISUID | S_ISGID)))
		return err;
	return (int)host_call(SYS_fchmod, hostfs_fd(i), st.stx_mode & 01777);
}

/* ---- descriptors that the caller gave ---- */

bool hostfs_is_given(struct inode *i)
{
	return !i->fs->root && hostfs_of(i)->contained;
}

/* What the descriptor is open for was given with it, to each of the guest's users; not what the
 * caller could open anew by it. */
int hostfs_granted(struct inode *i, int mask)
{
	static const int granted[] = { R_OK, W_OK, R_OK | W_OK, 0 };
	int flags = fcntl(hostfs_fd(i), F_GETFL);

	return flags < 0 || mask & ~granted[flags & O_ACCMODE] ? -EACCES : 0;
}

/* ---- extended attributes ---- */

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool shows_xattr(const struct hostfs *h, const char *name)
{
	/* ACLs name users of the host */
	bool acl = has_prefix(name, "system.posix_acl_") && !h->users->mapped;

	return !h->contained || acl || has_prefix(name, "user.");
}

int hostfs_hides_xattr(const struct hostfs *h, const char *name, bool write)
{
	if (shows_xattr(h, name))
		return 0;
	return has_prefix(name, "system.") ? -EOPNOTSUPP : write ? -EPERM : -ENODATA;
}

/* xattr_permission() of Linux's fs/xattr.c. */
int hostfs_may_xattr(struct inode *i, struct caller *c, const char *name, bool write)
{
	struct hostfs *h = hostfs_of(i);
	struct statx st;
	int err = hostfs_hides_xattr(h, name, write);

	if (!err && write && hostfs_is_given(i))
		err = -EPERM;
	if (err || !hostfs_asks_guest(h, c))
		return err;
	err = shown(h, hostfs_fd(i), "", &st);
	if (err)
		return err;
	if (write && S_ISDIR(st.stx_mode) && st.stx_mode & S_ISVTX &&
	    !cred_owner_or_capable(c->cred, st.stx_uid))
		return -EPERM;
	return generic_permission(&st, c->cred, write ? W_OK : R_OK);
}

/* Takes the names out that are not shown. Bytes left. */
ssize_t hostfs_filter_xattrs(const struct hostfs *h, char *names, ssize_t n)
{
	ssize_t kept = 0;

	for (ssize_t at = 0, len; at < n; at += len) {
		len = (ssize_t)strlen(names + at) + 1;
		if (!shows_xattr(h, names + at))
			continue;
		memmove(names + kept, names + at, (size_t)len);
		kept += len;
	}
	return kept;
}
