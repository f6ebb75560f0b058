/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and destroys hostfs instances and their inodes, each of which holds an O_PATH descriptor of
 * the host's file. See walk.c for how lookups stay inside the directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cred/cred.h"
#include "fs/hostfs/internal.h"
#include "host/aside.h"
#include "host/beneath.h"
#include "host/fdpath.h"
#include "host/hostcall.h"

/* The last reference to a large file that has no name any more frees its blocks. */
static void inode_release(struct inode *i)
{
	struct hostfs_inode *hi = hostfs_inode(i);

	hostfs_fifo_put(hi);
	hostfs_disk_drop(hi->held, hi->fd);
	if (S_ISREG(i->type) && hostfs_of(i)->removes && hostfs_is_large(hi->fd, "", 0))
		aside_close(hi->fd);
	else
		host_close(hi->fd);
	free(hi);
}

static const struct inode_ops hostfs_inode_ops = {
	.walk = hostfs_walk,
	.walk_getattr = hostfs_walk_getattr,
	.walk_query = hostfs_walk_query,
	.walk_open = hostfs_walk_open,
	.parent = hostfs_parent,
	.identify = hostfs_identify,
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
	.permission = hostfs_permission,
	.readlink = hostfs_readlink,
	.open = hostfs_open,
	.create = hostfs_create_file,
	.tmpfile = hostfs_tmpfile,
	.mknod = hostfs_mknod,
	.mkdir = hostfs_mkdir,
	.symlink = hostfs_symlink,
	.link = hostfs_link,
	.unlink = hostfs_unlink,
	.rmdir = hostfs_rmdir,
	.rename = hostfs_rename,
	.getxattr = hostfs_getxattr,
	.setxattr = hostfs_setxattr,
	.listxattr = hostfs_listxattr,
	.removexattr = hostfs_removexattr,
	.statfs = hostfs_statfs,
	.watch = hostfs_watch,
	.path = hostfs_path,
	.release = inode_release,
};

int hostfs_statx(int fd, const char *name, unsigned mask, struct statx *out)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH);

	return (int)host_call(SYS_statx, fd, name, flags, mask, out);
}

int hostfs_act_as(struct caller *c)
{
	return cred_assume(c->cred);
}

struct inode_id hostfs_id(const struct statx *st)
{
	return (struct inode_id){ .dev = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor,
				  .ino = st->stx_ino,
				  .of_host = true };
}

static void set_id(struct hostfs_inode *hi, const struct statx *st)
{
	hi->id = hostfs_id(st);
	hi->identified = true;
}

int hostfs_identify(struct inode *i, struct inode_id *out)
{
	struct hostfs_inode *hi = hostfs_inode(i);
	struct statx st;

	if (!hi->identified) {
		int err = hostfs_statx(hi->fd, "", STATX_TYPE | STATX_INO, &st);
		if (err)
			return err;
		/* Two threads may get here: both write the same. */
		set_id(hi, &st);
	}
	*out = hi->id;
	return 0;
}

/* Takes `fd` over, also on failure. `type`: S_IFMT bits. */
static int hostfs_inode_new(struct hostfs *h, int fd, mode_t type, struct inode **out)
{
	struct hostfs_inode *hi = malloc(sizeof *hi);
	struct disk_file *held = NULL;
	int err = !hi ? -ENOMEM : S_ISREG(type) ? hostfs_disk_hold(h, fd, &held) : 0;

	if (err) {
		free(hi);
		host_close(fd);
		return err;
	}
	inode_init(&hi->inode, &h->fs, &hostfs_inode_ops, type);
	hi->held = held;
	hi->fd = fd;
	hi->opened = false;
	hi->unsynced = ASIDE_BYTES;
	hi->identified = false;
	hi->fifo = NULL;
	*out = &hi->inode;
	return 0;
}

int hostfs_dentry_new(struct hostfs *h, int fd, mode_t type, const char *name, size_t len,
		      struct dentry **out)
{
	struct inode *i;
	int err = hostfs_inode_new(h, fd, type, &i);

	if (err)
		return err;
	*out = dentry_new(i, NULL, name, len);
	return *out ? 0 : -ENOMEM;
}

int hostfs_dentry_of(struct hostfs *h, int fd, const struct statx *st, const char *name, size_t len,
		     struct dentry **out)
{
	int err = hostfs_dentry_new(h, fd, st->stx_mode, name, len, out);

	if (!err)
		set_id(hostfs_inode((*out)->inode), st);
	return err;
}

int hostfs_dentry_of_fd(struct hostfs *h, int fd, const char *name, size_t len, struct dentry **out)
{
	struct statx st;
	int err = hostfs_statx(fd, "", STATX_TYPE | STATX_INO, &st);

	if (err) {
		host_close(fd);
		return err;
	}
	return hostfs_dentry_of(h, fd, &st, name, len, out);
}

