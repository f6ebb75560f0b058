/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What execve(2) does to credentials: set-user-ID and set-group-ID files, capabilities attached to
 * files, and the rules of capabilities(7), "Transformation of capabilities during execve()", in the
 * order of Linux's security/commoncap.c. What the host's files have counts as far as the monitor
 * itself has it: a guest that may not use a capability on the host could do nothing with it here.
 */
#include "loader/cred.h"

#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <linux/xattr.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cred/cred.h"
#include "cred/user_ns.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/vfs.h"
#include "loader/loader.h"

/* Of a file. */
struct file_caps {
	uint64_t permitted, inheritable;
	bool there; /* it has some, if only the empty set */
	bool effective;
};

/* Linux's mnt_may_suid(): of another mount namespace, or of a file system that belongs to users
 * below the caller's, nothing is believed. */
static bool mount_allows(struct caller *c, const struct file *exe)
{
	const struct mount *m = exe->path.mnt;

	return m && m->root && !(m->flags & MOUNT_NOSUID) &&
	       (!c->mnt_ns || mnt_ns_has(c->mnt_ns, m)) &&
	       user_ns_is_within(c->cred->user_ns, filesystem_users(m->fs, m->vfs));
}

/* Does a file of the host's promise what the monitor cannot do? */
static bool beyond_monitor(const struct caller *c, const struct inode *i, uint64_t caps)
{
	return i->fs->flags & FS_CHECKS_ACCESS && caps & ~c->fs->vfs->monitor->cap_permitted;
}

/* 0: also where there are none. -EINVAL: no layout that is known (linux/capability.h). */
static int read_file_caps(struct caller *c, struct file *exe, struct file_caps *out)
{
	struct vfs_ns_cap_data d = { 0 };
	struct inode *i = file_inode(exe);

	*out = (struct file_caps){ 0 };
	if (!i || !mount_allows(c, exe) || !i->ops->getxattr ||
	    beyond_monitor(c, i, 1ULL << CAP_SETFCAP))
		return 0;
	ssize_t n = i->ops->getxattr(i, c, XATTR_NAME_CAPS, &d, sizeof d);
	if (n == -ENODATA || n == -EOPNOTSUPP)
		return 0;
	uint32_t magic = le32toh(d.magic_etc);
	uint32_t revision = n < 4 ? 0 : magic & VFS_CAP_REVISION_MASK;
	bool pair = (revision == VFS_CAP_REVISION_2 && n == XATTR_CAPS_SZ_2) ||
		    (revision == VFS_CAP_REVISION_3 && n == XATTR_CAPS_SZ_3);
	if (!pair && !(revision == VFS_CAP_REVISION_1 && n == XATTR_CAPS_SZ_1))
		return n < 0 && n != -ERANGE ? (int)n : -EINVAL;
	if (revision == VFS_CAP_REVISION_3 && d.rootid)
		return 0; /* another user namespace's */
	out->there = true;
	out->effective = magic & VFS_CAP_FLAGS_EFFECTIVE;
	out->permitted = le32toh(d.data[0].permitted);
	out->inheritable = le32toh(d.data[0].inheritable);
	if (pair) {
		out->permitted |= (uint64_t)le32toh(d.data[1].permitted) << 32;
		out->inheritable |= (uint64_t)le32toh(d.data[1].inheritable) << 32;
	}
	out->permitted &= (1ULL << (CAP_LAST_CAP + 1)) - 1;
	out->inheritable &= (1ULL << (CAP_LAST_CAP + 1)) - 1;
	if (beyond_monitor(c, i, out->permitted | out->inheritable))
		*out = (struct file_caps){ 0 };
	return 0;
}

/* Can files be used as these credentials at all? An unprivileged monitor can act as nobody but
 * itself. */
static bool can_act_as(struct caller *c, const struct cred *cred, struct file *exe)
{
	struct caller as = *c;
	struct inode *inode = file_inode(exe);

	as.cred = cred;
	return !inode || !inode->ops->permission || inode->ops->permission(inode, &as, F_OK) == 0;
}

/* Of a file whose owner the guest does not know, the bits mean nothing. */
static bool knows_owner(struct file *exe, const struct statx *st)
{
	return !(file_inode(exe)->fs->flags & FS_MAPS_OWNERS) || (!st->stx_uid && !st->stx_gid);
}

