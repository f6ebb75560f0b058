/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor is used as it was given: a copy, sharing position and status flags with the
 * programs outside. A regular file or directory that the guest's own root shows too gets its path
 * there, so that /proc/PID/fd tells it as Linux would; anything else is known by the host's name
 * for it.
 */
#include "fs/hostfd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/hostfs/internal.h"
#include "fs/hostfs/stream.h"
#include "fs/mount.h"
#include "fs/writers.h"
#include "host/beneath.h"
#include "host/fdpath.h"
#include "host/hostcall.h"

static void destroy(struct filesystem *fs)
{
	hostfs_done(container_of(fs, struct hostfs, fs));
}

static const struct filesystem_ops hostfd_ops = { .destroy = destroy };

int hostfd_create(const struct hostfs_options *opt, struct filesystem **out)
{
	struct hostfs *h = malloc(sizeof *h);

	if (!h)
		return -ENOMEM;
	int err = hostfs_init(h, &hostfd_ops, "hostfd", 0, opt);
	h->whole = true;
	if (err)
		filesystem_put(&h->fs);
	else
		*out = &h->fs;
	return err;
}

/* The mount that the file becomes part of: the guest's root where that shows it too, else the
 * internal one. A reference. */
static struct mount *mount_of(struct mnt_namespace *ns, mode_t type)
{
	struct path root = { .mnt = NULL };

	if ((S_ISREG(type) || S_ISDIR(type)) && ns->root)
		root = mnt_ns_root(ns);
	struct mount *m =
	    mount_get(root.mnt && hostfs_is_whole(root.mnt->fs) ? root.mnt : ns->vfs->internal);
	path_put(&root);
	return m;
}

static int file_of(struct dentry *d, unsigned flags, struct file **out)
{
	if (!S_ISREG(d->inode->type) && !S_ISDIR(d->inode->type))
		return hostfs_stream_new(d, (int)flags, out);
	struct file *f = malloc(sizeof *f);
	if (!f) {
		dentry_put(d);
		return -ENOMEM;
	}
	file_init(f, S_ISDIR(d->inode->type) ? &hostfs_dir_ops : &hostfs_file_ops, flags);
	f->path.dentry = d;
	*out = f;
	return 0;
}

/* The name in /proc/PID/fd of what has no path in the guest. It lives in the dentry. */
static void set_name(struct file *f)
{
	struct dentry *d = f->path.dentry;
	struct inode_id id;

	switch (d->inode->type) {
	case S_IFIFO: f->anon_name = "pipe"; break;
	case S_IFSOCK: f->anon_name = "socket"; break;
	default: f->anon_name = *d->name ? d->name : "file";
	}
	if (inode_identify(d->inode, &id) == 0)
		f->anon_ino = id.ino;
}

static int wrap_own(struct filesystem *hostfd, struct mnt_namespace *ns, int fd, struct file **out)
{
	char name[PATH_MAX];
	struct dentry *d;
	struct statx st;
	int err = hostfs_statx(fd, "", STATX_TYPE | STATX_INO, &st), flags = fcntl(fd, F_GETFL);
	ssize_t len = fdpath_read(fd, name, sizeof name);

	if (err || flags < 0) {
		host_close(fd);
		return -EBADF;
	}
	struct mount *m = mount_of(ns, st.stx_mode);
	bool internal = m == ns->vfs->internal;
	struct filesystem *fs = internal ? hostfd : m->fs;
	struct hostfs *h = container_of(fs, struct hostfs, fs);
	/* what the host calls its files is no business of a private world's; its devices have the
	 * same names everywhere */
	if (h->contained && (S_ISREG(st.stx_mode) || S_ISDIR(st.stx_mode)))
		len = 0;
	err = hostfs_dentry_of(h, fd, &st, name, len < 0 ? 0 : (size_t)len, &d);
	if (!err)
		hostfs_inherit(d->inode);
	if (!err)
		err = file_of(d, (unsigned)flags, out);
	if (err) {
		mount_put(m);
		return err;
	}
	(*out)->path.mnt = m;
	if (internal) /* no path of the guest's leads to it: it gets a name instead */
		set_name(*out);
	if (S_ISREG(d->inode->type) && file_writable(*out)) {
		err = internal ? 0 : file_begin_write(*out);
		if (!err)
			err = file_get_write_access(*out, ns->vfs->writers);
	}
	if (err) {
		file_put(*out);
		*out = NULL;
	}
	return err;
}

int hostfd_wrap(struct filesystem *hostfd, struct mnt_namespace *ns, int fd, struct file **out)
{
	int own = (int)host_ret(fcntl(fd, F_DUPFD_CLOEXEC, 0));

	return own < 0 ? own : wrap_own(hostfd, ns, own, out);
}
