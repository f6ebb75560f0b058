/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the inodes behind /proc/PID/ns. They have the namespace's number as inode number, by which
 * programs compare namespaces (namespaces(7)), and answer the requests of ioctl_nsfs(2). */
#include "fs/nsfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cred/ns_common.h"
#include "cred/user_ns.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/saved.h"
#include "mm/access.h"

#define NSFS_MAGIC 0x6e736673

struct ns_inode {
	struct inode inode;
	struct ns_common *ns; /* reference */
};

static struct ns_common *ns_of(struct inode *i)
{
	return container_of(i, struct ns_inode, inode)->ns;
}

int ns_name(const struct ns_common *ns, char *buf, size_t size)
{
	return snprintf(buf, size, "%s:[%u]", ns_kind_name(ns->kind), ns->inum);
}

static int ns_identify(struct inode *i, struct inode_id *out)
{
	*out = (struct inode_id){ .dev = i->fs->dev, .ino = ns_of(i)->inum };
	return 0;
}

static int ns_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	memset(out, 0, sizeof *out);
	out->stx_mask = STATX_BASIC_STATS;
	out->stx_mode = S_IFREG | 0444;
	out->stx_nlink = 1;
	out->stx_ino = ns_of(i)->inum;
	out->stx_blksize = PAGE_SIZE;
	out->stx_dev_major = major(i->fs->dev);
	out->stx_dev_minor = minor(i->fs->dev);
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

static int ns_inode_path(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	int n = ns_name(ns_of(i), buf, size);

	return (size_t)n < size ? n : -ENAMETOOLONG;
}

/* NS_GET_OWNER_UID */
static int owner_uid(struct ns_common *ns, struct caller *c, struct mm *mm, gva_t to)
{
	if (ns->kind != NS_USER)
		return -EINVAL;
	uid_t owner =
	    from_kuid_munged(c->cred->user_ns, container_of(ns, struct user_namespace, ns)->owner);
	return copy_to_guest(mm, to, &owner, sizeof owner) ? -EFAULT : 0;
}

/* ioctl_nsfs(2); what makes a descriptor is in sys/namespace.c. */
static int64_t ns_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd, uint64_t arg)
{
	struct ns_common *ns = ns_of(file_inode(f));

	switch (cmd) {
	case NS_GET_NSTYPE: return ns_kind_clone_flag(ns->kind);
	case NS_GET_OWNER_UID: return owner_uid(ns, c, mm, GVA(arg));
	}
	return -ENOTTY;
}

static int ns_file_save(struct saver *s, void *object)
{
	struct file *f = object;

	encode(&s->out, s->ns(s, ns_of(file_inode(f))));
	file_save_state(s, f);
	return 0;
}

static int ns_file_load(struct loader *l, void **out)
{
	struct caller *c = l->caller;
	struct file state = { .flags = 0 }, *f;
	void *ns;
	int err = l->ns(l, decode(&l->in), &ns);

	if (!err)
		err = file_load_state(l, &state);
	if (!err && !ns)
		err = loader_damaged(l, "a file of a namespace");
	if (!err)
		err = ns_file(c->fs->vfs, ns, &f);
	if (err)
		return err;
	f->flags = state.flags;
	*out = f;
	return 0;
}

const struct saved_kind ns_file_saved = {
	.name = "file of a namespace",
	.save = ns_file_save,
	.load = ns_file_load,
	.put = file_saved_put,
};

static void ns_file_release(struct file *f)
{
	free(f);
}

static const struct file_ops ns_file_ops = {
	.saved = &ns_file_saved,
	.ioctl = ns_ioctl,
	.release = ns_file_release,
};

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

static void ns_inode_release(struct inode *i)
{
	ns_put(ns_of(i));
	free(container_of(i, struct ns_inode, inode));
}

static const struct inode_ops ns_inode_ops = {
	.identify = ns_identify,
	.getattr = ns_getattr,
	.permission = ns_permission,
	.open = ns_open,
	.statfs = ns_statfs,
	.path = ns_inode_path,
	.release = ns_inode_release,
};

struct ns_common *ns_of_file(struct file *f)
{
	return f->ops == &ns_file_ops ? ns_of(file_inode(f)) : NULL;
}

struct ns_common *ns_of_inode(struct inode *i)
{
	return i->ops == &ns_inode_ops ? ns_of(i) : NULL;
}

int ns_path(struct vfs *vfs, struct ns_common *ns, struct path *out)
{
	struct ns_inode *i = calloc(1, sizeof *i);

	if (!i)
		return -ENOMEM;
	inode_init(&i->inode, vfs->nsfs, &ns_inode_ops, S_IFREG);
	i->ns = ns_get(ns);
	struct dentry *d = dentry_new(&i->inode, NULL, "", 0);
	if (!d)
		return -ENOMEM;
	*out = (struct path){ .mnt = mount_get(vfs->internal), .dentry = d };
	return 0;
}

int ns_file(struct vfs *vfs, struct ns_common *ns, struct file **out)
{
	struct path p;
	int err = ns_path(vfs, ns, &p);

	if (err)
		return err;
	err = ns_open(p.dentry->inode, NULL, p.dentry, O_RDONLY, out);
	if (err)
		path_put(&p);
	else
		(*out)->path = p;
	return err;
}