/* bprm_fill_uid() of Linux's fs/exec.c. */
static void take_file_ids(struct caller *c, struct file *exe, struct cred *new)
{
	const struct cred *old = c->cred;
	struct statx st;

	if (old->no_new_privs || !mount_allows(c, exe))
		return;
	if (file_getattr(exe, c, STATX_MODE | STATX_UID | STATX_GID, &st) < 0)
		return;
	if (!knows_owner(exe, &st))
		return;
	if (!user_ns_has_uid(old->user_ns, st.stx_uid) ||
	    !user_ns_has_gid(old->user_ns, st.stx_gid))
		return;
	if (st.stx_mode & S_ISUID)
		new->euid = st.stx_uid;
	if ((st.stx_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		new->egid = st.stx_gid;
	new->fsuid = new->euid;
	new->fsgid = new->egid;
	if ((new->euid != old->euid || new->egid != old->egid) && !can_act_as(c, new, exe)) {
		new->euid = old->euid;
		new->egid = old->egid;
	}
}

/* handle_privileged_root(): *effective, as if the file said so. */
static void give_root_caps(struct cred *new, bool has_caps, bool *effective)
{
	const uid_t root = make_kuid(new->user_ns, 0);

	if (new->securebits & SECBIT_NOROOT || (has_caps && new->euid == root &&new->uid != root))
		return;
	if (new->euid == root || new->uid == root)
		new->cap_permitted = new->cap_bounding | new->cap_inheritable;
	if (new->euid == root)
		*effective = true;
}

/* What a program gets that others could steer (they share its root and working directory, or no new
 * privileges are to be had) is no more than its caller had. */
static void downgrade(struct cred *new, const struct cred *old)
{
	if (!cred_ns_capable(old, new->user_ns, CAP_SETUID) || old->no_new_privs) {
		new->euid = new->uid;
		new->egid = new->gid;
	}
	new->cap_permitted &= old->cap_permitted;
}

/* cap_bprm_creds_from_file(). 0 or -EPERM. */
static int transform(struct cred *new, const struct cred *old, const struct file_caps *fc,
		     bool unsafe, bool *secure)
{
	bool effective = fc->effective;

	new->cap_permitted =
	    (new->cap_bounding & fc->permitted) | (new->cap_inheritable & fc->inheritable);
	if (effective && fc->permitted & ~new->cap_permitted)
		return -EPERM;
	give_root_caps(new, fc->there, &effective);
	bool changes = new->euid != old->euid || !cred_in_group(old, new->egid);
	if ((changes || new->cap_permitted & ~old->cap_permitted) && unsafe)
		downgrade(new, old);
	if (fc->there || changes)
		new->cap_ambient = 0;
	new->cap_permitted |= new->cap_ambient;
	new->cap_effective = effective ? new->cap_permitted : new->cap_ambient;
	new->securebits &= ~SECBIT_KEEP_CAPS;
	new->suid = new->fsuid = new->euid;
	new->sgid = new->fsgid = new->egid;
	*secure = changes || new->euid != old->uid || new->egid != old->gid ||
		  (new->uid != make_kuid(new->user_ns, 0) &&
		   (effective || new->cap_permitted & ~new->cap_ambient));
	return 0;
}

/* begin_new_exec() of Linux's fs/exec.c: what its user may not read, nobody may read by it. */
static bool may_dump(struct caller *c, struct file *exe, const struct cred *new)
{
	const struct cred *old = c->cred;
	struct inode *i = file_inode(exe);
	bool readable = !i || !i->ops->permission || i->ops->permission(i, c, R_OK) == 0;

	return readable && old->euid == old->uid && old->egid == old->gid &&
	       !cred_changes_rights(old, new);
}

int exec_cred(struct caller *c, struct file *exe, bool fs_shared, struct exec_image *image)
{
	struct file_caps fc;
	int err = read_file_caps(c, exe, &fc);
	struct cred *new = err ? NULL : cred_copy(c->cred, -1);

	if (!err && !new)
		err = -ENOMEM;
	if (!err) {
		take_file_ids(c, exe, new);
		err = transform(new, c->cred, &fc, fs_shared || c->cred->no_new_privs,
				&image->secure);
	}
	if (err) {
		cred_put(new);
		return err;
	}
	image->cred = new;
	image->dumpable = may_dump(c, exe, new);
	return 0;
}
