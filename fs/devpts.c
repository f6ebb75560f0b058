/* SPDX-License-Identifier: Apache-2.0 */
/* Implements the devpts file system. Its nodes are in a tree by inode number, which follows from
 * the number of the pty; a lookup turns the name into that number. See the header. */
#include "fs/devpts.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fs/file.h"
#include "fs/generic.h"
#include "fs/saved.h"
#include "util/lock.h"
#include "util/rbtree.h"

#define PTMX_MINOR 2
#define INO_ROOT   1
#define INO_PTMX   2
#define INO_FIRST  3 /* of pts/0, as on Linux */

struct devpts_node {
	struct inode inode;
	struct rb_node node; /* in devpts.nodes */
	bool linked;         /* it is there; guarded by devpts.lock */
	unsigned ino;
	char name[12];
	struct inode *alias; /* reference; NULL: the attributes below are its own */
	/* devpts.lock */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	struct timespec atime, mtime, ctime;
};

struct devpts {
	struct filesystem fs;
	const struct guest_clock *clock; /* for the times of nodes */
	struct devpts_options opt;
	const struct devpts_owner *owner;
	void *arg;
	struct mutex lock;
	struct rb_tree nodes; /* by inode number, each with a reference; guarded by lock */
	struct devpts_node root;
};

static const struct inode_ops devpts_ops;
static const struct file_ops devpts_dir_ops;

static struct devpts *devpts_of(struct filesystem *fs)
{
	return container_of(fs, struct devpts, fs);
}

static struct devpts_node *node_of(struct inode *i)
{
	return container_of(i, struct devpts_node, inode);
}

static void node_init(struct devpts_node *n, struct devpts *d, unsigned ino, mode_t mode)
{
	inode_init(&n->inode, &d->fs, &devpts_ops, mode);
	n->ino = ino;
	n->mode = mode;
	n->atime = n->mtime = n->ctime = guest_clock_realtime(d->clock);
}

static struct devpts_node *node_new(struct devpts *d, unsigned ino, mode_t mode)
{
	struct devpts_node *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	node_init(n, d, ino, mode);
	if (ino == INO_PTMX)
		strcpy(n->name, "ptmx");
	else
		snprintf(n->name, sizeof n->name, "%u", ino - INO_FIRST);
	return n;
}

static struct devpts_node *entry_of(struct rb_node *n)
{
	return n ? rb_entry(n, struct devpts_node, node) : NULL;
}

static void node_link(struct devpts *d, struct devpts_node *n)
{
	struct rb_node **link = &d->nodes.root, *parent = NULL;

	mutex_lock(&d->lock);
	while (*link) {
		parent = *link;
		link = n->ino < entry_of(parent)->ino ? &parent->left : &parent->right;
	}
	rb_insert(&d->nodes, &n->node, parent, link);
	n->linked = true;
	mutex_unlock(&d->lock);
}

/* The first node whose number is not below `ino`. */
static struct devpts_node *find_from(struct devpts *d, unsigned ino)
{
	lock_assert_held(&d->lock);
	struct rb_node *n = d->nodes.root, *found = NULL;

	while (n) {
		if (entry_of(n)->ino >= ino)
			found = n;
		n = entry_of(n)->ino >= ino ? n->left : n->right;
	}
	return entry_of(found);
}

static struct devpts_node *find_ino(struct devpts *d, unsigned ino)
{
	lock_assert_held(&d->lock);
	struct devpts_node *n = find_from(d, ino);

	return n && n->ino == ino ? n : NULL;
}

static void node_release(struct inode *i)
{
	struct devpts_node *n = node_of(i);

	if (n == &devpts_of(i->fs)->root)
		return;
	inode_put(n->alias);
	free(n);
}