int hostfs_init(struct hostfs *h, const struct filesystem_ops *ops, const char *type,
		unsigned flags, const struct hostfs_options *opt)
{
	unsigned who = opt->users->mapped ? FS_MAPS_OWNERS : FS_CHECKS_ACCESS;

	*h = (struct hostfs){ .users = opt->users,
			      .contained = opt->contained,
			      .whiteouts = opt->whiteouts,
			      .disk = opt->disk };
	filesystem_init(&h->fs, ops, type,
			flags | who | FS_OF_HOST | (opt->contained ? FS_NODEV : 0));
	mutex_init(&h->fifo_lock, LOCK_HOSTFS_FIFOS);
	list_init(&h->fifos);
	h->pages = hostfs_pages_new(opt->pm, opt->mapped);
	fdpath_init();
	return h->pages ? 0 : -ENOMEM;
}

void hostfs_done(struct hostfs *h)
{
	hostfs_pages_free(h->pages);
	statcache_free(h->statcache);
	mutex_destroy(&h->fifo_lock);
	free(h);
}

static void destroy(struct filesystem *fs)
{
	inode_put(fs->root);
	hostfs_done(container_of(fs, struct hostfs, fs));
}

static int sync_root(struct filesystem *fs, struct caller *c)
{
	int root = hostfs_fd(fs->root);
	int fd = S_ISDIR(fs->root->type) ? beneath_open(root, ".", O_RDONLY | O_DIRECTORY, 0)
					 : fdpath_reopen(root, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return fd;
	int err = (int)aside_call(c->sleeper, fd, SYS_syncfs, 0, 0, 0);
	host_close(fd);
	return err;
}

static const struct filesystem_ops hostfs_ops = { .destroy = destroy, .sync = sync_root };

void hostfs_take_whiteouts(struct filesystem *fs)
{
	if (fs->ops == &hostfs_ops)
		container_of(fs, struct hostfs, fs)->whiteouts = true;
}

bool hostfs_is_whole(struct filesystem *fs)
{
	return fs->ops == &hostfs_ops && container_of(fs, struct hostfs, fs)->whole;
}

int hostfs_known_pages(struct filesystem *fs, const struct hostfs_known *k, struct pagesource **out)
{
	if (fs->ops != &hostfs_ops)
		return -ESTALE;
	return hostfs_pages_borrow(container_of(fs, struct hostfs, fs)->pages, fs, &k->id, k->fd,
				   out);
}

#define ROOT_MASK (STATX_TYPE | STATX_INO | STATX_MNT_ID)

/* What is not the root of a mount is not the host's, except where hl runs in a chroot(2): of no
 * account in a private world. */
static bool is_host_root(const struct hostfs *h, const struct statx *here)
{
	struct statx root;

	if (h->contained && here->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT &&
	    !(here->stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return false;
	return S_ISDIR(here->stx_mode) && hostfs_statx(AT_FDCWD, "/", ROOT_MASK, &root) == 0 &&
	       here->stx_ino == root.stx_ino && here->stx_dev_major == root.stx_dev_major &&
	       here->stx_dev_minor == root.stx_dev_minor && here->stx_mnt_id == root.stx_mnt_id;
}

/* May a guest be given what is on that mount? Asks once for those on one mount. */
static bool is_forbidden(int fd, const struct statx *st, uint64_t *mount)
{
	uint64_t id = st->stx_mask & STATX_MNT_ID ? st->stx_mnt_id : 0;

	if (mount && id && id == *mount)
		return false;
	if (beneath_forbidden(fd))
		return true;
	if (mount)
		*mount = id;
	return false;
}

static int set_root(struct hostfs *h, int fd, uint64_t *mount, struct errmsg *errmsg)
{
	struct statx st;
	int err = hostfs_statx(fd, "", ROOT_MASK, &st);

	if (err || is_forbidden(fd, &st, mount)) {
		host_close(fd);
		return errmsg_set(errmsg, EACCES,
				  "a file system of the host's kernel can not be given to a guest");
	}
	if (!S_ISDIR(st.stx_mode) && !S_ISREG(st.stx_mode)) {
		host_close(fd);
		return errmsg_set(errmsg, ENOTDIR, "neither a directory nor a regular file");
	}
	h->whole = is_host_root(h, &st);
	return hostfs_inode_new(h, fd, st.stx_mode, &h->fs.root);
}

int hostfs_create(int fd, const struct hostfs_options *opt, struct filesystem **out,
		  struct errmsg *errmsg)
{
	struct hostfs *h = malloc(sizeof *h);

	if (!h) {
		host_close(fd);
		return errmsg_set(errmsg, ENOMEM, "no memory");
	}
	int no_memory = hostfs_init(h, &hostfs_ops, "hostfs", FS_WALKS_DOTS, opt);
	int err = set_root(h, fd, opt->mount, errmsg);
	if (!err && no_memory)
		err = errmsg_set(errmsg, ENOMEM, "no memory");
	if (!err && h->whole)
		h->statcache = statcache_new(); /* without it: slower */
	if (err)
		filesystem_put(&h->fs);
	else
		*out = &h->fs;
	return err;
}

int hostfs_take_directory(struct filesystem *fs, int fd, struct dentry **out)
{
	if (!hostfs_is_whole(fs) || beneath_forbidden(fd)) {
		host_close(fd);
		return -EACCES;
	}
	return hostfs_dentry_of_fd(container_of(fs, struct hostfs, fs), fd, "", 0, out);
}
