/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/ns (namespaces(7)): a guest has one namespace of each kind, its system's first. Linux
 * gives the first ones fixed numbers (linux/nsfs.h), which are the same on every machine and say
 * nothing of the host's.
 */
#include <errno.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/mount.h"
#include "mm/mm.h"
#include "proc/proc.h"

#define NSFS_MAGIC 0x6e736673

struct ns_kind {
	const char *name;
	unsigned clone_flag;
	unsigned ino;
};

static const struct ns_kind cgroup_ns = { "cgroup", CLONE_NEWCGROUP, 4026531835 };
static const struct ns_kind ipc_ns = { "ipc", CLONE_NEWIPC, 4026531839 };
static const struct ns_kind mnt_ns = { "mnt", CLONE_NEWNS, 4026531832 };
static const struct ns_kind net_ns = { "net", CLONE_NEWNET, 4026531833 };
static const struct ns_kind pid_ns = { "pid", CLONE_NEWPID, 4026531836 };
static const struct ns_kind time_ns = { "time", CLONE_NEWTIME, 4026531834 };
static const struct ns_kind user_ns = { "user", CLONE_NEWUSER, 4026531837 };
static const struct ns_kind uts_ns = { "uts", CLONE_NEWUTS, 4026531838 };

/* ---- the file a link of the directory leads to ---- */

struct ns_inode {
	struct inode inode;
	const struct ns_kind *kind;
};

static const struct ns_kind *kind_of(struct inode *i)
{
	return container_of(i, struct ns_inode, inode)->kind;
}

static int ns_identify(struct inode *i, struct inode_id *out)
{
	*out = (struct inode_id){ .dev = i->fs->dev, .ino = kind_of(i)->ino };
	return 0;
}

static int ns_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	memset(out, 0, sizeof *out);
	out->stx_mask = STATX_BASIC_STATS;
	out->stx_mode = S_IFREG | 0444;
	out->stx_nlink = 1;
	out->stx_ino = kind_of(i)->ino;
	out->stx_blksize = PAGE_SIZE;
	out->stx_dev_major = (uint32_t)(i->fs->dev >> 8);
	out->stx_dev_minor = (uint32_t)(i->fs->dev & 0xff);
	return 0;
}

static int ns_permission(struct inode *i, struct caller *c, int mask)
{
	struct statx st;

	if (mask & W_OK)
		return -EPERM;
	ns_getattr(i, c, STATX_BASIC_STATS, &st);
	return generic_permission(&st, c->cred, mask);
}

static int ns_statfs(struct inode *i, struct caller *c, struct statfs *out)
{
	memset(out, 0, sizeof *out);
	out->f_type = NSFS_MAGIC;
	out->f_bsize = out->f_frsize = PAGE_SIZE;
	out->f_namelen = NAME_MAX;
	return 0;
}

static int ns_path(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s:[%u]", kind_of(i)->name, kind_of(i)->ino);

	return (size_t)n < size ? n : -ENAMETOOLONG;
}

/* ioctl_nsfs(2). What owns or holds a first namespace is nothing a program could see: EPERM, as
 * where that is outside of the caller's. */
static int64_t ns_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd, uint64_t arg)
{
	const struct ns_kind *kind = kind_of(file_inode(f));
	const uid_t owner = 0;

	switch (cmd) {
	case NS_GET_NSTYPE: return kind->clone_flag;
	case NS_GET_USERNS: return -EPERM;
	case NS_GET_PARENT: return kind == &pid_ns || kind == &user_ns ? -EPERM : -EINVAL;
	case NS_GET_OWNER_UID:
		if (kind != &user_ns)
			return -EINVAL;
		return copy_to_guest(mm, GVA(arg), &owner, sizeof owner) ? -EFAULT : 0;
	}
	return -ENOTTY;
}

static void ns_file_release(struct file *f)
{
	free(f);
}

static const struct file_ops ns_file_ops = { .ioctl = ns_ioctl, .release = ns_file_release };

static int ns_open(struct inode *i, struct caller *c, struct dentry *d, int flags,
		   struct file **out)
{
	struct file *f = calloc(1, sizeof *f);

	if (!f)
		return -ENOMEM;
	file_init(f, &ns_file_ops, (unsigned)flags);
	*out = f;
	return 0;
}

static void ns_release(struct inode *i)
{
	free(container_of(i, struct ns_inode, inode));
}

static const struct inode_ops ns_inode_ops = {
	.identify = ns_identify,
	.getattr = ns_getattr,
	.permission = ns_permission,
	.open = ns_open,
	.statfs = ns_statfs,
	.path = ns_path,
	.release = ns_release,
};

/* ---- the directory ---- */

static int ns_jump(struct pseudo_node *n, struct caller *c, struct path *out)
{
	int err = proc_check_inspect(n, c);
	if (err)
		return err;
	struct mount *mnt = c->fs->vfs->internal;
	struct ns_inode *i = calloc(1, sizeof *i);
	if (!i)
		return -ENOMEM;
	inode_init(&i->inode, mnt->fs, &ns_inode_ops, S_IFREG);
	i->kind = n->entry->arg;
	struct path to = { .mnt = mnt, .dentry = dentry_new(&i->inode, NULL, "", 0) };
	if (!to.dentry)
		return -ENOMEM;
	*out = path_get(&to);
	dentry_put(to.dentry);
	return 0;
}

static int ns_link(struct pseudo_node *n, struct caller *c, struct text *out)
{
	const struct ns_kind *kind = n->entry->arg;
	int err = proc_check_inspect(n, c);

	if (!err)
		text_printf(out, "%s:[%u]", kind->name, kind->ino);
	return err;
}

#define NS(file, kind)                                                                             \
	{                                                                                          \
		file, S_IFLNK | 0777, .link = ns_link, .jump = ns_jump, .arg = &(kind)             \
	}

static const struct pseudo_entry ns_entries[] = {
	NS("cgroup", cgroup_ns), NS("ipc", ipc_ns),
	NS("mnt", mnt_ns),       NS("net", net_ns),
	NS("pid", pid_ns),       NS("pid_for_children", pid_ns),
	NS("time", time_ns),     NS("time_for_children", time_ns),
	NS("user", user_ns),     NS("uts", uts_ns),
};
const struct pseudo_dir proc_ns_dir = { PSEUDO_TABLE(ns_entries) };
