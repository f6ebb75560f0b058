/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What execve(2) does to credentials: set-user-ID and set-group-ID files, and the rules of
 * capabilities(7), "Transformation of capabilities during execve()". Capabilities attached to files
 * are not looked at: a guest that may not use them on the host could do nothing with them here
 * either.
 */
#include "loader/cred.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cred/cred.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/vfs.h"

/* Can files be used as these credentials at all? An unprivileged monitor can act as nobody but
 * itself. */
static bool can_act_as(struct caller *c, const struct cred *cred, struct file *exe)
{
	struct caller as = *c;
	struct inode *inode = file_inode(exe);

	as.cred = cred;
	return !inode || !inode->ops->permission || inode->ops->permission(inode, &as, F_OK) == 0;
}

static void take_file_ids(struct caller *c, struct file *exe, bool fs_shared, struct cred *new)
{
	const struct cred *old = c->cred;
	struct statx st;

	if (fs_shared && !cred_capable(old, CAP_SETUID))
		return; /* others could move its root and working directory */
	if (old->no_new_privs || !exe->path.mnt->root || exe->path.mnt->flags & MOUNT_NOSUID)
		return;
	if (file_getattr(exe, c, STATX_MODE | STATX_UID | STATX_GID, &st) < 0)
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

static void transform_caps(struct cred *c, bool set_id)
{
	bool root = !(c->securebits & SECBIT_NOROOT) && (c->uid == 0 || c->euid == 0);

	if (root || set_id)
		c->cap_ambient = 0;
	c->cap_permitted = root ? c->cap_inheritable | c->cap_bounding : c->cap_ambient;
	c->cap_effective = root && c->euid != 0 ? 0 : c->cap_permitted;
	c->securebits &= ~SECBIT_KEEP_CAPS;
}

struct cred *exec_cred(struct caller *c, struct file *exe, bool fs_shared, bool *secure)
{
	struct cred *new = cred_copy(c->cred, -1);

	if (!new)
		return NULL;
	take_file_ids(c, exe, fs_shared, new);
	bool set_id = new->euid != c->cred->uid || new->egid != c->cred->gid;
	transform_caps(new, set_id);
	if (fs_shared) {
		new->cap_permitted &= c->cred->cap_permitted;
		new->cap_effective &= new->cap_permitted;
	}
	new->suid = new->fsuid = new->euid;
	new->sgid = new->fsgid = new->egid;
	*secure = set_id || (new->uid != 0 && new->cap_permitted & ~new->cap_ambient);
	return new;
}