int devpts_add(struct filesystem *fs, struct caller *c, unsigned index, dev_t rdev)
{
	struct devpts *d = devpts_of(fs);
	struct devpts_node *n = node_new(d, INO_FIRST + index, S_IFCHR | d->opt.mode);

	if (!n)
		return -ENOMEM;
	n->rdev = rdev;
	n->uid = d->opt.uid_given ? d->opt.uid : c->cred->fsuid;
	n->gid = d->opt.gid_given ? d->opt.gid : c->cred->fsgid;
	node_link(d, n);
	return 0;
}

int devpts_add_alias(struct filesystem *fs, unsigned index, struct inode *target)
{
	struct devpts *d = devpts_of(fs);
	struct devpts_node *n = node_new(d, INO_FIRST + index, S_IFCHR);

	if (!n)
		return -ENOMEM;
	n->alias = inode_get(target);
	node_link(d, n);
	return 0;
}

void devpts_remove(struct filesystem *fs, unsigned index)
{
	struct devpts *d = devpts_of(fs);

	mutex_lock(&d->lock);
	struct devpts_node *n = find_ino(d, INO_FIRST + index);
	if (n) {
		rb_erase(&d->nodes, &n->node);
		n->linked = false;
	}
	mutex_unlock(&d->lock);
	if (n)
		inode_put(&n->inode);
}

/* Inode operations */

/* The inode number a name stands for; 0: no name of ours. */
static unsigned name_to_ino(const char *name, size_t len)
{
	unsigned index = 0;

	if (len == strlen("ptmx") && !memcmp(name, "ptmx", len))
		return INO_PTMX;
	if (len > 9 || (name[0] == '0' && len > 1))
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		index = index * 10 + (unsigned)(name[i] - '0');
	}
	return INO_FIRST + index;
}

static int devpts_lookup(struct inode *dir, struct caller *c, const char *name, size_t len,
			 struct inode **out)
{
	struct devpts *d = devpts_of(dir->fs);
	unsigned ino = name_to_ino(name, len);

	mutex_lock(&d->lock);
	struct devpts_node *n = ino ? find_ino(d, ino) : NULL;
	if (n)
		*out = inode_get(&n->inode);
	mutex_unlock(&d->lock);
	return n ? 0 : -ENOENT;
}

static int devpts_walk(struct inode *dir, struct caller *c, const char *names, size_t len,
		       unsigned flags, struct walk_step *out)
{
	return walk_by_lookup(dir, c, names, len, flags, devpts_lookup, out);
}

static struct statx_timestamp statx_time(const struct timespec *ts)
{
	return (struct statx_timestamp){ .tv_sec = ts->tv_sec, .tv_nsec = (uint32_t)ts->tv_nsec };
}

static void fill_attributes(const struct devpts_node *n, struct statx *out)
{
	out->stx_mask = STATX_BASIC_STATS;
	out->stx_blksize = 1024;
	out->stx_nlink = S_ISDIR(n->mode) ? 2 : 1;
	out->stx_mode = (uint16_t)n->mode;
	out->stx_uid = n->uid;
	out->stx_gid = n->gid;
	out->stx_ino = n->ino;
	out->stx_dev_major = major(n->inode.fs->dev);
	out->stx_dev_minor = minor(n->inode.fs->dev);
	out->stx_rdev_major = major(n->rdev);
	out->stx_rdev_minor = minor(n->rdev);
	out->stx_atime = statx_time(&n->atime);
	out->stx_mtime = statx_time(&n->mtime);
	out->stx_ctime = statx_time(&n->ctime);
}

bool devpts_attributes(struct filesystem *fs, unsigned index, struct statx *out)
{
	struct devpts *d = devpts_of(fs);

	mutex_lock(&d->lock);
	struct devpts_node *n = find_ino(d, INO_FIRST + index);
	if (n)
		fill_attributes(n, out);
	mutex_unlock(&d->lock);
	return n;
}

static struct timespec time_of(const struct statx_timestamp *t)
{
	return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

void devpts_set_attributes(struct filesystem *fs, unsigned index, const struct statx *st)
{
	struct devpts *d = devpts_of(fs);

	mutex_lock(&d->lock);
	struct devpts_node *n = find_ino(d, INO_FIRST + index);
	if (n) {
		n->mode = (n->mode & S_IFMT) | (st->stx_mode & 07777);
		n->uid = st->stx_uid;
		n->gid = st->stx_gid;
		n->atime = time_of(&st->stx_atime);
		n->mtime = time_of(&st->stx_mtime);
		n->ctime = time_of(&st->stx_ctime);
	}
	mutex_unlock(&d->lock);
}

static int devpts_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	struct devpts_node *n = node_of(i);
	struct devpts *d = devpts_of(i->fs);

	if (n->alias)
		return inode_getattr(n->alias, c, mask, out);
	memset(out, 0, sizeof *out);
	mutex_lock(&d->lock);
	fill_attributes(n, out);
	mutex_unlock(&d->lock);
	return 0;
}

static void apply(struct devpts_node *n, const struct iattr *a, struct timespec now)
{
	if (a->valid & ATTR_MODE)
		n->mode = (n->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & ATTR_UID)
		n->uid = a->uid;
	if (a->valid & ATTR_GID)
		n->gid = a->gid;
	if (a->valid & ATTR_TIMES) {
		generic_set_time(&n->atime, &a->atime, now);
		generic_set_time(&n->mtime, &a->mtime, now);
	}
	n->ctime = now;
}

static int devpts_setattr(struct inode *i, struct caller *c, const struct iattr *a)
{
	struct devpts_node *n = node_of(i);
	struct devpts *d = devpts_of(i->fs);
	struct iattr change = *a;
	struct statx st = { 0 };

	if (n->alias)
		return n->alias->ops->setattr(n->alias, c, a);
	mutex_lock(&d->lock);
	fill_attributes(n, &st);
	int err = generic_setattr_check(&st, c->cred, &change);
	if (!err)
		apply(n, &change, guest_clock_realtime(d->clock));
	mutex_unlock(&d->lock);
	return err;
}

static int devpts_permission(struct inode *i, struct caller *c, int mask)
{
	struct devpts_node *n = node_of(i);
	struct statx st;

	if (n->alias)
		return n->alias->ops->permission(n->alias, c, mask);
	devpts_getattr(i, c, STATX_BASIC_STATS, &st);
	return generic_permission(&st, c->cred, mask);
}

static int devpts_open_device(struct inode *i, struct caller *c, int flags, struct file **out)
{
	struct devpts_node *n = node_of(i);
	struct devpts *d = devpts_of(i->fs);
	struct statx st;
	int err = devpts_getattr(i, c, STATX_BASIC_STATS, &st);

	if (err)
		return err;
	device_open_fn *open = n->ino == INO_PTMX ? d->owner->open_ptmx : d->owner->open_slave;
	return open(d->arg, c, makedev(st.stx_rdev_major, st.stx_rdev_minor), flags, out);
}

/* Only the directory. */
static int devpts_open(struct inode *i, struct caller *c, struct dentry *dentry, int flags,
		       struct file **out)
{
	struct file *f = malloc(sizeof *f);

	if (!f)
		return -ENOMEM;
	file_init(f, &devpts_dir_ops, (unsigned)flags);
	*out = f;
	return 0;
}

static int devpts_statfs(struct inode *i, struct caller *c, struct statfs *out)
{
	*out = (struct statfs){ .f_type = DEVPTS_SUPER_MAGIC,
				.f_bsize = 4096,
				.f_frsize = 4096,
				.f_namelen = NAME_MAX };
	return 0;
}

static int devpts_path(struct inode *i, struct dentry *dentry, char *buf, size_t size)
{
	struct devpts_node *n = node_of(i);
	struct devpts *d = devpts_of(i->fs);

	mutex_lock(&d->lock);
	bool gone = !n->linked;
	mutex_unlock(&d->lock);
	int len = snprintf(buf, size, "/%s%s", n->name, gone ? " (deleted)" : "");
	return (size_t)len < size ? len : -ENAMETOOLONG;
}

static const struct inode_ops devpts_ops = {
	.walk = devpts_walk,
	.getattr = devpts_getattr,
	.setattr = devpts_setattr,
	.permission = devpts_permission,
	.open = devpts_open,
	.open_device = devpts_open_device,
	.statfs = devpts_statfs,
	.path = devpts_path,
	.release = node_release,
};

/* Reading the directory: positions are inode numbers but for "." (0) and ".." (1). */

/* The first entry at or behind `pos`; false: the end. */
static bool entry_at(struct devpts *d, int64_t pos, struct dirent *out, int64_t *next)
{
	*out = (struct dirent){ .d_ino = INO_ROOT, .d_type = DT_DIR };
	*next = pos + 1;
	if (pos < 2) {
		strcpy(out->d_name, pos ? ".." : ".");
		return true;
	}
	if (pos > UINT_MAX)
		return false;
	mutex_lock(&d->lock);
	struct devpts_node *n = find_from(d, (unsigned)pos);
	if (n) {
		strcpy(out->d_name, n->name);
		out->d_ino = n->ino;
		out->d_type = DT_CHR;
		*next = (int64_t)n->ino + 1;
	}
	mutex_unlock(&d->lock);
	return n;
}

static int devpts_readdir(struct file *f, struct caller *c, struct dir_emit *e)
{
	struct devpts *d = devpts_of(f->path.dentry->inode->fs);
	struct dirent ent;
	int64_t next;

	mutex_lock(&f->pos_lock);
	while (entry_at(d, f->pos, &ent, &next) &&
	       e->emit(e, ent.d_name, strlen(ent.d_name), ent.d_ino, next, ent.d_type))
		f->pos = next;
	mutex_unlock(&f->pos_lock);
	return 0;
}

static int64_t devpts_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	return generic_lseek(f, off, whence, 0);
}

static void devpts_file_release(struct file *f)
{
	free(f);
}

static const struct file_ops devpts_dir_ops = {
	.saved = &file_by_path,
	.lseek = devpts_lseek,
	.readdir = devpts_readdir,
	.release = devpts_file_release,
};

static void devpts_destroy(struct filesystem *fs)
{
	struct devpts *d = devpts_of(fs);

	while (d->nodes.root) {
		struct devpts_node *n = entry_of(d->nodes.root);
		rb_erase(&d->nodes, &n->node);
		inode_put(&n->inode);
	}
	mutex_destroy(&d->lock);
	d->owner->release(d->arg);
	free(d);
}

static const struct filesystem_ops devpts_fs_ops = { .destroy = devpts_destroy };

void devpts_options_of(struct filesystem *fs, struct devpts_options *out)
{
	*out = devpts_of(fs)->opt;
}

void *devpts_arg_of(struct filesystem *fs)
{
	return fs->ops == &devpts_fs_ops ? devpts_of(fs)->arg : NULL;
}

int devpts_create(dev_t dev, const struct guest_clock *clock, const struct devpts_options *opt,
		  const struct devpts_owner *owner, void *arg, struct filesystem **out)
{
	struct devpts *d = calloc(1, sizeof *d);

	if (!d)
		return -ENOMEM;
	filesystem_init(&d->fs, &devpts_fs_ops, "devpts", 0);
	d->fs.dev = dev;
	d->clock = clock;
	d->opt = *opt;
	d->owner = owner;
	d->arg = arg;
	mutex_init(&d->lock, LOCK_DEVPTS);
	node_init(&d->root, d, INO_ROOT, S_IFDIR | 0755);
	d->fs.root = &d->root.inode;
	struct devpts_node *ptmx = node_new(d, INO_PTMX, S_IFCHR | opt->ptmx_mode);
	if (!ptmx) {
		free(d);
		return -ENOMEM;
	}
	ptmx->rdev = makedev(TTYAUX_MAJOR, PTMX_MINOR);
	node_link(d, ptmx);
	*out = &d->fs;
	return 0;
}
